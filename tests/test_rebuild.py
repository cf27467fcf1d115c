"""The ledger is lost, or the machine is another one: what was loaded and fetched is known again."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from typing import Any

import duckdb
import pytest

import filehaul
from destinations import Place, parquet
from filehaul import spine
from filehaul.config import load_config
from filehaul.errors import TemporaryError
from filehaul.ledger import RebuiltBook
from filehaul.load import Destination
from filehaul.rebuild import rebuild
from filehaul.testing import FakeFile, FakeVendor, Fault
from hauling import config_for, files, haul, ledger_rows, numbers, rows_of, sink_files, sync
from test_changes_sync import FEED
from test_destinations import each, rows_there

pytestmark = pytest.mark.xdist_group("destinations")  # one process starts the server


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own, with DuckDB in it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def forget(only_the_ledger: bool = False) -> None:
    """Another machine: nothing is left of the runs before, but the sink and the destination."""
    if only_the_ledger:
        for path in Path(".filehaul").glob("acme.sqlite*"):
            path.unlink()
    else:
        shutil.rmtree(".filehaul")


def vendor_of(*names: str) -> FakeVendor:
    """Files of these names, with values that databases write in their own ways."""
    many: dict[str, Any] = {
        "number": 12345678901,
        "share": 0.1,
        "yes": True,
        "nothing": None,
        "list": [{"b": 1.5, "a": "é"}, None],
        "text": 'line\nß "quoted" \' 100%',
    }
    return FakeVendor(
        [FakeFile(f"id-{name}", name, content=b"#" * 20, extra=many) for name in names]
    )


def everything(there: Place, config: dict[str, Any], table: str) -> list[Any]:
    """All rows of a table, without what dlt adds."""
    columns = {
        "files": "file_id, number, share, yes, text, modified_at, first_seen_at, last_seen_at,"
        " deleted_at, delete_reason",
        "transfers": "file_id, status, fingerprint, sink_url, size, sha256, verified_by, attempts,"
        " finished_at, listing_id, recorded_at",
        "listings": "listing_id, resource, started_at, rows, complete, how, recorded_at",
    }[table]
    return sorted(rows_there(there, config, columns, table), key=repr)


# -- nothing is fetched, loaded or told again --------------------------------------------------


@each("duckdb", "postgres", "ducklake")
@pytest.mark.parametrize("only_the_ledger", [False, True])
def test_a_machine_that_knows_nothing(there: Place, only_the_ledger: bool) -> None:
    """The next run fetches nothing and loads no row of the catalogue; every row is as it was,
    tombstones too; what is deleted meanwhile gets its tombstone, and comes back later.
    """
    with vendor_of("a", "b", "c", "d") as vendor:
        config = config_for(vendor, destination=there.block)
        sync(config)
        vendor.remove("id-d")
        assert sync(config).deleted == 1
        before = {table: everything(there, config, table) for table in ("files", "transfers")}
        listed = everything(there, config, "listings")
        forget(only_the_ledger)
        vendor.clear_requests()
        report = sync(config)
        assert report.warnings == [
            "the ledger was new: 3 files and 4 receipts were taken over from the destination's "
            "tables"
        ]
        assert (numbers(report), report.deleted) == ((0, 3, 0, 0), 0)
        assert report.resources["files"].rows == 0
        assert vendor.count("*/content") == 0
        for table, rows in before.items():
            assert everything(there, config, table) == rows
        assert set(listed) < set(everything(there, config, "listings"))
        assert sync(config).warnings == []
        forget(only_the_ledger)
        vendor.remove("id-c")
        report = sync(config)
        assert (numbers(report), report.deleted) == ((0, 2, 0, 0), 1)
        query = "SELECT file_id, delete_reason FROM {table} WHERE deleted_at IS NOT NULL ORDER BY 1"
        gone = [("id-c", "not_listed"), ("id-d", "not_listed")]
        assert there.rows(config, query) == gone
        vendor.put(FakeFile("id-d", "d", content=b"it is back"))
        forget(only_the_ledger)
        assert numbers(sync(config)) == (1, 2, 0, 0)
        assert there.rows(config, query) == gone[:1]
    query = "SELECT count(*), count(DISTINCT file_id) FROM {table}"
    assert there.rows(config, query) == [(4, 4)]
    assert there.rows(config, query, "transfers") == [(4, 4)]


@each("filesystem")
@pytest.mark.parametrize("disposition", ["replace", "append"])
def test_tables_of_parquet(there: Place, disposition: str) -> None:
    """Nothing is fetched again; the table has what it would have; receipts and listings stay."""
    with vendor_of("a", "b") as vendor:
        config = config_for(vendor, destination=there.block, write_disposition=disposition)
        for round_ in (1, 2, 3, 4):
            report = sync(config)
            assert numbers(report) == ((2, 0, 0, 0) if round_ == 1 else (0, 2, 0, 0))
            if round_ < 3:
                forget()
        assert vendor.count("*/content") == 2
    many = 8 if disposition == "append" else 2
    assert parquet("files", "count(*), count(DISTINCT file_id)") == [(many, 2)]
    assert parquet("transfers", "count(*), count(DISTINCT file_id)") == [(2, 2)]
    assert parquet("listings", "count(*), count(DISTINCT listing_id)") == [(4, 4)]
    # Each file was first seen when the first listing began.
    started = parquet("listings", "min(started_at)")
    assert parquet("files", "DISTINCT first_seen_at") == started


@each("duckdb", "postgres", "filesystem")
@pytest.mark.parametrize("content", [True, False])
def test_rows_that_are_appended_come_once(there: Place, content: bool) -> None:
    """incremental_append after the ledger was lost: only what is new, or has changed."""
    more: dict[str, Any] = {} if content else {"content": None}
    with vendor_of("a", "b") as vendor:
        config = config_for(
            vendor,
            destination=there.block,
            write_disposition="append",
            endpoint={"incremental": {"cursor_path": "modified_at"}},
            **more,
        )
        assert sync(config).resources["files"].rows == 2
        forget()
        assert sync(config).resources["files"].rows == 0
        forget()
        vendor.put(FakeFile("id-b", "b", content=b"another version"))
        vendor.put(FakeFile("id-c", "c", content=b"new"))
        assert sync(config).resources["files"].rows == 2
        assert sync(config).resources["files"].rows == 0
    rows = rows_there(there, config, "file_id, size", "files")
    assert sorted(rows) == [("id-a", 20), ("id-b", 15), ("id-b", 20), ("id-c", 3)]


@each("duckdb", "postgres")
def test_a_history_stays_as_it_is(there: Place) -> None:
    """No second version of a row that did not change; a deleted file's tombstone is the last."""
    with vendor_of("a", "b", "c") as vendor:
        config = config_for(vendor, destination=there.block, sync_type="history")
        sync(config)
        vendor.put(FakeFile("id-b", "b", content=b"another version"))
        vendor.remove("id-c")
        sync(config)
        query = "SELECT file_id, size, row_version, deleted_at FROM {table} ORDER BY 1, 2, 3"
        before = there.rows(config, query)
        forget()
        assert sync(config).resources["files"].rows == 0
        assert there.rows(config, query) == before
        vendor.put(FakeFile("id-a", "a", content=b"changed"))
        assert sync(config).resources["files"].rows == 1
    counts = "SELECT file_id, count(*) FROM {table} GROUP BY 1 ORDER BY 1"
    assert there.rows(config, counts) == [("id-a", 2), ("id-b", 2), ("id-c", 2)]


