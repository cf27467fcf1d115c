"""One pass over the vendor: questions out, pages in, in the vendor's order.

Does not know what becomes of the pages. It promises that a page is what the config says (JSON,
with the selector's array in it), that no page is skipped and none comes twice, and that a listing
that could not be finished raises instead of ending: a short listing is never a whole one.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlencode, urlsplit

from ..config import Resource
from ..config.model import Client
from ..errors import AnswerError, ConfigError, FilehaulError, VendorError
from ..http import Http, Request, Response
from ..http.origins import resolve
from ..json_text import dumps
from ..models import Page
from ..pagination import Ask, Paging, paging
from ..redact import redact
from .answers import Answers

if TYPE_CHECKING:
    from .changes import Changes

__all__ = ["Lister", "Listing", "address", "feed_lister", "lister", "with_params", "with_values"]

_MOST_MARKS = 1_000_000  # digests of pages seen: 100 MB at most
_MOST_EMPTY = 1_000  # empty pages in a row, each of which says that more follows


@dataclass(frozen=True)
class _Question:
    """An ask on its way, and which row of guesses it belongs to."""

    ask: Ask
    turn: int


class Listing:
    """The pages of one resource. Iterate it once; `Page.number` counts from 1.

    Raises VendorError, AnswerError, CredentialsError, TemporaryError: then it is incomplete.
    ``pages`` and ``rows`` count what came. ``doubt``, after the end: why it may not be whole
    although it ended as declared; None: nothing says so.
    """

    def __init__(self, resource: Resource, client: Client, http: Http) -> None:
        self.resource = resource
        self.client = client
        self.http = http
        block = resource.endpoint.paginator or client.paginator
        if block is None:
            raise ConfigError("no paginator", where=resource.name, hint="name one")
        self.paging: Paging = paging(block)
        self.pages = 0
        self.rows = 0
        self.ended = False
        self.doubt: str | None = None
        self.how = "listed to its end"
        self._answers = Answers(resource.endpoint, getattr(self.paging, "limit", None))
        self._address = address(client.base_url, resource.endpoint.path)
        self._widest = 2 * http.settings.concurrency
        self._window = self._widest if self.paging.sure_of_total else 2
        self._turn = 0
        self._queue: deque[_Question] = deque()
        self._outstanding: deque[_Question] = deque()
        self._arrived: dict[_Question, Page | FilehaulError] = {}
        self._last: Page | None = None
        self._seen: set[bytes] = set()

    # -- questions -------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Page]:
        self._push(self.paging.first())
        with closing(self.http.run(self._requests())) as results:
            for result in results:
                question: _Question = result.request.context
                if question.turn != self._turn:
                    continue  # a guess that turned out wrong
                if result.error is not None:
                    self._arrived[question] = result.error
                else:
                    assert result.response is not None
                    self._arrived[question] = self._read(result.response)
                yield from self._in_order()
                if self.ended:
                    return  # guesses past the end may still be in flight: nobody waits for them

    def _requests(self) -> Iterator[Request | None]:
        """Questions as there is room for them; None: nothing to ask before the next answer."""
        while not self.ended:
            yield self._request(self._queue.popleft()) if self._queue else None

    def _push(self, ask: Ask) -> None:
        question = _Question(ask, self._turn)
        self._queue.append(question)
        self._outstanding.append(question)

    def _request(self, question: _Question) -> Request:
        endpoint, ask = self.resource.endpoint, question.ask
        if ask.url is not None:
            url = resolve(self._last.url if self._last is not None else self._address, ask.url)
        else:
            url = with_params(self._address, {**endpoint.params, **dict(ask.params)})
        headers = {"Accept": "application/json", **endpoint.headers}
        body = None
        if endpoint.json_body is not None or ask.body:
            body = dumps(with_values(endpoint.json_body or {}, ask.body))
            headers["Content-Type"] = "application/json"
        return Request(
            url,
            endpoint.method,
            tuple(headers.items()),
            body,
            max_body=self.client.max_json,
            context=question,
        )

    # -- answers ---------------------------------------------------------------------------

    def _read(self, response: Response) -> Page | FilehaulError:
        try:
            return self._answers.page(response.body, response.headers, response.url)
        except VendorError as problem:
            return problem

    def _in_order(self) -> Iterator[Page]:
        """The pages that have come and whose turn it is."""
        while self._outstanding and self._outstanding[0] in self._arrived:
            question = self._outstanding.popleft()
            page = self._arrived.pop(question)
            if isinstance(page, FilehaulError):
                status = page.status if isinstance(page, AnswerError) else 0
                if self._last is not None and self.paging.ended_by(question.ask, status):
                    self._finish()
                    return
                raise page
            following = self.paging.after(question.ask, page)
            self._refuse_circles(page, following)
            self.pages += 1
            self.rows += len(page.records)
            page = Page(self.pages, page.records, page.size, page.body, page.headers, page.url)
            self._last = page
            if following is None:
                self.doubt = self.paging.doubt(question.ask, page)
                self._finish()
            else:
                self._expect(following, question.ask)
            yield page

    def _finish(self) -> None:
        self.ended = True
        self._turn += 1
        self._queue.clear()
        self._outstanding.clear()

    def _expect(self, following: Ask, asked: Ask) -> None:
        """Keep the guesses if the first of them is right; drop them all if it is not."""
        question = _Question(following, self._turn)
        if self._outstanding and self._outstanding[0] == question:
            self._outstanding[0] = question  # what is known now goes with it
        else:
            self._turn += 1
            self._queue.clear()
            self._outstanding.clear()
            self._arrived.clear()
            self._push(following)
        self._look_ahead(following, asked)

    def _look_ahead(self, following: Ask, asked: Ask) -> None:
        """Guess as far as guesses have been right: one that is wrong costs a request."""
        if asked.step:  # there was something to guess from
            right = following.position == asked.position + asked.step
            self._window = min(self._widest, 2 * self._window) if right else self._window // 2
            self._window = max(1, self._window)
        while len(self._outstanding) < self._window:
            guess = self.paging.ahead(self._outstanding[-1].ask)
            if guess is None:
                break
            self._push(guess)

    def _refuse_circles(self, page: Page, following: Ask | None) -> None:
        """The same rows or the same page token a second time, or emptiness without end."""
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
            if len(self._seen) < _MOST_MARKS:
                self._seen.add(mark)
        if following is not None and following.empty > _MOST_EMPTY:
            raise VendorError(
                f"{_MOST_EMPTY:,} empty pages in a row, and the vendor says that more follows",
                where=redact(page.url),
                hint="check the paginator: total_path, has_more_path, cursor_path",
            )


class Lister(Protocol):
    """One pass over the vendor, of whatever kind. Iterate it once.

    ``pages``, ``rows``: what came. After the end ``doubt``: why it may not be whole (None: nothing
    says so), and ``how``: how it knows that it is whole.
    """

    @property
    def pages(self) -> int: ...
    @property
    def rows(self) -> int: ...
    @property
    def doubt(self) -> str | None: ...
    @property
    def how(self) -> str: ...

    def __iter__(self) -> Iterator[Page]:
        """The pages, in an order that does not depend on how fast they come."""


def lister(resource: Resource, client: Client, http: Http) -> Lister:
    """A full listing of this resource."""
    full = Listing(resource, client, http)
    if not resource.deleted:
        return full
    from .changes import Netted

    return Netted(resource, full)


def feed_lister(resource: Resource, client: Client, http: Http, token: str | int | None) -> Changes:
    """What a resource's feed tells since this token; everything, where there is none."""
    from .changes import Changes

    return Changes(resource, client, http, Listing(resource, client, http), token)


def address(base_url: str, path: str) -> str:
    """The address of a path below ``base_url``; an absolute one is an address already."""
    base = base_url.rstrip("/")
    if urlsplit(path).scheme in ("http", "https"):
        return path
    return f"{base}/{path.lstrip('/')}" if path else base


def with_values(body: dict[str, Any], values: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
    """The body with these (dotted path, value) pairs set; the config's own is left as it is."""
    result = dict(body)
    for path, value in values:
        *parents, last = path.split(".")
        inner = result
        for name in parents:
            below = inner.get(name)
            inner[name] = dict(below) if isinstance(below, dict) else {}
            inner = inner[name]
        inner[last] = value
    return result


def _digest(value: Any) -> bytes:
    return hashlib.blake2b(dumps(value), digest_size=16).digest()


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
