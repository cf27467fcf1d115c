"""driveItems: what Graph says of each thing in a drive."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Set
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal
from urllib.parse import quote

from filehaul.checksums import new
from filehaul.testing.account import Account, Node
from filehaul.testing.stage import Stage

DriveType = Literal["personal", "business", "documentLibrary"]
_DOWNLOAD_URL = "@microsoft.graph.downloadUrl"


class Records:
    """Makes the records of an account's nodes."""

    def __init__(
        self, account: Account, stage: Stage, drive_type: DriveType, download_url: bool
    ) -> None:
        self._account = account
        self._stage = stage
        self._type = drive_type
        self._download_url = download_url

    def drive(self, drive_id: str) -> dict[str, Any]:
        """A drive's own record."""
        name = self._account.drive_name(drive_id)
        return {"id": drive_id, "driveType": self._type, "name": name}

    def of(self, node: Node, wanted: Set[str] | None = None) -> dict[str, Any]:
        """A node's record, or the properties of it that are ``wanted``."""
        return _only(self._whole(node, wanted), wanted)

    def in_delta(self, node: Node, wanted: Set[str] | None = None) -> dict[str, Any]:
        """The same as ``delta`` tells it: without the parent's path and, but for personal drives,
        without cTag.
        """
        record = self._whole(node, wanted)
        record["parentReference"].pop("path", None)
        if self._type != "personal":
            record.pop("cTag", None)
        return _only(record, wanted)

    def gone(self, node: Node, wanted: Set[str] | None = None) -> dict[str, Any]:
        """What ``delta`` says of a node that is gone: but for personal drives not even its name."""
        parent = self._parent(node)
        parent.pop("path", None)
        record: dict[str, Any] = {
            "id": node.node_id,
            "parentReference": parent,
            "folder" if node.kind == "folder" else "file": {},
            "deleted": {"state": "deleted"},
            **({"name": node.name} if self._type == "personal" else {"size": 0}),
        }
        return _only(record, wanted)

    def location(self, node: Node) -> str:
        """Where a file's bytes are had without a token, for a while."""
        return f"{self._stage.signed_url(node)}&tempauth=v1.{uuid.uuid4().hex}"

    def _whole(self, node: Node, wanted: Set[str] | None) -> dict[str, Any]:
        by = {"user": {"displayName": (node.owner or "").partition("@")[0]}}
        created = _time(node.created_at)
        client = {
            "createdDateTime": created,
            "lastModifiedDateTime": _time(node.client_modified_at),
        }
        record: dict[str, Any] = {
            "id": node.node_id,
            "name": "root" if node.parent_id is None else node.name,
            "eTag": f'"{{{node.node_id}}},{node.revision}"',
            "cTag": f'"c:{{{node.node_id}}},{node.version}"',
            "createdDateTime": created,
            "lastModifiedDateTime": _time(node.modified_at),
            "size": node.size or 0,
            "webUrl": f"https://contoso.example.com/Documents/{node.node_id}",
            "createdBy": by,
            "lastModifiedBy": by,
            "fileSystemInfo": client,
            "parentReference": self._parent(node),
            **self._facets(node),
        }
        if node.kind == "folder":
            del record["cTag"]
        # An instance annotation comes unasked with a whole record, else where it is named.
        is_asked = wanted is None or _DOWNLOAD_URL in wanted
        if self._download_url and is_asked and node.kind == "file":
            record[_DOWNLOAD_URL] = self.location(node)
        record.update(node.extra)
        return {key: value for key, value in record.items() if value is not ...}

    def _parent(self, node: Node) -> dict[str, Any]:
        found: dict[str, Any] = {"driveType": self._type, "driveId": node.drive_id}
        if node.parent_id is None:
            return found
        found["id"] = node.parent_id
        if self._account.get(node.parent_id) is not None:
            path = self._account.path(node.parent_id)
            found["path"] = f"/drives/{node.drive_id}/root:" + (f"/{quote(path)}" if path else "")
        return found

    def _facets(self, node: Node) -> dict[str, Any]:
        if node.kind == "folder":
            there = self._account.get(node.node_id) is not None
            inside = self._account.inside(node.node_id) if there else []
            count = sum(not one.is_trashed for one in inside)
            facets: dict[str, Any] = {"folder": {"childCount": count}}
            return {**facets, "root": {}} if node.parent_id is None else facets
        if node.kind == "document":
            return {"package": {"type": "oneNote"}}
        if node.kind == "shortcut":
            target = self._account.get(str(node.target))
            facet = "file" if target is not None and target.kind == "file" else "folder"
            return {"remoteItem": {"id": node.target, facet: {}}}
        hashes = {"quickXorHash": _quick_xor(node.content)}
        return {"file": {"mimeType": node.mime_type, "hashes": hashes}}


def _only(record: dict[str, Any], wanted: Set[str] | None) -> dict[str, Any]:
    if wanted is None:
        return record
    return {key: value for key, value in record.items() if key in wanted}


@lru_cache(maxsize=4096)
def _quick_xor(content: bytes) -> str:
    digest = new("quickxor")
    digest.update(content)
    return base64.b64encode(bytes.fromhex(digest.hexdigest())).decode()


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
