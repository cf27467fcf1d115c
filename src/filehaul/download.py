"""One file's bytes on their way: the `http.Writer` of a transfer.

What comes goes to `filehaul.pieces`, and is held to the vendor's record when it is whole. A body
that breaks off goes on where it stopped (Range with If-Range) if the vendor allows it, and starts
again if it does not; bytes of two versions are never joined.

Bytes are kept as they came. Only where the vendor labels them as encoded, and its record fits
what is inside and not what came, the inside is the file.
"""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from . import checksums
from .errors import FilehaulError, TemporaryError, VendorError
from .fit import (
    MISMATCHES,
    MismatchError,
    ShortError,
    algorithms,
    cut_off,
    fit,
    for_ever,
    most_bytes,
    too_large,
    wanted,
)
from .http import Head
from .models import Task
from .pieces import Lanes, Pieces, write_all
from .ranges import Span, marks_of, span_of, validator_of
from .redact import redact
from .sink import Sink

if TYPE_CHECKING:  # processes of the crew have no ledger, and start sooner without its room
    from .ledger import Partial

_NOTHING: Mapping[str, str] = {}
_GATHER = 1024 * 1024
_ENCODED = frozenset({"gzip", "x-gzip", "deflate"})
WORTH_KEEPING = 1024 * 1024
"""Bytes: of a file of which fewer have come, another run fetches these again."""
_HTML_NAMES = (".html", ".htm", ".xhtml", ".shtml", ".mhtml", ".asp", ".aspx", ".php", ".jsp")


class Meter:
    """Bytes received so far, for whoever watches."""

    def __init__(self) -> None:
        self.bytes = 0


