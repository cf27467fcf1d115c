"""How a check looks on a terminal: a line a finding, the table of a page, what to write instead."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from .talk import out, out_json, say, waiting

if TYPE_CHECKING:
    from ..check import Finding

_HEAD = ("column", "from", "filled", "null", "for example")
_WIDEST = 40


def show(finding: Finding) -> None:
    """A finding. What is wrong, and what to do about it, is talk."""
    mark = "ok  " if finding.error is None else "FAIL"
    if finding.is_suspicious:
        mark = "look"
    out(f"{mark}  {finding.what}: {finding.text}")
    if finding.columns:
        _table(finding)
    if finding.advice:
        out(f"      write: {finding.advice}")
    if finding.error is not None:
        say(f"      where: {finding.error.where}\n      next:  {finding.error.hint}")


def prove(config: Path, as_json: bool) -> None:
    """The table of `filehaul check --conformance`; what failed is the exit code."""
    from ..check import conformance
    from ..errors import VendorError

    counts: Counter[str] = Counter()
    code = 0
    for one in conformance(config, waiting(as_json)):
        counts[one.outcome] += 1
        if one.error is not None:
            # What was said is not what the config declares, unless nothing could be asked.
            code = code or (one.error.exit_code if one.error.temporary else VendorError.exit_code)
        if as_json:
            out_json(one.as_dict())
            continue
        out(f"{one.outcome:14}  {one.what}: {one.text}")
        if one.error is not None and one.error.hint:
            say(f"                next:  {one.error.hint}")
    told = {name.replace(" ", "_"): counts[name] for name in ("passed", "failed", "not applicable")}
    if as_json:
        out_json({"event": "done", "checked": sum(counts.values()), **told, "exit_code": code})
    else:
        shown = ", ".join(f"{counts[name]} {name}" for name in counts)
        out(f"{sum(counts.values())} checked: {shown}")
    if code:
        raise typer.Exit(code)


def _table(finding: Finding) -> None:
    rows = [_HEAD]
    for one in finding.columns:
        counts = (str(one.filled), str(one.null) if one.null else "-")
        rows.append((one.column, one.path, *counts, one.example or ""))
    widths = [min(_WIDEST, max(len(row[n]) for row in rows)) for n in range(4)]
    for column, path, filled, null, example in rows:
        source = path if len(path) <= _WIDEST else path[: _WIDEST - 1] + "…"
        cells = (column.ljust(widths[0]), source.ljust(widths[1]))
        counts = (filled.rjust(widths[2]), null.rjust(widths[3]))
        out("      " + "  ".join((*cells, *counts, example)).rstrip())
