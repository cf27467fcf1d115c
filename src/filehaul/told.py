"""What a vendor tells of changes and deletions, into the ledger; and the token to go on with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime

from .config import Config, Resource
from .deletes import Deletes, Outcome, beyond, withheld
from .fields import Reject, Shape
from .fields.codecs import UnfitError
from .fields.rows import snippet
from .http import Http
from .json_text import dumps
from .ledger import Ledger, Withheld, micros
from .listing import Lister, feed_lister, feed_of, lister
from .listing.feed import token_of, token_text
from .models import Page
from .paths import record_path
from .redact import MASK


class Told:
    """What one listing of one resource is told.

    What it says is gone becomes a tombstone when it has ended (`settle`): by then a file may have
    been told of again. ``accept``: what a person said may go. ``may_go_on``: from the change token
    of an earlier run; else everything is listed.
    """

    def __init__(
        self,
        config: Config,
        resource: Resource,
        ledger: Ledger,
        accept: Withheld | None = None,
        may_go_on: bool = True,
    ) -> None:
        self.config = config
        self.client = config.client
        self.resource = resource
        self.ledger = ledger
        self.accept = accept
        self.may_go_on = may_go_on
        self.meaning = meaning_of(config, resource)
        block = resource.changes
        located = block is not None and block.location_path is not None
        self.location = record_path(block.location_path or "") if block and located else None

    def lister(self, http: Http) -> Lister:
        """What is asked: the change feed where there is one, from the last token on."""
        resource = self.resource
        # Rows that are gone are told by a listing that proves that it saw all that are not.
        prove = resource.disposition == "merge"
        if not resource.has_feed:
            return lister(resource, self.client, http, prove=prove)
        held = self.ledger.changes.held(resource.name, self.meaning) if self.may_go_on else None
        known = self.ledger.folders.of(resource.name)
        if resource.tree is not None and not self.ledger.folders.has(resource.name):
            held = None  # a ledger made again may have the token, and no folders
        token = None if held is None else token_of(held)
        return feed_lister(resource, self.client, http, token, prove=prove, known=known)

    # -- files that are gone ---------------------------------------------------------------

    def bury(self, page: Page, shape: Shape) -> list[Reject]:
        """Note what the vendor says is gone; it may never have been known. Returns deletions that
        name no usable key. Called in a transaction.
        """
        rejects: list[Reject] = []
        if self.resource.gone == "none":
            return rejects
        keys: dict[str, list[str]] = {}
        for one in page.deleted:
            if one.location is not None:
                found = self.ledger.changes.at(self.resource.name, one.location)
            else:
                try:
                    found = [shape.key_of(one.ids)]
                except UnfitError as problem:
                    value = snippet(list(one.ids))
                    rejects.append(Reject(page.number, None, "", value, str(problem), record=True))
                    continue
            keys.setdefault(one.reason, []).extend(found)
        for reason, gone in keys.items():
            self._gone(gone, reason)
        return rejects

    def locate(self, keys: Iterable[str], records: Iterable[object]) -> None:
        """Where files are in the vendor's tree; who was there before is gone."""
        if self.location is None:
            return
        found = ((key, self.location.one(record)) for key, record in zip(keys, records))
        pairs = [(key, place) for key, place in found if isinstance(place, str) and place]
        others = self.ledger.changes.locate(self.resource.name, pairs)
        if self.resource.gone != "none":
            self._gone(others, "removed")

    def _gone(self, keys: list[str], reason: str) -> None:
        self.ledger.told.add(self.resource.name, keys, reason)
        self.ledger.changes.leave(self.resource.name, keys)

    def settle(
        self,
        number: int,
        listing_id: str,
        started: datetime,
        complete: bool,
        full: bool,
        ended: bool,
        overlaps: bool,
    ) -> Outcome:
        """A listing is over: tombstones for what it was told is gone, and was not told of again;
        for what it did not have, if it is complete and asked for everything; and for what a person
        has accepted. All as far as the guard lets them. Where rows can shift, or files move, unseen
        (not ``overlaps``), two complete listings must miss a file.
        """
        if self.resource.gone == "none":
            return Outcome()
        told = Outcome()
        if ended:
            told = self._settle(number, listing_id, micros(started), complete, full)
        else:  # what it was told may have been taken back on pages to come
            with self.ledger.transaction():
                self.ledger.told.clear(self.resource.name)
        confirm = self.resource.deletes.confirm or (1 if overlaps else 2)
        if self._is_unsure():
            confirm = max(confirm, 2)
        deletes = Deletes(self.config, self.resource, self.ledger, confirm, self.accept)
        outcome = deletes.after(number, listing_id, started, complete and full)
        return Outcome(told.deleted + outcome.deleted, told.error or outcome.error)

    def _settle(self, number: int, listing_id: str, at: int, complete: bool, full: bool) -> Outcome:
        name, book = self.resource.name, self.ledger.told
        with self.ledger.transaction():
            if not full:
                book.take_up(name, None if self.accept is None else self.accept.number)
            elif complete:
                book.settled(name)
            gone = book.count(name, number)
            known = self.ledger.files.count(name) if gone else 0
            reason = beyond(gone, known, self.resource.deletes.max)
            deleted, error = 0, None
            if reason is None:
                deleted = book.bury(name, number, at)
            else:
                kept = f"the vendor says that {gone:,} of {known:,} files are gone"
                error = withheld(self.config, self.resource, listing_id, kept, reason)
                if not full:
                    book.withhold(name, number, gone)
            book.clear(name)
        return Outcome(deleted, error)

    def _is_unsure(self) -> bool:
        """Whether this is the first listing of everything since the ledger was rebuilt without the
        change token: no file is taken for deleted by it alone.
        """
        if self.ledger.meta(f"unsure:{self.resource.name}") != "1":
            return False
        return self.ledger.withheld.whole(self.resource.name, 1) == 0

    # -- the token -------------------------------------------------------------------------

    def offer(self, listing: Lister, number: int) -> str | None:
        """A listing has ended well: its change token counts once its rows are loaded. Returns
        what table ``listings`` shows of it.
        """
        feed = feed_of(listing)
        if feed is None or feed.final is None:
            return None
        name, withheld = self.resource.name, self.ledger.withheld
        if (
            self._is_unsure()
            and not withheld.whole(name)
            and self.ledger.files.missing(name, number)
        ):
            return None  # they are gone, or not: the next listing of everything says so
        token, block = feed.final, self.resource.changes
        text = token_text(token)
        with self.ledger.transaction():
            self.ledger.changes.offer(self.resource.name, number, self.meaning, text)
        return str(token) if block is not None and block.keep_token else MASK


def is_full(listing: Lister) -> bool:
    """Whether a listing asks for every file, not only for what has changed."""
    feed = feed_of(listing)
    return feed is None or feed.is_full


def meaning_of(config: Config, resource: Resource) -> str:
    """What a change token of this resource stands on: with another config it says nothing."""
    auth = config.client.auth
    account = [getattr(auth, name, None) for name in ("type", "client_id", "username")]
    words = [
        config.client.base_url,
        account,
        resource.model_dump(mode="json", exclude={"deletes", "on_delete"}),
    ]
    return hashlib.blake2b(dumps(words), digest_size=16).hexdigest()
