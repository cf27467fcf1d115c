"""How much the vendor will still take, read ahead of the 429; how often one address is asked."""

from __future__ import annotations

import math
import threading
from datetime import datetime, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from bare_server import BareServer, Kept, answer, client_for
from clock import EPOCH, FakeClock
from config_dicts import spoilt
from filehaul import spine
from filehaul.config import load_config, schema
from filehaul.connect import settings_of
from filehaul.errors import ConfigError
from filehaul.http import Http, HttpSettings, Request
from filehaul.http.flow import PathLimit
from filehaul.http.forecast import Forecast, Left, RateHeaders
from hauling import NoDestination, config_for, files, haul

NAMES = [
    "ratelimit",
    *(f"ratelimit-{name}" for name in ("limit", "remaining", "reset")),
    *(f"x-ratelimit-{name}" for name in ("limit", "remaining", "reset")),
]
VALIDATOR = Draft202012Validator(schema())


@pytest.mark.parametrize(
    ("headers", "left"),
    [
        ({"ratelimit-limit": "100", "ratelimit-remaining": "50", "ratelimit-reset": "5"}, (50, 5)),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "31"}, (0, 31)),
        ({"ratelimit": '"default";r=50;t=30'}, (50, 30)),
        ({"ratelimit": '"hour";r=900;t=600, "minute";r=3;t=20'}, (3, 20)),
        ({"ratelimit": "limit=100, remaining=7, reset=9"}, (7, 9)),
        ({"x-ratelimit-remaining": "9", "x-ratelimit-reset": "60"}, (9, 60)),
        ({"x-ratelimit-remaining": "9", "x-ratelimit-reset": f"{EPOCH + 44:.0f}"}, (9, 44)),
        ({"x-ratelimit-remaining": "9", "x-ratelimit-reset": f"{(EPOCH + 44) * 1e3:.0f}"}, (9, 44)),
        ({"x-rate-limit-remaining": "9", "x-rate-limit-reset": "2.5"}, (9, 2.5)),
        ({"x-ratelimit-remaining": "9, 9;w=60", "x-ratelimit-reset": "3"}, (9, 3)),
        ({"x-ratelimit-remaining": "9", "x-ratelimit-reset": "1"}, (9, 1)),
        ({"x-ratelimit-remaining": "9"}, None),
        ({"x-ratelimit-remaining": "many", "x-ratelimit-reset": "1"}, None),
        ({"x-ratelimit-remaining": "-1", "x-ratelimit-reset": "1"}, None),
        ({"ratelimit": '"default";q=50'}, None),
        ({"ratelimit": "nonsense"}, None),
        ({}, None),
    ],
)
def test_what_the_headers_say(headers, left):
    """The drafts' fields and the older ones; a reset is seconds, a moment or a date."""
    found = Forecast().read(headers, EPOCH)
    assert (None if found is None else (found.remaining, pytest.approx(found.reset))) == left


SAID = st.text(max_size=40) | st.integers().map(str) | st.floats().map(str) | st.just("9" * 400)


@given(st.dictionaries(st.sampled_from(NAMES), SAID), st.integers(0, 100), st.integers(1, 100))
def test_whatever_the_headers_say(headers, in_flight, at_once):
    """No value of any of these headers breaks anything, or gives an interval below zero."""
    forecast = Forecast()
    left = forecast.read(headers, EPOCH)
    if left is not None:
        assert left.remaining >= 0
        assert left.reset >= 0
        interval = forecast.interval(left, in_flight, at_once, EPOCH)
        assert interval is None or interval >= 0


def test_a_reset_that_is_a_date_and_headers_of_ones_own():
    """Names that the config gives, whatever they are; a moment that has passed is now."""
    forecast = Forecast(RateHeaders("calls-left", "calls-until", "calls"))
    later = format_datetime(datetime.fromtimestamp(EPOCH + 90, timezone.utc), usegmt=True)
    said = {"calls-left": "4", "calls-until": later, "calls": "10", "ratelimit-remaining": "0"}
    assert forecast.read(said, EPOCH) == Left(4, 90, 10)
    assert forecast.read(said, EPOCH + 100) == Left(4, 0, 10)
    assert forecast.read({"ratelimit-remaining": "0", "ratelimit-reset": "9"}, EPOCH) is None


