"""Arrow to dlt: the catalogue and our own tables, and the book of what has arrived.

    with Destination(config) as destination:
        destination.settle(ledger)            # packages that a kill left behind
        destination.load(ledger, catalogues)  # one package: changed files, receipts, notices

dlt is imported here and only when rows are to be loaded. This room does not know HTTP.
"""

from __future__ import annotations

from .chosen import examined
from .destination import Destination, Loaded, interrupt
from .digests import Standing, digest, of_the_record
from .merging import ROW_VERSION, How
from .package import Catalogue
from .reader import Reader
from .spool import Spool

__all__ = [
    "ROW_VERSION",
    "Catalogue",
    "Destination",
    "How",
    "Loaded",
    "Reader",
    "Spool",
    "Standing",
    "digest",
    "examined",
    "interrupt",
    "of_the_record",
]
