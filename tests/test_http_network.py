"""Failed connections, stalls and short bodies: temporary, and resumed where bytes were kept."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from bare_server import BareServer, Kept, answer, client_for, reset
from clock import FakeClock
from filehaul.errors import (
    CredentialsError,
    FilehaulError,
    SinkError,
    TemporaryError,
    VendorError,
)
from filehaul.http import Http, HttpSettings, Request, RetryPolicy
from filehaul.testing import FakeFile, FakeVendor, Fault

ONCE = RetryPolicy(max_retries=0)
BODY = bytes(range(256)) * 1000
FILES = "/v1/files"
CONTENT = "/v1/files/f1/content"


@pytest.fixture
def vendor(fake_vendor):
    return fake_vendor([FakeFile("f1", "a.bin", content=BODY)], auth=False)


def test_connection_refused(fake_vendor):
    """Nobody listens: tried four times, then a temporary error that says so."""
    vendor = fake_vendor(auth=False)
    vendor.stop()
    clock = FakeClock()
    with client_for(vendor, clock) as http, pytest.raises(TemporaryError) as caught:
        http.send(Request(vendor.base_url + FILES))
    assert clock.slept == 14
    assert caught.value.message.startswith("no connection to the server (")
    assert caught.value.where == vendor.base_url + FILES

    class Waking(FakeClock):
        def sleep(self, seconds):
            super().sleep(seconds)
            if len(self.sleeps) == 1:
                vendor.start()

    with client_for(vendor, Waking()) as http:
        assert http.send(Request(vendor.base_url + FILES)).status == 200


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault.reset(), "the connection broke while the answer came"),
        (Fault.close(), "the server closed the connection without an answer"),
        (Fault.cut(1000), "the connection ended before the whole answer had come"),
        (Fault.cut_chunked(1000), "the connection ended before the whole answer had come"),
        (Fault.reset_after(1000), "the connection broke while the answer came"),
    ],
    ids=str,
)
def test_a_broken_answer_is_temporary(vendor, fault, words):
    """Reset, empty answer, cut body: four attempts, then a temporary error in plain words."""
    clock = FakeClock()
    vendor.script(CONTENT, fault, times=Fault.always)
    with client_for(vendor, clock) as http, pytest.raises(TemporaryError) as caught:
        http.send(Request(vendor.base_url + CONTENT))
    assert caught.value.message.startswith(words + " (")
    assert clock.slept == 14
    assert vendor.count(CONTENT) == 4
    vendor.clear_scripts()
    vendor.script(CONTENT, fault)
    with client_for(vendor) as http:
        assert http.send(Request(vendor.base_url + CONTENT)).body == BODY
    vendor.assert_all_fired()


def test_a_body_goes_on_where_it_stopped(vendor):
    """A writer that has part of the body sends its Range and If-Range, and gets only the rest."""
    vendor.script(CONTENT, Fault.cut(1000), Fault.reset_after(5000))
    kept = Kept()
    with client_for(vendor) as http:
        response = http.send(Request(vendor.base_url + CONTENT, writer=kept))
    assert kept.data == BODY
    assert (response.status, response.body) == (206, b"")
    first, second, third = (request.headers for request in vendor.requests)
    assert "range" not in first
    assert second["range"] == "bytes=1000-"
    assert second["if-range"] == kept.etag != ""
    assert third["range"] == "bytes=6000-"
    assert {each["accept-encoding"] for each in (first, second, third)} == {"identity"}
    assert [status for status, _ in kept.heads] == [200, 206, 206]
    assert kept.ended == 1


def test_progress_resets_the_count(vendor):
    """Twenty cuts, each a little further: never more than two seconds, and it arrives."""
    clock = FakeClock()
    vendor.script(CONTENT, Fault.cut(1000), times=20)
    kept = Kept()
    with client_for(vendor, clock) as http:
        (result,) = http.run([Request(vendor.base_url + CONTENT, writer=kept)])
    assert kept.data == BODY
    assert result.attempts == 21
    assert clock.slept == 20 * 2
    vendor.assert_all_fired()


def test_no_progress_is_no_reset(vendor):
    """Cut at the same byte each time (the writer starts again): four attempts and no more."""

    class Forgetful(Kept):
        def resume(self):
            self.data = b""
            return super().resume()

    vendor.script(CONTENT, Fault.cut(1000), times=Fault.always)
    clock = FakeClock()
    with client_for(vendor, clock) as http, pytest.raises(TemporaryError):
        http.send(Request(vendor.base_url + CONTENT, writer=Forgetful()))
    assert vendor.request_count == 4
    assert clock.slept == 2 + 4 + 8


def test_the_writers_own_errors(vendor):
    """A temporary error of the writer is tried again, another stands, a full sink too."""

    class Refusing(Kept):
        def __init__(self, *problems):
            super().__init__()
            self.problems = list(problems)

        def begin(self, _head):
            if self.problems:
                raise self.problems.pop(0)

    url = vendor.base_url + CONTENT
    with client_for(vendor) as http:
        assert http.send(Request(url, writer=Refusing(TemporaryError("again"))))
        assert vendor.request_count == 2
        for problem in (VendorError("no"), SinkError("full"), CredentialsError("who?")):
            vendor.clear_requests()
            with pytest.raises(FilehaulError) as caught:
                http.send(Request(url, writer=Refusing(problem)))
            assert caught.value is problem
            assert vendor.request_count == 1


def test_a_connection_that_was_closed_while_idle():
    """A server that drops idle connections without a word costs neither an error nor a retry."""
    server = FakeVendor.of_records(
        9, 10, auth=False, requests_per_connection=1, announce_close=False
    )
    clock = FakeClock()
    with server, client_for(server, clock) as http:
        for _ in range(9):
            assert http.send(Request(server.base_url + FILES)).status == 200
    assert clock.sleeps == []


def test_a_stall_is_temporary_and_resumed():
    """Not a byte for stall_timeout, before the head and within the body: asked again from there."""
    free = threading.Event()
    data = b"0123456789" * 100

    def stalling(asked):
        number = len(server.asked)
        if number == 1:
            free.wait(5)
            return None
        if number == 2:
            head = answer(b"", 'ETag: "v1"', f"Content-Length: {len(data)}", length=False)
            asked.wire.sendall(head + data[:400])
            free.wait(5)
            return None
        span = f"Content-Range: bytes 400-{len(data) - 1}/{len(data)}"
        return answer(data[400:], span, status="206 Partial Content")

    kept, clock = Kept(), FakeClock()
    with BareServer(stalling) as server, client_for(server, clock, stall_timeout=0.2) as http:
        begun = time.monotonic()
        (result,) = http.run([Request(server.url + "/x", writer=kept)])
        took = time.monotonic() - begun
        free.set()
    assert result.error is None
    assert kept.data == data
    assert server.asked[2].headers["range"] == "bytes=400-"
    assert clock.slept == 2 + 2
    assert 0.4 <= took < 1.2


def test_a_stall_in_words():
    """The error of a stall says what happened and is temporary."""
    free = threading.Event()
    with BareServer(lambda _: free.wait(5) and None) as server:
        with (
            client_for(server, stall_timeout=0.1, retry=ONCE) as http,
            pytest.raises(TemporaryError) as caught,
        ):
            http.send(Request(server.url + "/x"))
        free.set()
    assert caught.value.message == "the server stopped answering (not a byte for 0.1 seconds)"


def test_a_slow_caller_is_no_stall():
    """Time in which the caller was busy elsewhere does not count as the server's silence."""

    def answering(asked):
        if asked.target == "/late":
            time.sleep(0.06)
        return answer(b"ok")

    with (
        BareServer(answering) as server,
        client_for(server, stall_timeout=0.1, concurrency=2, retry=ONCE) as http,
    ):
        requests = [Request(server.url + path) for path in ("/late", "/soon", "/soon", "/late")]
        for result in http.run(requests):
            assert result.error is None
            time.sleep(0.15)


