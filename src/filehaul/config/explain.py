"""A ValidationError or a YAML error as one `ConfigError`: what, where, what to do next."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..errors import ConfigError
from ..redact import redact
from .base import nearest

_HINTS = {
    "missing": "add it; filehaul schema prints every key",
    "string_type": "a text; if it only has digits, or reads as true or null, quote it",
    "union_tag_not_found": "add it: type",
}
# pydantic's words, where they speak of Python rather than of the config.
_WORDS = {
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "dict_type": "must be a mapping of keys",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "frozen_set_type": "must be a list",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "list_type": "must be a list",
    "model_attributes_type": "must be a mapping of keys",
    "model_type": "must be a mapping of keys",
    "string_pattern_mismatch": "must be a size, such as 500MB or 2GB",
    "string_too_short": "is empty",
    "string_type": "must be text",
    "too_short": "is empty",
    "tuple_type": "must be a list",
    "union_tag_not_found": "the key 'type' is missing",
}
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# Two spellings of one key: the model knows the first, the config may have the other.
_TWINS = {"token_url": "access_token_url", "extra": "access_token_request_data"}


def explain(
    problem: ValidationError,
    source: str,
    block: Any,
    prefix: str = "",
    defaults: Mapping[str, Any] | None = None,
) -> ConfigError:
    """The first thing that is wrong, unknown keys first: the rest is often only their echo.

    ``block``: what was validated, to tell the config's own keys from pydantic's names.
    ``defaults``: ``resource_defaults``, where what is wrong may have come from.
    """
    errors = problem.errors(include_url=False)
    errors.sort(key=lambda error: error["type"] != "unknown_key")
    first: dict[str, Any] = dict(errors[0])
    context = first.get("ctx") or {}
    location = first["loc"]
    if first["type"] == "unknown_key":
        place = _place((*location, context["name"]), block, prefix, defaults)
        return ConfigError(
            f"unknown key {context['key']}", where=f"{place} in {source}", hint=context["advice"]
        )
    missing = first["type"] == "missing"
    place = _place(location[:-1] if missing else location, block, prefix, defaults)
    if missing:
        place = f"{place}.{location[-1]}" if place else str(location[-1])
    if first["type"].startswith("union_tag"):
        place += ".type"
    hint = _meant(first, context) or _HINTS.get(
        first["type"], "mend the value; filehaul schema prints what is taken"
    )
    # The members of a union each complain of the same value: that is one thing.
    more = len({_place(error["loc"], block, prefix, defaults) for error in errors}) - 1
    if more:
        hint += f" ({more} more thing{'s' if more > 1 else ''} to mend)"
    where = f"{place or 'the top level'} in {source}"
    return ConfigError(_message(first, context), where=where, hint=hint)


def _message(error: Mapping[str, Any], context: Mapping[str, Any]) -> str:
    """What is wrong, in the config's words; never the value itself."""
    kind = error["type"]
    if kind == "missing":
        return f"the key {error['loc'][-1]!r} is missing"
    if kind == "union_tag_invalid":
        return f"no such type; known are {context['expected_tags']}"
    if kind == "literal_error":
        return f"must be {context['expected']}"
    words = _WORDS.get(kind) or redact(error["msg"]).removeprefix("Value error, ")
    return words.replace("Input should be", "must be")


def _meant(error: Mapping[str, Any], context: Mapping[str, Any]) -> str | None:
    """The value that was probably meant, where only some are taken."""
    if error["type"] == "union_tag_invalid":
        given, taken = context["tag"], context["expected_tags"]
    elif error["type"] == "literal_error" and isinstance(error["input"], str):
        given, taken = error["input"], context["expected"]
    else:
        return None
    near = nearest(given, re.findall(r"'([^']*)'", taken))
    return f"did you mean {near!r}?" if near else None


def _place(
    location: tuple[Any, ...], block: Any, prefix: str, defaults: Mapping[str, Any] | None
) -> str:
    """``resources[0].endpoint.path``: the block's own keys, or those of resource_defaults."""
    text, depth = _walked(location, block)
    if defaults is not None:
        theirs, their_depth = _walked(location, defaults)
        if their_depth > depth:
            return f"resource_defaults{theirs}"
    return f"{prefix}{text}" if prefix else text.removeprefix(".")


def _walked(location: tuple[Any, ...], block: Any) -> tuple[str, int]:
    """A location as the block spells it, and how many of its steps the block has.

    Steps that it does not have are pydantic's own names for members of a union.
    """
    text, depth = "", 0
    for step in location:
        if isinstance(block, Mapping):
            keys = {str(key): key for key in block}
            name = str(step) if str(step) in keys else _TWINS.get(str(step), "")
            if name not in keys:
                continue
            text, block = f"{text}.{name or repr(name)}", block[keys[name]]
        elif isinstance(block, (list, tuple)) and isinstance(step, int) and 0 <= step < len(block):
            text, block = f"{text}[{step}]", block[step]
        else:
            continue
        depth += 1
    return text, depth


def told(problem: ConfigError, put_in: Mapping[str, str]) -> ConfigError:
    """The same error, fit to be shown: three lines, and no value from the environment.

    ``put_in``: value → its reference, which is shown in its place.
    """
    shown = {}
    for value, reference in put_in.items():
        shown[value] = shown[repr(value)[1:-1]] = reference
    values = sorted((value for value in shown if len(value) >= 4), key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, values)))

    def fit(text: str) -> str:
        text = pattern.sub(lambda match: shown[match[0]], text) if values else text
        return _CONTROLS.sub(lambda match: repr(match[0])[1:-1], text)

    return type(problem)(fit(problem.message), where=fit(problem.where), hint=fit(problem.hint))


def yaml_problem(problem: Exception, text: str, path: Path) -> ConfigError:
    """A YAML error: its line, and the mistakes that everybody makes once."""
    mark = getattr(problem, "problem_mark", None)
    line = mark.line if mark is not None else 0
    where = f"{path}, line {line + 1}" if mark is not None else str(path)
    what = getattr(problem, "problem", None) or "it is not YAML"
    nearby = "\n".join(text.splitlines()[max(0, line - 1) : line + 1])
    if "flow" in (getattr(problem, "context", None) or "") and "${" in nearby:
        return ConfigError(
            "an unquoted ${…} inside braces is not YAML",
            where=where,
            hint='quote it: {client_id: "${CLIENT_ID}"}',
        )
    if re.search("undefined alias|constructor for the tag|tag handle|alias|anchor", what):
        # YAML's own words would quote the value, and it may be a password.
        return ConfigError(
            "a value that begins with *, & or ! must be quoted",
            where=where,
            hint="put it between quotes, or better into the environment: ${NAME}",
        )
    return ConfigError(
        f"the config is not YAML: {what}", where=where, hint="check indentation and quotes there"
    )
