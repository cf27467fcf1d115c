"""Rows of one listing on their way to the destination, kept on disk: memory stays flat.

A listing is loaded only when it has ended; until then its rows wait here, as Arrow files. They are
joined to tables of `ROWS` rows, since small ones cost dlt ten times the work.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import TemporaryError
from ..fields.shape import arrow_type

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 10_000


class Spool:
    """A folder of Arrow files. ``rows``: how many rows are in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows = 0
        self._writer: Any = None
        self._schema: Any = None
        self._files = 0

    def add(self, table: pa.Table) -> None:
        """Append a table; another schema than the last begins another file."""
        if table.num_rows == 0:
            return
        with self._explained():
            if self._writer is None or not self._schema.equals(table.schema):
                self._begin(table.schema)
            self._writer.write_table(table)
        self.rows += table.num_rows

    def _begin(self, schema: Any) -> None:
        import pyarrow as pa

        self.close()
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._files += 1
        self._schema = schema
        name = str(self.folder / f"{self._files:06}.arrows")
        self._writer = pa.ipc.new_stream(pa.OSFile(name, "wb"), schema)

    def close(self) -> None:
        """No more rows."""
        if self._writer is not None:
            writer, self._writer = self._writer, None
            with self._explained():
                writer.close()

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as problem:
            raise TemporaryError(
                f"rows on their way to the destination cannot be kept: {problem}",
                where=str(self.folder),
                hint="is the disk full? make room and run again",
            ) from problem

    def tables(self, types: Mapping[str, str]) -> Iterator[pa.Table]:
        """All rows, in tables of about `ROWS`, each with every column of the final shape."""
        import pyarrow as pa

        waiting: list[Any] = []
        count = 0
        for file in sorted(self.folder.glob("*.arrows")) if self.rows else ():
            # Read, not mapped: mapped pages would count as memory of ours, all of them.
            with pa.OSFile(str(file)) as source, pa.ipc.open_stream(source) as reader:
                for batch in reader:
                    waiting.append(conform(pa.table(batch), types))
                    count += batch.num_rows
                    if count >= ROWS:
                        yield pa.concat_tables(waiting).combine_chunks()
                        waiting, count = [], 0
        if waiting:
            yield pa.concat_tables(waiting).combine_chunks()

    def remove(self) -> None:
        """The rows have arrived, or will never be loaded."""
        with contextlib.suppress(TemporaryError):
            self.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def conform(table: pa.Table, types: Mapping[str, str]) -> pa.Table:
    """The table with all the columns that the shape has by now, in the shape's order."""
    import pyarrow as pa

    have = set(table.column_names)
    names = [*types, *(name for name in table.column_names if name not in types)]
    return pa.table(
        {
            name: table[name] if name in have else pa.nulls(table.num_rows, arrow_type(types[name]))
            for name in names
        }
    )
