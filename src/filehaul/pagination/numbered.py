"""Paginators that count: by rows (offset) or by pages."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from ..models import Page
from .asking import Ask, has_more, sent, total_of

_EMPTY_ON_TRUST = 10  # empty pages in a row after which the vendor's total is not believed
_PAST_THE_END = frozenset({400, 404, 416})


@dataclass(frozen=True)
class Offset:
    """``offset`` and ``limit``. Ends on an empty page: a short page proves nothing."""

    sure_of_total: ClassVar[bool] = True

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

    def _ask(self, offset: int, ask: Ask | None = None) -> Ask:
        begin = sent(self.offset_param, self.offset_body_path, offset)
        most = sent(self.limit_param, self.limit_body_path, self.limit)
        return Ask(
            params=begin.get("params", ()) + most.get("params", ()),
            body=begin.get("body", ()) + most.get("body", ()),
            position=offset,
            total=ask.total if ask else None,
            step=ask.step if ask else 0,
        )

    def first(self) -> Ask:
        """The page at the first offset."""
        return self._ask(self.offset)

    def after(self, ask: Ask, page: Page) -> Ask | None:
        """The page that begins after the rows that came."""
        said = total_of(page, self.total_path)
        step = min(page.size, self.limit)
        total = ask.total if said is None else said
        known = replace(ask, total=total, step=max(ask.step, step))
        more = has_more(page, self.has_more_path)
        if page.size == 0:
            if not self._goes_on(known, more):
                return None
            following = replace(self._ask(ask.position + self.limit, known), empty=ask.empty + 1)
        else:
            following = self._ask(ask.position + step, known)
            trusted = self.stop_after_empty_page is False and total is not None
            if more is False or (trusted and following.position >= (total or 0)):
                return None
        if self.maximum_offset is not None and following.position >= self.maximum_offset:
            return None
        return following

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
        """Full steps up to the vendor's own total, and the question that will find nothing."""
        if ask.total is None or ask.step == 0 or ask.position >= ask.total:
            return None
        following = min(ask.position + ask.step, ask.total)
        if self.stop_after_empty_page is False and following >= ask.total:
            return None
        if self.maximum_offset is not None and following >= self.maximum_offset:
            return None
        return self._ask(following, ask)

    def ended_by(self, ask: Ask, status: int) -> bool:
        """Some vendors refuse an offset past the end; then the rows before it are all there are."""
        return status in _PAST_THE_END and ask.total is not None and ask.position >= ask.total

    def doubt(self, ask: Ask, page: Page) -> str | None:
        """The vendor's own total says more, or the config itself ended it."""
        reached = ask.position + min(page.size, self.limit)
        if page.size and self.maximum_offset is not None and reached >= self.maximum_offset:
            return f"maximum_offset ended the listing at {self.maximum_offset:,}"
        said = total_of(page, self.total_path)
        total = ask.total if said is None else said
        if total is not None and reached < total:
            return f"the vendor's own total is {total:,}"
        return None


@dataclass(frozen=True)
class PageNumber:
    """Pages by number. Ends on an empty page, or after the vendor's own number of pages."""

    # By default it stands in ``total``, where most vendors have the number of rows instead.
    sure_of_total: ClassVar[bool] = False

    base_page: int = 0
    page: int | None = None
    page_param: str | None = "page"
    page_body_path: str | None = None
    total_path: str | None = "total"
    maximum_page: int | None = None
    stop_after_empty_page: bool | None = None
    has_more_path: str | None = None

    def _ask(self, number: int, total: int | None = None, empty: int = 0) -> Ask:
        asked = sent(self.page_param, self.page_body_path, number)
        return Ask(**asked, position=number, total=total, step=1, empty=empty)

    def first(self) -> Ask:
        """The first page."""
        return self._ask(self.base_page if self.page is None else self.page)

    def _last(self, total: int | None) -> int | None:
        """The number that is not asked any more; None: only a page can tell."""
        ends = [self.maximum_page, None if total is None else self.base_page + total]
        return min((end for end in ends if end is not None), default=None)

    def after(self, ask: Ask, page: Page) -> Ask | None:
        """The page with the next number."""
        said = total_of(page, self.total_path)
        total = ask.total if said is None else said
        last, number = self._last(total), ask.position + 1
        if page.size == 0 and (self.stop_after_empty_page is not False or last is None):
            return None
        if has_more(page, self.has_more_path) is False or (last is not None and number >= last):
            return None
        return self._ask(number, total, 0 if page.size else ask.empty + 1)

    def ahead(self, ask: Ask) -> Ask | None:
        """The next number, up to the vendor's own number of pages."""
        last, number = self._last(ask.total), ask.position + 1
        if ask.total is None or last is None or number >= last:
            return None
        return self._ask(number, ask.total)

    def ended_by(self, ask: Ask, status: int) -> bool:  # noqa: ARG002
        """A refused page number is a refusal: no page is asked for past the vendor's last."""
        return False

    def doubt(self, ask: Ask, page: Page) -> str | None:
        """The config itself ended it."""
        ended = self.maximum_page is not None and ask.position + 1 >= self.maximum_page
        if page.size and ended and has_more(page, self.has_more_path) is not False:
            said = total_of(page, self.total_path)
            if said is None or self.base_page + said > ask.position + 1:
                return f"maximum_page ended the listing at {self.maximum_page:,}"
        return None
