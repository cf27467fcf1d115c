"""The two classes that dlt gains: the token request, and paging without `total`."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest

import filehaul.dlt_plugin
from dlt_vendor import CLIENT_ID, CLIENT_SECRET, Vendor, serving
from filehaul.errors import ConfigError, CredentialsError, VendorError


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    with serving() as server:
        yield server


def oauth2(vendor: Vendor, **settings: Any) -> Any:
    named = {"token_url": f"{vendor.url}/oauth/token", "client_id": CLIENT_ID}
    init = {**named, "client_secret": CLIENT_SECRET, **settings}
    return filehaul.dlt_plugin.OAuth2.from_init_value(init)


def listed(vendor: Vendor, auth: Any = None, selector: str = "files", **paging: Any) -> list[Any]:
    from dlt.sources.helpers.rest_client import RESTClient

    paginator = filehaul.dlt_plugin.Offset(limit=100, **paging)
    client = RESTClient(vendor.url, auth=auth or oauth2(vendor), paginator=paginator)
    return [row for page in client.paginate("/v1/files", data_selector=selector) for row in page]


@pytest.mark.parametrize("basic", [True, False], ids=["basic", "post"])
def test_the_token_request(basic, vendor):
    """Secret in the header, form-encoded, or in the body, never both; scope, audience, extra."""
    method = "client_secret_basic" if basic else "client_secret_post"
    auth = oauth2(
        vendor,
        client_secret="a b:c/ü+%",
        token_endpoint_auth_method=method,
        scope="read write",
        audience="files",
        extra={"tenant": "t1", "scope_hint": None},
        access_token_request_data={"audience": "dlt wins"},
    )
    assert len(listed(vendor, auth)) == 250
    header, form = vendor.token_requests()[0]
    ours = {"scope": "read write", "audience": "dlt wins", "tenant": "t1"}
    expected = {"grant_type": "client_credentials", **ours}
    if basic:
        assert header is not None
        scheme, encoded = header.split()
        assert scheme == "Basic"
        assert base64.b64decode(encoded).decode() == f"{CLIENT_ID}:a+b%3Ac%2F%C3%BC%2B%25"
        assert form == expected
    else:
        assert header is None
        assert form == {**expected, "client_id": CLIENT_ID, "client_secret": "a b:c/ü+%"}
    assert len(vendor.token_requests()) == 1


def test_an_endpoint_takes_it_too(vendor):
    """`auth` inside `endpoint` accepts token_url and is used for that endpoint."""
    from dlt.sources.rest_api import rest_api_source

    auth = {"type": "oauth2", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    auth |= {"token_url": f"{vendor.url}/oauth/token", "extra": {"tenant": "t1"}}
    paginator = {"type": "offset", "limit": 100}
    endpoint = {"path": "/v1/files", "auth": auth, "data_selector": "files", "paginator": paginator}
    resource = {"name": "files", "max_table_nesting": 0, "endpoint": endpoint}
    source = rest_api_source({"client": {"base_url": vendor.url}, "resources": [resource]})
    assert len(list(source)) == 250
    assert vendor.token_requests()[0][1]["tenant"] == "t1"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"token": "t", "ok": True}, "the answer's keys are: token, ok"),
        ({"access_token": None}, "the answer's keys are: access_token"),
        (["a"], "the answer's keys are: none"),
        (
            {"error": "invalid_client", "error_description": f"not {CLIENT_SECRET}"},
            "invalid_client: not ***",
        ),
        (b"<html>please log in</html>", "the answer is not JSON"),
    ],
)
def test_no_token_is_a_clear_error(answer, words, vendor):
    """An answer without access_token is told in plain words, without the secret."""
    vendor.token_answer = answer
    with pytest.raises(CredentialsError, match="the token request gave no access_token") as caught:
        listed(vendor)
    assert words in str(caught.value)
    assert f"{vendor.url}/oauth/token" in str(caught.value)
    assert CLIENT_SECRET not in str(caught.value)
    assert vendor.offsets() == []


def test_contradicting_keys_are_refused(vendor):
    """Two different token URLs, and an unknown auth method, name the keys; nothing is asked."""
    with pytest.raises(ConfigError, match="token_url and access_token_url"):
        oauth2(vendor, access_token_url=f"{vendor.url}/other")
    with pytest.raises(ConfigError, match="'private_key_jwt' is not known"):
        listed(vendor, oauth2(vendor, token_endpoint_auth_method="private_key_jwt"))
    assert vendor.log == []


def test_capped_pages_without_total_lose_nothing(vendor):
    """Pages of 40 where 100 were asked: steps of 40, all 250 rows; with `total` dlt's own steps."""
    vendor.cap = 40
    assert [row["id"] for row in listed(vendor)] == [row["id"] for row in vendor.files]
    assert vendor.offsets() == [0, 40, 80, 120, 160, 200, 240, 250]
    vendor.log.clear()
    vendor.total = True
    assert len(listed(vendor)) == 120
    assert vendor.offsets() == [0, 100, 200]


@pytest.mark.parametrize(
    ("selector", "cap", "rows", "offsets"),
    [
        ("files[*]", 40, 250, [0, 40, 80, 120, 160, 200, 240, 250]),
        ("files[?(@.kind == 'file')]", 100, 125, [0, 100, 200, 300]),
        ("files[*].versions[*]", 100, 750, [0, 100, 200, 300]),
        ("files[?(@.id == 'id-7')].versions", 100, 3, [0, 100]),
    ],
)
def test_selectors_without_total(selector, cap, rows, offsets, vendor):
    """Rows that are the page's array step by their number, picked or joined ones by `limit`."""
    vendor.cap = cap
    assert len(listed(vendor, selector=selector)) == rows
    assert vendor.offsets() == offsets


def test_dlts_other_ends_hold_without_total(vendor):
    """maximum_offset and has_more_path end a listing without `total`, and save the empty page."""
    assert len(listed(vendor, maximum_offset=200)) == 200
    assert vendor.offsets() == [0, 100]
    vendor.log.clear()
    vendor.has_more = True
    assert len(listed(vendor, has_more_path="has_more", stop_after_empty_page=False)) == 250
    assert vendor.offsets() == [0, 100, 200]


@pytest.mark.parametrize("paging", [{"total_path": "total"}, {"stop_after_empty_page": False}])
def test_where_total_is_needed_dlts_error_stays(paging, vendor):
    """A total_path of the user's own, or no other end, without `total`: dlt's error, one page."""
    with pytest.raises(ValueError, match="Total `items` not found in the response"):
        listed(vendor, **paging)
    assert vendor.offsets() == [0]


def test_a_server_deaf_to_offset_is_not_asked_for_ever(vendor):
    """Without `total`, a page that repeats the one before is an error after two requests."""
    vendor.deaf_to_offset = True
    with pytest.raises(VendorError, match="the page at offset 100 repeats the page before it"):
        listed(vendor)
    assert vendor.offsets() == [0, 100]
