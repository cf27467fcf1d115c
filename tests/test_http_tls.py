"""TLS: which certificates are trusted, and that nothing leaves it in the clear."""

from __future__ import annotations

import pytest

from bare_server import BareServer, answer, client_for, redirect
from certificates import make
from clock import FakeClock
from filehaul import auth
from filehaul.config.model import Client
from filehaul.connect import settings_of
from filehaul.errors import ConfigError, VendorError
from filehaul.http import Request
from filehaul.http.tls import ca_bundle

VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
SECRET = "s3cr3t-value-of-ours"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def server(certificates):
    with BareServer(lambda _: answer(b"safe"), certificates.context()) as server:
        yield server


@pytest.fixture(autouse=True)
def no_variables(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_an_untrusted_certificate(server):
    """An error of the config that names client.ca_bundle; not tried again, nothing is sent."""
    clock = FakeClock()
    http = client_for(server, clock, ca_file=ca_bundle(None))
    with http, pytest.raises(ConfigError) as caught:
        http.send(Request(server.url + "/x"))
    problem = caught.value
    assert problem.message.startswith("the server's certificate is not trusted (")
    assert problem.where == server.url + "/x"
    assert "client.ca_bundle" in problem.hint
    assert problem.exit_code == 4
    assert not problem.temporary
    assert clock.sleeps == []
    assert server.asked == []
    assert server.connections == 1


def test_an_untrusted_certificate_elsewhere(server):
    """On a host that the config does not name it is that file's error alone."""
    with BareServer(lambda _: answer(b"here")) as home, client_for(home) as http:
        first, second = http.run([Request(server.url + "/x"), Request(home.url + "/y")], 1)
    assert isinstance(first.error, VendorError)
    assert "client.ca_bundle" in first.error.hint
    assert second.response.body == b"here"


def test_ca_bundle(server, certificates, tmp_path):
    """client.ca_bundle, relative to the config's folder, is what is trusted."""
    (tmp_path / "ours.pem").write_bytes(certificates.authority.read_bytes())
    client = Client(base_url=server.url, ca_bundle="ours.pem")
    settings = settings_of(client, tmp_path)
    assert settings.ca_file == str(tmp_path / "ours.pem")
    with client_for(server, ca_file=settings.ca_file) as http:
        assert http.send(Request(server.url + "/x")).body == b"safe"


@pytest.mark.parametrize("name", VARIABLES)
def test_the_variables(server, certificates, monkeypatch, name):
    """SSL_CERT_FILE, REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE are heeded, each by itself."""
    monkeypatch.setenv(name, str(certificates.authority))
    assert ca_bundle(None) == str(certificates.authority)
    with client_for(server, ca_file=ca_bundle(None)) as http:
        assert http.send(Request(server.url + "/x")).body == b"safe"


def test_the_config_goes_before_the_variables(certificates, monkeypatch, tmp_path):
    """client.ca_bundle, then SSL_CERT_FILE before the other two, then a store of the system's."""
    for name in VARIABLES:
        (tmp_path / name).write_text("")
        monkeypatch.setenv(name, str(tmp_path / name))
    assert ca_bundle(str(certificates.authority)) == str(certificates.authority)
    for name in VARIABLES:
        assert ca_bundle(None) == str(tmp_path / name)
        monkeypatch.setenv(name, "")
    assert ca_bundle(None) not in (None, "")


@pytest.mark.parametrize("name", [None, *VARIABLES])
def test_a_bundle_that_is_not_there(monkeypatch, tmp_path, name):
    """A file that does not exist is the config's fault, by the name of who names it."""
    missing = str(tmp_path / "missing.pem")
    if name:
        monkeypatch.setenv(name, missing)
    with pytest.raises(ConfigError) as caught:
        ca_bundle(None if name else missing)
    assert (name or "client.ca_bundle") in caught.value.where
    assert missing in caught.value.message


def test_a_bundle_that_is_no_bundle(server, tmp_path):
    """A file that is no PEM file stops the run with an error that says so."""
    (tmp_path / "bad.pem").write_text("not a certificate")
    told = pytest.raises(ConfigError, match="the certificate bundle cannot be read")
    with client_for(server, ca_file=str(tmp_path / "bad.pem")) as http, told as caught:
        http.send(Request(server.url + "/x"))
    assert "client.ca_bundle" in caught.value.hint


def test_a_folder_of_certificates(server, certificates, tmp_path):
    """A bundle may be a folder, as REQUESTS_CA_BUNDLE may."""
    import subprocess

    asked = ("openssl", "x509", "-hash", "-noout", "-in", str(certificates.authority))
    digest = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
    (tmp_path / f"{digest}.0").write_bytes(certificates.authority.read_bytes())
    with client_for(server, ca_file=str(tmp_path)) as http:
        assert http.send(Request(server.url + "/x")).body == b"safe"


def test_another_name(certificates):
    """A certificate of the trusted authority, for another name: not trusted."""
    server = BareServer(lambda _: answer(b"stranger"), certificates.context(stranger=True))
    http = client_for(server, ca_file=str(certificates.authority))
    with server, http, pytest.raises(ConfigError, match="not trusted"):
        http.send(Request(server.url + "/x"))
    assert server.asked == []


def test_insecure(server):
    """client.insecure turns verification off, and nothing else does."""
    with client_for(server, insecure=True) as http:
        assert http.send(Request(server.url + "/x")).body == b"safe"


@pytest.mark.parametrize("cert", ["client.pem", "client.pem, client.key"])
def test_a_client_certificate(certificates, cert):
    """client.cert: one PEM file, or certificate and key, relative to the config's folder."""
    client = Client(base_url="https://x", cert=cert)
    settings = settings_of(client, certificates.client.parent)
    server = BareServer(lambda _: answer(b"known"), certificates.context(ask_client=True))
    http = client_for(server, ca_file=str(certificates.authority), cert=settings.cert)
    with server, http:
        assert http.send(Request(server.url + "/x")).body == b"known"


@pytest.mark.parametrize(
    ("file", "words"), [(None, "wants a client certificate"), ("bad.pem", "cannot be used")]
)
def test_a_client_certificate_is_wanted(certificates, tmp_path, file, words):
    """A server that wants one, and a file that is none: errors that name client.cert."""
    (tmp_path / "bad.pem").write_text("not a certificate")
    cert = file and str(tmp_path / file)
    server = BareServer(lambda _: answer(b"known"), certificates.context(ask_client=True))
    http = client_for(server, ca_file=str(certificates.authority), cert=cert)
    with server, http, pytest.raises(ConfigError, match=words) as caught:
        http.send(Request(server.url + "/x"))
    assert "client.cert" in caught.value.hint
    assert server.asked == []


def test_from_https_to_http(certificates):
    """A redirect into the clear gets no credential, also to the same host and port number."""
    with BareServer(lambda _: answer(b"clear")) as clear:
        safe = BareServer(lambda _: redirect(clear.url + "/clear"), certificates.context())
        key = auth.api_key("key", SECRET, "query")
        with (
            safe,
            client_for(
                safe,
                authorize=key,
                headers=(("X-Tenant", SECRET),),
                ca_file=str(certificates.authority),
                trusted_hosts=(f"127.0.0.1:{clear.port}",),  # without a scheme: as base_url, https
            ) as http,
        ):
            assert http.send(Request(safe.url + "/from")).body == b"clear"
    assert SECRET in safe.asked[0].text
    assert clear.asked[0].target == "/clear"
    assert SECRET not in clear.asked[0].text


def test_many_at_once_over_tls(server, certificates):
    """Connections over TLS are kept and used again."""
    with client_for(server, ca_file=str(certificates.authority), concurrency=4) as http:
        results = list(http.run([Request(server.url + "/x")] * 60))
    assert all(result.response.body == b"safe" for result in results)
    assert server.connections == 4
