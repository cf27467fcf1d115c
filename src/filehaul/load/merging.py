"""How rows meet a table: what a destination can do, and what dlt is told to do.

| how       | dlt                                     | the table then has         |
|-----------|-----------------------------------------|----------------------------|
| `merge`   | merge: `upsert`, else `delete-insert`   | one row a key, the newest  |
| `append`  | append                                  | every row that ever came   |
| `replace` | replace                                 | the rows of this load      |
| `history` | merge: `scd2`                           | every version of every row |
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ..config import Config, Resource
from ..errors import ConfigError

How = Literal["merge", "append", "replace", "history"]

ROW_VERSION = "row_version"
DELETED_AT = "deleted_at"


def how_of(resource: Resource) -> How:
    """How the rows of a resource are loaded, as far as its config alone tells."""
    how: Any = "history" if resource.sync == "history" else resource.disposition
    return how  # type: ignore[no-any-return]


def hard_of(resource: Resource) -> bool:
    """Whether rows that the vendor no longer has are to go from the table."""
    return resource.gone == "hard"


def asked_of_dlt(config: Config) -> Iterator[tuple[str, Any, str | None]]:
    """Name, write disposition and table format of each resource that dlt's engine lists."""
    defaults = config.raw.get("resource_defaults") or {}
    for one in config.dlt_resources:
        found: list[Any] = []
        for key in ("write_disposition", "table_format"):
            if isinstance(one.block, Mapping):
                found.append(one.block.get(key, defaults.get(key)))
            else:  # dlt's own resource object
                found.append(getattr(one.block, key, None))
        yield one.name, found[0], found[1] if isinstance(found[1], str) else None


def refuse(config: Config, destination: Any) -> None:
    """dlt appends, without a word, where a destination cannot merge: ConfigError instead, for
    anything that the config asks and dlt's ``destination`` cannot do. Asks it nothing.
    """
    able = merging_of(destination)
    found = [
        (one.name, able.cannot(how_of(one), hard_of(one), one.write_disposition))
        for one in config.resources
    ]
    for name, given, table_format in asked_of_dlt(config):
        found.append((name, merging_of(destination, table_format).cannot_by(given)))
    for name, cannot in found:
        if cannot is not None:
            kind = destination.destination_type.rpartition(".")[2]
            raise ConfigError(
                f"the destination {kind} cannot {cannot}",
                where=f"the resource {name!r} in {config.source}",
                hint="append or replace; or a destination that can: duckdb, postgres, ducklake",
            )
    _refuse_tombstones(config, destination)


def _refuse_tombstones(config: Config, destination: Any) -> None:
    """A tombstone keeps its row's other columns, which the destination is asked for: one that
    cannot be asked (dlt's qdrant and weaviate, for example) would lose them.
    """
    kept = [one.name for one in config.resources if one.gone == "soft"]
    if not kept:
        return
    try:
        client = destination.client_class
    except ImportError:  # of its packages: its first use says which
        return
    if answers_sql(client):
        return
    kind = destination.destination_type.rpartition(".")[2]
    raise ConfigError(
        f"the destination {kind} cannot be asked for the rows of files that are gone",
        where=f"the resource {kept[0]!r} in {config.source}",
        hint="deletes: none; or a destination that speaks SQL: duckdb, postgres, ducklake",
    )


def answers_sql(client: Any) -> bool:
    """Whether a dlt client, or one of this class, can be asked by SQL what it has."""
    from dlt.destinations.sql_client import WithSqlClient

    return issubclass(client if isinstance(client, type) else type(client), WithSqlClient)


def merging_of(destination: Any, table_format: str | None = None) -> Merging:
    """How dlt's destination merges into tables of this format (None: its usual one)."""
    from dlt.common.destination.utils import prepare_load_table

    capabilities = destination.capabilities()
    able = capabilities.supported_merge_strategies or ()
    if capabilities.merge_strategies_selector is not None:
        table: Any = {"name": "files", "columns": {}, "write_disposition": "merge"}
        if table_format is not None:
            table["table_format"] = table_format
        table = prepare_load_table({"files": table}, table, capabilities)
        able = capabilities.merge_strategies_selector(able, table_schema=table)
    return Merging(tuple(able), capabilities.escape_identifier or str)


@dataclass(frozen=True)
class Merging:
    """How one destination merges. ``able``: dlt's names of its strategies; empty: not at all.

    ``quoted``: a column's name as its SQL has it.
    """

    able: tuple[str, ...]
    quoted: Callable[[str], str]

    def cannot(self, how: How, hard: bool = False, given: Any = None) -> str | None:
        """What of this the destination cannot do, in words; None: it can.

        ``given``: the write disposition of the config, which may name a strategy.
        """
        if how == "history":
            return None if "scd2" in self.able else "keep a history (dlt's scd2)"
        if how != "merge":
            return None
        if not {"upsert", "delete-insert"} & set(self.able):
            return "merge rows: each change would be one more row"
        named = given.get("strategy") if isinstance(given, dict) else None
        if named is not None and named not in self.able:
            return f"merge by {named}"
        if hard and "delete-insert" not in self.able:
            return "remove rows (deletes: hard)"
        return None

    def plain(self) -> Any:
        """The write disposition for a merge of rows that stay: ``upsert`` where the destination
        has it, the fastest exact one, since our keys are unique and never null.
        """
        return _strategy("upsert" if "upsert" in self.able else "delete-insert")

    def cannot_by(self, given: Any) -> str | None:
        """The same for a write disposition of dlt's."""
        named = given.get("strategy") if isinstance(given, Mapping) else None
        disposition = given.get("disposition") if isinstance(given, Mapping) else given
        if disposition != "merge":
            return None
        if named is not None:
            return None if named in self.able else f"merge by {named}"
        return None if self.able else "merge rows: each change would be one more row"

    @property
    def merges(self) -> bool:
        """Whether it merges rows at all."""
        return self.cannot("merge") is None

    def own(self, keyed: bool) -> Any:
        """The write disposition of a table of ours. Where nothing can be merged, the tables with
        a key are written anew each time: the ledger has all of their rows.
        """
        if not keyed:
            return "append"
        return self.plain() if self.merges else "replace"

    def disposition(self, how: How, keys: Sequence[str], hard: bool, given: Any) -> Any:
        """dlt's write disposition for a catalogue."""
        if how == "history":
            return self._history(keys)
        if how != "merge":
            return how
        if hard:
            # dlt's upsert inserts a row that came deleted already and was never in the table.
            return _strategy("delete-insert")
        return given if isinstance(given, dict) and "strategy" in given else self.plain()

    def _history(self, keys: Sequence[str]) -> Any:
        """dlt retires every row that a package does not bring, unless it is told which rows the
        package is about: those with its keys.
        """
        scd2 = {**_strategy("scd2"), "row_version_column_name": ROW_VERSION}
        if len(keys) > 1:
            # A merge_key of several columns dlt compares glued together: a+bc would be ab+c.
            same = " AND ".join(f"s.{c} = {{table}}.{c}" for c in map(self.quoted, keys))
            scd2["destination_scope"] = f"EXISTS (SELECT 1 FROM {{staging_table}} s WHERE {same})"
        return scd2


def _strategy(name: str) -> dict[str, Any]:
    return {"disposition": "merge", "strategy": name}
