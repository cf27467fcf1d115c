"""`Http`: requests in, results out, with everything between them that HTTP makes necessary."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import urllib.request
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

from ..errors import (
    AnswerError,
    Cancelled,
    CredentialsError,
    FilehaulError,
    SinkError,
    TemporaryError,
    VendorError,
)
from ..redact import excerpt, redact
from .messages import Authorization, Authorize, Clock, Request, Response, Result
from .multi import Multi
from .origins import Origins, is_private, resolve
from .retry import REQUEST_BUDGET, Budget, RetryPolicy, come_back_at, retry_after
from .slot import MAX_REDIRECTS, Flight, Slot, curl_failure

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TEMPORARY_STATUSES = frozenset({408, 425, 429})
_LONGEST_WAIT = 0.5  # how long a cancellation may go unnoticed
_GRACE = 5.0  # what is in flight may still end within this, then it is parked


@dataclass(frozen=True)
class HttpSettings:
    """A connection's HTTP settings; times in seconds."""

    base_url: str
    headers: tuple[tuple[str, str], ...] = ()
    trusted_hosts: tuple[str, ...] = ()
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    concurrency: int = 8
    requests_per_second: float | None = None
    connect_timeout: float = 10.0
    stall_timeout: float = 30.0
    ca_file: str | None = None
    cert: str | None = None
    insecure: bool = False
    proxy: str | None = None
    user_agent: str = "filehaul"


@dataclass
class _Pace:
    """What all requests of a connection share: when the next one may start."""

    next_start: float = 0.0
    paused_until: float = 0.0
    budget: Budget = field(default_factory=Budget)


