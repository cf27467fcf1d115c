"""A config that was wrong and is corrected: what failed because of it is asked again at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

import filehaul
import hauling
from filehaul.look import plan
from filehaul.testing import FakeFile, FakeVendor, Fault
from hauling import contents, haul, numbers, rows_of, sink_files, sync

FILES = [FakeFile(f"id{n}", f"f{n}.txt", content=b"x" * n) for n in range(1, 6)]


def config_for(vendor: FakeVendor, content: dict[str, Any]) -> dict[str, Any]:
    """A config whose only doubtful part is ``content``."""
    return {
        "client": {"base_url": vendor.base_url},
        "resource_defaults": {"primary_key": "file_id", "write_disposition": "merge"},
        "resources": [
            {
                "name": "files",
                "endpoint": {
                    "path": "/v1/files",
                    "data_selector": "files",
                    "paginator": {"type": "offset", "limit": 100},
                },
                "content": content,
            }
        ],
        "sink": "files",
    }


def test_a_corrected_path_is_tried_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the wrong path all files are parked; with the right one all arrive in the next run."""
    monkeypatch.chdir(tmp_path)
    with FakeVendor(files=FILES, auth=False) as vendor:
        wrong = config_for(vendor, {"path": "/v1/filez/{file_id}"})
        report = filehaul.sync(wrong)
        assert (report.failed, report.exit_code) == (5, 3)
        asked = vendor.count("/v1/filez/*")
        report = filehaul.sync(wrong)
        assert (report.parked, report.failed, report.exit_code) == (5, 0, 0)
        assert vendor.count("/v1/filez/*") == asked

        report = filehaul.sync(config_for(vendor, {"path": "/v1/files/{file_id}/content"}))
        assert (report.transferred, report.parked, report.failed) == (5, 0, 0)
    assert (tmp_path / "files/f3.txt").read_bytes() == b"xxx"


def test_another_verify_policy_is_tried_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`verify: checksum` on a vendor without checksums fails; `auto` then takes the size."""
    monkeypatch.chdir(tmp_path)
    path = "/v1/files/{file_id}/content"
    with FakeVendor(files=FILES, auth=False, checksum=False) as vendor:
        report = filehaul.sync(config_for(vendor, {"path": path, "verify": "checksum"}))
        assert report.failed == 5
        report = filehaul.sync(config_for(vendor, {"path": path}))
        assert (report.transferred, report.parked) == (5, 0)


# -- a config that wants another thing of files that were listed before ---------------------------

CONTENT = {"path": "/v1/files/{file_id}/content"}
SINCE = {"cursor_path": "modified_at", "start_param": "modified_since"}
ROWS = "SELECT count(*), count(DISTINCT file_id) FROM acme_data.files"


@pytest.fixture
def vendor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeVendor]:
    """Five files; the test has a folder of its own."""
    monkeypatch.chdir(tmp_path)
    with FakeVendor(files=FILES) as running:
        yield running


def names_of(paths: Iterable[str]) -> list[str]:
    """The last names of these paths, sorted."""
    return sorted(path.rpartition("/")[2] for path in paths)


@pytest.mark.parametrize(
    "keys",
    [{}, {"deletes": "none"}, {"endpoint": {"incremental": SINCE}}, {"sync_type": "history"}],
    ids=["snapshot", "no tombstones", "incremental", "history"],
)
def test_content_that_is_added_later_is_fetched(vendor: FakeVendor, keys: dict[str, Any]) -> None:
    """A catalogue first, the bytes later: all are fetched, none of the rows that the ledger knows
    are loaded again, and none is there twice."""
    catalogue = sync(hauling.config_for(vendor, content=None, **keys))
    assert (catalogue.rows, catalogue.transferred) == (5, 0)
    whole = hauling.config_for(vendor, **keys)
    assert [one.action for one in plan(whole)] == ["fetch"] * 5
    report = sync(whole)
    assert (report.transferred, report.failed, report.exit_code) == (5, 0, 0)
    assert report.rows == (5 if keys.get("deletes") == "none" else 0)
    assert sink_files() == {file.file_name: file.content for file in FILES}
    assert rows_of(ROWS) == [(5, 5)]
    assert numbers(sync(whole)) == (0, 5, 0, 0)


def test_content_added_where_rows_are_appended(vendor: FakeVendor) -> None:
    """Nobody knows which of the earlier rows are there: the run says how their bytes are had, and
    a full refresh fetches them."""
    keys = {"sync_type": "incremental_append", "endpoint": {"incremental": SINCE}}
    sync(hauling.config_for(vendor, content=None, **keys))
    whole = hauling.config_for(vendor, **keys)
    report = sync(whole)
    assert [one for one in report.warnings if "--full-refresh" in one]
    assert rows_of(ROWS) == [(5, 5)]
    report = sync(whole, full_refresh=True)
    assert len(sink_files()) == 5
    assert (rows_of(ROWS), report.warnings) == ([(5, 5)], [])
    assert sync(hauling.config_for(vendor, content=None, **keys)).rows == 0
    assert rows_of(ROWS) == [(5, 5)]


@pytest.mark.parametrize("keys", [{}, {"endpoint": {"incremental": SINCE}}])
def test_another_layout_moves_what_is_there(vendor: FakeVendor, keys: dict[str, Any]) -> None:
    """Files that did not change are moved to where the new layout wants them; none is fetched,
    none of their rows loaded."""
    sync(hauling.config_for(vendor, **keys))
    fetched = contents(vendor)
    by_id = hauling.config_for(vendor, content={**CONTENT, "layout": "by_id"}, **keys)
    assert {one.action for one in plan(by_id)} == {"move"}
    report = sync(by_id)
    assert (report.exit_code, report.rows, contents(vendor)) == (0, 0, fetched)
    found = sink_files()
    assert names_of(found) == [f"{file.file_id}.txt" for file in FILES]
    assert sorted(found.values()) == sorted(file.content for file in FILES)


def test_another_layout_where_the_listing_stops_half_way(vendor: FakeVendor) -> None:
    """What the broken listing did not see is moved by the next that does."""
    keys: dict[str, Any] = {"endpoint": {"paginator": {"type": "offset", "limit": 2}}}
    sync(hauling.config_for(vendor, **keys))
    by_id = hauling.config_for(vendor, content={**CONTENT, "layout": "by_id"}, **keys)
    vendor.script("/v1/files", Fault.latency(0), *[Fault.status(400)] * 10)
    assert haul(by_id).exit_code == 8
    vendor.clear_scripts()
    assert haul(by_id).exit_code == 0
    assert names_of(sink_files()) == [f"{file.file_id}.txt" for file in FILES]


def test_a_resource_that_is_not_selected_is_not_planned(vendor: FakeVendor) -> None:
    """`sync` does not list it, so neither does `plan`."""
    made = hauling.config_for(vendor)
    other = {**made["resources"][0], "name": "others", "selected": False}
    made["resources"].append(other)
    assert {one.resource for one in plan(made)} == {"files"}
    assert set(sync(made).resources) == {"files"}
