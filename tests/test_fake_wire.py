"""The fake vendor as an HTTP/1.1 server: connections, framing, pace, bad requests."""

from __future__ import annotations

import http.client
import random
import socket
import time
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

from fake_client import (
    BODY,
    FILE,
    ask,
    ask_token,
    read_to_end,
    request_bytes,
    wait_for,
    wire,
)
from filehaul.testing import FakeVendor


def test_one_connection_serves_many_requests():
    """keep-alive: 50 requests, one connection."""
    with FakeVendor([FILE], auth=False) as vendor:
        at = urlsplit(vendor.base_url)
        connection = http.client.HTTPConnection(at.hostname, at.port, timeout=5)
        for _ in range(50):
            connection.request("GET", "/v1/files/f1/content")
            assert connection.getresponse().read() == BODY
        connection.close()
        assert (vendor.traffic.connections, vendor.request_count) == (1, 50)


def test_pipelined_and_split_requests_are_answered_in_order():
    """Any cut of the bytes into packets gives the same answers, in the order of the questions."""
    form = b"grant_type=client_credentials"
    post = f"Content-Length: {len(form)}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    asked = (
        request_bytes(more="Range: bytes=0-4\r\n")
        + request_bytes("/oauth/token", post, "POST")
        + form
        + b"\r\n"
        + request_bytes("/v1/files/none")
        + request_bytes(more="Range: bytes=5-9\r\nConnection: close\r\n")
    )
    dice = random.Random(7)
    with FakeVendor([FILE], auth=False) as vendor:
        for round_ in range(20):
            cuts = sorted(dice.sample(range(1, len(asked)), dice.randrange(0, 12)))
            with wire(vendor) as bare:
                bare.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for start, end in zip([0, *cuts], [*cuts, len(asked)]):
                    bare.sendall(asked[start:end])
                    if round_ % 4 == 0:
                        time.sleep(0.001)
                got = read_to_end(bare)
            statuses = [got[at + 9 : at + 12] for at in find_all(got, b"HTTP/1.1 ")]
            assert statuses == [b"206", b"401", b"404", b"206"]
            assert got.endswith(bytes(range(5, 10)))
        assert vendor.request_count == 80


def find_all(text: bytes, part: bytes) -> list[int]:
    """Where a part begins, each time."""
    found, at = [], text.find(part)
    while at >= 0:
        found.append(at)
        at = text.find(part, at + 1)
    return found


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"NONSENSE\r\n\r\n", b"400"),
        (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", b"505"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 2\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", b"411"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n", b"413"),
        (b"GET / HTTP/1.1\r\nX: " + b"y" * 70_000, b"431"),
    ],
)
def test_what_is_not_http_is_refused_and_the_connection_closed(sent, status):
    """Bad request line, version, header, length: an error status and the end of the connection."""
    with FakeVendor([FILE]) as vendor:
        with wire(vendor) as bare:
            bare.sendall(sent)
            got = read_to_end(bare)
        assert got.startswith(b"HTTP/1.1 " + status)
        assert b"Connection: close" in got
        assert ask(vendor, "/v1/files").status == 200


def test_http_1_0_half_closed_and_absolute_requests():
    """Old clients, clients that send FIN after asking, and whole URLs in the request line."""
    with FakeVendor([FILE], auth=False, latency=0.02) as vendor:
        with wire(vendor) as bare:
            bare.sendall(b"GET /v1/files/f1/content HTTP/1.0\r\n\r\n")
            assert read_to_end(bare).endswith(BODY)
        with wire(vendor) as bare:
            bare.sendall(request_bytes())
            bare.shutdown(socket.SHUT_WR)
            assert read_to_end(bare).endswith(BODY)
        with wire(vendor) as bare:
            whole = "http://elsewhere/v1/files/f1/content"
            bare.sendall(request_bytes(whole, "Connection: close\r\n"))
            assert read_to_end(bare).endswith(BODY)
        assert [each.path for each in vendor.requests] == ["/v1/files/f1/content"] * 3


