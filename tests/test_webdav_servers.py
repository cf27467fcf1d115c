"""WebDAV against servers that others wrote: whole syncs of a folder that changes on disk."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from filehaul.errors import CredentialsError
from hauling import rows_of, sync
from servers import PASSWORD, USER, Dav, OutOfReach, apache_dav, sabre_dav, wsgidav

pytestmark = [
    pytest.mark.slow,
    pytest.mark.server,
    pytest.mark.xdist_group("real servers"),  # one process starts them
]
Server = Callable[[Path], AbstractContextManager[Dav]]
NAMES = [
    "plain.txt",
    "with space.txt",
    "50% #1? & <b>.txt",
    "quo\"te's;+,=@!$()[]{}~`^.txt",
    "naïve 文件 😀.txt",
    "nfd e\u0301.txt",
    "deep/er/and deeper/x.txt",
    "50%25.txt",
    "sum.bin",
]


def config_of(dav: Dav, **more: Any) -> dict[str, Any]:
    """What a user of this server writes: the preset, who they are, and ``more``."""
    if dav.is_plain:
        vendor = {"name": "webdav", "url": dav.url + dav.path.rstrip("/")}
    else:
        vendor = {"name": "nextcloud", "url": dav.url, "user": USER}
    return {
        "name": "acme",
        "vendor": vendor,
        "client": {
            "auth": {"username": USER, "password": PASSWORD},
            "retry": {"backoff_factor": 0.001},
        },
        "resources": [{"name": "files", "deletes": {"confirm": 1}}],
        "sink": "files",
        **more,
    }


def put(path: Path, content: bytes, age: int = 3600) -> bytes:
    """A file that was written ``age`` seconds ago: Apache's ETag of one just written is weak, and
    another a second later.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    moment = time.time() - age
    os.utime(path, (moment, moment))
    return content


def fill(files: Path) -> dict[str, bytes]:
    """Files of all these names, and what is in them."""
    made = {name: put(files / name, name.encode() * (n + 1)) for n, name in enumerate(NAMES)}
    (files / "empty folder").mkdir()
    return {**made, "zero.txt": put(files / "zero.txt", b"")}


_COPIES = """
SELECT f.path, t.sink_url FROM acme_data.files f JOIN acme_data.transfers t USING (file_id)
WHERE f.deleted_at IS NULL
"""


def copies() -> dict[str, bytes]:
    """What was copied, by the path that it has in the catalogue, each name decoded."""
    found = {}
    for path, url in rows_of(_COPIES):
        names = (name.replace("%2F", "/").replace("%25", "%") for name in path.split("/"))
        found["/".join(names)] = Path(unquote(urlsplit(url).path)).read_bytes()
    return found


@pytest.fixture(params=[wsgidav, apache_dav, sabre_dav], ids=["wsgidav", "apache", "sabre"])
def dav(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Dav]:
    """Each server in turn; the config's folder is another one."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    server: Server = request.param
    room = tmp_path / "server"
    room.mkdir()
    try:
        with server(room) as running:
            yield running
    except OutOfReach as why:
        pytest.skip(str(why))


def test_a_tree_is_copied_and_kept_up_to_date(dav: Dav) -> None:
    """Names come with their bytes, nothing twice; a change, a move and a removal follow."""
    files = fill(dav.files)
    report = sync(config_of(dav))
    assert (report.exit_code, report.transferred, report.complete) == (0, len(files), True)
    assert copies() == files
    by = dict(rows_of("SELECT sink_url, verified_by FROM acme_data.transfers"))
    sums = {way for url, way in by.items() if url.endswith("sum.bin")}
    assert (sums, set(by.values())) == (
        ({"size"}, {"size"}) if dav.is_plain else ({"sha1"}, {"sha1", "size"})
    )
    folders = rows_of("SELECT path FROM acme_data.files WHERE kind = 'folder' ORDER BY path")
    assert folders == [("deep",), ("deep/er",), ("deep/er/and deeper",), ("empty folder",)]

    report = sync(config_of(dav))
    assert (report.exit_code, report.transferred, report.unchanged) == (0, 0, len(files))

    files["plain.txt"] = put(dav.files / "plain.txt", b"another text", 60)
    (dav.files / "deep" / "er").rename(dav.files / "moved & renamed")
    moved = "moved & renamed/and deeper/x.txt"
    files[moved] = files.pop("deep/er/and deeper/x.txt")
    (dav.files / "zero.txt").unlink()
    del files["zero.txt"]
    report = sync(config_of(dav))
    assert (report.exit_code, report.complete, report.failed) == (0, True, 0)
    assert report.transferred == (2 if dav.is_plain else 1)  # without ids a move is a new file
    assert copies() == files
    gone = {path for (path,) in rows_of(_GONE)}
    assert {path for path in gone if path.startswith("zero")} == {"zero.txt"}


_GONE = "SELECT path FROM acme_data.files WHERE deleted_at IS NOT NULL"


def test_a_large_folder_is_one_answer(dav: Dav) -> None:
    """Two thousand files in one folder, all rows, and as many requests as there are folders."""
    for number in range(2000):
        (dav.files / f"f{number:04}.txt").write_bytes(b"")
    report = sync(config_of(dav, sink=None))
    assert (report.exit_code, report.listed, report.complete) == (0, 2000, True)
    assert rows_of("SELECT count(DISTINCT path) FROM acme_data.files") == [(2000,)]


def test_wrong_credentials_are_exit_5(dav: Dav) -> None:
    """A refused password is told as one, and nothing is taken for an empty share."""
    config = config_of(dav)
    config["client"]["auth"]["password"] = "wrong"
    with pytest.raises(CredentialsError):
        sync(config)


def test_a_share_that_is_not_there_is_exit_8(dav: Dav) -> None:
    """Another path below the same server is the config's mistake: the vendor's own words say so."""
    below = "/nowhere/" if dav.is_plain else dav.path + "nowhere/"
    root = {"id": "root", "path": below}
    report = sync(config_of(dav, resources=[{"name": "files", "walk": {"root": root}}]))
    assert (report.exit_code, report.complete) == (8, False)
    assert report.error is not None
    assert "404" in report.error.message
