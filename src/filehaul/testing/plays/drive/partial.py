"""Google's partial responses: of an answer, only the fields that were asked for.

The language is that of the parameter ``fields`` of Google's APIs ("Return specific fields", Drive
API guides): ``a,b(c,d/e),*``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Fields = Mapping[str, Any]
"""A name to the fields below it; an empty mapping stands for all of them."""


class InvalidFieldsError(ValueError):
    """What was asked for cannot be read, or is no field; the message names it."""


def read(text: str) -> Fields:
    """What a ``fields`` parameter asks for. Raises InvalidFieldsError."""
    found, rest = _several(text)
    if rest or not found:
        raise InvalidFieldsError(text)
    return found


def _several(text: str) -> tuple[dict[str, Any], str]:
    found: dict[str, Any] = {}
    while True:
        below, text = _one(text, found)
        found.update(below)
        if not text.startswith(","):
            return found, text
        text = text[1:]


def _one(text: str, beside: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    end = next((at for at, letter in enumerate(text) if letter in ",/()"), len(text))
    name, rest = text[:end].strip(), text[end:]
    if not name:
        raise InvalidFieldsError(text)
    if rest.startswith("/"):
        below, rest = _one(rest[1:], {})
        return {name: {**beside.get(name, {}), **below}}, rest
    if rest.startswith("("):
        inner, rest = _several(rest[1:])
        if not rest.startswith(")"):
            raise InvalidFieldsError(text)
        return {name: {**beside.get(name, {}), **inner}}, rest[1:]
    return {name: {}}, rest


def chosen(value: Any, fields: Fields) -> Any:
    """A value with the fields that were asked for, and nothing else."""
    if not fields or "*" in fields:
        return value
    if isinstance(value, list):
        return [chosen(one, fields) for one in value]
    if not isinstance(value, dict):
        return value
    return {name: chosen(value[name], below) for name, below in fields.items() if name in value}


def refuse_unknown(fields: Fields, known: Mapping[str, Any], above: str = "") -> None:
    """Raises InvalidFieldsError for a name that is none. ``known``: as `Fields`, of all there are;
    an empty mapping: whatever is below is not looked at.
    """
    for name, below in fields.items():
        if name == "*":
            continue
        if name not in known:
            raise InvalidFieldsError(f"{above}{name}")
        if below and known[name]:
            refuse_unknown(below, known[name], f"{above}{name}/")
