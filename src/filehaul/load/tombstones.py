"""Rows of files that the vendor no longer has: as they were, and when and why they went.

dlt's merge replaces whole rows, and the ledger keeps no rows: so the destination is asked for
them, once, when the tombstone is made. From then on the ledger has them, and a destination that
loses its tables gets its tombstones again (`docs/decisions/0008-tombstones.md`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import orjson

from ..fields import BIGINT, BOOL, DOUBLE, JSON, TEXT, TIMESTAMP
from ..fields.shape import arrow
from ..json_text import dumps
from ..ledger import Ledger, Tombstone, micros, moment
from .merging import ROW_VERSION
from .package import Catalogue

if TYPE_CHECKING:
    import pyarrow as pa

    from .destination import Destination

_VALID_TO = "_dlt_valid_to"


def spool_tombstones(destination: Destination, ledger: Ledger, catalogue: Catalogue) -> int:
    """Put the tombstones that the destination does not have yet to a catalogue's rows.

    Returns how many. Raises what `Destination.sql` raises.
    """
    name, count = catalogue.resource.name, 0
    for batch in ledger.files.tombstones(name):
        unasked = [one.key for one in batch if one.last_row is None]
        found = _last_rows(destination, catalogue, unasked) if unasked else {}
        with ledger.transaction():
            ledger.files.keep_last_rows(name, found)
        rows = [_row(catalogue, one, found.get(one.key)) for one in batch]
        catalogue.spool.add(_table(rows, catalogue.types))
        count += len(batch)
    catalogue.spool.close()
    return count


def _last_rows(
    destination: Destination, catalogue: Catalogue, keys: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """The rows of these files in the destination; empty where it has none."""
    values = {key: key_values(catalogue, key) for key in keys}
    found: dict[str, dict[str, Any]] = {key: {} for key in keys}
    by_value = {tuple(value): key for key, value in values.items()}
    for record in _ask(destination, catalogue, list(values.values())):
        key = by_value.get(tuple(record.get(name) for name in catalogue.keys))
        if key is not None and record.get(_VALID_TO) is None:
            found[key] = {
                name: plain(value, catalogue.types[name])
                for name, value in record.items()
                if name in catalogue.types and value is not None
            }
    return found


def _ask(
    destination: Destination, catalogue: Catalogue, values: Sequence[Sequence[Any]]
) -> list[dict[str, Any]]:
    table = destination.naming(catalogue.resource.name)
    columns = [destination.merging.quoted(name) for name in catalogue.keys]
    if len(columns) == 1:
        marks = ", ".join(["%s"] * len(values))
        where = f"{columns[0]} IN ({marks})"
    else:
        one = " AND ".join(f"{column} = %s" for column in columns)
        where = " OR ".join([f"({one})"] * len(values))
    flat = [part for value in values for part in value]
    return destination.records(f"SELECT * FROM {{table}} WHERE {where}", *flat, table=table) or []


def key_values(catalogue: Catalogue, key: str) -> list[Any]:
    """The columns of the primary key, from the ledger's key of a file."""
    parts = orjson.loads(key) if len(catalogue.keys) > 1 else [key]
    types = (catalogue.types.get(name, TEXT) for name in catalogue.keys)
    return [int(part) if type_ == BIGINT else part for part, type_ in zip(parts, types)]


def _row(catalogue: Catalogue, one: Tombstone, found: dict[str, Any] | None) -> dict[str, Any]:
    row = {**(one.last_row or found or {})}
    row.update(zip(catalogue.keys, key_values(catalogue, one.key)))
    row["first_seen_at"] = one.first_seen
    row["deleted_at"] = one.deleted_at
    row["delete_reason"] = one.reason
    if ROW_VERSION in catalogue.types:
        row[ROW_VERSION] = row_version(one.key, one.version)
    return row


def row_version(key: str, row_hash: bytes) -> str:
    """What tells one version of a row from all others, its own and those of other files."""
    return hashlib.blake2b(row_hash + key.encode(), digest_size=16).hexdigest()


def _table(rows: Sequence[Mapping[str, Any]], types: Mapping[str, str]) -> pa.Table:
    import pyarrow as pa

    return pa.table(
        {
            name: arrow([_value(row.get(name), type_) for row in rows], type_)
            for name, type_ in types.items()
        }
    )


def _value(value: Any, type_: str) -> Any:
    return moment(value) if type_ == TIMESTAMP else value


def plain(value: Any, type_: str) -> Any:
    """A value as the destination gives it, as the ledger's JSON can hold it."""
    if type_ == TIMESTAMP and isinstance(value, datetime):
        return micros(value if value.tzinfo else value.replace(tzinfo=timezone.utc))
    if type_ == JSON:
        return value if isinstance(value, str) else dumps(value).decode()
    if type_ == TEXT:
        return str(value)
    whole = {BIGINT: int, DOUBLE: float, BOOL: bool}.get(type_)
    return None if whole is None else whole(value)
