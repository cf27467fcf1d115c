"""A path into a record: ``name``, ``parent.id``, ``['@odata.nextLink']``, ``entries[0].name``.

Dotted paths and simple JSONPath (an optional ``$.``, names, indexes, quoted names) are walked
directly. Anything more (wildcards, filters, slices, unions) is JSONPath proper, through
``jsonpath-ng``, which dlt brings along. ``$`` alone is the whole record.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

_STEP = re.compile(
    r"""\s*(?:
        \.?\[\s*(?P<index>-?\d+)\s*\]
      | \.?\[\s*(?P<quote>['"])(?P<quoted>(?:(?!(?P=quote)).)*)(?P=quote)\s*\]
      | \.?(?P<name>[^\s.\[\]'"*?$`|,&()]+(?:\ +[^\s.\[\]'"*?$`|,&()]+)*)
    )""",
    re.VERBOSE,
)
# What may follow the array itself for its elements still to be one record each.
_ELEMENTS = re.compile(
    r"\s*(?:\.?\[\s*\*\s*\]|\.\*|\.?\[\s*\?.*\]|\.?\[\s*-?\d*\s*:[-\d:\s]*\])\s*\Z"
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
    """A compiled path. ``steps``: names and indexes; None where JSONPath proper is needed.

    Of such a path ``begins`` is the simple part in front (``files`` of ``files[?(@.size)]``), and
    ``selects_elements`` says that the rest only chooses among the elements of that one array.
    """

    text: str
    steps: tuple[str | int, ...] | None
    begins: RecordPath | None = None
    selects_elements: bool = False
    _find: Callable[[Any], list[Any]] | None = field(default=None, compare=False, repr=False)

    def __reduce__(self) -> tuple[Any, ...]:
        """What finds several matches cannot be pickled; a path is compiled again from its text."""
        if self.steps is None:
            return record_path, (self.text,)
        return RecordPath, (self.text, self.steps)

    @property
    def is_plain(self) -> bool:
        """Whether the path names one place (no wildcard, no filter)."""
        return self.steps is not None

    def get(self, record: Any) -> Any:
        """What stands there, or `MISSING`. Of several matches: all, as a list."""
        if self.steps is None:
            assert self._find is not None
            try:
                return self._find(record) or MISSING
            except (TypeError, ValueError, AttributeError, LookupError):
                return MISSING  # a filter that cannot compare what the record holds
        for step in self.steps:
            if isinstance(record, dict):
                record = record.get(step, MISSING)
            elif isinstance(record, list) and (isinstance(step, int) or step.isdecimal()):
                place = int(step)  # entries.0 is entries[0], where there is an array
                record = record[place] if -len(record) <= place < len(record) else MISSING
            else:
                return MISSING
        return record

    def one(self, record: Any) -> Any:
        """What stands there, or `MISSING`. Of several matches: the first, as dlt takes it."""
        found = self.get(record)
        return found[0] if self.steps is None and isinstance(found, list) else found


@dataclass(frozen=True)
class WhichValue:
    """What a vendor's value is called here. Values are compared as text. One that is not listed is
    ``otherwise``; without that it stays as it is.
    """

    path: RecordPath
    values: Mapping[str, Any]
    otherwise: Any = None
    steps: None = None

    @property
    def text(self) -> str:
        """The path, for people."""
        return self.path.text

    def get(self, record: Any) -> Any:
        """The value's name here, or `MISSING`."""
        found = self.path.one(record)
        chosen = MISSING
        if isinstance(found, str):
            chosen = self.values.get(found, MISSING)
        elif isinstance(found, (bool, int)):
            chosen = self.values.get(str(found).lower(), MISSING)
        if chosen is not MISSING:
            return chosen
        return found if self.otherwise is None else self.otherwise

    one = get


@dataclass(frozen=True)
class WhichExists:
    """The value of the first of these paths at which something other than null stands."""

    text: str
    paths: tuple[tuple[RecordPath, Any], ...]
    otherwise: Any = None
    steps: None = None

    @cached_property
    def _names(self) -> list[tuple[Any, Any]]:
        """The paths, where each is a name: facets mostly are, and each record is asked often."""
        steps = [path.steps for path, _ in self.paths]
        named = all(one is not None and len(one) == 1 and type(one[0]) is str for one in steps)
        return [(one[0], value) for one, (_, value) in zip(steps, self.paths) if named and one]

    def get(self, record: Any) -> Any:
        """The value that belongs to what the record has, or `MISSING`."""
        if self._names and type(record) is dict:
            for name, value in self._names:
                if record.get(name) is not None:
                    return value
            return MISSING if self.otherwise is None else self.otherwise
        for path, value in self.paths:
            found = path.get(record)
            if found is not None and found is not MISSING:
                return value
        return MISSING if self.otherwise is None else self.otherwise

    one = get


Place = RecordPath | WhichValue | WhichExists


def _walk(text: str) -> tuple[tuple[str | int, ...], str]:
    """The steps of a path as far as it is simple, and the rest of it."""
    rest = text.strip()
    if rest.startswith("$"):
        rest = rest[1:]
    steps: list[str | int] = []
    position = 0
    while position < len(rest):
        match = _STEP.match(rest, position)
        if match is None:
            break
        if match["index"] is not None:
            steps.append(int(match["index"]))
        else:
            steps.append(match["quoted"] if match["quoted"] is not None else match["name"])
        position = match.end()
    return tuple(steps), rest[position:]


@lru_cache(maxsize=1024)
def record_path(text: str) -> RecordPath:
    """Compile a path; ValueError, with what is wrong, where it is none."""
    if not text.strip():
        raise ValueError("an empty path")
    steps, rest = _walk(text)
    if not rest:
        return RecordPath(text, steps)
    from jsonpath_ng.ext.parser import parse

    try:
        parsed = parse(text)
    except Exception as problem:  # the parser raises plain Exception
        raise ValueError(f"not a path: {text!r} ({problem})") from problem
    steps = steps if rest.lstrip()[:1] in ("[", ".") else ()  # a union has no one beginning
    return RecordPath(
        text,
        None,
        RecordPath(".".join(map(str, steps)) or "$", steps),
        _ELEMENTS.match(rest) is not None,
        lambda record: [match.value for match in parsed.find(record)],
    )


def key_path(name: str) -> RecordPath:
    """The path to the key of just this name, whatever characters it has."""
    return RecordPath(name, (name,))
