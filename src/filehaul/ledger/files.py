"""What the vendor has, as its listings told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from ..models import File

if TYPE_CHECKING:
    from .store import Ledger

_ASKED = 500  # keys in one question; SQLite's limit was 999 for long
_MARKS = ",".join("?" * _ASKED)
_UPSERT = """
INSERT INTO files (resource, key, row_hash, listing, first_seen, is_file, file_id, drive_id,
                   name, desired, size, fingerprint, checksum, version)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (resource, key) DO UPDATE SET
    row_hash = excluded.row_hash, listing = excluded.listing, is_file = excluded.is_file,
    file_id = excluded.file_id, drive_id = excluded.drive_id, name = excluded.name,
    desired = excluded.desired, size = excluded.size, fingerprint = excluded.fingerprint,
    checksum = excluded.checksum, version = excluded.version
"""


@dataclass(frozen=True)
class FileNote:
    """A file as a listing saw it, for the ledger. ``desired``: the path it wants in the sink."""

    file: File
    row_hash: bytes
    is_file: bool = True
    desired: str | None = None


@dataclass(frozen=True)
class Standing:
    """What the ledger makes of some keys, by their place in the sequence asked about.

    ``changed``: new, or another row than last time. ``to_load``: not in the destination as they
    are now. ``repeated``: this listing has had them before. ``first_seen``: when, for ``to_load``.
    """

    changed: list[int]
    to_load: list[int]
    repeated: list[int]
    first_seen: dict[int, int]


class FilesBook:
    """Table ``files``: one row a file and resource."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.db = ledger.db

    def standing(
        self, resource: str, listing: int, keys: Sequence[str], hashes: Sequence[bytes], at: int
    ) -> Standing:
        """Compare what a listing saw with what is known. ``at``: microseconds, for new files."""
        known = self._known(resource, keys)
        changed: list[int] = []
        to_load: list[int] = []
        repeated: list[int] = []
        first_seen: dict[int, int] = {}
        here: dict[str, int] = {}
        for number, (key, row_hash) in enumerate(zip(keys, hashes)):
            row = known.get(key)
            if key in here or (row is not None and row[2] == listing):
                repeated.append(number)
                continue
            here[key] = number
            if row is None:
                changed.append(number)
                to_load.append(number)
                first_seen[number] = at
                continue
            if row[0] != row_hash:
                changed.append(number)
            if row[1] != row_hash:
                to_load.append(number)
                first_seen[number] = row[3]
        return Standing(changed, to_load, repeated, first_seen)

    def _known(self, resource: str, keys: Sequence[str]) -> dict[str, tuple[Any, ...]]:
        found: dict[str, tuple[Any, ...]] = {}
        for start in range(0, len(keys), _ASKED):
            some = keys[start : start + _ASKED]
            # Not through json_each: it cuts a key off at a NUL.
            marks = _MARKS if len(some) == _ASKED else ",".join("?" * len(some))
            for row in self.db.execute(
                "SELECT key, row_hash, loaded_hash, listing, first_seen FROM files"
                f" WHERE resource = ? AND key IN ({marks})",
                (resource, *some),
            ):
                found[row[0]] = row[1:]
        return found

    def note(self, resource: str, listing: int, notes: Iterable[FileNote], at: int) -> None:
        """Write down files that are new or have changed."""
        rows = []
        for note in notes:
            file = note.file
            rows.append(
                (
                    resource,
                    file.key,
                    note.row_hash,
                    listing,
                    at,
                    note.is_file,
                    file.file_id,
                    file.drive_id,
                    file.name,
                    note.desired,
                    file.size,
                    file.fingerprint,
                    orjson.dumps(dict(file.checksum)).decode() if file.checksum else None,
                    file.version,
                )
            )
        self.db.executemany(_UPSERT, rows)

    def seen(self, resource: str, listing: int, keys: Iterable[str]) -> None:
        """Files that stand as they stood: this listing saw them too."""
        self.db.executemany(
            "UPDATE files SET listing = ? WHERE resource = ? AND key = ?",
            [(listing, resource, key) for key in keys],
        )

    def addresses(self, resource: str, pairs: Iterable[tuple[str, str]]) -> None:
        """Addresses of bytes, for this run only: they may be credentials, and may expire."""
        self.db.executemany(
            "INSERT OR REPLACE INTO temp.addresses VALUES (?, ?, ?)",
            [(resource, key, address) for key, address in pairs],
        )

    def unique(self, resource: str, listing: int) -> int:
        """How many different keys a listing saw."""
        row = self.db.execute(
            "SELECT count(*) FROM files WHERE resource = ? AND listing = ?", (resource, listing)
        ).fetchone()
        return int(row[0])

    def count(self, resource: str) -> int:
        """How many files are known."""
        row = self.db.execute("SELECT count(*) FROM files WHERE resource = ?", (resource,))
        return int(row.fetchone()[0])
