"""What the sink has: receipts, whose path is whose, and what is still to do."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from ..models import File, Receipt
from ..redact import redact
from .store import micros, moment

if TYPE_CHECKING:
    from .store import Ledger

_DAY = 86_400_000_000
_MOST_DAYS = 7
_BATCH = 1000

_RECORD = f"""
INSERT INTO transfers (resource, key, file_id, drive_id, status, fingerprint, version, sink, target,
    size, sha256, verified_by, attempts, started_at, finished_at, error, permanent, failures,
    retry_at, listing, recorded_at, loaded, package)
VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,0,NULL)
ON CONFLICT (resource, key) DO UPDATE SET
    file_id=excluded.file_id, drive_id=excluded.drive_id, status=excluded.status,
    fingerprint=excluded.fingerprint, version=excluded.version, sink=excluded.sink,
    target=excluded.target, size=excluded.size, sha256=excluded.sha256,
    verified_by=excluded.verified_by, attempts=excluded.attempts, started_at=excluded.started_at,
    finished_at=excluded.finished_at, error=excluded.error, permanent=excluded.permanent,
    failures=CASE WHEN excluded.permanent THEN failures + 1 ELSE 0 END,
    retry_at=CASE WHEN excluded.permanent
        THEN excluded.recorded_at + {_DAY} * min({_MOST_DAYS}, 1 << min(failures, 10)) END,
    listing=excluded.listing, recorded_at=excluded.recorded_at, loaded=0, package=NULL
"""

# A file is to do unless a receipt for this very fingerprint, path and sink says it is done (or the
# vendor's sha256 is the one that we computed), or it failed for good and its day has not come.
_TODO = """
SELECT f.key, f.file_id, f.drive_id, f.name, f.desired, f.size, f.checksum, f.fingerprint,
       f.version, coalesce(a.address, f.address), p.path,
       t.status, t.fingerprint, t.target, t.size, t.sha256, t.permanent, t.retry_at, t.sink = :sink
FROM files f
LEFT JOIN transfers t ON t.resource = f.resource AND t.key = f.key
LEFT JOIN paths p ON p.sink = :sink AND p.resource = f.resource AND p.key = f.key
LEFT JOIN temp.addresses a ON a.resource = f.resource AND a.key = f.key
WHERE f.resource = :resource AND f.listing = :listing AND f.is_file AND f.key > :after
  AND NOT (t.status IS 'done' AND t.fingerprint = f.fingerprint AND t.sink = :sink
           AND t.target IS p.path AND p.desired IS f.desired)
  AND NOT (t.permanent IS 1 AND t.fingerprint = f.fingerprint AND t.retry_at > :now)
