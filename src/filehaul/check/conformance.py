"""The read-only part of the conformance suite, against the real vendor.

It holds the vendor to what the config says of it: what a sync relies on, and what no page by itself
can show. Nothing is written, at the vendor's or here; a few pages and one small file are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

from ..config import Config, Resource, load_config
from ..connect import connect
from ..errors import FilehaulError, VendorError
from ..fields import Rows, Shape
from ..http import Http, Wait
from ..listing import Listing, Walk, full_lister
from ..listing.feed import Feed
from ..models import Page
from ..pagination import smaller
from ..redact import redact
from .one_file import one_file
from .proven import NothingHereError, Proven
from .strangers import refuses_strangers

PAGES = 3
ROWS = 25  # of a page, where the paginator says how many


def conformance(
    config: Config | Mapping[str, Any] | str | Path,
    waiting: Callable[[Wait], None] = lambda _wait: None,
) -> Iterator[Proven]:
    """What holds, and what does not, resource by resource. It goes on after what fails.

    Raises ConfigError and CredentialsError: without these nothing can be asked.
    """
    loaded = load_config(config)
    with connect(loaded, waiting=waiting) as http:
        if http.authorize is not None:
            http.authorize.current()
        for one in loaded.dlt_resources:
            yield Proven(f"{one.name}", "not applicable", f"dlt's engine lists it: {one.reason}")
        for resource in loaded.resources:
            if resource.selected:
                yield from _Proof(http, loaded, resource).all()
        yield from _lines("credentials", refuses_strangers(http, loaded))


def _lines(what: str, steps: Iterator[tuple[str, Callable[[], str]]]) -> Iterator[Proven]:
    """Each step by itself: what it says, what it raises, or (NothingHereError) why it is none."""
    for name, step in steps:
        label = f"{what}: {name}"
        try:
            yield Proven(label, "passed", step())
        except NothingHereError as why:
            yield Proven(label, "not applicable", str(why))
        except FilehaulError as problem:
            yield Proven(label, "failed", redact(problem.message), problem)


class _Proof:
    """One resource. Pages are read once, and once more to see whether they stay the same."""

    def __init__(self, http: Http, config: Config, resource: Resource) -> None:
        self.http = http
        self.config = config
        self.resource = resource
        self.pages: list[Page] = []
        self.rows = Rows()
        self.per_page: list[list[str]] = []
        self.listing: Listing | Walk | None = None

    def all(self) -> Iterator[Proven]:
        """Every step; without a first page, no others."""
        first = list(_lines(self.resource.name, iter([("pages", self._read)])))
        yield from first
        if first[0].outcome == "failed" or not self.rows.records:
            return
        yield from _lines(self.resource.name, self._steps())

    def _steps(self) -> Iterator[tuple[str, Callable[[], str]]]:
        yield "keys", self._keys
        yield "page after page", self._in_a_row
        yield "the same twice", self._again
        yield "total", self._total
        yield "values", self._values
        yield "change feed", self._feed
        yield from one_file(self.http, self.config, self.resource, self.rows, self.pages)

    # -- pages -----------------------------------------------------------------------------

    def _read(self) -> str:
        self.listing = self._lister(prove=True)
        shape = Shape(self.resource, str)
        with closing(iter(self.listing)) as pages:  # type: ignore[type-var]
            for page in islice(pages, PAGES):
                self.pages.append(page)
                before = len(self.rows.keys)
                shape.keyed(self.rows, page.records, page.number, page.folder)
                self.per_page.append(self.rows.keys[before:])
        told = f"{len(self.pages)} page(s), {sum(len(page.records) for page in self.pages)} records"
        return told if self.rows.records else f"{told}: nothing more can be looked at"

    def _lister(self, *, prove: bool) -> Listing | Walk:
        listing = full_lister(self.resource, self.config.client, self.http, prove=prove)
        if isinstance(listing, Walk):
            listing.limit = ROWS
        else:
            listing.paging = smaller(listing.paging, ROWS)
        return listing

    def _keys(self) -> str:
        if self.rows.rejects:
            reject = self.rows.rejects[0]
            raise _wrong(
                f"{len(self.rows.rejects)} record(s) have no usable key: {reject.reason}",
                "primary_key, fields.file_id",
            )
        return f"{len(self.rows.keys)} records, each with a key"

    def _in_a_row(self) -> str:
        feed = self.resource.changes
        why = "each page is of another folder" if self.resource.walk else None
        if feed is not None and feed.start.path is None:
            why = "the listing is a feed, which may repeat itself"
        why = "there is one page" if sum(map(bool, self.per_page)) < 2 else why
        if why is not None:
            raise NothingHereError(why)
        seen: set[str] = set()
        for number, keys in enumerate(self.per_page, 1):
            again = seen.intersection(keys)
            if again or len(set(keys)) < len(keys):
                raise _wrong(
                    f"page {number} has records that were there before: {sorted(again)[:3]}",
                    "the paginator's parameters",
                )
            seen.update(keys)
        return f"{len(self.pages)} pages, no record twice"

    def _again(self) -> str:
        """Twice, since a file may have come in between."""
        for _ in range(2):
            with closing(iter(self._lister(prove=False))) as pages:  # type: ignore[type-var]
                page = next(pages)
            rows = Rows()
            Shape(self.resource, str).keyed(rows, page.records, 1, page.folder)
            if rows.keys == self.per_page[0]:
                return f"{len(rows.keys)} records, in the same order"
            self.per_page[0] = rows.keys
        raise _wrong(
            "the first page is another one each time it is asked",
            "an order that does not change: endpoint.params",
        )

    def _total(self) -> str:
        listing = self.listing
        if not isinstance(listing, Listing) or listing.total is None:
            raise NothingHereError("the vendor gives none")
        unique, ended = len(set(self.rows.keys)), listing.ended
        if listing.total < unique or (ended and listing.total != unique):
            raise _wrong(
                f"the vendor says {listing.total}, and {unique} came",
                "paginator.total_path: null, where it counts something else",
            )
        return f"{listing.total}, as the vendor says"

    def _values(self) -> str:
        rows = Rows(list(self.rows.keys), list(self.rows.records), list(self.rows.pages))
        Shape(self.resource, str).table(rows)
        if rows.rejects:
            reject = rows.rejects[0]
            raise _wrong(
                f"{len(rows.rejects)} value(s) do not fit; {reject.field} is {reject.value}: "
                f"{reject.reason}",
                f"fields.{reject.field}",
            )
        return f"every value of {len(rows.keys)} records fits its column"

    # -- the change feed -------------------------------------------------------------------

    def _feed(self) -> str:
        block = self.resource.changes
        if block is None:
            raise NothingHereError("the config names none")
        if block.start.path is None:
            raise NothingHereError("its first token is on the listing's last page")
        feed = Feed(self.resource, self.config.client, self.http)
        token = feed.start()
        page, _ = next(iter(feed.pages(token)))
        return f"a token was had, and it was taken: {len(page.records)} change(s) since"


def _wrong(what: str, check: str) -> VendorError:
    return VendorError(what, hint=f"check {check}")
