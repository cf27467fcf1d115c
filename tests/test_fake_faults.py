"""The fake vendor, when things go wrong: each fault as a client sees it, and the scripts."""

from __future__ import annotations

import gzip
import http.client
import json
import time
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

import pytest

from fake_client import BODY, FILE, ask, ask_token, read_to_end, request_bytes, wire
from filehaul.testing import FakeFile, FakeVendor, Fault, content_of

CONTENT = "/v1/files/f1/content"


@pytest.fixture
def vendor():
    """One file of 1,024 bytes; no token needed; all scripted faults must have fired."""
    with FakeVendor([FILE], auth=False) as running:
        yield running
        running.assert_all_fired()


def get(vendor, path=CONTENT, headers=None, **more):
    """A request without a token."""
    return ask(vendor, path, headers, token=None, **more)


def raw(vendor, more="", path=CONTENT) -> tuple[bytes, bytes]:
    """Head and body as bytes, read until the vendor ends the connection."""
    with wire(vendor) as bare:
        bare.sendall(request_bytes(path, more))
        head, _, body = read_to_end(bare).partition(b"\r\n\r\n")
    return head, body


def read_until_reset(bare) -> bytes:
    """All bytes before an RST; AssertionError if the connection ends in another way."""
    got = b""
    try:
        while data := bare.recv(65536):
            got += data
    except ConnectionResetError:
        return got
    raise AssertionError("FIN instead of RST")


# Answers instead of the vendor's -----------------------------------------------------------------


def test_statuses_come_in_order_and_then_all_is_normal(vendor):
    """Two scripted statuses, then the true answer; each request knows the fault it met."""
    unready, slow_down = Fault.status(503), Fault.status(429, retry_after="1")
    vendor.script("/v1/files", unready, slow_down)
    assert vendor.unfired == [unready, slow_down]
    replies = [get(vendor, "/v1/files") for _ in range(3)]
    assert [reply.status for reply in replies] == [503, 429, 200]
    assert replies[1].headers["retry-after"] == "1"
    assert [each.fault for each in vendor.requests] == [unready, slow_down, None]
    assert [each.status for each in vendor.requests] == [503, 429, 200]
    assert vendor.unfired == []


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        (None, b'{"error":{"code":"service unavailable","message":"Service Unavailable"}}'),
        (b"\xff", b"\xff"),
        ("text", b"text"),
        ({"a": 1}, b'{"a":1}'),
    ],
)
def test_a_status_has_the_body_and_headers_asked_for(vendor, body, sent):
    """Bytes and text as they are, other values as JSON, a usual error if none; headers on top."""
    vendor.script("*", Fault.status(503, body, headers={"X-Reason": "quota"}))
    reply = get(vendor)
    assert (reply.status, reply.body, reply.headers["x-reason"]) == (503, sent, "quota")


def test_retry_after_is_seconds_or_a_date(vendor):
    """A number, a text as it is, or a moment from now as an HTTP date that is never too early."""
    date = "Wed, 21 Oct 2015 07:28:00 GMT"
    ahead = timedelta(seconds=1.2)
    vendor.script("*", *(Fault.status(503, retry_after=after) for after in (2, 0.5, date, ahead)))
    before = datetime.now(timezone.utc)
    told = [get(vendor).headers["retry-after"] for _ in range(4)]
    assert told[:3] == ["2", "0.5", date]
    assert before + ahead <= parsedate_to_datetime(told[3]) <= before + ahead + timedelta(seconds=2)


def test_statuses_without_a_body_have_none(vendor):
    """204 and 304 announce no length and send nothing: the connection can go on."""
    vendor.script("*", Fault.status(204), Fault.status(304))
    with wire(vendor) as bare:
        bare.sendall(request_bytes() * 2 + request_bytes(more="Connection: close\r\n"))
        got = read_to_end(bare)
    first, second, third = got.split(b"HTTP/1.1 ")[1:]
    assert first.startswith(b"204")
    assert second.startswith(b"304")
    assert first.endswith(b"\r\n\r\n")
    assert b"Content-Length" not in first + second
    assert third.endswith(BODY)


