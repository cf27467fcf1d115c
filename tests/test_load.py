"""Rows: loaded when they change, loaded again when the destination has lost them, never twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from filehaul.config import load_config
from filehaul.errors import ConfigError, TemporaryError
from filehaul.load import Destination
from filehaul.report import Report
from filehaul.testing import FakeFile, FakeVendor, Fault
from hauling import config_for, files, haul, numbers, rows_of, sync
from loaded import OURS, whole

pytestmark = pytest.mark.usefixtures("own_folder")


@pytest.fixture
def vendor() -> Iterator[FakeVendor]:
    """Six files; one cannot be had, one has an odd time, and one record has no key."""
    odd = FakeFile("odd", "odd.txt", content=b"odd", extra={"modified_at": "yesterday"})
    keyless = FakeFile("keyless", "k.txt", content=b"k", extra={"file_id": None})
    with FakeVendor([*files("a", "b", "c"), FakeFile("no", "no.txt"), odd, keyless]) as running:
        running.script("/v1/files/no/content", Fault.status(404), times=Fault.always)
        yield running


def execute(*statements: str, database: str = "acme.duckdb") -> None:
    """Change the destination behind filehaul's back."""
    with duckdb.connect(database) as connection:
        for statement in statements:
            connection.execute(statement)


def test_rows_are_loaded_only_when_they_change(vendor: FakeVendor) -> None:
    """The second run loads no row of the catalogue; after one change, one; and says so."""
    assert sync(config_for(vendor)).rows == 5
    whole()
    first = rows_of("SELECT file_id, _dlt_load_id, first_seen_at FROM acme_data.files ORDER BY 1")
    assert sync(config_for(vendor)).rows == 0
    assert (
        rows_of("SELECT file_id, _dlt_load_id, first_seen_at FROM acme_data.files ORDER BY 1")
        == first
    )
    vendor.put(FakeFile("id-b", "b", content=b"changed"))
    assert sync(config_for(vendor)).rows == 1
    whole()
    after = rows_of("SELECT file_id, _dlt_load_id, first_seen_at FROM acme_data.files ORDER BY 1")
    assert [a == b for a, b in zip(first, after)] == [True, False, True, True, True]
    assert [row[2] for row in first] == [row[2] for row in after]
    assert rows_of("SELECT last_seen_at > first_seen_at FROM acme_data.files ORDER BY file_id") == [
        (False,),
        (True,),
        *[(False,)] * 3,
    ]


SLOW = pytest.mark.slow
LOSSES = {
    "the dataset": ["DROP SCHEMA acme_data CASCADE"],
    "the catalogue and rejected": ["DROP TABLE acme_data.files", "DROP TABLE acme_data.rejected"],
    "rows of the catalogue": ["DELETE FROM acme_data.files WHERE file_id IN ('id-a', 'odd')"],
    "all rows": [f"DELETE FROM acme_data.{table}" for table in ("files", *OURS)],
    "all tables of ours": [f"DROP TABLE acme_data.{table}" for table in OURS],
    "transfers": ["DROP TABLE acme_data.transfers"],
}


@pytest.mark.parametrize(
    "loss", [*list(LOSSES)[:3], *(pytest.param(one, marks=SLOW) for one in list(LOSSES)[3:])]
)
def test_what_the_destination_has_lost_is_loaded_again(vendor: FakeVendor, loss: str) -> None:
    """Dataset, tables or rows removed between two runs: all whole after the next, bytes kept."""
    sync(config_for(vendor))
    execute(*LOSSES[loss])
    report = sync(config_for(vendor))
    whole()
    assert numbers(report) == (0, 4, 0, 1)
    assert report.warnings, "it is said"
    assert report.exit_code == 3  # the record without a key is rejected again


def test_a_table_that_was_tidied_is_left_alone(vendor: FakeVendor) -> None:
    """Someone deletes old rows of a table that is appended to: they do not come back."""
    sync(config_for(vendor))
    execute("DELETE FROM acme_data.rejected WHERE key = 'odd'")
    assert sync(config_for(vendor)).warnings == []
    assert rows_of("SELECT count(*) FROM acme_data.rejected WHERE key = 'odd'") == [(0,)]


@SLOW
def test_the_database_file_is_gone(vendor: FakeVendor) -> None:
    """The DuckDB file removed: everything is loaded into a new one."""
    sync(config_for(vendor))
    Path("acme.duckdb").unlink()
    assert numbers(sync(config_for(vendor))) == (0, 4, 0, 1)
    whole()


def test_another_destination_and_back(vendor: FakeVendor) -> None:
    """Another file, another dataset, and the first again: each is whole, no byte is fetched."""
    sync(config_for(vendor))
    other = {"type": "duckdb", "credentials": "other.duckdb"}
    assert numbers(sync(config_for(vendor, destination=other))) == (0, 4, 0, 1)
    whole(database="other.duckdb")
    assert numbers(sync(config_for(vendor, dataset="second"))) == (0, 4, 0, 1)
    whole("second")
    vendor.put(FakeFile("id-b", "b", content=b"changed"))
    sync(config_for(vendor))
    whole()
    assert rows_of("SELECT size FROM acme_data.files WHERE file_id = 'id-b'") == [(7,)]


