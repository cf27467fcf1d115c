"""Ask the fake vendor with the standard library only: raw sockets, http.client, urllib."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from urllib.parse import urlencode, urlsplit

from filehaul.testing import FakeFile

JUNE = datetime(2025, 6, 1, 12, 30, tzinfo=timezone.utc)
BODY = bytes(range(256)) * 4
FILE = FakeFile("f1", "a.txt", "docs/a.txt", BODY, modified_at=JUNE, owner="ann")


class Reply:
    """What came back: status, headers by lower-case name, body, and the header names as sent."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.names = [name for name, _ in response.getheaders()]
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body)


def ask(vendor, path, headers=None, *, method="GET", body=None, token=..., url=None):
    """One request on a connection of its own; with a good token unless told otherwise."""
    at = urlsplit(url or vendor.base_url)
    connection = http.client.HTTPConnection(at.hostname, at.port, timeout=5)
    sent = dict(headers or {})
    token = vendor.token() if token is ... else token
    if token:
        sent["Authorization"] = f"Bearer {token}"
    try:
        connection.request(method, path, body, sent)
        return Reply(connection.getresponse())
    finally:
        connection.close()


def ask_token(vendor, form=None, headers=None):
    """The answer of the token endpoint to a form (default: the right one)."""
    right = {
        "grant_type": "client_credentials",
        "client_id": vendor.client_id,
        "client_secret": vendor.client_secret,
    }
    sent = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
    body = urlencode(right if form is None else form)
    return ask(vendor, "/oauth/token", sent, method="POST", body=body, token=None)


def list_all(vendor, path="/v1/files", limit=100, **query):
    """All rows, by offset, until an empty page; stepping by the rows that came."""
    rows = []
    while page := ask(
        vendor, f"{path}?{urlencode({'offset': len(rows), 'limit': limit, **query})}"
    ).json["files"]:
        rows += page
    return rows


@contextmanager
def wire(vendor) -> Iterator[socket.socket]:
    """A bare connection."""
    with socket.create_connection(("127.0.0.1", urlsplit(vendor.base_url).port), 5) as bare:
        yield bare


def read_to_end(bare: socket.socket) -> bytes:
    """All bytes until the vendor closes."""
    got = b""
    while data := bare.recv(65536):
        got += data
    return got


def request_bytes(path="/v1/files/f1/content", more="", method="GET"):
    """A request as bytes."""
    return f"{method} {path} HTTP/1.1\r\nHost: x\r\n{more}\r\n".encode()


def is_over(bare: socket.socket) -> bool:
    """Whether the vendor closed or reset the connection without a byte."""
    try:
        return bare.recv(1) == b""
    except ConnectionError:
        return True


def wait_for(true, seconds=2.0):
    """Until a condition holds; AssertionError if it does not in time."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.001)
