"""One listing into the ledger and the spool: which rows are new, changed, or not loaded yet."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from .config import Config, Resource
from .deletes import Outcome
from .errors import FilehaulError, VendorError
from .fields import TEXT, TIMESTAMP, Reject, Roles, Rows, Shape, roles_of
from .http import Http
from .increment import Increment
from .ledger import Ledger, Withheld, micros
from .listing import how_known, unlike_total
from .load import ROW_VERSION, Catalogue, How, Spool, Standing
from .load.signed import without_signatures
from .load.tombstones import row_version
from .models import ListingSummary, Page
from .noted import Notes
from .redact import redact
from .told import Told, is_full

# Rows compared and noted at once. While that is done nothing is asked: more of them, and the
# vendor waits for us (measured at 30 ms a page: 10,000 took a quarter off the rate); fewer, and
# each costs more (100: a tenth).
STRETCH = 1000
OUR_COLUMNS = {
    "first_seen_at": TIMESTAMP,
    "last_seen_at": TIMESTAMP,
    "deleted_at": TIMESTAMP,
    "delete_reason": TEXT,
}


@dataclass
class Listed:
    """A listing that has ended: what it saw, and what of it is to be loaded.

    ``is_full``: it asked for every file, not only for what has changed. ``loads``: its rows may be
    loaded; half a listing only ever adds to a table. ``files``: those that came, without folders.
    """

    number: int
    summary: ListingSummary
    catalogue: Catalogue
    files: int = 0
    rejects: list[Reject] = field(default_factory=list)
    error: FilehaulError | None = None
    deletes: Outcome = field(default_factory=Outcome)
    is_full: bool = True
    loads: bool = True


class Catalogist:
    """Lists one resource. Pages become rows by the ten thousand; memory does not grow.

    ``may_go_on``: from where an earlier run came to; else everything is listed. ``anew``: because
    a person wants it so.
    """

    def __init__(
        self,
        config: Config,
        resource: Resource,
        http: Http,
        ledger: Ledger,
        naming: Callable[[str], str],
        watch: Callable[[int], None] = lambda _rows: None,
        accept: Withheld | None = None,
        may_go_on: bool = True,
        anew: bool = False,
    ) -> None:
        self.config = config
        self.resource = resource
        self.ledger = ledger
        self.watch = watch
        self.anew = anew
        self.started = datetime.now(timezone.utc)
        self.increment: Increment | None = None
        if resource.watermark is not None:
            self.increment = Increment(
                config, resource, ledger.watermarks, self.started, not may_go_on
            )
        asked = resource if self.increment is None else self.increment.resource
        self.told = Told(config, asked, ledger, accept, may_go_on)
        self.listing = self.told.lister(http)
        self.shape = Shape(resource, naming, ledger.columns(resource.name))
        self.listing_id = uuid.uuid4().hex
        self.spool = Spool(config.home / "spool" / config.name / self.listing_id)
        self.roles: Roles | None = roles_of(resource) if resource.fields is not None else None
        self.rejects: list[Reject] = []
        self.rejected_rows = 0
        self.number = 0
        self.rows = 0
        self.folders = 0
        # Where nobody asks later what was there, and every row is loaded, nothing is compared.
        self.compares = bool(resource.keys) and (
            resource.gone != "none" or resource.content is not None
        )
        self.loads_all = resource.disposition != "merge"
        self.versions = resource.sync == "history"
        self.notes = None if resource.content is None else Notes(resource, self.started)
        self.standing = Standing.of(ledger, resource, self.increment is not None, anew)

    def run(self) -> Listed:
        """List to the end; an error of the vendor's is in the result, not raised."""
        self.number = self.ledger.begin_listing(self.listing_id, self.resource.name, self.started)
        if self.increment is not None:
            with self.ledger.transaction():
                self.increment.begin()
        error: FilehaulError | None = None
        rows = Rows()
        pages = iter(self.listing)
        while True:
            try:
                page = next(pages, None)
            except FilehaulError as problem:
                error, page = problem, None
            if page is None or len(rows.records) >= STRETCH:
                self._take(rows)
                rows = Rows()
            if page is None:
                break
            self._add(rows, page)
        self.spool.close()
        return self._ended(error)

    def _add(self, rows: Rows, page: Page) -> None:
        """A page's records, their addresses, and nothing of these that is a credential."""
        if page.deleted:
            with self.ledger.transaction():
                self._reject(self.told.bury(page, self.shape))
        before = len(rows.records)
        records = page.records if self.increment is None else self.increment.kept(page.records)
        self.shape.keyed(rows, records, page.number, page.folder)
        if self.roles is None and rows.records:
            self.roles = roles_of(self.resource, rows.records[0])
        if self.resource.content is not None:
            self._addresses(rows, page.url)
        url_field = self.roles.url_field if self.roles is not None else None
        without_signatures(rows.records[before:], url_field)
        self.watch(len(page.records))

    # -- rows ------------------------------------------------------------------------------

    def _addresses(self, rows: Rows, url: str) -> None:
        """Addresses of the page's bytes, while the page's own address is at hand."""
        assert self.roles is not None or not rows.records
        while len(rows.addresses) < len(rows.records):
            number = len(rows.addresses)
            rows.addresses.append(self._address(rows, number, url))

    def _address(self, rows: Rows, number: int, url: str) -> str | None:
        assert self.roles is not None
        try:
            return self.roles.address(rows.records[number], url)
        except VendorError as problem:
            key, page, field = rows.keys[number], rows.pages[number], self.roles.url_field
            assert field is not None
            address = redact(str(field.get(rows.records[number])))[:200]
            rows.rejects.append(Reject(page, key, field.text, address, problem.message))
            return None

    def _take(self, rows: Rows) -> None:
        """One stretch of rows: compare, put aside what is to be loaded, and note it all at once."""
        if not self.compares:
            self._take_all(rows)
            return
        at = micros(self.started)
        hashes = self.shape.hashes(rows.records, rows.folders)
        name = self.resource.name
        book, every = self.ledger.files, self.loads_all
        known = book.standing(name, self.number, rows.keys, hashes, at, every)
        repeated = set(known.repeated)
        to_load = known.to_load
        if self.loads_all and (self.increment is None or self.anew):
            to_load = [number for number in range(len(hashes)) if number not in repeated]
        if self.increment is not None and self.increment.appends:
            # While there was no content, the ledger had no files: the edge tells of their rows.
            fresh = set(self.increment.new(hashes))
            to_load = [number for number in to_load if number in fresh]
        first_seen = [known.first_seen.get(number, at) for number in to_load]
        rejects = self._put_aside(rows, to_load, first_seen, hashes)
        if not self.loads_all:
            # Rows that were noted before, and not loaded since, had theirs told then.
            new = {rows.keys[number] for number in known.changed}
            rejects = [one for one in rejects if one.record or one.key in new]
        with self.ledger.transaction():
            self._note(rows, hashes, known.changed, repeated, at)
            if self.increment is not None:
                self.increment.note(rows.records, hashes)
            self._reject(rejects)
            self._fix_columns()
        self._count(rows, repeated)

    def _take_all(self, rows: Rows) -> None:
        """The same where nothing is compared, and the ledger keeps no files."""
        needs_hashes = self.versions or (self.increment is not None and self.increment.appends)
        hashes = self.shape.hashes(rows.records, rows.folders) if needs_hashes else []
        numbers = self._fresh(hashes) if hashes else list(range(len(rows.records)))
        # When a file was first seen nobody knows, but for rows that stand there as they came.
        first_seen = [micros(self.started) if self.loads_all else None] * len(numbers)
        rejects = self._put_aside(rows, numbers, first_seen, hashes)
        with self.ledger.transaction():
            if self.increment is not None and hashes:
                self.increment.note(rows.records, hashes)
            self._reject(rejects)
            self._fix_columns()
        self._count(rows, set())

    def _count(self, rows: Rows, repeated: set[int]) -> None:
        """So many rows came, and of those that had not come before, so many are folders."""
        self.rows += len(rows.records)
        if self.roles is not None and self.roles.tells_folders:
            new = (record for n, record in enumerate(rows.records) if n not in repeated)
            self.folders += sum(not self._is_file(record) for record in new)

    def _is_file(self, record: dict[str, Any]) -> bool:
        roles = self.roles
        return roles is None or not roles.tells_folders or roles.is_file(record)

    def _fresh(self, hashes: list[bytes]) -> list[int]:
        """Rows that are not in the table yet, where each run appends."""
        if self.increment is None or not self.increment.appends:
            return list(range(len(hashes)))
        return self.increment.new(hashes)

    def _fix_columns(self) -> None:
        if self.shape.added:
            self.ledger.add_columns(self.resource.name, self.shape.added)
            self.shape.added.clear()

    def _put_aside(
        self, rows: Rows, numbers: list[int], first_seen: Sequence[int | None], hashes: list[bytes]
    ) -> list[Reject]:
        """These rows into the spool; what was rejected of them, and of the stretch before."""
        if not numbers:
            return rows.rejects
        chosen = rows if len(numbers) == len(rows.records) else rows.only(numbers)
        table = self._table(chosen, first_seen, [hashes[n] for n in numbers if hashes])
        rejects = rows.rejects if chosen is rows else [*rows.rejects, *chosen.rejects]
        if self.standing is not None:
            table, rejects = self.standing.left_out(table, chosen.keys, self.shape.types, rejects)
        self.spool.add(table)
        return rejects

    def _note(
        self, rows: Rows, hashes: list[bytes], changed: list[int], repeated: set[int], at: int
    ) -> None:
        """Write down what this listing saw, and what of it has changed."""
        book, name = self.ledger.files, self.resource.name
        if self.resource.content is None:  # rows of the catalogue: nothing else is asked of them
            noted = [(rows.keys[n], hashes[n], self._is_file(rows.records[n])) for n in changed]
            book.note_rows(name, self.number, noted, at)
        elif changed:
            assert self.roles is not None
            assert self.notes is not None
            notes = [self.notes.note(self.roles, rows, n, hashes[n]) for n in changed]
            book.note(name, self.number, notes, at)
        others = repeated.union(changed)
        book.seen(name, self.number, [k for n, k in enumerate(rows.keys) if n not in others])
        if self.resource.content is not None:
            pairs = zip(rows.keys, rows.addresses)
            kept = self.resource.asks_for_changes
            book.addresses(name, [(key, address) for key, address in pairs if address], kept)
        self.told.locate(rows.keys, rows.records)

    def _table(self, rows: Rows, first_seen: Sequence[int | None], hashes: list[bytes]) -> Any:
        count = len(rows.records)
        nothing: list[Any] = [None] * count
        extra: dict[str, tuple[str, Sequence[Any]]] = {
            "first_seen_at": (TIMESTAMP, first_seen),
            "last_seen_at": (TIMESTAMP, [self.started] * count),
            "deleted_at": (TIMESTAMP, nothing),
            "delete_reason": (TEXT, nothing),
        }
        if self.versions:
            found = [row_version(key, one) for key, one in zip(rows.keys, hashes)]
            extra[ROW_VERSION] = (TEXT, found)
        return self.shape.table(rows, extra)

    def _reject(self, rejects: list[Reject]) -> None:
        if not rejects:
            return
        at = micros(datetime.now(timezone.utc))
        self.ledger.packages.notice(
            "rejected",
            [
                {
                    "resource": self.resource.name,
                    "listing_id": self.listing_id,
                    **reject.as_row(),
                    "recorded_at": at,
                }
                for reject in rejects
            ],
        )
        self.rejected_rows += sum(reject.record for reject in rejects)
        self.rejects += rejects[: max(0, 100 - len(self.rejects))]

    # -- the end ---------------------------------------------------------------------------

    def _ended(self, error: FilehaulError | None) -> Listed:
        """Sum the listing up, note it, and settle what it says of changes and deletes."""
        unique = self.rows
        if self.compares:
            unique = self.ledger.files.unique(self.resource.name, self.number)
        unlike = None
        if self.increment is None or self.increment.is_full:
            unlike = unlike_total(self.listing, unique + self.rejected_rows)
        summary = self._summary(error, unique, unlike)
        self.ledger.end_listing(self.number, summary)
        ended = error is None and self.listing.doubt is None
        if ended and self.increment is not None and (unlike is None or self.increment.appends):
            with self.ledger.transaction():  # a file that was missed is older than the watermark
                self.increment.offer(self.number)
        deletes = self.told.settle(
            self.number,
            self.listing_id,
            self.started,
            summary.complete,
            self.is_full,
            error is None,
            self.listing.overlaps,
        )
        return Listed(
            self.number,
            summary,
            self._catalogue(),
            unique - self.folders,
            self.rejects,
            error,
            deletes,
            self.is_full,
            self._loads(error, ended),
        )

    def _summary(
        self, error: FilehaulError | None, unique: int, unlike: str | None
    ) -> ListingSummary:
        """``unique``: how many keys came. ``unlike``: that the vendor's total is another."""
        # What this listing did not see, a feed from its token on would never tell of.
        token = None
        if error is None and unlike is None:
            token = self.told.offer(self.listing, self.number)
        why_not = unlike if self.listing.doubt is None else self.listing.doubt
        if error is not None:
            why_not = redact(error.message)
        elif self.rejected_rows:
            why_not = f"{self.rejected_rows} records had no usable key"
        return ListingSummary(
            listing_id=self.listing_id,
            resource=self.resource.name,
            started_at=self.started,
            finished_at=datetime.now(timezone.utc),
            pages=self.listing.pages,
            rows=self.listing.rows,
            unique_keys=unique,
            complete=why_not is None,
            how=self._how(unique) if error is None else "stopped",
            why_not=why_not,
            change_token=token,
        )

    def _how(self, unique: int) -> str:
        """How the listing knows that it is whole; of all keys only where all were asked for."""
        return how_known(self.listing, unique) if self.is_full else self.listing.how

    @property
    def is_full(self) -> bool:
        """Whether every file was asked for, not only what has changed."""
        return is_full(self.listing) and (self.increment is None or self.increment.is_full)

    def _loads(self, error: FilehaulError | None, ended: bool) -> bool:
        if self.increment is not None and self.increment.appends:
            return ended  # else the next run reads the same again
        return error is None or self.resource.disposition == "merge"

    def _catalogue(self) -> Catalogue:
        resource = self.resource
        types = {**self.shape.types, **OUR_COLUMNS}
        if self.versions:
            types[ROW_VERSION] = TEXT
        how: How | None = None
        if self.increment is not None and self.increment.appends and self.anew:
            how = "replace"  # else every row would be there twice
        return Catalogue(
            resource,
            self.number,
            self.spool,
            types,
            self.shape.keys,
            how,
            hard=resource.gone == "hard",
        )
