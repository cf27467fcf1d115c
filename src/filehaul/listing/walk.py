"""Folder by folder, from the root down, many at once.

The order of the pages is the same in every walk over the same folders, however fast each answer
comes: folders are begun in the order in which they were found (breadth first), a few of them are
open at a time, and the open ones take turns, a page each. So a large folder does not keep the
others waiting, no page token grows old, and few pages wait for their turn.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from ..config import Resource
from ..config.model import Client
from ..config.walk import FolderMarks
from ..errors import FilehaulError, VendorError
from ..http import Http, Request
from ..http.origins import resolve
from ..models import Folder, Page
from ..names import child_path
from ..pagination import smaller
from .flat import Listing
from .folder_endpoint import FolderEndpoints
from .frontier import Frontier, Waiting
from .marks import digest
from .troubles import Troubles


@dataclass(eq=False)
class _Open:
    """A folder that is being read. ``mark``: digest of its first page, if that holds anything."""

    waiting: Waiting
    listing: Listing
    mark: bytes | None = None
    is_closed: bool = False


class Walk:
    """The pages of all folders below the root. Iterate it once; `Page.number` counts from 1.

    Raises what concerns the whole vendor (credentials, a root that cannot be read, ten folders in
    a row that fail for a while only). A folder that cannot be read does not stop the others: then
    ``doubt``, after the end, says how many there were and names the first. ``how``, after the end:
    how it knows that it is whole. ``folders``: how many were read. ``prove``: as of a `Listing`,
    for each folder. ``limit``: the most rows of a page, where not the paginator says it.

    Each folder is read once, however many lead to it, so a circle of folders ends.
    """

    # A file that moves from a folder not yet read into one that was is on no page.
    overlaps = False

    def __init__(
        self, resource: Resource, client: Client, http: Http, *, prove: bool = False
    ) -> None:
        assert resource.walk is not None
        self.resource = resource
        self.client = client
        self.http = http
        self.walk = resource.walk
        self.prove = prove
        self.pages = 0
        self.rows = 0
        self.folders = 0
        self.limit: int | None = None
        self.total: int | None = None  # of all folders together no vendor tells
        self.largest_total: int | None = None
        self.doubt: str | None = None
        self.how = "not listed to its end"
        self._marks = FolderMarks(resource)
        self._endpoints = FolderEndpoints(resource)
        self._most = 2 * http.settings.concurrency
        self._turns: deque[_Open] = deque()
        self._asking: deque[_Open] = deque()
        self._troubles = Troubles(self.walk, self._marks.id_path.text)

    def __iter__(self) -> Iterator[Page]:
        self._frontier = Frontier()
        with closing(self._frontier):
            self._frontier.add(self._roots())
            self._fill()
            with closing(self.http.run(self._requests())) as results:
                for result in results:
                    opened, question = result.request.context
                    opened.listing.tell(question, result)
                    yield from self._in_order()
                    if not self._turns:
                        break  # guesses past an end may be in flight: nobody waits for them
        self._end()

    # -- what is asked ---------------------------------------------------------------------

    def _roots(self) -> list[Waiting]:
        """The roots. Of several, each begins the paths below it: with its name, else its id."""
        alone = len(self.walk.root) == 1
        return [
            Waiting(
                root.id,
                Folder(str(root.id), child_path("", root.name or ("" if alone else str(root.id)))),
                address=root.path,
            )
            for root in self.walk.root
        ]

    def _fill(self) -> None:
        """Begin folders while there is room; where none is left, look ahead in the open ones."""
        while len(self._turns) < self._most:
            waiting = self._frontier.take()
            if waiting is None:
                self._look_ahead()
                return
            endpoint = self._endpoints.of(waiting)
            resource = self.resource.model_copy(update={"endpoint": endpoint})
            listing = Listing(resource, self.client, self.http, prove=self.prove)
            listing.reach = 1
            if self.limit is not None:
                listing.paging = smaller(listing.paging, self.limit)
            listing.begin()
            opened = _Open(waiting, listing)
            self._turns.append(opened)
            self._asking.append(opened)

    def _look_ahead(self) -> None:
        reach = self._most // max(1, len(self._turns))
        if reach > 1:
            for opened in self._turns:
                opened.listing.reach = reach
                opened.listing.guess()
                self._asking.append(opened)

    def _requests(self) -> Iterator[Request | None]:
        """Questions as there is room for them; None: nothing to ask before the next answer."""
        while self._turns:
            if not self._asking:
                yield None
                continue
            opened = self._asking[0]
            request = None if opened.is_closed else opened.listing.ask()
            if request is None:
                self._asking.popleft()
            else:
                yield replace(request, context=(opened, request.context))

    # -- what comes ------------------------------------------------------------------------

    def _in_order(self) -> Iterator[Page]:
        """The pages that have come and whose turn it is."""
        while self._turns and self._turns[0].listing.is_due:
            opened = self._turns.popleft()
            pages = self._taken(opened)
            if opened.listing.ended:
                self._ended(opened)
            if not opened.is_closed:
                self._turns.append(opened)
                self._asking.append(opened)
            self._fill()
            yield from pages

    def _taken(self, opened: _Open) -> list[Page]:
        """What comes next in this folder: a page, or none. It is closed where it cannot be had."""
        begun = opened.listing.pages > 0
        pages: list[Page] = []
        try:
            for page in opened.listing.step():
                if page.number == 1 and page.records:
                    opened.mark = digest(page.records)
                    self._troubles.listen(opened.waiting, opened.mark)
                pages.append(self._told(opened, page))
                if opened.listing.next_link is not None:
                    resolve(page.url, opened.listing.next_link)  # else this folder ends here
        except FilehaulError as problem:
            opened.is_closed = True
            self._troubles.refuse(opened.waiting, problem, not begun)
        return pages

    def _told(self, opened: _Open, page: Page) -> Page:
        """The page as one of the walk, the folders on it noted."""
        self._troubles.in_a_row = 0
        self.folders += page.number == 1
        self.pages += 1
        self.rows += len(page.records)
        self._frontier.add(self._below(opened, page))
        return replace(page, number=self.pages, folder=opened.waiting.folder)

    def _below(self, opened: _Open, page: Page) -> Iterator[Waiting]:
        """The folders among the records."""
        above, depth = opened.waiting.folder, opened.waiting.depth + 1
        address: str | None = None
        for record in page.records:
            if not self._marks.is_folder(record):
                continue
            id_ = self._marks.folder_id(record)
            if id_ is None:
                self._troubles.without_id += 1
            elif depth > self.walk.max_depth:
                self._troubles.too_deep += 1
            elif self.walk.url_field is not None and not (address := self._address(record, page)):
                self._troubles.without_address += 1
            else:
                name = self._marks.name(record)
                path = child_path(above.path, str(id_) if name is None else name)
                complete = above.path_complete and name is not None
                yield Waiting(id_, Folder(str(id_), path, complete), depth, address, opened.mark)

    def _address(self, record: Any, page: Page) -> str | None:
        """The folder's own address; None: its record has none that could be asked."""
        found = self._marks.address(record)
        try:
            return found and resolve(page.url, found)
        except VendorError:
            return None

    # -- the end ---------------------------------------------------------------------------

    def _ended(self, opened: _Open) -> None:
        opened.is_closed = True
        if opened.listing.doubt is not None:
            self._troubles.note(opened.waiting, opened.listing.doubt)

    def _end(self) -> None:
        self.doubt = self._troubles.ended(self.pages)
        if self.doubt is None:
            self.how = f"each of {self.folders:,} folders was read to its end"
