"""Listings of many vendors, each as a function of the question that answers it.

The shapes are from the vendors' published definitions, named with each; all values are made up.
A vendor has seven files (and a folder where its listing has folders), three records a page, and
answers for their bytes at its own path.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from filehaul.checksums import new
from page_vendor import Question, Raw

COUNT, SIZE = 7, 3
Record = dict[str, Any]


@dataclass(frozen=True)
class Made:
    """A file that a vendor has."""

    number: int

    @property
    def name(self) -> str:
        return f"report {self.number}.txt"

    @property
    def content(self) -> bytes:
        return f"the bytes of file {self.number}\n".encode() * (self.number + 1)

    def hash(self, algorithm: str) -> str:
        digest = new(algorithm)
        digest.update(self.content)
        return digest.hexdigest()

    def hash64(self, algorithm: str) -> str:
        return base64.b64encode(bytes.fromhex(self.hash(algorithm))).decode()

    @property
    def time(self) -> str:
        return f"2026-03-0{self.number + 1}T10:20:30"

    @property
    def spaced(self) -> str:
        return f"{self.time}.123Z".replace("T", " ")

    @property
    def epoch(self) -> int:
        return 1_772_360_430 + 86_400 * self.number


FILES = [Made(number) for number in range(COUNT)]


@dataclass(frozen=True)
class Vendor:
    """``url``: the listing's path and query. ``answer``: says a page, or a file's bytes.

    ``selectors``, ``paginator`` and ``fields`` (as ``checksum.md5: path``, codec behind a bar):
    what must be found. ``content``: the path of the bytes, where no record has their address.
    """

    name: str
    url: str
    answer: Callable[[Question, str], Any]
    selectors: tuple[str, ...]
    paginator: dict[str, Any]
    fields: dict[str, str]
    content: str | None = None
    method: str = "GET"
    rows: int = COUNT
    walk: dict[str, Any] | None = None


def window(rows: list[Record], start: int) -> tuple[list[Record], int | None]:
    """Some rows, and where the next page begins; None: there is none."""
    end = start + SIZE
    return rows[start:end], end if end < len(rows) else None


def bytes_at(question: Question, *around: str) -> bytes | None:
    """The bytes of the file whose id stands between two texts in the path; None: no such path."""
    before, after = around
    if question.path.startswith(before) and question.path.endswith(after):
        plain = question.path[len(before) : len(question.path) - len(after) or None]
        digits = "".join(one for one in plain if one.isdigit())
        if digits:
            return FILES[int(digits[-1])].content
    return None


def drive(question: Question, url: str) -> Any:
    """Google Drive v3, files.list: discovery document drive.v3, FileList and File."""
    if content := bytes_at(question, "/drive/v3/files/", ""):
        return Raw(content)
    rows: list[Record] = [
        {"kind": "drive#file", "mimeType": "application/vnd.google-apps.folder", "id": "folder0",
         "name": "Reports", "createdTime": "2026-01-01T00:00:00.000Z",
         "modifiedTime": "2026-01-01T00:00:00.000Z", "trashed": False, "parents": ["root"],
         "version": "1"},
    ]  # fmt: skip
    rows += [
        {"kind": "drive#file", "mimeType": "text/plain", "id": f"1aB{one.number}",
         "name": one.name, "size": str(len(one.content)), "md5Checksum": one.hash("md5"),
         "sha1Checksum": one.hash("sha1"), "sha256Checksum": one.hash("sha256"),
         "createdTime": f"{one.time}.000Z", "modifiedTime": f"{one.time}.500Z", "trashed": False,
         "parents": ["folder0"], "owners": [{"kind": "drive#user", "displayName": "Ann",
         "emailAddress": "ann@example.com"}], "headRevisionId": f"r{one.number}", "version": "7",
         "webViewLink": f"https://drive.example.com/{one.number}",
         "webContentLink": f"https://drive.example.com/uc?id={one.number}"}
        for one in FILES
    ]  # fmt: skip
    page, after = window(rows, int(question.params.get("pageToken", "~0")[1:]))
    token = {"nextPageToken": f"~{after}"} if after else {}
    return {"kind": "drive#fileList", "incompleteSearch": False, **token, "files": page}


def graph(question: Question, url: str) -> Any:
    """Microsoft Graph, driveItem list children: driveitem-list-children.md, resources/driveitem."""
    if question.path.startswith("/bytes/"):
        return Raw(FILES[int(question.path[-1])].content)
    parent = {"driveId": "b!x", "driveType": "business", "id": "01ROOT", "path": "/drive/root:"}
    rows: list[Record] = [
        {"createdDateTime": "2026-01-01T00:00:00Z", "eTag": '"{F},1"', "id": "01FOLDER",
         "lastModifiedDateTime": "2026-01-01T00:00:00Z", "name": "Reports", "size": 0,
         "webUrl": "https://acme.example.com/Reports", "parentReference": parent,
         "folder": {"childCount": 0}},
    ]  # fmt: skip
    rows += [
        {"@microsoft.graph.downloadUrl": f"{url}/bytes/{one.number}",
         "cTag": f'"c:{{{one.number}}}"',
         "createdDateTime": f"{one.time}Z", "eTag": f'"{{{one.number}}},1"',
         "id": f"01F{one.number}", "lastModifiedDateTime": f"{one.time}Z",
         "name": one.name, "size": len(one.content), "parentReference": parent,
         "webUrl": f"https://acme.example.com/{one.number}",
         "createdBy": {"user": {"email": "ann@example.com", "displayName": "Ann", "id": "u1"}},
         "file": {"mimeType": "text/plain", "hashes": {"quickXorHash": one.hash64("quickxor")}},
         "fileSystemInfo": {"lastModifiedDateTime": f"{one.time}Z"}}
        for one in FILES
    ]  # fmt: skip
    page, after = window(rows, question.number("$skiptoken"))
    link = {"@odata.nextLink": f"{url}{question.path}?$skiptoken={after}"} if after else {}
    return {"@odata.context": f"{url}/$metadata#x", **link, "value": page}


def box(question: Question, url: str) -> Any:
    """Box, GET /folders/{folder_id}/items: box-openapi openapi.json, Items (by offset)."""
    if content := bytes_at(question, "/2.0/files/", "/content"):
        return Raw(content)
    inside = question.path.split("/")[3]
    folder = {"type": "folder", "id": "111", "sequence_id": "1", "etag": "1", "name": "Reports"}
    rows: list[Record] = [
        {"type": "file", "id": str(5000 + one.number), "sequence_id": "3", "etag": "3",
         "sha1": one.hash("sha1"), "name": one.name, "size": len(one.content),
         "created_at": f"{one.time}-08:00", "modified_at": f"{one.time}-08:00", "trashed_at": None,
         "purged_at": None, "content_modified_at": f"{one.time}-08:00", "item_status": "active",
         "parent": {"type": "folder", "id": "0", "name": "All Files"},
         "owned_by": {"type": "user", "id": "33", "name": "Ann", "login": "ann@example.com"}}
        for one in FILES
    ]  # fmt: skip
    rows = [folder, *rows[:4]] if inside == "0" else rows[4:]
    page, _ = window(rows, question.number("offset"))
    order = [{"by": "type", "direction": "ASC"}]
    return {
        "total_count": len(rows), "entries": page, "offset": question.number("offset"),
        "limit": SIZE, "order": order,
    }  # fmt: skip


def dropbox(question: Question, url: str) -> Any:
    """Dropbox, /2/files/list_folder: dropbox-api-spec files.stone, ListFolderResult."""
    rows: list[Record] = [
        {".tag": "folder", "name": "Reports", "path_lower": "/reports", "path_display": "/Reports",
         "id": "id:folder0"},
    ]  # fmt: skip
    rows += [
        {".tag": "file", "name": one.name, "path_lower": f"/reports/{one.name}",
         "path_display": f"/Reports/{one.name}", "id": f"id:a4{one.number}",
         "client_modified": f"{one.time}Z", "server_modified": f"{one.time}Z",
         "rev": f"a1c10ce0dd7{one.number}", "size": len(one.content), "is_downloadable": True,
         "content_hash": one.hash("dropbox")}
        for one in FILES
    ]  # fmt: skip
    start = question.body.get("cursor", "~0")[1:] if question.body else "0"
    page, after = window(rows, int(start))
    return {"entries": page, "cursor": f"~{after or len(rows)}", "has_more": after is not None}


def pocketbase(question: Question, url: str) -> Any:
    """PocketBase, GET /api/collections/{c}/records: its Web APIs reference, and a real server."""
    rows: list[Record] = [
        {"collectionId": "pbc_1", "collectionName": "docs", "created": one.spaced,
         "file": f"report_{one.number}.txt", "id": f"rec{one.number}", "md5": one.hash("md5"),
         "size": len(one.content), "title": one.name, "updated": one.spaced}
        for one in FILES
    ]  # fmt: skip
    number = question.number("page", 1)
    page, _ = window(rows, (number - 1) * SIZE)
    return {"items": page, "page": number, "perPage": SIZE, "totalItems": COUNT, "totalPages": 3}


def slack(question: Question, url: str) -> Any:
    """Slack, files.list: @slack/web-api FilesListResponse, Paging and File."""
    if content := bytes_at(question, "/files-pri/", "/download"):
        return Raw(content)
    rows: list[Record] = [
        {"id": f"F0{one.number}", "created": one.epoch, "timestamp": one.epoch, "name": one.name,
         "title": "Report", "mimetype": "text/plain", "filetype": "text",
         "pretty_type": "Plain Text",
         "user": "U1", "mode": "hosted", "size": len(one.content), "is_external": False,
         "permalink": f"https://acme.example.com/files/{one.number}",
         "url_private": f"{url}/files-pri/{one.number}",
         "url_private_download": f"{url}/files-pri/{one.number}/download"}
        for one in FILES
    ]  # fmt: skip
    number = question.number("page", 1)
    page, _ = window(rows, (number - 1) * SIZE)
    paging = {"count": SIZE, "total": COUNT, "page": number, "pages": 3}
    return {"ok": True, "files": page, "paging": paging}


def gitlab(question: Question, url: str) -> Any:
    """GitLab, package files: doc/api/packages.md, List package files; README.md, Pagination."""
    if content := bytes_at(question, "/api/v4/projects/1/packages/4/package_files/", "/download"):
        return Raw(content)
    rows: list[Record] = [
        {"id": 20 + one.number, "package_id": 4, "created_at": f"{one.time}.199Z",
         "file_name": one.name, "size": len(one.content), "file_md5": one.hash("md5"),
         "file_sha1": one.hash("sha1")}
        for one in FILES
    ]  # fmt: skip
    number = question.number("page", 1)
    page, after = window(rows, (number - 1) * SIZE)
    here = f"{url}{question.path}?per_page={SIZE}&page="
    link = f'<{here}1>; rel="first"' + (f', <{here}{number + 1}>; rel="next"' if after else "")
    return Raw(page, headers={"Link": link, "X-Page": str(number)})


def storage(question: Question, url: str) -> Any:
    """Google Cloud Storage, objects.list: discovery document storage.v1, Objects and Object."""
    if content := bytes_at(question, "/download/", ""):
        return Raw(content)
    rows: list[Record] = [
        {"kind": "storage#object", "id": f"docs/{one.name}/177", "name": f"2026/{one.name}",
         "selfLink": f"{url}/storage/v1/b/docs/o/{one.number}", "bucket": "docs",
         "mediaLink": f"{url}/download/{one.number}", "generation": f"177{one.number}",
         "metageneration": "1", "contentType": "text/plain", "storageClass": "STANDARD",
         "size": str(len(one.content)), "md5Hash": one.hash64("md5"), "etag": "CLj=",
         "timeCreated": f"{one.time}.123Z", "updated": f"{one.time}.123Z"}
        for one in FILES
    ]  # fmt: skip
    page, after = window(rows, int(question.params.get("pageToken", "~0")[1:]))
    token = {"nextPageToken": f"~{after}"} if after else {}
    return {"kind": "storage#objects", **token, "items": page}


def egnyte(question: Question, url: str) -> Any:
    """Egnyte, GET /pubapi/v1/fs/{path}: as onyx reads it (files and folders apart; RFC 1123)."""
    rows: list[Record] = [
        {"checksum": one.hash("sha512"), "size": len(one.content), "path": f"/Shared/{one.name}",
         "name": one.name, "locked": False, "is_folder": False, "entry_id": f"e{one.number}",
         "group_id": f"g{one.number}",
         "last_modified": f"Sun, 0{one.number + 1} Mar 2026 10:20:30 GMT",
         "uploaded_by": "ann", "num_versions": 1}
        for one in FILES
    ]  # fmt: skip
    start = question.number("offset")
    page, _ = window(rows, start)
    folder = {"name": "Old", "path": "/Shared/Old", "is_folder": True, "folder_id": "f1"}
    return {
        "name": "Shared", "path": "/Shared", "is_folder": True, "folder_id": "f0",
        "total_count": COUNT + 1, "offset": start, "count": SIZE,
        "folders": [folder] if start == 0 else [], "files": page,
    }  # fmt: skip


def openai(question: Question, url: str) -> Any:
    """OpenAI, GET /v1/files: its OpenAPI document, ListFilesResponse and OpenAIFile."""
    if content := bytes_at(question, "/v1/files/", "/content"):
        return Raw(content)
    rows: list[Record] = [
        {"id": f"file-{one.number}", "object": "file", "bytes": len(one.content),
         "created_at": one.epoch, "filename": one.name, "purpose": "assistants",
         "expires_at": None, "status": "processed"}
        for one in FILES
    ]  # fmt: skip
    after = question.params.get("after")
    start = 0 if after is None else 1 + [row["id"] for row in rows].index(after)
    page, rest = window(rows, start)
    ids = {"first_id": page[0]["id"], "last_id": page[-1]["id"]}
    return {"object": "list", "data": page, **ids, "has_more": rest is not None}


def alfresco(question: Question, url: str) -> Any:
    """Alfresco, nodes' children: its core OpenAPI document, NodeChildAssociationPaging."""
    rows: list[Record] = [
        {"entry": {"id": f"n-{one.number}", "name": one.name, "nodeType": "cm:content",
         "isFolder": False, "isFile": True, "modifiedAt": f"{one.time}.000+0000",
         "createdAt": f"{one.time}.000+0000", "parentId": "-root-",
         "createdByUser": {"id": "ann", "displayName": "Ann"},
         "content": {"mimeType": "text/plain", "mimeTypeName": "Plain Text",
         "sizeInBytes": len(one.content), "encoding": "UTF-8"}}}
        for one in FILES
    ]  # fmt: skip
    start = question.number("skipCount")
    page, after = window(rows, start)
    pagination = {
        "count": len(page), "hasMoreItems": after is not None, "totalItems": COUNT,
        "skipCount": start, "maxItems": SIZE,
    }  # fmt: skip
    return {"list": {"pagination": pagination, "entries": page}}


