"""The token endpoint, and which tokens are good."""

from __future__ import annotations

import base64
import binascii
import secrets
import time
from dataclasses import dataclass
from threading import Lock
from urllib.parse import unquote_plus

from filehaul.testing.answers import Answer, RecordedRequest, json_answer
from filehaul.testing.options import TokenStyle

FORM = "application/x-www-form-urlencoded"
NO_STORE = {"Cache-Control": "no-store"}


@dataclass(frozen=True)
class Client:
    """Who may have a token, and where its secret is accepted."""

    client_id: str
    client_secret: str
    style: TokenStyle


class Grants:
    """Tokens given out for client credentials (RFC 6749, 4.4). Thread-safe."""

    def __init__(self, client: Client, ttl: float) -> None:
        self._client = client
        self._ttl = ttl
        self._tokens: dict[str, float] = {}  # token -> when it expires, monotonic seconds
        self._lock = Lock()
        self.requests = 0
        self.issued = 0

    def issue(self) -> str:
        """A new token, good for ``ttl`` seconds from now."""
        token, now = secrets.token_urlsafe(24), time.monotonic()
        with self._lock:
            self.issued += 1
            if len(self._tokens) > 1000:
                self._tokens = {key: end for key, end in self._tokens.items() if end > now}
            self._tokens[token] = now + self._ttl
        return token

    def expire_all(self) -> None:
        """No token given out so far is good any more."""
        with self._lock:
            self._tokens.clear()

    def is_good(self, token: str) -> bool:
        """Whether this token was given out and has not expired."""
        end = self._tokens.get(token)
        return end is not None and time.monotonic() < end

    def answer(self, request: RecordedRequest) -> Answer:
        """Answer a request to the token endpoint."""
        if request.method != "POST":
            return _refusal(405, "invalid_request", "Use POST.", {"Allow": "POST"})
        if request.headers.get("content-type", "").split(";")[0].strip().lower() != FORM:
            return _refusal(400, "invalid_request", f"The body must be {FORM}.")
        form = request.form
        if not self._knows(request, form):
            challenge = {"WWW-Authenticate": 'Basic realm="fake vendor"'}
            return _refusal(401, "invalid_client", "Client authentication failed.", challenge)
        if form.get("grant_type") != "client_credentials":
            told = f"grant_type must be client_credentials, not {form.get('grant_type')!r}."
            return _refusal(400, "unsupported_grant_type", told)
        token = {
            "access_token": self.issue(),
            "token_type": "Bearer",
            "expires_in": int(self._ttl) if self._ttl == int(self._ttl) else self._ttl,
        }
        if "scope" in form:
            token["scope"] = form["scope"]
        return json_answer(200, token, NO_STORE)

    def _knows(self, request: RecordedRequest, form: dict[str, str]) -> bool:
        known = self._client
        posted = (form.get("client_id"), form.get("client_secret"))
        header = request.headers.get("authorization")
        if known.style == "post" or (known.style == "both" and header is None):
            given: tuple[str | None, str | None] = posted if header is None else (None, None)
        else:
            # Two secrets in one request are refused, as RFC 6749 (2.3) asks of clients.
            given = _basic(header) if form.get("client_secret") is None else (None, None)
        return given == (known.client_id, known.client_secret)


def _basic(header: str | None) -> tuple[str | None, str | None]:
    scheme, _space, coded = (header or "").partition(" ")
    try:
        client_id, colon, secret = base64.b64decode(coded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None, None
    if scheme.lower() != "basic" or not colon:
        return None, None
    return unquote_plus(client_id), unquote_plus(secret)


def _refusal(
    status: int, error: str, description: str, headers: dict[str, str] | None = None
) -> Answer:
    body = {"error": error, "error_description": description}
    return json_answer(status, body, {**NO_STORE, **(headers or {})})
