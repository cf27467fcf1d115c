"""A name in the braces of a template: what stands there in a record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..config import Resource
from ..config.base import spelled
from ..config.model import FieldSource
from ..paths import MISSING, Place, record_path


class InBraces:
    """A name in braces, looked up in a record.

    Without ``fields`` it may also be the column's spelling of one of the vendor's fields.
    """

    def __init__(self, path: Place, column: str | None) -> None:
        self.path = path
        self.column = column

    def get(self, record: Mapping[str, Any]) -> Any:
        """What stands there, or MISSING."""
        value = self.path.get(record)
        if value is not MISSING or self.column is None:
            return value
        for name, found in record.items():
            if name.strip() and spelled(name) == self.column:
                return found
        return value


def in_braces(resource: Resource, name: str) -> InBraces:
    """A name in the braces: one of the table's columns, else a path into the record."""
    if resource.fields is None:
        return InBraces(record_path(name), spelled(name))
    source = getattr(resource.fields, name, None)
    return InBraces(source.place if isinstance(source, FieldSource) else record_path(name), None)
