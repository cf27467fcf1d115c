"""What token endpoints answer: no token, trouble, a pause, a redirect."""

from __future__ import annotations

import base64

import pytest

from bare_server import BareServer, answer, client_for, redirect
from clock import FakeClock
from filehaul import auth
from filehaul.errors import AnswerError, CredentialsError, TemporaryError
from filehaul.testing import Fault
from test_auth import FILES, SECRET, TOKEN, ask, signed_in


@pytest.fixture
def vendor(fake_vendor):
    return fake_vendor()


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault.json({"token": "x", "scope": "y"}), "has no access_token (it has: scope, token)"),
        (Fault.json({}), "has no access_token (it has: nothing)"),
        (Fault.json({"access_token": None}), "has no access_token (it has: access_token)"),
        (Fault.json({"access_token": 17}), "has no access_token"),
        (Fault.json({"access_token": "  "}), "has no access_token"),
        (Fault.json({"access_token": "ab\ncd"}), "line break"),
        (Fault.json({"access_token": "ab cd"}), "a space"),
        (Fault.json({"access_token": "x", "token_type": "mac"}), "is of type 'mac'; only bearer"),
        (Fault.json(["x"]), "JSON that is not an object"),
        (Fault.json(None), "JSON that is not an object"),
        (Fault.html(), "answered text/html, not JSON: <!DOCTYPE html><html><head><title>Sign in"),
        (Fault.not_json(b""), "answered application/json, not JSON"),
        (
            Fault.json({"error": "invalid_client", "error_description": "No such client."}),
            "the token endpoint refused: invalid_client No such client.",
        ),
        (
            Fault.status(400, {"error": "invalid_scope", "error_description": "Unknown scope."}),
            'gave no token: HTTP 400: {"error":"invalid_scope"',
        ),
        (Fault.status(401, {"error": "invalid_client"}), '401: {"error":"invalid_client"}'),
        (Fault.status(404, "nothing here"), "gave no token: HTTP 404: nothing here"),
    ],
)
def test_an_answer_without_a_token(vendor, fault, words):
    """No token in it, whatever the status: CredentialsError in plain words, asked once."""
    vendor.script(TOKEN, fault, times=Fault.always)
    clock = FakeClock()
    with signed_in(vendor, clock) as http, pytest.raises(CredentialsError) as caught:
        ask(http, vendor, 50)
    problem = caught.value
    assert words in problem.message
    assert TOKEN in problem.where
    assert "token_url" in problem.hint
    assert problem.exit_code == 5
    assert vendor.token_requests == 1
    assert vendor.count(FILES) == 0
    assert clock.sleeps == []
    assert vendor.client_secret not in str(problem)


def test_a_token_endpoint_in_trouble(vendor):
    """503 from the token endpoint is tried again like any; four of them stop the run, exit 6."""
    clock = FakeClock()
    vendor.script(TOKEN, Fault.status(503), times=2)
    with signed_in(vendor, clock) as http:
        assert ask(http, vendor, 3)[2].response.status == 200
    assert (vendor.token_requests, clock.slept) == (3, 2 + 4)
    vendor.script(TOKEN, Fault.status(503), times=4)
    with signed_in(vendor) as http, pytest.raises(AnswerError) as caught:
        ask(http, vendor, 50)
    assert caught.value.temporary
    assert vendor.token_requests == 3 + 4


def test_a_token_endpoint_that_is_not_there(vendor):
    """Nobody listens at token_url: temporary, and told once, not once a file."""
    with BareServer(lambda _: None) as gone:
        pass
    clock = FakeClock()
    http = signed_in(vendor, clock, token_url=gone.url + TOKEN)
    with http, pytest.raises(TemporaryError, match="no connection to the server") as caught:
        ask(http, vendor, 50)
    assert caught.value.where == gone.url + TOKEN
    assert clock.slept == 14


def test_a_pause_at_the_token_endpoint(vendor):
    """Retry-After of the token endpoint is heeded as well."""
    clock = FakeClock()
    vendor.script(TOKEN, Fault.status(429, retry_after="30"))
    with signed_in(vendor, clock) as http:
        assert ask(http, vendor)[0].response.status == 200
    assert clock.slept == 30


@pytest.mark.parametrize("style", ["client_secret_post", "client_secret_basic"])
@pytest.mark.parametrize("status", [302, 307])
def test_the_secret_follows_no_redirect(style, status):
    """A token endpoint that redirects to another origin: the secret does not go there."""
    other = BareServer(lambda _: answer(b'{"error": "who?"}'))
    server = BareServer(lambda _: redirect(other.url + "/steal", status))
    http = client_for("http://127.0.0.1:1", named_urls=(server.url,))
    endpoint = auth.Endpoint(server.url + TOKEN, "id", SECRET, method=style)
    oauth = auth.OAuth2(auth.client_credentials(endpoint, http.send, http.clock), http.clock)
    told = pytest.raises(CredentialsError, match=r"its body to another origin|who\?")
    with other, server, http, told:
        oauth.current()
    encoded = base64.b64encode(f"id:{SECRET}".encode()).decode()
    for asked in other.asked:
        assert SECRET not in asked.text
        assert encoded not in asked.text
    assert len(other.asked) == (0 if status == 307 else 1)
