"""Box's API over an account."""

from __future__ import annotations

import re
from typing import Any

from filehaul.testing.account import Account, Change, Node
from filehaul.testing.answers import Answer, RecordedRequest, json_answer
from filehaul.testing.gate import Refusal
from filehaul.testing.plays.box.told import TYPES, Records, RefusedError, refused, trouble
from filehaul.testing.stage import ExpiredTokenError, Stage, UnknownTokenError

API = "/2.0"
_MOST = 1000  # records of a page: get_folders_id_items, limit
_USUAL = 100
_ORDER = {"folder": 0, "file": 1, "web_link": 2}
_ONE = re.compile(r"/(files|folders|web_links)/(\d+)(/items|/content|)")
_KINDS = {"files": "file", "folders": "folder", "web_links": "web_link"}
_LETTERS = {"file": "f", "folder": "d", "web_link": "w"}
_EVENTS = {
    "put": "ITEM_CREATE",
    "change": "ITEM_UPLOAD",
    "rename": "ITEM_RENAME",
    "move": "ITEM_MOVE",
    "trash": "ITEM_TRASH",
    "restore": "ITEM_UNDELETE_VIA_TRASH",
}


class Box:
    """The play. Settings, which may be changed while it answers:

    ``last_marker``: the ``next_marker`` of a last page: null, an empty text, or ``...`` for none.
    ``not_ready``: how often each version of a file is answered with 202 before it can be had, with
    this many seconds of Retry-After (a pair). ``repeats``: each event is told of twice, and each
    page of events begins with its last.
    """

    token_path = "/oauth2/token"

    def __init__(
        self,
        account: Account,
        stage: Stage,
        *,
        last_marker: Any = None,
        not_ready: tuple[int, int] = (0, 0),
        repeats: bool = False,
    ) -> None:
        self.account = account
        self.stage = stage
        self.last_marker = last_marker
        self.not_ready = not_ready
        self.repeats = repeats
        self._records = Records(account)
        self._asked: dict[tuple[str, int], int] = {}

    def answer(self, request: RecordedRequest) -> Answer | None:
        """What Box says; None: it knows no such address."""
        path = request.path.removeprefix(API)
        if path == request.path:
            return None
        if request.method != "GET":
            return trouble(405, "method_not_allowed", "Method Not Allowed")
        try:
            if path == "/users/me":
                return json_answer(200, {"type": "user", "id": "1", "login": self.account.owner})
            if path == "/events":
                return self._events(request)
            if path == "/folders/trash/items":
                trashed = [one for one in self.account if one.is_trashed and one.kind in TYPES]
                return self._page(trashed, "trash", request)
            match = _ONE.fullmatch(path)
            return self._of_one(_KINDS[match[1]], match[2], match[3], request) if match else None
        except RefusedError as problem:
            return problem.answer

    def refuse(self, refusal: Refusal) -> Answer:
        """In Box's own words."""
        codes = {401: "unauthorized", 404: "not_found", 429: "rate_limit_exceeded"}
        code = codes.get(refusal.status, "internal_server_error")
        return trouble(refusal.status, code, refusal.message, refusal.headers)

    # Files and folders -------------------------------------------------------------------------

    def _of_one(self, kind: str, number: str, what: str, request: RecordedRequest) -> Answer | None:
        node = self._node(kind, number)
        if what == "/items" and kind == "folder":
            inside = self.account.inside(node.node_id)
            live = [one for one in inside if not one.is_trashed and one.kind in TYPES]
            return self._page(live, node.node_id, request)
        if what == "/content" and kind == "file":
            return self._content(node)
        if what:
            return None
        return json_answer(200, self._records.of(node, _fields(request)))

    def _node(self, kind: str, number: str) -> Node:
        """The node of Box's number, if it may be seen."""
        if kind == "folder" and number == "0":
            return self.account[self.account.root_id]
        for node_id in (f"{_LETTERS[kind]}_{number}", number):
            node = self.account.get(node_id)
            if node is not None and TYPES.get(node.kind) == kind:
                if self.account.is_trashed(node_id):
                    raise refused(404, "trashed", "Item is trashed")
                if self.account.is_forbidden(node_id):
                    told = "Access denied - insufficient permission"
                    raise refused(403, "access_denied_insufficient_permissions", told)
                return node
        raise refused(404, "not_found", "Not Found")

    def _content(self, node: Node) -> Answer:
        """302 to another host; before it 202, while the file is still being made."""
        times, seconds = self.not_ready
        seen = self._asked.get((node.node_id, node.version), 0)
        if seen < times:
            self._asked[node.node_id, node.version] = seen + 1
            return Answer(202, {"Retry-After": str(seconds)})
        return Answer(302, {"Location": self.stage.signed_url(node)})

    # Pages -------------------------------------------------------------------------------------

    def _page(self, nodes: list[Node], where: str, request: RecordedRequest) -> Answer:
        """Records in Box's order: folders, files, web links; by marker or by offset."""
        query, fields = request.query, _fields(request)
        nodes = sorted(nodes, key=lambda node: (_ORDER[TYPES[node.kind]], node.name.lower()))
        limit = min(_MOST, _number(query.get("limit", str(_USUAL)), "limit"))
        limit = min(limit, self.stage.options.page_cap or limit)
        if query.get("usemarker", "false").lower() != "true":  # Box's own client says True
            if "marker" in query:
                raise refused(400, "invalid_parameter", "marker needs usemarker=true")
            begin = _number(query.get("offset", "0"), "offset")
            told = {"total_count": len(nodes), "offset": begin, "limit": limit}
            order = [{"by": "type", "direction": "ASC"}, {"by": "name", "direction": "ASC"}]
            records = [self._records.of(one, fields) for one in nodes[begin : begin + limit]]
            return json_answer(200, {**told, "order": order, "entries": records})
        after = self._after(query.get("marker"), where)
        # A marker is the record it was given for: what comes before it is not listed again.
        begin = next((n for n, one in enumerate(nodes) if one.node_id == after), -1) + 1
        page = nodes[begin : begin + limit]
        more = begin + limit < len(nodes)
        marker = self.stage.seal("page", [where, page[-1].node_id]) if more else self.last_marker
        answer = {"limit": limit, "entries": [self._records.of(one, fields) for one in page]}
        return json_answer(200, answer if marker is ... else {**answer, "next_marker": marker})

    def _after(self, marker: str | None, where: str) -> str | None:
        if not marker:
            return None
        try:
            folder, after = self.stage.unseal("page", marker)
        except (UnknownTokenError, ExpiredTokenError):
            folder, after = None, ""
        if folder != where:
            raise refused(400, "bad_request", "Invalid value for marker")
        return str(after)

    # Events ------------------------------------------------------------------------------------

    def _events(self, request: RecordedRequest) -> Answer:
        """What happened, one event for each thing that was done: of a folder none for its files."""
        query = request.query
        journal = [
            one for one in self.account.journal if one.what in _EVENTS and one.node.kind in TYPES
        ]
        position = query.get("stream_position", "0")
        last = len(self.account.journal)
        if position == "now":
            return json_answer(200, {"chunk_size": 0, "next_stream_position": last, "entries": []})
        begin = _number(position, "stream_position")
        limit = min(500, _number(query.get("limit", "100"), "limit"))
        waiting = [one for one in journal if one.number > begin][:limit]
        told = [one for one in journal if one.number == begin] if self.repeats else []
        for change in waiting:
            told += [change, change] if self.repeats else [change]
        position = str(waiting[-1].number if waiting else begin)
        entries = [self._event(change) for change in told]
        chunk = {"chunk_size": len(entries), "next_stream_position": int(position)}
        return json_answer(200, {**chunk, "entries": entries})

    def _event(self, change: Change) -> dict[str, Any]:
        node = self.account.get(change.node.node_id)
        return {
            "type": "event",
            "event_id": f"{change.number:032x}",
            "event_type": _EVENTS[change.what],
            "created_at": change.at.isoformat(),
            "created_by": {"type": "user", "id": "1", "login": self.account.owner},
            "session_id": None,
            "source": self._records.whole(node) if node is not None else None,
        }


def _fields(request: RecordedRequest) -> frozenset[str] | None:
    """What ``fields`` names; None: it is not there."""
    given = request.query.get("fields")
    return frozenset(one.strip() for one in given.split(",")) if given else None


def _number(text: str, name: str) -> int:
    if not text.isdecimal():
        raise refused(400, "bad_request", f"Invalid value for {name}")
    return int(text)
