"""Large files that come in parts, and those that an earlier run has begun."""

from __future__ import annotations

import os
from collections import deque
from datetime import datetime

from ..download import WORTH_KEEPING, Meter
from ..fit import wanted
from ..ledger import Ledger, Partial
from ..models import Task
from ..parts import PART, Part, Parts
from ..pieces import Lanes
from ..ranges import joined
from ..sink import Sink
from .receipts import now

_MOST = 64  # files under way: each has a thread that reads along


class LargeFiles:
    """Those of one resource. ``at_once``: requests for one file; 1: it comes by one, unless an
    earlier run has begun it. ``most``: files that may be under way.
    """

    def __init__(
        self,
        sink: Sink,
        ledger: Ledger,
        meter: Meter,
        lanes: Lanes,
        at_once: int,
        most: int,
    ) -> None:
        self.sink = sink
        self.ledger = ledger
        self.meter = meter
        self.at_once = at_once
        self.most = min(max(2, most), _MOST)
        self._lanes = lanes
        self._known = ledger.partials.of(sink.identity)
        self._files: deque[Parts] = deque()
        self._started: dict[str, datetime] = {}

    def __len__(self) -> int:
        return len(self._files)

    @property
    def is_full(self) -> bool:
        """Whether others have to end before one more is begun."""
        return len(self._files) >= self.most

    @property
    def in_flight(self) -> int:
        """Requests on their way."""
        return sum(file.in_flight for file in self._files)

    # -- which files -------------------------------------------------------------------------

    def take(self, task: Task, name: str) -> bool:
        """Whether this file comes by parts; then `next` has its requests. ``name``: its partial."""
        known = self._known.pop(name, None) if self._known else None
        if known is not None:
            file = self._gone_on_with(task, known)
            if file is not None:
                self._begin(file)
                return True
            self.forget(name)
        if self.at_once < 2 or (task.file.size or 0) < 2 * PART:
            return False
        self._begin(Parts(task, self.sink, name, self.meter, self._lanes, self.at_once))
        return True

    def _begin(self, file: Parts) -> None:
        self._started[file.partial] = now()
        self._files.append(file)

    def started(self, file: Parts) -> datetime:
        """When it was begun in this run; asked once, when it has ended."""
        return self._started.pop(file.partial)

    def _gone_on_with(self, task: Task, known: Partial) -> Parts | None:
        """What is left of an earlier run, where it can be trusted."""
        if self.sink.durable and not (known.safe or wanted(task)):
            return None  # after a power failure there may be holes in it, and nothing would tell
        descriptor = self.sink.reopen(known.name)
        if descriptor is None:
            return None
        size = os.fstat(descriptor).st_size
        spans = ((0, size),) if known.spans is None else known.spans
        spans = joined((first, min(end, size)) for first, end in spans if first < size)
        if sum(end - first for first, end in spans) < WORTH_KEEPING or spans[-1][1] > known.total:
            os.close(descriptor)
            return None
        # From now on bytes may come that are not the next ones.
        known = known._replace(spans=spans)
        self.ledger.partials.note(self.sink.identity, [known])
        made = (task, self.sink, known.name, self.meter, self._lanes, max(1, self.at_once))
        return Parts(*made, known=known, descriptor=descriptor)

    def forget(self, name: str) -> None:
        """What was noted of this partial holds no longer."""
        self.ledger.partials.forget(self.sink.identity, [name])

    # -- on their way ------------------------------------------------------------------------

    def next(self, most: int) -> Part | None:
        """A part to ask for now, of each file in turn; at most so many are in flight."""
        if self.in_flight >= most:
            return None
        for _ in range(len(self._files)):
            part = self._files[0].next()
            self._files.rotate(-1)
            if part is not None:
                return part
        return None

    def ended(self) -> list[Parts]:
        """Files that have come, or have failed; they are not told again."""
        over = [file for file in self._files if file.is_over]
        for file in over:
            self._files.remove(file)
            if file.is_refused:
                self.at_once = 1  # this vendor gives no parts: the others need not ask
        return over

    def wait(self, seconds: float) -> None:
        """When nothing is in flight: for a thread that still hashes."""
        if self._files:
            self._files[0].wait(seconds)

    def notes(self) -> list[Partial]:
        """What another run must know to go on."""
        return [noted for file in self._files if (noted := file.note()) is not None]

    def park(self) -> list[Partial]:
        """Let go of all of them; their bytes stay, and so does what is to be known of them."""
        parked = [file.park() for file in self._files]
        self._files.clear()
        return [noted for noted in parked if noted is not None]
