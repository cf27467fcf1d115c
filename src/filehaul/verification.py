"""The sink read again, and held to the ledger and the catalogue; and what is wrong, fetched again.

The sink is walked once. Each file that a receipt tells of is looked for there, then its bytes are
read and held to our own sha256 and to the vendor's checksum that the receipt was verified by.
Nothing is ever removed; files that no receipt tells of are told, and do not count.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

from .checksums import SUPPORTED
from .config import Config, load_config
from .errors import RAISED, Cancelled, FilehaulError, LedgerError, PartialError, UsageError
from .http import Clock
from .json_text import is_text
from .ledger import Holding, Ledger
from .own_ledger import ledger_of, refuse_another_ledger, state_path
from .report import Report
from .selection import Selection
from .signals import hand_on, interruptible
from .sink import Sink, sink_of
from .spine import run_within
from .transfer import settle
from .watch import Watch

MOST_KEPT = 1000
_READERS = 2
_AHEAD = 64  # files that wait for a reader, or for their turn to be told
_STRETCH = 10_000


@dataclass(frozen=True)
class Finding:
    """A file that is not as it should be. ``what``: missing, different or extra.

    ``path``: below the sink. ``resource``, ``file_id``: None where no receipt tells of it.
    """

    what: str
    path: str
    reason: str
    resource: str | None = None
    file_id: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """A line of ``--json``."""
        return {
            "event": self.what,
            "resource": self.resource,
            "file_id": self.file_id,
            "path": self.path,
            "reason": self.reason,
        }


@dataclass
class Verification:
    """What `verify` found. Counts are files; ``bytes`` were read.

    ``equal``: as the receipts say, when the sink was read. ``repaired``: of those that were missing
    or different. ``waiting``: files of the catalogue that have no bytes yet, or not those of their
    version: parked, or the next sync's to fetch. ``findings``: the first `MOST_KEPT`; all of them
    go to ``watch.event``. ``repair``: the report of the run that fetched what was wrong.
    ``signal``: the number of the one that stopped it.
    """

    name: str = ""
    equal: int = 0
    missing: int = 0
    different: int = 0
    extra: int = 0
    repaired: int = 0
    waiting: int = 0
    bytes: int = 0
    seconds: float = 0.0
    findings: list[Finding] = field(default_factory=list)
    repair: Report | None = None
    signal: int | None = None
    error: FilehaulError | None = None

    @property
    def exit_code(self) -> int:
        """0: all is equal, or mended; 3: it is not; else what the error says."""
        if self.error is not None:
            return self.error.exit_code
        return PartialError.exit_code if self.missing + self.different > self.repaired else 0

    def raise_for_findings(self) -> None:
        """Raise what stopped it, or PartialError where the sink is not as it should be."""
        if self.error is not None:
            raise self.error
        if self.exit_code:
            raise PartialError(
                f"{self.missing} files are missing in the sink, {self.different} are different, "
                f"and {self.repaired} of them were mended",
                where=self.name,
                hint="verify --repair fetches them again",
            )

    def as_dict(self) -> dict[str, Any]:
        """The last line of ``verify --json``."""
        return {
            "event": "done",
            "equal": self.equal,
            "missing": self.missing,
            "different": self.different,
            "extra": self.extra,
            "repaired": self.repaired,
            "waiting": self.waiting,
            "bytes": self.bytes,
            "seconds": round(self.seconds, 3),
            "exit_code": self.exit_code,
            "error": None if self.error is None else self.error.as_dict(),
        }


def verify(
    config: Config | Mapping[str, Any] | str | Path,
    *,
    repair: bool = False,
    quick: bool = False,
    watch: Watch | None = None,
    clock: Clock | None = None,
) -> Verification:
    """Read the sink again and hold it to the ledger and the catalogue. Returns what was found.

    ``repair``: fetch what is missing or different, and nothing else. ``quick``: compare names and
    sizes only. The connection's lock is held. Raises ConfigError, CredentialsError, UsageError and
    defects; everything else is in the result: ``exit_code``, ``error``, ``raise_for_findings()``.
    A signal that stopped it is handed on, as by `sync`.
    """
    found = run(load_config(config), repair=repair, quick=quick, watch=watch, clock=clock)
    if found.signal is not None:
        hand_on(found.signal)
    if found.error is not None and found.error.exit_code in RAISED:
        raise found.error
    return found


def run(
    config: Config,
    *,
    repair: bool = False,
    quick: bool = False,
    watch: Watch | None = None,
    clock: Clock | None = None,
) -> Verification:
    """The same, with every error of filehaul's in the result."""
    found = Verification(config.name)
    begun = time.monotonic()
    with interruptible() as wish:
        try:
            one = _Verify(config, found, quick, watch or Watch(), wish)
            with one.ready() as ledger:
                one.look(ledger)
                if repair and found.missing + found.different:
                    one.repair(ledger, clock)
        except FilehaulError as problem:
            found.error = problem
    found.signal = wish.number
    found.seconds = time.monotonic() - begun
    return found


