"""A config over a preset: the preset's keys, each of them the config's where the config has it.

- Mappings are merged key by key, however deep; anything else of the config takes the preset's
  place. So does a mapping with another ``type``: the keys of one sign-in say nothing of another.
- ``resources`` are merged by their names: those that the config does not name stay as they are,
  those that only it has come after them.
- A key of the config that is null takes the preset's away; at the top level null is as good as
  left out.
- ``<<name>>`` in the preset's texts is a parameter; one that stands alone keeps its type, and one
  without a value takes its text, and so its key, with it. One that must be given must be so only
  where what it is in is still there.
- Without a ``sink`` of the config's there is the catalogue alone: ``content`` of the preset goes.
- ``client.auth`` of a preset may be a list: the ways to sign in. The config's ``type`` chooses;
  the first is the preset's own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from .preset import BLOCKS, Preset, parameters, read_preset, refuse_missing
from .secrets import References

_IN_TEXT = re.compile(r"<<([A-Za-z_][A-Za-z0-9_]*)>>")
_STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")
_UNKNOWN = re.compile(r"unknown key '(\w+)'")
_GONE: Any = object()
# Two spellings of one key: the config's must not meet the other one of the preset.
_TWINS = {"access_token_url": "token_url", "access_token_request_data": "extra"}
_ONE_TYPE = {"oauth2_client_credentials": "oauth2"}

_PutIn = Callable[[Any, str], Any]


class Over:
    """A config merged over the preset that it names. ``raw``: what came of it."""

    def __init__(self, own: dict[str, Any], preset: Preset, put_in: _PutIn, source: str) -> None:
        self.own = own
        self.preset = preset
        self.source = source
        self._numbers: list[int | None] = []  # of each resource: its place in the config
        self.raw = {key: value for key, value in own.items() if key not in BLOCKS}
        for key in BLOCKS:
            theirs, ours = preset.blocks.get(key), own.get(key)
            if key == "client":
                theirs = _with_one_sign_in(theirs, ours)
            if key == "resources":
                merged = self._resources(theirs or [], ours, put_in)
            else:
                theirs = self._to_keep(theirs, ours)
                merged = _merged(_GONE if theirs is None else theirs, ours, put_in, key)
            if merged is not _GONE and merged is not None:
                self.raw[key] = merged

    def _resources(self, theirs: list[Any], ours: Any, put_in: _PutIn) -> Any:
        if ours is not None and not isinstance(ours, (list, tuple)):
            return ours
        given = [_long_form(one) for one in ours or ()]
        by_name = {_name_of(one): number for number, one in enumerate(given)}
        result, taken = [], set()
        for number, one in enumerate(theirs):
            block = _long_form(one)
            mine = by_name.get(_name_of(block)) if _name_of(block) is not None else None
            over = None if mine is None else given[mine]
            result.append(_merged(self._to_keep(block, over), over, put_in, f"resources[{number}]"))
            self._numbers.append(mine)
            taken.add(mine)
        for number, one in enumerate(given):
            if number not in taken:
                result.append(one)
                self._numbers.append(number)
        return result

    def _to_keep(self, block: Any, over: Any) -> Any:
        """A block of the preset's; without its content where that has nowhere to go, and the config
        does not insist.
        """
        if self.own.get("sink") is not None or not _is_block(block):
            return block
        if _is_block(over) and over.get("content"):
            return block
        return {key: value for key, value in block.items() if key != "content"}

    def told(self, problem: ConfigError) -> ConfigError:
        """The same error, with its place where it really stands: in the config or the preset."""
        end, hint = f" in {self.source}", problem.hint
        if not problem.where.endswith(end):
            return problem
        unknown = _UNKNOWN.fullmatch(problem.message)
        place = problem.where.removesuffix(end)
        steps, rest = _steps(place)
        if steps and steps[0] in BLOCKS:
            where = self._where(steps, rest)
            if where.endswith(f", over {self.preset.called}"):
                hint += "; a key of the preset's goes by null"
        elif unknown and unknown[1] in self.preset.head.parameters:
            where = problem.where
            hint = f"it is a parameter: vendor: {{name: {self.preset.name}, {unknown[1]}: …}}"
        else:
            where = f"{problem.where}, over {self.preset.called}" if " " in place else problem.where
        return type(problem)(problem.message, where=where, hint=hint)

    def _where(self, steps: list[str | int], rest: str) -> str:
        mine = self._mine(steps)
        theirs = f"{_text(steps)}{rest} of {self.preset.called}"
        if mine is None:
            return theirs
        depth = _depth(mine, self.own)
        place = f"{_text(mine)}{rest} in {self.source}"
        if depth == len(mine) and not _is_block(_at(mine, self.own)):
            return place
        below = _depth(steps, self.preset.blocks)
        if depth < len(mine) and below == len(steps):
            return theirs
        return f"{place}, over {self.preset.called}" if below >= len(steps) - 1 else place

    def _mine(self, steps: list[str | int]) -> list[str | int] | None:
        """The steps as the config counts its resources; None: it does not name this one."""
        if steps[0] != "resources" or len(steps) == 1 or not isinstance(steps[1], int):
            return steps
        number = self._numbers[steps[1]] if steps[1] < len(self._numbers) else None
        return None if number is None else [steps[0], number, *steps[2:]]


def put_over(
    own: dict[str, Any], folder: Path, source: str, references: References | None
) -> Over | None:
    """The config over the preset that its ``vendor`` names; None: it names none.

    ``references``: for ``${NAME}`` in the preset; None: its texts are taken as they are. Raises
    ConfigError.
    """
    block = own.get("vendor")
    if block is None:
        return None
    given = {"name": block} if isinstance(block, str) else block
    if not isinstance(given, dict) or not isinstance(given.get("name"), str):
        raise ConfigError(
            "vendor is a preset's name, or a mapping with name and the preset's parameters",
            where=f"vendor in {source}",
            hint="vendor: box, or vendor: {name: box, …}; filehaul vendors lists them",
        )
    preset = read_preset(given["name"], folder, source)
    lenient = references is not None and references.lenient
    more = {key: value for key, value in given.items() if key != "name"}
    values = parameters(preset, more, source, lenient)

    missing: set[str] = set()
    known = preset.head.parameters

    def value_of(name: str, place: str) -> Any:
        if name not in values:
            raise ConfigError(
                f"<<{name}>> names no parameter",
                where=f"{place} in {source}",
                hint="the preset's head names them: preset.parameters",
            )
        if values[name] is None and known[name].is_required:
            missing.add(name)
        return values[name]

    def put_in(value: Any, place: str) -> Any:
        try:
            return _put_in(value, place, value_of, references)
        except ConfigError as problem:
            where = problem.where.replace(f" in {source}", f" of {preset.called}")
            raise type(problem)(problem.message, where=where, hint=problem.hint) from None

    over = Over(own, preset, put_in, source)
    refuse_missing(preset, missing, source)
    return over


def _with_one_sign_in(theirs: Any, ours: Any) -> Any:
    """The preset's client with that of its sign-ins that the config's ``type`` names, else its
    first.
    """
    ways = theirs.get("auth") if _is_block(theirs) else None
    if not isinstance(ways, list) or not ways:
        return theirs
    own = ours.get("auth") if _is_block(ours) else None
    chosen = [way for way in ways if _is_block(own) and _are_of_one_kind(way, own)]
    return {**theirs, "auth": (chosen or ways)[0]}


def _name_of(resource: Any) -> str | None:
    """A resource's name, if it has one; of a dlt resource none counts."""
    name = resource.get("name") if _is_block(resource) else None
    return name if isinstance(name, str) else None


