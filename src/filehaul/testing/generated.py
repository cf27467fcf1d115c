"""Records by the million: each is worked out from its number when a page or a client asks for it.

A row is a text with holes, made from a true record, so that its keys are those of any other file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import lru_cache

from filehaul.testing.files import LONG_AGO, Entry, FakeFile, RecordShape, iso, sha256_of

_ID = re.compile(r"rec-(0|[1-9]\d{0,8})", re.ASCII)
_MARK = 987_654_321  # a number that stands for all others while a row is made
_MARKED_TIME = LONG_AGO + timedelta(seconds=_MARK)
_PER_FOLDER = 1000
_A_YEAR = 366 * 24 * 60 * 60  # seconds
_MODIFIED, _SHA, _TAG = "@modified@", "@sha@", "@tag@"


def content_of(number: int, size: int) -> bytes:
    """The content of a generated file; from 9 bytes on no two are equal."""
    seed = b"%09d" % number
    return (seed * (size // len(seed) + 1))[:size]


class Generated:
    """``count`` files ``rec-0``, ``rec-1`` … of ``size`` bytes.

    ``modified_at`` is 2024-01-01 UTC plus the number in seconds; every ``null_every``-th file
    (0: none) has null instead, and every ``changed_every``-th a year more.
    """

    changed_every = 0

    def __init__(
        self, shape: RecordShape, count: int = 0, size: int = 0, null_every: int = 0
    ) -> None:
        self.count = count
        self._shape = shape
        self._size = size
        self._null_every = null_every
        self._between_numbers = lru_cache(maxsize=16)(self._parts)
        self.entry = lru_cache(maxsize=4096)(self._entry)

    def file_id(self, number: int) -> str:
        """The id of a record."""
        return f"rec-{number}"

    def number(self, file_id: str) -> int | None:
        """The number of a record; None for an id that is not one of ours."""
        found = _ID.fullmatch(file_id)
        number = int(found[1]) if found else self.count
        return number if number < self.count else None

    def modified_at(self, number: int) -> datetime | None:
        """When the file was last changed, or None."""
        if self._is_null(number):
            return None
        return LONG_AGO + timedelta(seconds=self._seconds(number))

    def row(self, number: int) -> bytes:
        """The record of a file as JSON."""
        return self._text(number).encode()

    def rows(self, numbers: Iterable[int]) -> bytes:
        """Records as JSON, joined with commas."""
        return ",".join(map(self._text, numbers)).encode()

    def _text(self, number: int) -> str:
        if self._shape.hook:
            return self._shape.row(self.entry(number)).decode()
        modified = "null" if self._is_null(number) else f'"{_iso(self._seconds(number))}"'
        text = str(number).join(self._between_numbers(number // _PER_FOLDER))
        text = text.replace(_MODIFIED, modified)
        if self._size:  # of empty files, all have the same checksum: the template's
            sha = sha256_of(content_of(number, self._size))
            text = text.replace(_SHA, sha).replace(_TAG, sha[:32])
        return text

    def _is_null(self, number: int) -> bool:
        return bool(self._null_every) and number % self._null_every == self._null_every - 1

    def _seconds(self, number: int) -> int:
        changed = self.changed_every and number % self.changed_every == 0
        return number + _A_YEAR if changed else number

    def _entry(self, number: int) -> Entry:
        return Entry(self._file(number, self.modified_at(number)))

    def _file(self, number: int, modified: datetime | None) -> FakeFile:
        name = f"rec-{number}.bin"
        return FakeFile(
            file_id=self.file_id(number),
            file_name=name,
            path=f"folder-{number // _PER_FOLDER}/{name}",
            content=content_of(number, self._size),
            mime_type="application/octet-stream",
            modified_at=modified,
        )

    def _parts(self, folder: int) -> list[str]:
        """A row of this folder, without what differs from row to row, cut where its number goes."""
        entry = Entry(self._file(_MARK, _MARKED_TIME))
        text = self._shape.row(entry).decode()
        text = text.replace(f"folder-{_MARK // _PER_FOLDER}", f"folder-{folder}")
        text = text.replace(f'"{iso(_MARKED_TIME)}"', _MODIFIED)
        if self._size:
            text = text.replace(entry.sha256, _SHA).replace(entry.sha256[:32], _TAG)
        return text.split(str(_MARK))


def _iso(seconds: int) -> str:
    return f"{_to_the_minute(seconds // 60)}{seconds % 60:02}Z"


@lru_cache(maxsize=64)
def _to_the_minute(minute: int) -> str:
    return (LONG_AGO + timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M:")
