"""`filehaul init`: its options, its questions, and what it says of what it found."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError
from .talk import out, out_json, say, told

if TYPE_CHECKING:
    from ..init import Asked, Draft, Page

_QUESTIONS = {
    "base_url": "The API's base address",
    "path": "The path that lists files",
    "auth": "Sign-in (oauth2, bearer, api_key, http_basic, none)",
    "sink": "The folder that files go to",
}
_USUAL = {"path": "/v1/files", "auth": "oauth2", "sink": "./files"}
_PIPE = "-"


@dataclass(frozen=True)
class _Given:
    """The options, as they were given."""

    base_url: str | None
    path: str | None
    auth: str | None
    sink: str | None
    url: str | None
    headers: Path | None
    data: str | None
    method: str | None

    def refuse(self, way: str, *names: str) -> None:
        """Raises UsageError for an option that means nothing beside another."""
        for name in names:
            if getattr(self, name) is not None:
                option = "--" + name.replace("_", "-")
                raise UsageError(f"{option} does not go with {way}", where=option, hint="drop it")


def init(
    target: Annotated[
        Path, typer.Argument(help="the config to write; - prints it", metavar="CONFIG")
    ],
    base_url: Annotated[str | None, typer.Option(help="https://api.example.com")] = None,
    path: Annotated[
        str | None, typer.Option(help="what lists files, below the base address")
    ] = None,
    auth: Annotated[
        str | None, typer.Option(help="oauth2, bearer, api_key, http_basic or none")
    ] = None,
    sink: Annotated[
        str | None, typer.Option(help="the folder that files go to; empty: the catalogue alone")
    ] = None,
    from_response: Annotated[
        list[str] | None,
        typer.Option(
            "--from-response",
            metavar="FILE",
            help="propose a config from a saved answer (- reads it); given twice: two pages"
            " that follow each other",
        ),
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="the address that the first page was asked at")
    ] = None,
    headers: Annotated[
        Path | None, typer.Option(help="its headers, as curl -D saves them", metavar="FILE")
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="the JSON that was posted for it", metavar="JSON")
    ] = None,
    from_openapi: Annotated[
        str | None,
        typer.Option(
            "--from-openapi",
            metavar="FILE",
            help="propose a config from the vendor's OpenAPI document, for the operation at --path",
        ),
    ] = None,
    method: Annotated[str | None, typer.Option(help="of that operation: GET or POST")] = None,
    vendor: Annotated[
        str | None, typer.Option(help="a preset's few lines: filehaul vendors names them")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="one JSON object a line on stdout")
    ] = False,
) -> None:
    """Write a commented config: from four answers, a page of the vendor's, its OpenAPI document, or
    a preset.
    """
    given = _Given(base_url, path, auth, sink, url, headers, data, method)
    ways = {"--from-response": from_response, "--from-openapi": from_openapi, "--vendor": vendor}
    with told(as_json):
        chosen = [name for name, way in ways.items() if way]
        if len(chosen) > 1:
            both = " and ".join(chosen)
            raise UsageError(f"{both} are two ways", where=chosen[1], hint="give one of them")
        if from_response:
            _from_response(target, from_response, given, as_json)
        elif from_openapi:
            _from_openapi(target, from_openapi, given, as_json)
        elif vendor:
            _vendor(target, vendor, given, as_json)
        else:
            _ask(target, given, as_json)


def _ask(target: Path, given: _Given, as_json: bool) -> None:
    from ..init import Answers, config_text

    given.refuse("the four questions", "url", "headers", "data", "method")
    name = _name(target)
    answers = {
        key: typer.prompt(question, default=_USUAL.get(key))
        if (value := getattr(given, key)) is None
        else value
        for key, question in _QUESTIONS.items()
    }
    _deliver(target, config_text(name, Answers(**answers)), {}, as_json)
    _next(target, "edit it, export")


def _vendor(target: Path, vendor: str, given: _Given, as_json: bool) -> None:
    from ..init import preset_text

    given.refuse("--vendor", *_Given.__dataclass_fields__)
    _deliver(target, preset_text(vendor, _name(target)), {"vendor": vendor}, as_json)
    _next(target, "edit it, export")


def _from_response(target: Path, files: list[str], given: _Given, as_json: bool) -> None:
    from ..init import drafted

    given.refuse("--from-response", "method")
    if files.count(_PIPE) > 1:
        raise UsageError(
            "one page alone can come by the pipe", where="--from-response", hint="save the others"
        )
    name = _name(target)
    draft = drafted([_page(one) for one in files], _asked(given))
    _propose(target, draft, name, as_json)


def _from_openapi(target: Path, file: str, given: _Given, as_json: bool) -> None:
    from ..init import from_openapi, read_spec

    given.refuse("--from-openapi", "headers")
    name = _name(target)
    spec = read_spec(_read(file), Path(file).name if file != _PIPE else "the document")
    asked = _asked(given, base_alone=True)
    _propose(target, from_openapi(spec, given.path, asked, given.method), name, as_json)


def _propose(target: Path, draft: Draft, name: str, as_json: bool) -> None:
    from ..init import text_of

    _deliver(target, text_of(draft, name), draft.as_dict(), as_json)
    _tell(draft)
    _next(target, "export")


def _asked(given: _Given, base_alone: bool = False) -> Asked:
    from ..init import AUTHS, Asked, read_headers

    if given.auth is not None and given.auth not in AUTHS:
        raise UsageError(
            f"no sign-in named {given.auth!r}", where="--auth", hint="one of " + ", ".join(AUTHS)
        )
    url = given.url or given.base_url or ""
    if given.path is not None and not url and not base_alone:
        raise UsageError(
            "--path is below an address", where="--path", hint="add --base-url, or --url for both"
        )
    if given.url is None and given.base_url and given.path and not base_alone:
        url = f"{given.base_url.rstrip('/')}/{given.path.lstrip('/')}"
    headers = {}
    if given.headers is not None:
        headers = read_headers(_read(str(given.headers)).decode("utf-8", "replace"))
    data = None if given.data is None else _posted(given.data)
    sink = _USUAL["sink"] if given.sink is None else given.sink
    return Asked(url, headers, data, given.auth or "", sink)


def _name(target: Path) -> str:
    from ..init import connection_name

    return "files" if str(target) == _PIPE else connection_name(target)


def _deliver(target: Path, text: str, found: dict[str, Any], as_json: bool) -> None:
    from ..init import write

    if str(target) == _PIPE:
        out(text.rstrip("\n"))
        return
    write(target, text)
    if as_json:
        out_json({"event": "init", "config": str(target), **found})
    else:
        out(str(target))


def _next(target: Path, what: str) -> None:
    if str(target) != _PIPE:
        say(f"next: {what} what it names in ${{…}}, then: filehaul check {target}")


def _page(name: str) -> Page:
    from ..init import read_page

    return read_page(_read(name), "the standard input" if name == _PIPE else name)


def _read(name: str) -> bytes:
    if name == _PIPE:
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except OSError as problem:
        raise UsageError(
            f"{name} cannot be read: {problem.strerror}",
            where=name,
            hint="name a file that is there, or - to read from a pipe",
        ) from None


def _posted(data: str) -> dict[str, Any]:
    import orjson

    try:
        body = orjson.loads(data)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        example = """--data '{"path": ""}'"""
        raise UsageError("--data is no JSON object", where="--data", hint=example)
    return body


def _tell(draft: Draft) -> None:
    """What was found, in a few lines; and what to look at."""
    mapped = ", ".join(
        f"{f'checksum {one.algorithm}' if one.algorithm else one.column}: {one.path}"
        for one in draft.columns.guesses
    )
    say(f"found:  {draft.told}, at {', '.join(draft.arrays.selectors)}")
    say(f"pages:  {', '.join(f'{key}: {one}' for key, one in draft.paged.block.items())}")
    say(f"fields: {mapped or 'none that is known'}")
    for doubt in draft.doubts():
        say(f"unsure: {doubt}")
