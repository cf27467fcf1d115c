"""``${NAME}`` and ``{secret: …}`` in a config: put in after parsing, inside values only.

After parsing, because then a secret can hold any character without becoming YAML; and what was
put in is not looked at again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import ConfigError
from ..redact import conceal

_REFERENCE = re.compile(r"\$(\$\{)|\$\{([^{}]*)(\}?)")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_SENSITIVE = re.compile(r"secret|token|passw|pwd|key|credential|auth|sig", re.IGNORECASE)

UNSET = "https://not-set.invalid"  # passes for an address, a name and a secret alike


class References:
    """The variables and secrets of a config, looked up.

    ``used``: value → how it was written. ``found``: (place, how it was written) of each.
    ``lenient``: what is not set becomes `UNSET` instead of an error (nobody will be asked with it).
    ``environment``: the process's own by default. ``secret``: name → value, None: not there; by
    default dlt's providers.
    """

    def __init__(
        self,
        environment: Mapping[str, str] | None = None,
        secret: Callable[[str], Any] | None = None,
        source: str = "the dict",
        lenient: bool = False,
    ) -> None:
        self.lenient = lenient
        self.source = source
        self.environment = os.environ if environment is None else environment
        self.secret = secret or dlt_secret
        self.used: dict[str, str] = {}
        self.found: list[tuple[str, str]] = []

    def put_in(self, value: Any, where: str = "") -> Any:
        """The same structure with every reference replaced. Raises ConfigError naming the key."""
        if isinstance(value, str):
            return self._expand(value, where) if "${" in value else value
        if isinstance(value, dict):
            if set(value) == {"secret"} and isinstance(value["secret"], str):
                return self._look_up(value["secret"], where)
            return {
                key: self.put_in(inner, f"{where}.{key}" if where else str(key))
                for key, inner in value.items()
            }
        if type(value) in (list, tuple):
            found = [self.put_in(inner, f"{where}[{n}]") for n, inner in enumerate(value)]
            return found if isinstance(value, list) else tuple(found)
        return value

    def _expand(self, text: str, where: str) -> str:
        def one(match: re.Match[str]) -> str:
            if match[1]:
                return "${"
            name = match[2]
            if not match[3] or not _VARIABLE.match(name):
                # What stands there is not shown: it may be half a password.
                raise ConfigError(
                    "a ${…} that does not name an environment variable",
                    where=f"{where} in {self.source}",
                    hint="write ${NAME}; for a literal ${ write $${",
                )
            value = self.environment.get(name, UNSET if self.lenient else None)
            if value is None:
                raise ConfigError(
                    f"the environment variable {name} is not set",
                    where=f"{where} in {self.source}",
                    hint=f"export {name}=…, or write $${{{name}}} if the text itself is meant",
                )
            self._note(value, f"${{{name}}}", where)
            if _SENSITIVE.search(name) or _SENSITIVE.search(where.rpartition(".")[2]):
                conceal(value)
            return value

        return _REFERENCE.sub(one, text)

    def _look_up(self, name: str, where: str) -> str:
        value = UNSET if self.lenient else self.secret(name)
        if value is None or value == "":
            raise ConfigError(
                f"no secret {name!r} in dlt's providers",
                where=f"{where} in {self.source}",
                hint="put it into .dlt/secrets.toml, the environment, or the vault that dlt reads",
            )
        if not isinstance(value, (str, int, float)):
            raise ConfigError(
                f"the secret {name!r} is a section of dlt's providers, not a value",
                where=f"{where} in {self.source}",
                hint="name the value in it: {secret: acme.client_secret}",
            )
        text = str(value)
        self._note(text, f"{{secret: {name}}}", where)
        conceal(text)
        return text

    def _note(self, value: str, reference: str, where: str) -> None:
        self.used[value] = reference
        self.found.append((where, reference))


def dlt_secret(name: str) -> Any:
    """A secret from dlt's providers (environment, secrets.toml, vaults); None: not there."""
    try:
        import dlt

        return dlt.secrets.get(name)
    except Exception as problem:  # a broken secrets.toml, a vault that is down: dlt's many errors
        raise ConfigError(
            f"dlt's providers cannot be read ({type(problem).__name__})",
            where=f"secret {name}",
            hint="check .dlt/secrets.toml, or the vault that dlt is set up to read",
        ) from None
