"""Rules about answers: what each does, which one counts, and that no file is read for one."""

from __future__ import annotations

import json
import math
import pickle
from datetime import datetime, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bare_server import BareServer, Kept, answer, client_for, redirect
from clock import EPOCH, FakeClock
from filehaul.config.rules import Rule
from filehaul.errors import AnswerError, CredentialsError, TemporaryError
from filehaul.http import Authorization, Detour, Head, Request, RetryPolicy
from filehaul.http.rules import Rules
from filehaul.json_text import dumps

GOOD = answer(b'{"ok": true}', "Content-Type: application/json")
QUOTA = {"error": {"errors": [{"reason": "userRateLimitExceeded"}], "message": "slow down"}}
REASON = {"path": "error.errors.0.reason", "equals": ["userRateLimitExceeded", "rateLimitExceeded"]}


def said(status: int, body: object = b"", *headers: str) -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return answer(content, *headers, status=f"{status} X")


class Script(BareServer):
    """Says these answers one after the other, then GOOD."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        super().__init__(lambda _asked: self.answers.pop(0) if self.answers else GOOD)


class Tokens:
    """Credentials that can be renewed; ``renewed`` counts."""

    def __init__(self) -> None:
        self.renewed = 0

    def current(self) -> Authorization:
        return Authorization((("Authorization", f"Bearer t{self.renewed}"),), token="t")

    def renew(self, _token: str) -> bool:
        self.renewed += 1
        return True


def asked(server, *rules, clock=None, authorize=None, writer=None, detour=None, **policy):
    """One request under these rules, and its result."""
    made = RetryPolicy(rules=tuple(Rule(**rule) for rule in rules), **policy)
    with client_for(server, clock or FakeClock(), authorize=authorize, retry=made) as http:
        (result,) = http.run([Request(server.url + "/x", writer=writer, detour=detour)])
    return result


# -- what a rule does ----------------------------------------------------------------------------


def test_retry_counts_as_a_retry():
    """A 403 that is a quota is asked again after 2, 4 and 8 seconds, and then is temporary."""
    clock = FakeClock()
    rule = {"status": 403, "body": REASON, "do": "retry", "name": "quota"}
    with Script(*[said(403, QUOTA)] * 4) as server:
        problem = asked(server, rule, clock=clock).error
    assert len(server.asked) == 4
    assert clock.slept == 14
    assert isinstance(problem, AnswerError)
    assert problem.temporary
    assert problem.status == 403
    assert problem.message.startswith("HTTP 403: ")
    assert problem.message.endswith("(quota)")
    assert "run again later" in problem.hint


def test_retry_as_often_as_the_rule_says():
    """max_retries of the rule counts for it alone, and no delay grows beyond two minutes."""
    clock = FakeClock()
    rule = {"status": 403, "body": REASON, "do": "retry", "max_retries": 9}
    with Script(*[said(403, QUOTA)] * 9) as server:
        assert asked(server, rule, clock=clock).attempts == 10
    assert clock.slept == 2 + 4 + 8 + 16 + 32 + 64 + 120 * 3


def test_retry_obeys_retry_after():
    """Where the answer says when, that is waited for, and it does not count towards the three."""
    clock = FakeClock()
    rule = {"status": 409, "do": "retry"}
    with Script(*[said(409, b"", "Retry-After: 5")] * 6) as server:
        assert asked(server, rule, clock=clock).response
    assert clock.slept == 30


@pytest.mark.parametrize(
    ("after", "headers", "body", "wait"),
    [
        (None, ["Retry-After: 7"], b"", 7),
        (None, [], b"", 60),
        (20, [], b"", 20),
        (20, ["Retry-After: 7"], b"", 7),
        ({"header": "X-Wait"}, ["X-Wait: 9", "Retry-After: 7"], b"", 9),
        ({"header": "X-Wait"}, ["Retry-After: 7"], b"", 7),
        ({"header": "Retry-After-Ms", "unit": "ms"}, ["retry-after-ms: 2500"], b"", 2.5),
        ({"header": "X-Wait", "unit": "ms"}, ["X-Wait: 20"], b"", 1),
        ({"header": "X-Reset", "unit": "epoch"}, [f"X-Reset: {EPOCH + 1000 + 33:.0f}"], b"", 33),
        (
            {"header": "X-Reset", "unit": "epoch_ms"},
            [f"X-Reset: {(EPOCH + 1000 + 33) * 1000:.0f}"],
            b"",
            33,
        ),
        ({"header": "X-Reset", "unit": "epoch"}, ["X-Reset: 12"], b"", 1),
        ({"path": "error.retry_after"}, [], {"error": {"retry_after": 11}}, 11),
        ({"path": "error.retry_after", "seconds": 30}, [], {"error": {}}, 30),
        ({"path": "error.retry_after", "seconds": 30}, [], b"too_many_requests", 30),
        ({"path": "wait", "seconds": 30}, [], {"wait": True}, 30),
        ({"path": "wait", "seconds": 30}, [], {"wait": "nan"}, 30),
        ({"path": "wait", "seconds": 30}, [], {"wait": "soon"}, 30),
    ],
)
def test_wait_as_long_as_is_said(after, headers, body, wait):
    """wait: the rule's own place, else Retry-After, else the rule's seconds, else a minute."""
    clock = FakeClock()
    rule = {"status": 403, "do": "wait", "after": after}
    with Script(said(403, body, *headers)) as server:
        assert asked(server, rule, clock=clock, max_retries=0).response
    assert clock.slept == pytest.approx(wait)


@pytest.mark.parametrize("unit", ["seconds", "epoch"])
def test_wait_until_a_date(unit):
    """A moment may be written as HTTP or as JSON writes dates, in a header or in the body."""
    clock = FakeClock()
    moment = datetime.fromtimestamp(clock.time() + 40, timezone.utc)
    rules = [
        {"status": 429, "do": "wait", "after": {"header": "X-Until", "unit": unit}},
        {"status": 503, "do": "wait", "after": {"path": "until", "unit": unit}},
    ]
    later = moment.replace(microsecond=0).isoformat().replace("+00:00", "Z")
    first = said(429, b"", f"X-Until: {format_datetime(moment, usegmt=True)}")
    with Script(first, said(503, {"until": later})) as server:
        assert asked(server, *rules, clock=clock).response
    assert clock.slept == pytest.approx(40 + 1)


def test_wait_draws_on_the_budget():
    """Waits of rules add up to the request's budget, which the config sets; then it is exit 6."""
    clock = FakeClock()
    rule = {"status": 403, "do": "wait", "after": 50, "name": "too fast"}
    with Script(*[said(403)] * 9) as server, pytest.raises(TemporaryError) as caught:
        asked(server, rule, clock=clock, request_budget=120.0)
    assert clock.slept == 100
    assert caught.value.exit_code == 6
    assert caught.value.retry_at is not None


