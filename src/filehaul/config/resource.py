"""One resource of the config, its defaults merged in, and the engine that lists it."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from .model import Content, Fields, Model, Paginator, Path, _a_path

Disposition = Literal["append", "merge", "replace", "skip"]
WriteDisposition = Disposition | dict[str, Any]

# What only dlt's own rest_api does: a resource with one of these is listed by dlt's engine.
DLT_RESOURCE_KEYS = frozenset(
    {
        "additional_table_hints",
        "columns",
        "file_format",
        "include_from_parent",
        "incremental",
        "max_table_nesting",
        "merge_key",
        "nested_hints",
        "parallelized",
        "parent",
        "processing_steps",
        "references",
        "schema_contract",
        "table_format",
        "table_name",
    }
)
DLT_ENDPOINT_KEYS = frozenset({"auth", "data", "incremental", "response_actions"})
DLT_PAGINATORS = frozenset({"auto", "json_response"})


class Endpoint(Model):
    """Where a listing is had. Names in here are the vendor's."""

    also_known: ClassVar[frozenset[str]] = DLT_ENDPOINT_KEYS

    path: str = ""
    method: Literal["GET", "POST"] = "GET"
    params: dict[str, Any] = Field(default_factory=dict)
    json_body: dict[str, Any] | None = Field(None, alias="json")
    headers: dict[str, str] = Field(default_factory=dict, repr=False)
    data_selector: str | None = Field(None, description="the array of records in the answer")
    page_array: Path | None = Field(
        None, description="the page's own array, where data_selector filters it"
    )
    paginator: Paginator | None = None

    @field_validator("data_selector", "page_array")
    @classmethod
    def _check(cls, value: str | None) -> str | None:
        return value if value is None else _a_path(value)


class Resource(Model):
    """A listing of files, and what is made of it."""

    also_known: ClassVar[frozenset[str]] = DLT_RESOURCE_KEYS

    name: str
    endpoint: Endpoint
    primary_key: str | tuple[str, ...] | None = None
    write_disposition: WriteDisposition = "append"
    selected: bool = True
    fields: Fields | None = Field(None, description="neutral columns: path in the record")
    content: Content | None = None
    raw: bool = Field(False, description="keep the vendor's record as JSON in column raw")

    @property
    def keys(self) -> tuple[str, ...]:
        """The primary key's columns; empty where there is none."""
        if self.primary_key is None:
            return ()
        return (self.primary_key,) if isinstance(self.primary_key, str) else self.primary_key

    @property
    def disposition(self) -> str:
        """dlt's write disposition: append, merge, replace."""
        if isinstance(self.write_disposition, dict):
            return str(self.write_disposition.get("disposition", "append"))
        return self.write_disposition


def merged(defaults: dict[str, Any], resource: dict[str, Any]) -> dict[str, Any]:
    """The resource over its defaults; ``endpoint`` and ``endpoint.params`` are merged by key."""
    result = {**defaults, **resource}
    ours, theirs = resource.get("endpoint", {}), defaults.get("endpoint", {})
    ours = {"path": ours} if isinstance(ours, str) else ours
    theirs = {"path": theirs} if isinstance(theirs, str) else theirs
    if isinstance(ours, dict) and isinstance(theirs, dict):
        endpoint = {**theirs, **ours}
        params = [e["params"] for e in (theirs, ours) if isinstance(e.get("params"), dict)]
        if params:
            endpoint["params"] = {key: value for p in params for key, value in p.items()}
        # dlt names a resource's path after the resource where none is given.
        endpoint.setdefault("path", resource.get("name", ""))
        result["endpoint"] = endpoint
    return result


_PARENT = re.compile(r"\{\s*(?:resources|incremental)\.")


def dlt_reason(resource: dict[str, Any], client: dict[str, Any]) -> str | None:
    """Why dlt's engine lists this resource (defaults merged in); None: filehaul's does."""
    for key in sorted(DLT_RESOURCE_KEYS & set(resource)):
        return f"it uses {key!r}, which is dlt's"
    endpoint = resource.get("endpoint")
    if not isinstance(endpoint, dict):
        return None
    for key in sorted(DLT_ENDPOINT_KEYS & set(endpoint)):
        return f"it uses 'endpoint.{key}', which is dlt's"
    for place in ("path", "params", "json"):
        if _PARENT.search(str(endpoint.get(place, ""))):
            return f"'endpoint.{place}' takes values from another resource or dlt's incremental"
    for name, value in (endpoint.get("params") or {}).items():
        if isinstance(value, dict) and value.get("type") in ("resolve", "incremental"):
            return f"the parameter {name!r} is resolved by dlt"
    if client.get("session") is not None:
        return "the client has a session object"
    if not isinstance(client.get("auth"), (dict, str, type(None))):
        return "the client's auth is an object"
    paginator = endpoint.get("paginator", client.get("paginator"))
    if paginator is None or _type_of(paginator) in DLT_PAGINATORS:
        return "it names no paginator, so dlt guesses one"
    if not isinstance(paginator, (dict, str)):
        return "its paginator is an object"
    return None


def _type_of(block: Any) -> Any:
    return block.get("type") if isinstance(block, dict) else block
