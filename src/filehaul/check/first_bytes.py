"""The first bytes of one file: whether content can be had as the config says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..addresses import Address, absolute
from ..config import Config, Resource
from ..errors import AnswerError, FilehaulError, VendorError
from ..fields import Rows, roles_of
from ..http import Http
from ..models import Page, Task
from ..redact import excerpt
from ..transfer import Requests
from .finding import Finding, failed


def first_bytes(
    http: Http, config: Config, resource: Resource, rows: Rows, page: Page
) -> Iterator[Finding]:
    """Asks for the first byte of the first file of a page that has an address."""
    what = f"content {resource.name}"
    roles = roles_of(resource, rows.records[0])
    assert resource.content is not None
    asking = Requests(resource.content)
    known = [(roles.file(*pair), pair[1]) for pair in zip(rows.keys, rows.records)]
    # Of an empty file there is no first byte.
    for file, record in sorted(known, key=lambda one: one[0].size == 0):
        first = _Few()
        try:
            text = roles.address(record, page.url)
            if text is None or not roles.is_file(record):
                continue
            address = Address.of(text)
            url = absolute(config.client.base_url, address.url)
            task = Task(file, url, "", "", way=address.way, body=address.body)
            http.send(asking.of(task, first))
        except _EnoughError:
            pass
        except FilehaulError as problem:
            is_empty = isinstance(problem, AnswerError) and problem.status == 416
            if not first.came and not (is_empty and file.size == 0):
                yield failed(what, problem)
                return
        verified = ", ".join(file.checksum) or ("size" if file.size is not None else "nothing")
        yield Finding(
            what,
            f"reachable ({file.name or file.file_id}); verified by {verified}; {first.told}",
        )
        return
    yield failed(
        what,
        VendorError(
            "no record of the first page has an address for its bytes",
            where=resource.name,
            hint="check content.path or content.url_field",
        ),
    )


class _EnoughError(FilehaulError):
    """The first bytes came: that is all a check wants."""


class _Few:
    """A writer that takes the first chunk and has enough."""

    def __init__(self) -> None:
        self.came = False
        self.told = "empty"
        self.progress = 0

    def resume(self) -> Mapping[str, str]:
        """One byte will do."""
        return {"Range": "bytes=0-0"}

    def begin(self, head: Any) -> None:
        """What the vendor says of it."""
        self.came = True
        ranges = "Range works" if head.status == 206 else "Range is ignored"
        self.told = f"{head.headers.get('content-type', 'no content type')}, {ranges}"

    def write(self, chunk: bytes) -> None:
        """One chunk is enough; the rest is not fetched."""
        self.came = True
        raise _EnoughError(excerpt(chunk, 40))

    def end(self) -> None:
        """An empty file."""
