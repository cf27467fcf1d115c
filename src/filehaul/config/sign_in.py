"""``client.auth``: who asks, and how a token is had."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from .base import Line, Model, one_line

AuthMethod = Literal["client_secret_post", "client_secret_basic", "private_key_jwt", "none"]
Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]
_URL = re.compile(r"https?://[^/\s]+\S*\Z", re.IGNORECASE)
_LOOPBACK = re.compile(
    r"http://(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?(?:/[^\s?#]*)?\Z", re.IGNORECASE
)
_WRITTEN_OUT = ("-----BEGIN", "{")


def _http(value: str) -> str:
    if not _URL.match(value):
        raise ValueError("must begin with https:// or http:// and name a host")
    return value


Url = Annotated[str, AfterValidator(_http)]


class Key(Model):
    """A private key that signs assertions: of RFC 7523, or as a client's own proof."""

    file: str | None = Field(
        None,
        min_length=1,
        description="PEM (with its certificate, if there is one), or the JSON file that Google "
        "or Box gave",
    )
    text: str | None = Field(
        None, min_length=1, repr=False, description="the same, written out: ${PRIVATE_KEY}"
    )
    passphrase: str | None = Field(None, repr=False, description="where the key is encrypted")
    certificate: str | None = Field(
        None, description="PEM file; its thumbprints go into the assertion (x5t, x5t#S256)"
    )
    key_id: str | None = Field(None, description="the kid under which the vendor knows the key")
    algorithm: Algorithm | None = Field(
        None, description="default: RS256, or ES256 and so on by the key's curve"
    )
    audience: str | None = Field(None, description="aud of the assertion; default: token_url")

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        """A text is the file, unless it is the key itself."""
        if isinstance(value, str):
            return {"text" if value.lstrip().startswith(_WRITTEN_OUT) else "file": value}
        return value

    @model_validator(mode="after")
    def _one_place(self) -> Key:
        if (self.file is None) == (self.text is None):
            raise ValueError("is had from file or from text: give one of them")
        return self


class TokenRequest(Model):
    """What every request to a token endpoint has."""

    token_url: Url = Field(description="where tokens are had; also spelled access_token_url")
    client_id: str = Field(min_length=1)
    key: Key | None = Field(
        None, repr=False, description="instead of a secret; as a text: the file that it is in"
    )
    token_endpoint_auth_method: AuthMethod | None = Field(
        None,
        description="how the client says who it is: its secret in the body or by Basic (RFC 6749 "
        "2.3.1), an assertion that key signs (RFC 7523 2.2), or by name alone; default: "
        "client_secret_post, without client_secret private_key_jwt or none",
    )
    client_secret: str | None = Field(None, min_length=1, repr=False)
    scope: str | None = Field(None, description="space-separated")
    audience: str | None = None
    extra: dict[str, Any] = Field(
        default_factory=dict,
        repr=False,
        description="more fields of the token request; also spelled access_token_request_data",
    )
    default_token_expiration: float = Field(
        3600.0, gt=0, description="seconds, where the vendor does not say"
    )

    @model_validator(mode="before")
    @classmethod
    def _one_spelling(cls, value: Any) -> Any:
        """dlt's names become ours; of the token request's fields dlt's win."""
        if not isinstance(value, dict):
            return value
        value = dict(value)
        url = value.pop("access_token_url", None)
        if url is not None:
            if value.get("token_url") is not None:
                raise PydanticCustomError(
                    "twice", "token_url and access_token_url are one key: give one of them"
                )
            value["token_url"] = url
        data = value.pop("access_token_request_data", None)
        if data is not None:
            extra = value.get("extra")
            both = isinstance(data, dict) and isinstance(extra, dict)
            value["extra"] = {**extra, **data} if both else data
        return value

    @model_validator(mode="after")
    def _has_what_it_proves_with(self) -> TokenRequest:
        method = self.token_endpoint_auth_method
        if method in ("client_secret_post", "client_secret_basic") and not self.client_secret:
            raise ValueError(f"token_endpoint_auth_method: {method} needs client_secret")
        if method == "private_key_jwt" and self.key is None:
            raise ValueError("token_endpoint_auth_method: private_key_jwt needs key")
        return self

    @property
    def method(self) -> AuthMethod:
        """How the client says who it is, said or not."""
        if self.token_endpoint_auth_method is not None:
            return self.token_endpoint_auth_method
        if self.client_secret:
            return "client_secret_post"
        return "none" if self.key is None else "private_key_jwt"


class OAuth2Auth(TokenRequest):
    """OAuth2 client credentials (RFC 6749 4.4)."""

    type: Literal["oauth2", "oauth2_client_credentials"]
    client_secret: str | None = Field(
        None, min_length=1, repr=False, validate_default=True, description="or key"
    )

    @field_validator("client_secret")
    @classmethod
    def _needed(cls, value: str | None, known: ValidationInfo) -> str | None:
        if value is None and known.data.get("key", "unusable") is None:
            raise PydanticCustomError("missing", "Field required")
        return value


