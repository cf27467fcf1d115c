"""Two steps to a file's bytes, answers that say "not ready", and pauses that are told."""

from __future__ import annotations

import json

import pytest

from bare_server import BareServer, Kept, answer, client_for
from clock import FakeClock
from filehaul.auth import bearer
from filehaul.errors import AnswerError, TemporaryError, VendorError
from filehaul.http import Detour, Http, HttpSettings, Request
from filehaul.http.retry import REQUEST_BUDGET, RUN_BUDGET
from filehaul.testing import FakeFile, Fault

BODY = bytes(range(256)) * 2000
LINK, CONTENT, SIGNED = "/v1/files/f1/link", "/v1/files/f1/content", "/signed/f1"


def location(response):
    """Where the fake vendor's link answer has the address."""
    found = json.loads(response.body).get("location")
    if not found:
        raise VendorError("no address in it")
    return found


DETOUR = Detour(location, lambda status, _body: status in {401, 403, 404, 410})


@pytest.fixture
def vendor(fake_vendor):
    """One file; signed addresses on another origin."""
    return fake_vendor([FakeFile("f1", "a.bin", content=BODY)], second_origin=True)


def fetched(vendor, clock=None, *, path=LINK, **more):
    """The one result, and the writer that the bytes went to."""
    writer = Kept()
    with client_for(vendor, clock, authorize=bearer(vendor.token()), **more) as http:
        request = Request(vendor.base_url + path, writer=writer, detour=DETOUR, context="it")
        (result,) = http.run([request])
    assert result.request.context == "it"
    return result, writer


# -- two steps -----------------------------------------------------------------------------------


def test_two_steps_are_one_request(vendor):
    """One result: our token goes to the first step only, the bytes to the writer only."""
    result, writer = fetched(vendor)
    assert result.error is None
    assert writer.data == BODY
    assert writer.ended == 1
    first, second = vendor.requests
    assert first.path == LINK
    assert "authorization" in first.headers
    assert first.headers["accept-encoding"] != "identity"  # an answer, not stored bytes
    assert second.origin == vendor.other_url
    assert "authorization" not in second.headers
    assert second.headers["accept-encoding"] == "identity"
    assert result.response.url.startswith(vendor.other_url)


def test_the_question_may_be_a_post(vendor):
    """Method and body are the first step's; the second is a plain GET."""
    body = b'{"file_id": "f1"}'
    request = Request(
        f"{vendor.base_url}/v1/files/link",
        "POST",
        (("Content-Type", "application/json"),),
        body,
        writer=Kept(),
        detour=DETOUR,
    )
    with client_for(vendor, authorize=bearer(vendor.token())) as http:
        (result,) = http.run([request])
    assert result.error is None
    first, second = vendor.requests
    assert (first.method, first.body) == ("POST", body)
    assert (second.method, second.body) == ("GET", b"")
    assert "content-type" not in second.headers


def test_a_resume_asks_for_another_address(vendor):
    """A body that breaks off goes on with Range, at an address that was asked for anew."""
    vendor.script(SIGNED, Fault.cut(300_000))
    result, writer = fetched(vendor)
    vendor.assert_all_fired()
    assert result.error is None
    assert writer.data == BODY
    assert [one.path for one in vendor.requests] == [LINK, SIGNED, LINK, SIGNED]
    assert [one.headers.get("range") for one in vendor.requests] == [
        None,
        None,
        None,
        "bytes=300000-",
    ]
    assert len(writer.resumes) == 2  # nothing was asked of the writer for the first steps


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_an_address_that_expired_is_asked_for_again(vendor, status):
    """Refused at the second step: asked for again at once, without a wait."""
    clock = FakeClock()
    vendor.script(SIGNED, Fault.status(status))
    result, writer = fetched(vendor, clock)
    vendor.assert_all_fired()
    assert result.error is None
    assert writer.data == BODY
    assert clock.sleeps == []
    assert vendor.count(LINK) == 2


def test_an_address_is_asked_for_again_once(vendor):
    """Refused twice without a byte between: the refusal stands."""
    vendor.script(SIGNED, Fault.status(403, "Request has expired"), times=Fault.always)
    result, _ = fetched(vendor)
    assert isinstance(result.error, AnswerError)
    assert result.error.message == "HTTP 403: Request has expired"
    assert [one.path for one in vendor.requests] == [LINK, SIGNED] * 2


def test_progress_allows_another_address(vendor):
    """After more bytes came, an expired address is asked for again once more."""
    vendor.script(
        SIGNED,
        Fault.status(403),
        Fault.cut(100_000),
        Fault.status(403),
        Fault.cut(100_000),
    )
    result, writer = fetched(vendor)
    vendor.assert_all_fired()
    assert result.error is None
    assert writer.data == BODY
    assert vendor.count(LINK) == 5


