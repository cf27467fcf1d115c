"""The file, its schema, its version, and the transactions on it."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import LedgerError, TemporaryError
from ..models import ListingSummary

if TYPE_CHECKING:
    from .files import FilesBook
    from .packages import PackagesBook
    from .transfers import TransfersBook

SCHEMA_VERSION = 1
_APPLICATION_ID = 0x66686C31  # "fhl1": this SQLite file is a ledger of ours
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;

CREATE TABLE listings (
    number INTEGER PRIMARY KEY,
    listing_id TEXT NOT NULL UNIQUE,
    resource TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    finished_at INTEGER,
    pages INTEGER, rows INTEGER, unique_keys INTEGER,
    complete INTEGER NOT NULL DEFAULT 0,
    how TEXT, why_not TEXT,
    loaded INTEGER NOT NULL DEFAULT 0, package TEXT
);

CREATE TABLE columns (
    resource TEXT NOT NULL, name TEXT NOT NULL, type TEXT NOT NULL,
    PRIMARY KEY (resource, name)
) WITHOUT ROWID;

-- row_hash: the row as last seen; loaded_hash: as confirmed in the destination.
-- listing: the number of the listing that saw it last. desired: the path it wants in the sink.
-- address: where its bytes are; NULL where that is a secret (it is then in temp.addresses).
CREATE TABLE files (
    resource TEXT NOT NULL, key TEXT NOT NULL,
    row_hash BLOB NOT NULL, loaded_hash BLOB,
    listing INTEGER NOT NULL, first_seen INTEGER NOT NULL,
    is_file INTEGER NOT NULL, file_id TEXT NOT NULL, drive_id TEXT NOT NULL,
    name TEXT, desired TEXT, size INTEGER, fingerprint TEXT NOT NULL, checksum TEXT,
    version TEXT, address TEXT,
    PRIMARY KEY (resource, key)
) WITHOUT ROWID;

CREATE TABLE transfers (
    resource TEXT NOT NULL, key TEXT NOT NULL,
    file_id TEXT NOT NULL, drive_id TEXT NOT NULL,
    status TEXT NOT NULL, fingerprint TEXT NOT NULL, version TEXT,
    sink TEXT NOT NULL, target TEXT NOT NULL, size INTEGER, sha256 BLOB, verified_by TEXT,
    attempts INTEGER NOT NULL, started_at INTEGER, finished_at INTEGER,
    error TEXT, permanent INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0, retry_at INTEGER,
    listing INTEGER, recorded_at INTEGER NOT NULL,
    loaded INTEGER NOT NULL DEFAULT 0, package TEXT,
    PRIMARY KEY (resource, key)
) WITHOUT ROWID;
CREATE INDEX transfers_unloaded ON transfers (loaded) WHERE loaded = 0;

-- Which file a path of the sink belongs to. folded: the same for paths that clash anywhere.
CREATE TABLE paths (
    sink TEXT NOT NULL, folded TEXT NOT NULL, path TEXT NOT NULL, desired TEXT NOT NULL,
    resource TEXT NOT NULL, key TEXT NOT NULL,
    PRIMARY KEY (sink, folded)
) WITHOUT ROWID;
CREATE UNIQUE INDEX paths_of_file ON paths (sink, resource, key);

-- A name that already holds bytes is about to be replaced: settled at the next start.
CREATE TABLE intents (
    sink TEXT NOT NULL, target TEXT NOT NULL,
    resource TEXT NOT NULL, key TEXT NOT NULL,
    size INTEGER NOT NULL, sha256 BLOB NOT NULL, receipt TEXT NOT NULL,
    PRIMARY KEY (sink, target)
) WITHOUT ROWID;

CREATE TABLE notices (
    number INTEGER PRIMARY KEY, table_name TEXT NOT NULL, row TEXT NOT NULL, package TEXT
);

CREATE TABLE packages (
    load_id TEXT PRIMARY KEY, target TEXT NOT NULL, listings TEXT NOT NULL,
    state TEXT NOT NULL, at INTEGER NOT NULL
) WITHOUT ROWID;
"""
# Rows that must not outlive the run: SQLite keeps them in a file without a name.
_TEMPORARY = """
CREATE TEMP TABLE addresses (
    resource TEXT NOT NULL, key TEXT NOT NULL, address TEXT NOT NULL,
    PRIMARY KEY (resource, key)
) WITHOUT ROWID;
"""
# From version n to n + 1; run after a copy of the file was made.
_MIGRATIONS: dict[int, Callable[[sqlite3.Connection], None]] = {}


def micros(moment_: datetime) -> int:
    """A UTC time as the ledger keeps it."""
    return (moment_ - _EPOCH) // timedelta(microseconds=1)


def moment(value: int | None) -> datetime | None:
    """The UTC time that the ledger kept."""
    return None if value is None else _EPOCH + timedelta(microseconds=value)


