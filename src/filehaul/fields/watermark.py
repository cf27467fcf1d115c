"""The watermark: how far the changes of a resource have been read, and what to ask for next.

A cursor is a time (ISO 8601, or seconds or milliseconds since 1970), a number, or another text; its
kind is that of the first value that is not null, or what ``format`` says. A value of another kind
counts as null: such a row is always included, and moves nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import orjson

from ..config.sync_types import Incremental
from ..paths import MISSING, record_path
from .codecs import UnfitError, epoch, epoch_ms, timestamp

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_SECOND = 1_000_000
_FIRST = (datetime(1, 1, 2, tzinfo=timezone.utc) - _EPOCH) // timedelta(microseconds=1)
_TIME_LAG = 300.0
_STYLE = re.compile(
    r"\s*\d{4}-\d\d-\d\d(?:(?P<gap>[Tt ])\d\d(?P<minute>:\d\d(?P<second>:\d\d"
    r"(?:(?P<point>[.,])(?P<fraction>\d+))?)?)?(?P<zone>\s*(?:Z|z|UTC|[+-]\d\d(?::?\d\d)?))?)?\s*\Z"
)
Cursor = int | float | str
"""A cursor's value as it is compared: microseconds for a time."""


@dataclass(frozen=True)
class Watermark:
    """The highest cursor so far. ``kind``: time, number or text; ``value``: see `Cursor`.

    ``sample``: the vendor's own writing of a value, which ours is made like.
    """

    kind: str
    value: Cursor
    sample: Any

    def dumped(self) -> str:
        """The same as text."""
        return orjson.dumps(asdict(self)).decode()

    @classmethod
    def loaded(cls, text: str) -> Watermark:
        """What `dumped` made."""
        return cls(**orjson.loads(text))


class Cursors:
    """Reads the cursors of records, and keeps the highest.

    ``held``: the watermark of earlier runs; None: this is the first, and begins at
    ``initial_value``. ``now``: no time above it becomes the watermark: a file whose date lies
    ahead would hide all others.
    """

    def __init__(self, block: Incremental, held: Watermark | None, now: datetime) -> None:
        self.block = block
        self.path = record_path(block.cursor_path)
        self.held = held
        self.now = (now - _EPOCH) // timedelta(microseconds=1)
        self.kind: str | None = held.kind if held else None
        self.high: Watermark | None = held

    @property
    def lag(self) -> Cursor:
        """How far below the watermark is read again, in the unit of a `Cursor`."""
        lag = self.block.lag
        if self.kind == "time":
            return int((_TIME_LAG if lag is None else lag) * _SECOND)
        return 0 if lag is None else (int(lag) if lag.is_integer() else lag)

    @property
    def lower(self) -> Cursor | None:
        """Rows below it have been read; None: none has been."""
        if self.held is None:
            return self._bound(self.block.initial_value)
        return self.below(self.held.value)

    @property
    def end(self) -> Cursor | None:
        """Rows at it or above are not wanted; None: all are."""
        return self._bound(self.block.end_value)

    def _bound(self, given: Any) -> Cursor | None:
        """What the config names, as it compares to the vendor's; its times may be ISO 8601."""
        if given is None:
            return None
        kind = self.kind or self._kind_of(given)
        for read in {"time": (self._time, _iso), "number": (_number,)}.get(kind or "", ()):
            try:
                return read(given)
            except UnfitError:
                continue
        return given if kind == "text" and isinstance(given, str) else None

    def below(self, value: Cursor) -> Cursor:
        """A cursor with the overlap taken off."""
        if isinstance(value, str):
            return value
        lower = value - self.lag  # type: ignore[operator]
        return max(lower, _FIRST) if self.kind == "time" else lower

    def param(self) -> Any:
        """What to ask the vendor for, written as the vendor writes it; None: for everything."""
        if self.held is None:
            return self.block.initial_value
        lower = self.lower
        assert lower is not None
        return self.held.sample if lower == self._read(self.held.sample) else self._written(lower)

    # -- records ---------------------------------------------------------------------------

    def of(self, records: Sequence[Any]) -> list[Cursor | None]:
        """The cursor of each record; None: null, missing or of another kind."""
        return [None if (raw := self._raw(one)) is None else self._read(raw) for one in records]

    def _raw(self, record: Any) -> Any:
        raw = self.path.get(record) if isinstance(record, dict) else None
        return None if raw is MISSING else raw

    def read(self, records: Sequence[Any]) -> list[Cursor | None]:
        """The same, and keeps the highest."""
        found = self.of(records)
        for record, value in zip(records, found):
            if value is None:
                continue
            top = min(value, self.now) if self.kind == "time" else value
            if self.high is None or is_below(self.high.value, top):
                assert self.kind is not None
                self.high = Watermark(self.kind, top, self._raw(record))
        return found

    def _read(self, raw: Any) -> Cursor | None:
        if self.kind is None:
            self.kind = self._kind_of(raw)
        try:
            if self.kind == "time":
                return self._time(raw)
            if self.kind == "number":
                return _number(raw)
        except UnfitError:
            return None
        return raw if self.kind == "text" and isinstance(raw, str) else None

    def _kind_of(self, raw: Any) -> str | None:
        if self.block.format is not None:
            return "time"
        for kind, read in (("time", self._time), ("number", _number)):
            try:
                read(raw)
            except UnfitError:
                continue
            return kind
        return "text" if isinstance(raw, str) else None

    def _time(self, raw: Any) -> int:
        read = {"epoch": epoch, "epoch_ms": epoch_ms}.get(self.block.format or "", timestamp)
        return (read(raw) - _EPOCH) // timedelta(microseconds=1)

    # -- our own values --------------------------------------------------------------------

    def _written(self, value: Cursor) -> Any:
        """A cursor as the vendor writes it, never above it."""
        if self.kind != "time":
            return value
        assert isinstance(value, int)
        assert self.held is not None
        scale = {"epoch": _SECOND, "epoch_ms": 1000}.get(self.block.format or "")
        if scale is not None:
            return value // scale
        return _like(_EPOCH + timedelta(microseconds=value), str(self.held.sample))


