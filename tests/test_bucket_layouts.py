"""Layouts, and bytes of deleted files, in buckets of real stores."""

from __future__ import annotations

import hashlib
import re

import pytest

from filehaul.names import by_hash
from filehaul.sink import Bucket
from filehaul.testing import FakeFile, FakeVendor
from filehaul.transfer.uploads import MOST
from hauling import Confirms, config_for, contents, haul, numbers
from servers import Store

pytestmark = [
    pytest.mark.slow,
    pytest.mark.server,
    pytest.mark.xdist_group("stores"),  # one process starts them
    pytest.mark.parametrize("store", ["moto", "azurite"], indirect=True),
]


def test_layouts_and_deletes(store: Store, prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """by_path, by_hash and back: copied in the store, but for the one of two that share bytes; then
    a file that is gone goes to the trash, and another is removed.
    """
    monkeypatch.setattr("filehaul.spine.Destination", Confirms)
    made = [
        FakeFile("f0", "a.txt", "d/a.txt", b"same"),
        FakeFile("f1", "b.txt", "d/b.txt", b"same"),
        FakeFile("f2", "c.txt", "c.txt", b"other"),
    ]
    same, other = (by_hash(hashlib.sha256(one).hexdigest()) for one in (b"same", b"other"))
    with FakeVendor(made, checksum=False) as vendor:

        def run(layout: str, on_delete: str = "keep") -> tuple[int, int, int, int]:
            content = {"path": "/v1/files/{file_id}/content", "layout": layout}
            sink = store.sink(prefix)
            return numbers(
                haul(config_for(vendor, content=content, on_delete=on_delete, sink=sink))
            )

        assert run("by_path") == (3, 0, 0, 0)
        asked = contents(vendor)
        assert run("by_hash") == (0, 3, 0, 0)
        assert store.files(prefix) == {same: b"same", other: b"other"}
        assert run("by_hash") == (0, 3, 0, 0)
        assert contents(vendor) == asked
        assert run("by_path") == (1, 2, 0, 0)
        by_path = {"d/a.txt": b"same", "d/b.txt": b"same", "c.txt": b"other"}
        assert store.files(prefix) == by_path
        vendor.remove("f0")
        assert run("by_path", "trash") == (0, 2, 0, 0)
        assert set(store.files(prefix)) == {"d/b.txt", "c.txt"}
        (trash,) = [one for one in store.own(prefix) if one != ".filehaul/sink"]
        assert re.fullmatch(r"\.filehaul/trash/[^/]+Z/d/a\.txt", trash)
        vendor.remove("f2")
        assert run("by_path", "remove") == (0, 1, 0, 0)
        assert store.files(prefix) == {"d/b.txt": b"same"}


def test_what_waits_in_memory_is_bounded(
    store: Store, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of small files that may only be placed once the ledger knows, so many are in memory at once
    as of others, however fast they come.
    """
    waiting: list[int] = []
    keep = Bucket.keep

    def kept(sink: Bucket, partial: str, data: bytes) -> None:
        keep(sink, partial, data)
        waiting.append(len(sink._small))

    monkeypatch.setattr(Bucket, "keep", kept)
    with FakeVendor([FakeFile(f"f{n}", f"{n}", content=b"%d" % n) for n in range(450)]) as vendor:
        content = {"path": "/v1/files/{file_id}/content", "layout": "by_hash"}
        report = haul(config_for(vendor, content=content, sink=store.sink(prefix)))
        assert numbers(report) == (450, 0, 0, 0)
    assert max(waiting) <= 2 * MOST + 20, "under way, to be begun, and in flight"
