"""`filehaul login`: a browser, a pasted address, another device; and what is kept of it."""

from __future__ import annotations

import base64
import json
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import yaml
from typer.testing import CliRunner

import filehaul
from authorizing import AuthorizationServer, Browser, sent_to
from clock import FakeClock
from filehaul.cli.verbs import app
from filehaul.config import load_config
from filehaul.connect import connect
from filehaul.errors import ConfigError, CredentialsError, TemporaryError, UsageError
from filehaul.http import Request
from filehaul.signing_in import Person, login, open_browser, sign_out
from filehaul.status import status

KEPT = Path(".filehaul/acme.tokens.json")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def server() -> Iterator[AuthorizationServer]:
    with AuthorizationServer() as server:
        yield server


def config_of(server: AuthorizationServer, kind: str = "authorization_code", **block: Any) -> Any:
    """A public client that may sign in both ways."""
    auth = {
        "type": f"oauth2_{kind}",
        "client_id": "our-app",
        "token_url": f"{server.url}/token",
        "authorization_url": f"{server.url}/authorize?tenant=acme",
        "device_authorization_url": f"{server.url}/device",
        "scope": "files.read offline_access",
        **block,
    }
    return {
        "name": "acme",
        "client": {"base_url": f"{server.url}/v1", "auth": {k: v for k, v in auth.items() if v}},
        "resources": [{"name": "files", "endpoint": {"path": "f", "paginator": "single_page"}}],
    }


def person(browser: Any, told: list[str] | None = None, **more: Any) -> Person:
    return Person((told if told is not None else []).append, browser, **{"seconds": 10, **more})


def ask(config: dict[str, Any], clock: FakeClock) -> int:
    loaded = load_config(config)
    with connect(loaded, clock) as http:
        return http.send(Request(loaded.client.base_url)).status


def posted(server: AuthorizationServer) -> list[dict[str, str]]:
    """The forms that came to the token endpoint."""
    return [dict(parse_qsl(one.body.decode())) for one in server.asked if one.target == "/token"]


# -- with a browser ------------------------------------------------------------------------------


def test_with_a_browser(server):
    """Code and PKCE, the account by the vendor's word; runs then need nobody, and renew."""
    clock, browser, told = FakeClock(), Browser(), []
    account = {"path": "/me", "field": "user.mail"}
    config = config_of(server, account=account, authorization_params={"access_type": "offline"})
    done = login(config, person=person(browser, told), clock=clock)
    assert (done.account, done.renews) == ("ann@example.com", True)
    browser.threads[0].join()
    [(code, page)] = browser.pages
    assert code == 200
    assert "close this window" in page
    asked = dict(parse_qsl(urlsplit(server.asked[0].target).query))
    redirect_uri = asked.pop("redirect_uri")
    assert urlsplit(redirect_uri).hostname == "127.0.0.1"
    assert urlsplit(redirect_uri).port
    assert len(asked.pop("state")) >= 32
    assert len(asked.pop("code_challenge")) == 43
    assert asked == {
        "tenant": "acme",
        "response_type": "code",
        "client_id": "our-app",
        "code_challenge_method": "S256",
        "scope": "files.read offline_access",
        "access_type": "offline",
    }
    assert ask(config, clock) == 200
    assert len(posted(server)) == 1
    clock.now += 3600
    assert ask(config, clock) == 200
    [exchanged, renewed] = posted(server)
    assert exchanged["redirect_uri"] == redirect_uri
    assert len(exchanged["code_verifier"]) >= 43
    assert renewed["grant_type"] == "refresh_token"
    assert "scope" not in renewed
    assert not server.given & set(" ".join(told).split())


