"""From the vendor's records to the catalogue's columns, and to what a transfer needs to know.

Two forms. With ``fields`` the table has the neutral columns, of fixed types. Without, it has the
vendor's own, each of the type of its first non-null value for good (the ledger keeps it); a later
value that does not fit goes to ``<column>__v_text``, as dlt names variants. Columns that the
seeds name (`SEED_TYPES`) have their types either way.

A record without a usable key is rejected. Any other value that does not fit a fixed column
becomes NULL, and is reported.
"""

from __future__ import annotations

from .codecs import BIGINT, BOOL, DOUBLE, JSON, TEXT, TIMESTAMP
from .columns import NEUTRAL_TYPES, SEED_TYPES
from .roles import Roles, roles_of
from .rows import Reject, Rows
from .shape import Shape

__all__ = [
    "BIGINT",
    "BOOL",
    "DOUBLE",
    "JSON",
    "NEUTRAL_TYPES",
    "SEED_TYPES",
    "TEXT",
    "TIMESTAMP",
    "Reject",
    "Roles",
    "Rows",
    "Shape",
    "roles_of",
]
