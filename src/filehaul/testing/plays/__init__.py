"""Vendors that the fake vendor can play: their real JSON shapes, over an account of a test.

A play is a value with the vendor's API as a function; all else is the fake vendor's: sockets,
scripted faults, the log of requests, tokens and who is let in, signed addresses, the second origin.
To write one for a vendor of yours takes a class like this::

    class Acme:
        token_path = "/oauth2/token"

        def __init__(self, account, stage, *, page_size=100): ...
        def answer(self, request): ...    # an Answer; None: there is nothing at this address
        def refuse(self, refusal): ...    # a 401, 404 or 429 in the vendor's own words

    vendor = FakeVendor.playing(Acme, account, {"page_size": 2}, second_origin=True)

A module of this package is known by its name (``FakeVendor.playing("drive", account)``); it has
the class as ``PLAY``, and may have ``new_id``, which forms ids as the vendor does.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Protocol

from filehaul.testing.account import NewId
from filehaul.testing.answers import Answer, RecordedRequest
from filehaul.testing.gate import Refusal


class Play(Protocol):
    """A vendor's API over an account. Asked by one thread only, the account's lock held."""

    token_path: str
    """Where the vendor's token endpoint is; the fake vendor answers there."""

    def answer(self, request: RecordedRequest) -> Answer | None:
        """What the vendor says to a request that was let in; None: it knows no such address."""

    def refuse(self, refusal: Refusal) -> Answer:
        """What it says to one that was not: `Refusal` has the status and headers of HTTP."""


MakePlay = Callable[..., Play]
"""Called with the account, the stage, and the play's own settings by their names."""


def names() -> list[str]:
    """The plays of this package."""
    return sorted(one.name for one in iter_modules(__path__))


def play_of(name: str) -> MakePlay:
    """The play of this name; ValueError."""
    if name not in names():
        msg = f"there is no play {name!r}; there are {', '.join(names())}"
        raise ValueError(msg)
    made: MakePlay = import_module(f"{__name__}.{name}").PLAY
    return made


def new_id_of(name: str) -> NewId:
    """How the vendor of this play forms ids, for `Account(new_id=…)`."""
    play_of(name)
    plain: Any = import_module(f"{__name__}.{name}")
    found: NewId = getattr(plain, "new_id", lambda kind, number: f"{kind}-{number}")
    return found
