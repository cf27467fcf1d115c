"""The sink in a bucket: what `Sink` promises, by requests to the bucket's store."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ...errors import FilehaulError, SinkError
from ...models import Receipt
from ..folder import HOME, Folder
from . import mark
from .hands import Hands
from .leftovers import Leftovers
from .names import Names, Sizes
from .requests import PAGE, Found, Listed, Requests

if TYPE_CHECKING:
    from ...config import Address

AT_ONCE = 48
"""Requests in flight: a store takes tens of milliseconds for each."""
ROOM = 32 * 2**20
"""Bytes of files in memory, on their way into the bucket."""
WHOLE = 8 * 2**20
"""Bytes: up to here a file goes in one request, a larger one in parts."""
_LISTED_AT_ONCE = 10_000
_NOT_IN_A_NOTE = re.compile(r"[^a-z0-9]")  # Azure takes no hyphens, some proxies no underscores
Done = TypeVar("Done")


class Bucket:
    """A sink in a bucket, below a prefix.

    ``partials``: the folder on this machine in whose ``.filehaul`` lies what is not verified yet,
    or not uploaded. ``user``: what tells this run's partials from those of another place with the
    same connection. ``owner``: the connection, the only one that may use this prefix. ``durable``:
    partials that are kept are forced to the disk. ``cancelled``: whether to stop waiting.
    """

    def __init__(
        self,
        address: Address,
        partials: Path,
        user: str,
        owner: str,
        durable: bool = False,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        self.address = address
        self.owner = owner
        self.identity = str(address)
        self.disturbed = False
        self.warnings: list[str] = []
        self.durable = durable
        self._partials = Folder(partials, durable, user, owner)
        self._small: dict[str, bytes] = {}  # partials that are whole, and fit into memory
        self._user = user
        self._cancelled = cancelled
        self._seal: str | None = None  # of the first names, until we change something
        self._ahead: dict[str, Future[Found | None]] = {}  # what will be asked for next
        self._hands: Hands | None = None
        self._requests_: Requests | None = None
        self._names: Names | None = None
        self._leftovers: Leftovers | None = None

    # -- open and close --------------------------------------------------------------------

    def open(self) -> str:
        """See that the bucket is there and ours. Returns its mark.

        Raises ConfigError where it is missing or another connection's, CredentialsError where it
        may not be used, SinkError where it cannot be had now.
        """
        self._partials.open_partials()
        first = self._reach()
        self._leftovers = Leftovers(self.address, self._user)
        known = {one.path: one.size for one in first} if len(first) < PAGE else None
        self._names = Names(self._each, self._all, known)
        found = self._do(mark.make(self._requests, self.owner))
        why = self._do(self._leftovers.sweep(self._requests))
        self.warnings = [] if why is None else [why]
        return found

    def examine(self) -> str:
        """Whether it can be had, in words; writes nothing. Raises as `open`."""
        try:
            first = self._reach()
            count = f"{len(first):,}" if len(first) < PAGE else f"at least {PAGE:,}"
            found = self._do(mark.find(self._requests, self.owner))
            if found is None:
                return f"{self.identity} answers: {count} files there, and none of filehaul's"
            return f"{self.identity} answers: {count} files there, the connection's own"
        finally:
            self.close()

    def _reach(self) -> list[Listed]:
        """The first names: whether the bucket can be had at all."""
        self._hands = Hands(AT_ONCE, ROOM, self._cancelled)
        self._requests_ = Requests(self.address, self._hands)
        return self._do(self._look())

    @property
    def _requests(self) -> Requests:
        assert self._requests_ is not None, "the sink is not open"
        return self._requests_

    def _do(self, work: Coroutine[Any, Any, Done]) -> Done:
        assert self._hands is not None, "the sink is not open"
        return self._hands.do(work)

    def _begin(self, work: Coroutine[Any, Any, Done]) -> Future[Done]:
        assert self._hands is not None, "the sink is not open"
        self._seal = None
        return self._hands.begin(work)

    def _wait(self, begun: Future[Done]) -> Done:
        assert self._hands is not None, "the sink is not open"
        return self._hands.wait(begun)

    async def _look(self) -> list[Listed]:
        """The first names; the seal is of those that are not our own."""
        first = await self._requests.first()
        self._seal = mark.seal_of(first)
        return first

    def seal(self) -> str:
        """Changes when one of the first thousand names comes, goes or gets other bytes."""
        if self._seal is None:
            self._do(self._look())
        assert self._seal is not None
        return self._seal

    def close(self) -> None:
        """Cancel what is under way, and let go of everything."""
        if self._hands is not None:
            self._hands.close()
        if self._names is not None:
            self._names.close()
        self._small.clear()
        self._partials.close()

    # -- partials --------------------------------------------------------------------------

    def create(self, partial: str) -> int:
        """A descriptor for a new, empty partial on this machine."""
        return self._partials.create(partial)

    def reopen(self, partial: str) -> int | None:
        """A descriptor for a partial of an earlier run; None where there is none."""
        return self._partials.reopen(partial)

    def keep(self, partial: str, data: bytes) -> None:
        """A whole partial at once: it stays in memory."""
        self._small[partial] = data

    def discard(self, partial: str) -> None:
        """Forget a partial."""
        if self._small.pop(partial, None) is None:
            self._partials.discard(partial)

    def kept_size(self, partial: str) -> int | None:
        """The size of a partial on the disk; None where there is none: it may be in memory."""
        try:
            return self._partials.partial_path(partial).stat().st_size
        except OSError:
            return None

    def tidy(self, keep: Collection[str] = ()) -> int:
        """Remove all partials of this connection on this machine but these."""
        self._small.clear()
        return self._partials.tidy(keep)

    def trouble(self, problem: OSError, partial: str) -> FilehaulError:
        """What the system says about writing a partial, in words."""
        return self._partials.trouble(problem, partial)

    def flush(self) -> None:
        """What the store has confirmed outlives more than a power failure."""

    # -- files: beside the run -------------------------------------------------------------

    def placing(self, partial: str, target: str, receipt: Receipt | None) -> Future[bool]:
        """`place`, beside the run."""
        return self._begin(self._put(partial, target, receipt, create=True))

    def committing(self, partial: str, target: str, receipt: Receipt | None) -> Future[bool]:
        """`commit`, beside the run."""
        return self._begin(self._put(partial, target, receipt, create=False))

    def moving(self, old: str, new: str) -> Future[bool]:
        """`move`, beside the run."""
        return self._begin(self._move(old, new))

    async def _put(self, partial: str, target: str, receipt: Receipt | None, create: bool) -> bool:
        """The partial into the bucket. False: something is there, and was to stay."""
        requests, notes = self._requests, _notes(receipt)
        small = self._small.get(partial)
        if small is not None:
            size = len(small)
            placed = await requests.put(target, small, size, notes, create)
        else:
            path = self._partials.partial_path(partial)
            try:
                size = path.stat().st_size
            except OSError as problem:
                raise self._partials.trouble(problem, "") from problem
            if size <= WHOLE:
                placed = await requests.put(target, path, size, notes, create)
            else:
                placed = await self._upload(partial, target, path, size, notes, create)
        if placed:
            if self._small.pop(partial, None) is None:
                self._partials.partial_path(partial).unlink(missing_ok=True)
            self._now(target, size)
        return placed

    def _now(self, target: str, size: int | None) -> None:
        """What was known of a name is no longer so."""
        self._ahead.pop(target, None)
        assert self._names is not None
        if size is None:
            self._names.forget(target)
        else:
            self._names.note(target, size)

    async def _upload(
        self,
        partial: str,
        target: str,
        path: Path,
        size: int,
        notes: dict[str, str],
        create: bool,
    ) -> bool:
        """In parts. A store completes these whatever is there, so it is looked at before."""
        requests, leftovers = self._requests, self._leftovers
        assert leftovers is not None
        if create and await requests.find(target) is not None:
            return False
        await leftovers.begin(requests, partial, target)
        await requests.upload(target, path, size, notes)
        await leftovers.end(requests, partial)
        return True

    async def _move(self, old: str, new: str) -> bool:
        """A copy within the store, seen to be whole; then the old one goes."""
        requests = self._requests
        before = await requests.find(old)
        await requests.copy(old, new)
        after = await requests.find(new)
        if before is None or after is None or before.size != after.size:
            raise SinkError(
                "the store has not copied all of a file",
                where=f"{self.identity}/{new}",
                hint="run again: it is fetched",
            )
        await requests.delete(old)
        self._now(new, after.size)
        self._now(old, None)
        return True

    # -- files: now ------------------------------------------------------------------------

    def commit(self, partial: str, target: str, receipt: Receipt | None = None) -> None:
        """The partial becomes the file, at once and whole."""
        self._wait(self.committing(partial, target, receipt))

    def place(self, partial: str, target: str, receipt: Receipt | None = None) -> bool:
        """The same, where the name is free. False: something stands there, and stays."""
        return self._wait(self.placing(partial, target, receipt))

    def move(self, old: str, new: str) -> None:
        """Another name for the same bytes. Whatever had the new name is replaced."""
        self._wait(self.moving(old, new))

    def remove(self, target: str) -> None:
        """Forget the file."""
        self.clear([target])

    def clear(self, targets: Iterable[str]) -> None:
        """Forget all these files."""
        gone = list(targets)
        self._wait(self._begin(self._together([self._requests.delete(one) for one in gone])))
        for one in gone:
            self._now(one, None)

    def same(self, one: str, other: str) -> bool:
        """Whether two names are one file: a bucket tells all names apart."""
        return one == other

    def vacant(self, targets: Iterable[str]) -> set[str]:
        """Those of these names at which nothing stands, or stood when the run began."""
        wanted = set(targets)
        there = self.sizes(wanted).keys()
        self.look_ahead(there)  # somebody will want to know more of these
        return wanted - there

    def look_ahead(self, targets: Iterable[str]) -> None:
        """These will be asked for next: all are looked up at once. What changes is forgotten."""
        assert self._hands is not None
        self._ahead = {one: self._hands.begin(self._requests.find(one)) for one in targets}

    def size(self, target: str) -> int | None:
        """The file's size; None where there is no such file."""
        found = self._find(target)
        return None if found is None else found.size

    def _find(self, target: str) -> Found | None:
        asked = self._ahead.get(target)
        return self._do(self._requests.find(target)) if asked is None else self._wait(asked)

    def sizes(self, targets: Iterable[str]) -> Sizes:
        """The sizes of those of these files that are there; of many, as the run began."""
        assert self._names is not None
        return self._names.sizes(targets)

    def digests(
        self,
        target: str,
        algorithms: Iterable[str],
        cancelled: Callable[[], bool] = lambda: False,
        read: bool = False,
    ) -> dict[str, str] | None:
        """The checksums of the file's bytes: as they were kept with it, else by reading it all.

        None where there is no such file, or where ``cancelled`` said yes meanwhile. ``read``: not
        as they were kept.
        """
        wanted = list(algorithms)
        if not read:
            found = self._find(target)
            if found is None:
                return None
            known = {one: found.notes.get(_note(one), "") for one in wanted}
            if all(known.values()):
                return known
        return self._do(self._requests.hash(target, wanted, cancelled))

    def files(self) -> Iterator[tuple[str, int]]:
        """Path and size of all that is below the prefix, but for what is ours alone."""
        for page in self._all():
            yield from (one for one in page.items() if not one[0].startswith(f"{HOME}/"))

    def url(self, target: str) -> str:
        """``s3://bucket/prefix/path``: the key as it is, as the clouds' own tools take it."""
        return f"{self.identity}/{target}"

    # -- many names ------------------------------------------------------------------------

    def _each(self, targets: list[str]) -> Sizes:
        found = self._do(self._together([self._requests.find(one) for one in targets]))
        return {one: there.size for one, there in zip(targets, found) if there is not None}

    def _all(self) -> Iterator[Sizes]:
        pages = self._requests.pages()
        while batch := self._do(_next(pages)):
            yield {one.path: one.size for one in batch}

    @staticmethod
    async def _together(work: list[Coroutine[Any, Any, Done]]) -> list[Done]:
        """All of them, and only then the first of their errors."""
        results = await asyncio.gather(*work, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return results  # type: ignore[return-value]


async def _next(pages: Any) -> list[Listed]:
    try:
        page: list[Listed] = await pages.__anext__()
    except StopAsyncIteration:
        return []
    return page


def _note(algorithm: str) -> str:
    return "filehaul" + _NOT_IN_A_NOTE.sub("", algorithm.lower())


def _notes(receipt: Receipt | None) -> dict[str, str]:
    """What is kept with a file: the checksums that its bytes were seen to have."""
    if receipt is None or receipt.sha256 is None:
        return {}
    notes = {_note("sha256"): receipt.sha256}
    theirs = receipt.verified_by or ""
    if theirs in receipt.file.checksum:
        notes[_note(theirs)] = receipt.file.checksum[theirs]
    return notes
