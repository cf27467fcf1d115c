"""Drive's API over an account."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from filehaul.testing.account import Account, Change, Node
from filehaul.testing.answers import Answer, RecordedRequest
from filehaul.testing.gate import Refusal
from filehaul.testing.plays.drive.asked import (
    CHANGES_FIELDS,
    DRIVE_FIELDS,
    FILE_FIELDS,
    LIST_FIELDS,
    USER_FIELDS,
    Scope,
    is_true,
    page_size,
    partial,
    query_of,
    refuse_parameters,
    scope_of,
)
from filehaul.testing.plays.drive.partial import InvalidFieldsError, read
from filehaul.testing.plays.drive.told import (
    RefusedError,
    file_record,
    no_file,
    refused,
    shared_drive,
    time_of,
    trouble,
    user,
)
from filehaul.testing.stage import ExpiredTokenError, Stage, UnknownTokenError

API = "/drive/v3"
EXPORT_CAP = 10 * 1024 * 1024  # bytes; files.export in the discovery document
_FIRST_CHANGE = 1_000
_GENERATION = 10**9


class Drive:
    """The play. Settings, which may be changed while it answers:

    ``export_cap``: bytes that an export may have. ``incomplete_search``: what `files.list` says of
    itself. ``abusive``: ids of files that are only had with ``acknowledgeAbuse=true``.
    ``throttled``: the status for too many requests, 403 or 429; both without Retry-After.
    ``stale``: the status for a change token that is no longer good, 400 or 410. ``repeats``: a file
    is told of with each of its changes, not with the newest alone.
    """

    token_path = "/token"

    def __init__(
        self,
        account: Account,
        stage: Stage,
        *,
        export_cap: int = EXPORT_CAP,
        incomplete_search: bool = False,
        throttled: int = 403,
        stale: int = 400,
        repeats: bool = False,
    ) -> None:
        self.account = account
        self.stage = stage
        self.export_cap = export_cap
        self.incomplete_search = incomplete_search
        self.throttled = throttled
        self.stale = stale
        self.repeats = repeats
        self.abusive: set[str] = set()

    # What is asked -----------------------------------------------------------------------------

    def answer(self, request: RecordedRequest) -> Answer | None:
        """What Drive says."""
        path = request.path.removeprefix(API)
        if path == request.path:
            return None
        if request.method != "GET":
            return trouble(405, "httpMethodNotAllowed", "Method not allowed")
        try:
            return self._routed(path, request)
        except RefusedError as refused:
            return refused.answer
        except InvalidFieldsError as problem:
            return trouble(400, "invalidParameter", f"Invalid field selection {problem}", "fields")

    def _routed(self, path: str, request: RecordedRequest) -> Answer | None:
        plain: dict[str, tuple[str, Callable[[RecordedRequest], Answer]]] = {
            "/files": ("files", self._files),
            "/changes": ("changes", self._changes),
            "/changes/startPageToken": ("start", self._start),
            "/drives": ("drives", self._drives),
            "/about": ("about", self._about),
        }
        if path in plain:
            name, answer = plain[path]
            refuse_parameters(name, request)
            return answer(request)
        area, _, rest = path.removeprefix("/").partition("/")
        file_id, _, verb = rest.partition("/")
        if area != "files" or verb not in ("", "export"):
            return None
        refuse_parameters(verb or "file", request)
        node = self._node(unquote(file_id), request, any_drive=verb == "export")
        return self._export(node, request) if verb else self._file(node, request)

    def refuse(self, refusal: Refusal) -> Answer:
        """Without a good token; too often (without Retry-After); at a wrong address."""
        if refusal.why == "throttled":
            reason = "userRateLimitExceeded" if self.throttled == 403 else "rateLimitExceeded"
            return trouble(self.throttled, reason, "User Rate Limit Exceeded")
        if refusal.status == 401:
            answer = trouble(401, "authError", "Invalid Credentials")
            answer.headers.update(refusal.headers)
            return answer
        return trouble(refusal.status, "notFound", "Not Found")

    # Files -------------------------------------------------------------------------------------

    def _files(self, request: RecordedRequest) -> Answer:
        query = request.query
        size = page_size(query, self.stage.options.page_cap)
        scope, asked = scope_of(query), query.get("q", "")
        corpora = query.get("corpora", "drive" if scope.drive_id else "user")
        if (corpora == "drive") != (scope.drive_id is not None):
            raise refused(400, "invalid", "corpora=drive and driveId go together", "corpora")
        if corpora == "allDrives" and not scope.with_drives:
            told = "allDrives needs includeItemsFromAllDrives"
            raise refused(403, "teamDriveMembershipRequired", told, "corpora")
        bound, after = [asked, corpora, scope.drive_id], 0
        if "pageToken" in query:
            try:
                *given, after = self.stage.unseal("page", query["pageToken"])
            except (UnknownTokenError, ExpiredTokenError):
                given = []
            if given != bound:
                raise refused(400, "invalid", "Invalid Value", "pageToken")
        holds = query_of(asked, self.account)
        found = [one for one in self._all(scope) if one.number > after and holds(one)]
        found.sort(key=lambda node: node.number)
        page = found[:size]
        listed: dict[str, Any] = {"kind": "drive#fileList"}
        if len(found) > size:
            listed["nextPageToken"] = self.stage.seal("page", [*bound, page[-1].number])
        listed |= {
            "incompleteSearch": self.incomplete_search,
            "files": [self.record(node) for node in page],
        }
        default = "kind,nextPageToken,incompleteSearch,files(kind,id,name,mimeType)"
        return partial(request, listed, LIST_FIELDS, default)

    def _all(self, scope: Scope) -> Iterator[Node]:
        return (node for node in self.account if self._is_within(node, scope))

    def _is_within(self, node: Node, scope: Scope) -> bool:
        if self.account.is_forbidden(node.node_id):
            return False
        if scope.drive_id is not None:
            return shared_drive(self.account, node) == scope.drive_id
        return scope.with_drives or shared_drive(self.account, node) is None

    def _node(self, file_id: str, request: RecordedRequest, *, any_drive: bool) -> Node:
        wanted = self.account.root_id if file_id == "root" else file_id
        node = self.account.get(wanted)
        if node is None or self.account.is_forbidden(wanted):
            raise no_file(file_id)
        shared = node.drive_id != self.account.drive_id
        if shared and not any_drive and not is_true(request.query, "supportsAllDrives"):
            raise no_file(file_id)
        return node

    def _file(self, node: Node, request: RecordedRequest) -> Answer:
        if request.query.get("alt") != "media":
            known, default = FILE_FIELDS, "kind,id,name,mimeType"
            return partial(request, self.record(node), known, default)
        if node.kind != "file":
            told = "Only files with binary content can be downloaded. Use Export with Docs Editors"
            raise refused(403, "fileNotDownloadable", f"{told} files.", "alt")
        if node.node_id in self.abusive and not is_true(request.query, "acknowledgeAbuse"):
            told = "This file has been identified as malware or spam and cannot be downloaded."
            raise refused(403, "cannotDownloadAbusiveFile", told, "alt")
        return self.stage.content(node, request)

    def _export(self, node: Node, request: RecordedRequest) -> Answer:
        wanted = request.query.get("mimeType")
        if wanted is None:
            raise refused(400, "required", "Required parameter: mimeType", "mimeType")
        if node.kind != "document":
            raise refused(
                403, "fileNotExportable", "Export only supports Docs Editors files.", "fileId"
            )
        made = node.exports.get(wanted)
        if made is None:
            told = "The requested conversion is not supported."
            raise refused(400, "badRequest", told, "convertTo")
        if len(made) > self.export_cap:
            told = "This file is too large to be exported."
            raise refused(403, "exportSizeLimitExceeded", told)
        return Answer(200, {"Content-Type": wanted}, made, framing="chunked")

    def record(self, node: Node) -> dict[str, Any]:
        """A file as Drive tells of it, all fields."""
        return file_record(self.account, node)

    # Changes -----------------------------------------------------------------------------------

    def _start(self, request: RecordedRequest) -> Answer:
        told = {"kind": "drive#startPageToken", "startPageToken": self._token()}
        default = "kind,startPageToken"
        return partial(request, told, read(default), default)

    def _token(self, position: int | None = None) -> str:
        """Change tokens are whole numbers, as text."""
        at = len(self.account.journal) if position is None else position
        return str(self.stage.generation("changes") * _GENERATION + _FIRST_CHANGE + at)

    def _position(self, query: Mapping[str, str]) -> int:
        token = query.get("pageToken")
        if token is None:
            raise refused(400, "required", "Required parameter: pageToken", "pageToken")
        number = int(token) if token.isascii() and token.isdigit() else -1
        generation, rest = divmod(number, _GENERATION)
        position = rest - _FIRST_CHANGE
        if number < 0 or not 0 <= position <= len(self.account.journal):
            raise refused(400, "invalid", "Invalid Value", "pageToken")
        if generation != self.stage.generation("changes"):
            raise refused(self.stale, "invalid", "Invalid Value", "pageToken")
        return position

    def _changes(self, request: RecordedRequest) -> Answer:
        query = request.query
        begin, scope = self._position(query), scope_of(query)
        size = page_size(query, self.stage.options.page_cap)
        journal = self.account.journal
        newest = {one.node.node_id: at for at, one in enumerate(journal)}
        rows: list[dict[str, Any]] = []
        end = begin
        while end < len(journal) and len(rows) < size:
            told = self._change(journal[end], end, scope, newest)
            end += 1
            if told is not None:
                rows.append(told)
        name = "nextPageToken" if end < len(journal) else "newStartPageToken"
        whole = {"kind": "drive#changeList", name: self._token(end), "changes": rows}
        default = "kind,nextPageToken,newStartPageToken,changes(kind,removed,fileId,file)"
        return partial(request, whole, CHANGES_FIELDS, default)

    def _change(
        self, change: Change, at: int, scope: Scope, newest: Mapping[str, int]
    ) -> dict[str, Any] | None:
        """A change as it is told now: the file's present state, under its newest change alone."""
        node_id = change.node.node_id
        if change.node.parent_id is None:
            return self._drive_change(change, scope)
        if newest[node_id] != at and not self.repeats:
            return None
        node = self.account.get(node_id)
        here = node is not None and self._is_within(node, scope)
        was_here = any(
            self._is_within_then(one, scope)
            for one in (change.node, change.before)
            if one is not None
        )
        if not here and not was_here:
            return None
        told: dict[str, Any] = {"kind": "drive#change", "type": "file", "changeType": "file"}
        told |= {"time": time_of(change.at), "removed": not here, "fileId": node_id}
        if node is not None and here:
            told["file"] = self.record(node)
        return told

    def _is_within_then(self, node: Node, scope: Scope) -> bool:
        shared = shared_drive(self.account, node)
        if scope.drive_id is not None:
            return shared == scope.drive_id
        return scope.with_drives or shared is None

    def _drive_change(self, change: Change, scope: Scope) -> dict[str, Any] | None:
        """A shared drive itself has changed: such a change names no file."""
        if not scope.with_drives:
            return None
        told: dict[str, Any] = {"kind": "drive#change", "type": "drive", "changeType": "drive"}
        told |= {"time": time_of(change.at), "removed": False, "driveId": change.node.node_id}
        return {**told, "drive": self._drive(change.node)}

    # Drives ------------------------------------------------------------------------------------

    def _drives(self, request: RecordedRequest) -> Answer:
        roots = [root for name, root in self.account.drives.items() if name != self._own]
        drives = [self._drive(self.account[root]) for root in roots]
        known: Mapping[str, Any] = {"kind": {}, "nextPageToken": {}, "drives": DRIVE_FIELDS}
        told = {"kind": "drive#driveList", "drives": drives}
        return partial(request, told, known, "kind,nextPageToken,drives(kind,id,name)")

    @property
    def _own(self) -> str:
        return self.account.drive_id

    def _drive(self, root: Node) -> dict[str, Any]:
        return {
            "kind": "drive#drive",
            "id": root.node_id,
            "name": root.name,
            "createdTime": time_of(root.created_at),
        }

    def _about(self, request: RecordedRequest) -> Answer:
        if "fields" not in request.query:
            told = "The 'fields' parameter is required for this method."
            raise refused(400, "required", told, "fields")
        known: Mapping[str, Any] = {"kind": {}, "user": USER_FIELDS, "storageQuota": {}}
        return partial(
            request, {"kind": "drive#about", "user": user(self.account.owner)}, known, "kind"
        )
