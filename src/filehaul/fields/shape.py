"""The table of one resource: records made to fit its columns."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from ..checksums import STRENGTH
from ..config import Resource
from ..config.model import FieldSource
from ..json_text import dumps
from ..models import Folder
from ..paths import MISSING, Place
from .codecs import (
    BIGINT,
    BOOL,
    CODECS,
    CONVERTERS,
    JSON,
    TEXT,
    Convert,
    UnfitError,
    checksum_codec,
    checksum_hex,
    size,
)
from .columns import (
    NEUTRAL_TYPES,
    SEED_TYPES,
    VARIANT,
    Column,
    Columns,
    Records,
    arrow,
    arrow_fast,
    arrow_type,
    plain_name,
)
from .keys import Keys
from .places import Places
from .rows import Reject, Rows, snippet

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["NEUTRAL_TYPES", "SEED_TYPES", "Reject", "Rows", "Shape", "arrow", "arrow_type"]

RAW = "raw"
_WHOLE = re.compile(r"-?[0-9]{1,18}")


class Shape:
    """The columns of one resource, and its records as rows of them.

    ``known``: column types from earlier runs, which stay. ``naming``: how the destination spells
    a column. ``types``: of every column so far; ``added``: those that are new, for the ledger.
    """

    def __init__(
        self,
        resource: Resource,
        naming: Callable[[str], str],
        known: Mapping[str, str] | None = None,
    ) -> None:
        self.resource = resource
        self.neutral = resource.fields is not None
        self.columns = Columns(naming, dict(known or {}))
        self._checksums: list[tuple[str, Place, Convert | None]] = []
        self._salt = b""
        self._places = Places(resource) if resource.has_places else None
        if self._places is not None and not self.neutral:
            self.columns.reserved |= {"path_complete"}
        if self.neutral:
            self._neutral_columns()
        self._keys = Keys(resource.keys, self.columns, self.neutral)

    @property
    def types(self) -> dict[str, str]:
        """Every column's type."""
        return self.columns.types

    @property
    def added(self) -> dict[str, str]:
        """Columns that are new: whoever has written them down empties it."""
        return self.columns.added

    @property
    def keys(self) -> tuple[str, ...]:
        """The primary key's columns as the destination spells them."""
        return self._keys.names

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
                self.columns.all.append(Column(name, source.place, type_, convert, fixed=True))
        for algorithm, source in fields.checksum.items():
            convert = checksum_codec(algorithm, source.codec)
            self._checksums.append((algorithm, source.place, convert))
        if self.resource.raw:
            self.types[RAW] = JSON
        # Other paths or codecs make other rows of the same records.
        self._salt = _hash([fields.model_dump(), self.resource.raw], b"")

    # -- rows ------------------------------------------------------------------------------

    def keyed(
        self, rows: Rows, records: list[Any], page: int, folder: Folder | None = None
    ) -> None:
        """Add a page's records to ``rows``, those without a usable key to its rejects.

        ``folder``: whose content the page is.
        """
        self._keys.add(rows, records, page)
        if folder is not None:
            rows.folders += [folder] * (len(rows.records) - len(rows.folders))

    def key_of(self, ids: Sequence[Any]) -> str:
        """The key of a file that is told by its ids alone, in the primary key's order.

        Raises UnfitError where they make none.
        """
        return self._keys.of(ids)

    def hashes(self, records: list[dict[str, Any]], folders: Sequence[Folder] = ()) -> list[bytes]:
        """16 bytes a record that change when its row would: what the ledger compares.

        ``folders``: where each was found, if folders were walked: one that was renamed changes
        the rows of all that is in it.
        """
        found = self._hashes(records)
        if not folders:
            return found
        return [
            hashlib.blake2b(one + folder.mark, digest_size=16).digest()
            for one, folder in zip(found, folders)
        ]

    def _hashes(self, records: list[dict[str, Any]]) -> list[bytes]:
        if not self.neutral or self.resource.raw:
            return [_hash(record, self._salt) for record in records]
        paths = [column.path for column in self.columns.all]
        paths += [path for _, path, _ in self._checksums]
        names = [name for path in paths if (name := plain_name(path)) is not None]
        if len(names) == len(paths):
            return [_hash([record.get(n) for n in names], self._salt) for record in records]
        return [
            _hash([None if (v := path.get(record)) is MISSING else v for path in paths], self._salt)
            for record in records
        ]

    def table(
        self, rows: Rows, extra: Mapping[str, tuple[str, Sequence[Any]]] | None = None
    ) -> pa.Table:
        """The rows as an Arrow table in this shape. Values that do not fit go to ``rows.rejects``.

        ``extra``: more columns, as (type, values); times may be microseconds. A field of the
        vendor's with the name of one of these becomes ``vendor_…``.
        """
        import pyarrow as pa

        extra = extra or {}
        self.columns.reserved |= frozenset(extra)
        records = Records(rows.records)
        if not self.neutral:
            self.columns.meet(records.kinds)
        arrays: dict[str, Any] = {}
        for column in self.columns.all:
            self._fill(column, column.values(records), rows, arrays)
        if self._checksums:
            self._fill_checksums(rows, arrays)
        if self._places is not None and rows.folders:
            self._fill_places(self._places, rows, arrays)
        if self.neutral and self.resource.raw:
            arrays[RAW] = arrow([CONVERTERS[JSON](record) for record in rows.records], JSON)
        for name, (type_, values) in extra.items():
            arrays[name] = arrow(values, type_)
        for name, type_ in self.types.items():
            if name not in arrays:
                arrays[name] = pa.nulls(len(rows.records), arrow_type(type_))
        return pa.table(arrays)

    def _fill(
        self, column: Column, values: Sequence[Any], rows: Rows, arrays: dict[str, Any]
    ) -> None:
        """One column, and its variant where a value needs one."""
        if column.type is None:
            type_ = column.first_type(values)
            if type_ is None:
                return
            self.columns.fix(column, type_)
        assert column.type is not None
        array = None
        if column.convert is None or column.convert is size:
            array = arrow_fast(values, column.type)
        if array is not None and column.convert is size and _negative(array):
            array = None
        if array is None:
            convert = column.convert or CONVERTERS[column.type]
            array = arrow(self._converted(column, convert, values, rows, arrays), column.type)
        arrays[column.name] = array

    def _converted(
        self,
        column: Column,
        convert: Convert,
        values: Sequence[Any],
        rows: Rows,
        arrays: dict[str, Any],
    ) -> list[Any]:
        """Each value by itself; what does not fit is reported, and kept as text or NULL."""
        result: list[Any] = []
        variants: dict[int, str] = {}
        for number, value in enumerate(values):
            if value is None:
                result.append(None)
                continue
            try:
                result.append(convert(value))
                continue
            except UnfitError as problem:
                reason = str(problem)
            result.append(None)
            if not column.fixed:
                variants[number] = CONVERTERS[TEXT](value)
                reason += f"; such values are kept as text in {column.name}{VARIANT}"
            if column.fixed or not column.told:
                column.told = not column.fixed
                page, key = rows.pages[number], rows.keys[number]
                rows.rejects.append(Reject(page, key, column.name, snippet(value), reason))
        if variants:
            name = column.name + VARIANT
            self.columns.note(name, TEXT)
            arrays[name] = arrow([variants.get(n) for n in range(len(values))], TEXT)
        return result

    def _fill_checksums(self, rows: Rows, arrays: dict[str, Any]) -> None:
        chosen = [self.checksums(record) for record in rows.records]
        names = [next((name for name in STRENGTH if name in found), None) for found in chosen]
        values = [None if name is None else found[name] for name, found in zip(names, chosen)]
        arrays["checksum"] = arrow(values, TEXT)
        arrays["checksum_algorithm"] = arrow(names, TEXT)

    def _fill_places(self, places: Places, rows: Rows, arrays: dict[str, Any]) -> None:
        """Where the records were found, where they do not say it themselves."""
        found = [
            places.path(folder, record, key)
            for folder, record, key in zip(rows.folders, rows.records, rows.keys)
        ]
        said = self._fill_gaps("path", [path for path, _ in found], arrays)
        complete = [whole or own for (_, whole), own in zip(found, said)]
        self._fill_gaps("path_complete", complete, arrays)
        self._fill_gaps("parent_id", [folder.folder_id or None for folder in rows.folders], arrays)
        kind = None if self.resource.fields is None else self.resource.fields.kind
        if self.neutral and not (kind is not None and kind.is_chosen):
            kinds = arrays["kind"].to_pylist() if "kind" in arrays else ["file"] * len(found)
            is_folder = map(places.is_folder, rows.records)
            arrays["kind"] = arrow(
                ["folder" if yes else kind for yes, kind in zip(is_folder, kinds)], TEXT
            )

    def _fill_gaps(self, name: str, values: list[Any], arrays: dict[str, Any]) -> list[bool]:
        """These values where the column has none; which rows have one of the record's own."""
        usual = BOOL if name == "path_complete" else TEXT
        type_ = self.columns.settle(name, usual)
        given = arrays[name].to_pylist() if name in arrays else [None] * len(values)
        own = [value is not None and value != "" for value in given]
        if type_ == BIGINT:  # ids are numbers to the vendor, so here too
            values = [int(one) if _WHOLE.fullmatch(one) else None for one in values]
        elif type_ != usual:
            return own  # the vendor means something else by this name
        if not all(own):
            kept = zip(own, given, values)
            arrays[name] = arrow([one if has else value for has, one, value in kept], type_)
        return own

    def checksums(self, record: dict[str, Any]) -> dict[str, str]:
        """The record's checksums as ``{algorithm: lowercase hex}``; what is none is left out."""
        found: dict[str, str] = {}
        for algorithm, path, convert in self._checksums:
            value = path.get(record)
            if value is MISSING or value is None:
                continue
            try:
                text = convert(value) if convert else value
            except UnfitError:
                continue
            plain = checksum_hex(algorithm, text) if isinstance(text, str) else None
            if plain is not None:
                found[algorithm] = plain
        return found


def _hash(value: Any, salt: bytes) -> bytes:
    try:
        written = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        written = dumps(value, sort=True)
    return hashlib.blake2b(salt + written, digest_size=16).digest()


def _negative(sizes: Any) -> bool:
    import pyarrow.compute as pc

    least = pc.min(sizes).as_py()
    return least is not None and least < 0
