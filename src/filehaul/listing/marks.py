"""What a record is known by while it is listed: its key, or else all that it says."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable
from typing import Any

from ..config import Resource
from ..config.base import spelled
from ..config.model import FieldSource
from ..json_text import dumps
from ..paths import Place, key_path

Marks = Callable[[list[Any]], list[Hashable]]


def digest(value: Any) -> bytes:
    """16 bytes that change when the value does."""
    return hashlib.blake2b(dumps(value), digest_size=16).digest()


class Marker:
    """Marks the records of one resource. Calling it never fails: what has no key has a digest."""

    def __init__(self, resource: Resource) -> None:
        self.names = resource.keys
        self.paths: list[Place] | None = None
        if resource.fields is not None:
            sources = [getattr(resource.fields, name, None) for name in self.names]
            if all(isinstance(source, FieldSource) for source in sources):
                self.paths = [source.place for source in sources if source]

    def __call__(self, records: list[Any]) -> list[Hashable]:
        """One mark a record."""
        paths = self.paths if self.paths is not None else self._found(records)
        if len(paths) == 1 and paths[0].steps is not None and len(paths[0].steps) == 1:
            name = paths[0].steps[0]
            return [
                found
                if type(record) is dict and type(found := record.get(name)) in (str, int)
                else self._mark(record, paths)
                for record in records
            ]
        return [self._mark(record, paths) for record in records]

    def _mark(self, record: Any, paths: list[Place]) -> Hashable:
        values = [path.get(record) for path in paths]
        scalar = all(type(value) in (str, int) and value != "" for value in values)
        return tuple(values) if values and scalar else digest(record)

    def _found(self, records: list[Any]) -> list[Place]:
        """Where the key stands: the vendor may spell its name in its own way."""
        for record in records:
            if not isinstance(record, dict):
                continue
            names = {spelled(str(name)): str(name) for name in reversed(record) if str(name)}
            names |= {name: name for name in self.names if name in record}
            found = [names.get(name) or names.get(spelled(name)) for name in self.names]
            if found and all(found):
                self.paths = [key_path(name) for name in found if name]
                return self.paths
        return []
