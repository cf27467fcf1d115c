"""The proof: a listing that says that it is whole has every row that was there throughout."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import Any

import pytest

from filehaul.errors import AnswerError, VendorError
from hauling import config_for, haul, rows_of
from page_vendor import Question, Raw, listing_of, numbers, offset_pages, vendor_of

OFFSET = {"type": "offset", "limit": 100}


class Shifting:
    """Rows by offset, to which something is done before the question of each number is answered."""

    def __init__(self, rows: list[Any], cap: int = 10**9, total: str = "none") -> None:
        self.rows = list(rows)
        self.cap = cap
        self.total = total
        self.asked = 0
        self.before: dict[int, list[Callable[[list[Any]], None]]] = {}
        self.lock = threading.Lock()

    def __call__(self, question: Question) -> Any:
        with self.lock:
            self.asked += 1
            for change in self.before.pop(self.asked, ()):
                change(self.rows)
            start = question.number("offset")
            page = self.rows[start : start + min(question.number("limit"), self.cap)]
            known = self.total == "true" or (self.total == "first" and start == 0)
            return {"files": page, "total": len(self.rows) if known else None}


def run(url: str, paginator: Any = OFFSET, **options: Any) -> tuple[list[Any], Any]:
    """The ids of a listing that must prove that it is whole, and the listing."""
    with listing_of(url, paginator, prove=True, **options) as listing:
        return [row["file_id"] for page in listing for row in page.records], listing


@pytest.mark.parametrize("concurrency", [1, 4, 16])
def test_a_row_that_goes_while_a_later_page_is_read(concurrency):
    """The issue's case: 1,000 rows, no total, row 150 is deleted while page 5 is read: row 500 is
    on no page as it was asked, and is in the result all the same. Where several pages are asked
    for at once, the vendor may answer the later one first, which looks as if a row had come in."""
    vendor_rows = Shifting(numbers(1000))
    vendor_rows.before[6] = [lambda rows: rows.pop(150)]
    with vendor_of(vendor_rows) as vendor:
        ids, listing = run(vendor.url, concurrency=concurrency)
    assert not vendor_rows.before
    assert sorted(ids) == list(range(1000))
    assert (listing.doubt, listing.rows) == (None, 1000)
    assert listing.overlaps or concurrency > 1
    assert " mended" in listing.how
    assert "1 shift mended" in listing.how or concurrency > 1


def test_without_the_proof_it_is_missed():
    """The same without overlaps loses the row, with nothing to show for it: the proof is needed."""
    vendor_rows = Shifting(numbers(1000))
    vendor_rows.before[6] = [lambda rows: rows.pop(150)]
    with vendor_of(vendor_rows) as vendor, listing_of(vendor.url, OFFSET, 1) as listing:
        ids = [row["file_id"] for page in listing for row in page.records]
    assert set(range(1000)) - set(ids) == {500}
    assert listing.doubt is None


def test_the_questions_of_a_proof():
    """Each page begins with the last row of the page before; it ends on that row alone, and where
    no total agrees on the empty page after it. No row is given twice."""
    for total, end in ((1000, ["999"]), (None, ["999", "1000"])):
        with vendor_of(offset_pages(numbers(1000), total=total)) as vendor:
            ids, listing = run(vendor.url, concurrency=1)
            assert vendor.asked("offset") == [str(n) for n in range(0, 991, 99)] + end
            assert ids == list(range(1000))
            assert (listing.doubt, listing.overlaps, listing.total) == (None, True, total)
    assert listing.how == "listed to its end: an empty page; 11 overlaps matched"


@pytest.mark.parametrize("count", [0, 1, 2, 99, 100, 101, 199, 200])
@pytest.mark.parametrize("total", ["none", "true", "first"])
def test_small_listings(count, total):
    """None, one and a page's edge: every row once, complete, with and without a total."""
    with vendor_of(Shifting(numbers(count), total=total)) as vendor:
        ids, listing = run(vendor.url)
    assert ids == list(range(count))
    assert (listing.doubt, listing.overlaps) == (None, True)


def test_with_a_total_no_question_more_than_without_the_proof():
    """250 rows with a total: four questions, as ever."""
    with vendor_of(offset_pages(numbers(250), total=250)) as vendor:
        run(vendor.url)
        assert sorted(map(int, vendor.asked("offset"))) == [0, 99, 198, 249]


def test_many_rows_go_at_once():
    """The listing steps back one page, then two, then four, until it meets rows that it knows."""
    vendor_rows = Shifting(numbers(2000))

    def cut(rows: list[Any]) -> None:
        del rows[100:900]

    vendor_rows.before[11] = [cut]
    with vendor_of(vendor_rows) as vendor:
        ids, listing = run(vendor.url, concurrency=1)
    assert set(ids) >= {*range(100), *range(900, 2000)}
    assert len(ids) == len(set(ids))
    assert (listing.doubt, listing.overlaps) == (None, True)


