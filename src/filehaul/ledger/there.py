"""What a sink has, beside what the receipts say that it has.

The sink is walked once, in an order of its own; a temporary table, which SQLite keeps in a file
without a name, holds what was seen. So a million files need no more memory than one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import orjson

if TYPE_CHECKING:
    from .store import Ledger

_TEMPORARY = """
CREATE TEMP TABLE IF NOT EXISTS there (path TEXT PRIMARY KEY, size INTEGER NOT NULL) WITHOUT ROWID
"""
_BATCH = 1000
# The catalogue's checksums count where the receipt is for the version that the catalogue has.
_HOLDINGS = """
SELECT t.target, t.resource, t.key, t.file_id, t.size, t.sha256, t.verified_by,
       f.key IS NOT NULL AND f.deleted_at IS NULL,
       iif(t.status = 'done' AND f.fingerprint = t.fingerprint, f.checksum, NULL), w.size
FROM transfers t
LEFT JOIN files f ON f.resource = t.resource AND f.key = t.key
LEFT JOIN temp.there w ON w.path = t.target
WHERE t.sink = ? AND t.sha256 IS NOT NULL AND (t.target, t.resource, t.key) > (?, ?, ?)
ORDER BY t.target, t.resource, t.key LIMIT ?
"""
_EXTRAS = """
SELECT w.path, w.size FROM temp.there w WHERE w.path > ? AND NOT EXISTS (
    SELECT 1 FROM transfers t WHERE t.sink = ? AND t.target = w.path AND t.sha256 IS NOT NULL)
ORDER BY w.path LIMIT ?
"""


class Holding(NamedTuple):
    """Bytes that the sink should hold, and what it has at their path.

    ``is_listed``: the vendor has the file, as far as is known. ``checksum``: the catalogue's, of
    this version. ``there``: the size of what lies at the path; -1: no regular file; None: nothing.
    """

    target: str
    resource: str
    key: str
    file_id: str
    size: int
    sha256: str
    verified_by: str
    is_listed: bool
    checksum: dict[str, str]
    there: int | None


class ThereBook:
    """Table ``there``, of this run alone."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.db = ledger.db
        self.db.execute(_TEMPORARY)

    def clear(self) -> None:
        """Nothing has been seen yet."""
        self.db.execute("DELETE FROM temp.there")

    def note(self, files: Iterable[tuple[str, int]]) -> None:
        """Path and size of what is in the sink. Call it in a transaction."""
        self.db.executemany("INSERT OR REPLACE INTO temp.there VALUES (?, ?)", files)

    def count(self, sink: str) -> int:
        """How many receipts say that the sink holds bytes."""
        row = self.db.execute(
            "SELECT count(*) FROM transfers WHERE sink = ? AND sha256 IS NOT NULL", (sink,)
        ).fetchone()
        return int(row[0])

    def holdings(self, sink: str) -> Iterator[Holding]:
        """What receipts say that the sink holds, in the order of the paths."""
        after = ("", "", "")
        while True:
            rows = self.db.execute(_HOLDINGS, (sink, *after, _BATCH)).fetchall()
            for row in rows:
                target, resource, key, file_id, size, sha256, by, listed, checksum, there = row
                known = orjson.loads(checksum) if checksum else {}
                yield Holding(
                    *(target, resource, key, file_id, size, sha256.hex(), by, bool(listed)),
                    known,
                    there,
                )
            if len(rows) < _BATCH:
                return
            after = rows[-1][:3]

    def extras(self, sink: str) -> Iterator[tuple[str, int]]:
        """Path and size of what no receipt tells of, in the order of the paths."""
        after = ""
        while True:
            rows = self.db.execute(_EXTRAS, (after, sink, _BATCH)).fetchall()
            yield from rows
            if len(rows) < _BATCH:
                return
            after = str(rows[-1][0])
