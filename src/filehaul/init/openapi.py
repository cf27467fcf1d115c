"""From a vendor's OpenAPI document to a draft: what an operation says of its listing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urljoin, urlsplit

from ..errors import UsageError
from ..guess import arrays, columns
from .address import place_of, with_variables
from .draft import Asked, Content, Draft, Known, drafted
from .pages import Page
from .sample import Samples
from .security import auth_of
from .spec import Operation, Spec
from .values import Variable, variable

_NAMES = re.compile(r"\{([^{}]*)\}")
_BYTES = ("content", "download", "media", "raw", "bytes", "data", "file")
_FILES = re.compile(r"file|document|asset|item|attachment|object|media|node|blob", re.IGNORECASE)
_COLLECTIONS = ("files", "documents", "assets", "attachments", "file")
_LISTINGS = re.compile(r"/(?:files|items|children|documents|contents|assets|attachments)/?\Z")
_MOST_LIMIT = 1000
_LIMITS = re.compile(
    r"(?:page_?size|per_?page|limit|max_?(?:items|results|keys)|top|count)\Z", re.IGNORECASE
)
_MOST_TOLD = 8


def from_openapi(spec: Spec, path: str | None, asked: Asked, method: str | None = None) -> Draft:
    """The config that one operation of a document proposes. Raises UsageError: which paths there
    are, where ``path`` is none of them.
    """
    if path is None:
        raise _which(spec)
    operation = spec.operation(path, method)
    if operation.method == "get" and asked.data is not None:
        raise UsageError(
            f"GET {operation.path} takes no body", where="--data", hint="drop it, or --method POST"
        )
    samples = Samples(spec)
    body = _answer(operation, samples)
    if operation.method == "post" and asked.data is None:
        data = samples.of(operation.posted, only_required=True)
        asked = replace(asked, data=data if isinstance(data, dict) else {})
    page = Page(body, name=f"{spec.name} {operation.path}")
    return drafted([page], asked, _known(operation, asked))


def _answer(operation: Operation, samples: Samples) -> Any:
    """The answer's example, or one made up from its schema: the one that says more of files."""
    schema, examples = operation.json
    made = [*examples, samples.of(schema)]
    answers = [one for one in made if isinstance(one, (dict, list))]
    if not answers:
        raise UsageError(
            f"{operation.method.upper()} {operation.path} has no JSON answer in the document",
            where="--path",
            hint="name the operation that lists files; or save an answer and use --from-response",
        )
    return max(answers, key=_worth)


def _worth(answer: Any) -> int:
    found = arrays(answer)
    return len(columns(found.records).guesses) if found is not None else -1


def _known(operation: Operation, asked: Asked) -> Known:
    base, notes = _base_url(operation, asked)
    url = base.rstrip("/") + operation.path
    if base.startswith("http"):
        place = place_of(Variable(url) if "${" in base else url)
    else:
        at = place_of("https://x.invalid" + operation.path)
        place = replace(at, base_url=variable("base_url"))
    query, params = _queries(operation)
    auth, told = auth_of(operation, base)
    return Known(
        place,
        query,
        params,
        _content(operation, place.path),
        auth,
        f"{operation.method.upper()} {operation.path} of {operation.spec.name}",
        (*notes, *told, "this is what the document says: no answer of the vendor was seen"),
        is_seen=False,
    )


def _base_url(operation: Operation, asked: Asked) -> tuple[str, list[str]]:
    """The address of the API: the document's first server, or what ``--url`` says."""
    spec = operation.spec
    given = asked.url
    said = _swagger_url(spec.document) if spec.is_swagger else _server(operation)
    try:
        if said and not urlsplit(said).netloc:
            said = urljoin(given.rstrip("/") + "/", said) if given else ""
        elif given:
            said = given
        is_address = urlsplit(said).scheme in ("http", "https") and bool(urlsplit(said).hostname)
    except ValueError:
        is_address = False
    if not is_address:
        return variable("base_url"), ["the document names no server: base_url is to be filled in"]
    return said, []


def _swagger_url(document: Mapping[str, Any]) -> str:
    host, base = document.get("host"), document.get("basePath", "")
    schemes = document.get("schemes")
    scheme = "https" if not isinstance(schemes, list) or "https" in schemes else str(schemes[0])
    return f"{scheme}://{host}{base}" if host else str(base)


def _server(operation: Operation) -> str:
    for block in (operation.block, operation.beside, operation.spec.document):
        servers = block.get("servers")
        first = servers[0] if isinstance(servers, list) and servers else None
        if isinstance(first, Mapping) and isinstance(first.get("url"), str):
            variables = first.get("variables")
            return _filled(first["url"], variables if isinstance(variables, Mapping) else {})
    return ""


