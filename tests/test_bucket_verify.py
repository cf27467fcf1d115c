"""Buckets read again, and taken over by a machine that knows nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

import filehaul
from filehaul.load import Destination
from filehaul.testing import FakeFile, FakeVendor
from hauling import config_for, haul, numbers, sync
from servers import Store

pytestmark = [
    pytest.mark.slow,
    pytest.mark.server,
    pytest.mark.xdist_group("stores"),  # one process starts them
    pytest.mark.parametrize("store", ["seaweedfs", "moto", "azurite", "google"], indirect=True),
]


@pytest.fixture
def vendor() -> Iterator[FakeVendor]:
    made = [FakeFile(f"f{n}", f"{n} ß+.txt", f"d/{n} ß+.txt", b"#%d" % n * 50) for n in range(5)]
    with FakeVendor(made) as running:
        yield running


def spoil(store: Store, prefix: str) -> None:
    """Of three files one has other bytes of the same size, one is cut, one is gone."""
    client: Any = store.client()
    for number, data in (("0", b"#X" * 50), ("1", b"cut")):
        client.put(f"{prefix}/d/{number} ß+.txt", data)
    client.delete(f"{prefix}/d/2 ß+.txt")
    client.put(f"{prefix}/stranger", b"put here by hand")


def test_bytes_are_read_back(store: Store, vendor: FakeVendor, prefix: str) -> None:
    """What is kept beside the bytes is not believed: rot is found, and mended."""
    config = config_for(vendor, sink=store.sink(prefix))
    haul(config)
    good = store.files(prefix)
    found = filehaul.verify(config)
    assert (found.equal, found.exit_code, found.findings) == (5, 0, [])
    spoil(store, prefix)
    vendor.clear_requests()
    found = filehaul.verify(config, repair=True)
    assert (found.equal, found.missing, found.different, found.extra) == (2, 1, 2, 1)
    assert (found.repaired, found.exit_code) == (3, 0)
    assert vendor.count("*/content") == 3
    assert store.files(prefix) == {**good, "stranger": b"put here by hand"}


def test_a_machine_that_knows_nothing(
    store: Store, vendor: FakeVendor, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Receipts come from the tables, sizes from the bucket: nothing is fetched again."""
    monkeypatch.setattr("filehaul.spine.Destination", Destination)
    config = config_for(vendor, sink=store.sink(prefix))
    assert numbers(sync(config)) == (5, 0, 0, 0)
    shutil.rmtree(".filehaul")
    assert numbers(sync(config)) == (0, 5, 0, 0)
    spoil(store, prefix)
    shutil.rmtree(".filehaul")
    report = sync(config)
    assert "the bytes of 2 are not in the sink" in report.warnings[0]
    assert numbers(report) == (2, 3, 0, 0)
