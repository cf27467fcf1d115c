"""Which files' bytes are transferred: ``content.select``.

A file that is not selected has its row in the catalogue, and no transfer.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from .base import Model
from .units import Moment, Size


def _one_or_many(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


_Globs = Annotated[
    tuple[Annotated[str, Field(min_length=1)], ...],
    BeforeValidator(_one_or_many, json_schema_input_type=str | list[str]),
]
_TYPE = re.compile(r"[^\s/;,]+/[^\s/;,]+\Z|\*\Z")


class Select(Model):
    """Which files are transferred: those for which all of these hold. Case does not count.

    ``modified_after`` and ``modified_before`` are moments in UTC, or times before now.
    """

    include: _Globs = Field(
        (), description='globs on the path, of which one must fit: "*.pdf", "/Reports/**"'
    )
    exclude: _Globs = Field((), description="globs on the path, of which none may fit")
    mime_type: _Globs = Field((), description='MIME types, of which one must fit: "image/*"')
    min_size: Size | None = Field(None, description="bytes, or 5MB, 2GiB: not smaller")
    max_size: Size | None = Field(None, description="bytes, or 5MB, 2GiB: not larger")
    modified_after: Moment | None = Field(
        None, description="a date, a date and time, or how long ago (30d): not older"
    )
    modified_before: Moment | None = Field(
        None, description="a date, a date and time, or how long ago (10m): not younger"
    )

    @field_validator("include", "exclude")
    @classmethod
    def _globs(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for glob in value:
            glob_pattern(glob)
        return value

    @field_validator("mime_type")
    @classmethod
    def _types(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            if not _TYPE.match(one):
                raise ValueError(f"{one!r} is no MIME type: image/png, image/*")
        return tuple(one.lower() for one in value)

    @model_validator(mode="after")
    def _some_left(self) -> Select:
        least, most = self.min_size, self.max_size
        if least is not None and most is not None and least > most:
            raise PydanticCustomError("select", "min_size is above max_size: no file fits")
        after, before = self.modified_after, self.modified_before
        spans = isinstance(after, timedelta) and isinstance(before, timedelta) and before >= after
        moments = isinstance(after, datetime) and isinstance(before, datetime) and after >= before
        if spans or moments:
            raise PydanticCustomError(
                "select", "modified_after is not before modified_before: no file fits"
            )
        return self


def glob_pattern(glob: str) -> str:
    """A glob as a regular expression for a whole path without a leading slash.

    ``*`` and ``?`` stay within one name, ``**`` does not, ``[a-z]`` and ``[!a-z]`` are one
    character. A glob with a slash, at its begin too, is held to the whole path; one without, to the
    name, in any folder. One that ends in a slash is all that is in such a folder. ValueError: a
    bracket does not close.
    """
    if not glob.strip("/"):
        raise ValueError(f"{glob!r} names nothing")
    anchored = "/" in glob.rstrip("/")
    text = glob.lstrip("/") + ("**" if glob.endswith("/") else "")
    found, at = [] if anchored else [r"(?:.*/)?"], 0
    while at < len(text):
        piece, at = _piece(text, at)
        if not (piece == ".*" and found and found[-1] == ".*"):
            found.append(piece)
    return "".join(found)


def _piece(text: str, at: int) -> tuple[str, int]:
    """The expression for what stands there, and where the next begins."""
    if text.startswith("**", at):
        end = at + len(text[at:]) - len(text[at:].lstrip("*"))
        between = (at == 0 or text[at - 1] == "/") and text[end : end + 1] == "/"
        return (r"(?:.*/)?", end + 1) if between else (".*", end)
    if text[at] == "*":
        return r"[^/]*", at + 1
    if text[at] == "?":
        return r"[^/]", at + 1
    if text[at] != "[":
        return re.escape(text[at]), at + 1
    end = text.find("]", at + 2 + text.startswith("!", at + 1))
    if end < 0:
        raise ValueError(f"{text!r}: a bracket does not close; [[] is a bracket itself")
    inside = text[at + 1 : end].replace("\\", r"\\").replace("[", r"\[").replace("^", r"\^")
    inside = re.sub(r"\A!", "^", inside).replace("&&", r"&\&").replace("||", r"|\|")
    try:
        re.compile(f"[{inside}]")
    except re.error as problem:
        raise ValueError(f"{text!r}: {problem}") from None
    return f"(?!/)[{inside}]", end + 1
