"""How a file's bytes are asked for: in one step or in two, and in which format."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, field_validator, model_validator
from pydantic_core import PydanticCustomError

from .base import Headers, Model, Path
from .mime_types import fitting, is_type

_EXTENSION = re.compile(r"\.[A-Za-z0-9][A-Za-z0-9.]{0,15}\Z")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
SKIP = "skip"
TARGET = "target"
"""In the braces of an export: the MIME type that is asked for."""


class Expired(Model):
    """How a server says that an address is no longer good."""

    statuses: frozenset[Annotated[int, Field(ge=400, le=599)]] = Field(
        frozenset({401, 403, 410}), description="of the answer to that address"
    )
    body: str | None = Field(
        None, min_length=1, description="the answer must hold this text as well"
    )

    def says(self, status: int, answer: bytes) -> bool:
        """Whether this answer says so."""
        if status not in self.statuses:
            return False
        return self.body is None or self.body.encode() in answer


class Asking(Model):
    """The request for a file's bytes, or for their address."""

    method: Literal["GET", "POST"] = Field("GET", description="of the request")
    json_body: dict[str, Any] | None = Field(
        None, alias="json", description="sent as the body; {column} is put into its texts"
    )
    headers: Headers = Field(
        default_factory=dict, repr=False, description="with the request, to trusted hosts"
    )
    url_path: Path | None = Field(
        None, description="the answer is JSON, and has the address of the bytes here"
    )
    url_header: str | None = Field(
        None, description="instead: the header of the answer that holds the address"
    )

    @field_validator("url_header")
    @classmethod
    def _a_name(cls, value: str | None) -> str | None:
        if value is not None and not _HEADER.match(value):
            raise ValueError("is no name of a header")
        return value

    @model_validator(mode="after")
    def _fits(self) -> Asking:
        if self.json_body is not None and self.method == "GET":
            raise PydanticCustomError("json", "json needs method: POST")
        if self.url_path is not None and self.url_header is not None:
            raise PydanticCustomError(
                "url", "the address is at url_path or in url_header: give one of them"
            )
        return self

    @property
    def has_two_steps(self) -> bool:
        """Whether the first answer says where the bytes are."""
        return self.url_path is not None or self.url_header is not None


class ExportAs(Model):
    """What a native document becomes."""

    mime_type: str | None = Field(
        None, description="what {target} stands for in export.path; left out: the vendor chooses"
    )
    extension: str = Field(description="of its path in the sink, as in .docx")

    @field_validator("mime_type")
    @classmethod
    def _type(cls, value: str | None) -> str | None:
        if value is not None and (not is_type(value) or "*" in value):
            raise ValueError(f"{value!r} is no MIME type: application/pdf")
        return value

    @field_validator("extension")
    @classmethod
    def _dotted(cls, value: str) -> str:
        value = value if value.startswith(".") else f".{value}"
        if not _EXTENSION.match(value):
            raise ValueError("is an extension: .docx, .tar.gz")
        return value


def _types(value: Any) -> Any:
    if not isinstance(value, dict) or not value:
        raise PydanticCustomError(
            "by_mime", "maps MIME types to {mime_type, extension}, or to skip"
        )
    found = {}
    for key, one in value.items():
        name = str(key).strip().lower()
        if not is_type(name):
            raise ValueError(f'{key!r} is no MIME type: application/pdf, or "image/*"')
        if not isinstance(one, (dict, ExportAs)) and one != SKIP:
            raise ValueError(f"{name} becomes {{mime_type, extension}}, or skip; not {one!r}")
        found[name] = one
    return found


_ByMime = Annotated[
    dict[str, ExportAs | Literal["skip"]],
    BeforeValidator(_types),
    WithJsonSchema(
        {
            "type": "object",
            "additionalProperties": {
                "anyOf": [
                    {"const": SKIP},
                    {
                        "type": "object",
                        "properties": {
                            "mime_type": {"type": "string"},
                            "extension": {"type": "string"},
                        },
                        "required": ["extension"],
                        "additionalProperties": False,
                    },
                ]
            },
        }
    ),
]


class Export(Asking):
    """Documents that have no bytes of their own, and are made into a file when they are asked for.

    Their records have no size and no checksum of what comes, whatever stands there.
    """

    path: str = Field(
        description="address of the exported file; {target} is its MIME type, other braces are "
        "as in content.path"
    )
    by_mime: _ByMime = Field(
        description='a record\'s MIME type ("application/vnd.example.*" takes all of these) to '
        "{mime_type, extension}, or to skip: it has no file"
    )

    @property
    def targets(self) -> frozenset[str | None]:
        """What documents are to become, as the vendor is told; None: some as it chooses."""
        made = (one for one in self.by_mime.values() if isinstance(one, ExportAs))
        return frozenset(one.mime_type for one in made)

    def of(self, mime_type: str | None) -> ExportAs | str | None:
        """What a record of this type becomes: a format, `SKIP`, or None: it is a file as it is."""
        name = None if mime_type is None else fitting(self.by_mime, mime_type)
        return None if name is None else self.by_mime[name]
