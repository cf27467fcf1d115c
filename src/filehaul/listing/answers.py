"""An answer's body as a page of records, or what is wrong with it.

A bad answer is never an empty page: where the array of records is missing, is null or is something
else, that is an error which says what the answer has instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..config import Endpoint
from ..errors import VendorError
from ..json_text import loads
from ..models import Page
from ..paths import MISSING, RecordPath, record_path
from ..redact import excerpt, redact


class Answers:
    """Reads the answers of one endpoint. ``limit``: the most rows that a page was asked for."""

    def __init__(self, endpoint: Endpoint, limit: int | None = None) -> None:
        self.selectors = [record_path(text) for text in endpoint.selectors]
        self.page_array = None if endpoint.page_array is None else record_path(endpoint.page_array)
        self.limit = limit

    def page(self, body: bytes, headers: Mapping[str, str], url: str) -> Page:
        """The answer as a page (its number is 0). Raises VendorError."""
        kind = headers.get("content-type", "")
        try:
            answer = loads(body, kind)
        except ValueError:
            raise VendorError(
                f"the answer is not JSON but {kind.partition(';')[0] or 'has no content type'}: "
                f"{excerpt(body, 160) or 'nothing at all'}",
                where=redact(url),
                hint="a login page? check base_url, path and auth",
            ) from None
        try:
            records, size = self._records(answer)
            if self.page_array is not None:
                size = len(_array(self.page_array, answer))
        except _WrongError as problem:
            raise VendorError(
                f"{problem.what}; {excerpt(body, 160)}", where=redact(url), hint=problem.hint
            ) from None
        return Page(0, records, size, answer, headers, url)

    def _records(self, answer: Any) -> tuple[list[Any], int]:
        """The records, and how many elements the page's own arrays have."""
        if not self.selectors:
            if isinstance(answer, list):
                return answer, len(answer)
            raise _WrongError(
                f"no data_selector, and the answer is not an array but has: {shape(answer)}",
                "data_selector: the key that holds the records",
            )
        records: list[Any] = []
        size = 0
        for selector in self.selectors:
            if selector.is_plain:
                found, own = _array(selector, answer), None
            else:
                found, own = self._chosen(selector, answer)
            records = found if not records else records + found
            size += len(found) if own is None else own
        return records, size

    def _chosen(self, selector: RecordPath, answer: Any) -> tuple[list[Any], int]:
        """What a wildcard or a filter chooses, and the size of the array that it chooses from.

        Of a nested selector nobody knows how many rows the page has: then it counts as full, or,
        where it holds nothing, as empty.
        """
        found = selector.get(answer)
        found = [] if found is MISSING else found
        if found and all(isinstance(one, list) for one in found):
            found = [record for one in found for record in one]
        assert selector.begins is not None
        outer = selector.begins.get(answer)
        if not isinstance(outer, (list, dict)) or (isinstance(outer, dict) and not found):
            if self.page_array is not None:
                return found, 0
            raise _WrongError(
                f"{selector.text!r} matches nothing in the answer, which has: {shape(answer)}",
                "an error page? if a page may have no match, name its own array: page_array",
            )
        if selector.selects_elements:
            return found, len(outer)
        full = len(found) if self.limit is None else max(len(found), self.limit)
        return found, full if outer else 0


class _WrongError(Exception):
    """What is wrong with an answer, and what to do about it."""

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint


def _array(path: RecordPath, answer: Any) -> list[Any]:
    found = path.get(answer)
    if isinstance(found, list):
        return found
    if found is MISSING or found is None:
        what = "is missing from" if found is MISSING else "is null in"
        raise _WrongError(
            f"{path.text!r} {what} the answer, which has: {shape(answer)}",
            "an error page, or another data_selector? nothing was taken for an empty page",
        )
    raise _WrongError(
        f"{path.text!r} holds {type(found).__name__}, not an array of records",
        "data_selector and page_array must name the array itself",
    )


def shape(answer: Any) -> str:
    """The names in an answer, for an error: never its values."""
    if isinstance(answer, dict):
        names = [redact(str(key))[:40] for key in list(answer)[:12]]
        return ", ".join(names) or "no keys"
    return f"a {type(answer).__name__}"
