"""A server for tests that says exactly the bytes it is told to say, also over TLS."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO

from clock import FakeClock
from filehaul.http import Http, HttpSettings


@dataclass
class Asked:
    """One request as it came. Header names in ``headers`` are lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int
    wire: socket.socket = field(repr=False)

    @property
    def text(self) -> str:
        """All of it, to search for what must not be there."""
        return f"{self.method} {self.target}\n{self.headers}\n{self.body!r}"


Answering = Callable[[Asked], "bytes | None"]


def answer(body: bytes = b"", *headers: str, status: str = "200 OK", length: bool = True) -> bytes:
    """An answer in HTTP/1.1."""
    lines = [f"HTTP/1.1 {status}", *headers]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def redirect(to: str, status: int = 302) -> bytes:
    """An answer that points elsewhere."""
    return answer(b"", f"Location: {to}", status=f"{status} Elsewhere")


def reset(asked: Asked) -> None:
    """RST instead of (the rest of) an answer."""
    asked.wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class BareServer:
    """Answers on ``127.0.0.1``, a thread a connection. None from ``answering`` closes it.

    ``asked``: the requests in the order they came; ``errors``: of ``answering`` itself, raised at
    the end of the ``with``.
    """

    def __init__(self, answering: Answering, tls: ssl.SSLContext | None = None) -> None:
        self.answering = answering
        self.tls = tls
        self.asked: list[Asked] = []
        self.errors: list[Exception] = []
        self.connections = 0
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._ear = socket.create_server(("127.0.0.1", 0), backlog=2048)
        self.port = self._ear.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> BareServer:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._ear.close()
        with self._lock:
            for wire in self._open:
                with contextlib.suppress(OSError):
                    wire.shutdown(socket.SHUT_RDWR)
        if self.errors and kind is None:
            raise self.errors[0]

    def count(self, target: str) -> int:
        """How often this target (path and query) was asked."""
        return sum(asked.target == target for asked in self.asked)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                wire, _ = self._ear.accept()
                self.connections += 1
                thread = threading.Thread(
                    target=self._serve, args=(wire, self.connections), daemon=True
                )
                thread.start()

    def _serve(self, wire: socket.socket, number: int) -> None:
        try:
            if self.tls is not None:
                wire = _shake_hands(self.tls, wire)
            with self._lock:
                self._open.add(wire)
            with wire.makefile("rb") as stream:
                self._answer(stream, wire, number)
        except OSError:
            pass  # the client went away, or did not like our certificate
        except Exception as problem:
            self.errors.append(problem)
        finally:
            with self._lock:
                self._open.discard(wire)
            wire.close()

    def _answer(self, stream: BinaryIO, wire: socket.socket, number: int) -> None:
        while (asked := _read(stream, wire, number)) is not None:
            with self._lock:
                self.asked.append(asked)
            said = self.answering(asked)
            if said is None:
                return
            wire.sendall(said)


def _shake_hands(tls: ssl.SSLContext, wire: socket.socket) -> ssl.SSLSocket:
    """A refusal is said and left to be read: closing at once would reset it away."""
    safe = tls.wrap_socket(wire, server_side=True, do_handshake_on_connect=False)
    try:
        safe.do_handshake()
    except ssl.SSLError:
        with socket.socket(fileno=safe.detach()) as bare:
            bare.shutdown(socket.SHUT_WR)
            while bare.recv(65536):
                pass
        raise
    return safe


def _read(stream: BinaryIO, wire: socket.socket, number: int) -> Asked | None:
    line = stream.readline().decode("latin-1")
    if not line:
        return None
    method, target, _ = line.split(" ", 2)
    headers: dict[str, str] = {}
    while (line := stream.readline().decode("latin-1")) not in ("\r\n", ""):
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    body = stream.read(int(headers.get("content-length", 0)))
    return Asked(method, target, headers, body, number, wire)


class Kept:
    """A writer that keeps all bytes, and goes on where it stopped as a `Download` does.

    ``resumes``: the headers of each attempt; ``heads``: of each 2xx answer.
    """

    def __init__(self) -> None:
        self.data = b""
        self.most = 0
        self.etag = ""
        self.ended = 0
        self.resumes: list[dict[str, str]] = []
        self.heads: list[tuple[int, dict[str, str]]] = []

    @property
    def progress(self) -> int:
        return self.most

    def resume(self) -> dict[str, str]:
        headers = {}
        if self.data:
            headers = {"Range": f"bytes={len(self.data)}-", "If-Range": self.etag}
        self.resumes.append(headers)
        return headers

    def begin(self, head) -> None:
        self.heads.append((head.status, dict(head.headers)))
        self.etag = head.headers.get("etag", "")
        if head.status == 200:
            self.data = b""

    def write(self, chunk: bytes) -> None:
        self.data += chunk
        self.most = max(self.most, len(self.data))

    def end(self) -> None:
        self.ended += 1


def client_for(server, clock=None, *, authorize=None, cancelled=lambda: False, **settings) -> Http:
    """A client of a server (`BareServer`, `FakeVendor` or a URL), by default on a fake clock."""
    url = getattr(server, "base_url", None) or getattr(server, "url", server)
    settings.setdefault("base_url", url)
    return Http(HttpSettings(**settings), authorize, clock or FakeClock(), cancelled)
