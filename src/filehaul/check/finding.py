"""What a check says: one line of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..errors import FilehaulError


@dataclass(frozen=True)
class Finding:
    """One line of a check. ``error`` is set where it is not well."""

    what: str
    text: str
    error: FilehaulError | None = None

    def as_dict(self) -> dict[str, Any]:
        """The same for ``--json``."""
        return {
            "event": "check",
            "what": self.what,
            "ok": self.error is None,
            "text": self.text,
            "error": self.error and self.error.as_dict(),
        }


def failed(what: str, problem: FilehaulError) -> Finding:
    """A finding that is not well."""
    return Finding(what, problem.message, problem)
