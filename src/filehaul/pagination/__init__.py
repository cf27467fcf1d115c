"""Every paginator, as a frozen value that says its next question.

A paginator's answers: `first`, what to ask first; `after`, what to ask after a page (None: the
listing has ended); `ahead`, what will be asked after a question whose page has not come yet (None:
it cannot be guessed); `end`, how it is known that a listing has ended; and `doubt`, why it may not
be whole all the same.
`listing` keeps guesses in flight and throws away those that turn out wrong, so a guess costs a
request, never a row.

Offsets step by the elements that the page's own array has, never by more than ``limit``: a vendor
that caps its pages at 50 when asked for 100 would else lose half of the rows without a word.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..config.paginators import Paginator
from .asking import Ask, Paging
from .numbered import Offset, PageNumber
from .tokens import Continuation, Cursor, HeaderCursor, HeaderLink, JsonLink, SinglePage, link_of

__all__ = [
    "Ask",
    "Continuation",
    "Cursor",
    "HeaderCursor",
    "HeaderLink",
    "JsonLink",
    "Offset",
    "PageNumber",
    "Paging",
    "SinglePage",
    "link_of",
    "overlapping",
    "paging",
    "smaller",
]


def paging(block: Paginator) -> Paging:
    """The paginator that the config names."""
    kinds: dict[str, Any] = {
        "offset": Offset,
        "page_number": PageNumber,
        "cursor": Cursor,
        "continuation": Continuation,
        "json_link": JsonLink,
        "header_link": HeaderLink,
        "header_cursor": HeaderCursor,
        "single_page": SinglePage,
    }
    made: Paging = kinds[block.type](**block.model_dump(exclude={"type"}))
    return made


def smaller(paginator: Paging, limit: int) -> Paging:
    """The same paginator with a smaller page, for looking at a vendor without listing it."""
    if isinstance(paginator, Offset):
        return replace(paginator, limit=min(limit, paginator.limit))
    return paginator


def overlapping(paginator: Paging) -> Paging:
    """The same paginator with pages that overlap by one row, where it can have them."""
    if isinstance(paginator, Offset) and paginator.limit > 1:
        return replace(paginator, overlap=True)
    return paginator
