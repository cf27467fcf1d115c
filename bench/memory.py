"""What a hundred times as many records take of memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from . import listing, plain
from .figures import Table, lines
from .measure import Contender, filehaul, interleaved, say, scratch, write_json

FEW = 100_000


def measure(records: int) -> Table:
    """One table: few and many records, into Parquet and into DuckDB."""
    contenders: list[Contender] = []
    with scratch("memory") as room:
        found = {}
        for count in (FEW, records):
            work = listing.Work(count, 0.0)
            with listing.vendor(work) as serving:
                say(f"{count:,} records")
                some = [_parquet(work, serving.url), _duckdb(work, serving.url)]
                found.update(interleaved(some, 1, room, warm_up=False))
                contenders += some
    return Table(
        title=f"Memory: {FEW:,} and {records:,} records",
        lines=lines(contenders, found),
        by={},
        against={},
        notes=["- The aim: a peak within 1.3 times that of 100,000, apart from DuckDB's own."],
    )


def _parquet(work: listing.Work, url: str) -> Contender:
    def change(config: dict[str, Any], folder: Path) -> None:
        config["destination"] = {"type": "filesystem", "bucket_url": str(folder / "lake")}
        config["resources"][0]["write_disposition"] = "replace"

    return Contender("Parquet", f"{work.records:,} into Parquet", _sync(work, url, change))


def _duckdb(work: listing.Work, url: str) -> Contender:
    def change(config: dict[str, Any], _folder: Path) -> None:
        config["resources"][0]["deletes"] = "none"

    name = f"{work.records:,} into DuckDB, memory_limit 1 GB"
    return Contender("DuckDB", name, _sync(work, url, change), listing.whole(work))


def _sync(
    work: listing.Work, url: str, change: Callable[[dict[str, Any], Path], None]
) -> Callable[[Path], Sequence[str]]:
    def command(folder: Path) -> Sequence[str]:
        config: dict[str, Any] = {"name": "bench", **plain.config(url, work.concurrency)}
        change(config, folder)
        return [filehaul(), "sync", str(write_json(folder / "bench.yaml", config)), "--json"]

    return command
