"""One listing of a resource of which only the changes are asked for.

The vendor filters where it can (``start_param``); where it cannot, or where a row that comes twice
would stand there twice, we do. The watermark moves only when a listing went to its end, and counts
only when its rows are in the destination.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Protocol

from .config import Config, Resource
from .fields.watermark import Cursor, Cursors, Watermark, is_below
from .json_text import dumps


class Marks(Protocol):
    """Where watermarks are kept: `filehaul.ledger.WatermarksBook` says what each is for."""

    def held(self, resource: str, meaning: str) -> str | None: ...
    def begin(self, resource: str) -> None: ...
    def at_edge(
        self, resource: str, hashes: Sequence[bytes], in_table: bool = True
    ) -> set[bytes]: ...
    def add_to_edge(self, resource: str, rows: Iterable[tuple[bytes, Any]]) -> None: ...
    def cut_edge(self, resource: str, lower: Any) -> None: ...
    def offer(self, resource: str, listing: int, meaning: str, value: str, lower: Any) -> None: ...


class StateMarks:
    """Watermarks in a resource's state, as dlt keeps it: with the load package of the rows."""

    def __init__(self, state: dict[str, Any]) -> None:
        self.state = state
        self._edge: dict[bytes, Any] = {}

    def held(self, _resource: str, meaning: str) -> str | None:
        """The watermark of the last run that was loaded."""
        found = self.state.get("filehaul") or {}
        if found.get("meaning") != meaning:
            return None
        self._edge = {bytes.fromhex(one): cursor for one, cursor in found["edge"]}
        return str(found["value"])

    def begin(self, _resource: str) -> None:
        """Nothing of an earlier run is left: dlt has seen to it."""

    def at_edge(self, _resource: str, hashes: Sequence[bytes], in_table: bool = True) -> set[bytes]:
        """Those of these rows that were read before."""
        return {one for one in hashes if in_table and one in self._edge}

    def add_to_edge(self, _resource: str, rows: Iterable[tuple[bytes, Any]]) -> None:
        """Rows that a later run may read again."""
        self._edge.update(rows)

    def cut_edge(self, _resource: str, lower: Any) -> None:
        """Rows below are not read again."""
        self._edge = {one: at for one, at in self._edge.items() if not is_below(at, lower)}

    def offer(self, _resource: str, _listing: int, meaning: str, value: str, _lower: Any) -> None:
        """dlt keeps it if it loads the rows."""
        edge = [[one.hex(), cursor] for one, cursor in self._edge.items()]
        self.state["filehaul"] = {"meaning": meaning, "value": value, "edge": edge}


class Increment:
    """What a listing of this resource asks for, and how far it came.

    ``everything``: a full refresh, from where the first run began. ``resource``: the resource with
    the vendor's parameters of this run. ``dropped``: rows that came and had been read before.
    """

    def __init__(
        self,
        config: Config,
        resource: Resource,
        marks: Marks,
        now: datetime,
        everything: bool = False,
    ) -> None:
        block = resource.watermark
        assert block is not None
        self.block = block
        self.marks = marks
        self.name = resource.name
        self.everything = everything
        self.appends = resource.sync == "incremental_append"
        self.meaning = _meaning(config, resource)
        self.keeps = block.end_value is None
        text = None
        if self.keeps and not everything:
            text = marks.held(resource.name, self.meaning)
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
    def is_full(self) -> bool:
        """Whether this listing asks for everything there is."""
        first = self.cursors.held is None and self.block.initial_value is None
        return first and self.block.end_value is None

    # -- records ---------------------------------------------------------------------------

    def begin(self) -> None:
        """Called when the listing begins; as the others below, in a transaction."""
        self.marks.begin(self.name)

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
        # Where everything is listed again, the table is written anew.
        known = self.marks.at_edge(self.name, hashes, not self.everything)
        here: set[bytes] = set()
        found = []
        for number, row_hash in enumerate(hashes):
            if row_hash not in known and row_hash not in here:
                here.add(row_hash)
                found.append(number)
        return found

    def note(self, records: Sequence[Any], hashes: Sequence[bytes]) -> None:
        """Keep those of these rows that a later run may read again."""
        if not self.appends or not self.keeps:
            return
        lower = self._next_lower()
        rows = [
            (row_hash, cursor)
            for row_hash, cursor in zip(hashes, self.cursors.of(records))
            if not is_below(cursor, lower)
        ]
        self.marks.add_to_edge(self.name, rows)
        if lower is not None:
            self.marks.cut_edge(self.name, lower)

    def _next_lower(self) -> Cursor | None:
        high = self.cursors.high
        return None if high is None else self.cursors.below(high.value)

    # -- the end ---------------------------------------------------------------------------

    def offer(self, listing: int) -> None:
        """The listing went to its end: its watermark counts once its rows are loaded."""
        high = self.cursors.high
        if not self.keeps or high is None:
            return
        self.marks.offer(self.name, listing, self.meaning, high.dumped(), self._next_lower())


def _meaning(config: Config, resource: Resource) -> str:
    """What a watermark stands on: where this changes, everything is listed again."""
    block, endpoint = resource.watermark, resource.endpoint
    assert block is not None
    words: list[Any] = [config.client.base_url, endpoint.path, block.cursor_path, block.format]
    if resource.sync != "incremental_append":  # rows that are there are not to come once more
        fields = None if resource.fields is None else resource.fields.model_dump(mode="json")
        words += [fields, resource.raw, resource.keys]
    return hashlib.blake2b(dumps(words), digest_size=16).hexdigest()


def _with_params(resource: Resource, params: dict[str, Any]) -> Resource:
    if not params:
        return resource
    endpoint = resource.endpoint
    asked = endpoint.model_copy(update={"params": {**endpoint.params, **params}})
    return resource.model_copy(update={"endpoint": asked})