def test_what_follows_from_it():
    """Nothing while more than a tenth is left; then the rest is spread, less what is in flight."""

    def interval(left, in_flight, at_once=1):
        return Forecast().interval(left, in_flight, at_once, EPOCH)

    assert interval(Left(11, 60, 100), 0) is None
    assert interval(Left(10, 60, 100), 0) == 6
    assert interval(Left(18, 60, 100), 8) == 6
    assert interval(Left(8, 60, 100), 8) == math.inf
    assert interval(Left(0, 60, 100), 0) == math.inf
    assert interval(Left(0, 60, 0), 0) is None
    assert interval(Left(16, 60, 100), 4, 32) == 5  # 32 would start before the next answer
    forecast = Forecast()  # the most that was seen is the limit
    assert forecast.interval(Left(200, 60), 0, 1, EPOCH) is None
    assert forecast.interval(Left(20, 50), 0, 1, EPOCH + 10) == 2.5


def test_answers_that_overtake_each_other():
    """Of one window the least counts; with the next one, and of those of a second, the last."""
    forecast = Forecast()
    assert forecast.interval(Left(2, 40, 100), 0, 1, EPOCH) == 20
    assert forecast.interval(Left(9, 40, 100), 0, 1, EPOCH) == 20
    assert forecast.interval(Left(99, 60, 100), 0, 1, EPOCH + 40) is None
    assert forecast.interval(Left(0, 1, 100), 0, 1, EPOCH + 100) == math.inf
    assert forecast.interval(Left(90, 1, 100), 0, 1, EPOCH + 100.5) is None


def test_answers_without_such_headers_are_spared():
    """The first answers are looked at, then every sixteenth; once one had them, each."""
    forecast = Forecast()
    assert [forecast.is_due for _ in range(16)] == [True] * 16
    assert [forecast.is_due for _ in range(32)].count(True) == 2
    forecast.read({"ratelimit-remaining": "5", "ratelimit-reset": "5"}, 0)
    assert all(forecast.is_due for _ in range(20))


