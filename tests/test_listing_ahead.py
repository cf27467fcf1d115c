"""Look-ahead: with a total known, pages are asked for at once, in the vendor's order all the same,
and a guess that is wrong costs a question, never a row."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from filehaul.errors import AnswerError
from filehaul.testing import FakeVendor, Fault
from page_vendor import Question, Raw, listed, listing_of, numbers, offset_pages, vendor_of
from test_listing import OFFSET, of_fake, offsets


class Held:
    """A vendor that keeps its answers until as many questions are there as it wants to see."""

    def __init__(self, wanted: int, rows: int, **more: Any) -> None:
        self.wanted = wanted
        self.pages = offset_pages(numbers(rows), **more)
        self.lock = threading.Condition()
        self.waiting = 0
        self.most = 0

    def __call__(self, question: Question) -> Any:
        if question.params["offset"] != "0":
            with self.lock:
                self.waiting += 1
                self.most = max(self.most, self.waiting)
                self.lock.notify_all()
                self.lock.wait_for(lambda: self.most >= self.wanted, timeout=5)
                self.waiting -= 1
        return self.pages(question)


def test_with_a_total_pages_are_asked_for_at_once():
    """From the first page on `concurrency` questions are in flight; the order is the vendor's."""
    held = Held(8, 3000, total=3000)
    with vendor_of(held) as vendor:
        assert listed(vendor.url, OFFSET, concurrency=8) == numbers(3000)
        assert held.most == 8
        assert sorted(map(int, vendor.asked("offset"))) == [*range(0, 3000, 100), 3000]


def test_how_far_ahead():
    """While one page is missing, twice `concurrency` questions are out, and no more."""
    go_on = threading.Event()
    seen = threading.Event()
    pages = offset_pages(numbers(5000), total=5000)
    asked: list[int] = []

    def answering(question: Question) -> Any:
        asked.append(question.number("offset"))
        if len(asked) == 1 + 8:
            seen.set()
        if question.params["offset"] == "100":
            assert seen.wait(5)
            go_on.wait(0.1)  # would anything more be asked?
            assert len(asked) == 9
        return pages(question)

    with vendor_of(answering) as vendor:
        assert listed(vendor.url, OFFSET, concurrency=4) == numbers(5000)
    assert sorted(asked[:9]) == list(range(0, 900, 100))
    assert sorted(asked) == [*range(0, 5000, 100), 5000]


def test_without_a_total_more_at_once_as_guesses_are_right():
    """Nothing is guessed from the first page; then 1, 2, 4 … up to `concurrency` are in flight, and
    what lies past the end is thrown away: at most that many questions, none of them twice."""
    for rows in (100, 300, 3000, 3050):
        pages = offset_pages(numbers(rows))
        with vendor_of(pages) as vendor:
            assert listed(vendor.url, OFFSET, concurrency=8) == numbers(rows)
            asked = sorted(map(int, vendor.asked("offset")))
            needed = sorted({*range(0, rows, 100), rows})
            assert set(needed) <= set(asked)
            assert len(asked) == len(set(asked))
            assert len(asked) - len(needed) <= min(8, len(needed))
    held = Held(8, 3000)
    with vendor_of(lambda q: held(q) if q.number("offset") >= 1500 else held.pages(q)) as vendor:
        assert listed(vendor.url, OFFSET, concurrency=8) == numbers(3000)
        assert held.most == 8


def test_one_at_a_time_guesses_nothing():
    """A concurrency of 1 asks only for what is needed."""
    with vendor_of(offset_pages(numbers(1000))) as vendor:
        assert listed(vendor.url, OFFSET, concurrency=1) == numbers(1000)
        assert vendor.asked("offset") == [str(start) for start in range(0, 1001, 100)]


@pytest.mark.parametrize("status", [400, 404, 500])
def test_a_guess_past_the_end_that_is_refused(status):
    """A vendor that refuses what lies past the end is not asked for it in earnest: only the guesses
    met the refusal, and they are thrown away."""

    def answering(question: Question) -> Any:
        if question.number("offset") > 2950:
            return Raw({"error": "offset too large"}, status)
        return offset_pages(numbers(2950))(question)

    with vendor_of(answering) as vendor:
        assert listed(vendor.url, OFFSET, concurrency=8) == numbers(2950)
        assert any(int(offset) > 2950 for offset in vendor.asked("offset"))


def test_guesses_stop_where_they_are_wrong():
    """A vendor whose pages are all of different sizes is not asked for pages that nobody wants."""

    def answering(question: Question) -> Any:
        start = question.number("offset")
        return {"files": numbers(2000)[start : start + 20 + start % 37], "total": 2000}

    with vendor_of(answering) as vendor:
        assert listed(vendor.url, OFFSET, concurrency=16) == numbers(2000)
        pages, start = 1, 0
        while start < 2000:
            pages, start = pages + 1, min(2000, start + 20 + start % 37)
        assert len(vendor.questions) <= pages + 2 * 32


def test_answers_that_come_out_of_order():
    """A slow page does not change the order, and what came after it is not asked again."""
    with FakeVendor.of_records(900, auth=False) as vendor:
        vendor.script("GET /v1/files?offset=100*", Fault.latency(0.1))
        vendor.script("GET /v1/files?offset=300*", Fault.latency(0.05))
        assert of_fake(vendor, concurrency=8) == list(vendor.files)
        vendor.assert_all_fired()
        assert offsets(vendor) == list(range(0, 1000, 100))


def test_a_failure_among_the_guesses():
    """A page that fails once is asked again; one that stays so ends the listing with its error."""
    with FakeVendor.of_records(900, auth=False) as vendor:
        vendor.script("GET /v1/files?offset=300*", Fault.status(503))
        assert of_fake(vendor, concurrency=8) == list(vendor.files)
        vendor.assert_all_fired()
        vendor.clear_requests()
        vendor.script("GET /v1/files?offset=300*", Fault.status(403))
        with (
            listing_of(vendor.base_url, OFFSET, concurrency=8) as listing,
            pytest.raises(AnswerError) as error,
        ):
            list(listing)
        assert (error.value.status, listing.rows, listing.pages) == (403, 300, 3)
        assert not listing.ended


def test_a_listing_that_nobody_wants_any_more():
    """Stopping early asks for no more than was in flight already."""
    with FakeVendor.of_records(10_000, auth=False) as vendor:
        with listing_of(vendor.base_url, OFFSET, concurrency=2) as listing:
            next(iter(listing))
        assert vendor.count("/v1/files") <= 1 + 4


def test_page_numbers_look_ahead_with_care():
    """`total` is often the number of rows where it should be that of pages: few guesses at first,
    more as they turn out right."""

    def answering(question: Question) -> Any:
        number = question.number("page")
        rows = numbers(250)[number * 100 : (number + 1) * 100]
        return {"files": rows, "total": 250}

    with vendor_of(answering) as vendor:
        assert listed(vendor.url, "page_number", concurrency=8) == numbers(250)
        assert len(vendor.questions) <= 4 + 16
    held = Held(4, 5000)

    def pages(question: Question) -> Any:
        number = question.number("page")
        question.params["offset"] = str(number * 100)
        return held(question) | {"total": 50}

    with vendor_of(pages) as vendor:
        assert listed(vendor.url, "page_number", concurrency=4) == numbers(5000)
        assert held.most == 4
        assert sorted(map(int, vendor.asked("page"))) == list(range(51))
