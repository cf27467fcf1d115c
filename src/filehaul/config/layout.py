"""Where a file lies in the sink: a layout by name, or a template of its columns.

A template is a path of our own making, with columns in braces: ``{drive_id}/{path}``,
``{modified_at:%Y/%m}/{file_id}-{file_name}``. A value is a part of one name, whatever is in it;
only ``{path}`` is several folders and a name, so it stands alone between slashes.
"""

from __future__ import annotations

import re
import string
from typing import Annotated, Any, NamedTuple

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from ..names import safe_segment
from ..paths import record_path

BY_PATH, BY_ID, BY_HASH = "by_path", "by_id", "by_hash"
LAYOUTS = (BY_PATH, BY_ID, BY_HASH)
PATH = "path"
# Those of strftime that mean the same on every system, and in every language.
_DIRECTIVES = "YmdHMSjyGVu%"
_FORMAT = re.compile(f"(?:[^%]|%[{_DIRECTIVES}])+")


class Piece(NamedTuple):
    """Text of our own, and the column after it; ``format``: how its time is written."""

    literal: str
    column: str | None
    format: str


def segments(template: str) -> list[list[Piece]]:
    """The names that a template is made of, outermost first. ValueError: what is wrong with it."""
    try:
        parsed = list(string.Formatter().parse(template))
    except ValueError as problem:
        raise ValueError(f"the braces do not close: {problem}") from None
    found: list[list[Piece]] = [[]]
    for literal, column, spec, conversion in parsed:
        if conversion:
            raise ValueError(
                f"{{{column}!{conversion}}}: only a time takes a format, after a colon"
            )
        *whole, rest = literal.split("/")
        for text in whole:
            found[-1] += [Piece(text, None, "")] if text else []
            found.append([])
        if column is None:
            found[-1] += [Piece(rest, None, "")] if rest else []
            continue
        first, *more = _formats(column, spec or "")
        found[-1].append(Piece(rest, column, first))
        found += [[Piece("", column, one)] for one in more]
    for segment in found:
        _check(segment)
    if not any(piece.column for segment in found for piece in segment):
        raise ValueError("every file would have the same path: put columns in braces")
    return found


def _formats(column: str, spec: str) -> list[str]:
    """A column's format, one for each folder that it makes."""
    if not column.strip():
        raise ValueError("empty braces: they name a column")
    record_path(column)
    if not spec:
        return [""]
    if not _FORMAT.fullmatch(spec):
        known = " ".join(f"%{letter}" for letter in _DIRECTIVES)
        raise ValueError(f"{{{column}:{spec}}}: a time is written with {known}")
    parts = spec.split("/")
    if not all(parts):
        raise ValueError(f"{{{column}:{spec}}}: a slash at the end, or two in a row")
    return parts


def _check(segment: list[Piece]) -> None:
    if not segment:
        raise ValueError("a slash at an end, or two in a row: the path is one below the sink")
    texts = [piece.literal for piece in segment] + [piece.format for piece in segment]
    alone = all(piece.column is None for piece in segment)
    for text in ["".join(texts)] if alone else [f"x{text}x" for text in texts]:
        plain = text.replace("%", "")
        if safe_segment(plain) != plain:
            raise ValueError(f"{text.strip('x')!r} cannot be a part of a name in every sink")
    if any(piece.column == PATH for piece in segment) and (len(segment) > 1 or segment[0].literal):
        raise ValueError("{path} is folders and a name: it stands alone between slashes")


def _layout(value: Any) -> str:
    if isinstance(value, str) and "{" in value:
        segments(value)
        return value
    if value in LAYOUTS:
        return str(value)
    raise PydanticCustomError(
        "literal_error",
        "must be {expected}",
        {
            "expected": ", ".join(map(repr, LAYOUTS))
            + " or a template of columns, such as {drive_id}/{path}"
        },
    )


Layout = Annotated[
    str,
    BeforeValidator(_layout),
    WithJsonSchema({"anyOf": [{"enum": list(LAYOUTS)}, {"type": "string", "pattern": r"\{"}]}),
]
