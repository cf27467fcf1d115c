"""What paginator an answer looks like, for `check` and `init` to propose. Never used in a sync: a
guess proves nothing, and one that is wrong is a short table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..pagination import link_of
from ..paths import MISSING, record_path
from .seen import Steps, bare, spelled

_LINKS = (
    *("next", "nexturl", "nextlink", "odatanextlink", "nextpageurl", "nextpagelink", "nexturi"),
    *("nexthref", "nextpageuri"),
)
_TOKENS = {
    "nextpagetoken": "page_token",
    "nextcontinuationtoken": "continuation-token",
    "continuationtoken": "continuation-token",
    "nextcursor": "cursor",
    "nextpagecursor": "cursor",
    "nextmarker": "marker",
    "nexttoken": "next_token",
    "nextpage": "page",
    "nextoffset": "offset",
    "nextskip": "skip",
    "endcursor": "after",
    "lastid": "after",
    "lastfilename": "last_file_name",
    "cursor": "cursor",
    "after": "after",
    "next": "cursor",
}
"""What a page token is called, and the parameter that takes it, in snake case."""
_MORE = (
    *("hasmore", "more", "hasnext", "hasnextpage", "hasmoreitems", "istruncated", "truncated"),
    *("shoulddisplayloadmore", "ismore", "moreavailable"),
)
_TOTALS = ("total", "totalcount", "totalitems", "totalresults", "totalsize", "odatacount", "count")
_PAGES = ("totalpages", "pagecount", "pages", "lastpage", "numpages", "pagestotal")
_PAGE = ("page", "currentpage", "pagenumber", "pageno", "pageindex")
_OFFSETS = ("offset", "start", "skip", "startindex", "skipcount", "from")
_LIMITS = ("limit", "perpage", "pagesize", "maxitems", "maxresults", "rows", "top", "size", "count")
_TOKEN_PARAMS = ("cursor", "pagetoken", "marker", "continuationtoken", "after", "nexttoken")
_DEEPEST = 3
_LIMIT = 100


@dataclass(frozen=True)
class Paged:
    """A proposed paginator. ``doubt``: why it may be wrong. ``params``: what else each page needs.
    ``uses``: parameters of the address that the paginator sends itself.
    """

    block: dict[str, Any]
    doubt: str = ""
    params: dict[str, Any] = field(default_factory=dict)
    uses: frozenset[str] = frozenset()


@dataclass(frozen=True)
class _Value:
    """A value beside the records."""

    path: str
    name: str
    word: str
    value: Any


def is_token_param(name: str) -> bool:
    """Whether a parameter of this name asks for one page of many by its token."""
    return bare(name) in _TOKEN_PARAMS


def paged(
    bodies: Sequence[Any],
    headers: Mapping[str, str],
    query: Mapping[str, str] | None = None,
    records: int | None = None,
    posted_to: str | None = None,
) -> Paged:
    """The paginator that fits the first answer. ``bodies``: of one page, or of several that follow
    each other, which prove it. ``query``: the parameters that the first was asked with.
    ``records``: how many came with it. ``posted_to``: the path, where it was a POST.
    """
    values = [_value(steps, value) for steps, value in _values(bodies[0], ())]
    near = [one for one in values if one is not None]
    query = query or {}
    for way in (_link, _token, _page, _offset):
        found = way(near, headers, query, records)
        if found is not None:
            found = _proved(found, bodies, records)
            return found if posted_to is None else _in_the_body(found, posted_to)
    return _by_query(query, headers, records)


def proposal(body: Any, headers: Mapping[str, str]) -> dict[str, Any]:
    """The block alone, of one answer."""
    return paged([body], headers).block


def _values(body: Any, before: Steps) -> Iterator[tuple[Steps, Any]]:
    """Every value below the answer's objects; not those inside of arrays."""
    if not isinstance(body, dict) or len(before) >= _DEEPEST:
        return
    for name, value in body.items():
        yield (*before, name), value
        yield from _values(value, (*before, name))


def _value(steps: Steps, value: Any) -> _Value | None:
    path = spelled(steps)
    name = str(steps[-1])
    # JSON:API and HAL: the link's own name is its object's.
    word = bare(str(steps[-2])) if bare(name) in ("href", "url") and len(steps) > 1 else bare(name)
    return None if path is None else _Value(path, name, word, value)


_Near = Sequence[_Value]


def _named(values: _Near, words: Sequence[str]) -> list[_Value]:
    """The values with one of these names, in the order of the names."""
    return [one for word in words for one in values if one.word == word]