def test_everything_goes():
    """Every known row is deleted while the listing is on its way: it begins again, and is whole."""
    vendor_rows = Shifting(numbers(1000))

    def renew(rows: list[Any]) -> None:
        rows[:] = [{"file_id": number} for number in range(5000, 5700)]

    vendor_rows.before[5] = [renew]
    with vendor_of(vendor_rows) as vendor:
        ids, listing = run(vendor.url, concurrency=1)
    assert set(ids) >= set(range(5000, 5700))
    assert listing.doubt is None


def test_rows_that_come_in_before_are_told():
    """New rows at the front shift the others behind: nothing is lost or doubled, and as a row that
    moved to the front would have been missed, one missing is only suspected (overlaps is False)."""
    vendor_rows = Shifting(numbers(1000))
    vendor_rows.before[6] = [lambda rows: rows.insert(0, {"file_id": -1})]
    with vendor_of(vendor_rows) as vendor:
        ids, listing = run(vendor.url, concurrency=1)
    assert ids == list(range(1000))
    assert (listing.doubt, listing.overlaps) == (None, False)
    assert listing.how.endswith("rows that shifted may not have been seen")


def test_rows_in_no_order_are_never_proven():
    """A vendor whose order is another with every question: the listing says that it may not be
    whole, after a bounded number of questions."""
    generator = random.Random(5)

    def answering(question: Question) -> Any:
        rows = numbers(1000)
        generator.shuffle(rows)
        start = question.number("offset")
        return {"files": rows[start : start + 100]}

    with vendor_of(answering) as vendor:
        _, listing = run(vendor.url, concurrency=1)
        assert len(vendor.questions) < 100
    assert listing.doubt == "rows changed places while they were listed"


def test_pages_that_have_nothing_to_do_with_each_other():
    """A vendor with other rows at every question: bounded, and not whole."""
    count = [0]

    def answering(question: Question) -> Any:
        count[0] += 1
        rows = [{"file_id": f"{count[0]}.{n}"} for n in range(100)]
        return {"files": rows if question.number("offset") < 9000 else []}

    with vendor_of(answering) as vendor:
        _, listing = run(vendor.url, concurrency=1)
    assert count[0] < 150
    assert listing.doubt is not None


