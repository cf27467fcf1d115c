"""What values look like: a time, a size, a checksum, an address. Pure functions of values."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ..checksums import normalise
from ..fields.codecs import UnfitError, base64_hex, rfc1123, timestamp

# Seconds since 1970 in 1990 and in 2100: a number outside is no time of a file.
_OLDEST, _NEWEST = 631_152_000, 4_102_444_800
_DIGITS = re.compile(r"\d{1,18}\Z")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]+={0,2}\Z")
_MIME = re.compile(r"[a-z]+/[\w.+*-]+(?:\s*;.*)?\Z", re.IGNORECASE)
_PREFIX = re.compile(r"(md5|sha-?1|sha-?256|sha-?512|blake3|crc32c?)\s*[:=]", re.IGNORECASE)
_TIMES = ("", "rfc1123", "epoch", "epoch_ms")

HEX_DIGITS = {32: "md5", 40: "sha1", 64: "sha256", 128: "sha512"}
_BYTES = {"md5": 16, "sha1": 20, "quickxor": 20, "sha256": 32, "dropbox": 32, "blake3": 32}
_BYTES |= {"sha512": 64, "crc32": 4, "crc32c": 4}


def is_text(value: Any) -> bool:
    """A text that is not empty."""
    return isinstance(value, str) and bool(value)


def is_scalar(value: Any) -> bool:
    """Something that can be an id."""
    return is_text(value) or (isinstance(value, int) and not isinstance(value, bool))


def is_url(value: Any) -> bool:
    """An absolute http address."""
    return isinstance(value, str) and value.lower().startswith(("http://", "https://"))


def is_mime(value: Any) -> bool:
    """As in ``text/plain``."""
    return isinstance(value, str) and bool(_MIME.match(value))


def is_size(value: Any) -> bool:
    """A number of bytes, also one that is written as text."""
    if isinstance(value, bool):
        return False
    if isinstance(value, float):
        return value.is_integer() and value >= 0
    return (isinstance(value, int) and value >= 0) or (
        isinstance(value, str) and bool(_DIGITS.match(value))
    )


def time_codec(values: Sequence[Any]) -> str | None:
    """The codec by which all of these are times: empty for ISO 8601; None: they are none."""
    return next((codec for codec in _TIMES if values and _are_times(values, codec)), None)


def _are_times(values: Sequence[Any], codec: str) -> bool:
    return all(_is_time(one, codec) for one in values)


def _is_time(value: Any, codec: str) -> bool:
    if codec in ("epoch", "epoch_ms"):
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            return False
        try:
            seconds = float(value) / (1000 if codec == "epoch_ms" else 1)
        except (ValueError, OverflowError):
            return False
        return _OLDEST <= seconds <= _NEWEST
    if not isinstance(value, str):
        return False
    try:
        rfc1123(value) if codec else timestamp(value)
    except UnfitError:
        return False
    return not codec or "," in value


def hashes(values: Sequence[Any], algorithm: str) -> str | None:
    """How all of these are that algorithm's: empty for hex, ``base64``; None: they are not."""
    if not values or not all(isinstance(one, str) for one in values):
        return None
    if all(normalise(algorithm, one) for one in values):
        return ""
    size = _BYTES[algorithm]
    return "base64" if all(_is_base64(one, size) for one in values) else None


def _is_base64(value: str, size: int) -> bool:
    if not _BASE64.match(value.strip()):
        return False
    try:
        return len(base64_hex(value)) == 2 * size
    except UnfitError:
        return False


def algorithms_by_shape(values: Sequence[Any]) -> list[tuple[str, str]]:
    """Which algorithms all of these could be, likeliest first, each with its codec.

    A text that names its algorithm itself (``sha256:…``) says it.
    """
    named = {m[1] for one in values if isinstance(one, str) and (m := _PREFIX.match(one))}
    if named:
        plain = {re.sub(r"[-_]", "", one).lower() for one in named}
        return [(one, "") for one in plain if len(plain) == 1 and hashes(values, one) == ""]
    found = [(name, hashes(values, name)) for name in HEX_DIGITS.values()]
    return [(name, codec) for name, codec in found if codec is not None]
