"""Rows loaded by hand: a config, a ledger and a destination, without a vendor."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa

from filehaul.config import load_config
from filehaul.fields.shape import arrow
from filehaul.ledger import Ledger
from filehaul.load import ROW_VERSION, Catalogue, Destination, How, Spool

GONE = datetime(2026, 3, 1, tzinfo=timezone.utc)
TYPES = {
    "drive_id": "text",
    "file_id": "text",
    "size": "bigint",
    "deleted_at": "timestamp",
    ROW_VERSION: "text",
}
Row = tuple[str, int | None, datetime | None]


def bare_config(destination: Any = "duckdb", **more: Any) -> dict[str, Any]:
    """A config whose vendor is never asked; ``more`` goes to its resource."""
    resource = {
        "name": "files",
        "endpoint": {"path": "/files", "paginator": "single_page"},
        "primary_key": "file_id",
        "write_disposition": "merge",
        **more,
    }
    client = {"base_url": "https://vendor.example.com"}
    return {"name": "acme", "client": client, "resources": [resource], "destination": destination}


class ByHand:
    """One dataset, loaded by hand."""

    def __init__(self, config: dict[str, Any], folder: Path) -> None:
        self.config = load_config(config)
        self.folder = folder
        self.listing = 0

    @contextmanager
    def opened(self) -> Iterator[tuple[Ledger, Destination]]:
        """Ledger and destination, settled as a run does it."""
        with (
            Ledger.open(self.folder / "ledger.sqlite") as ledger,
            Destination(self.config) as destination,
        ):
            destination.settle(ledger)
            yield ledger, destination

    def load(
        self,
        rows: Iterable[Row],
        how: How = "merge",
        hard: bool = False,
        keys: Sequence[str] = ("file_id",),
        drive: str = "d",
    ) -> None:
        """One package of rows: (file_id, size, deleted_at); a file_id ``x/y`` has its drive."""
        with self.opened() as (ledger, destination):
            self.listing += 1
            spool = Spool(self.folder / f"spool-{self.listing}")
            spool.add(_table([_parts(row, drive) for row in rows]))
            spool.close()
            destination.load(
                ledger,
                [
                    Catalogue(
                        self.config.resources[0],
                        self.listing,
                        spool,
                        TYPES,
                        tuple(keys),
                        how=how,
                        hard=hard,
                    )
                ],
            )

    def rows(self, query: str, table: str = "files") -> list[tuple[Any, ...]]:
        """What the destination has; ``{table}`` is the table."""
        with Destination(self.config) as destination:
            found = destination.sql(query, table=table)
            assert found is not None, f"no table {table}"
            return [tuple(row) for row in found]

    def current(self) -> list[tuple[str, int | None, bool]]:
        """(file_id, size, deleted) of the versions that are not retired."""
        return self.rows(
            "SELECT file_id, size, deleted_at IS NOT NULL FROM {table}"
            " WHERE _dlt_valid_to IS NULL ORDER BY drive_id, file_id"
        )


def _parts(row: Row, drive: str) -> tuple[str, str, int | None, datetime | None]:
    first, slash, second = row[0].partition("/")
    return (first, second, *row[1:]) if slash else (drive, first, *row[1:])


def _table(rows: Sequence[tuple[Any, ...]]) -> pa.Table:
    columns = list(zip(*rows)) if rows else [()] * 4
    versions = ["|".join(map(str, row)) for row in rows]
    filled = zip(TYPES.items(), [*columns, versions])
    return pa.table({name: arrow(list(values), type_) for (name, type_), values in filled})
