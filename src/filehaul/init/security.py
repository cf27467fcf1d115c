"""How an OpenAPI document says that one signs in, as the config's ``auth``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urljoin

from .spec import Operation
from .values import Variable, variable

_ID = {"client_id": variable("client_id"), "client_secret": variable("client_secret")}
_PLACES = {"header": "header", "query": "query", "cookie": "cookie"}
_FLOWS = {
    "clientCredentials": "clientCredentials",
    "authorizationCode": "authorizationCode",
    "application": "clientCredentials",  # Swagger 2
    "accessCode": "authorizationCode",
}


def auth_of(operation: Operation, base_url: str) -> tuple[dict[str, Any] | None, list[str]]:
    """The first sign-in of the operation that a config can say, and what is to be told of it; None:
    the document names none.
    """
    schemes = list(_schemes(operation))
    for scheme, scopes in schemes:
        found = _auth(scheme, scopes, base_url)
        if found is not None:
            return found, []
    if schemes:
        kinds = ", ".join(str(scheme.get("type")) for scheme, _ in schemes)
        return None, [f"the document asks for another sign-in ({kinds}): auth is a guess"]
    return None, ["the document names no sign-in: auth is a guess"]


def _schemes(operation: Operation) -> Iterator[tuple[Mapping[str, Any], list[str]]]:
    """The schemes that the operation takes, with their scopes."""
    spec = operation.spec
    named = spec.document.get("securityDefinitions")
    if not spec.is_swagger:
        components = spec.document.get("components")
        named = components.get("securitySchemes") if isinstance(components, Mapping) else None
    named = named if isinstance(named, Mapping) else {}
    wanted = operation.block.get("security", spec.document.get("security"))
    if not isinstance(wanted, list):
        wanted = [{name: []} for name in named]
    for one in wanted:
        for name, scopes in one.items() if isinstance(one, Mapping) else ():
            scheme = spec.followed(named.get(name))
            if isinstance(scheme, Mapping):
                yield scheme, [str(scope) for scope in scopes] if isinstance(scopes, list) else []


def _auth(scheme: Mapping[str, Any], scopes: list[str], base_url: str) -> dict[str, Any] | None:
    kind, how = scheme.get("type"), str(scheme.get("scheme", "")).lower()
    if kind == "basic" or (kind == "http" and how == "basic"):
        return {
            "type": "http_basic",
            "username": variable("username"),
            "password": variable("password"),
        }
    if kind == "http" and how == "bearer":
        return {"type": "bearer", "token": variable("token")}
    if kind == "apiKey" and scheme.get("in") in _PLACES:
        return {
            "type": "api_key",
            "name": str(scheme.get("name", "")),
            "api_key": variable("api_key"),
            "location": _PLACES[str(scheme["in"])],
        }
    return _oauth2(scheme, scopes, base_url) if kind == "oauth2" else None


def _absolute(base_url: str, url: str) -> str:
    """A URL of the document, which may be relative to the API's own."""
    try:
        joined = urljoin(base_url, url.strip())
    except ValueError:
        joined = ""
    if not joined.lower().startswith(("http://", "https://")):
        joined = f"{variable('base_url')}/{url.strip().lstrip('/')}"
    joined = re.sub(r"\s", "%20", joined)
    return Variable(joined) if "${" in joined else joined


def _oauth2(scheme: Mapping[str, Any], scopes: list[str], base_url: str) -> dict[str, Any] | None:
    """The flow for machines, else that of `filehaul login`."""
    given = scheme.get("flows")
    flows = dict(given) if isinstance(given, Mapping) else {str(scheme.get("flow")): scheme}
    by_name = {_FLOWS[name]: flow for name, flow in flows.items() if name in _FLOWS}
    scope = {"scope": " ".join(scopes)} if scopes else {}
    for name in ("clientCredentials", "authorizationCode"):
        flow = by_name.get(name)
        if not isinstance(flow, Mapping) or not isinstance(flow.get("tokenUrl"), str):
            continue
        token_url = _absolute(base_url, flow["tokenUrl"])
        if name == "clientCredentials":
            return {"type": "oauth2", "token_url": token_url, **_ID, **scope}
        if isinstance(flow.get("authorizationUrl"), str):
            url = _absolute(base_url, flow["authorizationUrl"])
            kind = {"type": "oauth2_authorization_code", "authorization_url": url}
            return {**kind, "token_url": token_url, **_ID, **scope}
    return None
