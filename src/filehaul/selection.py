"""Which files are transferred: `content.select`, held to the vendor's records.

A size or a time that a record does not tell keeps no file out; a path or MIME type that it does
not tell fits no pattern.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from .config import Resource
from .config.select import Select, glob_pattern
from .fields.roles import USUAL
from .layouts import Record, reader
from .ledger import ALWAYS, Window, micros
from .models import File

_Fits = Callable[[str], Any]


class Selection:
    """The selection of one resource. ``window``: which times count, seen from ``now``."""

    def __init__(self, resource: Resource, now: datetime) -> None:
        content = resource.content
        self.select = content.select if content is not None and content.select else Select()
        self.window = _window(self.select, now)
        self._include = _any_of(map(glob_pattern, self.select.include))
        self._exclude = _any_of(map(glob_pattern, self.select.exclude))
        self._types = _any_of(_type_pattern(one) for one in self.select.mime_type)
        self._modified = None if self.window == ALWAYS else _modified(resource)
        self.is_all = self.select == Select()

    def why_not(self, file: File) -> str | None:
        """Which key of ``select`` keeps a file out, whatever its time; None: none does."""
        select = self.select
        path = (file.path or file.name or file.file_id).lstrip("/")
        if self._include is not None and not self._include(path):
            return "include"
        if self._exclude is not None and self._exclude(path):
            return "exclude"
        if self._types is not None and not self._types(file.mime_type or ""):
            return "mime_type"
        if file.size is None:
            return None
        if select.min_size is not None and file.size < select.min_size:
            return "min_size"
        if select.max_size is not None and file.size > select.max_size:
            return "max_size"
        return None

    def modified(self, record: Record) -> int | None:
        """The file's time in microseconds, where times count and the record has one."""
        found = self._modified(record) if self._modified is not None else None
        return micros(found) if isinstance(found, datetime) else None


def _any_of(patterns: Iterable[str]) -> _Fits | None:
    """Whether a text fits one of these as a whole; None: there are none."""
    joined = "|".join(f"(?:{one})" for one in patterns)
    return re.compile(joined, re.IGNORECASE | re.DOTALL).fullmatch if joined else None


def _type_pattern(text: str) -> str:
    return ".*".join(map(re.escape, text.split("*")))


def _window(select: Select, now: datetime) -> Window:
    def at(value: datetime | timedelta | None, otherwise: int) -> int:
        if value is None:
            return otherwise
        try:
            return micros(now - value if isinstance(value, timedelta) else value)
        except OverflowError:  # longer ago than there are dates
            return ALWAYS.after

    return Window(
        at(select.modified_after, ALWAYS.after), at(select.modified_before, ALWAYS.before)
    )


def _modified(resource: Resource) -> Callable[[Record], Any]:
    """Reads a file's time: of the column, or of the first usual name that a record has."""
    if resource.fields is not None:
        return reader(resource, "modified_at")
    readers = [reader(resource, name) for name in USUAL["modified"]]

    def read(record: Record) -> Any:
        return next((found for one in readers if (found := one(record)) is not None), None)

    return read
