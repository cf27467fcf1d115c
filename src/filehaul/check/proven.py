"""What a look at the real vendor says: one line of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from ..errors import FilehaulError

Outcome = Literal["passed", "failed", "not applicable"]


class NothingHereError(Exception):
    """There is nothing to look at; the message says why."""


@dataclass(frozen=True)
class Proven:
    """One line: what was looked at, and what came of it. ``error``: why it failed."""

    what: str
    outcome: Outcome
    text: str
    error: FilehaulError | None = None

    def as_dict(self) -> dict[str, Any]:
        """The same for ``--json``."""
        return {
            "event": "conformance",
            "what": self.what,
            "outcome": self.outcome,
            "text": self.text,
            "error": self.error and self.error.as_dict(),
        }