def test_the_port_and_path_of_the_config(server):
    """redirect_uri is sent as the vendor knows it: this host, this port, this path."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        uri = f"http://localhost:{port}/back/here"
        with pytest.raises(ConfigError, match="nothing can listen") as caught:
            login(config_of(server, redirect_uri=uri), person=person(Browser()))
        assert uri in caught.value.where
    login(config_of(server, redirect_uri=uri), person=person(Browser()))
    assert posted(server)[0]["redirect_uri"] == uri


def test_others_who_call(server):
    """A connection that says nothing, another path, another state, a flood: answered or dropped,
    and the sign-in goes on.
    """
    browser = Browser()
    idle = []

    def opening(address: str) -> bool:
        uri = dict(parse_qsl(urlsplit(address).query))["redirect_uri"]
        where = (urlsplit(uri).hostname, urlsplit(uri).port)
        idle.append(socket.create_connection(where))
        with socket.create_connection(where) as flood:
            flood.sendall(b"GET /?x=" + b"y" * 40_000)

        def all_of_them() -> None:
            browser.open(f"{uri}favicon.ico")
            browser.open(f"{uri}?code=theirs&state=another")
            browser.open(f"{uri}?code=theirs")
            browser.open(address)

        browser.open, run = browser.open, all_of_them

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        browser.threads.append(thread)
        return True

    assert login(config_of(server), person=person(opening)).renews
    browser.threads[0].join()
    assert [code for code, _ in browser.pages] == [404, 400, 400, 200]
    assert "theirs" not in [form.get("code") for form in posted(server)]
    idle[0].close()


def test_the_vendor_or_its_user_refuses(server):
    """access_denied: exit 5, the vendor's words, nothing is kept."""
    server.denies = True
    with pytest.raises(CredentialsError, match="access_denied She would not") as caught:
        login(config_of(server), person=person(Browser()))
    assert caught.value.exit_code == 5
    assert "Nor I." in caught.value.message
    assert "\x1b" not in str(caught.value)
    assert not KEPT.exists()


def test_a_code_that_is_refused(server):
    """What the token endpoint says to the code is told."""
    config = config_of(server)

    def opening(address: str) -> bool:
        server.codes.clear()
        browser = Browser()
        return browser(address.replace("code_challenge=", "code_challenge=x"))

    with pytest.raises(CredentialsError, match="invalid_grant"):
        login(config, person=person(opening))
    assert not KEPT.exists()


def test_nobody_comes(server):
    """After the time that was given: exit 6."""
    with pytest.raises(TemporaryError, match="nobody signed in within 0 seconds"):
        login(config_of(server), person=person(lambda _: False, seconds=0.05))


def test_a_pasted_address(server):
    """From a browser on another machine: other lines are ignored, the right address is used."""
    told: list[str] = []
    reads, writes = os.pipe()

    def opening(address: str) -> bool:
        where = sent_to(address)
        os.write(writes, b"what?\nhttp://127.0.0.1/?code=theirs&state=no\n" + where[:40].encode())
        os.write(writes, where[40:].encode() + b"\n")
        os.close(writes)
        return False

    done = login(config_of(server), person=person(opening, told, typed=reads))
    os.close(reads)
    assert done.renews
    assert told[0] == "open this address in a browser:"
    assert told[1].startswith(f"{server.url}/authorize?")
    assert "paste" in told[2]
    assert [line[:20] for line in told[3:]] == ["that is not where th"] * 2


def test_no_terminal_to_paste_into(server):
    """An end of what is typed is not an end of the wait."""
    reads, writes = os.pipe()
    os.close(writes)
    assert login(config_of(server), person=person(Browser(), typed=reads)).renews
    os.close(reads)


def test_without_windows_no_browser_is_opened(monkeypatch):
    """A server has text browsers, which would take over the terminal."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    assert open_browser("http://127.0.0.1/") is False


# -- with another device -------------------------------------------------------------------------


def test_with_another_device(server):
    """The code is shown; questions come at the vendor's pace, slower where it says so."""
    server.pending = [("400 No", "authorization_pending"), ("428 Wait", "authorization_pending")]
    server.pending += [("400 No", "slow_down"), ("200 OK", "authorization_pending")]
    clock, told = FakeClock(), []
    config = config_of(server, "device_code", authorization_url=None)
    login(config, person=person(Browser(), told), clock=clock)
    assert told == [f"open {server.url}/enter on any machine, and enter the code WDJB-MJHT"]
    assert clock.slept == 2 + 2 + 2 + 7 + 7
    assert json.loads(KEPT.read_text())[0]["refresh_token"] in server.given
    form = dict(parse_qsl(server.asked[0].body.decode()))
    assert form == {"client_id": "our-app", "scope": "files.read offline_access"}
    assert ask(config, clock) == 200


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("access_denied", "was refused"),
        ("authorization_declined", "was refused"),
        ("expired_token", "has expired"),
        ("invalid_client", "invalid_client"),
    ],
)
def test_a_device_that_gets_nothing(server, error, words):
    """Refused, expired, or the client is wrong: exit 5 at once, nothing kept."""
    server.pending = [("400 No", error)]
    with pytest.raises(CredentialsError, match=words):
        login(config_of(server, "device_code"), clock=FakeClock())
    assert not KEPT.exists()


