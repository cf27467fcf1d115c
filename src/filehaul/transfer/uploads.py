"""Changes of a bucket under way beside the run, so that downloads go on while uploads do."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from typing import TYPE_CHECKING, NamedTuple

from ..errors import FilehaulError
from ..sink import Bucket

if TYPE_CHECKING:
    from .batch import Change

MOST = 96
"""Changes under way, beyond which nothing new is fetched: what was fetched waits in memory."""
MOST_BYTES = 2 * 2**30
"""Their bytes, of two or more, beyond which nothing new is fetched: they wait on the local disk."""


class Landed(NamedTuple):
    """A change that has come to its end. ``intended``: the ledger knew of it before.

    ``placed``: False: something stands at the name, which was to be free. ``problem``: it failed.
    """

    change: Change
    intended: bool
    placed: bool
    problem: FilehaulError | None = None


class Uploads:
    """Starts changes, and tells which have landed."""

    def __init__(self, sink: Bucket) -> None:
        self.sink = sink
        self._under_way: dict[Future[bool], tuple[Change, bool]] = {}
        self._bytes = 0

    def begin(self, change: Change, intended: bool) -> None:
        """Start it."""
        receipt = change.receipt
        if change.partial is None:
            assert change.moved_from is not None
            future = self.sink.moving(change.moved_from, receipt.target)
        elif intended:
            future = self.sink.committing(change.partial, receipt.target, receipt)
        else:
            future = self.sink.placing(change.partial, receipt.target, receipt)
        self._under_way[future] = (change, intended)
        self._bytes += receipt.size or 0

    def __len__(self) -> int:
        return len(self._under_way)

    @property
    def targets(self) -> set[str]:
        """The paths that will be other bytes' soon."""
        return {change.receipt.target for change, _ in self._under_way.values()}

    @property
    def are_many(self) -> bool:
        """Whether so much is under way that more must wait."""
        count = len(self._under_way)
        return count >= MOST or (count > 1 and self._bytes > MOST_BYTES)

    def landed(self) -> Iterator[Landed]:
        """Those that have ended since."""
        for future in [one for one in self._under_way if one.done()]:
            change, intended = self._under_way.pop(future)
            self._bytes -= change.receipt.size or 0
            try:
                yield Landed(change, intended, future.result())
            except CancelledError:
                continue  # as after a kill: the next run finds out what became of it
            except FilehaulError as problem:
                yield Landed(change, intended, False, problem)

    def wait(self, seconds: float) -> None:
        """Until one more has ended, or so long."""
        wait(self._under_way, seconds, FIRST_COMPLETED)

    def cancel(self) -> list[Change]:
        """Forget what is under way, and tell what it was; the sink ends it when it is closed."""
        for future in self._under_way:
            future.cancel()
        cancelled = [change for change, _ in self._under_way.values()]
        self._under_way.clear()
        self._bytes = 0
        return cancelled
