"""The vendor's folders: which files and folders are directly in each, page by page.

Two trees: one of the paths of the vendor's files, and a generated one, of which ten thousand
folders cost nothing until they are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from types import EllipsisType
from typing import Any, Protocol

from filehaul.testing.answers import to_json
from filehaul.testing.folder import file_id_of
from filehaul.testing.shelf import Page, Shelf

ROOT = "0"

Name = str | EllipsisType | None
"""Of a folder: a text, null, or no key at all (``...``)."""


class Tree(Protocol):
    """What the route of folders asks."""

    def page(self, folder_id: str, offset: int, limit: int) -> Page | None:
        """The rows ``offset`` to ``offset + limit`` of a folder; None: there is none of this id."""


def folder_row(folder_id: str, name: Name) -> bytes:
    """The record of a folder."""
    record: dict[str, Any] = {"type": "folder", "id": folder_id, "file_id": folder_id}
    if not isinstance(name, EllipsisType):
        record |= {"name": name, "file_name": name}
    return to_json(record)


class PathTree:
    """The folders that the paths of a shelf's files lead through. Folders come before files.

    A file's record is as in the flat listing, with ``type: file`` and without its path.
    """

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._more: dict[str, None] = {}  # folders that a test put, by path
        self._links: list[tuple[str, str, str]] = []  # (into, folder's path, name)
        self._names: dict[str, Name] = {}
        self._paths: dict[str, str] = {}
        self._inside: dict[str, list[tuple[str, str]]] = {}
        self._seen: tuple[int, int] = (-1, -1)
        self._changes = 0

    def folder_id(self, path: str) -> str:
        """The id of the folder of this path; the root's path is empty."""
        return ROOT if not path else "d" + file_id_of(path)[:15]

    def put(self, path: str) -> None:
        """A folder, which may be empty."""
        self._more[path] = None
        self._changes += 1

    def rename(self, path: str, name: Name) -> None:
        """Show a folder under another name; its id stays, and so does the path to name it here."""
        self._names[path] = name
        self._changes += 1

    def link(self, path: str, into: str, name: str | None) -> None:
        """The same folder in one more place."""
        self._links.append((into, path, name or path.rpartition("/")[2]))
        self._changes += 1

    def page(self, folder_id: str, offset: int, limit: int) -> Page | None:
        """Rows of one folder; see `Tree`."""
        if offset == 0 and folder_id == ROOT:
            self._shelf.rescan()
        self._look()
        path = self._paths.get(folder_id)
        if path is None:
            return None
        inside = self._inside[path]
        rows = (self._row(kind, what) for kind, what in inside[offset : offset + limit])
        return Page(b",".join(filter(None, rows)), len(inside))

    def _row(self, kind: str, what: str) -> bytes | None:
        if kind == "file":
            entry = self._shelf.find(what)
            if entry is None:
                return None
            record = {"type": "file", **self._shelf.shape.record(entry)}
            record.pop("path", None)
            return to_json(record)
        path, _, name = what.partition("\0")
        return folder_row(self.folder_id(path), self._names.get(path, name))

    def _look(self) -> None:
        """Work out the folders anew where the files or the folders have changed."""
        seen = (self._shelf.version, self._changes)
        if seen == self._seen:
            return
        self._seen = seen
        inside: dict[str, list[tuple[str, str]]] = {"": []}
        files: dict[str, list[tuple[str, str]]] = {}
        for path in self._more:
            self._make(path, inside)
        for key in self._shelf.ids():
            entry = self._shelf.find(key)
            parent = "" if entry is None else (entry.file.path or "").rpartition("/")[0]
            self._make(parent, inside)
            files.setdefault(parent, []).append(("file", key))
        for into, path, name in self._links:
            inside[into].append(("folder", f"{path}\0{name}"))
        for parent, found in files.items():
            inside[parent] += found
        self._inside = inside
        self._paths = {self.folder_id(path): path for path in inside}

    def _make(self, path: str, inside: dict[str, list[tuple[str, str]]]) -> None:
        if path in inside:
            return
        parent, _, name = path.rpartition("/")
        self._make(parent, inside)
        inside[path] = []
        inside[parent].append(("folder", f"{path}\0{name}"))


@dataclass(frozen=True)
class GeneratedTree:
    """``folders`` folders below the root, each with ``files`` generated files; nothing is held.

    Folder k (from 1 on; 0 is the root) holds the folders ``fan_out · k + 1`` and after, as a heap
    does, and the files ``rec-{(k - 1) · files}`` and after. The root has no files.
    """

    shelf: Shelf
    folders: int
    files: int
    fan_out: int

    def folder_id(self, number: int) -> str:
        """The id of a folder by its number."""
        return f"dir-{number}" if number else ROOT

    def page(self, folder_id: str, offset: int, limit: int) -> Page | None:
        """Rows of one folder; see `Tree`."""
        number = self._number(folder_id)
        if number is None:
            return None
        first = number * self.fan_out + 1
        below = range(first, min(first + self.fan_out, self.folders + 1))
        count = self.files if number else 0
        files = range((number - 1) * self.files, (number - 1) * self.files + count)
        rows = islice(self._rows(below, files), offset, offset + limit)
        return Page(b",".join(rows), len(below) + len(files))

    def _rows(self, below: Sequence[int], files: Sequence[int]) -> Iterator[bytes]:
        for number in below:
            yield folder_row(self.folder_id(number), f"folder-{number}")
        for number in files:
            before, _, rest = self.shelf.generated_row(number).partition(b'"path":"')
            yield b'{"type":"file",' + before[1:] + rest.partition(b'",')[2]

    def _number(self, folder_id: str) -> int | None:
        if folder_id == ROOT:
            return 0
        digits = folder_id.removeprefix("dir-")
        if digits == folder_id or not digits.isdecimal() or not 1 <= int(digits) <= self.folders:
            return None
        return int(digits)
