"""A folder of real files as the vendor's files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from filehaul.testing.files import Entry, FakeFile, modified, version_of


def file_id_of(relative: str) -> str:
    """The id of a file at this path below the folder: the same in every run."""
    return hashlib.sha256(os.fsencode(relative)).hexdigest()[:20]


def scan(folder: Path, known: Mapping[str, Entry]) -> dict[str, Entry]:
    """Entries of all files below a folder, sorted by path; ``known`` ones are kept if unchanged.

    Links to files are followed, links to folders are not. What cannot be read is left out.
    """
    entries = {}
    for relative in sorted(_walk(str(folder), "")):
        key = file_id_of(relative)
        entry = known.get(key)
        entry = entry.current() if entry else _entry(folder / relative, relative, key)
        if entry:
            entries[key] = entry
    return entries


def _walk(folder: str, prefix: str) -> Iterator[str]:
    try:
        found = list(os.scandir(folder))
    except OSError:
        return
    for each in found:
        if each.is_dir(follow_symlinks=False):
            yield from _walk(each.path, f"{prefix}{each.name}/")
        elif each.is_file() and os.access(each.path, os.R_OK):
            yield prefix + each.name


def _entry(path: Path, relative: str, key: str) -> Entry | None:
    try:
        at = modified(version_of(path))
    except OSError:
        return None
    # Names on disk need not be UTF-8; a JSON text must be.
    shown = relative.encode("utf-8", "replace").decode()
    name = shown.rpartition("/")[2]
    return Entry(FakeFile(key, name, shown, path, created_at=at, modified_at=at))
