"""One resource of the config, with its defaults merged in."""

from __future__ import annotations

import string
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from ..xml_text import read_xml
from .base import Headers, Model, Path, refuse_unknown
from .changes import Changes, Deleted, one_or_many
from .content import Content
from .match import Match
from .model import Fields
from .paginators import Paginator
from .sync_types import DISPOSITIONS, WITH_TOMBSTONES, Deletes, Incremental, SyncType
from .tree import Tree
from .walk import Walk

_Key = Annotated[str, Field(min_length=1)]

# What only dlt's own rest_api does: a resource with one of these is listed by dlt's engine.
DLT_RESOURCE_KEYS = frozenset(
    {
        "additional_table_hints",
        "columns",
        "file_format",
        "include_from_parent",
        "max_table_nesting",
        "merge_key",
        "nested_hints",
        "parallelized",
        "parent",
        "processing_steps",
        "references",
        "table_format",
        "table_name",
    }
)
DLT_ENDPOINT_KEYS = frozenset({"auth", "data", "response_actions"})


_Contract = Literal["evolve", "freeze", "discard_row", "discard_value"]
_DISPOSITIONS = ("append", "merge", "replace")
_STRATEGIES = ("delete-insert", "upsert")


class Endpoint(Model):
    """Where a listing is had. Names in here are the vendor's."""

    also_known: ClassVar[frozenset[str]] = DLT_ENDPOINT_KEYS

    path: str = Field("", description="below base_url; default: the resource's name")
    method: Literal["GET", "POST", "PROPFIND"] = Field(
        "GET", description="PROPFIND is WebDAV's, and needs decoder: webdav"
    )
    params: dict[str, Any] = Field(
        default_factory=dict, repr=False, description="with every page's request"
    )
    json_body: dict[str, Any] | None = Field(
        None, alias="json", repr=False, description="sent as the body"
    )
    body: str | None = Field(
        None,
        min_length=1,
        repr=False,
        description="instead: a text sent as the body, as application/xml unless headers say else",
    )
    decoder: Literal["webdav"] | None = Field(
        None,
        description="how answers are read that are not JSON; webdav: a multistatus, whose "
        "records have href, name, kind and props",
    )
    headers: Headers = Field(default_factory=dict, repr=False)
    data_selector: Path | Annotated[tuple[Path, ...], Field(min_length=1)] | None = Field(
        None,
        description="the array of records in the answer; $ for an answer that is the array; "
        "of several selectors the arrays are joined",
    )
    page_array: Path | None = Field(
        None, description="the page's own array, where data_selector filters it"
    )
    if_no_array: Literal["error", "null_is_empty", "missing_is_empty"] = Field(
        "error",
        description="what an answer without its array of records is: an error; an empty page "
        "where the array is null; an empty page also where it is missing (and no error is named)",
    )
    incomplete: Match | None = Field(
        None,
        description="where an answer says that records are missing from it: then the listing is "
        "not complete, and no file counts as gone",
    )
    paginator: Paginator | None = None
    incremental: Incremental | None = Field(None, description="list only what has changed")

    @model_validator(mode="after")
    def _fits(self) -> Endpoint:
        if (self.method == "PROPFIND") != (self.decoder == "webdav"):
            raise PydanticCustomError(
                "decoder", "method: PROPFIND and decoder: webdav go together: give both or neither"
            )
        if self.body is not None and self.method == "GET":
            raise PydanticCustomError("body", "body needs method: POST or PROPFIND")
        if self.body is not None and self.json_body is not None:
            raise PydanticCustomError("body", "the request has one body: json or body")
        if self.body is not None and self.decoder == "webdav":
            read_xml(self.body.encode())
        return self

    @property
    def selectors(self) -> tuple[str, ...]:
        """The data selectors; empty where there is none."""
        if self.data_selector is None:
            return ()
        return (self.data_selector,) if isinstance(self.data_selector, str) else self.data_selector


