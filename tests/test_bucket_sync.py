"""Whole syncs into buckets of real stores: SeaweedFS and moto (S3), Azurite (Azure Blob)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest

from filehaul.config import load_config
from filehaul.sink import Bucket, sink_of
from filehaul.testing import FakeFile, FakeVendor, Fault
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
    pytest.mark.parametrize("store", ["seaweedfs", "moto", "azurite", "google"], indirect=True),
]
BIG = bytes(range(256)) * 4096 * 20  # 20 MiB: four parts


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


def test_large_files(store: Store, prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By ranges; and broken off in one run and gone on with by the next: only the rest is asked
    for, and the bucket never sees but the whole.
    """
    monkeypatch.setattr("filehaul.parts.PART", 4 * 2**20)
    monkeypatch.setattr("filehaul.transfer.large.PART", 4 * 2**20)
    with FakeVendor([FakeFile("big", "big.bin", content=BIG)]) as vendor:
        content = {"path": "/v1/files/{file_id}/content", "ranges": 4}
        config = config_for(vendor, sink=store.sink(prefix), content=content)
        assert numbers(haul(config)) == (1, 0, 0, 0)
        assert contents(vendor) == 5
        assert store.files(prefix) == {"big.bin": BIG}

        newer = BIG[::-1]
        vendor.put(FakeFile("big", "big.bin", content=newer))
        del config["resources"][0]["content"]["ranges"]
        vendor.script("*/content", Fault.cut(7_000_000), *[Fault.status(503)] * 3)
        assert numbers(haul(config)) == (0, 0, 1, 0)
        vendor.assert_all_fired()
        assert store.files(prefix) == {"big.bin": BIG}
        assert numbers(haul(config)) == (1, 0, 0, 0)
        assert vendor.requests[-1].headers["range"] == f"bytes=7000000-{len(BIG) - 1}"
        assert store.files(prefix) == {"big.bin": newer}
        assert store.own(prefix) == [".filehaul/sink"]
        assert receipt_of("big")["sha256"] == hashlib.sha256(newer).hexdigest()


HOSTILE = [
    "../../up.txt",
    "/abs/olute",
    "C:\\Windows\\x",
    "NUL",
    "aux.txt",
    "with space /and dot./x.",
    "Grüße/日本語/emoji 🎉",
    "right\u202eto-left",
    "per%cent%20%2F",
    "plus+and&and=?#[]{}^`|<>\"'~!$*();,@",
    "n" * 300,
    "/".join(["deep"] * 180) + "/x",
    "a",
    "A",
    "a/below",
    ".filehaul/sink",
    "nul\x00inside",
    "line\nbreak",
]


def test_hostile_names(store: Store, prefix: str) -> None:
    """What could leave the prefix, vanish, or break a key or its signature: every file is there
    under the path of its receipt, nothing is outside the prefix, and our own mark stands.
    """
    made = [
        FakeFile(f"h{number}", name.rpartition("/")[2] or "x", name, b"%d" % number)
        for number, name in enumerate(HOSTILE)
    ]
    with FakeVendor(made) as vendor:
        before = set(store.files("lake")) - set(store.files(prefix))
        config = config_for(vendor, sink=store.sink(prefix))
        assert numbers(haul(config)) == (len(HOSTILE), 0, 0, 0)
        where = dict(ledger_rows("SELECT key, target FROM transfers WHERE status = 'done'"))
        found = store.files(prefix)
        assert {where[one]: file.content for one, file in vendor.files.items()} == found
        names = {one.removeprefix(prefix.removeprefix("lake/") + "/") for one in found}
        assert set(store.files("lake")) - before == {
            *(f"{prefix.removeprefix('lake/')}/{name}" for name in names),
            f"{prefix.removeprefix('lake/')}/.filehaul/sink",
        }
        assert numbers(haul(config)) == (0, len(HOSTILE), 0, 0)


def test_what_the_sink_tells(store: Store, prefix: str, vendor: FakeVendor) -> None:
    """Sizes, checksums as they were kept and by reading, and all names: of what a sync wrote, and
    of what a stranger put beside it.
    """
    config = config_for(vendor, sink=store.sink(prefix))
    haul(config)
    store.client().put(f"{prefix}/stranger", b"theirs")
    sink = sink_of(load_config(config))
    assert sink is not None
    sink.open()
    try:
        assert isinstance(sink, Bucket)
        ours = as_listed(vendor)
        assert dict(sink.files()) == {
            **{name: len(content) for name, content in ours.items()},
            "stranger": 6,
        }
        sha256, md5 = hashlib.sha256(BIG).hexdigest(), hashlib.md5(BIG).hexdigest()
        assert sink.digests("big.bin", ["sha256"]) == {"sha256": sha256}
        assert sink.digests("big.bin", ["sha256", "md5"]) == {"sha256": sha256, "md5": md5}
        assert sink.digests("big.bin", ["sha256"], read=True) == {"sha256": sha256}
        assert sink.digests("big.bin", ["sha256"], lambda: True, read=True) is None
        theirs = hashlib.sha256(b"theirs").hexdigest()
        assert sink.digests("stranger", ["sha256"]) == {"sha256": theirs}
        assert sink.digests("no such", ["sha256"]) is None
        assert sink.size("no such") is None
        assert sink.sizes(["big.bin", "no such"]) == {"big.bin": len(BIG)}
        assert sink.vacant(["big.bin", "no such"]) == {"no such"}
        assert sink.url("d/1.txt") == f"{store.address(prefix)}/d/1.txt"
    finally:
        sink.close()
