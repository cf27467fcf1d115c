"""One token for however many requests, renewed ahead of its end and once on 401.

There is one thread, so there is one token request at a time: the requests that wait for it simply
have not started yet; transfers that are in flight go on meanwhile (`filehaul.http`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ..errors import Cancelled, FilehaulError
from ..http import Authorization, Clock
from .endpoint import Endpoint, Send, ask

_AHEAD = 60.0  # renew so many seconds before expiry …
_AHEAD_SHARE = 0.1  # … or at the last tenth of a short life
_AGAIN = 20.0  # seconds; the token endpoint is in trouble, and the old token still good


def renewal(life: float) -> float:
    """After how many seconds a token of this life is renewed."""
    return life - min(_AHEAD, life * _AHEAD_SHARE)


@dataclass(frozen=True)
class Token:
    """An access token. Seconds, from the moment it was got: when to renew it, when it ends."""

    value: str = field(repr=False)
    renew_in: float
    ends_in: float


class Fetch(Protocol):
    """Where tokens come from."""

    def __call__(self, refused: str | None, *, patient: bool) -> Token:
        """A token that is good for a while, and not ``refused``, which the vendor answered 401.

        ``patient``: False where the old one still serves: then nobody is waited for.
        """


class Asked:
    """A grant whose token lives in memory alone: client credentials, an assertion."""

    def __init__(
        self, endpoint: Endpoint, form: Callable[[], Mapping[str, str]], send: Send, clock: Clock
    ) -> None:
        self.endpoint = endpoint
        self.form = form
        self.send = send
        self.clock = clock

    def __call__(self, refused: str | None, *, patient: bool) -> Token:  # noqa: ARG002
        """Always a new one: nobody else has one of ours."""
        begun = self.clock.monotonic()
        answer = ask(self.endpoint, self.form(), self.send)
        spent = self.clock.monotonic() - begun
        return Token(answer.access_token, renewal(answer.life) - spent, answer.life - spent)


def client_credentials(endpoint: Endpoint, send: Send, clock: Clock) -> Asked:
    """RFC 6749 4.4."""
    return Asked(endpoint, lambda: {"grant_type": "client_credentials"}, send, clock)


class OAuth2:
    """Credentials that are a bearer token, had from ``fetch`` when the first request needs it."""

    def __init__(self, fetch: Fetch, clock: Clock) -> None:
        self.fetch = fetch
        self.clock = clock
        self._authorization: Authorization | None = None
        self._value: str | None = None
        self._fetched = 0
        self._renew_at = 0.0
        self._ends_at = 0.0
        self._refused: FilehaulError | None = None

    def current(self) -> Authorization:
        """The token, asked for first where there is none or it is about to expire."""
        if self._authorization is None:
            return self._next(None, patient=True)
        if self.clock.monotonic() < self._renew_at:
            return self._authorization
        late = self.clock.monotonic() >= self._ends_at
        try:
            return self._next(None, patient=late)
        except FilehaulError as problem:
            late = self.clock.monotonic() >= self._ends_at
            if late or not problem.temporary or isinstance(problem, Cancelled):
                raise
            self._renew_at = self.clock.monotonic() + _AGAIN
            return self._authorization  # it still serves

    def renew(self, token: str) -> bool:
        """After a 401 with this token: another one, unless somebody has it already."""
        if self._authorization is None or token == self._authorization.token:
            self._authorization = None
            self._next(self._value, patient=True)
        return True

    def _next(self, refused: str | None, *, patient: bool) -> Authorization:
        if self._refused is not None:  # many requests in flight meet a 401: one asks
            raise self._refused
        try:
            got = self.fetch(refused, patient=patient)
        except FilehaulError as problem:
            if not problem.temporary:
                self._refused = problem
            raise
        now = self.clock.monotonic()
        self._value = got.value
        self._renew_at, self._ends_at = now + got.renew_in, now + got.ends_in
        # Named by a number: a vendor may well give the same token twice.
        self._fetched += 1
        header = ("Authorization", f"Bearer {got.value}")
        self._authorization = Authorization((header,), token=str(self._fetched))
        return self._authorization
