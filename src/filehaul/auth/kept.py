"""Tokens that outlive a run, renewed with a refresh token from a `Store` (RFC 6749 6)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ..errors import CredentialsError
from ..http import Clock
from ..redact import conceal, redact
from .endpoint import Answer, Endpoint, RefusedError, Send, ask
from .store import Kept, Store, digest
from .tokens import Token, renewal

_PATIENCE = 300.0  # seconds; another process asks, and its vendor may be slow
# What the client itself got wrong: signing in again would not help (RFC 6749 5.2).
_OURS = frozenset(
    {"invalid_client", "unauthorized_client", "invalid_request", "unsupported_grant_type"}
)


@dataclass(frozen=True)
class SignedIn:
    """Gives tokens of one sign-in, by whichever process of this machine asks first.

    ``seed``: the config's own refresh token, or empty. ``scope``: what was asked for when somebody
    signed in; another one is another sign-in. ``login``: the command to run where nobody is signed
    in. ``wait``: lets so many seconds pass while transfers go on; raises Cancelled.
    """

    endpoint: Endpoint
    store: Store
    send: Send
    clock: Clock
    wait: Callable[[float], None]
    seed: str = ""
    scope: str = ""
    login: str = "filehaul login CONFIG"

    def __post_init__(self) -> None:
        conceal(self.seed)

    def __call__(self, refused: str | None, *, patient: bool) -> Token:
        """A token from the store if another process has renewed it, else from the vendor."""
        with self.store.only_writer(self.wait, _PATIENCE if patient else 0.0):
            kept, now = self.known(), self.clock.time()
            until = kept.renew_at if kept.refresh_token else kept.ends_at
            if not kept.access_token or kept.access_token == refused or now >= until:
                kept = self._renewed(kept)
            now = self.clock.time()
            until = kept.renew_at if kept.refresh_token else kept.ends_at
            return Token(kept.access_token, until - now, kept.ends_at - now)

    def known(self) -> Kept:
        """What is kept of this very sign-in; of a new refresh token in the config, that one."""
        kept, seed = self.store.look(self.client), digest(self.seed)
        if self.seed and kept.seed != seed:
            return Kept(self.client, seed, refresh_token=self.seed)
        return kept

    def keep(self, answer: Answer, account: str = "") -> Kept:
        """Somebody has signed in: write down what the vendor gave. Returns it as kept."""
        now = self.clock.time()
        fresh = Kept(self.client, digest(self.seed), account=account, signed_in_at=now)
        with self.store.only_writer(self.wait, _PATIENCE), self.store.writing() as write:
            kept = self._with(fresh, answer, now)
            write(kept)
        return kept

    @property
    def client(self) -> str:
        """A digest of whom and what the sign-in is for."""
        return digest(self.endpoint.url, self.endpoint.client_id, self.scope)

    def _renewed(self, kept: Kept) -> Kept:
        if not kept.refresh_token:
            ended = "the sign-in has ended, and there is no refresh token to renew it with"
            raise self._dead(ended if kept.access_token else "nobody is signed in")
        form = {"grant_type": "refresh_token", "refresh_token": kept.refresh_token}
        with self.store.writing() as write:
            begun = self.clock.time()
            try:
                answer = ask(self.endpoint, form, self.send)
            except RefusedError as problem:
                if problem.code in _OURS:
                    raise
                said = problem.message
                raise self._dead(f"the refresh token is no longer good: {said}") from problem
            renewed = self._with(kept, answer, begun)
            write(renewed)
        return renewed

    def _with(self, kept: Kept, answer: Answer, begun: float) -> Kept:
        refresh_ends_at = kept.refresh_ends_at
        if answer.refresh_life is not None:
            refresh_ends_at = begun + answer.refresh_life
        return replace(
            kept,
            access_token=answer.access_token,
            renew_at=begun + renewal(answer.life),
            ends_at=begun + answer.life,
            refresh_token=answer.refresh_token or kept.refresh_token,
            refresh_ends_at=refresh_ends_at,
            renewed_at=begun,
        )

    def _dead(self, message: str) -> CredentialsError:
        return CredentialsError(message, where=redact(self.endpoint.url), hint=f"run {self.login}")
