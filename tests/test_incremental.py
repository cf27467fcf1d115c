"""Incremental: only what has changed is asked for and loaded, and nothing is missed or doubled."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import duckdb
import pytest

from filehaul.config import load_config
from filehaul.errors import ConfigError
from filehaul.testing import FakeFile, FakeVendor, Fault
from hauling import by_id, config_for, haul, ledger_rows, rows_of, sync
from test_load_kills import MOMENTS, at_most_two, killed

pytestmark = pytest.mark.usefixtures("own_folder")

START = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)
SINCE = {"cursor_path": "modified_at", "start_param": "modified_since"}
OURS = {"cursor_path": "modified_at"}
SLOW = pytest.mark.slow
BOTH = pytest.mark.parametrize("block", [SINCE, OURS], ids=["the vendor filters", "we filter"])


def at(minutes: float) -> datetime:
    """So many minutes after the first file."""
    return START + timedelta(minutes=minutes)


def file(name: str, minutes: float | None, content: str = "", **extra: Any) -> FakeFile:
    """A file last changed then; None: the vendor does not say."""
    moment = None if minutes is None else at(minutes)
    text = (content or name).encode()
    return FakeFile(name, name, content=text, modified_at=moment, extra=extra)


@pytest.fixture
def vendor() -> Iterator[FakeVendor]:
    """Ten files, an hour apart, the last at 09:00 after noon."""
    with FakeVendor([file(f"f{n}", 60 * n) for n in range(10)]) as running:
        yield running


def config(vendor: FakeVendor, block: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A catalogue of this vendor, by this incremental block."""
    more.setdefault("content", None)
    return config_for(vendor, endpoint={"incremental": block}, **more)


def asked_since(vendor: FakeVendor) -> list[str | None]:
    """The parameter modified_since of each listing request that began a listing, so far."""
    found = []
    for request in vendor.requests:
        if request.path == "/v1/files" and request.query.get("offset") in (None, "0"):
            found.append(request.query.get("modified_since"))
    return found


def ids(where: str = "true") -> list[str]:
    """File ids of the catalogue, in order; each as often as it stands there."""
    found = rows_of(f"SELECT file_id FROM acme_data.files WHERE {where} ORDER BY 1")
    return [one for (one,) in found]


# -- merge -------------------------------------------------------------------------------------


@BOTH
def test_only_what_has_changed_is_listed_and_loaded(
    vendor: FakeVendor, block: dict[str, Any]
) -> None:
    """The second run asks from the watermark less five minutes on, and loads what is new there."""
    first = sync(config(vendor, block))
    assert (first.rows, first.exit_code) == (10, 0)
    vendor.put(file("f10", 600))
    vendor.put(file("f3", 601, "changed"))
    second = sync(config(vendor, block))
    assert (second.rows, second.deleted, second.complete) == (2, 0, True)
    assert second.listed == 3  # the two, and the last of the first run: it is in the overlap
    if "start_param" in block:
        assert asked_since(vendor) == [None, "2024-05-01T20:55:00Z"]
    assert len(ids()) == 11
    assert rows_of("SELECT size FROM acme_data.files WHERE file_id = 'f3'") == [(7,)]
    third = sync(config(vendor, block))
    assert (third.rows, third.listed) == (0, 2)


@pytest.mark.usefixtures("quick")
@BOTH
def test_files_that_are_not_listed_are_not_gone(vendor: FakeVendor, block: dict[str, Any]) -> None:
    """An incremental run tombstones nothing; a full refresh does, and finds what was missed."""
    sync(config(vendor, block))
    vendor.remove("f2")
    vendor.put(file("late", 10))  # with a time long past: no incremental run can see it
    assert sync(config(vendor, block)).deleted == 0
    assert "late" not in ids()
    report = sync(config(vendor, block), full_refresh=True)
    assert (report.deleted, report.rows, report.listed) == (1, 2, 10)
    assert ids("deleted_at IS NOT NULL") == ["f2"]
    assert "late" in ids()
    assert sync(config(vendor, block)).rows == 0


