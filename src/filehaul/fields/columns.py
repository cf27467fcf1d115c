"""Columns: how they are named, what types they have for good, and values made to fit them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..paths import MISSING, Place, key_path
from .codecs import BIGINT, BOOL, DOUBLE, JSON, TEXT, TIMESTAMP, Convert, type_of

NEUTRAL_TYPES: dict[str, str] = {
    "file_id": TEXT,
    "file_name": TEXT,
    "path": TEXT,
    "path_complete": BOOL,
    "kind": TEXT,
    "parent_id": TEXT,
    "drive_id": TEXT,
    "size": BIGINT,
    "mime_type": TEXT,
    "created_at": TIMESTAMP,
    "modified_at": TIMESTAMP,
    "version": TEXT,
    "checksum": TEXT,
    "checksum_algorithm": TEXT,
    "owner": TEXT,
    "web_url": TEXT,
    "is_trashed": BOOL,
}
SEED_TYPES: dict[str, str] = {
    "file_id": TEXT,
    "file_name": TEXT,
    "created_at": TIMESTAMP,
    "modified_at": TIMESTAMP,
}
VARIANT = "__v_text"
# A file may be called 2024-05-01 10:00:00, and the next one is not: names are never timestamps.
_ALWAYS_TEXT = frozenset({"name", "title", "filename", "path", "file_path", "full_path"})


class Records:
    """Records, and what they have under one name. Where all have the same names in the same order,
    as most vendors write them, every column is had in one pass.

    ``kinds``: as many of the records as it takes to see every name.
    """

    def __init__(self, records: Sequence[dict[str, Any]]) -> None:
        self.all = self.kinds = records
        self._columns: dict[str, Sequence[Any]] | None = None
        if len(set(map(tuple, records))) == 1:
            self.kinds = records[:1]
            values = zip(*[record.values() for record in records])
            self._columns = dict(zip(records[0], values))

    def column(self, name: str) -> Sequence[Any]:
        """One value a record; None where it has none."""
        if self._columns is None:
            return [record.get(name) for record in self.all]
        return self._columns.get(name) or [None] * len(self.all)


@dataclass
class Column:
    """One column and where its value stands in a record.

    ``type``: None until the first value that is not null. ``fixed``: a value that does not fit
    becomes NULL instead of a variant. ``blank``: null is written as empty text (a part of the key
    that a file need not have). ``told``: its first variant has been reported.
    """

    name: str
    path: Place
    type: str | None
    convert: Convert | None = None
    fixed: bool = False
    blank: bool = False
    told: bool = False

    def values(self, records: Records) -> Sequence[Any]:
        """The column's values as the vendor has them; None where there is none."""
        found: Sequence[Any]
        name = plain_name(self.path)
        if name is not None:
            found = records.column(name)
        else:
            get = self.path.get
            found = [None if (v := get(record)) is MISSING else v for record in records.all]
        return ["" if value is None else value for value in found] if self.blank else found

    def first_type(self, values: Iterable[Any]) -> str | None:
        """The type at the first sight of a value; None: all are null."""
        first = next((value for value in values if value is not None), None)
        if first is None:
            return None
        found = type_of(first)
        return TEXT if found == TIMESTAMP and self.name in _ALWAYS_TEXT else found


