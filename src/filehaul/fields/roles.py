"""What a transfer must know of a file: its key, name, path, size, checksum and whether it changed.

With ``fields`` the neutral columns say it. Without, the vendor's own usual names do: `check`
shows the choice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import orjson

from ..checksums import SUPPORTED, normalise
from ..config import Resource
from ..config.model import FieldSource
from ..models import File
from ..names import url_segment
from ..paths import MISSING, RecordPath, record_path
from ..templates import pieces
from .codecs import CODECS, Convert, UnfitError, size, text

_USUAL = {
    "file_id": ("file_id", "id"),
    "drive_id": ("drive_id",),
    "name": ("file_name", "name", "filename"),
    "path": ("path", "file_path"),
    "size": ("size", "file_size", "size_bytes", "bytes"),
    "modified": ("modified_at", "updated_at", "modified", "updated", "last_modified"),
    "version": ("version", "etag", "rev", "revision"),
}
_FOLDERS = frozenset({"folder", "directory", "dir"})


@dataclass(frozen=True)
class _Role:
    path: RecordPath
    convert: Convert | None = None

    def of(self, record: Any) -> Any:
        """The value, converted; None where there is none or it does not fit."""
        value = self.path.get(record)
        if value is MISSING or value is None or self.convert is None:
            return None if value is MISSING else value
        try:
            return self.convert(value)
        except UnfitError:
            return None


@dataclass(frozen=True)
class Roles:
    """Where in a record stands what a transfer needs. Made by `roles_of`."""

    resource: str
    roles: Mapping[str, _Role]
    checksums: Mapping[str, _Role]
    address: tuple[tuple[str, RecordPath | None], ...] = ()
    url_field: RecordPath | None = None
    chosen: Mapping[str, str] = field(default_factory=dict)

    def file(self, key: str, record: Mapping[str, Any]) -> File:
        """The record as a `File`."""
        of = {name: role.of(record) for name, role in self.roles.items()}
        checksum: dict[str, str] = {}
        for algorithm, role in self.checksums.items():
            value = role.of(record)
            plain = normalise(algorithm, value) if isinstance(value, str) else None
            if plain is not None:
                checksum[algorithm] = plain
        file_id = of.get("file_id")
        return File(
            resource=self.resource,
            key=key,
            file_id=key if file_id in (None, "") else text(file_id),
            drive_id=text(of.get("drive_id") or ""),
            name=_text_or_none(of.get("name")),
            path=_text_or_none(of.get("path")),
            size=of.get("size"),
            checksum=checksum,
            fingerprint=fingerprint(checksum, of),
            version=_text_or_none(of.get("version")),
        )

    def is_file(self, record: Mapping[str, Any]) -> bool:
        """Whether the record has bytes; only a ``kind`` that says folder says no."""
        kind = self.roles["kind"].of(record) if "kind" in self.roles else None
        return not (isinstance(kind, str) and kind.lower() in _FOLDERS)

    def url(self, record: Mapping[str, Any]) -> str | None:
        """The content's address, absolute or below base_url; None where the record has none."""
        if self.url_field is not None:
            found = self.url_field.get(record)
            return found if isinstance(found, str) and found else None
        parts: list[str] = []
        in_query = False
        for literal, path in self.address:
            parts.append(literal)
            in_query = in_query or "?" in literal
            if path is None:
                continue
            value = path.get(record)
            if value is MISSING or value is None or value == "" or isinstance(value, (dict, list)):
                return None
            parts.append(quote(text(value), safe="") if in_query else url_segment(text(value)))
        return "".join(parts)


def _text_or_none(value: Any) -> str | None:
    return None if value is None or value == "" or isinstance(value, (dict, list)) else text(value)


def fingerprint(checksum: Mapping[str, str], of: Mapping[str, Any]) -> str:
    """Has this file changed since we last saw it? The first there is of checksum, version, etag,
    (size, modified time); empty where the record says nothing, and then the file is fetched once.
    """
    if checksum:
        return "c:" + ",".join(f"{name}={value}" for name, value in sorted(checksum.items()))
    if of.get("version") not in (None, ""):
        return "v:" + _short(of["version"])
    parts = [of.get("size"), of.get("modified")]
    return "" if parts == [None, None] else "m:" + _short(parts)


def _short(value: Any) -> str:
    plain = value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
    if len(plain) <= 64:
        return plain
    return hashlib.blake2b(plain.encode("utf-8", "replace"), digest_size=16).hexdigest()


def roles_of(resource: Resource, sample: Mapping[str, Any] | None = None) -> Roles:
    """The roles of a resource; ``sample``: a record, where the usual names must be looked for."""
    roles: dict[str, _Role] = {}
    checksums: dict[str, _Role] = {}
    chosen: dict[str, str] = {}
    fields = resource.fields
    if fields is not None:
        pairs = {"name": "file_name", "modified": "modified_at"}
        for role in (*_USUAL, "kind"):
            source = getattr(fields, pairs.get(role, role))
            if isinstance(source, FieldSource):
                roles[role] = _role(role, source.path, source.codec)
                chosen[role] = source.path
        for algorithm, source in fields.checksum.items():
            checksums[algorithm] = _role("", source.path, source.codec)
            chosen[f"checksum {algorithm}"] = source.path
    else:
        _usual(resource, sample or {}, roles, checksums, chosen)
    content = resource.content
    address: list[tuple[str, RecordPath | None]] = []
    if content is not None and content.path is not None:
        for literal, name in pieces(content.path):
            address.append((literal, None if name is None else _address(resource, name)))
    url_field = record_path(content.url_field) if content and content.url_field else None
    return Roles(resource.name, roles, checksums, tuple(address), url_field, chosen)


def _usual(
    resource: Resource,
    sample: Mapping[str, Any],
    roles: dict[str, _Role],
    checksums: dict[str, _Role],
    chosen: dict[str, str],
) -> None:
    """The usual names, as far as the sample has them."""
    for role, names in _USUAL.items():
        if role == "file_id" and len(resource.keys) == 1:
            names = (resource.keys[0], *names)  # noqa: PLW2901 - the config's own key comes first
        for name in names:
            if name in sample:
                roles[role] = _role(role, f'["{name}"]', None)
                chosen[role] = name
                break
    for algorithm in sorted(SUPPORTED):
        value = sample.get(algorithm)
        if isinstance(value, str) and normalise(algorithm, value) is not None:
            checksums[algorithm] = _role("", f'["{algorithm}"]', None)
            chosen[f"checksum {algorithm}"] = algorithm


def _role(role: str, path: str, codec: str | None) -> _Role:
    convert = CODECS[codec] if codec else None
    return _Role(record_path(path), size if role == "size" and convert is None else convert)


def _address(resource: Resource, name: str) -> RecordPath:
    """A name in the braces: one of the table's columns, else a path into the record."""
    source = getattr(resource.fields, name, None) if resource.fields is not None else None
    return record_path(source.path if isinstance(source, FieldSource) else name)
