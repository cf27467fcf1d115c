"""The config as pydantic models: dlt's REST API source format, plus filehaul's blocks.

Field descriptions become the JSON Schema that editors complete from (`filehaul schema`).
"""

from __future__ import annotations

import re
from typing import Any

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from .base import Headers, Model, name_problem
from .field_source import FieldSource, only_kinds
from .limits import Limits, Retry, Timeouts
from .paginators import Paginator
from .sign_in import Auth

__all__ = ["Client", "FieldSource", "Fields", "Model", "Paginator", "name_problem"]

OUR_TABLES = frozenset({"transfers", "transfer_errors", "listings", "rejected"})
_BASE_URL = re.compile(r"https?://[^/\s?#@]+(?:/[^\s?#]*)?\Z", re.IGNORECASE)
_ORIGIN = re.compile(r"(?:https?://)?[^/\s?#@]+\Z", re.IGNORECASE)


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
