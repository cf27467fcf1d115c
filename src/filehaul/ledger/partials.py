"""Bytes that have come and are not verified yet: what must be known to go on with them later."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import orjson

if TYPE_CHECKING:
    from .store import Ledger

_DAY = 86_400_000_000
_KEPT_FOR = 7 * _DAY

# Whoever is done, gone, parked, not selected or another file by now is not gone on with.
_TO_GO_ON = """
EXISTS (SELECT 1 FROM files f WHERE f.resource = p.resource AND f.key = p.key
    AND f.is_file AND f.deleted_at IS NULL AND f.unselected IS NULL
    AND f.fingerprint = p.fingerprint)
AND NOT EXISTS (SELECT 1 FROM transfers t WHERE t.resource = p.resource AND t.key = p.key
    AND t.fingerprint = p.fingerprint AND (t.permanent OR (t.status = 'done' AND t.sink = p.sink)))
"""
# Of a partial that has not grown, the day when it last did stays.
_NOTE = """
INSERT INTO partials (sink, name, resource, key, fingerprint, validator, total, spans, safe,
    noted_at)
VALUES (?,?,?,?,?,?,?,?,?,?)
ON CONFLICT (sink, name) DO UPDATE SET
    validator = excluded.validator, total = excluded.total, safe = excluded.safe,
    noted_at = CASE WHEN spans = excluded.spans THEN noted_at ELSE excluded.noted_at END,
    spans = excluded.spans
"""


class Partial(NamedTuple):
    """A partial that can be gone on with. ``name``: in the sink; tied to the file's fingerprint.

    ``validator``: a strong ETag or a date of the vendor's answer, for If-Range; empty: the record
    alone tells versions apart. ``total``: bytes that the whole has. ``spans``: which bytes are
    there, as [first, end) in order; None: all from the first to the partial's own end. ``safe``:
    they were forced to the disk.
    """

    name: str
    resource: str
    key: str
    fingerprint: str
    validator: str
    total: int
    spans: tuple[tuple[int, int], ...] | None = None
    safe: bool = False


class PartialsBook:
    """Table ``partials``."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.db = ledger.db

    def note(self, sink: str, partials: Iterable[Partial]) -> None:
        """Write them down, or what is there of them by now."""
        now = time.time_ns() // 1000
        rows = [
            (
                sink,
                *one[:6],
                None if one.spans is None else orjson.dumps(one.spans).decode(),
                one.safe,
                now,
            )
            for one in partials
        ]
        with self.ledger.transaction():
            self.db.executemany(_NOTE, rows)

    def of(self, sink: str) -> dict[str, Partial]:
        """All that a sink holds, by name."""
        rows = self.db.execute(
            "SELECT name, resource, key, fingerprint, validator, total, spans, safe FROM partials"
            " WHERE sink = ?",
            (sink,),
        )
        found = {}
        for name, resource, key, fingerprint, validator, total, spans, safe in rows:
            pairs = spans and tuple((first, end) for first, end in orjson.loads(spans))
            found[name] = Partial(
                name, resource, key, fingerprint, validator, total, pairs, bool(safe)
            )
        return found

    def names(self, sink: str) -> set[str]:
        """Of all that a sink holds."""
        rows = self.db.execute("SELECT name FROM partials WHERE sink = ?", (sink,))
        return {name for (name,) in rows}

    def forget(self, sink: str, names: Iterable[str]) -> None:
        """These are not gone on with."""
        with self.ledger.transaction():
            self.db.executemany(
                "DELETE FROM partials WHERE sink = ? AND name = ?",
                [(sink, name) for name in names],
            )

    def drop(self, resource: str) -> None:
        """None of this resource are gone on with."""
        self.db.execute("DELETE FROM partials WHERE resource = ?", (resource,))

    def tidy(self, resources: Iterable[str]) -> None:
        """Forget those whose files are done, gone, parked or changed, those of resources that the
        config no longer has, and those to which nothing was added for seven days.
        """
        self.db.execute(
            f"DELETE FROM partials AS p WHERE noted_at < ? OR NOT ({_TO_GO_ON})"
            " OR p.resource NOT IN (SELECT value FROM json_each(?))",
            (time.time_ns() // 1000 - _KEPT_FOR, orjson.dumps(list(resources)).decode()),
        )
