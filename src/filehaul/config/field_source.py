"""Where a column's value stands in the vendor's record: a path, and how its value is read; or a
value of the config's own, by what stands there or by what there is at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StrictBool, StrictInt, StrictStr, model_validator
from pydantic_core import PydanticCustomError

from ..paths import Place, WhichExists, WhichValue, record_path
from .base import Model, Path

Codec = Literal["epoch", "epoch_ms", "rfc1123", "int", "base64", "labelled"]
KINDS = ("file", "folder", "shortcut", "link", "other")
_Value = StrictBool | StrictInt | StrictStr


def _as_text(value: Any) -> Any:
    """YAML reads ``true:`` and ``1:`` as something else than text: here they are what they say."""
    if not isinstance(value, dict):
        return value
    names = (str(key).lower() if isinstance(key, bool) else str(key) for key in value)
    return dict(zip(names, value.values()))


_Choices = Annotated[
    dict[str, _Value],
    BeforeValidator(_as_text),
    Field(min_length=1),
]


class FieldSource(Model):
    """``path``, ``{path, codec}``, ``{path, values, otherwise}`` or ``{exists, otherwise}``."""

    path: Path | None = Field(None, description="dotted path or JSONPath into the record")
    codec: Codec | None = Field(None, description="how the vendor's value is written")
    values: _Choices | None = Field(
        None, description="what the vendor's values are called here: {vnd.folder: folder}"
    )
    exists: _Choices | None = Field(
        None,
        description="instead of path: paths, each with the column's value; the first counts at "
        "which something other than null stands: {folder: folder, package: other, file: file}",
    )
    otherwise: _Value | None = Field(
        None, description="the column's value where none of values, or of exists, fits"
    )

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"path": value}
        if not isinstance(value, (dict, FieldSource)):
            raise PydanticCustomError(
                "field", "must be a path into the record, or a mapping with path and codec"
            )
        return value

    @model_validator(mode="after")
    def _one_way(self) -> FieldSource:
        if (self.path is None) == (self.exists is None):
            raise PydanticCustomError(
                "field", "takes one of path (with codec, or with values) and exists"
            )
        if self.exists is not None and self.values is not None:
            raise PydanticCustomError(
                "field", "values goes with path, and exists does without both"
            )
        if self.codec is not None and self.is_chosen:
            raise PydanticCustomError(
                "field", "codec does not go with values, exists and otherwise: these are the value"
            )
        if self.otherwise is not None and not self.values and not self.exists:
            raise PydanticCustomError("field", "otherwise goes with values or with exists")
        for path in self.exists or ():
            record_path(path)
        return self

    @property
    def is_chosen(self) -> bool:
        """Whether the column's value is the config's, and not the record's."""
        return any(one is not None for one in (self.values, self.exists, self.otherwise))

    @property
    def choices(self) -> Iterator[Any]:
        """The values that the config gives."""
        for block in (self.values, self.exists):
            yield from (block or {}).values()
        if self.otherwise is not None:
            yield self.otherwise

    @cached_property
    def place(self) -> Place:
        """Where the value is read."""
        if self.exists is not None:
            paths = tuple((record_path(path), value) for path, value in self.exists.items())
            return WhichExists(", ".join(self.exists), paths, self.otherwise)
        assert self.path is not None
        path = record_path(self.path)
        if self.values is None and path.is_plain:
            return path
        return WhichValue(path, self.values or {}, self.otherwise)  # of several matches the first


def only_kinds(source: FieldSource | None) -> FieldSource | None:
    """A column of kinds gives no kind that nobody knows; PydanticCustomError."""
    for choice in source.choices if source is not None else ():
        if choice not in KINDS:
            raise PydanticCustomError(
                "kind",
                "{given} is no kind; known are {known}",
                {"given": repr(choice), "known": ", ".join(KINDS)},
            )
    return source
