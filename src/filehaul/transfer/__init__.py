"""Files, safely: from decisions to receipts.

Each file is written under a partial name, verified, committed by a rename, and only then has a
receipt. Receipts go to the ledger in batches (`BATCH` files or `INTERVAL` seconds): after a kill
at most what was in flight plus one batch is fetched again, less where a checksum tells that the
bytes are already there. Before a name that holds bytes is replaced, or a file gets another name,
the intent is in the ledger, and settled by the bytes themselves at the next start (`settle`).

Files whose path changed and whose bytes did not are renamed first (`moves`); then the rest is
fetched (`fetch`). Before both, the bytes of files that are gone go, where that is asked for
(`parting`).
"""

from __future__ import annotations

from .asking import Requests
from .batch import BATCH, INTERVAL, Point, closed, opened, settle
from .fetch import Transfers
from .parting import part
from .relief import Relief

__all__ = [
    "BATCH",
    "INTERVAL",
    "Point",
    "Relief",
    "Requests",
    "Transfers",
    "closed",
    "opened",
    "part",
    "settle",
]
