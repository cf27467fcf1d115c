"""Change feeds as dlt sources: the token goes with the package of the rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
import pytest

from filehaul import file_source
from filehaul.testing import FakeFile, FakeVendor, Fault
from hauling import files
from test_changes_sync import asked, feed


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def vendor() -> Iterator[FakeVendor]:
    with FakeVendor(files("a", "b", "c"), page_cap=2) as running:
        yield running


def load(config: dict[str, Any]) -> dict[str, int]:
    """Load the source; size by id in the table then."""
    database = dlt.destinations.duckdb("plain.duckdb")
    pipeline = dlt.pipeline("plain", destination=database, pipelines_dir="dlt")
    pipeline.run(file_source(config))
    with pipeline.sql_client() as client:
        return dict(client.execute_sql("SELECT file_id, size FROM files") or [])


def test_a_source_goes_on_from_its_token(vendor: FakeVendor) -> None:
    """Everything, then changes alone; what is gone keeps its row, as dlt's users expect."""
    config = feed(vendor, content=None)
    assert len(load(config)) == 3
    assert asked(vendor)[:3] == (3, 1, 0)
    vendor.put(FakeFile("id-b", "b", content=b"12345"))
    vendor.put(FakeFile("id-d", "d", content=b"1"))
    vendor.remove("id-a")
    found = load(config)
    assert sorted(found) == ["id-a", "id-b", "id-c", "id-d"]
    assert (found["id-b"], found["id-d"]) == (5, 1)
    assert asked(vendor)[:3] == (0, 0, 2)
    load(config)
    assert asked(vendor)[:3] == (0, 0, 1)


def test_a_source_that_fails_reads_the_same_changes_again(vendor: FakeVendor) -> None:
    """A feed that breaks off: the token stays where it was."""
    config = feed(vendor, content=None)
    load(config)
    vendor.put(FakeFile("id-d", "d", content=b"1"))
    vendor.script("/v1/changes", Fault.status(403))
    with pytest.raises(Exception, match="403"):
        load(config)
    vendor.assert_all_fired()
    asked(vendor)
    assert sorted(load(config)) == ["id-a", "id-b", "id-c", "id-d"]
    assert asked(vendor)[:3] == (0, 0, 1)


def test_an_expired_token_and_another_config_list_everything(vendor: FakeVendor) -> None:
    """As in a sync; the token of then is good for the next run."""
    config = feed(vendor, content=None)
    load(config)
    vendor.expire_changes()
    asked(vendor)
    load(config)
    assert asked(vendor)[:3] == (3, 1, 1)
    load({**config, "resources": [{**config["resources"][0], "deleted": []}]})
    assert asked(vendor)[:3] == (0, 0, 1)
    fields = {"file_id": "file_id", "size": "size", "file_name": "name"}
    load({**config, "resources": [{**config["resources"][0], "fields": fields}]})
    assert asked(vendor)[:3] == (3, 1, 0)
