"""One small file, whole, and one byte of it: whether its record tells the truth about its bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ..addresses import Address, absolute
from ..checksums import new
from ..config import Config, Resource
from ..config.content import Content
from ..errors import FilehaulError, VendorError
from ..fields import Rows, roles_of
from ..http import Http
from ..models import File, Page, Task
from ..transfer import Requests
from .proven import NothingHereError

LARGEST = 16 * 1024 * 1024  # bytes: a larger file is not fetched for a look


def one_file(
    http: Http, config: Config, resource: Resource, rows: Rows, pages: Sequence[Page]
) -> Iterator[tuple[str, Callable[[], str]]]:
    """The steps, for `filehaul.check.conformance`; NothingHereError: why one is none."""
    content = resource.content
    look: _Look | None = None

    def begin() -> _Look:
        nonlocal look
        if content is None:
            raise NothingHereError("the config has no content")
        if look is None:
            look = _Look(http, config, content, *_smallest(config, resource, rows, pages))
        return look

    yield "bytes of a file", lambda: begin().whole()
    yield "a part of it", lambda: begin().part()


def _smallest(
    config: Config, resource: Resource, rows: Rows, pages: Sequence[Page]
) -> tuple[File, Task]:
    """The smallest file that is not empty, and how it is asked for."""
    roles = roles_of(resource, rows.records[0])
    found: list[tuple[int, int]] = []
    for number, record in enumerate(rows.records):
        size = roles.file(rows.keys[number], record, rows.folder(number)).size
        if roles.is_file(record) and size is not None and 0 < size <= LARGEST:
            found.append((size, number))
    for _, number in sorted(found):
        record = rows.records[number]
        text = roles.address(record, pages[rows.pages[number] - 1].url)
        if text is None:
            continue
        address = Address.of(text)
        file = roles.file(rows.keys[number], record, rows.folder(number))
        url = absolute(config.client.base_url, address.url)
        return file, Task(file, url, "", "", way=address.way, body=address.body)
    raise NothingHereError(f"no file of up to {LARGEST // 2**20} MiB on the first pages")


class _Look:
    def __init__(
        self, http: Http, config: Config, content: Content, file: File, task: Task
    ) -> None:
        self.http = http
        self.file = file
        self.task = task
        self.asking = Requests(content)
        self.ranges = config.preset is not None and config.preset.head.capabilities.ranges

    def whole(self) -> str:
        """All bytes, held to the record's size and each of its checksums."""
        came = _Bytes(self.file, {})
        self.http.send(self.asking.of(self.task, came))
        name = self.file.name or self.file.file_id
        if self.file.size is not None and came.size != self.file.size:
            raise VendorError(
                f"{name}: {came.size} bytes came, the record says {self.file.size}",
                hint="fields.size; where the vendor lies, content.verify",
            )
        for algorithm, told in self.file.checksum.items():
            found = came.digests[algorithm].hexdigest()
            if found != told:
                raise VendorError(
                    f"{name}: its {algorithm} is {found}, the record says {told}",
                    hint="fields.checksum: the algorithm, its path, its codec",
                )
        by = ", ".join(self.file.checksum) or "size alone"
        return f"{name}: {came.size} bytes, as the record says by {by}"

    def part(self) -> str:
        """One byte."""
        came = _Bytes(self.file, {"Range": "bytes=0-0"})
        self.http.send(self.asking.of(self.task, came))
        if came.status != 206:
            if self.ranges:
                raise VendorError(
                    f"the preset says that parts can be had, and {came.status} came",
                    hint="preset.capabilities.ranges",
                )
            raise NothingHereError("the vendor gives whole files only")
        told = came.headers.get("content-range", "")
        if came.size != 1 or not told.startswith("bytes 0-0/"):
            raise VendorError(
                f"one byte was asked for, {came.size} came ({told or 'no Content-Range'})",
                hint="a proxy between? parts are not used where they are not right",
            )
        return "one byte was asked for, and one came"


class _Bytes:
    """Takes a body and forgets it: what is kept is how long it was, and its checksums."""

    def __init__(self, file: File, headers: Mapping[str, str]) -> None:
        self._file = file
        self._headers = headers
        self.progress = 0
        self.status = 0
        self.size = 0
        self.headers: Mapping[str, str] = {}
        self.digests: dict[str, Any] = {}

    def resume(self) -> Mapping[str, str]:
        """Each attempt begins anew."""
        return self._headers

    def begin(self, head: Any) -> None:
        """A body comes."""
        self.status, self.headers, self.size = head.status, head.headers, 0
        self.digests = {name: new(name) for name in self._file.checksum}

    def write(self, chunk: bytes) -> None:
        """More of it."""
        self.size += len(chunk)
        if self.size > 2 * LARGEST:
            raise FilehaulError(f"more than {2 * LARGEST // 2**20} MiB came")
        for digest in self.digests.values():
            digest.update(chunk)

    def end(self) -> None:
        """It is whole."""
