"""What a check says: one line of it, with a table where a page was mapped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..errors import FilehaulError


@dataclass(frozen=True)
class Mapped:
    """One column as a page fills it. ``path``: where its values stand, as the config has it.
    ``example``: its first value, cut and redacted; None: all are null.
    """

    column: str
    path: str
    filled: int
    null: int
    example: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The same for ``--json``."""
        names = ("column", "path", "filled", "null", "example")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Finding:
    """One line of a check. ``error`` is set where it is not well. ``advice``: what to write in the
    config instead. ``columns``: one page mapped.
    """

    what: str
    text: str
    error: FilehaulError | None = None
    advice: str = ""
    columns: tuple[Mapped, ...] = ()

    @property
    def is_suspicious(self) -> bool:
        """Whether a run would go on, and a person should look."""
        return self.error is None and self.text.startswith("suspicious: ")

    def as_dict(self) -> dict[str, Any]:
        """The same for ``--json``."""
        row: dict[str, Any] = {
            "event": "check",
            "what": self.what,
            "ok": self.error is None,
            "text": self.text,
            "suspicious": self.is_suspicious,
            "advice": self.advice or None,
            "error": self.error and self.error.as_dict(),
        }
        if self.columns:
            row["columns"] = [one.as_dict() for one in self.columns]
        return row


def failed(what: str, problem: FilehaulError) -> Finding:
    """A finding that is not well."""
    return Finding(what, problem.message, problem)


def suspicious(what: str, text: str, advice: str = "") -> Finding:
    """A finding that a person should look at."""
    return Finding(what, f"suspicious: {text}", advice=advice)
