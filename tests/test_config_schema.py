"""The JSON Schema of a config: it takes what load_config takes, and refuses what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from config_dicts import config, seed, spoilt, with_endpoint, with_resource
from filehaul.config import load_config, schema
from filehaul.errors import ConfigError
from test_config import DESIGN

SCHEMA = schema()
VALIDATOR = Draft202012Validator(SCHEMA)


def valid(made: Any) -> bool:
    return VALIDATOR.is_valid(made)


def test_it_is_a_schema():
    """The schema itself is one, of the draft that it names."""
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == Draft202012Validator.META_SCHEMA["$id"]


def signing_in(**block: Any) -> dict[str, Any]:
    """A config with this ``auth``."""
    token_url = {"token_url": "https://x.example/token", "client_id": "i"}
    return spoilt("client.auth", {**token_url, **block})


RIGHT = {
    "seed 000": seed("000"),
    "seed 001": seed("001"),
    "design": yaml.safe_load(DESIGN),
    "dlt's spelling": spoilt(
        "client.auth",
        {
            "type": "oauth2_client_credentials",
            "access_token_url": "https://x",
            "access_token_request_data": {"a": 1},
            "client_id": "a",
            "client_secret": "b",
        },
    ),
    "secrets": spoilt("client.auth.client_secret", {"secret": "acme.client_secret"}),
    "a number by reference": spoilt("client.limits.concurrency", "${N}"),
    "token alone": spoilt("client.auth", {"token": "${T}"}),
    "a key for a secret": signing_in(type="oauth2", key="app.pem"),
    "an assertion": signing_in(type="oauth2_jwt_bearer", key={"text": "${K}"}, client_id=None),
    "a refresh token": signing_in(type="oauth2_refresh_token", refresh_token="${R}"),
    "a browser": signing_in(
        type="oauth2_authorization_code",
        authorization_url="https://x.example/auth",
        redirect_uri="http://localhost:8400",
        account={"path": "/me", "field": "login"},
        store="keyring",
    ),
    "a device": signing_in(
        type="oauth2_device_code", device_authorization_url="https://x.example/device"
    ),
    "api key": spoilt("client.auth", {"type": "api_key", "name": "X", "api_key": "y"}),
    "basic": spoilt("client.auth", {"type": "http_basic", "username": "u", "password": "p"}),
    "names alone": config(resources=["files", {"name": "memos", "endpoint": "/memos"}]),
    "paginator's name": with_endpoint(paginator="single_page"),
    "automatic": with_endpoint(paginator={"type": "auto"}),
    "nulls": config(sink=None, state=None, name=None, resource_defaults=None),
    "null block": spoilt("client.retry", None),
    "fields": with_resource(
        fields={
            "file_id": "id",
            "modified_at": {"path": "m", "codec": "epoch_ms"},
            "checksum": {"sha256": "a.b", "md5": {"path": "m", "codec": "base64"}},
        },
        content={"url_field": "download.url"},
        raw=True,
    ),
    "selectors": with_endpoint(data_selector=["files", "folders"], json={"q": 1}),
    "dlt's keys": with_resource(columns={}, processing_steps=[], merge_key="a"),
    "dlt's endpoint": with_endpoint(
        incremental={"cursor_path": "x", "row_order": "asc"}, response_actions=[]
    ),
    "incremental": with_endpoint(
        incremental={"cursor_path": "a.b", "start_param": "since", "lag": 60, "format": "epoch"}
    ),
    "sync type": with_resource(sync_type="history", deletes="none"),
    "deletes": with_resource(
        deletes={"how": "hard", "confirm": 2, "max": {"share": "12.5%", "always_allow": 0}}
    ),
    "deletes, share": with_resource(deletes={"max": {"share": 0.1}}),
    "long disposition": with_resource(
        write_disposition={"disposition": "merge", "strategy": "scd2"}
    ),
    "defaults": config(
        resource_defaults={"primary_key": ["a", "b"], "endpoint": {"method": "GET"}}
    ),
    "destination": config(destination={"type": "postgres", "credentials": "x"}, sink={"url": "f"}),
    "no total": with_endpoint(paginator={"type": "offset", "limit": 1, "total_path": None}),
    "walk": with_resource(
        walk={"root": 0, "path": "/f/{folder_id}", "folder": {"path": "type", "equals": "folder"}},
        endpoint={"paginator": "single_page"},
    ),
    "walk of several": with_resource(
        walk={
            "root": ["a", 1, {"id": "b", "name": "B", "path": "/root"}],
            "path": "/f/{folder_id}",
            "folder": {"path": "folder", "exists": True},
            "id_path": "id",
            "name_path": "name",
            "max_depth": 5,
        },
        endpoint={"paginator": "single_page"},
    ),
    "header link": with_endpoint(paginator={"type": "header_link", "header": "Next-Page"}),
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_is_taken(name, monkeypatch):
    """Every form that load_config takes, the schema takes too."""
    for variable in ("CLIENT_ID", "CLIENT_SECRET", "K", "R", "T"):
        monkeypatch.setenv(variable, "x")
    monkeypatch.setenv("N", "3")
    errors = [f"{list(e.path)}: {e.message}" for e in VALIDATOR.iter_errors(RIGHT[name])]
    assert not errors
    if name != "secrets":  # that one would ask dlt's providers
        load_config(RIGHT[name])


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("clinet", {}),
        ("client", ...),
        ("client", None),
        ("resources", ...),
        ("resources", []),
        ("client.base_url", ...),
        ("client.base_uri", "x"),
        ("client.auth.token_uri", "x"),
        ("client.auth.token_url", ...),
        ("client.auth.access_token_url", "https://second"),
        ("client.auth.type", "oauth3"),
        ("client.auth.key", 5),
        ("client.auth.key", {"fil": "x"}),
        ("client.auth.token_endpoint_auth_method", "client_secret"),
        ("client.auth", {"type": "oauth2", "token_url": "https://x", "client_id": "i"}),
        ("client.auth", {"type": "oauth2_device_code", "token_url": "https://x", "client_id": "i"}),
        ("client.retry.max_retries", 99),
        ("client.retry.max_retries", "many"),
        ("client.retry.statuses", [42]),
        ("client.limits.concurrency", 0),
        ("client.headers", {"X": 5}),
        ("client.paginator", "ofset"),
        ("resource_defaults.primry_key", "x"),
        ("resource_defaults.endpoint.method", "PUT"),
        ("resources.0.name", ...),
        ("resources.0", 5),
        ("resources.0.endpoint.pagnator", 1),
        ("resources.0.endpoint.json_body", {}),
        ("resources.0.endpoint.data_selector", 5),
        ("resources.0.endpoint.data_selector", []),
        ("resources.0.endpoint.paginator.limt", 1),
        ("resources.0.endpoint.paginator.limit", 0),
        ("resources.0.endpoint.paginator.limit", ...),
        ("resources.0.endpoint.paginator.type", "ofset"),
        ("resources.0.fields", {"fil_id": "x"}),
        ("resources.0.fields", {"file_id": 5}),
        ("resources.0.fields", {"file_id": {"path": "x", "codec": "epok"}}),
        ("resources.0.fields", {"checksum": {"sha257": "x"}}),
        ("resources.0.content", {"layot": "x"}),
        ("resources.0.content", {"path": "/{id}", "verify": "maybe"}),
        ("resources.0.write_disposition", "mrege"),
        ("resources.0.walk", "/folders"),
        ("resources.0.walk", {"root": 0, "path": "/{folder_id}"}),
        ("resources.0.walk.rot", 0),
        ("sink", 5),
        ("durable", "powr"),
        ("memory_limit", "lots"),
    ],
)
def test_what_is_wrong_with_one_key_is_refused(place, value):
    """The schema refuses it, and so does load_config."""
    made = spoilt(place, value)
    assert not valid(made)
    with pytest.raises(ConfigError):
        load_config(made)


def test_editors_have_something_to_show():
    """Every key of ours has a type or choices to complete from; the blocks say what they are."""
    blocks = {"": SCHEMA, **SCHEMA["$defs"]}
    bare = []
    for name, block in blocks.items():
        assert block.get("description"), name
        for key, value in block.get("properties", {}).items():
            shown = {"anyOf", "$ref", "type", "const", "enum", "description", "oneOf"} & set(value)
            if not shown:
                bare.append(f"{name}.{key}")
    assert not bare
    described = [
        *(("", key) for key in ("name", "sink", "destination", "dataset", "state", "durable")),
        *(("Endpoint", key) for key in ("path", "data_selector", "params", "json")),
        *(("Resource", key) for key in ("name", "primary_key", "fields", "raw", "content")),
        *(("Fields", key) for key in ("file_id", "size", "checksum", "version")),
        *(("OffsetPaginator", key) for key in ("limit", "total_path", "has_more_path")),
        *(("Content", key) for key in ("path", "url_field", "layout", "verify")),
        ("Client", "base_url"),
        ("OAuth2Auth", "token_url"),
        ("OAuth2Auth", "access_token_url"),
    ]
    for name, key in described:
        assert blocks[name]["properties"][key].get("description"), f"{name}.{key}"


def test_every_key_is_in_it():
    """The schema's keys of a resource and of the top level are those that load_config knows."""
    with pytest.raises(ConfigError) as error:
        load_config(config(zzz=1))
    assert set(error.value.hint.removeprefix("it takes: ").split(", ")) == set(SCHEMA["properties"])
    with pytest.raises(ConfigError) as error:
        load_config(spoilt("resources.0.zzz", 1))
    taken = set(error.value.hint.removeprefix("it takes: ").split(", "))
    assert taken == set(SCHEMA["$defs"]["Resource"]["properties"])
