"""One file's bytes on their way: the `http.Writer` of a transfer.

What comes goes to `filehaul.pieces`, and is held to the vendor's record when it is whole. A body
that breaks off goes on where it stopped (Range with If-Range) if the vendor allows it, and starts
again if it does not; bytes of two versions are never joined.

Bytes are kept as they came. Only where the vendor labels them as encoded, and its record fits
what is inside and not what came, the inside is the file.
"""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterator, Mapping

from . import checksums
from .errors import FilehaulError, TemporaryError, VendorError
from .http import Head
from .models import Task
from .pieces import Lanes, Pieces, write_all
from .redact import redact
from .sink import Sink

_GATHER = 1024 * 1024
_MISMATCHES = 3
_ENCODED = frozenset({"gzip", "x-gzip", "deflate"})
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)\Z")
_HTML_NAMES = (".html", ".htm", ".xhtml", ".shtml", ".mhtml", ".asp", ".aspx", ".php", ".jsp")


class MismatchError(TemporaryError):
    """The bytes that came are not the bytes that were listed."""

    kind = "mismatch"


class Meter:
    """Bytes received so far, for whoever watches."""

    def __init__(self) -> None:
        self.bytes = 0


class Download:
    """The bytes of one task. `size`, `verified_by`, `sha256` tell after `end` how it went.

    ``lanes``: the threads that keep what is large; None: it is kept here and now.
    """

    def __init__(
        self, task: Task, sink: Sink, partial: str, meter: Meter, lanes: Lanes | None = None
    ) -> None:
        self.task = task
        self.sink = sink
        self.partial = partial
        self.meter = meter
        self.size = 0
        self.sha256 = ""
        self.verified_by = "none"
        self.shortfall = ""  # that the body was shorter than listed, if it was
        self._wanted = (
            checksums.strongest(task.file.checksum) if task.verify not in ("size", "none") else None
        )
        theirs = self._wanted[0] if self._wanted else "sha256"
        algorithms = ("sha256",) if theirs == "sha256" else ("sha256", theirs)
        self._pieces = Pieces(sink, partial, algorithms, lanes)
        self._hashes: dict[str, str] = {}
        self._mismatches = 0
        self._validator = ""
        self._encoding = ""
        self._html = False
        self._most = 0

    @property
    def progress(self) -> int:
        """The furthest that any attempt has come: starting again is not progress."""
        self._most = max(self._most, self._pieces.size)
        return self._most

    # -- the seam to http ------------------------------------------------------------------

    def resume(self) -> Mapping[str, str]:
        """Range and If-Range, where something was kept and can be told from another version."""
        if not self._pieces.size or not (self._validator or self._wanted):
            self._pieces.restart()
            return {}
        headers = {"Range": f"bytes={self._pieces.size}-"}
        if self._validator:
            headers["If-Range"] = self._validator
        return headers

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
        etag = said.get("etag", "")
        # RFC 9110 13.1.5: a weak etag does not promise equal bytes.
        self._validator = etag if etag and not etag.startswith("W/") else ""
        self._validator = self._validator or said.get("last-modified", "")
        kind = said.get("content-type", "").partition(";")[0].strip().lower()
        self._encoding = said.get("content-encoding", "").strip().lower()
        self._html = kind in ("text/html", "application/xhtml+xml") and not self._is_html()

    def _is_html(self) -> bool:
        names = (self.task.file.name or "", self.task.target)
        return any(name.lower().endswith(_HTML_NAMES) for name in names)

    def _continue(self, head: Head) -> None:
        match = _CONTENT_RANGE.match(head.headers.get("content-range", "").strip())
        etag = head.headers.get("etag", "")
        other = bool(self._validator.startswith('"') and etag and etag != self._validator)
        if match is None or int(match[1]) != self._pieces.size or other:
            self._pieces.restart()
            self._validator = ""
            self._most = max(self._most, 1)
            raise TemporaryError(
                "the vendor continued with other bytes than were asked for",
                where=redact(head.url),
                hint="the file is fetched from its beginning",
            )

    def write(self, chunk: bytes) -> None:
        """Hash and keep."""
        self.meter.bytes += len(chunk)
        self._pieces.add(chunk)

    def end(self) -> None:
        """The body is whole as far as HTTP can tell; now the bytes are held to the record."""
        self.size = self._pieces.size
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
        policy, listed = self.task.verify, self.task.file.size
        self.sha256 = self._hashes["sha256"]
        if self._wanted is not None:
            algorithm, wanted = self._wanted
            found = self._hashes[algorithm]
            if found != wanted:
                if listed is not None and self.size < listed:
                    self._short(listed)
                self._mismatch(f"the {algorithm} is {found}, listed as {wanted}")
            self.verified_by = algorithm
        elif policy == "checksum":
            raise VendorError(
                "verify: checksum, but the vendor's record has no checksum of this file",
                where=self.task.target,
                hint="verify: auto takes the strongest that the record offers",
            )
        elif policy in ("auto", "size") and listed is not None:
            if self.size < listed:
                self._short(listed)
            if self.size != listed:
                self._mismatch(f"{self.size:,} bytes came, listed as {listed:,}")
            self.verified_by = "size"
        elif policy == "size":
            raise VendorError(
                "verify: size, but the vendor's record has no size of this file",
                where=self.task.target,
                hint="verify: auto takes the strongest that the record offers",
            )
        if self._html and self.verified_by == "none":
            raise self._page("an HTML page came in the file's place")

    def _short(self, listed: int) -> None:
        """Cut off without a word: what is there is kept, and the rest is asked for."""
        if self._html:
            raise self._page("an HTML page came in the file's place")
        self.shortfall = f"the body ended after {self.size:,} of {listed:,} bytes"
        self._mismatches += 1
        if self._mismatches < _MISMATCHES:
            raise TemporaryError(
                self.shortfall, where=self.task.target, hint="the rest is asked for"
            )
        self._mismatch(self.shortfall)

    def _mismatch(self, message: str) -> None:
        if self._html:
            raise self._page("an HTML page came in the file's place")
        self._mismatches += 1
        self._pieces.restart()
        self._validator = ""
        if self._mismatches < _MISMATCHES:
            raise MismatchError(message, where=self.task.target, hint="it is fetched again")
        raise VendorError(
            f"{message}, {_MISMATCHES} times",
            where=self.task.target,
            hint="the vendor's record is wrong or the file changes while it is read; "
            "verify: size or none takes it as it comes",
        )

    def _page(self, message: str) -> FilehaulError:
        return VendorError(
            message,
            where=self.task.target,
            hint="a login or error page with status 200: check auth and content.path",
        )

    def abandon(self) -> None:
        """Let go of the partial's descriptor; the partial itself stays."""
        self._pieces.close()
