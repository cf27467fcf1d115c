"""Rules about answers in a config: what is taken and refused, and whole syncs that obey them."""

from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator

from config_dicts import spoilt
from filehaul import spine
from filehaul.config import load_config, schema
from filehaul.connect import settings_of
from filehaul.errors import ConfigError
from filehaul.testing import Fault
from hauling import NoDestination, config_for, files, haul, receipt_of, sink_files

VALIDATOR = Draft202012Validator(schema())
LISTING, CONTENT, TOKEN = "/v1/files", "/v1/files/id-a/content", "/oauth/token"

TAKEN = [
    {"status": 409, "do": "retry"},
    {"status": [403, 429], "do": "retry", "max_retries": 8, "name": "quota of the project"},
    {"status": 403, "header": {"name": "X-Mashery-Error-Code", "exists": True}, "do": "wait"},
    {"status": 429, "do": "wait", "after": 60},
    {"status": 429, "do": "wait", "after": {"header": "X-Reset", "unit": "epoch", "seconds": 30}},
    {"status": 429, "do": "wait", "after": {"path": "error.retry_after"}},
    {"status": 401, "body": {"path": "errors[0].id", "equals": "R008"}, "do": "fail"},
    {"status": 200, "body": {"path": "ok", "equals": False}, "do": "renew"},
    {"status": 200, "header": {"name": "X-Status", "contains": "later"}, "do": "not_ready"},
    {"status": 400, "body": {"contains": "too many requests"}, "do": "wait"},
    {"status": 202, "do": "not_ready", "after": 5},
]
REFUSED = [
    ({"do": "retry"}, "the key 'status' is missing", True),
    ({"status": 403}, "the key 'do' is missing", True),
    ({"status": 403, "do": "sleep"}, "must be 'retry', 'wait', 'fail', 'renew' or", True),
    ({"status": 100, "do": "fail"}, "greater than or equal to 200", True),
    ({"status": [], "do": "fail"}, "is empty", True),
    ({"status": 403, "do": "fail", "after": 3}, "after goes with do: wait", False),
    ({"status": 403, "do": "wait", "max_retries": 3}, "goes with do: retry", False),
    ({"status": 200, "do": "fail"}, "every good answer would fit", False),
    ({"status": [206, 503], "do": "fail"}, "every good answer would fit", False),
    ({"status": 403, "do": "fail", "body": {"equals": "x"}}, "without path", False),
    ({"status": 403, "do": "fail", "body": {"path": "a"}}, "either equals or exists", False),
    (
        {"status": 403, "do": "fail", "header": {"name": "X", "equals": "a", "exists": True}},
        "either equals or exists",
        False,
    ),
    ({"status": 403, "do": "fail", "header": {"equals": "a"}}, "'name' is missing", True),
    ({"status": 403, "do": "wait", "after": {"unit": "ms"}}, "unit is of what stands", False),
    ({"status": 403, "do": "wait", "after": {"header": "A", "path": "b"}}, "either header", False),
    ({"status": 403, "do": "wait", "after": -1}, "greater than or equal to 0", True),
    ({"status": 403, "do": "wait", "wait": 3}, "unknown key 'wait'", True),
]


@pytest.mark.parametrize("rule", TAKEN, ids=str)
def test_a_rule_is_taken(rule, tmp_path):
    """The config, its JSON Schema and the HTTP client take the rule, in its place."""
    made = spoilt("client.retry", {"rules": [rule, TAKEN[0]], "max_wait": {"run": 60}})
    assert not [error.message for error in VALIDATOR.iter_errors(made)]
    policy = settings_of(load_config(made).client, tmp_path).retry
    assert [one.do for one in policy.rules] == [rule["do"], "retry"]
    assert (policy.request_budget, policy.run_budget) == (900, 60)


@pytest.mark.parametrize(("rule", "words", "by_schema"), REFUSED, ids=str)
def test_a_rule_is_refused(rule, words, by_schema):
    """What makes no sense is exit 4 and names the rule; one key's trouble the schema knows too."""
    made = spoilt("client.retry", {"rules": [rule]})
    with pytest.raises(ConfigError, match=r"client\.retry\.rules\[0\]") as caught:
        load_config(made)
    assert words in caught.value.message
    assert VALIDATOR.is_valid(made) is not by_schema


