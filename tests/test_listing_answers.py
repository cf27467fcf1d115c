"""Bad answers are never empty pages: what is wrong is said, and the listing has not ended."""

from __future__ import annotations

from typing import Any

import pytest

from filehaul.errors import AnswerError, VendorError
from filehaul.testing import FakeVendor, Fault
from page_vendor import Question, Raw, listed, listing_of, numbers, offset_pages, vendor_of

OFFSET = {"type": "offset", "limit": 100}


def refused(answering: Any, paginator: Any = "single_page", **options: Any) -> VendorError:
    """The error of a listing, which has not ended."""
    with (
        vendor_of(answering) as vendor,
        listing_of(vendor.url, paginator, **options) as listing,
    ):
        with pytest.raises(VendorError) as error:
            list(listing)
        assert not listing.ended
    assert error.value.exit_code == 8
    assert error.value.where
    assert error.value.hint
    return error.value


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"error": {"code": 401, "text": "sign in"}}, "'files' is missing from the answer, which"),
        ({"files": None, "total": 0}, "'files' is null in the answer, which has: files, total"),
        ({"files": {}}, "'files' holds dict, not an array"),
        ({"files": "none"}, "'files' holds str, not an array"),
        ({}, "which has: no keys"),
        ([{"file_id": 1}], "which has: a list"),
        ("files", "which has: a str"),
        (None, "which has: a NoneType"),
        (b"<!DOCTYPE html><title>Sign in</title>", "not JSON but text/html: <!DOCTYPE html>"),
        (b"", "not JSON but text/html: nothing at all"),
        (b'{"files": [{"file_id": 1', "not JSON but"),
    ],
)
def test_answers_without_their_array(body, message):
    """No array where the selector points: the error says what the answer has instead."""
    kind = {"Content-Type": "text/html; charset=utf-8"} if isinstance(body, bytes) else {}
    problem = refused(lambda _: Raw(body, headers=kind))
    assert message in problem.message


def test_the_vendor_s_own_words_are_in_the_error():
    """{"error": …} with 200: the error quotes it, cut and redacted."""
    body = {
        "error": "quota of token=abcdef1234 exceeded",
        "access_token": "hunter2",
        "x": "y" * 999,
    }
    problem = refused(lambda _: body)
    assert "quota of token=" in problem.message
    assert "hunter2" not in str(problem)
    assert len(problem.message) < 400


@pytest.mark.parametrize("fault", [Fault.html(), Fault.json({"error": "x"}), Fault.not_json()])
def test_a_bad_answer_in_the_middle(fault):
    """The third page is no page: two pages came, the listing has not ended."""
    with FakeVendor.of_records(500, auth=False, total=False) as vendor:
        vendor.script("GET /v1/files?offset=200*", fault)
        with (
            listing_of(vendor.base_url, OFFSET) as listing,
            pytest.raises(VendorError),
        ):
            list(listing)
        vendor.assert_all_fired()
        assert (listing.rows, listing.ended) == (200, False)


def test_no_selector_and_no_array():
    """Without data_selector the answer itself must be the array; its keys are named."""
    problem = refused(lambda _: {"items": [1], "count": 1}, data_selector=None)
    assert problem.message.startswith("no data_selector, and the answer is not an array but has: ")
    assert "items, count" in problem.message


def test_odd_values_do_not_cost_the_page():
    """A number beyond 64 bits, NaN, half a surrogate pair: every row comes, ids as they are."""
    body = (
        b'{"files": [{"file_id": 123456789012345678901}, {"file_id": "\\ud800"}, {"file_id": NaN}]}'
    )
    with vendor_of(lambda _: Raw(body)) as vendor:
        rows = listed(vendor.url, "single_page")
    assert [row["file_id"] for row in rows] == [123456789012345678901, "\ufffd", None]


def test_a_vendor_that_ignores_the_offset():
    """The same rows again are an error, not more rows; with a total known too."""
    for total in (None, 250):
        problem = refused(
            lambda question, total=total: {
                "files": numbers(250)[:100],
                "total": total,
                "request": question.params["offset"],
            },
            OFFSET,
        )
        assert "repeats an earlier page" in problem.message


def test_a_page_that_comes_again_later():
    """Not only the page before counts: circles of any length are seen."""

    def answering(question: Question) -> Any:
        start = question.number("offset") % 300
        return {"files": numbers(300)[start : start + 100]}

    with vendor_of(answering) as vendor, listing_of(vendor.url, OFFSET) as listing:
        with pytest.raises(VendorError, match="page 4 repeats"):
            list(listing)
        assert listing.rows == 300


@pytest.mark.parametrize(
    ("paginator", "following"),
    [
        ("cursor", {"cursors": {"next": "again"}}),
        ("json_link", {"next": "/v1/files?page=again"}),
    ],
)
def test_page_tokens_and_links_that_repeat(paginator, following):
    """A page token or a link a second time is an error, although the rows are others."""
    count = [0]

    def answering(_: Question) -> Any:
        count[0] += 1
        return {"files": [{"file_id": count[0]}], **following}

    problem = refused(answering, paginator)
    assert "goes in circles" in problem.message
    assert count[0] == 2


