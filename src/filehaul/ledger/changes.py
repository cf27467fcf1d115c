"""Change tokens, and where files are in the vendor's tree.

A token is *held* from the moment when the rows that came before it are confirmed in the
destination. Until then it is *offered*: whoever is killed reads the same changes again. It stands
here as the vendor gave it, for it must be sent again; it may be a credential, and the ledger's file
is for its owner's eyes only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .store import Ledger

CHANGES_SCHEMA = """
-- held: the rows that came before this change token are confirmed in the destination. meaning: a
-- digest of what the config says of the resource, without which the token says nothing.
CREATE TABLE change_tokens (
    resource TEXT NOT NULL, listing INTEGER NOT NULL,
    meaning TEXT NOT NULL, token TEXT NOT NULL, held INTEGER NOT NULL,
    PRIMARY KEY (resource, listing)
) WITHOUT ROWID;

-- Where files are in the vendor's tree: of feeds whose deletions name no ids.
CREATE TABLE locations (
    resource TEXT NOT NULL, key TEXT NOT NULL, location TEXT NOT NULL,
    PRIMARY KEY (resource, key)
) WITHOUT ROWID;
-- Files that a vendor says are gone, and whose tombstones a guard withheld after this listing.
CREATE TABLE withheld_keys (
    listing INTEGER NOT NULL, resource TEXT NOT NULL, key TEXT NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY (listing, resource, key)
) WITHOUT ROWID;
CREATE INDEX locations_of ON locations (resource, location);

-- Where bytes are had, of files that a listing of changes need not tell of again. No credentials.
-- Kept as long as the file is there, also when its bytes have come: bytes that are lost in the sink
-- would cost a listing of everything. So there are as many rows as files.
CREATE TABLE kept_addresses (
    resource TEXT NOT NULL, key TEXT NOT NULL, address TEXT NOT NULL,
    PRIMARY KEY (resource, key)
) WITHOUT ROWID;
"""
# "0" is the character after "/".
_BELOW = "(location = :place OR (location > :place || '/' AND location < :place || '0'))"


class ChangesBook:
    """Tables ``change_tokens`` and ``locations``. To be called in a transaction."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.db = ledger.db

    # -- tokens ----------------------------------------------------------------------------

    def held(self, resource: str, meaning: str) -> str | None:
        """The token to go on with; None: everything must be listed.

        ``meaning``: what the config says of the resource: of another one, no token is any good.
        """
        row = self.db.execute(
            "SELECT token FROM change_tokens WHERE resource = ? AND held AND meaning = ?"
            " ORDER BY listing DESC LIMIT 1",
            (resource, meaning),
        ).fetchone()
        return None if row is None else str(row[0])

    def offer(self, resource: str, listing: int, meaning: str, token: str) -> None:
        """A listing has ended with this token; its rows are not in the destination yet."""
        self.db.execute("DELETE FROM change_tokens WHERE resource = ? AND NOT held", (resource,))
        self.db.execute(
            "INSERT INTO change_tokens VALUES (?, ?, ?, ?, 0)", (resource, listing, meaning, token)
        )

    def hold(self, resource: str, listing: int) -> None:
        """The rows of this listing are in the destination: its token is the one to go on with."""
        found = self.db.execute(
            "UPDATE change_tokens SET held = 1 WHERE resource = ? AND listing = ?",
            (resource, listing),
        )
        if found.rowcount:
            self.db.execute(
                "DELETE FROM change_tokens WHERE resource = ? AND listing < ?", (resource, listing)
            )

    def forget(self, resource: str | None = None) -> None:
        """The destination has lost rows: what has changed since is not enough."""
        self.db.execute(
            "DELETE FROM change_tokens WHERE resource = coalesce(?, resource)", (resource,)
        )

    # -- places in the vendor's tree -------------------------------------------------------

    def locate(self, resource: str, pairs: Iterable[tuple[str, str]]) -> list[str]:
        """(key, location) of files as they are now. Returns the keys of others that were there:
        one place holds one file.
        """
        others: list[str] = []
        pairs = list(pairs)
        here = {key for key, _ in pairs}
        for key, location in pairs:
            found = self.db.execute(
                "SELECT key FROM locations WHERE resource = ? AND location = ? AND key <> ?",
                (resource, location, key),
            ).fetchall()
            others += [other for (other,) in found if other not in here]
            self.db.execute(
                "INSERT OR REPLACE INTO locations VALUES (?, ?, ?)", (resource, key, location)
            )
        self.leave(resource, others)
        return others

    def at(self, resource: str, location: str) -> list[str]:
        """The keys of the files at a place, and below it."""
        found = self.db.execute(
            f"SELECT key FROM locations WHERE resource = :resource AND {_BELOW}",
            {"resource": resource, "place": location},
        )
        return [str(key) for (key,) in found]

    def leave(self, resource: str, keys: Sequence[str]) -> None:
        """These files are nowhere any longer."""
        self.db.executemany(
            "DELETE FROM locations WHERE resource = ? AND key = ?",
            [(resource, key) for key in keys],
        )
