"""What a sync makes of a listing: its type, the watermark, and what becomes of deleted files."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import BeforeValidator, Field

from .base import Model, Path

SyncType = Literal[
    "full_refresh",
    "full_refresh_append",
    "incremental_append",
    "incremental",
    "snapshot",
    "changes",
    "history",
]
SYNC_TYPES: tuple[SyncType, ...] = get_args(SyncType)
# dlt's write disposition of each.
DISPOSITIONS: dict[str, str] = {
    "full_refresh": "replace",
    "full_refresh_append": "append",
    "incremental_append": "append",
    "incremental": "merge",
    "snapshot": "merge",
    "changes": "merge",
    "history": "merge",
}
# Those whose tables have a row for a file that is gone.
WITH_TOMBSTONES = frozenset({"incremental", "snapshot", "changes", "history"})

# What only dlt's own incremental does.
DLT_INCREMENTAL_KEYS = frozenset(
    {"convert", "last_value_func", "primary_key", "range_end", "range_start", "row_order"}
)
_PLACEHOLDERS = {"{incremental.start_value}": "start_param", "{incremental.end_value}": "end_param"}
_Value = str | int | float


def _share(value: Any) -> Any:
    """``10%`` as 0.1."""
    if isinstance(value, str) and value.strip().endswith("%"):
        try:
            return float(value.strip()[:-1]) / 100
        except ValueError:
            return value
    return value


class DeleteLimits(Model):
    """How many files may go in one run before a person is asked."""

    share: Annotated[float, BeforeValidator(_share)] = Field(
        0.1, ge=0, le=1, description="of all files of the resource, as in 10% or 0.1"
    )
    always_allow: int = Field(20, ge=0, description="so many may always go")
    never_more_than: int = Field(100_000, ge=0, description="more than these never may")


class Deletes(Model):
    """What becomes of rows whose files are gone at the vendor's."""

    how: Literal["soft", "hard", "none"] = Field(
        "soft", description="soft: the row says when; hard: the row goes; none: it stays as it was"
    )
    confirm: int | None = Field(
        None,
        ge=1,
        le=10,
        description="complete listings in a row that must miss a file; default: 1, and 2 where "
        "pages are numbered and may shift unseen",
    )
    max: DeleteLimits = Field(default_factory=DeleteLimits)


class Incremental(Model):
    """Only what has changed: rows whose cursor is at the watermark or above it.

    The words are dlt's, but for ``format``.
    """

    also_known: ClassVar[frozenset[str]] = DLT_INCREMENTAL_KEYS

    cursor_path: Path
    start_param: str | None = Field(
        None, min_length=1, description="the vendor's parameter for it; left out: we filter"
    )
    initial_value: _Value | None = Field(None, description="where the first run begins")
    end_param: str | None = Field(
        None, min_length=1, description="the vendor's parameter for end_value"
    )
    end_value: _Value | None = Field(
        None, description="only rows below it: every run reads the same, and keeps no watermark"
    )
    lag: float | None = Field(
        None,
        ge=0,
        description="how far below the watermark a run reads again: seconds where the cursor is a "
        "time (default 300), else in the cursor's own unit (default 0)",
    )
    format: Literal["iso", "epoch", "epoch_ms"] | None = Field(
        None, description="how the vendor writes the cursor; default: as its first value looks"
    )
    on_cursor_value_missing: Literal["include"] = Field(
        "include", description="rows whose cursor is null are always there"
    )


def with_incremental(resource: dict[str, Any]) -> dict[str, Any]:
    """dlt's other ways to write ``endpoint.incremental``, as that one.

    A parameter that is ``{type: incremental, …}``, and one that is ``{incremental.start_value}``.
    What does not fit is left for dlt's engine.
    """
    endpoint = resource.get("endpoint")
    params = endpoint.get("params") if isinstance(endpoint, dict) else None
    if not isinstance(endpoint, dict) or not isinstance(params, dict):
        return resource
    block, left = endpoint.get("incremental"), dict(params)
    for name, value in params.items():
        if isinstance(value, dict) and value.get("type") == "incremental" and block is None:
            block = {key: one for key, one in value.items() if key != "type"}
            block["start_param"] = name
        elif isinstance(value, str) and isinstance(block, dict):
            key = _PLACEHOLDERS.get(value.replace(" ", ""))
            if key is None or key in block:
                continue
            block = {**block, key: name}
        else:
            continue
        del left[name]
    if len(left) == len(params):
        return resource
    return {**resource, "endpoint": {**endpoint, "params": left, "incremental": block}}
