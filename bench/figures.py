"""Medians, ratios, and tables of them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from .measure import Contender, Run


@dataclass(frozen=True)
class Line:
    """One contender's medians. ``seconds``: the whole process."""

    tool: str
    name: str
    rounds: int
    seconds: float
    spread: float
    cpu: float
    rss_mb: float
    extra: Mapping[str, float] = field(default_factory=dict)

    def figure(self, name: str) -> float:
        """``seconds``, or one of the extra figures."""
        return self.seconds if name == "seconds" else self.extra[name]


@dataclass(frozen=True)
class Table:
    """One piece of work, and how each contender did it.

    ``by``: the figure (seconds of something) that ratios are made of. ``against``: the tools that
    filehaul is held to, with the least ratio aimed at (None: only told).
    """

    title: str
    lines: Sequence[Line]
    by: str
    against: Mapping[str, float | None]
    notes: Sequence[str] = ()
    columns: Mapping[str, Callable[[Line], str]] = field(default_factory=dict)


def line(contender: Contender, runs: Sequence[Run]) -> Line:
    """The medians of one contender's runs. ``spread``: (slowest - fastest) / median."""
    middle = statistics.median
    seconds = [run.seconds for run in runs]
    return Line(
        contender.tool,
        contender.name,
        len(runs),
        middle(seconds),
        (max(seconds) - min(seconds)) / middle(seconds),
        middle(run.cpu for run in runs),
        middle(run.rss_mb for run in runs),
        {name: middle(run.extra[name] for run in runs) for name in runs[0].extra},
    )


def lines(contenders: Sequence[Contender], runs: Mapping[str, Sequence[Run]]) -> list[Line]:
    """All contenders' medians, in their order."""
    return [line(contender, runs[contender.name]) for contender in contenders]


def best(table_lines: Sequence[Line], tool: str, by: str) -> Line | None:
    """The tool's settings that were fastest."""
    of_tool = [one for one in table_lines if one.tool == tool]
    return min(of_tool, key=lambda one: one.figure(by)) if of_tool else None


def ratio(table: Table, tool: str) -> float | None:
    """How many times as fast as the tool's best filehaul's best is."""
    ours = best(table.lines, "filehaul", table.by)
    theirs = best(table.lines, tool, table.by)
    return theirs.figure(table.by) / ours.figure(table.by) if ours and theirs else None


def markdown(table: Table) -> str:
    """The table for people, with the ratios below."""
    heads = ["", *table.columns, "whole process, s", "±", "CPU, s", "peak, MiB"]
    rows = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for one in table.lines:
        cells = [one.name, *(show(one) for show in table.columns.values())]
        cells += [f"{one.seconds:.2f}", f"{one.spread:.0%}", f"{one.cpu:.2f}", f"{one.rss_mb:.0f}"]
        rows.append(f"| {' | '.join(cells)} |")
    rounds = max(one.rounds for one in table.lines)
    text = [f"## {table.title}", "", f"Medians of {rounds} rounds, taking turns.", "", *rows, ""]
    text += verdicts(table)
    return "\n".join([*text, *table.notes, ""])


def verdicts(table: Table) -> list[str]:
    """One line a tool: the ratio, and whether it is what was aimed at."""
    said = []
    for tool, aim in table.against.items():
        found = ratio(table, tool)
        ours = best(table.lines, "filehaul", table.by)
        theirs = best(table.lines, tool, table.by)
        if found is None or ours is None or theirs is None:
            continue
        held = "" if aim is None else f" (aim: {aim:g}; {'met' if found >= aim else 'MISSED'})"
        said.append(f"- {found:.2f} × {tool}{held}: best of each, {ours.name} / {theirs.name}")
    return said
