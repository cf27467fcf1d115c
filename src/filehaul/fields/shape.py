"""The columns of one resource: their names, their types for good, and rows made to fit them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from ..config import Resource
from ..config.model import FieldSource
from ..paths import MISSING, RecordPath, record_path
from ..redact import redact
from .codecs import (
    BIGINT,
    BOOL,
    CODECS,
    CONVERTERS,
    DOUBLE,
    JSON,
    TEXT,
    TIMESTAMP,
    Convert,
    UnfitError,
    size,
    type_of,
)

if TYPE_CHECKING:
    import pyarrow as pa

NEUTRAL_TYPES: dict[str, str] = {
    "file_id": TEXT,
    "file_name": TEXT,
    "path": TEXT,
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
RAW = "raw"
_SNIPPET = 200
_MOST_KEY = 4096
_STRICT = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS


@dataclass(frozen=True)
class Reject:
    """A value, or a whole record, that does not fit: one row of table ``rejected``.

    ``record`` is true where the record itself was rejected, for want of a usable key.
    """

    page: int
    key: str | None
    field: str
    value: str
    reason: str
    record: bool = False


@dataclass
class Rows:
    """Records of one stretch of a listing that have a usable key, side by side with the keys."""

    keys: list[str] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)
    pages: list[int] = field(default_factory=list)
    addresses: list[str | None] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)

    def only(self, numbers: list[int]) -> Rows:
        """Some of them, with no rejects yet."""
        return Rows(
            [self.keys[n] for n in numbers],
            [self.records[n] for n in numbers],
            [self.pages[n] for n in numbers],
        )


@dataclass
class _Column:
    name: str
    path: RecordPath
    type: str | None
    convert: Convert | None = None
    fixed: bool = False  # a value that does not fit becomes NULL instead of a variant


class Shape:
    """The columns of one resource.

    ``known``: column types from earlier runs. ``naming``: how the destination spells a column.
    ``on_type``: told of each column whose type has just been fixed, so that it is kept.
    """

    def __init__(
        self,
        resource: Resource,
        naming: Callable[[str], str],
        known: Mapping[str, str] | None = None,
    ) -> None:
        self.resource = resource
        self.naming = naming
        self.types: dict[str, str] = dict(known or {})
        self.added: dict[str, str] = {}
        self.neutral = resource.fields is not None
        self.keys = tuple(naming(key) for key in resource.keys)
        self._columns: list[_Column] = []
        self._by_vendor_name: dict[str, _Column] = {}
        self._checksums: list[tuple[str, RecordPath, Convert | None]] = []
        if self.neutral:
            self._neutral_columns()
        self._key_paths = [self._key_path(key, name) for key, name in zip(resource.keys, self.keys)]

    # -- columns ---------------------------------------------------------------------------

    def _neutral_columns(self) -> None:
        fields = self.resource.fields
        assert fields is not None
        for name, type_ in NEUTRAL_TYPES.items():
            self.types[name] = type_
            source = getattr(fields, name, None) if name != "checksum" else None
            if isinstance(source, FieldSource):
                convert = CODECS[source.codec] if source.codec else None
                if name == "size" and convert is None:
                    convert = size
                self._columns.append(
                    _Column(name, record_path(source.path), type_, convert, fixed=True)
                )
        for algorithm, source in fields.checksum.items():
            convert = CODECS[source.codec] if source.codec else None
            self._checksums.append((algorithm, record_path(source.path), convert))
        if self.resource.raw:
            self.types[RAW] = JSON

    def _key_path(self, key: str, name: str) -> tuple[str, RecordPath]:
        if self.neutral:
            for column in self._columns:
                if column.name == name:
                    return name, column.path
        return name, record_path(f'["{key}"]' if "." not in key else key)

    def _column(self, vendor_name: str) -> _Column:
        """The column of one of the vendor's own fields, made at first sight."""
        column = self._by_vendor_name.get(vendor_name)
        if column is None:
            name = self._free_name(vendor_name)
            type_ = SEED_TYPES.get(name) or self.types.get(name)
            column = _Column(
                name, RecordPath(vendor_name, (vendor_name,)), type_, fixed=name in SEED_TYPES
            )
            if name in SEED_TYPES:
                self._fix(column, SEED_TYPES[name])
            self._by_vendor_name[vendor_name] = column
            self._columns.append(column)
        return column

    def _free_name(self, vendor_name: str) -> str:
        """The destination's spelling; two fields that it spells alike stay two columns."""
        name = self.naming(vendor_name) or "_"
        taken = {column.name for column in self._columns}
        candidate, number = name, 2
        while candidate in taken:
            candidate, number = self.naming(f"{name}_{number}"), number + 1
        return candidate

    def _fix(self, column: _Column, type_: str) -> None:
        column.type = type_
        if self.types.get(column.name) != type_:
            self.types[column.name] = type_
            self.added[column.name] = type_

    # -- keys ------------------------------------------------------------------------------

    def keyed(self, rows: Rows, records: Iterable[Any], page: int) -> None:
        """Add a page's records to ``rows``, those without a usable key to its rejects."""
        single = self._key_paths[0][1] if len(self._key_paths) == 1 else None
        for record in records:
            if not isinstance(record, dict):
                reason = f"the record is {_kind(record)}, not an object"
                rows.rejects.append(Reject(page, None, "", snippet(record), reason, record=True))
                continue
            if single is not None:
                key = single.get(record)
                if not isinstance(key, str) or not key or len(key) > _MOST_KEY:
                    key = self._usable(rows, record, page)
            else:
                key = self._usable(rows, record, page) if self._key_paths else ""
            if key is None:
                continue
            rows.keys.append(key)
            rows.records.append(record)
            rows.pages.append(page)

    def _usable(self, rows: Rows, record: dict[str, Any], page: int) -> str | None:
        """The record's key as text; None (and a reject) where it has none that can be used."""
        values = []
        for name, path in self._key_paths:
            value = path.get(record)
            reason = None
            if value is MISSING or value is None or value == "":
                # A file outside any drive is still a file: only that part may be empty.
                if name == "drive_id" and len(self._key_paths) > 1:
                    values.append("")
                    continue
                reason = "the key is missing" if value is MISSING else "the key is empty"
            elif isinstance(value, (dict, list, float)) and not _whole(value):
                reason = f"the key is {_kind(value)}"
            elif isinstance(value, str) and len(value) > _MOST_KEY:
                reason = f"the key is longer than {_MOST_KEY} characters"
            if reason is not None:
                shown = snippet(record if value is MISSING else value)
                rows.rejects.append(Reject(page, None, name, shown, reason, record=True))
                return None
            values.append(CONVERTERS[TEXT](int(value) if _whole(value) else value))
        return values[0] if len(values) == 1 else orjson.dumps(values).decode()

    # -- rows ------------------------------------------------------------------------------

    def hashes(self, records: list[dict[str, Any]]) -> list[bytes]:
        """16 bytes a record that change when its row would: what the ledger compares."""
        if not self.neutral or self.resource.raw:
            return [_hash(record) for record in records]
        paths = [column.path for column in self._columns]
        paths += [path for _, path, _ in self._checksums]
        names = [name for path in paths if (name := _plain_name(path)) is not None]
        if len(names) == len(paths):
            return [_hash([record.get(name) for name in names]) for record in records]
        return [
            _hash([None if (v := path.get(record)) is MISSING else v for path in paths])
            for record in records
        ]

    def table(
        self, rows: Rows, extra: Mapping[str, tuple[str, list[Any]]] | None = None
    ) -> pa.Table:
        """The rows as an Arrow table in this shape. Values that do not fit go to ``rows.rejects``.

        ``extra``: more columns, as (type, values).
        """
        import pyarrow as pa

        if not self.neutral:
            for record in rows.records:
                for vendor_name in record:
                    if vendor_name not in self._by_vendor_name:
                        self._column(vendor_name)
        arrays: dict[str, Any] = {}
        for column in list(self._columns):
            self._fill(column, rows, arrays)
        if self._checksums:
            self._fill_checksums(rows, arrays)
        if self.neutral and self.resource.raw:
            arrays[RAW] = arrow([CONVERTERS[JSON](record) for record in rows.records], JSON)
        for name, (type_, values) in (extra or {}).items():
            arrays[name] = arrow(values, type_)
        for name, type_ in self.types.items():
            if name not in arrays:
                arrays[name] = pa.nulls(len(rows.records), arrow_type(type_))
        return pa.table(arrays)

    def _fill(self, column: _Column, rows: Rows, arrays: dict[str, Any]) -> None:
        """One column, and its variant where a value needs one."""
        name = _plain_name(column.path)
        if name is not None:
            values = [record.get(name) for record in rows.records]
        else:
            values = [
                None if (v := column.path.get(record)) is MISSING else v for record in rows.records
            ]
        if column.type is None:
            first = next((value for value in values if value is not None), None)
            if first is None:
                return
            self._fix(column, type_of(first))
        assert column.type is not None
        array = None
        if column.convert is None or column.convert is size:
            array = arrow_fast(values, column.type)
        if array is None or (
            column.convert is size and any(v is not None and v < 0 for v in values)
        ):
            convert = column.convert or CONVERTERS[column.type]
            array = arrow(self._converted(column, convert, values, rows, arrays), column.type)
        arrays[column.name] = array

    def _converted(
        self,
        column: _Column,
        convert: Convert,
        values: list[Any],
        rows: Rows,
        arrays: dict[str, Any],
    ) -> list[Any]:
        result: list[Any] = []
        variants: dict[int, str] = {}
        for number, value in enumerate(values):
            if value is None:
                result.append(None)
                continue
            try:
                result.append(convert(value))
            except UnfitError as problem:
                result.append(None)
                if not column.fixed:
                    variants[number] = CONVERTERS[TEXT](value)
                rows.rejects.append(
                    Reject(
                        rows.pages[number],
                        rows.keys[number],
                        column.name,
                        snippet(value),
                        f"{problem}"
                        + ("" if column.fixed else f"; kept as text in {column.name}__v_text"),
                    )
                )
        if variants:
            name = f"{column.name}__v_text"
            if name not in self.types:
                self.types[name] = self.added[name] = TEXT
            arrays[name] = arrow([variants.get(n) for n in range(len(values))], TEXT)
        return result

    def _fill_checksums(self, rows: Rows, arrays: dict[str, Any]) -> None:
        chosen = [self.checksums(record) for record in rows.records]
        from ..checksums import strongest

        pairs = [strongest(found) if found else None for found in chosen]
        arrays["checksum"] = arrow([pair and pair[1] for pair in pairs], TEXT)
        arrays["checksum_algorithm"] = arrow([pair and pair[0] for pair in pairs], TEXT)

    def checksums(self, record: dict[str, Any]) -> dict[str, str]:
        """The record's checksums as ``{algorithm: lowercase hex}``; what is none is left out."""
        from ..checksums import normalise

        found: dict[str, str] = {}
        for algorithm, path, convert in self._checksums:
            value = path.get(record)
            if value is MISSING or value is None:
                continue
            try:
                text = convert(value) if convert else value
            except UnfitError:
                continue
            plain = normalise(algorithm, text) if isinstance(text, str) else None
            if plain is not None:
                found[algorithm] = plain
        return found


