"""What all models of the config share: frozen, closed, and able to say which key was meant."""

from __future__ import annotations

import difflib
import re
from functools import lru_cache
from typing import Annotated, Any, ClassVar, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from ..paths import record_path

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}\Z")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")


class Model(BaseModel):
    """Frozen; an unknown key is an error that names the nearest right one.

    A key whose value is null is as good as left out, unless null means something to it: in YAML
    that is what a block becomes when all its lines are commented out.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    also_known: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        refuse_unknown(value, known_keys(cls))
        nullable = _nullable(cls)
        return {key: one for key, one in value.items() if one is not None or key in nullable}


def known_keys(model: type[Model]) -> frozenset[str]:
    """Every key that a block takes."""
    names = {field.alias or name for name, field in model.model_fields.items()}
    return frozenset(names) | model.also_known


def refuse_unknown(value: dict[Any, Any], known: frozenset[str]) -> None:
    """Raises the error for the first key that is not known, with the nearest one that is."""
    for key in value:
        if key in known:
            continue
        near = nearest(str(key), known)
        takes = "it takes: {}".format(", ".join(sorted(known)))
        raise PydanticCustomError(
            "unknown_key",
            "unknown key {key}",
            {
                "key": repr(key),
                "name": str(key),
                "advice": f"did you mean {near!r}?" if near else takes,
            },
        )


def nearest(word: str, known: frozenset[str] | list[str]) -> str | None:
    """The known word that was probably meant; None where nothing is near."""
    plain = {one.replace("_", "").lower(): one for one in sorted(known)}
    given = re.sub(r"[_\s-]", "", word).lower()
    found = difflib.get_close_matches(given, plain, 1, 0.65)
    begins = [one for one in plain if len(given) >= 3 and one.startswith(given)]
    return plain[(found + begins)[0]] if found or begins else None


@lru_cache(maxsize=64)
def _nullable(model: type[Model]) -> frozenset[str]:
    """The keys for which null is a value of their own."""
    return frozenset(
        field.alias or name
        for name, field in model.model_fields.items()
        if type(None) in get_args(field.annotation) and field.default is not None
    )


def _a_path(value: str) -> str:
    record_path(value)
    return value


def one_line(value: str) -> str:
    """The value, if it can stand in a header; ValueError."""
    if _CONTROLS.search(value):
        # Said without the value: it is a secret more often than not.
        raise ValueError("holds a line break or another control character (a newline at its end?)")
    return value


Path = Annotated[
    str, AfterValidator(_a_path), Field(description="dotted path or JSONPath into the answer")
]
Line = Annotated[str, AfterValidator(one_line)]
Headers = dict[str, Line]


def name_problem(name: str) -> str | None:
    """What is wrong with a connection's or resource's name; None: nothing."""
    if _NAME.match(name):
        return None
    return f"the name {name!r} must be letters, digits, - and _, begin with a letter, at most 63"


def spelled(name: str) -> str:
    """A name as dlt's default naming spells it in SQL: ``fileId`` and ``file-id`` as ``file_id``.

    Two names that are spelled alike are one table, or one column.
    """
    text = name.strip().translate(str.maketrans("+-*@|", "x_xal"))
    text = re.sub(r"[^a-zA-Z\d_]+", "_", text)
    text = re.sub(r"([^_])([A-Z][a-z]+)", r"\1_\2", text)
    text = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", text).lower()
    text = f"_{text}" if text[:1].isdigit() else text
    stripped = text.rstrip("_")
    text = stripped + "x" * (len(text) - len(stripped))
    return re.sub(r"__+", "_", text)


def is_object(value: Any) -> bool:
    """Whether a value is one that only Python can make: YAML and JSON have no such."""
    return not isinstance(value, (str, int, float, list, tuple, dict, type(None)))
