"""The destinations that the tests load into, each empty, each asked in its own SQL."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from filehaul.config import load_config
from filehaul.load import Destination

MERGING = ("duckdb", "postgres", "ducklake")
_NUMBERS = itertools.count()


@dataclass(frozen=True)
class Place:
    """One of them. ``block``: what a config says of it."""

    name: str
    block: Any

    def rows(self, config: dict[str, Any], query: str, table: str = "files") -> list[Any]:
        """What a query gives; ``{table}`` in it is the table's full name."""
        with Destination(load_config(config)) as destination:
            found = destination.sql(query, table=table)
        assert found is not None, f"no table {table}"
        return [tuple(row) for row in found]

    def drop(self, config: dict[str, Any], table: str) -> None:
        """A table goes, behind filehaul's back."""
        with Destination(load_config(config)) as destination, destination.connected():
            destination.sql("DROP TABLE {table}", table=table)


@contextmanager
def place(name: str, postgres: Callable[[], Any]) -> Iterator[Place]:
    """The destination of this name, empty. ``postgres``: the server, started when asked."""
    if name == "postgres":
        login = postgres().database(f"warehouse_{next(_NUMBERS)}")
        yield Place(name, {"type": "postgres", "credentials": login})
    elif name == "filesystem":
        yield Place(name, {"type": "filesystem", "bucket_url": "lake"})
    else:
        yield Place(name, name)


def parquet(table: str, query: str = "*", dataset: str = "acme_data") -> list[tuple[Any, ...]]:
    """Rows of a table that is Parquet files below ``lake``."""
    glob = Path("lake") / dataset / table / "*.parquet"
    source = f"read_parquet('{glob}', union_by_name = true)"
    return duckdb.sql(f"SELECT {query} FROM {source}").fetchall()