class Ledger:
    """An open ledger. One process at a time: `filehaul.lock` sees to it."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self.db = connection

    @classmethod
    def open(cls, path: Path, durable: str = "process") -> Ledger:
        """Open or create. Raises LedgerError where it is newer, damaged, or something else."""
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            # A ledger holds names of files and folders: not for everybody's eyes.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            connection = sqlite3.connect(path, isolation_level=None, timeout=30.0)
        except (OSError, sqlite3.Error) as problem:
            raise TemporaryError(
                f"the ledger cannot be opened: {problem}",
                where=str(path),
                hint="state: (or FILEHAUL_STATE) must name a writable file on a local disk",
            ) from None
        ledger = cls(path, connection)
        try:
            ledger._prepare(durable)
        except sqlite3.OperationalError as problem:
            connection.close()
            raise TemporaryError(
                f"the ledger cannot be used: {problem}",
                where=str(path),
                hint="is another program writing to it, or the disk full? run again later",
            ) from None
        except sqlite3.DatabaseError as problem:
            connection.close()
            raise LedgerError(
                f"this is not a ledger of filehaul: {problem}",
                where=str(path),
                hint="name another file under state:, or move this one away",
            ) from None
        except LedgerError:
            connection.close()
            raise
        return ledger

    def _prepare(self, durable: str) -> None:
        db = self.db
        db.execute("PRAGMA busy_timeout = 30000")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute(f"PRAGMA synchronous = {'FULL' if durable == 'power' else 'NORMAL'}")
        db.execute("PRAGMA temp_store = FILE")
        db.execute("PRAGMA cache_size = -32768")
        version = db.execute("PRAGMA user_version").fetchone()[0]
        application = db.execute("PRAGMA application_id").fetchone()[0]
        empty = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
        if empty:
            db.executescript(
                f"BEGIN IMMEDIATE; {_SCHEMA}"
                f"PRAGMA user_version = {SCHEMA_VERSION};"
                f"PRAGMA application_id = {_APPLICATION_ID}; COMMIT;"
            )
        elif application != _APPLICATION_ID:
            raise LedgerError(
                "this SQLite file is not a ledger of filehaul",
                where=str(self.path),
                hint="name another file under state:",
            )
        elif version > SCHEMA_VERSION:
            raise LedgerError(
                f"the ledger has schema version {version}; this filehaul knows {SCHEMA_VERSION}",
                where=str(self.path),
                hint="upgrade filehaul: a newer one has written here",
            )
        elif version < SCHEMA_VERSION:
            self._migrate(version)
        db.execute(_TEMPORARY)

    def _migrate(self, version: int) -> None:
        self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copy2(self.path, self.path.with_suffix(f".v{version}{self.path.suffix}"))
        with self.transaction():
            for step in range(version, SCHEMA_VERSION):
                _MIGRATIONS[step](self.db)
            self.db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; one level deep."""
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")

    # -- small things ----------------------------------------------------------------------

    def meta(self, name: str) -> str | None:
        """A named value; None: never set."""
        row = self.db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def set_meta(self, name: str, value: str) -> None:
        """Set a named value."""
        self.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def columns(self, resource: str) -> dict[str, str]:
        """The column types of a resource's table, as fixed at first sight."""
        return dict(
            self.db.execute("SELECT name, type FROM columns WHERE resource = ?", (resource,))
        )

    def add_columns(self, resource: str, columns: dict[str, str]) -> None:
        """Fix the types of new columns."""
        self.db.executemany(
            "INSERT OR IGNORE INTO columns VALUES (?, ?, ?)",
            [(resource, name, type_) for name, type_ in columns.items()],
        )

    # -- listings --------------------------------------------------------------------------

    def begin_listing(self, listing_id: str, resource: str, at: datetime) -> int:
        """A listing starts: its number, larger than all before it."""
        cursor = self.db.execute(
            "INSERT INTO listings (listing_id, resource, started_at) VALUES (?, ?, ?)",
            (listing_id, resource, micros(at)),
        )
        number = cursor.lastrowid
        assert number is not None
        return number

    def end_listing(self, number: int, summary: ListingSummary) -> None:
        """A listing has ended, complete or not."""
        self.db.execute(
            "UPDATE listings SET finished_at = ?, pages = ?, rows = ?, unique_keys = ?,"
            " complete = ?, how = ?, why_not = ? WHERE number = ?",
            (
                micros(summary.finished_at),
                summary.pages,
                summary.rows,
                summary.unique_keys,
                summary.complete,
                summary.how,
                summary.why_not,
                number,
            ),
        )

    @cached_property
    def files(self) -> FilesBook:
        """What the vendor has."""
        from .files import FilesBook

        return FilesBook(self)

    @cached_property
    def transfers(self) -> TransfersBook:
        """What the sink has."""
        from .transfers import TransfersBook

        return TransfersBook(self)

    @cached_property
    def packages(self) -> PackagesBook:
        """What the destination has."""
        from .packages import PackagesBook

        return PackagesBook(self)

    def close(self) -> None:
        """Close the file. Whoever kills us instead loses nothing: the WAL is replayed."""
        with contextlib.suppress(sqlite3.Error):
            self.db.execute("PRAGMA optimize")
        self.db.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