ORDER BY f.key LIMIT :most
"""


@dataclass(frozen=True)
class Todo:
    """A file that is not done: what the vendor says, and what an earlier receipt says."""

    file: File
    desired: str
    address: str | None
    path: str | None
    status: str | None
    fingerprint: str | None
    target: str | None
    size: int | None
    sha256: str | None
    permanent: bool
    retry_at: int | None
    same_sink: bool


class TransfersBook:
    """Tables ``transfers``, ``paths`` and ``intents``."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.db = ledger.db

    # -- what is to do ---------------------------------------------------------------------

    def todo(self, resource: str, listing: int, sink: str) -> Iterator[Todo]:
        """Files of a listing that are not done, in the order of their keys."""
        after = ""
        while True:
            rows = self.db.execute(
                _TODO,
                {
                    "resource": resource,
                    "listing": listing,
                    "sink": sink,
                    "after": after,
                    "now": time.time_ns() // 1000,
                    "most": _BATCH,
                },
            ).fetchall()
            for row in rows:
                yield _todo(resource, row)
            if len(rows) < _BATCH:
                return
            after = rows[-1][0]

    def counts(self, resource: str, listing: int) -> tuple[int, int]:
        """Files that a listing saw, and those of them that are parked."""
        row = self.db.execute(
            "SELECT count(*), coalesce(sum(t.permanent IS 1 AND t.fingerprint = f.fingerprint"
            " AND t.retry_at > ?), 0) FROM files f"
            " LEFT JOIN transfers t ON t.resource = f.resource AND t.key = f.key"
            " WHERE f.resource = ? AND f.listing = ? AND f.is_file",
            (time.time_ns() // 1000, resource, listing),
        ).fetchone()
        return int(row[0]), int(row[1])

    # -- receipts --------------------------------------------------------------------------

    def record(self, receipts: Iterable[Receipt], sink: str, listing: int | None) -> None:
        """Write receipts; a permanent failure is asked again after 1, 2, 4 … 7 days."""
        now = time.time_ns() // 1000
        rows = []
        for receipt in receipts:
            file = receipt.file
            rows.append(
                (
                    file.resource,
                    file.key,
                    file.file_id,
                    file.drive_id,
                    receipt.status,
                    file.fingerprint,
                    file.version,
                    sink,
                    receipt.target,
                    receipt.size,
                    bytes.fromhex(receipt.sha256) if receipt.sha256 else None,
                    receipt.verified_by,
                    receipt.attempts,
                    receipt.started_at and micros(receipt.started_at),
                    receipt.finished_at and micros(receipt.finished_at),
                    receipt.error and redact(receipt.error),
                    receipt.permanent,
                    1 if receipt.permanent else 0,
                    now + _DAY if receipt.permanent else None,
                    listing,
                    now,
                )
            )
        self.db.executemany(_RECORD, rows)

    def receipt(self, resource: str, key: str) -> dict[str, Any]:
        """The current receipt of a file; KeyError where there is none."""
        row = self.db.execute(
            "SELECT status, target, size, sha256, verified_by, attempts, started_at, finished_at"
            " FROM transfers WHERE resource = ? AND key = ?",
            (resource, key),
        ).fetchone()
        if row is None:
            raise KeyError(key)
        return {
            "status": row[0],
            "target": row[1],
            "size": row[2],
            "sha256": row[3].hex() if row[3] else None,
            "verified_by": row[4],
            "attempts": row[5],
            "started_at": moment(row[6]),
            "finished_at": moment(row[7]),
        }

    def park_failed(self) -> None:
        """What failed for good in an earlier run is parked from now on."""
        self.db.execute(
            "UPDATE transfers SET status = 'parked', loaded = 0, package = NULL"
            " WHERE status = 'failed' AND permanent = 1"
        )

    def done(self, sink: str) -> Iterator[tuple[str, str, str, int | None]]:
        """(resource, key, target, size) of every receipt for this sink."""
        yield from self.db.execute(
            "SELECT resource, key, target, size FROM transfers WHERE status = 'done' AND sink = ?",
            (sink,),
        ).fetchall()

    def forget(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Receipts whose bytes are no longer in the sink."""
        self.db.executemany("DELETE FROM transfers WHERE resource = ? AND key = ?", list(pairs))

    def failed(self) -> list[dict[str, Any]]:
        """Files that failed or are parked, for `status`."""
        rows = self.db.execute(
            "SELECT resource, file_id, target, status, error, retry_at FROM transfers"
            " WHERE status IN ('failed', 'parked') ORDER BY recorded_at DESC LIMIT 1000"
        )
        names = ("resource", "file_id", "target", "status", "error", "retry_at")
        return [dict(zip(names, row)) for row in rows]

    def totals(self) -> dict[str, tuple[int, int]]:
        """Files and bytes by status."""
        return {
            status: (count, size or 0)
            for status, count, size in self.db.execute(
                "SELECT status, count(*), sum(size) FROM transfers GROUP BY status"
            )
        }

    # -- whose path is whose ---------------------------------------------------------------

    def owner(self, sink: str, folded: str) -> tuple[str, str, str, int | None] | None:
        """(resource, key, desired, number of the listing that saw it last) of a path's owner."""
        row = self.db.execute(
            "SELECT p.resource, p.key, p.desired, f.listing FROM paths p LEFT JOIN files f"
            " ON f.resource = p.resource AND f.key = p.key WHERE p.sink = ? AND p.folded = ?",
            (sink, folded),
        ).fetchone()
        return row and (row[0], row[1], row[2], row[3])

    def inside(self, sink: str, folded: str) -> bool:
        """Whether some file's path lies below this one, which is then a folder."""
        row = self.db.execute(
            "SELECT 1 FROM paths WHERE sink = ? AND folded > ? AND folded < ? LIMIT 1",
            (sink, folded + "/", folded + "0"),  # "0" is the character after "/"
        ).fetchone()
        return row is not None

    def claim(self, sink: str, folded: str, path: str, desired: str, file: File) -> None:
        """From now on this path is this file's, and its earlier one is free."""
        self.release(sink, file.resource, file.key)
        self.db.execute(
            "INSERT OR REPLACE INTO paths VALUES (?, ?, ?, ?, ?, ?)",
            (sink, folded, path, desired, file.resource, file.key),
        )

    def release(self, sink: str, resource: str, key: str) -> None:
        """The file's path is free again."""
        self.db.execute(
            "DELETE FROM paths WHERE sink = ? AND resource = ? AND key = ?", (sink, resource, key)
        )

    def release_moved(self, sink: str, resource: str, listing: int) -> None:
        """Free the paths of files that want another one now: so that two can swap theirs."""
        self.db.execute(
            "DELETE FROM paths WHERE sink = ? AND resource = ? AND key IN ("
            " SELECT f.key FROM files f JOIN paths p ON p.resource = f.resource AND p.key = f.key"
            " WHERE f.resource = ? AND f.listing = ? AND p.sink = ?"
            " AND f.desired IS NOT p.desired)",
            (sink, resource, resource, listing, sink),
        )

    def gone(self, resource: str, key: str) -> None:
        """The file's path went to another file: its bytes are no longer in the sink."""
        self.db.execute(
            "UPDATE transfers SET status = 'gone', loaded = 0, package = NULL"
            " WHERE resource = ? AND key = ? AND status = 'done'",
            (resource, key),
        )

    # -- intents ---------------------------------------------------------------------------

    def intend(self, sink: str, receipts: Iterable[Receipt]) -> None:
        """These names are about to be replaced by these bytes."""
        self.db.executemany(
            "INSERT OR REPLACE INTO intents VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    sink,
                    receipt.target,
                    receipt.file.resource,
                    receipt.file.key,
                    receipt.size or 0,
                    bytes.fromhex(receipt.sha256 or ""),
                    orjson.dumps(receipt, default=str).decode(),
                )
                for receipt in receipts
            ],
        )

    def intents(self, sink: str) -> list[tuple[str, str, str, int, str, dict[str, Any]]]:
        """(target, resource, key, size, sha256, receipt) of replacements not settled yet."""
        return [
            (target, resource, key, size, sha256.hex(), orjson.loads(receipt))
            for target, resource, key, size, sha256, receipt in self.db.execute(
                "SELECT target, resource, key, size, sha256, receipt FROM intents WHERE sink = ?",
                (sink,),
            )
        ]

    def settle(self, sink: str, targets: Iterable[str]) -> None:
        """These replacements are settled."""
        self.db.executemany(
            "DELETE FROM intents WHERE sink = ? AND target = ?", [(sink, t) for t in targets]
        )


def _todo(resource: str, row: tuple[Any, ...]) -> Todo:
    checksum = orjson.loads(row[6]) if row[6] else {}
    file = File(
        resource=resource,
        key=row[0],
        file_id=row[1],
        drive_id=row[2],
        name=row[3],
        size=row[5],
        checksum=checksum,
        fingerprint=row[7],
        version=row[8],
    )
    return Todo(
        file=file,
        desired=row[4],
        address=row[9],
        path=row[10],
        status=row[11],
        fingerprint=row[12],
        target=row[13],
        size=row[14],
        sha256=row[15].hex() if row[15] else None,
        permanent=bool(row[16]),
        retry_at=row[17],
        same_sink=bool(row[18]),
    )
