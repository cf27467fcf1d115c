"""A ledger made anew from what the destination has and the sink confirms.

Everything here happens in one transaction of the first run; later runs only ask for the digests of
rows, as long as there are any.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..names import HASHES, folded, is_by_hash
from .transfers import DAY, MOST_DAYS

if TYPE_CHECKING:
    from .store import Ledger

_TEMPORARY = """
CREATE TEMP TABLE IF NOT EXISTS told_receipts (
    resource TEXT NOT NULL, drive_id TEXT NOT NULL, file_id TEXT NOT NULL,
    status TEXT NOT NULL, fingerprint TEXT NOT NULL, version TEXT, target TEXT,
    size INTEGER, sha256 BLOB, verified_by TEXT, attempts INTEGER NOT NULL,
    started_at INTEGER, finished_at INTEGER, error TEXT, listing_id TEXT,
    recorded_at INTEGER NOT NULL, permanent INTEGER NOT NULL, failures INTEGER NOT NULL,
    PRIMARY KEY (resource, drive_id, file_id)
) WITHOUT ROWID
"""
_FILE = """
INSERT INTO files (resource, key, row_hash, loaded_hash, listing, first_seen, is_file, file_id,
                   drive_id, name, size, fingerprint, deleted_at, delete_reason)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', ?, ?)
ON CONFLICT (resource, key) DO UPDATE SET first_seen = min(first_seen, excluded.first_seen)
"""
_TRUSTED = "(r.status = 'done' AND r.sha256 IS NOT NULL AND w.size = r.size)"
# A row that says done, and is not believed, is told again as it is now.
_RECEIPTS = f"""
INSERT INTO transfers (resource, key, file_id, drive_id, status, fingerprint, version, sink, target,
    size, sha256, verified_by, attempts, started_at, finished_at, error, permanent, failures,
    retry_at, listing, recorded_at, loaded, package)
SELECT f.resource, f.key, f.file_id, f.drive_id,
    CASE WHEN r.status = 'done' AND NOT coalesce({_TRUSTED}, 0) THEN 'gone' ELSE r.status END,
    r.fingerprint, r.version, :sink, coalesce(r.target, ''),
    iif({_TRUSTED}, r.size, NULL), iif({_TRUSTED}, r.sha256, NULL),
    iif({_TRUSTED}, r.verified_by, NULL),
    r.attempts, r.started_at, r.finished_at, r.error, r.permanent, r.failures,
    iif(r.permanent, r.recorded_at + {DAY} * min({MOST_DAYS}, 1 << min(r.failures - 1, 10)), NULL),
    l.number, r.recorded_at, r.status <> 'done' OR coalesce({_TRUSTED}, 0), NULL
FROM files f
CROSS JOIN temp.told_receipts r
    ON r.resource = f.resource AND r.drive_id = f.drive_id AND r.file_id = f.file_id