FIELDS = {
    "file_id": "id",
    "drive_id": "drive",
    "file_name": "file_name",
    "size": "size",
    "modified_at": "modified_at",
    "checksum": {"sha256": "sha256"},
}


@pytest.mark.usefixtures("alone")
def test_neutral_columns_and_keys_of_two() -> None:
    """With `fields` and a key of drive and file: known again, also a file outside any drive."""
    drives = [None, "x", "xy"]
    many = [
        FakeFile(f"{n}", f"{n}.txt", content=b"%d" % n, extra={"id": f"f{n}", "drive": drive})
        for n, drive in enumerate(drives)
    ]
    with FakeVendor(many) as vendor:
        config = config_for(
            vendor,
            primary_key=["drive_id", "file_id"],
            fields=FIELDS,
            content={"url_field": "link"},
        )
        for one in list(vendor.files.values()):
            url = vendor.content_url(one.file_id)
            extra = {**one.extra, "link": url}
            vendor.put(FakeFile(one.file_id, one.file_name, content=one.content, extra=extra))
        assert numbers(sync(config)) == (3, 0, 0, 0)
        forget()
        report = sync(config)
    assert (numbers(report), report.resources["files"].rows) == ((0, 3, 0, 0), 0)
    assert ledger_rows("SELECT key FROM transfers ORDER BY key") == [
        ('["","f0"]',),
        ('["x","f1"]',),
        ('["xy","f2"]',),
    ]


