"""HTTP/1.1 as bytes: a request's head is read, an answer's head is written. No sockets here."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

from filehaul.testing.answers import Answer, size_of
from filehaul.testing.options import HeaderCase

HEAD_LIMIT = 64 * 1024
BODY_LIMIT = 16 * 1024 * 1024

_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_ABSOLUTE = re.compile(r"https?://[^/?]*", re.IGNORECASE)
_NO_BODY = frozenset({204, 304})


class BadRequest(Exception):  # noqa: N818  it is an answer, by the name that HTTP gives it
    """The client does not speak HTTP/1.1; it is told ``status`` and the connection ends."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Head:
    """Request line and headers. ``length`` is that of the body, in bytes."""

    method: str
    target: str
    headers: Mapping[str, str]
    length: int
    closes: bool

    @property
    def path_and_query(self) -> tuple[str, str]:
        """The target without scheme, host and fragment, cut at the ``?``."""
        target = self.target
        if target[:1] != "/":
            target = _ABSOLUTE.sub("", target, count=1)
        path, _mark, query = target.partition("#")[0].partition("?")
        return path or "/", query


def read_head(head: bytes) -> Head:
    """Read a request's head, given without its empty line; raises :class:`BadRequest`."""
    line, _crlf, rest = head.partition(b"\r\n")
    parts = line.split(b" ")
    if len(parts) != 3 or not _TOKEN.fullmatch(parts[0]) or not parts[1]:
        raise BadRequest(400, "The request line is not METHOD target HTTP/1.1.")
    if parts[2] not in {b"HTTP/1.1", b"HTTP/1.0"}:
        raise BadRequest(505, "Speak HTTP/1.1.")
    headers = _read_headers(rest)
    is_new = parts[2] == b"HTTP/1.1"
    if is_new and "host" not in headers:
        raise BadRequest(400, "There is no Host header.")
    closes = not is_new or "close" in headers.get("connection", "").lower()
    target = parts[1].decode("latin-1")
    return Head(parts[0].decode(), target, headers, _length(headers), closes)


@lru_cache(maxsize=1024)  # clients send the same headers again and again
def _read_headers(lines: bytes) -> Mapping[str, str]:
    headers: dict[str, str] = {}
    for line in lines.split(b"\r\n") if lines else ():
        raw, colon, value = line.partition(b":")
        if not colon or not _TOKEN.fullmatch(raw):
            raise BadRequest(400, "A header line is not 'name: value'.")
        name, text = raw.decode().lower(), value.strip(b" \t").decode("latin-1")
        headers[name] = f"{headers[name]}, {text}" if name in headers else text
    return headers


def _length(headers: Mapping[str, str]) -> int:
    if "transfer-encoding" in headers:
        raise BadRequest(411, "Send a body with its Content-Length.")
    text = headers.get("content-length", "0")
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise BadRequest(400, "Content-Length is not a number.")
    if int(text) > BODY_LIMIT:
        raise BadRequest(413, f"A body may have {BODY_LIMIT} bytes.")
    return int(text)


def write_head(answer: Answer, case: HeaderCase, connection: str | None) -> bytes:
    """The head of an answer with its empty line; ``connection`` is the header of that name."""
    headers = {"Date": _date(int(time.time())), "Server": "filehaul-fake-vendor", **answer.headers}
    if answer.framing == "chunked":
        headers.setdefault("Transfer-Encoding", "chunked")
    elif answer.framing == "length" and answer.status not in _NO_BODY and answer.status >= 200:
        headers.setdefault("Content-Length", str(size_of(answer.body)))
    if connection:
        headers.setdefault("Connection", connection)
    lines = [_status_line(answer.status)]
    lines += [f"{_spelt(name, case)}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "replace")


@lru_cache(maxsize=4)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)


@lru_cache(maxsize=128)
def _status_line(status: int) -> str:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Odd"
    return f"HTTP/1.1 {status} {phrase}"


@lru_cache(maxsize=512)
def _spelt(name: str, case: HeaderCase) -> str:
    if case == "title":
        return name
    if case == "lower":
        return name.lower()
    return "".join(
        letter.upper() if index % 3 else letter.lower() for index, letter in enumerate(name)
    )
