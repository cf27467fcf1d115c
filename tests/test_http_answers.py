"""What servers say, in all its odd forms, and how much of it is read."""

from __future__ import annotations

import gzip
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bare_server import BareServer, Kept, answer, client_for
from clock import FakeClock
from filehaul.errors import ConfigError, TemporaryError, VendorError
from filehaul.http import Request
from filehaul.http.messages import Headers
from filehaul.testing import FakeVendor, Fault


def test_heads_as_odd_as_they_come():
    """Odd-cased, doubled, folded, empty and non-ASCII headers are read as they are meant."""
    head = [
        "x-ODD-case:   yes  ",
        "Link: <a>; rel=next",
        "LINK: <b>; rel=prev",
        "Location: /same",
        "location: /same",
        "X-Folded: one",
        "\ttwo",
        "X-Empty:",
        "X-Latin: caf\xe9",
        "X-Utf8: caf\u00c3\u00a9",
    ]
    with BareServer(lambda _: answer(b"body", *head)) as server, client_for(server) as http:
        headers = http.send(Request(server.url + "/x")).headers
    assert headers["x-odd-case"] == "yes"
    assert headers["link"] == "<a>; rel=next, <b>; rel=prev"
    assert headers["location"] == "/same"
    assert headers["x-folded"] == "one two"
    assert headers["x-empty"] == ""
    assert headers["x-latin"] == headers["x-utf8"] == "café"
    assert headers.get("x-none") is None
    assert "content-length" in headers
    assert len(headers) == len(list(headers)) == 8


ODD = [
    *(b"Content-Type: text/html\r\n", b"CONTENT-Encoding : gzip\r\n", b"x-a: 1\r\n"),
    *(b"X-A: 2\r\n", b" folded\r\n", b"ETag:\xe9\r\n", "NÄme: ü\r\n".encode(), b"\r\n"),
]
NAMES = ["content-type", "content-encoding", "x-a", "etag", "näme", "a"]


@given(lines=st.lists(st.sampled_from(ODD)), asked=st.lists(st.sampled_from(NAMES)))
def test_a_header_is_found_however_it_is_asked_for(lines, asked):
    """The short way for what is not there says the same as all headers, in any turn."""
    headers, known = Headers(lines), dict(Headers(lines))
    for name in asked:
        assert headers.get(name) == known.get(name)
        assert headers.get(name, "-") == known.get(name, "-")
    assert dict(headers) == known


def test_early_heads_do_not_count():
    """100 Continue and 103 Early Hints come before the answer; trailers come after it."""
    early = b"HTTP/1.1 100 Continue\r\n\r\n"
    early += b"HTTP/1.1 103 Early Hints\r\nEtag: wrong\r\nX-Early: 1\r\n\r\n"
    body = b"HTTP/1.1 200 OK\r\nETag: right\r\nTransfer-Encoding: chunked\r\n\r\n"
    body += b"4\r\nbody\r\n0\r\nETag: trailing\r\nX-Late: 1\r\n\r\n"
    writer = Kept()
    with BareServer(lambda _: early + body) as server, client_for(server) as http:
        response = http.send(Request(server.url + "/x"))
        http.send(Request(server.url + "/x", writer=writer))
    assert (response.status, response.body, response.headers["etag"]) == (200, b"body", "right")
    assert "x-early" not in response.headers
    assert "x-late" not in response.headers
    assert writer.data == b"body"
    assert writer.heads == [(200, {"etag": "right", "transfer-encoding": "chunked"})]


def test_http_1_0_without_keep_alive():
    """An old server that closes after each answer, without lengths: all answers arrive whole."""

    def old(asked):
        asked.wire.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + asked.target.encode() * 100)

    with BareServer(old) as server, client_for(server, concurrency=3) as http:
        requests = [Request(f"{server.url}/{i}", context=i) for i in range(10)]
        for result in http.run(requests):
            assert result.response.body == f"/{result.request.context}".encode() * 100
        assert server.connections == 10


def test_methods_and_bodies():
    """HEAD has no body, POST sends one; nothing of it stays on the handle, also no header."""
    json = (("Content-Type", "application/json"),)
    server = BareServer(lambda asked: answer(b"" if asked.method == "HEAD" else b"ok"))
    with server, client_for(server, concurrency=1) as http:
        for method, body in (("POST", b'{"a": 1}'), ("HEAD", None), ("PUT", b""), ("GET", None)):
            http.send(Request(server.url + "/x", method, json, body))
        http.send(Request(server.url + "/x", "POST", (), b"a" * 2_000_000))
        http.send(Request(server.url + "/x", "DELETE"))
    got = [(asked.method, asked.body, asked.headers.get("content-type")) for asked in server.asked]
    kind = "application/json"
    assert got[:4] == [
        ("POST", b'{"a": 1}', kind),
        ("HEAD", b"", None),
        ("PUT", b"", kind),
        ("GET", b"", None),
    ]
    assert got[4][:2] == ("POST", b"a" * 2_000_000)
    assert got[5][:2] == ("DELETE", b"")
    assert not any("expect" in asked.headers for asked in server.asked)
    assert server.connections == 1