def test_link_headers_that_repeat():
    """The same for the Link header, and for a page token in a header."""
    links = {"Link": '<?page=x>; rel="next"', "Next": "x"}
    for paginator in ("header_link", "header_cursor"):
        count = [0]

        def answering(_: Question, count: list[int] = count) -> Any:
            count[0] += 1
            return Raw({"files": [{"file_id": count[0]}]}, headers=links)

        assert "goes in circles" in refused(answering, paginator).message


def test_empty_pages_with_tokens_are_followed():
    """An empty page with a page token is no end; without end it is an error."""

    def answering(question: Question) -> Any:
        number = question.number("cursor")
        rows = numbers(3) if number == 20 else []
        return {"files": rows, "cursors": {"next": number + 1 if number < 20 else None}}

    with vendor_of(answering) as vendor:
        assert listed(vendor.url, "cursor") == numbers(3)
        assert len(vendor.questions) == 21
        vendor.questions.clear()
        assert listed(vendor.url, {"type": "cursor", "stop_after_empty_page": True}) == []
        assert len(vendor.questions) == 1
    endless = lambda question: {"files": [], "cursors": {"next": question.number("cursor") + 1}}  # noqa: E731
    assert "1,000 empty pages in a row" in refused(endless, "cursor").message


def test_a_next_link_to_another_host_gets_no_credentials():
    """No token, no configured header, no body goes to an origin that the config does not name."""
    secret = {"X-Api-Key": "canary-1", "Cookie": "canary-2"}
    client = {"headers": secret, "auth": {"type": "bearer", "token": "canary-3"}}

    with vendor_of(lambda _: {"files": numbers(1)}) as other:
        first = {"files": [{"file_id": "a"}], "next": f"{other.url}/files?page=2"}
        with vendor_of(lambda _: first) as vendor:
            rows = listed(vendor.url, "json_link", client=client, headers={"X-More": "canary-4"})
            assert "canary-1" in str(vendor.questions[0].headers)
            assert "canary-3" in str(vendor.questions[0].headers)
        assert [row["file_id"] for row in rows] == ["a", 0]
        (asked,) = other.questions
        assert (asked.path, asked.params) == ("/files", {"page": "2"})
        assert "canary" not in str(asked)


def test_a_next_link_to_a_trusted_host_gets_them():
    """client.trusted_hosts lists the other origins that do."""
    with vendor_of(lambda _: {"files": numbers(1)}) as other:
        client = {
            "auth": {"type": "bearer", "token": "canary-3"},
            "trusted_hosts": [other.url],
        }
        first = {"files": [], "next": f"{other.url}/files"}
        with vendor_of(lambda _: first) as vendor:
            assert listed(vendor.url, "json_link", client=client) == numbers(1)
        assert other.questions[0].headers["authorization"] == "Bearer canary-3"


@pytest.mark.parametrize("link", ["file:///etc/passwd", "ftp://x/y", "gopher://x", "javascript:1"])
def test_links_that_are_not_http(link):
    """A link to a file or another protocol is refused before anything is asked."""
    problem = refused(lambda _: {"files": numbers(1), "next": link}, "json_link")
    assert "not http(s)" in problem.message


@pytest.mark.parametrize(
    ("link", "path", "params"),
    [
        ("?page=2", "/v1/files", {"page": "2"}),
        ("more?page=2", "/v1/more", {"page": "2"}),
        ("/v2/x", "/v2/x", {}),
        ("//HOST/v3", "/v3", {}),
    ],
)
def test_relative_links(link, path, params):
    """A link is relative to the page that it stands on; our own parameters are not added to it."""
    with vendor_of(lambda _: None) as vendor:
        host = vendor.url.removeprefix("http://")
        pages = [{"files": numbers(1), "next": link.replace("HOST", host)}, {"files": []}]
        vendor.answering = lambda _: pages[len(vendor.questions) - 1]
        assert listed(vendor.url, "json_link", params={"q": "x"}) == numbers(1)
        assert vendor.questions[0].params == {"q": "x"}
        assert (vendor.questions[1].path, vendor.questions[1].params) == (path, params)


KINDS = [{"file_id": n, "kind": "file" if n % 3 else "folder"} for n in range(250)]


def test_filters_step_by_the_page_s_own_array():
    """A selector that filters sees every page whole: no match on a page is not its end."""
    rows = [*[{"file_id": n, "kind": "folder"} for n in range(150)], *KINDS[150:]]
    files = [row for row in rows if row["kind"] == "file"]
    for selector in ("files[?(@.kind=='file')]", "$.files[?(@.kind=='file')]"):
        with vendor_of(offset_pages(rows)) as vendor:
            assert listed(vendor.url, OFFSET, concurrency=1, data_selector=selector) == files
            assert vendor.asked("offset") == ["0", "100", "200", "250"]
    with vendor_of(offset_pages(rows, cap=40)) as vendor:
        assert listed(vendor.url, OFFSET, data_selector="files[*]") == rows