def test_dev_mode(vendor: FakeVendor) -> None:
    """dev_mode loads all into a dataset of its own; the usual one is whole before and after."""
    sync(config_for(vendor))
    sync(config_for(vendor), dev_mode=True)
    datasets = [
        name
        for (name,) in rows_of(
            "SELECT schema_name FROM information_schema.schemata WHERE catalog_name = 'acme'"
            " AND schema_name LIKE 'acme_data_2%' AND schema_name NOT LIKE '%staging'"
        )
    ]
    assert len(datasets) == 1
    whole(datasets[0])
    whole()
    sync(config_for(vendor))
    whole()


# -- dispositions ------------------------------------------------------------------------------


def disposition_rows(write_disposition: Any, content: Any) -> list[tuple[int, int]]:
    """(rows, different keys) after two runs over ten files, the second with one more."""
    with FakeVendor.of_records(10, size=5) as vendor:
        config = config_for(vendor, write_disposition=write_disposition, content=content)
        found = []
        for _ in range(2):
            sync(config)
            found += rows_of("SELECT count(*), count(DISTINCT file_id) FROM acme_data.files")
            vendor.put(FakeFile("more", "more"))
        vendor.remove("rec-3")
        vendor.remove("rec-4")
        sync(config)
        return found + rows_of("SELECT count(*), count(DISTINCT file_id) FROM acme_data.files")


CONTENT = {"path": "/v1/files/{file_id}/content"}


DELETE_INSERT = {"disposition": "merge", "strategy": "delete-insert"}
DISPOSITIONS = {
    "merge": ("merge", [(10, 10), (11, 11), (11, 11)]),
    "append": ("append", [(10, 10), (21, 11), (30, 11)]),
    "replace": ("replace", [(10, 10), (11, 11), (9, 9)]),
    "delete-insert": (DELETE_INSERT, [(10, 10), (11, 11), (11, 11)]),
}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("merge", None),
        ("append", None),
        ("replace", CONTENT),
        *(pytest.param(name, CONTENT, marks=SLOW) for name in ("merge", "append", "delete-insert")),
        *(pytest.param(name, None, marks=SLOW) for name in ("replace", "delete-insert")),
    ],
)
def test_write_dispositions_mean_what_dlt_means(name: str, content: Any) -> None:
    """merge keeps, append adds a listing a run, replace has the last listing; with bytes or not."""
    write_disposition, expected = DISPOSITIONS[name]
    assert disposition_rows(write_disposition, content) == expected


def test_replace_with_an_empty_listing_empties(vendor: FakeVendor) -> None:
    """A complete listing of nothing replaces the table by nothing, and is said."""
    config = config_for(vendor, write_disposition="replace", content=None)
    sync(config)
    for file_id in list(vendor.files):
        vendor.remove(file_id)
    report = sync(config)
    assert rows_of("SELECT count(*) FROM acme_data.files") == [(0,)]
    assert report.warnings == ["files: the vendor listed no files"]


@pytest.mark.parametrize("write_disposition", ["replace", pytest.param("append", marks=SLOW)])
def test_half_a_listing_is_not_loaded(write_disposition: str) -> None:
    """The second page fails: replace keeps the old table, append adds nothing; merge merges."""
    with FakeVendor.of_records(250, size=1) as vendor:
        config = config_for(vendor, write_disposition=write_disposition, content=None)
        sync(config)
        vendor.put(FakeFile("rec-5", "new-name"))
        vendor.script("GET /v1/files?*offset=100*", Fault.html())
        vendor.script("GET /v1/files?*offset=99*", Fault.html())  # a merge's pages overlap
        report = haul(config)
        assert (report.exit_code, report.complete, report.rows) == (8, False, 0)
        assert rows_of("SELECT count(*) FROM acme_data.files") == [(250,)]
        assert rows_of("SELECT count(*) FROM acme_data.files WHERE file_name = 'new-name'") == [
            (0,)
        ]
        merge = config_for(vendor, content=None, dataset="merged")
        report = haul(merge)
        vendor.assert_all_fired()
        assert (report.exit_code, report.rows) == (8, 100)
        assert rows_of("SELECT count(*) FROM merged.files") == [(100,)]
        complete, why = rows_of(
            "SELECT complete, why_not FROM merged.listings ORDER BY started_at"
        )[-1]
        assert complete is False
        assert "not JSON" in why


# -- columns -----------------------------------------------------------------------------------


