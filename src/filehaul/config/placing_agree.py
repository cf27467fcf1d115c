"""What must hold between a resource's layout, selection and ``on_delete`` and the rest of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ConfigError
from .base import nearest
from .layout import LAYOUTS, PATH, segments
from .model import Fields, FieldSource
from .sync_types import WITH_TOMBSTONES

if TYPE_CHECKING:
    from .content import Content
    from .resource import Resource

_TIMES = ("created_at", "modified_at")
# What every file has, or can do without.
_ALWAYS = frozenset({PATH, "file_id", "file_name", "drive_id"})


def agree_on_placing(resource: Resource, place: str) -> None:
    """Raises ConfigError for the first thing that does not fit together."""
    _on_delete(resource, place)
    content = resource.content
    if content is None:
        return
    if content.layout not in LAYOUTS:
        _template(content, resource.fields, place)
    if content.select is not None and resource.fields is not None:
        _select(content, resource.fields, place)


def _on_delete(resource: Resource, place: str) -> None:
    if resource.on_delete == "keep":
        return
    where = f"on_delete of {place}"
    if resource.content is None:
        raise ConfigError(
            f"on_delete: {resource.on_delete} without content: there are no bytes that could go",
            where=where,
            hint="drop it, or add content",
        )
    if resource.gone == "none":
        known = ", ".join(sorted(WITH_TOMBSTONES))
        raise ConfigError(
            f"on_delete: {resource.on_delete}, but nothing tells here which files are gone",
            where=where,
            hint=f"deletes: soft or hard, and a sync type with tombstones ({known})",
        )


def _template(content: Content, fields: Fields | None, place: str) -> None:
    for segment in segments(content.layout):
        for piece in segment:
            if piece.column is not None:
                _column(piece.column, bool(piece.format), fields, f"content.layout of {place}")


def _column(column: str, has_format: bool, fields: Fields | None, where: str) -> None:
    if fields is None:
        if has_format and column in _ALWAYS:
            raise _no_time(column, where)
        return  # a path into the record, or a column of the vendor's: seen when the records come
    known = sorted({*type(fields).model_fields, *_ALWAYS} - {"checksum"})
    if column not in known:
        near = nearest(column, known)
        hint = f"did you mean {near!r}?" if near else f"columns are: {', '.join(known)}"
        if column in ("checksum", "sha256"):
            hint = "layout: by_hash is the one by checksums"
        raise ConfigError(f"the layout names no column: {{{column}}}", where=where, hint=hint)
    if column not in _ALWAYS and not isinstance(getattr(fields, column), FieldSource):
        raise ConfigError(
            f"the column {column!r} of the layout is not among the fields",
            where=where,
            hint=f"fields.{column}: where it stands in the vendor's record",
        )
    if has_format and column not in _TIMES:
        raise _no_time(column, where)


def _no_time(column: str, where: str) -> ConfigError:
    return ConfigError(
        f"the column {column!r} is not a time: it takes no format",
        where=where,
        hint=f"write {{{column}}}",
    )


def _select(content: Content, fields: Fields, place: str) -> None:
    """What is asked of a column that nobody fills would keep out all files, or none."""
    assert content.select is not None
    asked = {
        "mime_type": ("mime_type",) if content.select.mime_type else (),
        "size": _given(content, "min_size", "max_size"),
        "modified_at": _given(content, "modified_after", "modified_before"),
    }
    for column, keys in asked.items():
        if keys and getattr(fields, column) is None:
            raise ConfigError(
                f"select by {keys[0]} needs the column {column}",
                where=f"content.select.{keys[0]} of {place}",
                hint=f"fields.{column}: where it stands in the vendor's record",
            )


def _given(content: Content, *keys: str) -> tuple[str, ...]:
    return tuple(key for key in keys if getattr(content.select, key) is not None)
