"""A token endpoint: how we say who asks, and what it answers (RFC 6749 2.3, 5)."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus, urlencode

import orjson

from ..errors import AnswerError, CredentialsError, VendorError
from ..http import Request, Response
from ..redact import conceal, conceal_if_secret, excerpt, redact

Send = Callable[[Request], Response]

DEFAULT_LIFE = 3600.0  # RFC 6749 5.1 makes expires_in optional; a 401 corrects a wrong guess
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_CHECK = (
    "check client_id, client_secret, token_url and token_endpoint_auth_method "
    "(client_secret_post, client_secret_basic, private_key_jwt or none)"
)


@dataclass(frozen=True)
class Endpoint:
    """Where tokens are had, and as whom.

    ``method``: as ``token_endpoint_auth_method`` of a config. ``assertion`` makes the JWT that
    ``private_key_jwt`` proves with, a new one for each request. ``extra``: more fields of the
    request; they win. ``default_life``: seconds, where the answer does not say.
    """

    url: str
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    method: str = "client_secret_post"
    scope: str = ""
    audience: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)
    default_life: float = DEFAULT_LIFE
    assertion: Callable[[], str] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        conceal(self.client_secret)
        for name, value in self.extra.items():
            conceal_if_secret(name, str(value))

    def request(self, form: Mapping[str, str], url: str = "") -> Request:
        """A request of this form, with what says who asks. ``url``: another of its endpoints."""
        whole = dict(form)
        if self.scope:
            whole.setdefault("scope", self.scope)
        if self.audience:
            whole["audience"] = self.audience
        whole.update({name: str(value) for name, value in self.extra.items()})
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
            whole.update(self._who())
        body = urlencode(whole).encode()
        return Request(url or self.url, "POST", tuple(headers), body, authorize=False)

    def _who(self) -> dict[str, str]:
        """The client as fields of the form."""
        if self.method == "client_secret_post":
            return {"client_id": self.client_id, "client_secret": self.client_secret}
        if self.assertion is None:
            return {"client_id": self.client_id} if self.client_id else {}
        assertion = self.assertion()
        conceal(assertion, passing=True)
        return {
            "client_id": self.client_id,
            "client_assertion_type": _ASSERTION,
            "client_assertion": assertion,
        }


@dataclass(frozen=True)
class Answer:
    """A token, for so many seconds; with the one that renews it, where the vendor gives one.

    ``life`` counts from when it was asked for. ``refresh_life``: seconds, None: not said.
    """

    access_token: str = field(repr=False)
    life: float
    refresh_token: str | None = field(default=None, repr=False)
    refresh_life: float | None = None
    fields: Mapping[str, Any] = field(default_factory=dict, repr=False)


class RefusedError(CredentialsError):
    """The token endpoint said no. ``code``: its own word for why (RFC 6749 5.2), or empty."""

    def __init__(self, message: str, *, code: str, where: str, hint: str = _CHECK) -> None:
        super().__init__(message, where=where, hint=hint)
        self.code = code


def ask(endpoint: Endpoint, form: Mapping[str, str], send: Send, url: str = "") -> Answer:
    """A token. CredentialsError where there is none to be had; temporary troubles as they are."""
    return read(asked(endpoint, form, send, url), endpoint)


def asked(endpoint: Endpoint, form: Mapping[str, str], send: Send, url: str = "") -> Response:
    """What the endpoint, or its address ``url``, answers to this form."""
    try:
        return send(endpoint.request(form, url))
    except (VendorError, CredentialsError) as problem:
        if problem.temporary:
            raise
        said = f"the token endpoint gave no token: {problem.message}"
        code = _code(problem)
        where = redact(url or endpoint.url)
        if code is None:
            raise CredentialsError(said, where=where, hint=_CHECK) from problem
        raise RefusedError(said, code=code, where=where) from problem


def _code(problem: VendorError | CredentialsError) -> str | None:
    """The endpoint's own word for why not; None: this is no answer of a token endpoint."""
    if isinstance(problem, CredentialsError):  # HTTP 401
        return "invalid_grant" if "invalid_grant" in problem.message else "invalid_client"
    if not isinstance(problem, AnswerError):
        return None
    try:
        answer = orjson.loads(problem.answer)
    except orjson.JSONDecodeError:
        answer = None
    code = answer.get("error") if isinstance(answer, dict) else None
    if isinstance(code, str) and code:
        return code
    return "" if problem.status == 400 else None


def read(response: Response, endpoint: Endpoint) -> Answer:
    """The token endpoint's answer (RFC 6749 5.1), or what is wrong with it in plain words."""

    def wrong(message: str) -> CredentialsError:
        return CredentialsError(
            message,
            where=redact(endpoint.url),
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
        said = f"the token endpoint refused: {redact(words)[:300]}"
        raise RefusedError(said, code=str(answer["error"]), where=redact(endpoint.url))
    token = answer.get("access_token")
    if not isinstance(token, str) or not token.strip():
        names = ", ".join(sorted(map(redact, answer))[:10]) or "nothing"
        raise wrong(f"the token endpoint's answer has no access_token (it has: {names[:300]})")
    kind = str(answer.get("token_type") or "bearer")
    if kind.lower() != "bearer":
        raise wrong(f"the token is of type {redact(kind)[:40]!r}; only bearer is known")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise wrong("the access_token has a line break, a space or another odd character in it")
    return _checked(answer, token, endpoint)


def _checked(answer: dict[str, Any], token: str, endpoint: Endpoint) -> Answer:
    conceal(token, passing=True)
    renews = answer.get("refresh_token")
    renews = renews if isinstance(renews, str) and renews.strip() else None
    for secret in (renews, answer.get("id_token")):
        if isinstance(secret, str):
            conceal(secret, passing=True)
    life = _seconds(answer.get("expires_in"))
    # Microsoft's and GitHub's name for it; nobody has standardised one.
    lasts = _seconds(answer.get("refresh_token_expires_in"))
    return Answer(token, life or endpoint.default_life, renews, lasts, answer)


def _seconds(value: Any) -> float | None:
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        return None
    return seconds if 0 < seconds < float("inf") else None
