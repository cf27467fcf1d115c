"""Where a file wants to lie in the sink, by its resource's layout.

Each function gives a safe path (`filehaul.names`). Whether a file gets the path that it wants is
another question (`filehaul.claims`): another one may have it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from .config import Resource
from .config.base import nearest, spelled
from .config.layout import BY_HASH, BY_ID, BY_PATH, LAYOUTS, PATH, Piece, segments
from .config.model import FieldSource
from .fields.braces import in_braces
from .fields.codecs import CODECS, UnfitError, text, timestamp
from .models import File
from .names import by_id, joined, safe_child_path, safe_path, safe_segment
from .paths import MISSING

Record = Mapping[str, Any]
Desired = Callable[[File, Record], str | None]
"""The path that a file wants; None: its bytes decide, when they are there (by_hash)."""

# What a transfer knows of every file, whatever its vendor calls it.
_KNOWN: dict[str, Callable[[File], str | None]] = {
    "file_id": lambda file: file.file_id,
    "file_name": lambda file: file.name,
    "drive_id": lambda file: file.drive_id,
    "version": lambda file: file.version,
}
_Text = Callable[[File, Record], str]


def layout_of(resource: Resource) -> Desired:
    """The layout of a resource that has content."""
    assert resource.content is not None
    layout = resource.content.layout
    named: dict[str, Desired] = {BY_PATH: _by_path, BY_ID: _by_id, BY_HASH: lambda _f, _r: None}
    return named.get(layout) or _Template(resource, layout)


def _by_path(file: File, _record: Record) -> str:
    return by_path(file)


def by_path(file: File) -> str:
    """Where it lies at the vendor's."""
    if file.path:
        return safe_child_path(file.path) if file.path_is_joined else safe_path(file.path)
    return safe_segment(file.name or file.file_id)  # a name may have slashes of its own


def _by_id(file: File, _record: Record) -> str:
    id_ = f"{file.drive_id}/{file.file_id}" if file.drive_id else file.file_id
    return by_id(id_, file.name)


class _Template:
    """The path of a template's columns. What a file does not have is as good as empty."""

    def __init__(self, resource: Resource, template: str) -> None:
        self._segments: list[list[_Text] | None] = [
            None if segment[0].column == PATH else [_text(resource, piece) for piece in segment]
            for segment in segments(template)
        ]

    def __call__(self, file: File, record: Record) -> str:
        """Each segment is one name; ``{path}`` (None) is the vendor's path."""
        found: list[str] = []
        for texts in self._segments:
            if texts is None:
                found += by_path(file).split("/")
            else:
                found.append(safe_segment("".join([of(file, record) for of in texts])))
        return joined(found)


def _text(resource: Resource, piece: Piece) -> _Text:
    """A piece's literal, and the value after it."""
    literal, column = piece.literal, piece.column
    if column is None:
        return lambda _file, _record: literal
    if piece.format:
        moment, written = reader(resource, column), piece.format

        def of_time(_file: File, record: Record) -> str:
            value = moment(record)
            return literal + _written(value, written) if isinstance(value, datetime) else literal

        return of_time
    known = _KNOWN.get(column)
    if known is not None:
        return lambda file, _record: literal + (known(file) or "")
    read = reader(resource, column, timed=False)

    def of_column(_file: File, record: Record) -> str:
        value = read(record)
        if isinstance(value, datetime):
            value = value.isoformat().replace("+00:00", "Z")
        return literal if value is None else literal + text(value)

    return of_column


def blanks(
    resource: Resource, files: Sequence[tuple[File, Record]]
) -> Iterator[tuple[str, str | None]]:
    """Columns of the layout's template that say nothing for any of these files, each with the
    name that was probably meant: None where no record has one like it.
    """
    assert resource.content is not None
    layout = resource.content.layout
    pieces = [] if layout in LAYOUTS else [one for some in segments(layout) for one in some]
    for piece in pieces:
        if piece.column is None or piece.column == PATH:
            continue
        says = _text(resource, piece._replace(literal=""))
        if not any(says(file, record) for file, record in files):
            yield piece.column, _meant(resource, piece.column, [record for _, record in files])


def _meant(resource: Resource, column: str, records: Sequence[Record]) -> str | None:
    """The name that is most like one that is in no record; of what lies deeper one level."""
    place = in_braces(resource, column)
    is_known = resource.fields is not None or column in _KNOWN
    if is_known or any(place.get(record) is not MISSING for record in records):
        return None
    names = {PATH, *_KNOWN}
    for record in records:
        names |= {spelled(name) for name in record if name.strip()}
        for name, value in record.items():
            names |= {f"{name}.{inner}" for inner in value} if isinstance(value, dict) else set()
    return nearest(column, sorted(names))


def _written(moment: datetime, form: str) -> str:
    """As strftime does, but a year always has four digits."""
    plain = form.replace("%%", "\0").replace("%Y", f"{moment.year:04}").replace("\0", "%%")
    return moment.strftime(plain)


def reader(resource: Resource, column: str, timed: bool = True) -> Callable[[Record], Any]:
    """Reads a column's value out of a record: None where it has none that fits. ``timed``: a
    moment in UTC, else what the record has.
    """
    source = getattr(resource.fields, column, None)
    name = source.codec if isinstance(source, FieldSource) else None
    codec = CODECS[name] if name else timestamp if timed else None
    place = in_braces(resource, column)

    def read(record: Record) -> Any:
        value = place.get(record)
        if value is MISSING or value is None or value == "":
            return None
        try:
            value = codec(value) if codec else value
        except UnfitError:
            return None
        if timed:
            return value.astimezone(timezone.utc) if isinstance(value, datetime) else None
        return value

    return read
