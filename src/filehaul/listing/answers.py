"""An answer's body as a page of records, or what is wrong with it.

A bad answer is never an empty page: where the array of records is missing, is null or is something
else, that is an error which says what the answer has instead. ``if_no_array`` in the config takes
null, or also a missing array, for an empty page: some vendors write nothing at all that way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..config import Endpoint
from ..errors import VendorError
from ..models import Page
from ..paths import MISSING, RecordPath, record_path
from ..redact import excerpt, redact
from .decoders import decoder


class Answers:
    """Reads the answers of one endpoint. ``limit``: the most rows that a page was asked for."""

    def __init__(self, endpoint: Endpoint, limit: int | None = None) -> None:
        self._decode = decoder(endpoint)
        self.selectors = [record_path(text) for text in endpoint.selectors]
        self.page_array = None if endpoint.page_array is None else record_path(endpoint.page_array)
        self.limit = limit
        self.incomplete = endpoint.incomplete
        self.forgives = endpoint.if_no_array
        plain = all(selector.is_plain for selector in self.selectors)
        self.takes_all = plain and self.page_array is None  # every element is a record
        self.ordered = len(self.selectors) < 2 or self.page_array is not None

    def page(self, body: bytes, headers: Mapping[str, str], url: str) -> Page:
        """The answer as a page (its number is 0). Raises VendorError."""
        kind = headers.get("content-type", "")
        try:
            answer, doubt = self._decode(body, kind, url)
        except ValueError as problem:
            raise VendorError(
                f"the answer is {problem}: {excerpt(body, 160) or 'nothing at all'}",
                where=redact(url),
                hint="a login page? check base_url, path and auth",
            ) from None
        try:
            records, size, elements = self._records(answer)
            if self.page_array is not None:
                elements = self._array(self.page_array, answer)
                size = len(elements)
        except _WrongError as problem:
            raise VendorError(
                f"{problem.what}; {excerpt(body, 160)}", where=redact(url), hint=problem.hint
            ) from None
        if doubt is None and self.incomplete is not None and self.incomplete.holds(answer):
            doubt = f"the vendor says so itself ({self.incomplete.path})"
        return Page(0, records, size, answer, headers, url, elements, doubt=doubt)

    def _array(self, path: RecordPath, answer: Any) -> list[Any]:
        """The array that stands there, or nothing where the config forgives that it does not."""
        found = path.get(answer)
        if isinstance(found, list):
            return found
        null = found is None and self.forgives != "error"
        if null or (found is MISSING and self._may_miss(answer)):
            return []
        raise _no_array(path, found, answer)

    def _may_miss(self, answer: Any) -> bool:
        """Whether a missing array is an empty page: not where the answer speaks of an error."""
        if self.forgives != "missing_is_empty" or not isinstance(answer, dict):
            return False
        return not any(answer.get(name) for name in answer if _speaks_of_error(name))

    def _records(self, answer: Any) -> tuple[list[Any], int, list[Any] | None]:
        """The records, how many elements the page's own arrays have, and these, where known."""
        if not self.selectors:
            if isinstance(answer, list):
                return answer, len(answer), answer
            raise _WrongError(
                f"no data_selector, and the answer is not an array but has: {shape(answer)}",
                "data_selector: the key that holds the records",
            )
        records: list[Any] = []
        elements: list[Any] | None = []
        own: list[Any] | None
        size = 0
        for selector in self.selectors:
            if selector.is_plain:
                own = found = self._array(selector, answer)
                step = len(found)
            else:
                found, step, own = self._chosen(selector, answer)
            records = found if not records else records + found
            if elements is not None:
                elements = None if own is None else elements + own if elements else own
            size += step
        return records, size, elements

    def _chosen(self, selector: RecordPath, answer: Any) -> tuple[list[Any], int, list[Any] | None]:
        """What a wildcard or a filter chooses, and the array that it chooses from, and its size.

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
            null = outer is None and self.forgives != "error"
            missing = outer is MISSING and self._may_miss(answer)
            if self.page_array is not None or null or missing:
                return found, 0, []
            raise _WrongError(
                f"{selector.text!r} matches nothing in the answer, which has: {shape(answer)}",
                "an error page? if a page may have no match, name its own array: page_array",
            )
        if selector.selects_elements:
            own = outer if isinstance(outer, list) else list(outer.values())
            return found, len(own), own
        full = len(found) if self.limit is None else max(len(found), self.limit)
        return found, full if outer else 0, None


class _WrongError(Exception):
    """What is wrong with an answer, and what to do about it."""

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint


def _speaks_of_error(name: Any) -> bool:
    return str(name).lower().lstrip("@_").startswith(("error", "fault", "exception"))


def _no_array(path: RecordPath, found: Any, answer: Any) -> _WrongError:
    if found is MISSING or found is None:
        what, how = "is missing from", "missing_is_empty"
        if found is None:
            what, how = "is null in", "null_is_empty"
        return _WrongError(
            f"{path.text!r} {what} the answer, which has: {shape(answer)}",
            "an error page, or another data_selector? where this vendor means an empty page by it: "
            f"endpoint.if_no_array: {how}",
        )
    return _WrongError(
        f"{path.text!r} holds {type(found).__name__}, not an array of records",
        "data_selector and page_array must name the array itself",
    )


def shape(answer: Any) -> str:
    """The names in an answer, for an error: never its values."""
    if isinstance(answer, dict):
        names = [redact(str(key))[:40] for key in list(answer)[:12]]
        return ", ".join(names) or "no keys"
    return f"a {type(answer).__name__}"
