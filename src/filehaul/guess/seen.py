"""The places in records of one kind, each with what stands there record by record."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..paths import MISSING, record_path

Steps = tuple[str | int, ...]

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")
_DEEPEST = 4
_MOST_PLACES = 600
_MOST_RECORDS = 500


@dataclass(frozen=True)
class Seen:
    """One place. ``values``: of each record, `MISSING` where it has no such key."""

    steps: Steps
    values: tuple[Any, ...]

    @cached_property
    def path(self) -> str:
        """As a config writes it."""
        found = spelled(self.steps)
        assert found is not None
        return found

    @cached_property
    def word(self) -> str:
        """The last name on the way, without case and punctuation."""
        return bare(next(str(step) for step in reversed(self.steps) if isinstance(step, str)))

    @cached_property
    def above(self) -> tuple[str, ...]:
        """The names on the way to it, likewise; those of arrays too."""
        names = [bare(step) for step in self.steps if isinstance(step, str)]
        return tuple(names[:-1])

    @cached_property
    def filled(self) -> tuple[Any, ...]:
        """The values that say something: no null, no empty text."""
        return tuple(one for one in self.values if one is not MISSING and one not in (None, ""))

    @property
    def is_whole(self) -> bool:
        """Whether every record has a value here."""
        return len(self.filled) == len(self.values)

    def all(self, holds: Callable[[Any], bool]) -> bool:
        """Whether there are values, and all of them are so."""
        return bool(self.filled) and all(map(holds, self.filled))


def bare(name: str) -> str:
    """A name without case and punctuation: ``createdDateTime`` is ``created_date_time``."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def spelled(steps: Steps) -> str | None:
    """The way as a path of the config; None where a name cannot be written as one."""
    text = ""
    for step in steps:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN.match(step):
            text += f".{step}" if text else step
        else:
            quote = "'" if "'" not in step else '"'
            text += f"[{quote}{step}{quote}]"
    try:
        return text if record_path(text).steps == steps and text.isprintable() else None
    except ValueError:
        return None


def places(records: Sequence[Any]) -> list[Seen]:
    """Every place in these records, objects inside them included; of an array the first element.

    Places that no path of a config can name are left out.
    """
    records = [one for one in records[:_MOST_RECORDS] if isinstance(one, dict)]
    ways: dict[Steps, None] = {}
    for record in records:
        for steps in _ways(record, ()):
            ways[steps] = None
            if len(ways) >= _MOST_PLACES:
                break
    return [
        Seen(steps, tuple(record_path(path).get(one) for one in records))
        for steps in ways
        if (path := spelled(steps)) is not None
    ]


def _ways(value: Any, before: Steps) -> Iterator[Steps]:
    if len(before) >= _DEEPEST:
        return
    if isinstance(value, dict):
        for name, inner in value.items():
            if isinstance(name, str) and name:
                yield (*before, name)
                yield from _ways(inner, (*before, name))
    elif isinstance(value, list) and value and before:
        if not isinstance(value[0], (dict, list)):
            yield (*before, 0)
        yield from _ways(value[0], (*before, 0))
