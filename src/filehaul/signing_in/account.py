"""Who is signed in, as far as the vendor says."""

from __future__ import annotations

import base64
from urllib.parse import urljoin

import orjson

from ..auth import Answer
from ..config.sign_in import Account
from ..errors import FilehaulError
from ..http import Http, Request
from ..paths import record_path

_CLAIMS = ("email", "preferred_username", "name", "sub")  # OpenID Connect Core 5.1, the best first


def account_of(answer: Answer, asked: Account | None, base_url: str, http: Http) -> str:
    """A name or address for people to know it by; empty where the vendor tells none.

    Nothing is decided by it, so a trouble in asking is none of the sign-in.
    """
    if asked is None:
        return _of_id_token(answer)
    url = urljoin(base_url.rstrip("/") + "/", asked.path.lstrip("/"))
    headers = (("Authorization", f"Bearer {answer.access_token}"), ("Accept", "application/json"))
    try:
        response = http.send(Request(url, asked.method, headers, authorize=False))
        value = record_path(asked.field).get(orjson.loads(response.body))
    except (FilehaulError, orjson.JSONDecodeError):
        return ""
    return value if isinstance(value, str) else ""


def _of_id_token(answer: Answer) -> str:
    """Claims of an ID token. It came from the token endpoint itself, so its signature says no more
    (OpenID Connect Core 3.1.3.7).
    """
    token = answer.fields.get("id_token")
    try:
        body = str(token).split(".")[1]
        claims = orjson.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return next((str(claims[name]) for name in _CLAIMS if claims.get(name)), "")
    except (IndexError, ValueError, AttributeError, TypeError):
        return ""