def test_filters_on_bad_answers():
    """A wildcard that matches nothing because the array is not there is a bad answer."""
    for selector in ("files[*]", "files[?(@.kind=='file')]", "files[*].versions[*]"):
        problem = refused(lambda _: {"error": "x"}, OFFSET, data_selector=selector)
        assert f"{selector!r} matches nothing in the answer, which has: error" in problem.message


def test_nested_selectors_step_by_the_limit():
    """Of a nested selector nobody knows the page's size: full steps, to the first empty page."""
    files = [{"versions": [{"file_id": f"{n}.{v}"} for v in range(3)]} for n in range(250)]
    versions = [version for file in files for version in file["versions"]]
    for selector in ("files[*].versions[*]", "files[*].versions"):
        with vendor_of(offset_pages(files)) as vendor:
            assert listed(vendor.url, OFFSET, concurrency=1, data_selector=selector) == versions
            assert vendor.asked("offset") == ["0", "100", "200", "300"]


def test_page_array_says_what_a_page_has():
    """page_array names the array that offsets count, where the selector reaches elsewhere."""

    def answering(question: Question) -> Any:
        start = question.number("offset")
        rows = KINDS[start : start + 40]
        return {"all": rows, "tree": {"x": {"files": [r for r in rows if r["kind"] == "file"]}}}

    with vendor_of(answering) as vendor:
        rows = listed(
            vendor.url, OFFSET, concurrency=1, data_selector="tree..files[*]", page_array="all"
        )
        assert rows == [row for row in KINDS if row["kind"] == "file"]
        assert vendor.asked("offset") == [str(start) for start in [*range(0, 250, 40), 250]]
    problem = refused(lambda _: {"files": numbers(1)}, OFFSET, page_array="al")
    assert "'al' is missing from the answer, which has: files" in problem.message


def test_several_selectors_are_joined():
    """A list of selectors: their arrays one after the other, and each of them must be there."""
    page = {"folders": [{"file_id": "a"}], "files": [{"file_id": "b"}, {"file_id": "c"}]}
    with vendor_of(lambda _: page) as vendor:
        rows = listed(vendor.url, "single_page", data_selector=["folders", "files"])
        assert [row["file_id"] for row in rows] == ["a", "b", "c"]
    problem = refused(lambda _: {"files": []}, data_selector=["folders", "files"])
    assert "'folders' is missing" in problem.message


def test_parameters_as_the_config_has_them():
    """Lists become several, null is left out, true is true; the paginator's own name wins."""
    params = {"a": [1, 2], "b": None, "c": True, "d": "x y&z", "limit": 7, "é": "ü"}
    with FakeVendor.of_records(1, auth=False) as vendor:
        listed(vendor.base_url, OFFSET, params=params)
        query = vendor.requests[0].query_string
    assert query == "a=1&a=2&c=true&d=x+y%26z&limit=100&%C3%A9=%C3%BC&offset=0"


def test_paths_as_the_config_has_them():
    """With a path in base_url, with a query, with letters of all scripts, absolute."""
    for base, path, target in [
        ("/api/", "/v1/files", "/api/v1/files"),
        ("/api", "v1/files", "/api/v1/files"),
        ("", "v1/ö x", "/v1/%C3%B6%20x"),
        ("", "root:/a:/children", "/root:/a:/children"),
        ("/api", "", "/api"),
    ]:
        with vendor_of(lambda _: {"files": []}) as vendor:
            listed(vendor.url + base, "single_page", path=path)
            assert vendor.questions[0].path == target
    with vendor_of(lambda _: {"files": []}) as vendor:
        listed("http://127.0.0.1:9", "single_page", path=f"{vendor.url}/x?a=1", params={"b": 2})
        assert vendor.questions[0].params == {"a": "1", "b": "2"}


def test_an_answer_that_is_too_large():
    """client.max_json bounds what a page may be."""
    client = {"max_json": 10_000}
    with (
        vendor_of(lambda _: {"files": ["x" * 20_000]}) as vendor,
        pytest.raises(VendorError, match="larger than 10,000 bytes"),
    ):
        listed(vendor.url, "single_page", client=client)


def test_an_answer_that_is_no_answer():
    """204 without a body, and a status that stands."""
    assert "not JSON" in refused(lambda _: Raw(b"", 204)).message
    with (
        vendor_of(lambda _: Raw({"error": "no such folder"}, 404)) as vendor,
        pytest.raises(AnswerError, match="no such folder"),
    ):
        listed(vendor.url, "single_page")
