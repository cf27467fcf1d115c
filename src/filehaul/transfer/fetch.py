"""The transfers of one resource: decisions to requests, results to receipts."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from datetime import datetime
from typing import NamedTuple

from ..download import Download, Meter
from ..errors import AnswerError, CredentialsError, FilehaulError, SinkError, TemporaryError
from ..execute import Outcome
from ..fit import MismatchError, fit
from ..http import Http, Request, Result
from ..ledger import Ledger, Partial
from ..models import Receipt, Task
from ..names import by_hash
from ..parts import PART, Part, Parts, WholeError
from ..pieces import Lanes
from ..plan import IMPOSSIBLE, MOVE, UNADDRESSED, UNCHANGED, Decision, Planner
from ..sink import Sink
from .asking import Requests
from .batch import INTERVAL, Batch, Change, Point
from .large import LargeFiles
from .moves import Moves
from .receipts import already_there, done, failure, is_permanent, kept, now
from .relief import Relief, partial_name
from .turns import Turns

_PATIENCE = 0.1  # seconds between two looks at what only others are at work on


class _Errand(NamedTuple):
    """What a request is about. ``again``: it is the second try, from the first byte on."""

    download: Download
    started: datetime
    again: bool = False


class Transfers:
    """Carries out the plan of one resource. ``told``: each receipt, once it is in the ledger.

    ``asking``: how bytes are asked for. ``point`` is told each named step (tests kill there):
    ``verified``, ``intended``, ``committed``, ``recorded``. ``relief``: other processes that may
    do a part of it.
    """

    def __init__(
        self,
        http: Http,
        sink: Sink,
        ledger: Ledger,
        listing: int,
        *,
        told: Callable[[Receipt], None] = lambda _receipt: None,
        asking: Requests,
        meter: Meter | None = None,
        point: Point = lambda _name: None,
        ranges: int = 1,
        relief: Relief | None = None,
    ) -> None:
        self.http = http
        self.sink = sink
        self.ledger = ledger
        self.asking = asking
        self.meter = meter or Meter()
        self.point = point
        self.batch = Batch(sink, ledger, listing, told, point)
        self._had = 0
        self._in_a_row = 0
        self._refused: CredentialsError | None = None
        self._most_in_a_row = max(20, 2 * http.settings.concurrency)
        self._downloads: set[Download] = set()
        self._again: deque[Request] = deque()
        self._lanes = Lanes()
        self._large = LargeFiles(
            sink, ledger, self.meter, self._lanes, ranges, http.settings.concurrency
        )
        count = http.settings.concurrency
        self._turns = Turns(count, 2 * PART) if ranges > 1 else Turns(count)
        self._noted: dict[str, Partial] = {}
        self._noted_at = time.monotonic()
        self._relief = relief or Relief(http)

    def run(self, planner: Planner) -> None:
        """All that is to do. Raises SinkError, CredentialsError, TemporaryError, Cancelled where
        going on makes no sense; what is done is written down before.
        """
        try:
            moves = Moves(self.sink, self.ledger, self.batch)
            moves.carry_out(planner.moves(), self.http.cancelled)
            with closing(self.http.run(self._requests(planner.decisions()))) as results:
                for result in results:
                    self._landed(result)
                    self.tick()
            self.batch.finish(self.http.cancelled)
            if self._refused is not None and not self._had:
                raise self._refused  # no file at all could be had with these credentials
        finally:
            with closing(self._lanes):
                try:
                    self._by_others(self._relief.close())
                    self.batch.abandon()
                finally:
                    self._park()

    def tick(self) -> None:
        """Write down what is due. To be called often, also while no file ends."""
        if self._relief.is_due:
            self._take_in()
        self.batch.tick()
        if time.monotonic() - self._noted_at >= INTERVAL:
            self._note()

    def _note(self) -> None:
        """What another run must know to go on with what is on its way."""
        self._noted_at = time.monotonic()
        found = self._large.notes()
        for download in self._downloads:
            download.noted = download.note() or download.noted
            found += [] if download.noted is None else [download.noted]
        fresh = {one.name: one for one in found if self._noted.get(one.name) != one}
        if fresh:
            self.ledger.partials.note(self.sink.identity, fresh.values())
            self._noted.update(fresh)

    def _park(self) -> None:
        """What is on its way stays where it is, to be gone on with."""
        parked = self._large.park()
        for download in self._downloads:
            noted = download.park()
            parked += [] if noted is None else [noted]
        self._downloads.clear()
        if parked:
            self.ledger.partials.note(self.sink.identity, parked)

    def _drop(self, begun: Download | Parts) -> None:
        """Nobody goes on with these bytes."""
        self.sink.discard(begun.partial)
        if self._noted.pop(begun.partial, None) is not None or isinstance(begun, Parts):
            self._large.forget(begun.partial)

    # -- from decisions to requests --------------------------------------------------------

    def _requests(self, decisions: Iterable[Decision]) -> Iterator[Request | None]:
        all_ = self.http.settings.concurrency
        half = max(1, all_ // 2)
        for task in self._turns.of(self._to_fetch(decisions)):
            while self.batch.is_full and not self.http.cancelled():
                yield from self._later()
            partial = partial_name(task.file)
            if not self._large.take(task, partial):
                yield self._request(task, partial)
            while self._again or len(self._large):
                # Of what has begun, as much as leaves room for others, if others may begin.
                request = self._begun(all_ if self._large.is_full else half)
                if request is None and not self._large.is_full:
                    break
                if request is None and not self._is_waiting:
                    return
                yield request
            while len(self._downloads) - len(self._again) >= self._relief.own_limit:
                yield None
        while True:
            while (request := self._begun(all_)) or self._is_waiting:
                yield request
            if not self._relief.outstanding or self.http.cancelled():
                return
            self._take_in(_PATIENCE)

    def _to_fetch(self, decisions: Iterable[Decision]) -> Iterator[Task]:
        for decision in decisions:
            receipt = self._without_fetching(decision)
            if receipt is None:
                if not self._relief.takes(decision.task):
                    yield decision.task
                continue
            leaves = decision.task.moved_from if receipt.status == "done" else None
            self.batch.add(receipt, self._leaves(leaves, receipt.target))
            self.tick()
            if self.http.cancelled():
                return

    @property
    def _is_waiting(self) -> bool:
        """Whether a result is still to come."""
        return bool(self._downloads) or self._large.in_flight > 0

    def _begun(self, most: int) -> Request | None:
        """What is to be asked of files that have begun; None: nothing before something else has
        ended, or ever. ``most``: requests for parts of files that may be in flight.
        """
        while True:
            for file in self._large.ended():
                self._joined(file)
            if self._again:
                return self._again.popleft()
            part = self._large.next(most)
            if part is not None:
                return self.asking.of(part.file.task, part, part)
            if self._is_waiting or not len(self._large) or self.http.cancelled():
                return None
            self._large.wait(_PATIENCE)  # the bytes are there, and hashed by a thread

    def _later(self) -> Iterator[Request | None]:
        """The sink is slower than the vendor: nothing new while so much is on its way into it."""
        if self._again:
            yield self._again.popleft()
        elif self._is_waiting:
            yield None
        else:
            self.batch.wait(0.1)
        self.tick()

    def _without_fetching(self, decision: Decision) -> Receipt | None:
        task = decision.task
        if decision.action in IMPOSSIBLE:
            return failure(task, decision.reason, permanent=True)
        if decision.action == UNCHANGED:
            return kept(self.ledger, task, moved=False)
        receipt = already_there(self.sink, task)
        if receipt is None and decision.action == MOVE and not task.url:
            return failure(task, UNADDRESSED, permanent=True)
        return receipt

    def _request(
        self, task: Task, partial: str = "", again: bool = False, mismatches: int = 0
    ) -> Request:
        download = Download(
            task,
            self.sink,
            partial or partial_name(task.file),
            self.meter,
            self._lanes,
            forget=self._large.forget,
            mismatches=mismatches,
            max_size=self.asking.max_size,
        )
        self._downloads.add(download)
        return self.asking.of(task, download, _Errand(download, now(), again))

    # -- what other processes do -----------------------------------------------------------

    def _take_in(self, wait: float = 0.0) -> None:
        """What others have done; and what they have not is to be done here."""
        for task in self._by_others(self._relief.poll(wait)):
            self._again.append(self._request(self._turns.begun(task)))

    def _by_others(self, outcomes: Iterable[Outcome]) -> list[Task]:
        """Receipts for what others have done. Returns what they have not."""
        left = []
        for outcome in outcomes:
            task, partial, _ = outcome.errand
            if outcome.receipt is None:
                left.append(task)
                continue
            self.meter.bytes += outcome.receipt.size or 0
            self._had_it(outcome.receipt, task, partial, outcome.placed)
        return left

    # -- from results to receipts ----------------------------------------------------------

    def _landed(self, result: Result) -> None:
        errand: _Errand | Part = result.request.context
        if isinstance(errand, Part):
            errand.file.landed(result.error, result.attempts)
            return
        self._relief.look()
        download, task = errand.download, errand.download.task
        self._downloads.discard(download)
        self._turns.ended(task)
        if result.error is not None:
            self._failed(errand, result.error, result.attempts)
            return
        size, sha256, by = download.size, download.sha256, download.verified_by
        receipt = done(task, size, sha256, by, result.attempts, errand.started)
        self._had_it(receipt, task, download.partial)

    def _had_it(self, receipt: Receipt, task: Task, partial: str, placed: bool = False) -> None:
        """The bytes are there, and verified. ``placed``: under their own name already."""
        self._in_a_row = 0
        self._had += 1
        self._noted.pop(partial, None)
        self.point("verified")
        if task.by_hash:
            receipt = receipt._replace(target=by_hash(str(receipt.sha256)))
        change = Change(receipt, partial, leaves=self._leaves(task.moved_from, receipt.target))
        if task.replaces or task.by_hash:
            self.batch.intend(change)
        else:
            self.batch.put(change, placed)

    def _leaves(self, old: str | None, target: str) -> str | None:
        """Where an earlier version of the file lies, and is to go."""
        return None if old is None or old == target or self.sink.same(old, target) else old

    def _joined(self, file: Parts) -> None:
        """A file in parts has come, or has failed."""
        task, started, problem = file.task, self._large.started(file), file.problem
        self._turns.ended(task)
        by = ""
        if problem is None:
            try:
                by = fit(task, file.wanted, file.total, file.hashes)
            except FilehaulError as found:
                problem = found
        if problem is None:
            file.close()
            attempts = max(1, file.attempts)
            receipt = done(task, file.total, file.hashes["sha256"], by, attempts, started)
            self._had_it(receipt, task, file.partial)
        elif isinstance(problem, (WholeError, MismatchError)) or _is_beyond(problem):
            file.close()
            self._drop(file)
            wrong = isinstance(problem, MismatchError)
            self._again.append(self._request(self._turns.begun(task), mismatches=int(wrong)))
        else:
            self._rest(file, problem)
            self._give_up(task, problem, problem.message, file.attempts, started)

    def _failed(self, errand: _Errand, problem: FilehaulError, attempts: int) -> None:
        download, message = errand.download, problem.message
        if _is_beyond(problem) and download.progress:
            # There is nothing after the bytes that we have: the file is shorter by now.
            download.park()
            self._drop(download)
            if not errand.again:
                self._again.append(self._request(self._turns.begun(download.task), again=True))
                return
            message = f"{download.shortfall or message}, and the vendor has no more"
        else:
            self._rest(download, problem)
        self._give_up(download.task, problem, message, attempts, errand.started)

    def _is_permanent(self, task: Task, problem: FilehaulError) -> bool:
        is_ours = self.http.origins.trusts(task.url)
        expired = not is_ours and self.asking.has_expired(task, problem)
        return not expired and is_permanent(problem)

    def _rest(self, begun: Download | Parts, problem: FilehaulError) -> None:
        """Its bytes stay for another run, unless the file is not asked for again."""
        noted = begun.park()
        if noted is None or self._is_permanent(begun.task, problem):
            self._drop(begun)
            return
        self.ledger.partials.note(self.sink.identity, [noted])
        self._noted[noted.name] = noted

    def _give_up(
        self, task: Task, problem: FilehaulError, message: str, attempts: int, started: datetime
    ) -> None:
        """The file could not be had, now or for good. SinkError: nor could any other."""
        if isinstance(problem, SinkError):
            raise problem
        permanent = self._is_permanent(task, problem)
        self._in_a_row = 0 if permanent else self._in_a_row + 1
        if isinstance(problem, CredentialsError):
            self._refused = problem
        self.batch.add(
            failure(task, message, permanent=permanent, attempts=attempts, started=started)
        )
        if self._in_a_row >= self._most_in_a_row:
            raise self._hopeless(problem)

    def _hopeless(self, problem: FilehaulError) -> FilehaulError:
        """Nothing comes any more: going on would only make every file fail."""
        if isinstance(problem, CredentialsError):
            return problem
        return TemporaryError(
            f"{self._in_a_row} files in a row could not be had: {problem.message}",
            where=problem.where,
            hint="the vendor is not available now; run again later",
        )


def _is_beyond(problem: FilehaulError) -> bool:
    """Whether bytes were asked for that the vendor's file does not have (416)."""
    return isinstance(problem, AnswerError) and problem.status == 416
