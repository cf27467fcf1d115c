"""What the destination has: which rows are on their way in which load package.

A package is begun (its load id written down) before dlt may commit it, and its rows count as
loaded only once the destination confirms that id. Whatever is killed between leaves rows that are
merely seen; they are loaded again.

Tables ``rejected`` and ``transfer_errors`` are only ever appended to; their rows are kept here
(`_NOTICES_KEPT` of them) for a destination that loses its tables.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from .store import Ledger

_NOTICES_KEPT = 100_000
_WITH_PACKAGES = ("transfers", "listings", "notices")


class PackagesBook:
    """Table ``packages``, and the marks that its packages leave on rows."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.db = ledger.db

    def notice(self, table: str, rows: Iterable[dict[str, Any]]) -> None:
        """Rows of a table that is only ever appended to (``rejected``, ``transfer_errors``)."""
        self.db.executemany(
            "INSERT INTO notices (table_name, row) VALUES (?, ?)",
            [(table, orjson.dumps(row).decode()) for row in rows],
        )

    def begin(
        self, load_id: str, target: str, listings: Iterable[tuple[str, int]], own: bool = True
    ) -> None:
        """These rows are now part of this package. Called in the package's own extraction.

        ``listings``: (resource, number) of the listings whose changed files are all in the
        destination once this package is. ``own``: receipts, finished listings and notices that
        are not loaded yet are part of it too.
        """
        with self.ledger.transaction():
            self.db.execute(
                "INSERT OR REPLACE INTO packages VALUES (?, ?, ?, 'begun', ?)",
                (load_id, target, orjson.dumps(list(listings)).decode(), time.time_ns() // 1000),
            )
            if not own:
                return
            for table in ("transfers", "notices"):
                self.db.execute(f"UPDATE {table} SET package = ? WHERE loaded = 0", (load_id,))
            self.db.execute(
                "UPDATE listings SET package = ? WHERE loaded = 0 AND finished_at IS NOT NULL",
                (load_id,),
            )

    def open(self) -> list[str]:
        """Packages that are neither confirmed nor given up."""
        rows = self.db.execute("SELECT load_id FROM packages WHERE state = 'begun' ORDER BY at")
        return [str(row[0]) for row in rows]

    def confirm(self, load_id: str) -> None:
        """The destination has the package: its rows are loaded."""
        with self.ledger.transaction():
            for resource, listing in self._listings(load_id):
                self.db.execute(
                    "UPDATE files SET loaded_hash = row_hash WHERE resource = ?"
                    " AND (listing = ? OR deleted_at IS NOT NULL) AND loaded_hash IS NOT row_hash",
                    (resource, listing),
                )
                self.ledger.watermarks.hold(resource, listing)
                self.ledger.changes.hold(resource, listing)
                self.ledger.rebuilt.confirmed(resource, listing)
            for table in _WITH_PACKAGES:
                self.db.execute(
                    f"UPDATE {table} SET loaded = 1, package = NULL WHERE package = ?",
                    (load_id,),
                )
            self.db.execute("UPDATE packages SET state = 'loaded' WHERE load_id = ?", (load_id,))
            self._tidy()

    def give_up(self, load_id: str) -> None:
        """The package will never arrive: its rows are merely seen."""
        with self.ledger.transaction():
            for table in _WITH_PACKAGES:
                self.db.execute(
                    f"UPDATE {table} SET package = NULL WHERE package = ?",
                    (load_id,),
                )
            self.db.execute("DELETE FROM packages WHERE load_id = ?", (load_id,))

    def _listings(self, load_id: str) -> list[tuple[str, int]]:
        row = self.db.execute(
            "SELECT listings FROM packages WHERE load_id = ?", (load_id,)
        ).fetchone()
        return [] if row is None else [(name, number) for name, number in orjson.loads(row[0])]

    def _tidy(self) -> None:
        self.db.execute(
            "DELETE FROM notices WHERE loaded = 1 AND number <="
            " (SELECT max(number) FROM notices) - ?",
            (_NOTICES_KEPT,),
        )
        self.db.execute(
            "DELETE FROM packages WHERE state = 'loaded' AND load_id NOT IN"
            " (SELECT load_id FROM packages WHERE state = 'loaded' ORDER BY at DESC LIMIT 20)"
        )

    def last_loaded(self, target: str) -> str | None:
        """The newest package that this destination and dataset confirmed."""
        row = self.db.execute(
            "SELECT load_id FROM packages WHERE state = 'loaded' AND target = ?"
            " ORDER BY at DESC LIMIT 1",
            (target,),
        ).fetchone()
        return None if row is None else str(row[0])

    def loaded_rows(self, resource: str, hard: bool = False) -> int:
        """How many rows of a resource the destination is believed to have.

        ``hard``: tombstones are taken out of it.
        """
        gone = " AND deleted_at IS NULL" if hard else ""
        row = self.db.execute(
            f"SELECT count(*) FROM files WHERE resource = ? AND loaded_hash IS NOT NULL{gone}",
            (resource,),
        ).fetchone()
        return int(row[0])

    def rows_of(self, table: str) -> int:
        """How many rows of one of our own tables the destination is believed to have."""
        source, where = _rows(table)
        row = self.db.execute(f"SELECT count(*) FROM {source} WHERE loaded = 1 AND {where}")
        return int(row.fetchone()[0])

    def listings_of(self, table: str) -> list[str]:
        """The listings that rows of a table that is appended to are about."""
        rows = self.db.execute(
            "SELECT DISTINCT json_extract(row, '$.listing_id') FROM notices WHERE table_name = ?",
            (table,),
        )
        return [str(row[0]) for row in rows]

    def forget_table(self, table: str) -> None:
        """The destination has lost rows of one of our own tables."""
        source, where = _rows(table)
        self.db.execute(f"UPDATE {source} SET loaded = 0, package = NULL WHERE {where}")

    def forget(self, resource: str | None = None) -> None:
        """The destination has lost its rows: of one resource, or all of them, ours included."""
        with self.ledger.transaction():
            self.ledger.watermarks.forget(resource)
            self.ledger.changes.forget(resource)
            self.ledger.rebuilt.forget(resource)
            if resource is not None:
                self.db.execute(
                    "UPDATE files SET loaded_hash = NULL WHERE resource = ?", (resource,)
                )
                return
            self.db.execute("UPDATE files SET loaded_hash = NULL")
            for table in _WITH_PACKAGES:
                self.db.execute(f"UPDATE {table} SET loaded = 0, package = NULL")
            self.db.execute("DELETE FROM packages")


def _rows(table: str) -> tuple[str, str]:
    """Where the rows of one of our own tables are kept, and which of them."""
    return (table, "true") if table in _WITH_PACKAGES else ("notices", f"table_name = '{table}'")