@pytest.fixture
def quietly(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(spine, "Destination", NoDestination)


def rules(*given, **more):
    return {"retry": {"backoff_factor": 0.001, "rules": list(given), **more}}


@pytest.mark.usefixtures("quietly")
def test_a_sync_under_rules(fake_vendor):
    """Listing, content and token endpoint alike: each refusal is asked again, and all is there."""
    vendor = fake_vendor(files("a", "b"))
    quota = {"error": {"errors": [{"reason": "rateLimitExceeded"}]}}
    vendor.script(TOKEN, Fault.status(409, {"error": "rate"}))
    vendor.script(LISTING, Fault.status(403, quota))
    vendor.script(CONTENT, Fault.status(403, quota), Fault.status(509, "Bandwidth Limit"))
    made = config_for(
        vendor,
        client=rules(
            {"status": [409, 509], "do": "retry"},
            {
                "status": 403,
                "body": {"path": "error.errors[*].reason", "contains": "ratelimit"},
                "do": "retry",
            },
        ),
    )
    report = haul(made)
    assert report.exit_code == 0
    assert report.transferred == 2
    assert sink_files() == {"a": b"a|" * 10, "b": b"b|" * 10}
    vendor.assert_all_fired()


@pytest.mark.usefixtures("quietly")
def test_a_quota_is_not_the_files_fault(fake_vendor):
    """A 403 that a rule asks again and that lasts fails the file in this run, and is not parked."""
    vendor = fake_vendor(files("a", "b"))
    vendor.script(CONTENT, Fault.status(403, "over quota"), times=4)
    made = config_for(
        vendor,
        client=rules(
            {
                "status": 403,
                "body": {"contains": "Quota"},
                "do": "retry",
                "name": "quota of the day",
            }
        ),
    )
    report = haul(made)
    assert (report.transferred, report.failed, report.exit_code) == (1, 1, 3)
    assert "(quota of the day)" in receipt_of("id-a")["error"]
    assert not receipt_of("id-a")["permanent"]
    assert haul(made).transferred == 1
    vendor.assert_all_fired()


@pytest.mark.usefixtures("quietly")
def test_what_is_settled_is_parked(fake_vendor):
    """A 401 and a 503 that a rule calls final: one request each, no new token, and parked."""
    vendor = fake_vendor(files("a", "b"))
    for name, status in (("a", 401), ("b", 503)):
        path = f"/v1/files/id-{name}/content"
        vendor.script(path, Fault.status(status, {"errors": [{"id": "R008"}]}), times=Fault.always)
    gone = {"path": "errors[0].id", "equals": "R008"}
    made = config_for(vendor, client=rules({"status": [401, 503], "body": gone, "do": "fail"}))
    report = haul(made)
    assert (report.failed, report.exit_code) == (2, 3)
    assert vendor.count("/v1/files/*/content") == 2
    assert vendor.count(TOKEN) == 1
    assert all(receipt_of(f"id-{name}")["permanent"] for name in "ab")
    again = haul(made)
    assert (again.failed, again.parked, again.exit_code) == (0, 2, 0)
    assert vendor.count("/v1/files/*/content") == 2


@pytest.mark.usefixtures("quietly")
def test_an_error_page_with_status_200(fake_vendor):
    """ok: false with 200 ends the listing in the vendor's own words, exit 8, and makes no
    tombstone, though the page has the array of files as well.
    """
    vendor = fake_vendor(files("a", "b"))
    not_ok = {"status": 200, "body": {"path": "ok", "equals": False}, "do": "fail"}
    made = config_for(vendor, client=rules(not_ok), write_disposition="merge")
    assert haul(made).transferred == 2
    error = Fault.status(200, {"ok": False, "error": "team_migration", "files": []})
    vendor.script(LISTING, error, times=Fault.always)
    report = haul(made)
    assert report.exit_code == 8
    assert "team_migration" in report.error.message
    assert report.deleted == 0
    vendor.assert_all_fired()


@pytest.mark.usefixtures("quietly")
def test_a_token_endpoint_that_is_too_busy(fake_vendor):
    """A 400 of the token endpoint that a rule waits for is temporary (exit 6), not a refusal of the
    credentials (exit 5).
    """
    vendor = fake_vendor(files("a"))
    words = {"error": "Access Denied", "error_description": "You have made too many requests"}
    vendor.script(TOKEN, Fault.status(400, words), times=Fault.always)
    busy = {"path": "error_description", "contains": "too many requests"}
    rule = {"status": 400, "body": busy, "do": "wait", "after": 600, "name": "token requests"}
    report = haul(config_for(vendor, client=rules(rule, max_wait={"request": 60})))
    assert report.exit_code == 6
    assert report.error.retry_at is not None
    assert vendor.count(TOKEN) == 1
