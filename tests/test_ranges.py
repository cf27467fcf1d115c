"""Which bytes an answer has, of which version, and whether If-Range may ask with it."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from filehaul.ranges import Marks, Span, marks_in, marks_of, span_of, validator_of

LONG_AGO = "Mon, 01 Jan 2024 00:00:00 GMT"
NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("value", "span"),
    [
        ("bytes 0-9/10", Span(0, 10, 10)),
        (" bytes 5-5/10 ", Span(5, 6, 10)),
        ("bytes 5-9/*", Span(5, 10, None)),
        ("bytes 9-5/10", None),
        ("bytes 0-10/10", None),
        ("bytes */10", None),
        ("bytes 0-9", None),
        ("items 0-9/10", None),
        ("bytes 0-٩/10", None),
        ("", None),
    ],
)
def test_content_range(value: str, span: Span | None) -> None:
    """RFC 9110, 14.4: what makes no sense is as good as none."""
    assert span_of({"content-range": value}) == span


@pytest.mark.parametrize(
    ("headers", "validator"),
    [
        ({"etag": '"a"', "last-modified": LONG_AGO}, '"a"'),
        ({"etag": 'W/"a"', "last-modified": LONG_AGO}, LONG_AGO),
        ({"etag": "unquoted", "last-modified": LONG_AGO}, LONG_AGO),
        ({"etag": '"a", "b"'}, ""),
        ({"last-modified": LONG_AGO, "date": LONG_AGO}, ""),
        ({"last-modified": LONG_AGO, "date": "Mon, 01 Jan 2024 00:00:01 GMT"}, LONG_AGO),
        ({"last-modified": formatdate(NOW, usegmt=True)}, ""),
        ({"last-modified": formatdate(NOW - 1, usegmt=True)}, formatdate(NOW - 1, usegmt=True)),
        ({"last-modified": "long ago"}, ""),
        ({"last-modified": "Mon, 99 Jan 2024 00:00:00 GMT"}, ""),
        ({}, ""),
    ],
)
def test_what_if_range_may_ask_with(headers: dict[str, str], validator: str) -> None:
    """RFC 9110, 13.1.5 and 8.8.2.2: a strong ETag, else a date that cannot be of two versions."""
    assert validator_of(headers, NOW) == validator


def test_marks_contradict_only_where_both_say_something() -> None:
    """Another ETag or date is another version; a missing one says nothing; W/ is put aside."""
    one = marks_of({"etag": 'W/"a"', "last-modified": LONG_AGO})
    assert one == Marks('"a"', LONG_AGO)
    assert not one.contradict(marks_of({}))
    assert not one.contradict(marks_in('"a"'))
    assert not one.contradict(marks_in(LONG_AGO))
    assert one.contradict(marks_in('"b"'))
    assert one.contradict(
        marks_of({"etag": '"a"', "last-modified": "Tue, 02 Jan 2024 00:00:00 GMT"})
    )
