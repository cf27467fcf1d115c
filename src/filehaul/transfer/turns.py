"""Whose turn it is: large files do not keep small ones waiting.

The plan comes in the order of keys. Taken as it comes, as many large files as there are
connections would hold up all that lies behind them, for as long as they take.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from ..models import Task

LARGE = 64 * 1024 * 1024
"""Bytes: a file from this size on is large. One whose size is not listed is not."""

MOST = 2000
"""Large files that are put back at most: a plan of millions is not taken into memory."""


class Turns:
    """Of ``connections`` the large files have half, rounded down, and the small ones the rest.

    Where no small one is at hand (there are none left, or `MOST` large ones wait already), large
    ones have them all.
    """

    def __init__(self, connections: int, large: int = LARGE) -> None:
        self.share = connections // 2
        self.large = large
        self.in_flight = 0
        self._waiting: deque[Task] = deque()

    def of(self, tasks: Iterable[Task]) -> Iterator[Task]:
        """The same tasks, each when it is its turn. To be asked whenever there is room."""
        for task in tasks:
            while self._waiting and self.in_flight < self.share:
                yield self.begun(self._waiting.popleft())
            if not self._is_large(task):
                yield task
                continue
            self._waiting.append(task)
            if self.in_flight < self.share or len(self._waiting) > MOST:
                yield self.begun(self._waiting.popleft())
        while self._waiting:
            yield self.begun(self._waiting.popleft())

    def begun(self, task: Task) -> Task:
        """A task is given out, or once more after it had ended."""
        if self._is_large(task):
            self.in_flight += 1
        return task

    def ended(self, task: Task) -> None:
        """A task that was given out is over, however it went."""
        if self._is_large(task):
            self.in_flight -= 1

    def _is_large(self, task: Task) -> bool:
        return (task.file.size or 0) >= self.large
