"""Folder by folder, from the root down, many at once.

The order of the pages is the same in every walk over the same folders, however fast each answer
comes: folders are begun in the order in which they were found (breadth first), a few of them are
open at a time, and the open ones take turns, a page each. So a large folder does not keep the
others waiting, no page token grows old, and no more pages wait for their turn than are asked for.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from ..config import Resource
from ..config.model import Client
from ..config.walk import FolderMarks
from ..errors import AnswerError, ConfigError, FilehaulError, VendorError
from ..http import Http, Request, Response
from ..http.origins import resolve
from ..json_text import dumps
from ..models import Folder, Page
from ..names import child_path
from ..pagination import Ask, Paging, paging
from ..redact import redact
from .answers import Answers
from .frontier import Frontier, Waiting
from .requests import FolderRequests
from .troubles import Troubles

__all__ = ["Walk"]

_MOST_MARKS = 100_000  # digests of one folder's pages: 10 MB at most
_MOST_EMPTY = 1_000  # empty pages in a row, each of which says that more follows


@dataclass(eq=False)
class _Open:
    """A folder whose pages are being asked for.

    ``guesses``: questions on their way beyond the one that is certain; ``reach``: how many there
    may be. ``seen``: digests of its pages and page tokens. ``mark``: of its first page.
    """

    waiting: Waiting
    current: _Question | None = None
    guesses: deque[_Question] = field(default_factory=deque)
    reach: int = 2
    last: Page | None = None
    seen: set[bytes] = field(default_factory=set)
    mark: bytes | None = None


@dataclass(eq=False)
class _Question:
    """A question for a page of an open folder, and the answer once it is there."""

    open: _Open
    ask: Ask
    answer: Page | FilehaulError | None = None
    dropped: bool = False


class Walk:
    """The pages of all folders below the root. Iterate it once; `Page.number` counts from 1.

    Raises what concerns the whole vendor (credentials, a root that cannot be read, ten folders in
    a row that fail for a while only). A folder that cannot be read does not stop the others: then
    ``doubt``, after the end, says how many there were and names the first. ``how``, after the end:
    how it knows that it is whole. ``folders``: how many were read.

    Each folder is read once, however many lead to it, so a circle of folders ends.
    """

    # A file that moves from a folder not yet read into one that was is on no page.
    overlaps = False

    def __init__(self, resource: Resource, client: Client, http: Http) -> None:
        assert resource.walk is not None
        block = resource.endpoint.paginator or client.paginator
        if block is None:
            raise ConfigError("no paginator", where=resource.name, hint="name one")
        self.resource = resource
        self.client = client
        self.http = http
        self.walk = resource.walk
        self.paging: Paging = paging(block)
        self.pages = 0
        self.rows = 0
        self.folders = 0
        self.doubt: str | None = None
        self.how = ""
        self._marks = FolderMarks(resource)
        self._requests_for = FolderRequests(resource, client)
        self._answers = Answers(resource.endpoint, getattr(self.paging, "limit", None))
        self._widest = 2 * http.settings.concurrency
        self._window: deque[_Question] = deque()
        self._to_ask: deque[_Question] = deque()
        self._open: dict[_Open, None] = {}
        self._troubles = Troubles(self.walk, self._marks.id_path.text)

    def __iter__(self) -> Iterator[Page]:
        self._frontier = Frontier()
        with closing(self._frontier):
            self._frontier.add(self._roots())
            self._fill()
            with closing(self.http.run(self._requests())) as results:
                for result in results:
                    question: _Question = result.request.context
                    if question.dropped:
                        continue  # a guess that turned out wrong
                    if result.error is not None:
                        question.answer = result.error
                    else:
                        assert result.response is not None
                        question.answer = self._read(result.response)
                    yield from self._in_order()
                    if not self._window:
                        break  # guesses past an end may be in flight: nobody waits for them
        self.doubt = self._troubles.ended(self.pages)
        if self.doubt is None:
            self.how = f"each of {self.folders:,} folders was read to its end"

    # -- what is asked ---------------------------------------------------------------------

    def _roots(self) -> list[Waiting]:
        """The roots. Of several, each begins the paths below it: with its name, else its id."""
        roots = self.walk.root
        return [
            Waiting(
                root.id,
                Folder(
                    str(root.id),
                    child_path("", root.name or ("" if len(roots) == 1 else str(root.id))),
                ),
                address=root.path,
            )
            for root in roots
        ]

    def _requests(self) -> Iterator[Request | None]:
        """Questions as there is room for them; None: nothing to ask before the next answer."""
        while self._window:
            question = self._to_ask.popleft() if self._to_ask else None
            if question is None:
                yield None
            elif not question.dropped:
                opened, ask = question.open, question.ask
                url = None if opened.last is None else opened.last.url
                yield self._requests_for.request(opened.waiting, ask, url, question)

    def _push(self, question: _Question) -> None:
        self._window.append(question)
        self._to_ask.append(question)

    def _fill(self) -> None:
        """Begin folders while there is room; where none is left, look ahead in the open ones."""
        while len(self._window) < self._widest:
            waiting = self._frontier.take()
            if waiting is None:
                self._look_ahead()
                return
            opened = _Open(waiting, reach=self._widest if self.paging.sure_of_total else 2)
            opened.current = _Question(opened, self.paging.first())
            self._open[opened] = None
            self._push(opened.current)

    def _look_ahead(self) -> None:
        guessed = True
        while guessed:
            guessed = False
            for opened in self._open:
                if len(self._window) >= self._widest:
                    return
                last = opened.guesses[-1] if opened.guesses else opened.current
                if last is None or len(opened.guesses) >= opened.reach:
                    continue
                ask = self.paging.ahead(last.ask)
                if ask is not None:
                    guess = _Question(opened, ask)
                    opened.guesses.append(guess)
                    self._push(guess)
                    guessed = True

    # -- what comes ------------------------------------------------------------------------

    def _read(self, response: Response) -> Page | FilehaulError:
        try:
            return self._answers.page(response.body, response.headers, response.url)
        except VendorError as problem:
            return problem

    def _in_order(self) -> Iterator[Page]:
        """The pages that have come and whose turn it is."""
        while self._window and self._window[0].answer is not None:
            question = self._window.popleft()
            page = self._taken(question)
            self._fill()
            if page is not None:
                yield page

    def _taken(self, question: _Question) -> Page | None:
        """The page, its folders noted and the next one asked for; None: there is none."""
        opened, answer = question.open, question.answer
        assert answer is not None
        if isinstance(answer, FilehaulError):
            status = answer.status if isinstance(answer, AnswerError) else 0
            if opened.last is None or not self.paging.ended_by(question.ask, status):
                self._troubles.refuse(opened.waiting, answer, opened.last is None)
            self._close(opened)
            return None
        try:
            following = self.paging.after(question.ask, answer)
            if following is not None and following.url is not None:
                resolve(answer.url, following.url)  # a link that is none is this folder's trouble
            self._refuse_circles(opened, answer, following)
        except VendorError as problem:
            self._troubles.refuse(opened.waiting, problem, opened.last is None)
            self._close(opened)
            return None
        self._troubles.in_a_row = 0
        if opened.last is None:
            self.folders += 1
        self.pages += 1
        self.rows += len(answer.records)
        folder = opened.waiting.folder
        page = Page(
            self.pages,
            answer.records,
            answer.size,
            answer.body,
            answer.headers,
            answer.url,
            folder=folder,
        )
        opened.last = page
        self._frontier.add(self._below(opened, page.records))
        if following is None:
            doubt = self.paging.doubt(question.ask, page)
            if doubt is not None:
                self._troubles.note(opened.waiting, doubt)
            self._close(opened)
        else:
            self._expect(opened, following, question.ask)
        return page

    def _below(self, opened: _Open, records: list[Any]) -> Iterator[Waiting]:
        """The folders among the records."""
        above, depth = opened.waiting.folder, opened.waiting.depth + 1
        for record in records:
            if not self._marks.is_folder(record):
                continue
            id_ = self._marks.folder_id(record)
            if id_ is None:
                self._troubles.without_id += 1
            elif depth > self.walk.max_depth:
                self._troubles.too_deep += 1
            else:
                name = self._marks.name(record)
                path = child_path(above.path, str(id_) if name is None else name)
                complete = above.path_complete and name is not None
                yield Waiting(id_, Folder(str(id_), path, complete), depth, None, opened.mark)

    def _expect(self, opened: _Open, following: Ask, asked: Ask) -> None:
        """Keep the guesses if the first of them is right; drop them all if it is not."""
        if opened.guesses and opened.guesses[0].ask == following:
            opened.current = opened.guesses.popleft()
            opened.current.ask = following  # what is known now goes with it
            opened.reach = min(self._widest, 2 * opened.reach)
            return
        if opened.guesses:
            opened.reach = max(1, opened.reach // 2)
            self._drop(opened)
        elif asked.step and following.position != asked.position + asked.step:
            opened.reach = max(1, opened.reach // 2)
        opened.current = _Question(opened, following)
        self._push(opened.current)

    def _drop(self, opened: _Open) -> None:
        for guess in opened.guesses:
            guess.dropped = True
        if opened.guesses:
            self._window = deque(one for one in self._window if not one.dropped)
            opened.guesses.clear()

    def _close(self, opened: _Open) -> None:
        self._drop(opened)
        del self._open[opened]

    # -- what is wrong ---------------------------------------------------------------------

    def _refuse_circles(self, opened: _Open, page: Page, following: Ask | None) -> None:
        """A page or a page token a second time in one folder, or emptiness without end."""
        marks = []
        if page.size:
            marks.append(_digest(page.records if page.records else page.body))
            if opened.last is None:
                opened.mark = marks[0]
                self._troubles.listen(opened.waiting, opened.mark)
        if following is not None and following.token is not None:
            marks.append(_digest(["token", following.token]))
        if following is None and opened.last is None:
            return  # the only page: there is nothing that it could repeat
        if any(mark in opened.seen for mark in marks):
            raise VendorError(
                "a page repeats an earlier one of the same folder: it would go in circles",
                where=redact(page.url),
                hint="the vendor ignores the paginator's parameters: check their names",
            )
        if len(opened.seen) < _MOST_MARKS:
            opened.seen.update(marks)
        if following is not None and following.empty > _MOST_EMPTY:
            raise VendorError(
                f"{_MOST_EMPTY:,} empty pages in a row, and the vendor says that more follows",
                where=redact(page.url),
                hint="check the paginator: total_path, has_more_path, cursor_path",
            )


def _digest(value: Any) -> bytes:
    return hashlib.blake2b(dumps(value), digest_size=16).digest()
