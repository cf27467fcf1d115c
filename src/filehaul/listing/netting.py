"""What a feed comes to: of all that it says about one file, the last word.

Vendors repeat files within one feed, delete what they told before and bring back what they
deleted. Nothing of that may depend on where pages end, so a feed is read to its end before
anything of it is given on. It waits in a temporary database: memory stays flat.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any

from ..json_text import dumps, loads
from ..models import Deletion, Folder, Page
from .identity import Identity, ids_text

_SCHEMA = """
CREATE TABLE words (
    number INTEGER PRIMARY KEY, file TEXT NOT NULL UNIQUE, page INTEGER NOT NULL,
    record BLOB, ids BLOB, reason TEXT, location TEXT
);
CREATE INDEX words_located ON words (location) WHERE location IS NOT NULL;
CREATE TABLE places (number INTEGER PRIMARY KEY, location TEXT NOT NULL UNIQUE, reason TEXT);
CREATE TABLE pages (page INTEGER PRIMARY KEY, url TEXT NOT NULL, folder BLOB);
"""
# "0" is the character after "/".
_BELOW = "(location = :place OR (location > :place || '/' AND location < :place || '0'))"
_BATCH = 1000


class Netting:
    """Takes pages of changes, gives pages in which each file comes once: first what is gone.

    ``select``: the file's record out of a change.
    """

    def __init__(self, identity: Identity, select: Callable[[Any], Any] | None = None) -> None:
        self.identity = identity
        self.select = select
        self.number = 0
        self._waiting: list[tuple[Any, ...]] = []
        self.db = sqlite3.connect("", isolation_level=None)  # a nameless file, gone with us
        self.db.executescript(_SCHEMA)
        self.db.execute("BEGIN")

    def add(self, page: Page) -> None:
        """One page as it came."""
        folder = page.folder and dumps(
            [page.folder.folder_id, page.folder.path, page.folder.path_complete]
        )
        self.db.execute(
            "INSERT OR REPLACE INTO pages VALUES (?, ?, ?)", (page.number, page.url, folder)
        )
        for change in page.records:
            self.number += 1
            reason = self.identity.gone(change)
            ids = self.identity.ids(change)
            location = self.identity.location(change)
            if reason is not None and ids is None and location is not None:
                self._leave(location, reason)
            else:
                self._waiting.append(self._word(change, page.number, ids, reason, location))
        self._write()

    def _write(self) -> None:
        self.db.executemany(
            "INSERT OR REPLACE INTO words VALUES (?, ?, ?, ?, ?, ?, ?)", self._waiting
        )
        self._waiting.clear()

    def _word(
        self, change: Any, page: int, ids: Any, reason: str | None, location: str | None
    ) -> tuple[Any, ...]:
        """The last word about one file; a record that does not say about which stays as it is."""
        file = f"\0{self.number}" if ids is None else ids_text(ids)
        gone = reason is not None and ids is not None
        record = None
        if not gone:
            record = dumps(change if self.select is None else self.select(change))
        names = None if ids is None else dumps(list(ids))
        return (
            self.number,
            file,
            page,
            record,
            names,
            reason if gone else None,
            None if gone else location,
        )

    def _leave(self, location: str, reason: str) -> None:
        """All that is at a place, or below it, goes: what was told before, and what others know."""
        self._write()
        self.db.execute(
            "UPDATE words SET record = NULL, reason = :reason, location = NULL"
            f" WHERE record IS NOT NULL AND ids IS NOT NULL AND {_BELOW}",
            {"reason": reason, "place": location},
        )
        self.db.execute(
            "INSERT OR REPLACE INTO places VALUES (?, ?, ?)", (self.number, location, reason)
        )

    def pages(self) -> Iterator[Page]:
        """What it comes to."""
        for batch in self._batches("SELECT number, location, reason FROM places WHERE number > ?"):
            yield _gone([Deletion(location=place, reason=reason) for _, place, reason in batch])
        query = "SELECT number, ids, reason FROM words WHERE record IS NULL AND number > ?"
        for batch in self._batches(query):
            yield _gone([Deletion(tuple(loads(ids)), reason=reason) for _, ids, reason in batch])
        query = "SELECT number, page, record FROM words WHERE record IS NOT NULL AND number > ?"
        for batch in self._batches(query):
            for page, rows in groupby(batch, key=itemgetter(1)):
                records = [loads(record) for _, _, record in rows]
                url, where = self.db.execute(
                    "SELECT url, folder FROM pages WHERE page = ?", (page,)
                ).fetchone()
                folder = None if where is None else Folder(*loads(where))
                yield Page(page, records, len(records), None, {}, url, folder=folder)

    def _batches(self, query: str) -> Iterator[list[tuple[Any, ...]]]:
        after = 0
        while True:
            rows = self.db.execute(f"{query} ORDER BY number LIMIT {_BATCH}", (after,)).fetchall()
            if not rows:
                return
            after = rows[-1][0]
            yield rows

    def close(self) -> None:
        """Let go of what waits."""
        self.db.close()


def _gone(deleted: list[Deletion]) -> Page:
    return Page(0, [], 0, None, {}, "", deleted=deleted)
