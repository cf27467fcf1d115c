"""on_delete: the bytes of files that are gone stay, go to the trash, or go; never too early."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from config_dicts import with_resource
from filehaul import spine
from filehaul.config import load_config
from filehaul.errors import ConfigError, TemporaryError
from filehaul.load import Destination, Loaded
from filehaul.look import plan
from filehaul.names import by_hash
from filehaul.sink import Folder
from filehaul.testing import FakeFile, FakeVendor, Fault
from hauling import (
    Confirms,
    config_for,
    contents,
    haul,
    numbers,
    receipt_of,
    rows_of,
    sink_files,
)
from test_sink_names import named

pytestmark = pytest.mark.usefixtures("own_folder")

TRASH = re.compile(r"\.filehaul/trash/\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{6}Z/(.+)", re.DOTALL)
WAYS = ["trash", "remove"]


@pytest.fixture
def confirms(monkeypatch: pytest.MonkeyPatch) -> None:
    """A destination that costs no time."""
    monkeypatch.setattr("filehaul.spine.Destination", Confirms)


@pytest.fixture
def vendor() -> Iterator[FakeVendor]:
    """Three files, one in a folder."""
    with FakeVendor(named("a", "deep/er/b.txt", "c")) as running:
        yield running


def live() -> dict[str, bytes]:
    """What is in the sink, the trash apart."""
    return {path: data for path, data in sink_files().items() if not TRASH.match(path)}


def trash() -> dict[str, bytes]:
    """What is in the trash, by the path that it had."""
    found = [(TRASH.match(path), data) for path, data in sink_files().items()]
    return {match[1]: data for match, data in found if match}


def gone_from(on_delete: str, **trashed: bytes) -> dict[str, bytes]:
    """What the trash should hold."""
    return trashed if on_delete == "trash" else {}


# -- what goes, and where to -------------------------------------------------------------------


@pytest.mark.parametrize("on_delete", WAYS)
@pytest.mark.parametrize("deletes", ["soft", "hard"])
def test_the_bytes_go(vendor: FakeVendor, on_delete: str, deletes: str) -> None:
    """With their tombstone: out of the sink, empty folders too; the receipt says gone."""
    config = config_for(vendor, on_delete=on_delete, deletes=deletes)
    haul(config)
    vendor.remove("f1")
    report = haul(config)
    assert (report.exit_code, report.deleted, numbers(report)) == (0, 1, (0, 2, 0, 0))
    assert report.resources["files"].parted == 1
    assert "1 taken out of the sink" in report.lines()[0]
    assert live() == {"a": b"#0", "c": b"#2"}
    assert not Path("files/deep").exists()
    assert trash() == ({"deep/er/b.txt": b"#1"} if on_delete == "trash" else {})
    assert rows_of(
        "SELECT status, sink_url, sha256, size FROM acme_data.transfers WHERE file_id = 'f1'"
    ) == [("gone", None, None, None)]
    again = haul(config)
    assert (again.exit_code, again.resources["files"].parted) == (0, 0)
    assert len(sink_files()) == 2 + (on_delete == "trash")


def test_keep_is_the_default(vendor: FakeVendor) -> None:
    """Without a word, nothing goes: the row is a tombstone, the bytes and the receipt stay."""
    haul(config_for(vendor))
    vendor.remove("f1")
    assert haul(config_for(vendor)).deleted == 1
    assert len(live()) == 3
    assert receipt_of("f1")["status"] == "done"


def test_from_keep_to_trash(vendor: FakeVendor, confirms: None) -> None:
    """What is gone already goes too, when on_delete comes later."""
    haul(config_for(vendor))
    vendor.remove("f1")
    haul(config_for(vendor))
    haul(config_for(vendor, on_delete="trash"))
    assert (live(), trash()) == ({"a": b"#0", "c": b"#2"}, {"deep/er/b.txt": b"#1"})


@pytest.mark.parametrize("on_delete", WAYS)
def test_a_file_that_comes_back(vendor: FakeVendor, confirms: None, on_delete: str) -> None:
    """It is fetched again, to the path it had; what is in the trash stays there."""
    config = config_for(vendor, on_delete=on_delete)
    haul(config)
    file = vendor.files["f0"]
    vendor.remove("f0")
    haul(config)
    vendor.put(file)
    vendor.clear_requests()
    assert numbers(haul(config)) == (1, 2, 0, 0)
    assert contents(vendor) == 1
    assert live()["a"] == b"#0"
    assert trash() == gone_from(on_delete, a=b"#0")
    vendor.remove("f0")
    haul(config)
    kept = [path for path in sink_files() if TRASH.match(path)]
    assert len(kept) == (2 if on_delete == "trash" else 0), "each run has a trash of its own"


@pytest.mark.parametrize("on_delete", WAYS)
def test_its_path_is_taken_over(vendor: FakeVendor, confirms: None, on_delete: str) -> None:
    """A new file has the name of one that is gone: the old bytes go first, the new ones come."""
    config = config_for(vendor, on_delete=on_delete)
    haul(config)
    vendor.remove("f0")
    vendor.put(FakeFile("new", "a", content=b"new bytes"))
    assert numbers(haul(config)) == (1, 2, 0, 0)
    assert live() == {"a": b"new bytes", "deep/er/b.txt": b"#1", "c": b"#2"}
    assert trash() == gone_from(on_delete, a=b"#0")
    assert receipt_of("f0")["status"] == "gone"
    assert receipt_of("new")["target"] == "a"


@pytest.mark.parametrize("on_delete", WAYS)
def test_a_file_moves_to_the_path_of_one_that_is_gone(
    vendor: FakeVendor, confirms: None, on_delete: str
) -> None:
    """The name is free by then: renamed, not fetched."""
    config = config_for(vendor, on_delete=on_delete)
    haul(config)
    vendor.remove("f0")
    vendor.put(FakeFile("f2", "a", content=b"#2"))
    vendor.clear_requests()
    assert numbers(haul(config)) == (0, 2, 0, 0)
    assert contents(vendor) == 0
    assert live() == {"a": b"#2", "deep/er/b.txt": b"#1"}
    assert trash() == gone_from(on_delete, a=b"#0")


@pytest.mark.parametrize("on_delete", WAYS)
def test_equal_bytes_stay_as_long_as_a_file_has_them(confirms: None, on_delete: str) -> None:
    """Layout by_hash: two files of equal bytes, one is gone; then the other."""
    made = [FakeFile("f0", "a", content=b"same"), FakeFile("f1", "b", content=b"same")]
    path = by_hash(hashlib.sha256(b"same").hexdigest())
    content = {"path": "/v1/files/{file_id}/content", "layout": "by_hash"}
    with FakeVendor([*made, FakeFile("f2", "c", content=b"c")]) as vendor:
        config = config_for(vendor, on_delete=on_delete, content=content)
        haul(config)
        vendor.remove("f0")
        haul(config)
        assert live()[path] == b"same"
        assert trash() == {}
        assert (receipt_of("f0")["status"], receipt_of("f1")["status"]) == ("gone", "done")
        vendor.remove("f1")
        haul(config)
        assert path not in live()
        assert trash() == ({path: b"same"} if on_delete == "trash" else {})


def test_a_file_and_a_folder_of_one_name_in_the_trash(confirms: None) -> None:
    """`x` is gone in one run and `x/y` in the next: both are in the trash."""
    with FakeVendor(named("x", "other")) as vendor:
        config = config_for(vendor, on_delete="trash")
        haul(config)
        vendor.remove("f0")
        haul(config)
        vendor.put(FakeFile("g", "y", "x/y", b"inside"))
        haul(config)
        vendor.remove("g")
        haul(config)
        assert trash() == {"x": b"#0", "x/y": b"inside"}
        assert live() == {"other": b"#1"}


def test_the_trash_is_not_taken_for_files(confirms: None) -> None:
    """A vendor's own .filehaul/trash lies elsewhere, and no sync touches what is in ours."""
    with FakeVendor(named("a", ".filehaul/trash/a", "b")) as vendor:
        config = config_for(vendor, on_delete="trash")
        haul(config)
        vendor.remove("f0")
        haul(config)
        before = sink_files()
        assert before["%2Efilehaul/trash/a"] == b"#1"
        assert trash() == {"a": b"#0"}
        assert numbers(haul(config)) == (0, 2, 0, 0)
        assert sink_files() == before


