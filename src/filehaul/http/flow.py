"""How much at once: bytes a second over all connections, how many requests in flight, and how
often one address is asked.

Values that count; whoever owns the loop holds back what they say.
"""

from __future__ import annotations

from collections import OrderedDict, deque

_SLICE = 0.02  # seconds' worth that may be read ahead: shorter sleeps cost more than they give
_CREDIT = 0.25  # seconds' worth that is made up for after a sleep that was too long
_ROUND = 1600  # reads a second, about: libcurl reads up to ten buffers of each connection in a row
_BUFFER = 512 * 1024


class Bandwidth:
    """Bytes a second of answers' bodies, over all connections. ``rate``: None: no limit."""

    def __init__(self, rate: float | None) -> None:
        self.rate = rate
        self._owed = 0.0
        self._at: float | None = None

    @property
    def buffer(self) -> int:
        """Bytes that one read may take: of all that lies ready only a little is wanted."""
        return _BUFFER if self.rate is None else max(1024, min(_BUFFER, int(self.rate / _ROUND)))

    def spent(self, size: int) -> None:
        """So many bytes came."""
        self._owed += size

    def wait(self, now: float) -> float:
        """Seconds in which nothing may be read; 0: go on. ``now``: of a monotonic clock."""
        if self.rate is None:
            return 0.0
        since, self._at = now - (now if self._at is None else self._at), now
        self._owed = max(-_CREDIT * self.rate, self._owed - since * self.rate)
        return self._owed / self.rate if self._owed > _SLICE * self.rate else 0.0


class Window:
    """How many requests may be in flight: ``most``, and fewer after a sign of too much.

    Such a sign (a connection that stalls, 429, Retry-After) halves it, once for all that were in
    flight; every four answers to what was asked after that make it larger by one.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.size = most
        self._landed = 0
        self._mark = 0

    def landed(self, number: int) -> None:
        """The one that started as number ``number`` went well."""
        if self.size < self.most and number > self._mark:
            self._landed += 1
            if self._landed == 4:
                self._landed = 0
                self.size += 1

    def halve(self, number: int, last: int) -> None:
        """The one that started as number ``number`` had such a sign; ``last`` started last."""
        if number <= self._mark:
            return  # it was in flight when another one said the same
        self._mark = last
        self._landed = 0
        self.size = max(1, self.size // 2)


class PathLimit:
    """At most ``requests`` starts in ``seconds`` for one address, whatever its query says."""

    def __init__(self, requests: int, seconds: float) -> None:
        self.requests = requests
        self.seconds = seconds
        self._starts: OrderedDict[str, deque[float]] = OrderedDict()

    def due(self, url: str, now: float) -> float:
        """0: it starts now, and is counted; else the moment at which it may."""
        address = url.partition("?")[0]
        while self._starts:
            oldest = next(iter(self._starts))
            if self._starts[oldest][-1] > now - self.seconds:
                break
            del self._starts[oldest]  # nothing is known of addresses that nobody asks any more
        starts = self._starts.setdefault(address, deque(maxlen=self.requests))
        if len(starts) == self.requests and starts[0] > now - self.seconds:
            return starts[0] + self.seconds
        starts.append(now)
        self._starts.move_to_end(address)
        return 0.0
