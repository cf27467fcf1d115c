"""From a paginator's ask to the request that is sent."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode, urlsplit

from ..config import Endpoint
from ..config.model import Client
from ..http import Http, Request, Response
from ..http.origins import resolve
from ..json_text import dumps
from ..pagination import Ask
from .decoders import headers as decoded_headers


def address(client: Client, path: str) -> str:
    """The address of a path below ``base_url``; an absolute one is one already."""
    base = client.base_url.rstrip("/")
    if urlsplit(path).scheme in ("http", "https"):
        return path
    return f"{base}/{path.lstrip('/')}" if path else base


def request(
    client: Client, endpoint: Endpoint, ask: Ask, page_url: str | None, context: Any
) -> Request:
    """The request for one page. ``page_url``: of the page before, for links relative to it."""
    own = address(client, endpoint.path)
    method, params, given = endpoint.method, endpoint.params, endpoint.json_body
    if ask.url is not None:
        url = resolve(page_url or own, ask.url)
    else:
        if ask.path is not None:
            own, params, given = address(client, ask.path), {}, None
        url = with_params(own, {**params, **dict(ask.params)})
    if ask.method is not None:
        method = "GET" if ask.method == "GET" else "POST"
    headers = dict(decoded_headers(endpoint))
    body = endpoint.body.encode() if endpoint.body is not None and ask.path is None else None
    if given is not None or ask.body:
        body = dumps(with_values(given or {}, ask.body))
        headers["Content-Type"] = "application/json"
    return Request(
        url, method, tuple(headers.items()), body, max_body=client.max_json, context=context
    )


def asked_beside(
    http: Http,
    client: Client,
    endpoint: Endpoint,
    url: str,
    method: str,
    body: dict[str, Any] | None,
) -> Response:
    """The answer to a question that is asked beside a listing, with its headers: for a change
    token, for changes, for the root. Raises as `Http.send`.
    """
    headers = {"Accept": "application/json", **endpoint.headers}
    if body is not None:
        headers["Content-Type"] = "application/json"
    written = None if body is None else dumps(body)
    return http.send(
        Request(url, method, tuple(headers.items()), written, max_body=client.max_json)
    )


def with_values(body: dict[str, Any], values: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
    """The body with these (dotted path, value) pairs set; the config's own is left as it is."""
    result = dict(body)
    for path, value in values:
        *parents, last = path.split(".")
        inner = result
        for name in parents:
            below = inner.get(name)
            inner[name] = dict(below) if isinstance(below, dict) else {}
            inner = inner[name]
        inner[last] = value
    return result


def with_params(url: str, params: dict[str, Any]) -> str:
    """The URL with these query parameters added; lists become several, null is left out."""
    pairs: list[tuple[str, str]] = []
    for name, value in params.items():
        for one in value if isinstance(value, (list, tuple)) else (value,):
            if one is not None:
                pairs.append((name, _as_text(one)))
    if not pairs:
        return url
    return f"{url}{'&' if urlsplit(url).query else '?'}{urlencode(pairs)}"


def _as_text(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
