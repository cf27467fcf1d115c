"""Our sign-ins where dlt's engine lists a resource."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import filehaul
from bare_server import Asked, BareServer, answer
from filehaul.errors import CredentialsError
from filehaul.testing import FakeFile, FakeVendor, Fault
from keys import rsa_pair

KEPT = Path(".filehaul/acme.tokens.json")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def config_of(vendor: FakeVendor, endpoint: dict[str, Any]) -> dict[str, Any]:
    """One resource of filehaul's engine, one of dlt's, and a refresh token."""
    auth = {
        "type": "oauth2_refresh_token",
        "token_url": vendor.token_url,
        "client_id": vendor.client_id,
        "refresh_token": vendor.grants.refresh_token(),
    }
    paging = {"type": "offset", "limit": 2}
    ours = {"path": "v1/files", "data_selector": "files", "paginator": paging}
    return {
        "name": "acme",
        "client": {"base_url": vendor.base_url, "auth": auth},
        "resource_defaults": {"primary_key": "id", "write_disposition": "merge"},
        "resources": [
            {"name": "files", "endpoint": ours},
            {"name": "theirs", "endpoint": {**ours, **endpoint}},
        ],
    }


def rows(config: dict[str, Any]) -> list[Any]:
    source = filehaul.rest_api_source(config)
    return [row for row in source.resources["theirs"] if row]


@pytest.fixture
def vendor(fake_vendor):
    return fake_vendor([FakeFile(f"f{n}", f"{n}.txt") for n in range(5)], client_secret="")


ACTIONS = {"response_actions": [{"status_code": 404, "action": "ignore"}]}


def test_both_engines_share_one_token(vendor):
    """A sync whose listings are filehaul's and dlt's: one token request, kept in the store; with
    tokens that the vendor forgot, dlt's listing renews once and loses no row.
    """
    config = config_of(vendor, ACTIONS)
    report = filehaul.sync({**config, "destination": "duckdb"})
    assert report.error is None
    assert report.resources["theirs"].engine == "dlt"
    assert report.resources["theirs"].listed == 5
    assert vendor.token_requests == 1
    [kept] = json.loads(KEPT.read_text())
    assert vendor.requests[-1].headers["authorization"] == f"Bearer {kept['access_token']}"
    vendor.expire_tokens()
    assert len(rows(config)) == 5
    assert vendor.token_requests == 2
    assert vendor.grants.refreshed == 2


def test_a_key_that_signs(place):
    """oauth2 with key, which dlt's own class does not know."""

    def told(asked: Asked) -> bytes:
        if asked.target == "/token":
            assert b"client_assertion=" in asked.body
            return answer(b'{"access_token": "t0ken"}')
        if asked.headers.get("authorization") != "Bearer t0ken":
            return answer(b"no", status="401 No")
        return answer(b'[{"id": 1}]', "Content-Type: application/json")

    with BareServer(told) as server:
        auth = {"type": "oauth2", "client_id": "us", "token_url": f"{server.url}/token"}
        auth["key"] = {"text": rsa_pair().pem()}
        endpoint = {"path": "x", "paginator": "single_page", **ACTIONS}
        config = {
            "client": {"base_url": server.url, "auth": auth},
            "resources": [{"name": "theirs", "endpoint": endpoint}],
        }
        assert [row["id"] for row in rows(config)] == [1]


def test_no_token_for_another_host(vendor):
    """A next link to another origin is followed by dlt without our token."""
    asked: list[dict[str, str]] = []

    def told(request: Asked) -> bytes:
        asked.append(request.headers)
        return answer(b'{"files": [{"id": "z"}]}', "Content-Type: application/json")

    with BareServer(told) as other:
        vendor = FakeVendor([FakeFile("f", "f.txt")], client_secret="")
        body = {"files": [{"id": "f"}], "next": f"{other.url}/more"}
        with vendor:
            vendor.script("/v1/files", Fault.json(body))
            paging = {"type": "json_link", "next_url_path": "next"}
            config = config_of(vendor, {**ACTIONS, "paginator": paging})
            assert [row["id"] for row in rows(config)] == ["f", "z"]
            assert "authorization" in vendor.requests[-1].headers
    [headers] = asked
    assert "authorization" not in headers


def test_a_refresh_token_that_is_dead(vendor):
    """A run of dlt's engine alone: exit 5, and the command to run."""
    config = config_of(vendor, ACTIONS)
    del config["resources"][0]
    vendor.grants.end_sign_ins()
    with pytest.raises(CredentialsError) as caught:
        filehaul.sync(config)
    assert caught.value.exit_code == 5
    assert caught.value.hint == "run filehaul.login(config)"
