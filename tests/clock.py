"""A clock for tests: it stands still until somebody sleeps, and notes each sleep."""

from __future__ import annotations

from filehaul.http import Clock

EPOCH = 1_900_000_000.0  # some moment in 2030, far from the machine's own time


class FakeClock(Clock):
    """``now`` is the time, in seconds from 1,000 on; ``sleeps`` and ``jitters`` what was asked.

    ``jitter``: what `uniform` gives, as a share of the way from its low to its high end.
    """

    def __init__(self, jitter: float = 0.0) -> None:
        self.now = 1000.0
        self.jitter = jitter
        self.sleeps: list[float] = []
        self.jitters: list[tuple[float, float]] = []

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return EPOCH + self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.sleeps.append(seconds)
        self.now += seconds

    def uniform(self, low: float, high: float) -> float:
        self.jitters.append((low, high))
        return low + (high - low) * self.jitter

    @property
    def slept(self) -> float:
        """Seconds in all."""
        return round(sum(self.sleeps), 6)
