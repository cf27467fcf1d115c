"""The files that one run is about, where it is not about all of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .store import Ledger

_TEMPORARY = """
CREATE TEMP TABLE IF NOT EXISTS chosen (
    resource TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY (resource, key)
) WITHOUT ROWID
"""
_ROTTEN = "CREATE TEMP TABLE IF NOT EXISTS rotten (path TEXT PRIMARY KEY) WITHOUT ROWID"
_CHOSEN = "(resource, key) IN (SELECT resource, key FROM temp.chosen)"
_WILD = re.compile(r"[*?\[]")


class ChosenBook:
    """Table ``chosen``, of this run alone. To be called in a transaction."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.db = ledger.db
        self.db.execute(_TEMPORARY)
        self.db.execute(_ROTTEN)

    def clear(self) -> None:
        """Nothing is chosen."""
        self.db.execute("DELETE FROM temp.chosen")

    def add(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Choose files by (resource, key)."""
        self.db.executemany("INSERT OR IGNORE INTO temp.chosen VALUES (?, ?)", pairs)

    def choose(self, resources: Sequence[str], what: str) -> bool:
        """Choose the live files of these resources whose id, name or path in the sink is ``what``,
        or whose name or path matches it: ``*``, ``?`` and ``[…]``, and ``*`` is any text, ``/``
        too. Returns whether there is one.
        """
        wild = _WILD.search(what) is not None
        glob = " OR f.desired GLOB :what OR f.name GLOB :what" if wild else ""
        before = self._count()
        for resource in resources:
            self.db.execute(
                "INSERT OR REPLACE INTO temp.chosen SELECT f.resource, f.key FROM files f"
                " WHERE f.resource = :resource AND f.is_file AND f.deleted_at IS NULL"
                f" AND (f.file_id = :what OR f.desired = :what OR f.name = :what{glob})",
                {"resource": resource, "what": what},
            )
        return self._count() > before

    def has(self, resource: str) -> bool:
        """Whether a file of this resource is chosen."""
        query = "SELECT EXISTS (SELECT 1 FROM temp.chosen WHERE resource = ?)"
        return bool(self.db.execute(query, (resource,)).fetchone()[0])

    def _count(self) -> int:
        return self.db.total_changes

    def ask_again(self) -> None:
        """Who names a parked file wants it now, whatever its day."""
        self.db.execute(f"UPDATE transfers SET retry_at = 0 WHERE permanent = 1 AND {_CHOSEN}")

    def lose(self, sink: str) -> None:
        """What the sink holds of these files is not what it should be. It is never taken for
        theirs again, whatever its size.
        """
        self.db.execute(
            "INSERT OR IGNORE INTO temp.rotten SELECT target FROM transfers"
            f" WHERE sink = ? AND sha256 IS NOT NULL AND {_CHOSEN}",
            (sink,),
        )
        self.db.execute(
            "UPDATE transfers SET status = CASE status WHEN 'done' THEN 'gone' ELSE status END,"
            " sha256 = NULL, size = NULL, verified_by = NULL, loaded = 0, package = NULL"
            f" WHERE sink = ? AND {_CHOSEN}",
            (sink,),
        )
        self.db.execute(f"UPDATE paths SET fresh = 0 WHERE sink = ? AND {_CHOSEN}", (sink,))

    def rotten(self) -> set[str]:
        """The paths at which these files were lost in this run: other files' receipts for the same
        bytes (layout by_hash) are not to be trusted either.
        """
        return {str(path) for (path,) in self.db.execute("SELECT path FROM temp.rotten")}

    def held(self, sink: str) -> int:
        """Of how many of these files the sink holds the bytes that the vendor has. Files that share
        such bytes, and had lost them with these, count too.
        """
        row = self.db.execute(
            "WITH again AS (SELECT * FROM transfers WHERE sink = ? AND status = 'done'"
            f" AND sha256 IS NOT NULL AND {_CHOSEN})"
            " SELECT (SELECT count(*) FROM again) + (SELECT count(*) FROM transfers"
            " WHERE sink = ? AND status = 'done' AND sha256 IS NOT NULL"
            " AND target IN (SELECT target FROM again JOIN temp.rotten ON path = target)"
            f" AND NOT {_CHOSEN})",
            (sink, sink),
        ).fetchone()
        return int(row[0])
