"""Which names a bucket has, for many at once: by asking for each, or by one listing of all.

A listing of millions of names does not fit into memory: it goes to a temporary database on disk,
which SQLite removes when it is closed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator

import orjson

Sizes = dict[str, int]
_ASKED_FOR_EACH = 2000  # more than these cost more than a listing


class Names:
    """Names and their sizes. ``ask``: for each of a few. ``listed``: all, in batches.

    ``known``: all that are there, where that is known already.
    """

    def __init__(
        self,
        ask: Callable[[list[str]], Sizes],
        listed: Callable[[], Iterator[Sizes]],
        known: Sizes | None,
    ) -> None:
        self._ask = ask
        self._listed = listed
        self._known = known
        self._asked = 0
        self._table: sqlite3.Connection | None = None

    def sizes(self, targets: Iterable[str]) -> Sizes:
        """Of those that are there."""
        wanted = list(targets)
        if self._known is not None:
            return {one: self._known[one] for one in wanted if one in self._known}
        if self._table is None:
            self._asked += len(wanted)
            if self._asked <= _ASKED_FOR_EACH:
                return self._ask(wanted)
            self._table = self._fill()
        return dict(
            self._table.execute(
                "SELECT n.path, n.size FROM json_each(?) j JOIN names n ON n.path = j.value",
                (orjson.dumps(wanted).decode(),),
            )
        )

    def note(self, target: str, size: int) -> None:
        """It is there now."""
        if self._known is not None:
            self._known[target] = size

    def forget(self, target: str) -> None:
        """It is not there any longer."""
        if self._known is not None:
            self._known.pop(target, None)

    def _fill(self) -> sqlite3.Connection:
        table = sqlite3.connect("")
        table.execute("PRAGMA journal_mode = OFF")
        table.execute("CREATE TABLE names (path TEXT PRIMARY KEY, size INTEGER) WITHOUT ROWID")
        for batch in self._listed():
            table.executemany("INSERT OR REPLACE INTO names VALUES (?, ?)", batch.items())
        return table

    def close(self) -> None:
        """Forget them."""
        if self._table is not None:
            self._table.close()
            self._table = None
