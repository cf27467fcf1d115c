"""The JSON Schema of a config that is merged over a preset: what the preset has may be left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..vendors import names
from .preset import read_preset

_OVER = "Over"
_DESCRIPTIONS = {
    "client": "the vendor's API; over a preset: what is different",
    "resource_defaults": "keys of every resource that does not set them itself",
    "resources": "what is listed; over a preset: its resources by their names, and more",
}


def with_presets(full: dict[str, Any]) -> None:
    """``vendor`` and what it changes: without it ``client`` and ``resources`` are required, with
    it no key below them is. Changes the schema.
    """
    properties, definitions = full["properties"], full["$defs"]
    for name, block in list(definitions.items()):
        definitions[f"{name}{_OVER}"] = _relaxed(block)
    bundled = {"enum": names(), "description": "a bundled preset: filehaul vendors tells of each"}
    path = {"type": "string", "pattern": r"[/\\]|\.ya?ml$", "description": "a preset of your own"}
    own = {
        "type": "object",
        "properties": {"name": path},
        "required": ["name"],
        "description": "a preset of your own and its parameters",
    }
    properties["vendor"] = {
        "anyOf": [bundled, path, *map(_block, names()), own, {"type": "null"}],
        "description": properties["vendor"]["description"],
    }
    blocks = {key: properties[key] for key in ("client", "resource_defaults", "resources")}
    over = {key: {"anyOf": [_relaxed(one), {"type": "null"}]} for key, one in blocks.items()}
    full["required"] = [key for key in full.get("required", ()) if key not in blocks]
    full["if"] = {"required": ["vendor"], "properties": {"vendor": {"not": {"type": "null"}}}}
    full["then"] = {"properties": over}
    full["else"] = {"required": ["client", "resources"], "properties": blocks}
    for key in blocks:
        properties[key] = {"description": _DESCRIPTIONS[key]}


def _block(name: str) -> dict[str, Any]:
    """A bundled preset with its parameters. One that is needed may still be left out: whether it is
    needed, only the whole config tells.
    """
    head = read_preset(name, Path(), "the schema").head
    known: dict[str, Any] = {"name": {"const": name}}
    for parameter, one in head.parameters.items():
        known[parameter] = {"description": one.about}
        if one.example is not None:
            known[parameter]["examples"] = [one.example]
    return {
        "type": "object",
        "properties": known,
        "required": ["name"],
        "additionalProperties": False,
        "description": f"{head.title}: {head.about}",
    }


def _relaxed(value: Any) -> Any:
    """The same schema, less what must be there; several members of a union may fit then."""
    if isinstance(value, list):
        return [_relaxed(one) for one in value]
    if not isinstance(value, dict):
        return value
    result: dict[str, Any] = {}
    for key, one in value.items():
        if key == "required" and isinstance(one, list):
            continue
        if key in ("minItems", "minProperties", "discriminator"):
            continue
        if key == "$ref":
            result[key] = f"{one}{_OVER}"
        elif key == "oneOf":
            kinds = [_relaxed(kind) for kind in one if set(kind) != {"required"}]
            if kinds:
                result["anyOf"] = kinds
        elif key == "properties":
            # A property may be named as one of the schema's own words is.
            result[key] = {name: _relaxed(inner) for name, inner in one.items()}
        else:
            result[key] = _relaxed(one)
    return result
