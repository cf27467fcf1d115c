"""Listings that saw everything, and the tombstones that a guard withheld."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .store import micros

if TYPE_CHECKING:
    from datetime import datetime

    from .store import Ledger


@dataclass(frozen=True)
class Withheld:
    """Tombstones that the guard withheld: of ``files`` files that no listing from number
    ``before`` on had seen when listing ``number`` had ended. ``started_at``: microseconds.
    """

    number: int
    listing_id: str
    resource: str
    before: int
    files: int
    started_at: int


_WITHHELD = (
    "SELECT w.listing, l.listing_id, w.resource, w.before, w.files, l.started_at"
    " FROM withheld w JOIN listings l ON l.number = w.listing"
)


class WithheldBook:
    """Table ``withheld``."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.db = ledger.db

    def mark_whole(self, number: int) -> None:
        """This listing is complete and asked for every file."""
        self.db.execute("UPDATE listings SET whole = 1 WHERE number = ?", (number,))

    def whole(self, resource: str, back: int = 0) -> int:
        """The number of the last listing that saw everything, or of the one so many before it; 0
        where there were not so many: no file was seen before that.
        """
        row = self.db.execute(
            "SELECT number FROM listings WHERE resource = ? AND whole"
            " ORDER BY number DESC LIMIT 1 OFFSET ?",
            (resource, back),
        ).fetchone()
        return 0 if row is None else int(row[0])

    def withhold(self, number: int, resource: str, before: int, files: int) -> None:
        """The guard withheld these tombstones."""
        self.db.execute(
            "INSERT OR REPLACE INTO withheld VALUES (?, ?, ?, ?)",
            (number, resource, before, files),
        )

    def find(self, listing_id: str) -> Withheld | None:
        """What was withheld after a listing; None: nothing was."""
        row = self.db.execute(f"{_WITHHELD} WHERE l.listing_id = ?", (listing_id,)).fetchone()
        return None if row is None else Withheld(*row)

    def latest(self, resource: str | None = None) -> Withheld | None:
        """The newest that was withheld (of one resource)."""
        row = self.db.execute(
            f"{_WITHHELD} WHERE w.resource = coalesce(?, w.resource) ORDER BY w.listing DESC",
            (resource,),
        ).fetchone()
        return None if row is None else Withheld(*row)

    def newest(self) -> list[dict[str, str | int]]:
        """The newest of each resource, for `status`."""
        rows = self.db.execute(
            "SELECT l.listing_id, w.resource, w.files FROM withheld w"
            " JOIN listings l ON l.number = w.listing WHERE w.listing IN"
            " (SELECT max(listing) FROM withheld GROUP BY resource) ORDER BY w.resource"
        )
        names = ("listing_id", "resource", "files")
        return [dict(zip(names, row)) for row in rows]

    def settled(self, resource: str) -> None:
        """Nothing of this resource is withheld any longer."""
        self.db.execute("DELETE FROM withheld WHERE resource = ?", (resource,))

    def left(self, one: Withheld) -> int:
        """How many of these files are still gone."""
        told = self.ledger.told.left(one.resource, one.number)
        return self.ledger.files.missing(one.resource, one.before) if told is None else told

    def accept(self, one: Withheld, at: datetime) -> int | None:
        """Make these tombstones; None: the set is not what it was, and nothing was done.

        Files come back, or are tombstones by now: the set can only have become smaller.
        """
        files = self.ledger.files
        if self.left(one) != one.files:
            return None
        if self.ledger.told.left(one.resource, one.number) is not None:
            return self.ledger.told.accept(one.resource, one.number, micros(at))
        return files.tombstone_missing(one.resource, one.before, micros(at))
