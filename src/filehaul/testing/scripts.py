"""Which fault meets which request: patterns over requests, and queues of faults."""

from __future__ import annotations

import math
import re
from collections import deque
from fnmatch import fnmatchcase
from threading import Lock

from filehaul.testing.answers import Answer, RecordedRequest
from filehaul.testing.faults import Fault, Normal, answer_with

_QUERY_WITHOUT_METHOD = re.compile(r"^/[^ ]*\?[^/]*=")


def matches(pattern: str, request: RecordedRequest) -> bool:
    """Whether a glob (``fnmatch``) stands for a request.

    Without a space it is a glob over the path as it was sent (percent-encoded, no query). With a
    space it is one over ``METHOD path?query``, or ``METHOD path`` whatever the query. ``*`` also
    matches ``/``; ``?`` is any one character, so also itself.
    """
    if " " not in pattern:
        return fnmatchcase(request.path, pattern)
    line = f"{request.method} {request.path}"
    return fnmatchcase(f"{line}?{request.query_string}", pattern) or fnmatchcase(line, pattern)


def checked(pattern: str) -> str:
    """The pattern, or ValueError if it names a query and no method (it could never match)."""
    if _QUERY_WITHOUT_METHOD.match(pattern):
        msg = f"{pattern!r} has a query and no method: write 'GET {pattern}'"
        raise ValueError(msg)
    return pattern


class Script:
    """A pattern and the faults that requests matching it will meet, in order."""

    def __init__(self, pattern: str, faults: tuple[Fault, ...], times: float) -> None:
        if not faults:
            msg = "a script needs at least one fault"
            raise ValueError(msg)
        if times != math.inf and (times < 1 or times != int(times)):
            msg = f"times is a number of rounds from 1 on, or Fault.always, not {times}"
            raise ValueError(msg)
        self.pattern = checked(pattern)
        self.fired = 0
        self._for_ever = times == math.inf
        self._left = deque(faults if times == math.inf else faults * int(times))

    @property
    def unfired(self) -> list[Fault]:
        """The faults that no request has met yet; of those for ever, each that never fired."""
        faults = list(self._left)
        return faults[: max(0, len(faults) - self.fired)] if self._for_ever else faults

    @property
    def next(self) -> Fault | None:
        """The fault for the next matching request."""
        return self._left[0] if self._left else None

    def advance(self) -> None:
        """The next fault has fired."""
        self.fired += 1
        if self._for_ever:
            self._left.rotate(-1)
        else:
            self._left.popleft()


class Scripts:
    """All scripts of a vendor; the oldest that matches and has a fault left goes first."""

    def __init__(self) -> None:
        self._scripts: list[Script] = []
        self._lock = Lock()

    def add(self, script: Script) -> None:
        """Take up a script; thread-safe."""
        with self._lock:
            self._scripts.append(script)

    def clear(self) -> None:
        """Forget all scripts, fired or not."""
        with self._lock:
            self._scripts.clear()

    def answer(self, request: RecordedRequest, normal: Normal) -> Answer:
        """What this request gets: a fault's answer, noted in ``request.fault``, or the normal."""
        if not self._scripts:
            return normal(request)
        with self._lock:
            waiting = [script for script in self._scripts if matches(script.pattern, request)]
        for script in waiting:
            fault = script.next
            answer = answer_with(fault, request, normal) if fault else None
            if answer is not None:
                with self._lock:
                    script.advance()
                request.fault = fault
                return answer
        return normal(request)

    @property
    def unfired(self) -> list[tuple[str, Fault]]:
        """Pattern and fault of all that has not fired."""
        with self._lock:
            return [(script.pattern, fault) for script in self._scripts for fault in script.unfired]
