"""history: every version of a row is kept, and nothing else makes one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from filehaul.testing import FakeFile, FakeVendor, Fault
from hauling import config_for, haul, rows_of, sync
from test_incremental import SINCE, file
from test_load_kills import MOMENTS, killed

pytestmark = pytest.mark.usefixtures("own_folder")

CURRENT = "SELECT file_id FROM acme_data.files WHERE _dlt_valid_to IS NULL ORDER BY 1"


@pytest.fixture
def vendor() -> Iterator[FakeVendor]:
    """Three files, an hour apart."""
    with FakeVendor([file(f"f{n}", 60 * n) for n in range(3)]) as running:
        yield running


def config(vendor: FakeVendor, **more: Any) -> dict[str, Any]:
    """A history of this vendor's files, without content."""
    return config_for(vendor, content=None, sync_type="history", **more)


def versions(file_id: str) -> list[tuple[Any, ...]]:
    """(size, is a tombstone, is the current one) of each version, oldest first; each must begin
    where the one before ended.
    """
    found = rows_of(
        "SELECT size, deleted_at IS NOT NULL, _dlt_valid_to IS NULL, _dlt_valid_from,"
        f" _dlt_valid_to FROM acme_data.files WHERE file_id = '{file_id}' ORDER BY _dlt_valid_from"
    )
    for before, after in itertools.pairwise(found):
        assert before[4] == after[3]
    return [row[:3] for row in found]


def current() -> list[str]:
    """The files that have a current version, each as often as it has one."""
    return [one for (one,) in rows_of(CURRENT)]


@pytest.mark.parametrize("fields", [None, {"file_id": "file_id", "size": "size"}])
def test_every_version_is_kept(vendor: FakeVendor, fields: Any) -> None:
    """A change is one more version; what has not changed has one; a run without changes adds
    nothing.
    """
    made = config(vendor, **({} if fields is None else {"fields": fields}))
    sync(made)
    vendor.put(file("f1", 70, "changed"))
    assert sync(made).rows == 1
    assert sync(made).rows == 0
    vendor.put(file("f1", 60))
    sync(made)
    assert versions("f1") == [(2, False, False), (7, False, False), (2, False, True)]
    assert versions("f0") == [(2, False, True)]
    assert current() == ["f0", "f1", "f2"]


def test_a_delete_and_a_return_are_versions(vendor: FakeVendor) -> None:
    """A tombstone is the current version until the file comes back, the same as it was."""
    made = config(vendor)
    sync(made)
    kept = vendor.files["f1"]
    for _ in range(2):
        vendor.remove("f1")
        assert sync(made).deleted == 1
        assert sync(made).rows == 0
        vendor.put(kept)
        assert sync(made).rows == 1
    assert versions("f1") == [
        (2, False, False),
        (2, True, False),
        (2, False, False),
        (2, True, False),
        (2, False, True),
    ]
    assert current() == ["f0", "f1", "f2"]
    assert rows_of(
        "SELECT DISTINCT delete_reason FROM acme_data.files WHERE deleted_at IS NOT NULL"
    ) == [("not_listed",)]


def test_an_incomplete_run_retires_nothing(vendor: FakeVendor) -> None:
    """Half a listing: what it saw is there in its new version, all else is current as it was."""
    made = config(vendor, endpoint={"paginator": {"type": "offset", "limit": 2}})
    sync(made)
    vendor.put(file("f0", 80, "changed"))
    vendor.remove("f2")
    vendor.put(FakeFile("f3", "f3"))
    # Whichever request comes second, and those that ask ahead of it.
    vendor.script("/v1/files", Fault.latency(0))
    vendor.script("/v1/files", Fault.status(400), times=Fault.always)
    assert haul(made).exit_code == 8
    vendor.assert_all_fired()
    vendor.clear_scripts()
    assert current() == ["f0", "f1", "f2"]
    assert versions("f2") == [(2, False, True)]
    sync(made)
    assert versions("f0")[-1] == (7, False, True)
    assert versions("f2") == [(2, False, False), (2, True, True)]


def test_an_incremental_run_retires_nothing(vendor: FakeVendor) -> None:
    """A history of what a watermark brings: what is not listed stays the current version."""
    made = config(vendor, endpoint={"incremental": SINCE})
    sync(made)
    vendor.put(file("f0", 200, "changed"))
    vendor.remove("f1")
    assert (sync(made).rows, current()) == (1, ["f0", "f1", "f2"])
    assert versions("f0") == [(2, False, False), (7, False, True)]
    assert sync(made, full_refresh=True).deleted == 1
    assert versions("f1") == [(2, False, False), (2, True, True)]


def test_a_history_without_tombstones(vendor: FakeVendor) -> None:
    """deletes: none: no ledger row a file, every row is loaded, and only changes make versions."""
    made = config(vendor, deletes="none")
    sync(made)
    vendor.remove("f1")
    vendor.put(file("f0", 80, "changed"))
    for _ in range(2):
        sync(made)
    assert [len(versions(f"f{n}")) for n in range(3)] == [2, 1, 1]
    assert current() == ["f0", "f1", "f2"]


def test_rows_that_were_lost_come_back_as_their_last_version(vendor: FakeVendor) -> None:
    """A dropped table: the current versions and the tombstones; the older ones are gone."""
    made = config(vendor)
    sync(made)
    vendor.put(file("f0", 80, "changed"))
    vendor.remove("f1")
    sync(made)
    with duckdb.connect("acme.duckdb") as connection:
        connection.execute("DROP TABLE acme_data.files")
    assert sync(made).warnings
    assert versions("f0") == [(7, False, True)]
    assert versions("f1") == [(2, True, True)]
    assert len(rows_of("SELECT 1 FROM acme_data.files")) == 3


@pytest.mark.slow
@pytest.mark.parametrize(
    "moment", ["extracted", "half of the jobs are done", "loaded, and not confirmed"]
)
def test_killed_while_a_version_is_loaded(vendor: FakeVendor, moment: str) -> None:
    """After the next run each change and each tombstone is one version."""
    made = config(vendor)
    sync(made)
    vendor.put(file("f0", 80, "changed"))
    vendor.remove("f1")
    module, name, after, call = MOMENTS[moment]
    killed(made, (module, name, after, min(call, 2)))
    sync(made)
    assert versions("f0") == [(2, False, False), (7, False, True)]
    assert versions("f1") == [(2, False, False), (2, True, True)]
    assert sync(made).rows == 0
