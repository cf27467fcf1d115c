"""The config's `walk`: what is taken, what is refused and in which words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filehaul.config import load_config
from filehaul.config.match import Match
from filehaul.config.walk import FolderMarks
from filehaul.errors import ConfigError
from filehaul.names import child_path, safe_child_path, safe_segment
from walking import walk_block, walk_config


def resource(walk: Any = None, **options: Any) -> Any:
    """The one resource of a config with this walk."""
    return load_config(walk_config("https://x", walk, **options), expand=False).resources[0]


def refused(walk: Any = None, **options: Any) -> ConfigError:
    """The error that a config with this walk gets."""
    with pytest.raises(ConfigError) as caught:
        resource(walk, **options)
    return caught.value


@pytest.mark.parametrize(
    ("root", "ids"),
    [
        (0, [0]),
        ("0", ["0"]),
        (["a", 7, {"id": "c", "name": "C"}], ["a", 7, "c"]),
        ({"id": "r", "path": "/root"}, ["r"]),
    ],
)
def test_roots(root, ids):
    """A number, a text, a mapping, or a list of these."""
    assert [one.id for one in resource({"root": root}).walk.root] == ids


@pytest.mark.parametrize(
    ("walk", "message", "where"),
    [
        ({"root": ...}, "the key 'root' is missing", "walk.root"),
        ({"root": True}, "must be a folder's id, {id, name, path}", "walk.root"),
        ({"root": []}, "is empty", "walk.root"),
        ({"root": {"name": "x"}}, "the key 'id' is missing", "walk.root.id"),
        ({"root": {"id": "1", "nme": "x"}}, "unknown key 'nme'", "walk.root.nme"),
        ({"path": ...}, "walk takes either path or url_field", "walk"),
        ({"path": "/folders/{id}/items"}, "{id} is not known here", "walk.path"),
        ({"path": "/folders/{folder_id/items"}, "the braces do not close", "walk.path"),
        ({"path": "/folders/items"}, "asked for in the same words", "walk.path"),
        ({"folder": ...}, "the key 'folder' is missing", "walk.folder"),
        ({"folder": {"path": "type"}}, "either equals or exists", "walk.folder"),
        (
            {"folder": {"path": "type", "equals": "d", "exists": True}},
            "either equals or exists",
            "walk.folder",
        ),
        ({"folder": {"path": "a[", "equals": "d"}}, "not a path", "walk.folder.path"),
        ({"id_path": ""}, "an empty path", "walk.id_path"),
        ({"max_depth": -1}, "greater than or equal to 0", "walk.max_depth"),
        ({"id_pth": "x"}, "unknown key 'id_pth'", "walk.id_pth"),
        ({"root": ""}, "an empty root has no address", "walk.root"),
    ],
)
def test_what_is_refused(walk, message, where):
    """Each says what is wrong, and in which key."""
    problem = refused(walk)
    assert message in problem.message
    assert where in problem.where
    assert problem.hint


def test_the_endpoints_own_path():
    """walk.path is what is asked: another one beside it would be ignored without a word."""
    problem = refused(path="/v1/files")
    assert "endpoint.path beside it would never be" in problem.message
    assert problem.where == "resources[0].endpoint.path in the dict"


def test_a_path_in_the_defaults_is_the_others():
    """resource_defaults may name one for the resources that are not walked."""
    made = walk_config("https://x")
    made["resource_defaults"] = {"endpoint": {"path": "/v1/all"}}
    assert load_config(made, expand=False).resources[0].walk is not None


def test_without_a_paginator_dlt_would_list_it():
    """dlt's engine does not walk: the error says what to do."""
    made = walk_config("https://x")
    del made["resources"][0]["endpoint"]["paginator"]
    with pytest.raises(ConfigError, match="'walk' needs filehaul's engine") as caught:
        load_config(made, expand=False)
    assert "name one" in caught.value.hint


def test_defaults_may_hold_a_walk():
    """resource_defaults: {walk: …} is taken by every resource."""
    made = walk_config("https://x")
    made["resource_defaults"] = {"walk": made["resources"][0].pop("walk")}
    assert load_config(made, expand=False).resources[0].walk.path == walk_block()["path"]