@pytest.mark.usefixtures("alone")
def test_columns_keep_their_types() -> None:
    """A column that was a number stays one, although the first value that comes now is text."""
    with FakeVendor(files("a", "b")) as vendor:
        vendor.put(FakeFile("id-a", "a", extra={"grade": 1}))
        config = config_for(vendor)
        sync(config)
        vendor.put(FakeFile("id-a", "a", extra={"grade": "none"}))
        forget()
        sync(config)
        vendor.put(FakeFile("id-b", "b", extra={"grade": 7}))
        forget()
        sync(config)
    query = "SELECT file_id, grade, grade__v_text FROM acme_data.files ORDER BY 1"
    assert rows_of(query) == [("id-a", None, "none"), ("id-b", 7, None)]


# -- what is believed ---------------------------------------------------------------------------


@pytest.mark.usefixtures("alone")
def test_a_file_is_trusted_if_the_sink_agrees() -> None:
    """One was removed, one cut, one is elsewhere: these are fetched, the others are not."""
    with vendor_of("a", "b", "c", "d") as vendor:
        for name in "abcd":  # without checksums: only the receipt knows the bytes
            extra = {"sha256": ...}
            vendor.put(FakeFile(f"id-{name}", name, content=name.encode() * 30, extra=extra))
        config = config_for(vendor)
        sync(config)
        good = sink_files()
        Path("files/a").unlink()
        Path("files/b").write_bytes(b"cut")
        Path("files/c").rename("files/elsewhere")
        forget()
        vendor.clear_requests()
        report = sync(config)
        assert numbers(report) == (3, 1, 0, 0)
        assert report.warnings[0].endswith(
            "; the bytes of 3 are not in the sink, and fetched again"
        )
        assert vendor.count("/v1/files/id-d/content") == 0
    assert {**good, "elsewhere": b"c" * 30} == sink_files()
    assert rows_of("SELECT DISTINCT status FROM acme_data.transfers") == [("done",)]
    found = filehaul.verify(config)
    assert (found.equal, found.missing, found.different, found.extra) == (4, 0, 0, 1)


@pytest.mark.usefixtures("alone")
def test_an_empty_sink_is_filled() -> None:
    """The runner's disk was its sink: the rows stay, the bytes are fetched once more."""
    with vendor_of("a", "b") as vendor:
        config = config_for(vendor)
        sync(config)
        good = sink_files()
        shutil.rmtree("files")
        forget()
        report = sync(config)
        assert (numbers(report), report.resources["files"].rows) == ((2, 0, 0, 0), 0)
    assert sink_files() == good


@pytest.mark.usefixtures("alone")
def test_a_parked_file_stays_parked() -> None:
    """What failed for good is not asked for by every new machine: its days go on, exit 0."""
    with vendor_of("a", "b") as vendor:
        vendor.script("/v1/files/id-b/content", Fault.status(404), times=2)
        config = config_for(vendor)
        assert haul(config).exit_code == 3
        assert haul(config, retry_failed=True).exit_code == 3
        vendor.assert_all_fired()
        for _ in range(2):
            forget()
            report = haul(config)
            assert (report.exit_code, numbers(report)) == (0, (0, 1, 0, 1))
        query = "SELECT failures, (retry_at - recorded_at) / 86400000000 FROM transfers"
        assert ledger_rows(f"{query} WHERE status = 'parked'") == [(2, 2)]
        forget()
        assert numbers(haul(config, retry_failed=True)) == (1, 1, 0, 0)
    assert rows_of("SELECT count(*) FROM acme_data.transfer_errors") == [(2,)]


