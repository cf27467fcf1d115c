"""What a transfer must know of a file: its key, name, path, size, checksum and whether it changed.

With ``fields`` the neutral columns say it. Without, the vendor's own usual names do: `check`
shows the choice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ..checksums import SUPPORTED
from ..config import Resource
from ..config.model import FieldSource
from ..json_text import dumps, mended
from ..models import File, Folder
from ..paths import MISSING, Place, RecordPath, key_path
from .asked import Asked
from .codecs import CODECS, Convert, UnfitError, checksum_codec, checksum_hex, size, text
from .columns import plain_name
from .places import Places

USUAL = {
    "file_id": ("file_id", "id"),
    "drive_id": ("drive_id",),
    "name": ("file_name", "name", "filename"),
    "path": ("path", "file_path"),
    "size": ("size", "file_size", "size_bytes", "bytes"),
    "modified": ("modified_at", "updated_at", "modified", "updated", "last_modified"),
    "version": ("version", "etag", "rev", "revision"),
    "mime_type": ("mime_type", "mimeType", "content_type", "contentType"),
}
_INT64 = 2**63
_WITHOUT_BYTES = frozenset({"folder", "directory", "dir", "shortcut", "link", "other"})


Get = Callable[[Mapping[str, Any]], Any]
"""Reads one value of a record; None where there is none or it does not fit."""


def _get(paths: Sequence[Place], convert: Convert | None = None) -> Get:
    """A value that may stand in several places: the first that holds one counts."""
    names = [name for path in paths if (name := plain_name(path)) is not None]
    if len(names) < len(paths):
        readers: list[Get] = [path.get for path in paths]
    elif len(names) == 1 and convert is None:
        return _of(names[0])
    else:
        readers = [_of(name) for name in names]

    def get(record: Mapping[str, Any]) -> Any:
        for read in readers:
            value = read(record)
            if value is None or value is MISSING:
                continue
            if convert is None or (convert is size and type(value) is int and 0 <= value < _INT64):
                return value
            try:
                return convert(value)
            except UnfitError:
                return None
        return None

    return get


def _of(name: str) -> Get:
    return lambda record: record.get(name)


@dataclass(frozen=True)
class Roles:
    """Where in a record stands what a transfer needs. Made by `roles_of`."""

    resource: str
    roles: Mapping[str, Get]
    checksums: Mapping[str, Get]
    asked: Asked | None = None
    chosen: Mapping[str, str] = field(default_factory=dict)
    places: Places | None = None

    def file(self, key: str, record: Mapping[str, Any], folder: Folder | None = None) -> File:
        """The record as a `File`. ``folder``: where a walk found it."""
        of = {name: get(record) for name, get in self.roles.items()}
        checksum: dict[str, str] = {}
        for algorithm, get in self.checksums.items():
            value = get(record)
            if isinstance(value, str) and (plain := checksum_hex(algorithm, value)) is not None:
                checksum[algorithm] = plain
        file_id = of.get("file_id")
        path = _text_or_none(of.get("path"))
        is_joined = False
        if path is None and folder is not None and self.places is not None:
            path, _ = self.places.path(folder, record, key)
            is_joined = True
        file = File(
            resource=self.resource,
            key=key,
            file_id=key if file_id in (None, "") else text(file_id),
            drive_id=text(of.get("drive_id") or ""),
            name=_text_or_none(of.get("name")),
            path=path,
            size=of.get("size"),
            checksum=checksum,
            fingerprint=fingerprint(checksum, of),
            version=_text_or_none(of.get("version")),
            path_is_joined=is_joined,
            mime_type=_mime_type(of.get("mime_type")),
        )
        if self.asked is None or self.asked.exports is None:
            return file
        return self.asked.exported(file)

    @cached_property
    def tells_folders(self) -> bool:
        """Whether a record may be a folder; else all are files."""
        return self.places is not None or "kind" in self.roles

    def is_file(self, record: Mapping[str, Any]) -> bool:
        """Whether the record has bytes: what is no folder to a walk, and of no kind without."""
        if self.places is not None and self.places.is_folder(record):
            return False
        return "kind" not in self.roles or has_bytes(self.roles["kind"](record))

    def has_no_file(self, file: File) -> bool:
        """Whether it is a document without bytes of its own that is not to be exported."""
        return self.asked is not None and self.asked.has_no_file(file.mime_type)

    def address(self, record: Mapping[str, Any], page_url: str) -> str | None:
        """Where and how the record's bytes are asked for (`filehaul.addresses`); None where it does
        not say. ``page_url``: where it was read. Raises VendorError for an address that cannot be
        asked.
        """
        if self.asked is None:
            return None
        mime_type = None if self.asked.exports is None else self._mime_type(record)
        return self.asked.address(record, mime_type, page_url)

    def _mime_type(self, record: Mapping[str, Any]) -> str | None:
        get = self.roles.get("mime_type")
        return None if get is None else _mime_type(get(record))

    @property
    def url_field(self) -> RecordPath | None:
        """Where records hold the address themselves; None: they do not."""
        return None if self.asked is None else self.asked.url_field


def has_bytes(kind: Any) -> bool:
    """Whether files of this kind have bytes; a word that is none of ours says nothing."""
    return not (isinstance(kind, str) and kind.lower() in _WITHOUT_BYTES)


def _text_or_none(value: Any) -> str | None:
    if value is None or value == "" or isinstance(value, (dict, list)):
        return None
    return text(value)


def _mime_type(value: Any) -> str | None:
    """As in ``text/plain``: what follows a semicolon says nothing about the kind of file."""
    if not isinstance(value, str):
        return None
    return value.partition(";")[0].strip().lower() or None


def fingerprint(checksum: Mapping[str, str], of: Mapping[str, Any]) -> str:
    """Has this file changed since we last saw it? The first there is of checksum, version, etag,
    (size, modified time); empty where the record says nothing, and then the file is fetched once.
    """
    if len(checksum) == 1:
        ((name, value),) = checksum.items()
        return f"c:{name}={value}"
    if checksum:
        return "c:" + ",".join(f"{name}={value}" for name, value in sorted(checksum.items()))
    if of.get("version") not in (None, ""):
        return "v:" + _short(of["version"])
    parts = [of.get("size"), of.get("modified")]
    return "" if parts == [None, None] else "m:" + _short(parts)


def _short(value: Any) -> str:
    plain = mended(value) if isinstance(value, str) else dumps(value, sort=True).decode()
    if len(plain) <= 64:
        return plain
    return hashlib.blake2b(plain.encode(), digest_size=16).hexdigest()


def roles_of(resource: Resource, sample: Mapping[str, Any] | None = None) -> Roles:
    """The roles of a resource; ``sample``: a record, to say in ``chosen`` what was found in it."""
    roles: dict[str, Get] = {}
    checksums: dict[str, Get] = {}
    chosen: dict[str, str] = {}
    fields = resource.fields
    if fields is not None:
        pairs = {"name": "file_name", "modified": "modified_at"}
        for role in (*USUAL, "kind"):
            source = getattr(fields, pairs.get(role, role))
            if isinstance(source, FieldSource):
                roles[role] = _role(role, [source.place], source.codec)
                chosen[role] = source.place.text
        for algorithm, source in fields.checksum.items():
            convert = checksum_codec(algorithm, source.codec)
            checksums[algorithm] = _get([source.place], convert)
            chosen[f"checksum {algorithm}"] = source.place.text
    else:
        _usual(resource, sample or {}, roles, checksums, chosen)
    asked = None if resource.content is None else Asked(resource)
    places = Places(resource) if resource.has_places else None
    return Roles(resource.name, roles, checksums, asked, chosen, places)


def _usual(
    resource: Resource,
    sample: Mapping[str, Any],
    roles: dict[str, Get],
    checksums: dict[str, Get],
    chosen: dict[str, str],
) -> None:
    """The usual names: each record may have them or not, in the order of preference."""
    for role, usual in USUAL.items():
        # The config's own key comes before the usual names of one.
        own = resource.keys if role == "file_id" and len(resource.keys) == 1 else ()
        names = tuple(dict.fromkeys((*own, *usual)))
        roles[role] = _role(role, [key_path(name) for name in names])
        found = next((name for name in names if name in sample), None)
        if found is not None:
            chosen[role] = found
    for algorithm in sorted(SUPPORTED):
        checksums[algorithm] = _role("", [key_path(algorithm)])
        value = sample.get(algorithm)
        if isinstance(value, str) and checksum_hex(algorithm, value) is not None:
            chosen[f"checksum {algorithm}"] = algorithm


def _role(role: str, paths: Sequence[Place], codec: str | None = None) -> Get:
    convert = CODECS[codec] if codec else None
    return _get(paths, size if role == "size" and convert is None else convert)
