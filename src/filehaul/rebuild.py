"""A ledger that is new, filled from what the destination has and the sink confirms.

A container, a CI job, another machine: whoever runs without the ledger of the runs before would
list, fetch and load everything again, and never learn of a file that went meanwhile. What can be
known again is: which files there were, since when, and which are tombstones (the catalogue); what
the bytes were and how they were verified (`transfers`; believed as far as the sink has a file of
that size); which listings there were; how often a file has failed. What cannot be known is listed
again: no watermark is taken over, and no change token, unless the config keeps it in table
`listings`. See `docs/decisions/0015-a-ledger-made-again.md`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any
from urllib.parse import unquote_to_bytes

from .amended import digest_of
from .config import Config, Resource
from .errors import Cancelled
from .fields import TEXT, Shape
from .fields.codecs import text
from .fields.roles import has_bytes
from .json_text import dumps, is_text
from .ledger import Ledger
from .ledger.files import version_of_tombstone
from .listing.feed import token_text
from .load import Destination, Reader, digest, of_the_record
from .load.tombstones import plain
from .redact import MASK
from .sink import Sink
from .told import meaning_of

_STRETCH = 10_000
_OURS = ("first_seen_at", "deleted_at", "delete_reason")


def rebuild(
    ledger: Ledger,
    destination: Destination,
    config: Config,
    sink: Sink | None,
    cancelled: Callable[[], bool] = lambda: False,
) -> list[str]:
    """Fill a ledger that is new; do nothing to any other. Returns what was done, in words.

    All or nothing, in one transaction. Raises what the destination and the sink raise.
    """
    if not ledger.rebuilt.is_due:
        return []
    reader = destination.reader()
    with ledger.transaction():
        ledger.set_meta("rebuilt", "1")
        if reader is None:
            return []
        return _Rebuild(ledger, destination, reader, config, sink, cancelled).all()


class _Rebuild:
    def __init__(
        self,
        ledger: Ledger,
        destination: Destination,
        reader: Reader,
        config: Config,
        sink: Sink | None,
        cancelled: Callable[[], bool],
    ) -> None:
        self.ledger = ledger
        self.book = ledger.rebuilt
        self.destination = destination
        self.reader = reader
        self.config = config
        self.sink = sink
        self.cancelled = cancelled

    def all(self) -> list[str]:
        """Everything, in the order in which one needs the other."""
        self.book.listings(self._listings())
        believed = not_believed = 0
        if self.sink is not None:
            self._receipts(self.sink)
        files = sum([self._resource(resource) for resource in self.config.resources])
        if self.sink is not None:
            believed, not_believed = self.book.receipts(self.sink.identity)
        for resource in self.config.resources:
            self._token(resource)
        if not files and not believed:
            return []
        words = f"the ledger was new: {files:,} files"
        if self.sink is not None:
            words += f" and {believed:,} receipts"
        words += " were taken over from the destination's tables"
        if not_believed:
            words += f"; the bytes of {not_believed:,} are not in the sink, and fetched again"
        return [words]

    def _stop_if_asked(self) -> None:
        if self.cancelled():
            raise Cancelled("cancelled", hint="run again: it begins anew")

    def _stretches(self, rows: Iterator[Any]) -> Iterator[list[Any]]:
        while stretch := list(islice(rows, _STRETCH)):
            self._stop_if_asked()
            yield stretch

    # -- our own tables --------------------------------------------------------------------

    def _listings(self) -> Iterator[tuple[Any, ...]]:
        for row in self.reader.own("listings", "started_at"):
            yield (
                *(row["listing_id"], row["resource"]),
                *(_micros(row[name]) for name in ("started_at", "finished_at")),
                *(row[name] for name in ("pages", "rows", "unique_keys", "complete", "how")),
                *(row["why_not"], row["change_token"]),
            )

    def _receipts(self, sink: Sink) -> None:
        self.ledger.there.clear()
        with_text = (one for one in sink.files() if is_text(one[0]))
        for stretch in self._stretches(with_text):
            self.ledger.there.note(stretch)
        told = (self._receipt(row, sink) for row in self.reader.own("transfers", "recorded_at"))
        for stretch in self._stretches(told):
            self.book.told(stretch)
        failed = (
            (bool(row["permanent"]), row["resource"], row["drive_id"] or "", row["file_id"])
            for row in self.reader.own("transfer_errors", "recorded_at")
        )
        for stretch in self._stretches(failed):
            self.book.failed(stretch)

    def _receipt(self, row: dict[str, Any], sink: Sink) -> tuple[Any, ...]:
        sha256 = row["sha256"]
        return (
            *(row["resource"], row["drive_id"] or "", row["file_id"], row["status"]),
            *(row["fingerprint"] or "", row["version"], self._target(row["sink_url"], sink)),
            *(row["size"], bytes.fromhex(sha256) if sha256 else None, row["verified_by"]),
            *(row["attempts"] or 0, _micros(row["started_at"]), _micros(row["finished_at"])),
            *(row["error"], row["listing_id"], _micros(row["recorded_at"]), False, 0),
        )

    def _target(self, url: str | None, sink: Sink) -> str | None:
        """The path below the sink that an address leads to; None: it leads elsewhere."""
        above = self.destination.url(sink.identity, "")
        if url is None or not url.startswith(above):
            return None
        rest = url[len(above) :]
        for target in (
            rest,
            os.fsdecode(unquote_to_bytes(rest)),
        ):  # a bucket's keys stand as they are
            if self.destination.url(sink.identity, target) == url:
                return target
        return None

    # -- the catalogue ---------------------------------------------------------------------

    def _resource(self, resource: Resource) -> int:
        """The files of one resource; how many."""
        naming = self.destination.naming
        table, name = naming(resource.name), resource.name
        types = self.reader.columns(table)
        if not types or any(column not in types for column in _OURS):
            return 0
        fields = of_the_record(types)
        if resource.fields is None:
            self.ledger.add_columns(name, fields)
        shape = Shape(resource, naming, fields)
        compares = bool(resource.keys) and (resource.gone != "none" or resource.content is not None)
        appends = resource.sync == "incremental_append"
        keeps_rows = appends or resource.disposition == "merge"
        if (resource.keys and any(key not in types for key in shape.keys)) or not (
            compares or appends
        ):
            return 0
        columns = _Columns(resource, naming, shape.keys, types)
        wanted = [*fields, *_OURS] if keeps_rows else [*columns.needed, *_OURS]
        quoted = self.destination.merging.quoted
        where = f"{quoted('_dlt_valid_to')} IS NULL" if "_dlt_valid_to" in types else "1 = 1"
        listing = self.book.newest_listing(name)
        for stretch in self._stretches(self.reader.catalogue(table, wanted, where)):
            if compares:
                self.book.files([columns.file(row, listing) for row in stretch])
            if keeps_rows:
                self.book.rows(
                    name,
                    (
                        ("" if appends else columns.key(row), digest(row, fields))
                        for row in stretch
                        if row["deleted_at"] is None
                    ),
                )
        if resource.content is not None:  # else all that is parked would be asked for again
            self.ledger.set_meta(f"content:{name}", digest_of(self.config, resource))
        return self.ledger.files.count(name)

    # -- change tokens ---------------------------------------------------------------------

    def _token(self, resource: Resource) -> None:
        """The token to go on with, where the config keeps it in table `listings`. Where deletions
        name places, these are lost; and of another token nobody knows: then all are listed.
        """
        block = resource.changes
        if block is None or not resource.has_feed or not self.book.newest_listing(resource.name):
            return
        found = self.book.newest_token(resource.name)
        if found is None or found[1] == MASK or block.location_path is not None:
            # A feed will never tell of what went meanwhile: two listings of everything must.
            self.ledger.set_meta(f"unsure:{resource.name}", "1")
            return
        number, token = found
        meaning = meaning_of(self.config, resource)
        self.ledger.changes.offer(resource.name, number, meaning, token_text(token))
        self.ledger.changes.hold(resource.name, number)
        self.book.complete_files(resource.name)


class _Columns:
    """Where in a row of the catalogue stands what the ledger keeps of a file."""

    def __init__(
        self,
        resource: Resource,
        naming: Callable[[str], str],
        keys: tuple[str, ...],
        types: dict[str, str],
    ) -> None:
        self.resource = resource
        self.keys = keys
        self.types = types
        fields = resource.fields
        if fields is not None:
            ids = ("file_id",) if fields.file_id is not None else ()
            drives: tuple[str, ...] = ("drive_id",) if fields.drive_id is not None else ()
            names: tuple[str, ...] = ("file_name",)
        else:
            own = resource.keys if len(resource.keys) == 1 else ()
            ids, drives = (*own, "file_id", "id"), ("drive_id",)
            names = ("file_name", "name", "filename")
        self.ids, self.drives, self.names, self.sizes, self.kinds = (
            tuple(column for one in usual if (column := naming(one)) in types)
            for usual in (ids, drives, names, ("size", "file_size", "size_bytes", "bytes"), _KIND)
        )

    @property
    def needed(self) -> list[str]:
        """Every column that `file` looks at, but for ours."""
        found = (*self.keys, *self.ids, *self.drives, *self.names, *self.sizes, *self.kinds)
        return list(dict.fromkeys(found))

    def key(self, row: dict[str, Any]) -> str:
        """The ledger's key of a file."""
        parts = ["" if row[name] is None else text(row[name]) for name in self.keys]
        return parts[0] if len(parts) == 1 else dumps(parts).decode()

    def file(self, row: dict[str, Any], listing: int) -> tuple[Any, ...]:
        """The columns of a file, for `RebuiltBook.files`."""
        key, deleted_at = self.key(row), _micros(row["deleted_at"])
        # No record has an empty hash: when it is listed, the file is noted anew.
        row_hash = b""
        if deleted_at is not None:
            row_hash = version_of_tombstone(deleted_at, row["delete_reason"] or "")
        file_id, size = _first(row, self.ids), _first(row, self.sizes)
        kind = _first(row, self.kinds)
        return (
            *(self.resource.name, key, row_hash, row_hash, listing),
            _micros(row["first_seen_at"]) or 0,
            has_bytes(kind),
            key if file_id in (None, "") else text(file_id),
            text(_first(row, self.drives) or ""),
            plain(_first(row, self.names), TEXT) if _first(row, self.names) is not None else None,
            size if isinstance(size, int) else None,
            deleted_at,
            row["delete_reason"] if deleted_at is not None else None,
        )


_KIND = ("kind",)


def _first(row: dict[str, Any], names: tuple[str, ...]) -> Any:
    return next((row[name] for name in names if row[name] is not None), None)


def _micros(value: Any) -> int | None:
    found = None if value is None else plain(value, "timestamp")
    return found if isinstance(found, int) else None