@pytest.mark.usefixtures("alone")
def test_rows_of_another_connection_are_not_ours() -> None:
    """Two connections load into one table: whoever is new takes over its own rows alone, and does
    not take the other's for deleted.
    """
    with vendor_of("a", "b") as one, vendor_of("x", "y", "z") as other:
        shared = {
            "destination": {"type": "duckdb", "credentials": "both.duckdb"},
            "dataset": "shared",
        }
        ours = config_for(one, **shared)
        theirs = config_for(other, name="other", sink="others", **shared)
        sync(ours)
        sync(theirs)
        forget()
        reports = [sync(ours), sync(theirs)]
    assert [numbers(report) for report in reports] == [(0, 2, 0, 0), (0, 3, 0, 0)]
    assert [report.deleted for report in reports] == [0, 0]
    assert "2 files and 2 receipts" in reports[0].warnings[0]
    query = "SELECT count(*) FROM shared.files WHERE deleted_at IS NULL"
    assert rows_of(query, "both.duckdb") == [(5,)]


@pytest.mark.usefixtures("alone")
def test_the_guard_holds_on_a_new_machine() -> None:
    """An empty answer to a machine that knows nothing: exit 7, no tombstone."""
    with vendor_of("a", "b") as vendor:
        config = config_for(vendor)
        sync(config)
        forget()
        vendor.remove("id-a")
        vendor.remove("id-b")
        assert haul(config).exit_code == 7
    assert rows_of("SELECT count(*) FROM acme_data.files WHERE deleted_at IS NULL") == [(2,)]


@pytest.mark.usefixtures("alone")
def test_the_newest_receipt_counts() -> None:
    """Several receipts of one file, as a destination that appends has them, in any order: only the
    newest is believed, and a row about nobody's file does no harm.
    """
    with vendor_of("a", "b") as vendor:
        config = config_for(vendor)
        sync(config)
        table = "acme_data.transfers"
        older = "* REPLACE (recorded_at - INTERVAL 1 DAY AS recorded_at, repeat('0', 64) AS sha256,"
        with duckdb.connect("acme.duckdb") as warehouse:
            for change in ("7 AS size, 'gone' AS status)", "'failed' AS status)"):
                warehouse.execute(f"INSERT INTO {table} SELECT {older} {change} FROM {table}")
            stray = "* REPLACE ('nobody' AS file_id)"
            warehouse.execute(f"INSERT INTO {table} SELECT {stray} FROM {table} LIMIT 1")
        before = ledger_rows("SELECT key, status, size, sha256 FROM transfers ORDER BY key")
        forget()
        assert numbers(sync(config)) == (0, 2, 0, 0)
    assert ledger_rows("SELECT key, status, size, sha256 FROM transfers ORDER BY key") == before


# -- all or nothing ------------------------------------------------------------------------------


@pytest.mark.usefixtures("alone")
def test_broken_off_it_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dead or cancelled in the middle: the ledger is as new, and the next run does it whole."""
    with vendor_of("a", "b") as vendor:
        config = config_for(vendor)
        sync(config)
        forget()

        class Killed(BaseException):
            pass

        def die(*_: object) -> None:
            raise Killed

        with monkeypatch.context() as patched:
            patched.setattr(RebuiltBook, "receipts", die)
            with pytest.raises(Killed):
                haul(config)
        assert ledger_rows("SELECT count(*) FROM files") == [(0,)]
        with monkeypatch.context() as patched:
            patched.setattr(spine, "rebuild", _cancelled)
            assert haul(config).exit_code == 130
        assert ledger_rows("SELECT count(*) FROM listings") == [(0,)]
        report = sync(config)
        assert (numbers(report), len(report.warnings)) == ((0, 2, 0, 0), 1)


def _cancelled(*arguments: Any) -> list[str]:
    return rebuild(*arguments[:-1], lambda: True)


@pytest.mark.usefixtures("alone")
def test_a_new_connection_has_nothing_to_take_over() -> None:
    """No dataset: no word of it. A ledger that has listed is never filled, whatever it has."""
    with vendor_of("a") as vendor:
        config = config_for(vendor)
        assert sync(config).warnings == []
        with sqlite3.connect(".filehaul/acme.sqlite") as ledger:
            ledger.execute("DELETE FROM meta WHERE name = 'rebuilt'")
        assert sync(config).warnings == []
    assert vendor.count("*/content") == 1


@pytest.mark.server
@each("postgres")
def test_a_destination_that_is_away(there: Place) -> None:
    """It cannot be asked: exit 6 before the vendor is, and the next run takes over."""
    with vendor_of("a") as vendor:
        config = config_for(vendor, destination=there.block)
        sync(config)
        forget()
        asked = vendor.request_count
        away = {"type": "postgres", "credentials": "postgresql://loader:x@127.0.0.1:9/postgres"}
        report = haul({**config, "destination": away})
        assert isinstance(report.error, TemporaryError)
        assert (report.exit_code, vendor.request_count) == (6, asked)
        assert numbers(sync(config)) == (0, 1, 0, 0)


@each("postgres")
def test_many_rows_come_in_batches(there: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of seven rows, of forty: each once."""
    monkeypatch.setattr("filehaul.load.reader._BATCH", 7)
    monkeypatch.setattr("filehaul.rebuild._STRETCH", 5)
    with FakeVendor.of_records(40, size=1) as vendor:
        config = config_for(vendor, destination=there.block, content=None)
        sync(config)
        forget()
        assert sync(config).rows == 0
    assert ledger_rows("SELECT count(*), count(DISTINCT first_seen) FROM files") == [(40, 1)]
    with Destination(load_config(config)) as destination:
        reader = destination.reader()
        assert reader is not None
        rows = list(reader.catalogue("files", ["file_id"], "1 = 1"))
    assert len(rows) == len({row["file_id"] for row in rows}) == 40


