"""Which of a vendor's fields are checksums: by name, and by what the values look like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..checksums import SUPPORTED
from .seen import Seen
from .shapes import algorithms_by_shape, hashes
from .words import ALGORITHMS, HASHES, OWN

_EXTRA = {"blake3": "filehaul[blake3]", "crc32c": "filehaul[crc32c]"}


@dataclass(frozen=True)
class Checksum:
    """A field with a checksum. ``doubt``: why it may be another algorithm's."""

    algorithm: str
    path: str
    codec: str
    doubt: str = ""


def checksums(seen: Sequence[Seen]) -> tuple[list[Checksum], list[str]]:
    """The checksums, one an algorithm; and what is named like one and is none."""
    found: dict[str, Checksum] = {}
    notes: list[str] = []
    for one in sorted(seen, key=lambda one: len(one.steps)):
        if not one.filled or not all(name in OWN for name in one.above):
            continue
        named = next((name for word, name in ALGORITHMS.items() if word in one.word), None)
        guess = _by_name(one, named, notes) if named else _by_shape(one, seen)
        if guess is not None:
            found.setdefault(guess.algorithm, guess)
    return list(found.values()), notes


def _by_name(one: Seen, algorithm: str, notes: list[str]) -> Checksum | None:
    if algorithm not in SUPPORTED:
        notes.append(f"{one.path} needs {_EXTRA.get(algorithm, 'another algorithm')}: not mapped")
        return None
    codec = hashes(one.filled, algorithm)
    if codec is not None:
        return Checksum(algorithm, one.path, codec)
    if one.all(lambda value: isinstance(value, str)):
        notes.append(f"{one.path} is not mapped: not all of its values are {algorithm}")
    return None


def _by_shape(one: Seen, seen: Sequence[Seen]) -> Checksum | None:
    """A checksum whose name does not say of which algorithm it is."""
    if one.word not in HASHES:
        return None
    possible = algorithms_by_shape(one.filled)
    if not possible:
        return None
    algorithm, codec = possible[0]
    if one.word == "contenthash" and algorithm == "sha256" and _is_dropbox(seen):
        return Checksum("dropbox", one.path, codec)
    if any(isinstance(value, str) and ":" in value for value in one.filled):
        return Checksum(algorithm, one.path, codec)  # sha256:…: the values say it
    other = {"sha1": " (or quickxor)", "sha256": " (or blake3, or dropbox)"}.get(algorithm, "")
    return Checksum(
        algorithm, one.path, codec, f"by the length of its values it is {algorithm}{other}"
    )


def _is_dropbox(seen: Sequence[Seen]) -> bool:
    return {"tag", "rev", "pathlower"} <= {one.word for one in seen}
