"""The address that a page was asked at, taken apart into what a config says of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from ..errors import UsageError
from ..redact import is_secret
from .values import Variable, variable

_SHARED = re.compile(r"(?:v\d+(?:\.\d+)*|\d+\.\d+|api|rest)\Z", re.IGNORECASE)
_ONE_FOLDER = re.compile(
    r"(?P<before>.*/(?:folders|items|directories|nodes|dirs|containers))/(?P<id>[^/]+)"
    r"(?P<after>/(?:items|children|contents|files|nodes|list))\Z",
    re.IGNORECASE,
)
_BRACES = re.compile(r"\$?\{([^{}]+)\}")


@dataclass(frozen=True)
class Place:
    """``base_url``, ``path`` and the query's ``params`` of a listing; what is secret is a variable.
    ``folder``: where it lists one, its id, and the path with ``{folder_id}`` in its place.
    """

    base_url: str
    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    folder: tuple[str, str] | None = None


def place_of(url: str) -> Place:
    """Raises UsageError where it is no http address."""
    try:
        parts = urlsplit(re.sub(r"\s", "%20", url.strip()))
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_address = False
    if not is_address:
        raise UsageError(
            "--url is not an address of http or https",
            where="--url",
            hint="the address that the page was asked at: https://api.example.com/v1/files?limit=100",
        )
    if parts.username is not None or parts.password is not None:
        raise UsageError(
            "the address has a user name in it, which no config may have",
            where="--url",
            hint="leave it out, and add --auth http_basic",
        )
    segments = [one for one in parts.path.split("/") if one]
    shared = max((n for n, one in enumerate(segments[:-1], 1) if _SHARED.match(one)), default=0)
    base = "/".join((f"{parts.scheme}://{parts.netloc}", *segments[:shared]))
    if isinstance(url, Variable):
        base = Variable(base)
    path = "/" + "/".join(segments[shared:])
    if segments[shared:] and parts.path.endswith("/"):
        path += "/"  # to some servers another address
    params = {
        name: variable(name) if is_secret(f"?{name}={given}x") else _number(given)
        for name, given in parse_qsl(parts.query)
    }
    return Place(base, with_variables(path), params, _one_folder(path))


def _number(given: str) -> str | int:
    return int(given) if re.fullmatch(r"0|[1-9]\d{0,8}", given) else given


def with_variables(path: str) -> str:
    """The placeholders of a vendor's docs as variables: ``/drives/{drive-id}/items``."""
    if _BRACES.search(path) is None:
        return path
    return Variable(_BRACES.sub(lambda match: variable(match[1]), path))


def _one_folder(path: str) -> tuple[str, str] | None:
    """The id of the folder that a path lists, and the path with braces in its place."""
    one = _ONE_FOLDER.match(path)
    if one is None:
        return None
    name = _BRACES.fullmatch(one["id"])
    before, after = with_variables(one["before"]), one["after"]
    whole = f"{before}/{{folder_id}}{after}"
    return (
        variable(name[1]) if name else unquote(one["id"]),
        Variable(whole) if isinstance(before, Variable) else whole,
    )
