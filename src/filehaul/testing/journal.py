"""The log of requests: bounded, counted, safe to read while the vendor answers."""

from __future__ import annotations

from collections import deque
from threading import Lock

from filehaul.testing.answers import RecordedRequest
from filehaul.testing.scripts import checked, matches

KEPT = 100_000


class Journal:
    """The last requests. ``size`` is how many: True for :data:`KEPT`, False for none."""

    def __init__(self, size: bool | int) -> None:
        most = KEPT if size is True else int(size)
        self._kept: deque[RecordedRequest] = deque(maxlen=most)
        self._lock = Lock()
        self.total = 0

    def add(self, request: RecordedRequest) -> None:
        """Note a request."""
        with self._lock:
            self.total += 1
            self._kept.append(request)

    def all(self) -> list[RecordedRequest]:
        """Those kept, oldest first."""
        with self._lock:
            return list(self._kept)

    def count(self, pattern: str, method: str | None) -> int:
        """How many match; RuntimeError if some are not kept any more, so nobody knows."""
        checked(pattern)
        with self._lock:
            if self.total > len(self._kept):
                msg = (
                    f"the log holds {len(self._kept)} of {self.total} requests, so they cannot "
                    "be counted: give the vendor a larger log="
                )
                raise RuntimeError(msg)
            kept = list(self._kept)
        return sum(method in (None, each.method) and matches(pattern, each) for each in kept)

    def clear(self) -> None:
        """Forget all of them."""
        with self._lock:
            self._kept.clear()
            self.total = 0
