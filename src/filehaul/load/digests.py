"""Whether a row that a listing brings stands in the destination already, value by value.

The ledger compares hashes of the vendor's records, and a lost one cannot be made again from rows.
So a ledger that was rebuilt has a digest of each row as the destination has it, and what a listing
would load is held to these, until its rows have been loaded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from ..config import Resource
from ..fields import JSON, Reject
from ..json_text import dumps
from ..ledger import Ledger
from .merging import DELETED_AT, ROW_VERSION
from .tombstones import plain

if TYPE_CHECKING:
    import pyarrow as pa

_OURS = frozenset({"first_seen_at", "last_seen_at", DELETED_AT, "delete_reason", ROW_VERSION})


def of_the_record(types: Mapping[str, str]) -> dict[str, str]:
    """Those of a table's columns that the vendor's record fills."""
    return {
        name: type_
        for name, type_ in types.items()
        if name not in _OURS and not name.startswith("_dlt_")
    }


def digest(row: Mapping[str, Any], types: Mapping[str, str]) -> bytes:
    """16 bytes that two rows have in common only if each value of theirs is the same."""
    found: dict[str, Any] = {}
    for name, type_ in types.items():
        value = row.get(name)
        if value is None:
            continue
        kept = plain(value, type_)
        found[name] = _same_json(kept) if type_ == JSON else kept
    return hashlib.blake2b(dumps(found, sort=True), digest_size=16).digest()


def _same_json(text: Any) -> Any:
    """Databases write JSON in their own way."""
    try:
        return orjson.loads(text)
    except (orjson.JSONDecodeError, TypeError):
        return text


class Standing:
    """The rows of one resource as an earlier run loaded them. ``appended``: the table has every row
    that ever came, so one of a file says nothing of the others.
    """

    def __init__(self, ledger: Ledger, resource: str, appended: bool) -> None:
        self.book = ledger.rebuilt
        self.resource = resource
        self.appended = appended

    @classmethod
    def of(
        cls, ledger: Ledger, resource: Resource, incremental: bool, anew: bool
    ) -> Standing | None:
        """None: every row is to be loaded, or the ledger knows by itself which are not. ``anew``: a
        table that is appended to is written anew.
        """
        merges = resource.disposition == "merge"
        if not merges and (anew or not incremental or resource.disposition != "append"):
            return None
        if not ledger.rebuilt.has(resource.name):
            return None
        return cls(ledger, resource.name, not merges)

    def left_out(
        self,
        table: pa.Table,
        keys: Sequence[str],
        types: Mapping[str, str],
        rejects: Sequence[Reject],
    ) -> tuple[pa.Table, list[Reject]]:
        """The rows that the destination does not have as they are, and what was rejected of them:
        of the others it was told when they were loaded. ``keys``: the ledger's, one a row.
        """
        import pyarrow as pa

        new = self._new(table, keys, types)
        if len(new) == len(keys):
            return table, list(rejects)
        known = set(keys).difference(keys[number] for number in new)
        numbers = pa.array(new, pa.int64())
        return table.take(numbers), [one for one in rejects if one.record or one.key not in known]

    def _new(self, table: pa.Table, keys: Sequence[str], types: Mapping[str, str]) -> list[int]:
        types = of_the_record(types)
        columns = table.select([name for name in table.column_names if name in types])
        digests = [digest(row, types) for row in columns.to_pylist()]
        pairs = list(zip([""] * len(digests) if self.appended else keys, digests))
        known = self.book.known(self.resource, pairs)
        return [number for number, pair in enumerate(pairs) if pair not in known]
