"""Which engine lists a resource: filehaul's, or dlt's with the reason, and what that rules out."""

from __future__ import annotations

from typing import Any

import pytest

from config_dicts import config, spoilt, with_endpoint, with_resource
from filehaul.config import load_config
from filehaul.errors import ConfigError

OURS = {"cursor_path": "modified_at", "start_param": "modified_since"}
INCREMENTAL = {**OURS, "row_order": "asc"}  # its order is something that only dlt acts upon


def reason(made: dict[str, Any]) -> str | None:
    """Why dlt's engine lists the only resource; None: filehaul's does."""
    read = load_config(made)
    assert len(read.resources) + len(read.dlt_resources) == 1
    return read.dlt_resources[0].reason if read.dlt_resources else None


@pytest.mark.parametrize(
    "made",
    [
        config(),
        with_resource(content={"path": "/{file_id}"}, fields={"file_id": "id"}, raw=True),
        with_endpoint(params={"a": 1}, headers={"A": "b"}, method="POST", json={"q": 1}),
        with_endpoint(paginator="single_page"),
        with_endpoint(path="/d/{drive}", params={"drive": 1}),
        with_endpoint(incremental=None, response_actions=None),
        with_endpoint(incremental=OURS),
        with_endpoint(incremental={**OURS, "on_cursor_value_missing": "include"}),
        with_resource(incremental={"cursor_path": "modified_at"}),
        with_endpoint(params={"s": "{incremental.start_value}"}, incremental={"cursor_path": "m"}),
        with_endpoint(params={"s": {"type": "incremental", "cursor_path": "m"}}),
        with_resource(columns=None, processing_steps=None),
        with_resource(write_disposition={"disposition": "merge", "strategy": "upsert"}),
        spoilt("client.session", None),
    ],
)
def test_ours(made):
    """Everything that only uses the keys of the design is listed by filehaul's engine."""
    assert reason(made) is None


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (with_endpoint(incremental=INCREMENTAL), "'endpoint.incremental.row_order'"),
        (
            with_endpoint(incremental={**OURS, "on_cursor_value_missing": "raise"}),
            "'endpoint.incremental.on_cursor_value_missing: raise'",
        ),
        (with_resource(incremental={**OURS, "convert": str}), "'incremental.convert'"),
        (
            with_endpoint(params={"s": "x{incremental.start_value}"}, incremental=OURS),
            "'endpoint.params' takes",
        ),
        (with_endpoint(response_actions=[]), "'endpoint.response_actions'"),
        (with_endpoint(data={"a": "b"}), "'endpoint.data'"),
        (with_endpoint(auth={"token": "x"}), "'endpoint.auth'"),
        (with_resource(processing_steps=[]), "'processing_steps'"),
        (with_resource(parent="drives"), "'parent'"),
        (with_resource(include_from_parent=["id"]), "'include_from_parent'"),
        (with_resource(columns={}), "'columns'"),
        (with_endpoint(path="/d/{resources.drives.id}/files"), "'endpoint.path' takes values"),
        (with_endpoint(params={"d": "{resources.drives.id}"}), "'endpoint.params' takes values"),
        (with_endpoint(params={"s": "{incremental.start_value}"}), "'endpoint.params' takes"),
        (with_endpoint(json={"a": [{"b": "{resources.drives.id}"}]}), "'endpoint.json' takes"),
        (with_endpoint(headers={"X": "{resources.drives.id}"}), "'endpoint.headers' takes"),
        (
            with_endpoint(
                path="/d/{d}", params={"d": {"type": "resolve", "resource": "x", "field": "id"}}
            ),
            "the parameter 'd' is resolved by dlt",
        ),
        (with_endpoint(paginator="auto"), "the paginator 'auto' is dlt's"),
        (with_endpoint(paginator={"type": "auto"}), "the paginator 'auto' is dlt's"),
        (with_endpoint(paginator=None), "it names no paginator"),
        (with_endpoint(paginator=object()), "its paginator is an object"),
        (spoilt("client.auth", object()), "the client's auth is an object"),
        (spoilt("client.auth", "bearer"), "the client's auth is a name"),
        (spoilt("client.session", object()), "the client has a session object"),
        (with_resource(write_disposition="skip"), "'skip' is dlt's"),
        (
            with_resource(write_disposition={"disposition": "merge", "strategy": "scd2"}),
            "'scd2' is dlt's",
        ),
    ],
)
def test_dlt_s(made, why):
    """What only dlt can do sends the resource to dlt's engine, and the reason is told."""
    found = reason(made)
    assert found is not None
    assert why in found


