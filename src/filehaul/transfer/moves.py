"""Files whose path changed and whose bytes did not: renamed, not fetched.

A file may want the name that another one is about to leave (``log.1`` becomes ``log.2``): then
that one goes first. In a ring, where each waits for the next, one is fetched anew instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from ..ledger import Ledger
from ..models import Receipt, Task
from ..names import folded, is_by_hash
from ..plan import MOVE, Decision
from ..sink import Sink
from .batch import Batch, Change
from .receipts import kept

_AT_ONCE = 200


class Moves:
    """Carries out one listing's moves. What cannot be moved stays to do: it is fetched."""

    def __init__(self, sink: Sink, ledger: Ledger, batch: Batch) -> None:
        self.sink = sink
        self.ledger = ledger
        self.batch = batch
        self._waiting: dict[str, tuple[Task, Receipt]] = {}  # by the folded name they wait for
        self._sharing: dict[str, int] = {}  # how many files' bytes lie at a path of layout by_hash

    def carry_out(self, decisions: Iterable[Decision], cancelled: Callable[[], bool]) -> None:
        """All of them, as far as the sink lets."""
        for task in self._looked_up(decisions):
            if cancelled():
                break
            assert task.moved_from is not None
            receipt = kept(self.ledger, task, moved=True)
            if self.sink.size(task.moved_from) != receipt.size:
                continue  # somebody was here: what is there is not what the receipt tells of
            if is_by_hash(task.moved_from) and not self._is_last(task.moved_from):
                continue
            if self._is_free(task):
                self._move(task, receipt)
            else:
                self._waiting[folded(task.target)] = (task, receipt)
        self._go_in_turn(cancelled)
        self.batch.finish(cancelled)

    def _is_last(self, shared: str) -> bool:
        """Whether no other file needs the bytes at this path any longer: the others were here
        before, and are fetched.
        """
        if shared not in self._sharing:
            holders = self.ledger.transfers.holders(self.sink.identity, [shared])
            self._sharing[shared] = len(holders)
        self._sharing[shared] -= 1
        return self._sharing[shared] == 0

    def _looked_up(self, decisions: Iterable[Decision]) -> Iterator[Task]:
        """The moves; what the sink has of them is asked for many at once."""
        moves = (one.task for one in decisions if one.action == MOVE and one.task.moved_from)
        while some := list(islice(moves, _AT_ONCE)):
            names = (name for task in some for name in (task.moved_from, task.target) if name)
            self.sink.look_ahead(set(names))
            yield from some

    def _is_free(self, task: Task) -> bool:
        assert task.moved_from is not None
        if task.by_hash:  # whatever is there is these very bytes
            return True
        taken = self.sink.size(task.target) is not None
        return not taken or self.sink.same(task.moved_from, task.target)

    def _go_in_turn(self, cancelled: Callable[[], bool]) -> None:
        """Those that wait for a name, each after the one that has it now."""
        waiting = self._waiting
        sitting = {folded(str(task.moved_from)) for task, _ in waiting.values()}
        ready = [name for name in waiting if name not in sitting]
        while waiting and not cancelled():
            self.batch.in_turn(cancelled)
            gone = [waiting.pop(name) for name in ready]
            for task, receipt in gone:
                self._move(task, receipt)
            if not gone:  # a ring; the bytes of this one are lost, and fetched
                gone = [waiting.pop(next(iter(waiting)))]
            left = (folded(str(task.moved_from)) for task, _ in gone)
            ready = [name for name in left if name in waiting]

    def _move(self, task: Task, receipt: Receipt) -> None:
        self.batch.intend(Change(receipt, moved_from=task.moved_from))
        if self.batch.due:
            self.batch.flush()