def test_connecting_takes_too_long():
    """connect_timeout ends an attempt whose connection does not come about."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        address = deaf.getsockname()
        queue = [socket.socket() for _ in range(3)]
        for filler in queue:  # the backlog is full: further connections hang
            filler.setblocking(False)
            filler.connect_ex(address)
        settings = HttpSettings(f"http://127.0.0.1:{address[1]}", connect_timeout=0.1, retry=ONCE)
        begun = time.monotonic()
        with Http(settings, clock=FakeClock()) as http, pytest.raises(TemporaryError) as caught:
            http.send(Request(settings.base_url + "/x"))
        assert time.monotonic() - begun < 10
        for filler in queue:
            filler.close()
    assert "the server stopped answering (" in caught.value.message


def test_reset_in_the_middle_of_many():
    """One connection in ten is reset; every request still gets its own answer."""

    def flaky(asked):
        if asked.connection % 10 == 3:
            return reset(asked)
        return answer(asked.target.encode(), "Connection: close")

    with BareServer(flaky) as server, client_for(server, concurrency=8) as http:
        requests = [Request(f"{server.url}/{i}", context=i) for i in range(100)]
        results = list(http.run(requests))
    assert len(results) == 100
    for result in results:
        assert result.response.body == f"/{result.request.context}".encode()
    assert sum(result.attempts for result in results) == server.connections > 105


def test_everything_at_once():
    """300 files, 16 at a time, through 108 faults of all kinds: every byte arrives, once each."""
    faults = [
        *(Fault.reset(), Fault.close(), Fault.cut(100), Fault.cut_chunked(1), Fault.status(503)),
        *(Fault.reset_after(900), Fault.status(429, retry_after="2")),
        *(Fault.status(502, b"x" * 200_000), Fault.latency(0.01)),
    ]
    vendor = FakeVendor.of_records(300, 2000, auth=False, requests_per_connection=7)
    writers = [Kept() for _ in range(300)]
    with vendor, client_for(vendor, concurrency=16) as http:
        for fault in faults:
            vendor.script("*/content", fault, times=12)
        urls = [vendor.content_url(f"rec-{number}") for number in range(300)]
        requests = [Request(url, writer=writer) for url, writer in zip(urls, writers)]
        results = list(http.run(requests))
        for number, writer in enumerate(writers):
            assert writer.data == vendor.files[f"rec-{number}"].content
    vendor.assert_all_fired()
    assert len(results) == 300
    assert all(result.response for result in results)
    assert {writer.ended for writer in writers} == {1}
