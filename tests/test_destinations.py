"""The same loads into DuckDB, PostgreSQL, DuckLake and Parquet files: the same rows in each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from by_hand import GONE, ByHand, bare_config
from destinations import MERGING, Place, parquet
from filehaul.check import check
from filehaul.config import load_config
from filehaul.errors import ConfigError
from filehaul.load import examined
from filehaul.testing import FakeFile, FakeVendor, Fault
from hauling import config_for, files, haul, names_in, numbers, sync
from page_vendor import vendor_of as pages_of
from test_bad_input import config as bad_input_config
from test_load_kills import MOMENTS, killed

pytestmark = pytest.mark.xdist_group("destinations")  # one process starts the server


def each(*names: str) -> Any:
    """Run the test for each of these destinations. DuckLake takes seconds a load."""
    marks = {"postgres": [pytest.mark.server], "ducklake": [pytest.mark.slow]}
    params = [pytest.param(name, marks=marks.get(name, [])) for name in names]
    return pytest.mark.parametrize("there", params, indirect=True)


def vendor_of(*names: str) -> FakeVendor:
    """Files of these names, one of odd modification time, and one that cannot be had."""
    odd = FakeFile("odd", "odd ß.txt", content=b"odd", extra={"modified_at": "yesterday"})
    vendor = FakeVendor([*files(*names), odd, FakeFile("no", "no.txt", content=b"no")])
    vendor.script("/v1/files/no/content", Fault.status(404), times=Fault.always)
    return vendor


@each(*MERGING)
def test_merge_and_receipts(there: Place) -> None:
    """New, unchanged, changed, and another file: one row a key each time, one receipt a file."""
    with vendor_of("a", "b") as vendor:
        config = config_for(vendor, destination=there.block)
        assert numbers(sync(config)) == (3, 0, 1, 0)
        assert sync(config).rows == 0
        vendor.put(FakeFile("id-b", "b", content=b"changed"))
        vendor.put(FakeFile("id-c", "c", content=b"new"))
        assert sync(config).rows == 2
        vendor.assert_all_fired()
    assert there.rows(config, "SELECT file_id, size FROM {table} ORDER BY file_id") == [
        ("id-a", 20),
        ("id-b", 7),
        ("id-c", 3),
        ("no", 2),
        ("odd", 3),
    ]
    query = "SELECT file_id, status, verified_by IS NULL FROM {table} ORDER BY file_id"
    assert there.rows(config, query, "transfers") == [
        ("id-a", "done", False),
        ("id-b", "done", False),
        ("id-c", "done", False),
        ("no", "parked", True),
        ("odd", "done", False),
    ]
    query = "SELECT count(*), count(DISTINCT listing_id) FROM {table}"
    assert there.rows(config, query, "listings") == [(3, 3)]
    query = "SELECT key, field, value FROM {table}"
    assert there.rows(config, query, "rejected") == [("odd", "modified_at", "yesterday")]
    assert there.rows(config, "SELECT count(*) FROM {table}", "transfer_errors") == [(1,)]
    loads = "SELECT count(*) = count(DISTINCT load_id) FROM {table} WHERE status = 0"
    assert there.rows(config, loads, "_dlt_loads") == [(True,)]


@each(*MERGING, "filesystem")
@pytest.mark.parametrize("disposition", ["append", "replace"])
def test_append_and_replace(there: Place, disposition: str) -> None:
    """append keeps each listing, replace the last; receipts are one a file, everywhere."""
    with vendor_of("a", "b") as vendor:
        config = config_for(vendor, destination=there.block, write_disposition=disposition)
        sync(config)
        vendor.put(FakeFile("id-c", "c", content=b"new"))
        vendor.remove("odd")
        sync(config)
        sync(config)
    expected = (12, 5) if disposition == "append" else (4, 4)
    assert rows_there(there, config, "count(*), count(DISTINCT file_id)", "files") == [expected]
    assert sorted(rows_there(there, config, "file_id, status", "transfers")) == [
        ("id-a", "done"),
        ("id-b", "done"),
        ("id-c", "done"),
        ("no", "parked"),
        ("odd", "done"),
    ]
    query = "count(*), count(DISTINCT listing_id)"
    assert rows_there(there, config, query, "listings") == [(3, 3)]


def rows_there(there: Place, config: dict[str, Any], columns: str, table: str) -> list[Any]:
    """Rows of a table: by its own SQL, or of its Parquet files as everyone else reads them."""
    if there.name == "filesystem":
        return parquet(table, columns)
    return there.rows(config, f"SELECT {columns} FROM {{table}}", table)


@each(*MERGING)
def test_history(there: Place) -> None:
    """Made, changed, deleted, returned, and a package that brings one row of three."""
    table = ByHand(bare_config(there.block), Path.cwd())
    table.load([("a", 1, None), ("b", 1, None), ("c", 1, None)], "history")
    table.load([("b", 2, None)], "history")
    table.load([("c", 1, GONE)], "history")
    assert table.current() == [("a", 1, False), ("b", 2, False), ("c", 1, True)]
    table.load([("c", 1, None), ("b", 2, None)], "history")
    assert table.current() == [("a", 1, False), ("b", 2, False), ("c", 1, False)]
    query = "SELECT file_id, count(*) FROM {table} GROUP BY file_id ORDER BY file_id"
    assert table.rows(query) == [("a", 1), ("b", 2), ("c", 3)]


@each("postgres", "ducklake")
def test_history_of_keys_of_two_columns(there: Place) -> None:
    """x + yz and xy + z are two files; a package about one leaves the other alone."""
    table = ByHand(bare_config(there.block), Path.cwd())
    keys = ("drive_id", "file_id")
    table.load([("x/yz", 1, None), ("xy/z", 1, None), ("x/o", 1, None)], "history", keys=keys)
    table.load([("xy/z", 2, None)], "history", keys=keys)
    assert table.current() == [("o", 1, False), ("yz", 1, False), ("z", 2, False)]


@each("postgres", "ducklake")
def test_hard_deletes(there: Place) -> None:
    """A deleted row goes, one that was never there does not come, one returns."""
    table = ByHand(bare_config(there.block), Path.cwd())
    table.load([("a", 1, None), ("b", 1, None)], hard=True)
    table.load([("a", 1, GONE), ("never", 1, GONE)], hard=True)
    assert table.rows("SELECT file_id FROM {table}") == [("b",)]
    table.load([("a", 3, None)], hard=True)
    assert table.rows("SELECT file_id, size FROM {table} ORDER BY 1") == [("a", 3), ("b", 1)]


@each("postgres", "ducklake")
def test_columns_that_appear_and_types_that_change(there: Place) -> None:
    """A new field in a later run, a text where numbers were, JSON, times with their zone."""
    with FakeVendor.of_records(3, size=1) as vendor:
        config = config_for(vendor, destination=there.block, content=None)
        vendor.put(FakeFile("rec-0", "x", extra={"grade": 1, "tags": ["a", {"b": 'c"'}]}))
        sync(config)
        vendor.put(FakeFile("rec-1", "x", extra={"grade": "none", "colour": "red"}))
        vendor.put(FakeFile("rec-2", "x", extra={"modified_at": "2024-05-01T12:00:00+02:00"}))
        assert sync(config).rows == 2
    query = "SELECT file_id, grade, grade__v_text, colour FROM {table} ORDER BY file_id"
    assert there.rows(config, query) == [
        ("rec-0", 1, None, None),
        ("rec-1", None, "none", "red"),
        ("rec-2", None, None, None),
    ]
    query = "SELECT modified_at = '2024-05-01 10:00:00+00' FROM {table} WHERE file_id = 'rec-2'"
    assert there.rows(config, query) == [(True,)]
    [(tags,)] = there.rows(config, "SELECT tags FROM {table} WHERE file_id = 'rec-0'")
    assert tags in (["a", {"b": 'c"'}], '["a",{"b":"c\\""}]')


@each("duckdb", "postgres")
def test_text_that_no_column_can_hold(there: Place) -> None:
    """NUL and halves of surrogate pairs, in keys, texts and objects: each becomes U+FFFD, in every
    destination alike, and a run that finds them unchanged loads nothing."""
    rows = [
        {"file_id": "a\x00b", "name": "nul \x00", "owner": {"half\ud800": ["\udfff", "\x00"]}},
        {"file_id": "plain", "name": "whole \U0001f600", "owner": None},
    ]
    with pages_of(lambda _: {"files": rows}) as vendor:
        config = {**bad_input_config(vendor, "single_page"), "destination": there.block}
        report = sync(config)
        assert (report.exit_code, report.rows) == (0, 2)
        assert sync(config).rows == 0
    query = "SELECT file_id, name FROM {table} ORDER BY file_id"
    assert there.rows(config, query) == [
        ("a\ufffdb", "nul \ufffd"),
        ("plain", "whole \U0001f600"),
    ]


@each("postgres", "ducklake")
def test_what_was_lost_is_loaded_again(there: Place) -> None:
    """A table dropped behind our back is whole after the next run, and no byte is fetched."""
    with vendor_of("a", "b") as vendor:
        config = config_for(vendor, destination=there.block)
        sync(config)
        for table in ("files", "transfers"):
            there.drop(config, table)
            report = sync(config)
            assert numbers(report) == (0, 3, 0, 1)
            assert report.warnings == [f"table {table} has lost rows: it is loaded again"]
            assert there.rows(config, "SELECT count(*) FROM {table}", table) == [(4,)]


# -- what Parquet files cannot do --------------------------------------------------------------


@each("filesystem")
def test_files_cannot_merge_and_that_is_said_first(there: Place) -> None:
    """dlt would append without a word: exit 4, what to do instead, and nothing was asked."""
    with FakeVendor(files("a")) as vendor:
        with pytest.raises(ConfigError) as caught:
            sync(config_for(vendor, destination=there.block))
        *_, last = check(config_for(vendor, destination=there.block))
        assert last.what == "destination"
        assert last.error is not None
        assert vendor.request_count == 0
    assert "filesystem cannot merge rows" in caught.value.message
    assert "'files'" in caught.value.where
    assert "ducklake" in caught.value.hint
    assert not Path("lake").exists()


def test_a_destination_that_cannot_be_asked_for_rows(tmp_path: Path, monkeypatch: Any) -> None:
    """It merges, but a tombstone could not keep its row's columns: refused before the vendor is
    asked, unless no tombstones are wanted."""
    monkeypatch.chdir(tmp_path)
    with FakeVendor(files("a")) as vendor:
        config = config_for(vendor, destination="dummy")  # dlt's own: merges, and has no SQL
        with pytest.raises(ConfigError, match="cannot be asked for the rows of files that") as one:
            sync(config)
        assert vendor.request_count == 0
    assert "deletes: none" in one.value.hint
    assert examined(load_config(config_for(vendor, deletes="none", destination="dummy")))


@each("filesystem")
def test_what_dlt_lists_is_refused_too(there: Place) -> None:
    """A resource of dlt's engine that merges into plain files is refused; as a Delta table not."""
    more = {"name": "details", "processing_steps": [], "table_format": "delta"}
    with FakeVendor(files("a")) as vendor:
        config = config_for(vendor, destination=there.block, write_disposition="replace")
        config["resources"].append({**config["resources"][0], **more})
        del config["resources"][1]["content"]
        config["resources"][1]["write_disposition"] = "merge"
        assert examined(load_config(config)) == (
            "filesystem, dataset acme_data: appends and replaces only"
        )
        del config["resources"][1]["table_format"]
        with pytest.raises(ConfigError, match="filesystem cannot merge rows") as caught:
            sync(config)
        assert vendor.request_count == 0
    assert "'details'" in caught.value.where


