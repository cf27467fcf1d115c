"""Which request gets which answer, when nothing goes wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any
from urllib.parse import unquote

from filehaul.testing.answers import Answer, RecordedRequest, json_answer, problem, to_json
from filehaul.testing.changes import ChangeLog, feed_answer
from filehaul.testing.content import content
from filehaul.testing.files import Entry
from filehaul.testing.gate import Gate, Refusal
from filehaul.testing.grants import Grants
from filehaul.testing.links import SIGNED_PREFIX, Links
from filehaul.testing.options import Options
from filehaul.testing.shelf import Page, Shelf
from filehaul.testing.tree import Tree

TOKEN_PATH = "/oauth/token"
_READS = ("GET", "HEAD")
_LINK = "/link"
_ROWS, _TOTAL = "@@rows@@", "@@total@@"


class Routes:
    """The vendor's API over a shelf of files. ``origin(0)`` is its own, ``origin(-1)`` where signed
    URLs point.

    Answers are asked for by one thread only.
    """

    def __init__(
        self,
        options: Options,
        shelf: Shelf,
        tree: Tree,
        changes: ChangeLog,
        grants: Grants,
        origin: Callable[[int], str],
    ) -> None:
        self.token_path = TOKEN_PATH
        self._changes = changes
        self._origin = origin
        self._options = options
        self._shelf = shelf
        self._tree = tree
        self._grants = grants
        self._gate = Gate(options, grants)
        self.links = Links(options, lambda: origin(-1))
        self._files_path = f"{options.api_prefix}/files"
        self._folders_path = f"{options.api_prefix}/folders/"
        self._changes_path = f"{options.api_prefix}/changes"
        self._before, self._between, self._after = _page_parts(options)
        self._verbs: dict[str, Callable[[Entry, RecordedRequest], Answer]] = {
            "content": self._content,
            "export": self._export,
            "link": self._link,
            "redirect": self._redirect,
        }

    def expire(self, kind: str) -> None:
        """Change tokens given out so far are no longer good; there are no others that could be."""
        if kind == "changes":
            self._changes.expire()

    def answer(self, request: RecordedRequest) -> Answer:
        """The normal answer to a request."""
        path = request.path
        if path == TOKEN_PATH:
            return self._grants.answer(request)
        is_signed = path.startswith(SIGNED_PREFIX)
        is_files = path == self._files_path or path.startswith(self._files_path + "/")
        is_folder = path.startswith(self._folders_path)
        is_feed = path in (self._changes_path, f"{self._changes_path}/start")
        if not (is_signed or is_files or is_folder or is_feed):
            return problem(404, "not_found", f"There is nothing at {path}.")
        refusal = self._refusal(request, ask_token=not is_signed)
        if refusal:
            return refusal
        if path == self._files_path:
            return self._listing(request)
        if is_folder:
            return self._folder(request)
        if is_feed:
            cap = self._options.page_cap
            return feed_answer(self._changes, request, self._changes_path, cap, self._own)
        if is_signed:
            return self.links.answer(request, self._shelf.find)
        return self._one_file(request)

    def _own(self, target: str) -> str:
        """The address of a target at this vendor."""
        return self._origin(0) + target

    def _refusal(self, request: RecordedRequest, *, ask_token: bool) -> Answer | None:
        asks_link = request.method == "POST" and request.path.endswith(_LINK)
        if request.method not in _READS and not asks_link:
            return problem(405, "method_not_allowed", "Use GET.", {"Allow": "GET, HEAD"})
        refusal = self._gate.refusal(request, ask_token=ask_token)
        return None if refusal is None else refused(refusal)

    def _listing(self, request: RecordedRequest) -> Answer:
        try:
            offset, limit = self._stretch(request)
            since = _moment(request.query.get("modified_since"))
        except ValueError as error:
            return problem(400, "invalid_parameter", str(error))
        if offset == 0:
            self._shelf.rescan()
        return self._page(self._shelf.page(offset, limit, since))

    def _folder(self, request: RecordedRequest) -> Answer:
        segment, _, verb = request.path[len(self._folders_path) :].partition("/")
        if verb != "items":
            return problem(404, "not_found", f"There is nothing at {request.path}.")
        try:
            page = self._tree.page(unquote(segment), *self._stretch(request))
        except ValueError as error:
            return problem(400, "invalid_parameter", str(error))
        if page is None:
            return problem(404, "not_found", f"There is no folder {unquote(segment)!r}.")
        return self._page(page)

    def _stretch(self, request: RecordedRequest) -> tuple[int, int]:
        """Offset and number of rows, as asked for; ValueError."""
        query, cap = request.query, self._options.page_cap
        offset = _number(query, "offset", 0, least=0)
        return offset, min(_number(query, "limit", cap, least=1), cap)

    def _page(self, page: Page) -> Answer:
        total = str(page.total).encode() if self._between else b""
        body = b"".join((self._before, page.rows, self._between, total, self._after))
        answer = Answer(200, {"Content-Type": "application/json"}, body)
        if self._options.chunked:
            answer.framing = "chunked"
        return answer

    def _one_file(self, request: RecordedRequest) -> Answer:
        segment, slash, verb = request.path[len(self._files_path) + 1 :].partition("/")
        file_id = unquote(segment)
        if request.method == "POST" and not slash:
            try:
                file_id, verb, slash = str(json.loads(request.body)["file_id"]), "link", "/"
            except (ValueError, KeyError, TypeError):
                return problem(400, "invalid_body", 'The body is {"file_id": …}.')
        entry = self._shelf.find(file_id)
        if entry is None:
            return problem(404, "not_found", f"There is no file {file_id!r}.")
        if not slash:
            return json_answer(200, self._shelf.shape.record(entry))
        if verb not in self._verbs:
            return problem(404, "not_found", f"There is nothing at {request.path}.")
        return self._verbs[verb](entry, request)

    def _content(self, entry: Entry, request: RecordedRequest) -> Answer:
        if entry.file.exports:
            return problem(403, "not_downloadable", "A native document: export it.")
        return content(entry, request, self._options)

    def _link(self, entry: Entry, _request: RecordedRequest) -> Answer:
        url = self.links.url(entry.file.file_id)
        return json_answer(200, {"location": url}, {"Location": url})

    def _export(self, entry: Entry, request: RecordedRequest) -> Answer:
        kind = request.query.get("mimeType", "")
        made = entry.file.exports.get(kind)
        if made is None:
            return problem(400, "bad_export", f"Not to be had as {kind!r}.")
        return Answer(200, {"Content-Type": kind}, made)

    def _redirect(self, entry: Entry, _request: RecordedRequest) -> Answer:
        return Answer(302, {"Location": self.links.url(entry.file.file_id)})


def refused(refusal: Refusal) -> Answer:
    """A refusal in the words of the fake vendor's own API."""
    code = {"no token": "unauthorized", "throttled": "rate_limited"}.get(refusal.why)
    told = problem(refusal.status, code or refusal.why.replace(" ", "_"), refusal.message)
    told.headers.update(refusal.headers)
    return told


def _number(query: dict[str, str], name: str, default: int, *, least: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit()) or int(text) < least:
        msg = f"{name} must be a whole number from {least} on, not {text!r}"
        raise ValueError(msg)
    return int(text)


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        msg = f"modified_since must be an ISO 8601 time, not {text!r}"
        raise ValueError(msg) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def _page_parts(options: Options) -> tuple[bytes, bytes, bytes]:
    """What stands before the rows of a page, between rows and total, and after; never changes."""
    if options.selector == "$":
        return b"[", b"", b"]"
    page: dict[str, Any] = {}
    _plant(page, options.selector, [_ROWS])
    if options.total:
        _plant(page, "total" if options.total is True else options.total, _TOTAL)
    before, rest = to_json(page).split(to_json(_ROWS))
    between, _mark, after = rest.partition(to_json(_TOTAL))
    return (before, between, after) if options.total else (before, b"", between)


def _plant(page: dict[str, Any], dotted: str, value: Any) -> None:
    *parents, last = dotted.split(".")
    for parent in parents:
        page = page.setdefault(parent, {})
    page[last] = value