def test_the_client_s_paginator_counts():
    """A paginator of the client does for a resource; its `auto` only where there is no other."""
    made = with_endpoint(paginator=None)
    made["client"]["paginator"] = {"type": "offset", "limit": 10}
    assert reason(made) is None
    made["client"]["paginator"] = "auto"
    assert reason(made) == "the paginator 'auto' is dlt's"
    made["resources"][0]["endpoint"]["paginator"] = "single_page"
    assert reason(made) is None


@pytest.mark.parametrize(
    ("asked", "place"),
    [
        ({"content": {"path": "/{id}"}}, "content"),
        ({"fields": {"file_id": "id"}}, "fields"),
        ({"raw": True}, "raw"),
        ({"endpoint": {"page_array": "files"}}, "endpoint.page_array"),
        ({"endpoint": {"data_selector": ["a", "b"]}}, "endpoint.data_selector"),
    ],
)
def test_what_dlt_s_engine_cannot(asked, place):
    """Content and the like need filehaul's engine: a config error that says why it is not."""
    made = with_resource()
    resource = made["resources"][0]
    resource["endpoint"] |= {"incremental": INCREMENTAL, **asked.get("endpoint", {})}
    resource |= {key: value for key, value in asked.items() if key != "endpoint"}
    with pytest.raises(ConfigError) as error:
        load_config(made)
    assert "needs filehaul's engine, but dlt's lists this resource" in error.value.message
    assert "it uses 'endpoint.incremental.row_order', which is dlt's" in error.value.message
    assert error.value.where == f"resources[0].{place} in the dict"


def test_content_without_a_paginator_is_told_to_name_one():
    """The commonest way to dlt's engine is a paginator that was left out."""
    made = with_resource(content={"path": "/{id}"})
    del made["resources"][0]["endpoint"]["paginator"]
    with pytest.raises(ConfigError) as error:
        load_config(made)
    assert "it names no paginator, so dlt guesses one" in error.value.message
    assert error.value.hint.startswith("name one: paginator: {type: offset")


@pytest.mark.parametrize("place", ["processing_stepz", "endpoint.respons_actions"])
def test_misspelt_keys_are_found_for_dlt_s_engine_too(place):
    """dlt's own message names no place: ours does."""
    made = with_endpoint(incremental=INCREMENTAL)
    block = made["resources"][0]
    (block["endpoint"] if "." in place else block)[place.rpartition(".")[2]] = []
    with pytest.raises(ConfigError, match="unknown key") as error:
        load_config(made)
    assert error.value.where == f"resources[0] (files).{place} in the dict"
    assert "did you mean" in error.value.hint


def test_dlt_s_own_resources_may_stand_among_ours():
    """A DltResource goes to dlt as it is; its name counts like any other."""
    import dlt

    def rows(name: str) -> Any:
        return dlt.resource([{"a": 1}], name=name)

    made = config()
    made["resources"].append(rows("others"))
    read = load_config(made)
    assert [one.name for one in read.resources] == ["files"]
    (other,) = read.dlt_resources
    assert (other.name, other.block, other.reason) == (
        "others",
        made["resources"][1],
        "it is a dlt resource",
    )
    for name, message in [("files", "two resources are"), ("listings", "filehaul's own")]:
        made["resources"][1] = rows(name)
        with pytest.raises(ConfigError, match=message):
            load_config(made)


def test_dlt_accepts_what_is_left_to_it():
    """The blocks for dlt's engine, parents among them, pass its own validation as they are."""
    import filehaul.dlt_plugin  # noqa: F401 - teaches dlt the dialect
    from filehaul.source import dlt_engine

    made = config(resource_defaults={"primary_key": "file_id", "write_disposition": "merge"})
    paginator = {"type": "offset", "limit": 100}
    made["resources"] = [
        {"name": "drives", "endpoint": {"path": "/drives", "paginator": paginator}},
        {
            "name": "files",
            "endpoint": {
                "path": "/drives/{resources.drives.id}/files",
                "paginator": paginator,
                "data_selector": "files",
            },
        },
        {"name": "log", "endpoint": {"incremental": INCREMENTAL, "paginator": "auto"}},
    ]
    made["client"] |= {"retry": {"max_retries": 1}, "trusted_hosts": ["x.example"]}
    read = load_config(made)
    assert [(one.name, one.reason) for one in read.dlt_resources] == [
        ("drives", "the resource 'files', which dlt lists, takes values of it"),
        ("files", "'endpoint.path' takes values from another resource or dlt's incremental"),
        ("log", "it uses 'endpoint.incremental.row_order', which is dlt's"),
    ]
    assert read.resources == ()
    assert sorted(dlt_engine(read).resources) == ["drives", "files", "log"]
    made["resources"][0] |= {"content": {"path": "/{id}"}}
    with pytest.raises(ConfigError, match="'files', which dlt lists, takes values of it"):
        load_config({**made, "sink": "files"})
