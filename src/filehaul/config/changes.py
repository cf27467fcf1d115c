"""A vendor's change feed, and the words in which it tells of files that are gone."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from .base import Model, Path
from .match import Match

_Method = Literal["GET", "POST"]


class Deleted(Match):
    """What a record looks like whose file is gone."""

    reason: Literal["removed", "trashed"] = Field("removed", description="for delete_reason")


def one_or_many(value: Any) -> Any:
    """The short form of a list of one."""
    return [value] if isinstance(value, dict | Model) else value


class Start(Model):
    """Where the first change token comes from."""

    from_: Literal["listing"] | None = Field(
        None, alias="from", description="the last page of the full listing has it, at final_path"
    )
    path: str | None = Field(None, description="instead: asked before the full listing begins")
    method: _Method = "GET"
    params: dict[str, Any] = Field(default_factory=dict, repr=False)
    json_body: dict[str, Any] | None = Field(
        None, alias="json", repr=False, description="sent as the body"
    )
    token_path: Path | None = Field(None, description="where the token stands in that answer")

    @model_validator(mode="after")
    def _one_way(self) -> Start:
        asked = (self.path, self.token_path)
        if (None in asked) if self.from_ is None else (asked != (None, None)):
            raise PydanticCustomError("start", "takes either path and token_path, or from: listing")
        return self


class Invalid(Model):
    """How the vendor says that a change token is no longer good: then everything is listed."""

    statuses: frozenset[Annotated[int, Field(ge=400, le=599)]] = frozenset({410})
    body: str | None = Field(
        None, min_length=1, description="the answer must hold this text as well"
    )

    def says(self, status: int, answer: bytes) -> bool:
        """Whether this answer says so."""
        words = (self.body or "").casefold()
        return status in self.statuses and words in answer.decode("utf-8", "replace").casefold()


class Changes(Model):
    """The vendor's change feed: after the first full listing only what has changed is asked for.

    Paths are in the answer, or in one change of it; names are the vendor's.
    """

    start: Start
    path: str | None = Field(None, description="below base_url; not with token_is_url")
    method: _Method = "GET"
    params: dict[str, Any] = Field(
        default_factory=dict, repr=False, description="with every page's request"
    )
    json_body: dict[str, Any] | None = Field(
        None, alias="json", repr=False, description="sent as the body"
    )
    token_param: str | None = Field(None, description="the query parameter that takes the token")
    token_body_path: str | None = Field(None, description="instead: its place in the JSON body")
    token_is_url: bool = Field(False, description="instead: the token is the address to ask")
    data_selector: Path | Annotated[tuple[Path, ...], Field(min_length=1)] | None = Field(
        None, description="the array of changes; default: the endpoint's"
    )
    next_path: Path | None = Field(None, description="the token of more changes that wait already")
    final_path: Path = Field(description="the token for the next run")
    has_more_path: Path | None = Field(
        None, description="where the answer says (true, false) whether more changes wait"
    )
    stop_after_empty_page: bool = Field(
        False, description="an empty page, or a token that stays, ends the feed"
    )
    file_path: Path | None = Field(
        None, description="where a change has the file's record; default: it is the record"
    )
    id_path: Path | Annotated[tuple[Path, ...], Field(min_length=1)] | None = Field(
        None,
        description="where a change names the file: a path for each column of primary_key; "
        "default: where the record has them",
    )
    location_path: Path | None = Field(
        None,
        description="where records have the file's place in the vendor's tree, for deletions that "
        "name that and no id: what lies below is gone too",
    )
    deleted: Annotated[tuple[Deleted, ...], Field(description="which changes are deletions")] = ()
    invalid: Annotated[
        tuple[Invalid, ...],
        Field(min_length=1, description="which answers say that the token is no longer good"),
    ] = (Invalid(),)
    keep_token: bool = Field(
        False, description="show the change token in table listings; it may be a credential"
    )

    @field_validator("deleted", "invalid", mode="before")
    @classmethod
    def _list(cls, value: Any) -> Any:
        return one_or_many(value)

    @model_validator(mode="after")
    def _fits(self) -> Changes:
        ways = (self.token_param, self.token_body_path, self.token_is_url or None)
        if sum(way is not None for way in ways) != 1:
            raise PydanticCustomError(
                "token", "give one of token_param, token_body_path, and token_is_url: true"
            )
        if self.token_is_url and (self.path or self.params or self.json_body):
            raise PydanticCustomError(
                "token", "with token_is_url the token has path, params and json already"
            )
        if not self.token_is_url and not self.path:
            raise PydanticCustomError("path", "needs path: where changes are asked for")
        if self.token_body_path is not None and self.method == "GET":
            raise PydanticCustomError("token", "token_body_path needs method: POST")
        if self.location_path is not None and self.file_path is not None:
            raise PydanticCustomError("location", "location_path does not go with file_path")
        return self

    @property
    def selectors(self) -> tuple[str, ...]:
        """The data selectors; empty where the endpoint's are meant."""
        if self.data_selector is None:
            return ()
        return (self.data_selector,) if isinstance(self.data_selector, str) else self.data_selector

    @property
    def id_paths(self) -> tuple[str, ...]:
        """Where a change names the file; empty where its record does."""
        if self.id_path is None:
            return ()
        return (self.id_path,) if isinstance(self.id_path, str) else self.id_path
