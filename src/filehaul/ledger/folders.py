"""The folders of flat listings: a feed tells of a file alone, and its path needs what is above."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..models import TreeFolder

if TYPE_CHECKING:
    from .store import Ledger

FOLDERS_SCHEMA = """
-- name is NULL of a folder that was only named as a parent: nobody knows where it is.
CREATE TABLE folders (
    resource TEXT NOT NULL, folder_id TEXT NOT NULL, parent_id TEXT, name TEXT,
    PRIMARY KEY (resource, folder_id)
) WITHOUT ROWID;
"""
_LISTED = ""  # no folder's id
_MARK = (TreeFolder(_LISTED, None, ""),)


class FoldersBook:
    """Table ``folders``. What it says holds for the change token that is held: who changes where a
    known folder is forgets the token with it (`replace`).
    """

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.db = ledger.db

    def get(self, resource: str, folder_id: str) -> TreeFolder | None:
        """A folder as it is known; None: it is not."""
        row = self.db.execute(
            "SELECT folder_id, parent_id, name FROM folders WHERE resource = ? AND folder_id = ?",
            (resource, folder_id),
        ).fetchone()
        return None if row is None else TreeFolder(*row)

    def has(self, resource: str) -> bool:
        """Whether everything was listed once: else what a feed tells of cannot be placed."""
        return self.get(resource, _LISTED) is not None

    def add(self, resource: str, folders: Iterable[TreeFolder]) -> None:
        """Folders that are new; what is known of others stays."""
        with self.ledger.transaction():
            self.db.executemany(
                "INSERT OR IGNORE INTO folders VALUES (?, ?, ?, ?)",
                [(resource, *folder) for folder in folders],
            )

    def replace(self, resource: str, folders: Iterable[TreeFolder]) -> None:
        """These are all there are. The change token goes: until the rows of this listing are in the
        destination, another run must list everything too, for no feed tells of them again.
        """
        with self.ledger.transaction():
            self.forget_token(resource)
            # One that is gone may come back, with all that was in it: then it must be known.
            self.db.execute(
                "UPDATE folders SET parent_id = NULL, name = NULL WHERE resource = ?", (resource,)
            )
            self.db.executemany(
                "INSERT OR REPLACE INTO folders VALUES (?, ?, ?, ?)",
                [(resource, *folder) for folder in (*_MARK, *folders)],
            )

    def forget_token(self, resource: str) -> None:
        """What has changed is not enough: a folder is elsewhere, with all that is in it."""
        self.ledger.changes.forget(resource)

    def of(self, resource: str) -> OneResource:
        """Those of one resource."""
        return OneResource(self, resource)


class OneResource:
    """The folders of one resource, for who lists it."""

    def __init__(self, book: FoldersBook, resource: str) -> None:
        self.book = book
        self.resource = resource

    def get(self, folder_id: str) -> TreeFolder | None:
        """As `FoldersBook.get`."""
        return self.book.get(self.resource, folder_id)

    def add(self, folders: Iterable[TreeFolder]) -> None:
        """As `FoldersBook.add`."""
        self.book.add(self.resource, folders)

    def replace(self, folders: Iterable[TreeFolder]) -> None:
        """As `FoldersBook.replace`."""
        self.book.replace(self.resource, folders)

    def forget_token(self) -> None:
        """As `FoldersBook.forget_token`."""
        with self.book.ledger.transaction():
            self.book.forget_token(self.resource)
