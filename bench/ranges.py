"""One large file over connections that are capped, as vendors do: by one, and by several ranges."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from . import transfer, tree
from .figures import Table, lines
from .measure import MEBI, BenchError, Contender, filehaul, interleaved, say, scratch
from .web import Web, nginx

RATE = 50  # MiB a second and connection: bench.web
RANGES = 8


def measure(size: int) -> Table:
    """One table, one round: the rate is the server's, and does not vary."""
    with scratch("web") as folder, scratch("out") as room:
        say(f"one file of {size // MEBI:,} MiB")
        served = folder / "tree"
        tree.make(served, "capped", 1, size)
        with nginx(folder, served) as web:
            contenders = [_sync(web, size, RANGES), _sync(web, size, 1)]
            runs = interleaved(contenders, 1, room, warm_up=False)
    return Table(
        title=f"Ranges: one file of {size // MEBI:,} MiB, {RATE} MiB/s a connection",
        lines=lines(contenders, runs),
        by={"seconds": "whole process"},
        against={"one connection": 6.0},
        notes=[f"- One connection alone takes {size / MEBI / RATE:.1f} s."],
    )


def _sync(web: Web, size: int, count: int) -> Contender:
    work = transfer.Work("capped", 1, size)

    def command(folder: Path) -> Sequence[str]:
        more = {"ranges": count} if count > 1 else {}
        path = transfer.write_config(work, web, RANGES, folder, **more)
        return [filehaul(), "sync", str(path), "--json"]

    def check(folder: Path) -> None:
        found = [path.stat().st_size for path in (folder / "out").glob("*.bin")]
        if found != [size]:
            raise BenchError(f"files of {found} bytes arrived")

    tool = "filehaul" if count > 1 else "one connection"
    return Contender(tool, f"filehaul sync, ranges: {count}", command, check)
