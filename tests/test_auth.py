"""Credentials: one token for all, renewed ahead of its end and once on 401; the fixed kinds."""

from __future__ import annotations

import base64
import json

import pytest

from bare_server import BareServer, Kept, answer, client_for
from clock import FakeClock
from filehaul import auth
from filehaul.config import load_config
from filehaul.connect import connect
from filehaul.errors import AnswerError, ConfigError, CredentialsError
from filehaul.http import Authorization, Http, HttpSettings, Request
from filehaul.testing import FakeFile, FakeVendor, Fault

BODY = bytes(range(256)) * 100
FILES = "/v1/files"
CONTENT = "/v1/files/f1/content"
TOKEN = "/oauth/token"
SECRET = "s3cr3t-value-of-ours"


def signed_in(vendor, clock=None, **block):
    """A client of the vendor, as its config would have it."""
    config = {
        "client": {
            "base_url": vendor.base_url,
            "auth": {
                "type": "oauth2",
                "client_id": vendor.client_id,
                "client_secret": vendor.client_secret,
                "token_url": vendor.token_url,
                **block,
            },
            "limits": {"concurrency": 32},
        },
        "resources": [
            {
                "name": "files",
                "primary_key": "file_id",
                "endpoint": {"path": "v1/files", "paginator": {"type": "offset", "limit": 100}},
            }
        ],
    }
    return connect(load_config(config), clock or FakeClock())


def ask(http, vendor, n=1):
    """The results of so many listings."""
    return list(http.run([Request(f"{vendor.base_url}{FILES}?limit=1")] * n))


@pytest.fixture
def vendor(fake_vendor):
    return fake_vendor([FakeFile("f1", "a.bin", content=BODY)])


# -- one token -----------------------------------------------------------------------------------


def test_one_token_for_32_at_once(vendor):
    """However many requests start at once, one token is asked for, and not before the first."""
    with signed_in(vendor) as http:
        assert vendor.token_requests == 0
        results = ask(http, vendor, 64)
    assert [result.response.status for result in results] == [200] * 64
    assert vendor.token_requests == 1
    assert vendor.count(FILES) == 64


def test_401_renews_once_for_all(fake_vendor):
    """32 requests in flight that all get 401 cost one renewal, one more try each, no waiting."""
    vendor = fake_vendor(latency=0.03)
    clock = FakeClock()
    with signed_in(vendor, clock) as http:
        ask(http, vendor)
        vendor.expire_tokens()
        vendor.clear_requests()
        results = ask(http, vendor, 32)
    assert all(result.response for result in results)
    assert {result.attempts for result in results} == {2}
    assert vendor.token_requests == 1
    assert vendor.count(FILES) == 64
    assert clock.sleeps == []


def test_the_same_token_again():
    """A vendor that gives the refused token once more: still one renewal, then CredentialsError."""

    def stubborn(asked):
        if asked.target == TOKEN:
            return answer(b'{"access_token": "the-same-token"}')
        return answer(b"no", status="401 No")

    with BareServer(stubborn) as server:
        endpoint = auth.Endpoint(server.url + TOKEN, "id", SECRET)
        http = client_for(server, concurrency=8)
        fetch = auth.client_credentials(endpoint, http.send, http.clock)
        http.authorize = auth.OAuth2(fetch, http.clock)
        with http:
            results = list(http.run([Request(server.url + "/x")] * 8))
    assert {type(result.error) for result in results} == {CredentialsError}
    assert server.count(TOKEN) == 2
    assert server.count("/x") == 16


def test_renewed_ahead_of_expiry(fake_vendor):
    """A token of an hour is renewed 60 seconds before its end, one of 10 seconds after 9."""
    for life, still, due in ((3600, 3539, 3541), (10, 8.9, 9.1)):
        vendor = fake_vendor(token_ttl=life)
        clock = FakeClock()
        with signed_in(vendor, clock) as http:
            begun = clock.now
            for moment, tokens in ((0, 1), (still, 1), (due, 2)):
                clock.now = begun + moment
                assert ask(http, vendor)[0].attempts == 1
                assert vendor.token_requests == tokens


