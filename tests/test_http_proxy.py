"""Proxies: client.proxy, the environment's variables, NO_PROXY, and what a proxy may see."""

from __future__ import annotations

import contextlib
import socket
import threading

import pytest

from bare_server import Asked, BareServer, Kept, answer, client_for, redirect
from certificates import make
from clock import FakeClock
from filehaul.errors import AnswerError, ConfigError, TemporaryError, VendorError
from filehaul.http import Origins, Request
from filehaul.http.proxies import Proxies

NAMES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def no_variables(monkeypatch):
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def home():
    with BareServer(lambda _: answer(b"home")) as server:
        yield server


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)


def forwarding(asked: Asked) -> bytes | None:
    """A proxy: a tunnel for CONNECT; plain requests it answers itself, with what it was asked."""
    if asked.method != "CONNECT":
        return answer(f"proxied {asked.target}".encode())
    host, _, port = asked.target.rpartition(":")
    with socket.create_connection((host, int(port))) as beyond:
        asked.wire.sendall(b"HTTP/1.1 200 Connection established\r\nX-Proxy: 1\r\n\r\n")
        threading.Thread(target=_pump, args=(beyond, asked.wire), daemon=True).start()
        _pump(asked.wire, beyond)
    return None


@pytest.fixture
def proxy():
    with BareServer(forwarding) as server:
        yield server


def test_client_proxy(home, proxy):
    """client.proxy is asked for everything; without a scheme it is one for http."""
    for written in (proxy.url, proxy.url.removeprefix("http://")):
        with client_for(home, proxy=written) as http:
            body = http.send(Request(home.url + "/x")).body
        assert body == f"proxied {home.url}/x".encode()
    assert home.asked == []


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
def test_the_variables(home, proxy, monkeypatch, name):
    """HTTP_PROXY and ALL_PROXY in either spelling, also in capitals, which libcurl ignores."""
    monkeypatch.setenv(name, proxy.url)
    with client_for(home) as http:
        assert http.send(Request(home.url + "/x")).body.startswith(b"proxied")
    monkeypatch.setenv("NO_PROXY", "example.com, 127.0.0.0/8")
    with client_for(home) as http:
        assert http.send(Request(home.url + "/x")).body == b"home"
    assert len(proxy.asked) == 1


def test_an_empty_client_proxy_is_none(home, proxy, monkeypatch):
    """`proxy: ""` in the config goes before the variables: no proxy."""
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    with client_for(home, proxy="") as http:
        assert http.send(Request(home.url + "/x")).body == b"home"
    assert proxy.asked == []


def test_a_tunnel(certificates, proxy, monkeypatch):
    """HTTPS_PROXY: the proxy is asked for a tunnel, and sees neither path nor credentials."""
    secret = (("X-Tenant", "s3cr3t-value"),)
    with BareServer(lambda _: answer(b"safe", "X-Own: 1"), certificates.context()) as safe:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        authority = str(certificates.authority)
        with client_for(safe, ca_file=authority, headers=secret) as http:
            response = http.send(Request(safe.url + "/x?key=s3cr3t-value"))
    assert response.body == b"safe"
    assert "x-own" in response.headers
    assert "x-proxy" not in response.headers
    assert [asked.method for asked in proxy.asked] == ["CONNECT"]
    assert proxy.asked[0].target == safe.url.removeprefix("https://")
    assert "s3cr3t-value" not in proxy.asked[0].text
    assert safe.asked[0].headers["x-tenant"] == "s3cr3t-value"


def test_a_refusal_through_a_tunnel(certificates, proxy):
    """The proxy's 200 for the tunnel is not the answer of the vendor, which says 404."""
    gone = BareServer(lambda _: answer(b"gone", status="404 Gone"), certificates.context())
    kept = Kept()
    http = client_for(gone, ca_file=str(certificates.authority), proxy=proxy.url)
    with gone, http, pytest.raises(AnswerError, match="HTTP 404: gone"):
        http.send(Request(gone.url + "/x", writer=kept))
    assert kept.heads == []


