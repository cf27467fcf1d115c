"""What becomes of an attempt: an answer, another attempt, or an error that stands."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pycurl

from ..errors import ConfigError, FilehaulError, SinkError, TemporaryError, VendorError
from ..redact import redact
from .failures import curl_failure, defect, refusal, ruled
from .forecast import Forecast, RateHeaders
from .messages import Authorize, Clock, Response, Result, Wait
from .origins import resolve
from .retry import Pace, RetryPolicy, come_back_at, retry_after
from .routes import Routes, body_elsewhere, without_query
from .rules import Rules, Ruling
from .slot import NOT_READY, Flight, Slot

MAX_REDIRECTS = 10
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


_LONG = 5.0  # seconds: a pause above is told of …
_STALE = 1.0  # seconds; what a head says of the moment is not true any more when its body is whole
_POLLS = 0.1, 60.0  # seconds between two questions whether a thing is ready, at least and at most


class Judge:
    """Knows the rules of a connection; keeps nothing but its pace.

    What the config's own rules say comes first, then what every vendor's answers mean.

    ``told``: of pauses that are long, and of those after a second failure.
    """

    def __init__(
        self,
        policy: RetryPolicy,
        clock: Clock,
        pace: Pace,
        routes: Routes,
        told: Callable[[Wait], None],
        rate_headers: RateHeaders | bool = False,
    ) -> None:
        self.policy = policy
        self.rules = Rules(policy.rules)
        self.clock = clock
        self.pace = pace
        self.routes = routes
        self.told = told
        self._told_until = 0.0
        self._forecast: Forecast | None = None
        if rate_headers is not False:
            self._forecast = Forecast(None if rate_headers is True else rate_headers)

    def verdict(
        self, slot: Slot, code: int, words: str, authorize: Authorize | None
    ) -> Result | float:
        """The result of the slot's flight, or the seconds after which it is tried again.

        ``code``, ``words``: libcurl's, 0 where it has nothing to complain of. Raises what concerns
        the whole connection: no credentials, too long a pause, a setting, an interrupt.
        """
        flight = slot.flight
        assert flight is not None
        if code == 0:
            slot.finish()
        problem = slot.failure
        if problem is None and code != 0 and slot.whole:
            problem = slot.refused or self._of_libcurl(slot, flight, code, words)
        if problem is None:
            head = slot.head
            status = head.status
            if status in self.rules.statuses:
                body = None if slot.written else slot.body
                ruling = self.rules.of(head, body, self.clock.time())
                if ruling is not None:
                    return self._ruled(ruling, flight, slot.response(), authorize)
            if not 200 <= status < 300:
                return self._answered(flight, slot, authorize)
            if flight.asks:
                return self._detour(flight, slot.response())
            if status == NOT_READY and flight.writer is not None:
                pause = retry_after(head.headers, self.clock.time())
                return self._not_ready(flight, status, pause)
            return Result(flight.request, slot.response(), None, flight.attempts)
        if isinstance(problem, ConfigError) or not isinstance(problem, Exception):
            raise problem
        return self._troubled(flight, defect(problem))

    def hear(self, slot: Slot, in_flight: int, at_once: int) -> None:
        """What an answer says of how much the vendor will still take: slow down before it refuses.

        Where the end is so far off that nobody would wait for it, a refusal may as well come.
        ``at_once``: requests that may start before the next answer is heard.
        """
        forecast, flight = self._forecast, slot.flight
        if forecast is None or flight is None or not forecast.is_due:
            return
        if flight.route is None or not flight.route.trusted:
            return
        moment = self.clock.time()
        left = forecast.read(slot.head.headers, moment)
        if left is None or left.reset > self.policy.request_budget or slot.body_took > _STALE:
            return
        now = self.clock.monotonic()
        interval = forecast.interval(left, in_flight, at_once, moment)
        if interval is None:
            self.pace.go_on(now)
            return
        self.pace.slow_down(now, interval, now + left.reset)
        words = (
            f"the vendor takes {left.remaining:.0f} more requests in {left.reset:.0f} seconds, its "
            "headers say (limits.headers)"
        )
        self.tell(min(interval, left.reset), words, redact(flight.url))

    def _of_libcurl(self, slot: Slot, flight: Flight, code: int, words: str) -> FilehaulError:
        assert flight.route is not None
        flight.throttled = code == pycurl.E_OPERATION_TIMEDOUT
        return curl_failure(code, words, flight.url, flight.route.ours, slot.proxy_status)

    def failed(self, flight: Flight, problem: FilehaulError) -> Result:
        """The error stands."""
        return Result(flight.request, None, problem, flight.attempts)

    def _answered(self, flight: Flight, slot: Slot, authorize: Authorize | None) -> Result | float:
        """An answer that is not the thing asked for: a redirect, a 401, a refusal."""
        status, headers, _ = slot.head
        if status in _REDIRECTS and headers.get("location"):
            return self._redirect(flight, status, headers["location"])
        if status == 401 and self._renewed(flight, authorize):
            return 0.0
        if self._address_expired(flight, status, slot.body):
            return 0.0
        assert flight.route is not None
        retried = self.policy.statuses
        problem = refusal(flight.method, flight.url, status, slot.body, retried, flight.route.ours)
        if status not in retried:
            return self.failed(flight, problem)
        pause = retry_after(headers, self.clock.time())
        flight.throttled = status == 429 or pause is not None
        return self._later(flight, problem, pause)

    def _ruled(
        self, ruling: Ruling, flight: Flight, response: Response, authorize: Authorize | None
    ) -> Result | float:
        """An answer that one of the config's rules is about: it has the only word."""
        status = response.status
        if ruling.do == "not_ready":
            return self._not_ready(flight, status, ruling.pause)
        if ruling.do == "renew" and self._renewed(flight, authorize):
            return 0.0
        assert flight.route is not None
        ours = flight.route.ours
        problem = ruled(flight.method, flight.url, status, response.body, ruling, ours)
        if not problem.temporary:
            return self.failed(flight, problem)
        flight.throttled = ruling.pause is not None or status < 500
        return self._later(flight, problem, ruling.pause, ruling.max_retries)

    def _later(
        self,
        flight: Flight,
        problem: FilehaulError,
        pause: float | None,
        most: int | None = None,
    ) -> Result | float:
        """Again, when the vendor says or after the usual while."""
        if pause is not None:
            return self._pause(flight, pause, problem)
        return self._troubled(flight, problem, most)

    def _renewed(self, flight: Flight, authorize: Authorize | None) -> bool:
        token = flight.authorization.token
        if authorize is None or not token or flight.renewed:
            return False
        flight.renewed = True
        return authorize.renew(token)

    def _redirect(self, flight: Flight, status: int, location: str) -> Result | float:
        try:
            if flight.hops >= MAX_REDIRECTS:
                raise VendorError(
                    f"more than {MAX_REDIRECTS} redirects",
                    where=redact(flight.request.url),
                    hint="open the address in a browser: it may want a login first",
                )
            url = self._pointed_to(flight, location)
            flight.redirected(url, status)
            if flight.body is not None and not self.routes.of(url).ours:
                raise body_elsewhere("redirects", url)
        except FilehaulError as problem:
            return self.failed(flight, problem)
        flight.attempts -= 1  # a hop is not an attempt
        return 0.0

    def _pointed_to(self, flight: Flight, location: str) -> str:
        """The next hop's address; VendorError where nothing may be asked there."""
        url = resolve(flight.url, location)
        if not self.routes.of(url).trusted:  # some vendors put our key into what they point to
            url = without_query(url, flight.authorization.query)
        return url

    def _detour(self, flight: Flight, response: Response) -> Result | float:
        """The answer says where the thing is."""
        detour = flight.request.detour
        assert detour is not None
        try:
            flight.arrived(self._pointed_to(flight, detour.address(response)))
        except Exception as problem:
            if response.status == NOT_READY:
                pause = retry_after(response.headers, self.clock.time())
                return self._not_ready(flight, response.status, pause)
            return self.failed(flight, defect(problem))
        return 0.0

    def _address_expired(self, flight: Flight, status: int, body: bytes) -> bool:
        """Whether another address is asked for, since this one is no longer good."""
        detour = flight.request.detour
        if detour is None or flight.asks or flight.asked_again:
            return False
        if not detour.expired(status, body):
            return False
        flight.start_over()
        flight.asked_again = True
        return True

    def _not_ready(self, flight: Flight, status: int, pause: float | None) -> Result | float:
        """It is being made: asked again where it was asked, and nobody else waits for it."""
        if pause is None:
            least, most = _POLLS
            factor = max(least, self.policy.backoff_factor)
            pause = min(most, factor * 2.0 ** min(flight.polls, 16) * self.clock.uniform(1.0, 1.25))
        flight.polls += 1
        flight.waited += pause
        times = "once" if flight.polls == 1 else f"{flight.polls} times"
        problem = TemporaryError(
            f"not ready yet (HTTP {status}), asked {times}",
            where=redact(flight.url),
            hint="the vendor is still making it: run again later",
        )
        in_time = flight.waited <= self.policy.request_budget
        if not in_time or not self.pace.wait(self.clock.monotonic(), pause):
            return self.failed(flight, problem)
        self.tell(pause, problem.message, problem.where, again=flight.polls > 1)
        return pause

    def _troubled(
        self, flight: Flight, problem: FilehaulError, most: int | None = None
    ) -> Result | float:
        """Temporary: again after a while, up to the limit; else this is the end of it."""
        if not problem.temporary or isinstance(problem, SinkError):
            return self.failed(flight, problem)  # a full disk is not the vendor's doing
        writer = flight.request.writer
        if writer is not None and writer.progress > flight.progress:
            flight.progress = writer.progress
            flight.retries = 0
            flight.renewed = False  # a long transfer outlives more than one token
            flight.asked_again = False
        if flight.retries >= (self.policy.max_retries if most is None else most):
            return self.failed(flight, problem)
        delay = self.policy.delay(flight.retries, self.clock.uniform)
        flight.retries += 1
        flight.start_over()
        self.tell(delay, problem.message, problem.where, again=flight.retries > 1)
        return delay

    def tell(self, seconds: float, why: str, where: str, again: bool = False) -> None:
        """Say why nothing happens; one line for the many requests that meet the same. ``again``:
        also where it is short.
        """
        now = self.clock.monotonic()
        known = now < self._told_until and now + seconds < self._told_until + _LONG
        if (again or seconds > _LONG) and seconds >= 1.0 and not known:
            self._told_until = now + seconds
            self.told(Wait(seconds, why, where))

    def _pause(self, flight: Flight, seconds: float, problem: FilehaulError) -> float:
        """The vendor says when to come back: nobody of this connection asks before."""
        flight.waited += seconds
        in_time = flight.waited <= self.policy.request_budget
        if not in_time or not self.pace.pause(self.clock.monotonic(), seconds):
            moment = come_back_at(self.clock.time(), seconds)
            raise TemporaryError(
                f"the vendor asks for a pause until {_utc(moment)}, longer than is waited for",
                where=problem.where,
                hint=f"run again after {_utc(moment)}; what is done stays done",
                retry_at=moment,
            )
        flight.start_over()
        self.tell(seconds, problem.message, problem.where)
        return seconds


def _utc(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")
