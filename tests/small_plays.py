"""Plays of Slack, Egnyte, ShareFile and Zoho WorkDrive: as much of each as its preset asks for.

Written from the same documents as the presets, so they show that a preset holds what the
conformance suite asks of it, and not that the vendor is so.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from email.utils import format_datetime
from typing import Any, ClassVar

from filehaul.testing.account import Account, Node
from filehaul.testing.answers import Answer, RecordedRequest, json_answer
from filehaul.testing.gate import Refusal
from filehaul.testing.stage import Stage

_KINDS = ("folder", "file")


class _RefusedError(Exception):
    """The node is not there (404), or may not be seen (403)."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class _Shown:
    """What of an account may be seen, and a page of it."""

    def __init__(self, account: Account, stage: Stage) -> None:
        self.account = account
        self.stage = stage

    def node(self, node_id: str) -> Node:
        node = self.account.get(node_id)
        if node is None or self.account.is_trashed(node_id):
            raise _RefusedError(404)
        if self.account.is_forbidden(node_id):
            raise _RefusedError(403)
        return node

    def inside(self, folder_id: str, kinds: tuple[str, ...] = _KINDS) -> list[Node]:
        """What lies in a folder, folders first, by name."""
        inside = self.account.inside(self.node(folder_id).node_id)
        found = [one for one in inside if not one.is_trashed and one.kind in kinds]
        return sorted(found, key=lambda one: (one.kind != "folder", one.name.lower(), one.node_id))

    def page(self, nodes: list[Node], offset: str, limit: str) -> list[Node]:
        size = min(int(limit), self.stage.options.page_cap or int(limit))
        return nodes[int(offset) : int(offset) + size]


def _digest(algorithm: str, node: Node) -> str:
    return hashlib.new(algorithm, node.content, usedforsecurity=False).hexdigest()


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


