"""The JSON Schema of a config, from its models: what editors complete from and check against.

It takes every short form and both spellings that `load_config` takes, and refuses what it refuses
as far as one key goes; what must hold between keys only `load_config` knows.
"""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from .base import Model
from .model import FieldSource
from .paginators import NAMES
from .resource import DLT_ENDPOINT_KEYS, DLT_RESOURCE_KEYS
from .schema_over import with_presets
from .sync_types import DLT_INCREMENTAL_KEYS

_REFERENCE = {"type": "string", "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*\}"}
_SECRET = {
    "type": "object",
    "properties": {"secret": {"type": "string"}},
    "required": ["secret"],
    "additionalProperties": False,
    "description": "looked up in dlt's providers: environment, .dlt/secrets.toml, vaults",
}
_SPELLINGS = {"access_token_url": "token_url", "access_token_request_data": "extra"}
_TOKEN_REQUESTS = (
    *("OAuth2Auth", "RefreshTokenAuth", "AuthorizationCodeAuth", "DeviceCodeAuth"),
    "JwtBearerAuth",
)
_TWINS = dict.fromkeys(_TOKEN_REQUESTS, _SPELLINGS)
_DLT_AUTOMATIC = {
    "type": "object",
    "properties": {"type": {"enum": ["auto", "json_response"]}},
    "required": ["type"],
    "description": "dlt's engine lists the resource and guesses",
}