class JwtBearerAuth(TokenRequest):
    """An assertion that we sign, for a token (RFC 7523 2.1): Google's and Box' way."""

    type: Literal["oauth2_jwt_bearer"]
    key: Key = Field(repr=False, description="what signs; as a text: the file that it is in")
    token_url: Url | None = Field(  # type: ignore[assignment]
        None, description="where tokens are had; left out: as the key's file says"
    )
    client_id: str | None = Field(  # type: ignore[assignment]
        None, min_length=1, description="left out: as the key's file says"
    )
    issuer: str | None = Field(
        None, description="iss of the assertion; default: as the key's file says, or client_id"
    )
    subject: str | None = Field(
        None,
        description="sub: the user who is acted for (Google: by domain-wide delegation); default: "
        "as the key's file says",
    )
    claims: dict[str, Any] = Field(
        default_factory=dict, description="more claims of the assertion; they win"
    )

    @property
    def method(self) -> AuthMethod:
        """The assertion is the proof; a secret goes beside it where there is one."""
        if self.token_endpoint_auth_method is not None:
            return self.token_endpoint_auth_method
        return "client_secret_post" if self.client_secret else "none"


class Account(Model):
    """Where the vendor says who is signed in, so that `filehaul login` and `status` can."""

    path: str = Field(min_length=1, description="below base_url, or a whole address")
    method: Literal["GET", "POST"] = "GET"
    field: str = Field(min_length=1, description="path into the answer: a name or an address")


class KeptAuth(TokenRequest):
    """Signed in once, by a person or with a refresh token; then renewed from the token store."""

    refresh_token: Line | None = Field(
        None,
        min_length=1,
        repr=False,
        description="the first one; newer ones that the vendor gives are kept in the token store",
    )
    authorization_url: Url | None = Field(
        None, description="where people sign in, with a browser (RFC 6749 4.1)"
    )
    authorization_params: dict[str, str] = Field(
        default_factory=dict, description="more parameters of it: {access_type: offline}"
    )
    redirect_uri: str = Field(
        "http://127.0.0.1/",
        description="where the browser comes back to: on this machine, as the vendor knows it; "
        "without a port any free one is taken",
    )
    device_authorization_url: Url | None = Field(
        None, description="where a code for another device is had (RFC 8628)"
    )
    account: Account | None = Field(None, description="where the vendor says who is signed in")
    store: Literal["file", "keyring"] = Field(
        "file",
        description="where tokens are kept: <name>.tokens.json beside the ledger, which only you "
        "may read, or the system's keyring",
    )

    @field_validator("redirect_uri")
    @classmethod
    def _on_this_machine(cls, value: str) -> str:
        if not _LOOPBACK.match(value):
            raise ValueError(
                "is on this machine: http://127.0.0.1/, http://localhost:8400/callback"
            )
        return value


class RefreshTokenAuth(KeptAuth):
    """A refresh token that somebody has already (RFC 6749 6)."""

    type: Literal["oauth2_refresh_token"]


class AuthorizationCodeAuth(KeptAuth):
    """`filehaul login` with a browser: authorization code and PKCE (RFC 6749 4.1, 7636, 8252)."""

    type: Literal["oauth2_authorization_code"]
    authorization_url: Url = Field(
        description="where people sign in, with a browser (RFC 6749 4.1)"
    )


class DeviceCodeAuth(KeptAuth):
    """`filehaul login` with a code for another device (RFC 8628)."""

    type: Literal["oauth2_device_code"]
    device_authorization_url: Url = Field(
        description="where a code for another device is had (RFC 8628)"
    )


class BearerAuth(Model):
    """A token that does not change."""

    type: Literal["bearer"]
    token: Line = Field(min_length=1, repr=False)


class ApiKeyAuth(Model):
    """A key in a header, the query or a cookie."""

    type: Literal["api_key"]
    name: str = Field("Authorization", description="of the header, parameter or cookie")
    api_key: str = Field(min_length=1, repr=False)
    location: Literal["header", "query", "param", "cookie"] = "header"

    @model_validator(mode="after")
    def _fits(self) -> ApiKeyAuth:
        if self.location in ("header", "cookie"):
            one_line(self.api_key)
        return self


class BasicAuth(Model):
    """User name and password."""

    type: Literal["http_basic"]
    username: str
    password: str = Field(repr=False)


Auth = Annotated[
    OAuth2Auth
    | RefreshTokenAuth
    | AuthorizationCodeAuth
    | DeviceCodeAuth
    | JwtBearerAuth
    | BearerAuth
    | ApiKeyAuth
    | BasicAuth,
    Field(discriminator="type"),
]
