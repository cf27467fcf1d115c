"""One listing of a resource of which only the changes are asked for.

The vendor filters where it can (``start_param``); where it cannot, or where a row that comes twice
would stand there twice, we do. The watermark moves only when a listing went to its end, and counts
only when its rows are in the destination.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from .config import Resource
from .fields.watermark import Cursor, Cursors, Watermark, is_below
from .ledger import Ledger


class Increment:
    """What a listing of this resource asks for, and how far it came.

    ``everything``: a full refresh, from where the first run began. ``resource``: the resource with
    the vendor's parameters of this run. ``dropped``: rows that came and had been read before.
    """

    def __init__(
        self, resource: Resource, ledger: Ledger, now: datetime, everything: bool = False
    ) -> None:
        block = resource.watermark
        assert block is not None
        self.block = block
        self.ledger = ledger
        self.name = resource.name
        self.appends = resource.sync == "incremental_append"
        self.meaning = f"{block.cursor_path} {block.format or ''}"
        self.keeps = block.end_value is None
        text = None
        if self.keeps and not everything:
            text = ledger.watermarks.held(resource.name, self.meaning)
        self.cursors = Cursors(block, None if text is None else Watermark.loaded(text), now)
        self.resource = _with_params(resource, self._params())
        self.dropped = 0

    def _params(self) -> dict[str, Any]:
        block, found = self.block, {}
        if block.start_param is not None and (start := self.cursors.param()) is not None:
            found[block.start_param] = start
        if block.end_param is not None and block.end_value is not None:
            found[block.end_param] = block.end_value
        return found

    @property
    def is_whole(self) -> bool:
        """Whether this listing asks for everything there is."""
        first = self.cursors.held is None and self.block.initial_value is None
        return first and self.block.end_value is None

    # -- records ---------------------------------------------------------------------------

    def begin(self) -> None:
        """Called when the listing begins."""
        with self.ledger.transaction():
            self.ledger.watermarks.begin(self.name)

    def kept(self, records: Sequence[Any]) -> list[Any]:
        """The records of a page that are to be taken: at the lower end or above it."""
        found = self.cursors.read(records)
        lower, end = self.cursors.lower, self.cursors.end
        ours = self.block.start_param is None or self.appends
        ours_end = self.block.end_param is None or self.appends
        kept = []
        for record, cursor in zip(records, found):
            below = ours and is_below(cursor, lower)
            above = (
                ours_end and end is not None and cursor is not None and not is_below(cursor, end)
            )
            if not (below or above):
                kept.append(record)
        self.dropped += len(records) - len(kept)
        return kept

    # -- rows that are appended ------------------------------------------------------------

    def new(self, hashes: Sequence[bytes]) -> list[int]:
        """Which of these rows the table does not have, where rows are appended."""
        known = self.ledger.watermarks.at_edge(self.name, hashes)
        here: set[bytes] = set()
        found = []
        for number, row_hash in enumerate(hashes):
            if row_hash not in known and row_hash not in here:
                here.add(row_hash)
                found.append(number)
        return found

    def note(self, records: Sequence[Any], hashes: Sequence[bytes]) -> None:
        """Keep those of these rows that a later run may read again. In a transaction."""
        if not self.appends or not self.keeps:
            return
        lower = self._next_lower()
        rows = [
            (row_hash, cursor)
            for row_hash, cursor in zip(hashes, self.cursors.of(records))
            if not is_below(cursor, lower)
        ]
        self.ledger.watermarks.add_to_edge(self.name, rows)
        if lower is not None:
            self.ledger.watermarks.cut_edge(self.name, lower)

    def _next_lower(self) -> Cursor | None:
        high = self.cursors.high
        return None if high is None else self.cursors.below(high.value)

    # -- the end ---------------------------------------------------------------------------

    def offer(self, listing: int) -> None:
        """The listing went to its end: its watermark counts once its rows are loaded."""
        high = self.cursors.high
        if not self.keeps or high is None:
            return
        with self.ledger.transaction():
            self.ledger.watermarks.offer(
                self.name, listing, self.meaning, high.dumped(), self._next_lower()
            )


def _with_params(resource: Resource, params: dict[str, Any]) -> Resource:
    if not params:
        return resource
    endpoint = resource.endpoint
    asked = endpoint.model_copy(update={"params": {**endpoint.params, **params}})
    return resource.model_copy(update={"endpoint": asked})
