"""Which bytes an answer has, and of which version of the file (RFC 9110: 8.8, 13 and 14)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime
from typing import NamedTuple

Spans = tuple[tuple[int, int], ...]
"""Bytes of a file, each [first, end), in order and apart."""

_CONTENT_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(?:(\d{1,19})|\*)\Z", re.ASCII)
_ETAG = re.compile(r'"[^"]*"\Z')


class Span(NamedTuple):
    """Bytes from ``first`` on, the one at ``end`` not included. ``total``: of the whole file; None:
    the vendor does not say.
    """

    first: int
    end: int
    total: int | None = None


class Marks(NamedTuple):
    """What an answer says of the version that it has: ETag (without W/) and Last-Modified."""

    etag: str = ""
    modified: str = ""

    def contradict(self, other: Marks) -> bool:
        """Whether both cannot be of one version."""
        return any(mine and theirs and mine != theirs for mine, theirs in zip(self, other))


def span_of(headers: Mapping[str, str]) -> Span | None:
    """The Content-Range of a 206; None where it has none that makes sense."""
    match = _CONTENT_RANGE.match(headers.get("content-range", "").strip())
    if match is None:
        return None
    span = Span(int(match[1]), int(match[2]) + 1, int(match[3]) if match[3] else None)
    return span if span.first < span.end <= (span.total or span.end) else None


def marks_of(headers: Mapping[str, str]) -> Marks:
    """Of an answer's headers, whose names are lower case."""
    return Marks(headers.get("etag", "").removeprefix("W/"), headers.get("last-modified", ""))


def validator_of(headers: Mapping[str, str], at: float) -> str:
    """What If-Range can ask with; empty: nothing that promises equal bytes. ``at``: when the answer
    came (seconds since the epoch), where it does not say itself.

    A weak ETag does not (13.1.5), nor a date so near to the answer's own that the file may have
    changed once more within the same second (8.8.2.2).
    """
    etag = headers.get("etag", "")
    if _ETAG.match(etag):
        return etag
    modified = headers.get("last-modified", "")
    since = _seconds(modified)
    answered = _seconds(headers.get("date", ""))
    if since is None or (at if answered is None else answered) - since < 1:
        return ""
    return modified


def marks_in(validator: str) -> Marks:
    """The same from an earlier run, of which only the validator is known."""
    return Marks(etag=validator) if validator.startswith('"') else Marks(modified=validator)


def _seconds(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


def joined(spans: Iterable[tuple[int, int]]) -> Spans:
    """The same bytes by as few spans as can be, in order."""
    found: list[tuple[int, int]] = []
    for first, end in sorted(spans):
        if first == end:
            continue
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((first, end))
    return tuple(found)


def gaps(spans: Iterable[tuple[int, int]], total: int) -> list[tuple[int, int]]:
    """What is missing between them, up to ``total``."""
    found, position = [], 0
    for first, end in joined((first, min(end, total)) for first, end in spans if first < total):
        if first > position:
            found.append((position, first))
        position = end
    if position < total:
        found.append((position, total))
    return found
