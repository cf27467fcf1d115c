"""What the vendor has, as its listings told."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from ..models import File
from ..redact import is_secret

if TYPE_CHECKING:
    from .store import Ledger

_ASKED = 500  # keys in one question; SQLite's limit was 999 for long
_MARKS = ",".join("?" * _ASKED)
_UPSERT = """
INSERT INTO files (resource, key, row_hash, listing, first_seen, is_file, file_id, drive_id,
                   name, desired, size, fingerprint, checksum, version, mime_type, unselected,
                   modified)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (resource, key) DO UPDATE SET
    row_hash = excluded.row_hash, listing = excluded.listing, is_file = excluded.is_file,
    file_id = excluded.file_id, drive_id = excluded.drive_id, name = excluded.name,
    desired = excluded.desired, size = excluded.size, fingerprint = excluded.fingerprint,
    checksum = excluded.checksum, version = excluded.version, mime_type = excluded.mime_type,
    unselected = excluded.unselected, modified = excluded.modified,
    deleted_at = NULL, delete_reason = NULL, last_row = NULL
"""
_UPSERT_ROW = """
INSERT INTO files (resource, key, row_hash, listing, first_seen, is_file, file_id, drive_id,
                   fingerprint)
VALUES (?, ?, ?, ?, ?, ?, '', '', '')
ON CONFLICT (resource, key) DO UPDATE SET
    row_hash = excluded.row_hash, listing = excluded.listing, is_file = excluded.is_file,
    deleted_at = NULL, delete_reason = NULL, last_row = NULL
