"""``${NAME}`` and ``{secret: …}`` in a config: put in after parsing, inside values only.

After parsing, because then a secret can hold any character without becoming YAML; and what was
put in is not looked at again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ..errors import ConfigError

_REFERENCE = re.compile(r"\$(\$\{)|\$\{([^{}]*)\}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def put_in(
    value: Any,
    where: str = "",
    environment: Mapping[str, str] | None = None,
    secret: Callable[[str], str | None] | None = None,
) -> Any:
    """The same structure with every reference replaced. Raises ConfigError naming the key."""
    environment = os.environ if environment is None else environment
    if isinstance(value, str):
        return _expand(value, where, environment)
    if isinstance(value, dict):
        if set(value) == {"secret"} and isinstance(value["secret"], str):
            return _look_up(value["secret"], where, secret or dlt_secret)
        return {
            key: put_in(inner, f"{where}.{key}" if where else str(key), environment, secret)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [
            put_in(inner, f"{where}[{number}]", environment, secret)
            for number, inner in enumerate(value)
        ]
    return value


def _expand(text: str, where: str, environment: Mapping[str, str]) -> str:
    def one(match: re.Match[str]) -> str:
        if match[1]:
            return "${"
        name = match[2]
        if not _VARIABLE.match(name):
            raise ConfigError(
                f"${{{name}}} does not name an environment variable",
                where=where,
                hint="write ${NAME}; for a literal ${ write $${",
            )
        if name not in environment:
            raise ConfigError(
                f"the environment variable {name} is not set",
                where=where,
                hint=f"export {name}=…, or write $${{{name}}} if the text itself is meant",
            )
        return environment[name]

    return _REFERENCE.sub(one, text)


def _look_up(name: str, where: str, secret: Callable[[str], str | None]) -> str:
    value = secret(name)
    if value is None:
        raise ConfigError(
            f"no secret {name!r} in dlt's providers",
            where=where,
            hint="put it into .dlt/secrets.toml, the environment, or the vault that dlt reads",
        )
    return value


def dlt_secret(name: str) -> str | None:
    """A secret from dlt's providers (environment, secrets.toml, vaults); None: not there."""
    import dlt

    value: Any = dlt.secrets.get(name)
    return None if value is None else str(value)


def references(value: Any, where: str = "") -> Iterator[tuple[str, str]]:
    """The variables and secrets that a config names, with their places (for `check`)."""
    if isinstance(value, str):
        for match in _REFERENCE.finditer(value):
            if match[2]:
                yield where, f"${{{match[2]}}}"
    elif isinstance(value, dict):
        if set(value) == {"secret"}:
            yield where, f"secret {value['secret']}"
            return
        for key, inner in value.items():
            yield from references(inner, f"{where}.{key}" if where else str(key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from references(inner, f"{where}[{number}]")
