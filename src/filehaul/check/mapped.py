"""One page mapped: what each column of the catalogue has of it, and what is odd about that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ..config import Resource
from ..config.field_source import FieldSource
from ..fields import Rows, Shape, roles_of
from ..fields.rows import snippet
from .finding import Finding, Mapped, suspicious
from .looks import Looked, checksums_of, looks, more_columns, sources_of, written_as

if TYPE_CHECKING:
    import pyarrow as pa

_MOST_EXAMPLE = 40
_MOST_REJECTS = 5


def mapped(
    resource: Resource, shape: Shape, rows: Rows, records: Sequence[Any], has_preset: bool = False
) -> Iterator[Finding]:
    """The table of a page, and a line for each thing in it that is suspicious.

    ``records``: all that came, those without a usable key included. ``has_preset``: the config
    names one.
    """
    what = f"fields {resource.name}"
    table = shape.table(rows)
    chosen = roles_of(resource, rows.records[0]).chosen
    said = ", ".join(f"{role}: {path}" for role, path in chosen.items())
    columns = tuple(_columns(resource, table))
    yield Finding(what, said or "no usual names; every column is kept", columns=columns)
    seen = Looked(resource, rows, table, records, has_preset)
    odd = f"mapped {resource.name}"
    if not seen.files:
        yield Finding(odd, "no file is on the page: what files have cannot be checked")
        return
    told: set[str] = set()
    for column, text, advice in looks(seen):
        told.add(column)
        yield suspicious(odd, text, advice)
    values = [one for one in rows.rejects if not one.record and one.field not in told]
    for reject in values[:_MOST_REJECTS]:
        advice = written_as(seen, reject.field)
        yield suspicious(odd, f"{reject.field} is {reject.value!r}: {reject.reason}", advice)
    if more := more_columns(seen):
        yield Finding(odd, f"the records have more: {'; '.join(more)}")


def _columns(resource: Resource, table: pa.Table) -> Iterator[Mapped]:
    """The columns that the config maps, or that a walk fills; all of them without ``fields``."""
    sources = sources_of(resource)
    for name in table.column_names:
        values = table.column(name).to_pylist()
        filled = sum(value is not None for value in values)
        if resource.fields is not None and name not in sources and not filled:
            continue
        example = next((value for value in values if value is not None), None)
        path = _path(name, sources.get(name), resource)
        yield Mapped(name, path, filled, len(values) - filled, _shown(example))


def _path(name: str, source: FieldSource | None, resource: Resource) -> str:
    if name in ("checksum", "checksum_algorithm"):
        paths = [one.place.text for _, one in checksums_of(resource)]
        return ", ".join(paths)
    if source is None:
        return "" if resource.fields is not None else name
    codec = f" ({source.codec})" if source.codec else ""
    return source.place.text + codec


def _shown(example: Any) -> str | None:
    if example is None:
        return None
    text = snippet(example.isoformat() if hasattr(example, "isoformat") else example)
    return text if len(text) <= _MOST_EXAMPLE else text[:_MOST_EXAMPLE] + "…"
