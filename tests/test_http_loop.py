"""The loop itself: how much is in flight, when the iterator is asked, how it ends."""

from __future__ import annotations

import itertools
import os
import resource
import select
import signal
import socket
import threading
import time

import pytest

from bare_server import BareServer, Kept, answer, client_for
from clock import FakeClock
from filehaul.errors import Cancelled, FilehaulError, VendorError
from filehaul.http import Authorization, Http, HttpSettings, Request, RetryPolicy, loop, multi
from filehaul.testing import FakeVendor, Fault

ONCE = RetryPolicy(max_retries=0)


@pytest.fixture
def records(fake_vendor):
    """A vendor of 50 files of 1,000 bytes, each answer 10 ms late."""
    return fake_vendor(FakeVendor.of_records(50, 1000, auth=False, latency=0.01))


def contents(vendor, n=50):
    return [Request(f"{vendor.base_url}/v1/files/rec-{i}/content", context=i) for i in range(n)]


# -- how much, and when --------------------------------------------------------------------------


@pytest.mark.parametrize("concurrency", [1, 7])
def test_concurrency_is_reached_and_never_passed(records, concurrency):
    """So many are in flight at once as was asked for, and not one more."""
    with client_for(records, concurrency=concurrency) as http:
        results = list(http.run(contents(records)))
    assert sorted(result.request.context for result in results) == list(range(50))
    assert all(len(result.response.body) == 1000 for result in results)
    assert records.max_concurrent == concurrency
    assert records.traffic.connections == concurrency  # each connection was used again and again


def test_the_argument_of_run_goes_before_the_setting(records):
    """`run(…, concurrency=3)` overrides the connection's own."""
    with client_for(records, concurrency=20) as http:
        assert len(list(http.run(contents(records, 12), 3))) == 12
    assert records.max_concurrent == 3


def test_the_iterator_is_pulled_lazily(records):
    """Never more requests are taken than are in flight or told: a plan of millions stays a plan."""
    taken = 0

    def plan():
        nonlocal taken
        for request in contents(records):
            taken += 1
            yield request

    with client_for(records, concurrency=4) as http:
        for told, _ in enumerate(http.run(plan()), 1):
            assert taken <= told + 4 + 4  # in flight, and landed but not told yet
    assert taken == 50


def test_refused_requests_do_not_drain_the_plan():
    """Requests that fail before they start are told one by one as well."""
    taken = 0

    def plan():
        nonlocal taken
        for _ in range(1000):
            taken += 1
            yield Request("ftp://files.example.com/x")

    with Http(HttpSettings("http://127.0.0.1:1"), clock=FakeClock()) as http:
        results = http.run(plan(), 4)
        first = next(results)
        results.close()
    assert isinstance(first.error, VendorError)
    assert "not an http(s) address: ftp://files.example.com/x" in first.error.message
    assert taken <= 8


def test_a_vendor_in_trouble_is_not_given_the_whole_plan(records):
    """Only a few times the concurrency wait for a retry; the rest of the plan is not taken in."""
    records.script("*", Fault.status(503), times=Fault.always)
    taken = 0
    seen = []

    class Watching(FakeClock):
        def sleep(self, seconds):
            seen.append(taken)
            super().sleep(seconds)

    def plan():
        nonlocal taken
        for request in contents(records):
            taken += 1
            yield request

    with client_for(records, Watching(), concurrency=2) as http:
        assert all(result.error for result in http.run(plan()))
    assert max(seen[:10]) <= 8
    assert records.request_count == 50 * 4


def test_none_means_not_before_the_next_result(records):
    """After a None the iterator is asked again when a result is there, and not before."""
    events = []

    def plan():
        for request in contents(records, 3):
            events.append("ask")
            yield request
            events.append("nothing")
            yield None

    with client_for(records, concurrency=8) as http:
        for _ in http.run(plan()):
            events.append("told")
    assert events == ["ask", "nothing", "told"] * 3
    assert records.max_concurrent == 1


def test_none_with_nothing_in_flight_is_a_defect(records):
    """An iterator that waits for nothing would wait for ever: an error instead."""
    with client_for(records) as http, pytest.raises(FilehaulError, match="nothing is in flight"):
        list(http.run([None]))


