"""Credentials that never change: a bearer token, an API key, a user name and a password."""

from __future__ import annotations

import base64
from urllib.parse import quote

from ..errors import ConfigError
from ..http import Authorization
from ..redact import conceal


class Fixed:
    """Credentials that never change: bearer, api_key, http_basic."""

    def __init__(
        self, headers: tuple[tuple[str, str], ...] = (), query: tuple[tuple[str, str], ...] = ()
    ) -> None:
        self._authorization = Authorization(headers, query)

    def current(self) -> Authorization:
        """Always the same."""
        return self._authorization

    def renew(self, token: str) -> bool:  # noqa: ARG002 - there is nothing to renew
        """Nothing to renew: the 401 stands."""
        return False


def bearer(token: str) -> Fixed:
    """RFC 6750 2.1."""
    token = _whole(token, "client.auth.token")
    conceal(token)
    return Fixed((("Authorization", f"Bearer {token}"),))


def api_key(name: str, key: str, location: str) -> Fixed:
    """A key in a header, the query or a cookie; ``location`` as in dlt."""
    key = _whole(key, "client.auth.api_key")
    conceal(key)
    if location == "header":
        return Fixed(((name, key),))
    if location in ("query", "param"):
        return Fixed(query=((name, key),))
    if location == "cookie":
        value = quote(key, safe="!#$&*+-.^_`|~%/=:@?()<>[]{}'")
        conceal(value)
        return Fixed((("Cookie", f"{name}={value}"),))
    raise ConfigError(
        f"an api key cannot be put into {location!r}",
        where="client.auth.location",
        hint="use header, query or cookie",
    )


def http_basic(username: str, password: str) -> Fixed:
    """RFC 7617, in UTF-8."""
    if ":" in username:
        raise ConfigError(
            "a user name of HTTP Basic cannot have a colon in it (RFC 7617)",
            where="client.auth.username",
            hint="check which of the two is the user name",
        )
    encoded = base64.b64encode(f"{username}:{password}".encode()).decode()
    conceal(password)
    conceal(encoded)
    return Fixed((("Authorization", f"Basic {encoded}"),))


def _whole(secret: str, key: str) -> str:
    """The secret, if it can be sent as one."""
    if not secret or any(character in secret for character in "\r\n\0"):
        raise ConfigError(
            "the secret has a line break in it" if secret else "the secret is empty",
            where=key,
            hint="check where it is set: a file that it is read from may end with a newline",
        )
    return secret
