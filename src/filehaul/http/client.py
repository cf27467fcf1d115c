"""`Http`: requests in, results out, with everything between them that HTTP makes necessary."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from dataclasses import dataclass, field

from ..errors import Cancelled, FilehaulError
from .flow import PathLimit
from .forecast import RateHeaders
from .judge import Judge
from .loop import Loop
from .messages import Authorize, Clock, Request, Response, Result, Wait
from .origins import Origins
from .proxies import Proxies
from .retry import Pace, RetryPolicy
from .routes import Routes

_SHARED, _LONGEST = 0.01, 0.5  # seconds that `wait` sleeps, with transfers in flight and without


@dataclass(frozen=True)
class HttpSettings:
    """A connection's HTTP settings; times in seconds.

    ``named_urls``: addresses beside ``base_url`` that the config itself names (the token
    endpoint). ``proxy``: None: as the environment's variables say; empty: none. ``bandwidth``:
    bytes a second. ``rate_headers``: the names of the headers that say how much is left; True: the
    usual ones. ``per_path``: so many requests for one address in so many seconds, files' bytes
    apart.
    """

    base_url: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    trusted_hosts: tuple[str, ...] = ()
    named_urls: tuple[str, ...] = ()
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    concurrency: int = 8
    requests_per_second: float | None = None
    bandwidth: float | None = None
    rate_headers: RateHeaders | bool = True
    per_path: tuple[int, float] | None = None
    connect_timeout: float = 10.0
    stall_timeout: float = 30.0
    ca_file: str | None = None
    cert: str | None = None
    insecure: bool = False
    proxy: str | None = field(default=None, repr=False)
    user_agent: str = "filehaul"


class Http:
    """The HTTP client of one connection. Not thread-safe: one thread, many requests in flight.

    ``cancelled`` is asked twice a second at least. ``waiting`` is told of pauses: of those above 5
    seconds, and of a request's second retry on, once for all that meet the same.
    """

    def __init__(
        self,
        settings: HttpSettings,
        authorize: Authorize | None = None,
        clock: Clock | None = None,
        cancelled: Callable[[], bool] = lambda: False,
        waiting: Callable[[Wait], None] = lambda _wait: None,
    ) -> None:
        self.settings = settings
        self.authorize = authorize
        self.clock = clock or Clock()
        self.cancelled = cancelled
        self.origins = Origins(settings.base_url, settings.trusted_hosts, settings.named_urls)
        self.routes = Routes(self.origins, Proxies(settings.proxy), settings.headers)
        budget = settings.retry.run_budget
        pace = Pace(settings.requests_per_second, settings.bandwidth, budget)
        self.per_path = None if settings.per_path is None else PathLimit(*settings.per_path)
        self._judge = Judge(
            settings.retry, self.clock, pace, self.routes, waiting, settings.rate_headers
        )
        self._loops: list[Loop] = []

    @property
    def is_paused(self) -> bool:
        """Whether the vendor has asked for a pause that is not over."""
        gate = self._judge.pace.gate
        return gate > 0.0 and gate > self.clock.monotonic()

    def run(
        self, requests: Iterable[Request | None], concurrency: int | None = None
    ) -> Generator[Result, None, None]:
        """Ask them all, at most ``concurrency`` at once, each result as soon as it is there.

        ``requests`` is pulled only when there is room; a None in it means: nothing to ask before
        the next result is there, or a tenth of a second has passed. Results come in the order of
        completion. A request's own failure is in its result. Raised is what concerns the whole
        connection: CredentialsError or TemporaryError where no token is to be had, TemporaryError
        where the vendor asks for a longer pause than the budget allows, ConfigError where a
        setting (certificates, proxy) is wrong, Cancelled.
        """
        loop = self._loop(concurrency or self.settings.concurrency)
        try:
            yield from loop.run(iter(requests))
        finally:
            loop.end()

    def send(self, request: Request) -> Response:
        """Ask one thing and return its answer, or raise its error."""
        with closing(self.run([request], 1)) as results:
            for result in results:
                if result.error is not None:
                    raise result.error
                assert result.response is not None
                return result.response
        raise FilehaulError("a request vanished")

    def wait(self, seconds: float) -> None:
        """Let time pass, while what is in flight goes on. Raises Cancelled."""
        until = self.clock.monotonic() + seconds
        while (left := until - self.clock.monotonic()) > 0.0:
            if self.cancelled():
                raise Cancelled("cancelled", hint="run again: it goes on where it stopped")
            busy = [one for one in self._loops if one.busy and one.multi.in_flight]
            for one in busy:
                one.multi.drive(0.0)
            self.clock.sleep(min(left, _SHARED if busy else _LONGEST))

    def _loop(self, concurrency: int) -> Loop:
        """A free loop, or one more: a token is asked for while transfers are in flight."""
        for loop in self._loops:
            if not loop.busy:
                break
        else:
            loop = Loop(self, self._judge)
            self._loops.append(loop)
        loop.begin(concurrency)
        return loop

    def others(self, loop: Loop) -> list[Loop]:
        """Loops that wait for ``loop``, with requests in flight: they ask for a token in it."""
        if len(self._loops) == 1:
            return []
        found = (one for one in self._loops if one is not loop and one.busy)
        return [one for one in found if one.multi.in_flight]

    def close(self) -> None:
        """Close all connections."""
        for loop in self._loops:
            loop.close()
        self._loops.clear()

    def __enter__(self) -> Http:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