@pytest.mark.parametrize("how", ["refuses", "rounds"])
def test_a_vendor_that_takes_only_multiples_of_the_limit(how):
    """An offset of 99 is refused, or answered as 0: then the pages follow each other without an
    overlap, every row comes once, and one missing is only suspected."""

    def answering(question: Question) -> Any:
        start = question.number("offset")
        if how == "refuses" and start % 100:
            return Raw({"error": "offset must be a multiple of limit"}, 400)
        return {"files": numbers(300)[start // 100 * 100 :][:100]}

    with vendor_of(answering) as vendor:
        ids, listing = run(vendor.url, concurrency=1)
        assert vendor.asked("offset") == ["0", "99", "100", "200", "300"]
    assert ids == list(range(300))
    assert (listing.doubt, listing.overlaps) == (None, False)


def test_a_refusal_in_the_middle_is_a_refusal():
    """Only the first overlap may be refused, and what lies after the last row."""

    def answering(question: Question) -> Any:
        if question.number("offset") == 297:
            return Raw({"error": "no"}, 404)
        return offset_pages(numbers(1000))(question)

    with vendor_of(answering) as vendor, pytest.raises(AnswerError, match="404"):
        run(vendor.url)


@pytest.mark.parametrize("status", [400, 404, 416])
def test_what_lies_past_the_end_may_be_refused(status):
    """Without a total too: the last row came alone, and after it there is nothing to be had."""

    def answering(question: Question) -> Any:
        if question.number("offset") >= 250:
            return Raw({"error": "offset too large"}, status)
        return offset_pages(numbers(250))(question)

    with vendor_of(answering) as vendor:
        ids, listing = run(vendor.url)
    assert ids == list(range(250))
    assert (listing.ended, listing.doubt, listing.overlaps) == (True, None, True)


def test_a_vendor_that_ignores_the_offset_is_seen_by_its_keys():
    """The same rows again, though each answer signs them anew: an error, not a listing without
    end."""
    count = [0]

    def answering(_: Question) -> Any:
        count[0] += 1
        return {"files": [{"file_id": n, "url": f"https://x/?sig={count[0]}"} for n in range(100)]}

    with vendor_of(answering) as vendor, pytest.raises(VendorError, match="goes in circles"):
        run(vendor.url)
    assert count[0] < 10


def test_a_row_that_changes_is_still_the_same_row():
    """The overlap is matched by key: links that are signed anew, a counter, do not break it."""
    count = [0]

    def answering(question: Question) -> Any:
        count[0] += 1
        start = question.number("offset")
        return {"files": [{**row, "seen": count[0]} for row in numbers(500)[start : start + 100]]}

    with vendor_of(answering) as vendor:
        ids, listing = run(vendor.url, concurrency=1)
    assert ids == list(range(500))
    assert (listing.doubt, listing.overlaps) == (None, True)


def test_pages_of_one_row_cannot_overlap():
    """A vendor that gives one row a page, whatever is asked: all rows, and nothing is claimed."""
    with vendor_of(offset_pages(numbers(20), cap=1)) as vendor:
        ids, listing = run(vendor.url, concurrency=1)
    assert ids == list(range(20))
    assert (listing.doubt, listing.overlaps) == (None, False)


def test_a_hole_in_the_middle():
    """Empty pages below the vendor's total: what lies behind them is listed, without an overlap."""

    def answering(question: Question) -> Any:
        start = question.number("offset")
        rows = numbers(500)[start : start + 50]
        return {"files": [r for r in rows if not 100 <= r["file_id"] < 400], "total": 500}

    with vendor_of(answering) as vendor:
        ids, listing = run(vendor.url, {"type": "offset", "limit": 50})
    assert ids == [*range(100), *range(400, 500)]
    assert (listing.doubt, listing.overlaps) == (None, False)


def test_nothing_where_a_known_row_should_be():
    """An empty page in the place of rows, which the page before it shows to be there, is no end."""

    def answering(question: Question) -> Any:
        start = question.number("offset")
        return {"files": [] if start == 198 else numbers(500)[start : start + 100]}

    with vendor_of(answering) as vendor:
        ids, listing = run(vendor.url)
        assert vendor.asked("offset").count("198") == 2
    assert ids == list(range(199))
    assert listing.doubt == "nothing came where a known row was to be"


def test_filters_and_page_arrays_overlap_too():
    """A filter's own array, or page_array, is what must match; a nested selector, of which nobody
    knows the page, is not proven, and says what to do."""
    kinds = [{"file_id": n, "kind": "file" if n % 3 else "folder"} for n in range(500)]
    wanted = [row["file_id"] for row in kinds if row["kind"] == "file"]
    for more in (
        {"data_selector": "files[?(@.kind=='file')]"},
        {"data_selector": "files[?(@.kind=='file')]", "page_array": "files"},
    ):
        with vendor_of(offset_pages(kinds)) as vendor:
            ids, listing = run(vendor.url, concurrency=1, **more)
        assert ids == wanted
        assert (listing.doubt, listing.overlaps) == (None, True)
    nested = [{"versions": [{"file_id": f"{n}.{v}"} for v in range(2)]} for n in range(150)]
    with vendor_of(offset_pages(nested)) as vendor:
        ids, listing = run(vendor.url, data_selector="files[*].versions[*]")
    assert set(ids) == {f"{n}.{v}" for n in range(150) for v in range(2)}
    assert "page_array" in listing.doubt


@pytest.mark.parametrize(
    ("paginator", "overlaps"),
    [
        ("page_number", False),
        ({"type": "offset", "limit": 1}, False),
        ("cursor", True),
        ("single_page", True),
    ],
)
def test_what_other_paginators_claim(paginator, overlaps):
    """Page numbers and pages of one row cannot overlap; page tokens mark a place and need not."""

    def answering(question: Question) -> Any:
        number = question.number("page", question.number("offset", question.number("cursor")))
        return {
            "files": numbers(3)[number : number + 1],
            "cursors": {"next": number + 1 if number < 2 else None},
        }

    with vendor_of(answering) as vendor:
        _, listing = run(vendor.url, paginator)
    assert (listing.doubt, listing.overlaps) == (None, overlaps)


def test_sync_proves_and_tells_how(tmp_path, monkeypatch):
    """A merge is proven: table `listings` says how it is known to be whole; and a vendor whose own
    total is more than the keys that came, or less, is not."""
    from filehaul.testing import FakeVendor

    monkeypatch.chdir(tmp_path)
    with FakeVendor.of_records(250, size=1) as vendor:
        report = haul(config_for(vendor, content=None))
        assert report.complete
        assert rows_of("SELECT complete, how FROM acme_data.listings") == [
            (
                True,
                "listed to its end: nothing came after the last row; 3 overlaps matched; "
                "250 unique keys, the vendor's own total is 250",
            )
        ]
    double = lambda record: {**record, "file_id": record["file_id"].replace("rec-7", "rec-8")}  # noqa: E731
    with FakeVendor.of_records(9, size=1, record_shape=double) as vendor:
        report = haul(config_for(vendor, content=None, name="twice"))
        assert report.resources["files"].why_not == (
            "the vendor's own total is 9, and 8 unique keys came"
        )
