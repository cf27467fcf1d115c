"""How vendors write values: every codec, what does not fit, Arrow's fast way beside the slow."""

from __future__ import annotations

import json
import math
from datetime import datetime, timedelta, timezone
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from filehaul.fields import BIGINT, BOOL, DOUBLE, JSON, TEXT, TIMESTAMP
from filehaul.fields import codecs as c
from filehaul.fields.columns import arrow, arrow_fast

UTC = timezone.utc


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-05-01T10:00:00Z", datetime(2024, 5, 1, 10, tzinfo=UTC)),
        ("2024-05-01T10:00:00.123456Z", datetime(2024, 5, 1, 10, 0, 0, 123456, tzinfo=UTC)),
        ("2024-05-01T10:00:00.1234567Z", datetime(2024, 5, 1, 10, 0, 0, 123456, tzinfo=UTC)),
        ("2024-05-01T10:00:00,5Z", datetime(2024, 5, 1, 10, 0, 0, 500000, tzinfo=UTC)),
        ("2024-05-01T10:00:00+02:00", datetime(2024, 5, 1, 8, tzinfo=UTC)),
        ("2024-05-01T10:00:00-0530", datetime(2024, 5, 1, 15, 30, tzinfo=UTC)),
        ("2024-05-01T10:00:00+02", datetime(2024, 5, 1, 8, tzinfo=UTC)),
        ("2024-05-01 10:00:00", datetime(2024, 5, 1, 10, tzinfo=UTC)),
        ("2024-05-01 10:00 UTC", datetime(2024, 5, 1, 10, tzinfo=UTC)),
        ("2024-05-01T10Z", datetime(2024, 5, 1, 10, tzinfo=UTC)),
        ("2024-05-01t10:00z", datetime(2024, 5, 1, 10, tzinfo=UTC)),
        ("2024-05-01", datetime(2024, 5, 1, tzinfo=UTC)),
        (" 2024-05-01T10:00:00Z ", datetime(2024, 5, 1, 10, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59.999999Z", datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
        ("1969-12-31T23:59:59Z", datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_timestamps(text, expected):
    """ISO 8601 with and without zone, seven digits, the first year and the last: UTC."""
    assert c.timestamp(text) == expected
    assert c.timestamp(text).tzinfo is UTC


@pytest.mark.parametrize(
    "value",
    [
        *("", "soon", "01.05.2024", "2024-13-01T00:00:00Z", "2024-02-30", "2024-05-01T25:00:00Z"),
        *("0000-01-01T00:00:00Z", "0001-01-01T00:00:00+02:00", "9999-12-31T23:59:59-02:00"),
        *("2024-05-01T10:00:00+99:00", "2024-05-01T10:00:00Zx", "20240501", "1714557600"),
        *(1714557600, 1.5, True, None, {}, [], b"2024-05-01"),
    ],
)
def test_what_is_no_timestamp(value):
    """No such moment, another format, a number without a codec."""
    with pytest.raises(c.UnfitError):
        c.timestamp(value)


@pytest.mark.parametrize(
    ("codec", "value", "expected"),
    [
        ("epoch", 0, datetime(1970, 1, 1, tzinfo=UTC)),
        ("epoch", 1714557600, datetime(2024, 5, 1, 10, tzinfo=UTC)),
        ("epoch", "1714557600", datetime(2024, 5, 1, 10, tzinfo=UTC)),
        ("epoch", 1714557600.25, datetime(2024, 5, 1, 10, 0, 0, 250000, tzinfo=UTC)),
        ("epoch", -1, datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("epoch", -62135596800, datetime(1, 1, 1, tzinfo=UTC)),
        ("epoch_ms", 1714557600123, datetime(2024, 5, 1, 10, 0, 0, 123000, tzinfo=UTC)),
        ("epoch_ms", "1714557600123", datetime(2024, 5, 1, 10, 0, 0, 123000, tzinfo=UTC)),
        ("epoch_ms", 253402300799999, datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)),
        ("rfc1123", "Tue, 15 Nov 1994 08:12:31 GMT", datetime(1994, 11, 15, 8, 12, 31, tzinfo=UTC)),
        (
            "rfc1123",
            "Tue, 15 Nov 1994 08:12:31 -0500",
            datetime(1994, 11, 15, 13, 12, 31, tzinfo=UTC),
        ),
        ("int", "42", 42),
        ("int", " +42 ", 42),
        ("int", "-9223372036854775808", -(2**63)),
        ("int", 42.0, 42),
        ("base64", "3q2+7w==", "deadbeef"),
        ("base64", "3q2-7w", "deadbeef"),
        ("base64", "", ""),
    ],
)
def test_codecs(codec, value, expected):
    """Each codec of the config, in the ways in which vendors write it."""
    assert c.CODECS[codec](value) == expected


@pytest.mark.parametrize(
    ("codec", "value"),
    [
        *(("epoch", bad) for bad in ("x", "", None, True, [], {}, math.nan, math.inf, 10**30)),
        *(("epoch", bad) for bad in ("nan", "1e400", "9" * 5000, -62135596801)),
        *(("epoch_ms", bad) for bad in ("x", 253402300800000, 10**400)),
        *(("rfc1123", bad) for bad in ("", "x", 5, None, [], {}, "Mon, 99 Jan 2001")),
        *(("int", bad) for bad in ("", "1.5", "0x10", "1e3", 2**63, str(2**63), 1.5, True, None)),
        *(("int", bad) for bad in ("9" * 31, [], {})),
        *(("base64", bad) for bad in ("a", "!!!!", 5, None, [])),
    ],
)
def test_what_does_not_fit_a_codec(codec, value):
    """UnfitError with a reason, and never another exception."""
    with pytest.raises(c.UnfitError) as error:
        c.CODECS[codec](value)
    assert str(error.value)


@pytest.mark.parametrize(
    ("value", "fits"), [(0, True), ("7", True), (2**63 - 1, True), (7.0, True)]
)
def test_sizes(value, fits):
    """Bytes: never negative, text that is a number counts."""
    assert c.size(value) == int(value)
    for bad in (-1, "-1", 1.5, "many", 2**63, True, None):
        with pytest.raises(c.UnfitError):
            c.size(bad)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("plain", "plain"),
        ("caf\u00e9 \U0001f600", "caf\u00e9 \U0001f600"),
        ("a\x00b", "a\ufffdb"),
        ("a\ud800b", "a\ufffdb"),
        ("\ud83d\ude00", "\U0001f600"),
        (True, "true"),
        (False, "false"),
        (7, "7"),
        (2**70, "1180591620717411303424"),
        (1.5, "1.5"),
        ({"a": [1, None]}, '{"a":[1,null]}'),
        (None, "null"),
    ],
)
def test_text(value, expected):
    """Text stays as it is, but for NUL and half pairs; the rest as JSON writes it."""
    assert c.text(value) == expected


@pytest.mark.parametrize(
    ("value", "type_"),
    [
        ("x", TEXT),
        ("2024-05-01T10:00:00Z", TIMESTAMP),
        ("2024-05-01 10:00", TIMESTAMP),
        ("2024-05-01", TEXT),
        ("2024-05-01-report.pdf", TEXT),
        ("", TEXT),
        (7, BIGINT),
        (2**63, TEXT),
        (-(2**63), BIGINT),
        (1.5, DOUBLE),
        (True, BOOL),
        ({}, JSON),
        ([], JSON),
    ],
)
def test_types_at_first_sight(value, type_):
    """What a column becomes by its first value."""
    assert c.type_of(value) == type_


ANY: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(10, 400).map(lambda digits: 10**digits)
    | st.floats()
    | st.text()
    | st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
KINDS = {TEXT: str, BIGINT: int, DOUBLE: float, BOOL: bool, TIMESTAMP: datetime, JSON: str}


@given(st.sampled_from(sorted(c.CONVERTERS)), ANY)
@example("double", 10**400)
def test_a_converter_gives_its_type_or_says_no(type_, value):
    """Every value: the column's type, or UnfitError. Text and JSON take everything."""
    try:
        made = c.CONVERTERS[type_](value)
    except c.UnfitError:
        assert type_ not in (TEXT, JSON)
        return
    assert isinstance(made, KINDS[type_])
    arrow([made], type_)
    if type_ == JSON:
        json.loads(made)


@given(st.sampled_from(sorted(c.CODECS)), ANY)
def test_a_codec_gives_a_value_or_says_no(codec, value):
    """The same for codecs."""
    try:
        assert c.CODECS[codec](value) is not None
    except c.UnfitError as problem:
        assert str(problem)  # noqa: PT017 - either way it must hold


@given(ANY)
def test_a_value_fits_the_type_of_its_first_sight(value):
    """What fixed a column's type fits it."""
    if value is not None and value == value and value not in (math.inf, -math.inf):
        type_ = c.type_of(value)
        try:
            c.CONVERTERS[type_](value)
        except c.UnfitError:
            assert type_ == TIMESTAMP  # looks like a moment, and there is no such moment


ZONES = st.sampled_from(["", "Z", "z", "+00:00", "-00:00", "+02:00", "-0530", "+02", " UTC", "+2"])
FRACTIONS = st.sampled_from(["", ".1", ".123456", ".1234567", ",5", ".", ".123456789012345"])
STAMPS = st.builds(
    lambda moment, separator, fraction, zone, cut: (
        f"{moment:%Y-%m-%d}{separator}{moment:%H:%M:%S}"[:cut] + fraction + zone
    ),
    st.datetimes(min_value=datetime(1000, 1, 1)),
    st.sampled_from(["T", "t", " ", "  "]),
    FRACTIONS,
    ZONES,
    st.sampled_from([99, 19, 16, 13, 10, 7]),
)


@settings(max_examples=300)
@given(
    st.sampled_from([TEXT, BIGINT, DOUBLE, BOOL, TIMESTAMP]),
    st.lists(ANY | STAMPS | st.text() | st.integers() | st.floats() | st.booleans(), max_size=4),
)
def test_the_fast_way_gives_what_the_slow_way_gives(type_, values):
    """Where Arrow does a whole column at once, each value is what the converter makes of it."""
    quick = arrow_fast(values, type_)
    if quick is None:
        return
    slow = [None if value is None else c.CONVERTERS[type_](value) for value in values]
    assert quick.equals(arrow(slow, type_))


@settings(max_examples=500)
@given(st.lists(STAMPS | st.none(), min_size=1, max_size=3))
def test_fast_timestamps_are_slow_timestamps(values):
    """Arrow's own reading of a moment is never another than ours."""
    quick = arrow_fast(values, TIMESTAMP)
    if quick is not None:
        slow = [None if value is None else c.timestamp(value) for value in values]
        assert quick.to_pylist() == slow


def test_the_fast_way_is_taken():
    """Ordinary columns do go the fast way."""
    stamp = "2024-05-01T10:00:00.5Z"
    for values, type_ in [
        (["a", None, "ü"], TEXT),
        ([1, None, -(2**63)], BIGINT),
        ([1.5, None, 2], DOUBLE),
        ([True, None], BOOL),
        ([stamp, None], TIMESTAMP),
        ([None, None], TIMESTAMP),
        ([], TEXT),
    ]:
        assert isinstance(arrow_fast(values, type_), pa.Array)
    assert arrow_fast([stamp], TIMESTAMP).to_pylist() == [
        datetime(2024, 5, 1, 10, tzinfo=UTC) + timedelta(seconds=0.5)
    ]


@pytest.mark.parametrize(
    ("values", "type_"),
    [
        (["a\x00"], TEXT),
        (["\ud800"], TEXT),
        ([1], TEXT),
        ([True], BIGINT),
        ([1.0], BIGINT),
        ([1, 1.5], BIGINT),
        ([2**63], BIGINT),
        ([math.nan], DOUBLE),
        ([1.5, math.inf], DOUBLE),
        ([True, 1.5], DOUBLE),
        ([1], BOOL),
        (["2024-05-01T10:00:00.1234567Z"], TIMESTAMP),
        (["soon"], TIMESTAMP),
        ([1714557600], TIMESTAMP),
        (["{}"], JSON),
    ],
)
def test_what_needs_a_closer_look(values, type_):
    """One such value, and the column is looked at value by value."""
    assert arrow_fast(values, type_) is None


@pytest.mark.parametrize(
    ("algorithm", "value", "expected"),
    [
        ("md5", ["sha1:0beec7", "md5:acbd18"], "acbd18"),
        ("sha1", "SHA1:0beec7 MD5:acbd18 ADLER32:02820145", "0beec7"),
        ("md5", "SHA1:0beec7 MD5:acbd18", "acbd18"),
        ("sha256", "SHA-256:2c26", "2c26"),
        ("sha1", " sha1:AB ", "AB"),
    ],
)
def test_labelled_picks_its_own_algorithm(algorithm: str, value: Any, expected: str) -> None:
    """Of several checksums in one text, each after its name, the one that is asked for."""
    convert = c.checksum_codec(algorithm, "labelled")
    assert convert is not None
    assert convert(value) == expected


@pytest.mark.parametrize("value", ["MD5:acbd18", "SHA1:", "SHA1", "", 7, [], ["SHA1:ab", 7]])
def test_labelled_takes_no_other_checksum_for_it(value: Any) -> None:
    """A text without this algorithm has no such checksum: never the neighbour's."""
    convert = c.checksum_codec("sha1", "labelled")
    assert convert is not None
    with pytest.raises(c.UnfitError):
        convert(value)
