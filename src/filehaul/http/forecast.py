"""What a vendor says, ahead of the 429, of how much it will still take.

`RateLimit`, `RateLimit-Remaining` and `RateLimit-Reset` (draft-ietf-httpapi-ratelimit-headers: the
fields of drafts 0 to 6, among them SharePoint's, and the structured one since), and the older
``X-RateLimit-…`` whose reset some vendors give in seconds and others as a moment since 1970.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from .retry import seconds_until

_PAIRS = tuple(
    (f"{prefix}limit", f"{prefix}remaining", f"{prefix}reset")
    for prefix in ("ratelimit-", "x-ratelimit-", "x-rate-limit-")
)
_NUMBER = r"(\d{1,15}(?:\.\d{1,15})?)(?!\d)"
_PARAMETER = re.compile(rf"\b(r|t|remaining|reset|limit)\s*=\s*{_NUMBER}", re.ASCII)
_FIRST_NUMBER = re.compile(rf"\s*{_NUMBER}", re.ASCII)
_LOW = 0.1  # of the limit: below that, what is left is spread over the rest of the time
_SINCE_1970 = 1e8  # nobody means three years
_MS_SINCE_1970 = 1e11
_SAME = 1.5  # seconds: ends of windows so near are one, told in whole seconds
_FIRST, _EVERY = 16, 16  # answers that are looked at while none had such a header


class Left(NamedTuple):
    """So many requests for so many seconds. ``limit``: of a whole window, where it is said."""

    remaining: float
    reset: float
    limit: float | None = None


@dataclass(frozen=True)
class RateHeaders:
    """The names of a vendor's own headers, lower case."""

    remaining: str
    reset: str
    limit: str | None = None


class Forecast:
    """Reads it off answers. ``headers``: the names; None: the usual ones."""

    def __init__(self, headers: RateHeaders | None = None) -> None:
        self.headers = headers
        self._answers = 0
        self._had = False
        self._most = 0.0
        self._least = 0.0
        self._until = 0.0

    @property
    def is_due(self) -> bool:
        """Whether this answer is looked at. Some vendors say something only when little is left;
        of those that never do, most answers are spared.
        """
        self._answers += 1
        return self._had or self._answers <= _FIRST or self._answers % _EVERY == 0

    def read(self, headers: Mapping[str, str], now: float) -> Left | None:
        """What the answer says; None: nothing. ``now``: seconds since the epoch."""
        if self.headers is not None:
            own = self.headers
            found = _pair(headers, own.limit or "", own.remaining, own.reset, now)
        else:
            found = _structured(headers.get("ratelimit", "")) or next(
                filter(None, (_pair(headers, *names, now) for names in _PAIRS)), None
            )
        self._had = self._had or found is not None
        return found

    def interval(self, left: Left, in_flight: int, at_once: int, now: float) -> float | None:
        """Seconds from one start to the next from now on; None: as fast as it goes; infinity:
        not before the reset. What is in flight may not be counted in ``left`` yet, and ``at_once``
        more may start before the next answer is here.
        """
        self._most = max(self._most, left.remaining)
        limit = self._most if left.limit is None else left.limit
        if not limit:
            return None  # nothing of nothing is no limit
        available = self._least_of_window(left, now) - in_flight
        if available > max(limit * _LOW, at_once):
            return None
        return left.reset / available if available >= 1.0 else math.inf

    def _least_of_window(self, left: Left, now: float) -> float:
        """Answers overtake each other: of one window the one that says least is the latest."""
        until = now + left.reset
        if abs(until - self._until) > _SAME or left.reset <= _SAME:
            self._until, self._least = until, left.remaining
        self._least = min(self._least, left.remaining)
        return self._least


def _pair(
    headers: Mapping[str, str], limit: str, remaining: str, reset: str, now: float
) -> Left | None:
    left = _number(headers.get(remaining))
    if left is None:
        return None
    said = headers.get(reset, "")
    number = _number(said)
    if number is None:
        number = seconds_until(said, now)
    elif number > _MS_SINCE_1970:
        number = number / 1000.0 - now
    elif number > _SINCE_1970:
        number -= now
    if number is None:
        return None
    return Left(left, max(0.0, number), _number(headers.get(limit)))


def _structured(value: str) -> Left | None:
    """``"default";r=50;t=30``, of several the one with the least left; and the draft's older
    ``limit=100, remaining=50, reset=5``.
    """
    if not value:
        return None
    found = []
    for policy in [value] if "remaining" in value else value.split(","):
        said = dict(_PARAMETER.findall(policy))
        left, reset = said.get("r", said.get("remaining")), said.get("t", said.get("reset"))
        if left is not None and reset is not None:
            found.append(Left(float(left), float(reset), _number(said.get("limit"))))
    return min(found, default=None)


def _number(text: str | None) -> float | None:
    """Some vendors append windows (``100, 100;w=60``): the first number counts."""
    match = _FIRST_NUMBER.match(text or "")
    return float(match[1]) if match else None
