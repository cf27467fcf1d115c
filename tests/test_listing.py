"""Listings over a real socket: every row once, in the vendor's order, with no more questions than
it takes; totals that lie; pages that are shorter, longer or emptier than they should be."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filehaul.errors import AnswerError
from filehaul.testing import FakeVendor
from page_vendor import (
    SHARED,
    PageVendor,
    Question,
    Raw,
    listed,
    listing_of,
    numbers,
    offset_pages,
    vendor_of,
)

OFFSET = {"type": "offset", "limit": 100}


def of_fake(vendor: FakeVendor, paginator: Any = None, **options: Any) -> list[str]:
    """The ids of a listing of the fake vendor."""
    rows = listed(vendor.base_url, paginator or OFFSET, **options)
    return [row["file_id"] for row in rows]


def offsets(vendor: FakeVendor) -> list[int]:
    """The offsets that were asked for, in order."""
    asked = [r.query["offset"] for r in vendor.requests if r.path == "/v1/files"]
    return sorted(int(offset) for offset in asked)


@pytest.mark.parametrize(
    ("total", "path"), [(True, "total"), ("meta.count", "meta.count"), (False, "total")]
)
def test_every_row_once_with_total_elsewhere_and_without(total, path):
    """250 rows in three pages and the empty one after them: four questions each time, and without
    a total a guess past the end."""
    with FakeVendor.of_records(250, total=total, auth=False) as vendor:
        ids = of_fake(vendor, {**OFFSET, "total_path": path})
        assert ids == list(vendor.files)
        assert offsets(vendor) == [0, 100, 200, 250] + [300] * (total is False)


@pytest.mark.parametrize("total", [True, False])
def test_a_vendor_that_caps_its_pages(total):
    """Pages of 40 where 100 are asked: all 250 rows, stepping by what came."""
    with FakeVendor.of_records(250, total=total, page_cap=40, auth=False) as vendor:
        assert of_fake(vendor, concurrency=4 if total else 1) == list(vendor.files)
        assert offsets(vendor) == [0, 40, 80, 120, 160, 200, 240, 250]


def test_a_limit_of_ours_that_is_smaller_than_the_cap():
    """The limit is what is asked, and what is stepped by."""
    with FakeVendor.of_records(25, auth=False) as vendor:
        assert of_fake(vendor, {"type": "offset", "limit": 10}) == list(vendor.files)
        assert offsets(vendor) == [0, 10, 20, 25]
        assert {r.query["limit"] for r in vendor.requests} == {"10"}


def test_nothing_at_all():
    """An empty vendor is one question, with and without total."""
    for total in (True, False):
        with FakeVendor([], total=total, auth=False) as vendor:
            assert of_fake(vendor) == []
            assert offsets(vendor) == [0]


def test_a_bare_array():
    """`$` and no selector at all read an answer that is the array."""
    for selector in ("$", None):
        with FakeVendor.of_records(250, selector="$", total=False, auth=False) as vendor:
            assert of_fake(vendor, data_selector=selector) == list(vendor.files)


def test_more_rows_than_were_asked():
    """A step is never longer than the limit: rows come twice rather than not at all."""

    def answering(question: Question) -> Any:
        start = question.number("offset")
        return {"files": numbers(250)[start : start + 150]}

    with vendor_of(answering) as vendor:
        rows = listed(vendor.url, OFFSET, concurrency=1)
        assert vendor.asked("offset") == ["0", "100", "200", "250"]
        assert {row["file_id"] for row in rows} == set(range(250))


def test_a_short_page_in_the_middle_is_not_the_end():
    """Pages of other sizes as the vendor pleases: every row once, in order, also looking ahead."""
    sizes = {0: 100, 100: 7, 107: 100, 207: 1, 208: 42}

    def answering(question: Question) -> Any:
        start = question.number("offset")
        size = sizes.get(start, 100)
        return {"files": numbers(250)[start : start + size], "total": 250}

    with vendor_of(answering) as vendor:
        assert listed(vendor.url, OFFSET) == numbers(250)
        assert set(vendor.asked("offset")) >= {"0", "100", "107", "207", "208", "250"}


def with_holes(question: Question, total: Any) -> Any:
    """1,000 places, of which only the first and the last 100 have rows that may be seen."""
    start = question.number("offset")
    rows = numbers(1000)[start : start + 100] if start < 100 or start >= 900 else []
    return {"files": rows, "total": total}


def test_empty_pages_in_the_middle():
    """Where the vendor's total says that more follows, an empty page is not the end."""
    with (
        vendor_of(lambda question: with_holes(question, 1000)) as vendor,
        listing_of(vendor.url, OFFSET) as listing,
    ):
        rows = [row for page in listing for row in page.records]
        assert rows == numbers(1000)[:100] + numbers(1000)[900:]
        assert listing.doubt is None  # every place below the total was asked
    with vendor_of(lambda question: with_holes(question, None)) as vendor:
        assert len(listed(vendor.url, OFFSET)) == 100  # nothing says that more follows


def test_stop_after_empty_page_means_what_dlt_means():
    """true: the first empty page ends it whatever the total says; false: the total ends it."""
    with vendor_of(lambda question: with_holes(question, 1000)) as vendor:
        paginator = {**OFFSET, "stop_after_empty_page": True}
        with listing_of(vendor.url, paginator) as listing:
            assert sum(len(page.records) for page in listing) == 100
            assert listing.doubt == "the vendor's own total is 1,000"
    with vendor_of(lambda question: with_holes(question, 1000)) as vendor:
        paginator = {**OFFSET, "stop_after_empty_page": False}
        assert len(listed(vendor.url, paginator)) == 200
        assert sorted(map(int, vendor.asked("offset"))) == list(range(0, 1000, 100))


