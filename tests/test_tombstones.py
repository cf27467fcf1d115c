"""Files that are gone at the vendor's: their rows say so, and keep what they had."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import duckdb
import pytest

from filehaul.testing import FakeFile, FakeVendor
from hauling import by_id, config_for, contents, files, rows_of, sync

FIELDS = {
    "file_id": "file_id",
    "file_name": "file_name",
    "size": "size",
    "modified_at": "modified_at",
    "checksum": {"sha256": "sha256"},
}
GONE = "SELECT file_id, deleted_at IS NOT NULL, delete_reason FROM acme_data.files"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each test in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def vendor() -> Iterator[FakeVendor]:
    """Four files, with columns of every type."""
    odd = FakeFile(
        "id-d", "d.txt", content=b"dd", extra={"tags": ["x", {"y": 1}], "n": 1.5, "ok": True}
    )
    with FakeVendor([*files("a", "b", "c"), odd]) as running:
        yield running


def without_fields(**more: Any) -> dict[str, Any]:
    """No mapping: the table has the vendor's own columns."""
    return more


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