def _filled(url: str, variables: Mapping[str, Any]) -> str:
    """A server's address with its variables' defaults; one without is the environment's."""

    def one(match: re.Match[str]) -> str:
        block = variables.get(match[1])
        default = block.get("default") if isinstance(block, Mapping) else None
        return str(default) if default else variable(match[1])

    return _NAMES.sub(one, url)


def _queries(operation: Operation) -> tuple[dict[str, str], dict[str, Any]]:
    """The query's parameters, and of them what every request needs: required ones, and a page
    that is as large as the vendor allows.
    """
    query: dict[str, str] = {}
    params: dict[str, Any] = {}
    for one in operation.parameters:
        name = one.get("name")
        if one.get("in") != "query" or not isinstance(name, str):
            continue
        schema = operation.schema_of(one)
        most = schema.get("maximum")
        is_limit = bool(_LIMITS.match(name)) and isinstance(most, int) and most > 0
        value = min(most or 0, _MOST_LIMIT) if is_limit else _value(one, schema)
        query[name] = "" if value is None else str(value)
        if is_limit:
            params[name] = value
        elif one.get("required"):
            params[name] = variable(name) if value is None else value
    return query, params


def _value(parameter: Mapping[str, Any], schema: Mapping[str, Any]) -> Any:
    """The document's own value for a parameter; None: it gives none."""
    values = [parameter.get("example"), schema.get("default"), schema.get("example")]
    enum = schema.get("enum")
    values += enum[:1] if isinstance(enum, list) else []
    return next((one for one in values if isinstance(one, (str, int, float, bool))), None)


def _content(operation: Operation, listing: str) -> Content | None:
    """The path of the bytes: a GET of the same document whose answer is no JSON, by one file's id;
    None: there is none.
    """
    found = sorted(_ranked(operation), key=lambda row: row[0])
    if not found:
        return None
    path = found[0][1]
    names = _NAMES.findall(path)
    plain = _NAMES.sub("\0", path)
    own = with_variables(operation.path)
    base = own[: len(own) - len(listing)] if own.endswith(listing) else ""
    for number, name in enumerate(names):
        filled = "{file_id}" if number == len(names) - 1 else variable(name)
        plain = plain.replace("\0", filled, 1)
    text = plain.removeprefix(base)
    block = {"path": Variable(text) if "${" in text else text}
    return Content(
        block, "by the document these are a file's bytes: is it by file_id?", is_sure=True
    )


def _ranked(operation: Operation) -> Iterator[tuple[tuple[int, ...], str]]:
    """The paths that could have a file's bytes, the likeliest with the least numbers."""
    listed = _NAMES.sub("{}", operation.path).strip("/").split("/")
    for one in operation.spec.operations():
        parts = one.path.strip("/").split("/")
        numbers = [number for number, part in enumerate(parts) if _NAMES.search(part)]
        ends = parts[-1].lower() in _BYTES
        if not numbers or not (one.is_binary or ends) or not _NAMES.fullmatch(parts[numbers[-1]]):
            continue
        plain = _NAMES.sub("{}", one.path).strip("/").split("/")
        shared = next((n for n, pair in enumerate(zip(plain, listed)) if pair[0] != pair[1]), 99)
        before = parts[numbers[-1] - 1].lower() if numbers[-1] else ""
        strange = max(0, len(numbers) - 1 - listed.count("{}"))
        named = (before not in _COLLECTIONS) + (_FILES.search(before) is None)
        yield (strange, named, not ends, not one.is_binary, -shared, len(parts)), one.path


def _which(spec: Spec) -> UsageError:
    """Which paths list files, as far as their answers tell."""
    samples = Samples(spec)
    ranked: list[tuple[int, int, str]] = []
    for operation in spec.operations():
        samples.left = 2_000
        answer = samples.of(operation.json[0])
        worth = _worth(answer) if isinstance(answer, (dict, list)) else 0
        named = bool(_FILES.search(operation.path)) + 2 * bool(_LISTINGS.search(operation.path))
        if worth > 2:
            ranked.append((-worth - 3 * named, len(operation.path), operation.path))
    likely = [path for _, _, path in sorted(ranked)[:_MOST_TOLD]]
    hint = f"likely ones: {', '.join(likely)}" if likely else "see the vendor's documentation"
    return UsageError(
        "which path of the document lists files?", where="--path", hint=f"add --path; {hint}"
    )
