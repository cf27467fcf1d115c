"""Sizes, spans and moments as people write them: ``5GB``, ``30d``, ``2026-01-01``."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(?:([kKmMgGtT])(i?))?[bB]?\s*\Z")
_POWERS = {"k": 1, "m": 2, "g": 3, "t": 4}
_SPAN = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([smhdw])\s*\Z")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def _size(value: Any) -> int:
    """Bytes; of ``5GB`` by thousands, of ``5GiB`` by 1024."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    match = _SIZE.match(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("must be bytes, or a size such as 500MB or 2GiB")
    power = _POWERS[match[2].lower()] if match[2] else 0
    scale: int = (1024 if match[3] else 1000) ** power
    return round(float(match[1]) * scale)


def _moment(value: Any) -> datetime | timedelta:
    """A moment in UTC, or how long ago."""
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str):
        if match := _SPAN.match(value):
            return timedelta(seconds=float(match[1]) * _SECONDS[match[2]])
        try:
            value = datetime.fromisoformat(re.sub(r"[zZ]\Z", "+00:00", value.strip()))
        except ValueError:
            value = None
    elif isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    if not isinstance(value, datetime):
        msg = "must be a date (2026-01-01), a date and time, or how long ago (30d, 12h)"
        raise ValueError(msg)  # noqa: TRY004 - pydantic's way to say what is wrong with a value
    return value.astimezone(timezone.utc) if value.tzinfo else value.replace(tzinfo=timezone.utc)


Size = Annotated[
    int,
    BeforeValidator(_size),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string"}]}),
]
"""Bytes."""

Moment = Annotated[
    datetime | timedelta, BeforeValidator(_moment), WithJsonSchema({"type": "string"})
]
"""A moment in UTC, or how long ago: then it moves along with each run."""
