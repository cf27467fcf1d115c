"""JSON as vendors really write it, and as every destination can hold it.

`loads` takes what strict parsers refuse (numbers beyond 64 bits, NaN, half a surrogate pair, a
byte order mark, another charset): one odd value must not cost the page that it is on. `dumps`
writes anything that `loads` gave. In both, a character that no text column of every destination
can hold (NUL, half a surrogate pair) becomes U+FFFD.
"""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

_DEEPEST = 200  # levels of nesting; deeper ones are cut by `dumps`
_MOST_DIGITS = 4000  # Python refuses to turn more digits into a number …
_MOST_BITS = 12_000  # … or a longer number into digits

# Digits stay, the rest becomes a space: then a long number is found by one plain search.
_DIGITS = bytes(0x30 if 0x30 <= byte <= 0x39 else 0x20 for byte in range(256))
_LONG = b"0" * 19
_LONG_NUMBER = re.compile(rb"(?:\A|[:\[,])\s*(?:\d{20,}|-\d{19,})\s*(?:[,}\]]|\Z)")
_CHARSET = re.compile(r"charset\s*=\s*\"?([\w.:-]+)", re.IGNORECASE)


def loads(body: bytes, content_type: str = "") -> Any:
    """The value that a JSON text stands for. ValueError: it is not JSON."""
    if not has_long_number(body):
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError:
            pass
    try:
        text = _decoded(body, content_type)
        value = json.loads(text, parse_constant=lambda _: None, parse_int=_integer, strict=False)
        return _plain(value, 0)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def has_long_number(body: bytes) -> bool:
    """Whether a whole number beyond 64 bits may be in it: orjson would round it, an id with it."""
    return _LONG in body.translate(_DIGITS) and _LONG_NUMBER.search(body) is not None


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= _MOST_DIGITS else digits


def _decoded(body: bytes, content_type: str) -> str:
    named = _CHARSET.search(content_type)
    for charset in (json.detect_encoding(body), named[1] if named else "utf-8"):
        try:
            return body.decode(charset)
        except (UnicodeDecodeError, LookupError):
            continue
    return body.decode("utf-8", "replace")


def mended(text: str) -> str:
    """The text without NUL and without halves of surrogate pairs; whole pairs are joined."""
    if "\x00" in text:
        text = text.replace("\x00", "\ufffd")
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def dumps(value: Any, *, sort: bool = False) -> bytes:
    """Compact JSON in UTF-8 that every destination takes. Never raises.

    ``sort``: keys in order, so that equal values give equal bytes. NaN and infinity become null,
    what is no JSON value its text.
    """
    try:
        written = orjson.dumps(value, option=orjson.OPT_SORT_KEYS if sort else 0)
    except (TypeError, ValueError):
        pass
    else:
        if b"\\u0000" not in written:
            return written
    text = json.dumps(_plain(value, 0), sort_keys=sort, ensure_ascii=False, separators=(",", ":"))
    return text.encode()


def _plain(value: Any, depth: int) -> Any:
    """The same value in what JSON has, with texts mended."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if value.bit_length() <= _MOST_BITS else hex(value)
    if isinstance(value, str):
        return mended(value)
    if isinstance(value, float):
        return value if value - value == 0 else None
    if depth >= _DEEPEST:
        return "nested too deeply"
    if isinstance(value, dict):
        return {
            mended(key if isinstance(key, str) else str(key)): _plain(inner, depth + 1)
            for key, inner in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_plain(inner, depth + 1) for inner in value]
    return mended(str(value))


def is_text(value: str) -> bool:
    """Whether UTF-8 can write it. A file's name on a disk need not be text."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
