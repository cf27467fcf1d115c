"""A proxy before a store, which can answer for it, keep requests waiting, and count them."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import urlsplit


class Seen(NamedTuple):
    """A request: header names are lower case."""

    method: str
    target: str
    headers: dict[str, str]


Answer = Callable[[Seen], "int | None"]


class MoodyStore:
    """Stands before ``upstream`` at ``url``. ``mood``: a status instead of the store's own answer,
    or None; it may wait. ``before``, ``after``: change the headers of requests and answers.
    """

    def __init__(
        self,
        upstream: str,
        before: Callable[[Seen], dict[str, str]] = lambda seen: seen.headers,
        after: Callable[[list[tuple[str, str]]], list[tuple[str, str]]] = lambda lines: lines,
    ) -> None:
        parts = urlsplit(upstream)
        self.mood: Answer = lambda _seen: None
        self.seen: list[Seen] = []
        self.fired = 0
        moody = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(int(headers.get("content-length", 0)))
                seen = Seen(self.command, self.path, headers)
                moody.seen.append(seen)
                status = moody.mood(seen)
                if status is not None:
                    moody.fired += 1
                    self.answer(status, [], b"<Error><Code>Moody</Code></Error>")
                    return
                onward = http.client.HTTPConnection(parts.hostname or "", parts.port)
                onward.putrequest(
                    self.command, self.path, skip_host=True, skip_accept_encoding=True
                )
                for name, value in before(seen).items():
                    onward.putheader(name, value)
                onward.endheaders(body)
                answer = onward.getresponse()
                self.answer(answer.status, after(answer.getheaders()), answer.read())
                onward.close()

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do  # noqa: N815

            def answer(self, status: int, lines: list[tuple[str, str]], body: bytes) -> None:
                self.send_response_only(status)
                length = str(len(body))
                for name, value in lines:
                    if name.lower() == "content-length" and self.command == "HEAD":
                        length = value
                    elif name.lower() not in ("content-length", "transfer-encoding", "connection"):
                        self.send_header(name, value)
                self.send_header("Content-Length", length)
                self.end_headers()
                with suppress(OSError):  # whoever asked may be dead
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}{parts.path}"

    def __enter__(self) -> MoodyStore:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def puts(self, part: str = "") -> int:
        """How many files were put whose target has this in it; our own marks do not count."""
        return sum(
            seen.method == "PUT" and part in seen.target and "filehaul/" not in seen.target
            for seen in self.seen
        )
