"""How strictly a file's bytes are held to its record: one policy, or one for each MIME type.

Vendors lie in known ways: SharePoint rewrites Office files while it stores them, so that neither
the size nor the checksum that it lists is that of the bytes it sends; native documents have
neither. Such a rule is data, of a config or of a vendor preset, and no reason to trust the other
files less.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from .base import nearest
from .mime_types import fitting, is_type

Policy = Literal["auto", "checksum", "size", "none"]
_POLICY = {"enum": list(get_args(Policy))}


def _by_type(value: Any) -> Any:
    """The short form is the policy of all types. Types know no case."""
    if isinstance(value, str):
        return {"default": value}
    if not isinstance(value, dict):
        raise PydanticCustomError(
            "verify", "takes auto, checksum, size, none, or a mapping from MIME types to these"
        )
    found = {"default": "auto"}
    for key, policy in value.items():
        name = str(key).strip().lower()
        if name != "default" and not is_type(name):
            is_default = nearest(name, ["default"])
            advice = "did you mean 'default'?" if is_default else 'a type, such as "image/*"'
            raise PydanticCustomError(
                "unknown_key",
                "unknown key {key}",
                {"key": repr(key), "name": str(key), "advice": advice},
            )
        found[name] = policy
    return found


Verify = Annotated[
    dict[str, Policy],
    BeforeValidator(_by_type),
    WithJsonSchema({"anyOf": [_POLICY, {"type": "object", "additionalProperties": _POLICY}]}),
]
"""MIME types, in which ``*`` is any text, to policies; ``default`` is for all others."""


def policy_for(verify: dict[str, Policy], mime_type: str | None) -> Policy:
    """What holds for a file of this type: its own name, else the pattern with the most characters
    beside ``*`` (of equals the first), else the default, as for a file whose type is not known.
    """
    if len(verify) == 1 or mime_type is None:
        return verify["default"]
    return verify[fitting(verify, mime_type) or "default"]
