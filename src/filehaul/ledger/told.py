"""Files that a vendor says are gone: noted while a listing is read, decided on when it has ended.

Until then a file may be told of again, at another place for instance. What a guard withholds stays
here from run to run, for a feed tells of it only once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .store import Ledger

_TEMPORARY = """
CREATE TEMP TABLE IF NOT EXISTS told_gone (
    resource TEXT NOT NULL, key TEXT NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (resource, key)
) WITHOUT ROWID
"""
# Told, known, and not listed since.
_GONE = (
    "FROM {table} g JOIN files f ON f.resource = g.resource AND f.key = g.key"
    " AND f.deleted_at IS NULL AND f.listing < :seen WHERE g.resource = :resource"
)
_TOLD = _GONE.format(table="temp.told_gone")
_WITHHELD = _GONE.format(table="withheld_keys") + " AND g.listing = :listing"


class ToldBook:
    """Tables ``told_gone`` and ``withheld_keys``. To be called in a transaction."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.db = ledger.db
        self.db.execute(_TEMPORARY)

    def add(self, resource: str, keys: Iterable[str], reason: str) -> None:
        """These files are gone, as far as the listing has been read."""
        self.db.executemany(
            "INSERT OR REPLACE INTO temp.told_gone VALUES (?, ?, ?)",
            [(resource, key, reason) for key in keys],
        )

    def take_up(self, resource: str, accepted: int | None) -> None:
        """What was withheld before, and has not been listed since, counts as told by this listing.
        Not what is accepted now: that of the listing of this number.
        """
        values = (resource, -1 if accepted is None else accepted)
        self.db.execute(
            "INSERT OR IGNORE INTO temp.told_gone SELECT g.resource, g.key, g.reason"
            " FROM withheld_keys g JOIN files f ON f.resource = g.resource AND f.key = g.key"
            " AND f.listing <= g.listing WHERE g.resource = ? AND g.listing <> ?",
            values,
        )
        self._drop("resource = ? AND listing <> ?", values)

    def count(self, resource: str, number: int) -> int:
        """How many files listing ``number`` was told are gone, and did not see."""
        values = {"resource": resource, "seen": number}
        return int(self.db.execute(f"SELECT count(*) {_TOLD}", values).fetchone()[0])

    def bury(self, resource: str, number: int, at: int) -> int:
        """Make them tombstones; how many. ``at``: microseconds."""
        values = {"resource": resource, "seen": number}
        return self._bury(resource, at, f"SELECT g.key, g.reason {_TOLD}", values)

    def withhold(self, resource: str, number: int, count: int) -> None:
        """Leave them as they are until a person has looked: they belong to this listing."""
        self.db.execute(
            f"INSERT INTO withheld_keys SELECT :seen, g.resource, g.key, g.reason {_TOLD}",
            {"resource": resource, "seen": number},
        )
        self.ledger.withheld.withhold(number, resource, 0, count)

    def clear(self, resource: str) -> None:
        """This listing has ended."""
        self.db.execute("DELETE FROM temp.told_gone WHERE resource = ?", (resource,))

    def settled(self, resource: str) -> None:
        """A listing of everything has decided."""
        self._drop("resource = ?", (resource,))

    # -- what a person accepts -------------------------------------------------------------

    def left(self, resource: str, listing: int) -> int | None:
        """Of what was withheld after a listing: how many are still gone; None: nothing was told."""
        if not self._has(listing):
            return None
        values = {"resource": resource, "seen": listing, "listing": listing}
        return int(self.db.execute(f"SELECT count(*) {_WITHHELD}", values).fetchone()[0])

    def accept(self, resource: str, listing: int, at: int) -> int:
        """Make tombstones of what was withheld after a listing; how many."""
        values = {"resource": resource, "seen": listing, "listing": listing}
        buried = self._bury(resource, at, f"SELECT g.key, g.reason {_WITHHELD}", values)
        self._drop("resource = ? AND listing = ?", (resource, listing))
        return buried

    def _has(self, listing: int) -> bool:
        query = "SELECT EXISTS (SELECT 1 FROM withheld_keys WHERE listing = ?)"
        return bool(self.db.execute(query, (listing,)).fetchone()[0])

    def _bury(self, resource: str, at: int, query: str, values: dict[str, object]) -> int:
        keys: dict[str, list[str]] = {}
        for key, reason in self.db.execute(query, values):
            keys.setdefault(reason, []).append(key)
        files = self.ledger.files
        return sum(files.tombstone(resource, some, at, reason) for reason, some in keys.items())

    def _drop(self, where: str, values: tuple[object, ...]) -> None:
        of_keys = f"SELECT DISTINCT listing FROM withheld_keys WHERE {where}"
        self.db.execute(f"DELETE FROM withheld WHERE listing IN ({of_keys})", values)
        self.db.execute(f"DELETE FROM withheld_keys WHERE {where}", values)