def test_pacing(records):
    """requests_per_second spaces the starts evenly, redirects and retries included."""
    clock = FakeClock()
    moments = []

    class Noting:
        def current(self):
            moments.append(clock.now)
            return Authorization()

        def renew(self, _token):
            return False

    records.script("*rec-3*", Fault.redirect("/v1/files/rec-9/content"))
    records.script("*rec-5*", Fault.status(503))
    with client_for(records, clock, concurrency=5, requests_per_second=4) as http:
        http.authorize = Noting()
        assert len(list(http.run(contents(records, 8)))) == 8
    assert len(moments) == 8 + 2
    gaps = [after - before for before, after in itertools.pairwise(moments)]
    assert min(gaps) >= 0.25 - 1e-9
    assert max(gaps[:8]) <= 0.25 + 1e-9
    records.assert_all_fired()


def test_pacing_by_the_true_clock(records):
    """40 requests at 200 a second take 0.2 seconds, and not much more for all the wake-ups."""
    with Http(HttpSettings(records.base_url, concurrency=30, requests_per_second=200)) as http:
        begun = time.monotonic()
        assert len(list(http.run(contents(records, 40)))) == 40
        assert 0.19 <= time.monotonic() - begun < 10


def test_more_than_1024_in_flight(fake_vendor):
    """1,100 at once, from a process whose limit of open files is lower than that."""
    vendor = fake_vendor(FakeVendor.of_records(1100, 10, auth=False, latency=0.7))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (600, hard))
    try:
        with client_for(vendor, concurrency=1100) as http:
            results = list(http.run(contents(vendor, 1100)))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert sum(result.response is not None for result in results) == 1100
    assert vendor.max_concurrent > 1024
    assert vendor.request_count == 1100


def test_without_epoll(records, monkeypatch):
    """Where the system has no epoll, poll does."""
    monkeypatch.setattr(multi, "_EPOLL", False)
    with client_for(records, concurrency=7) as http:
        results = list(http.run(contents(records)))
        assert type(http._loops[0].multi.poller) is type(select.poll())
    assert sum(len(result.response.body) for result in results) == 50_000
    assert records.max_concurrent == 7


@pytest.mark.parametrize("epoll", [True, False], ids=["epoll", "poll"])
@pytest.mark.parametrize("announced", [True, False], ids=["announced", "silent"])
def test_connections_that_are_kept_and_then_closed(epoll, announced, monkeypatch):
    """A server that closes each connection after three answers, said or unsaid: what the poller
    knew under a descriptor's number does not hide the next connection of that number.
    """
    if not epoll:
        monkeypatch.setattr(multi, "_EPOLL", False)
    count = dict.fromkeys(range(1, 10_000), 0)

    def answering(asked):
        count[asked.connection] += 1
        if count[asked.connection] < 3:
            return answer(b"x" * 100)
        asked.wire.sendall(answer(b"x" * 100, *(["Connection: close"] if announced else [])))
        return None  # and it is closed

    spare = []
    with BareServer(answering) as server, client_for(server, concurrency=5) as http:
        begun = time.monotonic()
        for number in range(6):  # between the turns descriptors come and go elsewhere too
            requests = [Request(f"{server.url}/{number}/{one}") for one in range(31)]
            results = list(http.run(requests))
            assert [len(result.response.body) for result in results] == [100] * 31
            spare.append(os.open(os.devnull, os.O_RDONLY))
        assert time.monotonic() - begun < 10
        assert server.connections >= 6 * 31 / 3
    for descriptor in spare:
        os.close(descriptor)


def test_a_new_connection_under_an_old_number_is_watched():
    """libcurl closes a kept connection unsaid, and the next one has its descriptor's number."""
    flights = multi.Multi(stall_timeout=30)
    ours, theirs = socket.socketpair()
    number = ours.fileno()
    flights._on_socket(multi.pycurl.POLL_IN, number, None, None)
    flights._on_socket(multi.pycurl.POLL_REMOVE, number, None, None)
    ours.close()
    theirs.close()
    ours, theirs = socket.socketpair()
    assert ours.fileno() == number
    flights.opened(number, 0)
    flights._on_socket(multi.pycurl.POLL_IN, number, None, None)
    theirs.send(b"x")
    assert [descriptor for descriptor, _ in flights.poller.poll(0)] == [number]
    ours.close()
    theirs.close()
    flights.close()


