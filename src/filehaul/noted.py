"""What the ledger notes of a file: what a transfer must know of it, where it wants to lie in the
sink, and whether it is to be transferred at all.

A file is noted when its row is new or has changed; when the config says another thing of it than
at the last run (`filehaul.amended`), all are.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from .config import Resource
from .fields import Roles, Rows
from .layouts import layout_of
from .ledger import FileNote
from .selection import Selection


class Notes:
    """Makes the notes of one listing, which began at ``now``, of a resource with content."""

    def __init__(self, resource: Resource, now: datetime) -> None:
        self._desired = layout_of(resource)
        self._selection = Selection(resource, now)

    def note(self, roles: Roles, rows: Rows, number: int, row_hash: bytes) -> FileNote:
        """Of the record of this number, a file whose bytes are wanted."""
        record, selection = rows.records[number], self._selection
        file = roles.file(rows.keys[number], record, rows.folder(number))
        note = FileNote(file, row_hash, roles.is_file(record), self._desired(file, record))
        if roles.has_no_file(file):
            return replace(note, unselected="export")
        if selection.is_all:
            return note
        why_not, modified = selection.why_not(file), selection.modified(record)
        return replace(note, unselected=why_not, modified=modified)