class Metered(BareServer):
    """Takes so many requests in a window of 60 seconds of the clock, and says what is left."""

    def __init__(self, clock: FakeClock, limit: int, names: str = "RateLimit-") -> None:
        self.clock = clock
        self.limit = limit
        self.names = names
        self.refused = 0
        self._used: dict[int, int] = {}
        self._counting = threading.Lock()
        super().__init__(self._metered)

    def _metered(self, _asked):
        window = int(self.clock.now // 60)
        with self._counting:
            used = self._used[window] = self._used.get(window, 0) + 1
        if used > self.limit:
            self.refused += 1
            return answer(status="429 Too Many")
        reset = (window + 1) * 60 - self.clock.now
        said = {"Limit": self.limit, "Remaining": self.limit - used, "Reset": math.ceil(reset)}
        lines = [f"{self.names}{name}: {value}" for name, value in said.items()]
        return answer(b"{}", *lines)


@pytest.mark.parametrize("names", ["RateLimit-", "X-RateLimit-", "Calls-"])
@pytest.mark.parametrize("concurrency", [1, 4])
def test_no_request_is_refused(names, concurrency):
    """A hundred requests where twenty a minute are taken: not one 429, and no minute is lost."""
    clock = FakeClock()
    own = RateHeaders("calls-remaining", "calls-reset", "calls-limit")
    given = own if names == "Calls-" else True
    with (
        Metered(clock, 20, names) as server,
        client_for(server, clock, concurrency=concurrency, rate_headers=given) as http,
    ):
        results = list(http.run([Request(server.url)] * 100))
    assert all(result.response for result in results)
    assert server.refused == 0
    assert clock.slept <= 20 + 4 * 60 + 2  # the first minute has 20 seconds left


def test_the_first_requests_are_not_held_back():
    """As many as are asked while more than a tenth is left: at once."""
    clock = FakeClock()
    with Metered(clock, 100) as server, client_for(server, clock, concurrency=1) as http:
        list(http.run([Request(server.url)] * 80))
    assert clock.slept == 0


def test_headers_that_are_not_to_be_read():
    """false: the vendor refuses, and then it is retried as ever."""
    clock = FakeClock()
    with (
        Metered(clock, 20) as server,
        client_for(server, clock, concurrency=1, rate_headers=False) as http,
    ):
        list(http.run([Request(server.url)] * 30))
    assert server.refused > 0


@pytest.mark.parametrize("reset", [901, 86_400])
def test_a_window_that_ends_too_late_is_not_waited_for(reset):
    """What is left of a day is used up, and the vendor's own refusal says when to come back."""
    clock = FakeClock()
    said = answer(b"{}", "RateLimit-Remaining: 0", f"RateLimit-Reset: {reset}")
    with BareServer(lambda _asked: said) as server, client_for(server, clock) as http:
        assert all(result.response for result in http.run([Request(server.url)] * 20))
    assert clock.slept == 0


def test_other_hosts_have_no_say():
    """A storage host without our credentials may say what it likes."""
    clock = FakeClock()
    said = answer(b"{}", "RateLimit-Remaining: 0", "RateLimit-Reset: 60")
    with (
        BareServer(lambda _asked: said) as other,
        BareServer(lambda _asked: answer(b"{}")) as server,
        client_for(server, clock) as http,
    ):
        assert all(result.response for result in http.run([Request(other.url)] * 9))
    assert clock.slept == 0


def test_a_long_pause_is_told():
    """Whoever waits because of the headers is told so, once, and where it is set."""
    clock, told = FakeClock(), []
    with Metered(clock, 20) as server:
        settings = HttpSettings(server.url, concurrency=1)
        with Http(settings, clock=clock, waiting=told.append) as http:
            list(http.run([Request(server.url)] * 21))
    assert told
    assert all(wait.seconds > 5 for wait in told)
    assert "limits.headers" in told[0].reason
    assert told[0].where.startswith(server.url)


# -- one address ---------------------------------------------------------------------------------


def test_an_address_is_asked_so_often_and_no_more():
    """Of one address at most three starts in any ten seconds; others do not count with it."""
    limit = PathLimit(3, 10)
    assert [limit.due("/a?page=1", now) for now in (0, 1, 2)] == [0, 0, 0]
    assert limit.due("/a?page=2", 3) == 10
    assert limit.due("/b", 3) == 0
    assert [limit.due("/a", now) for now in (10, 10.5, 11)] == [0, 11, 0]


def test_what_is_known_of_addresses_is_forgotten():
    """Memory is for the addresses of the last seconds."""
    limit = PathLimit(2, 10)
    for number in range(5000):
        assert limit.due(f"/{number}", float(number)) == 0
    assert len(limit._starts) <= 12


def test_a_folder_waits_and_others_go_on():
    """Six pages of one folder, two in ten seconds: all others are had meanwhile."""
    clock = FakeClock()
    moments: dict[str, list[float]] = {}

    def answering(asked):
        moments.setdefault(asked.target.partition("?")[0], []).append(clock.now - 1000)
        return answer(b"{}")

    with (
        BareServer(answering) as server,
        client_for(server, clock, concurrency=2, per_path=(2, 10.0)) as http,
    ):
        requests = [Request(f"{server.url}/folder?page={number}") for number in range(6)]
        requests += [Request(f"{server.url}/other")]
        requests += [Request(f"{server.url}/bytes", writer=Kept()) for _ in range(5)]
        assert all(result.response for result in http.run(requests))
    assert [round(moment) for moment in moments["/folder"]] == [0, 0, 10, 10, 20, 20]
    assert moments["/other"] == [0]
    assert moments["/bytes"] == [0] * 5


# -- the config ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "wanted"),
    [
        ({}, (True, None)),
        ({"headers": False}, (False, None)),
        (
            {"headers": {"remaining": "X-Left", "reset": "X-Until"}},
            (RateHeaders("x-left", "x-until"), None),
        ),
        ({"per_path": {"requests": 19, "seconds": 60}}, (True, (19, 60.0))),
    ],
)
def test_the_configs_limits(limits, wanted, tmp_path):
    """limits.headers and limits.per_path, as they reach the HTTP client."""
    made = spoilt("client.limits", limits)
    assert VALIDATOR.is_valid(made)
    settings = settings_of(load_config(made).client, tmp_path)
    assert (settings.rate_headers, settings.per_path) == wanted


@pytest.mark.parametrize(
    "limits",
    [
        {"headers": {"remaining": "X-Left"}},
        {"headers": "auto"},
        {"per_path": {"requests": 0, "seconds": 60}},
        {"per_path": {"requests": 19}},
    ],
)
def test_limits_that_make_no_sense(limits):
    """Exit 4, and the JSON Schema refuses them too."""
    made = spoilt("client.limits", limits)
    assert not VALIDATOR.is_valid(made)
    with pytest.raises(ConfigError, match=r"client\.limits"):
        load_config(made)


def test_a_sync_within_the_limits_of_a_folder(fake_vendor, tmp_path, monkeypatch):
    """A whole sync under per_path has every file; its bytes are not held up by it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(spine, "Destination", NoDestination)
    vendor = fake_vendor(files(*"abcdef"))
    made = config_for(
        vendor,
        endpoint={"paginator": {"type": "offset", "limit": 3}},
        client={"limits": {"per_path": {"requests": 2, "seconds": 0.2}}},
    )
    assert haul(made).transferred == 6
