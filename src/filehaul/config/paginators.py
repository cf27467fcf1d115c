"""The paginators of the config, with dlt's names, keys and defaults.

What each of them asks, and when it ends, is in `filehaul.pagination`.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from .base import Model, Path

_HasMore = Annotated[
    Path | None, Field(description="where the answer says (true, false) whether more follows")
]


class _Sends(Model):
    """A paginator that sends a value in the query or, by ``…_body_path``, in the JSON body."""

    sends: ClassVar[tuple[str, ...]] = ()

    @model_validator(mode="before")
    @classmethod
    def _query_or_body(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        value = dict(value)
        for name in cls.sends:
            param, body = f"{name}_param", f"{name}_body_path"
            if value.get(param) is None:
                value.pop(param, None)
            if value.get(body) is None:
                value.pop(body, None)
            elif param in value:
                raise PydanticCustomError("twice", f"give {param} or {body}, not both")
            else:
                value[param] = None
        return value


def _must_end(value: Any, maximum: str) -> None:
    """As dlt has it: something must be able to end the listing."""
    ends = (value.total_path, getattr(value, maximum), value.has_more_path)
    if value.stop_after_empty_page is False and ends == (None, None, None):
        raise PydanticCustomError(
            "endless",
            "nothing would end the listing: give total_path, has_more_path or {maximum}, "
            "or leave stop_after_empty_page out",
            {"maximum": maximum},
        )


class OffsetPaginator(_Sends):
    """``offset`` and ``limit``; the next page begins after the rows that came."""

    sends = ("offset", "limit")

    type: Literal["offset"]
    limit: int = Field(ge=1, description="rows to ask for at once")
    offset: int = Field(0, ge=0, description="where to begin")
    offset_param: str | None = Field("offset", description="the query parameter's name")
    offset_body_path: str | None = Field(None, description="instead: its place in the JSON body")
    limit_param: str | None = Field("limit", description="the query parameter's name")
    limit_body_path: str | None = Field(None, description="instead: its place in the JSON body")
    total_path: Path | None = Field(
        "total", description="where the number of all rows stands; null: do not believe it"
    )
    maximum_offset: int | None = Field(None, ge=1, description="no page from this offset on")
    stop_after_empty_page: bool | None = Field(
        None,
        description="left out: an empty page ends the listing, after a few more have been asked "
        "for where the vendor's total says that more follows; true: at once; false: the total, "
        "has_more_path or maximum_offset ends it",
    )
    has_more_path: _HasMore = None

    @model_validator(mode="after")
    def _ends(self) -> OffsetPaginator:
        _must_end(self, "maximum_offset")
        return self


class PageNumberPaginator(_Sends):
    """Pages by number."""

    sends = ("page",)

    type: Literal["page_number"]
    base_page: int = Field(0, ge=0, description="the number of the vendor's first page: 0 or 1")
    page: int | None = Field(None, ge=0, description="the first to ask for; default: base_page")
    page_param: str | None = Field("page", description="the query parameter's name")
    page_body_path: str | None = Field(None, description="instead: its place in the JSON body")
    total_path: Path | None = Field(
        "total", description="where the number of all PAGES stands; null: do not believe it"
    )
    maximum_page: int | None = Field(None, ge=1, description="no page from this number on")
    stop_after_empty_page: bool | None = Field(
        None, description="whether an empty page ends the listing; default: yes"
    )
    has_more_path: _HasMore = None

    @model_validator(mode="after")
    def _ends(self) -> PageNumberPaginator:
        _must_end(self, "maximum_page")
        return self


class CursorPaginator(_Sends):
    """A page token in the answer, sent back with the next question."""

    sends = ("cursor",)

    type: Literal["cursor"]
    cursor_path: Path = Field("cursors.next", description="where the page token stands")
    cursor_param: str | None = Field("cursor", description="the query parameter's name")
    cursor_body_path: str | None = Field(None, description="instead: its place in the JSON body")
    stop_after_empty_page: bool = Field(False, description="whether an empty page ends the listing")
    has_more_path: _HasMore = None


class ContinuationPaginator(_Sends):
    """The pages after the first are another request, to another path, with a page token."""

    sends = ("cursor",)

    type: Literal["continuation"]
    path: str = Field(min_length=1, description="of the following pages, below base_url")
    method: Literal["GET", "POST"] = Field("POST", description="of the following pages")
    cursor_path: Path = Field("cursor", description="where the page token stands in an answer")
    cursor_body_path: str | None = Field(
        None, description="its place in the JSON body of the next request; default: cursor"
    )
    cursor_param: str | None = Field(None, description="instead: the query parameter's name")
    has_more_path: _HasMore = None
    params: dict[str, Any] = Field(
        default_factory=dict,
        repr=False,
        description="of the following pages; the endpoint's own are for the first one",
    )
    json_body: dict[str, Any] = Field(
        default_factory=dict,
        alias="json",
        repr=False,
        description="of the following pages, beside the page token",
    )

    @model_validator(mode="before")
    @classmethod
    def _in_the_body(cls, value: Any) -> Any:
        places = ("cursor_param", "cursor_body_path")
        if isinstance(value, dict) and all(value.get(place) is None for place in places):
            place = "cursor_param" if value.get("method") == "GET" else "cursor_body_path"
            return {**value, place: "cursor"}
        return value

    @model_validator(mode="after")
    def _has_a_body(self) -> ContinuationPaginator:
        if self.method == "GET" and (self.json_body or self.cursor_body_path is not None):
            raise PydanticCustomError(
                "no_body", "a GET has no body: give cursor_param, or method: POST"
            )
        return self


class JsonLinkPaginator(Model):
    """The next page's URL stands in the answer."""

    type: Literal["json_link"]
    next_url_path: Path = Field("next", description="where it stands")


class HeaderLinkPaginator(Model):
    """The next page's URL stands in a header: ``Link`` (RFC 8288), or one that holds it alone."""

    type: Literal["header_link"]
    links_next_key: str = Field("next", description="the relation (rel) in the Link header")
    header: str | None = Field(None, description="a header that holds the URL itself")


class HeaderCursorPaginator(Model):
    """A page token in a header, sent back in the query."""

    type: Literal["header_cursor"]
    cursor_key: str = Field("next", description="the header's name")
    cursor_param: str = Field("cursor", description="the query parameter's name")


class SinglePagePaginator(Model):
    """The whole listing is one answer."""

    type: Literal["single_page"]


Paginator = Annotated[
    OffsetPaginator
    | PageNumberPaginator
    | CursorPaginator
    | ContinuationPaginator
    | JsonLinkPaginator
    | HeaderLinkPaginator
    | HeaderCursorPaginator
    | SinglePagePaginator,
    Field(discriminator="type"),
]
NAMES = (
    *("offset", "page_number", "cursor", "json_link", "header_link", "header_cursor"),
    "single_page",
)
