"""Whose server is this: redirects, credentials, trusted hosts, addresses that are refused."""

from __future__ import annotations

import pytest

from bare_server import BareServer, Kept, answer, client_for, redirect
from clock import FakeClock
from filehaul import auth
from filehaul.errors import AnswerError, CredentialsError, VendorError
from filehaul.http import Authorization, Request

SECRET = "s3cr3t-value-of-ours"
OURS = (("X-Tenant", SECRET + "-configured"),)
JSON = (("Content-Type", "application/json"), ("Accept", "application/json"))


class Everything:
    """Credentials of every kind at once."""

    def current(self) -> Authorization:
        headers = (
            ("Authorization", f"Bearer {SECRET}"),
            ("X-Api-Key", SECRET),
            ("Cookie", f"session={SECRET}"),
        )
        return Authorization(headers, (("key", SECRET),), "1")

    def renew(self, _token: str) -> bool:
        return False


def everything(server, **settings):
    return client_for(server, authorize=Everything(), headers=OURS, **settings)


@pytest.fixture
def other():
    """A server that is not ours; its /back points to a path of the Location's choice."""
    with BareServer(lambda _: answer(b"other")) as server:
        yield server


def pointing(to: str, status: int = 302):
    """A server whose /from redirects, and whose other paths answer."""
    return BareServer(
        lambda asked: redirect(to, status) if asked.target.startswith("/from") else answer(b"here")
    )


# -- redirects and credentials -------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_at_home_keeps_the_credentials(status):
    """Within the trusted origin each hop has all credentials, once."""
    with pointing("/to?a=1", status) as home, everything(home) as http:
        response = http.send(Request(home.url + "/from?b=2"))
    assert (response.body, response.url) == (b"here", home.url + "/to?a=1")
    assert [asked.target for asked in home.asked] == [
        f"/from?b=2&key={SECRET}",
        f"/to?a=1&key={SECRET}",
    ]
    for asked in home.asked:
        assert asked.headers["authorization"] == f"Bearer {SECRET}"
        assert asked.headers["x-api-key"] == SECRET
        assert asked.headers["cookie"] == f"session={SECRET}"
        assert asked.headers["x-tenant"] == SECRET + "-configured"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_credential_of_any_kind_leaves(status, other):
    """To another origin goes no Authorization, key, cookie or header of ours."""
    headers = (("X-Resource", SECRET), ("Accept", "image/png"))
    with pointing(other.url + "/to?x=1", status) as home, everything(home) as http:
        assert http.send(Request(home.url + "/from", headers=headers)).body == b"other"
        http.send(Request(other.url + "/directly", headers=headers))
    assert home.asked[0].headers["x-resource"] == SECRET
    assert [asked.target for asked in other.asked] == ["/to?x=1", "/directly"]
    for asked in other.asked:
        assert SECRET not in asked.text
        assert set(asked.headers) == {"host", "user-agent", "accept", "accept-encoding"}
        assert asked.headers["accept"] == "image/png"


def test_our_key_in_the_vendors_own_redirect(other):
    """A vendor that puts our query key into an address elsewhere: the key is taken out."""
    to = f"{other.url}/to?sig=theirs&key={SECRET}&x=1"
    with pointing(to) as home, everything(home) as http:
        http.send(Request(home.url + "/from"))
    assert other.asked[0].target == "/to?sig=theirs&x=1"


def test_a_writers_range_goes_along(other):
    """What a writer needs to resume goes to every origin: it says nothing about us."""
    kept = Kept()
    kept.data, kept.etag = b"oth", '"v1"'
    with pointing(other.url + "/to") as home, everything(home) as http:
        http.send(Request(home.url + "/from", writer=kept))
    assert other.asked[0].headers["range"] == "bytes=3-"
    assert other.asked[0].headers["if-range"] == '"v1"'
    assert SECRET not in other.asked[0].text


def test_back_to_a_trusted_origin():
    """Away and home again: the hop home has the credentials, the one away has none."""
    with BareServer(lambda _: redirect(f"{home.url}/end")) as away:
        with pointing(away.url + "/away") as home, everything(home) as http:
            assert http.send(Request(home.url + "/from")).body == b"here"
        assert SECRET not in away.asked[0].text
    assert home.asked[-1].target == f"/end?key={SECRET}"
    assert home.asked[-1].headers["authorization"] == f"Bearer {SECRET}"


@pytest.mark.parametrize("whole", [True, False])
def test_trusted_hosts_get_everything(other, whole):
    """An origin listed under trusted_hosts, as host:port or whole, gets what base_url gets."""
    listed = other.url if whole else other.url.removeprefix("http://")
    with pointing(other.url + "/to") as home, everything(home, trusted_hosts=(listed,)) as http:
        http.send(Request(home.url + "/from"))
    assert other.asked[0].target == f"/to?key={SECRET}"
    assert other.asked[0].headers["x-tenant"] == SECRET + "-configured"
    assert other.asked[0].headers["authorization"] == f"Bearer {SECRET}"


def test_another_port_is_another_origin(other):
    """The same host on another port gets nothing, and says 401: the hint names trusted_hosts."""
    other.answering = lambda _: answer(b"who are you?", status="401 Unauthorized")
    with pointing(other.url + "/to") as home, everything(home) as http:
        with pytest.raises(AnswerError) as caught:
            http.send(Request(home.url + "/from"))
        home.answering = other.answering
        with pytest.raises(CredentialsError):
            http.send(Request(home.url + "/to"))
    assert caught.value.status == 401
    assert caught.value.message == "HTTP 401: who are you?"
    assert "client.trusted_hosts" in caught.value.hint
    assert len(other.asked) == 1


