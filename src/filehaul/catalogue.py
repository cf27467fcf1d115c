"""One listing into the ledger and the spool: which rows are new, changed, or not loaded yet."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from .config import Config, Resource
from .errors import FilehaulError, VendorError
from .fields import TEXT, TIMESTAMP, Reject, Roles, Rows, Shape, roles_of
from .http import Http
from .http.origins import resolve
from .ledger import FileNote, Ledger, micros, moment
from .listing import how_known, lister, short_of_total
from .load import Catalogue, Spool
from .load.signed import without_signatures
from .models import File, ListingSummary, Page
from .plan import desired_path
from .redact import redact

# Rows compared and noted at once. While that is done nothing is asked: more of them, and the
# vendor waits for us (measured at 30 ms a page: 10,000 took a quarter off the rate).
STRETCH = 100
OUR_COLUMNS = {
    "first_seen_at": TIMESTAMP,
    "last_seen_at": TIMESTAMP,
    "deleted_at": TIMESTAMP,
    "delete_reason": TEXT,
}


@dataclass
class Listed:
    """A listing that has ended: what it saw, and what of it is to be loaded."""

    number: int
    summary: ListingSummary
    catalogue: Catalogue
    files: int = 0
    rejects: list[Reject] = field(default_factory=list)
    error: FilehaulError | None = None


class Catalogist:
    """Lists one resource. Pages become rows by the ten thousand; memory does not grow."""

    def __init__(
        self,
        config: Config,
        resource: Resource,
        http: Http,
        ledger: Ledger,
        naming: Callable[[str], str],
        watch: Callable[[int], None] = lambda _rows: None,
    ) -> None:
        self.config = config
        self.resource = resource
        self.ledger = ledger
        self.watch = watch
        # Rows that are gone are told by a listing that proves that it saw all that are not.
        prove = resource.disposition == "merge"
        self.listing = lister(resource, config.client, http, prove=prove)
        self.shape = Shape(resource, naming, ledger.columns(resource.name))
        self.listing_id = uuid.uuid4().hex
        self.spool = Spool(config.home / "spool" / config.name / self.listing_id)
        self.roles: Roles | None = roles_of(resource) if resource.fields is not None else None
        self.rejects: list[Reject] = []
        self.rejected_rows = 0
        self.number = 0
        self.rows = 0
        self.started = datetime.now(timezone.utc)
        # Without keys, or where every listing is loaded whole, there is nothing to compare.
        self.compares = bool(resource.keys) and (
            resource.disposition == "merge" or resource.content is not None
        )
        self.loads_all = resource.disposition != "merge"

    def run(self) -> Listed:
        """List to the end; an error of the vendor's is in the result, not raised."""
        self.number = self.ledger.begin_listing(self.listing_id, self.resource.name, self.started)
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
        before = len(rows.records)
        self.shape.keyed(rows, page.records, page.number)
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
        address = self.roles.url(rows.records[number])
        if address is None or self.roles.url_field is None:
            return address
        try:
            return resolve(url, address)
        except VendorError as problem:
            key, page = rows.keys[number], rows.pages[number]
            name = self.roles.url_field.text
            rows.rejects.append(Reject(page, key, name, redact(address)[:200], problem.message))
            return None

    def _take(self, rows: Rows) -> None:
        """One stretch of rows: compare, put aside what is to be loaded, and note it all at once."""
        at = micros(self.started)
        everything = list(range(len(rows.records)))
        if not self.compares:
            self._put_aside(rows, everything, [at] * len(everything))
            with self.ledger.transaction():
                self._reject(rows.rejects)
                self._fix_columns()
        else:
            hashes = self.shape.hashes(rows.records)
            name = self.resource.name
            known = self.ledger.files.standing(name, self.number, rows.keys, hashes, at)
            repeated = set(known.repeated)
            to_load = known.to_load
            if self.loads_all:
                to_load = [number for number in everything if number not in repeated]
            first_seen = [known.first_seen.get(number, at) for number in to_load]
            rejects = self._put_aside(rows, to_load, first_seen)
            if not self.loads_all:
                # Rows that were noted before, and not loaded since, had theirs told then.
                new = {rows.keys[number] for number in known.changed}
                rejects = [one for one in rejects if one.record or one.key in new]
            with self.ledger.transaction():
                self._note(rows, hashes, known.changed, repeated, at)
                self._reject(rejects)
                self._fix_columns()
        self.rows += len(rows.records)

    def _fix_columns(self) -> None:
        if self.shape.added:
            self.ledger.add_columns(self.resource.name, self.shape.added)
            self.shape.added.clear()

    def _put_aside(self, rows: Rows, numbers: list[int], first_seen: list[int]) -> list[Reject]:
        """These rows into the spool; what was rejected of them, and of the stretch before."""
        if not numbers:
            return rows.rejects
        chosen = rows if len(numbers) == len(rows.records) else rows.only(numbers)
        self.spool.add(self._table(chosen, first_seen))
        return rows.rejects if chosen is rows else [*rows.rejects, *chosen.rejects]

    def _note(
        self, rows: Rows, hashes: list[bytes], changed: list[int], repeated: set[int], at: int
    ) -> None:
        """Write down what this listing saw, and what of it has changed."""
        book, name = self.ledger.files, self.resource.name
        book.note(name, self.number, [self._file_note(rows, n, hashes[n]) for n in changed], at)
        others = repeated.union(changed)
        book.seen(name, self.number, [k for n, k in enumerate(rows.keys) if n not in others])
        if self.resource.content is not None:
            pairs = zip(rows.keys, rows.addresses)
            book.addresses(name, [(key, address) for key, address in pairs if address])

    def _file_note(self, rows: Rows, number: int, row_hash: bytes) -> FileNote:
        assert self.roles is not None
        record = rows.records[number]
        if self.resource.content is None:  # a row of the catalogue: nothing else is asked of it
            key = rows.keys[number]
            return FileNote(File(self.resource.name, key, key), row_hash, is_file=False)
        file = self.roles.file(rows.keys[number], record)
        return FileNote(
            file,
            row_hash,
            is_file=self.roles.is_file(record),
            desired=desired_path(self.resource, file),
        )

    def _table(self, rows: Rows, first_seen: list[int]) -> Any:
        count = len(rows.records)
        nothing: list[Any] = [None] * count
        return self.shape.table(
            rows,
            {
                "first_seen_at": (TIMESTAMP, [moment(seen) for seen in first_seen]),
                "last_seen_at": (TIMESTAMP, [self.started] * count),
                "deleted_at": (TIMESTAMP, nothing),
                "delete_reason": (TEXT, nothing),
            },
        )

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
                    "page": reject.page,
                    "key": reject.key,
                    "field": reject.field,
                    "value": reject.value,
                    "reason": reject.reason,
                    "recorded_at": at,
                }
                for reject in rejects
            ],
        )
        self.rejected_rows += sum(reject.record for reject in rejects)
        self.rejects += rejects[: max(0, 100 - len(self.rejects))]

    # -- the end ---------------------------------------------------------------------------

    def _ended(self, error: FilehaulError | None) -> Listed:
        unique = (
            self.ledger.files.unique(self.resource.name, self.number)
            if self.compares
            else self.rows
        )
        why_not: str | None
        if error is not None:
            why_not = redact(error.message)
        elif self.rejected_rows:
            why_not = f"{self.rejected_rows} records had no usable key"
        else:
            why_not = self.listing.doubt or short_of_total(self.listing, unique)
        summary = ListingSummary(
            listing_id=self.listing_id,
            resource=self.resource.name,
            started_at=self.started,
            finished_at=datetime.now(timezone.utc),
            pages=self.listing.pages,
            rows=self.listing.rows,
            unique_keys=unique,
            complete=why_not is None,
            how=how_known(self.listing, unique) if error is None else "stopped",
            why_not=why_not,
        )
        self.ledger.end_listing(self.number, summary)
        types = {**self.shape.types, **OUR_COLUMNS}
        catalogue = Catalogue(self.resource, self.number, self.spool, types, self.shape.keys)
        return Listed(self.number, summary, catalogue, unique, self.rejects, error)
