"""A crew, seen from the process that it works for."""

from __future__ import annotations

import os
import pickle
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any

from ..http import Authorize
from ..models import Receipt
from .messages import BATCH, LENGTH, Errand, Outcome, Setup

# How much a member has to do (`Errand.weight`), before it gets no more: some 20 milliseconds. For
# so long the parent plans, or writes down, and hears nobody.
_AHEAD = 256
_GRACE = 5.0  # seconds that they all have to end in


class Crew:
    """Processes that fetch small files. One thread uses it.

    ``outstanding``: errands that no outcome has been told of.
    """

    def __init__(self, setup: Setup, members: int, authorize: Authorize | None) -> None:
        self._authorize = authorize
        self._errands: dict[int, Errand] = {}
        self._number = 0
        self._waiting: list[tuple[int, Errand]] = []
        self._poller = select.poll()
        self._members: dict[int, _Member] = {}
        for _ in range(members):
            member = _Member(setup)
            self._members[member.inbox] = member
            self._poller.register(member.inbox, select.POLLIN)

    @property
    def outstanding(self) -> int:
        """Errands that no outcome has been told of."""
        return len(self._errands)

    @property
    def wants(self) -> bool:
        """Whether one of them has room for more."""
        return any(member.has_room for member in self._members.values())

    def put(self, errand: Errand) -> None:
        """Have this done; sent with others, at the latest by `poll`."""
        self._number += 1
        self._errands[self._number] = errand
        self._waiting.append((self._number, errand))
        if len(self._waiting) >= BATCH:
            self._send()

    def _send(self) -> None:
        """What waits goes to the member that has least to do."""
        ready = [member for member in self._members.values() if member.ready]
        if not self._waiting or not ready:
            return
        member = min(ready, key=lambda one: one.load)
        given = self._authorize.current() if self._authorize is not None else None
        member.send((given, self._waiting))
        self._waiting = []

    def poll(self, wait: float = 0.0) -> list[Outcome]:
        """Outcomes, after at most so many seconds. Errands of a member that died come as not done:
        who asks for them gets them by other means.
        """
        self._send()
        for member in self._members.values():
            member.push()
        found: list[Outcome] = []
        for inbox, _ in self._poller.poll(wait * 1000):
            member = self._members[inbox]
            alive = member.read()
            found += [self._outcome(one) for one in member.outcomes()]
            if not alive:
                found += self._lose(member)
        return found

    def _outcome(self, told: tuple[int, Any]) -> Outcome:
        number, values = told
        errand = self._errands.pop(number)
        if values is None:
            return Outcome(errand)
        placed, size, sha256, verified_by, started, finished = values
        receipt = Receipt(
            file=errand.task.file,
            target=errand.task.target,
            status="done",
            size=size,
            sha256=sha256,
            verified_by=verified_by,
            started_at=datetime.fromtimestamp(started, timezone.utc),
            finished_at=datetime.fromtimestamp(finished, timezone.utc),
        )
        return Outcome(errand, receipt, placed)

    def _lose(self, member: _Member) -> list[Outcome]:
        self._poller.unregister(member.inbox)
        del self._members[member.inbox]
        member.hang_up()
        member.end(0.0)
        numbers = [*member.has]
        if not self._members:  # nobody is left to take what waits
            numbers += [number for number, _ in self._waiting]
            self._waiting = []
        return [Outcome(self._errands.pop(number)) for number in numbers]

    def close(self) -> list[Outcome]:
        """End them all; the outcomes of what was still on its way. What they do not finish within
        a few seconds was never done: its bytes may be in the sink, as after a kill.
        """
        found = []
        for member in self._members.values():
            member.hang_up()
        until = time.monotonic() + _GRACE
        for member in list(self._members.values()):
            member.end(until)
            found += [self._outcome(one) for one in member.outcomes()]
        self._members.clear()
        return found


class _Member:
    """One process of the crew, seen from outside. ``has``: numbers and weights of what it is at;
    ``load``: their sum.
    """

    def __init__(self, setup: Setup) -> None:
        self.has: dict[int, int] = {}
        self.load = 0
        self.ready = False  # its first word is that it is there
        where = f"import sys; sys.path[:0] = {sys.path!r}"
        code = f"{where}; from filehaul.execute.member import work; work()"
        self._process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=() if setup.lock is None else (setup.lock,),
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self.inbox = self._process.stdout.fileno()
        self._outbox = self._process.stdin.fileno()
        os.set_blocking(self._outbox, False)
        self._unsent = bytearray()
        self._unread = bytearray()
        self.send(setup)

    @property
    def has_room(self) -> bool:
        return self.ready and self.load < _AHEAD

    def send(self, message: Any) -> None:
        if isinstance(message, tuple):
            more = {number: errand.weight for number, errand in message[1]}
            self.has.update(more)
            self.load += sum(more.values())
        body = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
        self._unsent += LENGTH.pack(len(body)) + body
        self.push()

    def push(self) -> None:
        """Send what the pipe has room for."""
        with suppress(BlockingIOError, BrokenPipeError):  # a dead one is noticed when it is read
            while self._unsent:
                del self._unsent[: os.write(self._outbox, self._unsent)]

    def read(self) -> bool:
        """Take in what it has said. False: it has ended."""
        said = os.read(self.inbox, 1 << 20)
        self._unread += said
        return bool(said)

    def outcomes(self) -> Iterator[tuple[int, Any]]:
        """(number, values of the outcome; None: not done), of whole messages."""
        while len(self._unread) >= LENGTH.size:
            (length,) = LENGTH.unpack_from(self._unread)
            end = LENGTH.size + length
            if len(self._unread) < end:
                return
            told = pickle.loads(self._unread[LENGTH.size : end])  # noqa: S301 - of our own making
            del self._unread[:end]
            self.ready = True
            for number, values in told:
                self.load -= self.has.pop(number)
                yield number, values

    def hang_up(self) -> None:
        """It is to finish what it has begun, and no more."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()

    def end(self, until: float) -> None:
        """Hear what it still has to say until then (`time.monotonic`), and no more of it."""
        poller = select.poll()
        poller.register(self.inbox, select.POLLIN)
        while poller.poll(max(0.0, until - time.monotonic()) * 1000) and self.read():
            pass
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
