"""Which request meets which fault: patterns, order, rounds, and faults that wait."""

from __future__ import annotations

import http.client
import threading

import pytest

from fake_client import BODY, FILE, ask, read_to_end, request_bytes, wire
from filehaul.testing import FakeFile, FakeVendor, Fault

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


@pytest.mark.parametrize(
    ("fault", "harmless", "harmed"),
    [
        (Fault.cut(1024), (CONTENT, {}), ("/v1/files/large/content", {})),
        (Fault.cut(5), ("/v1/files/none/content", {}), (CONTENT, {})),
        (Fault.stall(0.01, after=9), (CONTENT, {"Range": "bytes=0-8"}), (CONTENT, {})),
        (Fault.wrong_body(), ("/v1/files/empty/content", {}), (CONTENT, {})),
        (Fault.ignore_range(), (CONTENT, {}), (CONTENT, {"Range": "bytes=1-"})),
        (Fault.wrong_content_range(), (CONTENT, {}), (CONTENT, {"Range": "bytes=1-"})),
        (Fault.change_etag(), ("/v1/files", {}), (CONTENT, {})),
    ],
    ids=str,
)
def test_a_fault_that_can_do_no_harm_waits(fault, harmless, harmed):
    """A fault fires at the first request that it can harm, so fired means felt."""
    files = [FILE, FakeFile("empty", "e"), FakeFile("large", "l", content=bytes(2000))]
    with FakeVendor(files, auth=False) as vendor:
        vendor.script("*", fault)
        for path, headers in (harmless, harmed):
            with wire(vendor) as bare:
                fields = "".join(f"{key}: {value}\r\n" for key, value in headers.items())
                bare.sendall(request_bytes(path, fields + "Connection: close\r\n"))
                read_to_end(bare)
        assert [each.fault for each in vendor.requests] == [None, fault]
        vendor.assert_all_fired()


def test_head_is_not_harmed_by_what_happens_to_bodies(vendor):
    """A cut waits while HEAD is asked; a status answers HEAD without a body."""
    vendor.script(CONTENT, Fault.cut(1))
    assert get(vendor, method="HEAD").headers["content-length"] == "1024"
    with pytest.raises(http.client.IncompleteRead):
        get(vendor)
    vendor.script(CONTENT, Fault.status(503))
    head = get(vendor, method="HEAD")
    assert (head.status, head.body) == (503, b"")


def test_a_pattern_is_over_the_path_or_the_whole_request_line():
    """Path alone; METHOD path with any query; METHOD path?query: only what matches is met."""
    with FakeVendor.of_records(300, auth=False) as vendor:
        vendor.script("GET /v1/files?offset=100*", Fault.status(500))
        vendor.script("HEAD /v1/files", Fault.status(501))
        vendor.script("/v1/files/*/content", Fault.status(502))
        asked = [
            ("GET", "/v1/files?offset=0&limit=100", 200),
            ("HEAD", "/v1/files?offset=0", 501),
            ("GET", "/v1/files?offset=100&limit=100", 500),
            ("GET", "/v1/files?offset=100&limit=100", 200),
            ("GET", "/v1/files/rec-1", 200),
            ("GET", "/v1/files/rec-1/content?x=1", 502),
        ]
        for method, path, status in asked:
            assert (path, get(vendor, path, method=method).status) == (path, status)
        vendor.assert_all_fired()


def test_times_plays_the_faults_again(vendor):
    """times=2 with two faults: a b a b, then normal; Fault.always never ends."""
    vendor.script(CONTENT, Fault.status(500), Fault.status(502), times=2)
    assert [get(vendor).status for _ in range(5)] == [500, 502, 500, 502, 200]
    vendor.script(CONTENT, Fault.status(500), Fault.status(502), times=Fault.always)
    assert [get(vendor).status for _ in range(5)] == [500, 502, 500, 502, 500]
    vendor.clear_scripts()
    assert get(vendor).status == 200


def test_the_oldest_script_goes_first_and_one_that_waits_lets_others_pass(vendor):
    """Scripts that match the same request take turns in the order they were given."""
    vendor.script("*", Fault.ignore_range())
    vendor.script(CONTENT, Fault.status(500))
    vendor.script("*", Fault.status(501))
    assert [get(vendor).status for _ in range(3)] == [500, 501, 200]
    assert get(vendor, headers={"Range": "bytes=5-"}).body == BODY


def test_faults_that_have_not_fired_are_named():
    """assert_all_fired: AssertionError with each fault and its pattern; silent when all fired."""
    with FakeVendor([FILE], auth=False) as vendor:
        vendor.assert_all_fired()
        vendor.script("/v1/files", Fault.status(503), Fault.cut(7), times=2)
        vendor.script("/never", Fault.reset(), times=Fault.always)
        assert get(vendor, "/v1/files").status == 503
        with pytest.raises(AssertionError) as error:
            vendor.assert_all_fired()
        assert str(error.value) == (
            "faults that have not fired: cut(7) for '/v1/files', status(503) for '/v1/files', "
            "cut(7) for '/v1/files', reset() for '/never'"
        )
        assert [str(fault) for fault in vendor.unfired] == [
            "cut(7)",
            "status(503)",
            "cut(7)",
            "reset()",
        ]


def test_scripts_that_cannot_work_are_refused():
    """No faults, no rounds, half a round, a query without a method: told at once."""
    vendor = FakeVendor()
    for arguments, options, text in [
        (("/x",), {}, "at least one fault"),
        (("/x", Fault.reset()), {"times": 0}, "times"),
        (("/x", Fault.reset()), {"times": 1.5}, "times"),
        (("/v1/files?offset=100*", Fault.reset()), {}, "write 'GET /v1/files"),
    ]:
        with pytest.raises(ValueError, match=text):
            vendor.script(*arguments, **options)


def test_one_fault_is_met_by_one_request_of_many_at_once():
    """50 faults, 8 threads, 80 requests: 50 fail, 30 do not, none is lost or doubled."""
    with FakeVendor([FILE], auth=False) as vendor:
        vendor.script(CONTENT, Fault.status(503), times=50)
        threads = [
            threading.Thread(target=lambda: [get(vendor) for _ in range(10)]) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        statuses = [each.status for each in vendor.requests]
        assert (statuses.count(503), statuses.count(200)) == (50, 30)
        vendor.assert_all_fired()
