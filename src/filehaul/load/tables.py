"""filehaul's own tables: their columns, and their rows out of the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import orjson

from ..fields import BIGINT, BOOL, TEXT, TIMESTAMP
from ..fields.shape import arrow
from ..ledger import Ledger, moment

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 10_000

TABLES: dict[str, dict[str, str]] = {
    "listings": {
        "listing_id": TEXT,
        "connection": TEXT,
        "resource": TEXT,
        "started_at": TIMESTAMP,
        "finished_at": TIMESTAMP,
        "pages": BIGINT,
        "rows": BIGINT,
        "unique_keys": BIGINT,
        "complete": BOOL,
        "how": TEXT,
        "why_not": TEXT,
        "change_token": TEXT,
        "recorded_at": TIMESTAMP,
    },
    "transfers": {
        "connection": TEXT,
        "resource": TEXT,
        "drive_id": TEXT,
        "file_id": TEXT,
        "status": TEXT,
        "fingerprint": TEXT,
        "version": TEXT,
        "sink_url": TEXT,
        "size": BIGINT,
        "sha256": TEXT,
        "verified_by": TEXT,
        "attempts": BIGINT,
        "started_at": TIMESTAMP,
        "finished_at": TIMESTAMP,
        "error": TEXT,
        "listing_id": TEXT,
        "recorded_at": TIMESTAMP,
    },
    "transfer_errors": {
        "connection": TEXT,
        "resource": TEXT,
        "drive_id": TEXT,
        "file_id": TEXT,
        "file_name": TEXT,
        "error": TEXT,
        "permanent": BOOL,
        "attempts": BIGINT,
        "listing_id": TEXT,
        "recorded_at": TIMESTAMP,
    },
    "rejected": {
        "connection": TEXT,
        "resource": TEXT,
        "listing_id": TEXT,
        "page": BIGINT,
        "key": TEXT,
        "field": TEXT,
        "value": TEXT,
        "reason": TEXT,
        "recorded_at": TIMESTAMP,
    },
}
KEYS: dict[str, tuple[str, ...]] = {
    "listings": ("listing_id",),
    "transfers": ("connection", "resource", "drive_id", "file_id"),
}
NOTICES = ("transfer_errors", "rejected")
OF_CONTENT = ("transfers", "transfer_errors")


def pending(ledger: Ledger) -> dict[str, int]:
    """How many rows of our own tables are not in the destination yet."""
    db = ledger.db
    counts = {
        "listings": db.execute(
            "SELECT count(*) FROM listings WHERE loaded = 0 AND finished_at IS NOT NULL"
        ).fetchone()[0],
        "transfers": db.execute("SELECT count(*) FROM transfers WHERE loaded = 0").fetchone()[0],
    }
    for name in NOTICES:
        counts[name] = db.execute(
            "SELECT count(*) FROM notices WHERE loaded = 0 AND table_name = ?", (name,)
        ).fetchone()[0]
    return {name: count for name, count in counts.items() if count}


def rows(
    ledger: Ledger,
    name: str,
    connection: str,
    url: Callable[[str, str], str],
    everything: bool = False,
) -> Iterator[pa.Table]:
    """The pending rows of one table. ``url``: (sink, path in it) to an address. ``everything``:
    also those that are loaded, of a table with a key.
    """
    which = "true" if everything else "loaded = 0"
    if name == "listings":
        source = _listings(ledger, connection, which)
    elif name == "transfers":
        source = _transfers(ledger, connection, url, which)
    else:
        source = _notices(ledger, name, connection)
    batch: list[tuple[Any, ...]] = []
    for row in source:
        batch.append(row)
        if len(batch) == ROWS:
            yield _table(name, batch)
            batch = []
    if batch:
        yield _table(name, batch)


def _table(name: str, batch: list[tuple[Any, ...]]) -> pa.Table:
    import pyarrow as pa

    columns = list(zip(*batch))
    return pa.table(
        {
            column: arrow(list(values), type_)
            for (column, type_), values in zip(TABLES[name].items(), columns)
        }
    )


def _listings(ledger: Ledger, connection: str, which: str) -> Iterator[tuple[Any, ...]]:
    for row in ledger.db.execute(
        "SELECT listing_id, resource, started_at, finished_at, pages, rows, unique_keys, complete,"
        f" how, why_not, change_token FROM listings WHERE {which} AND finished_at IS NOT NULL"
    ).fetchall():
        yield (
            row[0],
            connection,
            row[1],
            moment(row[2]),
            moment(row[3]),
            *row[4:7],
            bool(row[7]),
            *row[8:11],
            moment(row[3]),
        )


def _transfers(
    ledger: Ledger, connection: str, url: Callable[[str, str], str], which: str
) -> Iterator[tuple[Any, ...]]:
    cursor = ledger.db.execute(
        "SELECT t.resource, t.drive_id, t.file_id, t.status, t.fingerprint, t.version, t.sink,"
        " t.target, t.size, t.sha256, t.verified_by, t.attempts, t.started_at, t.finished_at,"
        " t.error, l.listing_id, t.recorded_at FROM transfers t"
        f" LEFT JOIN listings l ON l.number = t.listing WHERE {which.replace('loaded', 't.loaded')}"
    )
    for row in cursor:
        yield (
            connection,
            *row[:6],
            *_bytes_in_the_sink(row, url),
            row[11],
            moment(row[12]),
            moment(row[13]),
            row[14],
            row[15],
            moment(row[16]),
        )


def _bytes_in_the_sink(row: tuple[Any, ...], url: Callable[[str, str], str]) -> tuple[Any, ...]:
    """sink_url, size, sha256, verified_by: of the version that the row is about, or nothing."""
    if row[3] != "done":
        return (None, None, None, None)
    return (url(row[6], row[7]), row[8], row[9].hex(), row[10])


def _notices(ledger: Ledger, name: str, connection: str) -> Iterator[tuple[Any, ...]]:
    columns = TABLES[name]
    cursor = ledger.db.execute(
        "SELECT row FROM notices WHERE loaded = 0 AND table_name = ? ORDER BY number", (name,)
    )
    for (text,) in cursor:
        row = {"connection": connection, **orjson.loads(text)}
        yield tuple(
            moment(row.get(column)) if type_ == TIMESTAMP else row.get(column)
            for column, type_ in columns.items()
        )
