"""The durable record of listings, files and transfers: the one mutable thing (SQLite, WAL).

    ledger = Ledger.open(path, durable="process")
    ledger.files.note(...)        what a listing saw, and what of it has changed
    ledger.files.tombstone(...)   what the vendor no longer has
    ledger.changes.held(...)      the change token to go on with
    ledger.transfers.record(...)  receipts; `transfers.todo` is what a plan is made from
    ledger.places.claim(...)      whose path is whose, and what is about to change in the sink
    ledger.packages.begin(...)    which rows are on their way to the destination

A row is *seen* until a load package that holds it is confirmed in the destination: `packages`
keeps that book. Times are whole microseconds since 1970-01-01 UTC.
"""

from __future__ import annotations

from .changes import ChangesBook
from .chosen import ChosenBook
from .files import FileNote, FilesBook, Tombstone
from .packages import PackagesBook
from .partials import Partial, PartialsBook
from .places import Claim, Gone, Intent, Owner, PlacesBook
from .rebuilt import RebuiltBook
from .selected import ALWAYS, Window
from .store import SCHEMA_VERSION, Ledger, explained, micros, moment
from .there import Holding, ThereBook
from .todo import Todo
from .transfers import TransfersBook
from .watermarks import WatermarksBook
from .withheld import Withheld, WithheldBook

__all__ = [
    "ALWAYS",
    "SCHEMA_VERSION",
    "ChangesBook",
    "ChosenBook",
    "Claim",
    "FileNote",
    "FilesBook",
    "Gone",
    "Holding",
    "Intent",
    "Ledger",
    "Owner",
    "PackagesBook",
    "Partial",
    "PartialsBook",
    "PlacesBook",
    "RebuiltBook",
    "ThereBook",
    "Todo",
    "Tombstone",
    "TransfersBook",
    "WatermarksBook",
    "Window",
    "Withheld",
    "WithheldBook",
    "explained",
    "micros",
    "moment",
]
