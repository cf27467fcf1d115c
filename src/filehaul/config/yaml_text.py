"""YAML to a dict, without YAML's surprises.

A key that stands twice is an error. ``no``, ``on`` and ``2024-05-01`` are the texts that they look
like, as in YAML 1.2 (``true`` and ``false`` are the only words for true and false).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from ..errors import ConfigError
from .explain import yaml_problem

_MERGE = "tag:yaml.org,2002:merge"
_BOOL = "tag:yaml.org,2002:bool"
_DROPPED = frozenset({_BOOL, "tag:yaml.org,2002:timestamp"})


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own class attribute
        first: [(tag, pattern) for tag, pattern in pairs if tag not in _DROPPED]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """A mapping, each of whose keys stands there once."""
        seen = set()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if key.tag == _MERGE or not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} stands there twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    _BOOL, re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"), list("tTfF")
)


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file. Raises ConfigError with the line."""
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(
            f"no config at {path}", where=str(path), hint="filehaul init writes one"
        ) from None
    except (OSError, UnicodeDecodeError, ValueError) as problem:
        raise ConfigError(
            f"the config cannot be read: {problem}", where=str(path), hint="it must be UTF-8 text"
        ) from None
    try:
        parsed = yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader with fewer surprises
    except Exception as problem:  # PyYAML lets through what its constructors raise
        raise yaml_problem(problem, text, path) from None
    if not isinstance(parsed, dict):
        raise ConfigError(
            "the config is not a mapping of keys", where=str(path), hint="filehaul init writes one"
        )
    return parsed
