"""Credentials: what each sign-in adds to a request, and one token for however many requests.

OAuth2 client credentials (RFC 6749 4.4) asks for a token when the first request needs one, again
ahead of its expiry, and once when the vendor answers 401. There is one thread, so there is one
token request at a time: the requests that wait for it simply have not started yet.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, quote_plus, urlencode

import orjson

from .errors import (
    Cancelled,
    ConfigError,
    CredentialsError,
    FilehaulError,
    VendorError,
)
from .http import Authorization, Clock, Request, Response
from .redact import conceal, conceal_if_secret, excerpt, redact

Send = Callable[[Request], Response]

_AHEAD = 60.0  # renew so many seconds before expiry …
_AHEAD_SHARE = 0.1  # … or at the last tenth of a short life
_AGAIN = 20.0  # seconds; the token endpoint is in trouble, and the old token still good
_DEFAULT_LIFE = 3600.0  # RFC 6749 5.1 makes expires_in optional; a 401 corrects a wrong guess


@dataclass(frozen=True)
class ClientCredentials:
    """The OAuth2 client credentials grant, as the config's ``auth`` block has it."""

    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    method: str = "client_secret_post"
    scope: str = ""
    audience: str = ""
    extra: Mapping[str, str] = field(default_factory=dict, repr=False)
    default_life: float = _DEFAULT_LIFE

    def request(self) -> Request:
        """The token request (RFC 6749 4.4.2, client authentication by 2.3.1)."""
        form = {"grant_type": "client_credentials"}
        if self.scope:
            form["scope"] = self.scope
        if self.audience:
            form["audience"] = self.audience
        form.update({name: str(value) for name, value in self.extra.items()})
        headers = [
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Accept", "application/json"),
        ]
        if self.method == "client_secret_basic":
            # 2.3.1: both halves are form-encoded before they are joined by the colon.
            pair = f"{quote_plus(self.client_id)}:{quote_plus(self.client_secret)}"
            encoded = base64.b64encode(pair.encode()).decode()
            conceal(encoded)
            headers.append(("Authorization", f"Basic {encoded}"))
        else:
            form["client_id"] = self.client_id
            form["client_secret"] = self.client_secret
        body = urlencode(form).encode()
        return Request(self.token_url, "POST", tuple(headers), body, authorize=False)


class OAuth2:
    """A token of the client credentials grant, renewed when it must be."""

    def __init__(self, grant: ClientCredentials, send: Send, clock: Clock) -> None:
        self.grant = grant
        self.send = send
        self.clock = clock
        self._authorization: Authorization | None = None
        self._fetched = 0
        self._renew_at = 0.0
        self._expires_at = 0.0
        conceal(grant.client_secret)
        for name, value in grant.extra.items():
            conceal_if_secret(name, str(value))

    def current(self) -> Authorization:
        """The token, asked for first where there is none or it is about to expire."""
        if self._authorization is None:
            return self._fetch()
        if self.clock.monotonic() < self._renew_at:
            return self._authorization
        try:
            return self._fetch()
        except FilehaulError as problem:
            late = self.clock.monotonic() >= self._expires_at
            if late or not problem.temporary or isinstance(problem, Cancelled):
                raise
            self._renew_at = self.clock.monotonic() + _AGAIN
            return self._authorization  # it still serves

    def renew(self, token: str) -> bool:
        """After a 401 with this token: another one, unless somebody has it already."""
        if self._authorization is None or token == self._authorization.token:
            self._authorization = None
            self._fetch()
        return True

    def _fetch(self) -> Authorization:
        asked = self.clock.monotonic()
        try:
            response = self.send(self.grant.request())
        except (VendorError, CredentialsError) as problem:
            if problem.temporary:
                raise
            raise CredentialsError(
                f"the token endpoint gave no token: {problem.message}",
                where=redact(self.grant.token_url),
                hint="check client_id, client_secret, token_url and "
                "token_endpoint_auth_method (client_secret_post or client_secret_basic)",
            ) from problem
        answer = _token_answer(response, self.grant.token_url)
        token = answer["access_token"]
        conceal(token, passing=True)
        life = _life(answer.get("expires_in"), self.grant.default_life)
        self._expires_at = asked + life
        self._renew_at = self._expires_at - min(_AHEAD, life * _AHEAD_SHARE)
        # Named by a number: a vendor may well give the same token twice.
        self._fetched += 1
        header = ("Authorization", f"Bearer {token}")
        self._authorization = Authorization((header,), token=str(self._fetched))
        return self._authorization


def _token_answer(response: Response, token_url: str) -> dict[str, Any]:
    """The token endpoint's answer (RFC 6749 5.1), or what is wrong with it in plain words."""

    def wrong(message: str) -> CredentialsError:
        return CredentialsError(
            message,
            where=redact(token_url),
            hint="check token_url: it must answer JSON with access_token (RFC 6749 5.1)",
        )

    try:
        answer = orjson.loads(response.body)
    except orjson.JSONDecodeError:
        kind = response.headers.get("content-type", "no content type").split(";")[0]
        body = excerpt(response.body, 120)
        raise wrong(f"the token endpoint answered {kind}, not JSON: {body}") from None
    if not isinstance(answer, dict):
        raise wrong("the token endpoint answered JSON that is not an object")
    if answer.get("error"):
        words = " ".join(str(answer[k]) for k in ("error", "error_description") if answer.get(k))
        raise wrong(f"the token endpoint refused: {redact(words)[:300]}")
    token = answer.get("access_token")
    if not isinstance(token, str) or not token.strip():
        names = ", ".join(sorted(map(redact, answer))[:10]) or "nothing"
        raise wrong(f"the token endpoint's answer has no access_token (it has: {names[:300]})")
    kind = str(answer.get("token_type") or "bearer")
    if kind.lower() != "bearer":
        raise wrong(f"the token is of type {redact(kind)[:40]!r}; only bearer is known")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise wrong("the access_token has a line break, a space or another odd character in it")
    return answer


def _life(expires_in: Any, default: float) -> float:
    try:
        life = float(expires_in)
    except (TypeError, ValueError):
        return default
    return life if life > 0 else default


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
