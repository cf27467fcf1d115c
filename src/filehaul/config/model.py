"""The config as pydantic models: dlt's REST API source format, plus filehaul's blocks.

Field descriptions become the JSON Schema that editors complete from (`filehaul schema`).
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from .base import Headers, Model, name_problem
from .field_source import FieldSource, only_kinds
from .paginators import Paginator
from .rules import Rule
from .sign_in import Auth
from .units import Size

__all__ = ["Client", "FieldSource", "Fields", "Model", "Paginator", "name_problem"]

OUR_TABLES = frozenset({"transfers", "transfer_errors", "listings", "rejected"})
_BASE_URL = re.compile(r"https?://[^/\s?#@]+(?:/[^\s?#]*)?\Z", re.IGNORECASE)
_ORIGIN = re.compile(r"(?:https?://)?[^/\s?#@]+\Z", re.IGNORECASE)


class MaxWait(Model):
    """Seconds that are waited because the vendor says so (Retry-After); beyond them: exit 6."""

    request: float = Field(900.0, ge=0, le=86_400, description="for one request")
    run: float = Field(3600.0, ge=0, le=86_400, description="for all requests of a run together")


class Retry(Model):
    """When a request is asked again."""

    statuses: frozenset[Annotated[int, Field(ge=400, le=599)]] = Field(
        frozenset({429, 500, 502, 503, 504}),
        description="HTTP statuses that may pass by themselves",
    )
    max_retries: int = Field(3, ge=0, le=20, description="after the first attempt")
    backoff_factor: float = Field(
        2.0, ge=0, le=3600, description="seconds before the first retry, doubled with each"
    )
    max_wait: MaxWait = Field(default_factory=MaxWait)
    rules: tuple[Rule, ...] = Field(
        (), description="what answers mean whose status alone does not say; the first that fits"
    )


class Limits(Model):
    """How hard the vendor may be asked."""

    requests_per_second: float | None = Field(None, gt=0, description="none: as fast as it goes")
    concurrency: int = Field(8, ge=1, le=1024, description="requests in flight")
    bandwidth: Size | None = Field(
        None, description="bytes a second over all connections: 50MB, 500KB; none: no limit"
    )

    @field_validator("bandwidth")
    @classmethod
    def _some(cls, value: int | None) -> int | None:
        if value is not None and value < 1000:
            raise ValueError("is in bytes a second, at least 1KB: 50MB")
        return value


class Timeouts(Model):
    """Seconds."""

    connect: float = Field(10.0, gt=0, le=3600, description="seconds until a connection stands")
    stall: float = Field(30.0, ge=1, le=86400, description="seconds without a byte")


class Client(Model):
    """The vendor's API, and how it is spoken to."""

    base_url: str = Field(description="https://api.example.com, with the path all calls share")
    headers: Headers = Field(
        default_factory=dict, repr=False, description="with every request to trusted hosts"
    )
    auth: Auth | None = None
    paginator: Paginator | None = Field(None, description="for resources that name none")
    retry: Retry = Field(default_factory=Retry)
    limits: Limits = Field(default_factory=Limits)
    timeouts: Timeouts = Field(default_factory=Timeouts)
    trusted_hosts: tuple[str, ...] = Field((), description="more origins that get credentials")
    ca_bundle: str | None = Field(None, description="PEM file of your certificate authority")
    cert: str | None = Field(None, description="client certificate: PEM file, or certificate,key")
    insecure: bool = Field(False, description="no TLS verification; every report mentions it")
    proxy: str | None = Field(None, repr=False, description="http://proxy.example.com:3128")
    max_json: int = Field(64 * 2**20, gt=0, description="bytes of a page that are accepted")

    @field_validator("base_url")
    @classmethod
    def _http(cls, value: str) -> str:
        if not _BASE_URL.match(value):
            raise ValueError(
                "must begin with https:// or http:// and name a host; a user name, parameters and "
                "fragments do not belong into it (auth, endpoint.params)"
            )
        return value

    @field_validator("trusted_hosts", mode="before")
    @classmethod
    def _one_host(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @field_validator("trusted_hosts")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for host in value:
            if not _ORIGIN.match(host):
                raise ValueError("takes hosts or origins: https://files.example.com, without paths")
        return value


class Fields(Model):
    """The neutral columns: where each stands in the vendor's record."""

    file_id: FieldSource | None = Field(None, description="text")
    file_name: FieldSource | None = Field(None, description="text")
    path: FieldSource | None = Field(None, description="text: folders and name")
    kind: FieldSource | None = Field(
        None, description="text: file, folder, shortcut, link, other; only a file has bytes"
    )
    parent_id: FieldSource | None = Field(None, description="text: the folder it is in")
    drive_id: FieldSource | None = Field(None, description="text: the drive it is in")
    size: FieldSource | None = Field(None, description="bigint: bytes")
    mime_type: FieldSource | None = Field(None, description="text")
    created_at: FieldSource | None = Field(None, description="timestamp")
    modified_at: FieldSource | None = Field(None, description="timestamp")
    version: FieldSource | None = Field(
        None, description="text: what changes with the bytes: a version, revision or ETag"
    )
    checksum: dict[str, FieldSource] = Field(
        default_factory=dict, description="algorithm: its path, as in {sha256: hashes.sha256}"
    )
    owner: FieldSource | None = Field(None, description="text")
    web_url: FieldSource | None = Field(None, description="text: where people open it")
    is_trashed: FieldSource | None = Field(None, description="bool")

    @field_validator("kind")
    @classmethod
    def _kinds(cls, value: FieldSource | None) -> FieldSource | None:
        return only_kinds(value)

    @model_validator(mode="after")
    def _of_checksums(self) -> Fields:
        for name in type(self).model_fields:
            source = getattr(self, name)
            if isinstance(source, FieldSource) and source.codec == "labelled":
                raise PydanticCustomError(
                    "codec", "codec labelled is for checksums, not for {name}", {"name": name}
                )
        return self

    @field_validator("checksum", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            raise PydanticCustomError(
                "checksum",
                "checksum names its algorithm, as in {example}",
                {"example": "{sha256: hashes.sha256}"},
            )
        return value

    @field_validator("checksum")
    @classmethod
    def _algorithms(cls, value: dict[str, FieldSource]) -> dict[str, FieldSource]:
        from ..checksums import SUPPORTED

        for name, source in value.items():
            if source.is_chosen:
                raise ValueError("a checksum is the record's own: it takes path and codec")
            if name not in SUPPORTED:
                known = ", ".join(sorted(SUPPORTED))
                raise ValueError(f"unknown checksum algorithm {name!r}; known are {known}")
        return value
