"""When this process has no time left to wait for the network: others take small files off it."""

from __future__ import annotations

import hashlib
import os
import time

from ..execute import MOST_BYTES, Crew, Errand, Outcome, Setup
from ..http import Http
from ..models import File, Task
from ..sink import Folder, Sink

_LOOK = 64  # landings from one look at the clocks to the next, at least
_STEADY = 0.05  # seconds that it must go on: answers come in bursts from afar, too
_BUSY = 0.7  # of a processor: above it, there is no waiting left to be made use of
_WORTH = 0.3  # seconds of work left: for less the others would come too late
# Seconds from one poll to the next. Each sends what waits: more often, and batches are of one.
_PAUSE = 0.002
_MOST_MEMBERS = 3  # what they do is decided and written down here: more would wait for that
_LEAST_IN_FLIGHT = 4


class Relief:
    """Looks how busy this process is, and has a `Crew` where that pays.

    ``sink``: this run's; None: nobody helps. ``left``: how many files there are to do.
    ``max_size``: see `filehaul.download.Download`. ``lock``: see `filehaul.execute.Setup`.
    ``most``: processes in all, this one among them.
    """

    def __init__(
        self,
        http: Http,
        sink: Sink | None = None,
        left: int = 0,
        max_size: int | None = None,
        lock: int | None = None,
        most: int | None = None,
    ) -> None:
        self.http = http
        self.sink = sink
        self.left = left
        self.max_size = max_size
        self.lock = lock
        self.members = min(_MOST_MEMBERS, (most or os.cpu_count() or 1) - 1)
        self.own_limit = http.settings.concurrency + 1
        self._crew: Crew | None = None
        self._landings = 0
        self._polled = 0.0
        self._clocks = (time.monotonic(), time.thread_time())

    # -- is it worth it? -------------------------------------------------------------------

    def look(self) -> None:
        """One more file has landed: is this process busy all the time?"""
        self.left -= 1
        self._landings += 1
        if self._landings < _LOOK or self._crew is not None or not self._may_help():
            return
        clocks = (time.monotonic(), time.thread_time())
        passed, worked = (now - then for now, then in zip(clocks, self._clocks))
        if passed < _STEADY:
            return
        landings, self._landings, self._clocks = self._landings, 0, clocks
        if worked > _BUSY * passed and worked / landings * self.left > _WORTH:
            self._call()

    def _may_help(self) -> bool:
        settings = self.http.settings
        return (
            isinstance(self.sink, Folder)
            and self.members > 0
            and settings.concurrency >= _LEAST_IN_FLIGHT
            and settings.requests_per_second is None
            and settings.bandwidth is None
            and all(min(rule.status) >= 300 for rule in settings.retry.rules)  # they know no rules
        )

    def _call(self) -> None:
        """All of them together ask for no more at once than one alone may."""
        sink = self.sink
        assert isinstance(sink, Folder)
        share = max(1, self.http.settings.concurrency // (self.members + 1))
        setup = Setup(
            self.http.settings, sink.root, sink.user, sink.owner, share, self.max_size, self.lock
        )
        self._crew = Crew(setup, self.members, self.http.authorize)
        self.own_limit = self.http.settings.concurrency - self.members * share

    # -- work for others -------------------------------------------------------------------

    @property
    def outstanding(self) -> int:
        """Files that others are at."""
        return 0 if self._crew is None else self._crew.outstanding

    def takes(self, task: Task) -> bool:
        """Whether others fetch this one: a small file, and one of them has room."""
        crew = self._crew
        if crew is None or task.file.size is None or task.file.size > MOST_BYTES:
            return False
        if not crew.wants or self.http.is_paused or task.by_hash:
            return False
        crew.put(Errand(task, partial_name(task.file), commits=not task.replaces))
        return True

    @property
    def is_due(self) -> bool:
        """Whether it is time to `poll`."""
        return self._crew is not None and time.monotonic() - self._polled >= _PAUSE

    def poll(self, wait: float = 0.0) -> list[Outcome]:
        """What they have done, after at most so many seconds."""
        found = [] if self._crew is None else self._crew.poll(wait)
        self._polled = time.monotonic()
        return found

    def close(self) -> list[Outcome]:
        """End them; what they have done meanwhile."""
        crew, self._crew = self._crew, None
        return [] if crew is None else crew.close()


def partial_name(file: File) -> str:
    """The partial's name is tied to the fingerprint: other bytes never go on in it."""
    text = "\0".join((file.resource, file.key, file.fingerprint))
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest()
