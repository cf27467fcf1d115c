"""What earlier runs have loaded, read back: for a ledger that is lost, or another machine's.

Rows come in batches, whatever the size of a table. They are asked for in SQL, through dlt's client
of the destination (a filesystem's is a DuckDB over its files).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from .explain import explained
from .package import source_name

if TYPE_CHECKING:
    from .destination import Destination

_BATCH = 10_000
_LOADS = "_dlt_loads"


class Reader:
    """Reads one connection's tables."""

    def __init__(self, destination: Destination, tables: dict[str, dict[str, str]]) -> None:
        self.destination = destination
        self.tables = tables

    @classmethod
    def of(cls, destination: Destination) -> Reader | None:
        """None: this destination cannot be asked, or has nothing of this connection's."""
        if not destination.answers_sql:
            return None
        pipeline, name = destination.pipeline, source_name(destination.config.name)
        with explained(destination.config):
            pipeline.sync_destination()
        if name not in pipeline.schemas:
            return None
        tables = {
            table: {
                column: str(hints["data_type"])
                for column, hints in block["columns"].items()
                if "data_type" in hints
            }
            for table, block in pipeline.schemas[name].tables.items()
        }
        return cls(destination, tables)

    def columns(self, table: str) -> dict[str, str]:
        """The columns of a table and their types, as dlt names these; empty: it was never made."""
        return self.tables.get(table, {})

    def own(self, table: str, order: str | None = None) -> Iterator[dict[str, Any]]:
        """This connection's rows of one of our own tables."""
        quoted = self.destination.merging.quoted
        ordered = "" if order is None else f" ORDER BY {quoted(order)}"
        where = f"{quoted('connection')} = %s{ordered}"
        yield from self._rows(table, list(self.columns(table)), where, self.destination.config.name)

    def catalogue(self, table: str, columns: Sequence[str], where: str) -> Iterator[dict[str, Any]]:
        """The rows of a resource's table that this connection brought. ``where``: which of them."""
        quoted = self.destination.merging.quoted
        loads = (
            f"{quoted('_dlt_load_id')} IN (SELECT {quoted('load_id')} FROM {{{_LOADS}}}"
            f" WHERE {quoted('schema_name')} = %s)"
        )
        name = source_name(self.destination.config.name)
        yield from self._rows(table, columns, f"{loads} AND {where}", name)

    def _rows(
        self, table: str, columns: Sequence[str], where: str, *values: Any
    ) -> Iterator[dict[str, Any]]:
        if not columns or not self._is_there(table):
            return
        names = ", ".join(map(self.destination.merging.quoted, columns))
        query = f"SELECT {names} FROM {{table}} WHERE {where}"
        with explained(self.destination.config), self.destination.pipeline.sql_client() as client:
            full = query.format(
                table=client.make_qualified_table_name(table),
                **{_LOADS: client.make_qualified_table_name(_LOADS)},
            )
            with _streaming(client)(full, *values) as cursor:
                while batch := cursor.fetchmany(_BATCH):
                    for row in batch:
                        yield dict(zip(columns, row))

    def _is_there(self, table: str) -> bool:
        """dlt's schema may know of a table that somebody has dropped."""
        return self.destination.sql("SELECT 1 FROM {table} LIMIT 1", table=table) is not None


def _streaming(client: Any) -> Callable[..., Any]:
    """How this client asks for more rows than fit into memory."""
    connection = client.native_connection
    if not type(connection).__module__.startswith("psycopg2"):
        return client.execute_query  # type: ignore[no-any-return]

    @contextlib.contextmanager
    def by_a_cursor_of_the_server(query: str, *values: Any) -> Iterator[Any]:
        # Any other of psycopg2's has all rows in memory before the first is fetched.
        with connection.cursor(name="filehaul", withhold=True) as cursor:
            cursor.execute(query, values)
            yield cursor

    return by_a_cursor_of_the_server
