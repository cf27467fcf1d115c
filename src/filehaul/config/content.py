"""A resource's ``content``: how its files' bytes are had, and how they are kept."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from .asking import Asking, Expired, Export
from .base import Path
from .layout import Layout
from .select import Select
from .units import Size
from .verify import Verify

_RANGES = 8
_MOST_RANGES = 64


def _at_once(value: Any) -> bool | int:
    if isinstance(value, bool) or (isinstance(value, int) and 1 <= value <= _MOST_RANGES):
        return value
    raise PydanticCustomError(
        "ranges", f"must be true, false, or how many requests for one file: 1 to {_MOST_RANGES}"
    )


_Ranges = Annotated[
    bool | int,
    BeforeValidator(_at_once),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "boolean"},
                {"type": "integer", "minimum": 1, "maximum": _MOST_RANGES},
            ]
        }
    ),
]


class Content(Asking):
    """How a file's bytes are had, and how they are kept."""

    path: str | None = Field(
        None, description="address of the bytes; {column} or {path.into.record} is put in"
    )
    url_field: Path | None = Field(None, description="instead: the record holds the address")
    layout: Layout = Field(
        "by_path",
        description="where a file lies below the sink: by_path (as at the vendor), by_id, by_hash "
        "(one copy of equal bytes), or a template of columns, as in {drive_id}/{path}",
    )
    select: Select | None = Field(
        None, description="which files are transferred; left out: all of them"
    )
    ranges: _Ranges = Field(
        False,
        description="large files by several requests at once; true: 8 a file. Where a connection "
        "is slower than the line",
    )
    verify: Verify = Field(
        {"default": "auto"},
        description="auto (by the strongest that the record offers), checksum, size or none; or "
        "one of these for each MIME type, as in {default: auto, text/*: size}",
    )

    expired: Expired = Field(
        default_factory=Expired,
        description="how a server says that an address from the vendor is no longer good",
    )
    max_size: Size | None = Field(
        None,
        description="bytes, or 5GB: a file that is larger has failed, and a body that grows beyond "
        "it is cut off",
    )
    export: Export | None = Field(
        None, description="documents without bytes of their own, and what they are exported as"
    )

    @property
    def ranges_at_once(self) -> int:
        """Requests at once for one file."""
        return _RANGES if self.ranges is True else max(1, int(self.ranges))

    @model_validator(mode="after")
    def _one_way(self) -> Content:
        if (self.path is None) == (self.url_field is None):
            raise PydanticCustomError("content", "content takes either path or url_field")
        return self
