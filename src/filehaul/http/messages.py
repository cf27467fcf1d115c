"""What goes in and what comes out of `filehaul.http`: values, and the seams to others."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..errors import FilehaulError

MAX_JSON = 64 * 1024 * 1024
"""Bytes of an answer that is kept in memory: a page of records, a token."""


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
class Request:
    """One thing to ask. ``url`` is absolute; ``context`` comes back untouched with the result."""

    url: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    authorize: bool = True
    writer: Writer | None = None
    max_body: int = MAX_JSON
    context: Any = None


@dataclass(frozen=True)
class Head:
    """The head of an answer. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    url: str


@dataclass(frozen=True)
class Response:
    """A 2xx answer. ``body`` is empty where a writer took it. ``url``: after redirects."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


@dataclass(frozen=True)
class Result:
    """What became of a request: exactly one of ``response`` and ``error``."""

    request: Request
    response: Response | None = None
    error: FilehaulError | None = None
    attempts: int = 1


@dataclass(frozen=True)
class Authorization:
    """What the credentials add to one request. ``token`` names them, for `Authorize.renew`."""

    headers: tuple[tuple[str, str], ...] = ()
    query: tuple[tuple[str, str], ...] = ()
    token: str = field(default="", repr=False)


class Authorize(Protocol):
    """The credentials of a connection, as `http` sees them."""

    def current(self) -> Authorization:
        """For the next request; may ask for a token first. Raises CredentialsError."""

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
