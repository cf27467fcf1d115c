"""What must hold between a resource's sync type, write disposition, incremental and deletes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ConfigError
from .sync_types import DISPOSITIONS

if TYPE_CHECKING:
    from .resource import Resource


def agree_on_sync(resource: Resource, place: str) -> None:
    """The sync type, the write disposition, incremental and deletes say one thing."""
    sync, given = resource.sync_type, resource.given_disposition
    if resource.incremental is not None and resource.endpoint.incremental is not None:
        raise ConfigError(
            "incremental stands twice",
            where=f"incremental of {place}",
            hint="keep endpoint.incremental",
        )
    if sync is not None and resource.says_disposition and given != DISPOSITIONS[sync]:
        fits = ", ".join(name for name, one in DISPOSITIONS.items() if one == given)
        raise ConfigError(
            f"the sync type {sync} is {DISPOSITIONS[sync]}, and write_disposition says {given}",
            where=f"sync_type of {place}",
            hint=f"drop write_disposition; {given} goes with {fits}",
        )
    if resource.sync == "full_refresh" and resource.watermark is not None:
        raise ConfigError(
            "replace with incremental would leave only the rows that have changed",
            where=f"incremental of {place}",
            hint="merge or append; or drop incremental",
        )
    _incremental(resource, place)
    if resource.says_deletes and resource.deletes.how != "none":
        _deletes(resource, place)


def _incremental(resource: Resource, place: str) -> None:
    sync, block = resource.sync, resource.watermark
    if block is None and sync in ("incremental", "incremental_append"):
        raise ConfigError(
            f"the sync type {sync} needs to know what has changed",
            where=f"sync_type of {place}",
            hint="endpoint: {incremental: {cursor_path: modified_at, start_param: modified_since}}",
        )
    if resource.changes is None and sync == "changes":
        raise ConfigError(
            "the sync type changes needs the vendor's change feed",
            where=f"sync_type of {place}",
            hint="changes: {start: …, path: …, token_param: …, final_path: …}",
        )
    if block is not None and resource.has_feed:
        raise ConfigError(
            "changes and incremental both say what has changed",
            where=f"incremental of {place}",
            hint="keep changes: it tells of deletions too",
        )
    if block is not None and sync not in ("incremental", "incremental_append", "history"):
        raise ConfigError(
            f"the sync type {sync} lists everything, and incremental only what has changed",
            where=f"sync_type of {place}",
            hint="sync_type: incremental, or drop incremental",
        )
    if block is None:
        return
    if resource.changes is not None:
        raise ConfigError(
            "changes and incremental both say what has changed",
            where=f"incremental of {place}",
            hint="keep changes: the vendor's own feed misses nothing",
        )
    if block.end_value is not None and block.initial_value is None:
        raise ConfigError(
            "end_value without initial_value",
            where=f"incremental of {place}",
            hint="initial_value: where the part to read begins",
        )
    if "start_param" in block.model_fields_set and resource.incremental is not None:
        raise ConfigError(
            "start_param is a parameter of the endpoint's",
            where=f"incremental.start_param of {place}",
            hint="move incremental into endpoint",
        )


def _deletes(resource: Resource, place: str) -> None:
    if resource.gone == "none":
        raise ConfigError(
            f"the sync type {resource.sync} has no rows of files that are gone: nothing to delete",
            where=f"deletes of {place}",
            hint="write_disposition: merge with a primary_key, or drop deletes",
        )
    if resource.sync == "history" and resource.deletes.how == "hard":
        raise ConfigError(
            "a history keeps every version, and deletes: hard removes them",
            where=f"deletes of {place}",
            hint="deletes: soft; or sync_type: snapshot",
        )