class Slack:
    """files.list by page and count; bytes at the second origin, for the token alone."""

    token_path = "/oauth/token"

    def __init__(self, account: Account, stage: Stage) -> None:
        self.shown = _Shown(account, stage)

    def answer(self, request: RecordedRequest) -> Answer | None:
        if request.path.startswith("/files-pri/"):
            try:
                node = self.shown.node(request.path.rpartition("/")[2])
            except _RefusedError as problem:
                return Answer(problem.status, {}, b"")
            return self.shown.stage.content(node, request)
        if request.path != "/api/files.list":
            return None
        shown, query = self.shown, request.query
        live = [one for one in shown.account if one.kind in ("file", "link")]
        live = [one for one in live if not shown.account.is_trashed(one.node_id)]
        live.sort(key=lambda one: one.number, reverse=True)
        size = min(int(query["count"]), shown.stage.options.page_cap or 1000)
        page = int(query["page"])
        files = [self._file(one) for one in live[(page - 1) * size : page * size]]
        paging = {"count": size, "total": len(live), "page": page, "pages": -(-len(live) // size)}
        return json_answer(200, {"ok": True, "files": files, "paging": paging})

    def _file(self, node: Node) -> dict[str, Any]:
        times = {"created": int(node.created_at.timestamp())}
        times["updated"] = int(node.modified_at.timestamp())
        file = {"id": node.node_id, "name": node.name, "mode": "hosted", "user": "U1", **times}
        if node.kind == "link":
            return {**file, "mode": "external", "url_private": node.target}
        address = f"{self.shown.stage.other_url}/files-pri/{node.node_id}"
        kind = {"mimetype": node.mime_type, "size": len(node.content)}
        return {**file, **kind, "url_private_download": address}

    def refuse(self, refusal: Refusal) -> Answer:
        """Status 200, but for throttling."""
        if refusal.status == 429:
            return json_answer(429, {"ok": False, "error": "ratelimited"}, refusal.headers)
        return json_answer(200, {"ok": False, "error": "invalid_auth"})


class Egnyte:
    """Folders by path or id; two arrays, through which count and offset step as one."""

    token_path = "/puboauth/token"

    def __init__(self, account: Account, stage: Stage) -> None:
        self.shown = _Shown(account, stage)

    def answer(self, request: RecordedRequest) -> Answer | None:
        _, _, path = request.path.partition("/pubapi/v1/")
        try:
            if path.startswith("fs-content/ids/file/"):
                node = self.shown.node(path.rpartition("/")[2])
                return self.shown.stage.content(node, request)
            if path == "fs/Shared":
                return self._folder(self.shown.account.root_id, request.query)
            if path.startswith("fs/ids/folder/"):
                return self._folder(path.rpartition("/")[2], request.query)
        except _RefusedError as problem:
            return json_answer(problem.status, {"errorMessage": "no"})
        return None

    def _folder(self, folder_id: str, query: dict[str, str]) -> Answer:
        assert query["list_content"] == "true"
        nodes = self.shown.inside(folder_id)
        page = self.shown.page(nodes, query["offset"], query["count"])
        answer: dict[str, Any] = {"is_folder": True, "total_count": len(nodes), "count": len(page)}
        for node in page:
            record = {"name": node.name, "is_folder": node.kind == "folder"}
            if node.kind == "folder":
                record["folder_id"] = node.node_id
            else:
                record |= self._file(node)
            answer.setdefault(f"{node.kind}s", []).append(record)
        return json_answer(200, answer)

    @staticmethod
    def _file(node: Node) -> dict[str, Any]:
        return {
            "group_id": node.node_id,
            "entry_id": f"{node.node_id}.{node.version}",
            "size": len(node.content),
            "checksum": _digest("sha512", node),
            "last_modified": format_datetime(node.client_modified_at, usegmt=True),
            "uploaded_by": "ann",
        }

    def refuse(self, refusal: Refusal) -> Answer:
        """As Mashery does."""
        if refusal.status != 429:
            return json_answer(refusal.status, {"errorMessage": refusal.message}, refusal.headers)
        headers = {**refusal.headers, "X-Mashery-Error-Code": "ERR_403_DEVELOPER_OVER_QPS"}
        return Answer(403, headers, b"<h1>Developer Over Qps</h1>")


class ShareFile:
    """Items(…)/Children by $skip and $top; Items(…)/Download says where the bytes are."""

    token_path = "/oauth/token"
    models: ClassVar = {
        "file": "File",
        "folder": "Folder",
        "shortcut": "SymbolicLink",
        "link": "Link",
    }
    _one = re.compile(r"/sf/v3/Items\(([^)]+)\)/(Children|Download)")

    def __init__(self, account: Account, stage: Stage) -> None:
        self.shown = _Shown(account, stage)

    def answer(self, request: RecordedRequest) -> Answer | None:
        match = self._one.fullmatch(request.path)
        if match is None:
            return None
        item, query = match[1], request.query
        try:
            if match[2] == "Download":
                url = self.shown.stage.signed_url(self.shown.node(item))
                return json_answer(200, {"DownloadToken": "t", "DownloadUrl": url})
            folder = self.shown.account.root_id if item == "allshared" else item
            nodes = self.shown.inside(folder, tuple(self.models))
        except _RefusedError as problem:
            return json_answer(problem.status, {"code": "no", "message": {"value": "no"}})
        page = self.shown.page(nodes, query["$skip"], query["$top"])
        fields = frozenset(query["$select"].split(","))
        value = [self._item(node, fields) for node in page]
        return json_answer(200, {"odata.count": len(nodes), "value": value})

    def _item(self, node: Node, fields: frozenset[str]) -> dict[str, Any]:
        item: dict[str, Any] = {
            "odata.type": f"ShareFile.Api.Models.{self.models[node.kind]}",
            "Id": node.node_id,
            "StreamID": node.node_id,
            "Name": f"{node.name} (as shown)",
            "FileName": node.name,
            "CreationDate": _iso(node.created_at),
            "ProgenyEditDate": _iso(node.modified_at),
        }
        if node.kind == "file":
            item |= {"FileSizeBytes": len(node.content), "Hash": _digest("md5", node)}
        return {key: one for key, one in item.items() if key in fields}

    def refuse(self, refusal: Refusal) -> Answer:
        error = {"code": refusal.why, "message": {"lang": "en-US", "value": refusal.message}}
        return json_answer(refusal.status, error, refusal.headers)


class Zoho:
    """JSON:API records by page[offset] and page[limit]. What may not be seen is 401, R008."""

    token_path = "/oauth/v2/token"

    def __init__(self, account: Account, stage: Stage) -> None:
        self.shown = _Shown(account, stage)

    def answer(self, request: RecordedRequest) -> Answer | None:
        _, what, path = request.path.partition("/api/v1/")
        try:
            if path.startswith("download/"):
                node = self.shown.node(path.rpartition("/")[2])
                return self.shown.stage.content(node, request)
            match = re.fullmatch(r"files/([^/]+)/files", path)
            if match is None or not what:
                return None
            folder = self.shown.account.root_id if match[1] == "top" else match[1]
            nodes = self.shown.inside(folder)
        except _RefusedError:
            error = {"id": "R008", "title": "Unauthorized access"}
            return json_answer(401, {"errors": [error]})
        query = request.query
        page = self.shown.page(nodes, query["page[offset]"], query["page[limit]"])
        return json_answer(200, {"data": [self._record(one) for one in page]})

    @staticmethod
    def _record(node: Node) -> dict[str, Any]:
        times = {"created": node.created_at, "modified": node.modified_at}
        attributes: dict[str, Any] = {
            f"{name}_time_in_millisecond": int(moment.timestamp() * 1000)
            for name, moment in times.items()
        }
        size = len(node.content) if node.kind == "file" else 0
        attributes |= {"name": node.name, "is_folder": node.kind == "folder"}
        attributes["storage_info"] = {"size_in_bytes": size}
        return {"id": node.node_id, "type": "files", "attributes": attributes}

    def refuse(self, refusal: Refusal) -> Answer:
        code = {401: "F000", 429: "F7008"}.get(refusal.status, "R501")
        error = {"id": code, "title": refusal.message}
        return json_answer(refusal.status, {"errors": [error]}, refusal.headers)