# -- what does not go --------------------------------------------------------------------------


@pytest.mark.parametrize("on_delete", WAYS)
def test_not_before_the_catalogue_says_so(
    vendor: FakeVendor, on_delete: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The destination is down: every byte stays. When the tombstone is loaded, they go."""
    config = config_for(vendor, on_delete=on_delete)
    haul(config)
    vendor.remove("f0")
    load = Destination.load

    def down(*_: Any) -> Loaded:
        raise TemporaryError("the warehouse is closed", where="here", hint="later")

    monkeypatch.setattr(Destination, "load", down)
    assert haul(config).exit_code == 6
    assert live()["a"] == b"#0"
    assert receipt_of("f0")["status"] == "done"
    monkeypatch.setattr(Destination, "load", load)
    assert haul(config).resources["files"].parted == 1
    assert "a" not in live()
    assert trash() == gone_from(on_delete, a=b"#0")


@pytest.mark.parametrize("on_delete", WAYS)
def test_the_guard_withholds_the_bytes_too(on_delete: str) -> None:
    """Too many at once: exit 7, all bytes stay; they go with --accept-deletes, and only then."""
    with FakeVendor(named(*(f"n{n}" for n in range(40)))) as vendor:
        config = config_for(vendor, on_delete=on_delete)
        haul(config)
        for number in range(30):
            vendor.remove(f"f{number}")
        report = haul(config)
        assert (report.exit_code, report.deleted) == (7, 0)
        assert len(live()) == 40
        assert trash() == {}
        assert report.error is not None
        listing = re.search(r"listing (\w{32})", str(report.error.where))
        assert listing is not None
        accepted = haul(config, accept_deletes=listing[1])
        assert (accepted.exit_code, accepted.deleted) == (0, 30)
        assert len(live()) == 10
        assert len(trash()) == (30 if on_delete == "trash" else 0)


def test_an_incomplete_listing_lets_nothing_go(confirms: None) -> None:
    """Half a listing: what it did not see stays."""
    with FakeVendor(named("a", "b", "c", "d"), page_cap=2) as vendor:
        config = config_for(vendor, on_delete="remove")
        haul(config)
        vendor.script("GET /v1/files?*offset=2*", Fault.html())
        assert haul(config).exit_code == 8
        vendor.assert_all_fired()
        assert len(live()) == 4


def test_a_path_that_some_disks_take_for_another_file_s(
    vendor: FakeVendor, confirms: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that ignores case: the path of one that is gone is another file's by now. It stays."""
    config = config_for(vendor, on_delete="remove")
    haul(config)
    # f0 had `A`; `a` is f9's, and both names are one file.
    vendor.put(FakeFile("f9", "z", content=b"of f9"))
    haul(config)
    vendor.remove("f9")
    with spine.Ledger.open(Path(".filehaul/acme.sqlite")) as ledger:
        ledger.db.execute("UPDATE transfers SET target = 'A' WHERE key = 'f9'")
        ledger.db.execute("DELETE FROM paths WHERE key = 'f9'")
        ledger.set_meta("seal:" + str(Path("files").absolute()), "")
    monkeypatch.setattr(Folder, "same", lambda _sink, one, other: one.lower() == other.lower())
    size, remove = Folder.size, Folder.remove
    monkeypatch.setattr(Folder, "size", lambda sink, path: 5 if path == "A" else size(sink, path))
    monkeypatch.setattr(Folder, "remove", lambda sink, path: remove(sink, path.lower()))
    report = haul(config)
    assert report.resources["files"].parted == 1
    assert receipt_of("f9")["status"] == "gone"
    assert live()["a"] == b"#0"


# -- killed ------------------------------------------------------------------------------------

KILLED = """
import json, os, signal, sys
from filehaul import spine
from hauling import haul
config, where = json.loads(sys.argv[1]), sys.argv[2]
def kill(*_):
    os.kill(os.getpid(), signal.SIGKILL)
if where == "loaded":
    spine.part = kill
elif where == "moved":
    from filehaul.ledger import PlacesBook
    PlacesBook.left = lambda book, sink, staying: book.leaving(sink) and kill()
report = haul(config, watch=spine.Watch(point=lambda name: kill() if name == where else None))
print(report.as_dict())
"""


@pytest.mark.parametrize("where", ["loaded", "parted", "moved"])
@pytest.mark.parametrize("on_delete", WAYS)
def test_killed_between_load_and_removal(vendor: FakeVendor, on_delete: str, where: str) -> None:
    """After the load, after the ledger knows, after the bytes went: the next start makes it good,
    also where a new file has the path by then.
    """
    config = config_for(vendor, on_delete=on_delete)
    haul(config)
    vendor.remove("f0")
    done = subprocess.run(
        [sys.executable, "-c", KILLED, json.dumps(config), where],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])},
        capture_output=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, (done.stdout, done.stderr)
    assert rows_of("SELECT file_id FROM acme_data.files WHERE deleted_at IS NOT NULL") == [("f0",)]
    assert ("a" in live()) == (where != "moved")
    vendor.put(FakeFile("new", "a", content=b"new bytes"))
    report = haul(config)
    assert (report.exit_code, numbers(report)) == (0, (1, 2, 0, 0))
    assert live() == {"a": b"new bytes", "deep/er/b.txt": b"#1", "c": b"#2"}
    assert trash() == gone_from(on_delete, a=b"#0")
    assert receipt_of("f0")["status"] == "gone"


