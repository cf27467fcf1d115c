"""The same as dlt sources, for `pipeline.run(...)` in a script of one's own.

`rest_api_source` takes dlt's config, `file_source` filehaul's (a path, YAML or dict). Resources
that filehaul's engine can list are listed by it, as Arrow; the others go to dlt's `rest_api`
as they are. A source keeps no ledger: every run loads what it lists, deletes nothing, and takes
no bytes (`filehaul.sync` does). A watermark or change token stands in dlt's resource state, with
the package.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from .config import Config, Resource, load_config
from .connect import connect
from .errors import ConfigError, VendorError
from .fields import Rows, Shape
from .http import Clock
from .increment import Increment, StateMarks
from .listing import Lister, feed_lister, feed_of, lister
from .listing.feed import token_of, token_text
from .paths import record_path
from .told import meaning_of

_ROWS = 10_000
_FEED = "filehaul_changes"


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

    for one in config.resources:
        if one.sync == "history":
            raise ConfigError(
                "a history is kept by filehaul.sync, not by a source",
                where=f"sync_type of the resource {one.name!r} in {config.source}",
                hint="filehaul.sync(config)",
            )
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
    from .dlt_plugin.signed_in import SignedIn, is_ours

    ours = {"retry", "limits", "timeouts", "trusted_hosts", "ca_bundle", "cert", "insecure"}
    ours |= {"proxy", "max_json"}
    client = {key: value for key, value in config.raw["client"].items() if key not in ours}
    if is_ours(config):
        client["auth"] = SignedIn(config)
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
        increment = None
        if resource.watermark is not None:
            marks = StateMarks(dlt.current.resource_state())
            increment = Increment(config, resource, marks, datetime.now(timezone.utc))
        asked = resource if increment is None else increment.resource
        with connect(config, clock) as http, hints_unsaid(resource.name):
            if not resource.has_feed:
                yield from _tables(lister(asked, config.client, http), asked, shape, increment)
                return
            state = dlt.current.resource_state()
            listing = feed_lister(resource, config.client, http, _token(config, resource, state))
            yield from _tables(listing, resource, shape, increment)
            feed = feed_of(listing)
            if feed is not None and feed.final is not None:  # dlt keeps it if it loads the rows
                token = token_text(feed.final)
                state[_FEED] = {"meaning": meaning_of(config, resource), "token": token}

    disposition: Any = resource.disposition
    if isinstance(resource.write_disposition, dict) and resource.says_disposition:
        disposition = resource.write_disposition
    return dlt.resource(
        rows,
        name=resource.name,
        primary_key=resource.keys or None,  # type: ignore[arg-type]
        write_disposition=disposition,
        selected=resource.selected,
        schema_contract=resource.schema_contract,  # type: ignore[arg-type]
    )


def _token(config: Config, resource: Resource, state: dict[str, Any]) -> str | int | None:
    """The change token of the last run that was loaded."""
    kept = state.get(_FEED) or {}
    return token_of(kept["token"]) if kept.get("meaning") == meaning_of(config, resource) else None


def _known_types(schema: Any, table: str) -> dict[str, str]:
    """Column types from earlier runs, so that they stay."""
    columns = schema.tables.get(table, {}).get("columns", {})
    return {
        name: column["data_type"]
        for name, column in columns.items()
        if "data_type" in column and not name.startswith("_dlt")
    }


def _tables(
    listing: Lister, resource: Resource, shape: Shape, increment: Increment | None
) -> Iterator[Any]:
    """A listing as Arrow tables of ten thousand rows."""
    from dlt.common.storages.load_package import load_package_state

    from .load.package import hints, with_load_id
    from .load.signed import without_signatures

    load_id = str(load_package_state()["load_id"])
    content = resource.content
    address = record_path(content.url_field) if content and content.url_field else None
    rows = Rows()

    def table() -> Any:
        import dlt

        chosen = rows if increment is None else _unread(rows, shape, increment)
        made = with_load_id(shape.table(chosen), load_id, shape.keys)
        return dlt.mark.with_hints(
            made, dlt.mark.make_hints(columns=hints(shape.types, shape.keys))
        )

    for page in listing:
        before = len(rows.records)
        records = page.records if increment is None else increment.kept(page.records)
        shape.keyed(rows, records, page.number, page.folder)
        _refuse(rows)
        without_signatures(rows.records[before:], address)
        if len(rows.records) >= _ROWS:
            yield table()
            rows = Rows()
    if rows.records:
        yield table()
    if increment is not None and listing.doubt is None:
        increment.offer(0)


def _unread(rows: Rows, shape: Shape, increment: Increment) -> Rows:
    """Where rows are appended: those that an earlier run has not."""
    if not increment.appends:
        return rows
    hashes = shape.hashes(rows.records, rows.folders)
    numbers = increment.new(hashes)
    increment.note(rows.records, hashes)
    return rows.only(numbers)


def _refuse(rows: Rows) -> None:
    """A source has no table for rejects: a record without a key stops it."""
    for reject in rows.rejects:
        if reject.record:
            raise VendorError(
                f"a record on page {reject.page} has no usable key: {reject.reason}",
                where=reject.value,
                hint="check primary_key; filehaul.sync loads the others and reports this one",
            )
