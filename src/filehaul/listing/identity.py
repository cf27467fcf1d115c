"""Which file a record is about, and whether it says that the file is gone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..config import Resource
from ..config.base import spelled
from ..config.changes import Deleted
from ..config.model import FieldSource
from ..json_text import dumps
from ..paths import MISSING, RecordPath, key_path, record_path

Ids = tuple[Any, ...]


class Identity:
    """Reads records, or changes of a feed, of one resource."""

    def __init__(
        self,
        resource: Resource,
        deleted: Sequence[Deleted],
        id_paths: Sequence[str] = (),
        location_path: str | None = None,
    ) -> None:
        self._deleted = deleted
        if id_paths:
            self._readers = [_reader(record_path(path)) for path in id_paths]
        else:
            self._readers = [_key_reader(resource, name) for name in resource.keys]
        # A file outside any drive is still a file: only that part of its key may be empty.
        self._may_be_blank = [
            name == "drive_id" and len(resource.keys) > 1 for name in resource.keys
        ]
        self._location = None if location_path is None else record_path(location_path)

    def ids(self, record: Any) -> Ids | None:
        """The values of the primary key, in its order; None where the record lacks one."""
        found = []
        for read, blank in zip(self._readers, self._may_be_blank):
            value = read(record)
            if value is MISSING or value is None or value == "":
                if not blank:
                    return None
                value = ""
            if isinstance(value, (bool, dict, list)):
                return None
            found.append(value)
        return tuple(found)

    def gone(self, record: Any) -> str | None:
        """``removed`` or ``trashed`` where the record says so; None: the file is there."""
        for block in self._deleted:
            if block.holds(record):
                return block.reason
        return None

    def location(self, record: Any) -> str | None:
        """The place in the vendor's tree; None where the record has none, or none is asked for."""
        if self._location is None:
            return None
        found = self._location.one(record)
        return found if isinstance(found, str) and found else None


def ids_text(ids: Ids) -> str:
    """One text for one file: 1 and "1" are the same id."""
    return dumps([one if isinstance(one, str) else str(one) for one in ids]).decode()


def _reader(path: RecordPath) -> Callable[[Any], Any]:
    return path.one


def _key_reader(resource: Resource, name: str) -> Callable[[Any], Any]:
    """Where records have a column of the primary key; the vendor may spell its name its own way."""
    if resource.fields is not None:
        source = getattr(resource.fields, name, None)
        if isinstance(source, FieldSource):
            return source.place.one
    plain = key_path(name)
    wanted = spelled(name)

    def read(record: Any) -> Any:
        value = plain.get(record)
        if value is not MISSING or not isinstance(record, dict):
            return value
        for vendor_name, found in record.items():
            if vendor_name.strip() and spelled(vendor_name) == wanted:
                return found
        return value

    return read
