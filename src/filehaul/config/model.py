"""The config as pydantic models: dlt's REST API source format, plus filehaul's blocks.

Field descriptions become the JSON Schema that editors complete from (`filehaul schema`).
"""

from __future__ import annotations

import difflib
import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from ..paths import record_path

OUR_TABLES = frozenset({"transfers", "transfer_errors", "listings", "rejected"})
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}\Z")


class Model(BaseModel):
    """Frozen; an unknown key is an error that names the nearest right one."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, arbitrary_types_allowed=True
    )
    also_known: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        known = set(cls.model_fields) | cls.also_known
        known |= {f.alias for f in cls.model_fields.values() if f.alias}
        for key in value:
            if key not in known:
                near = difflib.get_close_matches(str(key), sorted(known), 1, 0.5)
                advice = (
                    f"did you mean {near[0]!r}?"
                    if near
                    else "it takes: {}".format(", ".join(sorted(known)))
                )
                raise PydanticCustomError(
                    "unknown_key",
                    "unknown key {key}",
                    {"key": repr(key), "name": str(key), "advice": advice},
                )
        return value


def _a_path(value: str) -> str:
    record_path(value)
    return value


Path = Annotated[str, Field(description="dotted path or JSONPath into the record")]
Codec = Literal["epoch", "epoch_ms", "rfc1123", "int", "base64"]


class FieldSource(Model):
    """Where a column's value stands in the vendor's record."""

    path: Path
    codec: Codec | None = Field(None, description="how the vendor's value is written")

    _check = field_validator("path")(_a_path)


def _field_source(value: Any) -> Any:
    return {"path": value} if isinstance(value, str) else value


class Retry(Model):
    """When a request is asked again."""

    statuses: frozenset[int] = Field(frozenset({429, 500, 502, 503, 504}))
    max_retries: int = Field(3, ge=0, le=20)
    backoff_factor: float = Field(2.0, ge=0, description="seconds, doubled with each retry")


class Limits(Model):
    """How hard the vendor may be asked."""

    requests_per_second: float | None = Field(None, gt=0)
    concurrency: int = Field(8, ge=1, le=1024, description="requests in flight")


class Timeouts(Model):
    """Seconds."""

    connect: float = Field(10.0, gt=0)
    stall: float = Field(30.0, ge=1, description="no byte for so long")


class OAuth2Auth(Model):
    """OAuth2 client credentials (RFC 6749 4.4)."""

    type: Literal["oauth2", "oauth2_client_credentials"]
    token_url: str = Field(alias="access_token_url")
    client_id: str
    client_secret: str = Field(repr=False)
    token_endpoint_auth_method: Literal["client_secret_post", "client_secret_basic"] = Field(
        "client_secret_post", description="RFC 6749 2.3.1: the secret in the body, or by Basic"
    )
    scope: str | None = None
    audience: str | None = None
    extra: dict[str, Any] = Field(default_factory=dict, alias="access_token_request_data")
    default_token_expiration: float = Field(3600.0, gt=0, description="seconds")

    @model_validator(mode="before")
    @classmethod
    def _one_spelling(cls, value: Any) -> Any:
        if isinstance(value, dict) and {"token_url", "access_token_url"} <= set(value):
            raise PydanticCustomError(
                "twice", "token_url and access_token_url are one key: give one of them"
            )
        return value


class BearerAuth(Model):
    """A token that does not change."""

    type: Literal["bearer"]
    token: str = Field(repr=False)


class ApiKeyAuth(Model):
    """A key in a header, the query or a cookie."""

    type: Literal["api_key"]
    name: str = "Authorization"
    api_key: str = Field(repr=False)
    location: Literal["header", "query", "param", "cookie"] = "header"


class BasicAuth(Model):
    """User name and password."""

    type: Literal["http_basic"]
    username: str
    password: str = Field(repr=False)


Auth = Annotated[OAuth2Auth | BearerAuth | ApiKeyAuth | BasicAuth, Field(discriminator="type")]


class OffsetPaginator(Model):
    """``offset`` and ``limit``; the next page begins after the rows that came."""

    type: Literal["offset"]
    limit: int = Field(ge=1)
    offset: int = Field(0, ge=0)
    offset_param: str = "offset"
    limit_param: str = "limit"
    total_path: str | None = Field("total", description="null: the API reports no total")
    maximum_offset: int | None = Field(None, ge=1)
    stop_after_empty_page: bool = True
    has_more_path: Path | None = None


class PageNumberPaginator(Model):
    """Pages by number."""

    type: Literal["page_number"]
    base_page: int = 0
    page: int | None = None
    page_param: str = "page"
    total_path: str | None = Field("total", description="where the number of pages stands")
    maximum_page: int | None = None
    stop_after_empty_page: bool = True
    has_more_path: Path | None = None


class CursorPaginator(Model):
    """A page token in the answer, sent back in the query."""

    type: Literal["cursor"]
    cursor_path: Path = "cursors.next"
    cursor_param: str = "cursor"
    stop_after_empty_page: bool = False
    has_more_path: Path | None = None


class JsonLinkPaginator(Model):
    """The next page's URL stands in the answer."""

    type: Literal["json_link"]
    next_url_path: Path = "next"