def test_a_column_that_appears_later() -> None:
    """A new field in the second run and in a late page: the column comes, old rows have NULL."""
    with FakeVendor.of_records(250, size=1) as vendor:
        config = config_for(vendor, content=None)
        vendor.put(FakeFile("rec-240", "x", extra={"colour": "red"}))
        sync(config)
        query = "SELECT colour, count(*) FROM acme_data.files GROUP BY 1 ORDER BY 1"
        assert rows_of(query) == [("red", 1), (None, 249)]
        vendor.put(FakeFile("rec-0", "x", extra={"colour": "blue", "Weight in kg": 2.5}))
        assert sync(config).rows == 1
        assert rows_of(query) == [("blue", 1), ("red", 1), (None, 248)]
        assert rows_of("SELECT sum(weight_in_kg) FROM acme_data.files") == [(2.5,)]


def test_a_bad_value_is_null_and_told(vendor: FakeVendor) -> None:
    """One value that is no time: NULL in its row, one row in rejected; the file is copied."""
    sync(config_for(vendor))
    query = "SELECT key, field, value, page, connection, resource FROM acme_data.rejected"
    assert rows_of(f"{query} WHERE field = 'modified_at'") == [
        ("odd", "modified_at", "yesterday", 1, "acme", "files")
    ]
    assert rows_of("SELECT modified_at FROM acme_data.files WHERE file_id = 'odd'") == [(None,)]
    assert Path("files/odd.txt").read_bytes() == b"odd"


# -- a destination that cannot be used ---------------------------------------------------------


def test_a_locked_database_is_said_before_anything_is_asked(vendor: FakeVendor) -> None:
    """Another process has the DuckDB file: exit 6, in words, and no request to the vendor."""
    import subprocess
    import sys

    sync(config_for(vendor))
    vendor.clear_requests()
    hold = "import duckdb, sys; c = duckdb.connect('acme.duckdb'); print(1, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        report = haul(config_for(vendor))
        process.communicate(b"\n")
    assert report.exit_code == 6
    assert isinstance(report.error, TemporaryError)
    assert "in use by another process" in report.error.message
    assert "Could not set lock" in report.error.message
    assert vendor.request_count == 0
    assert haul(config_for(vendor)).error is None
    whole()


def refused(destination: Any) -> ConfigError:
    """The error that a sync to this destination raises, before it asks the vendor."""
    with FakeVendor(files("a")) as vendor:
        with pytest.raises(ConfigError) as caught:
            sync(config_for(vendor, destination=destination))
        assert vendor.request_count == 0
    assert caught.value.exit_code == 4
    return caught.value


def test_a_destination_whose_packages_are_missing() -> None:
    """dlt's extra is not installed: exit 4, and what to install."""
    login = "clickhouse://loader:hidden-password@127.0.0.1:1/warehouse"
    error = refused({"type": "clickhouse", "credentials": login})
    assert "needs packages that are not installed" in error.message
    assert error.hint == 'pip install "dlt[clickhouse]"'


def test_a_destination_that_dlt_does_not_know() -> None:
    """A name that is none: exit 4, and the name."""
    assert "no destination named duckdbb" in refused("duckdbb").message


def test_a_destination_without_credentials() -> None:
    """dlt finds no settings for it: exit 4, and where to put them."""
    error = refused("postgres")
    assert "not configured" in error.message
    assert "secrets.toml" in error.hint


def test_a_destination_that_cannot_merge(own_folder: Path) -> None:
    """Files in a folder: merge would silently append, so it is refused; append works."""
    lake = {"type": "filesystem", "bucket_url": (own_folder / "lake").as_uri()}
    assert "cannot merge rows" in refused(lake).message
    with FakeVendor(files("a", "b")) as vendor:
        config = config_for(vendor, destination=lake, write_disposition="replace")
        for _ in range(2):
            assert sync(config).rows == 2
        found = duckdb.sql(f"SELECT file_id FROM '{own_folder}/lake/acme_data/files/*.parquet'")
        assert sorted(found.fetchall()) == [("id-a",), ("id-b",)]


def test_memory_limit_is_applied(vendor: FakeVendor) -> None:
    """DuckDB works within memory_limit, 1 GB unless the config says otherwise."""
    for more, expected in (({}, "953.6 MiB"), ({"memory_limit": "300MB"}, "286.1 MiB")):
        with Destination(load_config(config_for(vendor, **more))) as destination:
            [(limit,)] = destination.sql("SELECT current_setting('memory_limit')")
            assert limit == expected


def test_no_sink_is_a_catalogue_only(vendor: FakeVendor) -> None:
    """Without content: rows only, no content asked, no sink made, no table of transfers."""
    report: Report = sync(config_for(vendor, content=None))
    assert (report.rows, report.listed, report.transferred, report.unchanged) == (5, 5, 0, 0)
    assert vendor.count("*/content") == 0
    assert not Path("files").exists()
    tables = rows_of("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'acme_data'")
    assert {name for (name,) in tables if not name.startswith("_")} == {
        "files",
        "listings",
        "rejected",
    }
