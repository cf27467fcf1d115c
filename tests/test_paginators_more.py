"""Paginators beyond dlt's: the next page as another request, page numbers that are not trusted,
and what ends a listing."""

from __future__ import annotations

from typing import Any

import pytest

from config_dicts import with_endpoint
from filehaul.config import load_config
from filehaul.errors import AnswerError, ConfigError, VendorError
from page_vendor import Question, Raw, listed, listing_of, numbers, vendor_of

FOLDER = "/2/files/list_folder"
CONTINUATION = {
    "type": "continuation",
    "path": f"{FOLDER}/continue",
    "cursor_path": "cursor",
    "cursor_body_path": "cursor",
    "has_more_path": "has_more",
}
ENDPOINT = {"path": FOLDER, "method": "POST", "json": {"path": "", "recursive": True}}


def folder(question: Question) -> Any:
    """250 rows in three pages: the first by its folder, the others by page token alone."""
    if question.path == FOLDER:
        assert question.body == {"path": "", "recursive": True}
        number = 0
    else:
        assert question.path == f"{FOLDER}/continue"
        number = int(question.body["cursor"].removeprefix("page-"))
    rows = numbers(250)[number * 100 : (number + 1) * 100]
    # There is a page token at the end too: only has_more tells.
    return {"files": rows, "cursor": f"page-{number + 1}", "has_more": number < 2}


def test_the_next_page_is_another_request():
    """Other path, the page token alone in the body; the endpoint's parameters and body are for the
    first page; headers are for all."""
    more = {"params": {"a": 1}, "headers": {"X-Team": "t"}}
    with (
        vendor_of(folder) as vendor,
        listing_of(vendor.url, CONTINUATION, prove=True, **ENDPOINT, **more) as listing,
    ):
        assert [row for page in listing for row in page.records] == numbers(250)
        assert [question.path for question in vendor.questions] == [
            FOLDER,
            f"{FOLDER}/continue",
            f"{FOLDER}/continue",
        ]
        assert [question.body for question in vendor.questions[1:]] == [
            {"cursor": "page-1"},
            {"cursor": "page-2"},
        ]
        assert [question.params for question in vendor.questions] == [{"a": "1"}, {}, {}]
        assert {question.headers["x-team"] for question in vendor.questions} == {"t"}
        assert listing.how == "listed to its end: the vendor said that nothing follows"
        assert (listing.doubt, listing.overlaps) == (None, True)


def test_a_continuation_by_get_and_with_parameters_of_its_own():
    """GET sends the page token in the query; params and json are those of the following pages."""

    def answering(question: Question) -> Any:
        number = question.number("after")
        token = number + 1 if number < 2 else None
        return {"files": numbers(250)[number * 100 :][:100], "next": {"token": token}}

    paginator = {
        "type": "continuation",
        "path": "/v1/more",
        "method": "GET",
        "cursor_path": "next.token",
        "cursor_param": "after",
        "params": {"full": True, "none": None},
    }
    with vendor_of(answering) as vendor:
        assert listed(vendor.url, paginator) == numbers(250)
        assert [(q.path, q.params) for q in vendor.questions[1:]] == [
            ("/v1/more", {"full": "true", "after": "1"}),
            ("/v1/more", {"full": "true", "after": "2"}),
        ]
    post = {**CONTINUATION, "json": {"limit": 5}}
    with vendor_of(
        lambda q: folder(q) if q.path == FOLDER else {"files": [q.body], "has_more": False}
    ) as vendor:
        rows = listed(vendor.url, post, **ENDPOINT)
    assert rows[-1] == {"limit": 5, "cursor": "page-1"}


def test_a_continuation_that_breaks_off():
    """More without a page token, the same token again, a token that is none: errors, no end."""
    for following, message in [
        ({"has_more": True}, "more follows, and gives no page token"),
        ({"has_more": True, "cursor": "again"}, "goes in circles"),
        ({"has_more": True, "cursor": {"a": 1}}, "not a page token"),
    ]:
        count = [0]

        def answering(_: Question, following: Any = following, count: Any = count) -> Any:
            count[0] += 1
            return {"files": [{"file_id": count[0]}], **following}

        with vendor_of(answering) as vendor, pytest.raises(VendorError, match=message):
            listed(vendor.url, CONTINUATION, **ENDPOINT)


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ({"type": "continuation"}, "'path' is missing"),
        ({**CONTINUATION, "method": "GET"}, "a GET has no body"),
        ({**CONTINUATION, "cursor_param": "c"}, "not both"),
        ({**CONTINUATION, "cursor_pth": "c"}, "unknown key 'cursor_pth'"),
    ],
)
def test_continuations_that_cannot_be(block, words):
    """What is wrong is said when the config is read."""
    with pytest.raises(ConfigError, match=words):
        load_config(with_endpoint(paginator=block))


def test_where_the_page_token_goes_by_default():
    """cursor in the body, or in the query of a GET."""
    for method, place in (("POST", "cursor_body_path"), ("GET", "cursor_param")):
        block = {"type": "continuation", "path": "/more", "method": method}
        read = load_config(with_endpoint(paginator=block)).resources[0].endpoint.paginator
        assert getattr(read, place) == "cursor"


def pages_of(
    total: Any, past: str = "empty", count: int = 5, rows: int = 450, hole: int = -1
) -> Any:
    """Pages by number from 0, and what is said to a number past the end."""

    def answering(question: Question) -> Any:
        number = question.number("page")
        if number >= count and past == "last":
            number = count - 1
        if number >= count and past == "first":
            number = 0
        if number >= count and past.isdigit():
            return Raw({"error": "no such page"}, int(past))
        page = [] if number == hole else numbers(rows)[number * 100 : (number + 1) * 100]
        return {"files": page, "total": total}

    return answering


