"""One condition on what a vendor says: what stands somewhere, or whether anything does."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any

from pydantic import Field, StrictBool, StrictInt, StrictStr, model_validator
from pydantic_core import PydanticCustomError

from ..paths import MISSING, RecordPath, record_path
from .base import Model, Path

_Value = StrictBool | StrictInt | StrictStr


class Condition(Model):
    """``equals`` (a value, or a list of values), ``exists`` or ``contains``: one of them."""

    equals: _Value | Annotated[tuple[_Value, ...], Field(min_length=1)] | None = Field(
        None, description="the value that stands there; of a list: one of them"
    )
    exists: StrictBool | None = Field(
        None, description="true: something other than null stands there; false: nothing does"
    )
    contains: str | None = Field(
        None, min_length=1, description="a text stands there that has this in it, in any case"
    )

    @model_validator(mode="after")
    def _one_way(self) -> Condition:
        ways = (self.equals, self.exists, self.contains)
        if sum(way is not None for way in ways) != 1:
            raise PydanticCustomError("match", "takes either equals or exists or contains")
        return self

    @cached_property
    def wanted(self) -> tuple[Any, ...]:
        """The values that ``equals`` lists."""
        return self.equals if isinstance(self.equals, tuple) else (self.equals,)

    def fits(self, found: Any) -> bool:
        """Whether what was found at one place is so. `MISSING`: nothing was."""
        if self.exists is not None:
            return (found is not MISSING and found is not None) == self.exists
        if self.contains is not None:
            return isinstance(found, str) and self.contains.casefold() in found.casefold()
        return _is_one(found, self.wanted)


class Match(Condition):
    """A `Condition` on what stands at a path of a record."""

    path: Path

    @cached_property
    def _where(self) -> RecordPath:
        return record_path(self.path)

    def holds(self, record: Any) -> bool:
        """Whether the record is so. Of a path with several matches, any may be."""
        found = self._where.get(record)
        if self.exists is not None or self._where.is_plain or not isinstance(found, list):
            return self.fits(found)
        return any(self.fits(one) for one in found)


def _is_one(value: Any, wanted: tuple[Any, ...]) -> bool:
    """As JSON has it: true is not 1, and "1" is neither."""
    return any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in wanted)