def test_trouble_while_the_old_token_is_good(vendor):
    """A token endpoint in trouble ahead of expiry: the old token serves on, until its end."""
    clock = FakeClock()
    with signed_in(vendor, clock) as http:
        ask(http, vendor)
        vendor.script(TOKEN, Fault.status(503), times=Fault.always)
        clock.now += 3560
        assert ask(http, vendor, 5)[4].response.status == 200
        asked = vendor.token_requests
        assert asked == 1 + 4  # one try (of four requests) for the five listings
        clock.now += 100
        with pytest.raises(AnswerError, match="HTTP 503") as caught:
            ask(http, vendor)
    assert caught.value.exit_code == 6
    assert "POST" in caught.value.where
    assert TOKEN in caught.value.where


@pytest.mark.parametrize("expires", ["3600", 3600, 3600.0])
def test_how_expires_in_may_be_written(expires):
    """As a number, or as a number in a string."""
    assert _life({"expires_in": expires}) == 3600


@pytest.mark.parametrize("expires", [None, "soon", -1, 0, "nan", [], {}])
def test_without_a_usable_expires_in(expires):
    """Left out, or nonsense: default_life counts."""
    assert _life({"expires_in": expires}) == 1234
    assert _life({}) == 1234


def _life(more):
    """Seconds until a token of this answer is asked for anew, and 60 more."""
    clock = FakeClock()
    with BareServer(lambda _: answer(json.dumps({"access_token": "abc", **more}).encode())) as it:
        endpoint = auth.Endpoint(it.url, "id", SECRET, default_life=1234)
        with client_for(it) as http:
            oauth = auth.OAuth2(auth.client_credentials(endpoint, http.send, clock), clock)
            first = oauth.current()
            while oauth.current() is first:
                clock.now += 1
        assert len(it.asked) == 2
    return clock.now - 1000 + 60


# -- 401 by hand ---------------------------------------------------------------------------------


class Tokens:
    """Credentials whose renewals are counted."""

    def __init__(self, *tokens: str) -> None:
        self.tokens = list(tokens)
        self.renewed = 0

    def current(self) -> Authorization:
        header = ("Authorization", f"Bearer {self.tokens[0]}")
        return Authorization((header,), token=self.tokens[0])

    def renew(self, token: str) -> bool:
        if token == self.tokens[0]:
            self.renewed += 1
            self.tokens.pop(0)
        return True


def test_401_renews_once_and_asks_again():
    """A 401 costs one renewal and no waiting; the answer that follows is the result."""
    with FakeVendor.of_records(3) as vendor:
        tokens = Tokens("old", vendor.token())
        clock = FakeClock()
        http = Http(HttpSettings(vendor.base_url), tokens, clock)
        (result,) = http.run([Request(vendor.base_url + FILES)])
        http.close()
    assert result.response.status == 200
    assert (result.attempts, tokens.renewed, clock.sleeps) == (2, 1, [])


def test_a_second_401_is_final():
    """The renewed token is refused as well: CredentialsError, exit 5, after two requests."""
    with FakeVendor.of_records(3) as vendor:
        tokens = Tokens("old", "bad", "worse")
        with Http(HttpSettings(vendor.base_url), tokens, FakeClock()) as http:
            (result,) = http.run([Request(vendor.base_url + FILES)])
        assert vendor.request_count == 2
    assert tokens.renewed == 1
    assert isinstance(result.error, CredentialsError)
    assert result.error.exit_code == 5
    assert "the vendor refused the credentials (HTTP 401" in result.error.message
    assert "auth block" in result.error.hint


def test_a_long_transfer_outlives_its_tokens():
    """After progress a 401 is a new one: a body that needs three tokens gets three."""
    with FakeVendor([FakeFile("f1", "a.bin", content=BODY)]) as vendor:
        tokens = Tokens(vendor.token(), vendor.token(), vendor.token())
        kept = Kept()
        vendor.script(CONTENT, Fault.cut(1000), Fault.status(401), times=2)
        with Http(HttpSettings(vendor.base_url), tokens, FakeClock()) as http:
            (result,) = http.run([Request(vendor.base_url + CONTENT, writer=kept)])
        vendor.assert_all_fired()
    assert result.error is None
    assert kept.data == BODY
    assert tokens.renewed == 2


# -- how the client says who it is ---------------------------------------------------------------


def test_the_secret_in_the_body(vendor):
    """client_secret_post: a form with grant type, id and secret, and no Authorization."""
    with signed_in(vendor) as http:
        ask(http, vendor)
    asked = vendor.requests[0]
    assert asked.form == {
        "grant_type": "client_credentials",
        "client_id": vendor.client_id,
        "client_secret": vendor.client_secret,
    }
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert asked.headers["accept"] == "application/json"
    assert "authorization" not in asked.headers


