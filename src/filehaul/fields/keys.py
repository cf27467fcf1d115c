"""What tells one record from another: its primary key, as one text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..config.base import spelled
from ..json_text import dumps, mended
from ..paths import MISSING, Place, key_path
from .codecs import BIGINT, CONVERTERS, TEXT, Convert, UnfitError, text, type_of
from .columns import Column, Columns, plain_name
from .rows import Reject, Rows, kind_of, snippet

_MOST_KEY = 4096
_INT64 = 2**63


class _Part:
    """One column of the key: where its value stands, and what it must fit."""

    def __init__(self, name: str, path: Place, convert: Convert | None = None) -> None:
        self.name = name
        self.path = path
        self.convert = convert
        self.column: Column | None = None  # the vendor's own, once it has been seen
        self.may_be_blank = False
        self.is_found = False  # how the vendor spells it is known


class Keys:
    """The primary key of one resource.

    With ``fields`` the key's columns are among them. Without, a key is the name of one of the
    vendor's fields, as it is or as the destination spells it: ``file_id`` is ``fileId`` too.
    Its column is text or bigint at first sight, and a record whose key does not fit is rejected:
    a key that became NULL would be no key.
    """

    def __init__(self, names: tuple[str, ...], columns: Columns, neutral: bool) -> None:
        self.columns = columns
        self.neutral = neutral
        self.parts = [self._part(name) for name in names]
        for part in self.parts:
            # A file outside any drive is still a file: only that part may be empty.
            part.may_be_blank = part.name == "drive_id" and len(self.parts) > 1
            if part.may_be_blank:
                self._blank(part)

    @property
    def names(self) -> tuple[str, ...]:
        """The key's columns as the destination spells them."""
        return tuple(
            part.column.name if part.column else self.columns.spelled(part.name)
            for part in self.parts
        )

    def _part(self, name: str) -> _Part:
        if self.neutral:
            for column in self.columns.all:
                if column.name == name:
                    part = _Part(name, column.path, column.convert)
                    part.column = column
                    return part
        return _Part(name, key_path(name))

    def _blank(self, part: _Part) -> None:
        column = part.column or self.columns.of(part.name)
        column.blank = True
        if column.type is None:
            self.columns.fix(column, TEXT)
        part.column = column

    # -- many at once ----------------------------------------------------------------------

    def add(self, rows: Rows, records: list[Any], page: int) -> None:
        """Add a page's records to ``rows``, those without a usable key to its rejects."""
        keys = self._all(records)
        if keys is None:
            self._one_by_one(rows, records, page)
            return
        rows.keys += keys
        rows.records += records
        rows.pages += [page] * len(records)

    def _all(self, records: list[Any]) -> list[str] | None:
        """The keys of all records, where none of them needs a closer look."""
        if set(map(type, records)) != {dict}:
            return None
        if not self.parts:
            return [""] * len(records)
        part = self.parts[0]
        name = plain_name(part.path)
        if len(self.parts) > 1 or name is None or part.convert is not None:
            return None
        if part.column is None or part.column.type is None:
            return None  # the first one decides what the column is
        found = [record.get(name) for record in records]
        kinds = set(map(type, found))
        if part.column.type == TEXT and kinds == {str}:
            joined = "".join(found)
            if not all(found) or max(map(len, found)) > _MOST_KEY:
                return None
            plain = joined.isascii() and "\x00" not in joined
            return found if plain else [mended(key) for key in found]
        if part.column.type == BIGINT and kinds == {int}:
            return None if max(map(abs, found)) >= _INT64 else [str(key) for key in found]
        return None

    # -- with a closer look ----------------------------------------------------------------

    def _one_by_one(self, rows: Rows, records: list[Any], page: int) -> None:
        for record in records:
            if not isinstance(record, dict):
                reason = f"the record is {kind_of(record)}, not an object"
                rows.rejects.append(Reject(page, None, "", snippet(record), reason, record=True))
                continue
            values = []
            for part in self.parts:
                value = self._value(part, record)
                try:
                    values.append(self._usable(part, value))
                except UnfitError as problem:
                    shown = snippet(record if value is MISSING else value)
                    reject = Reject(page, None, part.name, shown, str(problem), record=True)
                    rows.rejects.append(reject)
                    break
            else:
                rows.keys.append(values[0] if len(values) == 1 else _joined(values))
                rows.records.append(record)
                rows.pages.append(page)

    def of(self, ids: Sequence[Any]) -> str:
        """The key that these values make, a value for each column; UnfitError: they make none."""
        values = [self._usable(part, value) for part, value in zip(self.parts, ids)]
        return values[0] if len(values) == 1 else _joined(values)

    def _value(self, part: _Part, record: dict[str, Any]) -> Any:
        """What stands there; the vendor may spell the key's name in its own way."""
        value = part.path.get(record)
        if value is not MISSING or part.is_found or self.neutral:
            part.is_found = part.is_found or value is not MISSING
            return value
        wanted = spelled(part.name)
        for vendor_name, found in record.items():
            if vendor_name.strip() and spelled(vendor_name) == wanted:
                part.path, part.is_found = key_path(vendor_name), True
                if part.column is not None:
                    part.column.path = part.path
                    self.columns.by_vendor_name.setdefault(vendor_name, part.column)
                return found
        return value

    def _usable(self, part: _Part, value: Any) -> str:
        """One part of the key as text; UnfitError: why it cannot be used."""
        if value is MISSING or value is None or value == "":
            if part.may_be_blank:
                return ""
            raise UnfitError("the key is missing" if value is MISSING else "the key is empty")
        whole = isinstance(value, float) and value.is_integer()
        if isinstance(value, (dict, list, bool)) or (isinstance(value, float) and not whole):
            raise UnfitError(f"the key is {kind_of(value)}")
        value = int(value) if whole else value
        if isinstance(value, str) and len(value) > _MOST_KEY:
            raise UnfitError(f"the key is longer than {_MOST_KEY} characters")
        if part.convert is not None:
            value = part.convert(value)
        self._fit(part, value)
        return text(value)

    def _fit(self, part: _Part, value: Any) -> None:
        """The column's type, by its first key; and whether this key fits it."""
        if self.neutral:
            return
        if part.column is None:
            part.column = self.columns.of(part.path.text)
        if part.column.type is None:
            number = isinstance(value, int) and type_of(value) == BIGINT
            self.columns.fix(part.column, BIGINT if number else TEXT)
        type_ = part.column.type
        assert type_ is not None
        try:
            CONVERTERS[type_](value)
        except UnfitError as problem:
            raise UnfitError(f"the key does not fit its column, {type_}: {problem}") from None


def _joined(values: list[str]) -> str:
    return dumps(values).decode() if values else ""
