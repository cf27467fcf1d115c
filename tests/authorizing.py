"""An authorization server for tests of sign-ins, as strict as RFC 6749, 7636 and 8628 ask."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from bare_server import Asked, BareServer, answer, redirect

_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class AuthorizationServer(BareServer):
    """``/authorize`` signs everybody in, ``/device`` after ``pending`` answers, ``/token``.

    ``denies``: /authorize refuses. ``more``: fields beside the tokens. ``renews``: whether there
    are refresh tokens. ``/me`` says whose token it is; it wants the last one.
    """

    def __init__(self) -> None:
        super().__init__(self._told)
        self.denies = False
        self.renews = True
        self.more: dict[str, Any] = {}
        self.pending: list[tuple[str, str]] = []  # (status, error) of each answer before the token
        self.codes: dict[str, Mapping[str, str]] = {}
        self.given: set[str] = set()  # every secret that was given out
        self.token = ""

    def _told(self, asked: Asked) -> bytes | None:
        path, query = urlsplit(asked.target).path, dict(parse_qsl(urlsplit(asked.target).query))
        form = {key: value[0] for key, value in parse_qs(asked.body.decode()).items()}
        if path == "/authorize":
            return self._authorized(query)
        if path == "/device":
            return _json({**self._device(), "interval": 2, "expires_in": 600})
        if path == "/token":
            return self._token(form)
        if asked.headers.get("authorization") != f"Bearer {self.token}":
            return answer(b"no", status="401 No")
        return _json({"user": {"mail": "ann@example.com"}})

    def _authorized(self, query: Mapping[str, str]) -> bytes:
        back = {"state": query["state"]}
        if self.denies:
            back |= {
                "error": "access_denied",
                "error_description": "She would not.\x1b[2J\r\nNor I.",
            }
        else:
            code = back["code"] = self._secret()
            self.codes[code] = query
        return redirect(f"{query['redirect_uri']}?{urlencode(back)}")

    def _device(self) -> dict[str, str]:
        return {
            "device_code": self._secret(),
            "user_code": "WDJB-MJHT",
            "verification_uri": f"{self.url}/enter",
        }

    def _token(self, form: Mapping[str, str]) -> bytes:
        kind = form.get("grant_type", "")
        if kind == "authorization_code":
            asked = self.codes.pop(form["code"], None)
            digest = hashlib.sha256(form["code_verifier"].encode()).digest()
            challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            right = {"code_challenge": challenge, "code_challenge_method": "S256"}
            right |= {name: form[name] for name in ("redirect_uri", "client_id")}
            if asked is None or any(asked[name] != value for name, value in right.items()):
                return _json({"error": "invalid_grant"}, "400 No")
        elif kind.endswith("device_code") and self.pending:
            status, error = self.pending.pop(0)
            return _json({"error": error}, status)
        elif kind == "refresh_token" and form["refresh_token"] not in self.given:
            return _json({"error": "invalid_grant"}, "400 No")
        self.token = self._secret()
        renews = {"refresh_token": self._secret()} if self.renews else {}
        return _json({"access_token": self.token, "expires_in": 3600, **renews, **self.more})

    def _secret(self) -> str:
        secret = secrets.token_urlsafe(24)
        self.given.add(secret)
        return secret


def _json(value: Any, status: str = "200 OK") -> bytes:
    return answer(json.dumps(value).encode(), "Content-Type: application/json", status=status)


class Browser:
    """A browser in a thread: opens an address and goes where it is sent. ``pages``: what it saw."""

    def __init__(self) -> None:
        self.pages: list[tuple[int, str]] = []
        self.threads: list[threading.Thread] = []

    def __call__(self, address: str) -> bool:
        thread = threading.Thread(target=self.open, args=(address,), daemon=True)
        thread.start()
        self.threads.append(thread)
        return True

    def open(self, address: str) -> None:
        """Wait for the last page."""
        try:
            with _DIRECT.open(address, timeout=10) as page:
                self.pages.append((page.status, page.read().decode()))
        except urllib.error.HTTPError as page:
            self.pages.append((page.code, page.read().decode()))


class Recluse(urllib.request.HTTPRedirectHandler):
    """Does not follow redirects."""

    def redirect_request(self, *_: Any) -> None:
        return None


def sent_to(address: str) -> str:
    """Where a browser on another machine ends: at an address that nobody answers there."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), Recluse)
    try:
        opener.open(address, timeout=10)
    except urllib.error.HTTPError as page:
        return page.headers["Location"]
    raise AssertionError("it was sent nowhere")
