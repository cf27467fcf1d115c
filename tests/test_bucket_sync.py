"""Whole syncs into buckets of real stores: SeaweedFS and moto (S3), Azurite (Azure Blob)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from filehaul.testing import FakeFile, FakeVendor
from hauling import (
    NoDestination,
    config_for,
    contents,
    haul,
    ledger_rows,
    numbers,
    receipt_of,
)
from servers import OutOfReach, Store, azurite, moto_store, weed_store

pytestmark = [
    pytest.mark.slow,
    pytest.mark.server,
    pytest.mark.xdist_group("stores"),  # one process starts them
]
STORES: dict[str, Callable[[Path], Any]] = {
    "seaweedfs": weed_store,
    "moto": moto_store,
    "azurite": azurite,
}
BIG = bytes(range(256)) * 4096 * 20  # 20 MiB: three parts


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Store]]:
    """Each store, started when the first test asks."""
    with ExitStack() as stack:

        @cache
        def started(name: str) -> Store:
            try:
                return stack.enter_context(STORES[name](tmp_path_factory.mktemp(name)))
            except OutOfReach as why:
                pytest.skip(str(why))

        yield started


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, stores: Callable[[str], Store]) -> Store:
    """One after the other."""
    return stores(request.param)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each test in a folder and a prefix of its own, without a destination."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("filehaul.spine.Destination", NoDestination)
    return f"lake/{hashlib.sha256(str(tmp_path).encode()).hexdigest()[:10]}"


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


def test_a_sync_and_what_changes(store: Store, vendor: FakeVendor, place: str) -> None:
    """All bytes arrive; nothing comes twice; a new version, a new path, a swap and a removed file
    end as on a disk, and a move asks the vendor for nothing.
    """
    config = config_for(vendor, sink=store.sink(place))
    assert numbers(haul(config)) == (12, 0, 0, 0)
    assert store.files(place) == as_listed(vendor)
    assert store.own(place) == [".filehaul/sink"]
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
    assert store.files(place) == as_listed(vendor)
    assert contents(vendor) - asked <= 2, "one new version, one of the ring"
    assert numbers(haul(config)) == (0, 12, 0, 0)
    assert ledger_rows("SELECT count(*) FROM intents") == [(0,)]
    assert receipt_of("big")["sha256"] == hashlib.sha256(BIG).hexdigest()