def _iso(raw: Any) -> int:
    return (timestamp(raw) - _EPOCH) // timedelta(microseconds=1)


def is_below(cursor: Cursor | None, bound: Cursor | None) -> bool:
    """Whether a cursor is below a bound; null is below none."""
    if cursor is None or bound is None:
        return False
    if isinstance(cursor, str) or isinstance(bound, str):
        return isinstance(cursor, str) and isinstance(bound, str) and cursor < bound
    return cursor < bound


def _number(raw: Any) -> int | float:
    if isinstance(raw, str) and re.fullmatch(r"\s*-?\d{1,18}\s*", raw):
        return int(raw)
    if isinstance(raw, bool) or not isinstance(raw, (int, float)) or not math.isfinite(raw):
        raise UnfitError("not a number")
    if abs(raw) >= 2**63:
        raise UnfitError("larger than 64 bits")
    return raw


def _like(moment: datetime, sample: str) -> str:
    """A time in the style of another: its zone, its precision, its letters."""
    style = _STYLE.match(sample)
    assert style is not None
    zone = style["zone"] or ""
    local = moment + _offset(zone)
    text = f"{local.year:04}-{local:%m-%d}"
    if style["gap"] is None:
        return text
    text += f"{style['gap']}{local:%H}"
    if style["minute"]:
        text += f":{local:%M}"
    if style["second"]:
        text += f":{local:%S}"
    if style["fraction"]:
        digits = f"{local.microsecond:06}".ljust(len(style["fraction"]), "0")
        text += style["point"] + digits[: len(style["fraction"])]
    return text + zone


def _offset(zone: str) -> timedelta:
    plain = zone.strip()
    if plain in ("", "Z", "z", "UTC"):
        return timedelta()
    digits = plain[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return -offset if plain[0] == "-" else offset
