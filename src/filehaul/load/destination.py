"""One destination and dataset, through one dlt pipeline of our own."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes

from ..config import Config, Resource
from ..config.agree import duckdb_file
from ..errors import TemporaryError
from ..ledger import Ledger
from . import standing, tables
from .chosen import chosen, make_places
from .explain import explained
from .merging import Merging, answers_sql, merging_of
from .package import Catalogue, Package, Share, source_name
from .quiet import wake_dlt
from .reader import Reader
from .tombstones import spool_tombstones


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
        self._client: Any = None
        self._sinks: dict[str, str] = {}

    # -- the pipeline ----------------------------------------------------------------------

    @property
    def pipeline(self) -> Any:
        """The dlt pipeline, made when it is first needed."""
        if self._pipeline is None:
            with explained(self.config):
                wake_dlt()
            with explained(self.config):
                self._pipeline = self._make()
        return self._pipeline

    def _make(self) -> Any:
        import dlt

        self.working_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        make_places(self.config)
        return dlt.pipeline(
            pipeline_name=f"filehaul_{self.config.name}",
            destination=chosen(self.config),
            dataset_name=self.config.dataset,
            pipelines_dir=str(self.working_folder),
            dev_mode=self.dev_mode,
        )

    @property
    def working_folder(self) -> Path:
        """dlt's own: another one for each connection, destination and dataset, since packages
        never change ships.
        """
        block = self.config.settings.destination
        parts = [self.config.name, self.config.dataset, str(duckdb_file(self.config))]
        parts.append(repr(sorted(block.items())) if isinstance(block, dict) else block)
        parts += ["dev"] if self.dev_mode else []
        digest = hashlib.sha256("|".join(parts).encode()).hexdigest()[:12]
        return self.config.home / "dlt" / digest

    @property
    def target(self) -> str:
        """What identifies this destination and dataset, without credentials."""
        return f"{self.working_folder.name}/{self.pipeline.dataset_name}"

    def naming(self, identifier: str) -> str:
        """How this destination spells a column."""
        return str(self._naming()(identifier))

    def _naming(self) -> Any:
        if not hasattr(self, "_normalize"):
            schema = self.pipeline.default_schema if self.pipeline.default_schema_name else None
            if schema is None:
                from dlt.common.schema import Schema

                schema = Schema(source_name(self.config.name))
                self.pipeline.activate()
                with self.pipeline._maybe_destination_capabilities():
                    schema.update_normalizers()
            self._normalize = schema.naming.normalize_identifier
        return self._normalize

    def start_over(self) -> None:
        """Drop what dlt keeps beside the config: packages under way, and what it believes to be
        in the destination. It looks again.
        """
        self.close()
        shutil.rmtree(self.working_folder, ignore_errors=True)

    # -- questions to the destination ------------------------------------------------------

    @cached_property
    def speaks_sql(self) -> bool:
        """Whether its tables can be changed by SQL (a filesystem's cannot)."""
        from dlt.destinations.job_client_impl import SqlJobClientBase

        return isinstance(self._job_client, SqlJobClientBase)

    @cached_property
    def answers_sql(self) -> bool:
        """Whether it can be asked what it has."""
        return answers_sql(self._job_client)

    @cached_property
    def _job_client(self) -> Any:
        with explained(self.config):
            return self.pipeline.destination_client()

    @cached_property
    def merging(self) -> Merging:
        """How it merges rows."""
        with explained(self.config):
            return merging_of(self.pipeline.destination)

    @contextlib.contextmanager
    def connected(self) -> Iterator[None]:
        """One connection for many questions. Raises now if the destination cannot be used."""
        if not self.speaks_sql:
            yield
            return
        with contextlib.ExitStack() as stack:
            with explained(self.config):
                self._client = stack.enter_context(self.pipeline.sql_client())
            stack.callback(setattr, self, "_client", None)
            yield

    def sql(self, query: str, *values: Any, table: str = "_dlt_loads") -> Any:
        """The rows that a query gives; None where the table or the dataset is not there.

        ``{table}`` in the query becomes the table's full name.
        """
        return self._asked(
            query, table, lambda client, full: client.execute_sql(full, *values) or []
        )

    def _asked(self, query: str, table: str, ask: Callable[[Any, str], Any]) -> Any:
        from dlt.common.destination.exceptions import DestinationUndefinedEntity
        from dlt.destinations.exceptions import DatabaseUndefinedRelation

        with explained(self.config):
            one = contextlib.nullcontext(self._client) if self._client else None
            try:
                with one or self.pipeline.sql_client() as client:
                    name = client.make_qualified_table_name(table)
                    return ask(client, query.format(table=name))
            except (DatabaseUndefinedRelation, DestinationUndefinedEntity):
                return None

    def records(self, query: str, *values: Any, table: str) -> list[dict[str, Any]] | None:
        """The same as `sql`, each row as column to value."""
        names: list[str] = []

        def ask(client: Any, full: str) -> list[Any]:
            with client.execute_query(full, *values) as cursor:
                names.extend(column[0] for column in cursor.native_cursor.description)
                return list(cursor.fetchall())

        rows = self._asked(query, table, ask)
        return None if rows is None else [dict(zip(names, row)) for row in rows]

    def reader(self) -> Reader | None:
        """What earlier runs have loaded; None: it cannot be asked, or has nothing of ours."""
        return Reader.of(self)

    def spool_tombstones(self, ledger: Ledger, catalogue: Catalogue) -> int:
        """See `filehaul.load.tombstones`."""
        return spool_tombstones(self, ledger, catalogue)

    # -- loading ---------------------------------------------------------------------------

    def settle(self, ledger: Ledger) -> list[str]:
        """Make good what an earlier run left behind, and hold the ledger's book against the
        destination. Returns what was noticed, in words.
        """
        return standing.settle(self, ledger)

    def load(self, ledger: Ledger, catalogues: Sequence[Catalogue]) -> Loaded:
        """Everything that the destination does not have yet: in one package, or in several where
        a catalogue has more than `PACKAGE_ROWS` rows to merge.
        """
        waiting = tables.pending(ledger)
        full = [c for c in catalogues if c.spool.rows or c.loads_by == "replace"]
        if not waiting and not full:
            return Loaded()
        loaded = Loaded(rows=dict(waiting))
        for catalogue in full:
            name = catalogue.resource.name
            loaded.rows[name] = loaded.rows.get(name, 0) + catalogue.spool.rows
        full += [c for c in catalogues if c not in full and self._may_be_bare(c.resource)]
        shares = [Share(catalogue) for catalogue in full]
        own = [name for name in self._own_tables() if name in waiting or not self._knows(name)]
        while large := [share for share in shares if share.is_too_large]:
            self._bring(ledger, Package(self.config.name, self.target, ledger, large))
        last = Package(self.config.name, self.target, ledger, shares, own, catalogues)
        loaded.load_id = self._bring(ledger, last)
        for catalogue in catalogues:
            catalogue.spool.remove()
        return loaded

    def _bring(self, ledger: Ledger, package: Package) -> str:
        """Load a package and have it confirmed; its load id."""
        source = package.source(self.merging, self.url)
        with explained(self.config):
            info = self._run(source)
            if info is not None:
                info.raise_on_failed_jobs()
        if info is None or package.load_id not in info.loads_ids:
            raise TemporaryError(
                "the destination did not take the rows",
                where=f"dataset {self.config.dataset}",
                hint="run again: rows count as loaded only when they are confirmed",
            )
        assert package.load_id is not None
        ledger.packages.confirm(package.load_id)
        return package.load_id

    def _own_tables(self) -> list[str]:
        """Our own tables, as far as this config can have rows in them."""
        if any(resource.content for resource in self.config.resources):
            return list(tables.TABLES)
        return [name for name in tables.TABLES if name not in tables.OF_CONTENT]

    def _may_be_bare(self, resource: Resource) -> bool:
        """Whether to make this table before its first row. Not where its columns are the vendor's,
        nor where a contract holds: dlt lets only the first rows of a table bring its columns.
        """
        if resource.fields is None or resource.schema_contract is not None:
            return False
        return not self._knows(resource.name)

    def _knows(self, name: str) -> bool:
        """Whether dlt has brought this table to the destination before."""
        schema = source_name(self.config.name)
        if schema not in self.pipeline.schemas:
            return False
        table = self.pipeline.schemas[schema].tables.get(self.naming(name))
        return bool(table and table.get("columns"))

    def run_dlt(self, source: Any) -> dict[str, int]:
        """A source that dlt's own engine lists; rows by table."""
        with explained(self.config):
            self._run(source)
            trace = self.pipeline.last_trace
        counts: dict[str, int] = dict(trace.last_normalize_info.row_counts)
        return {name: count for name, count in counts.items() if not name.startswith("_dlt")}

    def finish_pending(self) -> None:
        """Load what dlt still has from an earlier run."""
        with explained(self.config):
            self._run(None)

    def _run(self, data: Any) -> Any:
        with _our_signals(self.pipeline):
            return self.pipeline.run(data)

    def url(self, sink: str, target: str) -> str:
        """A file's address in the sink."""
        if "://" in sink:
            return f"{sink}/{target}"
        if sink not in self._sinks:  # `as_uri` costs as much as all the rest of a row
            self._sinks[sink] = Path(sink).as_uri().rstrip("/")
        return f"{self._sinks[sink]}/{quote_from_bytes(os.fsencode(target))}"

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


def interrupt(number: int) -> None:
    """For signal handlers: a load that is under way stops between two of its jobs."""
    signals = sys.modules.get("dlt.common.runtime.signals")
    if signals is not None:
        signals.set_received_signal(number)


@contextlib.contextmanager
def _our_signals(pipeline: Any) -> Iterator[None]:
    """Keep dlt from taking over the signals: one that comes late in a load it would swallow."""
    from dlt.common.runtime import signals

    runtime = pipeline.runtime_config
    before, runtime.intercept_signals = runtime.intercept_signals, False
    try:
        yield
    finally:
        runtime.intercept_signals = before
        signals.set_received_signal(0)
