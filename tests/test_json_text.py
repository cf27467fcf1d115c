"""JSON as vendors write it: what strict parsers refuse, and what destinations cannot hold."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filehaul.json_text import dumps, loads, mended

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_characters="\x00")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=20,
)


@given(VALUES)
def test_what_is_written_can_be_read(value):
    """loads(dumps(x)) is x, for whole numbers of any length too."""
    if "\\u0000" not in json.dumps(value):
        assert loads(dumps(value)) == value


@given(VALUES)
def test_as_strict_as_any(value):
    """A text of the standard library is read as the standard library reads it."""
    text = json.dumps(value).encode()
    if b"\\u0000" not in text:
        assert loads(text) == value


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"123456789012345678901234567890", 123456789012345678901234567890),
        (b'{"a": [1, 18446744073709551617]}', {"a": [1, 18446744073709551617]}),
        (b'{"a":-9223372036854775809}', {"a": -9223372036854775809}),
        (b'{"a":"18446744073709551617"}', {"a": "18446744073709551617"}),
        (b"[NaN, Infinity, -Infinity, 1]", [None, None, None, 1]),
        (b"[1e400]", [None]),
        (b'"half \\ud800 pair"', "half \ufffd pair"),
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        (b'["\\ud800", "\\ud83d\\ude00"]', ["\ufffd", "\U0001f600"]),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        ('{"a": "ü"}'.encode("utf-16"), {"a": "ü"}),
        (b'"a\tb"', "a\tb"),
        (b'"caf\xe9"', "caf\ufffd"),
    ],
)
def test_what_strict_parsers_refuse_or_round(body, value):
    """Long numbers, NaN, half pairs, marks, other encodings: the page is read all the same."""
    assert loads(body) == value


def test_the_charset_that_the_vendor_names():
    """What is no UTF-8 is read in the charset of the answer's content type, if there is one."""
    body = '["é"]'.encode("latin-1")
    assert loads(body, "application/json; charset=iso-8859-1") == ["é"]
    assert loads(body, "application/json; charset=nonsense") == ["\ufffd"]
    assert loads('["é"]'.encode(), 'application/json; charset="iso-8859-1"') == ["é"]


@pytest.mark.parametrize(
    "body",
    [b"", b" ", b"<html></html>", b'{"a": 1}{', b'{"a": ', b"[" * 100_000, b"nul", b"\xff\xfe"],
)
def test_what_is_no_json(body):
    """ValueError, and nothing else."""
    with pytest.raises(ValueError, match=r".*"):
        loads(body)


@given(st.text())
def test_texts_are_mended(text):
    """No NUL and no half pair is left; a text without them stays as it is."""
    result = mended(text)
    assert "\x00" not in result
    result.encode()
    if "\x00" not in text and not any("\ud800" <= c <= "\udfff" for c in text):
        assert result == text
    else:
        assert "\ufffd" in result


ANYTHING: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary(max_size=3)
    | st.integers(10, 6000).map(lambda digits: 10**digits),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner)
        | st.dictionaries(st.text() | st.integers() | st.none(), inner)
    ),
    max_leaves=20,
)


@given(ANYTHING)
def test_everything_can_be_written(value):
    """dumps never raises, and gives JSON without NUL that every parser takes."""
    for sort in (False, True):
        written = dumps(value, sort=sort)
        json.loads(written)
        assert b"\\u0000" not in written.replace(b"\\\\", b"")
        written.decode()


def test_numbers_that_are_none():
    """NaN and infinity become null."""
    assert dumps([math.nan, math.inf, 1.5]) == b"[null,null,1.5]"
    assert dumps([math.nan, 2**70]) == b"[null,1180591620717411303424]"


def test_sorted_keys_make_equal_bytes():
    """sort=True: equal values, equal bytes, also where orjson cannot write them."""
    for value in ({"b": 1, "a": 2}, {"b": 2**70, "a": 2}):
        turned = dict(reversed(value.items()))
        assert dumps(value) != dumps(turned)
        assert dumps(value, sort=True) == dumps(turned, sort=True)


def test_nesting_has_an_end():
    """What is nested deeper than 200 levels is cut, and the rest of the row is kept."""
    deep: Any = 1
    for _ in range(900):
        deep = [deep]
    written = dumps({"id": 1, "deep": deep})
    assert json.loads(written)["id"] == 1
    assert b"nested too deeply" in written
