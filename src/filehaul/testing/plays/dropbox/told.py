"""What Dropbox says: metadata of files and folders, and its errors."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any
from urllib.parse import quote

from filehaul.testing.account import Account, Node
from filehaul.testing.answers import Answer, json_answer

_BLOCK = 4 * 1024 * 1024
# files.stone, ExportInfo: names of formats, not MIME types. Of other bytes it is what stands behind
# the last dot of the document's own type.
_FORMATS = {
    "text/markdown": "markdown",
    "text/html": "html",
    "application/pdf": "pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
}
Record = dict[str, Any]


class RefusedError(Exception):
    """Raised where the answer is an error of Dropbox': this one."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def endpoint_error(*tags: str) -> Answer:
    """409, an error of the endpoint's own: ``path``, ``not_found``, as tags one in the other."""
    error: Any = {".tag": tags[-1]}
    for tag in reversed(tags[:-1]):
        error = {".tag": tag, tag: error}
    return json_answer(409, {"error_summary": "/".join(tags) + "/..", "error": error})


def refused(*tags: str) -> RefusedError:
    """The same, to be raised."""
    return RefusedError(endpoint_error(*tags))


def bad_call(route: str, told: str) -> RefusedError:
    """400: what was asked does not fit the endpoint. Dropbox says that as plain text."""
    text = f'Error in call to API function "{route}": {told}'
    return RefusedError(Answer(400, {"Content-Type": "text/plain; charset=utf-8"}, text.encode()))


def formats(node: Node) -> dict[str, bytes]:
    """What a document can be exported as, by Dropbox' names of formats; the first is its own."""
    own = (node.mime_type or "").rpartition(".")[2]
    return {_FORMATS.get(mime, own): content for mime, content in node.exports.items()}


def metadata(node: Node, path: str) -> Record:
    """A file or a folder at a path, as Dropbox tells of it."""
    told: Record = {
        ".tag": "folder" if node.kind == "folder" else "file",
        "name": node.name,
        "path_lower": path.lower(),
        "path_display": path,
        "id": node.node_id,
    }
    if node.kind != "folder":
        told |= {**_of_file(node), "preview_url": f"https://www.dropbox.com/preview{quote(path)}"}
    told |= node.extra
    return {key: value for key, value in told.items() if value is not ...}


def deleted(path: str) -> Record:
    """What is left of a file or a folder."""
    return {
        ".tag": "deleted",
        "name": path.rpartition("/")[2],
        "path_lower": path.lower(),
        "path_display": path,
    }


def _of_file(node: Node) -> Record:
    told: Record = {
        "client_modified": _time(node.client_modified_at),
        "server_modified": _time(node.modified_at),
        "rev": rev(node),
        "size": node.size or 0,
        "is_downloadable": node.kind in ("file", "shortcut"),
        "content_hash": content_hash(node.content or b"".join(node.exports.values())),
    }
    if node.kind == "shortcut":
        told["symlink_info"] = {"target": node.target}
    if not told["is_downloadable"]:
        named = list(formats(node))
        told["export_info"] = {"export_options": named[1:]}
        if named:
            told["export_info"]["export_as"] = named[0]
    return told


def account(of: Account) -> Record:
    """users.stone, FullAccount: whose account it is."""
    name = (of.owner or "").partition("@")[0]
    named = ("given_name", "surname", "familiar_name", "display_name", "abbreviated_name")
    namespaces = {"root_namespace_id": of.drive_id, "home_namespace_id": of.drive_id}
    return {
        "account_id": "dbid:AAH4f99T0taONIb-OurWxbNQ6ywGRopQngc",
        "name": dict.fromkeys(named, name),
        "email": of.owner,
        "email_verified": True,
        "disabled": False,
        "locale": "en",
        "referral_link": "https://db.tt/ZITNuhtI",
        "is_paired": False,
        "account_type": {".tag": "basic"},
        "root_info": {".tag": "user", **namespaces},
    }


def rev(node: Node) -> str:
    """The name of a revision; moving and renaming make another one."""
    return hashlib.sha256(f"{node.node_id}/{node.revision}".encode()).hexdigest()[:21]


def content_hash(content: bytes) -> str:
    """Dropbox' page "Content hash": SHA-256 of the SHA-256 of each 4 MiB."""
    starts = range(0, len(content), _BLOCK)
    blocks = (hashlib.sha256(content[start : start + _BLOCK]).digest() for start in starts)
    return hashlib.sha256(b"".join(blocks)).hexdigest()


def in_header(value: Any) -> str:
    """JSON for a header: ASCII, with DEL escaped as well (Dropbox' page "JSON encoding")."""
    return json.dumps(value).replace("\x7f", "\\u007f")


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
