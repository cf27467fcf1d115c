"""A file's bytes between the network and its partial: gathered, hashed, written.

A small file stays in memory and is written in one go, once it is known to be right. Of a larger
one a thread hashes and writes a piece while the next is on its way: hashing and writing let go of
Python's lock. One file's pieces go through one thread, so they stay in order.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Collection, Iterator
from functools import partial
from queue import Queue

from . import checksums
from .errors import FilehaulError
from .sink import Sink

SMALL = 512 * 1024
"""Bytes: a file below this is written at once when it is whole. For so few a thread does not pay:
handing over costs more than hashing takes, and at its end a file waits for the thread.
"""
PIECE = 1024 * 1024
_QUEUED = 8  # pieces that may wait for a thread: then the network waits too
_MOST_LANES = 4
_AT_ONCE = 1024 if hasattr(os, "pwritev") else 0  # IOV_MAX of Linux and macOS

Chunk = bytes | memoryview


class Lanes:
    """A few threads that keep pieces. They start when the first large file comes."""

    def __init__(self, count: int | None = None) -> None:
        self._count = count or min(_MOST_LANES, os.cpu_count() or 1)
        self._lanes: list[Lane] = []
        self._given = 0

    def next(self) -> Lane:
        """The lane of one more file."""
        if len(self._lanes) < self._count:
            self._lanes.append(Lane())
        self._given += 1
        return self._lanes[self._given % len(self._lanes)]

    def close(self) -> None:
        """End the threads, when all that was put is done."""
        for lane in self._lanes:
            lane.close()
        self._lanes.clear()

    def __enter__(self) -> Lanes:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Lane:
    """One thread, and what it still has to do."""

    def __init__(self) -> None:
        self._queue: Queue[Callable[[], None] | None] = Queue(_QUEUED)
        self._thread = threading.Thread(target=self._run, name="filehaul pieces", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            work = self._queue.get()
            try:
                if work is None:
                    return
                work()
            finally:
                self._queue.task_done()

    def put(self, work: Callable[[], None]) -> None:
        """Do this after all that was put before. Waits where too much is waiting already."""
        self._queue.put(work)

    def wait(self) -> None:
        """Until all that was put is done."""
        self._queue.join()

    def close(self) -> None:
        """End the thread."""
        self._queue.put(None)
        self._thread.join()


class Pieces:
    """The bytes of one file. ``size``: how many came. ``algorithms``: what they are hashed by.

    Raises what the sink says (`filehaul.sink.Sink.trouble`): of what a thread could not write, with
    the next call.
    """

    def __init__(
        self, sink: Sink, name: str, algorithms: Collection[str], lanes: Lanes | None = None
    ) -> None:
        self.size = 0
        self._sink = sink
        self._name = name
        self._algorithms = algorithms
        self._lanes = lanes
        self._lane: Lane | None = None
        self._descriptor = -1
        self._parts: list[bytes] = []
        self._gathered = 0
        self._hashed: list[bytes] = []  # and not written yet
        self._digests = [checksums.new(algorithm) for algorithm in algorithms]
        self._problem: Exception | None = None

    def add(self, chunk: bytes) -> None:
        """More of the file."""
        size = len(chunk)
        self.size += size
        self._gathered += size
        self._parts.append(chunk)
        if self._gathered >= (PIECE if self._descriptor >= 0 else SMALL):
            self._send()

    def restart(self) -> None:
        """Forget everything: the file comes again from its first byte."""
        if not self.size:
            return
        self._wait()
        self.size = self._gathered = 0
        self._parts, self._hashed = [], []
        self._digests = [checksums.new(algorithm) for algorithm in self._algorithms]
        self._problem = None
        if self._descriptor >= 0:
            with self._explained():
                os.ftruncate(self._descriptor, 0)
                os.lseek(self._descriptor, 0, os.SEEK_SET)

    def hashed(self) -> dict[str, str]:
        """The checksums, lower-case hex, of what came so far."""
        if self._lane is not None:
            self._send()
            self._wait()
        elif self._parts:
            self._hashed.append(self._hash(self._parts))
            self._parts, self._gathered = [], 0
        self._refuse()
        return {name: digest.hexdigest() for name, digest in zip(self._algorithms, self._digests)}

    def keep(self) -> None:
        """All that came is in the partial, and the partial is closed."""
        if self._descriptor < 0 and not self._parts:
            data, self._hashed = self._hashed, []
            self._sink.keep(self._name, data[0] if len(data) == 1 else b"".join(data))
            return
        self.write()
        self.close()

    def write(self) -> None:
        """All that came is in the partial, which stays open."""
        if self._descriptor < 0:
            self._descriptor = self._sink.create(self._name)
        if self._lane is not None:
            self._send()
            self._wait()
            self._refuse()
            return
        with self._explained():
            for data in self._hashed:
                write_all(self._descriptor, data)
            if self._parts:
                write_all(self._descriptor, self._hash(self._parts))
        self._parts, self._hashed, self._gathered = [], [], 0

    def read(self) -> Iterator[bytes]:
        """What is in the partial, after `write`."""
        position = 0
        while data := os.pread(self._descriptor, PIECE, position):
            position += len(data)
            yield data

    def close(self) -> None:
        """Let go of the partial, which stays."""
        self._wait()
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)

    def park(self) -> bool:
        """The same, with all that came in it. Whether that is sure to be on the disk."""
        safe = False
        with contextlib.suppress(FilehaulError):  # what could not be written comes again
            self.write()
            if self._sink.durable:
                with self._explained():
                    os.fsync(self._descriptor)
                safe = True
        self.close()
        return safe

    # -- a large file ----------------------------------------------------------------------

    def _send(self) -> None:
        """What was gathered goes to the thread; without threads, to the disk."""
        self._refuse()
        if self._lanes is None:
            self.write()
            return
        if self._lane is None:
            self._lane = self._lanes.next()
        if self._descriptor < 0:
            self._descriptor = self._sink.create(self._name)
        parts, ready = self._parts, self._hashed
        self._parts, self._hashed, self._gathered = [], [], 0
        self._lane.put(partial(self._in_thread, parts, ready))

    def _in_thread(self, parts: list[bytes], ready: list[bytes]) -> None:
        if self._problem is not None:
            return
        try:
            with self._explained():
                for data in ready:
                    write_all(self._descriptor, data)
                write_all(self._descriptor, self._hash(parts))
        except Exception as problem:  # the thread must live, and the next call says it
            self._problem = problem

    def _hash(self, parts: list[bytes]) -> bytes:
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        for digest in self._digests:
            digest.update(data)
        return data

    def _wait(self) -> None:
        if self._lane is not None:
            self._lane.wait()

    def _refuse(self) -> None:
        if self._problem is not None:
            raise self._problem

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as problem:
            raise self._sink.trouble(problem, self._name) from problem


def write_all(descriptor: int, data: bytes) -> None:
    """All of it, however few bytes one call takes."""
    written = os.write(descriptor, data)
    while written < len(data):
        written += os.write(descriptor, memoryview(data)[written:])


def write_at(descriptor: int, chunks: list[Chunk], position: int) -> int:
    """These chunks one after the other from there on, as far as one call goes: how many bytes."""
    if _AT_ONCE:
        return os.pwritev(descriptor, chunks[:_AT_ONCE], position)
    return os.pwrite(descriptor, chunks[0], position)


def rest_of(chunks: list[Chunk], took: int) -> list[Chunk]:
    """What is left of them after so many bytes."""
    for number, chunk in enumerate(chunks):
        if took < len(chunk):
            return [memoryview(chunk)[took:], *chunks[number + 1 :]]
        took -= len(chunk)
    return []
