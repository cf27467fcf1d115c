"""Paginators that count: by rows (offset) or by pages."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from ..models import Page
from .asking import Ask, has_more, sent, total_of

_EMPTY_ON_TRUST = 10  # empty pages in a row after which the vendor's total is not believed
_PAST_THE_END = frozenset({400, 404, 416})
_MORE = "the vendor said that more follows"


@dataclass(frozen=True)
class Offset:
    """``offset`` and ``limit``. Ends on an empty page: a short page proves nothing.

    ``overlap``: each page begins with the last row of the page before, and the listing ends on
    that row alone, where the vendor's total agrees, or else on the empty page after it.
    """

    sure_of_total: ClassVar[bool] = True
    counts: ClassVar[bool] = True

    limit: int
    offset: int = 0
    offset_param: str | None = "offset"
    offset_body_path: str | None = None
    limit_param: str | None = "limit"
    limit_body_path: str | None = None
    total_path: str | None = "total"
    maximum_offset: int | None = None
    stop_after_empty_page: bool | None = None
    has_more_path: str | None = None
    overlap: bool = False

    def _ask(self, offset: int, ask: Ask | None = None, overlaps: bool = False) -> Ask:
        begin = sent(self.offset_param, self.offset_body_path, offset)
        most = sent(self.limit_param, self.limit_body_path, self.limit)
        return Ask(
            params=begin.get("params", ()) + most.get("params", ()),
            body=begin.get("body", ()) + most.get("body", ()),
            position=offset,
            total=ask.total if ask else None,
            step=ask.step if ask else 0,
            overlaps=overlaps,
        )

    def first(self) -> Ask:
        """The page at the first offset."""
        return self._ask(self.offset)

    def back(self, ask: Ask, rows: int) -> Ask:
        """The page so many rows before: where rows have gone, those behind them are there now."""
        position = max(self.offset, ask.position - rows)
        return self._ask(position, ask, overlaps=position > self.offset)

    def plainly(self, ask: Ask) -> Ask:
        """The page after the rows that came, for a vendor that cannot overlap its pages."""
        return self._ask(ask.position + 1, replace(ask, step=ask.step + 1))

    def after(self, ask: Ask, page: Page) -> Ask | None:
        """The page that begins after the rows that came, or with the last of them."""
        said = total_of(page, self.total_path)
        size = min(page.size, self.limit)
        reached = ask.position + size
        overlaps = self.overlap and size > 1
        total = ask.total if said is None else said
        known = replace(ask, total=total, step=max(ask.step, size - overlaps))
        more = has_more(page, self.has_more_path)
        if size == 0:
            if not self._goes_on(known, more):
                return None
            reached = ask.position + self.limit
            following = replace(self._ask(reached, known), empty=ask.empty + 1)
        else:
            trusted = self.stop_after_empty_page is False and total is not None
            if more is False or (trusted and reached >= (total or 0)):
                return None
            if ask.overlaps and size == 1 and reached == total:
                return None
            following = self._ask(reached - overlaps, known, overlaps)
        if self.maximum_offset is not None and reached >= self.maximum_offset:
            return None
        return _counted(following, ask, page)

    def _goes_on(self, ask: Ask, more: bool | None) -> bool:
        """Whether an empty page is not the end: only where the vendor says that more follows."""
        if self.stop_after_empty_page:
            return False
        if more is not None:
            return more
        if ask.total is not None:
            patient = self.stop_after_empty_page is False or ask.empty < _EMPTY_ON_TRUST
            return patient and ask.position < ask.total
        return self.stop_after_empty_page is False and self.maximum_offset is not None

    def ahead(self, ask: Ask) -> Ask | None:
        """Full steps, up to the vendor's own total and the question that ends the listing."""
        if ask.step == 0:
            return None
        following = ask.position + ask.step
        if ask.total is not None:
            last = ask.total - self.overlap
            if ask.position >= last:
                return None
            following = min(following, last)
            if self.stop_after_empty_page is False and following + self.overlap >= ask.total:
                return None
        if self.maximum_offset is not None and following + self.overlap >= self.maximum_offset:
            return None
        return self._ask(following, ask, overlaps=self.overlap)

    def ended_by(self, ask: Ask, status: int) -> bool:
        """Some vendors refuse an offset past the end; then the rows before it are all there are.

        Known is that where the vendor's total says so, or where the page before had nothing but
        its overlap.
        """
        alone = self.overlap and ask.before == 1 and not ask.overlaps
        beyond = ask.total is not None and ask.position >= ask.total
        return status in _PAST_THE_END and (beyond or alone)

    def ended_by_repeat(self, ask: Ask) -> bool:  # noqa: ARG002
        """A page that comes again is a circle."""
        return False

    def end(self, ask: Ask, page: Page) -> str:
        """An empty page, the last row alone, or the vendor's word."""
        if page.size == 0:
            return "an empty page"
        if has_more(page, self.has_more_path) is False:
            return "the vendor said that nothing follows"
        if ask.overlaps and page.size == 1:
            return "nothing came after the last row"
        return "the vendor's total was reached"

    def doubt(self, ask: Ask, page: Page) -> str | None:
        """The vendor's own total says more, or the config itself ended it."""
        reached = ask.position + min(page.size, self.limit)
        if page.size and self.maximum_offset is not None and reached >= self.maximum_offset:
            return f"maximum_offset ended the listing at {self.maximum_offset:,}"
        said = total_of(page, self.total_path)
        total = ask.total if said is None else said
        if total is not None and reached < total:
            return f"the vendor's own total is {total:,}"
        return _MORE if has_more(page, self.has_more_path) else None


