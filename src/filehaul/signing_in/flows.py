"""Ways in which a person signs in: with a browser here, with a code elsewhere, with a token."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import orjson

from ..auth import Answer, Endpoint, RefusedError, Send, ask, asked
from ..config.sign_in import KeptAuth
from ..errors import CredentialsError
from ..redact import conceal, redact
from .redirect import Redirect

_DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
_INTERVAL, _SLOWER = 5.0, 5.0  # seconds (RFC 8628 3.5)
_EXPIRES = 900.0  # seconds, where the vendor does not say
_REFUSED = frozenset({"access_denied", "authorization_declined"})  # the second is Microsoft's


@dataclass(frozen=True)
class Person:
    """Who signs in. ``tell`` shows a line; ``open_browser`` opens an address, False: it cannot.

    ``typed``: a descriptor from which lines may be read. ``seconds``: how long is waited.
    """

    tell: Callable[[str], None]
    open_browser: Callable[[str], bool]
    typed: int | None = None
    seconds: float = 300.0


def with_browser(block: KeptAuth, endpoint: Endpoint, send: Send, person: Person) -> Answer:
    """Authorization code with PKCE and a loopback redirect (RFC 6749 4.1, RFC 7636, RFC 8252)."""
    assert block.authorization_url is not None
    verifier, state = secrets.token_urlsafe(64), secrets.token_urlsafe(24)
    conceal(verifier, passing=True)
    with Redirect(block.redirect_uri) as redirect:
        parameters = {
            "response_type": "code",
            "client_id": endpoint.client_id,
            "redirect_uri": redirect.uri,
            "state": state,
            "code_challenge": _challenge(verifier),
            "code_challenge_method": "S256",
        }
        if block.scope:
            parameters["scope"] = block.scope
        address = _with(block.authorization_url, {**block.authorization_params, **parameters})
        opened = person.open_browser(address)
        person.tell("sign in with your browser:" if opened else "open this address in a browser:")
        person.tell(address)
        if person.typed is not None:
            person.tell("is it on another machine? paste the address that it ends at, and Enter")
        code = redirect.code(state, person.seconds, person.typed, person.tell)
        conceal(code, passing=True)
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect.uri,
            "code_verifier": verifier,
        }
    return ask(endpoint, form, send)


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _with(url: str, parameters: dict[str, str]) -> str:
    parts = urlsplit(url)
    query = urlencode({**dict(parse_qsl(parts.query, keep_blank_values=True)), **parameters})
    return urlunsplit(parts._replace(query=query))


def with_device(
    block: KeptAuth,
    endpoint: Endpoint,
    send: Send,
    person: Person,
    wait: Callable[[float], None],
) -> Answer:
    """A code that is typed into a browser on any machine (RFC 8628)."""
    assert block.device_authorization_url is not None
    url = block.device_authorization_url
    given = _device(asked(endpoint, _scope(block), send, url).body, url)
    conceal(given["device_code"], passing=True)
    person.tell(f"open {given['address']} on any machine, and enter the code {given['user_code']}")
    if given["whole"]:
        person.tell(f"or open {given['whole']}")
    interval, left = given["interval"], given["expires_in"]
    form = {"grant_type": _DEVICE, "device_code": given["device_code"]}
    while left > 0:
        wait(min(interval, left))
        left -= interval
        try:
            return ask(endpoint, form, send)
        except RefusedError as problem:
            if problem.code == "slow_down":
                interval += _SLOWER
            elif problem.code in _REFUSED:
                raise _ended("the sign-in was refused", url) from problem
            elif problem.code == "expired_token":
                break
            elif problem.code != "authorization_pending":
                raise
    raise _ended("the code has expired before anybody signed in with it", url)


def _scope(block: KeptAuth) -> dict[str, str]:
    return {"scope": block.scope} if block.scope else {}


def _device(body: bytes, url: str) -> dict[str, Any]:
    """The device authorization response (RFC 8628 3.2); Google says verification_url."""
    try:
        answer = orjson.loads(body)
        return {
            "device_code": str(answer["device_code"]),
            "user_code": _shown(answer["user_code"]),
            "address": _shown(answer.get("verification_uri") or answer["verification_url"]),
            "whole": _shown(answer.get("verification_uri_complete") or ""),
            "interval": max(1.0, float(answer.get("interval") or _INTERVAL)),
            "expires_in": float(answer.get("expires_in") or _EXPIRES),
        }
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError):
        raise CredentialsError(
            "the device endpoint gave no code for another device",
            where=redact(url),
            hint="check device_authorization_url: it must answer JSON with device_code (RFC 8628)",
        ) from None


def _shown(text: Any) -> str:
    """A vendor's words on a terminal: nothing that moves the cursor."""
    return "".join(character for character in str(text) if character.isprintable())


def _ended(message: str, url: str) -> CredentialsError:
    return CredentialsError(message, where=redact(url), hint="run filehaul login again")


def with_token(endpoint: Endpoint, send: Send, secret: Callable[[], str]) -> Answer:
    """A refresh token that somebody got elsewhere and gives by hand; used at once."""
    token = secret().strip()
    if not token:
        raise CredentialsError(
            "no refresh token was given",
            where="client.auth",
            hint="get one from the vendor, and run filehaul login again",
        )
    conceal(token)
    answer = ask(endpoint, {"grant_type": "refresh_token", "refresh_token": token}, send)
    return answer if answer.refresh_token else replace(answer, refresh_token=token)
