"""What paginator an answer looks like, for `check` to propose. Never used in a sync: a guess proves
nothing, and one that is wrong is a short table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .tokens import link_of

_LINKS = (
    "next",
    "next_url",
    "nexturl",
    "next_link",
    "nextlink",
    "next_page_url",
    "@odata.nextlink",
)
_TOKENS = {
    "next_page_token": "page_token",
    "nextpagetoken": "pageToken",
    "next_cursor": "cursor",
    "nextcursor": "cursor",
    "next_marker": "marker",
    "cursor": "cursor",
    "after": "after",
    "next": "cursor",
}
_MORE = ("has_more", "hasmore", "more", "has_next", "hasnext")
_TOTALS = ("total", "total_count", "totalcount", "count", "total_items", "totalitems")
_PAGES = ("total_pages", "totalpages", "page_count", "pagecount", "pages", "last_page")
_DEPTH = 3


def proposal(body: Any, headers: Mapping[str, str]) -> dict[str, Any]:
    """A paginator's block that fits the first answer; single_page where nothing names a next."""
    places = list(_places(body))
    named = {path: (path.rpartition(".")[2].lower(), value) for path, value in places}
    links = {path: value for path, (name, value) in named.items() if name in _LINKS}
    for path, value in links.items():
        if isinstance(value, str) and (value.startswith(("http:", "https:", "/", "?"))):
            return {"type": "json_link", "next_url_path": _quoted(path)}
    if link_of(headers.get("link", ""), "next"):
        return {"type": "header_link"}
    more = [path for path, (name, value) in named.items() if name in _MORE and _is_bool(value)]
    for path, (name, value) in named.items():
        if name in _TOKENS and isinstance(value, (str, int)) and value and not _is_bool(value):
            block = {"type": "cursor", "cursor_path": path, "cursor_param": _TOKENS[name]}
            return {**block, **({"has_more_path": more[0]} if more else {})}
    numbers = {path: n for path, (n, value) in named.items() if type(value) is int}
    for path, name in numbers.items():
        if name in _PAGES:
            return {"type": "page_number", "base_page": 1, "total_path": path}
    totals = [path for path, name in numbers.items() if name in _TOTALS]
    if totals or more or {"offset", "limit"} & set(numbers.values()):
        total = totals[0] if totals else None
        offset: dict[str, Any] = {"type": "offset", "limit": 100, "total_path": total}
        return {**offset, **({"has_more_path": more[0]} if more else {})}
    return {"type": "single_page"}


def selector(body: Any) -> str | None:
    """Where the longest array of objects stands; None: there is none."""
    if isinstance(body, list):
        return "$"
    arrays = {
        path: len(value)
        for path, value in _places(body)
        if isinstance(value, list) and all(isinstance(one, dict) for one in value)
    }
    return max(arrays, key=lambda path: arrays[path]) if arrays else None


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _quoted(path: str) -> str:
    """As a path of the config: a name with a dot in it is quoted."""
    return f"$['{path}']" if path.startswith("@") else path


def _places(body: Any, before: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Every value below the answer's objects, by its path; not those inside of arrays."""
    if not isinstance(body, dict) or depth >= _DEPTH:
        return
    for name, value in body.items():
        path = f"{before}.{name}" if before else str(name)
        yield path, value
        yield from _places(value, path, depth + 1)
