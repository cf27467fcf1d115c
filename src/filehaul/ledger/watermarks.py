"""How far the changes of a resource have been read, and which rows lie at that edge.

A watermark is *held* from the moment when the rows of its listing are confirmed in the destination;
until then it is *offered*, and whoever is killed reads the same rows again. Rows at the edge are
read again by every run: where they are appended, their hashes say which are in the table already.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .store import Ledger

_ASKED = 500


class WatermarksBook:
    """Tables ``watermarks`` and ``edges``. To be called in a transaction."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.db = ledger.db

    def held(self, resource: str, meaning: str) -> str | None:
        """The watermark to go on from; None: there is none.

        ``meaning``: what the config says of the cursor: of another one, no watermark is any good.
        """
        row = self.db.execute(
            "SELECT value FROM watermarks WHERE resource = ? AND held AND meaning = ?",
            (resource, meaning),
        ).fetchone()
        return None if row is None else str(row[0])

    def has(self, resource: str) -> bool:
        """Whether the destination is believed to have rows of an earlier listing."""
        row = self.db.execute(
            "SELECT count(*) FROM watermarks WHERE resource = ? AND held", (resource,)
        ).fetchone()
        return bool(row[0])

    def begin(self, resource: str) -> None:
        """A listing begins: what an earlier one offered, and nobody took, is void."""
        self.db.execute("DELETE FROM watermarks WHERE resource = ? AND NOT held", (resource,))
        self.db.execute("DELETE FROM edges WHERE resource = ? AND NOT held", (resource,))

    def offer(self, resource: str, listing: int, meaning: str, value: str, lower: Any) -> None:
        """A listing has ended here. ``lower``: rows whose cursor is below are never read again."""
        self.db.execute(
            "INSERT INTO watermarks VALUES (?, ?, ?, ?, ?, 0)",
            (resource, listing, meaning, value, lower),
        )

    def hold(self, resource: str, listing: int) -> None:
        """The rows of this listing are in the destination."""
        row = self.db.execute(
            "SELECT lower FROM watermarks WHERE resource = ? AND listing = ?", (resource, listing)
        ).fetchone()
        if row is None:
            return
        here = (resource, listing)
        self.db.execute("DELETE FROM watermarks WHERE resource = ? AND listing <> ?", here)
        self.db.execute("UPDATE watermarks SET held = 1 WHERE resource = ? AND listing = ?", here)
        self.db.execute("UPDATE edges SET held = 1 WHERE resource = ?", (resource,))
        self.db.execute("DELETE FROM edges WHERE resource = ? AND cursor < ?", (resource, row[0]))

    def forget(self, resource: str | None = None) -> None:
        """The destination has lost rows: everything is listed again."""
        for table in ("watermarks", "edges"):
            self.db.execute(
                f"DELETE FROM {table} WHERE resource = coalesce(?, resource)", (resource,)
            )

    # -- rows at the edge ------------------------------------------------------------------

    def at_edge(self, resource: str, hashes: Sequence[bytes], in_table: bool = True) -> set[bytes]:
        """Those of these rows that this listing has read before, or that are ``in_table``."""
        found: set[bytes] = set()
        for start in range(0, len(hashes), _ASKED):
            some = hashes[start : start + _ASKED]
            marks = ",".join("?" * len(some))
            found.update(
                row_hash
                for (row_hash,) in self.db.execute(
                    "SELECT row_hash FROM edges WHERE resource = ? AND held <= ?"
                    f" AND row_hash IN ({marks})",
                    (resource, in_table, *some),
                )
            )
        return found

    def add_to_edge(self, resource: str, rows: Iterable[tuple[bytes, Any]]) -> None:
        """(hash, cursor) of rows that a later run may read again."""
        self.db.executemany(
            "INSERT OR IGNORE INTO edges VALUES (?, ?, ?, 0)",
            [(resource, row_hash, cursor) for row_hash, cursor in rows],
        )

    def cut_edge(self, resource: str, lower: Any) -> None:
        """Rows below this cursor, of those that this listing added, lie at the edge no longer."""
        self.db.execute(
            "DELETE FROM edges WHERE resource = ? AND NOT held AND cursor < ?", (resource, lower)
        )
