"""Box's records and errors."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from filehaul.testing.account import Account, Node
from filehaul.testing.answers import Answer, json_answer

TYPES = {"file": "file", "folder": "folder", "link": "web_link"}
"""What Box has: it never tells of anything else that an account may hold."""
_MINI = ("type", "id", "sequence_id", "etag", "name", "sha1", "file_version", "url")
_ALWAYS = ("type", "id", "etag")
_ZONE = timezone(timedelta(hours=-8))  # Box's own times have an offset


class RefusedError(Exception):
    """The answer is an error."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def trouble(
    status: int, code: str, message: str, headers: Mapping[str, str] | None = None
) -> Answer:
    """Box's error: the schema ClientError."""
    told = {
        "type": "error",
        "status": status,
        "code": code,
        "message": message,
        "context_info": None,
        "help_url": "https://developer.box.com/guides/api-calls/permissions-and-errors/",
        "request_id": "0000000000000000",
    }
    return json_answer(status, told, headers)


def refused(status: int, code: str, message: str) -> RefusedError:
    """The same to raise."""
    return RefusedError(trouble(status, code, message))


def number_of(node_id: str) -> str:
    """The id that Box gives: a node's, less the letter before it that says what is numbered."""
    return node_id.rpartition("_")[2]


class Records:
    """What Box says of the nodes of an account. The root is folder ``0``."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def id_of(self, node: Node) -> str:
        """As Box has it."""
        return "0" if node.parent_id is None else number_of(node.node_id)

    def mini(self, node: Node) -> dict[str, Any]:
        """What stands for a record that is not asked for itself."""
        return {key: value for key, value in self.whole(node).items() if key in _MINI}

    def of(self, node: Node, fields: frozenset[str] | None) -> dict[str, Any]:
        """A record: the fields that are asked for, and what comes with any; None: Box's own."""
        whole = self.whole(node)
        if fields is None:
            return {key: value for key, value in whole.items() if key not in _ON_REQUEST}
        return {key: one for key, one in whole.items() if key in fields or key in _ALWAYS}

    def whole(self, node: Node) -> dict[str, Any]:
        """A record with all that is known."""
        kind = TYPES[node.kind]
        trashed = self._account.is_trashed(node.node_id)
        record: dict[str, Any] = {
            "type": kind,
            "id": self.id_of(node),
            "sequence_id": str(node.revision - 1),
            "etag": str(node.revision - 1),
            "name": "All Files" if node.parent_id is None else node.name,
            "description": "",
            "created_at": _time(node.created_at),
            "modified_at": _time(node.modified_at),
            "trashed_at": _time(node.modified_at) if trashed else None,
            "purged_at": None,
            "parent": self._folder(node.parent_id),
            "owned_by": _user(node.owner),
            "modified_by": _user(node.owner),
            "item_status": "trashed" if trashed else "active",
            "path_collection": self._path(node),
        }
        if kind == "file":
            record |= self._of_file(node)
        elif kind == "folder":
            record |= {"size": sum(len(one.content) for one in self._account.below(node.node_id))}
        else:
            record |= {"url": node.target}
        record.update(node.extra)
        return {key: value for key, value in record.items() if value is not ...}

    def _of_file(self, node: Node) -> dict[str, Any]:
        sha1 = hashlib.sha1(node.content, usedforsecurity=False).hexdigest()
        version = f"{number_of(node.node_id)}{node.version:04}"
        stem, dot, extension = node.name.rpartition(".")
        return {
            "size": node.size,
            "sha1": sha1,
            "file_version": {"type": "file_version", "id": version, "sha1": sha1},
            "content_created_at": _time(node.client_modified_at),
            "content_modified_at": _time(node.client_modified_at),
            "extension": extension if dot and stem else "",
            "is_package": False,
            "permissions": {"can_download": not self._account.is_forbidden(node.node_id)},
            "version_number": str(node.version),
        }

    def _folder(self, node_id: str | None) -> dict[str, Any] | None:
        if node_id is None:
            return None
        node = self._account[node_id]
        is_root = node.parent_id is None
        return {
            "type": "folder",
            "id": self.id_of(node),
            "sequence_id": None if is_root else str(node.revision - 1),
            "etag": None if is_root else str(node.revision - 1),
            "name": "All Files" if is_root else node.name,
        }

    def _path(self, node: Node) -> dict[str, Any]:
        above = [self._folder(one.node_id) for one in self._account.above(node.node_id)]
        return {"total_count": len(above), "entries": above[::-1]}


_ON_REQUEST = frozenset({"extension", "is_package", "permissions", "version_number"})


def _time(value: datetime) -> str:
    return value.astimezone(_ZONE).isoformat(timespec="seconds")


def _user(login: str | None) -> dict[str, Any] | None:
    if login is None:
        return None
    return {"type": "user", "id": "11446498", "name": login.partition("@")[0], "login": login}
