"""Paginators that learn the next question only from the page before: tokens and links."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ..errors import VendorError
from ..models import Page
from ..paths import record_path
from ..redact import redact
from .asking import Ask, has_more, sent


class _Sequential:
    """What paginators share that learn the next question only from the page before."""

    sure_of_total: ClassVar[bool] = False
    counts: ClassVar[bool] = False
    has_more_path: str | None = None  # of those that have one

    def ahead(self, ask: Ask) -> Ask | None:  # noqa: ARG002 - the seam's shape
        """Not to be guessed."""
        return None

    def ended_by(self, ask: Ask, status: int) -> bool:  # noqa: ARG002
        """A refusal is a refusal."""
        return False

    def ended_by_repeat(self, ask: Ask) -> bool:  # noqa: ARG002
        """A page that comes again is a circle."""
        return False

    def end(self, ask: Ask, page: Page) -> str:  # noqa: ARG002
        """The vendor says so, or says nothing of a next page."""
        if has_more(page, self.has_more_path) is False:
            return "the vendor said that nothing follows"
        return "no next page was named"

    def doubt(self, ask: Ask, page: Page) -> str | None:  # noqa: ARG002
        """No page token came: that is the end."""
        return None


@dataclass(frozen=True)
class Cursor(_Sequential):
    """A page token in the answer's body, sent back in the query or the body."""

    cursor_path: str = "cursors.next"
    cursor_param: str | None = "cursor"
    cursor_body_path: str | None = None
    stop_after_empty_page: bool = False
    has_more_path: str | None = None

    def first(self) -> Ask:
        """Without a page token."""
        return Ask()

    def after(self, ask: Ask, page: Page) -> Ask | None:
        """With the page token that came, if one came."""
        if page.size == 0 and self.stop_after_empty_page:
            return None
        token = _token(page, self.cursor_path, self.has_more_path)
        if token is None:
            return None
        asked = sent(self.cursor_param, self.cursor_body_path, token)
        empty = 0 if page.size else ask.empty + 1
        return Ask(**asked, token=str(token), position=ask.position + 1, empty=empty)

    def end(self, ask: Ask, page: Page) -> str:
        """An empty page is the end where the config says so."""
        if page.size == 0 and self.stop_after_empty_page:
            return "an empty page"
        return super().end(ask, page)


@dataclass(frozen=True)
class Continuation(_Sequential):
    """The pages after the first are another question: its own path, method and body."""

    path: str
    method: str = "POST"
    params: Mapping[str, Any] = field(default_factory=dict)
    json_body: Mapping[str, Any] = field(default_factory=dict)
    cursor_path: str = "cursor"
    cursor_param: str | None = None
    cursor_body_path: str | None = "cursor"
    has_more_path: str | None = None

    def first(self) -> Ask:
        """The endpoint itself."""
        return Ask()

    def after(self, ask: Ask, page: Page) -> Ask | None:
        """The other question, with the page token that came."""
        token = _token(page, self.cursor_path, self.has_more_path)
        if token is None:
            return None
        asked = sent(self.cursor_param, self.cursor_body_path, token)
        return Ask(
            (*_pairs(self.params), *asked.get("params", ())),
            (*self.json_body.items(), *asked.get("body", ())),
            path=self.path,
            method=self.method,
            token=str(token),
            position=ask.position + 1,
            empty=0 if page.size else ask.empty + 1,
        )


