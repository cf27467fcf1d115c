"""The ``changes`` and ``deleted`` blocks: what is taken, and what is refused in which words."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from config_dicts import config
from filehaul.config import load_config, schema
from filehaul.errors import ConfigError
from test_changes import BOX, DRIVE, DROPBOX, GRAPH

VALIDATOR = Draft202012Validator(schema())


def with_changes(block: Any, **more: Any) -> dict[str, Any]:
    """The second seed with this feed; ... (Ellipsis) takes a key of the resource away."""
    made = config()
    resource = made["resources"][0] | {"changes": block, **more}
    made["resources"][0] = {key: value for key, value in resource.items() if value is not ...}
    return made


@pytest.mark.parametrize("block", [DRIVE, GRAPH, DROPBOX, BOX], ids=str)
def test_the_feeds_of_four_vendors_are_taken(block: dict[str, Any]) -> None:
    """By load_config and by the JSON Schema alike."""
    made = with_changes(block)
    resource = load_config(made, expand=False).resources[0]
    assert resource.changes is not None
    assert resource.changes.final_path == block["final_path"]
    assert VALIDATOR.is_valid(made)


def test_deleted_is_one_test_or_a_list() -> None:
    """In a resource as in a feed; a value, or one of several."""
    one = {"path": "status", "equals": ["gone", 7]}
    made = with_changes(None, deleted=one)
    assert load_config(made, expand=False).resources[0].deleted[0].equals == ("gone", 7)
    made = with_changes(None, deleted=[one, {"path": "gone_at", "exists": True}])
    assert len(load_config(made, expand=False).resources[0].deleted) == 2
    assert VALIDATOR.is_valid(made)


def without(key: str, block: dict[str, Any] = DRIVE) -> dict[str, Any]:
    return {name: value for name, value in block.items() if name != key}


REFUSED = {
    "start": (without("start"), {}, "the key 'start' is missing"),
    "start both": (
        {**DRIVE, "start": {"from": "listing", "path": "/x", "token_path": "t"}},
        {},
        "takes either path and token_path, or from: listing",
    ),
    "start half": ({**DRIVE, "start": {"path": "/x"}}, {}, "takes either path and token_path"),
    "final_path": (without("final_path"), {}, "the key 'final_path' is missing"),
    "no way for the token": (without("token_param"), {}, "give one of token_param"),
    "two ways": ({**DRIVE, "token_is_url": True}, {}, "give one of token_param"),
    "url and params": ({**GRAPH, "params": {"a": 1}}, {}, "the token has path, params and json"),
    "no path": (without("path"), {}, "needs path"),
    "body by GET": (without("method", DROPBOX), {}, "token_body_path needs method: POST"),
    "location": ({**DRIVE, "location_path": "p"}, {}, "does not go with file_path"),
    "no test": (
        {**DRIVE, "deleted": {"path": "removed"}},
        {},
        "either equals or exists",
    ),
    "misspelt": ({**DRIVE, "next_pth": "x"}, {}, "unknown key 'next_pth'"),
    "no id_path": (without("id_path"), {}, "a change must name its file"),
    "too many ids": ({**DRIVE, "id_path": ["a", "b"]}, {}, "id_path has 2 of the 1 columns"),
    "no key": (DRIVE, {"primary_key": None, "write_disposition": "append"}, "primary_key"),
    "incremental": (
        DRIVE,
        {"incremental": {"cursor_path": "modified_at"}},
        "changes and incremental both say",
    ),
    "append": (DRIVE, {"write_disposition": "append"}, "a change feed with append"),
    "deleted without a key": (
        None,
        {
            "primary_key": None,
            "write_disposition": "append",
            "deleted": {"path": "x", "exists": True},
        },
        "deleted needs a primary_key",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_refused(name: str) -> None:
    """Before the first request, with words that say which key."""
    block, more, words = REFUSED[name]
    with pytest.raises(ConfigError, match=words) as raised:
        load_config(with_changes(block, **more), expand=False)
    assert "changes" in raised.value.where or "deleted" in raised.value.where or more


def test_dlt_has_no_change_feeds() -> None:
    """A resource that dlt's engine lists is refused with one, and told why."""
    made = with_changes(DRIVE)
    made["resources"][0]["endpoint"]["paginator"] = "auto"
    with pytest.raises(ConfigError, match="'changes' needs filehaul's engine"):
        load_config(made, expand=False)
