"""A million rows merged into DuckDB, beside dlt merging the same rows as Arrow."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from . import listing, plain
from .figures import Table, lines
from .measure import BenchError, Contender, environment, filehaul, interleaved, say, scratch
from .measure import write_json as write


def measure(records: int, rounds: int) -> Table:
    """One table: the first run, the next with nothing changed, and what they are made of."""
    work = listing.Work(records, 0.0)
    with scratch("scale") as room, listing.vendor(work) as serving:
        contenders = _contenders(work, serving)
        say(f"{records:,} records")
        runs = interleaved(contenders, rounds, room, warm_up=False)
    table = Table(
        title=f"Merge: {work.title}",
        lines=lines(contenders, runs),
        by={"seconds": "whole process"},
        against={"dlt + pages": 1 / 1.5},
        notes=[
            "- dlt + pages: dlt merges the same rows as Arrow tables of 10,000, and curl reads the "
            "pages; the sum of both.",
        ],
    )
    return _with_sum(table)


def _with_sum(table: Table) -> Table:
    arrow, pages = (next(one for one in table.lines if one.tool == tool) for tool in _PARTS)
    both = replace(
        arrow,
        tool="dlt + pages",
        name="both, one after the other",
        seconds=arrow.seconds + pages.seconds,
        cpu=arrow.cpu + pages.cpu,
        rss_mb=max(arrow.rss_mb, pages.rss_mb),
    )
    return replace(table, lines=[*table.lines, both])


_PARTS = ("dlt, Arrow", "pages")


def _contenders(work: listing.Work, serving: listing.Serving) -> list[Contender]:
    url, whole = serving.url, listing.whole(work)

    def sync(
        deletes: str, again: bool = False, changed: bool = False
    ) -> Callable[[Path], Sequence[str]]:
        def command(folder: Path) -> Sequence[str]:
            config: dict[str, Any] = {"name": "bench", **plain.config(url, work.concurrency)}
            config["resources"][0]["deletes"] = deletes
            run = [filehaul(), "sync", str(write(folder / "bench.yaml", config)), "--json"]
            if again:
                _run(run, folder)
            if changed:  # or changes back: a hundredth of them differs either way
                serving.change()
            return run

        return command

    return [
        Contender("filehaul", "filehaul sync, deletes: none", sync("none"), whole),
        Contender("filehaul, tombstones", "filehaul sync, tombstones", sync("soft"), whole),
        Contender("filehaul again", "the same again, nothing changed", sync("soft", True), whole),
        Contender(
            "filehaul, 1%",
            "the same again, 1% of the rows changed",
            sync("soft", True, changed=True),
            whole,
        ),
        Contender(
            "dlt, Arrow",
            "dlt, the same rows as Arrow",
            lambda _folder: [sys.executable, "-m", "bench.plain", "arrow", "", str(work.records)],
            whole,
        ),
        Contender(
            "pages",
            f"the pages alone, curl --parallel, {work.concurrency} at most",
            lambda folder: listing.pages(work, url, folder),
        ),
    ]


def _run(command: Sequence[str], folder: Path) -> None:
    done = subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BenchError(f"the first run: {done.stderr[-300:]}")
