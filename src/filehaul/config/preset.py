"""What a preset's file holds: a config's own keys, and a head that tells what they do not.

The head's words are for people (``filehaul vendors NAME``, docs/vendors) and for the conformance
suite; nothing of it changes what is asked of a vendor, its parameters apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, StrictBool, ValidationError, field_validator
from pydantic_core import PydanticCustomError

from ..errors import ConfigError
from ..vendors import names, path_of
from .base import Model, nearest, refuse_unknown

BLOCKS = ("client", "resource_defaults", "resources")
"""The keys of a config that a preset may have."""
HEAD = "preset"
_PARAMETER = re.compile(r"[a-z][a-z0-9_]*\Z")
_FORM = "docs/vendors.md has an example"
_LISTED = "filehaul vendors lists the bundled ones; one of your own is a path: vendor: ./acme.yaml"

Value = str | int | float | bool | None


class Parameter(Model):
    """A value that a config may, or must, give beside the preset's name."""

    about: str = Field(min_length=1, description="what it is, and where it is found")
    default: Value = Field(  # not None: null is a value here
        "", description="left out: it must be given where it is used; null: its key goes"
    )
    example: Value = Field(None, description="for the docs, and for the error where it is missing")
    one_of: tuple[Value, ...] = Field((), description="the only values that are taken")
    pattern: str | None = Field(None, description="what the whole value must look like")
    implies: dict[str, Value] = Field(
        default_factory=dict,
        description="where this one is given: the values of other parameters that are not",
    )

    @field_validator("pattern")
    @classmethod
    def _readable(cls, value: str | None) -> str | None:
        try:
            re.compile(value or "")
        except re.error as problem:
            raise ValueError(f"is no regular expression: {problem}") from None
        return value

    @property
    def is_required(self) -> bool:
        """Whether nothing stands for it."""
        return "default" not in self.model_fields_set

    def problem(self, value: Any) -> str | None:
        """What is wrong with a value; None: nothing. Never the value itself."""
        if isinstance(value, (dict, list)):
            return "must be one value"
        if self.one_of and value not in self.one_of:
            return "must be one of " + ", ".join(map(str, self.one_of))
        if self.pattern is not None and not re.fullmatch(self.pattern, str(value)):
            return f"does not look like {self.example!r}: {self.about}"
        return None


class Capabilities(Model):
    """What a vendor does that the preset's own keys do not show. Left out: it does not."""

    ranges: StrictBool = Field(False, description="answers a Range request by 206")
    redirects: StrictBool = Field(
        False, description="sends to another host for the bytes, which gets no credentials"
    )
    not_ready: StrictBool = Field(False, description="answers 202 while it still makes a file")
    duplicate_names: StrictBool = Field(
        False, description="two files of one folder may have one name"
    )
    links: StrictBool = Field(
        False, description="lists records without bytes that point elsewhere: shortcuts, links"
    )
    trash: Literal["apart", "marked", "none"] = Field(
        "none",
        description="trashed files are in a place of their own (not listed), are listed and "
        "marked, or there is no trash",
    )
    ids: Literal["stable", "paths"] = Field(
        "stable", description="an id stays when a file is renamed or moved, or is its path"
    )
    times: Literal["server", "client"] = Field(
        "server", description="whose clock modified_at is; a client's can be set to any time"
    )
    feed_repeats: StrictBool = Field(
        False, description="its change feed may tell one change several times, or out of order"
    )


class Head(Model):
    """What a preset says of itself and of its vendor. Lists are a sentence a line."""

    title: str | None = Field(None, description="the vendor's name, as people write it")
    about: str | None = Field(None, description="what the preset lists, in one line")
    docs: tuple[str, ...] = Field((), description="the vendor's own definitions: URLs")
    parameters: dict[str, Parameter] = Field(
        default_factory=dict, description="name: {about, default, example, one_of, pattern}"
    )
    sign_in: dict[str, str] = Field(
        default_factory=dict, description="type of client.auth: what a config gives for it"
    )
    credentials: tuple[str, ...] = Field((), description="steps to get them, in their order")
    example: str | None = Field(None, description="the smallest config that uses it, as YAML")
    capabilities: Capabilities = Field(default_factory=Capabilities)
    notes: tuple[str, ...] = Field((), description="why it is as it is, and what to choose")
    lies: tuple[str, ...] = Field((), description="where the vendor's word is not to be taken")
    limits: tuple[str, ...] = Field((), description="the vendor's limits, with where it says so")
    unverified: tuple[str, ...] = Field((), description="facts that no document confirmed")

    @field_validator("parameters")
    @classmethod
    def _named(cls, value: dict[str, Parameter]) -> dict[str, Parameter]:
        for name, one in value.items():
            for other in one.implies:
                if other not in value:
                    raise ValueError(f"{name} implies {other!r}, which is no parameter")
            if name == "name" or not _PARAMETER.match(name):
                raise ValueError(f"{name!r}: small letters, digits and _, and not 'name'")
        for name, one in value.items():
            for implied in one.implies:
                if implied not in value:
                    raise ValueError(f"{name!r} implies {implied!r}, which is no parameter")
        return value


