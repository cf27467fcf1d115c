"""What a paginator is asked and what it answers, and how it reads the vendor's answers."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from ..models import Page
from ..paths import record_path

_TRUE = frozenset({"true", "t", "yes", "y", "on", "1"})
_FALSE = frozenset({"false", "f", "no", "n", "off", "0"})


@dataclass(frozen=True)
class Ask:
    """One question for a page: what it adds to the endpoint's own parameters.

    ``body``: (dotted path, value) pairs to set in the JSON body. ``url`` replaces the endpoint's
    address altogether; ``path`` and ``method`` replace path, method, parameters and body.
    ``token`` is what must not come twice. The rest is what the listing has shown so far, and no
    part of the question: the vendor's own ``total``, the largest ``step``, how many pages in a row
    were ``empty``, the largest page (``widest``), the one before (``before``), how many ``rows``
    came, and whether the first row of this page should be known already (``overlaps``).
    """

    params: tuple[tuple[str, str], ...] = ()
    body: tuple[tuple[str, Any], ...] = ()
    url: str | None = None
    token: str | None = None
    position: int = 0
    path: str | None = None
    method: str | None = None
    total: int | None = field(default=None, compare=False)
    step: int = field(default=0, compare=False)
    empty: int = field(default=0, compare=False)
    widest: int = field(default=0, compare=False)
    before: int = field(default=0, compare=False)
    rows: int = field(default=0, compare=False)
    overlaps: bool = field(default=False, compare=False)


class Paging(Protocol):
    """The seam for every paginator.

    ``sure_of_total``: its guesses may go as far ahead as they like from the first page on.
    ``counts``: it finds pages by counting, so rows that come and go shift those behind them.
    """

    sure_of_total: ClassVar[bool]
    counts: ClassVar[bool]

    def first(self) -> Ask:
        """The first question."""

    def after(self, ask: Ask, page: Page) -> Ask | None:
        """The question after this page; None: the listing has ended. Raises VendorError."""

    def ahead(self, ask: Ask) -> Ask | None:
        """What will probably be asked after ``ask``, whose page has not come yet."""

    def ended_by(self, ask: Ask, status: int) -> bool:
        """Whether a refusal with this status only says that ``ask`` is past the end."""

    def ended_by_repeat(self, ask: Ask) -> bool:
        """Whether a page that came before only says that ``ask`` is past the end."""

    def end(self, ask: Ask, page: Page) -> str:
        """How it is known that the listing ended with this page, in words."""

    def doubt(self, ask: Ask, page: Page) -> str | None:
        """Why the listing that ended with this page may not be whole; None: nothing says so."""


def total_of(page: Page, path: str | None) -> int | None:
    """The vendor's own total; None where it gives none. Numbers written as text count."""
    if path is None:
        return None
    value = record_path(path).one(page.body)
    if isinstance(value, str) and re.fullmatch(r"\s*\d{1,18}\s*", value):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        return None
    return value


def has_more(page: Page, path: str | None) -> bool | None:
    """What the vendor says about further pages; None: nothing that can be understood."""
    if path is None:
        return None
    value = record_path(path).one(page.body)
    if isinstance(value, (str, bool, int)):
        word = str(value).strip().lower()
        return word in _TRUE if word in _TRUE | _FALSE else None
    return None


def sent(param: str | None, body_path: str | None, value: Any) -> dict[str, Any]:
    """The part of an `Ask` that sends a value: in the query or, as it is, in the body."""
    if body_path is not None:
        return {"body": ((body_path, value),)}
    return {"params": ((param or "", str(value)),)}
