"""Every sync type in every destination that has it: one vendor's story, the same rows in each."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from destinations import MERGING, Place, parquet
from filehaul.errors import ConfigError
from filehaul.testing import FakeFile, FakeVendor
from hauling import config_for, sync
from test_changes_sync import FEED

pytestmark = pytest.mark.xdist_group("destinations")
NOON = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)

# Sync type: the rows after each of three runs. b2: file b, two bytes; †: its row is a tombstone.
STORY = {
    "full_refresh": ("a1 b1 c1", "a1 b2 d1", "a1 b2 c3 d1"),
    "full_refresh_append": (
        "a1 b1 c1",
        "a1 a1 b1 b2 c1 d1",
        "a1 a1 a1 b1 b2 b2 c1 c3 d1 d1",
    ),
    "incremental": ("a1 b1 c1", "a1 b2 c1 d1", "a1 b2 c3 d1"),
    "incremental_append": ("a1 b1 c1", "a1 b1 b2 c1 d1", "a1 b1 b2 c1 c3 d1"),
    "snapshot": ("a1 b1 c1", "a1 b2 c1† d1", "a1 b2 c3 d1"),
    "snapshot, hard": ("a1 b1 c1", "a1 b2 d1", "a1 b2 c3 d1"),
    "changes": ("a1 b1 c1", "a1 b2 c1† d1", "a1 b2 c3 d1"),
    "changes, hard": ("a1 b1 c1", "a1 b2 d1", "a1 b2 c3 d1"),
    "history": ("a1 b1 c1", "a1 b1 b2 c1 c1† d1", "a1 b1 b2 c1 c1† c3 d1"),
}
IN_FILES = ("full_refresh", "full_refresh_append", "incremental_append")


def file(name: str, size: int, day: int) -> FakeFile:
    """A file of this many bytes, modified on this day."""
    return FakeFile(name, name, content=b"." * size, modified_at=NOON + timedelta(days=day))


def config(vendor: FakeVendor, sync_type: str, destination: Any) -> dict[str, Any]:
    """A catalogue by this sync type."""
    kind, _, hard = sync_type.partition(", ")
    made = config_for(vendor, content=None, destination=destination)
    resource = made["resources"][0]
    resource["sync_type"] = kind
    if hard:
        resource["deletes"] = hard
    if kind.startswith("incremental"):
        resource["endpoint"]["incremental"] = {"cursor_path": "modified_at"}
    if kind == "changes":
        resource["changes"] = FEED
    del made["resource_defaults"]["write_disposition"]
    return made


def rows(there: Place, made: dict[str, Any]) -> str:
    """What the table has, in the story's words."""
    columns = "file_id, size, deleted_at IS NOT NULL"
    if there.name == "filesystem":
        found = parquet("files", columns)
    else:
        found = there.rows(made, f"SELECT {columns} FROM {{table}}")
    return " ".join(f"{name}{size}{'†' * deleted}" for name, size, deleted in sorted(found))


def cases() -> Iterator[Any]:
    """Destination and sync type. DuckLake takes seconds a load; DuckDB has tests of its own."""
    for name in (*MERGING, "filesystem"):
        marks = [pytest.mark.server] if name == "postgres" else []
        marks += [pytest.mark.slow] if name in ("duckdb", "ducklake") else []
        for sync_type in STORY if name != "filesystem" else IN_FILES:
            yield pytest.param(name, sync_type, marks=marks, id=f"{name}-{sync_type}")


@pytest.mark.parametrize(("there", "sync_type"), list(cases()), indirect=["there"])
def test_the_same_story_everywhere(there: Place, sync_type: str) -> None:
    """Three files; one changes, one goes, one comes; the one that went returns as another."""
    with FakeVendor([file("a", 1, 1), file("b", 1, 1), file("c", 1, 1)]) as vendor:
        made = config(vendor, sync_type, there.block)
        for number, expected in enumerate(STORY[sync_type]):
            if number == 1:
                vendor.put(file("b", 2, 2))
                vendor.remove("c")
                vendor.put(file("d", 1, 2))
            elif number == 2:
                vendor.put(file("c", 3, 3))
            report = sync(made)
            assert report.exit_code == 0, report
            assert rows(there, made) == expected, f"after run {number + 1}"


@pytest.mark.parametrize("there", ["filesystem"], indirect=True)
@pytest.mark.parametrize("sync_type", [one for one in STORY if one not in IN_FILES])
def test_what_files_cannot_keep_is_refused(there: Place, sync_type: str) -> None:
    """Every other sync type is refused for Parquet files, before the vendor is asked."""
    with FakeVendor([file("a", 1, 1)]) as vendor:
        with pytest.raises(ConfigError, match="the destination filesystem cannot"):
            sync(config(vendor, sync_type, there.block))
        assert vendor.request_count == 0
