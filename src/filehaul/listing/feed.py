"""A vendor's change feed, page by page: from one change token to the next."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from ..config import Resource
from ..config.changes import Changes as ChangesBlock
from ..config.model import Client
from ..errors import AnswerError, VendorError
from ..http import Http, Response
from ..http.origins import resolve
from ..json_text import loads
from ..models import Page
from ..pagination.asking import has_more
from ..paths import MISSING, record_path
from ..redact import conceal, excerpt, redact
from .answers import Answers
from .questions import address, asked_beside, with_params, with_values

Token = str | int
_MOST_MARKS = 1_000_000
_MOST_EMPTY = 1_000  # empty pages in a row, each of which says that more follows
_LONG = 16  # a shorter token is a counter; blanking it would blank half of every text
_QUOTED = re.compile(r"'([^']+)'")


class Feed:
    """The questions that a resource's ``changes`` block describes, and their answers."""

    def __init__(self, resource: Resource, client: Client, http: Http) -> None:
        assert resource.changes is not None
        self.resource = resource
        self.block: ChangesBlock = resource.changes
        self.client = client
        self.http = http
        selectors = self.block.selectors or resource.endpoint.selectors
        update = {"data_selector": selectors or None, "page_array": None}
        self._answers = Answers(resource.endpoint.model_copy(update=update))

    # -- the first token -------------------------------------------------------------------

    def start(self) -> Token:
        """Ask for the token of now. Raises VendorError where the answer has none."""
        start = self.block.start
        assert start.path is not None
        assert start.token_path is not None
        url = with_params(address(self.client, start.path), start.params)
        response = self._ask(url, start.method, start.json_body)
        try:
            answer = loads(response.body, response.headers.get("content-type", ""))
        except ValueError:
            raise VendorError(
                f"the answer is not JSON: {excerpt(response.body, 160) or 'nothing at all'}",
                where=redact(url),
                hint="check changes.start.path",
            ) from None
        token = self._token(start.token_path, answer, response.url)
        if token is None:
            raise VendorError(
                f"the answer has no change token at {start.token_path!r}; "
                f"{excerpt(response.body, 160)}",
                where=redact(url),
                hint="check changes.start.token_path",
            )
        return token

    def last(self, page: Page) -> Token:
        """The token on the last page of a full listing. Raises VendorError where it has none."""
        token = self._token(self.block.final_path, page.body, page.url)
        if token is None:
            raise VendorError(
                f"the listing's last page has no change token at {self.block.final_path!r}",
                where=redact(page.url),
                hint="check changes.final_path; or name start.path, where the token is had",
            )
        return token

    # -- pages -----------------------------------------------------------------------------

    def pages(self, token: Token) -> Iterator[tuple[Page, Token | None]]:
        """Pages of changes since ``token``; with the last of them the token for the next run."""
        seen = {_digest(token)}
        number = empty = 0
        while True:
            number += 1
            page = self._page(token, number)
            empty = 0 if page.size else empty + 1
            more, following = self._following(page, token)
            conceal_token(following)
            yield page, None if more else following
            if not more:
                return
            mark = _digest(following)
            if mark in seen or empty > _MOST_EMPTY:
                raise VendorError(
                    f"page {number} of the change feed points back to an earlier one"
                    if mark in seen
                    else f"{_MOST_EMPTY:,} empty pages of changes in a row, and more is announced",
                    where=redact(page.url),
                    hint="check changes.next_path, and how the token is sent",
                )
            if len(seen) < _MOST_MARKS:
                seen.add(mark)
            token = following

    def is_invalid(self, problem: Exception) -> bool:
        """Whether the vendor says that the token itself is no longer good."""
        return isinstance(problem, AnswerError) and any(
            one.says(problem.status, problem.answer) for one in self.block.invalid
        )

    def _page(self, token: Token, number: int) -> Page:
        block = self.block
        body = block.json_body
        if block.token_is_url:
            url = str(token)
        else:
            assert block.path is not None
            params = dict(block.params)
            if block.token_param is not None:
                params[block.token_param] = str(token)
            else:
                assert block.token_body_path is not None
                body = with_values(body or {}, ((block.token_body_path, token),))
            url = with_params(address(self.client, block.path), params)
        response = self._ask(url, block.method, body)
        page = self._answers.page(response.body, response.headers, response.url)
        return Page(number, page.records, page.size, page.body, page.headers, page.url)

    def _ask(self, url: str, method: str, body: dict[str, Any] | None) -> Response:
        return asked_beside(self.http, self.client, self.resource.endpoint, url, method, body)

    # -- tokens ----------------------------------------------------------------------------

    def _following(self, page: Page, asked: Token) -> tuple[bool, Token]:
        """Whether more changes wait already, and the token for them, or for the next run."""
        block = self.block
        following = None
        if block.next_path is not None:
            following = self._token(block.next_path, page.body, page.url)
        final = self._token(block.final_path, page.body, page.url)
        more = following is not None
        if block.has_more_path is not None:
            told = has_more(page, block.has_more_path)
            if told is None:
                raise VendorError(
                    f"the answer does not say at {block.has_more_path!r} whether more follows",
                    where=redact(page.url),
                    hint="check changes.has_more_path",
                )
            more = told
        elif block.stop_after_empty_page:
            more = page.size > 0 and following is not None and following != asked
        token = (following if block.next_path is not None else final) if more else final
        if token is None:
            names = f"{block.next_path!r} nor {block.final_path!r}"
            raise VendorError(
                f"the change feed does not say how it goes on: no token at {names}"
                if not more
                else f"more changes wait, and there is no token for them at {block.next_path!r}",
                where=redact(page.url),
                hint="check changes.next_path and final_path",
            )
        return more, token

    def _token(self, path: str, answer: Any, url: str) -> Token | None:
        """The token that stands there; None: nothing does. An address becomes absolute."""
        found = record_path(path).one(answer)
        if found is MISSING or found is None or found == "":
            return None
        if isinstance(found, float) and found.is_integer():
            found = int(found)
        if isinstance(found, bool) or not isinstance(found, (str, int)):
            raise VendorError(
                f"{path!r} holds {type(found).__name__}, not a change token",
                where=redact(url),
                hint="check the paths of changes",
            )
        conceal_token(found)
        return resolve(url, str(found)) if self.block.token_is_url else found


def conceal_token(token: Token) -> None:
    """A change token may be a credential: it is removed from whatever is shown from now on."""
    text = str(token)
    if "://" not in text:
        if len(text) >= _LONG:
            conceal(text, passing=True)
        return
    parts = urlsplit(text)
    values = [value for _, value in parse_qsl(parts.query)] + _QUOTED.findall(parts.path)
    for value in values:
        if len(value) >= _LONG:
            conceal(value, passing=True)


def token_text(token: Token) -> str:
    """A token as it is kept: a number stays a number."""
    return json.dumps(token)


def token_of(text: str) -> Token:
    """The token that was kept."""
    token: Token = json.loads(text)
    return token


def _digest(token: Token) -> bytes:
    return hashlib.blake2b(token_text(token).encode(), digest_size=16).digest()
