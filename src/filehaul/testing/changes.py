"""The vendor's change feed: what was put, trashed and removed, in the order that it happened."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any
from urllib.parse import quote

from filehaul.testing.answers import Answer, RecordedRequest, json_answer, problem, to_json


class ChangeLog:
    """All changes since the vendor was made; thread-safe.

    A change is ``{"file_id", "removed": false, "file": record}``, the record as it was then (with
    ``"trashed": true`` for a file in the trash), or ``{"file_id", "removed": true}``.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._changes: list[bytes] = []
        self._good_from = 0
        self._tokens = 0

    def add(self, change: Any) -> None:
        """One more change, whatever it says."""
        with self._lock:
            self._changes.append(to_json(change))

    def expire(self) -> None:
        """Tokens given out so far are answered with 410 from now on."""
        with self._lock:
            self._tokens += 1
            self._good_from = self._tokens

    def token(self) -> str:
        """The token of now."""
        with self._lock:
            return self._token(len(self._changes))

    def page(self, token: str, limit: int) -> tuple[list[bytes], str, bool] | None:
        """Changes since a token, the token to go on with, and whether more wait; None: expired.

        ValueError: no such token was ever given out.
        """
        generation, _, position = token.partition(".")
        if not (generation.isdigit() and position.isdigit()):
            msg = f"{token!r} is no change token"
            raise ValueError(msg)
        with self._lock:
            if int(generation) < self._good_from:
                return None
            start = int(position)
            rows = self._changes[start : start + limit]
            end = start + len(rows)
            return rows, self._token(end), end < len(self._changes)

    def _token(self, position: int) -> str:
        return f"{self._tokens}.{position}"


def feed_answer(
    log: ChangeLog, request: RecordedRequest, path: str, cap: int, url: Callable[[str], str]
) -> Answer:
    """The answer to ``GET {path}/start`` and ``GET {path}?token=&limit=``.

    Tokens stand in it by themselves and as addresses (``next_url``, ``final_url``).
    """

    def addressed(token: str) -> str:
        return url(f"{path}?token={quote(token)}")

    if request.path == f"{path}/start":
        token = log.token()
        return json_answer(200, {"token": token, "url": addressed(token)})
    query = request.query
    limit = query.get("limit", str(cap))
    if "token" not in query or not limit.isdigit() or int(limit) < 1:
        return problem(400, "invalid_parameter", "token is needed; limit is from 1 on")
    try:
        page = log.page(query["token"], min(cap, int(limit)))
    except ValueError as error:
        return problem(400, "invalid_parameter", str(error))
    if page is None:
        return problem(410, "token_expired", "This change token has expired: list everything.")
    rows, token, more = page
    name = "next" if more else "final"
    tokens = to_json({name: token, f"{name}_url": addressed(token)})
    body = b'{"changes":[' + b",".join(rows) + b"]," + tokens[1:]
    return Answer(200, {"Content-Type": "application/json"}, body)