def test_the_budget_of_a_run_is_the_configs():
    """run_budget bounds what all requests wait together."""
    rule = {"status": 403, "do": "wait", "after": 50}
    with Script(*[said(403)] * 9) as server, pytest.raises(TemporaryError):
        asked(server, rule, run_budget=120.0)
    assert len(server.asked) == 3


def test_fail_stands_at_once():
    """fail: a 503 that will not pass is asked once, is not temporary, and is settled."""
    rule = {"status": [401, 503], "body": {"path": "id", "equals": "R008"}, "do": "fail"}
    tokens = Tokens()
    with Script(said(401, {"id": "R008"}), said(503, {"id": "R008"})) as server:
        for status in (401, 503):
            problem = asked(server, rule, authorize=tokens).error
            assert isinstance(problem, AnswerError)
            assert problem.status == status
            assert problem.settled
            assert not problem.temporary
            assert problem.exit_code == 8
            assert "rule 1 of client.retry.rules" in problem.message
            assert "asking again does not help" in problem.hint
    assert tokens.renewed == 0
    assert len(server.asked) == 2


def test_renew_as_401_does():
    """renew: another token, once; the second time the credentials are refused."""
    rule = {"status": 400, "body": {"contains": "Expired_Token"}, "do": "renew"}
    tokens = Tokens()
    with Script(said(400, b"oops: expired_token")) as server:
        assert asked(server, rule, authorize=tokens).response
    assert tokens.renewed == 1
    assert [one.headers["authorization"] for one in server.asked] == ["Bearer t0", "Bearer t1"]
    with Script(*[said(400, b"expired_token")] * 3) as server:
        problem = asked(server, rule, authorize=tokens).error
    assert isinstance(problem, CredentialsError)
    assert len(server.asked) == 2


