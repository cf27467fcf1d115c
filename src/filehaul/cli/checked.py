"""How a check looks on a terminal: a line a finding, the table of a page, what to write instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .talk import out, say

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
