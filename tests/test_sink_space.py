"""Room on the disk for a file whose size is known: reserved where that can be, and said in time."""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from filehaul.sink import make_room, reserve, space
from filehaul.testing import FakeFile, FakeVendor
from hauling import NoDestination, config_for, contents, haul, numbers, receipt_of, sink_files

SIZE = 3 * 2**20


class _Free(NamedTuple):
    """What a file system tells of its room."""

    f_blocks: int
    f_bavail: int
    f_frsize: int


@pytest.fixture
def descriptor(tmp_path: Path) -> Iterator[int]:
    """An empty file."""
    made = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    yield made
    os.close(made)


@pytest.mark.skipif(sys.platform != "linux", reason="fallocate(2) is Linux's")
def test_blocks_are_reserved(descriptor: int) -> None:
    """As long as asked for, and the blocks are there before a byte is; what was there stays."""
    os.pwrite(descriptor, b"begun", 0)
    make_room(descriptor, SIZE)
    assert os.fstat(descriptor).st_size == SIZE
    half = SIZE // 2
    reserve(descriptor, half, half)
    if space._reserve(descriptor, half, half) == 0:  # some file systems cannot
        assert half <= os.fstat(descriptor).st_blocks * 512 < SIZE
    reserve(descriptor, 0, half)
    if space._reserve(descriptor, 0, half) == 0:
        assert os.fstat(descriptor).st_blocks * 512 >= SIZE
    assert os.pread(descriptor, 5, 0) == b"begun"


@pytest.mark.parametrize("number", sorted(space._CANNOT))
def test_where_none_can_be_reserved_nothing_is(
    descriptor: int, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file system, or a system, without that call: never written block by block."""
    monkeypatch.setattr(space, "_reserve", lambda *_of: number)
    make_room(descriptor, SIZE)
    reserve(descriptor, 0, SIZE)
    assert os.fstat(descriptor).st_size == SIZE


def test_a_system_without_the_call(descriptor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A C library that does not have it."""
    monkeypatch.setattr(ctypes, "CDLL", lambda *_a, **_n: object())
    assert space._reserve(descriptor, 0, SIZE) == errno.ENOSYS


def test_too_little_room_is_an_error(descriptor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Said before the bytes come, and when others have taken the room meanwhile."""
    free = os.fstatvfs(descriptor)
    with pytest.raises(OSError, match="No space left") as caught:
        make_room(descriptor, (free.f_bavail + 2**20) * free.f_frsize)
    assert caught.value.errno == errno.ENOSPC
    assert os.fstat(descriptor).st_size == 0
    monkeypatch.setattr(space, "_reserve", lambda *_of: errno.ENOSPC)
    with pytest.raises(OSError, match="No space left"):
        reserve(descriptor, 0, SIZE)


def test_what_is_there_needs_no_room(descriptor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is gone on with needs room for its rest; a system that tells nothing is asked
    nothing.
    """
    os.pwrite(descriptor, b"b" * SIZE, 0)
    monkeypatch.setattr(os, "fstatvfs", lambda _one: _Free(f_blocks=9, f_bavail=1, f_frsize=4096))
    make_room(descriptor, SIZE + 4096)
    with pytest.raises(OSError, match="No space left"):
        make_room(descriptor, SIZE + 2**20)
    monkeypatch.setattr(os, "fstatvfs", lambda _one: _Free(f_blocks=0, f_bavail=0, f_frsize=4096))
    make_room(descriptor, SIZE + 2**20)
    assert os.fstat(descriptor).st_size == SIZE + 2**20


def test_a_file_that_the_sink_cannot_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Larger than any file may be there: that one fails after one request, the others come."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("filehaul.spine.Destination", NoDestination)
    monkeypatch.setattr("filehaul.parts.PART", 2**20)
    monkeypatch.setattr("filehaul.transfer.large.PART", 2**20)
    made = [FakeFile("big", "big", content=b"b" * SIZE), FakeFile("small", "small", content=b"s")]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with FakeVendor(made) as vendor:
        content = {"path": "/v1/files/{file_id}/content", "ranges": 2}
        resource.setrlimit(resource.RLIMIT_FSIZE, (2 * 2**20, before[1]))
        try:
            report = haul(config_for(vendor, content=content))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert numbers(report) == (1, 0, 1, 0)
        assert contents(vendor) == 2
    assert "cannot hold a file of this size" in receipt_of("big")["error"]
    assert sink_files() == {"small": b"s"}
