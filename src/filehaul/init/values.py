"""Values as YAML writes them, in one line."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./-]*\Z")
_NO_WORD = re.compile(r"[^A-Za-z0-9]+")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf"})


class Variable(str):
    """A text with ``${NAME}`` in it that is to be replaced; in all others it is the vendor's."""

    __slots__ = ()


def variable(name: str) -> Variable:
    """The reference to an environment variable for a value of this name."""
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    plain = _NO_WORD.sub("_", split).strip("_").upper() or "VALUE"
    return Variable("${" + (f"_{plain}" if plain[0].isdigit() else plain) + "}")


def value(given: Any) -> str:
    """A value as it stands in braces or behind a colon: quoted where it must be. A ``${`` that is
    the vendor's own stays one.
    """
    if isinstance(given, Mapping):
        return "{" + ", ".join(f"{value(k)}: {value(v)}" for k, v in given.items()) + "}"
    if isinstance(given, (list, tuple)):
        return "[" + ", ".join(map(value, given)) + "]"
    if given is None or isinstance(given, (bool, int, float)):
        return json.dumps(given)
    text = str(given)
    if not isinstance(given, Variable):
        text = text.replace("${", "$${")
        if _PLAIN.match(text) and text.lower() not in _WORDS:
            return text
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(one if one.isprintable() else _escaped(one) for one in quoted)


def _escaped(one: str) -> str:
    """A character that YAML does not take as it is, or would take for the end of a line."""
    return f"\\u{ord(one):04x}" if ord(one) < 0x10000 else f"\\U{ord(one):08x}"
