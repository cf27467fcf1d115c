"""A ValidationError or a YAML error as one `ConfigError`: what, where, what to do next."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..errors import ConfigError
from ..redact import redact

_TAGS = frozenset(
    {
        *("oauth2", "oauth2_client_credentials", "bearer", "api_key", "http_basic"),
        *("offset", "page_number", "cursor", "json_link", "header_link", "header_cursor"),
        *("single_page", "function-before", "function-after"),
    }
)
_HINTS = {
    "missing": "add it; filehaul schema prints every key",
    "union_tag_invalid": "use one of the types named",
    "union_tag_not_found": "add type",
}


def _place(location: tuple[str | int, ...], prefix: str) -> str:
    """``resources[0].endpoint.path``, without pydantic's own names for members of a union."""
    text = prefix
    for step in location:
        if isinstance(step, int):
            text += f"[{step}]"
        elif step not in _TAGS and not step.endswith("]") and step[:1].islower():
            text += f".{step}" if text else step
    return text


def explain(problem: ValidationError, source: str, prefix: str = "") -> ConfigError:
    """The first thing that is wrong, unknown keys first: the rest is often only their echo."""
    errors = problem.errors(include_url=False)
    errors.sort(key=lambda error: error["type"] != "unknown_key")
    first: dict[str, Any] = dict(errors[0])
    context = first.get("ctx") or {}
    place = _place(first["loc"], prefix)
    if first["type"] == "unknown_key":
        full = f"{place}.{context['name']}" if place else context["name"]
        return ConfigError(
            f"unknown key {context['key']}", where=f"{full} in {source}", hint=context["advice"]
        )
    message = redact(first["msg"].removeprefix("Value error, "))
    if first["type"] == "missing":
        message = f"the key {first['loc'][-1]!r} is missing"
    more = len(errors) - 1
    hint = _HINTS.get(first["type"], "mend the value; filehaul schema prints what is taken")
    if more:
        hint += f" ({more} more thing{'s' if more > 1 else ''} to mend)"
    return ConfigError(message, where=f"{place or 'the top level'} in {source}", hint=hint)


def yaml_problem(problem: Exception, text: str, path: Path) -> ConfigError:
    """A YAML error: its line, and the one mistake that everybody makes once."""
    mark = getattr(problem, "problem_mark", None)
    line = mark.line if mark is not None else 0
    where = f"{path}, line {line + 1}"
    what = getattr(problem, "problem", None) or "it is not YAML"
    lines = text.splitlines()
    nearby = "\n".join(lines[max(0, line - 1) : line + 1])
    if re.search(r"[{,\[].*\$\{", nearby):
        return ConfigError(
            "an unquoted ${…} inside braces is not YAML",
            where=where,
            hint='quote it: {client_id: "${CLIENT_ID}"}',
        )
    return ConfigError(
        f"the config is not YAML: {what}", where=where, hint="check indentation and quotes there"
    )
