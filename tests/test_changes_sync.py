"""Syncs over a change feed: what is asked, what is loaded and fetched, and what a kill leaves."""

from __future__ import annotations

import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from filehaul.errors import UsageError
from filehaul.ledger import PackagesBook
from filehaul.load import Destination
from filehaul.report import Report
from filehaul.testing import FakeFile, FakeVendor, Fault
from hauling import by_id, config_for, contents, files, haul, ledger_rows, rows_of, sink_files, sync
from memory_destination import Tables, in_place_of_the_destination

FEED: dict[str, Any] = {
    "start": {"path": "/v1/changes/start", "token_path": "token"},
    "path": "/v1/changes",
    "token_param": "token",
    "data_selector": "changes",
    "next_path": "next",
    "final_path": "final",
    "file_path": "file",
    "id_path": "file_id",
    "deleted": [
        {"path": "removed", "equals": True},
        {"path": "file.trashed", "equals": True, "reason": "trashed"},
    ],
}
BY_URL: dict[str, Any] = {
    **{key: value for key, value in FEED.items() if key not in ("path", "token_param")},
    "start": {"path": "/v1/changes/start", "token_path": "url"},
    "token_is_url": True,
    "next_path": "next_url",
    "final_path": "final_url",
}
STATE = "SELECT file_id, deleted_at IS NOT NULL, delete_reason FROM acme_data.files"
THERE = (False, None)
State = Callable[[], dict[str, tuple[bool, str | None]]]
IN_MEMORY = pytest.mark.usefixtures("state")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def vendor() -> Iterator[FakeVendor]:
    with FakeVendor(files("a", "b", "c", "d"), page_cap=2) as running:
        yield running


@pytest.fixture
def state() -> Iterator[State]:
    """The test's runs load into memory, where no database is what is tested. Gives the catalogue:
    of each file whether its row is a tombstone, and why.
    """
    tables = Tables()

    def rows() -> dict[str, tuple[bool, str | None]]:
        return {
            row["file_id"]: (row["deleted_at"] is not None, row["delete_reason"])
            for row in tables.rows["files"]
        }

    with in_place_of_the_destination(tables):
        yield rows


def feed(vendor: FakeVendor, block: dict[str, Any] = FEED, **more: Any) -> dict[str, Any]:
    """A config whose resource has this change feed."""
    config = config_for(vendor, **more)
    config["resources"][0]["changes"] = block
    return config


HOW = (
    "listed to its end: nothing came after the last row; 3 overlaps matched; 4 unique keys, "
    "the vendor's own total is 4"
)


def asked(vendor: FakeVendor) -> tuple[int, int, int, int]:
    """Requests for pages of the listing, a first token, pages of changes, and content; so far."""
    counts = (
        vendor.count("/v1/files"),
        vendor.count("/v1/changes/start"),
        vendor.count("/v1/changes"),
        contents(vendor),
    )
    vendor.clear_requests()
    return counts


@pytest.mark.parametrize("block", [FEED, BY_URL], ids=["tokens", "urls"])
def test_the_second_run_asks_for_changes_only(vendor: FakeVendor, block: dict[str, Any]) -> None:
    """First everything; then one request, and one more for each file that has changed."""
    config = feed(vendor, block)
    first = sync(config)
    assert (first.listed, first.rows, first.transferred) == (4, 4, 4)
    assert asked(vendor) == (4, 1, 0, 4)
    nothing = sync(config)
    assert (nothing.listed, nothing.rows, nothing.transferred, nothing.unchanged) == (0, 0, 0, 4)
    assert asked(vendor) == (0, 0, 1, 0)
    vendor.put(FakeFile("id-b", "b", content=b"other bytes"))
    vendor.put(FakeFile("id-e", "e", content=b"e"))
    vendor.remove("id-a")
    vendor.trash("id-c")
    third = sync(config)
    assert (third.listed, third.rows, third.transferred, third.deleted) == (2, 4, 2, 2)
    assert asked(vendor) == (0, 0, 2, 2)
    assert by_id(rows_of(STATE)) == {
        "id-a": (True, "removed"),
        "id-b": THERE,
        "id-c": (True, "trashed"),
        "id-d": THERE,
        "id-e": THERE,
    }
    assert sink_files()["b"] == b"other bytes"
    assert third.complete
    assert rows_of("SELECT how, complete FROM acme_data.listings ORDER BY started_at") == [
        (HOW, True),
        ("the change feed gave its final token", True),
        ("the change feed gave its final token", True),
    ]


