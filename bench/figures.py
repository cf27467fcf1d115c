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

    ``by``: the figures (seconds of something, by name) that ratios are made of; the aims are held
    to the first. ``against``: the tools that filehaul is compared with, and the least ratio aimed
    at (None: only told).
    """

    title: str
    lines: Sequence[Line]
    by: Mapping[str, str]
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


def ratio(table: Table, tool: str, by: str) -> float | None:
    """How many times as fast as the tool's best filehaul's best is."""
    ours = best(table.lines, "filehaul", by)
    theirs = best(table.lines, tool, by)
    return theirs.figure(by) / ours.figure(by) if ours and theirs else None


def markdown(table: Table) -> str:
    """The table for people, with the ratios below."""
    heads = ["", *table.columns, "whole process, s", "±", "CPU, s", "peak, MiB"]
    rows = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for one in table.lines:
        cells = [one.name, *(show(one) for show in table.columns.values())]
        cells += [f"{one.seconds:.2f}", f"{one.spread:.0%}", f"{one.cpu:.2f}", f"{one.rss_mb:.0f}"]
        rows.append(f"| {' | '.join(cells)} |")
    rounds = max(one.rounds for one in table.lines)
    text = [f"## {table.title}", "", f"Rounds: {rounds}, taking turns; medians.", "", *rows, ""]
    for number, (by, words) in enumerate(table.by.items()):
        text += verdicts(table, by, words, held=number == 0)
    return "\n".join([*text, *table.notes, ""])


def verdicts(table: Table, by: str, words: str, held: bool) -> list[str]:
    """One line a tool: how fast filehaul is beside it, and whether that was the aim."""
    said = []
    ours = best(table.lines, "filehaul", by)
    for tool, aim in table.against.items():
        found = ratio(table, tool, by)
        theirs = best(table.lines, tool, by)
        if found is None or ours is None or theirs is None:
            continue
        told = f" (aim: {aim:g}: {'met' if found >= aim else 'MISSED'})" if held and aim else ""
        said.append(f"- {words}: {found:.2f} × {tool}{told}; {ours.name} / {theirs.name}")
    return said