@each("filesystem")
def test_a_folder_of_files_belongs_to_one_connection(there: Place) -> None:
    """Its tables of receipts are written anew each time: another connection is refused."""
    with FakeVendor(files("a")) as vendor:
        config = config_for(vendor, destination=there.block, write_disposition="replace")
        sync(config)
        report = haul({**config, "name": "second", "dataset": "acme_data", "sink": "others"})
        assert report.exit_code == 4
        assert report.error is not None
        assert "belongs to the connection acme" in report.error.message
        assert sync(config).error is None


# -- kills -----------------------------------------------------------------------------------


@pytest.mark.slow
@each("postgres", "ducklake")
@pytest.mark.parametrize(
    "moment", ["extracted", "half of the jobs are done", "loaded, and not confirmed"]
)
def test_killed_in_a_load(there: Place, moment: str) -> None:
    """Dead while rows are on their way to another destination: whole after the next run."""
    with vendor_of("a", "b") as vendor:
        config = config_for(vendor, destination=there.block)
        killed(config, MOMENTS[moment])
        sync(config)
        assert sync(config).rows == 0
    for table, rows in {"files": 4, "transfers": 4, "rejected": 1, "transfer_errors": 1}.items():
        key = "key" if table == "rejected" else "file_id"
        query = f"SELECT count(*), count(DISTINCT {key}) FROM {{table}}"
        assert there.rows(config, query, table) == [(rows, rows)], table
    loads = "SELECT count(*) = count(DISTINCT load_id) FROM {table} WHERE status = 0"
    assert there.rows(config, loads, "_dlt_loads") == [(True,)]