def test_not_ready_lets_others_go_on():
    """not_ready: one request polls, the others are answered meanwhile, as with 202."""
    clock = FakeClock()
    policy = RetryPolicy(rules=(Rule(status=423, do="not_ready", after=30),), max_retries=0)
    answers = [said(423), said(423)]
    with (
        BareServer(
            lambda one: answers.pop(0) if one.target == "/a" and answers else GOOD
        ) as server,
        client_for(server, clock, retry=policy, concurrency=2) as http,
    ):
        urls = [f"{server.url}/{name}" for name in "abcd"]
        results = list(http.run([Request(url) for url in urls]))
    assert [result.request.url for result in results][-1] == urls[0]
    assert all(result.response for result in results)
    assert clock.slept == pytest.approx(60)


def test_not_ready_for_ever_is_temporary():
    """What is never made ready is exit 6 after the budget, and says its status."""
    rule = {"status": 404, "do": "not_ready", "after": 300}
    with Script(*[said(404)] * 9) as server:
        problem = asked(server, rule).error
    assert problem.exit_code == 6
    assert "HTTP 404" in problem.message
    assert len(server.asked) == 4


# -- which rule counts ---------------------------------------------------------------------------


def test_the_first_that_fits_counts():
    """Rules are held to an answer in their order, and come before the list of statuses."""
    rules = [
        {"status": 503, "header": {"name": "X-Why", "equals": "maintenance"}, "do": "fail"},
        {"status": 503, "do": "wait", "after": 3},
        {"status": 503, "do": "fail"},
    ]
    clock = FakeClock()
    with Script(said(503), said(503, b"", "X-Why: maintenance")) as server:
        problem = asked(server, *rules, clock=clock).error
    assert clock.slept == 3
    assert "rule 1" in problem.message


def test_an_answer_that_no_rule_fits_is_judged_as_ever():
    """The same status with another body, or a body that is no JSON, is what it always was."""
    rule = {"status": [403, 503], "body": REASON, "do": "retry"}
    for body in (b"<html>", {"error": {"errors": [{"reason": "appNotAuthorized"}]}}, [], b""):
        with Script(said(403, body)) as server:
            problem = asked(server, rule).error
        assert problem.status == 403
        assert not problem.temporary
    with Script(said(503, b"<html>")) as server:
        assert asked(server, rule).attempts == 2


@pytest.mark.parametrize(
    ("condition", "value", "fits"),
    [
        ({"equals": "7"}, "7", True),
        ({"equals": 7}, " 7 ", True),
        ({"equals": ["a", "b"]}, "b", True),
        ({"equals": "a"}, "A", False),
        ({"equals": "a"}, None, False),
        ({"contains": "qps"}, "ERR_403_OVER_QPS", True),
        ({"contains": "qps"}, None, False),
        ({"exists": True}, "", True),
        ({"exists": True}, None, False),
        ({"exists": False}, None, True),
    ],
)
def test_a_header(condition, value, fits):
    """Headers are found by name in any case and compared as text."""
    rule = {"status": 403, "header": {"name": "X-Mashery-Error-Code", **condition}, "do": "wait"}
    headers = [] if value is None else [f"x-mashery-error-code: {value}"]
    with Script(said(403, b"", *headers)) as server:
        assert asked(server, rule).attempts == (2 if fits else 1)


def test_several_places_of_a_body():
    """Of a path with several matches any may fit."""
    rule = {"status": 403, "body": {"path": "errors[*].code", "equals": 7}, "do": "retry"}
    with Script(said(403, {"errors": [{"code": 1}, {"code": 7}]})) as server:
        assert asked(server, rule).attempts == 2


def test_a_redirect_to_a_login_page():
    """A rule may speak of a redirect, before it is followed."""
    rule = {
        "status": 302,
        "header": {"name": "Location", "contains": "/login"},
        "do": "renew",
    }
    tokens = Tokens()
    with Script(redirect("/login?next=1")) as server:
        assert asked(server, rule, authorize=tokens).response
    assert [one.target for one in server.asked] == ["/x", "/x"]


# -- good answers --------------------------------------------------------------------------------

NOT_OK = {"status": 200, "body": {"path": "ok", "equals": False}, "do": "fail"}


