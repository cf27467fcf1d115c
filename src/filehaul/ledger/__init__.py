"""The durable record of listings, files and transfers: the one mutable thing (SQLite, WAL).

    ledger = Ledger.open(path, durable="process")
    ledger.files.note(...)        what a listing saw, and what of it has changed
    ledger.transfers.record(...)  receipts; `transfers.todo` is what a plan is made from
    ledger.packages.begin(...)    which rows are on their way to the destination

A row is *seen* until a load package that holds it is confirmed in the destination: `packages`
keeps that book. Times are whole microseconds since 1970-01-01 UTC.
"""

from __future__ import annotations

from .files import FileNote, FilesBook
from .packages import PackagesBook
from .store import SCHEMA_VERSION, Ledger, micros, moment
from .transfers import Todo, TransfersBook

__all__ = [
    "SCHEMA_VERSION",
    "FileNote",
    "FilesBook",
    "Ledger",
    "PackagesBook",
    "Todo",
    "TransfersBook",
    "micros",
    "moment",
]
