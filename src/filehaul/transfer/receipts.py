"""Receipts for what was fetched, did not have to be, or could not be."""

from __future__ import annotations

from datetime import datetime, timezone

from .. import checksums
from ..errors import AnswerError, CredentialsError, FilehaulError
from ..ledger import Ledger
from ..models import File, Receipt, Task
from ..names import by_hash
from ..sink import Sink

_RETRIED = frozenset({401, 408, 425, 429})


def now() -> datetime:
    """The time, as receipts have it."""
    return datetime.now(timezone.utc)


def done(
    task: Task, size: int, sha256: str, verified_by: str, attempts: int, started: datetime
) -> Receipt:
    """The bytes have come, and are right."""
    return Receipt(
        file=task.file,
        target=task.target,
        status="done",
        size=size,
        sha256=sha256,
        verified_by=verified_by,
        attempts=attempts,
        started_at=started,
        finished_at=now(),
    )


def kept(ledger: Ledger, task: Task, moved: bool) -> Receipt:
    """The bytes are in the sink; only what is written about them changes."""
    row = ledger.transfers.receipt(task.file.resource, task.file.key)
    return Receipt(
        file=task.file,
        target=task.target,
        status="done",
        size=row["size"],
        sha256=row["sha256"],
        verified_by=row["verified_by"],
        attempts=row["attempts"],
        started_at=row["started_at"],
        finished_at=now() if moved else row["finished_at"],
        fetched=False,
    )


def already_there(sink: Sink, task: Task) -> Receipt | None:
    """The vendor's checksum knows the bytes at this path: a kill came between rename and receipt,
    or the ledger was lost.
    """
    if task.vacant or task.verify in ("none", "size") or not task.target:
        return None
    wanted = checksums.strongest(task.file.checksum)
    if wanted is None:
        return None
    size = sink.size(task.target)
    if size is None or (task.file.size is not None and size != task.file.size):
        return None
    started = now()
    found = sink.digests(task.target, {wanted[0], "sha256"})
    if found is None or found[wanted[0]] != wanted[1]:
        return None
    if task.by_hash and task.target != by_hash(found["sha256"]):
        return None  # the vendor's checksums are of different bytes
    return Receipt(
        file=task.file,
        target=task.target,
        status="done",
        size=size,
        sha256=found["sha256"],
        verified_by=wanted[0],
        attempts=0,
        started_at=started,
        finished_at=now(),
        fetched=False,
    )


def recovered(sink: Sink, file: File, target: str, unchanged: bool) -> Receipt | None:
    """A receipt for bytes that were verified and committed when a kill came; None: they cannot be
    known for this file's. ``unchanged``: the record is still the one that they were verified by.
    """
    size = sink.size(target)
    wanted = checksums.strongest(file.checksum)
    if file.size not in (None, size) or not (unchanged or wanted):
        return None
    found = sink.digests(target, {wanted[0] if wanted else "sha256", "sha256"})
    if found is None or (wanted is not None and found[wanted[0]] != wanted[1]):
        return None
    by = wanted[0] if wanted else "none" if file.size is None else "size"
    return Receipt(
        file=file,
        target=target,
        status="done",
        size=size,
        sha256=found["sha256"],
        verified_by=by,
        finished_at=now(),
        fetched=False,
    )


def failure(
    task: Task,
    message: str,
    *,
    permanent: bool,
    attempts: int = 0,
    started: datetime | None = None,
) -> Receipt:
    """It could not be had. ``permanent``: it is parked, and asked again only after days."""
    return Receipt(
        file=task.file,
        target=task.target,
        status="failed",
        attempts=attempts,
        started_at=started,
        finished_at=now(),
        error=message,
        permanent=permanent,
    )


def refused(receipt: Receipt, problem: FilehaulError) -> Receipt:
    """The bytes came, and the sink will not have this name."""
    return receipt._replace(
        status="failed",
        size=None,
        sha256=None,
        verified_by=None,
        finished_at=now(),
        error=problem.message,
        permanent=True,
    )


def is_permanent(problem: FilehaulError) -> bool:
    """4xx except 401, 408, 425, 429; wrong bytes three times; HTML in the file's place.

    A rule of the config has the first word about an answer, and one that is asked again is not
    permanent.
    """
    if isinstance(problem, AnswerError):
        if problem.settled or problem.temporary:
            return problem.settled
        return 400 <= problem.status < 500 and problem.status not in _RETRIED
    return not problem.temporary and not isinstance(problem, CredentialsError)
