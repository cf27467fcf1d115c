"""The bytes of files that the vendor no longer has: ``on_delete`` trash or remove.

Only those whose tombstones are confirmed in the destination; and never a path at which another
file's bytes lie. The receipt says ``gone`` first, then the bytes go: a kill between the two is made
good at the next start (`filehaul.transfer.clearing`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ..ledger import Gone, Ledger
from ..names import in_trash
from ..sink import Sink
from .batch import Point
from .clearing import clear, left_alone, refusals


def part(
    ledger: Ledger,
    sink: Sink,
    resource: str,
    trash: datetime | None,
    warnings: list[str],
    point: Point = lambda _name: None,
) -> int:
    """Let go of all that may go of a resource; how many files.

    ``trash``: when this run began, which names its folder in the trash; None: the bytes are
    removed. ``warnings``: what was found is added. ``point`` is told ``parted``: the ledger knows,
    and the bytes are still there.
    """
    count, stay = 0, {}
    folder = None if trash is None else trash.strftime("%Y-%m-%dT%H-%M-%S.%fZ")
    for batch in ledger.places.gone(resource, sink.identity):
        rows = _rows(ledger, sink, batch, folder)
        with ledger.transaction():
            ledger.places.part(sink.identity, resource, [one.key for one in batch], rows)
        point("parted")
        stay.update(clear(ledger, sink, trashed={target for target, _ in rows}))
        count += len(batch)
    if count:
        sink.flush()
    warnings += refusals(stay)
    return count - len(stay)


def _rows(
    ledger: Ledger, sink: Sink, batch: Sequence[Gone], folder: str | None
) -> list[tuple[str, str | None]]:
    """Which paths are left, and where their bytes go. Not those that a disk which ignores case
    takes for another file's.
    """
    targets = left_alone(ledger, sink, [one.target for one in batch])
    return [(one, None if folder is None else in_trash(one, folder)) for one in targets]