@pytest.mark.usefixtures("quick")
@BOTH
def test_a_null_cursor_is_always_included(vendor: FakeVendor, block: dict[str, Any]) -> None:
    """A row without a time, or with one that is none, is loaded whenever the vendor lists it."""
    sync(config(vendor, OURS))
    vendor.put(file("null", None))
    vendor.put(file("odd", 5, modified_at="yesterday"))
    sync(config(vendor, OURS))
    assert {"null", "odd"} <= set(ids())


@pytest.mark.usefixtures("quick")
def test_equal_times_at_the_edge(vendor: FakeVendor) -> None:
    """A file with the very time of the watermark that comes later is found, the other not again."""
    block = {**SINCE, "lag": 0}
    sync(config(vendor, block))
    vendor.put(file("twin", 540))
    report = sync(config(vendor, block))
    assert asked_since(vendor)[-1] == "2024-05-01T21:00:00Z"
    assert (report.listed, report.rows) == (2, 1)
    assert "twin" in ids()


@pytest.mark.usefixtures("quick")
def test_a_date_that_lies_ahead_hides_nothing(vendor: FakeVendor) -> None:
    """A file of the year 9999 does not move the watermark past files of tomorrow."""
    vendor.put(file("future", 0, modified_at="9999-12-31T23:59:59Z"))
    sync(config(vendor, OURS))
    soon = datetime.now(timezone.utc) + timedelta(seconds=1)
    vendor.put(FakeFile("now", "now", content=b"x", modified_at=soon))
    assert sync(config(vendor, OURS)).rows == 1
    assert "now" in ids()


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("fault", [Fault.status(400), Fault.html()], ids=["refused", "a page"])
def test_a_listing_that_fails_moves_no_watermark(vendor: FakeVendor, fault: Fault) -> None:
    """What it saw is loaded, and the next run asks from the old watermark on."""
    paging = {"paginator": {"type": "offset", "limit": 2, "total_path": None}}
    made = config_for(vendor, content=None, endpoint={"incremental": SINCE, **paging})
    sync(made)
    for number in range(10, 16):
        vendor.put(file(f"f{number}", 60 * number))
    vendor.script("/v1/files", Fault.latency(0), Fault.latency(0), fault)
    assert haul(made).exit_code == 8
    vendor.assert_all_fired()
    report = sync(made)
    assert asked_since(vendor)[1:] == ["2024-05-01T20:55:00Z"] * 2
    assert len(ids()) == 16
    assert report.complete


def test_rows_that_a_person_deleted_from_the_destination(vendor: FakeVendor) -> None:
    """A dropped dataset, a dropped table, lost rows: everything is listed and loaded again."""
    for statement in (
        "DROP SCHEMA acme_data CASCADE",
        "DROP TABLE acme_data.files",
        "DELETE FROM acme_data.files WHERE file_id = 'f1'",
    ):
        sync(config(vendor, SINCE))
        with duckdb.connect("acme.duckdb") as connection:
            connection.execute(statement)
        report = sync(config(vendor, SINCE))
        assert report.warnings
        assert asked_since(vendor)[-1] is None
        assert len(ids()) == 10


def test_without_tombstones_the_ledger_has_no_files(vendor: FakeVendor) -> None:
    """deletes: none and no content: not a row a file in the ledger, and a dropped table is seen."""
    made = config(vendor, SINCE, deletes="none")
    sync(made)
    vendor.put(file("f10", 600))
    report = sync(made)
    assert ledger_rows("SELECT count(*) FROM files") == [(0,)]
    assert (report.rows, len(ids()), len(set(ids()))) == (2, 11, 11)
    assert rows_of("SELECT DISTINCT first_seen_at FROM acme_data.files") == [(None,)]
    with duckdb.connect("acme.duckdb") as connection:
        connection.execute("DROP TABLE acme_data.files")
    assert sync(made).warnings
    assert len(ids()) == 11


