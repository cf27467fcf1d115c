"""Whose path is whose in the sink, and what is about to change there."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from ..models import File, Receipt
from .selected import ALWAYS, SELECTED, Window

if TYPE_CHECKING:
    from .store import Ledger


_BATCH = 1000


class Owner(NamedTuple):
    """The file that a path belongs to, and the number of the listing that saw it last."""

    resource: str
    key: str
    listing: int | None


class Claim(NamedTuple):
    """A path for a file. ``folded``: the same for paths that clash anywhere."""

    folded: str
    path: str
    desired: str
    resource: str
    key: str


class Gone(NamedTuple):
    """A file that the vendor no longer has, and where its bytes still lie."""

    key: str
    file_id: str
    reason: str
    size: int | None
    target: str


@dataclass(frozen=True)
class Intent:
    """A name that was about to hold these bytes; ``receipt`` is what would have been written."""

    target: str
    resource: str
    key: str
    listing: int
    sha256: str
    receipt: dict[str, Any]


class PlacesBook:
    """Tables ``paths``, ``intents`` and ``leaving``."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.db = ledger.db

    # -- whose path is whose ---------------------------------------------------------------

    def owners(self, sink: str, paths: Iterable[str]) -> dict[str, Owner]:
        """The owners of these folded paths, of those that have one. Who is gone owns nothing:
        then ``listing`` is None.
        """
        return {
            row[0]: Owner(*row[1:])
            for row in self.db.execute(
                "SELECT p.folded, p.resource, p.key, iif(f.deleted_at IS NULL, f.listing, NULL)"
                " FROM json_each(?) j"
                " CROSS JOIN paths p ON p.sink = ? AND p.folded = j.value LEFT JOIN files f"
                " ON f.resource = p.resource AND f.key = p.key",
                (_json(paths), sink),
            )
        }

    def inside(self, sink: str, paths: Iterable[str]) -> set[str]:
        """Those of these folded paths that some file's path lies below: they are folders."""
        return {
            row[0]
            for row in self.db.execute(  # "0" is the character after "/"
                "SELECT j.value FROM json_each(?) j WHERE EXISTS (SELECT 1 FROM paths p"
                " WHERE p.sink = ? AND p.folded > j.value || '/' AND p.folded < j.value || '0')",
                (_json(paths), sink),
            )
        }

    def claim(self, sink: str, claims: Iterable[Claim], vacant: Collection[str]) -> None:
        """From now on these paths are these files'. A file has one path. ``vacant``: those of the
        paths where nothing stands yet.
        """
        self.db.executemany(
            "INSERT OR REPLACE INTO paths VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(sink, *claim, claim.path in vacant) for claim in claims],
        )

    def release_moved(
        self, sink: str, resource: str, listing: int, window: Window = ALWAYS
    ) -> None:
        """Free the paths of files that want another one now: so that two can swap theirs. Files
        that are not selected stay where they are.
        """
        self.db.execute(
            "DELETE FROM paths WHERE sink = :sink AND folded IN ("
            " SELECT p.folded FROM files f"
            " JOIN paths p ON p.sink = :sink AND p.resource = f.resource AND p.key = f.key"
            " WHERE f.resource = :resource AND f.listing >= :listing"
            f" AND f.deleted_at IS NULL AND {SELECTED}"
            " AND f.desired IS NOT p.desired)",
            {"sink": sink, "resource": resource, "listing": listing, **window._asdict()},
        )

    # -- what lies where -------------------------------------------------------------------

    def held(self, sink: str, paths: Iterable[str]) -> set[str]:
        """Those of these paths where a receipt says that bytes of ours lie."""
        return {
            row[0]
            for row in self.db.execute(
                "SELECT j.value FROM json_each(?) j WHERE EXISTS (SELECT 1 FROM transfers t"
                " WHERE t.sink = ? AND t.target = j.value AND t.sha256 IS NOT NULL)",
                (_json(paths), sink),
            )
        }

    def holds_below(self, sink: str, paths: Iterable[str]) -> set[str]:
        """Those of these paths that are folders with bytes of ours in them."""
        return {
            row[0]
            for row in self.db.execute(
                "SELECT j.value FROM json_each(?) j WHERE EXISTS (SELECT 1 FROM transfers t"
                " WHERE t.sink = ? AND t.target > j.value || '/' AND t.target < j.value || '0'"
                " AND t.sha256 IS NOT NULL)",
                (_json(paths), sink),
            )
        }

    def without_receipt(self, sink: str) -> list[tuple[File, str, int]]:
        """(file, path, number of the listing that saw it last): nothing was at the path when the
        file got it, and no receipt says that its bytes are there. A kill may have come between.
        """
        rows = self.db.execute(
            "SELECT f.resource, f.key, f.file_id, f.drive_id, f.name, f.size, f.checksum,"
            " f.fingerprint, f.version, p.path, f.listing FROM paths p"
            " JOIN files f ON f.resource = p.resource AND f.key = p.key"
            " LEFT JOIN transfers t ON t.resource = p.resource AND t.key = p.key"
            " AND t.sink = p.sink AND t.target = p.path AND t.sha256 IS NOT NULL"
            " WHERE p.sink = ? AND p.fresh AND t.key IS NULL",
            (sink,),
        )
        found = []
        for resource, key, file_id, drive_id, name, size, checksum, fingerprint, *rest in rows:
            version, path, listing = rest
            file = File(
                resource,
                key,
                file_id,
                drive_id,
                name,
                size=size,
                checksum=orjson.loads(checksum) if checksum else {},
                fingerprint=fingerprint,
                version=version,
            )
            found.append((file, path, listing))
        return found

    # -- intents ---------------------------------------------------------------------------

    def intend(self, sink: str, receipts: Iterable[Receipt], listing: int) -> None:
        """These names are about to hold these bytes."""
        self.db.executemany(
            "INSERT OR REPLACE INTO intents VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    sink,
                    receipt.target,
                    receipt.file.resource,
                    receipt.file.key,
                    listing,
                    bytes.fromhex(receipt.sha256 or ""),
                    _kept(receipt),
                )
                for receipt in receipts
            ],
        )

    def intents(self, sink: str) -> list[Intent]:
        """Those that are not settled yet."""
        return [
            Intent(target, resource, key, listing, sha256.hex(), orjson.loads(receipt))
            for target, resource, key, listing, sha256, receipt in self.db.execute(
                "SELECT target, resource, key, listing, sha256, receipt FROM intents"
                " WHERE sink = ?",
                (sink,),
            )
        ]

    def settle(self, sink: str, targets: Iterable[str]) -> None:
        """These are settled."""
        self.db.executemany(
            "DELETE FROM intents WHERE sink = ? AND target = ?", [(sink, t) for t in targets]
        )

    # -- what is to go ---------------------------------------------------------------------

    def leave(self, sink: str, targets: Iterable[str]) -> None:
        """The bytes at these paths are to go: their files are elsewhere now."""
        self.db.executemany(
            "INSERT OR IGNORE INTO leaving VALUES (?, ?, NULL)", [(sink, t) for t in targets]
        )

    def leaving(self, sink: str) -> list[tuple[str, str | None]]:
        """Paths whose bytes are to go, and which hold no other file's by now; and where they go:
        None: nowhere.
        """
        rows: list[tuple[str, str | None]] = self.db.execute(
            "SELECT target, trash FROM leaving WHERE sink = ?", (sink,)
        ).fetchall()
        held = self.held(sink, [target for target, _ in rows])
        return [row for row in rows if row[0] not in held]

    def left(self, sink: str, staying: Iterable[str] = ()) -> None:
        """They have gone; not those at the paths ``staying``."""
        self.db.execute(
            "DELETE FROM leaving WHERE sink = ? AND target NOT IN (SELECT value FROM json_each(?))",
            (sink, _json(staying)),
        )

    # -- files that are gone ---------------------------------------------------------------

    def gone(self, resource: str, sink: str, confirmed: bool = True) -> Iterator[list[Gone]]:
        """Tombstones of a resource whose bytes this sink holds, in batches. ``confirmed``: only
        those that the destination has.
        """
        loaded = "AND f.loaded_hash IS f.row_hash" if confirmed else ""
        last = ""
        while True:
            rows = self.db.execute(
                "SELECT f.key, f.file_id, f.delete_reason, t.size, t.target FROM files f"
                " JOIN transfers t ON t.resource = f.resource AND t.key = f.key"
                f" WHERE f.resource = ? AND f.deleted_at IS NOT NULL {loaded}"
                " AND t.sink = ? AND t.sha256 IS NOT NULL AND f.key > ? ORDER BY f.key LIMIT ?",
                (resource, sink, last, _BATCH),
            ).fetchall()
            if rows:
                yield [Gone(*row) for row in rows]
            if len(rows) < _BATCH:
                return
            last = str(rows[-1][0])

    def paths(self, sink: str, keys: Iterable[str]) -> dict[str, str]:
        """The paths that these folded ones stand for now, of those that belong to a file."""
        return dict(
            self.db.execute(
                "SELECT p.folded, p.path FROM json_each(?) j"
                " CROSS JOIN paths p ON p.sink = ? AND p.folded = j.value",
                (_json(keys), sink),
            )
        )

    def part(
        self,
        sink: str,
        resource: str,
        keys: Iterable[str],
        leaving: Iterable[tuple[str, str | None]],
    ) -> None:
        """These files have no bytes and no path here any longer. ``leaving``: the paths that are to
        be cleared, and where their bytes go (None: nowhere). To be called in a transaction.
        """
        keys = list(keys)
        now = time.time_ns() // 1000
        self.db.executemany(
            "UPDATE transfers SET status = 'gone', sha256 = NULL, size = NULL, verified_by = NULL,"
            " recorded_at = ?, loaded = 0, package = NULL WHERE resource = ? AND key = ?",
            [(now, resource, key) for key in keys],
        )
        self.db.executemany(
            "DELETE FROM paths WHERE sink = ? AND resource = ? AND key = ?",
            [(sink, resource, key) for key in keys],
        )
        self.db.executemany(
            "INSERT OR REPLACE INTO leaving VALUES (?, ?, ?)",
            [(sink, *row) for row in leaving],
        )


def _kept(receipt: Receipt) -> str:
    values = {**receipt._asdict(), "file": receipt.file._asdict()}
    return orjson.dumps(values, default=_plain).decode()


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else str(value)


def _json(values: Iterable[str]) -> str:
    return orjson.dumps(list(values)).decode()
