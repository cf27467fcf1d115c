"""A config that changes its mind about bytes: what the ledger knows of files follows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import filehaul
from filehaul.testing import FakeFile, FakeVendor
from hauling import config_for

CONTENT = {"path": "/v1/files/{file_id}/content"}
FILES = [FakeFile(f"f{n}", f"{n}.txt", f"a/{n}.txt", b"x" * n) for n in range(1, 4)]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(vendor: FakeVendor, content: Any, **more: Any) -> filehaul.Report:
    """One sync with that content block."""
    return filehaul.sync(
        config_for(
            vendor, write_disposition="merge", primary_key="file_id", content=content, **more
        )
    )


def files() -> list[str]:
    """What lies in the sink."""
    found = [path for path in Path("files").rglob("*") if path.is_file()]
    return sorted(str(one) for one in found if ".filehaul" not in one.parts)


def test_content_that_comes_later() -> None:
    """Files of a catalogue that had no content are fetched once it has, though no row changed."""
    with FakeVendor(FILES) as vendor:
        assert run(vendor, None).rows == 3
        report = run(vendor, CONTENT)
        assert (report.transferred, report.rows, report.exit_code) == (3, 0, 0)
        assert files() == ["files/a/1.txt", "files/a/2.txt", "files/a/3.txt"]
        again = run(vendor, CONTENT)
        assert (again.transferred, again.unchanged) == (0, 3)


def test_another_layout() -> None:
    """Files get the paths of another layout, and are not fetched again for it."""
    with FakeVendor(FILES) as vendor:
        assert run(vendor, CONTENT).transferred == 3
        report = run(vendor, {**CONTENT, "layout": "by_id"})
        assert (report.transferred, report.unchanged) == (0, 3)
        assert len(files()) == 3
        assert not Path("files/a").exists()
        assert {Path(one).read_bytes() for one in files()} == {b"x", b"xx", b"xxx"}


def test_content_that_comes_later_to_what_is_listed_by_changes() -> None:
    """An incremental resource lists everything once more when its bytes are first wanted."""
    since = {"incremental": {"cursor_path": "modified_at", "start_param": "modified_since"}}
    with FakeVendor(FILES) as vendor:
        assert run(vendor, None, endpoint=since).rows == 3
        assert run(vendor, CONTENT, endpoint=since).transferred == 3
        assert run(vendor, CONTENT, endpoint=since).transferred == 0
