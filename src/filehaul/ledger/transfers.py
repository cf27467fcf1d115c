"""What the sink has, and what is still to do: a receipt a file."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import orjson

from ..models import Receipt
from ..names import HASHES, is_by_hash
from ..redact import redact
from .selected import ALWAYS, SELECTED, Window
from .store import micros, moment
from .todo import Todo, todo_of

if TYPE_CHECKING:
    from .store import Ledger

DAY = 86_400_000_000
MOST_DAYS = 7
_BATCH = 1000

# Where an attempt failed, the bytes of an earlier version are still in the sink, and stay noted.
_HELD = "(excluded.sha256 IS NULL AND transfers.sha256 IS NOT NULL AND sink = excluded.sink)"
_RECORD = f"""
INSERT INTO transfers (resource, key, file_id, drive_id, status, fingerprint, version, sink, target,
    size, sha256, verified_by, attempts, started_at, finished_at, error, permanent, failures,
    retry_at, listing, recorded_at, loaded, package)
VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,0,NULL)
ON CONFLICT (resource, key) DO UPDATE SET
    file_id=excluded.file_id, drive_id=excluded.drive_id, status=excluded.status,
    fingerprint=excluded.fingerprint, version=excluded.version,
    target=CASE WHEN {_HELD} THEN target ELSE excluded.target END,
    size=CASE WHEN {_HELD} THEN size ELSE excluded.size END,
    sha256=CASE WHEN {_HELD} THEN sha256 ELSE excluded.sha256 END,
    verified_by=CASE WHEN {_HELD} THEN verified_by ELSE excluded.verified_by END,
    sink=excluded.sink,
    attempts=excluded.attempts, started_at=excluded.started_at,
    finished_at=excluded.finished_at, error=excluded.error, permanent=excluded.permanent,
    failures=CASE WHEN excluded.permanent THEN failures + 1 ELSE 0 END,
    retry_at=CASE WHEN excluded.permanent
        THEN excluded.recorded_at + {DAY} * min({MOST_DAYS}, 1 << min(failures, 10)) END,
    listing=excluded.listing, recorded_at=excluded.recorded_at, loaded=0, package=NULL
"""

# In these words the index knows it.
_NOT_HAD = "status IN ('failed', 'parked')"

# One name holds one file's bytes: who held this one before holds none now. But for those of layout
# by_hash, which are all files' that have these bytes.
_LOSE = """
UPDATE transfers SET status = CASE status WHEN 'done' THEN 'gone' ELSE status END,
    sha256 = NULL, size = NULL, verified_by = NULL, loaded = 0, package = NULL
WHERE sink = ? AND target = ? AND sha256 IS NOT NULL AND NOT (resource = ? AND key = ?)
"""

_JOINED = """
FROM files f
LEFT JOIN transfers t ON t.resource = f.resource AND t.key = f.key
LEFT JOIN paths p ON p.sink = :sink AND p.resource = f.resource AND p.key = f.key
"""
# Files that the vendor has, as far as listings from number :listing on saw them; and those of them
# that are selected.
_LISTED = "f.resource = :resource AND f.listing >= :listing AND f.is_file AND f.deleted_at IS NULL"
_THERE = f"{_LISTED} AND {SELECTED}"
# A receipt for this very fingerprint, path and sink says that the file is done. Where a file
# without a desired path lies, its bytes have decided (`names.by_hash`).
_DONE = (
    "(t.status IS 'done' AND t.fingerprint = f.fingerprint AND t.sink = :sink AND"
    f" iif(f.desired IS NULL, t.target GLOB '{HASHES}/*',"
    " t.target IS p.path AND p.desired IS f.desired))"
)
# It failed for good, has not changed, and its day has not come. A day that is further away than
# any can be was set by a clock that was wrong.
_PARKED = (
    "(t.permanent IS 1 AND t.fingerprint = f.fingerprint"
    f" AND t.retry_at > :now AND t.retry_at <= :now + {MOST_DAYS * DAY})"
)
# The sink has these bytes, as the fingerprint or our own sha256 tells, at another path.
_MOVED = (
    "(t.sha256 IS NOT NULL AND t.sink = :sink AND t.target IS NOT p.path AND ("
    "(t.status = 'done' AND t.fingerprint = f.fingerprint)"
    " OR json_extract(f.checksum, '$.sha256') = lower(hex(t.sha256))))"
)
_TODO = f"""
SELECT f.key, f.file_id, f.drive_id, f.name, f.desired, f.size, f.checksum, f.fingerprint,
       f.version, f.mime_type, coalesce(a.address, k.address), p.path,
       t.status, t.fingerprint, t.target, t.size, t.sha256, t.permanent, t.retry_at, t.sink = :sink,
       p.fresh
{_JOINED}
LEFT JOIN temp.addresses a ON a.resource = f.resource AND a.key = f.key
LEFT JOIN kept_addresses k ON k.resource = f.resource AND k.key = f.key
WHERE {_THERE} AND f.key > :last
  AND NOT {_DONE} AND NOT {_PARKED}
