"""The bytes of a file over HTTP: Range, If-Range, ETag."""

from __future__ import annotations

import re
from datetime import timezone
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import quote

from filehaul.testing.answers import CHUNK, Answer, Body, FileBody, RecordedRequest, problem
from filehaul.testing.files import Entry
from filehaul.testing.options import Options

_RANGE = re.compile(r"bytes[ \t]*=[ \t]*(\d{0,18})-(\d{0,18})[ \t]*", re.ASCII)


def content(entry: Entry, request: RecordedRequest, options: Options) -> Answer:
    """200 with the whole file, 206 with the part asked for, or 416."""
    if entry.headers is None:
        entry.headers = content_headers(entry, options)
    headers = dict(entry.headers)
    if not options.ranges or not _may_be_part(request, headers):
        return _slice(entry, 200, headers, 0, entry.size)
    span = parse_range(request.headers["range"], entry.size)
    if span is None:
        return _slice(entry, 200, headers, 0, entry.size)
    first, last = span
    if first > last:
        told = f"The file has {entry.size} bytes."
        unmet = {"Content-Range": f"bytes */{entry.size}"}
        return problem(416, "range_not_satisfiable", told, unmet)
    headers["Content-Range"] = f"bytes {first}-{last}/{entry.size}"
    return _slice(entry, 206, headers, first, last - first + 1)


def content_headers(entry: Entry, options: Options) -> dict[str, str]:
    """The headers that every answer with (a part of) this file has."""
    file = entry.file
    headers = {"Content-Type": file.mime_type or "application/octet-stream"}
    if options.etag:
        tag = f'"{entry.tag(by_content=options.checksum)}"'
        headers["ETag"] = f"W/{tag}" if options.etag == "weak" else tag
    if options.ranges:
        headers["Accept-Ranges"] = "bytes"
    if file.modified_at:
        headers["Last-Modified"] = format_datetime(
            file.modified_at.astimezone(timezone.utc), usegmt=True
        )
    name = quote(file.file_name, safe="", errors="replace")
    headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{name}"
    return headers


def parse_range(value: str, size: int) -> tuple[int, int] | None:
    """First and last byte of a Range; None if it is not one to honour (RFC 9110, 14.2).

    First > last: no byte of the file is in it (416). Several ranges at once are not honoured.
    """
    found = _RANGE.fullmatch(value)
    if not found or found[1] == found[2] == "":
        return None
    if found[1] == "":
        return max(0, size - int(found[2])), size - 1
    first = int(found[1])
    last = int(found[2]) if found[2] else size - 1
    if found[2] and last < first:
        return None
    return first, min(last, size - 1)


def _may_be_part(request: RecordedRequest, headers: dict[str, str]) -> bool:
    if "range" not in request.headers:
        return False
    condition = request.headers.get("if-range")
    if condition is None:
        return True
    # Strong comparison: a weak tag matches nothing, a date only the very same second.
    if condition.startswith(('"', "W/")):
        return condition == headers.get("ETag") and not condition.startswith("W/")
    return condition == headers.get("Last-Modified")


def _slice(entry: Entry, status: int, headers: dict[str, str], start: int, size: int) -> Answer:
    body: bytes | Body
    true = entry.file.content
    if isinstance(true, bytes):
        body = true if size == len(true) else true[start : start + size]
    elif size <= CHUNK:
        body = _read(true, start, size)
    else:
        body = FileBody(true, start, size)
    return Answer(status, headers, body)


def _read(path: Path, start: int, size: int) -> bytes:
    with path.open("rb", buffering=0) as file:
        file.seek(start)
        return file.read(size)