def test_a_proxy_with_a_password(home, proxy):
    """User and password of client.proxy go to the proxy, and into no error."""
    written = proxy.url.replace("http://", "http://user:pa55word@")
    proxy.answering = lambda _: answer(b"go away", status="407 Proxy Authentication Required")
    with client_for(home, proxy=written) as http, pytest.raises(AnswerError) as caught:
        http.send(Request(home.url + "/x"))
    assert proxy.asked[0].headers["proxy-authorization"] == "Basic dXNlcjpwYTU1d29yZA=="
    assert "pa55word" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "kind"),
    [("407 Who", ConfigError), ("403 No", ConfigError), ("502 Bad", TemporaryError)],
)
def test_a_proxy_that_refuses_a_tunnel(certificates, proxy, status, kind):
    """407 and 403 are the config's to mend, not tried again; 502 is temporary."""
    proxy.answering = lambda _: answer(b"", status=status)
    clock = FakeClock()
    http = client_for("https://vendor.example", clock, proxy=proxy.url)
    with http, pytest.raises(kind) as caught:
        http.send(Request("https://vendor.example/x"))
    if kind is ConfigError:
        assert f"the proxy refused (HTTP {status[:3]})" in caught.value.message
        assert "client.proxy" in caught.value.hint
        assert len(proxy.asked) == 1
    else:
        assert len(proxy.asked) == 4


def test_a_proxy_that_refuses_one_host(proxy, home):
    """A proxy's 403 for a host that the config does not name is that file's error alone."""

    def picky(asked):
        return answer(b"", status="403 No") if asked.method == "CONNECT" else answer(b"ok")

    proxy.answering = picky
    requests = [Request("https://elsewhere.example/x"), Request(home.url + "/y")]
    with client_for(home, proxy=proxy.url) as http:
        first, second = http.run(requests, 1)
    assert isinstance(first.error, VendorError)
    assert second.response.body == b"ok"


def test_a_proxy_that_is_not_there(home):
    """No proxy at its address: temporary, and the hint says to check it."""
    with BareServer(lambda _: None) as gone:
        pass
    with client_for(home, proxy=gone.url) as http, pytest.raises(TemporaryError) as caught:
        http.send(Request(home.url + "/x"))
    assert "proxy" in caught.value.hint
    assert home.asked == []


def test_the_guard_and_the_proxy(proxy, monkeypatch):
    """A proxy on a private address may be connected to; private targets are refused still."""
    monkeypatch.setattr(Origins, "base_is_private", False)
    proxy.answering = lambda asked: (
        redirect(asked.target.rpartition("to=")[2]) if "to=" in asked.target else answer(b"through")
    )
    base = "http://vendor.example"
    with client_for(base, proxy=proxy.url) as http:
        to = "http://elsewhere.example/x"
        assert http.send(Request(f"{base}/from?to={to}")).body == b"through"
        with pytest.raises(VendorError, match="private address"):
            http.send(Request(f"{base}/from?to=http://169.254.169.254/latest"))


def test_the_guard_where_no_proxy_leads_around(proxy, home, monkeypatch):
    """With NO_PROXY the connection is our own again, and its address is looked at."""
    monkeypatch.setattr(Origins, "base_is_private", False)
    monkeypatch.setattr("filehaul.http.routes.is_private_name", lambda _: False)
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv("NO_PROXY", "localhost")
    proxy.answering = lambda _: redirect(f"http://localhost:{home.port}/x")
    told = pytest.raises(VendorError, match="private address")
    with client_for("http://vendor.example") as http, told:
        http.send(Request("http://vendor.example/from"))
    assert home.connections == 0


@pytest.mark.parametrize(
    ("no_proxy", "host", "direct"),
    [
        ("example.com", "example.com", True),
        ("example.com", "api.example.com", True),
        (".example.com", "api.example.com", True),
        ("*.example.com", "api.example.com", True),
        ("example.com", "badexample.com", False),
        ("example.com", "example.com.evil.example", False),
        ("EXAMPLE.com other.org", "example.com", True),
        ("*", "anything.example", True),
        ("example.com:443", "example.com", True),
        ("example.com:8443", "example.com", False),
        ("10.0.0.0/8", "10.2.3.4", True),
        ("10.0.0.0/8", "11.2.3.4", False),
        ("10.2.3.4", "10.2.3.4", True),
        ("::1,fd00::/8", "fd00::5", True),
        ("[::1]:443", "::1", True),
        ("", "example.com", False),
        (",,", "example.com", False),
    ],
)
def test_no_proxy(monkeypatch, no_proxy, host, direct):
    """Names, subdomains, ports, addresses and networks of NO_PROXY."""
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", no_proxy)
    assert (Proxies(None).of(("https", host, 443)) == "") is direct
    assert (Proxies("http://own.example").of(("https", host, 443)) == "") is direct
    assert Proxies(None).of(("http", host, 80)) == ""
