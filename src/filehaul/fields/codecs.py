"""How vendors write values, and what a column makes of them.

A converter takes one value and gives the column's, or raises `UnfitError` with the reason.
Timestamps are UTC; a text without a zone is taken as UTC. In text and JSON, characters that not
every destination can hold (NUL, half a surrogate pair) become U+FFFD: the row is not lost.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from functools import lru_cache, partial
from typing import Any

from ..checksums import normalise
from ..json_text import dumps, mended

TEXT, BIGINT, DOUBLE, BOOL, TIMESTAMP, JSON = (
    "text",
    "bigint",
    "double",
    "bool",
    "timestamp",
    "json",
)

Convert = Callable[[Any], Any]

_INT64 = 2**63
_ISO = re.compile(
    r"\s*(\d{4})-(\d\d)-(\d\d)"
    r"(?:[Tt ](\d\d)(?::(\d\d)(?::(\d\d)(?:[.,](\d{1,12}))?)?)?"
    r"\s*(Z|z|UTC|[+-]\d\d(?::?\d\d)?)?)?\s*\Z",
    re.ASCII,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class UnfitError(ValueError):
    """The value does not fit the column: the message says why."""


def timestamp(value: Any) -> datetime:
    """ISO 8601 / RFC 3339 text to UTC; 7 to 12 digits of a second are cut to microseconds."""
    if not isinstance(value, str):
        raise UnfitError(f"{type(value).__name__} where a date and time should be (codec epoch?)")
    match = _ISO.match(value)
    if match is None:
        raise UnfitError("not an ISO 8601 date and time")
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    try:
        moment = datetime(
            int(year),
            int(month),
            int(day),
            int(hour or 0),
            int(minute or 0),
            min(int(second or 0), 59),  # a leap second
            int((fraction or "0").ljust(6, "0")[:6]),
            tzinfo=timezone.utc,
        )
        return moment - _offset(zone)
    except (ValueError, OverflowError) as problem:
        raise UnfitError(f"no such moment: {problem}") from None


def _offset(zone: str | None) -> timedelta:
    if zone is None or zone in ("Z", "z", "UTC"):
        return timedelta()
    digits = zone[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    if offset >= timedelta(hours=24):
        raise ValueError("the zone is more than a day off")
    return -offset if zone[0] == "-" else offset


def looks_like_timestamp(value: str) -> bool:
    """Whether a text is a full date and time (a bare date stays text)."""
    return len(value) >= 16 and value[4] == "-" and value[10] in "Tt " and bool(_ISO.match(value))


def epoch(value: Any) -> datetime:
    """Seconds since 1970-01-01 UTC, as a number or as text."""
    return _since_epoch(value, 1)


def epoch_ms(value: Any) -> datetime:
    """Milliseconds since 1970-01-01 UTC, as a number or as text."""
    return _since_epoch(value, 1000)


def _since_epoch(value: Any, scale: int) -> datetime:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise UnfitError(f"{type(value).__name__} where seconds since 1970 should be")
    try:
        exact = isinstance(value, int) or (isinstance(value, str) and value.strip().isdecimal())
        number = int(value) if exact else float(value)
        return _EPOCH + timedelta(microseconds=round(number * (1_000_000 // scale)))
    except (ValueError, OverflowError):
        raise UnfitError("not a number of seconds since 1970") from None


def rfc1123(value: Any) -> datetime:
    """``Tue, 15 Nov 1994 08:12:31 GMT`` (RFC 9110 5.6.7, RFC 5322)."""
    try:
        moment = parsedate_to_datetime(value)
        if moment.tzinfo is None:
            return moment.replace(tzinfo=timezone.utc)
        return moment.astimezone(timezone.utc)
    except (TypeError, ValueError, AttributeError, LookupError, OverflowError):
        raise UnfitError("not a date as in RFC 1123") from None


def integer(value: Any) -> int:
    """A whole number of 64 bits."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise UnfitError(f"{type(value).__name__} where a whole number should be")
    if not -_INT64 <= value < _INT64:
        raise UnfitError("larger than 64 bits")
    return value


def integer_text(value: Any) -> int:
    """A whole number that some vendors write as text."""
    if isinstance(value, str):
        if not re.fullmatch(r"\s*[+-]?\d{1,30}\s*", value):
            raise UnfitError("not a whole number")
        value = int(value)
    return integer(value)


def size(value: Any) -> int:
    """A file's size in bytes: never negative; text that is a number counts."""
    number = integer_text(value)
    if number < 0:
        raise UnfitError("a negative size")
    return number


def double(value: Any) -> float:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise UnfitError(f"{type(value).__name__} where a number should be")
    try:
        number = float(value)
    except OverflowError:  # a whole number beyond all fractions
        number = math.inf
    if not math.isfinite(number):
        raise UnfitError("not a finite number")
    return number


def boolean(value: Any) -> bool:
    """true or false."""
    if not isinstance(value, bool):
        raise UnfitError(f"{type(value).__name__} where true or false should be")
    return value


def text(value: Any) -> str:
    """Text as it is; anything else as JSON writes it."""
    if isinstance(value, str):
        return mended(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        # Python refuses to write a number of more digits than this.
        return str(value) if value.bit_length() <= 12_000 else hex(value)
    return str(value) if isinstance(value, float) else as_json(value)


def as_json(value: Any) -> str:
    """Compact JSON."""
    return dumps(value).decode()


def base64_hex(value: Any) -> str:
    """base64 (RFC 4648, either alphabet, padded or not) to lower-case hex."""
    if not isinstance(value, str):
        raise UnfitError(f"{type(value).__name__} where base64 should be")
    plain = value.strip().replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True).hex()
    except (binascii.Error, ValueError):
        raise UnfitError("not base64") from None


def labelled(algorithm: str, value: Any) -> str:
    """One of several checksums, each after its name: ``SHA1:0beec7 MD5:acbd18``, or a list."""
    texts = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str) for one in texts):
        raise UnfitError(f"{type(value).__name__} where NAME:CHECKSUM should be")
    for one in " ".join(texts).split():
        name, colon, found = one.partition(":")
        if colon and found and name.replace("-", "").lower() == algorithm:
            return found
    raise UnfitError(f"no {algorithm} among the checksums")


def checksum_codec(algorithm: str, codec: str | None) -> Convert | None:
    """What makes a checksum of the vendor's value; None: it is one as it stands."""
    if codec == "labelled":
        return partial(labelled, algorithm)
    return CODECS[codec] if codec else None


# Asked twice of each file: for its row, and for its transfer.
checksum_hex = lru_cache(maxsize=32_768)(normalise)

CODECS: dict[str, Convert] = {
    "epoch": epoch,
    "epoch_ms": epoch_ms,
    "rfc1123": rfc1123,
    "int": integer_text,
    "base64": base64_hex,
}
CONVERTERS: dict[str, Convert] = {
    TEXT: text,
    BIGINT: integer,
    DOUBLE: double,
    BOOL: boolean,
    TIMESTAMP: timestamp,
    JSON: as_json,
}


def type_of(value: Any) -> str:
    """A column's type at its first non-null sight."""
    if isinstance(value, bool):
        return BOOL
    if isinstance(value, int):
        return BIGINT if -_INT64 <= value < _INT64 else TEXT
    if isinstance(value, float):
        return DOUBLE
    if isinstance(value, str):
        return TIMESTAMP if looks_like_timestamp(value) else TEXT
    return JSON
