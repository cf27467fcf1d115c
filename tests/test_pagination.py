"""Every paginator by its questions: what is asked, when it ends, and dlt's own beside it."""

from __future__ import annotations

import time
from typing import Any

import pytest

from config_dicts import with_endpoint
from filehaul.config import load_config
from filehaul.errors import VendorError
from filehaul.models import Page
from filehaul.pagination import link_of, paging, smaller
from filehaul.pagination.asking import total_of
from page_vendor import Question, Raw, listed, listing_of, numbers, offset_pages, vendor_of

OFFSET = {"type": "offset", "limit": 100}


def of_dlt(url: str, paginator: dict[str, Any]) -> None:
    """The same listing by dlt's own client."""
    from dlt.sources.helpers.rest_client import RESTClient
    from dlt.sources.rest_api.config_setup import create_paginator

    client = RESTClient(url, paginator=create_paginator(dict(paginator)))  # type: ignore[arg-type]
    for _ in client.paginate("/v1/files", data_selector="files"):
        pass


def numbered(question: Question) -> Any:
    """250 rows in three pages, by number from 0 or 1 (/one), and how many pages there are."""
    first = question.number("first", 0)
    number = question.number("page", first) - first
    rows = numbers(250)[number * 100 : (number + 1) * 100]
    return {"files": rows, "pages": 3, "more": number < 2, "items": 250}


def tokens(question: Question) -> Any:
    """Three pages by page token, in the body and in a header, and by link."""
    number = question.number("cursor", question.number("page"))
    rows = numbers(250)[number * 100 : (number + 1) * 100]
    following = number + 1 if number < 2 else None
    link = None if following is None else f"/v1/files?page={following}"
    headers = {} if link is None else {"Link": f'<{link}>; rel="next"', "X-Next": str(following)}
    body = {"files": rows, "cursors": {"next": following}, "next": link, "more": number < 2}
    return Raw(body, headers=headers)


@pytest.mark.parametrize(
    ("answering", "paginator"),
    [
        (offset_pages(numbers(300)), {**OFFSET, "total_path": None, "maximum_offset": 200}),
        (offset_pages(numbers(300), total=300), {**OFFSET, "maximum_offset": 150}),
        (offset_pages(numbers(300)), {**OFFSET, "total_path": None, "maximum_offset": 100}),
        (offset_pages(numbers(300)), {**OFFSET, "total_path": None}),
        (offset_pages(numbers(300)), {**OFFSET, "total_path": None, "offset": 100}),
        (
            offset_pages(numbers(300), total=300),
            {**OFFSET, "stop_after_empty_page": False},
        ),
        (
            offset_pages(numbers(300), meta={"count": "300"}),
            {**OFFSET, "stop_after_empty_page": False, "total_path": "meta.count"},
        ),
        (offset_pages(numbers(300), more=True), {**OFFSET, "total_path": None}),
        (
            offset_pages(numbers(300), more="no"),
            {**OFFSET, "total_path": None, "has_more_path": "more"},
        ),
        (numbered, {"type": "page_number", "total_path": "pages"}),
        (numbered, {"type": "page_number", "total_path": "items"}),
        (numbered, {"type": "page_number", "total_path": None}),
        (numbered, {"type": "page_number", "total_path": None, "maximum_page": 2}),
        (numbered, {"type": "page_number", "total_path": "pages", "maximum_page": 2}),
        (numbered, {"type": "page_number", "total_path": None, "has_more_path": "more"}),
        (numbered, {"type": "page_number", "total_path": "pages", "page": 1}),
        (
            numbered,
            {"type": "page_number", "total_path": "pages", "stop_after_empty_page": False},
        ),
        (tokens, {"type": "cursor"}),
        (tokens, {"type": "cursor", "has_more_path": "more"}),
        (tokens, {"type": "json_link"}),
        (tokens, {"type": "header_link"}),
        (tokens, {"type": "header_cursor", "cursor_key": "X-Next"}),
        (tokens, {"type": "single_page"}),
    ],
)
def test_the_questions_are_dlt_s(answering, paginator):
    """The same config asks the same questions in the same order as dlt's own paginator."""
    with vendor_of(answering) as vendor:
        of_dlt(vendor.url, paginator)
        theirs = [question.params for question in vendor.questions]
        vendor.questions.clear()
        if isinstance(paginator.get("maximum_page"), int) or "total_path" in paginator:
            # Look-ahead may ask past the end; one at a time it does not.
            listed(vendor.url, paginator, concurrency=1)
        else:
            listed(vendor.url, paginator)
        ours = [question.params for question in vendor.questions]
    assert ours[: len(theirs)] == theirs
    assert len(theirs) > 0
    counted = paginator["type"] == "page_number" and paginator.get("total_path") is not None
    if not counted or "maximum_page" in paginator or "stop_after_empty_page" in paginator:
        assert ours == theirs


