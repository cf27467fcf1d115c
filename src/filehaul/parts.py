"""A large file by several requests: parts of it at once, or the rest of what an earlier run began.

Each `Part` is the `http.Writer` of one request, and goes on where it stopped if it breaks off.
Parts are written where they belong; a thread reads what is whole from the first byte on, and
hashes it in order while the rest is on its way. Every answer must have the bytes that were asked
for (206, Content-Range) of the one version that this is: else nothing of it is joined, and the
file is to be fetched as a whole.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Mapping
from functools import partial as bound

from . import checksums
from .download import WORTH_KEEPING, Meter
from .errors import FilehaulError, TemporaryError, VendorError
from .fit import algorithms, wanted
from .http import Head
from .ledger import Partial
from .models import Task
from .pieces import Chunk, Lane, Lanes, rest_of, write_at
from .ranges import Marks, Spans, gaps, joined, marks_in, marks_of, span_of, validator_of
from .redact import redact
from .sink import Sink, make_room, reserve

PART = 16 * 1024 * 1024
"""Bytes of one request: large enough that asking costs nothing, small enough to be asked again."""
PIECE = 512 * 1024
"""Bytes that are written at once: many parts are in memory at a time, and each has one."""
_READ = 512 * 1024
_RESERVED = 16 * 1024 * 1024  # bytes of room that are asked for at once: nobody writes meanwhile


class WholeError(VendorError):
    """The vendor does not give this file in parts, or not this version: ask for the whole."""


class _OverError(VendorError):
    """Nothing more is wanted of this file: another of its parts has failed."""


class Parts:
    """One file in parts. Belongs to the thread that runs `http`, as its parts do.

    ``count``: most requests at once; with 1, what is missing is asked for in one. ``known``,
    ``descriptor``: what an earlier run has left. ``problem``: why it was given up. ``hashes``: when
    all is there. ``attempts``: of the part that needed most. ``is_refused``: the vendor seems to
    know no parts: asked for some, without any condition, it sent something else.
    """

    def __init__(
        self,
        task: Task,
        sink: Sink,
        partial: str,
        meter: Meter,
        lanes: Lanes,
        count: int,
        known: Partial | None = None,
        descriptor: int = -1,
    ) -> None:
        self.task = task
        self.sink = sink
        self.partial = partial
        self.meter = meter
        self.count = count
        self.total = known.total if known is not None else task.file.size or 0
        self.wanted = wanted(task)
        self.problem: FilehaulError | None = None
        self.hashes: dict[str, str] = {}
        self.attempts = 0
        self.is_refused = False
        self._lanes = lanes
        self._descriptor = descriptor
        self._validator = known.validator if known is not None else ""
        self._marks = marks_in(self._validator)
        self._answered = False
        self._odd = 0
        self._whole: Spans = (known.spans or ()) if known is not None else ()
        self._missing = deque(gaps(self._whole, self.total))
        self._active: list[Part] = []
        self.in_flight = 0  # requests on their way
        self._pending = 0  # pieces that are on their way to the disk
        self._full = False  # the disk takes no more
        self._closing = False
        self._turn = threading.Condition()
        self._reader: threading.Thread | None = None
        if descriptor >= 0:
            self._read_along()

    # -- what to ask, and what came of it ----------------------------------------------------

    def next(self) -> Part | None:
        """One more part to ask for now; None: no more at the moment."""
        most = self.count if self._answered else 1  # until it is known that it comes in parts
        if self.problem is not None or not self._missing or self.in_flight >= most:
            return None
        first, end = self._missing.popleft()
        if self.count > 1 and end - first > PART:
            self._missing.appendleft((first + PART, end))
            end = first + PART
        part = Part(self, self._lanes.next(), first, end)
        with self._turn:
            self._active.append(part)
        self.in_flight += 1
        return part

    def landed(self, problem: FilehaulError | None, attempts: int) -> None:
        """One of the requests has ended."""
        self.in_flight -= 1
        self.attempts = max(self.attempts, attempts)
        if problem is not None:
            self.fail(problem)

    def fail(self, problem: FilehaulError) -> None:
        """Give the file up; the first reason stands."""
        with self._turn:
            if self.problem is None:
                self.problem = problem
            self._turn.notify_all()

    @property
    def is_over(self) -> bool:
        """Nothing is in flight, and it has failed or all its bytes are there and hashed."""
        return not self.in_flight and (self.problem is not None or bool(self.hashes))

    def wait(self, seconds: float) -> None:
        """For the thread that hashes, when there is nothing else to do."""
        with self._turn:
            self._turn.wait_for(lambda: self.problem is not None or bool(self.hashes), seconds)

    # -- is it what was asked for? -----------------------------------------------------------

    def condition(self) -> dict[str, str]:
        """If-Range, where the vendor's answers have said what to ask with."""
        return {"If-Range": self._validator} if self._validator else {}

    def accept(self, head: Head, first: int, end: int) -> int:
        """Up to which byte the answer goes. Raises WholeError where parts of this version are not
        to be had, TemporaryError where only this answer was odd.
        """
        where, said = redact(head.url), head.headers
        if head.status != 206 or said.get("content-encoding", "identity").lower() != "identity":
            self.is_refused = not (self._answered or self._validator)
            raise WholeError(f"HTTP {head.status} is not the part that was asked for", where=where)
        span, marks = span_of(said), marks_of(said)
        if marks.contradict(self._marks) or (span and span.total not in (None, self.total)):
            raise WholeError("the file has changed while it was read", where=where)
        if span is None or span.first != first or span.end > end:
            self._odd += 1
            kind = TemporaryError if self._odd == 1 else WholeError
            raise kind("the vendor sent other bytes than were asked for", where=where)
        if not self._answered:
            self._first_answer(said, marks, where)
        return span.end

    def _first_answer(self, said: Mapping[str, str], marks: Marks, where: str) -> None:
        self._validator = self._validator or validator_of(said, time.time())
        if not (self._validator or self.wanted or self.task.file.is_versioned):
            self.is_refused = True
            raise WholeError("two versions of the file could not be told apart", where=where)
        self._marks = marks
        is_new = self._descriptor < 0
        if is_new:
            self._descriptor = self.sink.create(self.partial)
        if self.count > 1:
            try:
                make_room(self._descriptor, self.total)
            except OSError as problem:
                raise self.sink.trouble(problem, self.partial) from problem
        if is_new:
            self._read_along()
        self._answered = True

    # -- to the disk -------------------------------------------------------------------------

    def put(self, part: Part, lane: Lane, position: int, chunks: list[Chunk]) -> None:
        """Have a thread write these chunks there."""
        with self._turn:
            self._pending += 1
        lane.put(bound(self._keep, part, position, chunks))

    def _keep(self, part: Part, position: int, chunks: list[Chunk]) -> None:
        written = 0
        try:
            while not self._full and chunks:
                took = write_at(self._descriptor, chunks, position + written)
                written += took
                chunks = rest_of(chunks, took)
        except Exception as problem:  # the thread must live, and the file fails
            self._full = True
            self._trouble(problem)
        with self._turn:
            self._pending -= 1
            part.written += written
            if part.written == part.size:
                self._active.remove(part)
                self._whole = joined((*self._whole, (part.first, part.first + part.size)))
            self._turn.notify_all()

    def _trouble(self, problem: Exception) -> None:
        """What a thread met."""
        if isinstance(problem, OSError):
            problem = self.sink.trouble(problem, self.partial)
        if not isinstance(problem, FilehaulError):
            problem = FilehaulError(f"{type(problem).__name__}: {problem}")
        self.fail(problem)

    def _spans(self) -> Spans:
        """What is on the disk. Under `_turn`."""
        begun = ((part.first, part.first + part.written) for part in self._active)
        return joined((*self._whole, *begun))

    # -- hashing in order --------------------------------------------------------------------

    def _read_along(self) -> None:
        self._reader = threading.Thread(target=self._read, name="filehaul parts", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        digests = {name: checksums.new(name) for name in algorithms(self.wanted)}
        position, room = 0, memoryview(bytearray(_READ))
        try:
            self._reserve()
            # Its offset is the reader's alone: what is written says where.
            with open(self._descriptor, "rb", buffering=0, closefd=False) as file:
                file.seek(0)
                while position < self.total:
                    end = self._readable(position)
                    if end is None:
                        return
                    while position < end and not self._closing:
                        count = file.readinto(room[: end - position])
                        if not count:
                            raise TemporaryError("the partial is shorter than it was")
                        position += count
                        for digest in digests.values():
                            digest.update(room[:count])
        except Exception as problem:
            self._trouble(problem)
        else:
            with self._turn:
                self.hashes = {name: digest.hexdigest() for name, digest in digests.items()}
                self._turn.notify_all()

    def _reserve(self) -> None:
        """Room for the whole file, while its first bytes are on their way."""
        if self.count > 1:
            for first in range(0, self.total, _RESERVED):
                if self._closing or self.problem is not None:
                    return
                reserve(self._descriptor, first, min(_RESERVED, self.total - first))

    def _readable(self, position: int) -> int | None:
        """Up to where it can be read, beyond this position; None: nobody wants it any more."""

        def end() -> int:
            spans = self._spans()
            return spans[0][1] if spans and spans[0][0] == 0 else 0

        with self._turn:
            self._turn.wait_for(lambda: self._closing or self.problem or end() > position)
            return None if self._closing or self.problem is not None else end()

    # -- to another run ----------------------------------------------------------------------

    def note(self) -> Partial | None:
        """What another run must know to go on; None: it would begin anew."""
        file = self.task.file
        with self._turn:
            spans = self._spans()
        if sum(end - first for first, end in spans) < WORTH_KEEPING or not file.fingerprint:
            return None
        of_file = (self.partial, file.resource, file.key, file.fingerprint)
        return Partial(*of_file, self._validator, self.total, spans)

    def park(self) -> Partial | None:
        """Let go of the partial with all that has come, and tell as `note` does."""
        for part in list(self._active):
            part.flush()
        self._come_to_rest()
        noted = self.note()
        if noted is not None and self.sink.durable:
            try:
                os.fsync(self._descriptor)
                noted = noted._replace(safe=True)
            except OSError:
                noted = None
        self.close()
        return noted

    def close(self) -> None:
        """Let go of the partial, which stays."""
        self._come_to_rest()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _come_to_rest(self) -> None:
        with self._turn:
            self._closing = True
            self._turn.notify_all()
            self._turn.wait_for(lambda: not self._pending)
        if self._reader is not None:
            self._reader.join()


class Part:
    """Some bytes of a file, from ``first`` to ``end``, as the `http.Writer` of their request."""

    def __init__(self, file: Parts, lane: Lane, first: int, end: int) -> None:
        self.file = file
        self.first = first
        self.size = end - first
        self.written = 0  # by the thread; from the first one on
        self._lane = lane
        self._got = 0
        self._until = end
        self._chunks: list[Chunk] = []
        self._gathered = 0

    @property
    def progress(self) -> int:
        """Bytes that came."""
        return self._got

    def resume(self) -> Mapping[str, str]:
        """The Range that is missing, of this version."""
        self._refuse_if_over()
        return {
            "Range": f"bytes={self.first + self._got}-{self.first + self.size - 1}",
            **self.file.condition(),
        }

    def begin(self, head: Head) -> None:
        """Only the very bytes that were asked for."""
        self._refuse_if_over()
        self._until = self.file.accept(head, self.first + self._got, self.first + self.size)

    def write(self, chunk: bytes) -> None:
        """Keep."""
        size = len(chunk)
        self._refuse_if_over()
        if self.first + self._got + size > self._until:
            raise WholeError("more bytes came than were asked for", where=self.file.task.target)
        self._got += size
        self._gathered += size
        self.file.meter.bytes += size
        self._chunks.append(chunk)
        if self._gathered >= PIECE:
            self.flush()

    def _refuse_if_over(self) -> None:
        if self.file.problem is not None:
            raise _OverError("given up", where=self.file.task.target)

    def end(self) -> None:
        """Keep what is left; of an answer that had less than was asked for, ask for the rest."""
        self.flush()
        if self._got < self.size:
            raise TemporaryError(
                f"{self._got:,} of {self.size:,} bytes came", where=self.file.task.target
            )

    def flush(self) -> None:
        """Nothing stays in memory only."""
        if not self._gathered:
            return
        chunks, position = self._chunks, self.first + self._got - self._gathered
        self._chunks, self._gathered = [], 0
        self.file.put(self, self._lane, position, chunks)