@dataclass
class Columns:
    """The columns of a table as they come up, each with its name and type for good.

    ``types``: of all columns ever seen, variants among them. ``added``: those that are new since
    someone emptied it. ``naming``: how the destination spells a column.
    """

    naming: Callable[[str], str]
    types: dict[str, str]
    added: dict[str, str] = field(default_factory=dict)
    all: list[Column] = field(default_factory=list)
    by_vendor_name: dict[str, Column] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    reserved: frozenset[str] = frozenset()

    def spelled(self, vendor_name: str) -> str:
        """The destination's spelling; spelling it again changes nothing."""
        name = vendor_name if vendor_name.strip() else "x"
        for _ in range(3):
            again = self.naming(name) or "x"
            if again == name:
                break
            name = again
        return name

    def meet(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Make columns for the vendor's fields that are new in these records."""
        new: dict[str, str] = {}
        known = self.by_vendor_name
        for record in records:
            for vendor_name in record:
                if vendor_name not in known and vendor_name not in new:
                    new[vendor_name] = self.spelled(str(vendor_name))
        # Of two fields that are spelled alike, the one that is spelled so already keeps the name.
        for vendor_name, name in sorted(new.items(), key=lambda pair: pair[0] != pair[1]):
            new[vendor_name] = self._free(name)
        for vendor_name, name in new.items():
            self._add(vendor_name, name)

    def of(self, vendor_name: str) -> Column:
        """The column of one of the vendor's fields, made at first sight."""
        if vendor_name not in self.by_vendor_name:
            self.meet([{vendor_name: None}])
        return self.by_vendor_name[vendor_name]

    def _add(self, vendor_name: str, name: str) -> None:
        type_ = SEED_TYPES.get(name) or self.types.get(name)
        column = Column(name, key_path(vendor_name), type_, fixed=name in SEED_TYPES)
        if name in SEED_TYPES:
            self.fix(column, SEED_TYPES[name])
        self.by_vendor_name[vendor_name] = column
        self.all.append(column)

    def _free(self, name: str) -> str:
        """A name that no other column has: not ours, not dlt's, not a variant's."""
        if name in self.reserved or name.startswith("_dlt"):
            name = self.spelled(f"vendor_{name}")
        candidate, number = name, 2
        while candidate in self.taken or candidate.endswith(VARIANT):
            candidate, number = self.spelled(f"{name}_{number}"), number + 1
        self.taken.add(candidate)
        return candidate

    def fix(self, column: Column, type_: str) -> None:
        """This column has this type from now on."""
        column.type = type_
        self.note(column.name, type_)

    def settle(self, name: str, type_: str) -> str:
        """The type of a column that we fill too, this one if it is new: it waits for no value."""
        type_ = self.types.get(name, type_)
        self.note(name, type_)
        for column in self.all:
            if column.name == name and column.type is None:
                column.type = type_
        return type_

    def note(self, name: str, type_: str) -> None:
        """There is a column of this name and type."""
        if self.types.get(name) != type_:
            self.types[name] = type_
            self.added[name] = type_


def plain_name(path: Place) -> str | None:
    """The key, where the path is just that: read without walking."""
    if path.steps is not None and len(path.steps) == 1 and isinstance(path.steps[0], str):
        return path.steps[0]
    return None


def arrow_type(type_: str) -> Any:
    """The Arrow type of a column type; timestamps are microseconds in UTC."""
    import pyarrow as pa

    return {
        TEXT: pa.string(),
        BIGINT: pa.int64(),
        DOUBLE: pa.float64(),
        BOOL: pa.bool_(),
        TIMESTAMP: pa.timestamp("us", "UTC"),
        JSON: pa.string(),
    }[type_]


def arrow(values: Sequence[Any], type_: str) -> Any:
    """An Arrow array of values that fit."""
    import pyarrow as pa

    return pa.array(values, arrow_type(type_))


# Arrow would make 1 of 1.5 in a column of whole numbers, and 1.0 of true in one of fractions.
_ONLY = {
    BIGINT: frozenset({int, type(None)}),
    DOUBLE: frozenset({float, int, type(None)}),
}


def arrow_fast(values: Sequence[Any], type_: str) -> Any:
    """The whole column at once by Arrow itself; None where some value needs a closer look."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if type_ == JSON or (type_ in _ONLY and not set(map(type, values)) <= _ONLY[type_]):
        return None
    try:
        if type_ == TIMESTAMP:
            return pa.array(values, pa.string()).cast(arrow_type(TIMESTAMP))
        array = pa.array(values, arrow_type(type_))
        if type_ == DOUBLE and pc.all(pc.is_finite(array)).as_py() is False:
            return None
        if type_ == TEXT and b"\x00" in array.buffers()[2].to_pybytes():
            return None
    except (pa.ArrowException, TypeError, OverflowError, UnicodeEncodeError):
        return None
    return array
