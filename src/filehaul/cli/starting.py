"""`filehaul init`: its options, its questions, and what it says of what it found."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError
from .talk import out, out_json, say, told

if TYPE_CHECKING:
    from ..init import Draft, Page

_QUESTIONS = {
    "base_url": "The API's base address",
    "path": "The path that lists files",
    "auth": "Sign-in (oauth2, bearer, api_key, http_basic, none)",
    "sink": "The folder that files go to",
}
_USUAL = {"path": "/v1/files", "auth": "oauth2", "sink": "./files"}
_STDIN = "-"


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
    as_json: Annotated[
        bool, typer.Option("--json", help="one JSON object a line on stdout")
    ] = False,
) -> None:
    """Write a commented config: from four answers, or from a page of the vendor's own."""
    given = {"base_url": base_url, "path": path, "auth": auth, "sink": sink}
    with told(as_json):
        if from_response:
            _propose(target, from_response, given, url, headers, data, as_json)
        else:
            _only_with("--from-response", {"--url": url, "--headers": headers, "--data": data})
            _ask(target, given, as_json)


def _only_with(option: str, given: dict[str, Any]) -> None:
    for name, value in given.items():
        if value is not None:
            raise UsageError(f"{name} goes with {option}", where=name, hint=f"add {option} FILE")


def _ask(target: Path, given: dict[str, str | None], as_json: bool) -> None:
    from ..init import Answers, config_text, connection_name

    name = connection_name(target)
    answers = {
        key: typer.prompt(question, default=_USUAL.get(key))
        if (value := given[key]) is None
        else value
        for key, question in _QUESTIONS.items()
    }
    text = config_text(name, Answers(**answers))
    _deliver(target, text, {}, as_json)
    say(f"next: edit it, export what it names in ${{…}}, then: filehaul check {target}")


def _propose(
    target: Path,
    files: list[str],
    given: dict[str, str | None],
    url: str | None,
    headers: Path | None,
    data: str | None,
    as_json: bool,
) -> None:
    from ..init import Asked, connection_name, drafted, read_headers, text_of

    pages = [_page(name) for name in files]
    if url is None and given["base_url"] is not None:
        url = given["base_url"].rstrip("/") + "/" + (given["path"] or "").lstrip("/")
    asked = Asked(
        url or "",
        {} if headers is None else read_headers(_text(headers)),
        None if data is None else _posted(data),
        given["auth"] or "bearer",
        "./files" if given["sink"] is None else given["sink"],
    )
    name = "files" if str(target) == _STDIN else connection_name(target)
    draft = drafted(pages, asked)
    _deliver(target, text_of(draft, name), draft.as_dict(), as_json)
    _tell(draft)
    if str(target) != _STDIN:
        say(f"next: export what it names in ${{…}}, then: filehaul check {target}")


def _deliver(target: Path, text: str, found: dict[str, Any], as_json: bool) -> None:
    from ..init import write

    if str(target) == _STDIN:
        out(text.rstrip("\n"))
        return
    write(target, text)
    if as_json:
        out_json({"event": "init", "config": str(target), **found})
    else:
        out(str(target))


def _page(name: str) -> Page:
    from ..init import read_page

    if name == _STDIN:
        return read_page(sys.stdin.buffer.read(), "the standard input")
    return read_page(_content(Path(name)), name)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as problem:
        raise UsageError(
            f"{path} cannot be read: {problem.strerror}",
            where=str(path),
            hint="name a file with an answer of the vendor's, or - to read it from a pipe",
        ) from None


def _text(path: Path) -> str:
    return _content(path).decode("utf-8", "replace")


def _posted(data: str) -> dict[str, Any]:
    import orjson

    try:
        body = orjson.loads(data)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise UsageError("--data is no JSON object", where="--data", hint='--data \'{"path": ""}\'')
    return body


def _tell(draft: Draft) -> None:
    """What was found, in a few lines; and what to look at."""
    mapped = ", ".join(
        f"{f'checksum {one.algorithm}' if one.algorithm else one.column}: {one.path}"
        for one in draft.columns.guesses
    )
    say(f"found:  {len(draft.arrays.records)} record(s) at {', '.join(draft.arrays.selectors)}")
    say(f"pages:  {', '.join(f'{key}: {one}' for key, one in draft.paged.block.items())}")
    say(f"fields: {mapped or 'none that is known'}")
    for doubt in draft.doubts():
        say(f"unsure: {doubt}")
