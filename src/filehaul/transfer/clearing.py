"""Bytes that are to go, as the ledger knows: now, or at the next start after a kill."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import islice

from ..ledger import Ledger
from ..names import folded
from ..sink import RefusedError, Sink

_TOLD = 5  # refusals that a warning names


def clear(
    ledger: Ledger,
    sink: Sink,
    coming: Collection[str] = (),
    trashed: Collection[str] | None = None,
) -> dict[str, RefusedError]:
    """Take away bytes whose files are elsewhere now, or gone. ``coming``: where others are on
    their way to: these replace them. ``trashed``: of what goes to the trash only these; None: all.

    Returns the paths whose bytes could not go to the trash, and why. They stay where they are, and
    the ledger knows.
    """
    leaving = [row for row in ledger.places.leaving(sink.identity) if row[0] not in coming]
    to_trash = {
        target: trash
        for target, trash in leaving
        if trash is not None and (trashed is None or target in trashed)
    }
    waiting = {target for target, trash in leaving if trash and target not in to_trash}
    problems = {}
    for target in left_alone(ledger, sink, to_trash):
        if sink.size(target) is None:
            continue
        try:
            sink.move(target, to_trash[target])
        except RefusedError as problem:
            problems[target] = problem
    sink.clear([target for target, trash in leaving if trash is None])
    with ledger.transaction():
        ledger.places.left(sink.identity, {*coming, *waiting, *problems})
    return problems


def left_alone(ledger: Ledger, sink: Sink, targets: Collection[str]) -> list[str]:
    """Those of these paths that are no other file's by now, also on a disk that ignores case."""
    owners = ledger.places.paths(sink.identity, {folded(one) for one in targets})
    found = []
    for target in targets:
        other = owners.get(folded(target), target)
        if other == target or not sink.same(other, target):
            found.append(target)
    return found


def refusals(problems: Mapping[str, RefusedError]) -> list[str]:
    """What a person should know of what `clear` returned: one warning at most."""
    if not problems:
        return []
    told = [f"{path}: {why.message}" for path, why in islice(problems.items(), _TOLD)]
    more = len(problems) - len(told)
    return [
        f"{len(problems):,} of the files that are gone could not go to the trash: their bytes"
        f" stay in the sink, and the next run tries again ({'; '.join(told)}"
        + (f"; and {more:,} more)" if more else ")")
    ]
