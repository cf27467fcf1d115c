"""WebDAV as Nextcloud and ownCloud speak it (RFC 4918, with their properties), or without those.

A path has one thing at it; of two nodes with one path the newer is there. What is in the trash is
in another tree. Documents, shortcuts and links are things that WebDAV does not have: they are not
there. Sign-in is HTTP Basic: option ``auth=basic("ada", "secret")``.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable, Iterator
from email.utils import format_datetime
from urllib.parse import quote, unquote
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from filehaul.testing.account import Account, Node
from filehaul.testing.answers import Answer, RecordedRequest
from filehaul.testing.gate import Refusal
from filehaul.testing.stage import Stage

DAV, OC = "DAV:", "http://owncloud.org/ns"
_KIND = {"Content-Type": "application/xml; charset=utf-8"}
_WORDS = {401: "NotAuthenticated", 403: "Forbidden", 404: "NotFound", 429: "TooManyRequests"}
Name = tuple[str, str]
"""Namespace and local name of a property."""


def new_id(kind: str, number: int) -> str:
    """A number with the instance's name behind it, as oc:id; of a folder too."""
    return kind if kind == "drive" else f"{number:08}oc9l3j5ur4db"


def basic(username: str, password: str) -> Callable[[RecordedRequest], bool]:
    """For option ``auth``: this user alone."""
    known = base64.b64encode(f"{username}:{password}".encode()).decode()
    return lambda request: request.headers.get("authorization") == f"Basic {known}"


