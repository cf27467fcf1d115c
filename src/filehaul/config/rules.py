"""What an answer of the vendor means, where its status alone does not say: rules as data."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, field_validator, model_validator
from pydantic_core import PydanticCustomError

from .base import Model, Path, one_line
from .match import Condition

Do = Literal["retry", "wait", "fail", "renew", "not_ready"]

_Status = Annotated[int, Field(ge=200, le=599)]
_STATUS_SCHEMA = {"type": "integer", "minimum": 200, "maximum": 599}
_Statuses = Annotated[
    tuple[_Status, ...],
    Field(min_length=1),
    BeforeValidator(lambda value: [value] if isinstance(value, int | str) else value),
    WithJsonSchema(
        {"anyOf": [_STATUS_SCHEMA, {"type": "array", "items": _STATUS_SCHEMA, "minItems": 1}]}
    ),
]


class HeaderCondition(Condition):
    """A header of the answer: ``{name, equals | exists | contains}``. Its value is a text."""

    name: str = Field(min_length=1, description="of the header")

    def holds(self, value: str | None) -> bool:
        """Whether the header is so. None: the answer has none of this name."""
        if self.equals is not None:
            return value is not None and value.strip() in map(str, self.wanted)
        return self.fits(value)


class BodyCondition(Condition):
    """The answer's body: at a path of its JSON, or without a path its text."""

    path: Path | None = Field(
        None, description="into the answer's JSON; left out: the whole text of the answer"
    )

    @model_validator(mode="after")
    def _text_is_searched(self) -> BodyCondition:
        if self.path is None and self.contains is None:
            raise PydanticCustomError("body", "without path it takes contains")
        return self


class After(Model):
    """How long the vendor wants us to stay away. Without ``header`` and ``path``: Retry-After."""

    header: str | None = Field(None, min_length=1, description="the header that says it")
    path: Path | None = Field(None, description="instead: its place in the answer's JSON")
    unit: Literal["seconds", "ms", "epoch", "epoch_ms"] = Field(
        "seconds",
        description="of a number there: how long, or a moment since 1970; a date is read as one",
    )
    seconds: float | None = Field(
        None, ge=0, le=86_400, description="how long, where the answer does not say"
    )

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return value if isinstance(value, dict | After) else {"seconds": value}

    @model_validator(mode="after")
    def _one_place(self) -> After:
        if self.header is not None and self.path is not None:
            raise PydanticCustomError("after", "takes either header or path")
        if self.header is None and self.path is None and "unit" in self.model_fields_set:
            raise PydanticCustomError("after", "unit is of what stands at header or path")
        return self


class Rule(Model):
    """An answer, and what is done about it. The first rule that fits is the one that counts."""

    name: str | None = Field(
        None, min_length=1, max_length=100, description="said in errors: what the answer means"
    )
    status: _Statuses = Field(description="of the answer: one, or a list")
    header: HeaderCondition | None = Field(None, description="and this header is so")
    body: BodyCondition | None = Field(None, description="and its body is so")
    do: Do = Field(
        description="retry: again, as often as max_retries says; wait: the connection pauses, then "
        "again; fail: it stands, at once; renew: as 401; not_ready: as 202, others go on meanwhile"
    )
    after: After | None = Field(
        None, description="with wait and not_ready: how long; seconds, or where it is said"
    )
    max_retries: int | None = Field(
        None, ge=0, le=20, description="with retry: instead of the one of all"
    )

    @field_validator("name")
    @classmethod
    def _a_line(cls, value: str | None) -> str | None:
        return None if value is None else one_line(value)

    @model_validator(mode="after")
    def _fits_together(self) -> Rule:
        if self.after is not None and self.do not in ("wait", "not_ready"):
            raise PydanticCustomError("after", "after goes with do: wait and do: not_ready")
        if self.max_retries is not None and self.do != "retry":
            raise PydanticCustomError("max_retries", "max_retries goes with do: retry")
        every = self.header is None and self.body is None
        if every and any(status < 300 and status != 202 for status in self.status):
            raise PydanticCustomError(
                "rule", "every good answer would fit: a status below 300 needs header or body"
            )
        return self
