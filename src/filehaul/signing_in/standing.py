"""Who is signed in, as the token store has it; the vendor is not asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from ..auth.configured import kept, token_store
from ..auth.store import Kept
from ..config import Config
from ..config.sign_in import KeptAuth


@dataclass(frozen=True)
class Login:
    """Who is signed in, and until when; times in UTC, None where not known. Never a token.

    ``renews``: whether runs renew the access token by themselves. ``place``: where tokens are.
    """

    name: str
    account: str | None
    signed_in_at: datetime | None
    access_until: datetime | None
    renews: bool
    renews_until: datetime | None
    place: str

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``: times in ISO 8601."""
        return {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in vars(self).items()
        }

    def line(self) -> str:
        """For people: one line."""
        who = self.account or "an account that the vendor does not name"
        until = "" if self.access_until is None else f", access until {_minute(self.access_until)}"
        if not self.renews:
            return f"{who}{until}; then sign in again: there is no refresh token"
        end = "" if self.renews_until is None else f" until {_minute(self.renews_until)}"
        return f"{who}{until}, renewed by itself{end}"


def standing(config: Config) -> Login | None:
    """Who is signed in, without asking the vendor; None: nobody, or the config needs no login."""
    if not isinstance(config.client.auth, KeptAuth):
        return None
    found = kept(config)
    return told(config, found) if found.client else None


def told(config: Config, found: Kept) -> Login:
    """What is kept, as far as people may see it."""
    return Login(
        config.name,
        found.account or None,
        _moment(found.signed_in_at),
        _moment(found.ends_at),
        bool(found.refresh_token),
        _moment(found.refresh_ends_at),
        token_store(config).place.told,
    )


def _moment(seconds: float) -> datetime | None:
    return datetime.fromtimestamp(int(seconds), timezone.utc) if seconds else None


def _minute(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC")
