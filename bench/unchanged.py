"""A sync that has nothing to do: how long it takes to know that."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from . import transfer, tree
from .figures import Table, lines
from .measure import BenchError, Contender, environment, filehaul, interleaved, say, scratch
from .web import Web, nginx

_SIZE = 16


def measure(count: int, rounds: int) -> Table:
    """One table: files that were fetched before, and have not changed since."""
    work = transfer.Work("idle", count, _SIZE)
    with scratch("web") as folder, scratch("out") as room, scratch("home") as home:
        say(f"{count:,} files, nothing to do")
        served = folder / "tree"
        tree.make(served, work.folder, count, _SIZE)
        with nginx(folder, served) as web:
            config = transfer.write_config(work, web, 16, home)
            _fetch(config, home)
            contender = _again(config, web)
            runs = interleaved([contender], rounds, room)
    pages = (count + tree.PAGE - 1) // tree.PAGE
    return Table(
        title=f"Nothing to do: {count:,} files, {tree.PAGE:,} a page",
        lines=lines([contender], runs),
        by={},
        against={},
        columns={"requests": lambda one: f"{one.extra['requests']:,.0f}"},
        notes=[f"- The vendor has {pages} pages. No tool asks for fewer requests than that."],
    )


def _fetch(config: Path, home: Path) -> None:
    command = [filehaul(), "sync", str(config), "--json"]
    done = subprocess.run(
        command, cwd=home, env=environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BenchError(f"the first run: {done.stderr[-300:]}")


def _again(config: Path, web: Web) -> Contender:
    def command(_folder: Path) -> Sequence[str]:
        web.mark()
        return [filehaul(), "sync", str(config), "--json"]

    def figures(folder: Path) -> dict[str, float]:
        if '"transferred":0' not in (folder / "stdout").read_text():
            raise BenchError("something was fetched")
        return {"requests": float(web.requests())}

    return Contender("filehaul", "filehaul sync", command, figures=figures)