class HeaderLinkPaginator(Model):
    """The next page's URL stands in a header: ``Link`` (RFC 8288), or one that holds it alone."""

    type: Literal["header_link"]
    links_next_key: str = "next"
    header: str | None = Field(None, description="a header that holds the URL itself")


class HeaderCursorPaginator(Model):
    """A page token in a header, sent back in the query."""

    type: Literal["header_cursor"]
    cursor_key: str = "next"
    cursor_param: str = "cursor"


class SinglePagePaginator(Model):
    """The whole listing is one answer."""

    type: Literal["single_page"]


Paginator = Annotated[
    OffsetPaginator
    | PageNumberPaginator
    | CursorPaginator
    | JsonLinkPaginator
    | HeaderLinkPaginator
    | HeaderCursorPaginator
    | SinglePagePaginator,
    Field(discriminator="type"),
]


class Client(Model):
    """The vendor's API, and how it is spoken to."""

    base_url: str
    headers: dict[str, str] = Field(default_factory=dict, repr=False)
    auth: Auth | None = None
    paginator: Paginator | None = None
    retry: Retry = Field(default_factory=Retry)
    limits: Limits = Field(default_factory=Limits)
    timeouts: Timeouts = Field(default_factory=Timeouts)
    trusted_hosts: tuple[str, ...] = Field((), description="more origins that get credentials")
    ca_bundle: str | None = None
    cert: str | None = Field(None, description="client certificate: PEM file, or certificate,key")
    insecure: bool = Field(False, description="no TLS verification; every report mentions it")
    proxy: str | None = None
    max_json: int = Field(64 * 2**20, gt=0, description="bytes of a page that are accepted")

    @field_validator("base_url")
    @classmethod
    def _http(cls, value: str) -> str:
        if not re.match(r"https?://[^/\s]+", value):
            raise ValueError("must begin with https:// or http:// and name a host")
        return value


class Fields(Model):
    """The neutral columns: where each stands in the vendor's record."""

    file_id: FieldSource | None = None
    file_name: FieldSource | None = None
    path: FieldSource | None = None
    kind: FieldSource | None = None
    parent_id: FieldSource | None = None
    drive_id: FieldSource | None = None
    size: FieldSource | None = None
    mime_type: FieldSource | None = None
    created_at: FieldSource | None = None
    modified_at: FieldSource | None = None
    version: FieldSource | None = None
    checksum: dict[str, FieldSource] = Field(default_factory=dict)
    owner: FieldSource | None = None
    web_url: FieldSource | None = None
    is_trashed: FieldSource | None = None

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        full = {key: _field_source(given) for key, given in value.items() if key != "checksum"}
        if "checksum" in value:
            given = value["checksum"]
            if not isinstance(given, dict):
                raise PydanticCustomError(
                    "checksum",
                    "checksum names its algorithm, as in {example}",
                    {"example": "checksum: {sha256: sha256}"},
                )
            full["checksum"] = {name: _field_source(source) for name, source in given.items()}
        return full

    @field_validator("checksum")
    @classmethod
    def _algorithms(cls, value: dict[str, FieldSource]) -> dict[str, FieldSource]:
        from ..checksums import SUPPORTED

        for name in value:
            if name not in SUPPORTED:
                known = ", ".join(sorted(SUPPORTED))
                raise ValueError(f"unknown checksum algorithm {name!r}; known are {known}")
        return value


class Content(Model):
    """How a file's bytes are had, and how they are kept."""

    path: str | None = Field(None, description="address of the bytes; {column} is put in")
    url_field: Path | None = Field(None, description="the record holds the address")
    layout: Literal["by_path", "by_id"] = "by_path"
    verify: Literal["auto", "checksum", "size", "none"] = "auto"

    @model_validator(mode="after")
    def _one_way(self) -> Content:
        if (self.path is None) == (self.url_field is None):
            raise PydanticCustomError("content", "content takes either path or url_field")
        return self


def name_problem(name: str) -> str | None:
    """What is wrong with a connection's or resource's name; None: nothing."""
    if _NAME.match(name):
        return None
    return f"the name {name!r} must be letters, digits, - and _, begin with a letter, at most 63"