@pytest.mark.parametrize("past", ["empty", "last", "first", "404", "400", "416"])
@pytest.mark.parametrize("total", [5, 3, 1, "5"])
@pytest.mark.parametrize("concurrency", [1, 6])
def test_a_number_of_pages_is_a_hint_alone(total, past, concurrency):
    """Right, too small, or as text: every row comes. One page more than the vendor
    promised is asked for, and whatever it says to that, the listing ends whole."""
    with (
        vendor_of(pages_of(total, past)) as vendor,
        listing_of(vendor.url, "page_number", concurrency) as listing,
    ):
        assert [row for page in listing for row in page.records] == numbers(450)
        assert listing.doubt is None
        assert listing.ended


@pytest.mark.parametrize("past", ["empty", "404"])
def test_a_number_of_rows_in_the_place_of_pages(past):
    """As many rows came as the total says, and then nothing: whole, however many pages it is."""
    with (
        vendor_of(pages_of(450, past)) as vendor,
        listing_of(vendor.url, "page_number") as listing,
    ):
        assert [row for page in listing for row in page.records] == numbers(450)
        assert (listing.ended, listing.doubt) == (True, None)


def test_a_page_that_repeats_where_more_were_promised():
    """It is an error: the vendor's own total says that more is there."""
    with (
        vendor_of(pages_of(450, "last")) as vendor,
        pytest.raises(VendorError, match="goes in circles"),
    ):
        listed(vendor.url, "page_number")


@pytest.mark.parametrize("concurrency", [1, 6])
def test_an_empty_page_in_the_middle(concurrency):
    """Where the vendor's number of pages says that more follows, an empty page is not the end."""
    with (
        vendor_of(pages_of(5, hole=2)) as vendor,
        listing_of(vendor.url, "page_number", concurrency) as listing,
    ):
        rows = [row for page in listing for row in page.records]
        assert rows == numbers(450)[:200] + numbers(450)[300:]
        assert listing.doubt is None


def test_pages_that_were_promised_and_never_came():
    """A total far too large: ten empty pages are looked at, then the listing says why to doubt."""
    with (
        vendor_of(pages_of(1000)) as vendor,
        listing_of(vendor.url, "page_number", concurrency=1) as listing,
    ):
        assert [row for page in listing for row in page.records] == numbers(450)
        assert listing.doubt == "the vendor's own total is 1,000"
        assert len(vendor.questions) == 5 + 11


@pytest.mark.parametrize("status", [404, 500, 403])
def test_a_page_that_is_refused_after_full_pages(status):
    """Without a total, and after a full page, nobody knows that it was the last: an error."""
    answering = pages_of(None, str(status), rows=500)
    with vendor_of(answering) as vendor, pytest.raises(AnswerError) as error:
        listed(vendor.url, "page_number", concurrency=1)
    assert error.value.status == status


def test_a_page_that_is_refused_after_a_short_one():
    """Without a total, a page shorter than the others, and a refusal after it, are the end; 403 and
    500 never are."""
    with (
        vendor_of(pages_of(None, "404")) as vendor,
        listing_of(vendor.url, "page_number", concurrency=1) as listing,
    ):
        assert [row for page in listing for row in page.records] == numbers(450)
        assert listing.how == "listed to its end: 404 after the last page"
    with vendor_of(pages_of(None, "403")) as vendor, pytest.raises(AnswerError):
        listed(vendor.url, "page_number", concurrency=1)


def test_stop_on_a_boolean():
    """has_more_path ends offset, page and cursor listings; ended against its word: doubted."""

    def answering(question: Question) -> Any:
        number = question.number("page", question.number("offset") // 100)
        rows = numbers(250)[number * 100 : (number + 1) * 100]
        more = number < 2
        return {"files": rows, "more": more, "cursors": {"next": str(number + 1)}}

    for paginator in (
        {"type": "offset", "limit": 100, "has_more_path": "more"},
        {"type": "page_number", "has_more_path": "more"},
        {"type": "cursor", "cursor_param": "page", "has_more_path": "more"},
    ):
        with vendor_of(answering) as vendor, listing_of(vendor.url, paginator, 1) as listing:
            assert [row for page in listing for row in page.records] == numbers(250)
            assert len(vendor.questions) == 3
            assert listing.how == "listed to its end: the vendor said that nothing follows"
    stop = {
        "type": "offset",
        "limit": 100,
        "has_more_path": "more",
        "stop_after_empty_page": True,
    }
    with (
        vendor_of(lambda _: {"files": [], "more": True}) as vendor,
        listing_of(vendor.url, stop) as listing,
    ):
        assert [page.records for page in listing] == [[]]
        assert listing.doubt == "the vendor said that more follows"


def test_files_and_folders_in_one_page():
    """Several selectors: both arrays of every page, stepping by what they have together."""
    rows = numbers(250)

    def answering(question: Question) -> Any:
        start = question.number("offset")
        page = rows[start : start + 100]
        return {
            "folders": [row for row in page if row["file_id"] % 5 == 0],
            "files": [row for row in page if row["file_id"] % 5],
            "total": 250,
        }

    for prove in (False, True):
        with (
            vendor_of(answering) as vendor,
            listing_of(
                vendor.url,
                {"type": "offset", "limit": 100},
                prove=prove,
                data_selector=["folders", "files"],
            ) as listing,
        ):
            found = [row["file_id"] for page in listing for row in page.records]
            assert sorted(found) == list(range(250))
            assert (listing.doubt, listing.overlaps) == (None, prove)