def test_other_refusals_stand(vendor):
    """A status that says nothing about the address is no reason for a second one."""
    vendor.script(SIGNED, Fault.status(409))
    result, _ = fetched(vendor)
    assert result.error.status == 409
    assert vendor.count(LINK) == 1


@pytest.mark.parametrize(
    "said", [Fault.json({}), Fault.json({"location": "ftp://x/y"}), Fault.json({"location": None})]
)
def test_an_answer_without_an_address(vendor, said):
    """No usable address in the answer: that file fails, nothing is asked, nothing is written."""
    vendor.script(LINK, said)
    result, writer = fetched(vendor)
    assert isinstance(result.error, VendorError)
    assert not result.error.temporary
    assert vendor.request_count == 1
    assert writer.heads == []


def test_the_first_step_renews_the_token(vendor):
    """401 at the first step is about our token, not about an address."""
    old = vendor.token()

    class Renewing:
        token = old

        def current(self):
            return (
                bearer(self.token)
                .current()
                .__class__((("Authorization", f"Bearer {self.token}"),), token=self.token)
            )

        def renew(self, token):
            assert token == old
            self.token = vendor.token()
            return True

    vendor.expire_tokens()
    with client_for(vendor, authorize=Renewing()) as http:
        (result,) = http.run([Request(vendor.base_url + LINK, writer=Kept(), detour=DETOUR)])
    assert result.error is None
    assert [one.status for one in vendor.requests] == [401, 200, 200]


def test_detours_keep_all_connections_busy(fake_vendor):
    """Many two-step files: as many in flight as allowed, no step waits for another file's."""
    made = [FakeFile(f"f{n}", f"{n}", content=b"x" * n) for n in range(1, 41)]
    vendor = fake_vendor(made, second_origin=True, latency=0.01)
    base = f"{vendor.base_url}/v1/files"
    writers = {n: Kept() for n in range(1, 41)}
    requests = [
        Request(f"{base}/f{n}/link", writer=writer, detour=DETOUR, context=n)
        for n, writer in writers.items()
    ]
    with client_for(vendor, authorize=bearer(vendor.token()), concurrency=8) as http:
        results = list(http.run(requests))
    assert {result.request.context for result in results if result.error is None} == set(writers)
    assert all(writer.data == b"x" * n for n, writer in writers.items())
    assert vendor.count("/signed/*") == vendor.count("/v1/files/*/link") == 40
    assert vendor.max_concurrent == 8


# -- not ready -----------------------------------------------------------------------------------


def test_202_waits_as_long_as_it_says(vendor):
    """Not ready: asked again after Retry-After, as often as it takes; the waits are no retries."""
    clock = FakeClock()
    vendor.script(CONTENT, Fault.not_ready(7), times=6)
    writer = Kept()
    with client_for(vendor, clock, authorize=bearer(vendor.token())) as http:
        (result,) = http.run([Request(vendor.base_url + CONTENT, writer=writer)])
    vendor.assert_all_fired()
    assert result.error is None
    assert writer.data == BODY
    assert result.attempts == 7
    assert clock.slept == 6 * 7
    assert [head[0] for head in writer.heads] == [200]


def test_202_without_retry_after(vendor):
    """Without Retry-After the pauses double from the backoff on, up to a minute."""
    clock = FakeClock()
    vendor.script(CONTENT, Fault.not_ready(), times=8)
    with client_for(vendor, clock, authorize=bearer(vendor.token())) as http:
        (result,) = http.run([Request(vendor.base_url + CONTENT, writer=Kept())])
    assert result.error is None
    assert clock.slept == 2 + 4 + 8 + 16 + 32 + 60 + 60 + 60


def test_202_for_ever(vendor):
    """Longer than 15 minutes: temporary, and it says what it waited for."""
    clock = FakeClock()
    vendor.script(CONTENT, Fault.not_ready(100), times=Fault.always)
    with client_for(vendor, clock, authorize=bearer(vendor.token())) as http:
        (result,) = http.run([Request(vendor.base_url + CONTENT, writer=Kept())])
    assert isinstance(result.error, TemporaryError)
    assert "not ready yet (HTTP 202), asked 10 times" in result.error.message
    assert clock.slept <= REQUEST_BUDGET


def test_202_longer_than_is_waited_for(vendor):
    """A Retry-After beyond the budget: not waited for at all."""
    clock = FakeClock()
    vendor.script(CONTENT, Fault.not_ready(3600))
    with client_for(vendor, clock, authorize=bearer(vendor.token())) as http:
        (result,) = http.run([Request(vendor.base_url + CONTENT, writer=Kept())])
    assert result.error.message == "not ready yet (HTTP 202), asked once"
    assert result.error.temporary
    assert clock.sleeps == []


