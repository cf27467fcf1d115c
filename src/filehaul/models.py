"""The values that go from room to room. All frozen; all times are UTC and aware."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Page:
    """One page of a listing, decoded.

    ``records``: what the selector chose. ``size``: how many elements the page's own array has,
    which is what offsets step by. ``body``: the whole answer. ``headers``: lower-case names.
    ``elements``: the elements of the page's own array, in its order; None: nobody knows which
    array that is.
    """

    number: int
    records: list[Any]
    size: int
    body: Any
    headers: Mapping[str, str]
    url: str
    elements: list[Any] | None = None


@dataclass(frozen=True)
class File:
    """A file as the vendor lists it, in neutral columns."""

    resource: str
    key: str
    file_id: str
    drive_id: str = ""
    name: str | None = None
    path: str | None = None
    size: int | None = None
    checksum: Mapping[str, str] = field(default_factory=dict)
    fingerprint: str = ""
    version: str | None = None


@dataclass(frozen=True)
class Task:
    """One transfer to do: from which address to which path below the sink, and why.

    ``replaces``: the path holds other bytes of the same file. ``moved_from``: its path before.
    """

    file: File
    url: str
    target: str
    reason: str
    verify: str = "auto"
    attempts: int = 0
    replaces: bool = False
    moved_from: str | None = None


@dataclass(frozen=True)
class Receipt:
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
