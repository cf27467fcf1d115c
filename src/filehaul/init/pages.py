"""A page of a listing, as somebody saved it: JSON, maybe with the headers that it came with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import UsageError
from ..json_text import loads

_STATUS = re.compile(r"\AHTTP/[\d.]+ +(\d{3})[^\n]*\n")
_HEADER = re.compile(r"([\w!#$%&'*+.^`|~-]+):[ \t]*(.*?)[ \t]*\r?\Z")
_SAVE = "curl -sS -H 'Authorization: …' 'https://api.example.com/v1/files' > page.json"


@dataclass(frozen=True)
class Page:
    """An answer. ``headers``: by their names in lower case."""

    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)
    name: str = "the page"


def read_page(content: bytes, name: str) -> Page:
    """The page in a file, also as ``curl -i`` saves it. Raises UsageError: what it is instead."""
    headers: dict[str, str] = {}
    text = content.decode("utf-8-sig", "replace").lstrip()
    # A redirect, or a proxy's answer, stands in front of the answer itself.
    while _STATUS.match(text):
        head, body = _split(text)
        headers, text = read_headers(head), body
    try:
        body = loads(text.encode(), "application/json")
    except ValueError as problem:
        raise _unfit(f"{name} is not JSON{_instead(text, problem)}", name) from None
    if not isinstance(body, (dict, list)):
        raise _unfit(f"{name} is a single value, not an answer with records", name)
    return Page(body, headers, name)


def _split(text: str) -> tuple[str, str]:
    match = re.search(r"\r?\n\r?\n", text)
    return (text, "") if match is None else (text[: match.start()], text[match.end() :].lstrip())


def _instead(text: str, problem: ValueError) -> str:
    start = text[:200].lower()
    if not text:
        return ": it is empty"
    if start.startswith(("<!doctype html", "<html")):
        return " but an HTML page, as of a sign-in"
    if start.startswith("<"):
        return " but XML (for WebDAV: filehaul init --vendor webdav)"
    return f": {problem}"


def _unfit(message: str, name: str) -> UsageError:
    return UsageError(message, where=name, hint=f"save an answer of the listing: {_SAVE}")


def read_headers(text: str) -> dict[str, str]:
    """Headers as ``curl -D`` writes them, by their names in lower case; of several answers those of
    the last. Lines that are no headers are passed over.
    """
    headers: dict[str, str] = {}
    for line in text.splitlines():
        if line.startswith("HTTP/"):
            headers = {}
        elif match := _HEADER.match(line):
            name = match[1].lower()
            headers[name] = f"{headers[name]}, {match[2]}" if name in headers else match[2]
    return headers
