"""Bad input: each a clear error or the right rows, never a short table that says it is whole."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config_dicts import config, with_endpoint
from filehaul.config import load_config
from filehaul.connect import connect
from filehaul.errors import ConfigError, FilehaulError, VendorError
from filehaul.fields import Rows, Shape
from filehaul.listing import how_known, lister, unlike_total
from page_vendor import SHARED, PageVendor, Question, Raw, listed, listing_of, numbers, vendor_of

OFFSET = {"type": "offset", "limit": 100}


@pytest.mark.parametrize(
    ("choice", "body", "rows"),
    [
        ("null_is_empty", {"files": None}, 0),
        ("null_is_empty", {"files": [{"file_id": 1}]}, 1),
        ("missing_is_empty", {"files": None}, 0),
        ("missing_is_empty", {"total": 0}, 0),
        ("missing_is_empty", {"error": None, "ok": True}, 0),
        ("missing_is_empty", {}, 0),
    ],
)
def test_a_vendor_that_writes_no_array_for_an_empty_page(choice, body, rows):
    """Only where the config says so is null, or nothing at all, an empty page."""
    with vendor_of(lambda _: body) as vendor:
        assert len(listed(vendor.url, "single_page", if_no_array=choice)) == rows
        if not rows:
            with pytest.raises(VendorError, match="if_no_array"):
                listed(vendor.url, "single_page")


@pytest.mark.parametrize(
    ("choice", "body"),
    [
        ("null_is_empty", {"total": 0}),
        ("null_is_empty", {"files": {}}),
        ("missing_is_empty", {"files": "none"}),
        ("missing_is_empty", {"error": {"code": 5}}),
        ("missing_is_empty", {"Errors": ["x"]}),
        ("missing_is_empty", {"@error.code": "x"}),
        ("missing_is_empty", {"fault": "x"}),
        ("missing_is_empty", []),
        ("missing_is_empty", None),
        ("missing_is_empty", b"<html>sign in</html>"),
    ],
)
def test_a_bad_answer_stays_a_bad_answer(choice, body):
    """Something else in the array's place, an error, an answer that is no object: errors still."""
    with vendor_of(lambda _: Raw(body)) as vendor, pytest.raises(VendorError):
        listed(vendor.url, "single_page", if_no_array=choice)


def test_empty_pages_without_an_array_in_a_listing():
    """The last page has no array at all; and with a filter, and with two selectors, the same."""

    def answering(question: Question) -> Any:
        rows = numbers(250)[question.number("offset") :][:100]
        return {"files": rows, "folders": None} if rows else {"total": 250}

    for selector in ("files", "files[*]", ["folders", "files"]):
        with vendor_of(answering) as vendor:
            options = {"data_selector": selector, "if_no_array": "missing_is_empty"}
            assert listed(vendor.url, OFFSET, concurrency=1, **options) == numbers(250)
            with pytest.raises(VendorError):
                listed(vendor.url, OFFSET, concurrency=1, data_selector=selector)


def test_if_no_array_belongs_to_our_engine():
    """A choice that does not exist, and a resource that dlt's engine lists: config errors."""
    with pytest.raises(ConfigError, match="null_is_empty"):
        load_config(with_endpoint(if_no_array="null"))
    with pytest.raises(ConfigError, match="needs filehaul's engine"):
        load_config(with_endpoint(if_no_array="null_is_empty", paginator="json_response"))


def test_a_large_answer():
    """An answer beyond max_json is refused while it comes, by its size; below it, it is read."""
    body = json.dumps({"files": [{"file_id": n, "pad": "x" * 1000} for n in range(20_000)]})
    with vendor_of(lambda _: Raw(body.encode())) as vendor:
        assert len(body) > 20_000_000
        assert len(listed(vendor.url, "single_page")) == 20_000
        with pytest.raises(VendorError, match="larger than"):
            listed(vendor.url, "single_page", client={"max_json": 10_000_000})


@pytest.mark.parametrize("total", [0, 1, 249, 250, 251, "250", "x", -5, 2.5, None, [], 10**30])
@pytest.mark.parametrize("prove", [True, False])
def test_a_total_that_lies_in_a_proof(total, prove):
    """Smaller, larger, text, negative: every row comes; a number that is not theirs makes it
    doubtful, and what is no number at all says nothing."""

    def answering(question: Question) -> Any:
        start = question.number("offset")
        return {"files": numbers(250)[start : start + 100], "total": total}

    with (
        vendor_of(answering) as vendor,
        listing_of(vendor.url, OFFSET, prove=prove) as listing,
    ):
        assert [row for page in listing for row in page.records] == numbers(250)
        doubt = listing.doubt or unlike_total(listing, 250)
        assert (doubt is not None) == (total in (0, 1, 249, 251, 10**30))


def test_the_total_and_the_keys():
    """Fewer keys than the vendor's total, or more, are a reason to doubt; as many are not."""
    with (
        vendor_of(lambda q: {"files": numbers(5)[q.number("offset") :], "total": 5}) as vendor,
        listing_of(vendor.url, {**OFFSET, "offset": 2}, prove=True) as listing,
    ):
        list(listing)
        assert listing.total == 3  # of those from the configured offset on
        assert unlike_total(listing, 2) == ("the vendor's own total is 3, and 2 unique keys came")
        assert unlike_total(listing, 3) is None
        assert str(unlike_total(listing, 4)).endswith("counts something else: total_path: null")
        assert how_known(listing, 3).endswith("3 unique keys, the vendor's own total is 3")