def test_with_a_total_ours_asks_once_more_than_dlt_s():
    """dlt believes the total; ours ends on the empty page after it: a total that is too small
    must not cost a row."""
    with vendor_of(offset_pages(numbers(250), total=250)) as vendor:
        of_dlt(vendor.url, OFFSET)
        assert vendor.asked("offset") == ["0", "100", "200"]
        vendor.questions.clear()
        listed(vendor.url, OFFSET)
        assert sorted(vendor.asked("offset")) == ["0", "100", "200", "250"]


@pytest.mark.parametrize("base", [0, 1])
def test_base_page(base):
    """Pages are counted from base_page; total_path is the number of pages."""
    paginator = {"type": "page_number", "base_page": base, "total_path": "pages"}
    with vendor_of(numbered) as vendor:
        rows = listed(vendor.url, paginator, params={"first": base})
        assert rows == numbers(250)
        # One more than there are: a number of pages that is too small must not cost a row.
        assert sorted(vendor.asked("page")) == [str(base + number) for number in range(4)]


def test_values_in_the_body():
    """dlt's …_body_path: the value stands in the JSON body as a number, and not in the query."""

    def answering(question: Question) -> Any:
        page = question.body.get("page", {})
        start, most = page.get("offset", 0), page.get("limit", 100)
        assert isinstance(start, int)
        return {"files": numbers(250)[start : start + most], "next": start + 100}

    body = {"page": {"sort": "name"}, "q": "x"}
    paginator = {**OFFSET, "offset_body_path": "page.offset", "limit_body_path": "page.limit"}
    with vendor_of(answering) as vendor:
        assert listed(vendor.url, paginator, method="POST", json=body) == numbers(250)
        assert [question.body for question in vendor.questions[:2]] == [
            {"page": {"sort": "name", "offset": start, "limit": 100}, "q": "x"}
            for start in (0, 100)
        ]
        assert {tuple(question.params) for question in vendor.questions} == {()}
        assert vendor.questions[0].headers["content-type"] == "application/json"
    assert body == {"page": {"sort": "name"}, "q": "x"}


def test_page_and_cursor_in_the_body():
    """The same for page numbers and page tokens; a token is not sent with the first question."""

    def answering(question: Question) -> Any:
        number = (question.body or {}).get("at", 0)
        rows = numbers(250)[number * 100 : (number + 1) * 100]
        return {"files": rows, "cursors": {"next": number + 1 if number < 2 else None}}

    for paginator in (
        {"type": "page_number", "page_body_path": "at", "total_path": None},
        {"type": "cursor", "cursor_body_path": "at"},
    ):
        with vendor_of(answering) as vendor:
            assert listed(vendor.url, paginator, concurrency=1, method="POST") == numbers(250)
            bodies = [question.body for question in vendor.questions]
            first = None if paginator["type"] == "cursor" else {"at": 0}
            assert bodies[:3] == [first, {"at": 1}, {"at": 2}]


def page(body: Any = None, size: int = 1, **headers: str) -> Page:
    return Page(1, [1] * size, size, body, headers, "https://x/y")


def made(block: Any) -> Any:
    paginator = load_config(with_endpoint(paginator=block)).resources[0].endpoint.paginator
    assert paginator is not None
    return paging(paginator)


@pytest.mark.parametrize(
    ("token", "asked"),
    [("abc", "abc"), (7, "7"), (1.5, "1.5"), ("0", "0")],
)
def test_page_tokens(token, asked):
    """A text or a number is sent back as it is."""
    cursor = made("cursor")
    following = cursor.after(cursor.first(), page({"cursors": {"next": token}}))
    assert following.params == (("cursor", asked),)


@pytest.mark.parametrize(
    "body", [{}, {"cursors": None}, *({"cursors": {"next": end}} for end in (None, "", False, 0))]
)
def test_no_page_token_is_the_end(body):
    """Missing, null, empty, false or 0: nothing follows, as in dlt."""
    cursor = made("cursor")
    assert cursor.after(cursor.first(), page(body)) is None


@pytest.mark.parametrize("token", [True, {"a": 1}, ["x"]])
def test_what_is_no_page_token(token):
    """An object in the place of a page token is an error, not a parameter."""
    cursor = made("cursor")
    with pytest.raises(VendorError, match="not a page token"):
        cursor.after(cursor.first(), page({"cursors": {"next": token}}))


def test_more_without_a_page_token():
    """The vendor says that more follows and gives no token: never a short table."""
    cursor = made({"type": "cursor", "has_more_path": "more"})
    with pytest.raises(VendorError, match="more follows, and gives no page token"):
        cursor.after(cursor.first(), page({"more": True}))
    assert cursor.after(cursor.first(), page({"more": False, "cursors": {"next": "x"}})) is None


