"""Records of a stretch of a listing on their way to the table, and what was rejected of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..models import Folder
from ..redact import redact
from .codecs import text

_SNIPPET = 200


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

    def as_row(self) -> dict[str, Any]:
        """Its columns in that table, as far as it knows them itself."""
        names = ("page", "key", "field", "value", "reason")
        return {name: getattr(self, name) for name in names}


@dataclass
class Rows:
    """Records of one stretch of a listing that have a usable key, side by side with the keys.

    ``folders``: where each was found; empty where no folders are walked.
    """

    keys: list[str] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)
    pages: list[int] = field(default_factory=list)
    addresses: list[str | None] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    folders: list[Folder] = field(default_factory=list)

    def folder(self, number: int) -> Folder | None:
        """Where this record was found; None where no folders are walked."""
        return self.folders[number] if self.folders else None

    def only(self, numbers: list[int]) -> Rows:
        """Some of them, with no rejects yet."""
        return Rows(
            [self.keys[n] for n in numbers],
            [self.records[n] for n in numbers],
            [self.pages[n] for n in numbers],
            folders=[self.folders[n] for n in numbers] if self.folders else [],
        )


def kind_of(value: Any) -> str:
    """What a value is, in words."""
    names = {dict: "an object", list: "an array", str: "text", bool: "true or false"}
    return names.get(type(value), "null" if value is None else "a number")


def snippet(value: Any) -> str:
    """A value for people: cut and redacted."""
    shown = redact(text(value)[: 8 * _SNIPPET])
    return shown if len(shown) <= _SNIPPET else shown[:_SNIPPET] + "…"
