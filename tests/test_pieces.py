"""Bytes between the network and the partial, with threads and without."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filehaul import pieces as room
from filehaul.errors import SinkError
from filehaul.pieces import Lanes, Pieces
from filehaul.sink import Folder

ALGORITHMS = ("sha256", "md5")


@pytest.fixture(scope="module", params=[False, True], ids=["here", "threads"])
def lanes(request: pytest.FixtureRequest) -> Iterator[Lanes | None]:
    """None, or three threads."""
    if not request.param:
        yield None
        return
    with Lanes(3) as made:
        yield made


@pytest.fixture(scope="module")
def sink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Folder]:
    """An open sink."""
    made = Folder(tmp_path_factory.mktemp("sink"))
    made.open()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _little(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is large begins at a few bytes: all ways are taken."""
    monkeypatch.setattr(room, "SMALL", 10)
    monkeypatch.setattr(room, "PIECE", 25)


def content(sink: Folder, name: str) -> bytes:
    """What the partial held."""
    sink.commit(name, name)
    found = (sink.root / name).read_bytes()
    sink.remove(name)
    return found


# A chunk, or what else can happen: checksums are asked for, the file comes again.
STEPS = st.lists(st.one_of(st.binary(max_size=40), st.sampled_from(["hashed", "again"])))


@given(files=st.lists(STEPS, min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_any_chunks_in_any_turn(
    files: list[list[bytes | str]], sink: Folder, lanes: Lanes | None
) -> None:
    """Several files at once, chunks of any size, restarts: bytes and checksums are right."""
    names = [f"{number}{os.urandom(4).hex()}" for number in range(len(files))]
    kept = [Pieces(sink, name, ALGORITHMS, lanes) for name in names]
    wanted = [b""] * len(files)
    for turn in range(max(map(len, files))):
        for number, steps in enumerate(files):
            step = steps[turn] if turn < len(steps) else "hashed"
            if step == "again":
                kept[number].restart()
                wanted[number] = b""
            elif step == "hashed":
                found = kept[number].hashed()
                assert found["sha256"] == hashlib.sha256(wanted[number]).hexdigest()
            elif isinstance(step, bytes):
                kept[number].add(step)
                wanted[number] += step
    for name, one, expected in zip(names, kept, wanted):
        assert one.size == len(expected)
        assert one.hashed() == {
            "sha256": hashlib.sha256(expected).hexdigest(),
            "md5": hashlib.md5(expected).hexdigest(),
        }
        one.keep()
        assert content(sink, name) == expected


def test_a_small_file_touches_no_disk_before_it_is_right(sink: Folder, lanes: Lanes) -> None:
    """Checksums of a small file are known before there is a partial."""
    one = Pieces(sink, "small", ALGORITHMS, lanes)
    one.add(b"123456789")
    assert one.hashed()["md5"] == hashlib.md5(b"123456789").hexdigest()
    assert not list(sink.root.rglob("small"))
    one.keep()
    assert content(sink, "small") == b"123456789"


def test_what_a_thread_cannot_write_is_told(
    sink: Folder, lanes: Lanes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk is said by the next call, also where a thread met it, and again; then a restart
    starts anew.
    """
    one = Pieces(sink, "full", ALGORITHMS, lanes)

    def no_space(_descriptor: int, _data: bytes) -> None:
        raise OSError(28, "No space left on device")

    def feed() -> None:
        for _ in range(3):
            one.add(b"x" * 30)
        one.hashed()

    with monkeypatch.context() as patch:
        patch.setattr(room, "write_all", no_space)
        with pytest.raises(SinkError, match="the sink is full"):
            feed()
        if lanes is not None:
            with pytest.raises(SinkError, match="the sink is full"):
                one.hashed()
    one.restart()
    one.add(b"y" * 30)
    one.hashed()
    one.keep()
    assert content(sink, "full") == b"y" * 30


def test_the_network_waits_for_a_slow_disk(sink: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than a few pieces are in memory, however fast they come."""
    may_write = threading.Event()
    real = room.write_all

    def slow(descriptor: int, data: bytes) -> None:
        may_write.wait(10)
        real(descriptor, data)

    monkeypatch.setattr(room, "write_all", slow)
    with Lanes(1) as lanes:
        one = Pieces(sink, "slow", ALGORITHMS, lanes)
        feeder = threading.Thread(target=lambda: [one.add(b"z" * 25) for _ in range(40)])
        feeder.start()
        feeder.join(0.2)
        assert feeder.is_alive()
        assert one.size <= 25 * (room._QUEUED + 3)
        may_write.set()
        feeder.join(10)
        assert one.size == 1000
        one.hashed()
        one.keep()
    assert content(sink, "slow") == b"z" * 1000


def test_threads_end(sink: Folder) -> None:
    """After `Lanes.close` none of its threads is left, and what was put is done."""
    before = threading.active_count()
    lanes = Lanes(2)
    files = [Pieces(sink, f"end{number}", ("sha256",), lanes) for number in range(3)]
    for one in files:
        one.add(b"x" * 100)
    assert threading.active_count() == before + 2
    lanes.close()
    assert threading.active_count() == before
    for one in files:
        one.close()
    assert [content(sink, f"end{number}") for number in range(3)] == [b"x" * 100] * 3
