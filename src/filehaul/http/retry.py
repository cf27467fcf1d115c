"""When to ask again, and how long to wait: values and pure functions, no clock of their own.

Promise 5 of the design: statuses 429, 500, 502, 503 and 504 are asked again at most 3 times,
after ``backoff_factor`` · 2ⁿ seconds (2, 4, 8) times uniform(1, 1.25). ``Retry-After`` (RFC 9110
10.2.3: seconds or an HTTP date) overrides the delay, pauses the whole connection, and draws on a
budget of its own instead of the three tries.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from .flow import Bandwidth
from .messages import Clock

if TYPE_CHECKING:
    from ..config.rules import Rule

REQUEST_BUDGET = 15 * 60.0
RUN_BUDGET = 60 * 60.0
_LONGEST_DELAY = 120.0  # seconds: who is to be asked often need not be waited for ever longer
# So late a start is still on time, else every wake-up would cost some of the rate; longer idleness
# earns nothing.
_LATE = 0.02
_SECONDS = re.compile(r"[+-]?\d+(?:\.\d*)?", re.ASCII)


@dataclass(frozen=True)
class RetryPolicy:
    """What to retry: as in the config's ``client.retry``. Budgets in seconds of ``Retry-After``."""

    statuses: frozenset[int] = frozenset({429, 500, 502, 503, 504})
    max_retries: int = 3
    backoff_factor: float = 2.0
    rules: tuple[Rule, ...] = ()
    request_budget: float = REQUEST_BUDGET
    run_budget: float = RUN_BUDGET

    def delay(self, retry: int, uniform: Callable[[float, float], float]) -> float:
        """Seconds before the retry with this number (0, 1, 2 …)."""
        longest = max(_LONGEST_DELAY, self.backoff_factor)
        return min(longest, self.backoff_factor * 2.0**retry) * uniform(1.0, 1.25)


@dataclass
class Budget:
    """Seconds of ``Retry-After`` that a run may still wait, shared by all its requests.

    Pauses overlap (many answers say "come back at 12:00"), so what counts is how far the
    connection's own pause moves, not the sum of what each request was told.
    """

    left: float = field(default=RUN_BUDGET)

    def take(self, seconds: float) -> bool:
        """Take so many seconds; False (and nothing taken) when there are not enough left."""
        if seconds > self.left:
            return False
        self.left -= max(0.0, seconds)
        return True


class Pace:
    """When the next request of a connection may start: paced, paused, or at once.

    A run waits for at most ``run_budget`` seconds with all its requests held back, and for as long
    for things that the vendor is still making.

    ``gate``: the clock's time before which none starts. ``bandwidth``: how fast bytes come. Shared
    by all loops of a connection.
    """

    def __init__(
        self,
        requests_per_second: float | None,
        bandwidth: float | None = None,
        run_budget: float = RUN_BUDGET,
    ) -> None:
        self.gate = 0.0
        self.bandwidth = Bandwidth(bandwidth)
        self._interval = self._usual = 1.0 / requests_per_second if requests_per_second else 0.0
        self._next = 0.0
        self._slow_until = 0.0
        self._paused_until = 0.0
        self._budget = Budget(run_budget)
        self._waited_until = 0.0
        self._to_wait = Budget(run_budget)

    def started(self, clock: Clock) -> None:
        """A request starts now."""
        if not self._interval:
            return
        now = clock.monotonic()
        if self._slow_until and now >= self._slow_until:
            self.go_on(now)
        due = self._next if now - self._next < _LATE else now
        self._next = due + self._interval
        self.gate = max(self._paused_until, self._next)

    def slow_down(self, now: float, interval: float, until: float) -> None:
        """Until then a start at most every so many seconds; infinity: none at all."""
        wanted = max(self._usual, min(interval, until - now))
        if wanted > self._interval:
            self._next = max(self._next, now + wanted)
        self._interval, self._slow_until = wanted, until
        self.gate = max(self._paused_until, self._next)

    def go_on(self, now: float) -> None:
        """As fast as the config says."""
        if self._slow_until:
            self._interval, self._slow_until = self._usual, 0.0
            self._next = min(self._next, now + self._usual)
            self.gate = max(self._paused_until, self._next)

    def wait(self, now: float, seconds: float) -> bool:
        """One request waits for so long, others go on; False where that is more than is left."""
        until = now + seconds
        if not self._to_wait.take(until - max(now, self._waited_until)):
            return False
        self._waited_until = max(self._waited_until, until)
        return True

    def pause(self, now: float, seconds: float) -> bool:
        """Nobody starts for so long; False (and no pause) where that is more than is left."""
        until = now + seconds
        if not self._budget.take(until - max(now, self._paused_until)):
            return False
        self._paused_until = max(self._paused_until, until)
        self.gate = max(self._paused_until, self._next)
        return True


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait as the answer says, at least 1; None where it does not say, or nonsense.

    ``now``: seconds since the epoch, to which an HTTP date is held.
    """
    value = headers.get("retry-after", "").strip()
    seconds = float(value) if _SECONDS.fullmatch(value) else seconds_until(value, now)
    return max(1.0, seconds) if seconds is not None and math.isfinite(seconds) else None


def seconds_until(date: str, now: float) -> float | None:
    """Seconds from ``now`` (since the epoch) to an HTTP date; None: it is none."""
    try:
        moment = parsedate_to_datetime(date)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=timezone.utc)
        return moment.timestamp() - now
    except (TypeError, ValueError, OverflowError):
        return None


def come_back_at(now: float, seconds: float) -> datetime:
    """The UTC time so many seconds from ``now`` (seconds since the epoch), for people."""
    latest = datetime(9999, 1, 1, tzinfo=timezone.utc).timestamp()
    return datetime.fromtimestamp(min(now + seconds, latest), timezone.utc).replace(microsecond=0)
