"""WebDAV servers over a folder on disk: WsgiDAV, Apache's mod_dav, and sabre/dav (Nextcloud's)."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .gateway import apache_root
from .installs import from_debian, from_pypi, libraries
from .running import running

WSGIDAV, CHEROOT = "4.4.0", "11.1.2"
USER, PASSWORD = "ada", "pass:word/1"

_MODULES = ("mpm_event", "unixd", "authn_core", "authn_file", "authz_core", "authz_user")
_MODULES += ("auth_basic", "alias", "mime", "dav", "dav_fs")
_CONFIG = """\
ServerRoot "{room}"
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
PidFile "{room}/dav.pid"
ErrorLog "{room}/error.log"
{modules}
{user}
DavLockDB "{room}/locks"
TypesConfig "{room}/types"
DocumentRoot "{room}"
Alias "/share" "{files}"
<Directory "/">
  AllowOverride None
</Directory>
<Directory "{files}">
  Dav On
  AuthType Basic
  AuthName dav
  AuthUserFile "{room}/users"
  Require valid-user
</Directory>
"""


@dataclass(frozen=True)
class Dav:
    """A running server. ``url``: of its origin; ``path`` there is the folder ``files``."""

    url: str
    files: Path
    path: str = "/share/"

    @property
    def is_plain(self) -> bool:
        """Whether it tells no more than RFC 4918 has."""
        return self.path == "/share/"


@contextmanager
def wsgidav(room: Path) -> Iterator[Dav]:
    """WsgiDAV, on the HTTP server that it recommends."""
    files = room / "files"
    files.mkdir()
    found = from_pypi("wsgidav", WSGIDAV, "", f"cheroot=={CHEROOT}")
    config = room / "wsgidav.json"

    def command(ports: list[int]) -> list[str]:
        settings = {
            "host": "127.0.0.1",
            "port": ports[0],
            "provider_mapping": {"/share": str(files)},
            "simple_dc": {"user_mapping": {"*": {USER: {"password": PASSWORD}}}},
            "http_authenticator": {"accept_basic": True, "accept_digest": False},
            "property_manager": True,
            "verbose": 1,
        }
        config.write_text(json.dumps(settings))
        return [sys.executable, "-m", "wsgidav.server.server_cli", f"--config={config}"]

    with running("wsgidav", room, 1, command, _address, {"PYTHONPATH": str(found)}) as ports:
        yield Dav(_address(ports), files)


@contextmanager
def apache_dav(room: Path) -> Iterator[Dav]:
    """Apache with mod_dav_fs."""
    files = room / "files"
    files.mkdir()
    root = apache_root()
    modules = root / "usr" / "lib" / "apache2" / "modules"
    digest = base64.b64encode(hashlib.sha1(PASSWORD.encode()).digest()).decode()
    (room / "users").write_text(f"{USER}:{{SHA}}{digest}\n")
    (room / "types").write_text("text/plain txt\n")
    is_root = os.geteuid() == 0
    if is_root:  # Apache gives up root's rights, and has to get at its files without them
        for path in (room, *room.parents):
            if path.stat().st_uid == os.geteuid() and not path.stat().st_mode & 0o001:
                path.chmod(path.stat().st_mode | 0o055)
        shutil.chown(room, "www-data")

    def command(ports: list[int]) -> list[str]:
        config = room / "httpd.conf"
        loaded = (m for m in _MODULES if (modules / f"mod_{m}.so").exists())  # some are built in
        config.write_text(
            _CONFIG.format(
                room=room,
                files=files,
                port=ports[0],
                modules="\n".join(f"LoadModule {m}_module {modules}/mod_{m}.so" for m in loaded),
                user="User www-data\nGroup www-data" if is_root else "",
            )
        )
        program = str(root / "usr" / "sbin" / "apache2")
        return [program, "-d", str(room), "-f", str(config), "-DFOREGROUND"]

    with running("apache", room, 1, command, _address, libraries(root)) as ports:
        yield Dav(_address(ports), files)


@contextmanager
def sabre_dav(room: Path) -> Iterator[Dav]:
    """sabre/dav on PHP's own HTTP server, with the properties of Nextcloud and ownCloud."""
    files = room / "files"
    files.mkdir()
    root = from_debian("php-sabre-dav", "php8.2-cli", "php8.2-xml", "php8.2-mbstring")
    extensions = next((root / "usr" / "lib" / "php").glob("2*"))
    wanted = ("ctype", "dom", "iconv", "mbstring", "xml", "xmlreader", "xmlwriter", "simplexml")
    loaded = [f"-dextension={name}" for name in wanted if (extensions / f"{name}.so").exists()]
    environment = {
        **libraries(root),
        "FILES": str(files),
        "DAV_USER": USER,
        "DAV_PASSWORD": PASSWORD,
    }

    def command(ports: list[int]) -> list[str]:
        program = str(root / "usr" / "bin" / "php8.2")
        include = f"-dinclude_path={root / 'usr' / 'share' / 'php'}"
        settings = ["-n", include, f"-dextension_dir={extensions}", *loaded]
        script = str(Path(__file__).with_name("sabre.php"))
        return [program, *settings, "-S", f"127.0.0.1:{ports[0]}", "-t", str(room), script]

    with running("sabre", room, 1, command, _address, environment) as ports:
        yield Dav(_address(ports), files, f"/remote.php/dav/files/{USER}/")


def _address(ports: list[int]) -> str:
    return f"http://127.0.0.1:{ports[0]}"
