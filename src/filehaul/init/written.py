"""A draft as YAML: what is sure as keys, what is not as comments with the reason."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..config import load_config
from ..config.base import name_problem
from ..errors import ConfigError, FilehaulError, UsageError
from ..guess import Guess
from .answers import auth_lines
from .draft import Draft
from .values import Variable, value

_WIDTH = 100
_INDENT = "      "
_NO_ID = "nothing tells one file from another, so every run loads all rows anew"


def text_of(draft: Draft, name: str) -> str:
    """The config. Raises FilehaulError if it is none: that is a defect of ours."""
    lines = [*_head(draft, name), *_client(draft, name), *_resource(draft), *_end(draft, name)]
    return checked("\n".join(lines) + "\n", name)


def _comments(texts: Iterable[str], indent: str = "") -> Iterator[str]:
    for text in texts:
        yield f"{indent}# {_line(text)}"


def _line(text: str) -> str:
    """One printable line: names in it are the vendor's."""
    return "".join(one if one.isprintable() else " " for one in text)


def _noted(line: str, note: str) -> Iterator[str]:
    """A line with a comment: behind it, or above where there is no room."""
    if not note:
        yield line
        return
    padded = f"{line + ' ':<38} # {_line(note)}"
    if len(padded) <= _WIDTH:
        yield padded
        return
    yield f"{line[: len(line) - len(line.lstrip())]}# {_line(note)}"
    yield line


def _head(draft: Draft, name: str) -> Iterator[str]:
    yield f"# Proposed by filehaul init from {_line(draft.told)}."
    yield f"# filehaul check {name}.yaml   shows a page mapped, changes nothing"
    yield f"# filehaul sync {name}.yaml    the catalogue, and the copy where there is content"
    if doubts := draft.doubts():
        yield "# To look at before it is believed:"
        yield from _comments(f"- {one}" for one in doubts)
    yield f"name: {value(name)}"
    yield ""


def _client(draft: Draft, name: str) -> Iterator[str]:
    yield "client:"
    base = draft.place.base_url
    note = "the API's address" if isinstance(base, Variable) else ""
    yield from _noted(f"  base_url: {value(base)}", note)
    if draft.auth is not None and not draft.asked.auth:
        by_person = draft.auth["type"] == "oauth2_authorization_code"
        note = f"sign in once: filehaul login {name}.yaml" if by_person else ""
        yield from _noted(f"  auth: {value(draft.auth)}", note)
    else:
        yield from auth_lines(draft.asked.auth or "bearer", base)
    yield "  # limits: {requests_per_second: 10, concurrency: 8}"
    yield ""


def _resource(draft: Draft) -> Iterator[str]:
    yield "resources:"
    yield from _noted("  - name: files", "also the table's name")
    if draft.has_id:
        yield "    primary_key: file_id"
        yield "    write_disposition: merge"
    else:
        yield from _noted("    write_disposition: replace", _NO_ID)
    if draft.walk is not None:
        yield from _noted("    walk:", "folder by folder, from this one down")
        for key, block in draft.walk.items():
            yield f"{_INDENT}{key}: {value(block)}"
    yield from _endpoint(draft)
    yield from _fields(draft)
    yield from _gone(draft)
    yield from _content(draft)
    yield ""


def _endpoint(draft: Draft) -> Iterator[str]:
    yield "    endpoint:"
    if draft.walk is None:
        is_guess = isinstance(draft.place.base_url, Variable) and not draft.place.folder
        note = "the path that lists files, below base_url" if is_guess else ""
        yield from _noted(f"{_INDENT}path: {value(draft.place.path)}", note)
    if draft.asked.data is not None:
        yield f"{_INDENT}method: POST"
        yield f"{_INDENT}json: {value(draft.asked.data)}"
    if draft.place.params:
        yield f"{_INDENT}params: {value(draft.place.params)}"
    selectors = draft.arrays.selectors
    chosen = selectors[0] if len(selectors) == 1 else selectors
    yield from _noted(f"{_INDENT}data_selector: {value(chosen)}", "the records in the answer")
    yield from _noted(f"{_INDENT}paginator: {value(draft.paged.block)}", draft.paged.doubt)


