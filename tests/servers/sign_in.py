"""oidc-provider with its own pages, for people and for keys; and a person who fills them in."""

from __future__ import annotations

import http.cookiejar
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urljoin

from .tokens import oidc_provider


@contextmanager
def sign_in_server(
    folder: Path, jwks: Mapping[str, Mapping[str, Any]], seconds: int
) -> Iterator[str]:
    """A running server; gives its address. ``jwks``: the public keys ``rsa`` and ``ec``;
    ``seconds``: how long an access token lives.
    """
    with oidc_provider(
        "sign_in.mjs", folder, 1, lambda _ports: {"seconds": seconds, "jwks": jwks}
    ) as (port,):
        yield f"http://127.0.0.1:{port}"


class _Form(HTMLParser):
    """The first form of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        if tag == "form" and self.action is None:
            self.action = known["action"]
        elif tag == "input" and known.get("name"):
            self.fields[known["name"]] = known.get("value", "")
        elif tag == "button" and known.get("name") == "confirm":
            self.fields["confirm"] = "yes"


class Ann:
    """A person with a browser: she signs in, consents, and goes where she is sent.

    ``pages``: (address, text) of each page that she saw.
    """

    def __init__(self, user_code: str = "") -> None:
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), jar)
        self._typed = {"login": "ann@example.com", "password": "pass", "user_code": user_code}
        self.pages: list[tuple[str, str]] = []

    def __call__(self, address: str) -> bool:
        """As `webbrowser.open`: in the background."""
        threading.Thread(target=self.go, args=(address,), daemon=True).start()
        return True

    def go(self, address: str) -> None:
        """From this page to the last one."""
        body: bytes | None = None
        for _ in range(8):
            with self._opener.open(address, body, timeout=10) as answer:
                page, address = answer.read().decode(), answer.geturl()
            self.pages.append((address, page))
            form = _Form(page)
            if form.action is None:
                return
            given = {name: self._typed.get(name) or value for name, value in form.fields.items()}
            body, address = urlencode(given).encode(), urljoin(address, form.action)
        raise AssertionError(f"no end of forms: {self.pages[-1]}")
