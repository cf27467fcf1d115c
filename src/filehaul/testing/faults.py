"""Scripted faults: what goes wrong, at which request, in which order.

A :class:`Fault` is a value. Kinds of two sorts: those that answer *instead of* the vendor (a
status, a reset, a login page) and those that *spoil* its answer (a cut, another ETag). One of the
second sort fires only where it can do harm: on a successful answer, with enough bytes, and with
a Range in the request where it is about ranges. Otherwise the fault waits for the next request,
so a fault that counts as fired was felt.
"""

from __future__ import annotations

import gzip
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from http import HTTPStatus
from typing import Any, ClassVar

from filehaul.testing.answers import (
    Answer,
    ChangedBody,
    PaddingBody,
    RecordedRequest,
    chunks_of,
    problem,
    size_of,
    to_json,
)

Normal = Callable[[RecordedRequest], Answer]

LOGIN_PAGE = (
    b"<!DOCTYPE html><html><head><title>Sign in</title></head>"
    b"<body><form action='/login'><input name='user'><input name='password'></form></body></html>"
)


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong once. Make it with the methods below, not with the constructor.

    ``str(fault)`` is how a report names it, for instance ``status(503)``.
    """

    kind: str
    label: str
    code: int = 0
    count: int = 0
    seconds: float = 0.0
    payload: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    retry_after: str | float | timedelta | None = None
    before: float = 0.0
    action: Callable[[], object] | None = None

    always: ClassVar[float] = math.inf
    """For ``times=``: the faults come round again for ever."""

    def __str__(self) -> str:
        return self.label

    def delayed(self, seconds: float) -> Fault:
        """The same fault, with a wait of so many seconds before it."""
        return replace(self, before=seconds, label=f"{self.label}.delayed({seconds:g})")

    @staticmethod
    def status(
        code: int,
        body: bytes | str | Any = None,
        headers: Mapping[str, str] | None = None,
        retry_after: str | float | timedelta | None = None,
    ) -> Fault:
        """Answer with this status instead.

        ``body`` is sent as it is if bytes or str, else as JSON; left out, it is the vendor's
        usual error. ``retry_after`` is seconds, an HTTP date, or a timedelta, which becomes the
        HTTP date so far ahead of the answer (a date has whole seconds, rounded up).
        """
        payload = body.encode() if isinstance(body, str) else body
        if payload is not None and not isinstance(payload, bytes):
            payload = to_json(payload)
        return Fault(
            "status",
            f"status({code})",
            code=code,
            payload=payload,
            headers=dict(headers or {}),
            retry_after=retry_after,
        )

    @staticmethod
    def not_ready(retry_after: str | float | timedelta | None = None) -> Fault:
        """202 and no file: the vendor is still making it."""
        fault = Fault.status(202, b"", retry_after=retry_after)
        return replace(fault, label="not_ready()")

    @staticmethod
    def reset() -> Fault:
        """RST instead of an answer."""
        return Fault("reset", "reset()")

    @staticmethod
    def close() -> Fault:
        """Close the connection (FIN) without a byte of answer."""
        return Fault("close", "close()")

    @staticmethod
    def reset_after(n: int) -> Fault:
        """Send the head and n bytes of the body, then RST."""
        return Fault("reset_after", f"reset_after({n})", count=n)

    @staticmethod
    def cut(n: int) -> Fault:
        """Announce the whole Content-Length, send n bytes, close cleanly: a client can tell."""
        return Fault("cut", f"cut({n})", count=n)

    @staticmethod
    def cut_chunked(n: int) -> Fault:
        """Send n bytes in chunks and close without the last chunk: a client can tell."""
        return Fault("cut_chunked", f"cut_chunked({n})", count=n)

    @staticmethod
    def cut_unlabelled(n: int) -> Fault:
        """Send n bytes without any length, close cleanly: HTTP alone cannot tell."""
        return Fault("cut_unlabelled", f"cut_unlabelled({n})", count=n)

    @staticmethod
    def stall(seconds: float, after: int = 0) -> Fault:
        """Send the head and ``after`` bytes of the body, nothing for so long, then the rest."""
        return Fault("stall", f"stall({seconds:g}, after={after})", count=after, seconds=seconds)

    @staticmethod
    def slow(bytes_per_second: int) -> Fault:
        """Send the body at this rate (at least 1)."""
        if bytes_per_second < 1:
            msg = f"slow takes at least 1 byte per second, not {bytes_per_second}"
            raise ValueError(msg)
        return Fault("slow", f"slow({bytes_per_second})", count=bytes_per_second)

    @staticmethod
    def latency(seconds: float) -> Fault:
        """Wait so long before the normal answer, whatever it is."""
        return Fault("latency", f"latency({seconds:g})", before=seconds)

    @staticmethod
    def meanwhile(action: Callable[[], object]) -> Fault:
        """Call ``action`` before the normal answer: something else happens at the vendor."""
        return Fault("meanwhile", "meanwhile()", action=action)

    @staticmethod
    def wrong_body(body: bytes | None = None) -> Fault:
        """Send as many bytes as the true body has, but others.

        None: every byte is changed. Bytes: these, repeated or cut to the true length.
        """
        return Fault("wrong_body", "wrong_body()", payload=body)

    @staticmethod
    def html() -> Fault:
        """A login page, ``text/html``, with status 200."""
        return Fault("html", "html()", code=200, payload=LOGIN_PAGE)

    @staticmethod
    def json(value: Any) -> Fault:
        """Status 200 and this JSON, for instance ``{"error": …}``."""
        return Fault("json", "json()", code=200, payload=to_json(value))

    @staticmethod
    def not_json(body: bytes = b'{"files": [{"file_id": ') -> Fault:
        """Status 200, labelled ``application/json``, and these bytes."""
        return Fault("json", "not_json()", code=200, payload=body)

    @staticmethod
    def huge_json(n_bytes: int) -> Fault:
        """Status 200 and a JSON text of so many bytes (at least 16), in chunks, without length."""
        if n_bytes < 16:
            msg = f"huge_json takes at least 16 bytes, not {n_bytes}"
            raise ValueError(msg)
        return Fault("huge_json", f"huge_json({n_bytes})", code=200, count=n_bytes)

    @staticmethod
    def redirect(to: str, status: int = 302) -> Fault:
        """Answer with a redirect to this URL."""
        headers = {"Location": to}
        return Fault("status", f"redirect({status})", code=status, payload=b"", headers=headers)

    @staticmethod
    def ignore_range() -> Fault:
        """Answer a request for a Range with 200 and the whole body."""
        return Fault("ignore_range", "ignore_range()")

    @staticmethod
    def wrong_content_range() -> Fault:
        """Answer 206 with a Content-Range that begins elsewhere than was asked."""
        return Fault("wrong_content_range", "wrong_content_range()")

    @staticmethod
    def short_range(n: int) -> Fault:
        """Answer a request for a Range with 206 and at most its first n bytes, as Content-Range
        says (RFC 9110 15.3.7 lets a server do so).
        """
        return Fault("short_range", f"short_range({n})", count=n)

    @staticmethod
    def change_etag() -> Fault:
        """Answer as if the file had changed: another ETag, so an If-Range does not match."""
        return Fault("change_etag", "change_etag()")

    @staticmethod
    def gzip(cut: int = 0) -> Fault:
        """Compress the whole body and label it ``Content-Encoding: gzip``, asked or not. ``cut``:
        send it in chunks, as servers do that compress on the way, and close after so many bytes.
        """
        return Fault("gzip", f"gzip(cut={cut})" if cut else "gzip()", count=cut)


def answer_with(fault: Fault, request: RecordedRequest, normal: Normal) -> Answer | None:
    """The answer that this fault makes of a request; None if it can do no harm to it."""
    instead = _INSTEAD.get(fault.kind)
    answer = instead(fault) if instead else _SPOIL[fault.kind](fault, request, normal)
    if answer is not None:
        answer.delay += fault.before
    return answer


def _status(fault: Fault) -> Answer:
    answer = problem(fault.code, _reason(fault.code).lower(), _reason(fault.code))
    if fault.payload is not None or fault.code in {204, 304}:
        answer.body = fault.payload or b""
    answer.headers.update(fault.headers)
    if fault.retry_after is not None:
        answer.headers["Retry-After"] = _retry_after(fault.retry_after)
    return answer


def _reason(code: int) -> str:
    try:
        return HTTPStatus(code).phrase
    except ValueError:
        return "Unknown"


def _retry_after(value: str | float | timedelta) -> str:
    if isinstance(value, timedelta):
        at = (datetime.now(timezone.utc) + value).timestamp()
        return format_datetime(datetime.fromtimestamp(math.ceil(at), timezone.utc), usegmt=True)
    return value if isinstance(value, str) else f"{value:g}"


def _page(fault: Fault) -> Answer:
    kind = "text/html; charset=utf-8" if fault.kind == "html" else "application/json"
    return Answer(fault.code, {"Content-Type": kind}, fault.payload or b"")


def _huge(fault: Fault) -> Answer:
    kind = {"Content-Type": "application/json"}
    return Answer(fault.code, kind, PaddingBody(fault.count), framing="chunked")


_INSTEAD: dict[str, Callable[[Fault], Answer]] = {
    "status": _status,
    "html": _page,
    "json": _page,
    "huge_json": _huge,
    "reset": lambda _: Answer(0, silent=True, end="reset"),
    "close": lambda _: Answer(0, silent=True, end="close"),
}


def _has_body(request: RecordedRequest, answer: Answer, more_than: int) -> bool:
    return request.method != "HEAD" and answer.status < 300 and size_of(answer.body) > more_than


def _cut(fault: Fault, request: RecordedRequest, normal: Normal) -> Answer | None:
    answer = normal(request)
    if not _has_body(request, answer, fault.count):
        return None
    answer.limit = fault.count
    answer.end = "reset" if fault.kind == "reset_after" else "close"
    if fault.kind == "cut":
        answer.framing = "length"
    elif fault.kind != "reset_after":
        answer.framing = "chunked" if fault.kind == "cut_chunked" else "close"
    return answer


def _late(fault: Fault, request: RecordedRequest, normal: Normal) -> Answer | None:
    answer = normal(request)
    if fault.kind == "latency":
        return answer
    if not _has_body(request, answer, 0 if fault.kind == "slow" else fault.count):
        return None
    if fault.kind == "slow":
        answer.rate = fault.count
    else:
        answer.stall = (fault.count, fault.seconds)
    return answer


def _meanwhile(fault: Fault, request: RecordedRequest, normal: Normal) -> Answer:
    assert fault.action is not None
    fault.action()
    return normal(request)


def _wrong_body(fault: Fault, request: RecordedRequest, normal: Normal) -> Answer | None:
    answer = normal(request)
    if not _has_body(request, answer, 0):
        return None
    if not fault.payload:
        answer.body = ChangedBody(answer.body)
    else:
        size = size_of(answer.body)
        answer.body = (fault.payload * (size // len(fault.payload) + 1))[:size]
    return answer


def _ignore_range(_: Fault, request: RecordedRequest, normal: Normal) -> Answer | None:
    if normal(request).status != 206:
        return None
    return normal(_without(request, "range"))


def _wrong_content_range(_: Fault, request: RecordedRequest, normal: Normal) -> Answer | None:
    answer = normal(request)
    if answer.status != 206:
        return None
    span, _slash, size = answer.headers["Content-Range"].removeprefix("bytes ").partition("/")
    first, last = (int(number) for number in span.split("-"))
    shift = 1 if first == 0 else -1
    answer.headers["Content-Range"] = f"bytes {first + shift}-{last + shift}/{size}"
    return answer


def _short_range(fault: Fault, request: RecordedRequest, normal: Normal) -> Answer | None:
    answer = normal(request)
    if answer.status != 206 or size_of(answer.body) <= fault.count:
        return None
    span, _slash, size = answer.headers["Content-Range"].removeprefix("bytes ").partition("/")
    first = int(span.partition("-")[0])
    answer.headers["Content-Range"] = f"bytes {first}-{first + fault.count - 1}/{size}"
    answer.body = b"".join(chunks_of(answer.body))[: fault.count]
    return answer


def _change_etag(_: Fault, request: RecordedRequest, normal: Normal) -> Answer | None:
    answer = normal(_without(request, "range") if "if-range" in request.headers else request)
    if answer.status >= 300 or "ETag" not in answer.headers:
        return None
    answer.headers["ETag"] = f'"changed-{answer.headers["ETag"].strip(chr(34))}"'
    return answer


def _gzip(fault: Fault, request: RecordedRequest, normal: Normal) -> Answer | None:
    answer = normal(_without(request, "range"))
    if not _has_body(request, answer, 0):
        return None
    answer.body = gzip.compress(b"".join(chunks_of(answer.body)), mtime=0)
    answer.headers["Content-Encoding"] = "gzip"
    if fault.count:
        answer.limit, answer.framing, answer.end = fault.count, "chunked", "close"
    return answer


def _without(request: RecordedRequest, name: str) -> RecordedRequest:
    headers = {key: value for key, value in request.headers.items() if key != name}
    return replace(request, headers=headers)


_SPOIL: dict[str, Callable[[Fault, RecordedRequest, Normal], Answer | None]] = {
    "reset_after": _cut,
    "cut": _cut,
    "cut_chunked": _cut,
    "cut_unlabelled": _cut,
    "stall": _late,
    "slow": _late,
    "latency": _late,
    "meanwhile": _meanwhile,
    "wrong_body": _wrong_body,
    "ignore_range": _ignore_range,
    "wrong_content_range": _wrong_content_range,
    "short_range": _short_range,
    "change_etag": _change_etag,
    "gzip": _gzip,
}
