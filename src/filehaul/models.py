"""The values that go from room to room. All frozen; all times are UTC and aware.

Those of which there is one a file are named tuples: a frozen dataclass takes three times as long
to make, and of the time that a small file takes that was a twentieth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple

from .json_text import dumps

_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Folder:
    """Where a walk found records.

    ``path``: the names from the root down, joined by ``/`` (`filehaul.names.child_path`); empty
    for the root. ``path_complete``: all these names are known; an id stands for one that is not.
    """

    folder_id: str
    path: str = ""
    path_complete: bool = True

    @cached_property
    def mark(self) -> bytes:
        """Changes when rows of this folder do, though their records stay."""
        return dumps([self.folder_id, self.path, self.path_complete])


class TreeFolder(NamedTuple):
    """A folder of a flat listing. ``parent_id``: None at the top. ``name``: None where only the
    folder's id is known, as another's parent.
    """

    folder_id: str
    parent_id: str | None
    name: str | None


@dataclass(frozen=True)
class Deletion:
    """A file that the vendor says is gone; it is named in one of two ways.

    ``ids``: the vendor's values of the primary key, in its order. ``location``: its place in the
    vendor's tree, which takes what lies below along. ``reason``: removed, trashed.
    """

    ids: tuple[Any, ...] = ()
    location: str | None = None
    reason: str = "removed"


@dataclass(frozen=True)
class Page:
    """One page of a listing, decoded.

    ``records``: what the selector chose. ``size``: how many elements the page's own array has,
    which is what offsets step by. ``body``: the whole answer. ``headers``: lower-case names.
    ``folder``: whose content this is, where folders are walked.
    ``elements``: the elements of the page's own array, in its order; None: nobody knows which
    array that is.
    ``deleted``: to be applied before the records are.
    ``doubt``: why the answer itself may not be whole; None: nothing says so.
    """

    number: int
    records: list[Any]
    size: int
    body: Any
    headers: Mapping[str, str]
    url: str
    elements: list[Any] | None = None
    folder: Folder | None = None
    deleted: list[Deletion] = field(default_factory=list)
    doubt: str | None = None


class File(NamedTuple):
    """A file as the vendor lists it, in neutral columns.

    ``path_is_joined``: the path was made of names (`filehaul.names.child_path`), not the vendor's.
    ``mime_type``: lower case, without parameters.
    """

    resource: str
    key: str
    file_id: str
    drive_id: str = ""
    name: str | None = None
    path: str | None = None
    size: int | None = None
    checksum: Mapping[str, str] = _NOTHING
    fingerprint: str = ""
    version: str | None = None
    path_is_joined: bool = False
    mime_type: str | None = None

    @property
    def is_versioned(self) -> bool:
        """Whether the fingerprint tells versions of the bytes apart: a size alone does not, nor
        that of a document which is made into a file when it is asked for.
        """
        kind = self.fingerprint[:2]
        return kind in ("c:", "v:") or (kind == "m:" and "null" not in self.fingerprint)


class Task(NamedTuple):
    """One transfer to do: from which address to which path below the sink, and why.

    ``replaces``: there are bytes at the path, or were when it became this file's: the ledger must
    know before these come. ``vacant``: nothing stood there when it became this file's, just now.
    ``moved_from``: its path before. ``way``, ``body``: how it is asked for (`filehaul.addresses`).
    ``by_hash``: its path is that of the sha256 of the bytes that come (`filehaul.names.by_hash`);
    ``target`` is empty where the vendor does not tell that.
    """

    file: File
    url: str
    target: str
    reason: str
    verify: str = "auto"
    replaces: bool = False
    vacant: bool = False
    moved_from: str | None = None
    way: str = "content"
    body: bytes | None = None
    by_hash: bool = False


class Receipt(NamedTuple):
    """What became of a task.

    ``status``: done, failed (this run), or parked (failed before, not asked again yet).
    ``verified_by``: the checksum's algorithm, ``size``, or ``none``. ``sha256``: our own, hex.
    """

    file: File
    target: str
    status: str
    size: int | None = None
    sha256: str | None = None
    verified_by: str | None = None
    attempts: int = 1
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error: str | None = None
    permanent: bool = False
    fetched: bool = True


@dataclass(frozen=True)
class Action:
    """One line of `plan`: what would be done with a file, and why."""

    action: str
    reason: str
    resource: str
    file_id: str
    size: int | None
    target: str | None


@dataclass(frozen=True)
class ListingSummary:
    """One pass over the vendor, as table ``listings`` has it."""

    listing_id: str
    resource: str
    started_at: datetime
    finished_at: datetime
    pages: int
    rows: int
    unique_keys: int
    complete: bool
    how: str
    why_not: str | None = None
    change_token: str | None = None
