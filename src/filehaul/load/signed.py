"""Records without the addresses that are credentials themselves.

A signed URL opens a file to whoever has it, so no table, spool or load package may hold one. It
is also another one in every listing: kept, it would make every row a changed row.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ..paths import RecordPath
from ..redact import is_secret, redact

_ROOM = re.compile(r"[?#;&@%]").search


def without_signatures(records: Iterable[dict[str, Any]], address: RecordPath | None) -> None:
    """Cut the query off signed URLs, wherever they stand in these records; in place.

    ``address``: the field that `content.url_field` names. Its query goes in any case: a signature
    may have any name.
    """
    for record in records:
        _clean(record)
        if address is not None:
            _cut(record, address)


def _clean(value: Any) -> None:
    # Values are replaced while they are gone through: no key comes or goes, so that is safe.
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        kind = type(inner)
        if kind is str:
            # Most addresses have no place for a secret; the closer look costs 50 microseconds.
            if "://" in inner and _ROOM(inner) and is_secret(inner):
                value[key] = _bare(inner)
        elif kind is dict or kind is list:
            _clean(inner)


def _bare(text: str) -> str:
    """A URL without its query; another text redacted."""
    is_url = text.startswith(("http://", "https://")) and not any(c.isspace() for c in text)
    return redact(text.partition("?")[0].partition("#")[0] if is_url else text)


def _cut(record: Any, address: RecordPath) -> None:
    url = address.get(record)
    if isinstance(url, str) and ("?" in url or "#" in url):
        _replace(record, url, url.partition("?")[0].partition("#")[0])


def _replace(value: Any, old: str, new: str) -> None:
    """Every copy of a text in a record."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(pairs):
        if inner == old:
            value[key] = new
        elif isinstance(inner, (dict, list)):
            _replace(inner, old, new)
