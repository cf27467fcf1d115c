"""What a sync makes of a listing: its type, the watermark, and what becomes of deleted files."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

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
    """Only what has changed: rows whose cursor is at the watermark or above it."""

    cursor_path: Path
    start_param: str | None = Field(
        None, min_length=1, description="the vendor's parameter for it; left out: we filter"
    )
    initial_value: str | int | float | None = Field(None, description="the first run's watermark")
    lag: float | None = Field(
        None,
        ge=0,
        description="how far below the watermark a run reads again: seconds where the cursor is a "
        "time (default 300), else in the cursor's own unit (default 0)",
    )
    format: Literal["iso", "epoch", "epoch_ms"] | None = Field(
        None, description="how the vendor writes the cursor; default: as its first value looks"
    )
