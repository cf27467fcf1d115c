"""A path into a record: ``name``, ``parent.id``, ``['@odata.nextLink']``, ``entries[0].name``.

Dotted paths and simple JSONPath (an optional ``$.``, names, indexes, quoted names) are walked
directly. Anything more (wildcards, filters, slices) is JSONPath proper, through ``jsonpath-ng``,
which dlt brings along. ``$`` alone is the whole record.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

_STEP = re.compile(
    r"""\s*(?:
        \.?\[\s*(?P<index>-?\d+)\s*\]
      | \.?\[\s*(?P<quote>['"])(?P<quoted>(?:(?!(?P=quote)).)*)(?P=quote)\s*\]
      | \.?(?P<name>[^\s.\[\]'"*?$]+(?:\ +[^\s.\[\]'"*?$]+)*)
    )""",
    re.VERBOSE,
)


class _Missing:
    """The path leads nowhere: not the same as a null at its end."""

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING = _Missing()


@dataclass(frozen=True)
class RecordPath:
    """A compiled path. ``steps``: names and indexes; None where JSONPath proper is needed."""

    text: str
    steps: tuple[str | int, ...] | None
    _find: Callable[[Any], list[Any]] | None = field(default=None, compare=False, repr=False)

    @property
    def is_plain(self) -> bool:
        """Whether the path names one place (no wildcard, no filter)."""
        return self.steps is not None

    def get(self, record: Any) -> Any:
        """What stands there, or `MISSING`. Of several matches: all, as a list."""
        if self.steps is None:
            assert self._find is not None
            return self._find(record) or MISSING
        for step in self.steps:
            if isinstance(record, dict):
                record = record.get(step, MISSING)
            elif isinstance(record, list) and isinstance(step, int):
                record = record[step] if -len(record) <= step < len(record) else MISSING
            else:
                return MISSING
        return record


def _walk(text: str) -> tuple[str | int, ...] | None:
    """The steps of a simple path; None where it is not simple."""
    rest = text.strip()
    if rest.startswith("$"):
        rest = rest[1:]
    steps: list[str | int] = []
    position = 0
    while position < len(rest):
        match = _STEP.match(rest, position)
        if match is None:
            return None
        if match["index"] is not None:
            steps.append(int(match["index"]))
        else:
            steps.append(match["quoted"] if match["quoted"] is not None else match["name"])
        position = match.end()
    return tuple(steps)


@lru_cache(maxsize=1024)
def record_path(text: str) -> RecordPath:
    """Compile a path; ValueError, with what is wrong, where it is none."""
    if not text.strip():
        raise ValueError("an empty path")
    steps = _walk(text)
    if steps is not None:
        return RecordPath(text, steps)
    from jsonpath_ng.ext.parser import parse

    try:
        parsed = parse(text)
    except Exception as problem:  # the parser raises plain Exception
        raise ValueError(f"not a path: {text!r} ({problem})") from problem
    return RecordPath(text, None, lambda record: [match.value for match in parsed.find(record)])
