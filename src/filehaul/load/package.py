"""One load package as a dlt source: changed files, and what else the destination does not have."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..config import Resource
from ..ledger import Ledger
from . import tables
from .spool import Spool


@dataclass(frozen=True)
class Catalogue:
    """The changed rows of one listing: what is loaded into the resource's own table.

    ``keys``: the columns of the primary key, as the destination spells them.
    """

    resource: Resource
    listing: int
    spool: Spool
    types: dict[str, str]
    keys: tuple[str, ...] = ()


class Package:
    """What goes in one package. ``load_id``: known once dlt has begun to extract it."""

    def __init__(
        self,
        connection: str,
        target: str,
        ledger: Ledger,
        catalogues: Sequence[Catalogue],
        waiting: dict[str, int],
    ) -> None:
        self.connection = connection
        self.target = target
        self.ledger = ledger
        self.catalogues = catalogues
        self.waiting = waiting
        self.load_id: str | None = None

    def source(self, merge: Any, url: Callable[[str, str], str]) -> Any:
        """Resources for every table that has something to load.

        ``merge``: the write disposition for it. ``url``: see `tables.rows`.
        """
        import dlt

        resources = [self._catalogue(catalogue, merge) for catalogue in self.catalogues]
        resources += [self._table(name, merge, url) for name in self.waiting]

        @dlt.source(name=source_name(self.connection))
        def filehaul_package() -> Any:
            return resources

        return filehaul_package()

    def _begin(self) -> str:
        """Write down the package's id before dlt can commit it. Called while dlt extracts."""
        if self.load_id is None:
            from dlt.common.storages.load_package import load_package_state

            load_id = str(load_package_state()["load_id"])
            listings = [(c.resource.name, c.listing) for c in self.catalogues]
            self.ledger.packages.begin(load_id, self.target, listings)
            self.load_id = load_id
        return self.load_id

    def _catalogue(self, catalogue: Catalogue, merge: Any) -> Any:
        import dlt

        def rows() -> Iterator[Any]:
            load_id = self._begin()
            for table in catalogue.spool.tables(catalogue.types):
                yield with_load_id(table, load_id, catalogue.keys)

        resource = catalogue.resource
        given = resource.write_disposition
        return dlt.resource(
            rows,
            name=resource.name,
            primary_key=catalogue.keys or None,  # type: ignore[arg-type]
            write_disposition=merge if given == "merge" else given,  # type: ignore[arg-type]
            columns=hints(catalogue.types, catalogue.keys),
        )

    def _table(self, name: str, merge: Any, url: Callable[[str, str], str]) -> Any:
        import dlt

        keys = tables.KEYS.get(name)

        def rows() -> Iterator[Any]:
            load_id = self._begin()
            for table in tables.rows(self.ledger, name, self.connection, url):
                yield with_load_id(table, load_id, keys or ())

        return dlt.resource(
            rows,
            name=name,
            primary_key=keys,  # type: ignore[arg-type]
            write_disposition=merge if keys else "append",
            columns=hints(tables.TABLES[name], keys or ()),
        )


def source_name(connection: str) -> str:
    """The name of our dlt source and its schema: it tells our packages from dlt's engine's."""
    return f"filehaul_{connection}".replace("-", "_")


def with_load_id(table: Any, load_id: str, keys: Sequence[str]) -> Any:
    """The table with dlt's own column that says which package brought a row, and with its key
    marked as never null: dlt warns where Arrow says otherwise than the hints.
    """
    import pyarrow as pa

    if "_dlt_load_id" not in table.column_names:
        column = pa.repeat(pa.scalar(load_id, pa.string()), table.num_rows)
        table = table.append_column("_dlt_load_id", column)
    fields = [field.with_nullable(field.name not in keys) for field in table.schema]
    return table.cast(pa.schema(fields))


def hints(types: dict[str, str], keys: Sequence[str]) -> dict[str, Any]:
    """Column hints for dlt: every type is pinned, only the key may not be null."""
    return {
        name: {"name": name, "data_type": type_, "nullable": name not in keys}
        for name, type_ in types.items()
    }
