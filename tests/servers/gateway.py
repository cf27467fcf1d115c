"""Apache with mod_auth_openidc: OAuth2 in front of a server that has none.

Each request's bearer token is shown to the token server (RFC 7662). If it is good, the request
goes on to the upstream with the upstream's own credential; if not, the answer is 401.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .installs import from_debian, libraries
from .running import running
from .tokens import TokenServer, token_server

_MODULES = (
    "mpm_event",
    "authn_core",
    "authz_core",
    "authz_user",
    "headers",
    "proxy",
    "proxy_http",
    "auth_openidc",
)
# Interval -1: every token is asked about every time, or a dead one would be let through.
_CONFIG = """\
ServerRoot "{folder}"
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
PidFile "{folder}/gateway.pid"
ErrorLog "{folder}/error.log"
LogFormat "%>s %m %U" plain
CustomLog "{folder}/access.log" plain
{modules}
{user}
AllowEncodedSlashes NoDecode
OIDCOAuthIntrospectionEndpoint {tokens.introspection_url}
OIDCOAuthIntrospectionTokenParamName token
OIDCOAuthTokenIntrospectionInterval -1
OIDCOAuthSSLValidateServer Off
OIDCOAuthClientID watchman
OIDCOAuthClientSecret {secret}
OIDCOAuthRemoteUserClaim client_id
OIDCCryptoPassphrase {secret}
<Location "/">
  AuthType oauth20
  Require claim client_id~.*
  RequestHeader set Authorization "{credential}"
  ProxyPreserveHost On
  ProxyPass "{upstream}/" nocanon
  ProxyPassReverse "{upstream}/"
</Location>
"""


@dataclass(frozen=True)
class Gateway:
    """A running gateway at ``url``, and the token server that it asks."""

    url: str
    tokens: TokenServer
    log: Path

    def answers(self) -> list[tuple[int, str]]:
        """(status, path) of every request so far, as Apache logged them."""
        lines = (line.split(" ", 2) for line in self.log.read_text().splitlines())
        return [(int(status), path) for status, _method, path in lines]


def apache_root() -> Path:
    """The folder that Apache and its modules were unpacked into."""
    return from_debian("apache2-bin", "libapache2-mod-auth-openidc", "openssl")


@contextmanager
def gateway(folder: Path, upstream: str, credential: str) -> Iterator[Gateway]:
    """A gateway before ``upstream``, which wants ``credential`` as its Authorization header."""
    root = apache_root()
    found = libraries(root)
    with token_server(folder, root / "usr" / "bin" / "openssl", {**os.environ, **found}) as tokens:
        config = folder / "httpd.conf"
        modules = root / "usr" / "lib" / "apache2" / "modules"
        loaded = "\n".join(f"LoadModule {m}_module {modules}/mod_{m}.so" for m in _MODULES)

        def command(ports: list[int]) -> list[str]:
            config.write_text(
                _CONFIG.format(
                    folder=folder,
                    port=ports[0],
                    modules=loaded,
                    # Apache gives up root's rights, and has to be told for whose.
                    user="User www-data\nGroup www-data" if os.geteuid() == 0 else "",
                    tokens=tokens,
                    secret=tokens.secrets["watchman"],
                    credential=credential,
                    upstream=upstream,
                )
            )
            program = str(root / "usr" / "sbin" / "apache2")
            return [program, "-d", str(folder), "-f", str(config), "-DFOREGROUND"]

        def address(ports: list[int]) -> str:
            return f"http://127.0.0.1:{ports[0]}"

        with running("gateway", folder, 1, command, address, found) as ports:
            yield Gateway(address(ports), tokens, folder / "access.log")
