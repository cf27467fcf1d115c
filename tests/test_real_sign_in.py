"""Every grant against an authorization server that others wrote (oidc-provider)."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from filehaul.config import load_config
from filehaul.connect import connect
from filehaul.errors import CredentialsError
from filehaul.http import Clock, Request
from filehaul.signing_in import Person, login
from keys import ec_pair, rsa_pair
from servers import Ann, OutOfReach, sign_in_server

pytestmark = [
    pytest.mark.slow,
    pytest.mark.server,
    pytest.mark.xdist_group("real servers"),
]
SECONDS = 300
KEPT = Path(".filehaul/acme.tokens.json")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    jwks = {"rsa": rsa_pair().jwk(), "ec": ec_pair().jwk()}
    try:
        with sign_in_server(tmp_path_factory.mktemp("sign-in"), jwks, SECONDS) as url:
            yield url
    except OutOfReach as why:
        pytest.skip(str(why))


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Hasty(Clock):
    """Its waits are short."""

    def sleep(self, seconds: float) -> None:
        super().sleep(min(seconds, 0.02))


def config_of(server: str, kind: str, client_id: str, **block: Any) -> dict[str, Any]:
    auth = {
        "type": f"oauth2_{kind}",
        "client_id": client_id,
        "token_url": f"{server}/token",
        **block,
    }
    return {
        "name": "acme",
        "client": {"base_url": server, "auth": auth},
        "resources": [{"name": "files", "endpoint": {"path": "me", "paginator": "single_page"}}],
    }


def person_config(server: str, kind: str, client_id: str, **block: Any) -> dict[str, Any]:
    """Somebody signs in; /me then says who it is."""
    more = {
        "authorization_url": f"{server}/auth",
        "device_authorization_url": f"{server}/device/auth",
        "authorization_params": {"prompt": "consent"},
        "scope": "openid offline_access",
        "account": {"path": "/me", "field": "sub"},
    }
    return config_of(server, kind, client_id, **more, **block)


def who(config: dict[str, Any]) -> str:
    """One request of a run."""
    loaded = load_config(config)
    with connect(loaded) as http:
        return json.loads(http.send(Request(f"{loaded.client.base_url}/me")).body)["sub"]


def kept() -> dict[str, Any]:
    [one] = json.loads(KEPT.read_text())
    return one


def change(**values: Any) -> None:
    """Make the store say so: that the token is due, for example."""
    KEPT.write_text(json.dumps([{**kept(), **values}]))


PROOFS = {
    "public-app": {},
    "own-app": {
        "client_secret": "app-s3cr3t",
        "token_endpoint_auth_method": "client_secret_basic",
    },
    "keyed-app": {"key": "rsa.pem"},
}


@pytest.mark.parametrize("client_id", PROOFS)
def test_a_browser_then_renewals(server, place, client_id):
    """Code with PKCE through the server's own pages, then two renewals, each by a new refresh
    token; and one that comes again ends the sign-in, as exit 5 says.
    """
    (place / "rsa.pem").write_text(rsa_pair().pem())
    config = person_config(server, "authorization_code", client_id, **PROOFS[client_id])
    done = login(config, person=Person(lambda _: None, Ann(), seconds=30))
    assert (done.account, done.renews) == ("ann@example.com", True)
    first = kept()["refresh_token"]
    seen = {first}
    for _ in range(2):
        assert who(config) == "ann@example.com"
        change(renew_at=0)
        assert who(config) == "ann@example.com"
        seen.add(kept()["refresh_token"])
    assert len(seen) == 3
    newest = kept()["refresh_token"]
    for spent in (first, newest):
        change(renew_at=0, refresh_token=spent)
        with pytest.raises(CredentialsError, match="invalid_grant") as caught:
            who(config)
        assert "filehaul.login" in caught.value.hint


PROCESS = """
import sys
from filehaul.config import load_config
from filehaul.connect import connect
from filehaul.http import Request
config = load_config("acme.yaml")
with connect(config) as http:
    print("ready", flush=True)
    sys.stdin.readline()
    print(http.send(Request(config.client.base_url + "/me")).status)