# -- redirects and methods -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "status", "then"),
    [
        ("POST", 301, "GET"),
        ("POST", 302, "GET"),
        ("POST", 303, "GET"),
        ("PUT", 303, "GET"),
        ("HEAD", 303, "HEAD"),
        ("PUT", 302, "PUT"),
        ("POST", 307, "POST"),
        ("POST", 308, "POST"),
    ],
)
def test_methods_after_a_redirect(method, status, then):
    """303 turns to GET, 301 and 302 turn a POST to GET, 307 and 308 keep method and body."""
    body = None if method == "HEAD" else b"{}"
    with pointing("/to", status) as home, client_for(home) as http:
        http.send(Request(home.url + "/from", method, JSON, body))
        http.send(Request(home.url + "/from", "GET"))
    assert home.asked[1].method == then
    assert home.asked[1].body == (b"{}" if then in ("POST", "PUT") else b"")
    assert ("content-type" in home.asked[1].headers) == (then in ("POST", "PUT"))
    assert home.asked[2].method == home.asked[3].method == "GET"


@pytest.mark.parametrize("status", [307, 308])
def test_a_body_does_not_leave(other, status):
    """A POST that is redirected to another origin: its body (a secret, for a token) stays home."""
    home = pointing(other.url + "/to", status)
    told = pytest.raises(VendorError, match="redirects a request with its body")
    with home, client_for(home) as http, told:
        http.send(Request(home.url + "/from", "POST", JSON, SECRET.encode()))
    assert other.asked == []


def test_ten_redirects_and_no_more():
    """Ten hops are followed, the eleventh is an error; a loop is not tried again."""
    server = BareServer(
        lambda asked: (
            answer(b"end") if asked.target == "/0" else redirect(f"/{int(asked.target[1:]) - 1}")
        )
    )
    clock = FakeClock()
    with server, client_for(server, clock) as http:
        (result,) = http.run([Request(server.url + "/10")])
        assert (result.response.body, result.attempts) == (b"end", 1)
        with pytest.raises(VendorError, match="more than 10 redirects"):
            http.send(Request(server.url + "/1000"))
    assert len(server.asked) == 11 + 11
    assert clock.sleeps == []


@pytest.mark.parametrize(
    "to",
    [
        "file:///etc/passwd",
        "gopher://127.0.0.1/x",
        "ftp://127.0.0.1/x",
        "javascript:alert(1)",
        "http://host:99999/",
        "http://a@b@c/",
        "http://good.example.com\\@evil.example.com/",
    ],
)
def test_only_http_and_only_clear_addresses(to):
    """Other schemes, and what two parsers could read in two ways: refused, nothing is asked."""
    with pointing(to) as home, client_for(home) as http:
        with pytest.raises(VendorError, match="not http") as caught:
            http.send(Request(home.url + "/from"))
        assert not caught.value.temporary
        with pytest.raises(VendorError, match="not an http"):
            http.send(Request(to))
    assert len(home.asked) == 1


def test_a_retry_begins_at_the_first_hop():
    """A signed target does not outlive a failure: after 503 the first address is asked again."""
    said = []

    def signing(asked):
        said.append(asked.target)
        if asked.target == "/from":
            return redirect(f"/signed/{len(said)}")
        return answer(b"ok") if len(said) > 2 else answer(b"", status="503 Busy")

    with BareServer(signing) as server, client_for(server) as http:
        (result,) = http.run([Request(server.url + "/from")])
    assert said == ["/from", "/signed/1", "/from", "/signed/3"]
    assert result.attempts == 2


def test_odd_locations():
    """Spaces, letters of all scripts, fragments, dots and encoded dots in a Location."""
    targets = {
        "/1": "/my file.txt",
        "/2": "/caf\xc3\xa9?q=\xc3\xa9 x",
        "/3": "to?a=b#fragment",
        "/4": "../up/./x",
        "/5": "/a/%2E%2E/b",
        "/6": "//{host}/absolute",
    }

    def odd(asked):
        to = targets.get(asked.target)
        return redirect(to.format(host=server.url[7:])) if to else answer(b"ok")

    with BareServer(odd) as server, client_for(server) as http:
        for target in targets:
            http.send(Request(server.url + target))
    assert [asked.target for asked in server.asked[1::2]] == [
        "/my%20file.txt",
        "/caf%C3%A9?q=%C3%A9%20x",
        "/to?a=b",
        "/up/x",
        "/a/%2E%2E/b",
        "/absolute",
    ]


def test_the_token_endpoint_gets_no_credentials_of_the_connection(other):
    """A named address gets what its own request carries, and neither our key nor our headers."""
    with pointing("/") as home, everything(home, named_urls=(other.url,)) as http:
        request = Request(other.url + "/token", "POST", (("X-Own", "1"),), b"form")
        http.send(request)
    assert other.asked[0].headers["x-own"] == "1"
    assert other.asked[0].body == b"form"
    assert SECRET not in other.asked[0].text


def test_a_query_key_survives_a_fragment(other):
    """The key of a request whose URL has a fragment is sent."""
    with client_for(other, authorize=auth.api_key("key", SECRET, "query")) as http:
        http.send(Request(other.url + "/x#part"))
    assert other.asked[0].target == f"/x?key={SECRET}"
