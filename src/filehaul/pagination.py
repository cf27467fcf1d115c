"""Every paginator, as a frozen value that says its next question.

A paginator has three answers: `first`, what to ask first; `after`, what to ask after a page (None:
the listing has ended); and `ahead`, what will be asked after a question whose page has not come
yet, guessed from the last page that has (None: it cannot be guessed). `listing` keeps guesses in
flight and throws away those that turn out wrong, so a guess costs a request, never a row.

Offsets step by the elements that the page's own array has, never by more than ``limit``: a vendor
that caps its pages at 50 when asked for 100 would else lose half of the rows without a word.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from .config import model
from .errors import VendorError
from .models import Page
from .paths import MISSING, record_path
from .redact import redact


@dataclass(frozen=True)
class Ask:
    """One question for a page: what it adds to the endpoint's own parameters.

    ``url`` replaces the endpoint's address altogether. ``token`` is what must not come twice.
    """

    params: tuple[tuple[str, str], ...] = ()
    url: str | None = None
    token: str | None = None
    position: int = 0


class Paging(Protocol):
    """The seam for every paginator."""

    def first(self) -> Ask:
        """The first question."""

    def after(self, ask: Ask, page: Page) -> Ask | None:
        """The question after this page; None: the listing has ended. Raises VendorError."""

    def ahead(self, ask: Ask, page: Page) -> Ask | None:
        """What will probably be asked after ``ask``, from what ``page`` (an earlier one) showed."""

    def ended_by(self, ask: Ask, page: Page | None, status: int) -> bool:
        """Whether a refusal with this status only says that ``ask`` is past the end."""


class _Sequential:
    """What paginators share that learn the next question only from the page before."""

    def ahead(self, ask: Ask, page: Page) -> Ask | None:  # noqa: ARG002 - the seam's shape
        """Not to be guessed."""
        return None

    def ended_by(self, ask: Ask, page: Page | None, status: int) -> bool:  # noqa: ARG002
        """A refusal is a refusal."""
        return False


def total_of(page: Page, path: str | None) -> int | None:
    """The vendor's own total; None where it gives none. Numbers written as text count."""
    if path is None:
        return None
    value = record_path(path).get(page.body)
    if isinstance(value, str) and re.fullmatch(r"\s*\d{1,18}\s*", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        return None
    return value


def _has_more(page: Page, path: str | None) -> bool | None:
    """What the vendor says about further pages; None: nothing."""
    if path is None:
        return None
    value = record_path(path).get(page.body)
    if isinstance(value, str):
        return value.strip().lower() in ("true", "1", "yes")
    return None if value is MISSING else bool(value)


@dataclass(frozen=True)
class Offset:
    """``offset`` and ``limit``. Ends on an empty page: a short page proves nothing."""

    limit: int
    offset: int = 0
    offset_param: str = "offset"
    limit_param: str = "limit"
    total_path: str | None = "total"
    maximum_offset: int | None = None
    stop_after_empty_page: bool = True
    has_more_path: str | None = None

    def _ask(self, offset: int) -> Ask:
        params = ((self.offset_param, str(offset)), (self.limit_param, str(self.limit)))
        return Ask(params, position=offset)

    def first(self) -> Ask:
        """The page at the first offset."""
        return self._ask(self.offset)

    def after(self, ask: Ask, page: Page) -> Ask | None:
        """The page that begins after the rows that came."""
        if page.size == 0:
            return self._after_nothing(ask, page)
        following = ask.position + min(page.size, self.limit)
        if self.maximum_offset is not None and following >= self.maximum_offset:
            return None
        if _has_more(page, self.has_more_path) is False:
            return None
        total = total_of(page, self.total_path)
        if not self.stop_after_empty_page and total is not None and following >= total:
            return None
        return self._ask(following)

    def _after_nothing(self, ask: Ask, page: Page) -> Ask | None:
        """An empty page ends the listing, unless the vendor says that more follows."""
        total = total_of(page, self.total_path)
        more = _has_more(page, self.has_more_path)
        if more or (total is not None and ask.position < total and not self.stop_after_empty_page):
            return self._ask(ask.position + self.limit)
        return None

    def ahead(self, ask: Ask, page: Page) -> Ask | None:
        """Full steps up to the vendor's own total."""
        total = total_of(page, self.total_path)
        step = min(page.size, self.limit)
        if total is None or step == 0:
            return None
        following = ask.position + step
        last = total if self.maximum_offset is None else min(total, self.maximum_offset)
        return self._ask(following) if following < last else None

    def ended_by(self, ask: Ask, page: Page | None, status: int) -> bool:
        """Some vendors refuse an offset past the end; then the rows before it are all there are."""
        if status not in (400, 404, 416) or page is None:
            return False
        total = total_of(page, self.total_path)
        return total is not None and ask.position >= total


@dataclass(frozen=True)
class PageNumber:
    """Pages by number. Ends on an empty page, or after the vendor's own number of pages."""

    base_page: int = 0
    page: int | None = None
    page_param: str = "page"
    total_path: str | None = "total"
    maximum_page: int | None = None
    stop_after_empty_page: bool = True
    has_more_path: str | None = None

    def _ask(self, number: int) -> Ask:
        return Ask(((self.page_param, str(number)),), position=number)

    def first(self) -> Ask:
        """The first page."""
        return self._ask(self.base_page if self.page is None else self.page)

    def after(self, ask: Ask, page: Page) -> Ask | None:
        """The page with the next number."""
        number = ask.position + 1
        if page.size == 0 and (self.stop_after_empty_page or self.total_path is None):
            return None
        if self.maximum_page is not None and number >= self.maximum_page:
            return None
        if _has_more(page, self.has_more_path) is False:
            return None
        pages = total_of(page, self.total_path)
        if pages is not None and number >= self.base_page + pages:
            return None
        return self._ask(number)

    def ahead(self, ask: Ask, page: Page) -> Ask | None:
        """The next number, up to the vendor's own number of pages."""
        pages = total_of(page, self.total_path)
        number = ask.position + 1
        if pages is None or number >= self.base_page + pages:
            return None
        if self.maximum_page is not None and number >= self.maximum_page:
            return None
        return self._ask(number)

    def ended_by(self, ask: Ask, page: Page | None, status: int) -> bool:  # noqa: ARG002
        """A refused page number is a refusal: nothing says how many there are."""
        return False


@dataclass(frozen=True)
class Cursor(_Sequential):
    """A page token in the answer's body, sent back in the query."""

    cursor_path: str = "cursors.next"
    cursor_param: str = "cursor"
    stop_after_empty_page: bool = False
    has_more_path: str | None = None

    def first(self) -> Ask:
        """Without a page token."""
        return Ask()

    def after(self, ask: Ask, page: Page) -> Ask | None:
        """With the page token that came, if one came."""
        if page.size == 0 and self.stop_after_empty_page:
            return None
        if _has_more(page, self.has_more_path) is False:
            return None
        token = record_path(self.cursor_path).get(page.body)
        if token is MISSING or token is None or token == "":
            return None
        return Ask(((self.cursor_param, str(token)),), token=str(token), position=ask.position + 1)


@dataclass(frozen=True)
class HeaderCursor(_Sequential):
    """A page token in a header, sent back in the query."""

    cursor_key: str = "next"
    cursor_param: str = "cursor"

    def first(self) -> Ask:
        """Without a page token."""
        return Ask()

    def after(self, ask: Ask, page: Page) -> Ask | None:
        """With the page token that came, if one came."""
        token = page.headers.get(self.cursor_key.lower(), "")
        if not token:
            return None
        return Ask(((self.cursor_param, token),), token=token, position=ask.position + 1)


@dataclass(frozen=True)
class JsonLink(_Sequential):
    """The next page's address in the answer's body."""

    next_url_path: str = "next"

    def first(self) -> Ask:
        """The endpoint itself."""
        return Ask()

    def after(self, ask: Ask, page: Page) -> Ask | None:
        """The address that came, if one came."""
        link = record_path(self.next_url_path).get(page.body)
        if link is MISSING or link is None or link == "":
            return None
        if not isinstance(link, str):
            raise VendorError(
                f"{self.next_url_path!r} holds {type(link).__name__}, not an address",
                where=redact(page.url),
                hint="check next_url_path, or use the cursor paginator for a page token",
            )
        return Ask(url=link, token=link, position=ask.position + 1)


_LINK = re.compile(r"<([^>]*)>\s*((?:;\s*[\w*-]+\s*(?:=\s*(?:\"[^\"]*\"|[^;,\s\"]+))?\s*)*)")


@dataclass(frozen=True)
class HeaderLink(_Sequential):
    """The next page's address in a header: ``Link`` (RFC 8288), or one that holds it alone."""

    links_next_key: str = "next"
    header: str | None = None

    def first(self) -> Ask:
        """The endpoint itself."""
        return Ask()

    def after(self, ask: Ask, page: Page) -> Ask | None:
        """The address that came, if one came."""
        link = self._link(page.headers)
        return Ask(url=link, token=link, position=ask.position + 1) if link else None

    def _link(self, headers: Mapping[str, str]) -> str | None:
        if self.header is not None:
            return headers.get(self.header.lower()) or None
        for address, parameters in _LINK.findall(headers.get("link", "")):
            for relation in re.findall(r"rel\s*=\s*(?:\"([^\"]*)\"|([^;,\s]+))", parameters, re.I):
                if self.links_next_key in "".join(relation).split():
                    return str(address)
        return None


@dataclass(frozen=True)
class SinglePage(_Sequential):
    """The whole listing is one answer."""

    params: tuple[tuple[str, str], ...] = field(default=())

    def first(self) -> Ask:
        """The endpoint itself."""
        return Ask(self.params)

    def after(self, ask: Ask, page: Page) -> Ask | None:  # noqa: ARG002 - the seam's shape
        """Nothing follows."""
        return None


def paging(block: model.Paginator) -> Paging:
    """The paginator that the config names."""
    kinds: dict[str, Any] = {
        "offset": Offset,
        "page_number": PageNumber,
        "cursor": Cursor,
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
