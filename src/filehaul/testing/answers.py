"""What travels between the socket and the routes: a request as it came, an answer as it will go.

An :class:`Answer` says what is sent *and how*: cut, slow, stalled, reset. The routes make honest
ones, faults make them worse, and the server only does what the answer says.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from filehaul.testing.faults import Fault

CHUNK = 256 * 1024  # bytes read from disk, and handed to the socket, at a time
SLOWEST_STEP = 0.05  # seconds between two slices of a slow body


@dataclass(slots=True)
class RecordedRequest:
    """One request as the fake vendor received it, and what it answered.

    ``path`` is as it was sent: still percent-encoded, without the query. ``headers`` have
    lower-case names; a name that came twice has its values joined with ``", "``. ``origin`` is
    the ``http://127.0.0.1:PORT`` that was asked. ``started`` is ``time.monotonic()`` (seconds)
    when the last byte of the request had come. ``bytes_sent`` counts the bytes of the body given
    to the socket so far: it grows while a long answer is under way.
    """

    method: str
    target: str
    path: str
    query_string: str
    headers: Mapping[str, str]
    body: bytes
    origin: str
    started: float
    status: int = 0
    fault: Fault | None = None
    bytes_sent: int = 0

    @property
    def query(self) -> dict[str, str]:
        """The decoded query; of a name that came twice, the last value."""
        return dict(parse_qsl(self.query_string, keep_blank_values=True))

    @property
    def form(self) -> dict[str, str]:
        """The body read as ``application/x-www-form-urlencoded``."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))


class Body(Protocol):
    """Bytes that are not in memory yet: their number is known, they come in chunks."""

    @property
    def size(self) -> int:
        """Bytes in all."""

    def chunks(self) -> Iterator[bytes]:
        """The bytes, in order; fewer than ``size`` if they cannot be had any more."""


@dataclass(frozen=True)
class FileBody:
    """A slice of a file on disk, read while it is sent."""

    path: Path
    start: int
    size: int

    def chunks(self) -> Iterator[bytes]:
        """Read the slice; ends early if the file has become shorter."""
        left = self.size
        with self.path.open("rb", buffering=0) as file:
            file.seek(self.start)
            while left and (chunk := file.read(min(CHUNK, left))):
                left -= len(chunk)
                yield chunk


@dataclass(frozen=True)
class PaddingBody:
    """A JSON text of exactly ``size`` bytes (at least 16) that is never in memory as a whole."""

    size: int

    def chunks(self) -> Iterator[bytes]:
        """One key with one very long string."""
        head, tail = b'{"padding":"', b'"}'
        left = self.size - len(head) - len(tail)
        yield head
        while left > 0:
            yield b"x" * min(CHUNK, left)
            left -= CHUNK
        yield tail


_OTHER_BYTES = bytes(byte ^ 0x55 for byte in range(256))


@dataclass(frozen=True)
class ChangedBody:
    """The same number of bytes as ``true``, and every one of them another."""

    true: bytes | Body

    @property
    def size(self) -> int:
        """As many bytes as the true body has."""
        return size_of(self.true)

    def chunks(self) -> Iterator[bytes]:
        """The true bytes, each changed."""
        for chunk in chunks_of(self.true):
            yield chunk.translate(_OTHER_BYTES)


def size_of(body: bytes | Body) -> int:
    """Bytes of a body, wherever they are."""
    return len(body) if isinstance(body, bytes) else body.size


def chunks_of(body: bytes | Body) -> Iterator[bytes]:
    """A body in chunks of at most :data:`CHUNK` bytes."""
    if not isinstance(body, bytes):
        yield from body.chunks()
        return
    for start in range(0, len(body), CHUNK):
        yield body[start : start + CHUNK]


@dataclass(slots=True)
class Answer:
    """A status, headers and a body, and how they go over the wire.

    ``framing`` is how the end of the body is told: by Content-Length, by chunks, or only by the
    end of the connection. At most ``limit`` bytes of the body are sent (None: all), while the
    head announces all. ``end`` is what follows: keep the connection, close it (FIN), reset it
    (RST). ``silent`` sends not even a head. ``head_only`` answers HEAD. ``delay`` is in seconds,
    before the head; ``stall`` is (bytes of body, seconds); ``rate`` is in bytes per second.
    """

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | Body = b""
    framing: Literal["length", "chunked", "close"] = "length"
    end: Literal["keep", "close", "reset"] = "keep"
    limit: int | None = None
    silent: bool = False
    head_only: bool = False
    delay: float = 0.0
    stall: tuple[int, float] | None = None
    rate: float | None = None

    @property
    def is_plain(self) -> bool:
        """One write does it: all of a short body in memory, with its length, at full speed."""
        return (
            isinstance(self.body, bytes)
            and len(self.body) <= CHUNK
            and self.framing == "length"
            and self.end == "keep"
            and not self.silent
            and self.limit is None
            and self.stall is None
            and self.rate is None
        )

    @property
    def sends(self) -> int:
        """Bytes of body that will go out, if the client takes them all."""
        if self.silent or self.head_only:
            return 0
        size = size_of(self.body)
        return size if self.limit is None else min(size, self.limit)


def steps(answer: Answer) -> Iterator[bytes | float]:
    """The body of an answer as a script: bytes to send, and pauses (seconds) between them."""
    sent, stall = 0, answer.stall
    for piece in _cut(answer):
        chunk = piece
        if stall and sent + len(chunk) > stall[0]:
            before = stall[0] - sent
            yield from _paced(chunk[:before], answer.rate)
            yield float(stall[1])
            chunk, sent, stall = chunk[before:], sent + before, None
        yield from _paced(chunk, answer.rate)
        sent += len(chunk)


def _cut(answer: Answer) -> Iterator[bytes]:
    left = answer.sends
    if not left:
        return
    # Small odd chunks where they can be seen: no client may count on a chunk being a whole JSON.
    step = 997 if answer.framing == "chunked" and isinstance(answer.body, bytes) else CHUNK
    for chunk in chunks_of(answer.body):
        for start in range(0, len(chunk), step):
            if not left:
                return
            piece = chunk[start : start + min(step, left)]
            left -= len(piece)
            yield piece


def _paced(chunk: bytes, rate: float | None) -> Iterator[bytes | float]:
    if rate is None:
        if chunk:
            yield chunk
        return
    step = max(1, int(rate * SLOWEST_STEP))
    for start in range(0, len(chunk), step):
        piece = chunk[start : start + step]
        yield piece
        yield len(piece) / rate


def to_json(value: Any) -> bytes:
    """JSON in UTF-8; a text that UTF-8 cannot hold (a lone surrogate) makes all of it escaped."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


def json_answer(status: int, value: Any, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer with a JSON body."""
    return Answer(status, {"Content-Type": "application/json", **(headers or {})}, to_json(value))


def problem(
    status: int, code: str, message: str, headers: Mapping[str, str] | None = None
) -> Answer:
    """The error format of the fake vendor's API: ``{"error": {"code", "message"}}``."""
    return json_answer(status, {"error": {"code": code, "message": message}}, headers)
