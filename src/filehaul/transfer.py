"""Files, safely: from tasks to receipts.

Each file is written under a partial name, verified, committed by a rename, and only then has a
receipt. Receipts go to the ledger in batches (`BATCH` files or `INTERVAL` seconds): after a kill
at most what was in flight plus one batch is fetched again, less where a checksum tells that the
bytes are already there. Before a name that holds bytes is replaced, the intent is in the ledger.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timezone

from . import checksums
from .download import Download, Meter
from .errors import (
    AnswerError,
    CredentialsError,
    FilehaulError,
    SinkError,
    TemporaryError,
)
from .http import Http, Request, Result
from .ledger import Ledger
from .models import File, Receipt, Task
from .names import folded
from .plan import FETCH, MOVE, NO_ADDRESS, UNCHANGED, Decision
from .sink import Folder

BATCH = 500
INTERVAL = 1.0
_RETRIED = frozenset({401, 408, 425, 429})

Point = Callable[[str], None]


class Transfers:
    """Carries out decisions of one resource. ``point`` is told each named step (tests kill there).

    Points: ``verified``, ``intended``, ``committed``, ``recorded``.
    """

    def __init__(
        self,
        http: Http,
        sink: Folder,
        ledger: Ledger,
        listing: int,
        *,
        meter: Meter | None = None,
        point: Point = lambda _name: None,
    ) -> None:
        self.http = http
        self.sink = sink
        self.ledger = ledger
        self.listing = listing
        self.meter = meter or Meter()
        self.point = point
        self._batch: list[Receipt] = []
        self._replacing: list[tuple[Receipt, Download]] = []
        self._leaving: list[tuple[str, File]] = []
        self._oldest = 0.0
        self._settled: list[Receipt] = []
        self._in_a_row = 0
        self._downloads: set[Download] = set()

    def run(self, decisions: Iterable[Decision]) -> Iterator[Receipt]:
        """Receipts as they are written down. Raises SinkError, CredentialsError, TemporaryError
        where going on makes no sense; what is done is recorded before.
        """
        try:
            for result in self.http.run(self._requests(decisions)):
                self._landed(result)
                if self._due():
                    yield from self._flush()
            yield from self._flush()
        finally:
            self._flush()
            for download in self._downloads:
                download.abandon()

    # -- from decisions to requests --------------------------------------------------------

    def _requests(self, decisions: Iterable[Decision]) -> Iterator[Request]:
        for decision in decisions:
            task = decision.task
            if decision.action == NO_ADDRESS:
                self._add(_failure(task, decision.reason, permanent=True))
            elif decision.action == UNCHANGED or (decision.action == MOVE and self._move(task)):
                self._add(self._kept(task, decision.action))
            elif decision.action in (FETCH, MOVE):
                if (receipt := self._already_there(task)) is not None:
                    self._add(receipt)
                else:
                    yield self._request(task)

    def _request(self, task: Task) -> Request:
        download = Download(task, self.sink, _partial(task.file), self.meter)
        self._downloads.add(download)
        return Request(task.url, writer=download, context=(download, _now()))

    def _kept(self, task: Task, action: str) -> Receipt:
        """The bytes are there; only what is written about them changes."""
        row = self.ledger.transfers.receipt(task.file.resource, task.file.key)
        return Receipt(
            file=task.file,
            target=task.target,
            status="done",
            size=row["size"],
            sha256=row["sha256"],
            verified_by=row["verified_by"],
            attempts=row["attempts"],
            started_at=row["started_at"],
            finished_at=_now() if action == MOVE else row["finished_at"],
            fetched=False,
        )

    def _move(self, task: Task) -> bool:
        """Rename in the sink, if what is at the old name is still this file's."""
        old = task.moved_from
        if old is None or self._taken(old, task.file):
            return False
        row = self.ledger.transfers.receipt(task.file.resource, task.file.key)
        if self.sink.size(old) != row["size"] or self.sink.size(task.target) is not None:
            return False
        self.sink.move(old, task.target)
        return True

    def _taken(self, path: str, file: File) -> bool:
        """Whether the path belongs to another file by now."""
        owner = self.ledger.transfers.owner(self.sink.identity, folded(path))
        return owner is not None and owner[:2] != (file.resource, file.key)

    def _already_there(self, task: Task) -> Receipt | None:
        """After a kill between rename and receipt: the vendor's checksum knows the bytes."""
        wanted = checksums.strongest(task.file.checksum)
        if wanted is None or task.verify in ("none", "size"):
            return None
        size = self.sink.size(task.target)
        if size is None or (task.file.size is not None and size != task.file.size):
            return None
        started = _now()
        found = self.sink.digests(task.target, {wanted[0], "sha256"})
        if found is None or found[wanted[0]] != wanted[1]:
            return None
        return Receipt(
            file=task.file,
            target=task.target,
            status="done",
            size=size,
            sha256=found["sha256"],
            verified_by=wanted[0],
            attempts=0,
            started_at=started,
            finished_at=_now(),
            fetched=False,
        )

    # -- from results to receipts ----------------------------------------------------------

    def _landed(self, result: Result) -> None:
        download, started = result.request.context
        self._downloads.discard(download)
        task = download.task
        if result.error is not None:
            download.abandon()
            self._failed(task, result, started)
            return
        self._in_a_row = 0
        self.point("verified")
        receipt = Receipt(
            file=task.file,
            target=task.target,
            status="done",
            size=download.size,
            sha256=download.sha256,
            verified_by=download.verified_by,
            attempts=result.attempts,
            started_at=started,
            finished_at=_now(),
        )
        if self.sink.size(task.target) is None:
            self._commit(receipt, download)
        else:
            self._replacing.append((receipt, download))
            self._oldest = self._oldest or time.monotonic()

    def _failed(self, task: Task, result: Result, started: datetime) -> None:
        problem = result.error
        assert problem is not None
        if isinstance(problem, SinkError):
            raise problem
        permanent = _is_permanent(problem)
        if permanent:
            self._in_a_row = 0
            self.sink.discard(_partial(task.file))
        else:
            self._in_a_row += 1
        self._add(
            _failure(
                task, str(problem.message), permanent=permanent, result=result, started=started
            )
        )
        if self._in_a_row >= max(20, 2 * self.http.settings.concurrency):
            if isinstance(problem, CredentialsError):
                raise problem
            raise TemporaryError(
                f"{self._in_a_row} files in a row could not be had: {problem.message}",
                where=problem.where,
                hint="the vendor is not available now; run again later",
            )

    def _commit(self, receipt: Receipt, download: Download) -> None:
        try:
            self.sink.commit(download.partial, receipt.target)
        except SinkError:
            raise
        except FilehaulError as problem:  # this name, not the sink
            self.sink.discard(download.partial)
            self._add(
                Receipt(
                    file=receipt.file,
                    target=receipt.target,
                    status="failed",
                    attempts=receipt.attempts,
                    started_at=receipt.started_at,
                    finished_at=_now(),
                    error=problem.message,
                    permanent=True,
                )
            )
            return
        self.point("committed")
        if download.task.moved_from is not None:
            self._leaving.append((download.task.moved_from, receipt.file))
        self._add(receipt)

    # -- batches ---------------------------------------------------------------------------

    def _add(self, receipt: Receipt) -> None:
        self._batch.append(receipt)
        self._oldest = self._oldest or time.monotonic()

    def _due(self) -> bool:
        waiting = len(self._batch) + len(self._replacing)
        return waiting >= BATCH or (waiting > 0 and time.monotonic() - self._oldest >= INTERVAL)

    def _flush(self) -> list[Receipt]:
        """Replace what is to be replaced, then write all receipts of the batch at once."""
        if not self._batch and not self._replacing:
            return []
        book, sink = self.ledger.transfers, self.sink.identity
        replacing, self._replacing = self._replacing, []
        if replacing:
            with self.ledger.transaction():
                book.intend(sink, [receipt for receipt, _ in replacing])
            self.point("intended")
            for receipt, download in replacing:
                self._commit(receipt, download)
        self.sink.flush()
        batch, self._batch = self._batch, []
        leaving, self._leaving = self._leaving, []
        with self.ledger.transaction():
            book.record(batch, sink, self.listing)
            book.settle(sink, [receipt.target for receipt, _ in replacing])
        self.point("recorded")
        for path, file in leaving:
            if not self._taken(path, file):
                self.sink.remove(path)
        self._oldest = 0.0
        return batch


