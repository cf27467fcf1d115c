"""A member of a crew, in a process of its own."""

from __future__ import annotations

import gc
import os
import pickle
import select
import signal
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

from ..download import Download, Meter
from ..errors import FilehaulError
from ..http import Authorization, Http, Request, RetryPolicy
from ..sink import Folder
from .messages import BATCH, LENGTH, Errand, Setup

_LISTEN = 8  # errands that are begun from one look at whether they are still wanted to the next


class _Given:
    """Credentials that somebody else looks after."""

    def __init__(self) -> None:
        self.authorization = Authorization()

    def current(self) -> Authorization:
        return self.authorization

    def renew(self, _token: str) -> bool:
        return False


class _Told:
    """What a member is told and what it tells: messages on pipes."""

    def __init__(self) -> None:
        self._in, self._out = os.dup(0), os.dup(1)
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(nothing, 1)  # whatever prints must not come between the messages
        self._results: list[tuple[int, Any]] = []
        self._line = select.poll()
        self._line.register(self._in, 0)  # whether the other end is there is told anyway

    @property
    def is_alone(self) -> bool:
        """Whether nobody speaks any more, whatever was said before."""
        return bool(self._line.poll(0))

    def hear(self, wait: bool) -> Any:
        """The next message; None: there is none yet. EOFError: there will be none."""
        if not wait and not select.select([self._in], [], [], 0)[0]:
            return None
        (length,) = LENGTH.unpack(self._read(LENGTH.size))
        return pickle.loads(self._read(length))  # noqa: S301 - from our own parent

    def _read(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            more = os.read(self._in, size - len(found))
            if not more:
                raise EOFError
            found += more
        return found

    def tell(self, number: int, values: Any) -> None:
        """An outcome; sent with others, at the latest by `send`."""
        self._results.append((number, values))
        if len(self._results) >= BATCH // 2:
            self.send()

    def send(self) -> None:
        body = pickle.dumps(self._results, pickle.HIGHEST_PROTOCOL)
        self._results = []
        message = memoryview(LENGTH.pack(len(body)) + body)
        while message:
            message = message[os.write(self._out, message) :]


def work() -> None:
    """A member's life, from its setup on stdin to the end of stdin."""
    _die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's is for the parent, which tells us
    gc.freeze()  # what is there by now stays: it need not be looked through again and again
    told = _Told()
    with suppress(EOFError, BrokenPipeError):
        setup: Setup = told.hear(wait=True)
        _Work(told, setup).run()
    os._exit(0)


class _Work:
    def __init__(self, told: _Told, setup: Setup) -> None:
        self.told = told
        self.max_size = setup.max_size
        self.sink = Folder(setup.root, False, setup.user, setup.owner)
        self.sink.open()
        self.given = _Given()
        settings = replace(
            setup.settings, retry=RetryPolicy(frozenset(), 0), concurrency=setup.in_flight
        )
        self.http = Http(settings, self.given)
        self.meter = Meter()
        self.in_flight = 0
        self.over = False

    def run(self) -> None:
        self.told.send()  # the first word: it is there
        for result in self.http.run(self._requests()):
            self.in_flight -= 1
            number, errand, download, started = result.request.context
            values = None
            if result.error is None:
                values = self._landed(errand, download, started)
            if values is None:
                download.park()
                self.sink.discard(download.partial)
            self.told.tell(number, values)
        self.told.send()

    def _requests(self) -> Iterator[Request | None]:
        waiting: deque[tuple[int, Errand]] = deque()
        while True:
            while waiting:
                if len(waiting) % _LISTEN == 0 and self.told.is_alone:
                    return
                number, errand = waiting.popleft()
                download = Download(
                    errand.task, self.sink, errand.partial, self.meter, max_size=self.max_size
                )
                context = (number, errand, download, self.http.clock.time())
                self.in_flight += 1
                yield Request(errand.task.url, writer=download, context=context)
            if not self.in_flight:
                self.told.send()
            try:
                message = self.told.hear(wait=not self.in_flight)
            except EOFError:
                return
            if message is None:
                yield None
                continue
            authorization, errands = message
            self.given.authorization = authorization or Authorization()
            waiting.extend(errands)

    def _landed(self, errand: Errand, download: Download, started: float) -> Any:
        """The values of an outcome; None: not done."""
        placed = False
        try:
            if errand.commits:
                placed = self.sink.place(download.partial, errand.task.target)
        except FilehaulError:
            return None
        if not placed and download.partial != errand.partial:
            return None  # the bytes are inside an encoding: the parent sees to that
        finished = self.http.clock.time()
        return (
            *(placed, download.size, download.sha256, download.verified_by),
            *(started, finished),
        )


def _die_with_parent() -> None:
    """Also where the parent is killed: until then its lock says that it is at work."""
    if sys.platform != "linux":
        return  # there the end of stdin must do
    import ctypes

    set_death_signal = 1  # PR_SET_PDEATHSIG of <linux/prctl.h>
    ctypes.CDLL(None, use_errno=True).prctl(set_death_signal, signal.SIGKILL)
