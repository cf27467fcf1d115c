"""Receipts on their way into the ledger, and names that are about to be replaced."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import NamedTuple

from ..download import WORTH_KEEPING
from ..errors import Cancelled, FilehaulError, SinkError
from ..ledger import Ledger, Partial, micros
from ..models import File, Receipt
from ..names import is_by_hash
from ..sink import Bucket, RefusedError, Sink
from .clearing import clear, refusals
from .receipts import recovered, refused
from .uploads import MOST, Uploads

BATCH = 500
INTERVAL = 1.0
_LOOK = 0.2  # seconds between two looks at what is done beside the run
_GRACE = 3.0  # for what is on its way when a run is stopped

Point = Callable[[str], None]


class Change(NamedTuple):
    """The receipt's path gets its bytes by one rename: of a partial, or from the path before.

    ``leaves``: the path where an earlier version of the file lies, and goes.
    """

    receipt: Receipt
    partial: str | None = None
    moved_from: str | None = None
    leaves: str | None = None


class Batch:
    """Writes receipts down, many at once. ``told``: each of them, once it is in the ledger.

    ``point`` is told each named step: ``intended``, ``committed``, ``recorded``.
    """

    def __init__(
        self,
        sink: Sink,
        ledger: Ledger,
        listing: int,
        told: Callable[[Receipt], None],
        point: Point,
    ) -> None:
        self.sink = sink
        self.ledger = ledger
        self.listing = listing
        self.listing_id = ledger.listing_id(listing)
        self.told = told
        self.point = point
        self._receipts: list[Receipt] = []
        self._changes: list[Change] = []
        self._leaving: list[str] = []
        self._placed: set[str] = set()  # paths at which nothing lay before
        self._shared: set[str] = set()  # of layout by_hash: those whose bytes are there
        self._settled: list[str] = []  # paths of which an intent has come about
        self._oldest = 0.0
        self._uploads = Uploads(sink) if isinstance(sink, Bucket) else None
        self._unsent: list[Change] = []

    def add(self, receipt: Receipt, leaves: str | None = None) -> None:
        """A receipt for what has happened already, or has failed. ``leaves``: as of a `Change`."""
        self._receipts.append(receipt)
        if leaves is not None:
            self._leaving.append(leaves)
        self._begun()

    def put(self, change: Change, placed: bool = False) -> None:
        """Do it now, if the name is free: nobody loses bytes by it. Else as `intend` does.
        ``placed``: it was free, and it is done.
        """
        assert change.partial is not None
        if self._uploads is not None:
            self._uploads.begin(change, intended=False)
            return
        target = change.receipt.target
        try:
            placed = placed or self.sink.place(change.partial, target, change.receipt)
        except RefusedError as problem:
            self._refused(change, problem)
        else:
            if not placed:
                self.intend(change)
                return
            self._placed.add(target)
            self._done(change)
        self._begun()

    def intend(self, change: Change) -> None:
        """Do it at the next flush, once the ledger knows of it: bytes may be lost by it."""
        self._changes.append(change)
        self._begun()

    def _begun(self) -> None:
        self._oldest = self._oldest or time.monotonic()

    def _do(self, change: Change) -> None:
        """What was intended."""
        target = change.receipt.target
        if target in self._shared and self.sink.size(target) == change.receipt.size:
            self._settled.append(target)
            self._spare(change)
            return
        if self._uploads is not None:
            self._uploads.begin(change, intended=True)
            return
        self._settled.append(target)
        try:
            if change.partial is not None:
                self.sink.commit(change.partial, target, change.receipt)
            elif change.moved_from is not None:
                self.sink.move(change.moved_from, target)
        except RefusedError as problem:
            self._refused(change, problem)
        else:
            self._done(change)

    def _spare(self, change: Change) -> None:
        """These very bytes are there already, as a receipt says: another file has them too."""
        if change.partial is not None:
            self.sink.discard(change.partial)
        elif change.moved_from is not None:
            self._leaving.append(change.moved_from)
        self._done(change)

    def _done(self, change: Change) -> None:
        self.point("committed")
        if change.leaves is not None:
            self._leaving.append(change.leaves)
        self._receipts.append(change.receipt)
        if is_by_hash(change.receipt.target):
            self._shared.add(change.receipt.target)

    def _refused(self, change: Change, problem: RefusedError) -> None:
        """This name is refused, and not the whole sink in trouble. A move stays to do."""
        if change.partial is not None:
            self.sink.discard(change.partial)
            self._receipts.append(refused(change.receipt, problem))

    # -- what is done beside the run -------------------------------------------------------

    @property
    def is_full(self) -> bool:
        """Whether so much is on its way into the sink that nothing more should be fetched."""
        return self._uploads is not None and self._uploads.are_many

    def wait(self, seconds: float) -> None:
        """Until something more is in the sink, or so long."""
        if self._uploads is not None:
            self._uploads.wait(seconds)

    def _land(self) -> None:
        """Take note of what has been done beside the run. Raises what stops the sink as a whole,
        after the rest was noted.
        """
        stop: FilehaulError | None = None
        for change, intended, placed, problem in self._uploads.landed() if self._uploads else ():
            if problem is not None and not isinstance(problem, RefusedError):
                stop = stop or problem
                self._unsent.append(change)
                continue  # an intent of it stays: the next run finds out what became of it
            if intended:
                self._settled.append(change.receipt.target)
            if problem is not None:
                self._refused(change, problem)
            elif placed:
                self._done(change)
                if not intended:
                    self._placed.add(change.receipt.target)
            else:
                self.intend(change)
            self._begun()
        if stop is not None:
            raise stop

    def finish(self, cancelled: Callable[[], bool]) -> None:
        """Until all is done and written down; soon, if somebody asks to stop."""
        while True:
            self.flush()
            if not self._changes and not self._uploads:
                return
            if cancelled():
                self.abandon()
                return
            self.wait(_LOOK)

    def abandon(self) -> None:
        """What is on its way into the sink has a moment; what arrived is written down."""
        if self._uploads is None:
            self.flush()
            return
        until = time.monotonic() + _GRACE
        while self._uploads and time.monotonic() < until:
            self.wait(_LOOK)
            with contextlib.suppress(FilehaulError):
                self._land()
        self._unsent += [*self._uploads.cancel(), *self._changes]
        self._changes.clear()
        with contextlib.suppress(SinkError, Cancelled):
            self.flush()
        self._keep_unsent()

    def _keep_unsent(self) -> None:
        """What was verified and could not be sent waits on this machine's disk for the next run."""
        assert self._uploads is not None
        unsent, self._unsent = self._unsent, []
        whole = []
        for change in unsent:
            name, file, size = change.partial or "", change.receipt.file, change.receipt.size or 0
            # What was unwrapped (…i) is not what comes when a file is gone on with.
            if size < WORTH_KEEPING or not file.fingerprint or name.endswith("i"):
                continue
            if self._uploads.sink.kept_size(name) == size:
                whole.append(Partial(name, file.resource, file.key, file.fingerprint, "", size))
        if whole:
            self.ledger.partials.note(self.sink.identity, whole)

    def in_turn(self, cancelled: Callable[[], bool]) -> None:
        """What was begun is done before what follows: on a disk it is anyway."""
        if self._uploads is not None:
            self.finish(cancelled)

    def tick(self) -> None:
        """Write down what is due. To be called often, also while no file ends."""
        if self._uploads is not None:
            self._land()
        if self.due:
            self.flush()

    @property
    def due(self) -> bool:
        """Whether it is time to write things down."""
        waiting, changes = len(self._receipts), len(self._changes)
        if self._uploads is not None and changes >= MOST:
            return True  # small files that are to go into a bucket wait in memory
        waiting += changes
        return waiting >= BATCH or (waiting > 0 and time.monotonic() - self._oldest >= INTERVAL)

    def flush(self) -> None:
        """Carry out what is intended, then write all receipts of the batch at once."""
        if self._uploads is not None:
            self._land()
        if not self._receipts and not self._changes and not self._settled:
            return
        places, identity = self.ledger.places, self.sink.identity
        changes, self._changes = self._changes, []
        if changes:
            with self.ledger.transaction():
                places.intend(identity, [change.receipt for change in changes], self.listing)
            self.point("intended")
            hashed = [one.receipt.target for one in changes if is_by_hash(one.receipt.target)]
            if hashed:
                self._shared = places.held(identity, hashed) - self.ledger.chosen.rotten()
            for change in changes:
                self._do(change)
        self.sink.flush()
        receipts, self._receipts = self._receipts, []
        leaving, self._leaving = self._leaving, []
        placed, self._placed = self._placed, set()
        settled, self._settled = self._settled, []
        with self.ledger.transaction():
            self.ledger.transfers.record(receipts, identity, self.listing, placed)
            self._notice(receipt for receipt in receipts if receipt.status == "failed")
            places.settle(identity, settled)
            places.leave(identity, leaving)
        self.point("recorded")
        self._oldest = 0.0
        if leaving:
            coming = self._uploads.targets if self._uploads else ()
            clear(self.ledger, self.sink, coming, trashed=())  # the others had their turn before
        for receipt in receipts:
            self.told(receipt)

    def _notice(self, failed: Iterable[Receipt]) -> None:
        self.ledger.packages.notice(
            "transfer_errors",
            [
                {
                    "resource": receipt.file.resource,
                    "drive_id": receipt.file.drive_id,
                    "file_id": receipt.file.file_id,
                    "file_name": receipt.file.name,
                    "error": receipt.error,
                    "permanent": receipt.permanent,
                    "attempts": receipt.attempts,
                    "listing_id": self.listing_id,
                    "recorded_at": receipt.finished_at and micros(receipt.finished_at),
                }
                for receipt in failed
            ],
        )


