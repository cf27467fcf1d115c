"""Which of the files that a vendor has are to be transferred, as SQL.

What a record says for good (its path, type and size) is decided when it is noted, in column
``unselected``. Its age is not: a file grows older without another word of the vendor's.
"""

from __future__ import annotations

from typing import NamedTuple


class Window(NamedTuple):
    """Files modified from ``after`` to ``before``, both included, in microseconds."""

    after: int
    before: int


ALWAYS = Window(-(2**63), 2**63 - 1)

# Column `modified` is NULL where times do not count, or where the record has none.
SELECTED = "f.unselected IS NULL AND (f.modified IS NULL OR f.modified BETWEEN :after AND :before)"