@pytest.mark.usefixtures("quick")
def test_another_cursor_or_other_fields_begin_anew(vendor: FakeVendor) -> None:
    """A watermark of another column says nothing; new fields need all rows once more."""
    sync(config(vendor, SINCE))
    other = {**SINCE, "cursor_path": "created_at"}
    sync(config(vendor, other))
    assert asked_since(vendor) == [None, None]
    fields = {"file_id": "file_id", "modified_at": "modified_at"}
    sync(config(vendor, other, fields=fields))
    sync(config(vendor, other, fields={**fields, "size": "size"}))
    assert asked_since(vendor)[2:] == [None, None]
    assert rows_of("SELECT count(*) FROM acme_data.files WHERE size IS NULL") == [(0,)]


# -- append ------------------------------------------------------------------------------------


@BOTH
def test_append_neither_loses_nor_doubles(vendor: FakeVendor, block: dict[str, Any]) -> None:
    """Each version of a row is appended once, at the edge and with a null cursor too."""
    made = config(vendor, block, sync_type="incremental_append")
    vendor.put(file("null", None))
    sync(made)
    vendor.put(file("twin", 540))
    vendor.put(file("f9", 540, "changed in the very same second"))
    vendor.put(file("f10", 600))
    for _ in range(3):
        sync(made)
    expected = [*(f"f{n}" for n in range(11)), "f9", "null", "twin"]
    assert ids() == sorted(expected)
    vendor.put(file("null", None, "another"))
    sync(made)
    # A vendor that filters does not tell of it.
    assert ids().count("null") == (1 if block is SINCE else 2)


@pytest.mark.usefixtures("quick")
def test_a_vendor_that_ignores_the_parameter(vendor: FakeVendor) -> None:
    """It lists everything each time: what is appended is filtered by us as well."""
    block = {**SINCE, "start_param": "what_is_this"}
    made = config(vendor, block, sync_type="incremental_append")
    for _ in range(3):
        assert sync(made).exit_code == 0
    assert len(ids()) == 10


@pytest.mark.usefixtures("quick")
def test_append_of_half_a_listing_loads_nothing(vendor: FakeVendor) -> None:
    """A listing that fails is read again from the old watermark: none of its rows may stand."""
    made = config_for(
        vendor,
        content=None,
        sync_type="incremental_append",
        endpoint={"incremental": SINCE, "paginator": {"type": "offset", "limit": 3}},
    )
    sync(made)
    for number in range(10, 20):
        vendor.put(file(f"f{number}", 60 * number))
    vendor.script("/v1/files", Fault.latency(0), Fault.status(400))
    assert haul(made).exit_code == 8
    vendor.assert_all_fired()
    assert len(ids()) == 10
    sync(made)
    assert ids() == sorted(f"f{n}" for n in range(20))


def test_append_with_a_full_refresh_writes_the_table_anew(vendor: FakeVendor) -> None:
    """Everything that the vendor has, once; and it goes on from there."""
    made = config(vendor, SINCE, sync_type="incremental_append")
    sync(made)
    vendor.remove("f0")
    vendor.put(file("late", 10))
    report = sync(made, full_refresh=True)
    assert report.rows == 10
    expected = sorted([*(f"f{n}" for n in range(1, 10)), "late"])
    assert ids() == expected
    vendor.put(file("f10", 600))
    sync(made)
    assert ids() == sorted([*expected, "f10"])


def test_append_with_content(vendor: FakeVendor) -> None:
    """Bytes of what is new are fetched, versions of a row are all kept."""
    made = config(
        vendor,
        SINCE,
        sync_type="incremental_append",
        content={"path": "/v1/files/{file_id}/content"},
    )
    assert sync(made).transferred == 10
    vendor.put(file("f3", 700, "changed"))
    report = sync(made)
    assert (report.transferred, report.rows) == (1, 1)
    assert ids().count("f3") == 2
    assert Path("files/f3").read_bytes() == b"changed"


@pytest.mark.parametrize("sync_type", ["incremental", "incremental_append"])
@pytest.mark.parametrize(
    "moment",
    [
        "confirmed",
        *(pytest.param(one, marks=SLOW) for one in ("extracted", "half of the jobs are done")),
    ],
)
def test_killed_on_the_way_to_the_destination(
    vendor: FakeVendor, sync_type: str, moment: str
) -> None:
    """The first and a later run, killed: every row is there once after the next."""
    made = config(vendor, SINCE, sync_type=sync_type)
    where = MOMENTS["loaded, and not confirmed"] if moment == "confirmed" else at_most_two(moment)
    killed(made, where)
    sync(made)
    assert ids() == sorted(f"f{n}" for n in range(10))
    vendor.put(file("f10", 600))
    vendor.put(file("twin", 540))
    killed(made, where)
    sync(made)
    assert ids() == sorted([*(f"f{n}" for n in range(11)), "twin"])
    assert sync(made).rows == 0


