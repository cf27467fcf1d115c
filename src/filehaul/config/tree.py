"""Paths of a flat listing: made of the names of the folders above."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from .base import Model, Path
from .match import Match


class AskedRoot(Model):
    """Where a vendor says which folder is the root."""

    path: str = Field(min_length=1, description="asked once a listing, below base_url")
    method: Literal["GET", "POST"] = "GET"
    params: dict[str, Any] = Field(default_factory=dict, repr=False)
    json_body: dict[str, Any] | None = Field(
        None, alias="json", repr=False, description="sent as the body"
    )
    id_path: Path = Field(description="where that answer has the root's id")


class Tree(Model):
    """Records name the folder that they are in. Names in here are the vendor's."""

    parent_path: Path = Field(
        description="where a record has the id of its folder; nothing there: it is at the top"
    )
    folder: Match = Field(description="which records are folders")
    id_path: Path | None = Field(
        None, description="a folder's id in its record; default: as fields.file_id, else id"
    )
    name_path: Path | None = Field(
        None, description="a name in its record; default: as fields.file_name, else name"
    )
    root: Match | None = Field(
        None,
        description="which records are the root itself, whose name begins no path; they are no "
        "rows of the catalogue",
    )
    root_id_path: Path | None = Field(
        None, description="where records have the id of their drive's root"
    )
    root_from: AskedRoot | None = Field(None, description="where to ask for the root's id")

    @model_validator(mode="after")
    def _fits(self) -> Tree:
        asked = self.root_from
        if asked is not None and asked.json_body is not None and asked.method == "GET":
            raise PydanticCustomError("json", "root_from.json needs method: POST")
        return self
