"""Rows: records listed page by page and merged into DuckDB, beside plain dlt `rest_api`."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from . import plain
from .figures import Line, Table, lines
from .measure import (
    BenchError,
    Contender,
    environment,
    filehaul,
    found,
    interleaved,
    say,
    scratch,
    write_json,
)
from .web import PACKAGES

PAGE = 100
_COUNT = (
    "import duckdb, sys; db = duckdb.connect(sys.argv[1], read_only=True);"
    "db.execute('SELECT count(DISTINCT file_id), count(*) FROM bench_data.files');"
    "print(db.fetchone())"
)
# The plugin is installed beside filehaul; what plain dlt does is measured without it.
_PLAIN_ENV = {"FILEHAUL_DLT_DIALECT": "0"}


@dataclass(frozen=True)
class Work:
    """``records`` of a vendor that takes ``latency`` seconds for each answer."""

    records: int
    latency: float
    concurrency: int = 16

    @property
    def title(self) -> str:
        """What it is, in words."""
        answer = f"{self.latency * 1000:g} ms an answer" if self.latency else "answers at once"
        return f"{self.records:,} records, {PAGE} a page, {answer}, {self.concurrency} in flight"

    @property
    def pages(self) -> int:
        """Pages with rows on them."""
        return (self.records + PAGE - 1) // PAGE


def measure(work: Work, rounds: int, dlt_rounds: int) -> Table:
    """One table. dlt takes a minute a round: it may have fewer."""
    with scratch("list") as room, vendor(work) as serving:
        contenders = _contenders(work, serving.url, dlt_rounds)
        say(work.title)
        runs = interleaved(contenders, rounds, room, warm_up=False)
    return Table(
        title=f"List and load: {work.title}",
        lines=lines(contenders, runs),
        by={"seconds": "whole process"},
        against={"dlt": 15.0 if work.latency else 10.0},
        notes=_notes(work),
        columns={"listing, pages/s": _rate},
    )


def _rate(one: Line) -> str:
    return f"{one.extra['pages/s']:,.0f}" if "pages/s" in one.extra else ""


def _notes(work: Work) -> list[str]:
    notes = ["- listing: pages a second while the listing lasts, as the ledger has it."]
    if work.latency:
        paper = work.concurrency / work.latency
        notes.append(f"- On paper, {work.concurrency} in flight ask {paper:,.0f} pages a second.")
    return notes


class Serving(NamedTuple):
    """A fake vendor that runs. ``change``: every hundredth record changes, or changes back."""

    url: str
    change: Callable[[], None]


@contextmanager
def vendor(work: Work) -> Iterator[Serving]:
    """The fake vendor, as a process of its own."""
    command = [sys.executable, "-m", "filehaul.testing", "--records", str(work.records)]
    command += ["--no-auth", "--latency", str(work.latency), "--with-parent"]
    command += ["--changed-every", "100"]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment()
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        first = process.stdout.readline()
        if not first:
            raise BenchError("the fake vendor does not start")
        yield Serving(json.loads(first)["base_url"], lambda: process.send_signal(signal.SIGUSR1))
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(10)


# -- the contenders ------------------------------------------------------------------------


def _contenders(work: Work, url: str, dlt_rounds: int) -> list[Contender]:
    check = whole(work)

    def sync(deletes: str) -> Callable[[Path], Sequence[str]]:
        def command(folder: Path) -> Sequence[str]:
            config: dict[str, Any] = {"name": "bench", **plain.config(url, work.concurrency)}
            config["resources"][0]["deletes"] = deletes
            return [filehaul(), "sync", str(write_json(folder / "bench.yaml", config)), "--json"]

        return command

    def pipeline(engine: str) -> Callable[[Path], Sequence[str]]:
        end = [engine, url, str(work.concurrency)]
        return lambda _folder: [sys.executable, "-m", "bench.plain", *end]

    return [
        Contender("filehaul", "filehaul sync, deletes: none", sync("none"), check, _listing_rate),
        Contender(
            "filehaul, tombstones", "filehaul sync, tombstones", sync("soft"), check, _listing_rate
        ),
        Contender(
            "filehaul in a dlt pipeline",
            "pipeline.run(filehaul.rest_api_source(…))",
            pipeline("filehaul"),
            check,
        ),
        Contender(
            "dlt",
            "pipeline.run(rest_api_source(…)), plain dlt",
            pipeline("dlt"),
            check,
            env=_PLAIN_ENV,
            most_rounds=dlt_rounds,
        ),
        Contender(
            "pages",
            f"the pages alone, curl --parallel, {work.concurrency} at most",
            lambda folder: pages(work, url, folder),
        ),
    ]


def pages(work: Work, url: str, folder: Path) -> Sequence[str]:
    """What the server itself can do."""
    config = folder / "list"
    with config.open("w") as file:
        for page in range(work.pages):
            address = f"{url}/v1/files?offset={page * PAGE}&limit={PAGE}"
            file.write(f'url = "{address}"\noutput = "/dev/null"\n')
    most = str(work.concurrency)
    return [
        *(found("curl", PACKAGES), "-sS", "--parallel", "--parallel-max", most),
        *("--config", str(config)),
    ]


def whole(work: Work) -> Callable[[Path], None]:
    """Checks that every record is in the table, once."""

    def check(folder: Path) -> None:
        command = [sys.executable, "-c", _COUNT, str(folder / "bench.duckdb")]
        asked = subprocess.run(command, check=False, capture_output=True, text=True)
        told = asked.stdout.strip() or asked.stderr
        if told != f"({work.records}, {work.records})":
            raise BenchError(f"(keys, rows) in the table: {told}, not {work.records} of both")

    return check


def _listing_rate(folder: Path) -> Mapping[str, float]:
    """Pages a second of the listing alone: the ledger has its times."""
    (ledger,) = (folder / ".filehaul").glob("*.sqlite")
    connection = sqlite3.connect(ledger)
    try:
        pages, took = connection.execute(
            "SELECT sum(pages), sum(finished_at - started_at) FROM listings"
        ).fetchone()
    finally:
        connection.close()
    return {"pages/s": pages / (took / 1e6)}