def opened(ledger: Ledger, sink: Sink, listing: int) -> None:
    """From now on bytes may be in the sink that no receipt tells of. ``listing``: the last one."""
    ledger.set_meta(f"open:{sink.identity}", str(listing))


def closed(ledger: Ledger, sink: Sink) -> None:
    """All receipts are written."""
    ledger.set_meta(f"open:{sink.identity}", "")


def settle(ledger: Ledger, sink: Sink) -> list[str]:
    """Make good what a kill left: changes under way, and bytes without a receipt. Returns what a
    person should know.
    """
    _settle_intents(ledger, sink)
    last = ledger.meta(f"open:{sink.identity}")
    if last:
        _recover(ledger, sink, int(last))
        closed(ledger, sink)
    return refusals(clear(ledger, sink))


def _recover(ledger: Ledger, sink: Sink, last: int) -> None:
    """Bytes that came under their own name, when the kill came before their receipt. Where nobody
    can say any more what version they are, they go.
    """
    identity = sink.identity
    homeless = ledger.places.without_receipt(identity)
    sink.look_ahead(target for _, target, _ in homeless)
    for file, target, listing in homeless:
        if sink.size(target) is None:
            continue
        receipt = recovered(sink, file, target, unchanged=listing <= last)
        with ledger.transaction():
            before = ledger.transfers.held_at(identity, file.resource, file.key)
            if receipt is None:
                ledger.places.leave(identity, [target])
                continue
            if before not in (None, target):
                ledger.places.leave(identity, [str(before)])
            ledger.transfers.record([receipt], identity, listing)


def _settle_intents(ledger: Ledger, sink: Sink) -> None:
    """Changes that a kill interrupted: the bytes on disk say whether they came about.

    Where they are neither the new ones nor those of the receipt for that name, that receipt goes.
    """
    transfers, places, identity = ledger.transfers, ledger.places, sink.identity
    intents = places.intents(identity)
    sink.look_ahead(intent.target for intent in intents)
    found = {}
    for intent in intents:
        digests = sink.digests(intent.target, {"sha256"})
        found[intent.target] = digests and digests["sha256"]
    known = set(transfers.holders(identity, found))
    with ledger.transaction():
        for intent in intents:
            resource, key, target = intent.resource, intent.key, intent.target
            if found[target] != intent.sha256:
                continue  # it did not come about
            if (resource, key, target, intent.sha256) not in known:
                before = transfers.held_at(identity, resource, key)
                if before not in (None, target):
                    places.leave(identity, [str(before)])
                receipt = _revived(resource, key, intent.receipt)
                transfers.record([receipt], identity, intent.listing)
        wrong = [
            (resource, key)
            for resource, key, target, sha256 in transfers.holders(identity, found)
            if found[target] != sha256
        ]
        transfers.lost(wrong)
        places.settle(identity, found)


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
