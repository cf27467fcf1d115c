"""What Drive says: a file's record, and its errors."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

from filehaul.testing.account import Account, Node
from filehaul.testing.answers import Answer, json_answer

APPS = "application/vnd.google-apps."
FOLDER = f"{APPS}folder"


class RefusedError(Exception):
    """Raised where the answer is an error of Drive's: this one."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def trouble(status: int, reason: str, message: str, parameter: str = "") -> Answer:
    """Google's error format; ``parameter``: the one that is to blame."""
    usage = reason.endswith("LimitExceeded") and reason != "exportSizeLimitExceeded"
    one = {"message": message, "domain": "usageLimits" if usage else "global", "reason": reason}
    if parameter:
        one |= {"location": parameter, "locationType": "parameter"}
    return json_answer(status, {"error": {"errors": [one], "code": status, "message": message}})


def refused(status: int, reason: str, message: str, parameter: str = "") -> RefusedError:
    """The same, to be raised."""
    return RefusedError(trouble(status, reason, message, parameter))


def no_file(file_id: str) -> RefusedError:
    """404, as for a file that the caller may not see."""
    return refused(404, "notFound", f"File not found: {file_id}.", "fileId")


def file_record(account: Account, node: Node) -> dict[str, Any]:
    """A file as Drive tells of it, all fields."""
    told: dict[str, Any] = {
        "kind": "drive#file",
        "id": node.node_id,
        "name": node.name,
        "mimeType": mime_type(node),
        "createdTime": time_of(node.created_at),
        "modifiedTime": time_of(node.client_modified_at),
        "version": str(node.revision),
        "trashed": account.is_trashed(node.node_id),
        "explicitlyTrashed": node.is_trashed,
        "spaces": ["drive"],
        "webViewLink": f"https://drive.google.com/file/d/{node.node_id}/view?usp=drivesdk",
        "capabilities": {"canDownload": node.kind in ("file", "document")},
        "lastModifyingUser": user(node.owner),
    }
    if node.parent_id is not None:
        told["parents"] = [node.parent_id]
    shared = shared_drive(account, node)
    if shared is None:
        told |= {"owners": [user(node.owner)], "ownedByMe": True, "shared": False}
    else:
        told["driveId"] = shared
    told |= _content(node)
    if node.kind == "shortcut" and node.target is not None:
        target = account.get(node.target)
        told["shortcutDetails"] = {"targetId": node.target}
        if target is not None:
            told["shortcutDetails"]["targetMimeType"] = mime_type(target)
    told |= node.extra
    return {name: value for name, value in told.items() if value is not ...}


def shared_drive(account: Account, node: Node) -> str | None:
    """The shared drive that a node is in, by the id of its top folder; None: it is in My Drive."""
    return None if node.drive_id == account.drive_id else account.drives[node.drive_id]


def mime_type(node: Node) -> str:
    """As Drive names types: its own things have types of Google's."""
    if node.kind == "folder":
        return FOLDER
    if node.kind == "shortcut":
        return f"{APPS}shortcut"
    if node.kind == "link":
        return f"{APPS}drive-sdk"
    given = node.mime_type or "application/octet-stream"
    if node.kind == "document" and not given.startswith(APPS):
        return f"{APPS}document"
    return given


def _content(node: Node) -> dict[str, Any]:
    if node.kind == "document":
        # Docs Editors files have a size (discovery: File.size), which is none of their exports'.
        links = {kind: f"https://docs.google.com/export?format={kind}" for kind in node.exports}
        return {"size": str(1024 * node.version), "exportLinks": links}
    if node.kind != "file":
        return {}
    name, dot, extension = node.name.rpartition(".")
    return {
        "size": str(len(node.content)),
        "md5Checksum": hashlib.md5(node.content, usedforsecurity=False).hexdigest(),
        "sha1Checksum": hashlib.sha1(node.content, usedforsecurity=False).hexdigest(),
        "sha256Checksum": hashlib.sha256(node.content).hexdigest(),
        "headRevisionId": f"0B{node.number:06}{node.version:04}",
        "originalFilename": node.name,
        "fileExtension": extension if name and dot else "",
        "webContentLink": f"https://drive.google.com/uc?id={node.node_id}&export=download",
    }


def user(email: str | None) -> dict[str, Any]:
    """A user, as far as another may know."""
    name = (email or "someone").partition("@")[0]
    told: dict[str, Any] = {"kind": "drive#user", "displayName": name, "me": email is not None}
    return {**told, "emailAddress": email} if email else told


def time_of(moment: datetime) -> str:
    """RFC 3339 with milliseconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"
