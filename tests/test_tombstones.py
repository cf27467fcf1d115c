"""Files that are gone at the vendor's: their rows say so, and keep what they had."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import duckdb
import pytest

from filehaul.testing import FakeFile, FakeVendor, Fault
from hauling import by_id, config_for, contents, files, haul, rows_of, sync

pytestmark = pytest.mark.usefixtures("own_folder")

FIELDS = {
    "file_id": "file_id",
    "file_name": "file_name",
    "size": "size",
    "modified_at": "modified_at",
    "checksum": {"sha256": "sha256"},
}
GONE = "SELECT file_id, deleted_at IS NOT NULL, delete_reason FROM acme_data.files"


@pytest.fixture
def vendor() -> Iterator[FakeVendor]:
    """Four files, with columns of every type."""
    odd = FakeFile(
        "id-d", "d.txt", content=b"dd", extra={"tags": ["x", {"y": 1}], "n": 1.5, "ok": True}
    )
    with FakeVendor([*files("a", "b", "c"), odd]) as running:
        yield running


def row_of(file_id: str) -> dict[str, Any]:
    """One row of the catalogue, column to value, without dlt's own."""
    with duckdb.connect("acme.duckdb", read_only=True) as connection:
        cursor = connection.execute("SELECT * FROM acme_data.files WHERE file_id = ?", [file_id])
        names = [column[0] for column in cursor.description]
        rows = cursor.fetchall()
    assert len(rows) == 1, rows
    return {k: v for k, v in zip(names, rows[0]) if not k.startswith("_dlt")}


@pytest.mark.parametrize("fields", [None, FIELDS], ids=["vendor's columns", "fields"])
def test_a_file_that_is_gone_becomes_a_tombstone(vendor: FakeVendor, fields: Any) -> None:
    """deleted_at is the listing's start, the reason not_listed, and every other column stays."""
    more = {} if fields is None else {"fields": fields}
    sync(config_for(vendor, **more))
    before = row_of("id-d")
    vendor.remove("id-d")
    start = datetime.now(timezone.utc)
    report = sync(config_for(vendor, **more))
    assert (report.deleted, report.rows, report.exit_code) == (1, 1, 0)
    after = row_of("id-d")
    [(listing_start,)] = rows_of("SELECT max(started_at) FROM acme_data.listings")
    assert start <= after["deleted_at"] == listing_start
    assert after == {**before, "deleted_at": listing_start, "delete_reason": "not_listed"}
    assert by_id(rows_of(GONE)) == {
        **{f"id-{one}": (False, None) for one in "abc"},
        "id-d": (True, "not_listed"),
    }
    again = sync(config_for(vendor, **more))
    assert (again.deleted, again.rows, again.listed) == (0, 0, 3)


def test_a_file_that_comes_back_is_there_again(vendor: FakeVendor) -> None:
    """The same file, and a changed one: no tombstone, first_seen_at as it was, bytes as needed."""
    sync(config_for(vendor))
    before = row_of("id-a")
    removed = [vendor.files[one] for one in ("id-a", "id-b")]
    for one in removed:
        vendor.remove(one.file_id)
    assert sync(config_for(vendor)).deleted == 2
    vendor.put(removed[0])
    vendor.put(FakeFile("id-b", "b", content=b"other"))
    asked = contents(vendor)
    report = sync(config_for(vendor))
    assert (report.deleted, report.rows, report.transferred, report.unchanged) == (0, 2, 1, 3)
    assert contents(vendor) == asked + 1
    after = row_of("id-a")
    assert after == {**before, "last_seen_at": after["last_seen_at"]}
    assert row_of("id-b")["size"] == 5
    assert set(by_id(rows_of(GONE)).values()) == {(False, None)}


BREAKS = {
    "a page that is refused": (Fault.status(400), 8),
    "an error in the place of the files": (Fault.json({"error": "try later"}), 8),
    "a login page": (Fault.html(), 8),
    "a vendor that is down": (Fault.status(503), 6),
}


@pytest.mark.parametrize("what", BREAKS)
def test_a_listing_that_is_not_whole_makes_no_tombstone(vendor: FakeVendor, what: str) -> None:
    """Pages that fail or are something else: nothing that is missing there counts as gone."""
    sync(config_for(vendor))
    vendor.remove("id-a")
    fault, code = BREAKS[what]
    vendor.script("/v1/files", *([fault] * (4 if code == 6 else 1)))
    report = haul(config_for(vendor))
    assert (report.exit_code, report.deleted, report.complete) == (code, 0, False)
    vendor.assert_all_fired()
    assert rows_of(f"{GONE} WHERE deleted_at IS NOT NULL") == []
    assert sync(config_for(vendor)).deleted == 1


