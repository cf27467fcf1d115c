"""What the fake vendor holds: files, and the record that tells of each."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from mimetypes import guess_type
from pathlib import Path
from typing import Any

from filehaul.testing.answers import CHUNK, to_json

LONG_AGO = datetime(2024, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class FakeFile:
    """A file of the fake vendor.

    ``path`` is ``folder/name``; left out, it is ``file_name``; None is null. ``content`` is bytes,
    or the path of a file on disk, which is read when it is asked for. ``mime_type`` left out is
    guessed from the name; None is null. Times are aware datetimes or None (null). ``extra`` adds
    keys to the record or overrides them, with any JSON value, also of the wrong type; ``...``
    (Ellipsis) as value leaves the key out. ``exports`` makes it a native document, which has no
    bytes of its own, no size and no checksum: MIME type to the bytes that an export gives.
    """

    file_id: str
    file_name: str
    path: str | None = ""
    content: bytes | Path = b""
    mime_type: str | None = ""
    created_at: datetime | None = LONG_AGO
    modified_at: datetime | None = LONG_AGO
    owner: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    exports: Mapping[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse naive datetimes: nobody could say which moment they mean."""
        for name in ("created_at", "modified_at"):
            moment: datetime | None = getattr(self, name)
            if moment is not None and moment.tzinfo is None:
                msg = f"{name} of {self.file_id!r} has no time zone"
                raise ValueError(msg)
        if self.path == "":
            object.__setattr__(self, "path", self.file_name)
        if self.mime_type == "":
            guess = guess_type(self.file_name)[0] or "application/octet-stream"
            object.__setattr__(self, "mime_type", guess)


def iso(moment: datetime | None) -> str | None:
    """ISO 8601 in UTC with Z; microseconds only where there are any."""
    if moment is None:
        return None
    return moment.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")


Version = tuple[int, int, int]
"""Of a file on disk: size in bytes, mtime and ctime in nanoseconds."""


def version_of(path: Path) -> Version:
    """What tells two contents of a file on disk apart without reading them."""
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def modified(version: Version) -> datetime:
    """When a file on disk was last written, to the microsecond, in UTC."""
    return datetime.fromtimestamp(version[1] // 1000 / 1_000_000, timezone.utc)


def sha256_of(content: bytes | Path) -> str:
    """The sha256 as lowercase hex; of a file on disk, read in chunks."""
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    digest = hashlib.sha256()
    with content.open("rb", buffering=0) as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


class Entry:
    """A file with what is worked out from it once: size, checksum, ETag, row.

    A file on disk that changes makes another entry (:meth:`current`).
    """

    __slots__ = ("_sha256", "file", "headers", "row", "size", "version")

    def __init__(self, file: FakeFile) -> None:
        self.file = file
        self.row: bytes | None = None
        self.headers: dict[str, str] | None = None
        self._sha256: str | None = None
        if isinstance(file.content, bytes):
            self.version: Version | None = None
            self.size = len(file.content)
        else:
            self.version = version_of(file.content)
            self.size = self.version[0]

    @property
    def sha256(self) -> str:
        """Of the content, lowercase hex; worked out at the first call."""
        if self._sha256 is None:
            self._sha256 = sha256_of(self.file.content)
        return self._sha256

    def tag(self, *, by_content: bool) -> str:
        """The ETag without quotes; not by content: from size and time (only for files on disk)."""
        if by_content or self.version is None:
            return self.sha256[:32]
        return f"{self.size:x}-{self.version[1]:x}"

    def current(self) -> Entry | None:
        """This entry, a new one if the file on disk has changed, None if it is gone."""
        if self.version is None or isinstance(self.file.content, bytes):
            return self
        try:
            version = version_of(self.file.content)
            if version == self.version:
                return self
            follows_disk = self.file.modified_at == modified(self.version)
            moment = modified(version) if follows_disk else self.file.modified_at
            return Entry(replace(self.file, modified_at=moment))
        except OSError:
            return None


@dataclass(frozen=True)
class RecordShape:
    """How the vendor tells of a file: which keys, and a hook that may change them all."""

    content_url: Callable[[str], str]
    checksum: bool
    etag: bool
    hook: Callable[[dict[str, Any]], dict[str, Any]] | None

    def record(self, entry: Entry) -> dict[str, Any]:
        """The record of a file as a dict."""
        file = entry.file
        record: dict[str, Any] = {
            "file_id": file.file_id,
            "id": file.file_id,
            "file_name": file.file_name,
            "name": file.file_name,
            "path": file.path,
            "size": entry.size,
            "mime_type": file.mime_type,
            "created_at": iso(file.created_at),
            "modified_at": iso(file.modified_at),
            "owner": file.owner,
        }
        if self.checksum:
            record["sha256"] = entry.sha256
        if self.etag:
            record["etag"] = entry.tag(by_content=self.checksum)
        record["download_url"] = self.content_url(file.file_id)
        if file.exports:
            record["size"] = None
            for key in ("sha256", "etag", "download_url"):
                record.pop(key, None)
        if file.extra:
            merged = {**record, **file.extra}
            record = {key: value for key, value in merged.items() if value is not ...}
        return self.hook(record) if self.hook else record

    def row(self, entry: Entry) -> bytes:
        """The record as JSON; kept in the entry."""
        if entry.row is None:
            entry.row = to_json(self.record(entry))
        return entry.row
