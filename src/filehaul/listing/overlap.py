"""The proof that nothing shifted: pages that count rows overlap by one that must match.

A row that is removed while a listing is on its way moves all rows behind it one place ahead, and
the one that was first on the page to come is then on no page at all. No total and no duplicate
shows that. So each page is asked for from the last known row on. A page that has a known row in it
goes on where the pages before it ended, whatever was asked first and whatever came or went in
between, as long as the rows keep their order. A page that has none leaves a gap: then the listing
steps back, one page, then two, four …, until it meets known rows, and reads on from there.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any

from ..models import Page
from ..pagination import Ask, Offset
from .marks import Marker

_MOST_KNOWN = 50_000  # rows that are remembered
_LEAST_PAGES = 8  # also of pages so large that fewer of them are that many rows
_MOST_BACK = 12  # steps back from one place: 4,095 pages


@dataclass(frozen=True)
class Verdict:
    """``page`` without the rows that were given before; ``back``: to be asked instead of going
    on, after which this page, if ``kept``, is looked at again: it may join then."""

    page: Page
    back: Ask | None = None
    kept: bool = False


class Overlap:
    """Checks that each page goes on where the one before ended.

    ``matched``: overlaps that did at once. ``mended``: places where the listing had to look for
    known rows, and found them. ``came``: rows came in before those already read; one that moved
    there would have been missed. ``unproven``: pages that could not overlap. ``doubt``: why the
    listing may not be whole. ``ordered``: False where a page's rows stand in several arrays.
    """

    def __init__(self, marker: Marker, paginator: Offset, ordered: bool = True) -> None:
        self.marker = marker
        self.paginator = paginator
        self.ordered = ordered
        self.matched = 0
        self.mended = 0
        self.unproven = 0
        self.came = False
        self.doubt: str | None = None
        self._book: dict[Hashable, int] = {}  # where rows were, as far as that was corrected
        self._recent: deque[tuple[int, list[Hashable]]] = deque()  # pages since then
        self._count = 0
        self._expected: Hashable = None
        self._furthest = -1
        self._backs = 0
        self._void = -1  # where a known row should have been, and nothing at all was

    def is_new_ground(self, ask: Ask) -> bool:
        """Whether the listing has not been there yet."""
        return ask.position > self._furthest

    def check(self, ask: Ask, page: Page) -> Verdict:
        """Whether the page joins those before it; `Ask.step` is what it may step back by."""
        is_first, self._furthest = self._furthest < 0, max(self._furthest, ask.position)
        if page.elements is None:
            self.unproven += bool(page.size) and not is_first
            return Verdict(page)
        marks = self.marker(page.elements)
        if is_first:
            given = page
        elif ask.overlaps and marks and marks[0] == self._expected and self._backs == 0:
            self.matched += 1
            given = _without(page, {0})
        else:
            joined = self._joined(ask, page, marks)
            if joined is None:
                self._backs += 1
                rows = max(1, ask.step) * 2 ** (self._backs - 1)
                back = self.paginator.back(ask, rows)
                return Verdict(page, back, self._backs == 1 and page.size > 0)
            given = joined
        if marks:
            self._expected = marks[min(len(marks), self.paginator.limit) - 1]
            self._remember(ask.position, marks)
        return Verdict(given)

    def ended_in_void(self, ask: Ask, page: Page) -> bool:
        """Whether the listing ends on an empty page where a known row should have been."""
        return page.size == 0 and ask.overlaps and self._void == ask.position

    def _joined(self, ask: Ask, page: Page, marks: list[Hashable]) -> Page | None:
        """The page's new rows, if it joins the known ones; None: step back."""
        places = self._places()
        known = [n for n, mark in enumerate(marks) if mark in places]
        if known and not self.ordered:
            self.matched += ask.overlaps and self._backs == 0
            self._backs = 0 if ask.position >= self._furthest else self._backs
            return _without(page, set(known))
        before = [places[marks[n]] for n in known]
        if any(later <= earlier for earlier, later in itertools.pairwise(before)):
            self.doubt = "rows changed places while they were listed"
        if any(ask.position + n > place for n, place in zip(known, before)):
            self.came = True
        at_start = ask.position == self.paginator.offset
        if not known and not at_start and not self._accepts(ask, page):
            return None
        if known:
            self._correct(places, ask.position, known, before)
        if ask.position >= self._furthest:
            self.mended += ask.overlaps and bool(known)
            self._backs = 0
        return _without(page, set(known))

    def _accepts(self, ask: Ask, page: Page) -> bool:
        """Whether to go on from a page that joins nothing: only where nothing else helps."""
        if self.doubt is not None:  # it is not whole: the rest is listed for what it is worth
            return True
        if not ask.overlaps:  # asked for without: the end, or pages that cannot overlap
            self.unproven += bool(page.size)
            return True
        if page.size == 0:
            if self._void == ask.position:
                # The rows before it were read again and lead here again: it is the vendor's gap.
                self.unproven += 1
                return True
            self._void = ask.position
        if self._backs >= _MOST_BACK:
            self.doubt = "rows shifted while they were listed, and no known row was met again"
            return True
        return False

    # -- what is known ---------------------------------------------------------------------

    def _remember(self, position: int, marks: list[Hashable]) -> None:
        self._recent.append((position, marks))
        self._count += len(marks)
        while self._count > _MOST_KNOWN and len(self._recent) > _LEAST_PAGES:
            self._count -= len(self._recent.popleft()[1])

    def _places(self) -> dict[Hashable, int]:
        """Where each known row was."""
        places = dict(self._book)
        for first, marks in self._recent:
            places.update(zip(marks, range(first, first + len(marks))))
        return places

    def _correct(
        self, places: dict[Hashable, int], position: int, known: list[int], before: list[int]
    ) -> None:
        """Move what is known to where it is now, so that one shift is not taken for another."""
        left, right = position + known[0] - before[0], position + known[-1] - before[-1]
        moved = {mark: place + left for mark, place in places.items() if place < before[0]}
        moved |= {mark: place + right for mark, place in places.items() if place > before[-1]}
        if len(moved) > _MOST_KNOWN:
            kept = sorted(moved.items(), key=lambda pair: pair[1])
            moved = dict(kept[-_MOST_KNOWN:])
        self._book = moved
        self._recent.clear()
        self._count = 0


def _without(page: Page, numbers: set[int]) -> Page:
    """The page without the records that these elements are."""
    elements: list[Any] = page.elements or []
    if not numbers or not page.records:
        return page
    if page.records is elements:
        return replace(page, records=[r for n, r in enumerate(elements) if n not in numbers])
    gone = {id(elements[n]) for n in numbers}
    return replace(page, records=[record for record in page.records if id(record) not in gone])