"""
_CHOSEN = "(f.resource, f.key) IN (SELECT resource, key FROM temp.chosen)"


class TransfersBook:
    """Table ``transfers``."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.db = ledger.db

    # -- what is to do ---------------------------------------------------------------------

    def todo(
        self,
        resource: str,
        listing: int,
        sink: str,
        only_moved: bool = False,
        window: Window = ALWAYS,
        only_chosen: bool = False,
    ) -> Iterator[list[Todo]]:
        """Files that are not done, in batches, in the order of their keys.

        ``listing``: only those that it or a later one saw; 0: all that the vendor has.
        ``only_moved``: those whose bytes are in the sink already, at another path.
        ``only_chosen``: those that this run is about (`ChosenBook`).
        """
        if only_moved and not self._has_any(sink):
            return
        more = (f"AND {_MOVED} " if only_moved else "") + (f"AND {_CHOSEN}" if only_chosen else "")
        query = f"{_TODO} {more} ORDER BY f.key LIMIT :most"
        values = {**_values(resource, listing, sink, window), "most": _BATCH}
        last = ""
        while True:
            rows = self.db.execute(
                query, {**values, "last": last, "now": time.time_ns() // 1000}
            ).fetchall()
            if rows:
                yield [todo_of(resource, row) for row in rows]
            if len(rows) < _BATCH:
                return
            last = rows[-1][0]

    def _has_any(self, sink: str) -> bool:
        """Whether the sink holds bytes of any file."""
        query = "SELECT EXISTS (SELECT 1 FROM transfers WHERE sink = ? AND sha256 IS NOT NULL)"
        return bool(self.db.execute(query, (sink,)).fetchone()[0])

    def counts(
        self,
        resource: str,
        listing: int,
        sink: str,
        window: Window = ALWAYS,
        only_chosen: bool = False,
    ) -> tuple[int, int, int]:
        """Of the files as in `todo`: how many are done, are parked, and are to do."""
        row = self.db.execute(
            f"SELECT coalesce(sum({_DONE}), 0), coalesce(sum(NOT {_DONE} AND {_PARKED}), 0),"
            " count(*)"
            f" {_JOINED} WHERE {_THERE}{f' AND {_CHOSEN}' if only_chosen else ''}",
            _values(resource, listing, sink, window),
        ).fetchone()
        return int(row[0]), int(row[1]), int(row[2] - row[1] - row[0])

    def unselected(
        self, resource: str, listing: int, sink: str, window: Window
    ) -> Iterator[tuple[str, int | None, str]]:
        """(file_id, size, the key of ``select`` that keeps it out) of files as in `todo`, but not
        selected, whose bytes are not in the sink.
        """
        yield from self.db.execute(
            "SELECT f.file_id, f.size, coalesce(f.unselected,"
            " iif(f.modified < :after, 'modified_after', 'modified_before'))"
            f" {_JOINED} WHERE {_LISTED} AND NOT ({SELECTED})"
            " AND NOT (t.sha256 IS NOT NULL AND t.sink = :sink) ORDER BY f.key",
            _values(resource, listing, sink, window),
        )

    def unaddressed(self, resource: str, sink: str, window: Window = ALWAYS) -> bool:
        """Whether there are files to fetch whose address must be asked for again."""
        row = self.db.execute(
            f"SELECT EXISTS (SELECT 1 {_JOINED} WHERE {_THERE} AND NOT {_DONE} AND NOT {_PARKED}"
            " AND NOT EXISTS (SELECT 1 FROM kept_addresses k"
            " WHERE k.resource = f.resource AND k.key = f.key))",
            _values(resource, 0, sink, window),
        ).fetchone()
        return bool(row[0])

    # -- receipts --------------------------------------------------------------------------

    def record(
        self,
        receipts: Iterable[Receipt],
        sink: str,
        listing: int | None,
        placed: Collection[str] = (),
    ) -> None:
        """Write receipts; a permanent failure is asked again after 1, 2, 4 … 7 days. ``placed``:
        the paths of which no receipt told, and at which nothing lay.
        """
        now = time.time_ns() // 1000
        receipts = list(receipts)
        self.db.executemany(_RECORD, [_row(receipt, sink, listing, now) for receipt in receipts])
        self.db.executemany(
            _LOSE,
            [
                (sink, receipt.target, receipt.file.resource, receipt.file.key)
                for receipt in receipts
                if receipt.status == "done"
                and receipt.target not in placed
                and not is_by_hash(receipt.target)
            ],
        )

    def receipt(self, resource: str, key: str) -> dict[str, Any]:
        """The current receipt of a file; KeyError where there is none."""
        row = self.db.execute(
            "SELECT status, sink, target, size, sha256, verified_by, attempts, started_at,"
            " finished_at FROM transfers WHERE resource = ? AND key = ?",
            (resource, key),
        ).fetchone()
        if row is None:
            raise KeyError(key)
        return {
            "status": row[0],
            "sink": row[1],
            "target": row[2],
            "size": row[3],
            "sha256": row[4].hex() if row[4] else None,
            "verified_by": row[5],
            "attempts": row[6],
            "started_at": moment(row[7]),
            "finished_at": moment(row[8]),
        }

    def park_failed(self) -> None:
        """What failed for good in an earlier run is parked from now on."""
        self.db.execute(
            "UPDATE transfers SET status = 'parked', loaded = 0, package = NULL"
            f" WHERE {_NOT_HAD} AND status = 'failed' AND permanent = 1"
        )

    def ask_again(self, resource: str | None = None) -> None:
        """What is parked is asked again in this run, whatever its day: of one resource, or all.
        If that fails too, its days begin anew.
        """
        self.db.execute(
            "UPDATE transfers SET retry_at = 0, failures = 0"
            " WHERE permanent = 1 AND resource = coalesce(?, resource)",
            (resource,),
        )

    def held(self, sink: str) -> Iterator[tuple[str, str, str, int]]:
        """(resource, key, target, size) of all bytes that this sink should hold."""
        after = ("", "")
        while True:
            rows = self.db.execute(
                "SELECT resource, key, target, size FROM transfers WHERE sink = ?"
                " AND sha256 IS NOT NULL AND (resource, key) > (?, ?) ORDER BY resource, key"
                " LIMIT 10000",
                (sink, *after),
            ).fetchall()
            yield from rows
            if len(rows) < 10000:
                return
            after = rows[-1][:2]

    def held_at(self, sink: str, resource: str, key: str) -> str | None:
        """The path below this sink where some version of a file lies."""
        row = self.db.execute(
            "SELECT target FROM transfers WHERE resource = ? AND key = ? AND sink = ?"
            " AND sha256 IS NOT NULL",
            (resource, key, sink),
        ).fetchone()
        return None if row is None else str(row[0])

    def holders(self, sink: str, targets: Iterable[str]) -> list[tuple[str, str, str, str]]:
        """(resource, key, target, sha256) of the files whose bytes lie at these paths."""
        return [
            (resource, key, target, sha256.hex())
            for resource, key, target, sha256 in self.db.execute(
                "SELECT t.resource, t.key, t.target, t.sha256 FROM json_each(?) j"
                " JOIN transfers t ON t.sink = ? AND t.target = j.value"
                " AND t.sha256 IS NOT NULL",
                (orjson.dumps(list(targets)).decode(), sink),
            )
        ]

    def lost(self, pairs: Iterable[tuple[str, str]]) -> None:
        """The bytes of these files are no longer in the sink."""
        self.db.executemany(
            "UPDATE transfers SET status = CASE status WHEN 'done' THEN 'gone' ELSE status END,"
            " sha256 = NULL, size = NULL, verified_by = NULL, loaded = 0, package = NULL"
            " WHERE resource = ? AND key = ?",
            list(pairs),
        )

    def failed(self) -> list[dict[str, Any]]:
        """Files that failed or are parked, the newest first, for `status`."""
        rows = self.db.execute(
            "SELECT resource, file_id, target, status, error, recorded_at, retry_at FROM transfers"
            f" WHERE {_NOT_HAD} ORDER BY recorded_at DESC LIMIT 1000"
        )
        names = ("resource", "file_id", "target", "status", "error", "failed_at", "retry_at")
        return [dict(zip(names, row)) for row in rows]

    def totals(self) -> dict[str, tuple[int, int]]:
        """Files and bytes by status."""
        return {
            status: (count, size or 0)
            for status, count, size in self.db.execute(
                "SELECT status, count(*), sum(iif(status = 'done', size, 0)) FROM transfers"
                " GROUP BY status"
            )
        }


def _values(resource: str, listing: int, sink: str, window: Window) -> dict[str, Any]:
    now = time.time_ns() // 1000
    return {
        "resource": resource,
        "listing": listing,
        "sink": sink,
        "now": now,
        **window._asdict(),
    }


def _row(receipt: Receipt, sink: str, listing: int | None, now: int) -> tuple[Any, ...]:
    file = receipt.file
    return (
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
        now + DAY if receipt.permanent else None,
        listing,
        now,
    )
