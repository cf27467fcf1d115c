"""One condition on the vendor's record: what stands at a path, or whether anything does."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any

from pydantic import Field, StrictBool, StrictInt, StrictStr, model_validator
from pydantic_core import PydanticCustomError

from ..paths import MISSING, RecordPath, record_path
from .base import Model, Path

_Value = StrictBool | StrictInt | StrictStr


class Match(Model):
    """``{path, equals}`` (a value, or a list of values) or ``{path, exists}``."""

    path: Path
    equals: _Value | Annotated[tuple[_Value, ...], Field(min_length=1)] | None = Field(
        None, description="the value that stands there; of a list: one of them"
    )
    exists: StrictBool | None = Field(
        None, description="true: something other than null stands there; false: nothing does"
    )

    @model_validator(mode="after")
    def _one_way(self) -> Match:
        if (self.equals is None) == (self.exists is None):
            raise PydanticCustomError("match", "takes path, and either equals or exists")
        return self

    @cached_property
    def _where(self) -> RecordPath:
        return record_path(self.path)

    @cached_property
    def _wanted(self) -> tuple[Any, ...]:
        return self.equals if isinstance(self.equals, tuple) else (self.equals,)

    def holds(self, record: Any) -> bool:
        """Whether the record is so. Of a path with several matches, any may be."""
        found = self._where.get(record)
        if self.exists is not None:
            return (found is not MISSING and found is not None) == self.exists
        if self._where.is_plain or not isinstance(found, list):
            return _is_one(found, self._wanted)
        return any(_is_one(one, self._wanted) for one in found)


def _is_one(value: Any, wanted: tuple[Any, ...]) -> bool:
    """As JSON has it: true is not 1, and "1" is neither."""
    return any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in wanted)
