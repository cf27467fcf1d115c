"""Who is let in: tokens that are good, and no more requests a second than are allowed."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from filehaul.testing.answers import RecordedRequest
from filehaul.testing.grants import Grants
from filehaul.testing.options import Options

Why = Literal["no token", "invalid token", "unauthorized", "throttled", "nothing there"]


@dataclass(frozen=True)
class Refusal:
    """Why a request is not answered, before the API itself has looked at it.

    ``status`` and ``headers`` are what HTTP has for it (401 with WWW-Authenticate, 429 with
    Retry-After, 404): a vendor may say it in its own way.
    """

    why: Why
    status: int
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)


class Gate:
    """The options ``auth`` and ``rate_limit`` at work. Asked by one thread only."""

    def __init__(self, options: Options, grants: Grants) -> None:
        self._options = options
        self._grants = grants
        self._spare, self._refilled = options.rate_limit or 0.0, time.monotonic()

    def refusal(self, request: RecordedRequest, *, ask_token: bool) -> Refusal | None:
        """Why the request is refused; None: let it in."""
        if self._options.rate_limit and (wait := self._wait(self._options.rate_limit)):
            told = f"More than {self._options.rate_limit:g} requests per second."
            return Refusal("throttled", 429, told, {"Retry-After": str(math.ceil(wait))})
        if not ask_token or self._options.auth is False:
            return None
        if callable(self._options.auth):
            allowed = self._options.auth(request)
            return None if allowed else Refusal("unauthorized", 401, "Not allowed.", _challenge())
        return self._token_refusal(request.headers.get("authorization"))

    def _token_refusal(self, header: str | None) -> Refusal | None:
        if header is None:
            return Refusal("no token", 401, "No token was sent.", _challenge())
        scheme, _space, token = header.partition(" ")
        if scheme.lower() == "bearer" and self._grants.is_good(token.strip()):
            return None
        told = "The access token is unknown or has expired."
        return Refusal("invalid token", 401, told, _challenge("invalid_token", told))

    def _wait(self, rate: float) -> float:
        """Seconds until the next request is allowed; 0 takes one of those that are."""
        now = time.monotonic()
        self._spare = min(max(rate, 1.0), self._spare + (now - self._refilled) * rate)
        self._refilled = now
        if self._spare < 1:
            return (1 - self._spare) / rate
        self._spare -= 1
        return 0.0


def _challenge(error: str = "", description: str = "") -> dict[str, str]:
    told = f' error="{error}", error_description="{description}"' if error else ""
    return {"WWW-Authenticate": f'Bearer realm="fake vendor"{"," if told else ""}{told}'}
