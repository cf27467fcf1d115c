"""The presets of Microsoft Graph, and the fake Graph, held to Microsoft's own OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from filehaul.presets import described
from graphs import new_account, playing
from openapi_facts import Facts
from servers import OutOfReach
from servers.openapi_directory import document
from servers.running import ask_json

pytestmark = [
    pytest.mark.slow,
    pytest.mark.server,
    pytest.mark.xdist_group("real servers"),
]
ITEM = "/drives/{drive-id}/items/{driveItem-id}"
OWNERS = ("/me", "/users/{user-id}", "/groups/{group-id}", "/sites/{site-id}")
# What the reference has and the document of that time does not: an annotation is no property.
ANNOTATIONS = {"@odata.context", "@microsoft.graph.downloadUrl"}


@pytest.fixture(scope="module")
def whole() -> Any:
    """Microsoft's document."""
    try:
        return document("microsoft.com/graph")
    except OutOfReach as why:
        pytest.skip(str(why))


@pytest.fixture(scope="module")
def facts(whole: Any) -> Facts:
    """The document, with its paths as a preset has them: a drive may be addressed in several ways,
    and ``root`` is an item like all others.
    """
    paths = whole["paths"]
    return Facts(
        {
            **whole,
            "paths": {
                "/<<drive>>/root/delta": paths[f"{ITEM}/microsoft.graph.delta()"],
                "/<<drive>>/items/{id}/children": paths[f"{ITEM}/children"],
                "/<<drive>>/items/{id}/content": paths[f"{ITEM}/content"],
                "/<<drive>>s": paths["/sites/{site-id}/drives"],
            },
        }
    )


@pytest.mark.parametrize("name", ["onedrive", "sharepoint"])
def test_a_preset_names_what_there_is(name: str, facts: Facts) -> None:
    """Every path, parameter and field; what `$select` asks for, and what the columns need of it."""
    facts.check(described(name))
    schemas = facts.document["components"]["schemas"]
    for resource in described(name).resources:
        of_drives = resource["name"] == "drives"
        schema = schemas["microsoft.graph.drive" if of_drives else "microsoft.graph.driveItem"]
        asked = resource["endpoint"]["params"]["$select"].split(",")
        assert [one for one in asked if not facts.has(schema, [one])] == []
        needed = {"parentReference", "folder", *_tops(resource.get("fields") or {})}
        assert of_drives or needed <= set(asked)


def test_the_addresses_of_drives_are_graph_s(whole: Any) -> None:
    """me, users, groups and sites have a drive each, and drives their ids."""
    paths = whole["paths"]
    assert {f"{owner}/drive" for owner in OWNERS} <= set(paths)
    assert {f"{owner}/drives" for owner in OWNERS} <= set(paths)
    assert "/drives/{drive-id}/root" in paths


@pytest.mark.parametrize("drive_type", ["personal", "documentLibrary"])
def test_the_fake_tells_nothing_that_graph_has_not(drive_type: Any, facts: Facts) -> None:
    """Each property of each record, however deep, is in the schema of a driveItem."""
    account = new_account()
    account.put_file("a/b.txt", b"b")
    account.put_document("Notes", {})
    account.put_shortcut("Shared", "01ELSEWHERE")
    item = facts.document["components"]["schemas"]["microsoft.graph.driveItem"]
    with playing(account, drive_type=drive_type) as vendor:
        root = f"{vendor.base_url}/v1.0/me/drive/root"
        token = f"Bearer {vendor.token()}"
        first = ask_json(f"{root}/delta", token=token)
        account.remove(account.find("a").node_id)
        last = ask_json(first["@odata.deltaLink"], token=token)
        inside = ask_json(f"{root}/children", token=token)
    told = [*first["value"], *last["value"], *inside["value"]]
    assert len(told) == 5 + 3 + 2
    for record in told:
        steps = [one for one in _paths(record) if one[0] not in ANNOTATIONS]
        assert [one for one in steps if not facts.has(item, one)] == []


def _paths(value: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(value, dict):
        for key, one in value.items():
            yield (*above, key)
            yield from _paths(one, (*above, key))


def _tops(fields: Any) -> Iterator[str]:
    """The properties that the columns are read from."""
    for name, given in fields.items():
        if isinstance(given, str):
            yield given.partition(".")[0]
        elif "exists" in given:
            yield from given["exists"]
        elif "path" in given:
            yield given["path"].partition(".")[0]
        elif name == "checksum":
            yield from _tops(given)
