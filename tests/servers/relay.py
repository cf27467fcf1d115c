"""A witness between us and a server: every byte goes through as it is, every question is kept."""

from __future__ import annotations

import socket
import socketserver
import threading
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Asked:
    """The head of one request. Header names are lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class Relay:
    """Stands before ``upstream`` (http only) at ``url``; ``asked`` has all requests, in order.

    Understands requests with a Content-Length or without a body, which is all we send. ``most``:
    bytes that a connection carries back before it ends; None: all.
    """

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        assert parts.scheme == "http"
        self._upstream = (parts.hostname or "", parts.port or 80)
        self.asked: list[Asked] = []
        self.most: int | None = None
        relay = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                relay._carry(self.request)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}{parts.path}"

    def __enter__(self) -> Relay:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def count(self, target: str = "*") -> int:
        """How many requests had a target like this one (as in file names: ``*``, ``?``)."""
        return sum(fnmatchcase(asked.target, target) for asked in self.asked)

    def forget(self) -> None:
        """Count from nothing again."""
        self.asked.clear()

    def _carry(self, client: socket.socket) -> None:
        with socket.create_connection(self._upstream) as server:
            cut = _Cut(self.most)
            back = threading.Thread(target=_pump, args=(server, client, cut), daemon=True)
            back.start()
            reader = _Reader(self.asked)
            _pump(client, server, reader.feed)
            back.join(30)


def _pump(source: socket.socket, sink: socket.socket, see: Any = lambda _chunk: None) -> None:
    with suppress(OSError):
        while chunk := source.recv(65536):
            see(chunk)
            sink.sendall(chunk)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


class _Cut:
    """Ends a connection after so many bytes."""

    def __init__(self, most: int | None) -> None:
        self.left = most

    def __call__(self, chunk: bytes) -> None:
        if self.left is not None:
            self.left -= len(chunk)
            if self.left < 0:
                raise ConnectionError("cut")


class _Reader:
    """Cuts one connection's bytes into requests."""

    def __init__(self, asked: list[Asked]) -> None:
        self.asked = asked
        self.rest = b""

    def feed(self, chunk: bytes) -> None:
        self.rest += chunk
        while b"\r\n\r\n" in self.rest:
            head, _, after = self.rest.partition(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").split("\r\n")
            pairs = (line.partition(":") for line in lines)
            headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
            length = int(headers.get("content-length", 0))
            if len(after) < length:
                return
            method, target, _ = first.split(" ")
            self.asked.append(Asked(method, target, headers, after[:length]))
            self.rest = after[length:]