class Download:
    """The bytes of one task. `size`, `verified_by`, `sha256` tell after `end` how it went.

    ``lanes``: the threads that keep what is large; None: it is kept here and now. ``forget`` is
    called before bytes of another version take the place of those that were `noted`.
    ``mismatches``: so often have the wrong bytes come before. ``max_size``: bytes that may come of
    a file whose size nobody told.
    """

    def __init__(
        self,
        task: Task,
        sink: Sink,
        partial: str,
        meter: Meter,
        lanes: Lanes | None = None,
        *,
        forget: Callable[[str], None] = lambda _partial: None,
        mismatches: int = 0,
        max_size: int | None = None,
    ) -> None:
        self.task = task
        self.sink = sink
        self.partial = partial
        self.meter = meter
        self.size = 0
        self.sha256 = ""
        self.verified_by = "none"
        self.shortfall = ""  # that the body was shorter than listed, if it was
        self.noted: Partial | None = None  # what the ledger knows of the partial
        self._forget = forget
        self._wanted = wanted(task)
        self._pieces = Pieces(sink, partial, algorithms(self._wanted), lanes)
        self._hashes: dict[str, str] = {}
        self._mismatches = mismatches
        self._short_at = 0
        self._said: Mapping[str, str] = _NOTHING  # the headers of the answer that began the file
        self._said_at = 0.0
        self._encoding = ""
        self._promised = 0  # bytes of the whole, as an answer that continued the file said
        self._max_size = max_size
        self._room = 0
        self._most = 0

    @property
    def progress(self) -> int:
        """The furthest that any attempt has come: starting again is not progress."""
        self._most = max(self._most, self._pieces.size)
        return self._most

    # -- the seam to http ------------------------------------------------------------------

    def resume(self) -> Mapping[str, str]:
        """Range and If-Range, where something was kept and can be told from another version."""
        if not (self._pieces.size and self._is_guarded):
            self._pieces.restart()
            return {}
        headers, validator = {"Range": f"bytes={self._pieces.size}-"}, self._validator
        if validator:
            headers["If-Range"] = validator
        return headers

    # Looked up when it is needed, which for most files is never: parsing a date takes longer than
    # all that is asked of a small file's head.

    @property
    def _validator(self) -> str:
        """What If-Range can ask with."""
        return validator_of(self._said, self._said_at)

    @property
    def _total(self) -> int | None:
        """Bytes of the whole, as the vendor's answer said."""
        length = self._said.get("content-length", "")
        return int(length) if length.isdecimal() else None

    @property
    def _is_guarded(self) -> bool:
        """Whether two versions can be told apart: by the vendor's answer, or by its record."""
        file = self.task.file
        return bool(self._validator or self._wanted or file.is_versioned)

    def begin(self, head: Head) -> None:
        """200: the whole file. 206: the rest of it, if it is the rest that was asked for."""
        if head.status == 206 and self._pieces.size:
            self._continue(head)
            return
        nothing = head.status == 204 and not self.task.file.size
        if head.status != 200 and not nothing:
            raise VendorError(
                f"HTTP {head.status} is not the file",
                where=redact(head.url),
                hint="the vendor answers content.path with something else: check it",
            )
        self._pieces.restart()
        said = head.headers
        self._said, self._said_at = said, time.time()
        self._promised = 0
        if self.noted is not None and self.noted.validator != self._validator:
            self._forget(self.partial)
            self.noted = None
        self._encoding = _encoding(said)
        self._room = most_bytes(self.task, self._wanted, self._max_size, self._encoding in _ENCODED)
        if self._max_size is not None and (self._total or 0) > self._max_size:
            raise self._too_much()

    @property
    def _is_page(self) -> bool:
        """Whether the vendor says that it sent HTML, and the file is none."""
        kind = self._said.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in ("text/html", "application/xhtml+xml"):
            return False
        names = (self.task.file.name or "", self.task.target)
        return not any(name.lower().endswith(_HTML_NAMES) for name in names)

    def _continue(self, head: Head) -> None:
        came = span_of(head.headers)
        another = marks_of(head.headers).contradict(marks_of(self._said))
        # Of a version that was compressed on the way, other bytes are missing.
        another = another or _encoding(head.headers) != self._encoding
        if came is None or came.first != self._pieces.size or another or self._resized(came):
            self._pieces.restart()
            self._said = _NOTHING
            self._most = max(self._most, 1)
            raise TemporaryError(
                "the vendor continued with other bytes than were asked for",
                where=redact(head.url),
                hint="the file is fetched from its beginning",
            )
        self._promised = came.total or self._total or 0

    def _resized(self, came: Span) -> bool:
        return None not in (came.total, self._total) and came.total != self._total

    def write(self, chunk: bytes) -> None:
        """Hash and keep."""
        self.meter.bytes += len(chunk)
        self._pieces.add(chunk)
        if self._pieces.size > self._room:
            raise self._too_much()

    def _too_much(self) -> FilehaulError:
        """The body does not end where the file does: the rest of it is not wanted."""
        if self._room == self._max_size:
            return too_large(self.task, self._max_size)
        listed = self.task.file.size
        return self._misfit(
            MismatchError(
                f"more bytes came than the {listed:,} that are listed",
                where=self.task.target,
                hint="it is fetched again",
            )
        )

    def end(self) -> None:
        """The body is whole as far as HTTP can tell; now the bytes are held to the record."""
        self.size = self._pieces.size
        if self.size < self._promised:  # a rest may come piece by piece, each of them whole
            raise self._misfit(cut_off(self.task, self.size, self._promised))
        self._hashes = self._pieces.hashed()
        if self._encoding in _ENCODED and not self._fits() and self._unwrap():
            return
        self._verify()
        self._pieces.keep()

    # -- bytes that are labelled as encoded ------------------------------------------------

    def _fits(self) -> bool:
        """Whether the bytes, as they came, are the ones that the record tells of."""
        if self._wanted is not None:
            return self._hashes[self._wanted[0]] == self._wanted[1]
        return self.task.file.size in (None, self.size) or self.task.verify == "none"

    def _unwrap(self) -> bool:
        """Keep what is inside instead, if the record tells of that. False: it does not either."""
        self._pieces.write()
        listed = self.task.file.size
        ours = checksums.new("sha256")
        theirs = checksums.new(self._wanted[0] if self._wanted else "sha256")
        size = 0
        for chunk in self._inside():  # once to hash, and only then to the disk: it may be a bomb
            size += len(chunk)
            ours.update(chunk)
            theirs.update(chunk)
            if listed is not None and size > listed:
                return False
        if theirs.hexdigest() != self._wanted[1] if self._wanted else size != listed:
            return False
        inside = self.partial + "i"
        descriptor = self.sink.create(inside)
        try:
            for chunk in self._inside():
                write_all(descriptor, chunk)
        except OSError as problem:
            raise self.sink.trouble(problem, inside) from problem
        finally:
            os.close(descriptor)
        self._pieces.close()
        self.sink.discard(self.partial)
        self.partial, self.size, self.sha256 = inside, size, ours.hexdigest()
        self.verified_by = self._wanted[0] if self._wanted else "size"
        return True

    def _inside(self) -> Iterator[bytes]:
        """The partial's bytes, decoded as far as they can be."""
        decoder = zlib.decompressobj(47)  # 32 + 15: gzip or zlib, whichever it is
        for piece in self._pieces.read():
            left = piece
            while left:
                try:
                    yield decoder.decompress(left, _GATHER)
                except zlib.error:
                    return
                left = decoder.unconsumed_tail

    # -- are the bytes right? --------------------------------------------------------------

    def _verify(self) -> None:
        self.sha256 = self._hashes["sha256"]
        try:
            self.verified_by = fit(self.task, self._wanted, self.size, self._hashes)
        except MismatchError as problem:
            raise self._misfit(problem) from None
        if self.verified_by == "none" and self._is_page:
            raise self._page("an HTML page came in the file's place")

    def _misfit(self, problem: MismatchError) -> FilehaulError:
        """Wrong bytes are fetched again from the first; of a body that was cut off without a word
        the rest is asked for, as long as it grows.
        """
        if self._is_page:
            return self._page("an HTML page came in the file's place")
        short = isinstance(problem, ShortError)
        if short:
            if self.shortfall and self.size > self._short_at:
                self._mismatches = 0
            self.shortfall, self._short_at = problem.message, self.size
        self._mismatches += 1
        over = self._mismatches >= MISMATCHES
        if over or not short:
            self._pieces.restart()
            self._said = _NOTHING
        return for_ever(problem) if over else problem

    def _page(self, message: str) -> FilehaulError:
        return VendorError(
            message,
            where=self.task.target,
            hint="a login or error page with status 200: check auth and content.path",
        )

    # -- another run may go on -------------------------------------------------------------

    def note(self) -> Partial | None:
        """What another run must know to go on with the partial; None: it would begin anew."""
        file, total = self.task.file, self._total or self.task.file.size
        if self._pieces.size < WORTH_KEEPING or not total or not file.fingerprint:
            return None
        if self._is_page or self._encoding or not self._is_guarded:
            return None
        from .ledger import Partial

        return Partial(
            self.partial, file.resource, file.key, file.fingerprint, self._validator, total
        )

    def park(self) -> Partial | None:
        """Let go of the partial with all that has come, and tell as `note` does."""
        noted = self.note()
        if noted is None:
            self._pieces.close()
            return None
        return noted._replace(safe=self._pieces.park())


def _encoding(headers: Mapping[str, str]) -> str:
    """The label of encoded bytes; empty: they are as they are."""
    return headers.get("content-encoding", "").strip().lower().removeprefix("identity")
