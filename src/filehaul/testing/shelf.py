"""The order of the vendor's files: pages of rows, and what is put and removed between them.

One class for three kinds of vendors: files given one by one, a folder that is scanned again for
each new listing, and generated records, of which a million costs nothing until they are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import RLock

from filehaul.testing.files import Entry, FakeFile, RecordShape
from filehaul.testing.generated import Generated

PAGES_KEPT = 64 * 1024 * 1024  # bytes of pages of generated records kept in memory
FILTERS_KEPT = 16

Key = str | int  # a file id, or the number of a generated record


@dataclass(frozen=True)
class Page:
    """Rows as JSON, joined with commas, and how many rows there are in the whole listing."""

    rows: bytes
    total: int


class Shelf:
    """The files of a vendor. Thread-safe.

    ``scan``, if given, is called at each :meth:`rescan` with the entries of the last one, and
    returns all entries in order.
    """

    def __init__(
        self,
        shape: RecordShape,
        generated: Generated,
        scan: Callable[[Mapping[str, Entry]], dict[str, Entry]] | None = None,
    ) -> None:
        self.shape = shape
        self._generated = generated
        self._scan = scan
        self._lock = RLock()
        self._entries: dict[str, Entry] = {}  # scanned, or put
        self._put: dict[str, Entry] = {}
        self._removed: set[str] = set()
        self._order: Sequence[Key] = range(generated.count)
        self._pages: dict[tuple[int, int], bytes] = {}
        self._pages_size = 0
        self._filtered: dict[datetime, list[Key]] = {}
        self.version = 0  # larger after each change
        self.rescan()

    def rescan(self) -> None:
        """Look at the folder again, if there is one; what tests put and removed stays so."""
        if not self._scan:
            return
        with self._lock:
            found = {**self._scan(self._entries), **self._put}
            self._entries = {key: found[key] for key in found if key not in self._removed}
            self._order = list(self._entries)
            self._filtered.clear()
            self.version += 1

    def put(self, file: FakeFile) -> None:
        """Add a file at the end, or replace the one of its id in its place."""
        entry = Entry(file)
        with self._lock:
            known = self._has(file.file_id)
            self._entries[file.file_id] = self._put[file.file_id] = entry
            self._removed.discard(file.file_id)
            if not known:
                if not isinstance(self._order, list):
                    self._order = list(self._order)
                self._order.append(self._key(file.file_id))
            self._forget_pages()

    def put_all(self, files: Iterable[FakeFile]) -> None:
        """Fill an empty shelf; of two files with one id the later one counts, as with put."""
        with self._lock:
            for file in files:
                self._entries[file.file_id] = self._put[file.file_id] = Entry(file)
            self._order = list(self._entries)
            self.version += 1

    def remove(self, file_id: str) -> None:
        """Take a file away; KeyError if there is none of this id."""
        with self._lock:
            if not self._has(file_id):
                raise KeyError(file_id)
            key = self._key(file_id)
            self._order = [other for other in self._order if other != key]
            self._entries.pop(file_id, None)
            self._put.pop(file_id, None)
            self._removed.add(file_id)
            self._forget_pages()

    def find(self, file_id: str) -> Entry | None:
        """The entry of a file as it is now; None if the vendor has none of this id."""
        with self._lock:
            entry = self._entries.get(file_id)
            if entry is None:
                number = self._number(file_id)
                return None if number is None else self._generated.entry(number)
            return self._now(entry)

    def page(self, offset: int, limit: int, since: datetime | None = None) -> Page:
        """Rows ``offset`` to ``offset + limit``; only those modified at ``since`` or later."""
        with self._lock:
            if since is not None:
                order: Sequence[Key] = self._since(since)
                return Page(self._rows(order[offset : offset + limit]), len(order))
            kept = self._pages.get((offset, limit))
            if kept is None:
                kept = self._rows(self._order[offset : offset + limit])
                self._keep_page(offset, limit, kept)
            return Page(kept, len(self._order))

    def __len__(self) -> int:
        """How many files there are."""
        return len(self._order)

    def ids(self) -> Iterator[str]:
        """The file ids in the order of the listing, as they were at the call."""
        with self._lock:
            order = list(self._order)
        for key in order:
            yield key if isinstance(key, str) else self._generated.file_id(key)

    def _rows(self, keys: Sequence[Key]) -> bytes:
        if isinstance(keys, range) and not self._entries:
            return self._generated.rows(keys)
        return b",".join(filter(None, map(self._row, keys)))

    def _row(self, key: Key) -> bytes | None:
        entry = self._placed(key)
        if entry is None:
            assert isinstance(key, int)
            return self._generated.row(key)
        now = self._now(entry)
        return self.shape.row(now) if now else None  # None: gone since the folder was looked at

    def _now(self, entry: Entry) -> Entry | None:
        now = entry.current()
        if now is not None and now is not entry:
            self._entries[entry.file.file_id] = now
        return now

    def _placed(self, key: Key) -> Entry | None:
        if isinstance(key, str):
            return self._entries[key]
        return self._entries.get(self._generated.file_id(key)) if self._entries else None

    def _since(self, since: datetime) -> list[Key]:
        kept = self._filtered.get(since)
        if kept is None:
            if len(self._filtered) >= FILTERS_KEPT:
                self._filtered.clear()
            kept = [key for key in self._order if (at := self._modified(key)) and at >= since]
            self._filtered[since] = kept
        return kept

    def _modified(self, key: Key) -> datetime | None:
        entry = self._placed(key)
        if entry is None:
            assert isinstance(key, int)
            return self._generated.modified_at(key)
        return entry.file.modified_at

    def _keep_page(self, offset: int, limit: int, page: bytes) -> None:
        # Rows of files on the shelf are kept one by one; only generated ones have to be made.
        if self._generated.count and self._pages_size + len(page) <= PAGES_KEPT:
            self._pages[offset, limit] = page
            self._pages_size += len(page)

    def generated_row(self, number: int) -> bytes:
        """The record of a generated file as JSON."""
        return self._generated.row(number)

    def change_generated(self, every: int) -> None:
        """From now on every so-manieth generated record has another ``modified_at``; 0: none."""
        with self._lock:
            self._generated.changed_every = every
            self._generated.entry.cache_clear()
            self._forget_pages()

    def _forget_pages(self) -> None:
        self.version += 1
        self._pages.clear()
        self._pages_size = 0
        self._filtered.clear()

    def _number(self, file_id: str) -> int | None:
        return None if file_id in self._removed else self._generated.number(file_id)

    def _has(self, file_id: str) -> bool:
        return file_id in self._entries or self._number(file_id) is not None

    def _key(self, file_id: str) -> Key:
        number = self._generated.number(file_id)
        return file_id if number is None else number


class FilesView(Mapping[str, FakeFile]):
    """The files by id, in the order of the listing; follows what is put and removed."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def __getitem__(self, file_id: str) -> FakeFile:
        entry = self._shelf.find(file_id)
        if entry is None:
            raise KeyError(file_id)
        return entry.file

    def __iter__(self) -> Iterator[str]:
        return self._shelf.ids()

    def __len__(self) -> int:
        return len(self._shelf)