def test_a_tombstone_keeps_its_columns_and_goes_when_the_file_returns(vendor: FakeVendor) -> None:
    """Removed: the other columns stay; put again as it was: no tombstone, and no byte fetched."""
    config = feed(vendor)
    sync(config)
    row = "SELECT * EXCLUDE (deleted_at, delete_reason, last_seen_at, _dlt_load_id)"
    row += " FROM acme_data.files WHERE file_id = 'id-a'"
    before = rows_of(row)
    file = vendor.files["id-a"]
    vendor.remove("id-a")
    sync(config)
    assert rows_of(row) == before
    assert by_id(rows_of(STATE))["id-a"] == (True, "removed")
    vendor.put(file)
    asked(vendor)
    back = sync(config)
    assert (back.rows, back.transferred, back.deleted) == (1, 0, 0)
    assert by_id(rows_of(STATE))["id-a"] == THERE
    assert rows_of(row) == before
    assert asked(vendor) == (0, 0, 1, 0)


def test_what_changes_during_the_first_listing_is_told_by_the_feed(vendor: FakeVendor) -> None:
    """The token is of before the listing: a file that is put between two pages is not missed."""
    config = feed(vendor, content=None)
    config["resources"][0]["endpoint"]["paginator"]["limit"] = 2

    def meanwhile(record: dict[str, Any]) -> dict[str, Any]:
        if record["file_id"] == "id-c" and "id-late" not in vendor.files:
            vendor.put(FakeFile("id-late", "late"))
            vendor.remove("id-late")
            vendor.put(FakeFile("id-a", "a", content=b"changed after its page was read"))
        return record

    with FakeVendor(files("a", "b", "c", "d"), page_cap=2, record_shape=meanwhile) as vendor:
        config = feed(vendor, content=None)
        sync(config)
        sync(config)
        size = "SELECT size FROM acme_data.files WHERE file_id = 'id-a'"
        assert rows_of(size) == [(len(b"changed after its page was read"),)]


def test_a_file_told_twice_counts_as_it_was_told_last(vendor: FakeVendor, state: State) -> None:
    """Deleted after an upsert, put after a deletion, and a ghost that nobody ever saw."""
    config = feed(vendor)
    sync(config)
    vendor.put(FakeFile("id-a", "a", content=b"one"))
    vendor.remove("id-a")
    vendor.remove("id-b")
    vendor.put(FakeFile("id-b", "b", content=b"two"))
    vendor.tell_change({"file_id": "ghost", "removed": True})
    report = sync(config)
    assert (report.deleted, report.rows, report.transferred) == (1, 2, 1)
    found = state()
    assert found["id-a"] == (True, "removed")
    assert found["id-b"] == THERE
    assert "ghost" not in found
    assert sink_files()["b"] == b"two"


def test_an_expired_token_means_a_full_listing_and_a_diff(vendor: FakeVendor, state: State) -> None:
    """410: all is listed, what is missing becomes a tombstone, and the new token is good."""
    config = feed(vendor)
    sync(config)
    vendor.remove("id-d")
    vendor.put(FakeFile("id-e", "e", content=b"e"))
    vendor.expire_changes()
    asked(vendor)
    report = sync(config)
    assert (report.listed, report.deleted, report.transferred) == (4, 1, 1)
    assert asked(vendor) == (4, 1, 1, 1)
    assert state()["id-d"] == (True, "not_listed")
    assert sync(config).listed == 0
    assert asked(vendor) == (0, 0, 1, 0)


