"""Whose path is whose in the sink, and what is about to change there."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from ..models import File, Receipt

if TYPE_CHECKING:
    from .store import Ledger


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

    def release_moved(self, sink: str, resource: str, listing: int) -> None:
        """Free the paths of files that want another one now: so that two can swap theirs."""
        self.db.execute(
            "DELETE FROM paths WHERE sink = :sink AND folded IN ("
            " SELECT p.folded FROM files f"
            " JOIN paths p ON p.sink = :sink AND p.resource = f.resource AND p.key = f.key"
            " WHERE f.resource = :resource AND f.listing >= :listing"
            " AND f.deleted_at IS NULL"
            " AND f.desired IS NOT p.desired)",
            {"sink": sink, "resource": resource, "listing": listing},
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
            "INSERT OR IGNORE INTO leaving VALUES (?, ?)", [(sink, t) for t in targets]
        )

    def leaving(self, sink: str) -> list[str]:
        """Paths whose bytes are to go, and which hold no other file's by now."""
        rows = self.db.execute("SELECT target FROM leaving WHERE sink = ?", (sink,)).fetchall()
        targets = [str(row[0]) for row in rows]
        held = self.held(sink, targets)
        return [target for target in targets if target not in held]

    def left(self, sink: str) -> None:
        """They have gone."""
        self.db.execute("DELETE FROM leaving WHERE sink = ?", (sink,))


def _kept(receipt: Receipt) -> str:
    values = {**receipt._asdict(), "file": receipt.file._asdict()}
    return orjson.dumps(values, default=_plain).decode()


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else str(value)


def _json(values: Iterable[str]) -> str:
    return orjson.dumps(list(values)).decode()
