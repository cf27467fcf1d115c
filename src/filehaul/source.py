"""The same as dlt sources, for `pipeline.run(...)` in a script of one's own.

`rest_api_source` takes dlt's config, `file_source` filehaul's (a path, YAML or dict). Resources
that filehaul's engine can list are listed by it, as Arrow; the others go to dlt's `rest_api`
as they are. A source keeps no ledger: every run loads what it lists, deletes nothing, and takes
no bytes (`filehaul.sync` does).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .config import Config, Resource, load_config
from .connect import connect
from .errors import VendorError
from .fields import Rows, Shape
from .http import Clock
from .listing import Listing
from .paths import record_path

_ROWS = 10_000


def rest_api_source(
    config: Mapping[str, Any], name: str = "rest_api", *, clock: Clock | None = None, **_: Any
) -> Any:
    """A dlt source from a dlt REST API config; values are taken as they are, without ``${…}``.

    ``name``: the source's and its schema's name. Raises ConfigError; while it runs, the errors of
    `filehaul.errors` (inside dlt's PipelineStepFailed).
    """
    return _source(load_config(config, expand=False), name, clock)


def file_source(
    config: Config | Mapping[str, Any] | str | Path, *, clock: Clock | None = None
) -> Any:
    """A dlt source from a filehaul config: its catalogue tables, without bytes."""
    loaded = load_config(config)
    return _source(loaded, loaded.name, clock)


def _source(config: Config, name: str, clock: Clock | None) -> Any:
    import dlt

    resources: list[Any] = [_resource(config, one, clock) for one in config.resources]
    if config.dlt_resources:
        resources += list(dlt_engine(config).resources.values())

    @dlt.source(name=name.replace("-", "_"))
    def filehaul_source() -> Any:
        return resources

    return filehaul_source()


def dlt_engine(config: Config) -> Any:
    """dlt's own `rest_api` over the resources that are its, as the config has them."""
    from dlt.sources.rest_api import rest_api_source as dlts

    from . import dlt_plugin  # noqa: F401 - the dialect: oauth2, token_url, no total

    ours = {"retry", "limits", "timeouts", "trusted_hosts", "ca_bundle", "cert", "insecure"}
    ours |= {"proxy", "max_json"}
    client = {key: value for key, value in config.raw["client"].items() if key not in ours}
    theirs: Any = {
        "client": client,
        "resource_defaults": config.raw.get("resource_defaults") or {},
        "resources": [one.block for one in config.dlt_resources],
    }
    return dlts(theirs)


def _resource(config: Config, resource: Resource, clock: Clock | None) -> Any:
    import dlt

    from .load.quiet import hints_unsaid

    def rows() -> Iterator[Any]:
        schema = dlt.current.source_schema()
        naming = schema.naming.normalize_identifier
        known = _known_types(schema, naming(resource.name))
        shape = Shape(resource, naming, known)
        with connect(config, clock) as http, hints_unsaid(resource.name):
            yield from _tables(Listing(resource, config.client, http), shape)

    disposition: Any = resource.write_disposition
    return dlt.resource(
        rows,
        name=resource.name,
        primary_key=resource.keys or None,  # type: ignore[arg-type]
        write_disposition=disposition,
        selected=resource.selected,
        schema_contract=resource.schema_contract,  # type: ignore[arg-type]
    )


def _known_types(schema: Any, table: str) -> dict[str, str]:
    """Column types from earlier runs, so that they stay."""
    columns = schema.tables.get(table, {}).get("columns", {})
    return {
        name: column["data_type"]
        for name, column in columns.items()
        if "data_type" in column and not name.startswith("_dlt")
    }


def _tables(listing: Listing, shape: Shape) -> Iterator[Any]:
    """A listing as Arrow tables of ten thousand rows."""
    from dlt.common.storages.load_package import load_package_state

    from .load.package import hints, with_load_id
    from .load.signed import without_signatures

    load_id = str(load_package_state()["load_id"])
    content = listing.resource.content
    address = record_path(content.url_field) if content and content.url_field else None
    rows = Rows()

    def table() -> Any:
        import dlt

        without_signatures(rows.records, address)
        made = with_load_id(shape.table(rows), load_id, shape.keys)
        return dlt.mark.with_hints(
            made, dlt.mark.make_hints(columns=hints(shape.types, shape.keys))
        )

    for page in listing:
        shape.keyed(rows, page.records, page.number)
        _refuse(rows)
        if len(rows.records) >= _ROWS:
            yield table()
            rows = Rows()
    if rows.records:
        yield table()


def _refuse(rows: Rows) -> None:
    """A source has no table for rejects: a record without a key stops it."""
    for reject in rows.rejects:
        if reject.record:
            raise VendorError(
                f"a record on page {reject.page} has no usable key: {reject.reason}",
                where=reject.value,
                hint="check primary_key; filehaul.sync loads the others and reports this one",
            )
