"""One pass over the vendor: questions out, pages in, in the vendor's order.

Does not know what becomes of the pages. It promises that a page is what the config says (JSON,
with the selector's array in it), that no page is skipped and none comes twice, and that a listing
that could not be finished raises instead of ending: a short listing is never a whole one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace

from ..config import Resource
from ..config.model import Client
from ..errors import AnswerError, ConfigError, FilehaulError, VendorError
from ..http import Http, Request, Response, Result
from ..models import Page
from ..pagination import Ask, Offset, Paging, overlapping, paging
from ..pagination.asking import total_of
from ..redact import redact
from .answers import Answers
from .marks import Marker, digest
from .overlap import Overlap, Verdict
from .questions import request

_MOST_MARKS = 1_000_000  # digests of pages seen: 100 MB at most
_MOST_EMPTY = 1_000  # empty pages in a row, each of which says that more follows
_MOST_IDLE = 100  # pages in a row with none but known rows
_NO_OVERLAP = frozenset({400, 404, 416, 422})  # said to an offset that is no multiple of limit


@dataclass(frozen=True)
class _Question:
    """An ask on its way, and which row of guesses it belongs to."""

    ask: Ask
    turn: int


class Listing:
    """The pages of one resource. Iterate it once; `Page.number` counts from 1.

    ``prove``: whether the listing must be able to say that nothing is missing: then offset pages
    overlap by one row. Raises VendorError, AnswerError, CredentialsError, TemporaryError: then it
    is incomplete. ``pages`` and ``rows`` count what came. After the end: ``doubt``, why it may
    not be whole although it ended as declared (None: nothing says so); ``how``, how it knows that
    it is; ``overlaps``, whether rows that shifted would have been seen; ``total``, the vendor's
    own number of rows, from where the listing begins, as it said last (None: it gives none), and
    ``largest_total``, the largest that it said.
    """

    def __init__(
        self, resource: Resource, client: Client, http: Http, *, prove: bool = False
    ) -> None:
        self.resource = resource
        self.client = client
        self.http = http
        block = resource.endpoint.paginator or client.paginator
        if block is None:
            raise ConfigError("no paginator", where=resource.name, hint="name one")
        self.prove = prove
        self.paging: Paging = overlapping(paging(block)) if prove else paging(block)
        self.pages = 0
        self.rows = 0
        self.ended = False
        self.doubt: str | None = None
        self.how = "not listed to its end"
        self.total: int | None = None
        self.largest_total: int | None = None
        self._answers = Answers(resource.endpoint, getattr(self.paging, "limit", None))
        self._concurrency = http.settings.concurrency
        self._widest = 2 * self._concurrency
        self._window = self._widest if self.paging.sure_of_total else 2
        self._blind = 1  # the window where no total is known
        self._trust = 1
        self.reach = self._widest
        self._turn = 0
        self._queue: deque[_Question] = deque()
        self._outstanding: deque[_Question] = deque()
        self._arrived: dict[_Question, Page | FilehaulError] = {}
        self._last: Page | None = None
        self._said: str | None = None  # what an answer itself says is missing from it
        self._seen: set[bytes] = set()
        self._marker = Marker(resource)
        self._overlap = self._overlapping()
        self._idle = 0

    def _overlapping(self) -> Overlap | None:
        if isinstance(self.paging, Offset) and self.paging.overlap:
            return Overlap(self._marker, self.paging, ordered=self._answers.ordered)
        return None

    @property
    def overlaps(self) -> bool:
        """Whether rows that shifted underneath would have been seen, or could not shift."""
        if not self.paging.counts:
            return True
        if self._overlap is None:
            return self.ended and self.pages == 1
        return not (self._overlap.came or self._overlap.unproven)

    # -- questions -------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Page]:
        self.begin()
        with closing(self.http.run(self._requests())) as results:
            for result in results:
                self.tell(result.request.context, result)
                while self.is_due:
                    yield from self.step()
                if self.ended:
                    return  # guesses past the end may still be in flight: nobody waits for them

    def _requests(self) -> Iterator[Request | None]:
        """Questions as there is room for them; None: nothing to ask before the next answer."""
        while not self.ended:
            yield self.ask()

    # Whoever asks for several listings at once does so by these, in place of iterating.

    def begin(self) -> None:
        """Have the first question to ask."""
        self._push(self.paging.first())

    def ask(self) -> Request | None:
        """The next request, its context being the question; None: nothing to ask for now."""
        return self._request(self._queue.popleft()) if self._queue else None

    def tell(self, question: _Question, result: Result) -> None:
        """What came of a question."""
        if question.turn != self._turn:
            return  # a guess that turned out wrong
        if result.error is not None:
            self._arrived[question] = result.error
        else:
            assert result.response is not None
            self._arrived[question] = self._read(result.response)

    @property
    def is_due(self) -> bool:
        """Whether what comes next is there."""
        return bool(self._outstanding) and self._outstanding[0] in self._arrived

    def step(self) -> Iterator[Page]:
        """Take what comes next: a page, or nothing, or the end. Raises as iterating does."""
        question = self._outstanding.popleft()
        answer = self._arrived.pop(question)
        if isinstance(answer, FilehaulError):
            self._refused(question.ask, answer)
        else:
            yield from self._taken(question, answer)

    @property
    def next_link(self) -> str | None:
        """The address of the page to come, where the vendor named it."""
        return self._outstanding[0].ask.url if self._outstanding else None

    def _push(self, ask: Ask) -> None:
        question = _Question(ask, self._turn)
        self._queue.append(question)
        self._outstanding.append(question)

    def _request(self, question: _Question) -> Request:
        page_url = None if self._last is None else self._last.url
        return request(self.client, self.resource.endpoint, question.ask, page_url, question)

    # -- answers ---------------------------------------------------------------------------

    def _read(self, response: Response) -> Page | FilehaulError:
        try:
            return self._answers.page(response.body, response.headers, response.url)
        except VendorError as problem:
            return problem

    def _refused(self, ask: Ask, problem: FilehaulError) -> None:
        """The end, an offset that cannot overlap, or what it says: then it is raised."""
        status = problem.status if isinstance(problem, AnswerError) else 0
        if self._last is not None and self.paging.ended_by(ask, status):
            self._finish(f"{status} after the last page")
        elif not self._without_overlap(ask, status in _NO_OVERLAP):
            raise problem

    def _without_overlap(self, ask: Ask, is_sign: bool) -> bool:
        """Some vendors take no offset but multiples of the limit: the first overlap shows it."""
        if not (is_sign and self.pages == 1 and ask.overlaps and isinstance(self.paging, Offset)):
            return False
        self.paging = replace(self.paging, overlap=False)
        self._overlap = None
        self._drop()
        self._push(self.paging.plainly(ask))
        return True

    def _taken(self, question: _Question, page: Page) -> Iterator[Page]:
        following = self.paging.after(question.ask, page)
        mark = self._mark(page)
        if mark is not None and mark in self._seen:
            if self.paging.ended_by_repeat(question.ask):
                self._finish("nothing new came after the vendor's own number of pages")
                return
            if self._without_overlap(question.ask, True):
                return
        self._refuse_circles(page, mark, following)
        size = page.size
        if self._overlap is not None:
            is_new = self._overlap.is_new_ground(question.ask)
            verdict = self._overlap.check(question.ask, page)
            if verdict.back is not None:
                self._step_back(question, page, verdict)
                return
            self._idle = 0 if verdict.page.records else self._idle + (is_new and page.size > 0)
            page = verdict.page
        self.pages += 1
        self.rows += len(page.records)
        self._said = self._said or page.doubt
        self._last = page = replace(page, number=self.pages, size=size)
        self._note_total(page)
        if following is None:
            self._end(question.ask, page)
        else:
            self._expect(following, question.ask)
        yield page

    def _step_back(self, question: _Question, page: Page, verdict: Verdict) -> None:
        """Ask for the rows before. This page is kept for when they are there, but only once."""
        assert verdict.back is not None
        if verdict.kept:
            self._outstanding.appendleft(question)
            self._arrived[question] = page
        else:
            self._drop()
        back = _Question(verdict.back, self._turn)
        self._queue.appendleft(back)
        self._outstanding.appendleft(back)

    def _drop(self) -> None:
        """Forget the guesses."""
        self._turn += 1
        self._queue.clear()
        self._outstanding.clear()
        self._arrived.clear()

    def _expect(self, following: Ask, asked: Ask) -> None:
        """Keep the guesses if the first of them is right; drop them all if it is not."""
        question = _Question(following, self._turn)
        if self._outstanding and self._outstanding[0] == question:
            self._outstanding[0] = question  # what is known now goes with it
        else:
            self._drop()
            self._push(following)
        self._look_ahead(following, asked)

    def _look_ahead(self, following: Ask, asked: Ask) -> None:
        """Guess as far as guesses have been right: one that is wrong costs a request."""
        known = following.total is not None
        if asked.step:  # there was something to guess from
            right = following.position == asked.position + asked.step
            self._window = min(self._widest, 2 * self._window) if right else self._window // 2
            self._window = max(1, self._window)
            # A page shorter than the others is the last one more often than not.
            self._blind = min(self._concurrency, 2 * self._blind) if right else 1
        self._trust = self._window if known else self._blind
        self.guess()

    def guess(self) -> None:
        """Have questions to ask ahead, as many as are trusted and as ``reach`` allows."""
        while 0 < len(self._outstanding) < min(self._trust, self.reach):
            guess = self.paging.ahead(self._outstanding[-1].ask)
            if guess is None:
                break
            self._push(guess)

    # -- the end ---------------------------------------------------------------------------

    def _note_total(self, page: Page) -> None:
        """The vendor's own number of rows, where each of them is one of ours; page numbers have
        the number of pages instead."""
        if isinstance(self.paging, Offset) and self._answers.takes_all:
            said = total_of(page, self.paging.total_path)
            if said is not None:
                self.total = max(0, said - self.paging.offset)
                self.largest_total = max(self.total, self.largest_total or 0)

    def _end(self, ask: Ask, page: Page) -> None:
        self.doubt = self._said or self.paging.doubt(ask, page)
        if self._overlap is not None and self.doubt is None:
            self.doubt = self._overlap.doubt
            if self._overlap.ended_in_void(ask, page):
                self.doubt = self.doubt or "nothing came where a known row was to be"
        if self.prove and self.doubt is None and page.elements is None:
            self.doubt = "what the selector chooses from is not known: name it in page_array"
        self._finish(self.paging.end(ask, page))

    def _finish(self, end: str) -> None:
        self.ended = True
        self._drop()
        told = [f"listed to its end: {end}"]
        overlap = self._overlap
        if overlap is not None and overlap.matched:
            told.append(f"{overlap.matched:,} overlap{'s' * (overlap.matched > 1)} matched")
        if overlap is not None and overlap.mended:
            told.append(f"{overlap.mended:,} shift{'s' * (overlap.mended > 1)} mended")
        if self.prove and not self.overlaps:
            told.append("rows that shifted may not have been seen")
        self.how = "; ".join(told)

    def _mark(self, page: Page) -> bytes | None:
        """What must not come twice; None: nothing came, or it may come again."""
        if not page.size:
            return None
        if not self.prove:
            return digest(page.records if page.records else page.body)
        if self._overlap is not None and (self.pages > 1 or page.size == 1):
            return None  # as many new rows as a page has make it come again; see _idle
        # By their keys: rows whose links are signed anew in each answer are the same rows.
        records = page.elements or page.records
        return digest([str(mark) for mark in self._marker(records)] if records else page.body)

    def _refuse_circles(self, page: Page, mark: bytes | None, following: Ask | None) -> None:
        """The same rows or the same page token a second time, or emptiness without end."""
        marks = [b"" if mark is None else mark]
        if following is not None and following.token is not None:
            marks.append(digest(["token", following.token]))
        for one in marks:
            if one in self._seen or self._idle > _MOST_IDLE:
                raise VendorError(
                    f"page {self.pages + 1} repeats an earlier page: the listing goes in circles",
                    where=redact(page.url),
                    hint="the vendor ignores the paginator's parameters: check their names",
                )
            if one and len(self._seen) < _MOST_MARKS:
                self._seen.add(one)
        if following is not None and following.empty > _MOST_EMPTY:
            raise VendorError(
                f"{_MOST_EMPTY:,} empty pages in a row, and the vendor says that more follows",
                where=redact(page.url),
                hint="check the paginator: total_path, has_more_path, cursor_path",
            )