def schema(settings: type[Model], resource: type[Model]) -> dict[str, Any]:
    """The schema, draft 2020-12, of a whole config."""
    full = settings.model_json_schema(schema_generator=_Generator)
    definitions = full.setdefault("$defs", {})
    one = resource.model_json_schema(schema_generator=_Generator)
    definitions.update(one.pop("$defs", {}))
    definitions["Resource"] = one
    _open_for_dlt(definitions)
    _short_forms(definitions)
    definitions["ResourceDefaults"] = {
        **{key: value for key, value in one.items() if key != "required"},
        "description": "keys of every resource that does not set them itself",
    }
    definitions["Resource"]["required"] = ["name"]
    full["properties"]["resources"]["items"] = {
        "anyOf": [{"$ref": "#/$defs/Resource"}, {"type": "string"}]
    }
    full["properties"]["resource_defaults"] = {
        "anyOf": [{"$ref": "#/$defs/ResourceDefaults"}, {"type": "null"}]
    }
    for name, block in (("", full), *definitions.items()):
        _twins(block, _TWINS.get(name, {}))
        _nullable(block)
    with_presets(full)
    full["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    full["title"] = "filehaul config"
    full["description"] = "One connection: a vendor's API, what is listed of it, and where it goes."
    return full


class _Generator(GenerateJsonSchema):
    """pydantic's, less the titles that repeat each key."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        """Never: the key says it."""
        return False


def _open_for_dlt(definitions: dict[str, Any]) -> None:
    """Keys that only dlt's engine reads."""
    for name, keys in (
        ("Resource", DLT_RESOURCE_KEYS),
        ("Endpoint", DLT_ENDPOINT_KEYS),
        ("Incremental", DLT_INCREMENTAL_KEYS),
    ):
        for key in sorted(keys):
            definitions[name]["properties"].setdefault(
                key, {"description": "dlt's: its engine then lists the resource"}
            )
    missing = definitions["Incremental"]["properties"]["on_cursor_value_missing"]
    missing.pop("const", None)
    missing["enum"] = ["include", "raise", "exclude"]
    disposition = definitions["Resource"]["properties"]["write_disposition"]
    strategies = ["delete-insert", "upsert", "scd2", "insert-only", "cdc"]
    disposition["anyOf"] = [
        {"enum": ["append", "merge", "replace", "skip"]},
        {
            "type": "object",
            "properties": {
                "disposition": {"enum": ["append", "merge", "replace", "skip"]},
                "strategy": {"enum": strategies, "description": "scd2 and after it: dlt's engine"},
            },
            "required": ["disposition"],
        },
    ]


def _short_forms(definitions: dict[str, Any]) -> None:
    """A string for an endpoint, a paginator, a field; a token without a type; one of a list."""
    seconds = {"type": "number", "minimum": 0, "description": "seconds"}
    definitions["Rule"]["properties"]["after"]["anyOf"].insert(0, seconds)
    own = definitions["Resource"]["properties"]
    own["endpoint"] = {
        "anyOf": [{"$ref": "#/$defs/Endpoint"}, {"type": "string"}],
        "description": "where the listing is had; as a string: its path",
    }
    root = definitions["Walk"]["properties"]["root"]
    one = {"anyOf": [{"type": "string"}, {"type": "integer"}, {"$ref": "#/$defs/Root"}]}
    root["anyOf"] = [*one["anyOf"], {"type": "array", "items": one, "minItems": 1}]
    for key in ("type", "items", "minItems"):
        del root[key]
    deletes = own["deletes"]
    own["deletes"] = {
        "anyOf": [{"enum": ["soft", "hard", "none"]}, {"$ref": "#/$defs/Deletes"}],
        "description": deletes["description"],
    }
    share = definitions["DeleteLimits"]["properties"]["share"]
    percent = {"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*%\s*$"}
    kept = {key: share.pop(key) for key in ("type", "minimum", "maximum")}
    share["anyOf"] = [kept, percent]
    names = {"enum": [*NAMES, "auto"], "description": "a paginator that needs no further keys"}
    for name in ("Endpoint", "Client"):
        paginator = definitions[name]["properties"]["paginator"]
        paginator["anyOf"] += [_DLT_AUTOMATIC, names]
    definitions["Client"]["properties"]["auth"]["anyOf"].append(
        {
            "type": "object",
            "properties": {"token": {"type": "string"}},
            "required": ["token"],
            "additionalProperties": False,
            "description": "short for type: bearer",
        }
    )
    for name in _TOKEN_REQUESTS:
        key = definitions[name]["properties"]["key"]
        kept = {word: key.pop(word) for word in ("$ref", "anyOf") if word in key}
        key["anyOf"] = [*kept.get("anyOf", [kept]), {"type": "string"}]
    secret = {"required": ["client_secret"]}, {"required": ["key"]}
    definitions["OAuth2Auth"]["anyOf"] = list(secret)
    definitions["Client"]["properties"]["session"] = {"description": "dlt's: a session object"}
    for name, key, model in (
        ("Resource", "deleted", "Deleted"),
        ("Changes", "deleted", "Deleted"),
        ("Changes", "invalid", "Invalid"),
    ):
        listed = definitions[name]["properties"][key]
        of_many = {
            word: listed.pop(word) for word in ("type", "items", "minItems") if word in listed
        }
        listed["anyOf"] = [{"$ref": f"#/$defs/{model}"}, of_many]
    path = {"type": "string", "description": FieldSource.model_fields["path"].description or ""}
    for field in definitions["Fields"]["properties"].values():
        if "anyOf" in field:
            field["anyOf"].insert(0, path)
    checksum = definitions["Fields"]["properties"]["checksum"]
    checksum["additionalProperties"] = {"anyOf": [path, {"$ref": "#/$defs/FieldSource"}]}
    checksum["propertyNames"] = {"enum": _algorithms()}


def _algorithms() -> list[str]:
    from ..checksums import SUPPORTED

    return sorted(SUPPORTED)


def _twins(block: dict[str, Any], twins: dict[str, str]) -> None:
    """A second spelling of a key: one of the two, where the key is required."""
    for twin, key in twins.items():
        properties = block["properties"]
        properties[twin] = {**properties[key], "description": f"dlt's spelling of {key}"}
        if key in block.get("required", ()):
            block["required"].remove(key)
            block["oneOf"] = [{"required": [key]}, {"required": [twin]}]


def _nullable(block: dict[str, Any]) -> None:
    """A text may be a reference or a secret, a number a reference; null is as good as nothing."""
    properties = block.get("properties", {})
    required = set(block.get("required", ()))
    for name, given in properties.items():
        if name == "type" or not isinstance(given, dict) or given.get("description", "") == "dlt's":
            continue
        kinds = given.get("anyOf") or ([given] if "type" in given or "$ref" in given else [])
        wanted: list[dict[str, Any]] = []
        if any(kind.get("type") in ("number", "integer", "boolean") for kind in kinds):
            wanted.append(_REFERENCE)
        if any(kind.get("type") == "string" for kind in kinds):
            wanted.append(_SECRET)
        if name not in required and not any(kind.get("type") == "null" for kind in kinds):
            wanted.append({"type": "null"})
        if not wanted or not kinds:
            continue
        outer = {key: given[key] for key in ("description", "default") if key in given}
        inner = [{k: v for k, v in kind.items() if k not in outer} for kind in kinds]
        properties[name] = {**outer, "anyOf": [*inner, *wanted]}
