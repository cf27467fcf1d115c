"""One page of a listing: what came, and whether it fits what the config says of it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from ..config import Config, Resource
from ..config.walk import FolderMarks
from ..errors import FilehaulError, VendorError
from ..fields import Rows, Shape, roles_of
from ..http import Http
from ..layouts import blanks
from ..listing import Listing, Walk, full_lister
from ..models import Page
from ..pagination import smaller
from ..redact import redact
from .finding import Finding, failed
from .first_bytes import first_bytes
from .mapped import mapped

_FOLDERS = 20  # pages of a walk that are looked at for a file
_FEW = 10  # records are enough to see how a page is mapped


def one_page(http: Http, config: Config, resource: Resource) -> Iterator[Finding]:
    """The findings of a resource: its first page, its fields, the first bytes of a file."""
    what = f"listing {resource.name}"
    try:
        first, page = _pages(full_lister(resource, config.client, http), resource)
    except FilehaulError as problem:
        yield failed(what, problem)
        return
    yield Finding(what, f"one page: {page.size} record(s) from {redact(page.url)}")
    yield from _too_many(config, resource, page)
    if resource.walk is not None and first.records:
        yield Finding(what, _folders(resource, first))
        if all(FolderMarks(resource).is_folder(record) for record in page.records):
            yield Finding(what, "no file in the first folders: nothing more can be checked")
            return
    records = page.records
    if resource.walk is not None:
        records = [one for one in records if not FolderMarks(resource).is_folder(one)]
    rows = Rows()
    shape = Shape(resource, str)
    shape.keyed(rows, records, 1, page.folder)
    if not rows.records:
        yield _nothing(what, rows, page)
        return
    yield from mapped(resource, shape, rows, records, config.preset is not None)
    roles = roles_of(resource)
    if resource.content is not None and any(map(roles.is_file, rows.records)):
        yield from _layout(resource, rows)
        yield from first_bytes(http, config, resource, rows, page)


def _too_many(config: Config, resource: Resource, page: Page) -> Iterator[Finding]:
    """A vendor that knows the paginator's parameters gives no more than was asked for."""
    block = resource.endpoint.paginator or config.client.paginator
    if block is not None and block.type == "offset" and page.size > _FEW:
        yield Finding(
            f"listing {resource.name}",
            f"suspicious: {page.size} records came where {_FEW} were asked for: does the vendor"
            f" know {block.limit_param!r} and {block.offset_param!r}?",
        )


def _nothing(what: str, rows: Rows, page: Page) -> Finding:
    """Why there are no rows: no records, or none with a key."""
    if not page.records:
        return Finding(what, "the page is empty: nothing more can be checked")
    reject = rows.rejects[0]
    problem = VendorError(
        f"no record has a usable key: {reject.reason}",
        where=reject.value,
        hint="check primary_key and fields.file_id",
    )
    return failed(what, problem)


def _layout(resource: Resource, rows: Rows) -> Iterator[Finding]:
    """Columns of a template that would leave a gap in the name of every file."""
    roles = roles_of(resource, rows.records[0])
    files = [
        (roles.file(key, record, rows.folder(number)), record)
        for number, (key, record) in enumerate(zip(rows.keys, rows.records))
        if roles.is_file(record)
    ]
    for column, near in dict(blanks(resource, files) if files else ()).items():
        yield Finding(
            f"layout {resource.name}",
            f"suspicious: {{{column}}} is empty for every file of the page"
            + (f": did you mean {near!r}?" if near else ""),
        )


def _folders(resource: Resource, page: Page) -> str:
    """How many folders the rule of the walk finds in its first page."""
    marks, count = FolderMarks(resource), len(page.records)
    folders = [record for record in page.records if marks.is_folder(record)]
    if not folders:
        return f"suspicious: none of {count} records is a folder by walk.folder: is there none?"
    odd = sum(marks.folder_id(record) is None for record in folders)
    if odd:
        return f"suspicious: {odd} of {len(folders)} folders have no id ({marks.id_path.text})"
    return f"walk: {len(folders)} of {count} records are folders"


def _pages(listing: Listing | Walk, resource: Resource) -> tuple[Page, Page]:
    """The first page; and of a walk the first that has a file, among the first few."""
    if isinstance(listing, Listing):
        listing.paging = smaller(listing.paging, _FEW)
    else:
        listing.limit = _FEW
    first: Page | None = None
    for page in islice(listing, _FOLDERS):
        first = first or page
        if isinstance(listing, Listing):
            break
        marks = FolderMarks(resource)
        if not all(marks.is_folder(record) for record in page.records):
            return first, page
    if first is None:
        raise FilehaulError("a listing without a page")
    return first, first
