"""One load package as a dlt source: changed files, and what else the destination does not have."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from ..config import Resource
from ..fields import TEXT
from ..fields.columns import VARIANT, arrow_type
from ..ledger import Ledger
from . import tables
from .merging import DELETED_AT, ROW_VERSION, How, Merging, how_of
from .spool import Spool

# More rows than that go in several packages: what a merge needs of memory and of the disk grows
# with its package, not with the catalogue.
PACKAGE_ROWS = 1_000_000
SOURCE = "filehaul_"


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


class Share:
    """A catalogue's rows, package by package. Only rows that are merged may be split: what is
    appended or replaced must come at once, or a kill would double or halve it.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.left = catalogue.spool.rows
        self._tables = catalogue.spool.tables(catalogue.types)
        self._rest: Any = None  # of a table that the last package had no room for

    @property
    def is_too_large(self) -> bool:
        """Whether it has more rows than the rest of it may have in one package."""
        return self.left > PACKAGE_ROWS and self.catalogue.loads_by in ("merge", "history")

    def tables(self) -> Iterator[Any]:
        """The next package's tables."""
        room = PACKAGE_ROWS if self.is_too_large else self.left
        while room > 0:
            table = next(self._tables) if self._rest is None else self._rest
            self._rest = table.slice(room) if table.num_rows > room else None
            table = table.slice(0, room)
            room -= table.num_rows
            self.left -= table.num_rows
            yield table


class Package:
    """What goes in one package. ``load_id``: known once dlt has begun to extract it.

    ``own``: our own tables that are in it, with rows or bare. ``listings``: whose rows are all in
    the destination once this package is, also those that brought none: their change tokens count
    from then on.
    """

    def __init__(
        self,
        connection: str,
        target: str,
        ledger: Ledger,
        shares: Sequence[Share],
        own: Sequence[str] = (),
        listings: Sequence[Catalogue] = (),
    ) -> None:
        self.connection = connection
        self.target = target
        self.ledger = ledger
        self.shares = shares
        self.own = own
        self.listings = listings
        self.load_id: str | None = None

    def source(self, merging: Merging, url: Callable[[str, str], str]) -> Any:
        """Resources for every table that has something to load.

        ``merging``: what the destination can do. ``url``: see `tables.rows`.
        """
        import dlt

        resources = [self._catalogue(share, merging) for share in self.shares]
        resources += [self._table(name, merging, url) for name in self.own]

        @dlt.source(name=source_name(self.connection))
        def filehaul_package() -> Any:
            return resources

        return filehaul_package()

    def _begin(self) -> str:
        """Write down the package's id before dlt can commit it. Called while dlt extracts."""
        if self.load_id is None:
            from dlt.common.storages.load_package import load_package_state

            load_id = str(load_package_state()["load_id"])
            listings = [(c.resource.name, c.listing) for c in self.listings]
            self.ledger.packages.begin(load_id, self.target, listings, bool(self.own))
            self.load_id = load_id
        return self.load_id

    def _catalogue(self, share: Share, merging: Merging) -> Any:
        import dlt

        catalogue = share.catalogue
        resource, how, keys = catalogue.resource, catalogue.loads_by, catalogue.keys

        def rows() -> Iterator[Any]:
            load_id = self._begin()
            if not share.left:
                yield with_load_id(bare(catalogue.types), load_id, (*keys, ROW_VERSION))
            for table in share.tables():
                yield with_load_id(table, load_id, (*keys, ROW_VERSION))

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
            schema_contract=resource.schema_contract,  # type: ignore[arg-type]
        )

    def _table(self, name: str, merging: Merging, url: Callable[[str, str], str]) -> Any:
        import dlt

        keys = tables.KEYS.get(name)
        how = merging.own(bool(keys))

        def rows() -> Iterator[Any]:
            load_id = self._begin()
            found = tables.rows(self.ledger, name, self.connection, url, how == "replace")
            first = next(found, None) or bare(tables.TABLES[name])
            for table in chain((first,), found):
                yield with_load_id(table, load_id, keys or ())

        return dlt.resource(
            rows,
            name=name,
            primary_key=keys,  # type: ignore[arg-type]
            write_disposition=how,
            columns=hints(tables.TABLES[name], keys or ()),
        )


def source_name(connection: str) -> str:
    """The name of our dlt source and its schema: it tells our packages from dlt's engine's."""
    return f"{SOURCE}{connection}".replace("-", "_")


def bare(types: dict[str, str]) -> Any:
    """A table without rows: people's SQL runs before the first of them has come."""
    import pyarrow as pa

    return pa.table({name: pa.nulls(0, arrow_type(type_)) for name, type_ in types.items()})


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
    """Column hints for dlt: every type is pinned, only the key may not be null. A column for
    values of another type is a variant: a contract about types is about it.
    """
    made: dict[str, Any] = {}
    for name, type_ in types.items():
        made[name] = {"name": name, "data_type": type_, "nullable": name not in keys}
        if name.endswith(VARIANT):
            made[name]["variant"] = True
    return made