def _number(one: _Value) -> bool:
    return type(one.value) is int


def _link(
    values: _Near, headers: Mapping[str, str], _query: Mapping[str, str], _records: int | None
) -> Paged | None:
    """The next page's address, in the answer or in a header."""
    links = _named(values, _LINKS)
    for one in links:
        if isinstance(one.value, str) and one.value.startswith(("http:", "https:", "/", "?")):
            return Paged({"type": "json_link", "next_url_path": one.path})
    if link_of(headers.get("link", ""), "next"):
        return Paged({"type": "header_link"})
    for name, value in headers.items():
        if bare(name).removeprefix("x") in _LINKS and value.startswith(("http", "/", "?")):
            return Paged({"type": "header_link", "header": name})
    words = {one.word for one in values}
    for one in links:
        # Both ways are named, and this one leads nowhere: the page is the only one there is.
        if one.value is None and words & {"previous", "prev", "previousurl", "last", "first"}:
            doubt = f"{one.path} is null here: this page is the last"
            return Paged({"type": "json_link", "next_url_path": one.path}, doubt)
    return None


def _token(
    values: _Near, headers: Mapping[str, str], query: Mapping[str, str], _records: int | None
) -> Paged | None:
    """A page token, in the answer or in a header; a flag beside it may end the listing."""
    more = [one for one in _named(values, _MORE) if isinstance(one.value, bool)]
    block: dict[str, Any] = {"has_more_path": more[0].path} if more else {}
    for one in _named(values, tuple(_TOKENS)):
        if isinstance(one.value, bool) or not isinstance(one.value, (str, int)):
            continue
        if one.value == "" and one.word not in ("nextcursor", "nextpagetoken", "nextmarker"):
            continue
        param = next((name for name in query if bare(name) in _TOKEN_PARAMS), None)
        doubt = ""
        if param is None:
            param = _param(one)
            if one.word in ("lastid", "lastfilename", "next", "cursor", "after"):
                doubt = f"nothing in the page says that {param!r} takes {one.path}"
        if one.value == "":
            doubt = f"{one.path} is empty here: this page is the last"
        cursor = {"type": "cursor", "cursor_path": one.path, "cursor_param": param}
        return Paged({**cursor, **block}, doubt, uses=frozenset({param}))
    for name, value in headers.items():
        word = bare(name).removeprefix("x")
        if value and (word in _TOKENS and word.startswith(("next", "continuation"))):
            param = _TOKENS[word]
            found = {"type": "header_cursor", "cursor_key": name, "cursor_param": param}
            return Paged(found, f"nothing says that {param!r} takes it", uses=frozenset({param}))
    return None


def _param(one: _Value) -> str:
    """The usual parameter for a token, spelt as the token itself is."""
    param = _TOKENS[one.word]
    if one.name[:1].isupper() or ("_" in one.name or "-" in one.name):
        return param
    if one.name.islower() or "_" not in param:
        return param
    first, *rest = param.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _page(
    values: _Near, _headers: Mapping[str, str], query: Mapping[str, str], _records: int | None
) -> Paged | None:
    """Pages by number."""
    pages = [one for one in _named(values, _PAGES) if _number(one)]
    numbers = [one for one in _named(values, _PAGE) if _number(one)]
    if not pages and not numbers:
        return None
    first = numbers[0].value if numbers and numbers[0].value in (0, 1) else 1
    param = next((name for name in query if bare(name) in _PAGE), None)
    block: dict[str, Any] = {"type": "page_number", "base_page": first}
    block["page_param"] = param or "page"
    block["total_path"] = pages[0].path if pages else None
    doubt = "" if numbers or param else "nothing in the page says which parameter takes the number"
    if not pages:
        doubt = "the page does not say how many there are: an empty one ends the listing"
    params: dict[str, Any] = {}
    sizes = [one for one in _named(values, ("perpage", "pagesize", "limit")) if _number(one)]
    if sizes and not any(bare(name) in _LIMITS for name in query):
        params = {sizes[0].name: sizes[0].value}
    return Paged(block, doubt, params, frozenset({block["page_param"]}))


