"""The destination that the config names, as dlt's, with places beside the config."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from ..config import Config
from ..config.agree import duckdb_file, ducklake_places, local_files
from ..errors import ConfigError
from ..redact import conceal
from .explain import explained
from .merging import merging_of, refuse
from .quiet import wake_dlt

_SECRET = re.compile(r"password|passphrase|secret|token|key", re.IGNORECASE)
_DUCKDB = "duckdb:///"


def chosen(config: Config) -> Any:
    """dlt's destination. Raises what dlt raises for what it cannot make."""
    import dlt

    block = config.settings.destination
    given = {"type": block} if isinstance(block, str) else block
    _conceal(given)
    arguments: Any = {key: value for key, value in given.items() if key != "type"}
    file = duckdb_file(config)
    if file is not None:
        arguments["credentials"] = _duckdb(config, file)
        return dlt.destinations.duckdb(**arguments)
    if given["type"] == "ducklake":
        arguments["credentials"] = _ducklake(config, arguments.get("credentials"))
        return dlt.destinations.ducklake(**arguments)
    lake = local_files(config)
    if lake is not None:
        arguments["bucket_url"] = lake.absolute().as_uri()
    return dlt.destination(str(given["type"]), **arguments)


def examined(config: Config) -> str:
    """The destination in words, without touching it. Raises ConfigError for what it cannot do."""
    with explained(config):
        wake_dlt()
    with explained(config):
        destination = chosen(config)
        refuse(config, destination)
        merges = merging_of(destination).merges
    kind = destination.destination_type.rpartition(".")[2]
    able = "merges, appends and replaces" if merges else "appends and replaces only"
    return f"{kind}, dataset {config.dataset}: {able}"


def make_places(config: Config) -> None:
    """The folders that a destination on this machine needs."""
    file, block = duckdb_file(config), config.settings.destination
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
    elif block == "ducklake" or (isinstance(block, dict) and block.get("type") == "ducklake"):
        given = block.get("credentials") if isinstance(block, dict) else None
        catalog = _lake_places(config, given)["catalog"]
        if isinstance(catalog, str) and catalog.startswith(_DUCKDB):
            Path(catalog.removeprefix(_DUCKDB)).parent.mkdir(parents=True, exist_ok=True)


def _duckdb(config: Config, file: Path) -> Any:
    from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials

    credentials = DuckDbCredentials(str(file))
    credentials.global_config = {"memory_limit": config.settings.memory_limit}
    return credentials


def _ducklake(config: Config, given: Any) -> Any:
    """A lake beside the config, but for what is given: ``ducklake_name``, ``metadata_schema``,
    ``catalog``, ``storage``. Its client is a DuckDB in this process, so the limit holds for it.
    """
    from dlt.common.storages.configuration import FilesystemConfigurationWithLocalFiles
    from dlt.destinations.impl.ducklake.configuration import DuckLakeCredentials

    credentials = _lake_places(config, given)
    if isinstance(credentials["storage"], dict):
        credentials["storage"] = FilesystemConfigurationWithLocalFiles(**credentials["storage"])
    lake = DuckLakeCredentials(**credentials)
    lake.global_config = {"memory_limit": config.settings.memory_limit}
    extensions = _installed_extensions("ducklake")
    if extensions is not None:
        lake.global_config["extension_directory"] = str(extensions)
    return lake


def _lake_places(config: Config, given: Any) -> dict[str, Any]:
    """What is given, and the rest as it is by default. Plain paths are relative to the config."""
    catalog, storage = ducklake_places(config)
    credentials = {"catalog": str(catalog), "storage": str(storage), **_lake_block(config, given)}
    for key, scheme in (("catalog", _DUCKDB), ("storage", "")):
        place = credentials[key]
        if isinstance(place, str) and "://" not in place:
            credentials[key] = f"{scheme}{(config.folder / Path(place).expanduser()).absolute()}"
    return credentials


def _lake_block(config: Config, given: Any) -> dict[str, Any]:
    known = {"ducklake_name", "metadata_schema", "catalog", "storage"}
    if given is None:
        return {}
    if not isinstance(given, dict) or not set(given) <= known:
        odd = "; not " + ", ".join(sorted(set(given) - known)) if isinstance(given, dict) else ""
        raise ConfigError(
            f"a lake's credentials are catalog, storage, ducklake_name, metadata_schema{odd}",
            where=f"destination.credentials in {config.source}",
            hint="{catalog: lake.ducklake, storage: ./lake}, or leave them out",
        )
    return given


def _installed_extensions(name: str) -> Path | None:
    """Where pip has put this extension of DuckDB's; None: DuckDB gets it from its own site."""
    import duckdb

    for folder in map(Path, sys.path):
        extensions = folder / "duckdb_ext" / "extensions"
        if any(extensions.glob(f"v{duckdb.__version__}/*/{name}.duckdb_extension")):
            return extensions
    return None


def _conceal(value: Any, name: str = "") -> None:
    """Passwords and tokens of a destination's block are secrets of this process."""
    if isinstance(value, dict):
        for key, inner in value.items():
            _conceal(inner, str(key))
    elif isinstance(value, str) and "://" in value:
        user, at, _ = value.partition("://")[2].rpartition("@")
        conceal(user.partition(":")[2] if at else "")
    elif isinstance(value, str) and _SECRET.search(name):
        conceal(value)