def test_reset_and_close_send_no_byte(vendor):
    """reset() is RST, close() is FIN, both before any answer."""
    vendor.script("*", Fault.reset(), Fault.close())
    with pytest.raises(ConnectionResetError):
        raw(vendor)
    assert raw(vendor) == (b"", b"")
    assert [(each.status, each.bytes_sent) for each in vendor.requests] == [(0, 0), (0, 0)]


def test_pages_that_are_not_the_answer_come_with_200(vendor):
    """A login page, another JSON, half a JSON: status 200, labelled as vendors label them."""
    vendor.script(
        "/v1/files", Fault.html(), Fault.json({"error": "quota"}), Fault.not_json(b"{]"), times=1
    )
    login, other, half = (get(vendor, "/v1/files") for _ in range(3))
    assert {login.status, other.status, half.status} == {200}
    assert login.headers["content-type"].startswith("text/html")
    assert b"<form" in login.body
    assert (other.headers["content-type"], other.json) == ("application/json", {"error": "quota"})
    assert (half.headers["content-type"], half.body) == ("application/json", b"{]")


def test_a_huge_json_is_never_in_memory(vendor):
    """64 MiB of valid JSON in chunks, without length; a client that stops early harms nobody."""
    vendor.script("*", Fault.huge_json(1000), Fault.huge_json(64 * 2**20))
    small = get(vendor)
    assert len(small.body) == 1000
    assert len(small.json["padding"]) == 986
    with wire(vendor) as bare:
        bare.sendall(request_bytes())
        head = bare.recv(65536)
        assert b"Transfer-Encoding: chunked" in head
        assert b"Content-Length" not in head
    assert get(vendor).body == BODY
    assert vendor.requests[1].bytes_sent < 32 * 2**20
    with pytest.raises(ValueError, match="at least 16"):
        Fault.huge_json(15)


def test_a_redirect_goes_where_the_test_says(vendor):
    """Any status, any target."""
    vendor.script("*", Fault.redirect("http://10.0.0.1/x"), Fault.redirect("/loop", 307))
    first, second = get(vendor), get(vendor)
    assert (first.status, first.headers["location"]) == (302, "http://10.0.0.1/x")
    assert (second.status, second.headers["location"]) == (307, "/loop")


def test_the_token_endpoint_can_fail_too():
    """A scripted 500 on the token endpoint: counted as a request, no token issued."""
    with FakeVendor([FILE]) as vendor:
        vendor.script("POST /oauth/token", Fault.status(500), Fault.json({"token_type": "Bearer"}))
        assert ask_token(vendor).status == 500
        assert "access_token" not in ask_token(vendor).json
        assert (vendor.token_requests, vendor.tokens_issued) == (2, 0)
        assert "access_token" in ask_token(vendor).json
        vendor.assert_all_fired()


# The vendor's answer, spoilt ---------------------------------------------------------------------


def test_a_cut_announces_all_and_sends_a_part(vendor):
    """cut(n): whole Content-Length, n bytes, FIN; http.client calls it incomplete."""
    vendor.script(CONTENT, Fault.cut(300), Fault.cut(0))
    head, body = raw(vendor)
    assert b"Content-Length: 1024" in head
    assert body == BODY[:300]
    assert vendor.requests[0].bytes_sent == 300
    with pytest.raises(http.client.IncompleteRead):
        get(vendor)


def test_a_cut_without_a_length_cannot_be_told_from_a_whole(vendor):
    """cut_unlabelled(n): 200, no length, n bytes, FIN; http.client sees nothing wrong."""
    vendor.script(CONTENT, Fault.cut_unlabelled(300))
    reply = get(vendor)
    assert (reply.status, reply.body) == (200, BODY[:300])
    assert not {"content-length", "transfer-encoding"} & set(reply.headers)
    assert reply.headers["connection"] == "close"


def test_a_cut_in_chunks_lacks_the_last_one(vendor):
    """cut_chunked(n): n bytes in chunks, no last chunk; http.client calls it incomplete."""
    vendor.script(CONTENT, Fault.cut_chunked(300), Fault.cut_chunked(1000))
    head, body = raw(vendor)
    assert b"Transfer-Encoding: chunked" in head
    assert body == b"12c\r\n" + BODY[:300] + b"\r\n"
    with pytest.raises(http.client.IncompleteRead):
        get(vendor)


