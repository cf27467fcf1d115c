"""One load package as a dlt source: changed files, and what else the destination does not have."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..config import Resource
from ..fields import TEXT
from ..ledger import Ledger
from . import tables
from .merging import DELETED_AT, ROW_VERSION, How, Merging, how_of
from .spool import Spool


@dataclass(frozen=True)
class Catalogue:
    """The changed rows of one listing: what is loaded into the resource's own table.

    ``keys``: the columns of the primary key, as the destination spells them. ``how``: see
    `merging`; None: as the resource's write disposition says. ``hard``: with merge, rows whose
    `deleted_at` is not null are removed from the table.

    For ``history`` each row has a text column `row_version`: a hash of its key and of all that
    makes a new version of it, `deleted_at` too. The table's current version of a key is retired
    when a row of that key comes with another one; what does not come stays as it is. A package
    has one row a key.
    """

    resource: Resource
    listing: int
    spool: Spool
    types: dict[str, str]
    keys: tuple[str, ...] = ()
    how: How | None = None
    hard: bool = False

    @property
    def loads_by(self) -> How:
        """How its rows meet the table."""
        return self.how or how_of(self.resource)


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

    def source(self, merging: Merging, url: Callable[[str, str], str]) -> Any:
        """Resources for every table that has something to load.

        ``merging``: what the destination can do. ``url``: see `tables.rows`.
        """
        import dlt

        resources = [self._catalogue(catalogue, merging) for catalogue in self.catalogues]
        resources += [self._table(name, merging, url) for name in self.waiting]

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

    def _catalogue(self, catalogue: Catalogue, merging: Merging) -> Any:
        import dlt

        never_null = (*catalogue.keys, ROW_VERSION)

        def rows() -> Iterator[Any]:
            load_id = self._begin()
            for table in catalogue.spool.tables(catalogue.types):
                yield with_load_id(table, load_id, never_null)

        resource, how, keys = catalogue.resource, catalogue.loads_by, catalogue.keys
        history = how == "history"
        return dlt.resource(
            rows,
            name=resource.name,
            # In a history a key has many rows.
            primary_key=None if history else keys or None,  # type: ignore[arg-type]
            merge_key=keys[0] if history and len(keys) == 1 else None,  # type: ignore[arg-type]
            write_disposition=merging.disposition(
                how, keys, catalogue.hard, resource.write_disposition
            ),
            columns=_catalogue_hints(catalogue),
        )

    def _table(self, name: str, merging: Merging, url: Callable[[str, str], str]) -> Any:
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
            write_disposition=merging.plain() if keys else "append",
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


def _catalogue_hints(catalogue: Catalogue) -> dict[str, Any]:
    made = hints(catalogue.types, catalogue.keys)
    if catalogue.loads_by == "history":
        made[ROW_VERSION] = {"name": ROW_VERSION, "data_type": TEXT, "nullable": False}
    elif catalogue.hard:
        made[DELETED_AT]["hard_delete"] = True
    return made


def hints(types: dict[str, str], keys: Sequence[str]) -> dict[str, Any]:
    """Column hints for dlt: every type is pinned, only the key may not be null."""
    return {
        name: {"name": name, "data_type": type_, "nullable": name not in keys}
        for name, type_ in types.items()
    }
