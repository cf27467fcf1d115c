"""Paths for listings that are flat, and for change feeds: made of the names of the folders above.

A folder may be listed after what is in it, so records wait in a temporary database until the
listing has ended: memory stays flat. A feed tells of a folder that is renamed, moved or gone and
not of what is below it: then everything is listed once more, and the rows whose path is another one
follow.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Literal, Protocol

from ..config import Resource
from ..config.model import Client
from ..config.walk import FolderMarks
from ..errors import FilehaulError, VendorError
from ..http import Http
from ..json_text import dumps, loads, mended
from ..models import Deletion, Folder, Page, TreeFolder
from ..names import child_path
from ..paths import MISSING, record_path
from ..redact import excerpt, redact
from .changes import Changes
from .questions import address, asked_beside, with_params

if TYPE_CHECKING:
    from . import Lister

_SCHEMA = """
CREATE TABLE records (
    number INTEGER PRIMARY KEY, page INTEGER NOT NULL, parent TEXT, record BLOB NOT NULL
);
CREATE TABLE pages (page INTEGER PRIMARY KEY, url TEXT NOT NULL);
CREATE TABLE folders (folder_id TEXT PRIMARY KEY, parent_id TEXT, name TEXT) WITHOUT ROWID;
CREATE TABLE bare (folder_id TEXT PRIMARY KEY) WITHOUT ROWID;
"""
_BATCH = 1000
_KEPT = 20_000  # folders whose path is remembered: a few megabytes
_DEEPEST = 1_000


class KnownFolders(Protocol):
    """The folders that earlier listings told of, of one resource."""

    def get(self, folder_id: str) -> TreeFolder | None:
        """A folder; None: nobody told of it."""

    def add(self, folders: Iterable[TreeFolder]) -> None:
        """Folders that are new."""

    def replace(self, folders: Iterable[TreeFolder]) -> None:
        """These are all there are; the change token is no longer good."""

    def forget_token(self) -> None:
        """The change token is no longer good."""


class Tree:
    """A lister around another one: its pages have ``folder``. Iterate it once.

    ``make``: the lister to ask; with True as argument, one of everything. ``known``: None where
    nothing is kept between runs.
    """

    def __init__(
        self,
        resource: Resource,
        client: Client,
        http: Http,
        make: Callable[[bool], Lister],
        known: KnownFolders | None = None,
    ) -> None:
        assert resource.tree is not None
        self.resource = resource
        self.client = client
        self.http = http
        self.tree = resource.tree
        self.make = make
        self.known = known
        self.listing = make(False)
        self.moved: str | None = None
        self._marks = FolderMarks(resource)
        self._id_column = resource.keys.index("file_id") if "file_id" in resource.keys else -1
        self._parent = record_path(self.tree.parent_path)
        root_id = self.tree.root_id_path
        self._root_id = None if root_id is None else record_path(root_id)

    # -- what it knows of itself -----------------------------------------------------------

    @property
    def pages(self) -> int:
        """Pages that came."""
        return self.listing.pages

    @property
    def rows(self) -> int:
        """Records that came."""
        return self.listing.rows

    @property
    def doubt(self) -> str | None:
        """Why it may not be whole."""
        return self.listing.doubt

    @property
    def how(self) -> str:
        """How it knows that it is whole."""
        how = self.listing.how
        return how if self.moved is None else f"folder {self.moved} is elsewhere or gone: {how}"

    @property
    def total(self) -> int | None:
        """The vendor's own number of rows; None where records are no rows."""
        return None if self.tree.root is not None else self.listing.total

    @property
    def largest_total(self) -> int | None:
        """Likewise."""
        return None if self.tree.root is not None else self.listing.largest_total

    @property
    def overlaps(self) -> bool:
        """Whether rows that shifted underneath would have been seen."""
        return self.listing.overlaps

    @property
    def is_full(self) -> bool:
        """Whether everything is listed, not only what has changed."""
        return not isinstance(self.listing, Changes) or self.listing.is_full

    # -- the pages -------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Page]:
        roots = self._asked_roots()
        waiting = _Waiting(roots)
        problem: FilehaulError | None = None
        with closing(waiting):
            try:
                yield from self._read(waiting)
                if self.moved is not None:
                    waiting.clear(roots)
                    self.listing = self.make(True)
                    yield from self._read(waiting)
            except FilehaulError as raised:
                problem = raised  # what it told so far is given on before
            whole = problem is None and self.is_full and self.doubt is None
            paths = _Paths(waiting, None if whole else self.known)
            yield from waiting.pages(paths.folder)
            if self.known is not None and problem is None:
                if whole:
                    self.known.replace(waiting.folders())
                else:
                    self.known.add(waiting.folders())
        if problem is not None:
            raise problem

    def _read(self, waiting: _Waiting) -> Iterator[Page]:
        """Take the listing up; deletions are given on. Where a feed tells that a known folder is
        elsewhere, the token goes.
        """
        for page in self.listing:
            if page.deleted:
                yield page
                if not self.is_full:
                    self._gone(page.deleted, waiting)
            waiting.add(page, [self._told(record, waiting) for record in page.records])
            if not self.is_full:
                for folder in waiting.told():
                    self._compare(folder)
        if self.moved is not None and self.known is not None and not self.is_full:
            self.known.forget_token()

    def _told(self, record: Any, waiting: _Waiting) -> _Parent:
        """The id of the folder that a record is in, None at the top; False: it is a root itself."""
        root_id = None if self._root_id is None else _id(self._root_id.get(record))
        if root_id is not None:
            waiting.roots.add(root_id)
        is_folder = self._marks.is_folder(record)
        own = self._marks.folder_id(record) if is_folder else None
        if self.tree.root is not None and self.tree.root.holds(record):
            if own is not None:
                waiting.roots.add(str(own))
            return False
        parent = _id(self._parent.get(record))
        if own is not None:
            waiting.note(TreeFolder(str(own), parent, self._marks.name(record)))
        return parent

    # -- folders that are elsewhere --------------------------------------------------------

    def _gone(self, deletions: Iterable[Deletion], waiting: _Waiting) -> None:
        """What is gone may come back, with all that is in it, and nobody says what was a folder."""
        for one in deletions:
            if not one.ids:
                continue
            folder_id = str(one.ids[self._id_column])
            waiting.note_bare(folder_id)
            known = None if self.known is None else self.known.get(folder_id)
            if known is not None and known.name is not None:
                self.moved = self.moved or redact(folder_id)

    def _compare(self, folder: TreeFolder) -> None:
        known = None if self.known is None else self.known.get(folder.folder_id)
        if known is not None and known != folder:
            self.moved = self.moved or redact(folder.folder_id)

    # -- the root --------------------------------------------------------------------------

    def _asked_roots(self) -> set[str]:
        """The root's id, where the vendor is to be asked for it."""
        asked = self.tree.root_from
        if asked is None:
            return set()
        url = with_params(address(self.client, asked.path), asked.params)
        endpoint = self.resource.endpoint
        response = asked_beside(
            self.http, self.client, endpoint, url, asked.method, asked.json_body
        )
        try:
            answer = loads(response.body, response.headers.get("content-type", ""))
        except ValueError:
            answer = None
        found = _id(record_path(asked.id_path).get(answer)) if answer is not None else None
        if found is None:
            raise VendorError(
                f"the answer has no id of the root at {asked.id_path!r}; "
                f"{excerpt(response.body, 160) or 'nothing at all'}",
                where=redact(url),
                hint="check tree.root_from",
            )
        return {found}