# -- how it ends ---------------------------------------------------------------------------------


def test_cancelled_starts_nothing_new(records):
    """After the flag no request is started; those in flight are told, then Cancelled is raised."""
    stop = threading.Event()
    told = []

    def listen(results):
        for result in results:
            told.append(result)
            stop.set()

    http = client_for(records, cancelled=stop.is_set, concurrency=4)
    with http, pytest.raises(Cancelled) as caught:
        listen(http.run(contents(records)))
    assert caught.value.exit_code == 130
    assert 1 <= len(told) <= 8
    assert records.request_count == len(told)


def test_cancelled_does_not_wait_for_a_stalled_answer(records, monkeypatch):
    """What is in flight has a grace to end, and is then dropped."""
    monkeypatch.setattr(loop, "_GRACE", 0.1)
    monkeypatch.setattr(loop, "_LONGEST_WAIT", 0.05)
    records.script("*", Fault.stall(5.0))
    stop = threading.Event()
    http = Http(HttpSettings(records.base_url), cancelled=stop.is_set)
    threading.Timer(0.05, stop.set).start()
    begun = time.monotonic()
    with http, pytest.raises(Cancelled):
        list(http.run(contents(records, 1)))
    assert time.monotonic() - begun < 10


def test_cancelled_while_it_waits_for_a_retry(records):
    """A pause of minutes is left at once."""
    records.script("*", Fault.status(503, retry_after="300"))
    clock = FakeClock()
    http = client_for(records, clock, cancelled=lambda: clock.now > 1001)
    with http, pytest.raises(Cancelled):
        list(http.run(contents(records, 1)))
    assert clock.slept < 2


def test_closed_early_and_used_again(records):
    """A caller that stops listening leaves nothing behind: the next run is whole, and its own."""
    with client_for(records, concurrency=8) as http:
        results = http.run(contents(records))
        next(results)
        results.close()
        again = list(http.run(contents(records, 20)))
        assert sorted(result.request.context for result in again) == list(range(20))
        for _ in range(3):
            assert http.send(contents(records, 1)[0]).status == 200
        assert len(http._loops) == 1


def test_a_run_inside_a_run(records):
    """A token is asked for while transfers are in flight: the loops do not mix their results."""
    with client_for(records, concurrency=4) as http:
        seen = []
        for result in http.run(contents(records, 10)):
            inner = http.send(Request(f"{records.base_url}/v1/files?limit=1"))
            assert b'"rec-0"' in inner.body
            seen.append(result.request.context)
    assert sorted(seen) == list(range(10))


def test_what_the_iterator_raises_comes_through(records):
    """An error of the plan's own ends the run; the client stays usable."""

    def plan():
        yield contents(records, 1)[0]
        raise KeyError("plan")

    with client_for(records) as http:
        with pytest.raises(KeyError, match="plan"):
            list(http.run(plan()))
        assert http.send(contents(records, 1)[0]).status == 200


# -- what callbacks raise ------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["resume", "begin", "write", "end"])
def test_a_defect_in_a_writer_is_not_lost(records, method):
    """Whatever a writer raises is that request's error, with its cause; the others go on."""

    def broken(self, *_):
        raise ZeroDivisionError("in the writer")

    writer = type("Broken", (Kept,), {method: broken})()
    requests = [*contents(records, 3)]
    requests[1] = Request(requests[1].url, writer=writer, context=1)
    with client_for(records) as http:
        results = {result.request.context: result for result in http.run(requests)}
    assert results[1].error.message == "ZeroDivisionError: in the writer"
    assert isinstance(results[1].error.__cause__, ZeroDivisionError)
    assert results[1].attempts == 1
    assert results[0].response.status == results[2].response.status == 200


@pytest.mark.parametrize("method", ["begin", "write", "end"])
def test_an_interrupt_in_a_writer_is_not_lost(records, method):
    """Ctrl-C that hits inside a callback of libcurl's ends the run."""

    def interrupted(self, *_):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.05)

    writer = type("Interrupted", (Kept,), {method: interrupted})()
    with client_for(records) as http:
        with pytest.raises(KeyboardInterrupt):
            http.send(Request(contents(records, 1)[0].url, writer=writer))
        assert http.send(contents(records, 1)[0]).status == 200