def _long_form(resource: Any) -> Any:
    """A resource whose short forms are spelled out, so that it can be merged."""
    if isinstance(resource, str):
        return {"name": resource}
    if isinstance(resource, dict) and isinstance(resource.get("endpoint"), str):
        return {**resource, "endpoint": {"path": resource["endpoint"]}}
    return resource


def _merged(theirs: Any, ours: Any, put_in: _PutIn, place: str) -> Any:
    """``ours`` over ``theirs``; `_GONE`: neither says anything."""
    if theirs is _GONE or (ours is not None and not _are_of_one_kind(theirs, ours)):
        return _GONE if ours is None else ours
    if not _is_block(ours):
        return put_in(theirs, place)
    result = {}
    for key, value in theirs.items():
        is_taken_away = key in ours and ours[key] is None
        if is_taken_away or any(_TWINS.get(name) == key for name in ours):
            continue
        merged = _merged(value, ours.get(key), put_in, f"{place}.{key}")
        if merged is not _GONE:
            result[key] = merged
    result.update((key, value) for key, value in ours.items() if key not in theirs)
    return result


def _are_of_one_kind(theirs: Any, ours: Any) -> bool:
    """Whether two values are mappings that describe one kind of thing."""
    if not _is_block(theirs) or not _is_block(ours):
        return False
    kinds = [one.get("type") for one in (theirs, ours)]
    first, second = (_ONE_TYPE.get(kind, kind) if isinstance(kind, str) else kind for kind in kinds)
    return second is None or first == second


def _is_block(value: Any) -> bool:
    return isinstance(value, Mapping)


def _put_in(
    value: Any, place: str, value_of: Callable[[str, str], Any], references: References | None
) -> Any:
    """The preset's value with its parameters and references put in; `_GONE`: it has none."""
    if isinstance(value, dict):
        if references is not None and set(value) == {"secret"}:
            return references.put_in(value, place)
        inner = [
            (key, _put_in(one, f"{place}.{key}", value_of, references))
            for key, one in value.items()
        ]
        return {key: one for key, one in inner if one is not _GONE}
    if isinstance(value, list):
        many = [_put_in(one, place, value_of, references) for one in value]
        return [one for one in many if one is not _GONE]
    if not isinstance(value, str):
        return value
    parts = _IN_TEXT.split(value)  # text, name, text, name, … text
    if len(parts) == 3 and not parts[0] and not parts[2]:
        alone = value_of(parts[1], place)
        return _GONE if alone is None else alone
    texts = []
    for number, part in enumerate(parts):
        if number % 2:
            given = value_of(part, place)
            if given is None:
                return _GONE
            texts.append(str(given))
        else:
            texts.append(part if references is None else references.put_in(part, place))
    return "".join(texts)


def _steps(place: str) -> tuple[list[str | int], str]:
    """``resources[0].endpoint.path`` as steps, and what stands behind them (``(files)`` …)."""
    text, space, rest = place.partition(" ")
    steps = [int(match[1]) if match[1] else match[2] for match in _STEP.finditer(text)]
    return steps, space + rest


def _text(steps: list[str | int]) -> str:
    text = "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in steps)
    return text.removeprefix(".")


def _depth(steps: list[str | int], block: Any) -> int:
    """How many of the steps a block has."""
    for number, step in enumerate(steps):
        try:
            block = block[step]
        except (KeyError, IndexError, TypeError):
            return number
    return len(steps)


def _at(steps: list[str | int], block: Any) -> Any:
    for step in steps:
        block = block[step]
    return block