_Parent = str | Literal[False] | None


def _id(found: Any) -> str | None:
    """An id as text; None where there is none. Of several, the first."""
    if isinstance(found, list):
        found = found[0] if found else None
    if found is MISSING or isinstance(found, bool) or not isinstance(found, (str, int)):
        return None
    return mended(str(found)) or None


class _Waiting:
    """Records, and the folders among them, until the listing has ended."""

    def __init__(self, roots: set[str]) -> None:
        self.db = sqlite3.connect("", isolation_level=None)  # a nameless file, gone with us
        self.db.executescript(_SCHEMA)
        self.db.execute("BEGIN")
        self.roots = set(roots)
        self._fresh: list[TreeFolder] = []
        self._last: list[TreeFolder] = []

    def clear(self, roots: set[str]) -> None:
        """Begin anew."""
        for table in ("records", "pages", "folders"):
            self.db.execute(f"DELETE FROM {table}")
        self.roots = set(roots)
        self._fresh.clear()

    def note(self, folder: TreeFolder) -> None:
        """A folder was told of."""
        self._fresh.append(folder)

    def note_bare(self, folder_id: str) -> None:
        """Something of this id is gone, or is a folder that nobody told of. It stays noted, also
        when all begins anew.
        """
        self.db.execute("INSERT OR IGNORE INTO bare VALUES (?)", (folder_id,))

    def told(self) -> list[TreeFolder]:
        """The folders of the page that came last."""
        return self._last

    def add(self, page: Page, parents: list[_Parent]) -> None:
        """One page, and in which folder each of its records is."""
        self.db.execute("INSERT OR REPLACE INTO pages VALUES (?, ?)", (page.number, page.url))
        self.db.executemany(
            "INSERT INTO records (page, parent, record) VALUES (?, ?, ?)",
            [
                (page.number, parent, dumps(record))
                for parent, record in zip(parents, page.records)
                if parent is not False
            ],
        )
        self.db.executemany("INSERT OR REPLACE INTO folders VALUES (?, ?, ?)", self._fresh)
        self._last, self._fresh = self._fresh, []

    def get(self, folder_id: str) -> TreeFolder | None:
        """A folder that this listing told of."""
        row = self.db.execute("SELECT * FROM folders WHERE folder_id = ?", (folder_id,)).fetchone()
        return None if row is None else TreeFolder(*row)

    def folders(self) -> Iterator[TreeFolder]:
        """All of them, the roots (their name is empty), and those that were only named, or went."""
        for row in self.db.execute("SELECT * FROM folders"):
            yield TreeFolder(*row)
        for folder_id in self.roots:
            yield TreeFolder(folder_id, None, "")
        for (folder_id,) in self.db.execute("SELECT folder_id FROM bare"):
            if self.get(folder_id) is None:
                yield TreeFolder(folder_id, None, None)

    def pages(self, folder_of: Callable[[str | None], Folder]) -> Iterator[Page]:
        """The records again, those of one folder together; almost in the order they came."""
        after = 0
        while True:
            rows = self.db.execute(
                "SELECT number, page, parent, record FROM records WHERE number > ?"
                " ORDER BY number LIMIT ?",
                (after, _BATCH),
            ).fetchall()
            if not rows:
                return
            after = rows[-1][0]
            rows.sort(key=lambda row: (row[2] or "", row[1]))
            for (parent, page), group in groupby(rows, key=itemgetter(2, 1)):
                records = [loads(row[3]) for row in group]
                (url,) = self.db.execute("SELECT url FROM pages WHERE page = ?", (page,)).fetchone()
                folder = folder_of(parent)
                yield Page(page, records, len(records), None, {}, url, folder=folder)

    def close(self) -> None:
        """Let go of what waits."""
        self.db.close()


class _Paths:
    """Where each folder is. Folders that were named, and that nobody told of, are noted."""

    def __init__(self, waiting: _Waiting, known: KnownFolders | None) -> None:
        self.waiting = waiting
        self.known = known
        self._found: dict[str, Folder] = {}

    def folder(self, folder_id: str | None) -> Folder:
        """A folder, with its path from the root down."""
        if folder_id is None:
            return Folder("")
        if folder_id not in self._found:
            if len(self._found) > _KEPT:
                self._found.clear()
            self._found[folder_id] = self._look(folder_id)
        return self._found[folder_id]

    def _look(self, folder_id: str) -> Folder:
        names: list[str] = []
        above: str | None = folder_id
        whole = True
        while above is not None and above not in self.waiting.roots:
            folder = self.waiting.get(above)
            if folder is None and self.known is not None:
                folder = self.known.get(above)
            if folder is None or folder.name is None or len(names) >= _DEEPEST:
                self.waiting.note_bare(above)
                whole = False
                break
            if not folder.name:
                break  # a root, from an earlier listing
            names.append(folder.name)
            above = folder.parent_id
        path = ""
        for name in reversed(names):
            path = child_path(path, name)
        return Folder(folder_id, path, whole)
