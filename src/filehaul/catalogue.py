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
from .listing import Listing
from .load import Catalogue, Spool
from .load.spool import ROWS
from .models import ListingSummary
from .plan import desired_path
from .redact import redact

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
        self.listing = Listing(resource, config.client, http)
        self.shape = Shape(resource, naming, ledger.columns(resource.name))
        self.listing_id = uuid.uuid4().hex
        self.spool = Spool(config.home / "spool" / self.listing_id)
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
        try:
            for page in self.listing:
                self.shape.keyed(rows, page.records, page.number)
                if self.roles is None and rows.records:
                    self.roles = roles_of(self.resource, rows.records[0])
                if self.resource.content is not None:
                    self._addresses(rows, page.url)
                self.watch(len(page.records))
                if len(rows.records) >= ROWS:
                    self._take(rows)
                    rows = Rows()
            self._take(rows)
        except FilehaulError as problem:
            error = problem
            self._take(rows)
        self.spool.close()
        return self._ended(error)

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
        """One stretch of rows: compare, note, and put aside what is to be loaded."""
        at = micros(self.started)
        hashes = self.shape.hashes(rows.records) if self.compares else []
        if self.compares:
            with self.ledger.transaction():
                to_load, first_seen = self._note(rows, hashes, at)
        else:
            to_load, first_seen = list(range(len(rows.records))), {}
        self.rows += len(rows.records)
        chosen = rows if len(to_load) == len(rows.records) else rows.only(to_load)
        if to_load:
            self.spool.add(self._table(chosen, [first_seen.get(n, at) for n in to_load]))
        rejects = rows.rejects if chosen is rows else [*rows.rejects, *chosen.rejects]
        self._reject(rejects)
        if self.shape.added:
            self.ledger.add_columns(self.resource.name, self.shape.added)
            self.shape.added.clear()

    def _note(self, rows: Rows, hashes: list[bytes], at: int) -> tuple[list[int], dict[int, int]]:
        """Write down what changed; which rows the destination does not have as they are now."""
        book, name = self.ledger.files, self.resource.name
        standing = book.standing(name, self.number, rows.keys, hashes, at)
        changed = set(standing.changed)
        book.note(
            name,
            self.number,
            [self._file_note(rows, number, hashes[number]) for number in standing.changed],
            at,
        )
        repeated = set(standing.repeated)
        book.seen(
            name,
            self.number,
            [k for n, k in enumerate(rows.keys) if n not in changed and n not in repeated],
        )
        if self.roles is not None and self.roles.url_field is not None:
            pairs = zip(rows.keys, rows.addresses)
            book.addresses(name, [(key, address) for key, address in pairs if address])
        if self.loads_all:
            everything = [n for n in range(len(rows.keys)) if n not in repeated]
            return everything, standing.first_seen
        return standing.to_load, standing.first_seen

    def _file_note(self, rows: Rows, number: int, row_hash: bytes) -> FileNote:
        assert self.roles is not None
        record = rows.records[number]
        file = self.roles.file(rows.keys[number], record)
        if self.resource.content is None:
            return FileNote(file, row_hash, is_file=False)
        return FileNote(
            file,
            row_hash,
            is_file=self.roles.is_file(record),
            desired=desired_path(self.resource, file),
            address=rows.addresses[number],
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
        why_not = None
        if error is not None:
            why_not = redact(error.message)
        elif self.rejected_rows:
            why_not = f"{self.rejected_rows} records had no usable key"
        summary = ListingSummary(
            listing_id=self.listing_id,
            resource=self.resource.name,
            started_at=self.started,
            finished_at=datetime.now(timezone.utc),
            pages=self.listing.pages,
            rows=self.listing.rows,
            unique_keys=unique,
            complete=why_not is None,
            how="listed to its end" if error is None else "stopped",
            why_not=why_not,
        )
        self.ledger.end_listing(self.number, summary)
        types = {**self.shape.types, **OUR_COLUMNS}
        catalogue = Catalogue(self.resource, self.number, self.spool, types)
        return Listed(self.number, summary, catalogue, unique, self.rejects, error)
