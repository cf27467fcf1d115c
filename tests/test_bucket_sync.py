"""Whole syncs into buckets of real stores: SeaweedFS and moto (S3), Azurite (Azure Blob)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest

from filehaul.testing import FakeFile, FakeVendor
from hauling import (
    config_for,
    contents,
    haul,
    ledger_rows,
    numbers,
    receipt_of,
)
from servers import Store

pytestmark = [
    pytest.mark.slow,
    pytest.mark.server,
    pytest.mark.xdist_group("stores"),  # one process starts them
    pytest.mark.parametrize("store", ["seaweedfs", "moto", "azurite"], indirect=True),
]
BIG = bytes(range(256)) * 4096 * 20  # 20 MiB: three parts


@pytest.fixture
def vendor() -> Iterator[FakeVendor]:
    made = [FakeFile(f"f{n}", f"{n}.txt", f"d/{n}.txt", b"#%d" % n * 50) for n in range(9)]
    made += [FakeFile("big", "big.bin", content=BIG), FakeFile("empty", "empty", content=b"")]
    made.append(FakeFile("mid", "mid.bin", content=b"m" * 3_000_000))
    with FakeVendor(made) as running:
        yield running


def as_listed(vendor: FakeVendor) -> dict[str, bytes]:
    """The vendor's files, by the path that they want."""
    return {str(file.path or file.file_name): file.content for file in vendor.files.values()}


def test_a_sync_and_what_changes(store: Store, vendor: FakeVendor, prefix: str) -> None:
    """All bytes arrive; nothing comes twice; a new version, a new path, a swap and a removed file
    end as on a disk, and a move asks the vendor for nothing.
    """
    config = config_for(vendor, sink=store.sink(prefix))
    assert numbers(haul(config)) == (12, 0, 0, 0)
    assert store.files(prefix) == as_listed(vendor)
    assert store.own(prefix) == [".filehaul/sink"]
    asked = contents(vendor)
    assert numbers(haul(config)) == (0, 12, 0, 0)
    assert contents(vendor) == asked
    vendor.put(FakeFile("f1", "1.txt", "d/1.txt", b"another version"))
    vendor.put(FakeFile("f2", "2.txt", "e/two.txt", b"#2" * 50))
    vendor.put(FakeFile("f3", "4.txt", "d/4.txt", b"#3" * 50))
    vendor.put(FakeFile("f4", "3.txt", "d/3.txt", b"#4" * 50))
    vendor.put(FakeFile("big", "big.bin", "moved/big.bin", BIG))
    report = haul(config)
    assert report.exit_code == 0, report.as_dict()
    assert store.files(prefix) == as_listed(vendor)
    assert contents(vendor) - asked <= 2, "one new version, one of the ring"
    assert numbers(haul(config)) == (0, 12, 0, 0)
    assert ledger_rows("SELECT count(*) FROM intents") == [(0,)]
    assert receipt_of("big")["sha256"] == hashlib.sha256(BIG).hexdigest()
