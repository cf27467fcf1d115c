"""Addresses: which are private and refused, what an origin is, how URLs are put together."""

from __future__ import annotations

import time

import pytest

from bare_server import BareServer, answer, client_for, redirect
from clock import FakeClock
from filehaul.errors import ConfigError, VendorError
from filehaul.http import Origins, Request, origin, routes, slot
from filehaul.http.origins import in_ascii, is_private, is_private_name, resolve
from filehaul.http.routes import with_query, without_query


@pytest.fixture
def other():
    """A server that is not ours."""
    with BareServer(lambda _: answer(b"other")) as server:
        yield server


def pointing(to: str):
    """A server whose /from redirects, and whose other paths answer."""
    return BareServer(
        lambda asked: redirect(to) if asked.target.startswith("/from") else answer(b"here")
    )


# -- private addresses ---------------------------------------------------------------------------


@pytest.fixture
def public(monkeypatch):
    """Let every base_url count as one on the public internet."""
    monkeypatch.setattr(Origins, "base_is_private", False)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]"])
def test_private_addresses_are_refused(public, other, host):
    """A public vendor that points to our own machine: refused before anything is asked."""
    home = pointing(f"http://{host}:{other.port}/secret")
    told = pytest.raises(VendorError, match="private address")
    with home, client_for(home) as http, told as caught:
        http.send(Request(home.url + "/from"))
    assert other.asked == []
    assert other.connections == 0
    assert "trusted_hosts" in caught.value.hint
    assert not caught.value.temporary


def test_a_name_that_resolves_to_a_private_address(public, other, monkeypatch):
    """The address is looked at when connecting, whatever the name was; not tried again."""
    monkeypatch.setattr(routes, "is_private_name", lambda _: False)
    clock = FakeClock()
    home = pointing(f"http://localhost:{other.port}/secret")
    with home, client_for(home, clock) as http:
        told = pytest.raises(VendorError, match=r"private address \((127\.0\.0\.1|::1)\)")
        with told as caught:
            http.send(Request(home.url + "/from"))
        assert http.send(Request(home.url + "/to")).body == b"here"  # the same handle, unguarded
    assert caught.value.where == f"http://localhost:{other.port}/secret"
    assert other.connections == 0
    assert clock.sleeps == []


def test_a_public_address_behind_a_private_one(public, other, monkeypatch):
    """A name with a private and a public address: the private one is passed over."""
    monkeypatch.setattr(routes, "is_private_name", lambda _: False)
    monkeypatch.setattr(slot, "is_private", lambda address: ":" in address)
    home = pointing(f"http://localhost:{other.port}/to")
    with home, client_for(home) as http:
        assert http.send(Request(home.url + "/from")).body == b"other"


def test_private_addresses_beside_a_private_vendor(other):
    """An in-house vendor may point to in-house hosts; a trusted or named one is never refused."""
    with pointing(other.url + "/to") as home, client_for(home) as http:
        assert http.send(Request(home.url + "/from")).body == b"other"


def test_what_the_config_names_may_be_private(public, other):
    """trusted_hosts and the token endpoint are the config's own choice."""
    for settings in ({"trusted_hosts": (other.url,)}, {"named_urls": (other.url + "/token",)}):
        with pointing(other.url + "/to") as home, client_for(home, **settings) as http:
            assert http.send(Request(home.url + "/from")).body == b"other"


@pytest.mark.parametrize(
    ("address", "private"),
    [
        ("8.8.8.8", False),
        ("2606:4700::1111", False),
        ("10.0.0.1", True),
        ("172.16.5.5", True),
        ("192.168.1.1", True),
        ("169.254.169.254", True),
        ("100.64.0.1", True),
        ("0.0.0.0", True),
        ("fe80::1%eth0", True),
        ("fd00::1", True),
        ("::1", True),
        ("::ffff:10.0.0.1", True),
        ("::ffff:8.8.8.8", False),
        ("64:ff9b::a9fe:a9fe", True),
        ("2002:7f00:1::", True),
    ],
)
def test_is_private(address, private):
    """Which addresses are not on the public internet, also those that hide another inside."""
    assert is_private(address) is private