def _hash(value: Any) -> bytes:
    return hashlib.blake2b(orjson.dumps(value, option=_STRICT), digest_size=16).digest()


def _plain_name(path: RecordPath) -> str | None:
    """The key, where the path is just that: read without walking."""
    if path.steps is not None and len(path.steps) == 1 and isinstance(path.steps[0], str):
        return path.steps[0]
    return None


def _whole(value: Any) -> bool:
    return isinstance(value, float) and value.is_integer()


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "an array", str: "text", bool: "true or false"}
    return names.get(type(value), "null" if value is None else "a number")


def snippet(value: Any) -> str:
    """A value for people: cut and redacted."""
    text = redact(CONVERTERS[TEXT](value))
    return text if len(text) <= _SNIPPET else text[:_SNIPPET] + "…"


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


def arrow(values: list[Any], type_: str) -> Any:
    """An Arrow array of values that fit."""
    import pyarrow as pa

    return pa.array(values, arrow_type(type_))


def arrow_fast(values: list[Any], type_: str) -> Any:
    """The whole column at once by Arrow itself; None where some value needs a closer look."""
    import pyarrow as pa

    try:
        if type_ == TIMESTAMP:
            texts = pa.array(values, pa.string())
            return texts.cast(arrow_type(TIMESTAMP))
        if type_ in (TEXT, BIGINT, BOOL):
            return pa.array(values, arrow_type(type_))
    except (pa.ArrowException, TypeError, OverflowError, UnicodeEncodeError):
        pass
    return None
