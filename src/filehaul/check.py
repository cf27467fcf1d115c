"""Look before you sync: each thing a run needs, one after the other, with the cause in words."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from .addresses import Address, absolute
from .config import Config, DltResource, Endpoint, Resource, load_config
from .config.walk import FolderMarks
from .connect import connect
from .errors import FilehaulError, VendorError
from .fields import NEUTRAL_TYPES, Rows, Shape, roles_of
from .http import Http, Wait
from .json_text import loads
from .layouts import blanks
from .listing import Listing, Walk, full_lister, request
from .load import examined
from .models import Page, Task
from .pagination import Ask, smaller
from .pagination.guess import proposal, selector
from .paths import MISSING, record_path
from .redact import excerpt, redact
from .sink import Bucket, sink_of
from .transfer import Requests

_FOLDERS = 20  # pages of a walk that are looked at for a file
_FEW = 10  # records are enough to see how a page is mapped


@dataclass(frozen=True)
class Finding:
    """One line of a check. ``error`` is set where it is not well."""

    what: str
    text: str
    error: FilehaulError | None = None

    def as_dict(self) -> dict[str, Any]:
        """The same for ``--json``."""
        return {
            "event": "check",
            "what": self.what,
            "ok": self.error is None,
            "text": self.text,
            "error": self.error and self.error.as_dict(),
        }


def check(
    config: Config | Mapping[str, Any] | str | Path,
    waiting: Callable[[Wait], None] = lambda _wait: None,
) -> Iterator[Finding]:
    """Findings in the order in which a run would meet them; the first that is not well ends it.

    Nothing is written: no ledger, no sink, no destination. ``waiting`` is told of long pauses.
    """
    try:
        loaded = load_config(config)
    except FilehaulError as problem:
        yield _failed("config", problem)
        return
    yield Finding(
        "config",
        f"{loaded.source}: {len(loaded.resources)} resource(s) of filehaul's"
        f" engine, {len(loaded.dlt_resources)} of dlt's",
    )
    found = ", ".join(f"{place}: {reference}" for place, reference in loaded.found)
    yield Finding("settings", found or "nothing is taken from the environment or dlt's providers")
    yield Finding("places", _places(loaded))
    for one in loaded.dlt_resources:
        yield Finding("engine", f"{one.name}: dlt's engine, because {one.reason}")
    for resource in loaded.resources:
        yield Finding("sync type", f"{resource.name}: {resource.sync}, deletes {resource.gone}")
    try:
        yield Finding("destination", examined(loaded))
    except FilehaulError as problem:
        yield _failed("destination", problem)
        return
    sink = sink_of(loaded)
    if isinstance(sink, Bucket):
        try:
            yield Finding("sink", sink.examine())
        except FilehaulError as problem:
            yield _failed("sink", problem)
            return
    with connect(loaded, waiting=waiting) as http:
        steps = [_token(http, loaded)]
        steps += [_resource(http, loaded, resource) for resource in loaded.resources]
        steps += [_proposal(http, loaded, one) for one in loaded.dlt_resources if one.is_guessed]
        for finding in itertools.chain(*steps):
            yield finding
            if finding.error is not None:
                return


def _failed(what: str, problem: FilehaulError) -> Finding:
    return Finding(what, problem.message, problem)


def _places(config: Config) -> str:
    from .own_ledger import state_path

    return f"ledger {state_path(config)}; sink {config.sink or 'none'}; dataset {config.dataset}"


def _token(http: Http, config: Config) -> Iterator[Finding]:
    block = config.client.auth
    if http.authorize is None or block is None:
        yield Finding("credentials", "none: the vendor is asked without credentials")
        return
    try:
        http.authorize.current()
    except FilehaulError as problem:
        yield _failed("credentials", problem)
        return
    got = "a token was obtained" if block.type.startswith("oauth2") else "taken from the config"
    yield Finding("credentials", f"{block.type}: {got}")


def _resource(http: Http, config: Config, resource: Resource) -> Iterator[Finding]:
    what = f"listing {resource.name}"
    try:
        first, page = _pages(full_lister(resource, config.client, http), resource)
    except FilehaulError as problem:
        yield _failed(what, problem)
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
    shape.table(rows)
    yield from _fields(resource, rows)
    if resource.content is not None:
        yield from _layout(resource, rows)
        yield from _content(http, config, resource, rows, page)


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
    return _failed(what, problem)


def _fields(resource: Resource, rows: Rows) -> Iterator[Finding]:
    """Which of the vendor's fields are taken for what, and those that do not fit."""
    what = f"fields {resource.name}"
    roles = roles_of(resource, rows.records[0])
    chosen = ", ".join(f"{role}: {path}" for role, path in roles.chosen.items())
    yield Finding(what, chosen or "no usual names; every column is kept")
    for column, path in _nowhere(resource, rows):
        yield Finding(what, f"suspicious: no record of the page has {path!r}; {column} stays null")
    for reject in rows.rejects[:5]:
        yield Finding(what, f"suspicious: {reject.field} is {reject.value!r}: {reject.reason}")


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


def _proposal(http: Http, config: Config, one: DltResource) -> Iterator[Finding]:
    """The paginator that the first answer looks like, where the config names none or `auto`."""
    what = f"paginator {one.name}"
    try:
        given = {
            key: one.block["endpoint"].get(key) for key in ("path", "method", "params", "json")
        }
        endpoint = Endpoint(**{key: value for key, value in given.items() if value is not None})
        response = http.send(request(config.client, endpoint, Ask(), None, None))
        answer = loads(response.body, response.headers.get("content-type", ""))
    except FilehaulError as problem:
        yield _failed(what, problem)
        return
    except (ValueError, KeyError):
        yield Finding(what, "nothing to propose: the first answer is not JSON")
        return
    block = ", ".join(
        f"{key}: {'null' if value is None else value}"
        for key, value in proposal(answer, response.headers).items()
    )
    yield Finding(
        what,
        f"proposed, from the first answer: data_selector: {selector(answer) or 'none found'};"
        f" paginator: {{{block}}}; compare it with the vendor's documentation",
    )


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


def _nowhere(resource: Resource, rows: Rows) -> Iterator[tuple[str, str]]:
    """Columns whose path leads nowhere in every record, as (column, path)."""
    if resource.fields is None:
        return
    for column in NEUTRAL_TYPES:
        source = getattr(resource.fields, column, None)
        sources = source.values() if isinstance(source, dict) else [source] if source else []
        for one in sources:
            path = record_path(one.path)
            if all(path.get(record) is MISSING for record in rows.records):
                yield column, one.path


def _content(
    http: Http, config: Config, resource: Resource, rows: Rows, page: Page
) -> Iterator[Finding]:
    what = f"content {resource.name}"
    roles = roles_of(resource, rows.records[0])
    assert resource.content is not None
    asking = Requests(resource.content)
    for key, record in zip(rows.keys, rows.records):
        file = roles.file(key, record)
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
            if not first.came:
                yield _failed(what, problem)
                return
        verified = ", ".join(file.checksum) or ("size" if file.size is not None else "nothing")
        yield Finding(
            what,
            f"reachable ({file.name or file.file_id}); verified by {verified}; {first.told}",
        )
        return
    yield _failed(
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
