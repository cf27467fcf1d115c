"""One pass over the vendor: questions out, pages in, in the vendor's order.

Does not know what becomes of the pages. It promises that a page is what the config says (JSON,
with the selector's array in it), that no page is skipped and none comes twice, and that a listing
that could not be finished raises instead of ending: a short listing is never a whole one.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import orjson

from .config import Resource
from .config.model import Client
from .errors import AnswerError, ConfigError, FilehaulError, VendorError
from .http import Http, Request
from .http.origins import resolve
from .models import Page
from .pagination import Ask, Paging, paging
from .paths import MISSING, RecordPath, record_path
from .redact import excerpt, redact

_MOST_TOKENS = 1_000_000  # digests of pages seen: 16 MB at most


@dataclass(frozen=True)
class Question:
    """An ask on its way, and which guess it belongs to."""

    ask: Ask
    turn: int


class Listing:
    """The pages of one resource. Iterate it once; `Page.number` counts from 1.

    Raises VendorError, AnswerError, CredentialsError, TemporaryError: then it is incomplete.
    """

    def __init__(self, resource: Resource, client: Client, http: Http) -> None:
        self.resource = resource
        self.client = client
        self.http = http
        block = resource.endpoint.paginator or client.paginator
        if block is None:
            raise ConfigError("no paginator", where=resource.name, hint="name one")
        self.paging: Paging = paging(block)
        self.selector = (
            None
            if resource.endpoint.data_selector is None
            else record_path(resource.endpoint.data_selector)
        )
        self.page_array = (
            None
            if resource.endpoint.page_array is None
            else record_path(resource.endpoint.page_array)
        )
        self.pages = 0
        self.rows = 0
        self.ended = False
        self._turn = 0
        self._queue: deque[Question] = deque()
        self._outstanding: deque[Question] = deque()
        self._arrived: dict[Question, Page | FilehaulError] = {}
        self._last: Page | None = None
        self._tail: Ask | None = None
        self._seen: set[bytes] = set()

    # -- questions -------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Page]:
        self._push(self.paging.first())
        for result in self.http.run(self._requests()):
            question: Question = result.request.context
            if question.turn != self._turn:
                continue  # a guess that turned out wrong
            if result.error is not None:
                self._arrived[question] = result.error
            else:
                assert result.response is not None
                response = result.response
                self._arrived[question] = self._decode(
                    response.body, response.headers, response.url
                )
            yield from self._in_order()
            if self.ended:
                return  # guesses past the end may still be in flight: nobody waits for them

    def _requests(self) -> Iterator[Request | None]:
        """Questions as there is room for them; None: nothing to ask before the next answer."""
        while not self.ended:
            yield self._request(self._queue.popleft()) if self._queue else None

    def _push(self, ask: Ask) -> None:
        question = Question(ask, self._turn)
        self._queue.append(question)
        self._outstanding.append(question)
        self._tail = ask

    def _request(self, question: Question) -> Request:
        endpoint, ask = self.resource.endpoint, question.ask
        base = self.client.base_url.rstrip("/") + "/"
        url = resolve(base, endpoint.path.lstrip("/")) if endpoint.path else base.rstrip("/")
        if ask.url is not None:
            url = resolve(self._last.url if self._last is not None else url, ask.url)
        else:
            url = with_params(url, {**endpoint.params, **dict(ask.params)})
        headers = {"Accept": "application/json", **endpoint.headers}
        body = None
        if endpoint.json_body is not None:
            body = orjson.dumps(endpoint.json_body)
            headers["Content-Type"] = "application/json"
        if endpoint.headers and not self.http.origins.trusts(url):
            headers = {"Accept": "application/json"}
        return Request(
            url,
            endpoint.method,
            tuple(headers.items()),
            body,
            max_body=self.client.max_json,
            context=question,
        )

    # -- answers ---------------------------------------------------------------------------

    def _in_order(self) -> Iterator[Page]:
        """The pages that have come and whose turn it is."""
        while self._outstanding and self._outstanding[0] in self._arrived:
            question = self._outstanding.popleft()
            page = self._arrived.pop(question)
            if isinstance(page, FilehaulError):
                status = page.status if isinstance(page, AnswerError) else 0
                if self.paging.ended_by(question.ask, self._last, status):
                    self._finish()
                    return
                raise page
            following = self.paging.after(question.ask, page)
            self._refuse_repeated(page, following)
            self.pages += 1
            self.rows += len(page.records)
            page = Page(self.pages, page.records, page.size, page.body, page.headers, page.url)
            self._last = page
            if following is None:
                self._finish()
            else:
                self._expect(following, page)
            yield page

    def _finish(self) -> None:
        self.ended = True
        self._turn += 1
        self._queue.clear()
        self._outstanding.clear()

    def _expect(self, following: Ask, page: Page) -> None:
        """Keep the guesses if the first of them is right; drop them all if it is not."""
        if not self._outstanding or self._outstanding[0].ask != following:
            self._turn += 1
            self._queue.clear()
            self._outstanding.clear()
            self._arrived.clear()
            self._push(following)
        while len(self._outstanding) < 2 * self.http.settings.concurrency:
            assert self._tail is not None
            guess = self.paging.ahead(self._tail, page)
            if guess is None:
                break
            self._push(guess)

    def _refuse_repeated(self, page: Page, following: Ask | None) -> None:
        """The same rows or the same page token a second time: the listing goes in circles."""
        marks = []
        if page.size:
            marks.append(_digest(page.records if page.records else page.body))
        if following is not None and following.token is not None:
            marks.append(_digest(["token", following.token]))
        for mark in marks:
            if mark in self._seen:
                raise VendorError(
                    f"page {self.pages + 1} repeats an earlier page: the listing goes in circles",
                    where=redact(page.url),
                    hint="the vendor ignores the paginator's parameters: check their names",
                )
            if len(self._seen) < _MOST_TOKENS:
                self._seen.add(mark)

    # -- decoding --------------------------------------------------------------------------

    def _decode(self, body: bytes, headers: Any, url: str) -> Page | FilehaulError:
        """The answer as a page, or what is wrong with it."""
        where = redact(url)
        try:
            answer = orjson.loads(body)
        except orjson.JSONDecodeError:
            kind = headers.get("content-type", "").split(";")[0] or "no content type"
            return VendorError(
                f"the answer is not JSON but {kind}: {excerpt(body, 160)}",
                where=where,
                hint="a login page? check base_url, path and auth",
            )
        try:
            records = self._select(answer, body, where)
            size = len(records) if self.page_array is None else self._array_size(answer, where)
        except FilehaulError as problem:
            return problem
        if self.selector is not None and not self.selector.is_plain and self.page_array is None:
            # A filter or wildcard may drop elements: only the limit says how far the page went.
            size = getattr(self.paging, "limit", size) if records else size
        return Page(0, records, size, answer, headers, url)

    def _select(self, answer: Any, body: bytes, where: str) -> list[Any]:
        if self.selector is None:
            if isinstance(answer, list):
                return answer
            raise VendorError(
                f"no data_selector, and the answer is not an array but has: {_shape(answer)}",
                where=where,
                hint="data_selector: the key that holds the records",
            )
        found = self.selector.get(answer)
        if isinstance(found, list):
            return found
        if found is MISSING and not self.selector.is_plain:
            return []
        text = self.selector.text
        if found is MISSING or found is None:
            what = "is missing from" if found is MISSING else "is null in"
            raise VendorError(
                f"{text!r} {what} the answer, which has: {_shape(answer)}; {excerpt(body, 160)}",
                where=where,
                hint="an error page, or another data_selector? nothing was taken for an empty page",
            )
        raise VendorError(
            f"{text!r} holds {type(found).__name__}, not an array of records",
            where=where,
            hint="data_selector must name the array itself",
        )

    def _array_size(self, answer: Any, where: str) -> int:
        assert self.page_array is not None
        return len(_array(self.page_array, answer, where))


def _array(path: RecordPath, answer: Any, where: str) -> list[Any]:
    found = path.get(answer)
    if not isinstance(found, list):
        raise VendorError(
            f"the page_array {path.text!r} is not in the answer, which has: {_shape(answer)}",
            where=where,
            hint="page_array must name the array that a page's elements are in",
        )
    return found


def _shape(answer: Any) -> str:
    """The names in an answer, for an error: never its values."""
    if isinstance(answer, dict):
        names = [redact(str(key))[:40] for key in list(answer)[:12]]
        return ", ".join(names) or "no keys"
    return f"a {type(answer).__name__}"


def _digest(value: Any) -> bytes:
    return hashlib.blake2b(orjson.dumps(value), digest_size=16).digest()


def with_params(url: str, params: dict[str, Any]) -> str:
    """The URL with these query parameters added; lists become several, null is left out."""
    pairs: list[tuple[str, str]] = []
    for name, value in params.items():
        for one in value if isinstance(value, (list, tuple)) else (value,):
            if one is not None:
                pairs.append((name, _as_text(one)))
    if not pairs:
        return url
    return f"{url}{'&' if urlsplit(url).query else '?'}{urlencode(pairs)}"


def _as_text(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