def test_expect_100_continue_is_answered():
    """A client that waits before it sends its body is told to go on."""
    with FakeVendor() as vendor, wire(vendor) as bare:
        head = "Content-Length: 3\r\nExpect: 100-continue\r\nConnection: close\r\n"
        bare.sendall(request_bytes("/oauth/token", head, "POST"))
        assert bare.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        bare.sendall(b"a=b")
        assert read_to_end(bare).startswith(b"HTTP/1.1 400")
        assert vendor.requests[0].body == b"a=b"


@pytest.mark.parametrize(
    ("announce", "said"), [(True, [None, None, "close"]), (False, [None, None, None])]
)
def test_a_connection_ends_after_so_many_requests(announce, said):
    """requests_per_connection=3: closed after the third answer, with or without a word."""
    options = {"requests_per_connection": 3, "announce_close": announce, "auth": False}
    with FakeVendor([FILE], **options) as vendor:
        at = urlsplit(vendor.base_url)
        connection = http.client.HTTPConnection(at.hostname, at.port, timeout=5)
        heard = []
        for _ in range(3):
            connection.request("GET", "/v1/files/f1")
            response = connection.getresponse()
            heard.append(response.getheader("Connection"))
            bare = connection.sock
            response.read()
        assert heard == said
        if not announce:
            assert bare.recv(1) == b""
        connection.close()


@pytest.mark.parametrize(
    ("case", "name"),
    [("title", "Content-Type"), ("lower", "content-type"), ("odd", "cONtENt-TyPE")],
)
def test_header_names_can_be_spelt_oddly(case, name):
    """header_case changes how names are written, not what they mean."""
    with FakeVendor([FILE], header_case=case) as vendor:
        reply = ask(vendor, "/v1/files")
        assert name in reply.names
        assert reply.headers["content-type"] == "application/json"


def test_listings_can_come_in_chunks():
    """chunked=True: no Content-Length, the same JSON; content keeps its length."""
    with FakeVendor.of_records(100, chunked=True) as vendor:
        reply = ask(vendor, "/v1/files")
        assert reply.headers["transfer-encoding"] == "chunked"
        assert "content-length" not in reply.headers
        assert len(reply.json["files"]) == 100
        assert vendor.requests[-1].bytes_sent == len(reply.body)
        assert ask(vendor, "/v1/files/rec-1/content").headers["content-length"] == "0"


def test_latency_and_the_count_of_concurrent_requests():
    """8 connections at 150 ms: all wait at the same time, and the count says 8."""
    with FakeVendor([FILE], latency=0.15, auth=False) as vendor, ExitStack() as stack:
        connections = [stack.enter_context(wire(vendor)) for _ in range(8)]
        begin = time.monotonic()
        for bare in connections:
            bare.sendall(request_bytes(more="Connection: close\r\n"))
        assert all(read_to_end(bare).endswith(BODY) for bare in connections)
        assert 0.15 <= time.monotonic() - begin < 8 * 0.15
        assert vendor.max_concurrent == 8
        assert vendor.traffic.in_flight == 0
        vendor.clear_requests()
        assert (vendor.max_concurrent, vendor.requests, vendor.request_count) == (0, [], 0)


def test_a_client_that_leaves_is_forgotten():
    """A connection closed while its answer waits: nothing in flight, no error, others served."""
    with FakeVendor([FILE], latency=0.05, auth=False) as vendor:
        with wire(vendor) as bare:
            bare.sendall(request_bytes())
            wait_for(lambda: vendor.traffic.in_flight == 1)
        wait_for(lambda: vendor.traffic.in_flight == 0 and vendor.traffic.open == 0)
        assert ask(vendor, "/v1/files/f1/content").body == BODY
        assert vendor.errors == []


def test_the_rate_limit_answers_429_and_recovers():
    """5 a second: of 7 at once, two are 429 with Retry-After; the token endpoint is free."""
    with FakeVendor([FILE], rate_limit=5, auth=False) as vendor:
        with wire(vendor) as bare:
            bare.sendall(request_bytes() * 6 + request_bytes(more="Connection: close\r\n"))
            got = read_to_end(bare)
        assert [each.status for each in vendor.requests] == [200] * 5 + [429] * 2
        assert got.count(b"Retry-After: 1\r\n") == 2
        assert ask_token(vendor).status == 200
        time.sleep(0.21)
        assert ask(vendor, "/v1/files").status == 200