# -- where it begins and ends --------------------------------------------------------------------


@pytest.mark.usefixtures("quick")
@BOTH
def test_where_the_first_run_begins(vendor: FakeVendor, block: dict[str, Any]) -> None:
    """initial_value is asked for as it is written, and nothing below it is loaded."""
    made = config(vendor, {**block, "initial_value": "2024-05-01T17:00:00Z"})
    sync(made)
    assert ids() == [f"f{n}" for n in range(5, 10)]
    if "start_param" in block:
        assert asked_since(vendor) == ["2024-05-01T17:00:00Z"]
    vendor.remove("f7")
    assert sync(made, full_refresh=True).deleted == 0  # it did not ask for everything
    assert len(ids()) == 5


@pytest.mark.usefixtures("quick")
def test_a_part_of_the_time(vendor: FakeVendor) -> None:
    """With end_value every run reads the same part, and no watermark is kept."""
    block = {
        **SINCE,
        "initial_value": "2024-05-01T14:00:00Z",
        "end_value": "2024-05-01T17:00:00Z",
    }
    sync(config(vendor, block))
    assert ids() == ["f2", "f3", "f4"]
    sync(config(vendor, block))
    assert asked_since(vendor) == ["2024-05-01T14:00:00Z"] * 2
    assert ledger_rows("SELECT count(*) FROM watermarks") == [(0,)]


DLTS = {
    "a parameter that is incremental": {
        "params": {"modified_since": {"type": "incremental", "cursor_path": "modified_at"}}
    },
    "a placeholder": {
        "params": {"modified_since": "{incremental.start_value}"},
        "incremental": {"cursor_path": "modified_at"},
    },
}


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("form", DLTS)
def test_dlt_s_other_forms(vendor: FakeVendor, form: str) -> None:
    """Both other ways in which dlt writes it mean the same, other parameters stay."""
    endpoint = {**DLTS[form], "params": {**DLTS[form]["params"], "scope": "all"}}
    made = config_for(vendor, content=None, endpoint=endpoint)
    [resource] = load_config(made).resources
    assert resource.sync == "incremental"
    assert resource.watermark is not None
    assert resource.watermark.start_param == "modified_since"
    assert resource.endpoint.params == {"scope": "all"}
    sync(made)
    sync(made)
    assert asked_since(vendor) == [None, "2024-05-01T20:55:00Z"]


def test_content_of_an_interrupted_run_is_fetched_by_the_next(vendor: FakeVendor) -> None:
    """A file that could not be had and is not listed again is not forgotten."""
    made = config(vendor, SINCE, content={"path": "/v1/files/{file_id}/content"})
    vendor.script("/v1/files/f2/content", *[Fault.status(503)] * 4)
    first = haul(made)
    vendor.assert_all_fired()
    assert (first.transferred, first.failed) == (9, 1)
    second = sync(made)
    assert (second.listed, second.transferred) == (1, 1)
    assert Path("files/f2").read_bytes() == b"f2"
    found = by_id(rows_of("SELECT file_id, status FROM acme_data.transfers"))
    assert set(found.values()) == {("done",)}


def test_what_contradicts_itself() -> None:
    """Sync types that do not go with incremental, before the first request."""
    with FakeVendor() as vendor:
        for more, message in (
            ({"sync_type": "snapshot"}, "lists everything"),
            ({"sync_type": "full_refresh_append"}, "lists everything"),
            ({"write_disposition": "replace"}, "only the rows that have changed"),
        ):
            with pytest.raises(ConfigError, match=message):
                load_config(config(vendor, SINCE, **more))
        with pytest.raises(ConfigError, match="end_value without initial_value"):
            load_config(config(vendor, {**SINCE, "end_value": 5}))
        assert vendor.requests == []