def test_a_huge_page_is_not_read_to_its_end(fake_vendor):
    """An answer above max_body is an error; 200 MB are not read to find that out."""
    vendor = fake_vendor(auth=False)
    vendor.script("/v1/files", Fault.huge_json(200_000_000))
    clock = FakeClock()
    with client_for(vendor, clock) as http, pytest.raises(VendorError) as caught:
        http.send(Request(vendor.base_url + "/v1/files", max_body=1_000_000))
    assert caught.value.message == "the answer is larger than 1,000,000 bytes"
    assert "smaller pages" in caught.value.hint
    assert clock.sleeps == []
    assert vendor.requests[0].bytes_sent < 50_000_000


def test_an_announced_length_is_believed():
    """Where the head already says too much, not a byte of the body is taken."""
    sent = threading.Event()

    def large(asked):
        asked.wire.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\nx")
        sent.wait(5)

    with BareServer(large) as server, client_for(server) as http:
        with pytest.raises(VendorError, match="larger than 4,999 bytes"):
            http.send(Request(server.url + "/x", max_body=4999))
        sent.set()


def test_a_page_of_exactly_max_body(fake_vendor):
    """The cap is inclusive."""
    vendor = fake_vendor(FakeVendor.of_records(1, 1000, auth=False))
    url = vendor.content_url("rec-0")
    with client_for(vendor) as http:
        assert len(http.send(Request(url, max_body=1000)).body) == 1000
        with pytest.raises(VendorError):
            http.send(Request(url, max_body=999))


def test_a_huge_refusal_is_cut():
    """Of an endless error page the beginning is kept, and the connection is given up."""

    def endless(asked):
        asked.wire.sendall(b"HTTP/1.1 403 No\r\n\r\n" + b"Because. ")
        try:
            while True:
                asked.wire.sendall(b"x" * 65536)
                server.sent += 65536
        except OSError:
            return

    with BareServer(endless) as server, client_for(server) as http:
        server.sent = 0
        with pytest.raises(VendorError, match="HTTP 403: Because"):
            http.send(Request(server.url + "/x"))
        assert len(server.asked) == 1
        assert server.sent < 50_000_000


def test_pages_come_compressed_and_contents_as_they_are():
    """gzip is asked for pages and taken off; for contents identity is asked, and a label stays."""
    page = b'{"files": []}' * 100

    def compressing(asked):
        return answer(gzip.compress(page), "Content-Encoding: gzip")

    kept = Kept()
    with BareServer(compressing) as server, client_for(server, concurrency=1) as http:
        assert http.send(Request(server.url + "/page")).body == page
        http.send(Request(server.url + "/file", writer=kept))
        assert http.send(Request(server.url + "/page")).body == page
    assert [asked.headers["accept-encoding"] for asked in server.asked] == [
        "gzip",
        "identity",
        "gzip",
    ]
    assert gzip.decompress(kept.data) == page
    assert kept.heads[0][1]["content-encoding"] == "gzip"


def test_a_compressed_bomb_is_capped():
    """max_body counts what comes out of gzip: 100 MB in 100 KB stop at 1 MB."""
    bomb = gzip.compress(b"\0" * 100_000_000, 9)
    assert len(bomb) < 100_000
    server = BareServer(lambda _: answer(bomb, "Content-Encoding: gzip"))
    told = pytest.raises(VendorError, match="larger than 1,000,000")
    with server, client_for(server) as http, told:
        http.send(Request(server.url + "/x", max_body=1_000_000))


def test_broken_compression_is_temporary():
    """A page that is not compressed as it says is asked again, and then told in plain words."""
    bad = answer(b"not gzip at all", "Content-Encoding: gzip")
    with BareServer(lambda _: bad) as server, client_for(server) as http:
        with pytest.raises(TemporaryError, match="not compressed as it says"):
            http.send(Request(server.url + "/x"))
        assert len(server.asked) == 4


def test_a_line_break_in_a_header_is_refused():
    """A secret with a line break cannot smuggle in a header: the config is told."""
    with BareServer(lambda _: answer()) as server:
        headers = (("X-Key", "abc\r\nX-Evil: 1"),)
        with client_for(server, headers=headers) as http, pytest.raises(ConfigError) as caught:
            http.send(Request(server.url + "/x"))
        assert server.asked == []
    assert "'X-Key' has a line break" in caught.value.message