def _pairs(params: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    words = {True: "true", False: "false"}
    return tuple(
        (name, words[value] if isinstance(value, bool) else str(value))
        for name, value in params.items()
        if value is not None
    )


def _token(page: Page, cursor_path: str, has_more_path: str | None) -> str | int | float | None:
    """The page token in the answer; None: nothing follows. Raises VendorError."""
    more = has_more(page, has_more_path)
    if more is False:
        return None
    token = record_path(cursor_path).one(page.body)
    if not token:
        if more:
            raise VendorError(
                f"the vendor says that more follows, and gives no page token ({cursor_path!r})",
                where=redact(page.url),
                hint="check cursor_path and has_more_path",
            )
        return None
    if isinstance(token, (str, int, float)) and not isinstance(token, bool):
        return token
    raise VendorError(
        f"{cursor_path!r} holds {type(token).__name__}, not a page token",
        where=redact(page.url),
        hint="check cursor_path",
    )


@dataclass(frozen=True)
class HeaderCursor(_Sequential):
    """A page token in a header, sent back in the query."""

    cursor_key: str = "next"
    cursor_param: str = "cursor"

    def first(self) -> Ask:
        """Without a page token."""
        return Ask()

    def after(self, ask: Ask, page: Page) -> Ask | None:
        """With the page token that came, if one came."""
        token = page.headers.get(self.cursor_key.lower(), "")
        if not token:
            return None
        empty = 0 if page.size else ask.empty + 1
        params = ((self.cursor_param, token),)
        return Ask(params, token=token, position=ask.position + 1, empty=empty)


def _linked(link: str, ask: Ask, page: Page) -> Ask:
    empty = 0 if page.size else ask.empty + 1
    return Ask(url=link, token=link, position=ask.position + 1, empty=empty)


@dataclass(frozen=True)
class JsonLink(_Sequential):
    """The next page's address in the answer's body."""

    next_url_path: str = "next"

    def first(self) -> Ask:
        """The endpoint itself."""
        return Ask()

    def after(self, ask: Ask, page: Page) -> Ask | None:
        """The address that came, if one came."""
        link = record_path(self.next_url_path).one(page.body)
        if not link:  # missing, null, "" or false
            return None
        if not isinstance(link, str):
            raise VendorError(
                f"{self.next_url_path!r} holds {type(link).__name__}, not an address",
                where=redact(page.url),
                hint="check next_url_path, or use the cursor paginator for a page token",
            )
        return _linked(link, ask, page)


_QUOTED = r'"(?:\\.|[^"\\])*"'
_LINK = re.compile(rf"<([^<>]*)>\s*((?:;\s*[^\s=;,]+(?:\s*=\s*(?:{_QUOTED}|[^;,\s\"]*))?\s*)*)")
_PARAMETER = re.compile(rf";\s*([^\s=;,]+)(?:\s*=\s*({_QUOTED}|[^;,\s\"]*))?")


def link_of(header: str, relation: str) -> str | None:
    """The address of this relation in a ``Link`` header (RFC 8288); None: it has none."""
    for address, parameters in _LINK.findall(header):
        for name, value in _PARAMETER.findall(parameters):
            if name.lower() == "rel":
                if relation.lower() in value.strip('"').lower().split():
                    return str(address).strip()
                break  # RFC 8288 3.3: of several rel only the first counts
    return None


@dataclass(frozen=True)
class HeaderLink(_Sequential):
    """The next page's address in a header: ``Link`` (RFC 8288), or one that holds it alone."""

    links_next_key: str = "next"
    header: str | None = None

    def first(self) -> Ask:
        """The endpoint itself."""
        return Ask()

    def after(self, ask: Ask, page: Page) -> Ask | None:
        """The address that came, if one came."""
        link = self._link(page.headers)
        return _linked(link, ask, page) if link else None

    def _link(self, headers: Mapping[str, str]) -> str | None:
        if self.header is not None:
            return headers.get(self.header.lower()) or None
        return link_of(headers.get("link", ""), self.links_next_key)


@dataclass(frozen=True)
class SinglePage(_Sequential):
    """The whole listing is one answer."""

    params: tuple[tuple[str, str], ...] = field(default=())

    def first(self) -> Ask:
        """The endpoint itself."""
        return Ask(self.params)

    def after(self, ask: Ask, page: Page) -> Ask | None:  # noqa: ARG002 - the seam's shape
        """Nothing follows."""
        return None

    def end(self, ask: Ask, page: Page) -> str:  # noqa: ARG002
        """As the config says."""
        return "one page is all there is"
