"""Which engine lists a resource: filehaul's, or dlt's where only dlt can, with the reason."""

from __future__ import annotations

import re
from typing import Any

from ..errors import ConfigError
from .base import is_object, known_keys
from .resource import DLT_ENDPOINT_KEYS, DLT_RESOURCE_KEYS, Endpoint, Resource
from .sync_types import DLT_INCREMENTAL_KEYS

_AUTO = "the paginator 'auto' is dlt's"
_NONE = "it names no paginator, so dlt guesses one"
_GUESSED = frozenset({"auto", "json_response"})
_DLT_DISPOSITIONS = frozenset({"skip", "scd2", "insert-only", "cdc"})
_PLACES = ("path", "params", "json", "headers")
_PARENT = re.compile(r"\{\s*(?:resources|incremental)\.")
_PARENT_NAME = re.compile(r"\{\s*resources\.([^.{}]+)\.")
OUR_KEYS = frozenset(
    {"changes", "content", "deleted", "deletes", "fields", "raw", "sync_type", "walk"}
)
"""The keys of a resource that only filehaul's engine honours."""
OUR_ENDPOINT_KEYS = frozenset({"body", "decoder", "if_no_array", "page_array"})
"""The keys of an endpoint that only filehaul's engine honours."""
_NAME_ONE = "name one: paginator: {type: offset, limit: 100}, or single_page"


def dlt_reason(resource: dict[str, Any], client: dict[str, Any]) -> str | None:
    """Why dlt's engine lists this resource (defaults merged in); None: filehaul's does."""
    for key in sorted(DLT_RESOURCE_KEYS & _given(resource)):
        return f"it uses {key!r}, which is dlt's"
    if reason := _incremental_reason(resource.get("incremental"), "incremental"):
        return reason
    disposition = resource.get("write_disposition")
    for given in disposition.values() if isinstance(disposition, dict) else [disposition]:
        if isinstance(given, str) and given in _DLT_DISPOSITIONS:
            return f"the write disposition {given!r} is dlt's"
    endpoint = resource.get("endpoint")
    if not isinstance(endpoint, dict):
        return None
    return _endpoint_reason(endpoint) or _object_reason(endpoint, client)


def _given(block: dict[str, Any]) -> set[str]:
    """The keys that say something: null is as good as left out."""
    return {key for key, value in block.items() if value is not None and isinstance(key, str)}


def _endpoint_reason(endpoint: dict[str, Any]) -> str | None:
    for key in sorted(DLT_ENDPOINT_KEYS & _given(endpoint)):
        return f"it uses 'endpoint.{key}', which is dlt's"
    if reason := _incremental_reason(endpoint.get("incremental"), "endpoint.incremental"):
        return reason
    for place in _PLACES:
        if any(_PARENT.search(text) for text in _texts(endpoint.get(place))):
            return f"'endpoint.{place}' takes values from another resource or dlt's incremental"
    params = endpoint.get("params")
    for name, value in params.items() if isinstance(params, dict) else ():
        if isinstance(value, dict) and value.get("type") in ("resolve", "incremental"):
            return f"the parameter {name!r} is resolved by dlt"
    return None


def _incremental_reason(block: Any, place: str) -> str | None:
    if is_object(block):
        return f"{place!r} is an object"
    if not isinstance(block, dict):
        return None
    for key in sorted(DLT_INCREMENTAL_KEYS & _given(block)):
        return f"it uses '{place}.{key}', which is dlt's"
    missing = block.get("on_cursor_value_missing")
    if missing in ("raise", "exclude"):
        return f"'{place}.on_cursor_value_missing: {missing}' is dlt's"
    return None


def is_a_guess(reason: str) -> bool:
    """Whether a resource is dlt's only because nobody has named its paginator."""
    return reason in (_AUTO, _NONE)


def refuse_auto(name: str, reason: str, source: str) -> None:
    """Raises ConfigError for a resource whose paginator a sync would have to guess."""
    if reason == _AUTO:
        raise ConfigError(
            f"resource {name!r} has paginator 'auto': a guess cannot prove that nothing is missing",
            where=source,
            hint="filehaul check looks at the first page and proposes one: write it down",
        )


def parents(endpoint: Any) -> dict[str, None]:
    """The resources that an endpoint takes values from."""
    found: dict[str, None] = {}
    if not isinstance(endpoint, dict):
        return found
    for place in _PLACES:
        for text in _texts(endpoint.get(place)):
            found.update(dict.fromkeys(_PARENT_NAME.findall(text)))
    params = endpoint.get("params")
    for value in params.values() if isinstance(params, dict) else ():
        if isinstance(value, dict) and value.get("type") == "resolve":
            found[str(value.get("resource"))] = None
    return found


def _texts(value: Any) -> list[str]:
    """Every text in a value, keys apart."""
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value
    if isinstance(value, (dict, list, tuple)):
        return [text for one in inner for text in _texts(one)]
    return []


def _object_reason(endpoint: dict[str, Any], client: dict[str, Any]) -> str | None:
    if client.get("session") is not None:
        return "the client has a session object"
    auth = client.get("auth")
    if isinstance(auth, str):
        return "the client's auth is a name that dlt looks up"
    if is_object(auth):
        return "the client's auth is an object"
    paginator = endpoint.get("paginator")
    paginator = client.get("paginator") if paginator is None else paginator
    kind = paginator.get("type") if isinstance(paginator, dict) else paginator
    if paginator is None:
        return _NONE
    if is_object(paginator):
        return "its paginator is an object"
    if isinstance(kind, str) and kind in _GUESSED:
        return f"the paginator {kind!r} is dlt's"
    return None


def is_dlt_resource(value: Any) -> bool:
    """Whether this is dlt's own resource object; asked without importing dlt."""
    return any(
        kind.__name__ == "DltResource" and kind.__module__.partition(".")[0] == "dlt"
        for kind in type(value).__mro__
    )


def check_for_dlt(block: dict[str, Any], reason: str, place: str, source: str) -> None:
    """Raises ConfigError for keys that dlt's engine cannot honour, or that nobody knows."""
    endpoint = block.get("endpoint")
    endpoint = endpoint if isinstance(endpoint, dict) else {}
    asked = [key for key in sorted(OUR_KEYS) if block.get(key)]
    asked += [f"endpoint.{key}" for key in sorted(OUR_ENDPOINT_KEYS) if endpoint.get(key)]
    if isinstance(endpoint.get("data_selector"), (list, tuple)):
        asked.append("endpoint.data_selector as a list")
    for key in asked:
        guessed = "names no paginator" in reason
        raise ConfigError(
            f"{key!r} needs filehaul's engine, but dlt's lists this resource: {reason}",
            where=f"{place}.{key.partition(' ')[0]} in {source}",
            hint=_NAME_ONE if guessed else f"drop {key!r}, or what sends it to dlt's engine",
        )


def known_to_dlt() -> tuple[frozenset[str], frozenset[str]]:
    """The keys of a resource, and of its endpoint, that dlt's engine takes."""
    return known_keys(Resource) - OUR_KEYS, known_keys(Endpoint) - OUR_ENDPOINT_KEYS
