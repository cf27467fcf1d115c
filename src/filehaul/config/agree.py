"""What must hold between the keys of a config, checked before the first request."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigError
from ..templates import braces

if TYPE_CHECKING:
    from . import Config
    from .resource import Resource

_BUCKETS = ("s3://", "gs://", "az://", "abfs://", "azure://", "http://", "https://")


def agree(config: Config) -> None:
    """Raises ConfigError for the first thing that does not fit together."""
    _sink(config)
    _destination(config)
    for number, resource in enumerate(config.resources):
        place = f"the resource {resource.name!r} (number {number + 1}) in {config.source}"
        _paginator(config, resource, place)
        _keys(resource, place)
        if resource.content is not None:
            _content(config, resource, place)


def _sink(config: Config) -> None:
    sink = config.settings.sink
    url = sink if isinstance(sink, str) or sink is None else sink.url
    if url is not None and url.startswith(_BUCKETS):
        raise ConfigError(
            f"this version writes to folders only, not to {url.partition('://')[0]}://",
            where=f"sink in {config.source}",
            hint="name a folder, for example ./files",
        )
    if url is not None and not url.strip():
        raise ConfigError(
            "the sink is empty",
            where=f"sink in {config.source}",
            hint="name a folder, or leave the key out for the catalogue alone",
        )


def _destination(config: Config) -> None:
    destination = config.settings.destination
    if isinstance(destination, dict) and not isinstance(destination.get("type"), str):
        raise ConfigError(
            "a destination in braces needs its type",
            where=f"destination in {config.source}",
            hint="{type: duckdb, credentials: acme.duckdb}",
        )
    file = duckdb_file(config)
    if file is not None and file.stem.lower() == config.dataset.lower():
        raise ConfigError(
            f"the DuckDB file {file.name} and the dataset {config.dataset} have one name: "
            "every query would be ambiguous",
            where=f"dataset in {config.source}",
            hint=f"name the dataset {config.dataset}_data, or the file something else",
        )


def duckdb_file(config: Config) -> Path | None:
    """The DuckDB file that the config names, by default ``<name>.duckdb``; None: another one."""
    destination = config.settings.destination
    if destination == "duckdb":
        return config.folder / f"{config.name}.duckdb"
    if isinstance(destination, dict) and destination.get("type") == "duckdb":
        credentials = destination.get("credentials", f"{config.name}.duckdb")
        if isinstance(credentials, str) and credentials != ":memory:":
            return config.folder / credentials.removeprefix("duckdb:///").partition("?")[0]
    return None


def _paginator(config: Config, resource: Resource, place: str) -> None:
    if resource.endpoint.paginator is None and config.client.paginator is None:
        raise ConfigError(
            "no paginator: a listing must know when it has ended",
            where=f"endpoint.paginator of {place}",
            hint="{type: offset, limit: 100}, or single_page if one answer holds everything",
        )


def _keys(resource: Resource, place: str) -> None:
    if resource.disposition == "merge" and not resource.keys:
        raise ConfigError(
            "merge needs a primary_key",
            where=f"write_disposition of {place}",
            hint="primary_key: the column that identifies a file, for example file_id",
        )
    fields = resource.fields
    if fields is not None:
        for key in resource.keys:
            if key not in type(fields).model_fields or getattr(fields, key) is None:
                raise ConfigError(
                    f"the primary key {key!r} is not among the fields",
                    where=f"fields of {place}",
                    hint=f"add {key}: where it stands in the vendor's record",
                )


def _content(config: Config, resource: Resource, place: str) -> None:
    content = resource.content
    assert content is not None
    if config.settings.sink is None:
        raise ConfigError(
            "content without a sink: there is nowhere to put the bytes",
            where=f"content of {place}",
            hint="sink: ./files",
        )
    if not resource.keys:
        raise ConfigError(
            "content needs a primary_key: without it no file can be told from another",
            where=f"content of {place}",
            hint="primary_key: the column that identifies a file, for example file_id",
        )
    if content.path is not None:
        try:
            names = braces(content.path)
        except ValueError as problem:
            raise ConfigError(
                str(problem), where=f"content.path of {place}", hint="/files/{file_id}/content"
            ) from None
        if not names:
            raise ConfigError(
                "content.path is the same for every file",
                where=f"content.path of {place}",
                hint="put the file's key into it: /files/{file_id}/content",
            )
