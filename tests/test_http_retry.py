"""Promise 5: what is asked again, how often, after how long, and what is not."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from email.utils import format_datetime

import pytest

from bare_server import client_for
from clock import EPOCH, FakeClock
from filehaul.errors import (
    AnswerError,
    TemporaryError,
)
from filehaul.http import Http, HttpSettings, Request, RetryPolicy
from filehaul.http.retry import Budget, Pace, retry_after
from filehaul.testing import FakeFile, Fault

BODY = bytes(range(256)) * 1000
FILES = "/v1/files"
CONTENT = "/v1/files/f1/content"


@pytest.fixture
def vendor(fake_vendor):
    return fake_vendor([FakeFile("f1", "a.bin", content=BODY)], auth=False)


# -- statuses ------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_four_requests_then_an_error(vendor, status):
    """Each of the five statuses costs 4 requests at 0, 2, 4, 8 seconds, then the vendor's words."""
    clock = FakeClock()
    vendor.script(FILES, Fault.status(status, {"message": "mind the gap"}), times=Fault.always)
    with client_for(vendor, clock) as http, pytest.raises(AnswerError) as caught:
        http.send(Request(vendor.base_url + FILES))
    assert vendor.request_count == 4
    assert clock.slept == 2 + 4 + 8
    assert clock.jitters == [(1.0, 1.25)] * 3
    problem = caught.value
    assert problem.status == status
    assert problem.temporary
    assert problem.exit_code == 6
    assert problem.message == f'HTTP {status}: {{"message":"mind the gap"}}'
    assert problem.where == f"GET {vendor.base_url}{FILES}"


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_success_on_the_fourth(vendor, status):
    """Three refusals are forgiven: the fourth answer is the result, and counts its attempts."""
    clock = FakeClock(jitter=1.0)
    vendor.script(FILES, Fault.status(status), times=3)
    with client_for(vendor, clock) as http:
        (result,) = http.run([Request(vendor.base_url + FILES)])
    assert result.error is None
    assert result.response.status == 200
    assert result.attempts == 4 == vendor.request_count
    assert clock.slept == (2 + 4 + 8) * 1.25
    vendor.assert_all_fired()


@pytest.mark.parametrize("status", [400, 403, 404, 405, 409, 410, 422, 501, 304])
def test_asked_once(vendor, status):
    """Any other status stands at once, in the vendor's own words, and nobody waits."""
    clock = FakeClock()
    words = "" if status == 304 else "The drive 'x' is not yours\n  (really)."
    vendor.script(FILES, Fault.status(status, words), times=Fault.always)
    with client_for(vendor, clock) as http:
        (result,) = http.run([Request(vendor.base_url + FILES)])
    assert vendor.request_count == 1
    assert clock.sleeps == []
    assert isinstance(result.error, AnswerError)
    assert not result.error.temporary
    assert result.error.exit_code == 8
    tail = "" if status == 304 else ": The drive 'x' is not yours (really)."
    assert result.error.message == f"HTTP {status}{tail}"


@pytest.mark.parametrize("status", [408, 425])
def test_temporary_but_not_asked_again(vendor, status):
    """408 and 425 are not in the seeds' list: asked once, yet told to be temporary."""
    vendor.script(FILES, Fault.status(status), times=Fault.always)
    with client_for(vendor) as http, pytest.raises(AnswerError) as caught:
        http.send(Request(vendor.base_url + FILES))
    assert vendor.request_count == 1
    assert caught.value.temporary


def test_the_policy_is_the_configs(vendor):
    """statuses, max_retries and backoff_factor come from the config's retry block."""
    clock = FakeClock()
    vendor.script(FILES, Fault.status(409), times=Fault.always)
    policy = RetryPolicy(frozenset({409}), 2, 0.5)
    with client_for(vendor, clock, retry=policy) as http, pytest.raises(AnswerError):
        http.send(Request(vendor.base_url + FILES))
    assert vendor.request_count == 3
    assert clock.slept == 0.5 + 1.0


def test_a_retry_does_not_hold_up_the_others(vendor):
    """While one request waits for its turn, all others are asked and answered."""
    vendor.script(CONTENT, Fault.status(503))
    base = vendor.base_url
    with client_for(vendor, concurrency=2) as http:
        results = list(http.run([Request(base + CONTENT), *[Request(base + FILES)] * 5]))
    assert [result.request.url for result in results] == [base + FILES] * 5 + [base + CONTENT]
    assert [result.attempts for result in results] == [1] * 5 + [2]