# -- plan, and what the config says ------------------------------------------------------------


@pytest.mark.parametrize("on_delete", ["keep", *WAYS])
def test_plan_shows_what_would_go(vendor: FakeVendor, confirms: None, on_delete: str) -> None:
    """The tombstone, and the bytes with their path; nothing is touched."""
    config = config_for(vendor, on_delete=on_delete)
    haul(config)
    vendor.remove("f1")
    before = sink_files()
    found = [(one.action, one.file_id, one.size, one.target) for one in plan(config)]
    expected: list[tuple[Any, ...]] = [("tombstone", "f1", None, None)]
    if on_delete != "keep":
        expected.append((on_delete, "f1", 2, "deep/er/b.txt"))
    assert found == expected
    assert sink_files() == before


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"deletes": "none"}, "nothing tells here which files are gone"),
        ({"write_disposition": "append"}, "nothing tells here which files are gone"),
        ({"content": ...}, "there are no bytes that could go"),
        ({"on_delete": "bin"}, "must be 'keep', 'trash' or 'remove'"),
    ],
)
def test_what_does_not_fit_together(more: dict[str, Any], message: str) -> None:
    """on_delete where nothing is ever known to be gone is refused, with a hint."""
    keys = {
        "content": {"path": "/{file_id}"},
        "primary_key": "file_id",
        "write_disposition": "merge",
        "on_delete": "trash",
        **more,
    }
    made = with_resource(**{key: value for key, value in keys.items() if value is not ...})
    with pytest.raises(ConfigError) as error:
        load_config(made)
    assert message in error.value.message
    assert error.value.hint
