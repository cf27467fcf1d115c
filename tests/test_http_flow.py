"""Bandwidth, the number in flight after signs of too much, and tokens that hold nobody up."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bare_server import Kept, client_for
from clock import FakeClock
from filehaul import auth
from filehaul.http import Clock, Http, HttpSettings, Request, RetryPolicy
from filehaul.http.flow import Bandwidth, Window
from filehaul.testing import FakeFile, FakeVendor, Fault

SOON = RetryPolicy(backoff_factor=0.001)


def contents(vendor, n):
    return [Request(f"{vendor.base_url}/v1/files/rec-{i}/content", writer=Kept()) for i in range(n)]


# -- bandwidth -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "size", "concurrency"), [(1, 4_000_000, 1), (400, 10_000, 8), (8, 500_000, 8)]
)
def test_bandwidth_is_kept(fake_vendor, files, size, concurrency):
    """Bytes take as long as they must at this rate, over all connections, within 10 %: one large
    file, many small ones, a few at once. On a fake clock only the pauses count.
    """
    vendor = fake_vendor(FakeVendor.of_records(files, size, auth=False))
    clock, rate = FakeClock(), 400_000
    with client_for(vendor, clock, concurrency=concurrency, bandwidth=rate) as http:
        results = list(http.run(contents(vendor, files)))
    assert all(len(result.request.writer.data) == size for result in results)
    assert clock.slept == pytest.approx(files * size / rate, rel=0.1)


def test_bandwidth_by_the_true_clock(fake_vendor):
    """1 MB at 4 MB a second takes a quarter of a second."""
    vendor = fake_vendor(FakeVendor.of_records(2, 500_000, auth=False))
    with Http(HttpSettings(vendor.base_url, concurrency=2, bandwidth=4e6)) as http:
        begun = time.monotonic()
        results = list(http.run(contents(vendor, 2)))
        took = time.monotonic() - begun
    assert all(result.error is None for result in results)
    assert 0.22 <= took < 5


def test_a_narrow_line_is_no_stall(fake_vendor):
    """Eight connections take turns on a narrow line: while we ourselves read nothing of one, it
    does not count as silent.
    """
    vendor = fake_vendor(FakeVendor.of_records(8, 60_000, auth=False))
    settings = HttpSettings(vendor.base_url, bandwidth=400_000, stall_timeout=0.1, retry=SOON)
    with Http(settings, clock=Clock()) as http:
        results = list(http.run(contents(vendor, 8)))
    assert [(result.error, result.attempts) for result in results] == [(None, 1)] * 8


def test_a_pause_for_bandwidth_can_be_cancelled(fake_vendor):
    """Whoever cancels is asked at least twice a second, however narrow the line."""
    vendor = fake_vendor(FakeVendor.of_records(1, 3_000_000, auth=False))
    clock, asked = FakeClock(), []
    with client_for(vendor, clock, bandwidth=10_000, cancelled=lambda: asked.append(1)) as http:
        results = http.run(contents(vendor, 1))
        next(results)
    assert len(asked) >= 2 * clock.slept * 0.9
    assert max(clock.sleeps) <= 0.5


@given(st.lists(st.tuples(st.integers(0, 50_000), st.floats(0, 0.05)), min_size=50, max_size=200))
def test_what_is_read_stays_below_the_rate(steps):
    """However chunks and wake-ups fall: never more than the rate allows, but for what one slice
    and the credit for a late wake-up are.
    """
    bandwidth, now, read = Bandwidth(100_000), 0.0, 0
    for size, late in steps:
        while (wait := bandwidth.wait(now)) > 0:
            now += wait + late
        bandwidth.spent(size)
        read += size
        now += 1e-4
        assert read <= 100_000 * (now + 0.25 + 0.02) + 50_000


def test_reads_are_small_where_the_line_is():
    """A read takes little of what lies ready, else one would use up seconds of the line."""
    assert Bandwidth(None).buffer == 512 * 1024
    assert Bandwidth(50e6).buffer < 40_000
    assert Bandwidth(10).buffer == 1024


# -- fewer in flight -----------------------------------------------------------------------------


def test_the_window():
    """Halved once for all that were in flight, never below one, and back by one for each four."""
    window = Window(8)
    window.halve(3, 8)
    window.halve(8, 8)
    assert window.size == 4
    window.halve(9, 12)
    assert window.size == 2
    for _ in range(4):
        window.landed(12)  # it was in flight already
    assert window.size == 2
    for _ in range(4):
        window.landed(13)
    assert window.size == 3
    for number in range(20, 30):
        window.halve(number, number)
    assert window.size == 1
    for _ in range(28):
        window.landed(40)
    assert window.size == 8


@pytest.mark.parametrize(
    "sign", [Fault.status(429), Fault.status(503, retry_after=1), Fault.stall(2, after=10)]
)
def test_fewer_after_a_sign_of_too_much(fake_vendor, sign):
    """After 429, Retry-After or a stalled connection half as many are in flight, then more again
    with every four that went well.
    """
    vendor = fake_vendor(FakeVendor.of_records(400, 1000, auth=False, latency=0.01))
    vendor.script("/v1/files/rec-8/content", sign)
    settings = HttpSettings(vendor.base_url, concurrency=8, stall_timeout=0.2, retry=SOON)
    in_flight, sizes = [], []
    with Http(settings) as http:
        for result in http.run(contents(vendor, 400)):
            assert result.error is None
            in_flight.append(http._loops[0].multi.in_flight)
            sizes.append(http._loops[0].window.size)
    vendor.assert_all_fired()
    assert (sizes[0], min(sizes), sizes[-1]) == (8, 4, 8)
    first = sizes.index(4)
    assert sorted(sizes[first:]) == sizes[first:]
    # Those that were in flight when it was halved still end.
    assert all(n <= max(sizes[max(0, i - 8) : i + 1]) for i, n in enumerate(in_flight))
    assert min(in_flight[first : first + 9]) <= 4


def test_other_failures_do_not_slow_down(fake_vendor):
    """A reset, a 500 or a 404 says nothing about how much is asked."""
    vendor = fake_vendor(FakeVendor.of_records(60, 1000, auth=False))
    for number, fault in enumerate([Fault.reset(), Fault.status(500), Fault.status(404)]):
        vendor.script(f"/v1/files/rec-{number}/content", fault)
    with Http(HttpSettings(vendor.base_url, concurrency=8, retry=SOON)) as http:
        for _ in http.run(contents(vendor, 60)):
            assert http._loops[0].window.size == 8
    vendor.assert_all_fired()


# -- tokens --------------------------------------------------------------------------------------


class Noting(Kept):
    """Notes when bytes came."""

    def __init__(self):
        super().__init__()
        self.moments = []

    def write(self, chunk):
        self.moments.append(time.monotonic())
        super().write(chunk)


def test_a_token_request_holds_up_no_transfer(fake_vendor):
    """While another token is asked for, bytes of what is in flight go on coming."""
    vendor = fake_vendor([FakeFile("big", "big", content=b"x" * 600_000)])
    vendor.script("/v1/files/big/content", Fault.slow(600_000))
    http = Http(HttpSettings(vendor.base_url, concurrency=2))
    endpoint = auth.Endpoint(vendor.token_url, vendor.client_id, vendor.client_secret)
    fetch = auth.client_credentials(endpoint, http.send, http.clock)
    http.authorize = auth.OAuth2(fetch, http.clock)
    big = Noting()

    def requests():
        yield Request(f"{vendor.base_url}/v1/files/big/content", writer=big)
        while not big.moments:
            yield Request(f"{vendor.base_url}/v1/files/big")
        vendor.expire_tokens()
        vendor.script("/oauth/token", Fault.latency(0.5))
        yield Request(f"{vendor.base_url}/v1/files/big")

    with http:
        results = list(http.run(requests()))
    vendor.assert_all_fired()
    assert all(result.error is None for result in results)
    assert len(big.data) == 600_000
    asked = [one for one in vendor.requests if one.path == "/oauth/token"][-1].started
    during = [moment for moment in big.moments if asked < moment < asked + 0.5]
    assert len(during) >= 2