def settle(ledger: Ledger, sink: Folder) -> None:
    """Replacements that a kill interrupted: the bytes on disk say whether they came about."""
    book = ledger.transfers
    for target, resource, key, size, sha256, kept in book.intents(sink.identity):
        found = sink.digests(target, {"sha256"}) if sink.size(target) == size else None
        with ledger.transaction():
            if found is not None and found["sha256"] == sha256:
                book.record([_revived(resource, key, kept)], sink.identity, None)
            book.settle(sink.identity, [target])


def _revived(resource: str, key: str, kept: dict[str, object]) -> Receipt:
    """A receipt as the intent kept it."""
    data = dict(kept)
    of_file = data.pop("file")
    assert isinstance(of_file, dict)
    for name in ("started_at", "finished_at"):
        value = data[name]
        data[name] = datetime.fromisoformat(value) if isinstance(value, str) else None
    file = File(**{**of_file, "resource": resource, "key": key})
    return Receipt(**{**data, "file": file})  # type: ignore[arg-type]


def _is_permanent(problem: FilehaulError) -> bool:
    """4xx except 401, 408, 425, 429; wrong bytes three times; HTML in the file's place."""
    if isinstance(problem, AnswerError):
        return 400 <= problem.status < 500 and problem.status not in _RETRIED
    return not problem.temporary and not isinstance(problem, CredentialsError)


def _failure(
    task: Task,
    message: str,
    *,
    permanent: bool,
    result: Result | None = None,
    started: datetime | None = None,
) -> Receipt:
    return Receipt(
        file=task.file,
        target=task.target,
        status="failed",
        attempts=result.attempts if result else 0,
        started_at=started,
        finished_at=_now(),
        error=message,
        permanent=permanent,
    )


def _partial(file: File) -> str:
    """The partial's name is tied to the fingerprint: other bytes never go on in it."""
    text = "\0".join((file.resource, file.key, file.fingerprint))
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest()


def _now() -> datetime:
    return datetime.now(timezone.utc)
