"""What must hold between the keys of a config, checked before the first request."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigError
from .asking_agree import agree_on_asking
from .base import spelled
from .placing_agree import agree_on_placing
from .sync_agree import agree_on_sync
from .walk import FOLDER_ID, texts

if TYPE_CHECKING:
    from . import Config
    from .resource import Resource
    from .walk import Walk

_KEY_TYPES = "file_id, drive_id, path or another text"
_NOT_KEYS = frozenset({"size", "created_at", "modified_at", "is_trashed", "checksum"})


def agree(config: Config) -> None:
    """Raises ConfigError for the first thing that does not fit together."""
    _sink(config)
    _destination(config)
    for resource in config.resources:
        place = f"the resource {resource.name!r} in {config.source}"
        agree_on_sync(resource, place)
        agree_on_placing(resource, place)
        _keys(resource, place)
        if resource.walk is not None:
            _walk(resource, resource.walk, place)
            _walk_alone(resource, place)
        _decoder(resource, place)
        if resource.tree is not None:
            _tree(resource, place)
        _changes(resource, place)
        if resource.content is not None:
            _content(config, resource, place)


def _sink(config: Config) -> None:
    if isinstance(config.sink, Path):
        _outside(config, config.sink, f"sink in {config.source}")


def _outside(config: Config, folder: Path, where: str) -> None:
    """Nothing of ours lies in the sink: a vendor's file could have its name."""
    sink = folder.resolve()
    ours = {"the config's own folder": config.folder, "the ledger": config.home}
    if config.settings.state is not None:
        ours["the ledger"] = config.folder / Path(config.settings.state).expanduser()
    database = duckdb_file(config)
    if database is not None:
        ours["the DuckDB file"] = database
    if _type(config) == "ducklake":
        ours["the lake's catalogue"], ours["the lake"] = ducklake_places(config)
    files = local_files(config)
    if files is not None:
        ours["the destination's folder"] = files
    for what, place in ours.items():
        path = place.resolve()
        if path == sink or sink in path.parents:
            raise ConfigError(
                f"{what} is inside the sink, where a vendor's file could overwrite it",
                where=where,
                hint="name a folder that holds the copies only, for example ./files",
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
    if file is None:
        return
    names = {config.dataset.lower(), spelled(config.dataset)}
    if file.stem.lower() in names or spelled(file.stem) in names:
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
            plain = credentials.removeprefix("duckdb:///").partition("?")[0]
            return config.folder / Path(plain).expanduser()
    return None


def ducklake_places(config: Config) -> tuple[Path, Path]:
    """Where a DuckLake's catalogue and its files are by default."""
    return config.folder / f"{config.name}.ducklake", config.folder / f"{config.name}.lake"


def local_files(config: Config) -> Path | None:
    """The folder of a destination that is files on this machine; None: another one."""
    block = config.settings.destination
    url = block.get("bucket_url") if isinstance(block, dict) else None
    if _type(config) != "filesystem" or not isinstance(url, str):
        return None
    if "://" in url and not url.startswith("file://"):
        return None
    return config.folder / Path(url.removeprefix("file://")).expanduser()


def _type(config: Config) -> str:
    block = config.settings.destination
    return block if isinstance(block, str) else str(block.get("type"))


def _keys(resource: Resource, place: str) -> None:
    if resource.disposition == "merge" and not resource.keys:
        raise ConfigError(
            "merge needs a primary_key",
            where=f"write_disposition of {place}",
            hint="primary_key: the column that identifies a file, for example file_id",
        )
    if len(set(resource.keys)) < len(resource.keys):
        raise ConfigError(
            "the primary key names a column twice",
            where=f"primary_key of {place}",
            hint="primary_key: [drive_id, file_id]",
        )
    fields = resource.fields
    if fields is None:
        if resource.raw:
            raise ConfigError(
                "raw needs fields: without them the table has all of the vendor's columns anyway",
                where=f"raw of {place}",
                hint="drop it, or add fields",
            )
        return
    for key in resource.keys:
        if key in _NOT_KEYS:
            raise ConfigError(
                f"the primary key {key!r} does not identify a file",
                where=f"primary_key of {place}",
                hint=f"use {_KEY_TYPES}",
            )
        if key not in type(fields).model_fields or getattr(fields, key) is None:
            raise ConfigError(
                f"the primary key {key!r} is not among the fields",
                where=f"fields of {place}",
                hint=f"add {key}: where it stands in the vendor's record",
            )
        # Some vendors number files and folders apart: there the kind stands beside the id. But a
        # feed names keys in the vendor's own words.
        beside_an_id = key == "kind" and len(resource.keys) > 1 and resource.changes is None
        if getattr(fields, key).is_chosen and not beside_an_id:
            raise ConfigError(
                f"{key} is a part of the primary key, and that is the vendor's own",
                where=f"fields.{key} of {place}",
                hint=f"drop values, exists and otherwise; give {key} a path",
            )


def _walk(resource: Resource, walk: Walk, place: str) -> None:
    """The folder's id goes into every request, and the first one has an address."""
    endpoint = resource.endpoint
    elsewhere = [text for block in (endpoint.params, endpoint.json_body) for text in texts(block)]
    if walk.path is None:
        return
    if FOLDER_ID not in walk.path and not any(FOLDER_ID in text for text in elsewhere):
        raise ConfigError(
            "every folder would be asked for in the same words",
            where=f"walk.path of {place}",
            hint=f"put {FOLDER_ID} into it, into endpoint.params or into endpoint.json: "
            f"/folders/{FOLDER_ID}/items",
        )
    in_path = FOLDER_ID in walk.path.partition("?")[0]
    for root in walk.root:
        if root.id == "" and root.path is None and in_path:
            raise ConfigError(
                "an empty root has no address: walk.path has the folder's id in it",
                where=f"walk.root of {place}",
                hint="the vendor's docs name the root's id, often 0 or root; else {id: \"\", path}",
            )


def _tree(resource: Resource, place: str) -> None:
    """Paths need all folders, and one way to find them."""
    if resource.walk is not None:
        raise ConfigError(
            "walk and tree: a walk knows the folder of each file already",
            where=f"tree of {place}",
            hint="drop tree; or drop walk, where one listing has the files of all folders",
        )
    if resource.watermark is not None:
        raise ConfigError(
            "tree with incremental: a folder that was renamed would leave the files in it with "
            "their old paths",
            where=f"incremental of {place}",
            hint="drop incremental; if the vendor has a change feed, name it in changes",
        )


def _walk_alone(resource: Resource, place: str) -> None:
    """What asks for a part of the files only does not lead through all folders."""
    if resource.changes is not None and (resource.fields is None or resource.fields.path is None):
        raise ConfigError(
            "walk with changes: a feed does not tell in which folder a file is, so paths would be "
            "lost",
            where=f"changes of {place}",
            hint="map fields.path if the vendor's records have a path; else drop one of the two",
        )
    watermark = resource.watermark
    if watermark is not None and watermark.start_param is not None:
        raise ConfigError(
            "walk with incremental.start_param: a folder that has not changed would not be listed, "
            "and what is in it never found",
            where=f"incremental of {place}",
            hint="drop start_param: rows below the watermark are then left out after they came",
        )


def _decoder(resource: Resource, place: str) -> None:
    """A multistatus tells of one folder, and of no changes."""
    if resource.endpoint.decoder is None:
        return
    if resource.walk is None:
        raise ConfigError(
            "decoder: webdav tells of one folder: what is in the folders below it would be missing",
            where=f"endpoint of {place}",
            hint="walk: {root: {id: root, path: /dav/}, url_field: href, "
            "folder: {path: kind, equals: folder}}; for one folder alone: max_depth: 0",
        )
    if resource.changes is not None:
        raise ConfigError(
            "a change feed of WebDAV is not known here",
            where=f"changes of {place}",
            hint="drop changes: the walk finds what has changed",
        )


def _changes(resource: Resource, place: str) -> None:
    block = resource.changes
    if not resource.keys and (block is not None or resource.deleted):
        key = "changes" if block is not None else "deleted"
        raise ConfigError(
            f"{key} needs a primary_key: without it no file can be told from another",
            where=f"{key} of {place}",
            hint="primary_key: the column that identifies a file, for example file_id",
        )
    if block is None:
        return
    if resource.disposition != "merge":
        raise ConfigError(
            f"a change feed with {resource.disposition}: only merge keeps the rows of files that "
            "have not changed",
            where=f"write_disposition of {place}",
            hint="write_disposition: merge",
        )
    if block.id_path is not None and len(block.id_paths) != len(resource.keys):
        raise ConfigError(
            f"id_path has {len(block.id_paths)} of the {len(resource.keys)} columns of the "
            "primary key",
            where=f"changes.id_path of {place}",
            hint=f"a path for each of {', '.join(resource.keys)}, in this order",
        )
    if block.file_path is not None and block.id_path is None:
        raise ConfigError(
            "with file_path, a change must name its file also where it has no record of it",
            where=f"changes of {place}",
            hint="id_path: where a change has the file's id",
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
    by_type = len(content.verify) > 1
    if by_type and resource.fields is not None and resource.fields.mime_type is None:
        raise ConfigError(
            "verify by MIME type needs to know the files' types",
            where=f"content.verify of {place}",
            hint="fields.mime_type: where a record has it",
        )
    agree_on_asking(resource, content, place)
