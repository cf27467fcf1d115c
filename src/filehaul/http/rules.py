"""A connection's rules about answers, and which of them an answer falls under.

The rules are the config's own values (`filehaul.config.rules`); this is what they are held to.
A body is looked at where it is in memory anyway and no longer than `ERROR_BODY`: a file's own
bytes are never read for a rule, so a JSON file cannot be taken for an error.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, NamedTuple

from ..json_text import loads
from ..paths import MISSING, record_path
from .messages import ERROR_BODY, Head
from .retry import retry_after, seconds_until

if TYPE_CHECKING:
    from ..config.rules import After, BodyCondition, Rule

_PAUSE = 60.0  # seconds; of a rule that says wait, where nobody says how long
_UNITS = {"seconds": 1.0, "epoch": 1.0, "ms": 0.001, "epoch_ms": 0.001}


class Ruling(NamedTuple):
    """What a rule says of one answer. ``name``: for people; ``pause``: in seconds, at least 1."""

    do: str
    name: str
    pause: float | None = None
    max_retries: int | None = None


class Rules:
    """The rules of a connection, in their order. ``statuses``: those that any rule is about."""

    def __init__(self, rules: tuple[Rule, ...] = ()) -> None:
        self.rules = rules
        self.statuses = frozenset(status for rule in rules for status in rule.status)
        good = (rule for rule in rules if rule.body is None)
        self._at_head = frozenset(status for rule in good for status in rule.status if status < 300)

    def holds_back(self, head: Head) -> bool:
        """Whether a good answer is not the thing asked for, as far as its head tells."""
        return head.status in self._at_head and self._first(head, _Body(None, head)) is not None

    def of(self, head: Head, body: bytes | None, now: float) -> Ruling | None:
        """What holds for this answer; None: the usual. ``body``: None where a writer has it.

        ``now``: seconds since the epoch.
        """
        if head.status not in self.statuses:
            return None
        read = _Body(body, head)
        found = self._first(head, read)
        if found is None:
            return None
        number, rule = found
        name = rule.name or f"rule {number} of client.retry.rules"
        return Ruling(rule.do, name, _pause(rule, head.headers, read, now), rule.max_retries)

    def _first(self, head: Head, body: _Body) -> tuple[int, Rule] | None:
        for number, rule in enumerate(self.rules, 1):
            if head.status not in rule.status:
                continue
            if rule.header is not None:
                value = head.headers.get(rule.header.name.lower())
                if not rule.header.holds(value):
                    continue
            if rule.body is None or body.fits(rule.body):
                return number, rule
        return None


class _Body:
    """An answer's body, read when a rule asks, once."""

    def __init__(self, body: bytes | None, head: Head) -> None:
        self._bytes = body if body is not None and len(body) <= ERROR_BODY else None
        self._head = head
        self._answer: Any = None
        self._is_read = False

    @property
    def answer(self) -> Any:
        """The JSON; `MISSING` where it is none."""
        if not self._is_read:
            self._is_read = True
            try:
                kind = self._head.headers.get("content-type", "")
                self._answer = MISSING if self._bytes is None else loads(self._bytes, kind)
            except ValueError:
                self._answer = MISSING
        return self._answer

    def fits(self, condition: BodyCondition) -> bool:
        """Whether the body is so. One that is not known fits nothing."""
        if self._bytes is None:
            return False
        if condition.path is None:
            return condition.fits(self._bytes.decode("utf-8", "replace"))
        if self.answer is MISSING:
            return False
        path = record_path(condition.path)
        found = path.get(self.answer)
        if condition.exists is not None or path.is_plain or not isinstance(found, list):
            return condition.fits(found)
        return any(condition.fits(one) for one in found)


def _pause(rule: Rule, headers: Mapping[str, str], body: _Body, now: float) -> float | None:
    """Seconds, at least 1: where the rule's own place says it, else Retry-After, else the rule."""
    after = rule.after
    said = None if after is None else _said(after, headers, body, now)
    if said is None:
        said = retry_after(headers, now)
    if said is None and after is not None:
        said = after.seconds
    if said is None and rule.do == "wait":
        said = _PAUSE
    return None if said is None else max(1.0, said)


def _said(after: After, headers: Mapping[str, str], body: _Body, now: float) -> float | None:
    if after.header is not None:
        value: Any = headers.get(after.header.lower())
    elif after.path is not None:
        value = record_path(after.path).one(body.answer)
    else:
        return None
    try:
        number = float(value) * _UNITS[after.unit]
    except (TypeError, ValueError, OverflowError):
        return _until(value, now)
    if isinstance(value, bool) or not math.isfinite(number):
        return None
    return number - now if after.unit.startswith("epoch") else number


def _until(value: Any, now: float) -> float | None:
    """A date as HTTP or as JSON writes it."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value.strip().replace("Z", "+00:00"))
    except ValueError:
        return seconds_until(value, now)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    return moment.timestamp() - now