"""


def test_four_processes_at_once(server):
    """All find the token due at once: each gets an answer, and the sign-in lives on, which this
    server ends when a refresh token comes twice.
    """
    config = person_config(server, "authorization_code", "public-app")
    login(config, person=Person(lambda _: None, Ann(), seconds=30))
    Path("acme.yaml").write_text(yaml.safe_dump(config))
    command = [sys.executable, "-c", PROCESS]
    pipe = subprocess.PIPE
    for _ in range(2):
        change(renew_at=0)
        due = kept()
        all_four = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(4)]
        try:
            assert [one.stdout.readline() for one in all_four] == ["ready\n"] * 4
        finally:
            for one in all_four:
                one.stdin.write("go\n")
                one.stdin.flush()
            said = [one.communicate(timeout=60)[0] for one in all_four]
        assert said == ["200\n"] * 4
        assert kept()["refresh_token"] != due["refresh_token"]
    assert who(config) == "ann@example.com"


def test_a_401_of_the_real_server(server):
    """An access token that the server does not know: renewed once, and the answer comes."""
    config = person_config(server, "authorization_code", "public-app")
    login(config, person=Person(lambda _: None, Ann(), seconds=30))
    change(access_token="not-one-of-theirs")
    assert who(config) == "ann@example.com"


def test_another_device(server):
    """The code is entered on the server's own page, in another browser."""
    config = person_config(server, "device_code", "public-app")
    told: list[str] = []

    def tell(line: str) -> None:
        told.append(line)
        if line.startswith("or open"):
            code = told[0].rpartition(" ")[2]
            threading.Thread(target=Ann(code).go, args=(f"{server}/device",), daemon=True).start()

    done = login(config, person=Person(tell, lambda _: False), clock=Hasty())
    assert done.account == "ann@example.com"
    change(renew_at=0)
    assert who(config) == "ann@example.com"


@pytest.mark.parametrize(
    ("client_id", "key"),
    [
        ("rsa-machine", {"file": "rsa.pem"}),
        ("rsa-machine", {"file": "locked.pem", "passphrase": "open!", "algorithm": "RS512"}),
        ("rsa-machine", {"file": "both.pem", "algorithm": "PS256"}),
        ("ec-machine", {"file": "ec.pem"}),
    ],
)
def test_a_key_instead_of_a_secret(server, place, client_id, key):
    """private_key_jwt with RSA (PKCS #1 and PSS) and EC, an encrypted key, one with certificate."""
    pair = rsa_pair()
    (place / "rsa.pem").write_text(pair.pem())
    (place / "locked.pem").write_text(pair.pem("open!"))
    certificate = pair.certificate().public_bytes(_pem()).decode()
    (place / "both.pem").write_text(pair.pem() + certificate)
    (place / "ec.pem").write_text(ec_pair().pem())
    config = load_config(config_of(server, "client_credentials", client_id, key=key))
    with connect(config) as http:
        assert http.authorize.current().headers[0][1].startswith("Bearer ")


def _pem() -> Any:
    from cryptography.hazmat.primitives.serialization import Encoding

    return Encoding.PEM


def test_an_assertion(server, place):
    """RFC 7523 2.1: checked by jose; another subject or key is refused in the server's words."""
    (place / "rsa.pem").write_text(rsa_pair().pem())
    (place / "ec.pem").write_text(ec_pair().pem())
    right = {"key": "rsa.pem", "subject": "ann@example.com"}
    for block, good in (
        (right, True),
        ({**right, "subject": "bob@example.com"}, False),
        ({**right, "key": "ec.pem"}, False),
        ({**right, "key": {"file": "rsa.pem", "audience": "https://elsewhere.example"}}, False),
    ):
        config = load_config(config_of(server, "jwt_bearer", "asserting", **block))
        with connect(config) as http:
            if good:
                assert http.authorize.current().headers[0][1].startswith("Bearer ")
                continue
            with pytest.raises(CredentialsError, match="invalid_grant"):
                http.authorize.current()
