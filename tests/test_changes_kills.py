"""Change feeds under kills and over random histories: what the vendor has is what there is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from filehaul.testing import FakeFile, FakeVendor, Fault
from hauling import by_id, files, haul, rows_of, sink_files, sync
from test_changes_sync import BY_URL, FEED, asked, feed
from test_load_kills import MOMENTS, killed

STATE = "SELECT file_id, size, deleted_at IS NOT NULL FROM acme_data.files"
WHERE = {
    "listed, and no token offered": ("filehaul.ledger.changes", "ChangesBook.offer", False, 1),
    "the token offered": ("filehaul.ledger.changes", "ChangesBook.offer", True, 1),
    **{name: one for name, one in MOMENTS.items() if name != "receipts in the database"},
}
QUICK = ("the token offered", "loaded, and not confirmed")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def vendor() -> Iterator[FakeVendor]:
    with FakeVendor(files("a", "b", "c", "d"), page_cap=2) as running:
        yield running


def check(vendor: FakeVendor, gone: set[str]) -> None:
    """Rows, tombstones and bytes are those of the vendor; ``gone``: was there once."""
    there = {key: (len(file.content), False) for key, file in vendor.files.items()}
    found = by_id(rows_of(STATE))
    assert {key: value for key, value in found.items() if not value[1]} == there
    assert {key for key, value in found.items() if value[1]} == gone
    bytes_of = {file.file_name: file.content for file in vendor.files.values()}
    assert {name: sink_files()[name] for name in bytes_of} == bytes_of


@pytest.mark.parametrize(
    "moment",
    [one if one in QUICK else pytest.param(one, marks=pytest.mark.slow) for one in WHERE],
)
def test_killed_anywhere_the_same_changes_are_read_again(vendor: FakeVendor, moment: str) -> None:
    """A run of changes that is killed: the next one has every row, tombstone and byte."""
    config = feed(vendor)
    sync(config)
    vendor.put(FakeFile("id-b", "b", content=b"other"))
    vendor.put(FakeFile("id-e", "e", content=b"e"))
    vendor.remove("id-a")
    killed(config, WHERE[moment])
    vendor.put(FakeFile("id-f", "f", content=b"f"))
    vendor.remove("id-c")
    sync(config)
    check(vendor, {"id-a", "id-c"})
    asked(vendor)
    assert sync(config).rows == 0
    assert asked(vendor) == (0, 0, 1, 0)


STEP = st.sampled_from(
    [
        *(("put", key) for key in "abcd"),
        *(("remove", key) for key in "abcd"),
        *(("trash", key) for key in "abcd"),
        ("expire", ""),
        ("break", ""),
        ("refresh", ""),
        ("sync", ""),
        ("sync", ""),
        ("sync", ""),
    ]
)


@pytest.mark.slow
@settings(
    max_examples=8,
    deadline=None,
    phases=[Phase.generate],  # shrinking a history takes minutes
    suppress_health_check=list(HealthCheck),
)
@given(steps=st.lists(STEP, min_size=4, max_size=10), by_url=st.booleans())
def test_any_history_ends_as_the_vendor_is(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str]], by_url: bool
) -> None:
    """Put, removed, trashed, put again; tokens that expire, feeds that break off: after a sync,
    rows are those of the vendor, and whatever was loaded before has a tombstone.
    """
    os.chdir(tmp_path_factory.mktemp("history"))
    seen: set[str] = set()
    # One stays: a vendor that lists nothing at all trips the guard.
    with FakeVendor(files("a", "b", "always"), page_cap=2) as vendor:
        config = feed(vendor, BY_URL if by_url else FEED)

        def settled(**options: Any) -> None:
            sync(config, **options).raise_for_failures()
            check(vendor, seen - set(vendor.files))
            seen.update(vendor.files)

        for number, (what, key) in enumerate([*steps, ("sync", "")]):
            name = f"id-{key}"
            if what == "put":
                vendor.put(FakeFile(name, key, content=f"{key}{number % 3}".encode() * 3))
            elif what in ("remove", "trash") and name in vendor.files:
                vendor.remove(name) if what == "remove" else vendor.trash(name)
            elif what == "expire":
                vendor.expire_changes()
            elif what == "break":
                vendor.script("/v1/changes*", Fault.status(400))
                assert haul(config).exit_code == 8
                vendor.assert_all_fired()
            elif what in ("sync", "refresh"):
                settled(full_refresh=what == "refresh")