@each("ducklake")
def test_the_lake_works_within_its_limit(there: Place) -> None:
    """memory_limit holds for the DuckDB at work on the lake, and it is beside the config."""
    config = {**bare_config(there.block), "memory_limit": "300MB"}
    query = "SELECT current_setting('memory_limit')"
    assert there.rows(config, query) == [("286.1 MiB",)]
    assert "acme.ducklake" in names_in()


@each("ducklake")
def test_a_lake_of_another_place(there: Place) -> None:
    """Catalogue and storage as given, relative to the config; a misspelt key is said."""
    places = {"catalog": "meta/lake.ducklake", "storage": "data"}
    with FakeVendor.of_records(2, size=1) as vendor:
        block = {"type": "ducklake", "credentials": places}
        config = config_for(vendor, destination=block, content=None)
        assert sync(config).rows == 2
        assert sync(config).rows == 0
        assert list(Path("data").rglob("*.parquet"))
        assert Path("meta/lake.ducklake").is_file()
        with pytest.raises(ConfigError, match="not stroage") as caught:
            sync({**config, "destination": {**block, "credentials": {"stroage": "data"}}})
    assert "destination.credentials" in caught.value.where


@each("filesystem")
def test_no_table_lies_in_the_sink(there: Place) -> None:
    """A vendor's file could have the name of a table's: refused when the config is read."""
    with FakeVendor(files("a")) as vendor:
        lake = {"type": "filesystem", "bucket_url": "files/lake"}
        with pytest.raises(ConfigError, match="the destination's folder is inside the sink"):
            sync(config_for(vendor, destination=lake, write_disposition="append"))
        assert vendor.request_count == 0


# -- before the first row ----------------------------------------------------------------------


@each(*MERGING, "filesystem")
def test_tables_exist_before_their_first_row(there: Place) -> None:
    """A vendor without files: every table of the config is there, with its columns, empty."""
    with FakeVendor([]) as vendor:
        disposition = "replace" if there.name == "filesystem" else "merge"
        fields = {"file_id": "file_id", "size": "size"}
        config = config_for(
            vendor, destination=there.block, write_disposition=disposition, fields=fields
        )
        sync(config)
    for table, columns in {
        "files": "file_id, size, modified_at, deleted_at",
        "transfers": "file_id, sha256, finished_at",
        "transfer_errors": "file_id, permanent",
        "rejected": "key, reason",
    }.items():
        assert rows_there(there, config, columns, table) == [], table
