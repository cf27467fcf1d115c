"""Microsoft Graph, as far as files go: drives, ``delta``, ``children``, ``content``.

Shapes and rules are those of Microsoft's reference, v1.0: driveItem, itemReference, "driveItem:
delta", "List children", "Download a file", "Working with SharePoint sites". A document is a package
(OneNote), a shortcut a remote item; Graph has no bookmarks. A drive is addressed as
``/drives/ID``, ``/me/drive``, ``/users/NAME/drive``, ``/groups/ID/drive``, ``/sites/ID/drive`` and
``/sites/HOST:/PATH:/drive``; all but the first are the account's first drive.
"""

from __future__ import annotations

import base64
import hashlib
import re
from urllib.parse import unquote

from filehaul.testing.account import Account, Node
from filehaul.testing.answers import Answer, RecordedRequest
from filehaul.testing.gate import Refusal
from filehaul.testing.plays.graph.delta import Delta
from filehaul.testing.plays.graph.records import DriveType, Records
from filehaul.testing.plays.graph.words import link, page_size, refused, told, wanted
from filehaul.testing.stage import ExpiredTokenError, Stage, UnknownTokenError

_SITE = r"/sites/(?:[^/:]+|[^/:]+:(?:/[^/:]+)*:)"
_OWNER = rf"(?:/me|/(?:users|groups)/[^/]+|{_SITE})"
_DRIVES = re.compile(rf"/v1\.0{_OWNER}/drives")
_DRIVE = re.compile(rf"/v1\.0(?:/drives/(?P<id>[^/]+)|{_OWNER}/drive)(?P<rest>(?:/.*)?)")
_DELTA = re.compile(r"/root/delta(?:\((?:token='(?P<token>[^']*)')?\))?")
_ITEM = re.compile(
    r"/(?:root(?::/(?P<path>[^:]+):)?|items/(?P<id>[^/]+))(?P<what>|/children|/content)"
)
_CODES = {401: "InvalidAuthenticationToken", 404: "itemNotFound", 429: "activityLimitReached"}


def new_id(kind: str, number: int) -> str:
    """Ids as SharePoint has them: of drives ``b!…``, of all that is in one ``01`` and base32."""
    digest = hashlib.sha256(f"{kind} {number}".encode()).digest()
    if kind == "drive":
        return "b!" + base64.urlsafe_b64encode(digest + digest)[:64].decode()
    return "01" + base64.b32encode(digest)[:32].decode()


class Graph:
    """The play. ``page_size``: records of a page where ``$top`` does not say. ``drive_type``: what
    ``delta`` leaves out differs between ``personal`` and the others. ``repeats``: a page
    of children begins with the last record of the page before; for ``delta`` see `Delta`.
    ``download_url``: whole records have the address of the bytes.
    """

    token_path = "/contoso.onmicrosoft.com/oauth2/v2.0/token"

    def __init__(
        self,
        account: Account,
        stage: Stage,
        *,
        page_size: int = 200,
        drive_type: DriveType = "business",
        repeats: bool = False,
        download_url: bool = True,
    ) -> None:
        self._account = account
        self._stage = stage
        self._page_size = page_size
        self._repeats = repeats
        self._records = Records(account, stage, drive_type, download_url)
        self._delta = Delta(account, stage, self._records, page_size, repeats)

    def answer(self, request: RecordedRequest) -> Answer | None:
        """What Graph says; None: it knows no such address."""
        path = unquote(request.path)
        if request.method != "GET":
            return None
        if _DRIVES.fullmatch(path):
            return told({"value": [self._records.drive(one) for one in self._account.drives]})
        match = _DRIVE.fullmatch(path)
        if match is None:
            return None
        drive_id = match["id"] or self._account.drive_id
        root_id = self._account.drives.get(drive_id)
        if root_id is None:
            return refused(404, "itemNotFound", "The drive could not be found.")
        if self._account.is_forbidden(root_id):
            return refused(403, "accessDenied", "Access denied")
        if not match["rest"]:
            return told(self._records.drive(drive_id))
        if delta := _DELTA.fullmatch(match["rest"]):
            token = delta["token"] or request.query.get("token")
            return self._delta.answer(drive_id, token, request)
        return self._of_item(drive_id, root_id, match["rest"], request)

    def _of_item(
        self, drive_id: str, root_id: str, rest: str, request: RecordedRequest
    ) -> Answer | None:
        match = _ITEM.fullmatch(rest)
        if match is None:
            return None
        node = self._account.get(match["id"] or root_id)
        if match["path"]:
            node = self._at(match["path"], drive_id)
        if node is None or node.drive_id != drive_id or self._account.is_trashed(node.node_id):
            return refused(404, "itemNotFound", "The resource could not be found.")
        if self._account.is_forbidden(node.node_id):
            return refused(403, "accessDenied", "Access denied")
        if match["what"] == "/children":
            return self._children(node, request)
        if not match["what"]:
            return told(self._records.of(node, wanted(request)))
        if node.kind != "file":
            return refused(404, "itemNotFound", "The resource has no content.")
        return Answer(302, {"Location": self._records.location(node)})

    def _at(self, path: str, drive_id: str) -> Node | None:
        try:
            return self._account.find(path, drive_id)
        except KeyError:
            return None

    def _children(self, folder: Node, request: RecordedRequest) -> Answer:
        """A page of what is directly in a folder."""
        begin, given = 0, request.query.get("$skiptoken")
        if given is not None:
            try:
                begin = self._stage.unseal("page", given)
            except (UnknownTokenError, ExpiredTokenError):
                return refused(400, "invalidRequest", "The provided skip token is not valid.")
        inside = self._account.inside(folder.node_id) if folder.kind == "folder" else []
        live = [node for node in inside if not node.is_trashed and node.kind != "link"]
        end = begin + page_size(request, self._page_size, self._stage.options.page_cap)
        asked = wanted(request)
        again = 1 if self._repeats and begin else 0
        records = [self._records.of(node, asked) for node in live[begin - again : end]]
        if end >= len(live):
            return told({"value": records})
        token = {"$skiptoken": self._stage.seal("page", end)}
        following = link(request, self._stage.base_url, token)
        return told({"@odata.nextLink": following, "value": records})

    def refuse(self, refusal: Refusal) -> Answer:
        """In Graph's own words."""
        code = _CODES.get(refusal.status, "generalException")
        return refused(refusal.status, code, refusal.message, refusal.headers)


PLAY = Graph
