"""Presets and configs over them, of any shape: they work, or it is said what is wrong."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from filehaul.config import load_config
from filehaul.errors import ConfigError
from filehaul.presets import described
from filehaul.vendors import names, path_of

GOOD: dict[str, Any] = {
    "preset": {
        "title": "Acme",
        "parameters": {
            "tenant": {"about": "x", "example": "blue", "pattern": "[a-z]+"},
            "page": {"about": "y", "default": 5, "implies": {"tenant": "red"}},
        },
    },
    "client": {
        "base_url": "https://<<tenant>>.example.com",
        "auth": [{"type": "oauth2", "token_url": "https://x.example.com"}, {"type": "bearer"}],
    },
    "resource_defaults": {"primary_key": "file_id", "write_disposition": "merge"},
    "resources": [
        {
            "name": "files",
            "endpoint": {"path": "/f", "paginator": {"type": "offset", "limit": "<<page>>"}},
            "fields": {"file_id": "id", "mime_type": "type", "checksum": {"sha1": "s"}},
            "content": {
                "path": "/f/{file_id}",
                "export": {"path": "/f/{file_id}/{target}", "by_mime": {"a/b": "skip"}},
            },
            "changes": {"start": {"from": "listing"}, "token_is_url": True, "final_path": "d"},
        }
    ],
}
OWN: dict[str, Any] = {
    "vendor": {"name": "./acme.yaml", "tenant": "blue"},
    "client": {"auth": {"client_id": "a", "client_secret": "b"}},
    "resources": [{"name": "files", "content": {"layout": "by_id"}}],
    "sink": "files",
}
QUICK = settings(deadline=None, max_examples=50)
ODD = st.sampled_from([None, [], {}, "", "x", 0, True, ["x"], [{}], {"x": {}}, [None], "<<no>>"])


def places(value: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a config."""
    found = [above] if above else []
    if not isinstance(value, (dict, list)):
        return found
    for key, one in value.items() if isinstance(value, dict) else enumerate(value):
        found += places(one, (*above, key))
    return found


def spoilt(value: Any, place: tuple[Any, ...], odd: Any) -> Any:
    """The same with something odd at a place."""
    if not place:
        return odd
    first, *rest = place
    result = dict(value) if isinstance(value, dict) else list(value)
    result[first] = spoilt(value[first], tuple(rest), odd)
    return result


def told(preset: Any, own: Any) -> None:
    """Read both; ConfigError is an answer, anything else is a defect."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "acme.yaml").write_text(yaml.safe_dump(preset))
        (place / "own.yaml").write_text(yaml.safe_dump(own))
        try:
            assert load_config(place / "own.yaml").name == "own"
        except ConfigError as problem:
            lines = (problem.message, problem.where, problem.hint)
            assert all(lines), lines
        with contextlib.suppress(ConfigError):
            one = described("./acme.yaml", place)
            assert one.page().startswith("# ")
            assert len(one.row()) == 8


def test_what_is_spoilt_below_is_right() -> None:
    """The preset and the config of this page are good as they stand."""
    told(GOOD, OWN)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "acme.yaml").write_text(yaml.safe_dump(GOOD))
        (Path(folder) / "own.yaml").write_text(yaml.safe_dump(OWN))
        assert load_config(Path(folder) / "own.yaml").resources[0].content is not None


@QUICK
@given(place=st.sampled_from(places(GOOD)), odd=ODD)
def test_a_preset_with_something_odd_in_it(place: tuple[Any, ...], odd: Any) -> None:
    """Whatever stands anywhere in a preset, it is refused in words, or it works."""
    told(spoilt(GOOD, place, odd), OWN)


@QUICK
@given(place=st.sampled_from(places(OWN)), odd=ODD)
def test_a_config_with_something_odd_in_it(place: tuple[Any, ...], odd: Any) -> None:
    """Whatever stands anywhere in a config over a preset, the same."""
    told(GOOD, spoilt(OWN, place, odd))


@QUICK
@given(name=st.sampled_from(names()), data=st.data(), odd=ODD)
def test_a_bundled_preset_with_something_odd_over_it(
    name: str, data: st.DataObject, odd: Any
) -> None:
    """Any key of a bundled preset may be overridden by anything."""
    preset = described(name)
    blocks = yaml.safe_load(path_of(name).read_text())
    blocks.pop("preset")
    place = data.draw(st.sampled_from([one for one in places(blocks) if len(one) > 1]))
    own = {"vendor": {"name": name}, "sink": "files"}
    for key, parameter in preset.head.parameters.items():
        if parameter.is_required:
            own["vendor"][key] = parameter.example
    block: Any = odd
    for step in reversed(place):
        block = {step: block} if isinstance(step, str) else [block]
    if place[0] == "resources" and isinstance(block["resources"][0], dict):
        block["resources"][0]["name"] = blocks["resources"][place[1]]["name"]
    told(GOOD, {**own, **block})
