"""A destination in memory: what a run would load, applied as dlt would, without a database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import duckdb
import pyarrow as pa

from filehaul.fields.columns import arrow_type
from filehaul.ledger import Ledger
from filehaul.load import Catalogue, Loaded
from filehaul.load.tombstones import spool_tombstones
from hauling import NoDestination

Row = dict[str, Any]


class Tables:
    """The rows of each table, as long as the test lasts. ``broken``: the next load fails.

    ``shown``: after each load they stand in ``acme.duckdb`` too, where a test's SQL looks for them.
    """

    def __init__(self, shown: bool = False) -> None:
        self.rows: dict[str, list[Row]] = {}
        self.shown = shown
        self.broken = False
        self.loads = 0

    def apply(self, catalogue: Catalogue) -> int:
        """Bring a catalogue's rows to its table."""
        name = catalogue.resource.name
        here = self.rows.setdefault(name, [])
        new = [
            row for table in catalogue.spool.tables(catalogue.types) for row in table.to_pylist()
        ]
        how, keys = catalogue.loads_by, catalogue.keys
        if how == "replace":
            here[:] = new
        elif how == "append":
            here += new
        elif how == "merge":
            _once(new, keys)
            gone = {_key(row, keys) for row in new}
            here[:] = [row for row in here if _key(row, keys) not in gone]
            here += [row for row in new if not (catalogue.hard and row["deleted_at"])]
        else:
            _once(new, keys)
            self._versions(here, new, keys)
        return len(new)

    def show(self, catalogue: Catalogue) -> None:
        """Write a table as it is now to the file."""
        name = catalogue.resource.name
        columns = [pa.field(one, arrow_type(type_)) for one, type_ in catalogue.types.items()]
        if catalogue.loads_by == "history":
            columns.append(pa.field("_dlt_valid_to", pa.int64()))
        table = pa.Table.from_pylist(self.rows.get(name, []), schema=pa.schema(columns))
        with duckdb.connect("acme.duckdb") as connection:
            connection.register("brought", table)
            connection.execute("CREATE SCHEMA IF NOT EXISTS acme_data")
            connection.execute(f"CREATE OR REPLACE TABLE acme_data.{name} AS FROM brought")

    def _versions(self, here: list[Row], new: list[Row], keys: Sequence[str]) -> None:
        """What dlt's scd2 does: a version that stands is left alone."""
        for row in new:
            same = [one for one in here if _key(one, keys) == _key(row, keys)]
            current = [one for one in same if one["_dlt_valid_to"] is None]
            if any(one["row_version"] == row["row_version"] for one in current):
                continue
            for one in current:
                one["_dlt_valid_to"] = self.loads
            here.append({**row, "_dlt_valid_to": None})


def _key(row: Row, keys: Sequence[str]) -> tuple[Any, ...]:
    return tuple(row[name] for name in keys)


def _once(rows: list[Row], keys: Sequence[str]) -> None:
    found = [_key(row, keys) for row in rows]
    assert len(found) == len(set(found)), "a package has one row a key"


def memory(tables: Tables) -> type[NoDestination]:
    """A class to stand in the place of `filehaul.load.Destination`."""

    class Memory(NoDestination):
        merging = SimpleNamespace(quoted=str)

        def records(self, _query: str, *values: Any, table: str) -> list[Row]:
            """Rows by their keys: the only question that is asked."""
            return [
                row
                for row in tables.rows.get(table, [])
                if set(values) & {value for value in row.values() if isinstance(value, str)}
            ]

        def spool_tombstones(self, ledger: Ledger, catalogue: Catalogue) -> int:
            """As it is."""
            return spool_tombstones(self, ledger, catalogue)  # type: ignore[arg-type]

        def load(self, ledger: Ledger, catalogues: Sequence[Catalogue]) -> Loaded:
            """One package: begun, brought, confirmed; or broken off before it was brought."""
            tables.loads += 1
            load_id = f"load-{tables.loads}"
            listings = [(one.resource.name, one.listing) for one in catalogues]
            ledger.packages.begin(load_id, "memory", listings)
            if tables.broken:
                tables.broken = False
                ledger.packages.give_up(load_id)
                raise BrokenError
            loaded = Loaded(load_id)
            for one in catalogues:
                loaded.rows[one.resource.name] = tables.apply(one)
                if tables.shown:
                    tables.show(one)
                one.spool.remove()
            ledger.packages.confirm(load_id)
            return loaded

    return Memory


class BrokenError(BaseException):
    """As good as a kill: nothing of ours catches it."""


@contextmanager
def in_place_of_the_destination(tables: Tables) -> Iterator[None]:
    """Runs in here load into these tables."""
    from filehaul import spine

    before = spine.Destination
    spine.Destination = memory(tables)  # type: ignore[assignment, misc]
    try:
        yield
    finally:
        spine.Destination = before  # type: ignore[misc]
