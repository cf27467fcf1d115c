"""How the command line speaks: JSON lines, three-line errors, progress on a terminal."""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import orjson
import typer

from ..errors import FilehaulError
from ..redact import redact
from ..report import size

if TYPE_CHECKING:
    from ..http import Wait
    from ..models import Receipt
    from ..report import Report
    from ..verification import Verification

_MOST_FAILED = 20
_FINDINGS = ("missing", "different", "extra")
ISSUES = "please report it, with the lines above"


def out(text: str) -> None:
    """A line of data. A reader that went away ends us quietly."""
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        sys.stderr.close()
        raise typer.Exit(141) from None


def out_json(row: dict[str, Any]) -> None:
    """A line of ``--json``."""
    out(orjson.dumps(row, default=str).decode())


def say(text: str) -> None:
    """A line of talk."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


@contextlib.contextmanager
def told(as_json: bool) -> Iterator[None]:
    """Errors as people and machines want them, and the exit code that goes with them."""
    try:
        yield
    except FilehaulError as problem:
        fail(problem, as_json)
        raise typer.Exit(problem.exit_code) from None
    except (typer.Exit, typer.Abort):
        raise
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except Exception as problem:
        say(redact("".join(traceback.format_exception(problem))))
        unexpected = FilehaulError(
            f"unexpected: {type(problem).__name__}: {redact(str(problem))[:300]}",
            hint=f"this is a defect of filehaul: {ISSUES}",
        )
        fail(unexpected, as_json)
        raise typer.Exit(1) from None


def fail(problem: FilehaulError, as_json: bool) -> None:
    """Say what is wrong: three lines for people, the last object for machines."""
    say(f"error: {redact(str(problem))}")
    if as_json:
        out_json({"event": "error", "exit_code": problem.exit_code, "error": problem.as_dict()})


def waiting(as_json: bool) -> Callable[[Wait], None]:
    """Says why nothing happens; also where nobody sees bars: a log that stands still should."""

    def tell(wait: Wait) -> None:
        if as_json:
            row = {"seconds": round(wait.seconds, 1), "reason": wait.reason, "where": wait.where}
            out_json({"event": "waiting", **row})
        else:
            say(f"waiting {wait.seconds:.0f} s: {wait.reason} ({wait.where})")

    return tell


class Progress:
    """Bars on a terminal for listing and transfer; nothing at all when piped."""

    def __init__(self, as_json: bool) -> None:
        from ..watch import Watch

        self.as_json = as_json
        self._bars: Any = None
        self._task: Any = None
        self._count = 0
        self._failed = 0
        self.watch = Watch(
            stage=self._stage,
            rows=self._rows,
            receipt=self._receipt,
            event=self._event,
            waiting=waiting(as_json),
        )

    def __enter__(self) -> Progress:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
            from rich.progress import Progress as Bars

            self._bars = Bars(
                TextColumn("{task.description}"),
                BarColumn(),  # it pulses where the number of files is not known
                TextColumn("{task.fields[done]}"),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
                refresh_per_second=5,
            )
            self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bars is not None:
            self._bars.stop()

    def _stage(self, resource: str, stage: str, count: int | None) -> None:
        self._count = 0
        if self._bars is not None:
            verb = {"list": "listing", "transfer": "transferring", "verify": "verifying"}[stage]
            self._task = self._bars.add_task(f"{verb} {resource}", total=count, done="")

    def _rows(self, rows: int) -> None:
        self._count += rows
        if self._bars is not None:
            self._bars.update(self._task, completed=self._count, done=f"{self._count:,} files")

    def _receipt(self, receipt: Receipt) -> None:
        self._count += 1
        if self._bars is not None:
            done = f"{self._count:,} files, {size(self.watch.meter.bytes)}"
            self._bars.update(self._task, completed=self._count, done=done)
        if receipt.status == "failed" and not self.as_json:
            self._failed += 1
            if self._failed <= _MOST_FAILED:
                name = receipt.target or receipt.file.name or receipt.file.file_id
                say(f"failed: {name}: {receipt.error}")
            elif self._failed == _MOST_FAILED + 1:
                say("… and more: filehaul status names them all")

    def _event(self, event: dict[str, Any]) -> None:
        if self.as_json:
            out_json(event)
        elif event["event"] in _FINDINGS:
            out(redact(f"{event['event']:10} {event['path']}: {event['reason']}"))


def conclude_verification(found: Verification, as_json: bool) -> None:
    """The end of a verification: how many are as they should be, the exit code."""
    for warning in found.repair.warnings if found.repair is not None else ():
        say(f"note: {redact(warning)}")
    if as_json:
        out_json(found.as_dict())
    else:
        mended = f", {found.repaired:,} repaired" if found.repair is not None else ""
        out(
            f"{found.equal:,} equal, {found.missing:,} missing, {found.different:,} different"
            f"{mended}, {found.extra:,} extra; {size(found.bytes)} read in {found.seconds:.1f} s"
        )
    if found.waiting:
        say(f"note: {found.waiting:,} files of the catalogue have no bytes yet: filehaul status")
    if found.error is not None:
        say(f"error: {redact(str(found.error))}")
    elif found.exit_code and found.repair is None:
        say("the sink is not as it should be\n  next:  filehaul verify --repair fetches them again")
    elif found.exit_code:
        say("not all could be mended\n  next:  filehaul status names files that failed, and why")
    if found.exit_code:
        raise typer.Exit(found.exit_code)


def conclude(report: Report, as_json: bool) -> None:
    """The end of a sync: what was done, what is wrong, the exit code."""
    for warning in report.warnings:
        say(f"note: {redact(warning)}")
    if as_json:
        out_json(report.as_dict())
    else:
        for line in report.lines():
            out(redact(line))
        out(f"done in {report.seconds:.1f} s" if report.exit_code == 0 else "not all is done")
    if report.error is not None:
        say(f"error: {redact(str(report.error))}")
    elif report.exit_code:
        say(
            f"{report.failed} files failed, {report.rejected} rows were rejected\n"
            "  next:  filehaul status names them; tables transfer_errors and rejected keep them"
        )
    if report.exit_code:
        raise typer.Exit(report.exit_code)
