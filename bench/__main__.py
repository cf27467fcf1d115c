"""``python -m bench``: tables on stdout, talk on stderr."""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from . import listing, memory, ranges, scale, startup, transfer, unchanged
from .figures import Table, markdown, ratio
from .measure import MEBI, BenchError, say

PARTS = ("transfer", "ranges", "unchanged", "listing", "scale", "startup")
WORKS = ("small", "secret", "middle", "large", "many")  # what `transfer` is made of
ASKED_FOR = ("memory",)  # ten minutes: only where it is named


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="filehaul beside rclone, curl and plain dlt."
    )
    add = parser.add_argument
    add(
        "parts",
        nargs="*",
        metavar="PART",
        help=f"{', '.join(PARTS)} (left out: all of these), {ASKED_FOR[0]}; "
        f"of transfer alone: {', '.join(WORKS)}",
    )
    add("--quick", action="store_true", help="a tenth of the work: does it run at all?")
    add("--rounds", type=int, default=5, help="how often each contender has its turn")
    add("--dlt-rounds", type=int, default=3, help="the same for plain dlt, a minute a round")
    add("--limit", metavar="PROGRAM", type=Path, help="the least program: docs/benchmarks.md")
    add("--json", metavar="FILE", type=Path, help="keep the figures here too")
    return parser


def tables(given: argparse.Namespace) -> Iterator[Table]:
    """The tables that are asked for, each as soon as it is measured."""
    parts = given.parts or PARTS
    tenth = 10 if given.quick else 1
    limit = str(given.limit.resolve()) if given.limit else None
    for work in _transfers(tenth):
        if {"transfer", work.folder} & set(parts):
            yield transfer.measure(work, given.rounds, limit)
    if "ranges" in parts:
        yield ranges.measure(4096 * MEBI // tenth)
    if "unchanged" in parts:
        yield unchanged.measure(100_000 // tenth, given.rounds)
    if "listing" in parts:
        for latency in (0.0, 0.03):
            work = listing.Work(100_000 // tenth, latency)
            yield listing.measure(work, given.rounds, given.dlt_rounds)
    if "scale" in parts:
        yield scale.measure(1_000_000 // tenth, given.dlt_rounds)
    if "memory" in parts:
        yield memory.measure(10_000_000 // tenth)
    if "startup" in parts:
        yield startup.measure(3 * given.rounds)


def _transfers(tenth: int) -> list[transfer.Work]:
    few, kibi = 20_000 // tenth, 1024
    return [
        transfer.Work("small", few, 4 * kibi, {"rclone": 1.8, "curl": 0.9, "limit": 0.5}),
        transfer.Work("secret", few, 4 * kibi, {"rclone": 1.8}, tls=True),
        transfer.Work("middle", 2000 // tenth, 256 * kibi, {"rclone": 1.2}),
        transfer.Work("large", 4, 1024 * MEBI // tenth, {"curl + sha256sum": 0.9}),
        transfer.Work("many", 200_000 // tenth, 4 * kibi, {"rclone": 1.0}, whole=True),
    ]


def main(argv: list[str] | None = None) -> int:
    """Measure and print; the exit code."""
    parser = arguments()
    given = parser.parse_args(argv)
    known = (*PARTS, *WORKS, *ASKED_FOR)
    if set(given.parts) - set(known) or given.rounds < 1 or given.dlt_rounds < 1:
        parser.error(f"PART is one of {', '.join(known)}; rounds are at least 1")
    kept = []
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))  # so that nothing is left behind
    try:
        print(_machine(), flush=True)
        for table in tables(given):
            print(markdown(table), flush=True)
            kept.append(_plain(table))
    except BenchError as problem:
        say(f"bench: {problem}")
        return 1
    finally:
        if given.json:
            given.json.write_text(json.dumps(kept, indent=1) + "\n")
    return 0


def _machine() -> str:
    load = os.getloadavg()[0]
    python = platform.python_version()
    busy = "; other work is going on: ratios may be off" if load > 1 else ""
    return f"{os.cpu_count()} cores, Python {python}, load {load:.1f} at the start{busy}\n"


def _plain(table: Table) -> dict[str, object]:
    return {
        "title": table.title,
        "lines": [asdict(one) for one in table.lines],
        "ratios": {by: {tool: ratio(table, tool, by) for tool in table.against} for by in table.by},
    }


if __name__ == "__main__":
    sys.exit(main())