@dataclass(frozen=True)
class PageNumber:
    """Pages by number. Ends on an empty page: the vendor's own number of pages is a hint alone.

    What the vendor calls ``total`` is its number of pages, or, as often, its number of rows.
    """

    sure_of_total: ClassVar[bool] = False
    counts: ClassVar[bool] = True

    base_page: int = 0
    page: int | None = None
    page_param: str | None = "page"
    page_body_path: str | None = None
    total_path: str | None = "total"
    maximum_page: int | None = None
    stop_after_empty_page: bool | None = None
    has_more_path: str | None = None

    def _ask(self, number: int, ask: Ask | None = None) -> Ask:
        asked = sent(self.page_param, self.page_body_path, number)
        total = None if ask is None else ask.total
        return Ask(**asked, position=number, total=total, step=1)

    def first(self) -> Ask:
        """The first page."""
        return self._ask(self.base_page if self.page is None else self.page)

    def after(self, ask: Ask, page: Page) -> Ask | None:
        """The page with the next number: one more than the vendor's own number of pages."""
        said = total_of(page, self.total_path)
        total = ask.total if said is None else said
        number, known = ask.position + 1, replace(ask, total=total)
        trusted = self.stop_after_empty_page is False and total is not None
        if has_more(page, self.has_more_path) is False:
            return None
        if page.size == 0 and not self._goes_on(known, page):
            return None
        if trusted and number >= self.base_page + (total or 0):
            return None
        if self.maximum_page is not None and number >= self.maximum_page:
            return None
        empty = 0 if page.size else ask.empty + 1
        return _counted(replace(self._ask(number, known), empty=empty), ask, page)

    def _goes_on(self, ask: Ask, page: Page) -> bool:
        """Whether an empty page is not the end: only where the vendor says that more follows."""
        if self.stop_after_empty_page:
            return False
        if has_more(page, self.has_more_path):
            return True
        if self.stop_after_empty_page is False:
            return ask.total is not None or self.maximum_page is not None
        return self._promised(ask) is not None and ask.empty < _EMPTY_ON_TRUST

    def _promised(self, ask: Ask) -> int | None:
        """The vendor's total where it says more than came, be it of pages or of rows."""
        if ask.total is None or ask.total == ask.rows or self._beyond(ask):
            return None
        return ask.total

    def ahead(self, ask: Ask) -> Ask | None:
        """The next number, up to the one after the vendor's own number of pages."""
        number = ask.position + 1
        if self.maximum_page is not None and number >= self.maximum_page:
            return None
        trusted = self.stop_after_empty_page is False
        if ask.total is not None and number >= self.base_page + ask.total + (not trusted):
            return None
        return self._ask(number, ask)

    def _beyond(self, ask: Ask) -> bool:
        """After the vendor's own number of pages nothing is left."""
        return bool(ask.total) and ask.position >= self.base_page + (ask.total or 0)

    def ended_by(self, ask: Ask, status: int) -> bool:
        """Some vendors refuse a page past the end.

        Known is that where the vendor's total says so, or after a page shorter than the others.
        """
        short = ask.before < ask.widest or (ask.total is not None and ask.total == ask.rows)
        return status in _PAST_THE_END and (self._beyond(ask) or short)

    def ended_by_repeat(self, ask: Ask) -> bool:
        """Some vendors answer the number of a page past the end with their last page, or first."""
        return self._beyond(ask)

    def end(self, ask: Ask, page: Page) -> str:  # noqa: ARG002 - the seam's shape
        """An empty page, or the vendor's word."""
        if page.size == 0:
            return "an empty page"
        if has_more(page, self.has_more_path) is False:
            return "the vendor said that nothing follows"
        return "the vendor's number of pages was reached"

    def doubt(self, ask: Ask, page: Page) -> str | None:
        """The vendor's own total says more, or the config itself ended it."""
        if has_more(page, self.has_more_path) is False:
            return None
        said = total_of(page, self.total_path)
        known = replace(ask, total=ask.total if said is None else said)
        ended = self.maximum_page is not None and ask.position + 1 >= self.maximum_page
        if page.size and ended:
            following = replace(known, position=ask.position + 1)
            if not self._beyond(following):
                return f"maximum_page ended the listing at {self.maximum_page:,}"
        promised = None if page.size else self._promised(known)
        if promised is not None:
            return f"the vendor's own total is {promised:,}"
        return _MORE if has_more(page, self.has_more_path) else None


def _counted(following: Ask, ask: Ask, page: Page) -> Ask:
    """The next question with what the pages so far have shown."""
    return replace(
        following,
        before=page.size,
        widest=max(ask.widest, page.size),
        rows=ask.rows + page.size,
    )