def _fields(draft: Draft) -> Iterator[str]:
    yield from _noted("    fields:", "column: path in the vendor's record")
    yield from _comments(draft.columns.notes, _INDENT)
    hashed = [one for one in draft.columns.guesses if one.algorithm]
    kind = draft.markers.kind
    for one in draft.columns.guesses:
        if not one.algorithm:
            yield from _noted(f"{_INDENT}{one.column}: {_source(one)}", one.doubt)
        if one.column == "file_name" and kind is not None:
            yield from _noted(f"{_INDENT}kind: {_short(kind.source)}", kind.doubt)
    if kind is not None and draft.columns.of("file_name") is None:
        yield from _noted(f"{_INDENT}kind: {_short(kind.source)}", kind.doubt)
    if draft.markers.trashed is not None:
        yield f"{_INDENT}is_trashed: {_source(draft.markers.trashed)}"
    if hashed:
        yield f"{_INDENT}checksum:"
        for one in hashed:
            yield from _noted(f"{_INDENT}  {one.algorithm}: {_source(one)}", one.doubt)


def _source(one: Guess) -> str:
    return _short({"path": one.path, **({"codec": one.codec} if one.codec else {})})


def _short(source: Mapping[str, Any]) -> str:
    """A field's source; a path alone without braces."""
    return value(source["path"] if set(source) == {"path"} else source)


def _gone(draft: Draft) -> Iterator[str]:
    rules = draft.markers.gone
    if rules and draft.has_id:
        block = value(rules[0] if len(rules) == 1 else rules)
        yield from _noted(f"    deleted: {block}", "such records become tombstones")


def _content(draft: Draft) -> Iterator[str]:
    content = draft.content
    lead = "    " if draft.copies else "    # "
    if not draft.copies:
        yield f"    # {_line(_why_not(draft))}."
        yield "    # Once it is right, uncomment it, and sink below:"
    yield f"{lead}content:"
    note = content.doubt if content.is_sure else ""
    for key, block in content.block.items():
        yield from _noted(f"{lead}  {key}: {value(block)}", note)
    yield f"{lead}  layout: {_layout(draft)}"
    yield from _noted(f"{lead}  verify: auto", "by the strongest that the record offers")


def _why_not(draft: Draft) -> str:
    """Why no bytes are copied."""
    if draft.content.is_sure and draft.has_id:
        return "the catalogue alone was asked for"
    return draft.content.doubt or "content needs a file_id"


def _layout(draft: Draft) -> str:
    named = draft.columns.of("path") or draft.columns.of("file_name") or draft.walk
    return "by_path" if named else "by_id"


def _end(draft: Draft, name: str) -> Iterator[str]:
    sink = draft.asked.sink or "./files"
    yield f"{'' if draft.copies else '# '}sink: {value(sink)}"
    yield from _noted("destination: duckdb", f"writes {name}.duckdb here, dataset {name}_data")


def checked(text: str, name: str) -> str:
    """The text, once it is known to be a config. Raises FilehaulError: a defect of ours."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.yaml"
        path.write_text(text, "utf-8")
        try:
            load_config(path, offline=True)
        except ConfigError as problem:
            raise FilehaulError(
                f"what was proposed is no config: {problem.message}",
                where=problem.where,
                hint="this is a defect of filehaul: please report it, with the page's keys",
            ) from None
    return text


def connection_name(target: Path) -> str:
    """The connection's name, from the file's. Raises UsageError."""
    if problem := name_problem(target.stem):
        raise UsageError(problem, where=str(target), hint="name the file acme.yaml")
    return target.stem


def write(target: Path, text: str) -> Path:
    """Write a new config; never over one that is there. Raises UsageError."""
    connection_name(target)
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(
            f"{target} is there already", where=str(target), hint="choose another name"
        ) from None
    except OSError as problem:
        raise UsageError(
            f"{target} cannot be written: {problem.strerror}",
            where=str(target),
            hint="choose a folder that is there and may be written to",
        ) from None
    return target
