"""What becomes of an attempt: an answer, another attempt, or an error that stands."""

from __future__ import annotations

from datetime import datetime

from ..errors import ConfigError, FilehaulError, SinkError, TemporaryError, VendorError
from ..redact import redact
from .failures import curl_failure, defect, refusal
from .messages import Authorize, Clock, Result
from .origins import resolve
from .retry import REQUEST_BUDGET, Pace, RetryPolicy, come_back_at, retry_after
from .routes import Routes, without_query
from .slot import Flight, Slot

MAX_REDIRECTS = 10
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Judge:
    """Knows the rules of a connection; keeps nothing but its pace."""

    def __init__(self, policy: RetryPolicy, clock: Clock, pace: Pace, routes: Routes) -> None:
        self.policy = policy
        self.clock = clock
        self.pace = pace
        self.routes = routes

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
            if 200 <= slot.head.status < 300:
                return Result(flight.request, slot.response(), None, flight.attempts)
            return self._answered(flight, slot, authorize)
        if isinstance(problem, ConfigError) or not isinstance(problem, Exception):
            raise problem
        return self._troubled(flight, defect(problem))

    def _of_libcurl(self, slot: Slot, flight: Flight, code: int, words: str) -> FilehaulError:
        assert flight.route is not None
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
        assert flight.route is not None
        retried = self.policy.statuses
        problem = refusal(flight.method, flight.url, status, slot.body, retried, flight.route.ours)
        if status not in retried:
            return self.failed(flight, problem)
        pause = retry_after(headers, self.clock.time())
        if pause is not None:
            return self._pause(flight, pause, problem)
        return self._troubled(flight, problem)

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
            url = resolve(flight.url, location)
            route = self.routes.of(url)
            if not route.trusted:  # some vendors put our key into the address that they point to
                url = without_query(url, flight.authorization.query)
            flight.redirected(url, status)
            if flight.body is not None and not route.ours:
                raise VendorError(
                    "the vendor redirects a request with its body to another origin; "
                    "nothing was sent there",
                    where=redact(url),
                    hint="if that server is the vendor's, list its origin under "
                    "client.trusted_hosts",
                )
        except FilehaulError as problem:
            return self.failed(flight, problem)
        flight.attempts -= 1  # a hop is not an attempt
        return 0.0

    def _troubled(self, flight: Flight, problem: FilehaulError) -> Result | float:
        """Temporary: again after a while, up to the limit; else this is the end of it."""
        if not problem.temporary or isinstance(problem, SinkError):
            return self.failed(flight, problem)  # a full disk is not the vendor's doing
        writer = flight.request.writer
        if writer is not None and writer.progress > flight.progress:
            flight.progress = writer.progress
            flight.retries = 0
            flight.renewed = False  # a long transfer outlives more than one token
        if flight.retries >= self.policy.max_retries:
            return self.failed(flight, problem)
        delay = self.policy.delay(flight.retries, self.clock.uniform)
        flight.retries += 1
        flight.start_over()
        return delay

    def _pause(self, flight: Flight, seconds: float, problem: FilehaulError) -> float:
        """The vendor says when to come back: nobody of this connection asks before."""
        flight.waited += seconds
        if flight.waited > REQUEST_BUDGET or not self.pace.pause(self.clock.monotonic(), seconds):
            moment = come_back_at(self.clock.time(), seconds)
            raise TemporaryError(
                f"the vendor asks for a pause until {_utc(moment)}, longer than is waited for",
                where=problem.where,
                hint=f"run again after {_utc(moment)}; what is done stays done",
                retry_at=moment,
            )
        flight.start_over()
        return seconds


def _utc(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")
