"""A listing by folder: which folders there are, and what to ask for the content of one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pydantic import Field, StrictInt, StrictStr, field_validator, model_validator
from pydantic_core import PydanticCustomError

from ..json_text import mended
from ..paths import MISSING, key_path, record_path
from ..templates import braces
from .base import Model, Path
from .match import Match

if TYPE_CHECKING:
    from .resource import Resource

FOLDER_ID = "{folder_id}"
_NAMES = ("file_name", "name", "filename")


class Root(Model):
    """A folder that a walk begins with."""

    id: StrictInt | StrictStr = Field(description="what is put in for {folder_id}")
    name: str | None = Field(
        None, min_length=1, description="begins every path; left out: of one root nothing does"
    )
    path: str | None = Field(
        None, min_length=1, description="the address of this folder, where it is another one"
    )


class Walk(Model):
    """Folder by folder, from the root down. Names in here are the vendor's."""

    root: tuple[Root, ...] = Field(
        min_length=1, description="the id of the first folder, {id, name, path}, or a list of these"
    )
    path: str | None = Field(
        None,
        min_length=1,
        description="the address of a folder's content, below base_url; {folder_id} is put in, "
        "here, in endpoint.params or in endpoint.json",
    )
    url_field: Path | None = Field(
        None, description="instead: a folder's record holds the address; each root needs its path"
    )
    folder: Match = Field(description="which records are folders")
    id_path: Path | None = Field(
        None, description="a folder's id in its record; default: as fields.file_id, else id"
    )
    name_path: Path | None = Field(
        None, description="a name in its record; default: as fields.file_name, else name"
    )
    max_depth: int = Field(
        100, ge=0, le=10_000, description="levels below the root; deeper folders are not listed"
    )

    @field_validator("root", mode="before")
    @classmethod
    def _short_forms(cls, value: Any) -> Any:
        given = value if isinstance(value, (list, tuple)) else [value]
        for one in given:
            if isinstance(one, bool) or not isinstance(one, (int, str, dict, Root)):
                raise PydanticCustomError(
                    "root",
                    "must be a folder's id, {long}, or a list of these",
                    {"long": "{id, name, path}"},
                )
        return [{"id": one} if isinstance(one, (int, str)) else one for one in given]

    @field_validator("path")
    @classmethod
    def _only_the_folder(cls, value: str | None) -> str | None:
        for name in braces(value or ""):
            if name != "folder_id":
                raise ValueError(f"{{{name}}} is not known here: it takes {FOLDER_ID} alone")
        return value

    @model_validator(mode="after")
    def _one_way(self) -> Walk:
        if (self.path is None) == (self.url_field is None):
            raise PydanticCustomError("walk", "walk takes either path or url_field")
        if self.url_field is not None and any(root.path is None for root in self.root):
            raise PydanticCustomError(
                "walk",
                "with url_field each root needs its address: root: {example}",
                {"example": "{id: root, path: /dav/}"},
            )
        return self


class FolderMarks:
    """What a walk, or a tree, reads in a record: whether it is a folder, its id and its name."""

    def __init__(self, resource: Resource) -> None:
        block, fields = resource.walk or resource.tree, resource.fields
        assert block is not None
        self.rule = block.folder
        id_path = block.id_path or (fields and fields.file_id and fields.file_id.path)
        self.id_path = record_path(id_path) if id_path else key_path("id")
        name_path = block.name_path or (fields and fields.file_name and fields.file_name.path)
        address = resource.walk and resource.walk.url_field
        self._address = record_path(address) if address else None
        self._name_paths = [record_path(name_path)] if name_path else list(map(key_path, _NAMES))

    def is_folder(self, record: Any) -> bool:
        """Whether the walk goes into it."""
        return isinstance(record, dict) and self.rule.holds(record)

    def folder_id(self, record: Any) -> str | int | None:
        """The folder's id as the vendor has it; None: nothing that could be asked for."""
        found = self.id_path.get(record)
        if isinstance(found, float) and found.is_integer():
            found = int(found)
        if isinstance(found, bool) or not isinstance(found, (str, int)) or found == "":
            return None
        return found if isinstance(found, int) else mended(found)

    def address(self, record: Any) -> str | None:
        """Where its content is had, where records hold that; None: nothing that could be asked."""
        found = self._address.one(record) if self._address else None
        return found if isinstance(found, str) and found.strip() else None

    def name(self, record: Any) -> str | None:
        """Its name; None where it has none, or an empty one."""
        for path in self._name_paths:
            found = path.get(record)
            if isinstance(found, int) and not isinstance(found, bool):
                return str(found)
            if found is not MISSING and isinstance(found, str) and found:
                return mended(found)
        return None


def texts(value: Any) -> Iterator[str]:
    """Every text in a value that could have braces."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from texts(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from texts(one)