def test_a_total_that_is_far_too_large():
    """Ten empty pages in a row are looked at, then the listing ends, and says why to doubt it."""
    with (
        vendor_of(offset_pages(numbers(250), total=10**9)) as vendor,
        listing_of(vendor.url, OFFSET, concurrency=1) as listing,
    ):
        assert [row for page in listing for row in page.records] == numbers(250)
        assert listing.doubt == "the vendor's own total is 1,000,000,000"
        asked = {int(offset) for offset in vendor.asked("offset")}
        assert asked >= {0, 100, 200, *range(250, 1251, 100)}
        assert max(asked) <= 1350


@pytest.mark.parametrize("total", [0, 1, 99, 100, 249, 251, 1000, "250", "x", -5, 2.5, None, []])
def test_a_total_that_lies(total):
    """Smaller, larger, text, negative, a fraction: never a short table."""
    with vendor_of(offset_pages(numbers(250), total=total)) as vendor:
        assert listed(vendor.url, OFFSET) == numbers(250)


def test_a_total_that_changes_or_vanishes():
    """Only on the first page, or another on each: the rows decide."""

    def once(question: Question) -> Any:
        page = offset_pages(numbers(950))(question)
        return page | ({"total": 950} if question.params["offset"] == "0" else {})

    def moving(question: Question) -> Any:
        return offset_pages(numbers(950), total=950 - question.number("offset") // 2)(question)

    for answering in (once, moving):
        with vendor_of(answering) as vendor:
            assert listed(vendor.url, OFFSET, concurrency=2) == numbers(950)


@pytest.mark.parametrize("status", [400, 404, 416])
def test_an_offset_past_the_end_that_is_refused(status):
    """With a total known that is the end; a total on the first page is enough."""

    def answering(question: Question) -> Any:
        if question.number("offset") >= 250:
            return Raw({"error": "offset too large"}, status)
        first = {"total": 250} if question.params["offset"] == "0" else {}
        return offset_pages(numbers(250), **first)(question)

    with (
        vendor_of(answering) as vendor,
        listing_of(vendor.url, OFFSET) as listing,
    ):
        assert [row for page in listing for row in page.records] == numbers(250)
        assert (listing.ended, listing.doubt) == (True, None)


@pytest.mark.parametrize(("total", "status"), [(None, 404), (1000, 404), (250, 403), (250, 500)])
def test_a_refusal_that_is_not_the_end(total, status):
    """Without a total, before the total, or with another status: an error, no short table."""

    def answering(question: Question) -> Any:
        if question.number("offset") >= 250:
            return Raw({"error": "no"}, status)
        return offset_pages(numbers(250), total=total)(question)

    with vendor_of(answering) as vendor, pytest.raises(AnswerError) as error:
        listed(vendor.url, OFFSET)
    assert error.value.status == status


def test_the_first_question_refused():
    """A refusal of the first page is never the end of an empty listing."""
    with (
        vendor_of(lambda _: Raw({"error": "no"}, 404)) as vendor,
        pytest.raises(AnswerError, match="404"),
    ):
        listed(vendor.url, OFFSET)


@settings(max_examples=150, deadline=None)
@given(
    count=st.integers(0, 60),
    cap=st.integers(1, 25),
    limit=st.integers(1, 30),
    concurrency=st.integers(1, 6),
    total=st.sampled_from(["none", "true", "text", "first", "small", "large", "wild"]),
    short=st.sets(st.integers(0, 60), max_size=8),
    stop=st.sampled_from([None, True]),
)
def test_every_record_exactly_once_in_order(
    any_vendor: PageVendor, count, cap, limit, concurrency, total, short, stop
):
    """Any number of rows, cap, limit, concurrency, total, and pages that are shorter for no reason:
    every record once, in the vendor's order."""
    rows = numbers(count)

    def answering(question: Question) -> Any:
        start = question.number("offset")
        size = 1 if start in short else min(question.number("limit"), cap)
        said = {
            "none": None,
            "true": count,
            "text": str(count),
            "first": count if start == 0 else None,
            "small": count // 2,
            "large": count + 7,
            "wild": (start * 7919) % 97,
        }[total]
        return {"files": rows[start : start + size], "total": said}

    SHARED[0] = answering
    paginator = {"type": "offset", "limit": limit, "stop_after_empty_page": stop}
    assert listed(any_vendor.url, paginator, concurrency=concurrency) == rows


def test_pages_are_numbered_and_counted():
    """Page.number counts from 1; size is the array's; rows and pages are what came."""
    with FakeVendor.of_records(250, auth=False) as vendor:
        with listing_of(vendor.base_url, OFFSET) as listing:
            pages = list(listing)
        assert [(page.number, page.size, len(page.records)) for page in pages] == [
            (1, 100, 100),
            (2, 100, 100),
            (3, 50, 50),
            (4, 0, 0),
        ]
        assert (listing.pages, listing.rows, listing.ended) == (4, 250, True)
        assert pages[0].body["total"] == 250
        assert pages[0].url.endswith("/v1/files?offset=0&limit=100")