# -- Retry-After ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "wait"), [("7", 7.0), ("0", 1.0), ("-3", 1.0), ("0.2", 1.0), ("315", 315.0)]
)
def test_retry_after_in_seconds(vendor, value, wait):
    """Retry-After is waited for instead of the backoff; below 1 second counts as 1."""
    clock = FakeClock()
    vendor.script(FILES, Fault.status(429, retry_after=value))
    with client_for(vendor, clock) as http:
        assert http.send(Request(vendor.base_url + FILES)).status == 200
    assert clock.slept == wait
    assert clock.jitters == []
    assert vendor.request_count == 2


def test_retry_after_as_a_date(vendor):
    """An HTTP date is held to the clock; one that has passed counts as 1 second."""
    clock = FakeClock()
    begun = clock.time()

    def at(seconds):
        return format_datetime(datetime.fromtimestamp(begun + seconds, timezone.utc), usegmt=True)

    faults = [Fault.status(503, retry_after=at(40)), Fault.status(503, retry_after=at(-500))]
    vendor.script(FILES, *faults)
    with client_for(vendor, clock) as http:
        http.send(Request(vendor.base_url + FILES))
    assert clock.slept == 40 + 1
    vendor.assert_all_fired()


@pytest.mark.parametrize("value", ["soon", "1_000", "nan", "inf", "1e999", "", "Thu, 99 Foo 2030"])
def test_a_nonsense_retry_after_is_ignored(vendor, value):
    """What is neither seconds nor a date changes nothing: the usual backoff, and it counts."""
    clock = FakeClock()
    vendor.script(FILES, Fault.status(503, retry_after=value), times=Fault.always)
    with client_for(vendor, clock) as http, pytest.raises(AnswerError):
        http.send(Request(vendor.base_url + FILES))
    assert vendor.request_count == 4
    assert clock.slept == 14


def test_retry_after_does_not_count_towards_the_three(vendor):
    """Ten pauses and three retries in one request: it still succeeds, on the fourteenth."""
    clock = FakeClock()
    told = Fault.status(429, retry_after="3")
    plain = Fault.status(429)
    vendor.script(FILES, *[told] * 5, plain, *[told] * 5, plain, plain)
    with client_for(vendor, clock) as http:
        (result,) = http.run([Request(vendor.base_url + FILES)])
    assert result.response is not None
    assert result.attempts == 14
    assert clock.slept == 10 * 3 + 2 + 4 + 8
    vendor.assert_all_fired()


def test_retry_after_only_where_the_status_is_retried(vendor):
    """A 404 with Retry-After is a 404."""
    vendor.script(FILES, Fault.status(404, retry_after="5"))
    with client_for(vendor) as http, pytest.raises(AnswerError):
        http.send(Request(vendor.base_url + FILES))
    assert vendor.request_count == 1


@pytest.mark.parametrize(("value", "asked"), [("3600", 1), ("900.5", 1), ("315", 3)])
def test_a_pause_beyond_the_request_budget(vendor, value, asked):
    """More than 15 minutes in all for one request: exit 6, with the time to come back."""
    clock = FakeClock()
    vendor.script(FILES, Fault.status(429, retry_after=value), times=Fault.always)
    with client_for(vendor, clock) as http, pytest.raises(TemporaryError) as caught:
        list(http.run([Request(vendor.base_url + FILES)]))
    problem = caught.value
    assert problem.exit_code == 6
    assert vendor.request_count == asked
    assert clock.slept == (asked - 1) * float(value)
    come_back = datetime.fromtimestamp(clock.time() + float(value), timezone.utc)
    assert problem.retry_at == come_back.replace(microsecond=0)
    assert f"{come_back:%Y-%m-%d %H:%M:%S} UTC" in problem.message
    assert f"{FILES}" in problem.where


