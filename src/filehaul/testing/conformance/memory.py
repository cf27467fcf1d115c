"""Tables in memory, in the place of a destination: rows are looked at without a database."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from filehaul.config import Config
from filehaul.ledger import Ledger
from filehaul.load import Catalogue, Loaded
from filehaul.load.tombstones import spool_tombstones

Row = dict[str, Any]


class Tables:
    """The rows of each table by their keys, from run to run."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[tuple[Any, ...], Row]] = {}
        self.loads = 0

    def destination(self, _config: Config, _dev_mode: bool = False) -> Any:
        """What a run loads into."""
        return _Memory(self)


class _Memory:
    merging = SimpleNamespace(quoted=str)

    def __init__(self, tables: Tables) -> None:
        self.tables = tables

    def __enter__(self) -> _Memory:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""

    def naming(self, identifier: str) -> str:
        """Names stay as they are."""
        return identifier

    def settle(self, _ledger: Ledger) -> list[str]:
        """Nothing was left behind."""
        return []

    def reader(self) -> None:
        """Nothing is known from before."""

    def records(self, _query: str, *values: Any, table: str) -> list[Row]:
        """Rows by parts of their keys: the only question that is asked."""
        wanted = set(values)
        found = self.tables.rows.get(table, {})
        return [dict(row) for key, row in found.items() if wanted.intersection(key)]

    def spool_tombstones(self, ledger: Ledger, catalogue: Catalogue) -> int:
        """As for any destination."""
        return spool_tombstones(self, ledger, catalogue)  # type: ignore[arg-type]

    def load(self, ledger: Ledger, catalogues: Sequence[Catalogue]) -> Loaded:
        """One package, confirmed."""
        self.tables.loads += 1
        load_id = f"load-{self.tables.loads}"
        listings = [(one.resource.name, one.listing) for one in catalogues]
        ledger.packages.begin(load_id, "memory", listings)
        loaded = Loaded(load_id)
        for one in catalogues:
            here = self.tables.rows.setdefault(one.resource.name, {})
            for table in one.spool.tables(one.types):
                for row in table.to_pylist():
                    here[tuple(row[name] for name in one.keys)] = row
            loaded.rows[one.resource.name] = one.spool.rows
            one.spool.remove()
        ledger.packages.confirm(load_id)
        return loaded