class WebDav:
    """The play. Settings, which may be changed while it answers:

    ``root``: where the files are. ``has_ids``: whether there are properties of ownCloud's.
    ``absolute``: hrefs are whole addresses, of a server that only the vendor itself can reach.
    ``inside``: what may not be looked into is refused by a status inside the answer about the
    folder above, not when it is asked for. ``redirects``: folders are asked for with a slash at the
    end, as Apache wants it. ``checksums``: which there are of a file, as ``SHA1:…``.
    """

    token_path = "/nowhere/token"

    def __init__(
        self,
        account: Account,
        stage: Stage,
        *,
        root: str = "/remote.php/dav/files/ada/",
        has_ids: bool = True,
        absolute: bool = False,
        inside: bool = False,
        redirects: bool = False,
        checksums: bool = True,
    ) -> None:
        self.account = account
        self.stage = stage
        self.root = root
        self.has_ids = has_ids
        self.absolute = absolute
        self.inside = inside
        self.redirects = redirects
        self.checksums = checksums

    # What is asked -----------------------------------------------------------------------------

    def answer(self, request: RecordedRequest) -> Answer | None:
        """What the server says."""
        asked, root = _segments(request.path), _segments(self.root)
        if asked[: len(root)] != root:
            return None
        node = self._node(asked[len(root) :])
        if node is None:
            return _error(404, f"File with name {unquote(request.path)} could not be located")
        if self.account.is_forbidden(node.node_id):
            return _error(403, "You do not have permission to look into this")
        if request.method == "PROPFIND":
            return self._told(node, request)
        if request.method not in ("GET", "HEAD"):
            return _error(405, f"no method {request.method} here")
        if node.kind == "folder":
            return _error(405, "GET is only implemented for file objects")
        return self.stage.content(node, request)

    def refuse(self, refusal: Refusal) -> Answer:
        """With a user's name and password, not with a token."""
        answer = _error(refusal.status, refusal.message)
        answer.headers.update(refusal.headers)
        if refusal.status == 401:
            answer.headers["WWW-Authenticate"] = 'Basic realm="Nextcloud", charset="UTF-8"'
        return answer

    def _told(self, node: Node, request: RecordedRequest) -> Answer:
        depth = request.headers.get("depth", "infinity")
        if depth not in ("0", "1"):
            return _error(403, "PROPFIND of infinite depth is not supported")
        if self.redirects and node.kind == "folder" and not request.path.endswith("/"):
            return Answer(301, {"Location": f"{self.stage.base_url}{request.path}/"})
        try:
            asked = list(_asked(request.body))
        except ElementTree.ParseError as problem:
            return _error(400, f"the request's body is no XML: {problem}")
        several = [node]
        if depth == "1" and node.kind == "folder":
            several += self._inside(node)
        body = "".join(self._response(one, asked, one is node) for one in several)
        whole = f'<?xml version="1.0"?>\n<d:multistatus xmlns:d="DAV:">{body}</d:multistatus>\n'
        return Answer(207, dict(_KIND), whole.encode())

    # What is there -----------------------------------------------------------------------------

    def _node(self, names: list[str]) -> Node | None:
        node = self.account[self.account.root_id]
        for name in names:
            inside = self._inside(node) if node.kind == "folder" else []
            found = [one for one in inside if one.name == name]
            if not found:
                return None
            node = found[-1]
        return node

    def _inside(self, folder: Node) -> list[Node]:
        """What is directly in a folder: one of each name."""
        found: dict[str, Node] = {}
        for node in self.account.inside(folder.node_id):
            if node.kind in ("file", "folder") and not node.is_trashed:
                found[node.name] = node
        return list(found.values())

    def _href(self, node: Node) -> str:
        path = "/".join(quote(name, safe="!$&'()*+,;=:@") for name in self._names(node))
        path = self.root + path + ("/" if path and node.kind == "folder" else "")
        return f"http://app.internal:8080{path}" if self.absolute else path

    def _names(self, node: Node) -> list[str]:
        above = [one.name for one in self.account.above(node.node_id)]
        return [*reversed(above[:-1]), node.name] if above else []

    # What is said of it ------------------------------------------------------------------------

    def _response(self, node: Node, asked: list[Name], is_own: bool) -> str:
        href = f"<d:href>{escape(self._href(node))}</d:href>"
        if self.inside and not is_own and self.account.is_forbidden(node.node_id):
            told = "<d:status>HTTP/1.1 403 Forbidden</d:status>"
            return f"<d:response>{href}{told}</d:response>"
        known, missing = "", ""
        for number, (namespace, name) in enumerate(asked):
            value = self._value(node, namespace, name)
            tag = f"d:{name}" if namespace == DAV else f"x{number}:{name}"
            open_ = tag if namespace == DAV else f'{tag} xmlns:x{number}="{escape(namespace)}"'
            if value is None:
                missing += f"<{open_}/>"
            else:
                known += f"<{open_}>{value}</{tag}>"
        stats = f"<d:propstat><d:prop>{known}</d:prop>{_status('200 OK')}</d:propstat>"
        if missing:
            stats += (
                f"<d:propstat><d:prop>{missing}</d:prop>{_status('404 Not Found')}</d:propstat>"
            )
        return f"<d:response>{href}{stats}</d:response>"

    def _value(self, node: Node, namespace: str, name: str) -> str | None:
        """The value of a property as XML; None: it has no such."""
        is_folder = node.kind == "folder"
        if namespace == OC and self.has_ids:
            return self._of_owncloud(node, name)
        if namespace != DAV:
            return None
        if name == "resourcetype":
            return "<d:collection/>" if is_folder else ""
        if name == "getlastmodified":
            return format_datetime(node.client_modified_at, usegmt=True)
        if name == "creationdate":
            return node.created_at.isoformat()
        if name == "getetag":
            return f"&quot;{self._etag(node)}&quot;"
        if is_folder:
            return None
        return {
            "getcontentlength": str(node.size),
            "getcontenttype": node.mime_type or "application/octet-stream",
        }.get(name)

    def _of_owncloud(self, node: Node, name: str) -> str | None:
        if name == "checksums" and node.kind == "file" and self.checksums:
            content = node.content
            sha1, md5 = hashlib.sha1(content).hexdigest(), hashlib.md5(content).hexdigest()
            told = f"SHA1:{sha1} MD5:{md5} ADLER32:{zlib.adler32(content):08x}"
            return f"<x:checksum xmlns:x='{OC}'>{told}</x:checksum>"
        return {"fileid": node.node_id, "owner-id": (node.owner or "").partition("@")[0]}.get(name)

    def _etag(self, node: Node) -> str:
        """Of a folder it changes with anything below it."""
        below = self.account.below_if_folder(node.node_id)
        told = [f"{one.node_id}/{one.version}" for one in (node, *below)]
        return hashlib.sha1(" ".join(told).encode()).hexdigest()[:13]


def _asked(body: bytes) -> Iterator[Name]:
    """The properties that a request names; without a body, those of RFC 4918 alone."""
    if not body.strip():
        usual = ("resourcetype", "getcontentlength", "getcontenttype", "getetag", "getlastmodified")
        yield from ((DAV, name) for name in usual)
        return
    for prop in ElementTree.fromstring(body).iter(f"{{{DAV}}}prop"):
        for one in prop:
            namespace, _, name = one.tag.removeprefix("{").rpartition("}")
            yield namespace, name


def _segments(path: str) -> list[str]:
    """The names of a path, decoded: however a client has encoded them."""
    return [unquote(one) for one in path.split("/") if one]


def _status(told: str) -> str:
    return f"<d:status>HTTP/1.1 {told}</d:status>"


def _error(status: int, message: str) -> Answer:
    """As sabre/dav says it."""
    exception = f"Sabre\\DAV\\Exception\\{_WORDS.get(status, 'BadRequest')}"
    body = (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<d:error xmlns:d="DAV:" xmlns:s="http://sabredav.org/ns">'
        f"<s:exception>{exception}</s:exception><s:message>{escape(message)}</s:message></d:error>"
    )
    return Answer(status, dict(_KIND), body.encode())


PLAY = WebDav
