"""Catalogues larger than a package, schema contracts, and dlt in a process that is not ours."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import dlt
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from by_hand import ByHand, bare_config
from filehaul.config import load_config
from filehaul.load import Destination
from filehaul.source import rest_api_source
from filehaul.testing import FakeFile, FakeVendor
from hauling import config_for, haul, ledger_rows, numbers, rows_of, sync

pytestmark = pytest.mark.usefixtures("own_folder")

SMALL = {"package": 100, "spool": 50}  # rows


@pytest.fixture
def small_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Packages of a hundred rows."""
    monkeypatch.setattr("filehaul.load.package.PACKAGE_ROWS", SMALL["package"])
    monkeypatch.setattr("filehaul.load.spool.ROWS", SMALL["spool"])


def packages() -> list[int]:
    """How many rows of the catalogue each confirmed package brought, in order."""
    found = rows_of(
        "SELECT count(f.file_id) FROM acme_data._dlt_loads l LEFT JOIN acme_data.files f"
        " ON f._dlt_load_id = l.load_id WHERE l.status = 0 GROUP BY l.load_id ORDER BY l.load_id"
    )
    return [rows for (rows,) in found]


@pytest.mark.usefixtures("small_packages")
def test_a_large_catalogue_goes_in_several_packages() -> None:
    """250 rows by hundreds: three packages, each confirmed, and no row is left for a next run."""
    with FakeVendor.of_records(250, size=1) as vendor:
        config = config_for(vendor, content=None)
        assert sync(config).rows == 250
        assert packages() == [100, 100, 50]
        assert ledger_rows("SELECT state, count(*) FROM packages GROUP BY 1") == [("loaded", 3)]
        assert sync(config).rows == 0
        vendor.put(FakeFile("rec-7", "new"))
        assert sync(config).rows == 1
    assert rows_of("SELECT count(*), count(DISTINCT file_id) FROM acme_data.files") == [(250, 250)]


@pytest.mark.usefixtures("small_packages")
@pytest.mark.parametrize("disposition", ["append", "replace"])
def test_what_is_not_merged_is_not_split(disposition: str) -> None:
    """append and replace come in one package: half of a listing would be another table."""
    with FakeVendor.of_records(250, size=1) as vendor:
        sync(config_for(vendor, content=None, write_disposition=disposition))
    assert packages() == [250]


@pytest.mark.usefixtures("small_packages")
def test_a_history_in_several_packages(own_folder: Path) -> None:
    """Each package retires only what it is about: 250 versions are current after each load."""
    table = ByHand(bare_config(), own_folder)
    for size in (1, 2):
        table.load([(f"f{n:03}", size, None) for n in range(250)], "history")
        assert {one[1:] for one in table.current()} == {(size, False)}
        assert len(table.current()) == 250


DYING = """
import json, os, sys
import filehaul, filehaul.load.package, filehaul.load.spool
from filehaul.ledger import PackagesBook
config, at, after = json.loads(sys.argv[1])
filehaul.load.package.PACKAGE_ROWS, filehaul.load.spool.ROWS = 100, 50
original, calls = PackagesBook.confirm, [0]

def dying(*arguments):
    calls[0] += 1
    if calls[0] == at and not after:
        os._exit(9)
    original(*arguments)
    if calls[0] == at:
        os._exit(9)

PackagesBook.confirm = dying
filehaul.sync(config)
"""


@pytest.mark.parametrize(
    ("at", "after"),
    [(1, True), *(pytest.param(*one, marks=pytest.mark.slow) for one in [(1, False), (2, False)])],
)
def test_killed_between_two_packages(at: int, after: bool) -> None:
    """One package of three is in the destination: the next run completes it, no row twice."""
    with FakeVendor.of_records(250, size=1) as vendor:
        config = config_for(vendor)
        done = subprocess.run(
            [sys.executable, "-c", DYING, json.dumps([config, at, after])],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 9, done.stderr
        assert rows_of("SELECT count(*) FROM acme_data.files") == [(100 * at,)]
        assert numbers(sync(config)) == (250, 0, 0, 0)
        assert sync(config).rows == 0
    count = "SELECT count(*), count(DISTINCT file_id) FROM acme_data."
    assert rows_of(count + "files") == rows_of(count + "transfers") == [(250, 250)]
    assert ledger_rows("SELECT count(*) FROM packages WHERE state = 'begun'") == [(0,)]


@given(
    st.lists(
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1),
        min_size=1,
        max_size=4,
    )
)
def test_addresses_are_those_of_pathlib(names: list[str]) -> None:
    """A file's address, put together from parts, is what pathlib makes of the whole path."""
    target = "/".join(name.replace("/", "_") for name in names if name not in (".", ".."))
    assume(target)
    found = Destination(load_config(bare_config())).url("/sink of files", target)
    assert found == Path(f"/sink of files/{target}").as_uri()


# -- schema contracts --------------------------------------------------------------------------


def with_contract(vendor: FakeVendor, contract: Any) -> dict[str, Any]:
    """A config whose resource has this contract."""
    config = config_for(vendor, content=None)
    config["resources"][0]["schema_contract"] = contract
    return config