def test_an_error_with_status_200():
    """A page of records that says ok: false is an error, and one that says true a page."""
    with Script(said(200, {"ok": False, "error": "invalid_cursor"})) as server:
        problem = asked(server, NOT_OK).error
        assert problem.status == 200
        assert "invalid_cursor" in problem.message
        assert problem.settled
        assert asked(server, NOT_OK).response.body == b'{"ok": true}'


def test_a_file_is_never_read_for_a_rule():
    """A file whose bytes look like the error arrives as it is, in one piece."""
    spiteful = json.dumps({"ok": False}).encode()
    kept = Kept()
    with Script(said(200, spiteful, "Content-Type: application/json")) as server:
        assert asked(server, NOT_OK, writer=kept).response
    assert kept.data == spiteful
    assert kept.ended == 1


def test_a_good_head_that_is_not_the_file():
    """A rule about a head alone keeps the answer from the writer, however long its body is."""
    rule = {
        "status": 200,
        "header": {"name": "X-Status", "equals": "building"},
        "do": "not_ready",
        "after": 4,
    }
    clock, kept = FakeClock(), Kept()
    building = said(200, b"please wait " * 20_000, "X-Status: building")
    with Script(building, said(200, b"", "X-Status: building"), said(200, b"bytes")) as server:
        assert asked(server, rule, writer=kept, clock=clock).response
    assert kept.data == b"bytes"
    assert len(kept.heads) == kept.ended == 1
    assert clock.slept == 8


def test_a_long_page_is_no_complaint():
    """A page above 64 KiB is not read a second time: it is the page."""
    page = {"ok": False, "files": ["x" * 100_000]}
    with Script(said(200, page)) as server:
        assert asked(server, NOT_OK).response


def test_both_steps_of_a_detour():
    """The answer that says where the file is falls under rules about bodies, and so does a refusal
    of the second step.
    """
    rules = [
        {"status": 200, "body": {"path": "state", "equals": "building"}, "do": "not_ready"},
        {"status": 509, "do": "retry"},
    ]
    kept = Kept()
    detour = Detour(lambda response: json.loads(response.body)["url"])
    there = said(200, {"url": "/bytes"})
    answers = [said(200, {"state": "building"}), there, said(509), there, said(200, b"abc")]
    with Script(*answers) as server:
        assert asked(server, *rules, writer=kept, detour=detour).response
    assert [one.target for one in server.asked] == ["/x", "/x", "/bytes", "/x", "/bytes"]
    assert kept.data == b"abc"


# -- the values behind it ------------------------------------------------------------------------


def test_rules_go_to_other_processes():
    """Settings with rules can be pickled, also after a rule with wildcards was used."""
    rule = Rule(status=403, body={"path": "errors[*].code", "equals": 7}, do="retry")
    with Script(said(403, {"errors": [{"code": 7}]})) as server:
        made = RetryPolicy(rules=(rule,))
        with client_for(server, retry=made) as http:
            http.send(Request(server.url))
            copy = pickle.loads(pickle.dumps(http.settings))
    assert copy.retry == made
    assert Rules(copy.retry.rules).statuses == {403}


NUMBERS = st.integers() | st.floats() | st.booleans() | st.none() | st.just(10**400)
WAITS = st.text(max_size=30) | NUMBERS.map(str) | st.datetimes().map(lambda one: one.isoformat())


@given(WAITS, NUMBERS | WAITS, st.sampled_from(["seconds", "ms", "epoch", "epoch_ms"]))
def test_whatever_an_answer_says(header, value, unit):
    """Any header and any value of the body: a pause that can be waited for, or none."""
    body = dumps({"wait": value})
    for after in ({"header": "x-wait", "unit": unit}, {"path": "wait", "unit": unit}):
        rules = Rules((Rule(status=429, do="not_ready", after=after),))
        head = Head(429, {"x-wait": header, "content-type": "application/json"}, "https://x")
        ruling = rules.of(head, body, EPOCH)
        assert ruling is not None
        assert ruling.pause is None or 1.0 <= ruling.pause < math.inf


def test_a_rule_keeps_secrets_out_of_errors():
    """What a vendor echoes in such an answer is redacted as in any other."""
    body = {"ok": False, "access_token": "aVerySecretToken123"}
    with Script(said(200, body)) as server:
        problem = asked(server, NOT_OK).error
    assert "aVerySecretToken123" not in str(problem)
