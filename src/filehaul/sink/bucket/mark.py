"""Whose a prefix is, and whether somebody else was in it."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable

from ...errors import ConfigError, SinkError
from ..folder import HOME, MARK
from .requests import Listed, Requests

_PATH = f"{HOME}/{MARK}"


async def find(requests: Requests, owner: str) -> str | None:
    """The mark that is there; None: there is none. Raises ConfigError where it is another's."""
    try:
        chunks = [chunk async for chunk in requests.read(_PATH)]
    except FileNotFoundError:
        return None
    text = b"".join(chunks)[:4096].decode("utf-8", "replace")
    mark, _, other = text.strip().partition("\n")
    if other and other != owner:
        raise ConfigError(
            f"the sink belongs to the connection {other!r}",
            where=str(requests.address),
            hint=f"give {owner!r} a prefix of its own (sink:); if it is {other!r} by a new name, "
            f"remove {requests.address}/{_PATH}",
        )
    return mark


async def make(requests: Requests, owner: str) -> str:
    """The mark that is there, or a new one. Raises as `find`."""
    for _ in range(2):
        found = await find(requests, owner)
        if found is not None:
            return found
        mark = uuid.uuid4().hex
        data = f"{mark}\n{owner}\n".encode()
        if await requests.put(_PATH, data, len(data), create=True):
            return mark
        # else somebody else made one just now
    raise SinkError(
        "the sink's mark comes and goes: somebody else is at work there",
        where=str(requests.address),
        hint="give each connection a prefix of its own",
    )


def seal_of(listed: Iterable[Listed]) -> str:
    """Changes when one of these names comes, goes or gets other bytes; our own do not count."""
    theirs = sorted(one for one in listed if not one.path.startswith(f"{HOME}/"))
    text = "\0".join(f"{one.path}\0{one.size}\0{one.tag}" for one in theirs)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