@dataclass(frozen=True)
class Preset:
    """A preset as it was read. ``name``: as the config names it; ``blocks``: its config's keys."""

    name: str
    head: Head
    blocks: Mapping[str, Any] = field(repr=False)
    path: Path

    @property
    def called(self) -> str:
        """How errors name it."""
        return f"the preset {self.name!r}"


def read_preset(name: str, folder: Path, source: str) -> Preset:
    """The preset that a config names: a bundled one, or a path. Raises ConfigError.

    ``folder``: what paths are relative to; ``source``: the config, for the error.
    """
    from .yaml_text import read_yaml

    path = _path(name, folder, source)
    raw = read_yaml(path)
    called = f"the preset {name!r}"
    try:
        refuse_unknown(raw, frozenset({HEAD, *BLOCKS}))
    except PydanticCustomError as problem:
        context = problem.context or {}
        raise ConfigError(
            f"a preset has no key {context['key']}",
            where=f"{context['name']} in {called}",
            hint=context["advice"] + ("" if "takes" in context["advice"] else "; else drop it"),
        ) from None
    given = raw.pop(HEAD, None) or {}
    try:
        head = Head.model_validate(given)
    except ValidationError as problem:
        from .explain import explain

        raise explain(problem, called, given, HEAD) from None
    for key, kind in (("client", dict), ("resource_defaults", dict), ("resources", list)):
        if not isinstance(raw.get(key), (kind, type(None))):
            what = "a list" if kind is list else "a mapping of keys"
            raise ConfigError(f"must be {what}", where=f"{key} in {called}", hint=_FORM)
    for number, one in enumerate(raw.get("resources") or ()):
        if not isinstance(one, dict):
            where = f"resources[{number}] in {called}"
            raise ConfigError("must be a mapping of keys", where=where, hint=_FORM)
    return Preset(name, head, raw, path)


def _path(name: str, folder: Path, source: str) -> Path:
    where = f"vendor in {source}"
    if "/" in name or "\\" in name or name.endswith((".yaml", ".yml")):
        path = folder / Path(name).expanduser()
        if path.is_file():
            return path
        raise ConfigError(f"no preset at {path}", where=where, hint=_LISTED)
    known = names()
    if name in known:
        return path_of(name)
    near = nearest(name, known)
    raise ConfigError(
        f"there is no preset {name!r}",
        where=where,
        hint=f"did you mean {near!r}? {_LISTED}" if near else _LISTED,
    )


def parameters(
    preset: Preset, given: Mapping[str, Any], source: str, lenient: bool = False
) -> dict[str, Any]:
    """The value of each of a preset's parameters; None: it has none. Raises ConfigError for one
    that is unknown, or not as it must be.

    ``lenient``: nobody will be asked with them, so they are not looked at.
    """
    known, where = preset.head.parameters, f"vendor in {source}"
    for name in given:
        if name not in known:
            near = nearest(str(name), list(known))
            takes = f"it takes: {', '.join(known)}" if known else "it takes none"
            raise ConfigError(
                f"{preset.called} has no parameter {str(name)!r}",
                where=where,
                hint=f"did you mean {near!r}?" if near else takes,
            )
    values = {name: None if one.is_required else one.default for name, one in known.items()}
    chosen = {name: value for name, value in given.items() if value is not None}
    for name in chosen:
        values.update(known[name].implies)
    values.update(chosen)
    for name, value in values.items():
        problem = known[name].problem(value) if value is not None and not lenient else None
        if problem:
            raise ConfigError(
                f"{name} {problem}",
                where=f"vendor.{name} in {source}",
                hint=f"filehaul vendors {preset.name} tells what it takes",
            )
    return values


def refuse_missing(preset: Preset, missing: Iterable[str], source: str) -> None:
    """Raises ConfigError for parameters that are needed and were not given."""
    known = preset.head.parameters
    named = [name for name in known if name in missing]
    if not named:
        return
    shown = ", ".join(f'{name}: "{_example(known[name])}"' for name in named)
    told = "; ".join(f"{name}: {known[name].about}" for name in named)
    raise ConfigError(
        f"{preset.called} needs {', '.join(named)}",
        where=f"vendor in {source}",
        hint=f"vendor: {{name: {preset.name}, {shown}}} ({told})",
    )


def _example(parameter: Parameter) -> Value:
    return "…" if parameter.example is None else parameter.example