def test_a_code_that_nobody_enters(server):
    """It ends with the code's own life."""
    server.pending = [("400 No", "authorization_pending")] * 400
    clock = FakeClock()
    with pytest.raises(CredentialsError, match="has expired"):
        login(config_of(server, "device_code"), person=person(Browser()), clock=clock)
    assert clock.slept == 600


def test_device_where_the_config_names_both(server):
    """device=True chooses; where there is no such way, that is said."""
    config = config_of(server)
    told: list[str] = []
    login(config, device=True, person=person(Browser(), told), clock=FakeClock())
    assert "WDJB-MJHT" in told[0]
    with pytest.raises(UsageError, match="another device"):
        login(config_of(server, device_authorization_url=None), device=True)


# -- what is kept, and what is said of it ----------------------------------------------------------


def test_without_a_refresh_token(server):
    """The access token serves until its end; then exit 5 says to sign in again."""
    server.renews = False
    clock, config = FakeClock(), config_of(server)
    done = login(config, person=person(Browser()), clock=clock)
    assert not done.renews
    assert "there is no refresh token" in done.line()
    clock.now += 3599
    assert ask(config, clock) == 200
    clock.now += 2
    with pytest.raises(CredentialsError, match="no refresh token") as caught:
        ask(config, clock)
    assert "filehaul.login" in caught.value.hint


def test_another_scope_is_another_sign_in(server):
    """Tokens for fewer rights are not taken for those that the config asks for now."""
    login(config_of(server), person=person(Browser()), clock=FakeClock())
    with pytest.raises(CredentialsError, match="nobody is signed in"):
        ask(config_of(server, scope="files.write"), FakeClock())


def test_the_account_of_an_id_token(server):
    """Where the config names no account, an ID token's claims do."""
    claims = base64.urlsafe_b64encode(b'{"sub": "7", "email": "ida@example.com"}').decode()
    server.more = {"id_token": f"e30.{claims.rstrip('=')}.sig", "refresh_token_expires_in": 86400}
    done = login(config_of(server), person=person(Browser()), clock=FakeClock())
    assert done.account == "ida@example.com"
    assert done.renews_until is not None
    server.more = {"id_token": "not a token"}
    assert login(config_of(server), person=person(Browser())).account is None


@pytest.mark.parametrize("path", ["/me", "me", "{url}/v1/me"])
def test_an_account_that_cannot_be_asked(server, path):
    """A wrong path or field is no reason to lose the sign-in."""
    account = {"path": path.replace("{url}", server.url), "field": "user.nope"}
    done = login(config_of(server, account=account), person=person(Browser()))
    assert done.account is None
    assert ask(config_of(server, account=account), FakeClock()) == 200


def test_status_says_who_is_signed_in(server):
    """Account and times, by the library and the command line; no token in any of it."""
    config = config_of(server)
    Path("acme.yaml").write_text(yaml.safe_dump(config))
    nobody = CliRunner().invoke(app, ["status", "acme.yaml"])
    assert "signed in    nobody yet: filehaul login" in nobody.stdout
    account = {"path": f"{server.url}/v1/me", "field": "user.mail", "method": "POST"}
    login(config_of(server, account=account), person=person(Browser()))
    assert [one.method for one in server.asked if one.target == "/v1/me"] == ["POST"]
    checked = CliRunner().invoke(app, ["check", "acme.yaml"]).stdout
    assert "oauth2_authorization_code: a token was obtained for ann@example.com" in checked
    found = status("acme.yaml")["login"]
    assert found["account"] == "ann@example.com"
    assert found["renews"] is True
    assert found["place"] == str(Path(KEPT).absolute())
    plain = CliRunner().invoke(app, ["status", "acme.yaml"]).stdout
    assert "signed in    ann@example.com, access until 20" in plain
    as_json = CliRunner().invoke(app, ["status", "acme.yaml", "--json"]).stdout
    assert json.loads(as_json)["login"]["access_until"]
    for secret in server.given:
        assert secret not in plain + as_json


