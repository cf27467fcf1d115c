"""Dropbox' API over an account."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from filehaul.testing.account import Account, Node
from filehaul.testing.answers import Answer, RecordedRequest, json_answer
from filehaul.testing.gate import Refusal
from filehaul.testing.plays.dropbox.log import Log
from filehaul.testing.plays.dropbox.told import (
    Record,
    RefusedError,
    account,
    bad_call,
    endpoint_error,
    formats,
    in_header,
    metadata,
    refused,
)
from filehaul.testing.stage import ExpiredTokenError, Stage, UnknownTokenError

API = "/2/"
_MOST = 2000  # files.stone, ListFolderArg.limit
_USUAL = 500
_PAGE, _CHANGES = "page", "changes"  # one thing to clients: a cursor
_LIST_ARGS = frozenset(
    {"path", "recursive", "include_deleted", "include_mounted_folders", "limit"}
    | {"include_non_downloadable_files", "include_has_explicit_shared_members", "shared_link"}
    | {"include_media_info", "include_property_groups", "include_restorable_info"}
)
Arguments = Mapping[str, Any]


class Dropbox:
    """The play. Settings, which may be changed while it answers:

    ``plain_429``: too many requests are refused by plain text, and not by JSON. ``path_root``: the
    value that header ``Dropbox-API-Path-Root`` must have; None: it may have any, or be missing.
    """

    token_path = "/oauth2/token"

    def __init__(
        self,
        account: Account,
        stage: Stage,
        *,
        plain_429: bool = False,
        path_root: Record | None = None,
    ) -> None:
        self.account = account
        self.stage = stage
        self.plain_429 = plain_429
        self.path_root = path_root
        self.log = Log(account)

    # What is asked -----------------------------------------------------------------------------

    def answer(self, request: RecordedRequest) -> Answer | None:
        """What Dropbox says."""
        route = request.path.removeprefix(API)
        if route == request.path:
            return None
        try:
            self._refuse_root(request)
            self.log.read()
            if route in ("files/download", "files/export"):
                return self._bytes(route, request)
            return self._rpc(route, request)
        except RefusedError as refused:
            return refused.answer

    def refuse(self, refusal: Refusal) -> Answer:
        """Without a good token; too often; at a wrong address."""
        headers = dict(refusal.headers)
        if refusal.why == "throttled":
            if self.plain_429:
                text = b"This app has made too many requests"
                return Answer(429, {"Content-Type": "text/plain", **headers}, text)
            after = int(headers.get("Retry-After", "1"))
            error = {"reason": {".tag": "too_many_requests"}, "retry_after": after}
            told = {"error_summary": "too_many_requests/..", "error": error}
            return json_answer(429, told, headers)
        if refusal.status == 401:
            tag = (
                "expired_access_token" if refusal.why == "invalid token" else "invalid_access_token"
            )
            told = {"error_summary": f"{tag}/..", "error": {".tag": tag}}
            return json_answer(401, told, headers)
        return Answer(refusal.status, {"Content-Type": "text/plain"}, refusal.message.encode())

    def _refuse_root(self, request: RecordedRequest) -> None:
        """common.stone, PathRootError: 422 where the namespace is another one."""
        if self.path_root is None:
            return
        given = request.headers.get("dropbox-api-path-root", "{}")
        if json.loads(given) != self.path_root:
            told = {"error_summary": "no_permission/..", "error": {".tag": "no_permission"}}
            raise RefusedError(json_answer(422, told))

    # Listing, and what has changed -------------------------------------------------------------

    def _rpc(self, route: str, request: RecordedRequest) -> Answer | None:
        routes: dict[str, Callable[[Arguments], Any]] = {
            "files/list_folder": self._list,
            "files/list_folder/continue": self._continue,
            "files/list_folder/get_latest_cursor": self._latest,
            "users/get_current_account": self._account,
        }
        if route not in routes:
            return None
        if request.method != "POST":
            raise bad_call(route, "unsupported HTTP method; expecting POST")
        try:
            given = json.loads(request.body) if request.body else None
        except ValueError:
            raise bad_call(route, "request body: could not decode input as JSON") from None
        if route.startswith("files/") and not isinstance(given, dict):
            raise bad_call(route, "request body: expected object")
        if given is not None and request.headers.get("content-type", "") != "application/json":
            raise bad_call(route, "Bad HTTP Content-Type header")
        return json_answer(200, routes[route](given or {}))

    def _list(self, given: Arguments) -> Any:
        asked = self._asked("files/list_folder", given)
        return self._page({**asked, "after": [], "at": len(self.log.entries)})

    def _latest(self, given: Arguments) -> Any:
        asked = self._asked("files/list_folder/get_latest_cursor", given)
        return {"cursor": self._cursor({**asked, "at": len(self.log.entries)})}

    def _continue(self, given: Arguments) -> Any:
        route = "files/list_folder/continue"
        cursor = given.get("cursor")
        if not isinstance(cursor, str) or set(given) != {"cursor"}:
            raise bad_call(route, "request body: cursor: missing, or not alone")
        for kind, answer in ((_PAGE, self._page), (_CHANGES, self._changed)):
            try:
                return answer(self.stage.unseal(kind, cursor))
            except ExpiredTokenError:
                raise refused("reset") from None
            except UnknownTokenError:
                continue
        raise bad_call(route, 'Invalid "cursor" parameter')

    def _cursor(self, place: dict[str, Any]) -> str:
        """Where a listing goes on, or from where on changes are told."""
        return self.stage.seal(_PAGE if "after" in place else _CHANGES, place)

    def _asked(self, route: str, given: Arguments) -> dict[str, Any]:
        for name in given:
            if name not in _LIST_ARGS:
                raise bad_call(route, f"request body: unknown field '{name}'")
        path, limit = given.get("path"), given.get("limit", _USUAL)
        if not isinstance(path, str):
            raise bad_call(route, "request body: path: expected string")
        if path == "/":
            raise bad_call(route, "request body: path: Specify the root folder as an empty string")
        if not isinstance(limit, int) or not 1 <= limit <= _MOST:
            raise bad_call(route, f"request body: limit: {limit} is not within 1 and {_MOST}")
        below = path.lower()
        if path.startswith("id:"):
            found = {node.node_id: key for key, (_, node) in self.log.paths().items()}
            below = found.get(path, path)
        at = self.log.paths().get(below)
        if below and at is None:
            raise refused("path", "not_found")
        if at is not None and at[1].kind != "folder":
            raise refused("path", "not_folder")
        return {"below": below, "recursive": given.get("recursive", False), "limit": limit}

    def _page(self, place: dict[str, Any]) -> Any:
        """A page of a listing: by path, each after the one before; what comes meanwhile too."""
        found = sorted(
            (key.split("/"), path, node)
            for key, (path, node) in self.log.paths().items()
            if _is_below(place, key) and key.split("/") > place["after"]
        )
        limit = min(place["limit"], self.stage.options.page_cap)
        page, rest = found[:limit], found[limit:]
        entries = [metadata(node, path) for _, path, node in page]
        if rest:
            following = {**place, "after": page[-1][0]}
        else:
            following = {key: value for key, value in place.items() if key != "after"}
        return self._result(entries, following, more=bool(rest))

    def _changed(self, place: dict[str, Any]) -> Any:
        """A page of what has happened since; a change is told of as a whole."""
        limit = min(place["limit"], self.stage.options.page_cap)
        entries: list[Record] = []
        at = place["at"]
        while at < len(self.log.entries) and len(entries) < limit:
            told = self.log.entries[at]
            entries += [one for one in told if _is_below(place, one["path_lower"])]
            at += 1
        return self._result(entries, {**place, "at": at}, more=at < len(self.log.entries))

    def _result(self, entries: list[Record], place: dict[str, Any], *, more: bool) -> Any:
        return {"entries": entries, "cursor": self._cursor(place), "has_more": more}

    def _account(self, _given: Arguments) -> Any:
        return account(self.account)

    # Bytes -------------------------------------------------------------------------------------

    def _bytes(self, route: str, request: RecordedRequest) -> Answer:
        if request.origin != self.stage.other_url:
            raise bad_call(route, "This endpoint is on the content host")
        if request.method not in ("GET", "POST"):
            raise bad_call(route, "unsupported HTTP method; expecting POST or GET")
        if request.body:
            raise bad_call(route, "The request body is supposed to be empty, but it isn't")
        text = request.headers.get("dropbox-api-arg") or request.query.get("arg")
        if text is None:
            raise bad_call(
                route, 'Must provide HTTP header "Dropbox-API-Arg" or URL parameter "arg"'
            )
        try:
            given = json.loads(text)
            wanted = given["path"]
        except (ValueError, TypeError, KeyError):
            raise bad_call(route, "arg: could not decode input") from None
        node = self._node(wanted)
        if route == "files/export":
            return self._export(node, given.get("export_format"))
        if node.kind == "document":
            raise refused("unsupported_file")
        answer = self.stage.content(node, request)
        answer.headers["Content-Type"] = "application/octet-stream"
        answer.headers["Dropbox-API-Result"] = in_header(metadata(node, f"/{node.name}"))
        return answer

    def _node(self, wanted: str) -> Node:
        """What a path, an id or a revision names; of an old revision, as it was then."""
        found = None
        if wanted.startswith("rev:"):
            found = self.log.revisions.get(wanted.removeprefix("rev:"))
        else:
            for key, (_, node) in self.log.paths().items():
                if wanted == node.node_id or wanted.lower() == key:
                    found = node
        if found is None or self.account.is_forbidden(str(found.parent_id)):
            raise refused("path", "not_found")
        if found.kind == "folder":
            raise refused("path", "not_file")
        return found

    def _export(self, node: Node, wanted: str | None) -> Answer:
        if node.kind != "document":
            return endpoint_error("non_exportable")
        known = formats(node)
        if not known:
            return endpoint_error("non_exportable")
        if wanted is not None and wanted not in list(known)[1:]:
            return endpoint_error("invalid_export_format")
        content = known[wanted or next(iter(known))]
        name = f"{node.name}.{wanted or next(iter(known))}"
        told = {"export_metadata": {"name": name, "size": len(content)}}
        headers = {
            "Content-Type": "application/octet-stream",
            "Dropbox-API-Result": in_header(told | {"file_metadata": metadata(node, "/" + name)}),
        }
        return Answer(200, headers, content)


def _is_below(place: Mapping[str, Any], key: str) -> bool:
    """Whether a path is in the folder that was asked for; not the folder itself."""
    start = place["below"] + "/"
    if not key.startswith(start):
        return False
    return place["recursive"] or "/" not in key[len(start) :]