@pytest.mark.parametrize(
    ("rule", "yes", "no"),
    [
        ({"path": "t", "equals": "d"}, [{"t": "d"}], [{"t": "D"}, {}, {"t": None}]),
        ({"path": "t", "equals": ["d", "x"]}, [{"t": "x"}], [{"t": ["d"]}]),
        ({"path": "t", "equals": 1}, [{"t": 1}, {"t": 1.0}], [{"t": True}, {"t": "1"}]),
        ({"path": "t", "equals": True}, [{"t": True}], [{"t": 1}, {"t": "true"}]),
        ({"path": "t.u", "exists": True}, [{"t": {"u": {}}}], [{"t": {"u": None}}, {"t": 1}]),
        ({"path": "t", "exists": False}, [{}, {"t": None}], [{"t": 0}]),
        ({"path": "t[*].k", "equals": "d"}, [{"t": [{"k": "f"}, {"k": "d"}]}], [{"t": []}]),
    ],
)
def test_the_rule(rule, yes, no):
    """equals is exact, as JSON has it; exists means something other than null."""
    match = Match.model_validate(rule)
    assert [match.holds(one) for one in (*yes, *no)] == [True] * len(yes) + [False] * len(no)


def test_where_ids_and_names_are_found():
    """walk's own paths, else those of fields, else the usual names."""
    record = {"id": 1, "key": "k", "name": "n", "title": "t", "file_name": ""}
    fields = {"file_id": "key", "file_name": "title"}
    plain = FolderMarks(resource())
    assert (plain.folder_id(record), plain.name(record)) == (1, "n")
    mapped = FolderMarks(resource(resource={"fields": fields, "primary_key": "file_id"}))
    assert (mapped.folder_id(record), mapped.name(record)) == ("k", "t")
    own = {"id_path": "name", "name_path": "id"}
    both = FolderMarks(resource(own, resource={"fields": fields, "primary_key": "file_id"}))
    assert (both.folder_id(record), both.name(record)) == ("n", "1")


NAMES = st.lists(st.text("aB/%2F5.~ \\:\x00é", min_size=1, max_size=6), min_size=1, max_size=4)


@given(NAMES, NAMES)
def test_paths_of_names_are_unambiguous(one, two):
    """Different names give different paths, in the catalogue and in the sink; each name is one
    segment, and is had again by decoding it."""
    from urllib.parse import unquote

    paths = []
    for names in (one, two):
        path = ""
        for name in names:
            path = child_path(path, name)
        assert [unquote(part) for part in path.split("/")] == names
        safe = safe_child_path(path)
        assert safe.split("/") == [safe_segment(name) for name in names]
        paths.append((path, safe))
    assert (paths[0][0] == paths[1][0]) == (one == two)
    assert (paths[0][1] == paths[1][1]) == (one == two)


def test_a_change_feed_tells_no_folders():
    """walk with changes would lose paths: refused, unless the records have their own."""
    feed = {
        "start": {"path": "/start", "token_path": "token"},
        "path": "/changes",
        "token_param": "token",
        "final_path": "token",
    }
    keys = {"changes": feed, "write_disposition": "merge", "primary_key": "file_id"}
    problem = refused(resource={**keys, "fields": {"file_id": "id"}})
    assert "paths would be lost" in problem.message
    assert "changes of the resource" in problem.where
    own = {"file_id": "id", "path": "path"}
    assert resource(resource={**keys, "fields": own}).walk is not None


def test_the_vendors_filter_would_hide_folders():
    """incremental with start_param leaves out folders that have not changed, with all in them."""
    block = {"cursor_path": "modified_at", "start_param": "since"}
    keys = {"primary_key": "file_id", "write_disposition": "merge"}
    problem = refused(resource=keys, incremental=block)
    assert "what is in it never found" in problem.message
    del block["start_param"]
    assert resource(resource=keys, incremental=block).watermark is not None