def test_status_with_a_store_that_is_refused(server):
    """The rest is told all the same."""
    login(config_of(server), person=person(Browser()))
    KEPT.chmod(0o644)
    found = status(config_of(server))
    assert found["login"] == {
        "account": None,
        "line": "others may read the token store, or write it",
    }
    assert found["places"]["ledger"]


def test_status_without_the_variables(server, monkeypatch):
    """It is asked without secrets in the environment; then the newest sign-in is told of."""
    config = config_of(server, client_id="${OUR_CLIENT}")
    Path("acme.yaml").write_text(yaml.safe_dump(config))
    monkeypatch.setenv("OUR_CLIENT", "our-app")
    login("acme.yaml", person=person(Browser()))
    assert status("acme.yaml")["login"]["renews"] is True
    assert status(config_of(server, client_id="another"))["login"]["line"].startswith("nobody")
    monkeypatch.delenv("OUR_CLIENT")
    assert status("acme.yaml")["login"]["renews"] is True


def test_the_command(server, monkeypatch):
    """login, status, login --remove; the JSON line; nothing secret on stdout or stderr."""
    monkeypatch.setattr("filehaul.cli.login.open_browser", Browser())
    Path("acme.yaml").write_text(yaml.safe_dump(config_of(server)))
    run = CliRunner().invoke
    said = run(app, ["login", "acme.yaml"])
    assert said.exit_code == 0
    assert "signed in: an account that the vendor does not name, access until" in said.stdout
    assert f"kept in {Path(KEPT).absolute()}" in said.stdout
    as_json = run(app, ["login", "acme.yaml", "--json"])
    row = json.loads(as_json.stdout)
    assert (row["event"], row["name"], row["renews"]) == ("login", "acme", True)
    for secret in server.given:
        assert secret not in said.output + said.stderr + as_json.output + as_json.stderr
    assert run(app, ["login", "acme.yaml", "--remove"]).stdout.startswith("signed out")
    assert not KEPT.exists()
    gone = run(app, ["login", "acme.yaml", "--remove", "--json"])
    assert json.loads(gone.stdout) == {"event": "signed out", "found": False}
    late = run(app, ["login", "acme.yaml", "--no-browser", "--timeout", "1"])
    assert late.exit_code == 6
    assert "open this address" in late.stderr


def test_a_refresh_token_by_hand(server):
    """oauth2_refresh_token without a way to sign in: it is read from stdin, used, and kept."""
    server.given.add("r-from-elsewhere")
    nowhere = {"authorization_url": None, "device_authorization_url": None, "scope": None}
    config = config_of(server, "refresh_token", **nowhere)
    Path("acme.yaml").write_text(yaml.safe_dump(config))
    run = CliRunner().invoke
    said = run(app, ["login", "acme.yaml"], input="r-from-elsewhere\n")
    assert said.exit_code == 0
    [kept] = json.loads(KEPT.read_text())
    assert kept["refresh_token"] in server.given - {"r-from-elsewhere"}
    for wrong in ("\n", "wrong\n"):
        assert run(app, ["login", "acme.yaml"], input=wrong).exit_code == 5
    assert json.loads(KEPT.read_text()) == [kept]
    assert ask(config, FakeClock()) == 200
    with pytest.raises(UsageError, match="nobody is asked"):
        filehaul.login(config)


def test_a_config_that_needs_nobody(server):
    """client credentials and bearer tokens: exit 2, and which types people sign in for."""
    config = config_of(server)
    config["client"]["auth"] = {"type": "bearer", "token": "abcdef"}
    for act in (login, sign_out):
        with pytest.raises(UsageError, match="its auth is bearer"):
            act(config)
