"""The listing of a resource that has a change feed: everything once, then only what has changed.

The order of things is what makes it safe. The first token is asked for *before* the first full
listing (or stands on that listing's own last page): what changes meanwhile is told again by the
feed, and nothing falls between. A token that the vendor no longer takes means a full listing with a
new one. Who iterates decides when the token counts: not before the rows are in the destination.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from ..config import Resource
from ..config.model import Client
from ..errors import FilehaulError
from ..http import Http
from ..models import Page
from ..paths import MISSING, record_path
from .feed import Feed, Token, conceal_token
from .identity import Identity
from .netting import Netting

if TYPE_CHECKING:
    from . import Lister


class Changes:
    """Pages of what has changed since a token; of everything, where there is no good one.

    ``token``: from an earlier run; None: there is none. ``full``: the listing to make then.
    Iterate it once. In its pages each file comes at most once, deletions first. After the end,
    ``final`` is the token for the next run, ``is_full`` says whether everything was listed, and
    ``expired`` whether that was because the vendor did not take the token. Errors as `Listing`'s.
    """

    def __init__(
        self, resource: Resource, client: Client, http: Http, full: Lister, token: Token | None
    ) -> None:
        assert resource.changes is not None
        self.resource = resource
        self.block = resource.changes
        self.feed = Feed(resource, client, http)
        self.full = full
        self.token = token
        self.is_full = token is None
        self.expired = False
        self.final: Token | None = None
        self.pages = 0
        self.rows = 0
        self.doubt: str | None = None

    @property
    def how(self) -> str:
        """How it knows that it is whole, in words."""
        if not self.is_full:
            return "the change feed gave its final token"
        own = self.full.how
        return f"the change token had expired: {own}" if self.expired else own

    @property
    def overlaps(self) -> bool:
        """Whether rows that shifted underneath would have been seen; a feed has none that do."""
        return self.full.overlaps if self.is_full else True

    @property
    def total(self) -> int | None:
        """Of the full listing. None: what a feed tells of is not what a listing counts."""
        plain = self.block.start.path is not None and not self.resource.deleted
        return self.full.total if self.is_full and plain else None

    @property
    def largest_total(self) -> int | None:
        """Likewise."""
        return None if self.total is None else self.full.largest_total

    def __iter__(self) -> Iterator[Page]:
        if self.token is not None:
            conceal_token(self.token)
            changed = self._changed(self.token)
            if changed is not None:
                with closing(changed):
                    yield from changed.pages()
                return
            self.is_full = self.expired = True
        yield from self._everything()

    # -- what has changed ------------------------------------------------------------------

    def _changed(self, token: Token) -> Netting | None:
        """The whole feed, read to its end; None: the token is no longer good."""
        netting = self._netting()
        try:
            for page, final in self.feed.pages(token):
                self.pages += 1
                self.rows += len(page.records)
                netting.add(page)
                self.final = final
        except FilehaulError as problem:
            netting.close()
            self.final = None
            if not self.feed.is_invalid(problem):
                raise
            self.pages = self.rows = 0
            return None
        return netting

    def _netting(self) -> Netting:
        block = self.block
        identity = Identity(self.resource, block.deleted, block.id_paths, block.location_path)
        if block.file_path is None:
            return Netting(identity)
        path = record_path(block.file_path)

        def select(change: object) -> object:
            found = path.one(change)
            return None if found is MISSING else found

        return Netting(identity, select)

    # -- everything ------------------------------------------------------------------------

    def _everything(self) -> Iterator[Page]:
        if self.block.start.path is not None:
            first = self.feed.start()
            full = Netted(self.resource, self.full) if self.resource.deleted else self.full
            yield from self._counted(full)
            self.final = first
        else:
            yield from self._from_the_listing()
        self.doubt = self.full.doubt
        if self.doubt is not None:
            self.final = None  # what was not listed now would never be

    def _from_the_listing(self) -> Iterator[Page]:
        """The listing is the feed's own beginning: its records are changes, its end has a token."""
        last: Page | None = None

        def watched() -> Iterator[Page]:
            nonlocal last
            for page in self._counted(self.full):
                last = page
                yield page
            assert last is not None
            self.final = self.feed.last(last)

        yield from _netted(self._netting(), watched())

    def _counted(self, pages: Iterable[Page]) -> Iterator[Page]:
        for page in pages:
            self.pages, self.rows = self.full.pages, self.full.rows
            yield page


class Netted:
    """A listing whose records tell of deletions too: each file comes once, deletions first."""

    def __init__(self, resource: Resource, full: Lister) -> None:
        self.resource = resource
        self.full = full

    def __iter__(self) -> Iterator[Page]:
        return _netted(Netting(Identity(self.resource, self.resource.deleted)), self.full)

    @property
    def pages(self) -> int:
        """Pages that came."""
        return self.full.pages

    @property
    def rows(self) -> int:
        """Records that came, deletions among them."""
        return self.full.rows

    @property
    def doubt(self) -> str | None:
        """Why it may not be whole."""
        return self.full.doubt

    @property
    def how(self) -> str:
        """How it knows that it is whole."""
        return self.full.how

    @property
    def overlaps(self) -> bool:
        """Whether rows that shifted underneath would have been seen."""
        return self.full.overlaps

    @property
    def total(self) -> int | None:
        """None: the vendor counts the deletions too."""
        return None

    @property
    def largest_total(self) -> int | None:
        """Likewise."""
        return None


def _netted(netting: Netting, pages: Iterable[Page]) -> Iterator[Page]:
    """Also of a listing that breaks off: what it told so far is given on before the error is."""
    problem: FilehaulError | None = None
    with closing(netting):
        try:
            for page in pages:
                netting.add(page)
        except FilehaulError as raised:
            problem = raised
        yield from netting.pages()
    if problem is not None:
        raise problem