@pytest.mark.parametrize(
    "contract", [{"columns": "freeze"}, {"columns": "freeze", "tables": "evolve"}]
)
def test_a_frozen_table_refuses_a_new_column(contract: Any) -> None:
    """Exit 8, which column of which table, and no row of that listing; once it may, all come."""
    with FakeVendor.of_records(3, size=1) as vendor:
        sync(with_contract(vendor, contract))
        vendor.put(FakeFile("rec-1", "renamed", extra={"colour": "red"}))
        report = haul(with_contract(vendor, contract))
        assert report.exit_code == 8
        assert report.error is not None
        assert "forbids a new column colour" in report.error.message
        assert "table files" in report.error.where
        names = "SELECT count(*) FROM acme_data.files WHERE file_name = 'renamed'"
        assert rows_of(names) == [(0,)]
        assert sync(with_contract(vendor, "evolve")).rows == 1
    assert rows_of(names) == [(1,)]


def test_frozen_tables_and_types_are_named() -> None:
    """As in dlt, freeze alone forbids the table itself; a frozen type names its column."""
    with FakeVendor.of_records(2, size=1) as vendor:
        report = haul(with_contract(vendor, "freeze"))
        assert report.error is not None
        assert "forbids a new table" in report.error.message
        vendor.put(FakeFile("rec-0", "x", extra={"grade": 1}))
        contract = {"data_type": "freeze"}
        sync(with_contract(vendor, contract))
        vendor.put(FakeFile("rec-1", "x", extra={"grade": "none"}))
        report = haul(with_contract(vendor, contract))
        assert report.error is not None
        assert "forbids a new type of the column grade" in report.error.message


def test_discarded_columns_and_rows() -> None:
    """discard_value drops the new column, discard_row the rows that have it; others are loaded."""
    with FakeVendor.of_records(3, size=1) as vendor:
        sync(with_contract(vendor, {"columns": "discard_value"}))
        vendor.put(FakeFile("rec-1", "one", extra={"colour": "red"}))
        sync(with_contract(vendor, {"columns": "discard_value"}))
        vendor.put(FakeFile("rec-2", "two", extra={"colour": "blue"}))
        vendor.put(FakeFile("rec-0", "zero"))
        sync(with_contract(vendor, {"columns": "discard_row"}))
    names = [name for (name,) in rows_of("SELECT file_name FROM acme_data.files ORDER BY file_id")]
    assert names[:2] == ["zero", "one"]
    assert names[2] != "two"
    with pytest.raises(Exception, match="colour"):
        rows_of("SELECT colour FROM acme_data.files")


def test_a_contract_about_types() -> None:
    """data_type: discard_value keeps the column and drops what is of another type, no variant."""
    with FakeVendor.of_records(2, size=1) as vendor:
        vendor.put(FakeFile("rec-0", "x", extra={"grade": 1}))
        contract = {"data_type": "discard_value", "columns": "evolve"}
        sync(with_contract(vendor, contract))
        vendor.put(FakeFile("rec-1", "x", extra={"grade": "none", "colour": "red"}))
        sync(with_contract(vendor, contract))
    query = "SELECT grade, colour FROM acme_data.files ORDER BY file_id"
    assert rows_of(query) == [(1, None), (None, "red")]
    with pytest.raises(Exception, match="grade__v_text"):
        rows_of("SELECT grade__v_text FROM acme_data.files")


def test_a_contract_does_not_freeze_an_empty_table() -> None:
    """The vendor has nothing yet: its first rows still bring their columns."""
    with FakeVendor([]) as vendor:
        config = with_contract(vendor, {"columns": "freeze"})
        sync(config)
        vendor.put(FakeFile("a", "a"))
        assert sync(config).rows == 1
    assert rows_of("SELECT file_name FROM acme_data.files") == [("a",)]


# -- a guest in the process --------------------------------------------------------------------

ENVIRONMENT = """
import json, logging, os, sys
before = dict(os.environ)
import filehaul
filehaul.sync(json.loads(sys.argv[1]))
assert dict(os.environ) == before, set(os.environ) ^ set(before)
from dlt.common.runtime import anon_tracker
assert anon_tracker._THREAD_POOL is None, "telemetry runs"
assert logging.getLogger("dlt").level == logging.WARNING, "dlt's own default"
"""


def test_the_environment_stays_as_it_was() -> None:
    """After a sync: no variable came or went, no telemetry began, dlt's log is as dlt sets it."""
    with FakeVendor.of_records(2, size=1) as vendor:
        done = subprocess.run(
            [sys.executable, "-c", ENVIRONMENT, json.dumps(config_for(vendor, content=None))],
            capture_output=True,
            text=True,
            check=False,
            env={name: v for name, v in os.environ.items() if not name.startswith("RUNTIME__")},
        )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_our_source_makes_dlt_warn_of_nothing(own_folder: Path) -> None:
    """JSON columns in someone else's pipeline: loaded as JSON, and not a word in dlt's log."""
    heard: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append(record.getMessage())

    ear = Ear(logging.WARNING)
    with FakeVendor.of_records(3, size=1) as vendor:
        vendor.put(FakeFile("rec-0", "x", extra={"tags": ["a", "b"]}))
        config = {
            key: value
            for key, value in config_for(vendor, content=None).items()
            if key in ("client", "resource_defaults", "resources")
        }
        pipeline = dlt.pipeline(
            "guest", destination="duckdb", dataset_name="d", pipelines_dir=str(own_folder / "dlt")
        )
        logging.getLogger("dlt").addHandler(ear)
        try:
            pipeline.run(rest_api_source(config))
        finally:
            logging.getLogger("dlt").removeHandler(ear)
    assert heard == []
    assert not logging.getLogger("dlt").filters
    assert rows_of("SELECT tags ->> 0 FROM d.files WHERE file_id = 'rec-0'", "guest.duckdb") == [
        ("a",)
    ]