"""
_TOMBSTONE = """
UPDATE files SET deleted_at = ?, delete_reason = ?, row_hash = ?, last_row = NULL
WHERE deleted_at IS NULL AND resource = ?
"""


@dataclass(frozen=True)
class FileNote:
    """A file as a listing saw it, for the ledger.

    ``desired``: the path it wants in the sink; None: its bytes decide. ``unselected``: why it is
    not to be transferred. ``modified``: microseconds, where times count for that.
    """

    file: File
    row_hash: bytes
    is_file: bool = True
    desired: str | None = None
    unselected: str | None = None
    modified: int | None = None


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


@dataclass(frozen=True)
class Tombstone:
    """A file that the vendor no longer has. Times are microseconds.

    ``version``: 16 bytes, of this tombstone and no other row. ``last_row``: its row as the
    destination had it, column to value, times as microseconds; None: nobody has looked yet.
    """

    key: str
    file_id: str
    deleted_at: int
    reason: str
    first_seen: int
    version: bytes
    last_row: dict[str, Any] | None


class FilesBook:
    """Table ``files``: one row a file and resource."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.db = ledger.db

    def standing(
        self,
        resource: str,
        listing: int,
        keys: Sequence[str],
        hashes: Sequence[bytes],
        at: int,
        all_load: bool = False,
    ) -> Standing:
        """Compare what a listing saw with what is known. ``at``: microseconds, for new files.
        ``all_load``: say of the others too when they were first seen.
        """
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
            elif not all_load:
                continue
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
                    file.mime_type,
                    note.unselected,
                    note.modified,
                )
            )
        self.db.executemany(_UPSERT, rows)

    def note_rows(
        self, resource: str, listing: int, rows: Iterable[tuple[str, bytes, bool]], at: int
    ) -> None:
        """The same for rows of the catalogue whose bytes nobody wants: (key, hash, is a file)."""
        self.db.executemany(
            _UPSERT_ROW,
            [(resource, key, row_hash, listing, at, is_file) for key, row_hash, is_file in rows],
        )

    def note_again(self, resource: str) -> None:
        """Whatever a listing sees of these files next counts as changed, and is noted. Their rows
        in the destination are not: they are loaded again only if they differ.
        """
        self.db.execute(
            "UPDATE files SET row_hash = x'' WHERE resource = ? AND deleted_at IS NULL",
            (resource,),
        )

    def seen(self, resource: str, listing: int, keys: Iterable[str]) -> None:
        """Files that stand as they stood: this listing saw them too."""
        self.db.executemany(
            "UPDATE files SET listing = ? WHERE resource = ? AND key = ?",
            [(listing, resource, key) for key in keys],
        )

    def addresses(
        self, resource: str, pairs: Iterable[tuple[str, str]], keep: bool = False
    ) -> None:
        """Addresses of bytes, for this run only: they may be credentials, and may expire.

        ``keep``: those that are no credentials also for later runs, which may not list the file.
        """
        rows = [(resource, key, address) for key, address in pairs]
        self.db.executemany("INSERT OR REPLACE INTO temp.addresses VALUES (?, ?, ?)", rows)
        if keep:
            self.db.executemany(
                "INSERT OR REPLACE INTO kept_addresses VALUES (?, ?, ?)",
                [row for row in rows if not is_secret(row[2])],
            )

    def unique(self, resource: str, listing: int) -> int:
        """How many different keys a listing saw."""
        row = self.db.execute(
            "SELECT count(*) FROM files WHERE resource = ? AND listing = ?", (resource, listing)
        ).fetchone()
        return int(row[0])

    def count(self, resource: str) -> int:
        """How many files are known to be there."""
        row = self.db.execute(
            "SELECT count(*) FROM files WHERE resource = ? AND deleted_at IS NULL", (resource,)
        )
        return int(row.fetchone()[0])

    # -- tombstones ------------------------------------------------------------------------

    def tombstone(self, resource: str, keys: Iterable[str], at: int, reason: str) -> int:
        """The vendor no longer has these files. Returns how many were there until now, folders
        not counted.

        For what a change feed or a listing tells of deletions; call it in a transaction. ``at``:
        microseconds, the start of the listing that told. ``reason``: removed or trashed. Keys that
        nobody knows, and files that are tombstones already, are left alone. A file that a later
        listing notes again (`note`) is there again. The rows reach the destination with the next
        load of the resource (`filehaul.load.tombstones`).
        """
        values = (at, reason, version_of_tombstone(at, reason), resource)
        rows = [(*values, key) for key in keys]
        found = self.db.executemany(f"{_TOMBSTONE} AND is_file AND key = ?", rows)
        self.db.executemany(f"{_TOMBSTONE} AND key = ?", rows)
        self._forget_addresses(resource, at)
        return max(0, found.rowcount)

    def tombstone_missing(self, resource: str, before: int, at: int) -> int:
        """The same, with reason not_listed, for all that no listing from ``before`` on has seen."""
        reason = "not_listed"
        values = (at, reason, version_of_tombstone(at, reason), resource, before)
        found = self.db.execute(f"{_TOMBSTONE} AND is_file AND listing < ?", values)
        self.db.execute(f"{_TOMBSTONE} AND listing < ?", values)
        self._forget_addresses(resource, at)
        return found.rowcount

    def _forget_addresses(self, resource: str, at: int) -> None:
        """Of the tombstones of this moment: a file that comes back is listed, and has one again."""
        self.db.execute(
            "DELETE FROM kept_addresses WHERE resource = ? AND key IN (SELECT key FROM files"
            " WHERE resource = ? AND deleted_at = ?)",
            (resource, resource, at),
        )

    def missing(self, resource: str, before: int) -> int:
        """How many live files no listing from number ``before`` on has seen."""
        row = self.db.execute(
            "SELECT count(*) FROM files WHERE resource = ? AND listing < ? AND deleted_at IS NULL",
            (resource, before),
        ).fetchone()
        return int(row[0])

    def tombstones(self, resource: str) -> Iterator[list[Tombstone]]:
        """Those that the destination does not have, in batches in the order of their keys."""
        after = ""
        while True:
            rows = self.db.execute(
                "SELECT key, file_id, deleted_at, delete_reason, first_seen, row_hash, last_row"
                " FROM files"
                " WHERE resource = ? AND deleted_at IS NOT NULL AND loaded_hash IS NOT row_hash"
                " AND key > ? ORDER BY key LIMIT ?",
                (resource, after, _ASKED),
            ).fetchall()
            if rows:
                yield [
                    Tombstone(
                        key, name, at, reason, seen, version, orjson.loads(row) if row else None
                    )
                    for key, name, at, reason, seen, version, row in rows
                ]
            if len(rows) < _ASKED:
                return
            after = str(rows[-1][0])

    def keep_last_rows(self, resource: str, rows: Mapping[str, dict[str, Any]]) -> None:
        """What the destination had of these tombstones' files: so that it can be told again."""
        self.db.executemany(
            "UPDATE files SET last_row = ? WHERE resource = ? AND key = ?",
            [(orjson.dumps(row), resource, key) for key, row in rows.items()],
        )

    def tell_again(self, resource: str) -> None:
        """Tombstones are loaded once more: they are to be another kind of row from now on."""
        self.db.execute(
            "UPDATE files SET loaded_hash = NULL WHERE resource = ? AND deleted_at IS NOT NULL",
            (resource,),
        )


def version_of_tombstone(at: int, reason: str) -> bytes:
    """In the place of a row's hash: no row has it, so a file that comes back has changed."""
    return hashlib.blake2b(f"{reason} {at}".encode(), digest_size=16).digest()