def _offset(
    values: _Near, _headers: Mapping[str, str], query: Mapping[str, str], records: int | None
) -> Paged | None:
    """Offset and limit, by their names in the answer or in the address."""
    totals = [one for one in _named(values, _TOTALS) if _number(one) and one.value >= 0]
    more = [one for one in _named(values, _MORE) if isinstance(one.value, bool)]
    if any(one.value for one in more):  # then as many as came are not all that there are
        totals = [one for one in totals if one.word != "count" or one.value != records]
    offsets = [one for one in _named(values, _OFFSETS) if _number(one)]
    limits = [one for one in _named(values, _LIMITS) if _number(one) and one.value > 0]
    asked = next((name for name in query if bare(name) in _OFFSETS), None)
    limit = next((name for name in query if bare(name) in _LIMITS), None)
    if not (totals or more or offsets or asked):
        return None
    total = totals[0] if totals else None
    came = -1 if records is None else records
    if total and not (more or offsets or asked) and total.value <= came:
        return Paged({"type": "single_page"}, f"{total.path} says that these are all")
    if (
        offsets
        and limits
        and limits[0].word == "count"
        and len(limits) == 1
        and records is not None
    ):
        limits = []  # how many came, or all there are: not how many may be asked for
    block: dict[str, Any] = {"type": "offset", "limit": _LIMIT}
    if limit and query[limit].isdecimal() and int(query[limit]) > 0:
        block["limit"] = int(query[limit])
    elif limits:
        block["limit"] = limits[0].value
    names = {"offset": asked or (offsets and offsets[0].name) or "offset"}
    names["limit"] = limit or (limits and limits[0].name) or "limit"
    block |= {f"{key}_param": name for key, name in names.items() if name != key}
    block["total_path"] = total.path if total else None
    if more:
        block["has_more_path"] = more[0].path
    told = bool(asked or offsets) and bool(limit or limits)
    doubt = "" if told else "nothing in the page names the parameters for offset and limit"
    return Paged(block, doubt, uses=frozenset(names.values()))


def _by_query(query: Mapping[str, str], headers: Mapping[str, str], records: int | None) -> Paged:
    """What the address that was asked says, where the answer says nothing."""
    for name, value in query.items():
        if bare(name) in _PAGE and value.isdecimal():
            return _numbered(name, min(int(value), 1), "an empty page ends the listing")
    doubt = "nothing in the page leads to a next one"
    limit = next((name for name in query if bare(name) in _LIMITS), None)
    if limit is not None and query[limit] == str(records):
        doubt = f"the page is full by {limit}, so more may follow; {doubt}"
        if "page" in bare(limit):
            return _numbered("page", 1, doubt)
        block = {"type": "offset", "limit": records, "total_path": None}
        block |= {} if limit == "limit" else {"limit_param": limit}
        return Paged(block, doubt, uses=frozenset({limit}))
    if not headers:
        doubt += ", and its headers were not given"
    return Paged({"type": "single_page"}, doubt)


def _numbered(param: str, first: int, doubt: str) -> Paged:
    """Pages by number, until one is empty."""
    block = {"type": "page_number", "base_page": first, "page_param": param, "total_path": None}
    return Paged(block, doubt, uses=frozenset({param}))


def _in_the_body(found: Paged, path: str) -> Paged:
    """The same for a POST, which has its parameters in its body."""
    block: dict[str, Any] = dict(found.block)
    if block["type"] == "cursor" and path.endswith("list_folder"):  # as at Dropbox
        block |= {"type": "continuation", "path": f"{path}/continue"}
        del block["cursor_param"]
        doubt = f"where the following pages are asked for is a guess: {path}/continue"
        return replace(found, block=block, doubt=doubt)
    for key in [key for key in block if key.endswith("_param")]:
        block[f"{key.removesuffix('_param')}_body_path"] = block.pop(key)
    if block["type"] == "offset":
        for name in ("offset", "limit"):
            block.setdefault(f"{name}_body_path", name)
    return replace(found, block=block)


def _proved(found: Paged, bodies: Sequence[Any], records: int | None) -> Paged:
    """What a second page says of the guess from the first."""
    if len(bodies) < 2:
        return found
    block = found.block
    steps = {"page_number": _PAGE, "offset": _OFFSETS}.get(block["type"])
    if block["type"] in ("cursor", "json_link"):
        path = record_path(block.get("cursor_path") or block["next_url_path"])
        first, second = (path.get(body) for body in bodies[:2])
        if second is MISSING or second != first:
            return replace(found, doubt="")
        return replace(found, doubt="the second page has the same: are they two pages?")
    if steps is not None:
        for one in _named([v for s, x in _values(bodies[0], ()) if (v := _value(s, x))], steps):
            after = record_path(one.path).get(bodies[1])
            step = 1 if block["type"] == "page_number" else records
            if _number(one) and after == one.value + (step or 0):
                return replace(found, doubt="")
    return found
