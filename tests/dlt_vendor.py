"""A small file API over real sockets, for the tests of the dlt plugin."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

CLIENT_ID, CLIENT_SECRET = "client-7", "s3cret-of-client"
TOKEN = {"access_token": "token-1", "expires_in": 3600}


class Vendor(ThreadingHTTPServer):
    """A file API with offset paging: with or without `total`, and with a cap on its pages."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Requests)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.total = False
        self.cap = 100
        self.deaf_to_offset = False
        self.has_more = False
        self.token_answer: Any = TOKEN
        self.files = [
            {
                "id": f"id-{n}",
                "file_id": f"f-{n}",
                "file_name": f"file {n}.txt",
                "created_at": "2024-05-01T10:00:00Z",
                "modified_at": None if n % 5 else "2024-06-01T10:00:00Z",
                "kind": "file" if n % 2 else "folder",
                "versions": [{"version": v} for v in range(3)],
            }
            for n in range(250)
        ]
        self.log: list[tuple[str, str, str | None, str]] = []

    def offsets(self) -> list[int]:
        asked = [
            parse_qs(urlsplit(path).query) for method, path, _, _ in self.log if method == "GET"
        ]
        return [int(query["offset"][0]) for query in asked]

    def token_requests(self) -> list[tuple[str | None, dict[str, str]]]:
        return [
            (auth, dict(parse_qsl(body))) for _, path, auth, body in self.log if "token" in path
        ]

    def page(self, query: dict[str, list[str]]) -> dict[str, Any]:
        offset = 0 if self.deaf_to_offset else int(query["offset"][0])
        end = offset + min(int(query["limit"][0]), self.cap)
        answer: dict[str, Any] = {"files": self.files[offset:end]}
        if self.deaf_to_offset:
            answer["request"] = len(self.log)  # no two answers are alike
        if self.total:
            answer["total"] = len(self.files)
        if self.has_more:
            answer["has_more"] = end < len(self.files)
        return answer


class Requests(BaseHTTPRequestHandler):
    server: Vendor
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self.note("")
        if self.headers["Authorization"] != f"Bearer {TOKEN['access_token']}":
            self.answer(403, {"error": "forbidden"})
            return
        self.answer(200, self.server.page(parse_qs(urlsplit(self.path).query)))

    def do_POST(self) -> None:
        self.note(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.answer(200, self.server.token_answer)

    def note(self, body: str) -> None:
        self.server.log.append((self.command, self.path, self.headers["Authorization"], body))

    def answer(self, status: int, body: Any) -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def serving() -> Iterator[Vendor]:
    """A vendor that answers until the block ends."""
    server = Vendor()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
