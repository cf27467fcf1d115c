"""What the tests of sync share: a config for a fake vendor, a run without a destination, a look
at what came of it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import duckdb

import filehaul
from filehaul import spine
from filehaul.config import load_config
from filehaul.load import Loaded
from filehaul.report import Report
from filehaul.testing import FakeFile, FakeVendor

OF_RESOURCE = (
    *("content", "deletes", "fields", "on_delete", "primary_key"),
    *("sync_type", "write_disposition"),
)
RECEIPT = "status, target, size, lower(hex(sha256)), verified_by, attempts, permanent, error"


def config_for(vendor: FakeVendor, **more: Any) -> dict[str, Any]:
    """A config for this vendor, with resource ``files``; ``more`` goes to the top level.

    ``content``, ``fields``, ``write_disposition``, ``sync_type``, ``deletes``, ``on_delete`` and
    ``primary_key`` go to the resource, ``endpoint`` into its endpoint, ``client`` into the client.
    """
    resource: dict[str, Any] = {
        "name": "files",
        "endpoint": {
            "path": "/v1/files",
            "data_selector": "files",
            "paginator": {"type": "offset", "limit": 100},
        },
        "content": {"path": "/v1/files/{file_id}/content"},
    }
    for key in OF_RESOURCE:
        if key in more:
            resource[key] = more.pop(key)
    resource["endpoint"] |= more.pop("endpoint", {})
    if resource["content"] is None:
        del resource["content"]
        more.setdefault("sink", None)
    client = {
        "base_url": vendor.base_url,
        "auth": {
            "type": "oauth2",
            "client_id": vendor.client_id,
            "client_secret": vendor.client_secret,
            "token_url": vendor.token_url,
        },
        "retry": {"backoff_factor": 0.001},
        **more.pop("client", {}),
    }
    whole = {
        "name": "acme",
        "client": client,
        "resource_defaults": {"primary_key": "file_id", "write_disposition": "merge"},
        "resources": [resource],
        "sink": "files",
        **more,
    }
    return {key: value for key, value in whole.items() if value is not None}


class NoDestination:
    """In the place of `filehaul.load.Destination`: transfers are tested without a database."""

    def __init__(self, config: Any, _dev_mode: bool = False) -> None:
        self.config = config

    def settle(self, _ledger: Any) -> list[str]:
        """Nothing was left behind."""
        return []

    def reader(self) -> None:
        """Nothing was loaded before."""

    def naming(self, identifier: str) -> str:
        """Names stay as they are."""
        return identifier

    def spool_tombstones(self, _ledger: Any, _catalogue: Any) -> int:
        """Nobody asks."""
        return 0

    def load(self, _ledger: Any, _catalogues: Any) -> Loaded:
        """Nothing is loaded."""
        return Loaded()

    def __enter__(self) -> NoDestination:
        return self

    def __exit__(self, *_: object) -> None:
        return None


class Confirms(NoDestination):
    """In the place of a destination: it takes whatever comes, and confirms it."""

    def load(self, ledger: Any, catalogues: Any) -> Loaded:
        """One package, confirmed."""
        self.count = getattr(self, "count", 0) + 1
        load_id = f"{id(self)}-{self.count}"
        pairs = [(one.resource.name, one.listing) for one in catalogues]
        ledger.packages.begin(load_id, "here", pairs)
        ledger.packages.confirm(load_id)
        return Loaded()


def haul(config: Mapping[str, Any], **options: Any) -> Report:
    """One run whose errors are in the report."""
    return spine.run(load_config(dict(config)), **options)


def numbers(report: Report) -> tuple[int, int, int, int]:
    """transferred, unchanged, failed, parked."""
    return (report.transferred, report.unchanged, report.failed, report.parked)


def ledger_rows(query: str, path: Path | str = ".filehaul/acme.sqlite") -> list[tuple[Any, ...]]:
    """Rows of the ledger."""
    connection = sqlite3.connect(path)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def in_the_ledger(statement: str, path: Path | str = ".filehaul/acme.sqlite") -> None:
    """Change the ledger, behind its back."""
    connection = sqlite3.connect(path)
    try:
        with connection:
            assert connection.execute(statement).rowcount > 0
    finally:
        connection.close()


def receipt_of(file_id: str) -> dict[str, Any]:
    """The ledger's receipt of a file."""
    found = ledger_rows(f"SELECT {RECEIPT} FROM transfers WHERE file_id = '{file_id}'")
    assert len(found) == 1, found
    names = ("status", "target", "size", "sha256", "verified_by", "attempts", "permanent", "error")
    return dict(zip(names, found[0]))


def sink_files(folder: Path | str = "files") -> dict[str, bytes]:
    """Every file of the sink but our own mark: path below it, and bytes. Partials are shown."""
    root = Path(folder)
    found = {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() or path.is_symlink()
    }
    found.pop(".filehaul/sink", None)
    return found


def rows_of(query: str, database: Path | str = "acme.duckdb") -> list[tuple[Any, ...]]:
    """Rows of the DuckDB destination."""
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute(query).fetchall()


def files(*names: str, size: int = 10) -> list[FakeFile]:
    """Files ``id-NAME`` of these names, each with bytes of its own."""
    return [FakeFile(f"id-{name}", name, content=f"{name}|".encode() * size) for name in names]


def sync(config: Mapping[str, Any] | Path, **options: Any) -> Report:
    """`filehaul.sync`, as people call it."""
    return filehaul.sync(config, **options)


def contents(vendor: FakeVendor) -> int:
    """Requests for content so far."""
    return vendor.count("/v1/files/*/content")


def by_id(found: Iterable[tuple[Any, ...]]) -> dict[Any, tuple[Any, ...]]:
    """Rows by their first column, which must be unique."""
    rows = list(found)
    result = {row[0]: row[1:] for row in rows}
    assert len(result) == len(rows)
    return result


def names_in(folder: Path | str = ".") -> list[str]:
    """What is directly in a folder, sorted."""
    return sorted(path.name for path in Path(folder).iterdir())