def test_a_pause_beyond_the_run_budget(vendor):
    """60 minutes a run, however many requests share them: the fifth of 800 seconds is too much."""
    clock = FakeClock()
    done = []

    def ask(http):
        for _ in range(10):
            vendor.script(FILES, Fault.status(503, retry_after="800"))
            done.append(http.send(Request(vendor.base_url + FILES)))

    with client_for(vendor, clock) as http, pytest.raises(TemporaryError, match="longer than"):
        ask(http)
    assert len(done) == 4
    assert clock.slept == 3200


def test_pauses_that_overlap_cost_the_budget_once(vendor):
    """32 answers that all say 200 seconds move the pause once: the run's hour is not spent."""
    clock = FakeClock()
    vendor.script(FILES, Fault.status(429, retry_after="200").delayed(0.02), times=32)
    with client_for(vendor, clock, concurrency=32) as http:
        results = list(http.run([Request(vendor.base_url + FILES)] * 32))
    assert all(result.response for result in results)
    assert clock.slept == pytest.approx(200)  # 6,400 if they were added up
    vendor.assert_all_fired()


def test_retry_after_pauses_the_whole_connection(vendor):
    """While one request was told to wait, no other of the connection is started."""
    clock = FakeClock()
    moments: list[float] = []
    base = vendor.base_url
    vendor.script(CONTENT, Fault.status(429, retry_after="60"))
    with client_for(vendor, clock, concurrency=1) as http:
        requests = [Request(base + CONTENT), Request(base + FILES), Request(base + FILES)]
        for _ in http.run(requests):
            moments.append(clock.now)
        assert moments == pytest.approx([1060.0] * 3)
        vendor.script(FILES, Fault.status(503, retry_after="10"))
        http.send(Request(base + FILES))  # the pace outlives one run of the loop
    assert clock.slept == 70


def test_what_was_done_is_told_before_the_run_stops(vendor):
    """A pause that is too long ends the run only after the results that were there already."""
    vendor.script(CONTENT, Fault.status(429, retry_after="3600").delayed(0.05))
    base = vendor.base_url
    told = []
    requests = [Request(base + CONTENT), *[Request(base + FILES)] * 3]
    with client_for(vendor, concurrency=4) as http, pytest.raises(TemporaryError):
        told.extend(http.run(requests))
    assert len(told) == 3
    assert vendor.request_count == 4


def test_one_second_is_waited_for_real(vendor):
    """The only wait for real in this suite: Retry-After: 1 takes one second of the true clock."""
    vendor.script(FILES, Fault.status(429, retry_after="1"))
    begun = time.monotonic()
    with Http(HttpSettings(vendor.base_url)) as http:
        http.send(Request(vendor.base_url + FILES))
    assert 1.0 <= time.monotonic() - begun < 10
    assert vendor.request_count == 2


# -- the values behind it ------------------------------------------------------------------------


def test_retry_after_as_a_function():
    """All three date formats of RFC 9110, a date without zone, fractions, nonsense."""
    moment = datetime(1994, 11, 6, 8, 49, 37, tzinfo=timezone.utc).timestamp()
    for text in (
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        " Sun, 06 Nov 1994 08:49:37 ",
    ):
        assert retry_after({"retry-after": text}, moment - 30) == 30
    assert retry_after({"retry-after": "2.5"}, 0) == 2.5
    assert retry_after({}, 0) is None
    assert retry_after({"retry-after": "Sun, 06 Nov 99999 08:49:37 GMT"}, 0) is None
    assert retry_after({"retry-after": "5, 5"}, 0) is None


def test_the_budget_takes_nothing_when_it_is_not_enough():
    """A refused pause leaves the rest for shorter ones."""
    budget = Budget(100)
    assert budget.take(60)
    assert not budget.take(41)
    assert budget.take(40)
    assert budget.left == 0


def test_pace_keeps_to_its_grid():
    """A start that is a little late does not push the next one; idleness earns no burst."""
    clock = FakeClock()
    pace = Pace(10)
    gates = []
    for late in (0.0, 0.01, 0.005, 5.0, 0.0):
        clock.now = max(clock.now, pace.gate) + late
        pace.started(clock)
        gates.append(round(pace.gate - clock.now, 6))
    assert gates == [0.1, 0.09, 0.095, 0.1, 0.1]


def test_epoch_of_the_fake_clock_is_not_ours():
    """Dates are held to the injected clock, not to the machine's."""
    assert abs(EPOCH - time.time()) > 86400
