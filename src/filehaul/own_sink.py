"""The connection's own sink, open and settled: what lies in it is what the ledger says."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from itertools import islice

from .config import Config
from .ledger import Ledger
from .sink import Bucket, Sink, sink_of
from .transfer import settle

_AT_ONCE = 10_000


@contextlib.contextmanager
def sink_for(
    config: Config, ledger: Ledger, warnings: list[str], cancelled: Callable[[], bool]
) -> Iterator[Sink | None]:
    """The sink; None: this config keeps a catalogue only. ``warnings``: what was found is added."""
    where = hashlib.sha256(str(ledger.path.absolute()).encode()).hexdigest()
    sink = sink_of(config, f"{config.name}-{where[:8]}", cancelled)
    if sink is None:
        yield None
        return
    try:
        mark = sink.open()
        warnings += sink.warnings if isinstance(sink, Bucket) else []
        sink.tidy(ledger.partials.names(sink.identity))
        warnings += settle(ledger, sink)
        missing = _hold_to(sink, mark, ledger)
        if missing:
            warnings.append(f"{missing:,} files are no longer in the sink: they are fetched again")
        yield sink
    finally:
        sink.tidy(ledger.partials.names(sink.identity))
        sink.close()


def _hold_to(sink: Sink, mark: str, ledger: Ledger) -> int:
    """Receipts are held to the sink's files if the sink was replaced (another mark), if somebody
    was in it since (another seal), or if the last run did not end as it should. Returns how many
    files are missing.
    """
    marked, sealed = f"mark:{sink.identity}", f"seal:{sink.identity}"
    if ledger.meta(marked) == mark and ledger.meta(sealed) == sink.seal():
        return 0
    missing: list[tuple[str, str]] = []
    held = ledger.transfers.held(sink.identity)
    while some := list(islice(held, _AT_ONCE)):
        sizes = sink.sizes(target for _, _, target, _ in some)
        missing += [
            (resource, key) for resource, key, target, size in some if sizes.get(target) != size
        ]
    with ledger.transaction():
        ledger.transfers.lost(missing)
        ledger.set_meta(marked, mark)
    return len(missing)
