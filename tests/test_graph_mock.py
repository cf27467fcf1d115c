"""The OneDrive preset against a fake OneDrive that others wrote."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from hauling import haul, ledger_rows, numbers, sink_files
from memory_destination import Tables, in_place_of_the_destination
from servers import OneDriveMock, OutOfReach, onedrive_mock
from servers.onedrive_mock import TOKEN

pytestmark = [
    pytest.mark.slow,
    pytest.mark.server,
    pytest.mark.xdist_group("real servers"),
]
Rows = Callable[[], dict[str, dict[str, Any]]]


@pytest.fixture
def mock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OneDriveMock]:
    monkeypatch.chdir(tmp_path)
    with ExitStack() as stack:
        try:
            yield stack.enter_context(onedrive_mock(tmp_path))
        except OutOfReach as why:
            pytest.skip(str(why))


@pytest.fixture
def rows() -> Iterator[Rows]:
    tables = Tables()
    with in_place_of_the_destination(tables):
        yield lambda: {row["file_name"]: row for row in tables.rows["files"]}


def config_of(mock: OneDriveMock) -> dict[str, Any]:
    """The preset, but for the address, the token, and the root: the mock's has no root facet."""
    root = {"path": "id", "equals": "root", "exists": None}
    return {
        "name": "acme",
        "vendor": {"name": "onedrive", "tenant": "consumers", "drive": "me/drive"},
        "client": {
            "base_url": mock.url,
            "auth": {"type": "bearer", "token": TOKEN},
            "retry": {"backoff_factor": 0.01},
        },
        "resources": [{"name": "files", "tree": {"root": root}}],
        "sink": "files",
    }


def test_a_drive_and_what_becomes_of_it(mock: OneDriveMock, rows: Rows) -> None:
    """All files, by their sha1; then what has changed, a renamed folder and a deletion included."""
    reports = mock.put_folder("root", "Reports")
    may = mock.put_folder(reports, "2026-05")
    made = {
        "top.txt": mock.put_file("root", "top.txt", b"top"),
        "Reports/all of it.txt": mock.put_file(reports, "all of it.txt", b"all"),
        **{
            f"Reports/2026-05/{n}.txt": mock.put_file(may, f"{n}.txt", b"%d" % n * 9)
            for n in range(20)
        },
    }
    config = config_of(mock)
    report = haul(config)
    assert (report.exit_code, *numbers(report)) == (0, 22, 0, 0, 0)
    assert set(sink_files()) == set(made)
    assert {row["kind"] for row in rows().values()} == {"file", "folder"}
    assert rows()["3.txt"]["path"] == "Reports/2026-05/3.txt"
    assert ledger_rows("SELECT DISTINCT verified_by FROM transfers") == [("sha1",)]
    assert numbers(haul(config)) == (0, 22, 0, 0)
    mock.put_file("root", "top.txt", b"another top")
    mock.remove(made["Reports/2026-05/7.txt"])
    mock.rename(may, "May")
    report = haul(config)
    assert (report.exit_code, report.transferred, report.deleted) == (0, 1, 1)
    assert rows()["7.txt"]["delete_reason"] is not None
    assert rows()["3.txt"]["path"] == "Reports/May/3.txt"
    found = sink_files()
    assert found["top.txt"] == b"another top"
    assert found["Reports/May/3.txt"] == b"3" * 9
    assert not any(path.startswith("Reports/2026-05/") for path in found if "7.txt" not in path)