LEFT JOIN temp.there w ON w.path = r.target
LEFT JOIN listings l ON l.listing_id = r.listing_id
WHERE f.is_file -- a folder may have the number of a file
"""


class RebuiltBook:
    """Table ``rebuilt_rows``, and how the others are filled once. To be called in a transaction."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.db = ledger.db

    # -- rows as the destination has them --------------------------------------------------

    def has(self, resource: str) -> bool:
        """Whether there are such rows of a resource."""
        query = "SELECT EXISTS (SELECT 1 FROM rebuilt_rows WHERE resource = ?)"
        return bool(self.db.execute(query, (resource,)).fetchone()[0])

    def known(self, resource: str, pairs: Iterable[tuple[str, bytes]]) -> set[tuple[str, bytes]]:
        """Those of these (key, digest) that the destination has."""
        query = "SELECT 1 FROM rebuilt_rows WHERE resource = ? AND key = ? AND digest = ?"
        return {pair for pair in pairs if self.db.execute(query, (resource, *pair)).fetchone()}

    def confirmed(self, resource: str, listing: int) -> None:
        """What this listing saw is in the destination, and the ledger knows it by itself."""
        self.db.execute(
            "DELETE FROM rebuilt_rows WHERE resource = :resource AND (key = '' OR EXISTS ("
            "SELECT 1 FROM files f WHERE f.resource = :resource AND f.key = rebuilt_rows.key"
            " AND f.listing = :listing))",
            {"resource": resource, "listing": listing},
        )

    def forget(self, resource: str | None) -> None:
        """The destination has lost rows."""
        self.db.execute(
            "DELETE FROM rebuilt_rows WHERE resource = coalesce(?, resource)", (resource,)
        )

    # -- filling the ledger ----------------------------------------------------------------

    @property
    def is_due(self) -> bool:
        """Whether the ledger is new: nothing was ever listed, nor looked for."""
        if self.ledger.meta("rebuilt") is not None:
            return False
        return not self.db.execute("SELECT EXISTS (SELECT 1 FROM listings)").fetchone()[0]

    def listings(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Listings in the order of their numbers: id, resource, started, finished, pages, rows,
        unique keys, complete, how, why not, change token. None counts as whole: which of them asked
        for every file, the table does not say.
        """
        self.db.executemany(
            "INSERT OR IGNORE INTO listings (listing_id, resource, started_at, finished_at, pages,"
            " rows, unique_keys, complete, how, why_not, change_token, loaded)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)",
            rows,
        )

    def newest_listing(self, resource: str) -> int:
        """The number of a resource's last listing; 0: there was none."""
        row = self.db.execute(
            "SELECT max(number) FROM listings WHERE resource = ?", (resource,)
        ).fetchone()
        return int(row[0] or 0)

    def newest_token(self, resource: str) -> tuple[int, str] | None:
        """The number of a resource's last listing, and its change token; None: it has none. That of
        an earlier listing may be one whose rows never arrived.
        """
        row = self.db.execute(
            "SELECT number, change_token FROM listings WHERE resource = ?"
            " ORDER BY number DESC LIMIT 1",
            (resource,),
        ).fetchone()
        return None if row is None or row[1] is None else (int(row[0]), str(row[1]))

    def files(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Files as the catalogue has them: the columns of `_FILE`."""
        self.db.executemany(_FILE, rows)

    def complete_files(self, resource: str) -> None:
        """What the receipts know of files that no listing may tell of again. In layout by_hash
        their bytes decide where they lie, and no path is wanted.
        """
        self.db.execute(
            "UPDATE files SET fingerprint = t.fingerprint, version = t.version, desired ="
            f" iif(t.target GLOB '{HASHES}/*', NULL, nullif(t.target, '')) FROM transfers t"
            " WHERE files.resource = ? AND t.resource = files.resource AND t.key = files.key",
            (resource,),
        )

    def rows(self, resource: str, pairs: Iterable[tuple[str, bytes]]) -> None:
        """(key, digest) of rows that the destination has."""
        self.db.executemany(
            "INSERT OR IGNORE INTO rebuilt_rows VALUES (?, ?, ?)",
            [(resource, *pair) for pair in pairs],
        )

    def told(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Receipts, the oldest first: of each file the last one counts."""
        self.db.execute(_TEMPORARY)
        marks = ",".join("?" * 18)
        self.db.executemany(f"INSERT OR REPLACE INTO temp.told_receipts VALUES ({marks})", rows)

    def failed(self, rows: Iterable[tuple[bool, str, str, str]]) -> None:
        """Failures, the oldest first: (permanent, resource, drive, file). How often a file failed
        in a row says when it is asked again.
        """
        self.db.executemany(
            "UPDATE temp.told_receipts SET permanent = :1, failures = iif(:1, failures + 1, 0)"
            " WHERE resource = :2 AND drive_id = :3 AND file_id = :4"
            " AND status IN ('failed', 'parked')",
            rows,
        )

    def receipts(self, sink: str) -> tuple[int, int]:
        """Receipts of known files; those that say done are believed as far as table ``there`` has
        their size. Returns how many are believed, and how many are not.
        """
        self.db.execute(
            "UPDATE temp.told_receipts SET permanent = 1, failures = max(failures, 1)"
            " WHERE status = 'parked'"
        )
        self.db.execute(_RECEIPTS, {"sink": sink})
        self._paths(sink)
        counts = dict(
            self.db.execute(
                "SELECT t.sha256 IS NOT NULL, count(*) FROM transfers t"
                " WHERE t.sha256 IS NOT NULL OR t.loaded = 0 GROUP BY 1"
            )
        )
        return counts.get(1, 0), counts.get(0, 0)

    def _paths(self, sink: str) -> None:
        held = self.db.execute(
            "SELECT resource, key, target FROM transfers WHERE sha256 IS NOT NULL"
        )
        self.db.executemany(
            "INSERT OR IGNORE INTO paths VALUES (?, ?, ?, ?, ?, ?, 0)",
            (
                (sink, folded(target), target, target, resource, key)
                for resource, key, target in held
                if not is_by_hash(target)
            ),
        )
