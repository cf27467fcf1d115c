"""The entries of ``resources``, each to the engine that lists it."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from ..errors import ConfigError
from .base import is_object, name_problem, refuse_unknown, spelled
from .engines import (
    OUR_ENDPOINT_KEYS,
    OUR_KEYS,
    check_for_dlt,
    dlt_reason,
    is_dlt_resource,
    known_to_dlt,
    parents,
)
from .explain import explain
from .model import OUR_TABLES
from .resource import Resource, bound, merged
from .sync_types import with_incremental

Theirs = tuple[str, Any, str]
"""What a `DltResource` is made of: name, block, reason."""


def without_objects(client: Any) -> Any:
    """The client block without what only dlt's engine understands."""
    if not isinstance(client, dict):
        return None if client is None else [client]  # a model in its place is not taken either
    kept = {key: value for key, value in client.items() if key != "session"}
    auth, paginator = kept.get("auth"), kept.get("paginator")
    if isinstance(auth, str) or is_object(auth):
        kept.pop("auth")
    guessed = isinstance(paginator, dict) and paginator.get("type") in ("auto", "json_response")
    if guessed or is_object(paginator):
        kept.pop("paginator")
    return kept


def sorted_out(
    raw: dict[str, Any], blocks: list[Any], defaults: dict[str, Any], source: str
) -> tuple[list[Resource], list[Theirs]]:
    """The resources of filehaul's engine and those of dlt's. Raises ConfigError."""
    ours: list[Resource] = []
    theirs: list[Theirs] = []
    taken: dict[str, str] = {}
    _check_defaults(defaults, source)
    children = _children(blocks, defaults)
    for number, given in enumerate(blocks):
        place = f"resources[{number}]"
        block = {"name": given} if isinstance(given, str) else given
        name = getattr(block, "name", None) if is_dlt_resource(block) else None
        if name is not None:
            _refuse_name(name, f"{place} in {source}", taken)
            theirs.append((name, block, "it is a dlt resource"))
            continue
        if not isinstance(block, dict):
            raise ConfigError(
                "a resource is a mapping of keys, or just its name",
                where=f"{place} in {source}",
                hint="- name: files",
            )
        full = with_incremental(merged(defaults, block))
        _refuse_name(full.get("name"), f"{place}.name in {source}", taken)
        reason = dlt_reason(full, raw["client"])
        if reason is None and full["name"] in children:
            reason = f"the resource {children[full['name']]!r}, which dlt lists, takes values of it"
        if reason is None:
            ours.append(_ours(full, block, defaults, source, place))
            continue
        check_for_dlt(full, reason, place, source)
        _check_keys(full, f"{place} ({full['name']})", source)
        theirs.append((full["name"], given, reason))
    return ours, theirs


def _children(blocks: list[Any], defaults: dict[str, Any]) -> dict[str, str]:
    """Parent → a resource that takes values from it: dlt needs both."""
    found: dict[str, str] = {}
    for block in blocks:
        if isinstance(block, dict):
            full = merged(defaults, block)
            for parent in parents(full.get("endpoint")):
                found.setdefault(parent, str(full.get("name")))
    return found


def _ours(
    full: dict[str, Any], block: dict[str, Any], defaults: dict[str, Any], source: str, place: str
) -> Resource:
    try:
        resource = Resource.model_validate(full)
    except ValidationError as problem:
        raise explain(problem, source, block, place, defaults) from None
    if resource.walk is not None and _has_path(block):
        raise ConfigError(
            "walk.path says what is asked; endpoint.path beside it would never be",
            where=f"{place}.endpoint.path in {source}",
            hint="drop it; an address of the root's own goes to walk.root: {id, path}",
        )
    try:
        endpoint = bound(full["endpoint"])
    except ValueError as problem:
        raise ConfigError(
            f"the path {resource.endpoint.path!r}: {problem}",
            where=f"{place}.endpoint.path in {source}",
            hint="give the parameter; a record's own fields can only stand in content.path",
        ) from None
    if endpoint is full["endpoint"]:
        return resource
    return Resource.model_validate({**full, "endpoint": endpoint})


def _has_path(block: dict[str, Any]) -> bool:
    """Whether the resource itself, and not the defaults of all, names its endpoint's path."""
    endpoint = block.get("endpoint")
    return isinstance(endpoint, str) or (isinstance(endpoint, dict) and bool(endpoint.get("path")))


def _check_defaults(defaults: dict[str, Any], source: str) -> None:
    """Misspelt keys, also where no resource of ours would show them."""
    endpoint = defaults.get("endpoint")
    resource_keys, endpoint_keys = known_to_dlt()
    _refuse(defaults, resource_keys | OUR_KEYS, "resource_defaults", source)
    if isinstance(endpoint, dict):
        _refuse(endpoint, endpoint_keys | OUR_ENDPOINT_KEYS, "resource_defaults.endpoint", source)


def _check_keys(full: dict[str, Any], place: str, source: str) -> None:
    """The keys of a resource that dlt's engine lists: dlt's own message names no place."""
    resource_keys, endpoint_keys = known_to_dlt()
    # Ours are empty here, else they had been refused.
    _refuse({k: v for k, v in full.items() if k not in OUR_KEYS}, resource_keys, place, source)
    if isinstance(full.get("endpoint"), dict):
        _refuse(full["endpoint"], endpoint_keys, f"{place}.endpoint", source)


def _refuse(block: dict[str, Any], known: frozenset[str], place: str, source: str) -> None:
    try:
        refuse_unknown(block, known)
    except PydanticCustomError as problem:
        context = problem.context or {}
        raise ConfigError(
            f"unknown key {context['key']}",
            where=f"{place}.{context['name']} in {source}",
            hint=context["advice"],
        ) from None


def _refuse_name(name: Any, place: str, taken: dict[str, str]) -> None:
    """Raises for a name that makes no table of its own. ``taken``: tables so far."""
    if not isinstance(name, str):
        raise ConfigError(
            "a resource has no name", where=place, hint="name: it is also the table's name"
        )
    table = spelled(name) if name.strip() else ""
    if table in OUR_TABLES or name.startswith("_"):
        raise ConfigError(
            f"a resource cannot be named {name!r}: that table is filehaul's own",
            where=place,
            hint="choose another name, for example vendor_files",
        )
    if problem := name_problem(name):
        raise ConfigError(problem, where=place, hint="it becomes the table's name")
    if table in taken:
        both = f"named {name!r}" if taken[table] == name else f"{taken[table]!r} and {name!r}"
        raise ConfigError(
            f"two resources are {both}: they would be one table",
            where=place,
            hint="rename one of them",
        )
    taken[table] = name
