"""What dlt's rest_api gains: one kind of auth, and one paginator that can do without ``total``.

Both are subclasses of dlt's own, and both leave to dlt whatever they do not mention.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args
from urllib.parse import quote_plus

from dlt.common.configuration.specs.base_configuration import NotResolved, configspec
from dlt.sources.helpers.rest_client.auth import OAuth2ClientCredentials
from dlt.sources.helpers.rest_client.paginators import OffsetPaginator
from requests import Response, Session
from requests.auth import HTTPBasicAuth
from requests.exceptions import JSONDecodeError
from typing_extensions import TypedDict  # dlt's own: before Python 3.12 typing's is another

from ..errors import ConfigError, CredentialsError, VendorError
from ..redact import conceal, redact

TokenEndpointAuthMethod = Literal["client_secret_post", "client_secret_basic"]


class _OAuth2Type(TypedDict, total=True):
    type: Literal["oauth2"]


class OAuth2Config(_OAuth2Type, total=False):
    """``auth: {"type": "oauth2", ...}`` as dlt validates it: our keys and dlt's own."""

    token_url: str
    client_id: str
    client_secret: str
    token_endpoint_auth_method: TokenEndpointAuthMethod | None
    scope: str | None
    audience: str | None
    extra: dict[str, Any] | None
    access_token: str | None
    access_token_url: str
    access_token_request_data: dict[str, Any] | None
    default_token_expiration: int | None
    session: Session | None


@configspec
class OAuth2(OAuth2ClientCredentials):
    """dlt's OAuth2 client credentials, with the names of RFC 6749 and of filehaul's configs.

    ``token_url`` is another name of ``access_token_url``. ``scope``, ``audience`` and ``extra`` go
    into the token request; dlt's ``access_token_request_data`` wins over them. With
    ``client_secret_basic`` the client is named in the Authorization header only.

    Raises `ConfigError` for keys that contradict each other, and `CredentialsError` for a token
    answer without a token.
    """

    # Not looked up in dlt's providers, unlike the client's id and secret: a stray SCOPE or EXTRA
    # in the environment is not meant for us.
    token_endpoint_auth_method: Annotated[str | None, NotResolved()] = None
    scope: Annotated[str | None, NotResolved()] = None
    audience: Annotated[str | None, NotResolved()] = None
    extra: Annotated[dict[str, Any] | None, NotResolved()] = None

    def _apply_init_value(self, init_value: Any = None) -> None:
        # Here, and not in `on_resolved`: by then dlt has refused the missing `access_token_url`.
        if isinstance(init_value, Mapping):
            init_value = _with_dlts_name(init_value)
        super()._apply_init_value(init_value)

    def build_access_token_request(self) -> dict[str, Any]:
        request = super().build_access_token_request()
        form = dict(request["data"])
        if self._in_header():
            del form["client_id"], form["client_secret"]
            # As `auth`, not as a header: a header gives way to a .netrc entry for that host.
            request["auth"] = HTTPBasicAuth(
                quote_plus(self.client_id), quote_plus(self.client_secret)
            )
        ours = {"scope": self.scope, "audience": self.audience, **(self.extra or {})}
        form.update((key, value) for key, value in ours.items() if value is not None)
        form.update(self.access_token_request_data)
        return {**request, "data": form}

    def _in_header(self) -> bool:
        method = self.token_endpoint_auth_method or "client_secret_post"
        if method not in get_args(TokenEndpointAuthMethod):
            raise ConfigError(
                f"token_endpoint_auth_method {method!r} is not known",
                where="auth",
                hint=f"use one of {', '.join(get_args(TokenEndpointAuthMethod))}",
            )
        return method == "client_secret_basic"

    def obtain_token(self) -> None:
        try:
            super().obtain_token()
        except JSONDecodeError:
            # `from None`: dlt would print the answer, and it may hold anything.
            raise self._no_token("the answer is not JSON") from None

    def parse_access_token(self, response_json: Any) -> str:
        answer = response_json if isinstance(response_json, Mapping) else {}
        token = answer.get("access_token")
        if isinstance(token, str) and token:
            return token
        words = [str(answer[key])[:200] for key in ("error", "error_description") if key in answer]
        if words:
            raise self._no_token(f"the server says {': '.join(words)}")
        keys = ", ".join(map(str, answer))[:200] or "none"
        raise self._no_token(f"the answer's keys are: {keys}")

    def _no_token(self, why: str) -> CredentialsError:
        conceal(str(self.client_secret))
        return CredentialsError(
            redact(f"the token request gave no access_token: {why}"),
            where=redact(self.access_token_url),
            hint="check token_url, client_id, client_secret and token_endpoint_auth_method",
        )


