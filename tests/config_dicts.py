"""Configs to begin a test with, as dicts that each test may spoil."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

SEEDS = Path(__file__).parent / "seeds"


def seed(name: str) -> dict[str, Any]:
    """The dict of a seed's own python block; its secrets are ``id`` and ``secret of seed``."""
    block = re.search(r"```python\n(.*?)```", (SEEDS / f"{name}.md").read_text(), re.DOTALL)
    assert block is not None
    call = block[1].partition("source = rest_api_source(")[2].strip().removesuffix(")")
    call = call.replace('dlt.secrets["client_id"]', '"id"')
    call = call.replace('dlt.secrets["client_secret"]', '"secret of seed"')
    made: dict[str, Any] = eval(call, {"__builtins__": {}})
    return made


def config(**top: Any) -> dict[str, Any]:
    """The second seed with these keys at its top level; ... (Ellipsis) takes a key away."""
    return {key: value for key, value in {**seed("001"), **top}.items() if value is not ...}


def spoilt(place: str, value: Any) -> dict[str, Any]:
    """The second seed with one value put at a place such as ``resources.0.endpoint.path``.

    ... (Ellipsis) takes it away; blocks on the way are made.
    """
    made = config()
    *steps, last = [int(step) if step.isdigit() else step for step in place.split(".")]
    inner: Any = made
    for step in steps:
        inner = inner.setdefault(step, {}) if isinstance(inner, dict) else inner[step]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    return made


def with_resource(**keys: Any) -> dict[str, Any]:
    """The second seed with these keys in its resource, and a sink."""
    made = config(sink="files")
    made["resources"][0].update(keys)
    return made


def with_endpoint(**keys: Any) -> dict[str, Any]:
    """The second seed with these keys in its endpoint."""
    made = config()
    made["resources"][0]["endpoint"].update(keys)
    return made