class Resource(Model):
    """A listing of files, and what is made of it."""

    also_known: ClassVar[frozenset[str]] = DLT_RESOURCE_KEYS

    name: str = Field(description="also the table's name")
    endpoint: Endpoint
    walk: Walk | None = Field(
        None, description="list folder by folder; endpoint then says how a folder is read"
    )
    tree: Tree | None = Field(
        None, description="paths of a flat listing, of the names of the folders above"
    )
    primary_key: _Key | tuple[_Key, ...] | None = Field(
        None, description="the column, or columns, that identify a file"
    )
    write_disposition: Literal["append", "merge", "replace"] | dict[str, Any] = Field(
        "append", description="as in dlt; merge needs a primary_key"
    )
    sync_type: SyncType | None = Field(
        None, description="left out: it follows from write_disposition, incremental and changes"
    )
    incremental: Incremental | None = Field(
        None, description="the same as endpoint.incremental, without parameters of the vendor's"
    )
    deletes: Deletes = Field(
        default_factory=Deletes, description="soft, hard, none, or a block with limits"
    )
    on_delete: Literal["keep", "trash", "remove"] = Field(
        "keep",
        description="what becomes of the bytes of files that are gone, once their rows say so: "
        "they stay, go to .filehaul/trash in the sink, or go",
    )
    selected: bool = Field(True, description="false: not listed")
    fields: Fields | None = Field(None, description="neutral column: path in the record")
    content: Content | None = Field(None, description="left out: the catalogue only")
    changes: Changes | None = Field(
        None, description="the vendor's change feed: asked instead of a full listing"
    )
    deleted: Annotated[
        tuple[Deleted, ...], Field(description="records of the listing whose file is gone")
    ] = ()
    raw: bool = Field(
        False, description="beside the fields, keep the vendor's record as JSON in column raw"
    )
    schema_contract: (
        _Contract | dict[Literal["tables", "columns", "data_type"], _Contract] | None
    ) = Field(
        None,
        description="as in dlt: what becomes of new columns and of values of another type: "
        "evolve, freeze, discard_row, discard_value",
    )

    @field_validator("deleted", mode="before")
    @classmethod
    def _list(cls, value: Any) -> Any:
        return one_or_many(value)

    @field_validator("write_disposition")
    @classmethod
    def _long_form(cls, value: str | dict[str, Any]) -> str | dict[str, Any]:
        if isinstance(value, dict):
            refuse_unknown(value, frozenset({"disposition", "strategy"}))
            if value.get("disposition") not in _DISPOSITIONS:
                raise ValueError("disposition must be one of " + ", ".join(_DISPOSITIONS))
            if value.get("strategy") not in (None, *_STRATEGIES):
                raise ValueError("strategy must be one of " + ", ".join(_STRATEGIES))
        return value

    @field_validator("deletes", mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"how": value} if isinstance(value, str) else value

    @property
    def has_places(self) -> bool:
        """Whether the catalogue's paths are made of folders: by a walk, or a tree."""
        return self.walk is not None or self.tree is not None

    @property
    def keys(self) -> tuple[str, ...]:
        """The primary key's columns; empty where there is none."""
        if self.primary_key is None:
            return ()
        return (self.primary_key,) if isinstance(self.primary_key, str) else self.primary_key

    @property
    def disposition(self) -> str:
        """dlt's write disposition: append, merge, replace."""
        if self.sync_type is not None:
            return DISPOSITIONS[self.sync_type]
        return self.given_disposition

    @property
    def given_disposition(self) -> str:
        """The disposition that ``write_disposition`` names."""
        given = self.write_disposition
        return given if isinstance(given, str) else str(given["disposition"])

    @property
    def says_disposition(self) -> bool:
        """Whether ``write_disposition`` stands there."""
        return "write_disposition" in self.model_fields_set

    @property
    def says_deletes(self) -> bool:
        """Whether ``deletes`` stands there."""
        return "deletes" in self.model_fields_set

    @property
    def sync(self) -> str:
        """The sync type, also where the config leaves it to what is there."""
        if self.sync_type is not None:
            return self.sync_type
        if self.changes is not None:
            return "changes"
        incremental = self.watermark is not None
        return {
            "merge": "incremental" if incremental else "snapshot",
            "append": "incremental_append" if incremental else "full_refresh_append",
            "replace": "full_refresh",
        }[self.given_disposition]

    @property
    def watermark(self) -> Incremental | None:
        """How to list only what has changed, wherever it stands."""
        return self.endpoint.incremental or self.incremental

    @property
    def has_feed(self) -> bool:
        """Whether its change feed is asked."""
        return self.changes is not None and self.sync in ("changes", "history")

    @property
    def asks_for_changes(self) -> bool:
        """Whether a run may list only what has changed, by a feed or a watermark."""
        return self.has_feed or self.watermark is not None

    @property
    def gone(self) -> str:
        """What becomes of rows whose files are gone: soft, hard, none."""
        return self.deletes.how if self.sync in WITH_TOMBSTONES else "none"


def merged(defaults: dict[str, Any], resource: dict[str, Any]) -> dict[str, Any]:
    """The resource over its defaults; ``endpoint`` and ``endpoint.params`` are merged by key.

    dlt's short forms are spelled out: a string is an endpoint's path, a paginator's type.
    """
    result = {**defaults, **resource}
    sync, default = resource.get("sync_type"), result.get("write_disposition")
    if isinstance(sync, str) and not resource.get("write_disposition"):
        # What is said of all resources does not speak against what is said of this one.
        name = default.get("disposition") if isinstance(default, dict) else default
        if name != DISPOSITIONS.get(sync, name):
            result["write_disposition"] = None
    ours, theirs = _endpoint(resource), _endpoint(defaults)
    if not isinstance(ours, dict) or not isinstance(theirs, dict):
        return result
    endpoint = {**theirs, **ours}
    params = [e["params"] for e in (theirs, ours) if isinstance(e.get("params"), dict)]
    if params and isinstance(endpoint["params"], dict):
        endpoint["params"] = {key: value for one in params for key, value in one.items()}
    # dlt names a resource's path after the resource where none is given.
    endpoint.setdefault("path", resource.get("name", ""))
    if isinstance(endpoint.get("paginator"), str):
        endpoint["paginator"] = {"type": endpoint["paginator"]}
    result["endpoint"] = endpoint
    return result


def _endpoint(block: dict[str, Any]) -> Any:
    endpoint = block.get("endpoint")
    if endpoint is None:
        return {}
    return {"path": endpoint} if isinstance(endpoint, str) else endpoint


def bound(endpoint: dict[str, Any]) -> dict[str, Any]:
    """The endpoint with ``{name}`` in its path replaced by the parameter of that name, as in dlt.

    ValueError: the braces do not close, or there is no such parameter.
    """
    path, params = endpoint.get("path"), endpoint.get("params")
    if not isinstance(path, str) or not ("{" in path or "}" in path):
        return endpoint
    left = dict(params) if isinstance(params, dict) else {}
    used: set[str] = set()
    parts = []
    for literal, name, _, _ in string.Formatter().parse(path):
        parts.append(literal)
        if name is None:
            continue
        if name not in left or isinstance(left[name], (dict, list)):
            raise ValueError(f"{{{name}}} is not among endpoint.params")
        parts.append(str(left[name]))
        used.add(name)
    kept = {key: value for key, value in left.items() if key not in used}
    return {**endpoint, "path": "".join(parts), "params": kept}
