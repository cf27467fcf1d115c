"""The file, its schema, its version, and the transactions on it."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import LedgerError, TemporaryError
from ..models import ListingSummary
from .changes import CHANGES_SCHEMA
from .folders import FOLDERS_SCHEMA
from .schema import SCHEMA, TEMPORARY

if TYPE_CHECKING:
    from .changes import ChangesBook
    from .chosen import ChosenBook
    from .files import FilesBook
    from .folders import FoldersBook
    from .packages import PackagesBook
    from .partials import PartialsBook
    from .places import PlacesBook
    from .rebuilt import RebuiltBook
    from .there import ThereBook
    from .told import ToldBook
    from .transfers import TransfersBook
    from .watermarks import WatermarksBook
    from .withheld import WithheldBook

SCHEMA_VERSION = 1
_APPLICATION_ID = 0x66686C31  # "fhl1": this SQLite file is a ledger of ours
_SQL_ERROR = 1  # SQLITE_ERROR
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

# From version n to n + 1; run after a copy of the file was made.
_MIGRATIONS: dict[int, Callable[[sqlite3.Connection], None]] = {}


def micros(moment_: datetime) -> int:
    """A UTC time as the ledger keeps it."""
    return (moment_ - _EPOCH) // timedelta(microseconds=1)


def moment(value: int | None) -> datetime | None:
    """The UTC time that the ledger kept."""
    return None if value is None else _EPOCH + timedelta(microseconds=value)


def _steps(version: int) -> range:
    return range(version, SCHEMA_VERSION)


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """What SQLite raises, as errors of ours."""
    try:
        yield
    except (sqlite3.ProgrammingError, sqlite3.IntegrityError, sqlite3.InterfaceError):
        raise  # a defect of ours
    except sqlite3.OperationalError as problem:
        if getattr(problem, "sqlite_errorcode", None) == _SQL_ERROR:
            raise  # likewise: a statement that SQLite does not understand
        raise TemporaryError(
            f"the ledger cannot be used: {problem}",
            where=str(path),
            hint="is another program writing to it, or the disk full? run again later",
        ) from problem
    except sqlite3.DatabaseError as problem:
        raise LedgerError(
            f"the ledger is damaged, or not a ledger of filehaul: {problem}",
            where=str(path),
            hint="move it away: the next run lists everything and looks at what is in the sink",
        ) from problem


class Ledger:
    """An open ledger. One process at a time: `filehaul.lock` sees to it."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self.lock: int | None = None  # the descriptor of the connection's, while it is held
        self.db = connection

    @classmethod
    def open(cls, path: Path, durable: str = "process") -> Ledger:
        """Open or create. Raises LedgerError where it is newer, damaged, or something else."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # A ledger holds names of files and folders: not for everybody's eyes.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except OSError as problem:
            raise TemporaryError(
                f"the ledger cannot be opened: {problem.strerror}",
                where=str(path),
                hint="state: (or FILEHAUL_STATE) must name a writable file on a local disk",
            ) from None
        with explained(path):
            connection = sqlite3.connect(path, isolation_level=None, timeout=30.0)
            ledger = cls(path, connection)
            try:
                ledger._prepare(durable)
            except BaseException:
                connection.close()
                raise
        return ledger

    @classmethod
    def look(cls, path: Path) -> Ledger | None:
        """Open for reading alone, as it stands now, also while a run writes to it. None: there is
        nothing in it yet. Raises as `open` does.
        """
        with explained(path):
            uri = f"{path.absolute().as_uri()}?mode=ro"
            connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=30.0)
            ledger = cls(path, connection)
            try:
                connection.execute("BEGIN")
                if ledger._version() is not None:
                    return ledger
                connection.close()
                return None
            except BaseException:
                connection.close()
                raise

    def _prepare(self, durable: str) -> None:
        db = self.db
        db.execute("PRAGMA busy_timeout = 30000")
        version = self._version()  # before anything is changed: it may be someone else's file
        db.execute("PRAGMA journal_mode = WAL")
        db.execute(f"PRAGMA synchronous = {'FULL' if durable == 'power' else 'NORMAL'}")
        db.execute("PRAGMA temp_store = FILE")
        db.execute("PRAGMA cache_size = -32768")
        if version is None:
            db.executescript(
                f"BEGIN IMMEDIATE; {SCHEMA} {CHANGES_SCHEMA} {FOLDERS_SCHEMA}"
                f"PRAGMA user_version = {SCHEMA_VERSION};"
                f"PRAGMA application_id = {_APPLICATION_ID}; COMMIT;"
            )
        elif version < SCHEMA_VERSION:
            self._migrate(version)
        db.execute(TEMPORARY)

    def _version(self) -> int | None:
        """The schema's version; None: the file is new. Raises LedgerError for what is not ours."""
        if self.db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
            return None
        if self.db.execute("PRAGMA application_id").fetchone()[0] != _APPLICATION_ID:
            raise LedgerError(
                "this SQLite file is not a ledger of filehaul",
                where=str(self.path),
                hint="name another file under state:",
            )
        version = int(self.db.execute("PRAGMA user_version").fetchone()[0])
        if version > SCHEMA_VERSION or any(n not in _MIGRATIONS for n in _steps(version)):
            raise LedgerError(
                f"the ledger has schema version {version}; this filehaul knows {SCHEMA_VERSION}",
                where=str(self.path),
                hint="upgrade filehaul: a newer one has written here",
            )
        return version

    def _migrate(self, version: int) -> None:
        """To our version, all or nothing; the file as it was stays beside it."""
        self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        copy = self.path.with_name(f"{self.path.name}.v{version}")
        shutil.copy2(self.path, copy)
        with self.transaction():
            for step in _steps(version):
                _MIGRATIONS[step](self.db)
            self.db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; one level deep."""
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._roll_back()
            raise
        try:
            self.db.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        if self.db.in_transaction:  # SQLite itself has ended it where the disk was full
            self.db.execute("ROLLBACK")

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
            " complete = ?, how = ?, why_not = ?, change_token = ? WHERE number = ?",
            (
                micros(summary.finished_at),
                summary.pages,
                summary.rows,
                summary.unique_keys,
                summary.complete,
                summary.how,
                summary.why_not,
                summary.change_token,
                number,
            ),
        )

    def end_interrupted(self) -> None:
        """Listings that a kill broke off have ended: they are told of, and not as complete."""
        self.db.execute(
            "UPDATE listings SET finished_at = ?, complete = 0, how = 'interrupted',"
            " why_not = 'the run was ended before the listing was' WHERE finished_at IS NULL",
            (time.time_ns() // 1000,),
        )

    def listing_id(self, number: int) -> str:
        """The id of a listing; KeyError where there is none of this number."""
        row = self.db.execute("SELECT listing_id FROM listings WHERE number = ?", (number,))
        found = row.fetchone()
        if found is None:
            raise KeyError(number)
        return str(found[0])

    @cached_property
    def files(self) -> FilesBook:
        """What the vendor has."""
        from .files import FilesBook

        return FilesBook(self)

    @cached_property
    def folders(self) -> FoldersBook:
        """The folders of flat listings."""
        from .folders import FoldersBook

        return FoldersBook(self)

    @cached_property
    def changes(self) -> ChangesBook:
        """Change tokens, and places in the vendor's tree."""
        from .changes import ChangesBook

        return ChangesBook(self)

    @cached_property
    def told(self) -> ToldBook:
        """Files that a vendor says are gone."""
        from .told import ToldBook

        return ToldBook(self)

    @cached_property
    def transfers(self) -> TransfersBook:
        """What the sink has."""
        from .transfers import TransfersBook

        return TransfersBook(self)

    @cached_property
    def partials(self) -> PartialsBook:
        """Bytes that are not verified yet."""
        from .partials import PartialsBook

        return PartialsBook(self)

    @cached_property
    def places(self) -> PlacesBook:
        """Whose path is whose in the sink."""
        from .places import PlacesBook

        return PlacesBook(self)

    @cached_property
    def packages(self) -> PackagesBook:
        """What the destination has."""
        from .packages import PackagesBook

        return PackagesBook(self)

    @cached_property
    def watermarks(self) -> WatermarksBook:
        """How far the changes of a resource have been read."""
        from .watermarks import WatermarksBook

        return WatermarksBook(self)

    @cached_property
    def chosen(self) -> ChosenBook:
        """The files that this run is about, where it is not about all of them."""
        from .chosen import ChosenBook

        return ChosenBook(self)

    @cached_property
    def rebuilt(self) -> RebuiltBook:
        """What was taken from the destination when this ledger was new."""
        from .rebuilt import RebuiltBook

        return RebuiltBook(self)

    @cached_property
    def there(self) -> ThereBook:
        """What the sink was seen to have."""
        from .there import ThereBook

        return ThereBook(self)

    @cached_property
    def withheld(self) -> WithheldBook:
        """Listings that saw everything, and what a guard withheld."""
        from .withheld import WithheldBook

        return WithheldBook(self)

    def close(self) -> None:
        """Close the file. Whoever kills us instead loses nothing: the WAL is replayed."""
        with contextlib.suppress(sqlite3.Error):
            self.db.execute("PRAGMA optimize")
        self.db.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