class Http:
    """The HTTP client of one connection. Not thread-safe: one thread, many requests in flight."""

    def __init__(
        self,
        settings: HttpSettings,
        authorize: Authorize | None = None,
        clock: Clock | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        self.settings = settings
        self.authorize = authorize
        self.clock = clock or Clock()
        self.cancelled = cancelled
        self.origins = Origins(settings.base_url, settings.trusted_hosts)
        self._pace = _Pace()
        self._proxied = settings.proxy is not None or bool(urllib.request.getproxies())
        self._loops: list[_Loop] = []

    def run(
        self, requests: Iterable[Request | None], concurrency: int | None = None
    ) -> Iterator[Result]:
        """Ask them all, at most ``concurrency`` at once, each result as soon as it is there.

        ``requests`` is pulled only when there is room; a None in it means: nothing to ask before
        the next result is there. Results come in the order of completion.
        Raises CredentialsError where no token is to be had, and TemporaryError where the vendor
        asks for a longer pause than the budget allows; a request's own failure is in its result.
        """
        loop = self._loop(concurrency or self.settings.concurrency)
        try:
            yield from loop.run(iter(requests))
        finally:
            loop.busy = False
            loop.abandon()

    def send(self, request: Request) -> Response:
        """Ask one thing and return its answer, or raise its error."""
        for result in self.run([request], 1):
            if result.error is not None:
                raise result.error
            assert result.response is not None
            return result.response
        raise FilehaulError("a request vanished")

    def _loop(self, concurrency: int) -> _Loop:
        """A free loop, or one more: a token is asked for while transfers are in flight."""
        for loop in self._loops:
            if not loop.busy:
                break
        else:
            loop = _Loop(self, self._pace)
            self._loops.append(loop)
        loop.busy = True
        loop.concurrency = concurrency
        return loop

    def close(self) -> None:
        """Close all connections."""
        for loop in self._loops:
            loop.close()
        self._loops.clear()

    def __enter__(self) -> Http:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def checks_address(self, url: str) -> bool:
        """Whether connecting must check the address; refuses a literal private one at once."""
        if not self.origins.guards(url):
            return False
        host = urlsplit(url).hostname or ""
        with contextlib.suppress(ValueError):
            if is_private(host):
                raise VendorError(
                    f"the vendor points to a private address ({host}); nothing was asked",
                    where=redact(url),
                    hint="if that server is yours, list its origin under client.trusted_hosts",
                )
        return not self._proxied


class _Loop:
    """One multi handle at work on one stream of requests."""

    def __init__(self, http: Http, pace: _Pace) -> None:
        self.http = http
        self.pace = pace
        self.clock = http.clock
        self.policy = http.settings.retry
        self.concurrency = 1
        self.busy = False
        self.multi = Multi()
        self.idle: list[Slot] = []
        self.waiting: list[tuple[float, int, Flight]] = []  # heap of due times
        self.turn = itertools.count()
        self.ready: deque[Result] = deque()

    # -- the loop --------------------------------------------------------------------------

    def run(self, requests: Iterator[Request | None]) -> Iterator[Result]:
        exhausted = False
        until: float | None = None  # once cancelled: when to stop waiting for what is in flight
        while True:
            if self.http.cancelled():
                until = until or self.clock.monotonic() + _GRACE
                exhausted = True
                self.waiting.clear()
                if not self.ready and (not self.multi.in_flight or self.clock.monotonic() >= until):
                    raise Cancelled("cancelled", hint="run again: it goes on where it stopped")
            exhausted = self._fill(requests, exhausted)
            for slot, code, words in self.multi.finished():
                self._land(slot, code, words)
            while self.ready:
                yield self.ready.popleft()
                # The caller may have taken its time: keep the pipes full before the next one.
                if until is None:
                    exhausted = self._fill(requests, exhausted)
            if exhausted and not self.multi.in_flight and not self.waiting:
                return
            self._wait(exhausted)

    def _fill(self, requests: Iterator[Request | None], exhausted: bool) -> bool:
        """Start what may start now. Returns whether the iterator has ended."""
        while self.multi.in_flight < self.concurrency:
            now = self.clock.monotonic()
            if now < max(self.pace.paused_until, self.pace.next_start):
                break
            if self.waiting and self.waiting[0][0] <= now:
                flight = heapq.heappop(self.waiting)[2]
            elif exhausted:
                break
            elif len(self.waiting) + self.multi.in_flight >= 4 * self.concurrency:
                break  # a vendor in trouble must not make us take in the whole plan
            else:
                try:
                    request = next(requests)
                except StopIteration:
                    return True
                if request is None:
                    if not (self.multi.in_flight or self.waiting or self.ready):
                        raise FilehaulError("nothing is asked, and nothing is in flight")
                    break
                flight = Flight(request, request.url, request.method, request.body)
            rate = self.http.settings.requests_per_second
            if rate:
                self.pace.next_start = max(now, self.pace.next_start) + 1.0 / rate
            self._launch(flight)
        return exhausted

    def _launch(self, flight: Flight) -> None:
        flight.attempts += 1
        try:
            flight.authorization = self._authorization(flight)
            guarded = self.http.checks_address(flight.url)
            headers = self._headers(flight)
        except CredentialsError:
            raise
        except FilehaulError as problem:
            self._fail(flight, problem)
            return
        slot = self.idle.pop() if self.idle else Slot(self.http.settings)
        slot.load(flight, headers, guarded)
        self.multi.add(slot)

    def _authorization(self, flight: Flight) -> Authorization:
        authorize = self.http.authorize
        if authorize is None or not flight.request.authorize:
            return Authorization()
        if not self.http.origins.trusts(flight.url):
            return Authorization()
        return authorize.current()

    def _headers(self, flight: Flight) -> list[str]:
        """This hop's headers: ours, the request's, and credentials where the origin is trusted."""
        request = flight.request
        named: dict[str, tuple[str, str]] = {"expect": ("Expect", "")}
        if self.http.origins.trusts(flight.url):
            named.update((name.lower(), (name, v)) for name, v in self.http.settings.headers)
        for name, value in request.headers:
            if flight.body is None and name.lower() == "content-type":
                continue
            named[name.lower()] = (name, value)
        if request.writer is not None:
            named["accept-encoding"] = ("Accept-Encoding", "identity")
            named.update((n.lower(), (n, v)) for n, v in request.writer.resume().items())
        named.update((n.lower(), (n, v)) for n, v in flight.authorization.headers)
        return [f"{name}: {value}" if value else f"{name}:" for name, value in named.values()]

    def _wait(self, exhausted: bool) -> None:
        """Until something can happen: bytes, a retry that is due, the end of a pause."""
        now = self.clock.monotonic()
        gate = max(self.pace.paused_until, self.pace.next_start)
        due: float | None = None
        if self.multi.in_flight < self.concurrency:
            if self.waiting:
                due = max(self.waiting[0][0], gate)
            if not exhausted and gate > now:
                due = gate if due is None else min(due, gate)
        if self.multi.in_flight:
            wait = _LONGEST_WAIT if due is None else min(_LONGEST_WAIT, max(0.0, due - now))
            self.multi.drive(wait)
        elif due is not None and due > now:
            self.clock.sleep(min(due - now, _LONGEST_WAIT))

    # -- what became of an attempt ---------------------------------------------------------

    def _land(self, slot: Slot, code: int, words: str) -> None:
        flight = slot.flight
        assert flight is not None
        try:
            if code == 0:
                slot.finish()
            problem = slot.failure or slot.refused()
            if problem is None and code != 0:
                problem = curl_failure(code, words, flight.url)
            if problem is not None:
                self._troubled(flight, problem)
            elif 200 <= slot.status < 300:
                response = slot.response()
                self.ready.append(Result(flight.request, response, attempts=flight.attempts))
            else:
                self._answered(flight, slot)
        finally:
            slot.flight = None
            self.idle.append(slot)

    def _answered(self, flight: Flight, slot: Slot) -> None:
        """An answer that is not the thing asked for: a redirect, a 401, a refusal."""
        head = slot.head()
        location = head.headers.get("location")
        if head.status in _REDIRECTS and location:
            self._redirect(flight, head.status, location)
            return
        if head.status == 401 and self._renewed(flight):
            self._again(flight, 0.0)
            return
        problem = self._refusal(flight, head.status, slot.body)
        if head.status not in self.policy.statuses:
            self._fail(flight, problem)
            return
        pause = retry_after(head.headers, self.clock.time())
        if pause is not None:
            self._pause(flight, pause, problem)
        else:
            self._troubled(flight, problem)

    def _renewed(self, flight: Flight) -> bool:
        authorize, token = self.http.authorize, flight.authorization.token
        if authorize is None or not token or flight.renewed:
            return False
        flight.renewed = True
        return authorize.renew(token)

    def _redirect(self, flight: Flight, status: int, location: str) -> None:
        try:
            url = resolve(flight.url, location)
            if flight.hops >= MAX_REDIRECTS:
                raise VendorError(
                    f"more than {MAX_REDIRECTS} redirects",
                    where=redact(flight.request.url),
                    hint="open the address in a browser: it may want a login first",
                )
        except FilehaulError as problem:
            self._fail(flight, problem)
            return
        flight.redirected(url, status)
        flight.attempts -= 1  # a hop is not an attempt
        self._again(flight, 0.0)

    def _troubled(self, flight: Flight, problem: FilehaulError) -> None:
        """Temporary: again after a while, up to the limit; else this is the end of it."""
        if not problem.temporary or isinstance(problem, SinkError):
            self._fail(flight, problem)  # a full disk is not the vendor's doing
            return
        writer = flight.request.writer
        if writer is not None and writer.progress > flight.progress:
            flight.progress = writer.progress
            flight.retries = 0
        if flight.retries >= self.policy.max_retries:
            self._fail(flight, problem)
            return
        delay = self.policy.delay(flight.retries, self.clock.uniform)
        flight.retries += 1
        flight.start_over()
        self._again(flight, delay)

    def _pause(self, flight: Flight, seconds: float, problem: FilehaulError) -> None:
        """The vendor says when to come back: nobody of this connection asks before."""
        now = self.clock.monotonic()
        flight.waited += seconds
        further = max(0.0, now + seconds - max(now, self.pace.paused_until))
        if flight.waited > REQUEST_BUDGET or not self.pace.budget.take(further):
            moment = come_back_at(self.clock.time(), seconds)
            raise TemporaryError(
                f"the vendor asks for a pause until {_utc(moment)}, longer than is waited for",
                where=problem.where,
                hint=f"run again after {_utc(moment)}; what is done stays done",
                retry_at=moment,
            )
        self.pace.paused_until = max(self.pace.paused_until, now + seconds)
        flight.start_over()
        self._again(flight, seconds)

    def _again(self, flight: Flight, delay: float) -> None:
        heapq.heappush(self.waiting, (self.clock.monotonic() + delay, next(self.turn), flight))

    def _fail(self, flight: Flight, problem: FilehaulError) -> None:
        self.ready.append(Result(flight.request, error=problem, attempts=flight.attempts))

    def _refusal(self, flight: Flight, status: int, body: bytes) -> FilehaulError:
        """The vendor's refusal in its own words, cut and redacted."""
        own_words = excerpt(body)
        message = f"HTTP {status}" + (f": {own_words}" if own_words else "")
        where = f"{flight.method} {redact(flight.url)}"
        if status == 401:
            return CredentialsError(
                f"the vendor refused the credentials ({message})",
                where=where,
                hint="check the client's auth block, and what the account may see",
            )
        temporary = status in self.policy.statuses or status in _TEMPORARY_STATUSES
        hint = (
            "the vendor is in trouble or throttles: run again later"
            if temporary
            else "check path and parameters of this request, and what the account may see"
        )
        return AnswerError(message, status=status, temporary=temporary, where=where, hint=hint)

    def abandon(self) -> None:
        """Drop what is in flight: the caller has stopped listening."""
        for slot in self.multi.abandon():
            slot.flight = None
            self.idle.append(slot)
        self.waiting.clear()
        self.ready.clear()

    def close(self) -> None:
        self.abandon()
        for slot in self.idle:
            slot.close()
        self.idle.clear()
        self.multi.close()


def _utc(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")