def _with_dlts_name(auth: Mapping[str, Any]) -> dict[str, Any]:
    given = dict(auth)
    url = given.pop("token_url", None)
    if url is None:
        return given
    if (given.get("access_token_url") or url) != url:
        raise ConfigError(
            "token_url and access_token_url are two names of one thing, and they differ",
            where="auth",
            hint="keep one of them",
        )
    return {**given, "access_token_url": url}


class _NoTotalError(Exception):
    """Leaves dlt's `update_state` before it counts with a ``total`` that is not there."""


class Offset(OffsetPaginator):
    """dlt's offset paginator, which goes on to an empty page where an API reports no ``total``.

    Without ``total`` it steps by the rows that came, if fewer came than ``limit`` and they are one
    whole array of the answer: a server that caps its pages loses nothing. Rows that a selector
    picked or joined say nothing of the page's length: the step is then ``limit``, as in dlt. With
    ``total`` it is dlt's paginator, step for step. A ``total_path`` that was written into the
    config is a promise: if missing, dlt's error stays.

    Raises `VendorError` when, without ``total``, a page repeats the one before: that server
    ignores the offset, and would be asked for ever.
    """

    def __init__(self, limit: int, **settings: Any) -> None:
        super().__init__(limit, **settings)
        self._total_was_promised = "total_path" in settings
        self._last_page: int | None = None  # a hash, not the rows: memory stays flat

    def _handle_missing_total(self, response_json: dict[str, Any]) -> None:
        has_an_end = (
            self.stop_after_empty_page
            or self.maximum_value is not None
            or self.has_more_path is not None
        )
        if self._total_was_promised or not has_an_end:
            super()._handle_missing_total(response_json)
        raise _NoTotalError

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        # dlt goes from `_handle_missing_total` straight to `int(total)`, and does not tell it how
        # many rows came: so the page is counted again from here, without asking for a total.
        try:
            super().update_state(response, data)
        except _NoTotalError:
            asked, total_path = self.value_step, self.total_path
            self.value_step = self._step(response, data or [])
            self.total_path = None
            try:
                super().update_state(response, data)
            finally:
                self.value_step, self.total_path = asked, total_path

    def _step(self, response: Response, rows: list[Any]) -> int:
        """How far to go on, in the API's elements; refuses a page that was seen just before."""
        whole = _is_array_of(response.json(), rows)
        # Picked rows may well be alike on two pages; the answers around them are not.
        page = hash(repr(rows) if whole else response.text)
        if rows and self.current_value != self.initial_value and page == self._last_page:
            raise VendorError(
                f"the page at offset {self.current_value} repeats the page before it",
                hint="see in the API's documentation whether it pages by offset at all",
            )
        self._last_page = page
        return len(rows) if whole and 0 < len(rows) < self.value_step else self.value_step


def _is_array_of(answer: Any, rows: list[Any]) -> bool:
    """Whether the rows are, as they stand, one array of the answer (not one inside a record)."""
    if isinstance(answer, dict):
        return any(_is_array_of(part, rows) for part in answer.values())
    return bool(answer == rows)