@pytest.mark.parametrize(("came", "doubted"), [(4, True), (5, False), (6, False), (7, True)])
def test_a_total_that_shrinks_while_it_is_listed(came, doubted):
    """A file goes after it was listed: as many keys as the vendor said first, or last, will do."""

    def answering(question: Question) -> Any:
        start = question.number("offset")
        return {"files": numbers(6)[start : start + 5], "total": 6 if start == 0 else 5}

    with (
        vendor_of(answering) as vendor,
        listing_of(vendor.url, {"type": "offset", "limit": 5}, prove=True) as listing,
    ):
        list(listing)
        assert (listing.total, listing.largest_total) == (5, 6)
        assert (unlike_total(listing, came) is not None) == doubted


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"file_id": None},
        {"file_id": ""},
        {"file_id": {"a": 1}},
        {"file_id": [1]},
        {"file_id": True},
        {"file_id": "k" * 10_000},
        "a text",
        None,
        7,
        [],
    ],
)
def test_records_without_a_usable_key_do_not_disturb_the_proof(odd):
    """Missing, null, of another type, 10 kB long, no object at all: the pages still overlap, and
    every record is given on for `rejected` to tell of."""
    rows: list[Any] = [odd if n in (99, 150) else {"file_id": n} for n in range(250)]

    def answering(question: Question) -> Any:
        return {"files": rows[question.number("offset") :][:100]}

    with (
        vendor_of(answering) as vendor,
        listing_of(vendor.url, OFFSET, concurrency=1, prove=True) as listing,
    ):
        found = [json.dumps(record) for page in listing for record in page.records]
    assert found == [json.dumps(row) for row in rows]
    assert (listing.doubt, listing.overlaps) == (None, True)


def test_keys_of_several_parts_and_other_spellings():
    """The overlap is matched by the whole key, also where the vendor spells it in its own way."""
    rows = [{"fileId": n // 2, "driveId": n % 2} for n in range(250)]
    made = config()
    made["resources"][0]["endpoint"] |= {"paginator": OFFSET}
    made["resources"][0] |= {"primary_key": ["drive_id", "file_id"]}
    with vendor_of(lambda q: {"files": rows[q.number("offset") :][:100]}) as vendor:
        made["client"] = {"base_url": vendor.url}
        read = load_config(made, expand=False)
        with connect(read) as http:
            listing = lister(read.resources[0], read.client, http, prove=True)
            assert [record for page in listing for record in page.records] == rows
            assert (listing.doubt, listing.overlaps) == (None, True)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(
        [
            "2024-01-31T10:00:00Z",
            "2024-01-31 10:00",
            "31.01.2024",
            "Wed, 31 Jan 2024 10:00:00 GMT",
            "0001-01-01T00:00:00Z",
            "9999-12-31T23:59:59.999999+14:00",
            "1706695200",
            "12345678901234567890123",
        ]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
NAMES = st.sampled_from(["name", "size", "modified_at", "created_at", "x", "Größe", "path", "a b"])


@settings(max_examples=150, deadline=None)
@given(records=st.lists(st.dictionaries(NAMES, VALUES, max_size=5), max_size=12))
def test_records_of_any_shape_are_rows(records):
    """Nested, changing, huge, odd: every record with a key is one row of the table."""
    resource = load_config(config(), expand=False).resources[0]
    shape, rows = Shape(resource, str), Rows()
    for number, record in enumerate(records):
        record["file_id"] = f"f{number}"
        shape.keyed(rows, [record], 1)
    if records:
        table = shape.table(rows)
        assert table.num_rows == len(records)
        assert table.column("file_id").to_pylist() == [f"f{n}" for n in range(len(records))]


BAD = st.sampled_from(
    [
        {"error": "x"},
        {"files": None},
        {"files": {}},
        [],
        None,
        "text",
        b"<html>",
        b"",
        b'{"files": [',
        Raw({"error": "gone"}, 404),
        Raw({"error": "odd"}, 400),
        Raw({"error": "no"}, 403),
    ]
)


@settings(max_examples=150, deadline=None)
@given(
    count=st.integers(0, 60),
    bad=BAD,
    at=st.integers(0, 6),
    kind=st.sampled_from(["offset", "page_number", "cursor", "json_link"]),
    total=st.booleans(),
    prove=st.booleans(),
    concurrency=st.integers(1, 5),
)
def test_one_bad_answer_among_good_ones(
    any_vendor: PageVendor, count, bad, at, kind, total, prove, concurrency
):
    """Whatever the bad answer and wherever it comes, with every paginator: all rows, or an error,
    or a listing that says why it may not be whole."""

    def answering(question: Question) -> Any:
        number = question.number("page", question.number("cursor"))
        start = question.number("offset", 10 * number)
        if start >= 10 * at and (start < 10 * at + 10 or not start):
            return bad
        more = start + 10 < count
        answer: dict[str, Any] = {"files": numbers(count)[start : start + 10]}
        answer |= {"cursors": {"next": number + 1 if more else None}}
        answer |= {"next": f"/v1/files?page={number + 1}" if more else None}
        if total:
            answer["total"] = count if kind == "offset" else -(-count // 10)
        return answer

    SHARED[0] = answering
    paginator = {"type": kind, **({"limit": 10} if kind == "offset" else {})}
    with listing_of(any_vendor.url, paginator, concurrency, prove=prove) as listing:
        try:
            found = [row for page in listing for row in page.records]
        except FilehaulError:
            assert not listing.ended
            return
    assert found == numbers(count) or listing.doubt is not None