# -- change feeds --------------------------------------------------------------------------------


def feeding(vendor: FakeVendor, **more: Any) -> dict[str, Any]:
    """A config whose resource has a change feed. ``more`` goes into its block."""
    config = config_for(vendor)
    config["resources"][0]["changes"] = {**FEED, **more}
    return config


@pytest.mark.usefixtures("alone")
def test_a_lost_change_token() -> None:
    """Everything is listed once more, and makes no tombstone; what it missed, the next listing of
    everything decides; from then on the feed tells.
    """
    with FakeVendor(files("a", "b", "c"), page_cap=2) as vendor:
        config = feeding(vendor)
        sync(config)
        forget()
        vendor.remove("id-c")
        found = []
        for _ in range(3):
            vendor.clear_requests()
            report = sync(config)
            whole = vendor.count("/v1/files") > 0
            found.append((whole, report.deleted, numbers(report)[0], report.rows > 5))
        assert found == [(True, 0, 0, False), (True, 1, 0, False), (False, 0, 0, False)]
        # Where nothing is missing, one listing is enough.
        forget()
        sync(config)
        vendor.clear_requests()
        sync(config)
        assert vendor.count("/v1/files") == 0
    query = "SELECT file_id FROM acme_data.files WHERE deleted_at IS NOT NULL"
    assert rows_of(query) == [("id-c",)]


@pytest.mark.usefixtures("alone")
def test_a_change_token_that_is_kept() -> None:
    """With keep_token a new machine goes on where the last one stopped: only changes are asked, and
    what went meanwhile is told by the feed.
    """
    with FakeVendor(files("a", "b", "c"), page_cap=2) as vendor:
        config = feeding(vendor, keep_token=True)
        sync(config)
        forget()
        vendor.remove("id-c")
        vendor.put(FakeFile("id-b", "b", content=b"another version"))
        vendor.clear_requests()
        report = sync(config)
        assert (numbers(report), report.deleted) == ((1, 1, 0, 0), 1)
        assert vendor.count("/v1/files") == 0
        assert sink_files()["b"] == b"another version"
        # Of a listing that failed there is none: then everything is listed.
        vendor.script("/v1/changes", Fault.status(404))
        assert haul(config).exit_code == 8
        vendor.assert_all_fired()
        forget()
        sync(config)
        assert vendor.count("/v1/files") > 0


@pytest.mark.usefixtures("alone")
def test_bytes_that_files_share() -> None:
    """Layout by_hash: each of the files that share bytes has its receipt again, and none is
    fetched, also where no listing tells of them.
    """
    made = [FakeFile(f"f{n}", f"{n}.txt", content=b"shared") for n in range(3)]
    with FakeVendor(made, page_cap=2) as vendor:
        config = feeding(vendor, keep_token=True)
        config["resources"][0]["content"]["layout"] = "by_hash"
        assert numbers(sync(config)) == (3, 0, 0, 0)
        forget()
        vendor.clear_requests()
        assert numbers(sync(config)) == (0, 3, 0, 0)
        assert (vendor.count("/v1/files"), vendor.count("/v1/files/*/content")) == (0, 0)
        assert ledger_rows("SELECT count(*) FROM paths") == [(0,)]
    assert list(sink_files().values()) == [b"shared"]
