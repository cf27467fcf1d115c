"""One destination and dataset, through one dlt pipeline of our own."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..config import Config, Resource
from ..config.agree import duckdb_file
from ..ledger import Ledger
from . import tables
from .explain import explained
from .spool import Spool


@dataclass(frozen=True)
class Catalogue:
    """The changed rows of one listing: what is loaded into the resource's own table."""

    resource: Resource
    listing: int
    spool: Spool
    types: dict[str, str]


@dataclass
class Loaded:
    """What one load brought: rows by table, and the package's id (None: nothing to load)."""

    load_id: str | None = None
    rows: dict[str, int] = field(default_factory=dict)


class Destination:
    """Where rows go. Raises ConfigError for what dlt cannot do, TemporaryError for what is down."""

    def __init__(self, config: Config, dev_mode: bool = False) -> None:
        self.config = config
        self.dev_mode = dev_mode
        self._pipeline: Any = None

    # -- the pipeline ----------------------------------------------------------------------

    @property
    def pipeline(self) -> Any:
        """The dlt pipeline, made when it is first needed."""
        if self._pipeline is None:
            with explained(self.config):
                self._pipeline = self._make()
        return self._pipeline

    def _make(self) -> Any:
        # Telemetry would call out from an unattended run; whoever wants it says so to dlt.
        os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
        os.environ.setdefault("RUNTIME__LOG_LEVEL", "CRITICAL")
        import dlt

        folder = self.config.home / "dlt" / self._working_name()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return dlt.pipeline(
            pipeline_name=f"filehaul_{self.config.name}",
            destination=self._destination(),
            dataset_name=self.config.dataset,
            pipelines_dir=str(folder),
            dev_mode=self.dev_mode,
        )

    def _destination(self) -> Any:
        import dlt

        block = self.config.settings.destination
        given = {"type": block} if isinstance(block, str) else block
        arguments: Any = {key: value for key, value in given.items() if key != "type"}
        file = duckdb_file(self.config)
        if file is not None:
            from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials

            file.parent.mkdir(parents=True, exist_ok=True)
            credentials = DuckDbCredentials(str(file))
            credentials.global_config = {"memory_limit": self.config.settings.memory_limit}
            arguments["credentials"] = credentials
            return dlt.destinations.duckdb(**arguments)
        return dlt.destination(str(given["type"]), **arguments)

    def _working_name(self) -> str:
        """Another destination gets another working folder: packages never change ships."""
        block = self.config.settings.destination
        text = repr(sorted(block.items())) if isinstance(block, dict) else str(block)
        text += f"|{self.config.dataset}|{duckdb_file(self.config)}"
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def target(self) -> str:
        """What identifies this destination and dataset, without credentials."""
        return f"{self._working_name()}/{self.pipeline.dataset_name}"

    def naming(self, identifier: str) -> str:
        """How this destination spells a column."""
        return str(self._naming()(identifier))

    def _naming(self) -> Any:
        if not hasattr(self, "_normalize"):
            schema = self.pipeline.default_schema if self.pipeline.default_schema_name else None
            if schema is None:
                from dlt.common.schema import Schema

                schema = Schema(f"filehaul_{self.config.name}".replace("-", "_"))
                self.pipeline.activate()
                with self.pipeline._maybe_destination_capabilities():
                    schema.update_normalizers()
            self._normalize = schema.naming.normalize_identifier
        return self._normalize

    # -- what an earlier run left behind ---------------------------------------------------

    def settle(self, ledger: Ledger) -> list[str]:
        """Load what a kill left pending, and hold the ledger's book against the destination.

        Returns what was noticed, in words.
        """
        noticed: list[str] = []
        if ledger.meta("target") not in (None, self.target):
            noticed.append("another destination or dataset: everything is loaded again")
            ledger.packages.forget()
        if self._has_working_folder() and self.pipeline.has_pending_data:
            with explained(self.config):
                self.pipeline.run()
            noticed.append("loaded what an interrupted run had left")
        for load_id in ledger.packages.open():
            if self._has_package(load_id):
                ledger.packages.confirm(load_id)
            else:
                ledger.packages.give_up(load_id)
        noticed += self._check_still_there(ledger)
        ledger.set_meta("target", self.target)
        return noticed

    def _has_working_folder(self) -> bool:
        return (self.config.home / "dlt" / self._working_name()).exists()

    def _check_still_there(self, ledger: Ledger) -> list[str]:
        """A dataset or table that was dropped since is filled again."""
        last = ledger.packages.last_loaded(self.target)
        if last is None:
            return []
        if not self._has_package(last):
            ledger.packages.forget()
            self._drop_local_state()
            return ["the dataset is gone or another one: everything is loaded again"]
        noticed = []
        for resource in self.config.resources:
            believed = ledger.packages.loaded_rows(resource.name)
            if resource.disposition != "merge" or believed == 0:
                continue
            found = self._count(resource.name)
            if found is None or found < believed:
                ledger.packages.forget(resource.name)
                noticed.append(f"table {resource.name} has lost rows: it is loaded again")
                if found is None:
                    self._drop_local_state()
        return noticed

    def _drop_local_state(self) -> None:
        """dlt believes that its tables are there: let it look again."""
        if self._pipeline is not None:
            with contextlib.suppress(Exception):
                self._pipeline.deactivate()
            self._pipeline = None
        shutil.rmtree(self.config.home / "dlt" / self._working_name(), ignore_errors=True)

    def _has_package(self, load_id: str) -> bool:
        count = self._scalar(
            "SELECT count(*) FROM {loads} WHERE load_id = %s AND status = 0", load_id
        )
        return bool(count)

    def _count(self, table: str) -> int | None:
        count = self._scalar("SELECT count(*) FROM {table}", table=table)
        return None if count is None else int(count)

    def _scalar(self, query: str, *arguments: Any, table: str = "") -> Any:
        """One value; None where the table or the dataset is not there."""
        from dlt.common.destination.exceptions import DestinationUndefinedEntity
        from dlt.destinations.exceptions import DatabaseUndefinedRelation

        with explained(self.config):
            try:
                with self.pipeline.sql_client() as client:
                    text = query.format(
                        loads=client.make_qualified_table_name("_dlt_loads"),
                        table=client.make_qualified_table_name(table or "_dlt_loads"),
                    )
                    rows = client.execute_sql(text, *arguments)
                    return rows[0][0] if rows else None
            except (DatabaseUndefinedRelation, DestinationUndefinedEntity):
                return None

    # -- loading ---------------------------------------------------------------------------

    def load(self, ledger: Ledger, catalogues: Sequence[Catalogue]) -> Loaded:
        """One package with everything that the destination does not have yet."""
        waiting = tables.pending(ledger)
        full = [c for c in catalogues if c.spool.rows or c.resource.disposition == "replace"]
        if not waiting and not full:
            return Loaded()
        loaded = Loaded(rows=dict(waiting))
        for catalogue in full:
            name = catalogue.resource.name
            loaded.rows[name] = loaded.rows.get(name, 0) + catalogue.spool.rows
        package = _Package(self, ledger, full, waiting, loaded)
        with explained(self.config):
            self.pipeline.run(package.source())
        if loaded.load_id is not None:
            ledger.packages.confirm(loaded.load_id)
        for catalogue in catalogues:
            catalogue.spool.remove()
        return loaded

    def run_dlt(self, source: Any) -> dict[str, int]:
        """A source that dlt's own engine lists; rows by table."""
        with explained(self.config):
            self.pipeline.run(source)
            trace = self.pipeline.last_trace
        counts: dict[str, int] = dict(trace.last_normalize_info.row_counts)
        return {name: count for name, count in counts.items() if not name.startswith("_dlt")}

    def url(self, sink: str, target: str) -> str:
        """A file's address in the sink."""
        return (Path(sink) / target).as_uri()

    def close(self) -> None:
        """Let go of the pipeline."""
        if self._pipeline is not None:
            with contextlib.suppress(Exception):
                self._pipeline.deactivate()
            self._pipeline = None

    def __enter__(self) -> Destination:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Package:
    """The dlt source of one package."""

    def __init__(
        self,
        destination: Destination,
        ledger: Ledger,
        catalogues: Sequence[Catalogue],
        waiting: dict[str, int],
        loaded: Loaded,
    ) -> None:
        self.destination = destination
        self.ledger = ledger
        self.catalogues = catalogues
        self.waiting = waiting
        self.loaded = loaded

    def source(self) -> Any:
        """Resources for every table that has something to load."""
        import dlt

        resources = [self._catalogue(catalogue) for catalogue in self.catalogues]
        resources += [self._table(name) for name in self.waiting]

        @dlt.source(name=f"filehaul_{self.destination.config.name}".replace("-", "_"))
        def filehaul_package() -> Any:
            return resources

        return filehaul_package()

    def _begin(self) -> str:
        """Write down the package's id before dlt can commit it. Called while dlt extracts."""
        if self.loaded.load_id is None:
            from dlt.common.storages.load_package import load_package_state

            load_id = str(load_package_state()["load_id"])
            listings = [(c.resource.name, c.listing) for c in self.catalogues]
            self.ledger.packages.begin(load_id, self.destination.target, listings)
            self.loaded.load_id = load_id
        return self.loaded.load_id

    def _catalogue(self, catalogue: Catalogue) -> Any:
        import dlt

        def rows() -> Iterator[Any]:
            load_id = self._begin()
            for table in catalogue.spool.tables(catalogue.types):
                yield with_load_id(table, load_id)

        resource = catalogue.resource
        return dlt.resource(
            rows,
            name=resource.name,
            primary_key=resource.keys or None,  # type: ignore[arg-type]
            write_disposition=disposition(resource, self.destination.pipeline),
            columns=hints(catalogue.types, resource.keys),
        )

    def _table(self, name: str) -> Any:
        import dlt

        def rows() -> Iterator[Any]:
            load_id = self._begin()
            for table in tables.rows(
                self.ledger, name, self.destination.config.name, self.destination.url
            ):
                yield with_load_id(table, load_id)

        keys = tables.KEYS.get(name)
        return dlt.resource(
            rows,
            name=name,
            primary_key=keys,  # type: ignore[arg-type]
            write_disposition=strategy(self.destination.pipeline) if keys else "append",
            columns=hints(tables.TABLES[name], keys or ()),
        )


def with_load_id(table: Any, load_id: str) -> Any:
    """The table with dlt's own column that says which package brought a row."""
    import pyarrow as pa

    if "_dlt_load_id" in table.column_names:
        return table
    column = pa.repeat(pa.scalar(load_id, pa.string()), table.num_rows)
    return table.append_column("_dlt_load_id", column)


def hints(types: dict[str, str], keys: Sequence[str]) -> dict[str, Any]:
    """Column hints for dlt: every type is pinned, only the key may not be null."""
    return {
        name: {"name": name, "data_type": type_, "nullable": name not in keys}
        for name, type_ in types.items()
    }


def disposition(resource: Resource, pipeline: Any) -> Any:
    """The write disposition as dlt takes it; a plain merge becomes the fastest exact one."""
    return (
        strategy(pipeline)
        if resource.write_disposition == "merge"
        else (resource.write_disposition)
    )


def strategy(pipeline: Any) -> Any:
    """merge by ``upsert`` where the destination has it: our keys are unique and never null."""
    capabilities = pipeline.destination.capabilities()
    if "upsert" in (capabilities.supported_merge_strategies or ()):
        return {"disposition": "merge", "strategy": "upsert"}
    return "merge"
