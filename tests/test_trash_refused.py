"""on_delete: trash, where the sink refuses: the bytes stay, it is told, and tried again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from filehaul.sink import Folder
from filehaul.testing import FakeFile, FakeVendor
from hauling import Confirms, config_for, haul, ledger_rows, numbers, receipt_of, sink_files
from test_sink_names import named


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each test in a folder of its own, with a destination that costs no time."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("filehaul.spine.Destination", Confirms)
    return tmp_path


@pytest.fixture
def vendor() -> Iterator[FakeVendor]:
    """Three files, one in a folder."""
    with FakeVendor(named("a", "deep/b.txt", "c")) as running:
        yield running


def block() -> Path:
    """Where the trash should be, something else is."""
    blocker = Path("files/.filehaul/trash")
    blocker.write_text("no folder")
    return blocker


def leaving() -> list[str]:
    """What is to go, as the ledger knows."""
    return [str(row[0]) for row in ledger_rows("SELECT target FROM leaving ORDER BY target")]


def test_it_is_told_and_tried_again(vendor: FakeVendor) -> None:
    """The bytes stay and a warning says which and why, in each run once, until they can go."""
    config = config_for(vendor, on_delete="trash")
    haul(config)
    blocker = block()
    vendor.remove("f0")
    vendor.remove("f1")
    first = haul(config)
    assert (first.exit_code, first.deleted, first.resources["files"].parted) == (0, 2, 0)
    assert receipt_of("f0")["status"] == "gone"
    assert leaving() == ["a", "deep/b.txt"]
    for report in (first, haul(config)):
        (warning,) = report.warnings
        assert warning.startswith("2 of the files that are gone could not go to the trash")
        assert "a: the sink cannot have a file of this name (Not a directory)" in warning
        assert "deep/b.txt: " in warning
        assert sink_files()["a"] == b"#0"
    blocker.unlink()
    last = haul(config)
    assert (last.exit_code, last.warnings, leaving()) == (0, [], [])
    trashed = {path.split("/", 3)[-1]: data for path, data in sink_files().items() if path != "c"}
    assert trashed == {"a": b"#0", "deep/b.txt": b"#1"}


def test_others_move_meanwhile(vendor: FakeVendor, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stays is tried once a run, also where other bytes go; a warning of many is short."""
    config = config_for(vendor, on_delete="trash")
    for number in range(10, 20):
        vendor.put(FakeFile(f"f{number}", f"n{number}", content=b"more"))
    haul(config)
    block()
    for number in range(10, 18):
        vendor.remove(f"f{number}")
    accepted = haul(config)
    assert accepted.warnings[0].endswith("; and 3 more)")
    tried: list[str] = []
    move = Folder.move

    def noted(sink: Folder, old: str, new: str) -> None:
        tried.append(old)
        move(sink, old, new)

    monkeypatch.setattr(Folder, "move", noted)
    vendor.put(FakeFile("f2", "elsewhere", content=b"other bytes"))
    report = haul(config)
    assert (numbers(report), len(report.warnings)) == ((1, 4, 0, 0), 1)
    assert sorted(tried) == [f"n{number}" for number in range(10, 18)]
    assert {"elsewhere", "a", "n10"} <= sink_files().keys()
    assert "c" not in sink_files()


def test_a_new_file_takes_the_path(vendor: FakeVendor) -> None:
    """It gets its own bytes there, and nothing of them goes to the trash later."""
    config = config_for(vendor, on_delete="trash")
    haul(config)
    blocker = block()
    vendor.remove("f0")
    haul(config)
    vendor.put(FakeFile("new", "a", content=b"new bytes"))
    haul(config)
    blocker.unlink()
    report = haul(config)
    assert (report.exit_code, report.warnings, leaving()) == (0, [], [])
    assert sink_files() == {"a": b"new bytes", "deep/b.txt": b"#1", "c": b"#2"}