@pytest.mark.parametrize("n", [0, 300, 2_000_000])
def test_a_reset_after_some_bytes_lets_them_arrive(n):
    """reset_after(n): the head and exactly n bytes arrive, then RST, also past socket buffers."""
    content = content_of(1, 3_000_000)
    with FakeVendor([FakeFile("f1", "a", content=content)], auth=False) as vendor:
        vendor.script(CONTENT, Fault.reset_after(n))
        with wire(vendor) as bare:
            bare.sendall(request_bytes())
            got = read_until_reset(bare)
        head, _, body = got.partition(b"\r\n\r\n")
        assert b"Content-Length: 3000000" in head
        assert body == content[:n]


def test_a_stall_is_silence_in_the_middle(vendor):
    """stall(s, after=n): n bytes at once, then nothing for s seconds, then the rest."""
    vendor.script(CONTENT, Fault.stall(0.15, after=100), Fault.stall(0.1))
    with wire(vendor) as bare:
        bare.sendall(request_bytes(more="Connection: close\r\n"))
        begin, got = time.monotonic(), b""
        while len(got.partition(b"\r\n\r\n")[2]) < 100:
            got += bare.recv(65536)
        assert got.endswith(BODY[:100])
        got += read_to_end(bare)
        assert time.monotonic() - begin >= 0.15
        assert got.endswith(BODY)
    begin = time.monotonic()
    assert get(vendor).body == BODY
    assert time.monotonic() - begin >= 0.1


def test_slow_is_a_rate(vendor):
    """slow(8192): 1,024 bytes take about an eighth of a second, and are right."""
    vendor.script(CONTENT, Fault.slow(8192))
    begin = time.monotonic()
    assert get(vendor).body == BODY
    assert 0.1 <= time.monotonic() - begin < 2
    with pytest.raises(ValueError, match="at least 1"):
        Fault.slow(0)


def test_latency_and_delays_come_before_the_answer(vendor):
    """latency(s) delays the true answer, whatever it is; delayed(s) delays a fault."""
    vendor.script("*", Fault.latency(0.05), Fault.status(503).delayed(0.05))
    for path, status in (("/v1/files/none", 404), (CONTENT, 503)):
        begin = time.monotonic()
        assert get(vendor, path).status == status
        assert time.monotonic() - begin >= 0.05
    assert str(vendor.requests[1].fault) == "status(503).delayed(0.05)"


def test_a_wrong_body_has_the_right_length(vendor):
    """Every byte another, or the bytes given, repeated and cut to the true length."""
    vendor.script(CONTENT, Fault.wrong_body(), Fault.wrong_body(b"abc"), Fault.wrong_body())
    changed, given = get(vendor), get(vendor)
    assert len(changed.body) == len(given.body) == 1024
    assert all(a != b for a, b in zip(changed.body, BODY))
    assert given.body == (b"abc" * 342)[:1024]
    part = get(vendor, headers={"Range": "bytes=10-19"})
    assert (part.status, len(part.body)) == (206, 10)
    assert part.body == changed.body[10:20]


def test_gzip_is_labelled_and_whole(vendor):
    """gzip(): Content-Encoding, the compressed length, the whole file even where a part was asked.

    The ETag stays, as of servers that compress on the way.
    """
    vendor.script(CONTENT, Fault.gzip())
    reply = get(vendor, headers={"Range": "bytes=5-"})
    assert (reply.status, reply.headers["content-encoding"]) == (200, "gzip")
    assert gzip.decompress(reply.body) == BODY
    assert int(reply.headers["content-length"]) == len(reply.body) != len(BODY)
    assert reply.headers["etag"] == get(vendor).headers["etag"]


