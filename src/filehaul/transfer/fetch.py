"""The transfers of one resource: decisions to requests, results to receipts."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

from ..download import Download, Meter
from ..errors import AnswerError, CredentialsError, FilehaulError, SinkError, TemporaryError
from ..http import Http, Request, Result
from ..ledger import Ledger
from ..models import File, Receipt, Task
from ..pieces import Lanes
from ..plan import MOVE, NO_ADDRESS, NO_CHECKSUM, UNADDRESSED, UNCHANGED, Decision, Planner
from ..sink import Sink
from .batch import Batch, Change, Point
from .moves import Moves
from .receipts import already_there, failure, is_permanent, kept, now


@dataclass(frozen=True)
class _Errand:
    """What a request is about. ``again``: it is the second try, from the first byte on."""

    download: Download
    started: datetime
    again: bool = False


class Transfers:
    """Carries out the plan of one resource. ``told``: each receipt, once it is in the ledger.

    ``by_link``: addresses come from the vendor's records, and may expire. ``point`` is told each
    named step (tests kill there): ``verified``, ``intended``, ``committed``, ``recorded``.
    """

    def __init__(
        self,
        http: Http,
        sink: Sink,
        ledger: Ledger,
        listing: int,
        *,
        told: Callable[[Receipt], None] = lambda _receipt: None,
        by_link: bool = False,
        meter: Meter | None = None,
        point: Point = lambda _name: None,
    ) -> None:
        self.http = http
        self.sink = sink
        self.ledger = ledger
        self.by_link = by_link
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
            if self._refused is not None and not self._had:
                raise self._refused  # no file at all could be had with these credentials
        finally:
            for download in self._downloads:
                download.abandon()
            self._lanes.close()
            self.batch.flush()

    def tick(self) -> None:
        """Write down what is due. To be called often, also while no file ends."""
        if self.batch.due:
            self.batch.flush()

    # -- from decisions to requests --------------------------------------------------------

    def _requests(self, decisions: Iterable[Decision]) -> Iterator[Request | None]:
        for decision in decisions:
            task = decision.task
            receipt = self._without_fetching(decision)
            if receipt is None:
                yield self._request(task)
                continue
            self.batch.add(receipt)
            self.tick()
            if self.http.cancelled():
                return
        while self._again or self._downloads:
            yield self._again.popleft() if self._again else None

    def _without_fetching(self, decision: Decision) -> Receipt | None:
        task = decision.task
        if decision.action in (NO_ADDRESS, NO_CHECKSUM):
            return failure(task, decision.reason, permanent=True)
        if decision.action == UNCHANGED:
            return kept(self.ledger, task, moved=False)
        receipt = already_there(self.sink, task)
        if receipt is None and decision.action == MOVE and not task.url:
            return failure(task, UNADDRESSED, permanent=True)
        return receipt

    def _request(self, task: Task, again: bool = False) -> Request:
        download = Download(task, self.sink, _partial(task.file), self.meter, self._lanes)
        self._downloads.add(download)
        return Request(task.url, writer=download, context=_Errand(download, now(), again))

    # -- from results to receipts ----------------------------------------------------------

    def _landed(self, result: Result) -> None:
        errand: _Errand = result.request.context
        download, task = errand.download, errand.download.task
        self._downloads.discard(download)
        if result.error is not None:
            download.abandon()
            self._failed(errand, result.error, result.attempts)
            return
        self._in_a_row = 0
        self._had += 1
        self.point("verified")
        receipt = Receipt(
            file=task.file,
            target=task.target,
            status="done",
            size=download.size,
            sha256=download.sha256,
            verified_by=download.verified_by,
            attempts=result.attempts,
            started_at=errand.started,
            finished_at=now(),
        )
        change = Change(receipt, download.partial, leaves=self._leaves(task))
        if task.replaces:
            self.batch.intend(change)
        else:
            self.batch.put(change)

    def _leaves(self, task: Task) -> str | None:
        """Where an earlier version of the file lies, and is to go."""
        old = task.moved_from
        return None if old is None or self.sink.same(old, task.target) else old

    def _failed(self, errand: _Errand, problem: FilehaulError, attempts: int) -> None:
        download = errand.download
        if isinstance(problem, SinkError):
            raise problem
        self.sink.discard(download.partial)
        message = problem.message
        if isinstance(problem, AnswerError) and problem.status == 416 and download.progress:
            # There is nothing after the bytes that we have: the file is shorter by now.
            if not errand.again:
                self._again.append(self._request(download.task, again=True))
                return
            message = f"{download.shortfall or message}, and the vendor has no more"
        by_link = self.by_link and not self.http.origins.trusts(download.task.url)
        permanent = is_permanent(problem, by_link)
        self._in_a_row = 0 if permanent else self._in_a_row + 1
        if isinstance(problem, CredentialsError):
            self._refused = problem
        self.batch.add(
            failure(
                download.task,
                message,
                permanent=permanent,
                attempts=attempts,
                started=errand.started,
            )
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


def _partial(file: File) -> str:
    """The partial's name is tied to the fingerprint: other bytes never go on in it."""
    text = "\0".join((file.resource, file.key, file.fingerprint))
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest()
