"""Which of a vendor's fields could fill which neutral column, and how each value is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..redact import is_secret
from .checksums import checksums
from .seen import Seen, places
from .shapes import is_mime, is_scalar, is_size, is_text, is_url, time_codec
from .words import NAMES, OWN, OWNER_NAMES, OWNERS, PARENTS

_TIMES = ("created_at", "modified_at")


@dataclass(frozen=True)
class Guess:
    """One column. ``algorithm``: of a checksum. ``doubt``: why it may be wrong; else its name and
    its values both say it.
    """

    column: str
    path: str
    codec: str = ""
    doubt: str = ""
    algorithm: str = ""


@dataclass(frozen=True)
class Columns:
    """What was found. ``notes``: what was looked at and left out, and why."""

    guesses: tuple[Guess, ...]
    notes: tuple[str, ...] = ()

    def of(self, column: str) -> Guess | None:
        """The guess for a column; of several checksums the first."""
        return next((one for one in self.guesses if one.column == column), None)


def columns(records: Sequence[Any]) -> Columns:
    """The neutral columns that these records of a listing could fill."""
    seen = places(records)
    around = _wrapper(seen)
    notes: list[str] = []
    found: dict[str, Guess] = {}
    for column in NAMES:
        guess = _column(column, list(_named(column, seen, around)), notes)
        if guess is not None:
            found[column] = guess
    _identity(seen, found, notes)
    _path(seen, found, notes)
    if owner := _owner(seen):
        found["owner"] = owner
    hashed, odd = checksums(seen)
    order = [name for name in (*NAMES, "owner") if name in found]
    return Columns(
        (
            *(found[name] for name in order),
            *(Guess("checksum", one.path, one.codec, one.doubt, one.algorithm) for one in hashed),
        ),
        (*notes, *odd),
    )


def _wrapper(seen: Sequence[Seen]) -> tuple[str, ...]:
    """The names of an object that holds all there is of each record."""
    top = {one.steps[0] for one in seen}
    outer = next((one for one in seen if len(one.steps) == 1), None)
    if len(top) == 1 and outer is not None and outer.all(lambda value: isinstance(value, dict)):
        return (outer.word,)
    return ()


def _named(column: str, seen: Iterable[Seen], around: tuple[str, ...]) -> Iterator[Seen]:
    """The places with a usual name of the column, the likeliest first."""
    ranked = []
    for number, one in enumerate(seen):
        above = one.above[len(around) :] if one.above[: len(around)] == around else one.above
        rank = _rank(column, one.word, above)
        if rank is not None and one.filled:
            ranked.append((len(above), rank, number, one))
    return (one for *_, one in sorted(ranked, key=lambda row: row[:3]))


def _rank(column: str, word: str, above: tuple[str, ...]) -> int | None:
    """How likely a name is for a column; None: it is another thing's."""
    if above and above[-1] in PARENTS:
        if column != {"id": "parent_id", "driveid": "drive_id"}.get(word):
            return None
        return 0 if all(name in OWN for name in above[:-1]) else None
    if word not in NAMES[column] or not all(name in OWN for name in above):
        return None
    return NAMES[column].index(word)


def _column(column: str, candidates: Sequence[Seen], notes: list[str]) -> Guess | None:
    """The first candidate whose values fit the column; those before it are told of."""
    for one in candidates:
        guess = _fits(column, one)
        if guess is not None:
            return guess
        if column in (*_TIMES, "size") and not one.all(lambda value: isinstance(value, dict)):
            sort = "times" if column in _TIMES else "numbers of bytes"
            notes.append(f"{one.path} is not mapped to {column}: its values are no {sort}")
    return None


def _fits(column: str, one: Seen) -> Guess | None:
    if column in _TIMES:
        codec = time_codec(one.filled)
        return None if codec is None else Guess(column, one.path, codec)
    if column == "size":
        if not one.all(is_size):
            return None
        return Guess(column, one.path, "int" if any(map(is_text, one.filled)) else "")
    if column == "mime_type":
        return Guess(column, one.path) if one.all(is_mime) else None
    if column == "web_url":
        unsigned = one.all(lambda value: is_url(value) and not is_secret(value))
        return Guess(column, one.path) if unsigned else None
    if column == "parent_id" and 2 * len(one.filled) < len(one.values):
        return None  # a few records have it: it is their own
    wanted = is_scalar if column in ("file_id", "parent_id", "drive_id", "version") else is_text
    return Guess(column, one.path) if one.all(wanted) else None


def _identity(seen: Sequence[Seen], found: dict[str, Guess], notes: list[str]) -> None:
    """The id must be in every record and tell one from another; else something else has to."""
    by_path = {one.path: one for one in seen}
    first = found.get("file_id")
    if first is not None and _tells_apart(by_path[first.path]):
        return
    if first is not None:
        one = by_path[first.path]
        why = "two records have the same" if one.is_whole else "not every record has one"
        notes.append(f"{first.path} is not the file_id: {why}")
        del found["file_id"]
    usual = [one for name in NAMES["file_id"] for one in seen if one.word == name and _own(one)]
    ids = [one for one in seen if one.word.endswith("id") and _own(one)]
    text = [
        by_path[found[column].path]
        for column in ("path", "file_name", "web_url")
        if column in found
    ]
    for one in (*usual, *ids, *text):
        if _tells_apart(one):
            doubt = "no usual id is in every record; this one tells the records of the page apart"
            if one in text:
                doubt = "no id in every record: this stands in, so a file that moves is another one"
            found["file_id"] = Guess("file_id", one.path, doubt=doubt)
            return
    notes.append("no field tells one record from another: file_id is missing")


def _own(one: Seen) -> bool:
    return all(name in OWN for name in one.above)


def _tells_apart(one: Seen) -> bool:
    values = one.filled
    return one.is_whole and one.all(is_scalar) and len(set(map(str, values))) == len(values)


def _path(seen: Sequence[Seen], found: dict[str, Guess], notes: list[str]) -> None:
    """A path ends in the file's name; one that does not is the folder's."""
    path, name = found.get("path"), found.get("file_name")
    if name is None:
        return
    by_path = {one.path: one for one in seen}
    if path is None:
        if any("/" in value for value in by_path[name.path].filled):
            found["path"] = Guess("path", name.path)
        return
    pairs = [
        (way.rstrip("/"), called)
        for way, called in zip(by_path[path.path].values, by_path[name.path].values)
        if is_text(way) and is_text(called)
    ]
    if pairs and not any(way.endswith(called) for way, called in pairs):
        notes.append(f"{path.path} is not mapped to path: it does not end in the file's name")
        del found["path"]


def _owner(seen: Sequence[Seen]) -> Guess | None:
    """Who it belongs to: a name or an address of people, of the owner before the creator."""
    ranked = []
    for one in seen:
        words = (*one.above, one.word)
        who = next((word for word in words[:2] if word in OWNERS), None)
        if who is None or not one.all(is_scalar) or not set(words[:-1]) <= {*OWNERS, "user"}:
            continue
        last = OWNER_NAMES.index(one.word) if one.word in OWNER_NAMES else len(OWNER_NAMES)
        if last < len(OWNER_NAMES) or len(words) == 1:
            ranked.append((OWNERS.index(who), last, one.path))
    return Guess("owner", min(ranked)[2]) if ranked else None
