"""The loop: requests in, results out, and in between one thread that never waits idly."""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..errors import Cancelled, ConfigError, FilehaulError
from .failures import defect
from .flow import Window
from .judge import Judge
from .messages import NOBODY, Authorization, Request, Result
from .multi import Multi, make_room
from .routes import Route, body_elsewhere, with_query
from .slot import Flight, Slot

if TYPE_CHECKING:
    from .client import Http

_LONGEST_WAIT = 0.5  # how long a cancellation may go unnoticed
_ASK_AGAIN = 0.1  # after a None in the iterator
_SHARED = 0.01  # how long one loop waits while it drives another's transfers as well
_GRACE = 5.0  # what is in flight may still end within this, then it is parked


class Loop:
    """One multi handle at work on one iterator of requests. ``busy``: somebody is in `run`."""

    def __init__(self, http: Http, judge: Judge) -> None:
        self.http = http
        self.judge = judge
        self.pace = judge.pace
        self.clock = http.clock
        self.window = Window(1)
        self.launched = 0
        self.busy = False
        self.multi = Multi(http.settings.stall_timeout)
        self.idle: list[Slot] = []
        self.waiting: list[tuple[float, int, Flight]] = []  # heap of due times
        self.turn = itertools.count()
        self.ready: deque[Result] = deque()
        self.exhausted = False
        self.held = 0.0  # by a None in the iterator: until then, or until the next result
        self.stop: FilehaulError | None = None
        self.until = 0.0

    def begin(self, concurrency: int) -> None:
        """Get ready for `run`."""
        make_room(concurrency)
        self.busy = True
        self.window = Window(concurrency)
        self.launched = 0
        self.exhausted, self.held = False, 0.0
        self.stop = None

    def run(self, requests: Iterator[Request | None]) -> Iterator[Result]:
        """Results as they come; see `Http.run`."""
        while True:
            if self.stop is None and self.http.cancelled():
                self._stop(Cancelled("cancelled", hint="run again: it goes on where it stopped"))
            self._fill(requests)
            for slot, code, words in self.multi.finished():
                self._land(slot, code, words)
            told = bool(self.ready)
            while self.ready:
                yield self.ready.popleft()
                self.held = 0.0
                # The caller may have taken its time: keep the pipes full before the next one.
                self._fill(requests)
                self.multi.kick()
            if told:
                continue  # a near server has answered in that kick: no socket would tell of it
            if not self.multi.in_flight:
                if self.stop is not None:
                    raise self.stop
                if self.exhausted and not self.waiting:
                    return
            elif self.stop is not None and self.clock.monotonic() >= self.until:
                raise self.stop
            self._wait()

    def _stop(self, problem: FilehaulError) -> None:
        """Nothing new is started; what is in flight may still end, then the problem is raised."""
        if self.stop is None:
            self.stop = problem
            self.until = self.clock.monotonic() + _GRACE
            self.exhausted = True
            self.waiting.clear()

    # -- starting --------------------------------------------------------------------------

    def _fill(self, requests: Iterator[Request | None]) -> None:
        """Start what may start now."""
        limit, bandwidth = self.window.size, self.pace.bandwidth
        while self.multi.in_flight < limit and len(self.ready) < limit and self.stop is None:
            if self.pace.gate > 0.0 and self.pace.gate > self.clock.monotonic():
                return
            if bandwidth.rate is not None and bandwidth.wait(self.clock.monotonic()) > 0.0:
                return
            if self.waiting and self.waiting[0][0] <= self.clock.monotonic():
                flight = heapq.heappop(self.waiting)[2]
            else:
                request = self._next(requests)
                if request is None:
                    return
                flight = Flight.of(request)
            if self.http.per_path is None or not self._too_often(flight):
                self._launch(flight)

    def _too_often(self, flight: Flight) -> bool:
        """Whether its address was asked so often that it must wait: others go on."""
        per_path = self.http.per_path
        if per_path is None or flight.request.writer is not None:
            return False
        now = self.clock.monotonic()
        due = per_path.due(flight.url, now)
        if due <= now:
            return False
        heapq.heappush(self.waiting, (due, next(self.turn), flight))
        self.judge.tell(
            due - now, f"limits.per_path: {per_path.requests} requests for one address", flight.url
        )
        return True

    def _next(self, requests: Iterator[Request | None]) -> Request | None:
        """The next request; None: there is none to start now."""
        if self.exhausted or (self.held and self.clock.monotonic() < self.held):
            return None
        if len(self.waiting) + self.multi.in_flight >= 4 * self.window.most:
            return None  # a vendor in trouble must not make us take in the whole plan
        try:
            request = next(requests)
        except StopIteration:
            self.exhausted = True
            return None
        if request is None:
            self.held = self.clock.monotonic() + _ASK_AGAIN
            if not (self.multi.in_flight or self.waiting or self.ready):
                raise FilehaulError("nothing is asked, and nothing is in flight")
        return request

    def _launch(self, flight: Flight) -> None:
        """Start one attempt. Its own trouble is its result; the connection's stops the loop."""
        flight.attempts += 1
        self.launched += 1
        flight.number = self.launched
        request = flight.request
        try:
            route = flight.route = self.http.routes.of(flight.url)
            if flight.body is not None and not route.ours:
                raise body_elsewhere("points", flight.url)
            resume = None if flight.writer is None else flight.writer.resume()
        except ConfigError as problem:
            self._stop(problem)
            return
        except Exception as problem:
            self.ready.append(self.judge.failed(flight, defect(problem)))
            return
        try:
            flight.authorization = self._authorization(request, route)
            lines = route.lines(request, flight.authorization, flight.body, resume)
        except FilehaulError as problem:
            self._stop(problem)
            return
        slot = self.idle.pop() if self.idle else self._slot()
        slot.load(flight, with_query(flight.url, flight.authorization.query), lines)
        self.pace.started(self.clock)
        self.multi.add(slot)

    def _slot(self) -> Slot:
        rules = self.judge.rules
        return Slot(self.http.settings, self.multi.opened, self.pace.bandwidth, rules)

    def _authorization(self, request: Request, route: Route) -> Authorization:
        authorize = self.http.authorize
        if authorize is None or not (request.authorize and route.trusted):
            return NOBODY
        return authorize.current()

    def _wait(self) -> None:
        """Until something can happen: bytes, a retry that is due, the end of a pause."""
        now = self.clock.monotonic()
        hold = self.pace.bandwidth.wait(now)
        if hold > 0.0:
            self.multi.rest(self.clock.sleep, min(hold, _LONGEST_WAIT))
            return
        due: float | None = None
        if self.multi.in_flight < self.window.size:
            if self.waiting:
                due = max(self.waiting[0][0], self.pace.gate)
            if not self.exhausted and self.pace.gate > now:
                due = self.pace.gate if due is None else min(due, self.pace.gate)
            if self.held > now and not self.exhausted:
                due = self.held if due is None else min(due, self.held)
        longest = _LONGEST_WAIT
        for other in self.http.others(self):
            longest = _SHARED
            other.multi.drive(0.0)
        if self.multi.in_flight:
            # Where the line is narrow, one connection's bytes may be all that is wanted now.
            most = -1 if self.pace.bandwidth.rate is None else 1
            self.multi.drive(longest if due is None else min(longest, max(0.0, due - now)), most)
        elif due is not None and due > now:
            self.clock.sleep(min(due - now, longest))

    # -- landing ---------------------------------------------------------------------------

    def _land(self, slot: Slot, code: int, words: str) -> None:
        flight = slot.flight
        assert flight is not None
        try:
            verdict = self.judge.verdict(slot, code, words, self.http.authorize)
        except FilehaulError as problem:
            self._stop(problem)
        else:
            if isinstance(verdict, Result):
                self.ready.append(verdict)
            elif self.stop is None:
                due = self.clock.monotonic() + verdict
                heapq.heappush(self.waiting, (due, next(self.turn), flight))
            self._pace(flight, verdict)
            if code == 0:
                self.judge.hear(slot, self.multi.in_flight, self.window.most)
        slot.flight = None
        self.idle.append(slot)

    def _pace(self, flight: Flight, verdict: Result | float) -> None:
        """How many may be in flight from now on."""
        if flight.throttled:
            flight.throttled = False
            self.window.halve(flight.number, self.launched)
        elif isinstance(verdict, Result) and verdict.error is None:
            self.window.landed(flight.number)

    def end(self) -> None:
        """Drop what is still in flight: the caller has stopped listening."""
        self.busy = False
        for slot in self.multi.abandon():
            slot.flight = None
            self.idle.append(slot)
        self.waiting.clear()
        self.ready.clear()

    def close(self) -> None:
        """Close all connections."""
        self.end()
        for slot in self.idle:
            slot.close()
        self.idle.clear()
        self.multi.close()
