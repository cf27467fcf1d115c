"""Adds the dialect to dlt's registries: all of it or, if dlt is not as expected, nothing.

Only dlt's own doors are used (`register_auth`, `register_paginator`), and one union of types is
widened. No function of dlt is replaced.
"""

import threading
from importlib import import_module
from types import ModuleType
from typing import Any, Union, get_type_hints

from dlt.common.validation import validate_dict
from dlt.sources.helpers.rest_client.paginators import OffsetPaginator
from requests import Request

from .dialect import OAuth2, OAuth2Config, Offset

_AUTH, _PAGINATOR = "oauth2", "offset"
_once = threading.Lock()


def teach() -> None:
    """Add `OAuth2` and `Offset` to dlt's rest_api; a second call changes nothing.

    Raises whatever dlt raises, or LookupError, when dlt is not as expected; dlt is then as before.
    """
    setup = import_module("dlt.sources.rest_api.config_setup")
    shapes = import_module("dlt.sources.rest_api.typing")
    with _once:
        taught = setup.AUTH_MAP.get(_AUTH)
        # By name: another copy of this module, after a reload, has another class.
        if taught is not None and taught.__module__ == OAuth2.__module__:
            return
        _refuse_strangers(setup)
        _try_auth()
        _try_paginator()
        _add(setup, shapes)


def _refuse_strangers(setup: ModuleType) -> None:
    if _AUTH in setup.AUTH_MAP:
        raise LookupError(f"auth type `{_AUTH}` is there already: {setup.AUTH_MAP[_AUTH]}")
    if setup.PAGINATOR_MAP[_PAGINATOR] is not OffsetPaginator:
        raise LookupError(f"paginator `{_PAGINATOR}` is {setup.PAGINATOR_MAP[_PAGINATOR]}")


class _Answer:
    """As much of a `requests.Response`, and of a session that gives it, as dlt looks at here."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.body = body

    def post(self, _url: str, **_request: Any) -> "_Answer":
        return self

    def raise_for_status(self) -> None:
        return None

    def json(self) -> dict[str, Any]:
        return self.body


def _try_auth() -> None:
    """One token, without a network, through the methods of dlt that `OAuth2` builds on."""
    url = "http://localhost/token"
    auth = OAuth2.from_init_value({"token_url": url, "client_id": "i", "client_secret": "s"})
    form = auth.build_access_token_request()["data"]
    _expect(auth.access_token_url == url and auth.is_resolved(), "`token_url` is not taken")
    _expect(
        form == {"client_id": "i", "client_secret": "s", "grant_type": "client_credentials"},
        "the token request is another",
    )
    answer: Any = _Answer({"access_token": "given"})
    auth.session = answer
    auth.obtain_token()
    _expect(str(auth.access_token) == "given", "the token is not taken")


def _try_paginator() -> None:
    """Three pages, without a network, through the methods of dlt that `Offset` builds on."""
    without, with_total = Offset(limit=2), Offset(limit=2)
    no_total: Any = _Answer({"files": ["one row"]})
    total: Any = _Answer({"files": ["one row"], "total": 9})
    for paginator in (without, with_total):
        paginator.init_request(Request(params={}))
    without.update_state(no_total, ["one row"])
    _expect(without.current_value == 1 and without.has_next_page, "no `total` ends it")
    without.update_state(no_total, [])
    _expect(not without.has_next_page, "an empty page does not end it")
    with_total.update_state(total, ["one row"])
    _expect(with_total.current_value == 2 and with_total.has_next_page, "`total` steps otherwise")


def _expect(as_expected: bool, otherwise: str) -> None:
    if not as_expected:
        raise LookupError(otherwise)


def _add(setup: ModuleType, shapes: ModuleType) -> None:
    places = (shapes.ClientConfig, shapes.Endpoint)
    literals = (shapes.AuthType, shapes.PaginatorType)
    maps = (setup.AUTH_MAP, setup.PAGINATOR_MAP)
    before_places = [dict(place.__annotations__) for place in places]
    before_literals = [literal.__args__ for literal in literals]
    before_maps = [dict(known) for known in maps]
    try:
        setup.register_auth(_AUTH, OAuth2)
        setup.register_paginator(_PAGINATOR, Offset)
        for place in places:
            hint = get_type_hints(place, include_extras=True)["auth"]
            place.__annotations__["auth"] = Union[hint, OAuth2Config]  # noqa: UP007 - a value
        _try_validation(places)
    except BaseException:
        for place, annotations in zip(places, before_places):
            place.__annotations__.clear()
            place.__annotations__.update(annotations)
        for literal, args in zip(literals, before_literals):
            literal.__args__ = args
        for known, entries in zip(maps, before_maps):
            known.clear()
            known.update(entries)
        raise


def _try_validation(places: tuple[Any, ...]) -> None:
    for place in places:
        for auth in (
            {"type": _AUTH, "token_url": "u", "client_id": "i", "client_secret": "s"},
            {"type": "bearer", "token": "t"},
        ):
            validate_dict(place, {"auth": auth}, path="filehaul.dlt_plugin")