def zoho(question: Question, url: str) -> Any:
    """A JSON:API as Zoho WorkDrive's (GET /files/{id}/files): attributes, links, milliseconds."""
    rows: list[Record] = [
        {"id": f"z{one.number}", "type": "files", "attributes": {"name": one.name,
         "is_folder": False, "created_time_in_millisecond": one.epoch * 1000,
         "modified_time_in_millisecond": one.epoch * 1000 + 250, "parent_id": "p1",
         "download_url": f"{url}/z/{one.number}",
         "storage_info": {"size": "27 bytes", "size_in_bytes": len(one.content)}}}
        for one in FILES
    ]  # fmt: skip
    if content := bytes_at(question, "/z/", ""):
        return Raw(content)
    page, after = window(rows, question.number("page[offset]"))
    link = f"{question.path}?page%5Boffset%5D={after}" if after else None
    return {"links": {"self": question.path, "prev": None, "next": link}, "data": page}


def hash_of(content: bytes) -> str:
    """sha256, as table transfers has it."""
    return hashlib.sha256(content).hexdigest()


_ALFRESCO = "/-default-/public/alfresco/versions/1"
VENDORS = [
    Vendor(
        "drive", "/drive/v3/files?pageSize=3&fields=*", drive, ("files",),
        {"type": "cursor", "cursor_path": "nextPageToken", "cursor_param": "pageToken"},
        {"file_id": "id", "file_name": "name", "parent_id": "parents[0]", "size": "size|int",
         "mime_type": "mimeType", "created_at": "createdTime", "modified_at": "modifiedTime",
         "web_url": "webViewLink", "owner": "owners[0].emailAddress",
         "version": "headRevisionId", "checksum.md5": "md5Checksum",
         "checksum.sha1": "sha1Checksum", "checksum.sha256": "sha256Checksum"},
        content="/files/{file_id}", rows=COUNT + 1,
    ),
    Vendor(
        "graph", "/v1.0/me/drive/root/children", graph, ("value",),
        {"type": "json_link", "next_url_path": "['@odata.nextLink']"},
        {"file_id": "id", "file_name": "name", "parent_id": "parentReference.id",
         "drive_id": "parentReference.driveId", "size": "size", "mime_type": "file.mimeType",
         "created_at": "createdDateTime", "modified_at": "lastModifiedDateTime", "version": "cTag",
         "web_url": "webUrl", "owner": "createdBy.user.email",
         "checksum.quickxor": "file.hashes.quickXorHash|base64"},
        rows=COUNT + 1,
    ),
    Vendor(
        "box", "/2.0/folders/0/items?limit=3&fields=id,name", box, ("entries",),
        {"type": "offset", "limit": 3, "total_path": "total_count"},
        {"file_id": "id", "file_name": "name", "parent_id": "parent.id", "size": "size",
         "created_at": "created_at", "modified_at": "modified_at", "version": "etag",
         "owner": "owned_by.login", "checksum.sha1": "sha1"},
        content="/files/{file_id}/content", rows=COUNT + 1,
        walk={"root": "0", "path": "/folders/{folder_id}/items",
              "folder": {"path": "type", "equals": "folder"}},
    ),
    Vendor(
        "dropbox", "/2/files/list_folder", dropbox, ("entries",),
        {"type": "continuation", "path": "/2/files/list_folder/continue", "cursor_path": "cursor",
         "has_more_path": "has_more"},
        {"file_id": "id", "file_name": "name", "path": "path_display", "size": "size",
         "modified_at": "server_modified", "version": "rev", "checksum.dropbox": "content_hash"},
        method="POST", rows=COUNT + 1,
    ),
    Vendor(
        "pocketbase", "/api/collections/docs/records", pocketbase, ("items",),
        {"type": "page_number", "base_page": 1, "page_param": "page", "total_path": "totalPages"},
        {"file_id": "id", "file_name": "title", "size": "size", "created_at": "created",
         "modified_at": "updated", "checksum.md5": "md5"},
    ),
    Vendor(
        "slack", "/api/files.list?count=3", slack, ("files",),
        {"type": "page_number", "base_page": 1, "page_param": "page", "total_path": "paging.pages"},
        {"file_id": "id", "file_name": "name", "size": "size", "mime_type": "mimetype",
         "created_at": "created|epoch", "owner": "user", "web_url": "permalink"},
    ),
    Vendor(
        "gitlab", "/api/v4/projects/1/packages/4/package_files?per_page=3", gitlab, ("$",),
        {"type": "header_link"},
        {"file_id": "id", "file_name": "file_name", "size": "size", "created_at": "created_at",
         "checksum.md5": "file_md5", "checksum.sha1": "file_sha1"},
        content="/projects/1/packages/4/package_files/{file_id}/download",
    ),
    Vendor(
        "storage", "/storage/v1/b/docs/o?maxResults=3", storage, ("items",),
        {"type": "cursor", "cursor_path": "nextPageToken", "cursor_param": "pageToken"},
        {"file_id": "id", "file_name": "name", "path": "name", "drive_id": "bucket",
         "size": "size|int",
         "mime_type": "contentType", "created_at": "timeCreated", "modified_at": "updated",
         "version": "generation", "checksum.md5": "md5Hash|base64"},
    ),
    Vendor(
        "egnyte", "/pubapi/v1/fs/Shared?list_content=true&count=3&offset=0", egnyte,
        ("files", "folders"),
        {"type": "offset", "limit": 3, "limit_param": "count", "total_path": "total_count"},
        {"file_id": "path", "file_name": "name", "path": "path", "size": "size",
         "modified_at": "last_modified|rfc1123", "owner": "uploaded_by",
         "checksum.sha512": "checksum"},
        rows=COUNT + 1,
    ),
    Vendor(
        "openai", "/v1/files?limit=3", openai, ("data",),
        {"type": "cursor", "cursor_path": "last_id", "cursor_param": "after",
         "has_more_path": "has_more"},
        {"file_id": "id", "file_name": "filename", "size": "bytes",
         "created_at": "created_at|epoch"},
        content="/files/{file_id}/content",
    ),
    Vendor(
        "alfresco", f"/api{_ALFRESCO}/nodes/-root-/children", alfresco,
        ("list.entries",),
        {"type": "offset", "limit": 3, "offset_param": "skipCount", "limit_param": "maxItems",
         "total_path": "list.pagination.totalItems",
         "has_more_path": "list.pagination.hasMoreItems"},
        {"file_id": "entry.id", "file_name": "entry.name", "parent_id": "entry.parentId",
         "size": "entry.content.sizeInBytes", "mime_type": "entry.content.mimeType",
         "created_at": "entry.createdAt", "modified_at": "entry.modifiedAt"},
        walk={"root": "-root-", "path": f"{_ALFRESCO}/nodes/{{folder_id}}/children",
              "folder": {"path": "entry.isFolder", "equals": True}},
    ),
    Vendor(
        "zoho", "/workdrive/api/v1/files/f1/files", zoho, ("data",),
        {"type": "json_link", "next_url_path": "links.next"},
        {"file_id": "id", "file_name": "attributes.name", "parent_id": "attributes.parent_id",
         "size": "attributes.storage_info.size_in_bytes",
         "created_at": "attributes.created_time_in_millisecond|epoch_ms",
         "modified_at": "attributes.modified_time_in_millisecond|epoch_ms"},
    ),
]  # fmt: skip
BY_NAME = {one.name: one for one in VENDORS}
