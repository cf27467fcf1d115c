"""How Graph answers: JSON with a context, its errors, pages by ``$top``, and ``$select``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from filehaul.testing.answers import Answer, RecordedRequest, json_answer

_MOST = 1000  # of a page, whatever $top says
_CALL = re.compile(r"\([^()]*\)\Z")  # delta(token='…')


def told(value: Mapping[str, Any]) -> Answer:
    """A good answer."""
    return json_answer(200, {"@odata.context": "https://graph.example.com/v1.0/$metadata", **value})


def refused(
    status: int,
    code: str,
    message: str,
    headers: Mapping[str, str] | None = None,
    inner: str | None = None,
) -> Answer:
    """Graph's error: ``{"error": {"code", "message", "innerError"}}``."""
    within = {"request-id": "00000000-0000-0000-0000-000000000000"}
    if inner is not None:
        within["code"] = inner
    error = {"code": code, "message": message, "innerError": within}
    return json_answer(status, {"error": error}, headers)


def page_size(request: RecordedRequest, usual: int, cap: int | None) -> int:
    """How many records a page has. ``cap``: of the fake vendor's options."""
    given = request.query.get("$top", "")
    size = min(_MOST, int(given)) if given.isdecimal() and int(given) else usual
    return size if cap is None else min(size, cap)


def wanted(request: RecordedRequest) -> frozenset[str] | None:
    """The properties that ``$select`` asks for; None: all."""
    given = request.query.get("$select")
    return frozenset(one.strip() for one in given.split(",")) if given else None


def link(request: RecordedRequest, base_url: str, new: Mapping[str, str]) -> str:
    """The address that was asked, with another token; what else was asked for stays."""
    tokens = {"$skiptoken", "token"}
    asked: Iterable[tuple[str, str]] = parse_qsl(request.query_string)
    kept = [(name, value) for name, value in asked if name not in tokens]
    query = urlencode([*kept, *new.items()], quote_via=quote, safe="$!,")
    return f"{base_url}{_CALL.sub('', request.path)}?{query}"