def test_202_of_one_does_not_hold_the_others(fake_vendor):
    """One file is being made: the others are fetched meanwhile, unlike at a 429."""
    vendor = fake_vendor([FakeFile(f"f{n}", f"{n}", content=b"x") for n in range(5)], auth=False)
    vendor.script("/v1/files/f0/content", Fault.not_ready(30))
    base = f"{vendor.base_url}/v1/files"
    with client_for(vendor, concurrency=2) as http:
        requests = [Request(f"{base}/f{n}/content", writer=Kept(), context=n) for n in range(5)]
        order = [result.request.context for result in http.run(requests)]
    assert order[-1] == 0
    assert sorted(order) == [0, 1, 2, 3, 4]


def test_a_run_waits_an_hour_for_all_of_them(fake_vendor):
    """The waits of all requests that are not ready share an hour; overlapping ones count once."""
    clock = FakeClock()
    vendor = fake_vendor([FakeFile(f"f{n}", f"{n}", content=b"x") for n in range(30)], auth=False)
    vendor.script("*/content", Fault.not_ready(250), times=Fault.always)
    base = f"{vendor.base_url}/v1/files"
    with client_for(vendor, clock, concurrency=1) as http:
        requests = [Request(f"{base}/f{n}/content", writer=Kept()) for n in range(30)]
        results = list(http.run(requests))
    assert all(isinstance(result.error, TemporaryError) for result in results)
    assert 0.9 * RUN_BUDGET <= clock.slept <= RUN_BUDGET


def test_202_at_the_second_step_is_asked_there_again(vendor):
    """An export that is being made is not ordered again: its own address is asked."""
    vendor.script(SIGNED, Fault.not_ready(5), times=3)
    result, writer = fetched(vendor)
    vendor.assert_all_fired()
    assert result.error is None
    assert writer.data == BODY
    assert vendor.count(LINK) == 1
    assert vendor.count(SIGNED) == 4


def test_202_at_the_first_step(vendor):
    """An answer that has no address yet, with 202: asked again; with one, that is taken."""
    address = vendor.signed_url("f1")
    vendor.script(LINK, Fault.not_ready(5), Fault.status(202, {"location": address}))
    result, writer = fetched(vendor)
    vendor.assert_all_fired()
    assert writer.data == BODY
    assert result.error is None
    assert vendor.count(LINK) == 2


def test_202_of_a_page_is_an_answer():
    """Without a writer a 202 is what it is: an answer."""
    with (
        BareServer(lambda _: answer(b"[]", status="202 Accepted")) as server,
        client_for(server) as http,
    ):
        assert http.send(Request(server.url + "/")).status == 202


# -- why nothing happens -------------------------------------------------------------------------


def told_of(vendor, requests, **settings):
    """The pauses that were told while these were asked."""
    told = []
    settings.setdefault("concurrency", 8)
    made = HttpSettings(vendor.base_url, **settings)
    with Http(made, clock=FakeClock(), waiting=told.append) as http:
        list(http.run(requests))
    return told


@pytest.fixture
def plain(fake_vendor):
    """A vendor without tokens."""
    return fake_vendor([FakeFile("f1", "a.bin", content=BODY)], auth=False)


def test_the_second_retry_is_told(plain):
    """The first retry passes in silence, the following ones are told with seconds and reason."""
    plain.script(CONTENT, Fault.status(503, "come back, token=abcdefghijklmn"), times=3)
    told = told_of(plain, [Request(plain.base_url + CONTENT)])
    plain.assert_all_fired()
    assert [wait.seconds for wait in told] == [4.0, 8.0]
    assert told[0].reason == "HTTP 503: come back, token=***"
    assert told[0].where == f"GET {plain.base_url}{CONTENT}"


def test_many_that_meet_the_same_are_told_once(plain):
    """Eight requests wait for one server that is down: each round is one line."""
    plain.script("*", Fault.close(), times=Fault.always)
    told = told_of(plain, [Request(plain.base_url + CONTENT)] * 8)
    assert [wait.seconds for wait in told] == [4.0, 8.0]


@pytest.mark.parametrize(("seconds", "count"), [(4, 0), (6, 1), (300, 1)])
def test_long_pauses_are_told_at_once(plain, seconds, count):
    """Retry-After above 5 seconds is told the first time, a shorter one is not."""
    plain.script(CONTENT, Fault.status(429, retry_after=seconds))
    told = told_of(plain, [Request(plain.base_url + CONTENT)])
    assert [wait.seconds for wait in told] == [seconds] * count


def test_what_is_not_ready_is_told(plain):
    """From the second 202 on, or for more than 5 seconds."""
    plain.script(CONTENT, Fault.not_ready(2), Fault.not_ready(3))
    told = told_of(plain, [Request(plain.base_url + CONTENT, writer=Kept())])
    assert [(wait.seconds, wait.reason) for wait in told] == [
        (3.0, "not ready yet (HTTP 202), asked 2 times")
    ]