class _Verify:
    def __init__(
        self,
        config: Config,
        found: Verification,
        quick: bool,
        watch: Watch,
        cancelled: Callable[[], bool],
    ) -> None:
        self.config = config
        self.found = found
        self.quick = quick
        self.watch = watch
        self.cancelled = cancelled
        sink = sink_of(config, cancelled=cancelled)
        if sink is None:
            raise UsageError(
                "there is nothing to verify: no resource of this config has content",
                where=config.source,
                hint="content and sink say which bytes are kept, and where",
            )
        self.sink: Sink = sink

    def ready(self) -> AbstractContextManager[Ledger]:
        """The ledger, under the connection's lock; LedgerError where there is none."""
        state = state_path(self.config)
        if not state.exists():
            raise LedgerError(
                "there is no ledger: nothing says what the sink should hold",
                where=str(state),
                hint="filehaul sync makes it; from the destination's tables, if these are there",
            )
        return ledger_of(self.config)

    def look(self, ledger: Ledger) -> None:
        """Compare, change nothing but what a kill has left half done."""
        refuse_another_ledger(ledger, self.config)
        try:
            self.sink.open()
            settle(ledger, self.sink)
            self._walk(ledger)
            with ledger.transaction():
                ledger.chosen.clear()
            for holdings, reason in self._compared(ledger.there.holdings(self.sink.identity)):
                self._note(ledger, holdings, reason)
            for path, size in ledger.there.extras(self.sink.identity):
                self._extra(path, size)
        finally:
            self.sink.close()
        for resource in self.config.resources:
            if resource.content is not None:
                window = Selection(resource, datetime.now(timezone.utc)).window
                counts = ledger.transfers.counts(resource.name, 0, self.sink.identity, window)
                self.found.waiting += counts[1] + counts[2]

    def _walk(self, ledger: Ledger) -> None:
        """What the sink has, into the ledger's temporary table."""
        total = ledger.there.count(self.sink.identity)
        self.watch.stage(self.sink.url(""), "verify", total)
        files = self.sink.files()
        with ledger.transaction():
            ledger.there.clear()
        while stretch := [one for _, one in zip(range(_STRETCH), files)]:
            self._stop_if_asked()
            known = [one for one in stretch if is_text(one[0])]
            if len(known) < len(stretch):  # no name of ours
                for path, size in stretch:
                    if not is_text(path):
                        self._extra(path, size)
            with ledger.transaction():
                ledger.there.note(known)

    def _stop_if_asked(self) -> None:
        if self.cancelled():
            raise Cancelled("cancelled", hint="run again: it begins anew")

    # -- comparing -------------------------------------------------------------------------

    def _compared(
        self, holdings: Iterable[Holding]
    ) -> Iterator[tuple[list[Holding], tuple[str, str] | None]]:
        """The files of each path, and what is wrong with its bytes: (missing or different, why)."""
        waiting: deque[tuple[list[Holding], Future[tuple[str, str] | None]]] = deque()
        readers = ThreadPoolExecutor(_READERS, "filehaul-verify")
        try:
            for _, group in groupby(holdings, attrgetter("target")):
                same = list(group)  # equal bytes may lie there once for several files
                waiting.append((same, readers.submit(self._wrong, same)))
                if len(waiting) >= _AHEAD:
                    first, reason = waiting.popleft()
                    yield first, reason.result()
                    self._stop_if_asked()
            while waiting:
                first, reason = waiting.popleft()
                yield first, reason.result()
                self._stop_if_asked()
        finally:
            readers.shutdown(cancel_futures=True)

    def _wrong(self, same: list[Holding]) -> tuple[str, str] | None:
        """What is wrong with the bytes at a path; None: nothing. Called in a thread."""
        one = same[0]
        if one.there is None:
            return "missing", "there is no file at its path"
        if one.there < 0:
            return "different", "what is at its path is no file"
        for holding in same:
            if holding.size != one.there:
                return "different", f"{one.there} bytes, not {holding.size}"
        return None if self.quick else self._read(one.target, same)

    def _read(self, target: str, same: list[Holding]) -> tuple[str, str] | None:
        wanted = {(name, value) for one in same for name, value in _proofs(one)}
        names = {name for name, _ in wanted}
        digests = self.sink.digests(target, names, self.cancelled, read=True)
        if digests is None:
            return "missing", "it cannot be read"
        for name, value in sorted(wanted, key=lambda pair: pair[0] != "sha256"):
            if digests[name] != value:
                return "different", f"other bytes: {name} is {digests[name]}, not {value}"
        return None

    # -- telling ---------------------------------------------------------------------------

    def _note(self, ledger: Ledger, holdings: list[Holding], wrong: tuple[str, str] | None) -> None:
        if not self.quick:
            self.found.bytes += max(0, holdings[0].there or 0)
            self.watch.meter.bytes = self.found.bytes
        self.watch.rows(len(holdings))
        if wrong is None:
            self.found.equal += len(holdings)
            return
        self._stop_if_asked()  # then it was not read to its end
        what, reason = wrong
        for one in holdings:
            gone = "" if one.is_listed else "; the vendor no longer has it"
            self._tell(Finding(what, one.target, reason + gone, one.resource, one.file_id))
        with ledger.transaction():
            ledger.chosen.add((one.resource, one.key) for one in holdings if one.is_listed)

    def _extra(self, path: str, size: int) -> None:
        reason = "no receipt tells of it" if size >= 0 else "no receipt tells of it; it is no file"
        shown = os.fsencode(path).decode("utf-8", "backslashreplace")
        self._tell(Finding("extra", shown, reason))

    def _tell(self, one: Finding) -> None:
        setattr(self.found, one.what, getattr(self.found, one.what) + 1)
        if len(self.found.findings) < MOST_KEPT:
            self.found.findings.append(one)
        self.watch.event(one.as_dict())

    # -- mending ---------------------------------------------------------------------------

    def repair(self, ledger: Ledger, clock: Clock | None) -> None:
        """Fetch what is wrong, and nothing else: their receipts go, then a sync that is about these
        files alone lists the vendor, whose addresses are kept nowhere.
        """
        identity = self.sink.identity
        with ledger.transaction():
            ledger.chosen.lose(identity)
            ledger.chosen.ask_again()
        report = run_within(ledger, self.config, self.watch, clock, self.cancelled)
        self.found.repair = report
        self.found.repaired = ledger.chosen.held(identity)
        self.found.error = report.error


def _proofs(one: Holding) -> Iterator[tuple[str, str]]:
    """What the bytes must have: our own sha256, and the vendor's checksum that they were held to
    when they came. Another one of the vendor's may be wrong, and was then not used.
    """
    yield "sha256", one.sha256
    if one.verified_by in SUPPORTED and one.verified_by in one.checksum:
        yield one.verified_by, one.checksum[one.verified_by]
