"""Bytes that are to go, as the ledger knows: now, or at the next start after a kill."""

from __future__ import annotations

import contextlib
from collections.abc import Collection

from ..ledger import Ledger
from ..sink import RefusedError, Sink


def clear(ledger: Ledger, sink: Sink, coming: Collection[str] = ()) -> None:
    """Take away bytes whose files are elsewhere now, or gone. ``coming``: where others are on
    their way to: these replace them.
    """
    leaving = ledger.places.leaving(sink.identity)
    going = {target: trash for target, trash in leaving if target not in coming}
    for target, trash in going.items():
        if trash is not None and sink.size(target) is not None:
            with contextlib.suppress(RefusedError):  # it is no file any more: not ours
                sink.move(target, trash)
    sink.clear([target for target, trash in going.items() if trash is None])
    with ledger.transaction():
        ledger.places.left(sink.identity)
        if coming:
            ledger.places.leave(sink.identity, [one for one, _ in leaving if one in coming])