@pytest.mark.parametrize("end", [None, "", False])
def test_no_link_is_the_end(end):
    """json_link: null, empty or false."""
    link = made("json_link")
    assert link.after(link.first(), page({"next": end})) is None
    with pytest.raises(VendorError, match="not an address"):
        link.after(link.first(), page({"next": 5}))


@pytest.mark.parametrize(
    ("header", "address"),
    [
        ('<https://x/2>; rel="next"', "https://x/2"),
        ("<https://x/2>; rel=next", "https://x/2"),
        ("<https://x/2>;rel=next", "https://x/2"),
        ('<https://x/2> ; REL = "NEXT"', "https://x/2"),
        ('<https://x/1>; rel="prev", <https://x/3>; rel="next"', "https://x/3"),
        ('<https://x/3>; rel="last next", <https://x/1>; rel="first"', "https://x/3"),
        ('<https://x/a,b;c>; rel="next"', "https://x/a,b;c"),
        ('<https://x/1>; title="a, <b>; rel=next", <https://x/2>; rel="next"', "https://x/2"),
        ('<https://x/1>; title="\\", rel=next"; rel="prev"', None),
        ('<https://x/1>; rel="prev"; rel="next"', None),
        ('<https://x/1>; xrel="next"', None),
        ('<https://x/1>; rel="nextpage"', None),
        ("<https://x/1>; rel*=next", None),
        ("<https://x/1>", None),
        ("", None),
        ("nonsense", None),
        ("< https://x/2 >; rel=next", "https://x/2"),
        ("</v1?p=2>; rel=\"next\"; title*=UTF-8''n%C3%A4chste", "/v1?p=2"),
    ],
)
def test_link_headers(header, address):
    """RFC 8288: several links and relations, quotes, commas in addresses and titles."""
    assert link_of(header, "next") == address


def test_link_headers_take_no_time():
    """No header makes its reader slow."""
    began = time.monotonic()
    for text in ("<x>;" + " " * 50_000, "<x>" + "; a" * 20_000, "<" * 50_000, '<x>;a="' * 9_000):
        link_of(text, "next")
    link_of("<x>" + " ; rel" * 20_000 + '"', "next")
    assert time.monotonic() - began < 1


def test_a_header_that_holds_the_address_itself():
    """{type: header_link, header: Next-Page}."""
    link = made({"type": "header_link", "header": "Next-Page"})
    following = link.after(link.first(), page(**{"next-page": "https://x/2"}))
    assert following.url == "https://x/2"
    assert link.after(link.first(), page(link='<https://x/3>; rel="next"')) is None
    other = made({"type": "header_link", "links_next_key": "more"})
    assert other.after(other.first(), page(link="<u>; rel=more")).url == "u"


@pytest.mark.parametrize(
    ("value", "total"),
    [
        (250, 250),
        ("250", 250),
        (" 250 ", 250),
        (250.0, 250),
        ([250], None),
        (0, 0),
        (-1, None),
        ("-1", None),
        (2.5, None),
        (True, None),
        (None, None),
        ("many", None),
        ("9" * 30, None),
        ({"a": 1}, None),
    ],
)
def test_the_vendor_s_total(value, total):
    """A number, or a text that is one; anything else is as good as none."""
    assert total_of(page({"total": value}), "total") == total
    assert total_of(page({"total": value}), None) is None
    assert total_of(page({"a": [{"total": 7}, {"total": 8}]}), "a[*].total") == 7


def test_smaller():
    """For a look at a vendor: a smaller page, never a larger one."""
    assert smaller(made(OFFSET), 10).limit == 10  # type: ignore[attr-defined]
    assert smaller(made({"type": "offset", "limit": 5}), 10).limit == 5  # type: ignore[attr-defined]
    cursor = made("cursor")
    assert smaller(cursor, 10) is cursor


@pytest.mark.parametrize(
    ("paginator", "doubt"),
    [
        ({**OFFSET, "maximum_offset": 200}, "maximum_offset ended the listing at 200"),
        ({**OFFSET, "maximum_offset": 900}, None),
        ({"type": "page_number", "maximum_page": 2}, "maximum_page ended the listing at 2"),
        ({"type": "page_number", "total_path": "pages", "maximum_page": 3}, None),
    ],
)
def test_a_listing_that_the_config_cut_short_says_so(paginator, doubt):
    """maximum_offset and maximum_page end a listing that is not whole: `doubt` says why."""
    answering = numbered if paginator["type"] == "page_number" else offset_pages(numbers(250))
    with vendor_of(answering) as vendor, listing_of(vendor.url, paginator) as listing:
        list(listing)
        assert listing.doubt == doubt
