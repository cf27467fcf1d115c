"""Incremental resources as dlt sources: the watermark goes with the package of the rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dlt
import pytest

from filehaul import file_source
from filehaul.errors import ConfigError
from filehaul.testing import FakeFile, FakeVendor, Fault
from hauling import config_for
from test_incremental import SINCE, asked_since, config, file

pytestmark = pytest.mark.usefixtures("own_folder")


@pytest.fixture
def vendor() -> Iterator[FakeVendor]:
    """Four files, an hour apart."""
    with FakeVendor([file(f"f{n}", 60 * n) for n in range(4)]) as running:
        yield running


def run(made: dict[str, Any]) -> list[str]:
    """Load the source; the ids in the table then."""
    pipeline = dlt.pipeline(
        "plain", destination=dlt.destinations.duckdb("plain.duckdb"), pipelines_dir="dlt"
    )
    pipeline.run(file_source(made))
    with pipeline.sql_client() as client:
        return [row[0] for row in client.execute_sql("SELECT file_id FROM files ORDER BY 1") or []]


@pytest.mark.parametrize("sync_type", ["incremental", "incremental_append"])
def test_a_source_goes_on_where_the_last_package_ended(vendor: FakeVendor, sync_type: str) -> None:
    """The second run asks from the watermark on; at the edge nothing is lost or doubled."""
    made = config(vendor, SINCE, sync_type=sync_type)
    assert run(made) == ["f0", "f1", "f2", "f3"]
    vendor.put(file("twin", 180))
    vendor.put(file("f4", 240))
    expected = ["f0", "f1", "f2", "f3", "f4", "twin"]
    assert run(made) == expected
    assert run(made) == expected
    assert asked_since(vendor) == [None, "2024-05-01T14:55:00Z", "2024-05-01T15:55:00Z"]


def test_a_source_that_fails_keeps_its_watermark(vendor: FakeVendor) -> None:
    """No row and no watermark of a listing that did not go to its end."""
    made = config(vendor, SINCE)
    run(made)
    vendor.put(file("f4", 240))
    vendor.script("/v1/files", Fault.status(400))
    with pytest.raises(Exception, match="400"):
        run(made)
    vendor.assert_all_fired()
    assert run(made) == [f"f{n}" for n in range(5)]
    assert asked_since(vendor)[1:] == ["2024-05-01T14:55:00Z"] * 2


def test_what_a_source_does_not_do(vendor: FakeVendor) -> None:
    """No tombstones: a file that is gone stays as it was. No history: it says who keeps one."""
    made = config_for(vendor, content=None)
    run(made)
    vendor.remove("f1")
    assert run(made) == ["f0", "f1", "f2", "f3"]
    with pytest.raises(ConfigError, match=r"kept by filehaul\.sync"):
        file_source(config_for(vendor, content=None, sync_type="history"))
    with pytest.raises(ConfigError, match="snapshot is merge"):
        file_source(
            config_for(vendor, content=None, sync_type="snapshot", write_disposition="append")
        )


def test_a_sync_type_alone(vendor: FakeVendor) -> None:
    """full_refresh replaces, without a write disposition beside it."""
    made = config_for(vendor, content=None, sync_type="full_refresh")
    run(made)
    vendor.remove("f1")
    vendor.put(FakeFile("new", "new"))
    assert run(made) == ["f0", "f2", "f3", "new"]