@pytest.mark.parametrize(
    ("client_id", "client_secret"),
    [("id", "plain-secret"), ("id:a/b+c d", "p%41:&=+ /é€\"'~*"), ("ünï", "::%%++")],
)
def test_the_secret_by_basic(fake_vendor, client_id, client_secret):
    """client_secret_basic: both halves form-encoded (RFC 6749 2.3.1), reserved characters too."""
    vendor = fake_vendor(token_style="basic", client_id=client_id, client_secret=client_secret)
    with signed_in(vendor, token_endpoint_auth_method="client_secret_basic") as http:
        assert ask(http, vendor)[0].response.status == 200
    asked = vendor.requests[0]
    assert asked.form == {"grant_type": "client_credentials"}
    coded = base64.b64decode(asked.headers["authorization"].removeprefix("Basic ")).decode()
    assert coded.count(":") == 1
    assert coded.isascii()


def test_scope_audience_and_extra(vendor):
    """scope, audience and further fields are in the form, numbers as text."""
    more = {"resource": "https://x/?a=b&c", "box_subject_id": 123}
    with signed_in(vendor, scope="files.read files.list", audience="aud", extra=more) as http:
        ask(http, vendor)
    form = vendor.requests[0].form
    assert form["scope"] == "files.read files.list"
    assert form["audience"] == "aud"
    assert form["resource"] == "https://x/?a=b&c"
    assert form["box_subject_id"] == "123"


# -- the fixed kinds -----------------------------------------------------------------------------


@pytest.fixture
def server():
    with BareServer(lambda _: answer(b"ok")) as server:
        yield server


@pytest.mark.parametrize(
    ("block", "target", "headers"),
    [
        ({"type": "bearer", "token": "abc.DEF"}, "/x", {"authorization": "Bearer abc.DEF"}),
        ({"type": "api_key", "name": "X-Key", "api_key": "k&y"}, "/x", {"x-key": "k&y"}),
        (
            {"type": "api_key", "name": "X-Key", "api_key": "k", "location": "header"},
            "/x",
            {"x-key": "k"},
        ),
        (
            {"type": "api_key", "name": "the key", "api_key": "k&y z", "location": "query"},
            "/x?the+key=k%26y+z",
            {},
        ),
        ({"type": "api_key", "name": "k", "api_key": "v", "location": "param"}, "/x?k=v", {}),
        (
            {"type": "api_key", "name": "sid", "api_key": "a/b=;c", "location": "cookie"},
            "/x",
            {"cookie": "sid=a/b=%3Bc"},
        ),
        (
            {"type": "http_basic", "username": "üser", "password": "p:w"},
            "/x",
            {"authorization": "Basic " + base64.b64encode("üser:p:w".encode()).decode()},
        ),
    ],
)
def test_the_fixed_kinds(server, block, target, headers):
    """bearer, api_key in header, query and cookie, and http_basic, as they are on the wire."""
    resource = {"name": "files", "endpoint": {"path": "x", "paginator": "single_page"}}
    config = {"client": {"base_url": server.url, "auth": block}, "resources": [resource]}
    with connect(load_config(config), FakeClock()) as http:
        http.send(Request(server.url + "/x"))
    asked = server.asked[0]
    assert asked.target == target
    assert {name: asked.headers[name] for name in headers} == headers


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: auth.bearer(""), "the secret is empty"),
        (lambda: auth.bearer("ab\n"), "has a line break"),
        (lambda: auth.api_key("k", "a\r\nX: 1", "header"), "has a line break"),
        (lambda: auth.api_key("k", "v", "body"), "cannot be put into 'body'"),
        (lambda: auth.http_basic("a:b", "c"), "cannot have a colon"),
    ],
)
def test_unusable_secrets(make, words):
    """What cannot be sent is the config's fault, by the key, without the secret."""
    with pytest.raises(ConfigError, match=words) as caught:
        make()
    assert caught.value.where.startswith("client.auth.")


def test_a_fixed_token_is_not_renewed(server):
    """401 with a bearer token of the config: asked once, CredentialsError."""
    server.answering = lambda _: answer(b"expired", status="401 No")
    with client_for(server, authorize=auth.bearer("abcdef")) as http:
        (result,) = http.run([Request(server.url + "/x")])
    assert isinstance(result.error, CredentialsError)
    assert result.attempts == 1 == len(server.asked)