def test_ignore_range_sends_the_whole(vendor):
    """ignore_range(): asked for a part, answered 200 with everything."""
    vendor.script(CONTENT, Fault.ignore_range())
    reply = get(vendor, headers={"Range": "bytes=1000-"})
    assert (reply.status, reply.body) == (200, BODY)
    assert "content-range" not in reply.headers
    assert get(vendor, headers={"Range": "bytes=1000-"}).status == 206


def test_a_wrong_content_range_is_not_the_one_asked(vendor):
    """wrong_content_range(): 206, as many bytes, another place in the header."""
    vendor.script(CONTENT, Fault.wrong_content_range(), times=2)
    middle = get(vendor, headers={"Range": "bytes=1000-"})
    assert (middle.status, middle.headers["content-range"]) == (206, "bytes 999-1022/1024")
    assert len(middle.body) == 24
    start = get(vendor, headers={"Range": "bytes=0-9"})
    assert start.headers["content-range"] == "bytes 1-10/1024"


def test_a_changed_etag_is_another_file(vendor):
    """change_etag(): another ETag; If-Range then gives the whole, a bare Range a part."""
    true = get(vendor).headers["etag"]
    vendor.script(CONTENT, Fault.change_etag(), times=3)
    whole = get(vendor)
    conditional = get(vendor, headers={"Range": "bytes=1000-", "If-Range": true})
    bare = get(vendor, headers={"Range": "bytes=1000-"})
    assert [reply.status for reply in (whole, conditional, bare)] == [200, 200, 206]
    assert {whole.headers["etag"], conditional.headers["etag"], bare.headers["etag"]} == {
        f'"changed-{true[1:]}'
    }
    assert conditional.body == BODY
    assert get(vendor).headers["etag"] == true


def test_listings_can_be_spoilt_like_contents():
    """A cut, a wrong body and gzip on a page, also where pages come in chunks."""
    with FakeVendor.of_records(100, auth=False, chunked=True) as vendor:
        whole = get(vendor, "/v1/files").body
        vendor.script("/v1/files", Fault.cut(5000), Fault.wrong_body(), Fault.gzip())
        with pytest.raises(http.client.IncompleteRead) as cut:
            get(vendor, "/v1/files")
        assert cut.value.partial == whole[:5000]
        wrong = get(vendor, "/v1/files").body
        assert len(wrong) == len(whole)
        with pytest.raises(ValueError, match=r"Expecting value|codec"):
            json.loads(wrong)
        assert gzip.decompress(get(vendor, "/v1/files").body) == whole
        vendor.assert_all_fired()


def test_files_on_disk_can_be_spoilt_too(tmp_path):
    """A large file from disk, cut, stalled and changed: the same faults as for bytes in memory."""
    content = content_of(1, 1_000_000)
    (tmp_path / "large").write_bytes(content)
    with FakeVendor.of_folder(tmp_path, auth=False) as vendor:
        path = f"/v1/files/{next(iter(vendor.files))}/content"
        vendor.script(
            path, Fault.cut(700_000), Fault.stall(0.01, after=600_000), Fault.wrong_body()
        )
        assert raw(vendor, path=path)[1] == content[:700_000]
        assert get(vendor, path).body == content
        wrong = get(vendor, path).body
        assert len(wrong) == 1_000_000
        assert wrong[:3] != content[:3]
        vendor.assert_all_fired()


def test_a_file_cut_short_on_disk_while_it_is_sent_breaks_the_connection(tmp_path):
    """The length announced cannot be kept any more: the connection ends, the vendor lives on."""
    (tmp_path / "large").write_bytes(bytes(2_000_000))
    with FakeVendor.of_folder(tmp_path, auth=False) as vendor:
        path = f"/v1/files/{next(iter(vendor.files))}/content"
        vendor.script(path, Fault.stall(0.1, after=300_000))
        with wire(vendor) as bare:
            bare.sendall(request_bytes(path))
            got = bare.recv(65536)
            with (tmp_path / "large").open("r+b") as file:
                file.truncate(500_000)
            got += read_to_end(bare)
        assert b"Content-Length: 2000000" in got
        assert len(got.partition(b"\r\n\r\n")[2]) < 1_000_000
        assert len(get(vendor, path).body) == 500_000
        assert vendor.errors == []