@IN_MEMORY
def test_a_feed_that_fails_moves_nothing(vendor: FakeVendor) -> None:
    """An error on its second page: no row, no tombstone, and the next run reads all of it."""
    config = feed(vendor)
    sync(config)
    for name in ("e", "f", "g"):
        vendor.put(FakeFile(f"id-{name}", name, content=b"x"))
    vendor.remove("id-a")
    vendor.script("GET /v1/changes[?]token=0.2*", Fault.status(403))
    report = haul(config)
    vendor.assert_all_fired()
    assert (report.exit_code, report.complete, report.rows, report.deleted) == (8, False, 0, 0)
    assert "403" in str(report.error)
    report = sync(config)
    assert (report.listed, report.deleted, report.transferred) == (3, 1, 3)


def broken(monkeypatch: pytest.MonkeyPatch, place: Any, name: str) -> None:
    """As if the process ended there."""

    def ends(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(place, name, ends)


@pytest.mark.parametrize("run", ["the first", "a later"])
@pytest.mark.parametrize(
    ("place", "name"),
    [(Destination, "load"), (Destination, "_run"), (PackagesBook, "confirm")],
    ids=["before the load", "in the load", "before it is confirmed"],
)
def test_the_token_counts_only_when_its_rows_are_loaded(
    vendor: FakeVendor, monkeypatch: pytest.MonkeyPatch, place: Any, name: str, run: str
) -> None:
    """Ended at any step of the load, in the first run or a later one: the next one has it all."""
    config = feed(vendor)
    if run == "a later":
        sync(config)
        vendor.put(FakeFile("id-e", "e", content=b"e"))
        vendor.remove("id-a")
    with monkeypatch.context() as patch:
        broken(patch, place, name)
        with pytest.raises(KeyboardInterrupt):
            haul(config)
    held = ledger_rows("SELECT count(*) FROM change_tokens WHERE held")
    assert held == [(1 if run == "a later" else 0,)]
    vendor.remove("id-b")
    sync(config)
    state = by_id(rows_of(STATE))
    expected = {"id-c": THERE, "id-d": THERE}
    if run == "a later":
        expected |= {"id-a": (True, "removed"), "id-b": (True, "removed"), "id-e": THERE}
        assert state == expected
        assert sink_files()["e"] == b"e"
    else:
        assert {key: value for key, value in state.items() if key not in ("id-a", "id-b")} == (
            expected
        )
        assert state["id-a"] == THERE
        assert state.get("id-b", (True, None))[0]
    asked(vendor)
    sync(config)
    assert asked(vendor)[:3] == (0, 0, 1)


def test_a_dataset_that_is_lost_is_filled_by_a_full_listing(vendor: FakeVendor) -> None:
    """Changes since the last run are not enough for a table that is gone."""
    config = feed(vendor, content=None)
    sync(config)
    with duckdb.connect("acme.duckdb") as connection:
        connection.execute("DROP SCHEMA acme_data CASCADE")
    asked(vendor)
    assert sync(config).rows == 4
    assert asked(vendor)[:3] == (4, 1, 0)
    assert rows_of("SELECT count(*) FROM acme_data.files") == [(4,)]
    config["dataset"] = "another"
    assert sync(config).rows == 4
    assert asked(vendor)[:3] == (4, 1, 0)
    assert rows_of("SELECT count(*) FROM another.files") == [(4,)]


@pytest.mark.parametrize(
    "changed",
    [{"fields": {"file_id": "file_id", "size": "size"}}, {"content": None}],
    ids=["fields", "content"],
)
@IN_MEMORY
def test_another_config_needs_a_full_listing(vendor: FakeVendor, changed: dict[str, Any]) -> None:
    """Other columns of rows that did not change would never come by the feed."""
    sync(feed(vendor))
    asked(vendor)
    assert sync(feed(vendor, **changed)).listed == 4
    assert asked(vendor)[:3] == (4, 1, 0)


@IN_MEMORY
def test_what_failed_is_fetched_in_a_run_of_changes(vendor: FakeVendor) -> None:
    """A file that the feed does not tell of again, and whose bytes did not come, is fetched."""
    config = feed(vendor)
    vendor.script("/v1/files/id-b/content", *[Fault.status(503)] * 4)
    first = haul(config)
    vendor.assert_all_fired()
    assert (first.exit_code, first.transferred, first.failed) == (3, 3, 1)
    asked(vendor)
    second = sync(config)
    assert (second.listed, second.transferred, second.unchanged) == (0, 1, 3)
    assert asked(vendor) == (0, 0, 1, 1)
    Path("files/c").unlink()
    assert sync(config).transferred == 1
    assert asked(vendor) == (0, 0, 1, 1)
    assert sorted(sink_files()) == ["a", "b", "c", "d"]


@IN_MEMORY
def test_addresses_that_are_credentials_are_asked_for_again() -> None:
    """A signed address is not kept: while a file is still to fetch, all are listed once more."""

    def signed(record: dict[str, Any]) -> dict[str, Any]:
        return {**record, "download_url": vendor.signed_url(record["file_id"])}

    with FakeVendor(files("a", "b"), record_shape=signed, second_origin=True) as vendor:
        config = feed(vendor, content={"url_field": "download_url"})
        vendor.script("/signed/id-b", *[Fault.status(503)] * 4)
        assert haul(config).failed == 1
        vendor.assert_all_fired()
        asked(vendor)
        assert sync(config).transferred == 1
        assert asked(vendor)[:3] == (2, 1, 0)
        sync(config)
        assert asked(vendor)[:3] == (0, 0, 1)
        assert ledger_rows("SELECT * FROM kept_addresses") == []


@IN_MEMORY
def test_an_owner_that_the_feed_does_not_tell_of_keeps_its_path(vendor: FakeVendor) -> None:
    """A new file of the same path goes beside it; when the owner is gone, the path is free."""
    config = feed(vendor)
    sync(config)
    vendor.put(FakeFile("id-x", "x", path="a", content=b"another a"))
    sync(config)
    found = sink_files()
    assert found["a"] == vendor.files["id-a"].content
    assert len(found) == 5
    vendor.remove("id-b")
    vendor.put(FakeFile("id-y", "y", path="b", content=b"another b"))
    sync(config)
    assert sink_files()["b"] == b"another b"
    kept = ledger_rows("SELECT key FROM kept_addresses ORDER BY key")
    assert [key for (key,) in kept] == sorted(vendor.files), "none of a file that is gone"


def test_deletes_none_leaves_rows_as_they_are(vendor: FakeVendor, state: State) -> None:
    """What the feed says is gone keeps its row, without a tombstone."""
    config = feed(vendor, content=None)
    config["resources"][0]["deletes"] = "none"
    sync(config)
    vendor.remove("id-a")
    assert sync(config).deleted == 0
    assert state()["id-a"] == THERE


@IN_MEMORY
def test_a_change_without_a_key_is_rejected_and_told(vendor: FakeVendor) -> None:
    """The others are loaded, the run ends with 3, and the feed goes on from there."""
    config = feed(vendor, content=None)
    sync(config)
    vendor.tell_change({"file_id": "id-odd", "file": {"name": "no key"}})
    vendor.tell_change({"removed": True})
    vendor.put(FakeFile("id-e", "e"))
    report = haul(config)
    assert (report.exit_code, report.rejected, report.rows) == (3, 2, 1)
    asked(vendor)
    report = haul(config)
    assert (report.exit_code, report.rejected) == (0, 0)
    assert asked(vendor)[:3] == (0, 0, 1)


def test_the_token_stays_in_the_ledger() -> None:
    """It is needed as it is, in a file for its owner alone; tables have *** unless asked."""
    with FakeVendor(files("a")) as vendor:
        config = feed(vendor, content=None)
        sync(config)
        assert rows_of("SELECT change_token FROM acme_data.listings") == [("***",)]
        assert ledger_rows("SELECT token, held FROM change_tokens") == [('"0.0"', 1)]
        mode = stat.S_IMODE(Path(".filehaul/acme.sqlite").stat().st_mode)
        assert mode == 0o600
        config["resources"][0]["changes"] = {**FEED, "keep_token": True}
        sync(config)
        kept = "SELECT change_token FROM acme_data.listings ORDER BY started_at DESC LIMIT 1"
        assert rows_of(kept) == [("0.0",)]


def test_a_plain_listing_may_tell_of_deletions(state: State) -> None:
    """``deleted`` on a resource: such records are tombstones, and never rows."""
    deleted = {"path": "state", "equals": ["deleted", "purged"]}
    with FakeVendor(files("a", "b", "c")) as vendor:
        config = config_for(vendor)
        config["resources"][0]["deleted"] = deleted
        sync(config)
        for name, told in (("a", "deleted"), ("b", "active"), ("ghost", "purged")):
            vendor.put(FakeFile(f"id-{name}", name, extra={"state": told}))
        report = sync(config)
        assert report.deleted == 1
        assert state() == {
            "id-a": (True, "removed"),
            "id-b": THERE,
            "id-c": THERE,
        }
        assert sync(config).deleted == 0


@IN_MEMORY
def test_a_plan_over_a_feed_shows_what_is_left_to_do(vendor: FakeVendor) -> None:
    """It reads the feed too, and uses nothing up: the sync after it has the same changes."""
    from filehaul.look import plan

    config = feed(vendor)
    vendor.script("/v1/files/id-b/content", *[Fault.status(503)] * 4)
    haul(config)
    vendor.put(FakeFile("id-e", "e", content=b"e"))
    found = {(one.action, one.file_id) for one in plan(config)}
    assert found == {("fetch", "id-b"), ("fetch", "id-e")}
    assert sync(config).transferred == 2


def test_a_guard_withholds_what_a_feed_says_is_gone(vendor: FakeVendor, state: State) -> None:
    """Too many at once: rows and bytes of the others come, exit 7 in every run, until a person
    accepts; a file that comes back by then is not among them.
    """
    config = feed(vendor)
    config["resources"][0]["deletes"] = {"max": {"share": "10%", "always_allow": 1}}
    sync(config)
    kept = [vendor.files["id-a"], vendor.files["id-b"]]
    for name in "abc":
        vendor.remove(f"id-{name}")
    vendor.put(FakeFile("id-e", "e", content=b"e"))
    report = haul(config)
    assert (report.exit_code, report.deleted, report.transferred, report.rows) == (7, 0, 1, 1)
    assert "3 of 5 files are gone" in str(report.error)
    assert set(state().values()) == {THERE}
    vendor.put(kept[0])
    second = haul(config)
    assert (second.exit_code, second.deleted) == (7, 0)
    assert "2 of 5 files are gone" in str(second.error)
    first_id, second_id = accepted_ids(report), accepted_ids(second)
    with pytest.raises(UsageError, match="no deletes are withheld"):
        sync(config, accept_deletes=first_id)
    asked(vendor)
    report = sync(config, accept_deletes=second_id)
    assert (report.exit_code, report.deleted) == (0, 2)
    assert asked(vendor)[:3] == (0, 0, 1)
    found = state()
    assert [found[f"id-{name}"][0] for name in "abcde"] == [False, True, True, False, False]
    assert found["id-b"] == (True, "removed")
    assert sync(config).deleted == 0


def accepted_ids(report: Report) -> str:
    """The listing's id in the command that the guard's error gives."""
    found = re.search(r'accept_deletes="(\w+)"', str(report.error))
    assert found is not None
    return found[1]


@IN_MEMORY
def test_what_is_accepted_must_be_what_was_withheld(vendor: FakeVendor) -> None:
    """One of the files comes back in the very run that accepts: nothing goes, and it says so."""
    config = feed(vendor, content=None)
    config["resources"][0]["deletes"] = {"max": {"share": 0.1, "always_allow": 0}}
    sync(config)
    kept = vendor.files["id-a"]
    vendor.remove("id-a")
    vendor.remove("id-b")
    listing_id = accepted_ids(haul(config))
    vendor.put(kept)
    report = haul(config, accept_deletes=listing_id)
    assert (report.exit_code, report.deleted) == (7, 0)
    assert "nothing of it was accepted" in str(report.error)
    again = haul(config)
    assert "1 of 4 files are gone" in str(again.error)
    assert sync(config, accept_deletes=accepted_ids(again)).deleted == 1


def test_a_full_listing_settles_what_was_withheld(vendor: FakeVendor, state: State) -> None:
    """After an expired token the listing decides: what is there again is there."""
    config = feed(vendor, content=None)
    config["resources"][0]["deletes"] = {"max": {"share": 0.1, "always_allow": 1}}
    sync(config)
    kept = [vendor.files["id-a"], vendor.files["id-b"]]
    for file in kept:
        vendor.remove(file.file_id)
    assert haul(config).exit_code == 7
    vendor.put(kept[0])
    vendor.expire_changes()
    assert sync(config).deleted == 1
    assert state()["id-b"] == (True, "not_listed")
    assert ledger_rows("SELECT * FROM withheld_keys") == []
    assert ledger_rows("SELECT * FROM withheld") == []


def test_full_refresh_lists_everything_and_gives_a_new_token(
    vendor: FakeVendor, state: State
) -> None:
    """What the feed never told is found, what is missing is gone, and the next run is short."""
    config = feed(vendor, content=None)
    sync(config)
    vendor.remove("id-a")
    vendor.clear_requests()
    report = sync(config, full_refresh=True)
    assert (report.listed, report.deleted) == (3, 1)
    assert asked(vendor)[:3] == (3, 1, 0)
    assert state()["id-a"] == (True, "not_listed")
    assert sync(config).deleted == 0
    assert asked(vendor)[:3] == (0, 0, 1)


def test_every_version_of_a_feed_is_kept_in_a_history(vendor: FakeVendor) -> None:
    """``sync_type: history`` over a feed: what it does not tell of stays as it is."""
    config = feed(vendor, content=None)
    config["resources"][0]["sync_type"] = "history"
    sync(config)
    vendor.put(FakeFile("id-b", "b", content=b"other bytes"))
    vendor.remove("id-a")
    sync(config)
    assert asked(vendor)[:3] == (4, 1, 1)
    found = rows_of(
        "SELECT file_id, count(*), count(*) FILTER (_dlt_valid_to IS NULL), max(delete_reason)"
        " FROM acme_data.files GROUP BY file_id ORDER BY file_id"
    )
    assert found == [
        ("id-a", 2, 1, "removed"),
        ("id-b", 2, 1, None),
        ("id-c", 1, 1, None),
        ("id-d", 1, 1, None),
    ]


@IN_MEMORY
def test_a_first_listing_that_is_short_gives_no_token(vendor: FakeVendor) -> None:
    """The vendor's total says that a file is missing: no feed would ever tell of it, so the next
    run lists everything again.
    """
    config = feed(vendor, content=None)
    short = {"files": [{"file_id": "id-a"}], "total": 4}
    vendor.script("GET /v1/files*", Fault.json(short), Fault.json({"files": [], "total": 4}))
    vendor.script("GET /v1/files*", Fault.json({"files": [], "total": 4}), times=8)
    report = haul(config)
    vendor.clear_scripts()
    assert not report.complete
    assert ledger_rows("SELECT * FROM change_tokens") == []
    asked(vendor)
    assert sync(config).listed == 4
    assert asked(vendor)[1:3] == (1, 0)
    assert sync(config).complete
    assert asked(vendor)[:3] == (0, 0, 1)