def test_a_record_without_a_key_makes_no_tombstone(vendor: FakeVendor) -> None:
    """It may be the file that is missing: so nothing counts as gone before it has a key."""
    sync(config_for(vendor))
    vendor.remove("id-a")
    vendor.put(FakeFile("keyless", "k.txt", content=b"k", extra={"file_id": None}))
    report = haul(config_for(vendor))
    assert (report.exit_code, report.rejected, report.deleted) == (3, 1, 0)
    vendor.remove("keyless")
    assert sync(config_for(vendor)).deleted == 1


def test_a_dataset_that_is_dropped_gets_its_tombstones_again(vendor: FakeVendor) -> None:
    """Rows and tombstones, with all their columns, and the same deleted_at."""
    config = config_for(vendor)
    sync(config)
    vendor.remove("id-d")
    sync(config)
    before = row_of("id-d")
    with duckdb.connect("acme.duckdb") as connection:
        connection.execute("DROP SCHEMA acme_data CASCADE")
    report = sync(config)
    assert report.warnings
    assert report.rows == 4
    assert row_of("id-d") == before
    assert rows_of("SELECT count(*) FROM acme_data.files") == [(4,)]


@pytest.mark.parametrize("fields", [None, {**FIELDS, "drive_id": "drive"}], ids=["own", "fields"])
def test_keys_of_several_columns(fields: Any) -> None:
    """drive and number together are the key: the right row becomes a tombstone."""
    made = [
        FakeFile(f"{drive}{n}", f"{n}.txt", content=b"x", extra={"drive": drive, "n": n})
        for drive in ("x", "y")
        for n in (1, 2)
    ]
    keys = ["drive", "n"] if fields is None else ["drive_id", "file_id"]
    with FakeVendor(made) as vendor:
        config = config_for(vendor, content=None, **({} if fields is None else {"fields": fields}))
        config["resource_defaults"]["primary_key"] = keys
        sync(config)
        vendor.remove("x2")
        assert sync(config).deleted == 1
        name = "drive || n" if fields is None else "file_id"
        gone = f"SELECT {name} FROM acme_data.files WHERE deleted_at IS NOT NULL"
        assert rows_of(gone) == [("x2",)]
        assert rows_of("SELECT count(*) FROM acme_data.files") == [(4,)]
        assert sync(config).rows == 0


def test_a_file_whose_row_never_arrived(
    vendor: FakeVendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen, never loaded, and gone: its tombstone has the key, and the run does not stumble."""
    from filehaul.load import Destination

    sync(config_for(vendor))
    vendor.put(FakeFile("id-e", "e", content=b"e"))
    with monkeypatch.context() as patch:
        patch.setattr(Destination, "load", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            haul(config_for(vendor))
    vendor.remove("id-e")
    vendor.remove("id-a")
    assert sync(config_for(vendor)).deleted == 2
    found = by_id(rows_of("SELECT file_id, file_name, delete_reason FROM acme_data.files"))
    assert found["id-e"] == (None, "not_listed")
    assert found["id-a"] == ("a", "not_listed")


def test_told_by_the_vendor(vendor: FakeVendor) -> None:
    """What a feed tells goes the same way: reason and time as told, unknown keys left alone."""
    from filehaul.ledger import Ledger, micros

    config = config_for(vendor)
    sync(config)
    at = datetime(2026, 1, 2, tzinfo=timezone.utc)
    vendor.remove("id-b")
    with Ledger.open(Path(".filehaul/acme.sqlite")) as ledger, ledger.transaction():
        assert ledger.files.tombstone("files", ["id-b", "who"], micros(at), "trashed") == 1
        assert ledger.files.tombstone("files", ["id-b"], micros(at), "removed") == 0
    report = sync(config)
    assert (report.deleted, report.rows) == (0, 1)
    gone = "SELECT file_id, deleted_at, delete_reason, file_name FROM acme_data.files"
    assert rows_of(f"{gone} WHERE deleted_at IS NOT NULL") == [("id-b", at, "trashed", "b")]