# -- values --------------------------------------------------------------------------------------


def test_origins_as_values():
    """Case, default ports, dots at the end and user names change no origin; schemes do."""
    assert origin("HTTPS://API.Example.com./x") == ("https", "api.example.com", 443)
    assert origin("http://u:p@api.example.com?x") == ("http", "api.example.com", 80)
    assert origin("http://[::1]:8080/") == ("http", "::1", 8080)
    origins = Origins("https://api.example.com/v1", ("files.example.com:8443", "http://x.example"))
    assert origins.trusts("https://api.example.com:443/other")
    assert origins.trusts("https://files.example.com:8443/")
    assert origins.trusts("http://x.example/")
    for url in (
        "http://api.example.com/",
        "https://api.example.com:8443/",
        "https://files.example.com/",
        "https://api.example.com.evil.example/",
        "https://api.example.com@evil.example/",
        "https://evil.example/https://api.example.com/",
    ):
        assert not origins.trusts(url), url


@pytest.mark.parametrize("key", ["client.base_url", "client.trusted_hosts"])
def test_a_config_that_names_no_address(key):
    """base_url and trusted_hosts that are no addresses are the config's fault, by their key."""
    good, bad = "https://api.example.com", "not a host"
    origins = Origins(bad) if key == "client.base_url" else Origins(good, (bad,))
    with pytest.raises(ConfigError) as caught:
        origins.trusts(good)
    assert caught.value.where == key
    http = client_for(origins.base_url, trusted_hosts=origins.trusted_hosts)
    with http, pytest.raises(ConfigError, match="not an http"):
        list(http.run([Request(good)] * 5))


def test_private_names():
    """Names that are private before they are resolved."""
    assert [is_private_name(name) for name in ("localhost", "a.localhost", "10.1.2.3")] == [
        True
    ] * 3
    assert [is_private_name(name) for name in ("example.com", "localhost.com", "8.8.8.8")] == [
        False
    ] * 3


def test_in_ascii():
    """Only what libcurl cannot take is encoded; a host in letters of other scripts by IDNA."""
    for same in ("https://a/b%20c?x=%2F&y=[1]{2}|", "http://[::1]/"):
        assert in_ascii(same) is same
    assert in_ascii("https://bücher.example/é b") == "https://xn--bcher-kva.example/%C3%A9%20b"
    assert in_ascii("https://a/\ud800\n") == "https://a/%ED%A0%80%0A"


def test_queries():
    """A key is put into a query once, however often the vendor echoes it, and taken out alone."""
    key = (("key", "a b&"),)
    assert with_query("https://h/p", key) == "https://h/p?key=a+b%26"
    assert with_query("https://h/p?x=1#f", key) == "https://h/p?x=1&key=a+b%26"
    assert with_query("https://h/p?key=old&x=1&KEY=2", key) == "https://h/p?x=1&KEY=2&key=a+b%26"
    assert with_query("https://h/p?x=1", ()) == "https://h/p?x=1"
    assert without_query("https://h/p?key=a%20b%26&key=other&x", key) == "https://h/p?key=other&x"
    assert without_query("https://h/p?key=a+b%26#f", key) == "https://h/p#f"


@pytest.mark.parametrize("url", ["", "//", "http://", "http:///x", "https://?x", "http://a:b/"])
def test_no_address_at_all(url):
    """What has no host is no address."""
    with pytest.raises(ValueError, match="not an http"):
        origin(url)


def test_resolve_drops_fragments():
    """A link's fragment is not part of what is asked."""
    assert resolve("https://h/a/b", " c?x=1#y ") == "https://h/a/c?x=1"


def test_many_origins_are_forgotten():
    """A vendor that points to ever new hosts does not fill the memory."""
    with client_for("http://127.0.0.1:1") as http:
        begun = time.monotonic()
        for number in range(3000):
            http.routes.of(f"http://host{number}.example/x")
        assert len(http.routes._known) <= 1000
        assert time.monotonic() - begun < 10
