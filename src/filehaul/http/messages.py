"""What goes in and what comes out of `filehaul.http`: values, and the seams to others."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from ..errors import FilehaulError
from ..redact import redact

MAX_JSON = 64 * 1024 * 1024
"""Bytes of an answer that is kept in memory: a page of records, a token."""

ERROR_BODY = 64 * 1024
"""Bytes kept of an answer that is not the thing asked for; the connection of a longer one ends."""


class Writer(Protocol):
    """Where a body goes that is not kept in memory: a file's bytes.

    One writer serves all attempts of one request. `http` calls, for each attempt, `resume`, then
    `begin` with the head of a 2xx answer, `write` for each chunk, and `end` when the body is
    whole. Any of them may raise a `FilehaulError`: a temporary one is tried again, another stands.
    """

    def resume(self) -> Mapping[str, str]:
        """Headers for the next attempt, such as Range, from what was kept of the last one."""

    def begin(self, head: Head) -> None:
        """A 2xx answer begins; raise to refuse it."""

    def write(self, chunk: bytes) -> object:
        """More of the body."""

    def end(self) -> None:
        """The body is whole, as far as HTTP can tell; raise if it is short."""

    @property
    def progress(self) -> int:
        """Bytes kept so far, over all attempts: if it grew, the count of retries starts again."""


@dataclass(frozen=True)
class Detour:
    """The answer is not the thing, it says where the thing is: that is asked for next, by GET.

    ``address``: the address in the answer, absolute or relative to it; raises VendorError where
    there is none. ``expired``: whether this status and body say that the address is no longer
    good: then a new one is asked for, once between two bytes of progress.
    """

    address: Callable[[Response], str]
    expired: Callable[[int, bytes], bool] = lambda _status, _body: False


@dataclass(frozen=True)
class Request:
    """One thing to ask. ``url`` is absolute; ``context`` comes back untouched with the result.

    ``headers`` and ``body`` go to origins that the config names and to no others, but for what
    says nothing about us (Accept, Range). ``max_body``: the most bytes, decoded, of an answer that
    is kept in memory. With a ``detour`` both steps are one request: one result, one writer, which
    sees the second step's answers only.
    """

    url: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    authorize: bool = True
    writer: Writer | None = None
    detour: Detour | None = None
    max_body: int = MAX_JSON
    context: Any = None

    def __repr__(self) -> str:
        return f"Request({self.method} {redact(self.url)})"


class Headers(Mapping[str, str]):
    """The headers of one answer, by lower-case name; parsed when somebody first looks for one that
    may be there.

    A name that came twice has its values joined by a comma (RFC 9110 5.3), equal ones once.
    """

    __slots__ = ("_lines", "_lower", "_values")

    def __init__(self, lines: list[bytes]) -> None:
        self._lines = lines
        self._lower = b""
        self._values: dict[str, str] | None = None

    def get(self, name: str, default: Any = None) -> Any:
        """As of any mapping. Of a small file's answer only what is not there is asked for."""
        if self._values is None:
            if not self._lower:
                self._lower = b"".join(self._lines).lower()
            if name.isascii() and name.encode() not in self._lower:
                return default
        return self._parsed().get(name, default)

    def _parsed(self) -> dict[str, str]:
        if self._values is None:
            self._values = {}
            key = ""
            values = self._values
            try:
                texts = b"".join(self._lines).decode().split("\n")
            except UnicodeDecodeError:
                texts = [_text(line) for line in self._lines]
            for text in texts:
                name, colon, value = text.partition(":")
                if name and colon and name[0] not in " \t":
                    key = name.strip().lower()
                    if key not in values:
                        values[key] = value.strip()
                        continue
                if text[:1] in (" ", "\t"):  # an old folded line goes on with the one before
                    if key:
                        self._values[key] += " " + text.strip()
                elif colon:
                    key = name.strip().lower()
                    self._join(key, value.strip())
        return self._values

    def _join(self, key: str, value: str) -> None:
        assert self._values is not None
        known = self._values.setdefault(key, value)
        if known != value:
            self._values[key] = f"{known}, {value}"

    def __getitem__(self, name: str) -> str:
        return self._parsed()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parsed())

    def __len__(self) -> int:
        return len(self._parsed())

    def __repr__(self) -> str:
        return f"Headers({', '.join(self)})"


def _text(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("latin-1")


# Tuples rather than dataclasses below: three of them are made for every answer, and a frozen
# dataclass takes three times as long.


class Head(NamedTuple):
    """The head of an answer. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    url: str

    def __repr__(self) -> str:
        return f"Head({self.status} {redact(self.url)})"


class Response(NamedTuple):
    """A 2xx answer. ``body`` is empty where a writer took it. ``url``: after redirects."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str

    def __repr__(self) -> str:
        return f"Response({self.status} {redact(self.url)}, {len(self.body)} bytes)"


class Wait(NamedTuple):
    """A pause that somebody may want to know of: how long, in seconds, and why; redacted."""

    seconds: float
    reason: str
    where: str


class Result(NamedTuple):
    """What became of a request: exactly one of ``response`` and ``error``."""

    request: Request
    response: Response | None = None
    error: FilehaulError | None = None
    attempts: int = 1


@dataclass(frozen=True)
class Authorization:
    """What the credentials add to one request. ``token`` names them, for `Authorize.renew`."""

    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    query: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    token: str = field(default="", repr=False)


NOBODY = Authorization()


class Authorize(Protocol):
    """The credentials of a connection, as `http` sees them."""

    def current(self) -> Authorization:
        """For the next request, the same object until it changes; may ask for a token first.

        Raises CredentialsError where there is none, TemporaryError where it cannot be had now.
        """

    def renew(self, token: str) -> bool:
        """A request with this token got 401. True: there is another token now, ask again."""


class Clock:
    """Time, so that tests can bring their own."""

    def monotonic(self) -> float:
        """Seconds from some fixed point."""
        return time.monotonic()

    def time(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait, when there is nothing in flight to wait for."""
        time.sleep(seconds)

    def uniform(self, low: float, high: float) -> float:
        """Jitter."""
        return random.uniform(low, high)  # noqa: S311 - spreads load, guards nothing
