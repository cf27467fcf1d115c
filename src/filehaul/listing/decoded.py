"""What an answer's body is made into: JSON's values, and what is known to be missing."""

from __future__ import annotations

from typing import Any, NamedTuple


class Decoded(NamedTuple):
    """``answer``: as JSON would have it. ``doubt``: why it may not be whole; None: it is."""

    answer: Any
    doubt: str | None = None
