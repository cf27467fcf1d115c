"""What Drive is asked: parameters, the fields that are to come back, the query ``q``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from filehaul.testing.account import Account, Node
from filehaul.testing.answers import Answer, RecordedRequest, json_answer
from filehaul.testing.plays.drive.partial import Fields, chosen, read, refuse_unknown
from filehaul.testing.plays.drive.told import mime_type, refused

_MOST = 1000  # files.list and changes.list: pageSize

_USER = "displayName,emailAddress,kind,me,permissionId"
USER_FIELDS = read(_USER)
FILE_FIELDS = read(
    "kind,id,name,mimeType,parents,createdTime,modifiedTime,version,trashed,explicitlyTrashed,"
    "trashedTime,size,md5Checksum,sha1Checksum,sha256Checksum,headRevisionId,ownedByMe,driveId,"
    "webViewLink,webContentLink,fileExtension,fullFileExtension,originalFilename,exportLinks,shared,"
    "spaces,starred,description,resourceKey,quotaBytesUsed,capabilities,properties,appProperties,"
    "viewedByMe,viewedByMeTime,modifiedByMe,modifiedByMeTime,iconLink,thumbnailLink,hasThumbnail,"
    "permissions,permissionIds,sharedWithMeTime,contentRestrictions,downloadRestrictions,"
    "copyRequiresWriterPermission,shortcutDetails(targetId,targetMimeType,targetResourceKey),"
    f"owners({_USER}),lastModifyingUser({_USER}),sharingUser({_USER}),trashingUser({_USER})"
)
DRIVE_FIELDS = read("kind,id,name,createdTime,hidden,capabilities")
LIST_FIELDS: Fields = {**read("kind,incompleteSearch,nextPageToken"), "files": FILE_FIELDS}
_CHANGE_FIELDS = read("kind,type,changeType,time,removed,fileId,driveId")
CHANGES_FIELDS: Fields = {
    **read("kind,nextPageToken,newStartPageToken"),
    "changes": {**_CHANGE_FIELDS, "drive": DRIVE_FIELDS, "file": FILE_FIELDS},
}
_ALWAYS = frozenset({"alt", "fields", "key", "prettyPrint", "quotaUser", "access_token"})
_DRIVES = frozenset({"supportsAllDrives", "includeItemsFromAllDrives", "driveId"})
PARAMETERS: Mapping[str, frozenset[str]] = {
    "files": _DRIVES | {"corpora", "q", "spaces", "orderBy", "pageSize", "pageToken"},
    "file": frozenset({"supportsAllDrives", "acknowledgeAbuse"}),
    "export": frozenset({"mimeType"}),
    "changes": _DRIVES
    | {"includeCorpusRemovals", "includeRemoved", "pageSize", "pageToken", "restrictToMyDrive"}
    | {"spaces"},
    "start": frozenset({"supportsAllDrives", "driveId"}),
    "drives": frozenset({"pageSize", "pageToken", "q", "useDomainAdminAccess"}),
    "about": frozenset(),
}


@dataclass(frozen=True)
class Scope:
    """Whose files are meant: of all shared drives, or of one alone, by its id."""

    drive_id: str | None
    with_drives: bool


def is_true(query: Mapping[str, str], name: str) -> bool:
    """Whether a parameter says so."""
    return query.get(name, "false").lower() == "true"


def page_size(query: Mapping[str, str], cap: int) -> int:
    """How many rows a page may have; raises RefusedError."""
    text = query.get("pageSize", "100")
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise refused(400, "invalidParameter", f"Invalid value '{text}'", "pageSize")
    return min(int(text), _MOST, cap)


def scope_of(query: Mapping[str, str]) -> Scope:
    """Whose files are meant; raises RefusedError where the parameters do not go together."""
    with_drives = is_true(query, "includeItemsFromAllDrives")
    if (with_drives or "driveId" in query) and not is_true(query, "supportsAllDrives"):
        told = "The supportsAllDrives parameter must be true for shared drives."
        raise refused(403, "teamDrivesNotSupported", told, "supportsAllDrives")
    if "driveId" in query and not with_drives:
        told = "includeItemsFromAllDrives must be true with driveId."
        raise refused(403, "teamDrivesNotSupported", told, "includeItemsFromAllDrives")
    return Scope(query.get("driveId"), with_drives)


def refuse_parameters(method: str, request: RecordedRequest) -> None:
    """Raises RefusedError for a parameter that the method does not have."""
    for name in request.query:
        if name not in PARAMETERS[method] and name not in _ALWAYS:
            raise refused(400, "badRequest", f"Unknown parameter {name}", name)


def partial(request: RecordedRequest, told: Any, known: Mapping[str, Any], default: str) -> Answer:
    """An answer with the fields that were asked for, else those of ``default``."""
    fields = read(request.query.get("fields", default))
    refuse_unknown(fields, known)
    return json_answer(200, chosen(told, fields))


_TERM = re.compile(
    r"\s*(?:'(?P<parent>[^']+)' in parents|trashed\s*=\s*(?P<trashed>true|false)"
    r"|mimeType\s*(?P<not>!?)=\s*'(?P<mime>[^']+)'"
    r"|modifiedTime\s*>\s*'(?P<since>[^']+)')\s*"
)


def query_of(text: str, account: Account) -> Callable[[Node], bool]:
    """What ``q`` keeps, of the terms that clients of this kind use, joined by ``and``."""
    terms: list[Callable[[Node], bool]] = []
    for part in re.split(r"\s+and\s+", text) if text.strip() else ():
        found = _TERM.fullmatch(part)
        if found is None:
            raise refused(400, "invalid", "Invalid Value", "q")
        terms.append(_term(found.groupdict(), account))
    return lambda node: all(term(node) for term in terms)


def _term(found: Mapping[str, Any], account: Account) -> Callable[[Node], bool]:
    if found["parent"] is not None:
        parent = account.root_id if found["parent"] == "root" else found["parent"]
        if account.get(parent) is None or account.is_forbidden(parent):
            raise refused(404, "notFound", "File not found: .", "fileId")
        return lambda node: node.parent_id == parent
    if found["trashed"] is not None:
        return lambda node: account.is_trashed(node.node_id) == (found["trashed"] == "true")
    if found["mime"] is not None:
        return lambda node: (mime_type(node) == found["mime"]) != (found["not"] == "!")
    since = datetime.fromisoformat(found["since"].replace("Z", "+00:00"))
    return lambda node: node.client_modified_at > since
