"""A file of which a transfer is to be decided."""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from ..models import File


class Todo(NamedTuple):
    """A file that is not done: what the vendor says, and what an earlier receipt says.

    ``desired``: None where its bytes decide where it lies. ``target``, ``size``, ``sha256``: the
    bytes that the sink holds of it; ``sha256`` is None where it holds none. ``fresh``: nothing
    stood at ``path`` when it became this file's.
    """

    file: File
    desired: str | None
    address: str | None
    path: str | None
    status: str | None
    fingerprint: str | None
    target: str | None
    size: int | None
    sha256: str | None
    permanent: bool
    retry_at: int | None
    same_sink: bool
    fresh: bool

    @property
    def held(self) -> str | None:
        """The path below this sink where some version of it lies; None: nowhere."""
        return self.target if self.same_sink and self.sha256 is not None else None

    @property
    def is_here(self) -> bool:
        """Whether the bytes that the sink holds are the ones that the vendor has now."""
        if self.held is None:
            return False
        listed = self.file.checksum.get("sha256")
        known = self.status == "done" and self.fingerprint == self.file.fingerprint
        return known or (listed is not None and listed == self.sha256)


def todo_of(resource: str, row: tuple[Any, ...]) -> Todo:
    """From a row of the query in `filehaul.ledger.transfers`."""
    file = File(
        resource=resource,
        key=row[0],
        file_id=row[1],
        drive_id=row[2],
        name=row[3],
        size=row[5],
        checksum=orjson.loads(row[6]) if row[6] else {},
        fingerprint=row[7],
        version=row[8],
        mime_type=row[9],
    )
    return Todo(
        file=file,
        desired=row[4],
        address=row[10],
        path=row[11],
        status=row[12],
        fingerprint=row[13],
        target=row[14],
        size=row[15],
        sha256=row[16].hex() if row[16] else None,
        permanent=bool(row[17]),
        retry_at=row[18],
        same_sink=bool(row[19]),
        fresh=bool(row[20]),
    )
