"""The folders that a walk knows of: those to come, in the order found, and all ids ever seen.

In SQLite, in a file without a name that goes when the walk does: ten million folders are a
gigabyte on disk, not in memory.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..errors import TemporaryError
from ..models import Folder

_AT_ONCE = 256
_SCHEMA = """
CREATE TABLE folders (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    is_number INTEGER NOT NULL,
    path TEXT NOT NULL,
    path_complete INTEGER NOT NULL,
    depth INTEGER NOT NULL,
    address TEXT,
    above BLOB
);
"""


@dataclass(frozen=True)
class Waiting:
    """A folder that is to be read.

    ``id``: as the vendor has it. ``depth``: levels below the root. ``address``: its own, where the
    config names one. ``above``: digest of the page that named it.
    """

    id: str | int
    folder: Folder
    depth: int = 0
    address: str | None = None
    above: bytes | None = None


class Frontier:
    """Folders in, folders out: first in, first out, each id once."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute("PRAGMA temp_store = FILE")
        self._db.execute("PRAGMA cache_size = -16384")
        self._db.executescript(_SCHEMA)
        self._db.execute("BEGIN")
        self._taken = 0
        self._next: deque[Waiting] = deque()

    def add(self, folders: Iterable[Waiting]) -> int:
        """Take these in; those whose id is known already are not. How many were new."""
        rows = [
            (
                str(one.id),
                isinstance(one.id, int),
                one.folder.path,
                one.folder.path_complete,
                one.depth,
                one.address,
                one.above,
            )
            for one in folders
        ]
        if not rows:
            return 0
        with _explained():
            cursor = self._db.executemany(
                "INSERT OR IGNORE INTO folders"
                " (id, is_number, path, path_complete, depth, address, above)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                rows,
            )
        return cursor.rowcount

    def take(self) -> Waiting | None:
        """The next folder to read; None: none is waiting now."""
        if not self._next:
            with _explained():
                self._refill()
        return self._next.popleft() if self._next else None

    def _refill(self) -> None:
        for number, id_, is_number, path, complete, depth, address, above in self._db.execute(
            "SELECT number, id, is_number, path, path_complete, depth, address, above"
            f" FROM folders WHERE number > ? ORDER BY number LIMIT {_AT_ONCE}",
            (self._taken,),
        ):
            self._taken = number
            folder = Folder(id_, path, bool(complete))
            self._next.append(
                Waiting(int(id_) if is_number else id_, folder, depth, address, above)
            )

    def close(self) -> None:
        """Forget them all; the file is gone with it."""
        self._db.close()


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """SQLite's trouble with its temporary file, which is the disk's."""
    try:
        yield
    except sqlite3.OperationalError as problem:
        raise TemporaryError(
            f"the list of folders to come cannot be kept: {problem}",
            where="the folder for temporary files",
            hint="make room there, or name another folder in SQLITE_TMPDIR",
        ) from problem
