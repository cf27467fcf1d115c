"""Which array of an answer holds the records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .columns import columns
from .seen import Steps, bare, spelled
from .words import FILE_ARRAYS, FOLDER_ARRAYS

_DEEPEST = 4
_SAMPLE = 20
_WORTH = ("file_id", "file_name", "path", "size", "modified_at", "created_at", "mime_type")


@dataclass(frozen=True)
class Arrays:
    """The selectors, their records (those of the first page), and arrays that were left out."""

    selectors: tuple[str, ...]
    records: tuple[dict[str, Any], ...]
    others: tuple[str, ...] = ()
    is_empty: bool = False


def arrays(body: Any) -> Arrays | None:
    """Where the records stand; None: there is no array of objects."""
    if isinstance(body, list):
        records = tuple(one for one in body if isinstance(one, dict))
        return Arrays(("$",), records, is_empty=not records) if records or not body else None
    found = {steps: value for steps, value in _arrays(body, ()) if spelled(steps) is not None}
    full = {steps: value for steps, value in found.items() if value}
    if not full:
        usual = [steps for steps in found if bare(str(steps[-1])) in FILE_ARRAYS]
        return Arrays((_spelled(usual[0]),), (), is_empty=True) if usual else None
    best = max(full, key=lambda steps: _worth(steps, full[steps]))
    chosen = [best, *(steps for steps in found if _belongs(steps, best, found))]
    if bare(str(best[-1])) in FOLDER_ARRAYS:  # files first
        chosen.reverse()
    records = tuple(record for steps in chosen for record in found[steps])
    others = tuple(_spelled(steps) for steps in full if steps not in chosen)
    return Arrays(tuple(map(_spelled, chosen)), records, others)


def selector(body: Any) -> str | None:
    """The first of them, as `check` proposes it; None: there is none."""
    found = arrays(body)
    return found.selectors[0] if found and found.selectors else None


def _spelled(steps: Steps) -> str:
    text = spelled(steps)
    assert text is not None
    return text


def _arrays(value: Any, before: Steps) -> Iterator[tuple[Steps, list[Any]]]:
    """Arrays of objects, and empty ones, below objects; not those inside of arrays."""
    if not isinstance(value, dict) or len(before) >= _DEEPEST:
        return
    for name, inner in value.items():
        steps = (*before, name)
        if isinstance(inner, list) and all(isinstance(one, dict) for one in inner):
            yield steps, inner
        else:
            yield from _arrays(inner, steps)


def _worth(steps: Steps, records: list[Any]) -> tuple[float, ...]:
    """How much an array looks like one of files: its records, then its name, then how many."""
    found = columns(records[:_SAMPLE])
    name = bare(str(steps[-1]))
    rank = FILE_ARRAYS.index(name) if name in FILE_ARRAYS else len(FILE_ARRAYS)
    said = sum(found.of(column) is not None for column in _WORTH)
    is_folders = name in FOLDER_ARRAYS
    return (said + bool(found.of("checksum")) - is_folders, -rank, len(records), -len(steps))


def _belongs(steps: Steps, best: Steps, found: dict[Steps, list[Any]]) -> bool:
    """Whether an array is the other half of a listing: folders beside files."""
    if steps == best or steps[:-1] != best[:-1]:
        return False
    names = {bare(str(steps[-1])), bare(str(best[-1]))}
    halves = names & set(FOLDER_ARRAYS), names & set(FILE_ARRAYS)
    if not all(halves):
        return False
    records = found[steps]
    return not records or columns(records[:_SAMPLE]).of("file_id") is not None
