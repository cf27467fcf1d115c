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
    """Tokens given out for client credentials and refresh tokens (RFC 6749, 4.4, 6). Thread-safe.

    ``rotates``: a refresh token is good once, and one that comes twice ends its whole sign-in.
    """

    def __init__(self, client: Client, ttl: float) -> None:
        self._client = client
        self._ttl = ttl
        self._tokens: dict[str, float] = {}  # token -> when it expires, monotonic seconds
        self._lock = Lock()
        self._refresh: dict[str, int] = {}  # good ones -> the sign-in that they belong to
        self._spent: dict[str, int] = {}
        self.rotates = True
        self.refreshed = 0
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

    def refresh_token(self, sign_in: int | None = None) -> str:
        """A new refresh token, without a request: of a new sign-in, unless one is named."""
        token = secrets.token_urlsafe(24)
        with self._lock:
            known = (*self._refresh.values(), *self._spent.values())
            self._refresh[token] = max(known, default=0) + 1 if sign_in is None else sign_in
        return token

    def end_sign_ins(self) -> None:
        """No refresh token given out so far is good any more."""
        with self._lock:
            self._spent |= self._refresh
            self._refresh.clear()

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
        kind = form.get("grant_type")
        if kind == "refresh_token":
            return self._refreshed(form)
        if kind != "client_credentials":
            told = f"grant_type must be client_credentials or refresh_token, not {kind!r}."
            return _refusal(400, "unsupported_grant_type", told)
        return self._token(form)

    def _token(self, form: dict[str, str], refresh_token: str | None = None) -> Answer:
        token = {
            "access_token": self.issue(),
            "token_type": "Bearer",
            "expires_in": int(self._ttl) if self._ttl == int(self._ttl) else self._ttl,
        }
        if refresh_token is not None:
            token["refresh_token"] = refresh_token
        if "scope" in form:
            token["scope"] = form["scope"]
        return json_answer(200, token, NO_STORE)

    def _refreshed(self, form: dict[str, str]) -> Answer:
        given = form.get("refresh_token", "")
        with self._lock:
            sign_in = self._refresh.get(given)
            if sign_in is None:
                ended = self._spent.get(given)
                kept = {key: one for key, one in self._refresh.items() if one != ended}
                self._refresh = kept
            elif self.rotates:
                self._spent[given] = self._refresh.pop(given)
            self.refreshed += sign_in is not None
        if sign_in is None:
            return _refusal(400, "invalid_grant", "The refresh token is spent or unknown.")
        return self._token(form, self.refresh_token(sign_in) if self.rotates else None)

    def _knows(self, request: RecordedRequest, form: dict[str, str]) -> bool:
        known = self._client
        posted = (form.get("client_id"), form.get("client_secret", ""))
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
