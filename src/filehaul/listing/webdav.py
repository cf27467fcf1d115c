"""A folder's content as WebDAV tells it (RFC 4918): the answer to ``PROPFIND`` with ``Depth: 1``.

Each response of the multistatus that is a child of the folder becomes a record:

- ``href``: its address, as a path from the server's root, every character but the unreserved ones
  percent-encoded: one spelling, whatever the server's own is;
- ``name``: the last segment of that, decoded;
- ``kind``: ``folder`` or ``file``;
- ``props``: the properties that came with status 200. Those of ``DAV:`` have their local name;
  others the prefix that the request's body declares for their namespace (``oc:fileid``), else the
  namespace in braces before the name. A property with elements in it is a mapping of these, or a
  list where one comes more than once; an empty one is null.

The folder itself, which comes among its children, is no record. What the server refuses to tell
(a status other than 200, 404 and 410 on a child, 507 on the folder) and what is not directly in
the folder is not dropped silently: it is a doubt that the page is whole.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, unquote, unquote_to_bytes, urlsplit

from ..redact import redact
from ..xml_text import Element, read_xml
from .decoded import Decoded

DAV = "DAV:"
HEADERS = {"Accept": "application/xml, text/xml", "Depth": "1"}
"""What a PROPFIND of a folder's content says, unless the config says otherwise."""

_STATUS = re.compile(r"\s*HTTP/\S+\s+(\d{3})\b")
_ORIGIN = re.compile(r"\Ahttps?://[^/]*", re.IGNORECASE)
# An address that is spelt as we do it: an unreserved character is never encoded, any other always.
_CANONICAL = re.compile(
    r"(?!//)/(?:[A-Za-z0-9_.~/-]"  # one at a time: a run of them would be tried in all its parts
    r"|%(?!2[DE]|3\d|4[1-9A-F]|5[0-9AF]|6[1-9A-F]|7[0-9AE])[0-9A-F]{2})*\Z",
    re.ASCII,
)
_OK, _GONE = HTTPStatus.OK, frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
_YES = frozenset({"1", "true"})


def decode(body: bytes, url: str, prefixes: Mapping[str, str]) -> Decoded:
    """The answer as ``{"responses": [record, …]}``; see above for the records.

    ``url``: of the folder, as it answered. ``prefixes``: by the namespace that they stand for.
    ValueError: what the answer is instead.
    """
    folder = _Folder(url, prefixes)
    root = read_xml(body, folder.take).root
    if (root.namespace, root.name) != (DAV, "multistatus"):
        raise ValueError(f"XML, but no multistatus of WebDAV: its element is {root.name[:60]!r}")
    return folder.decoded()


def prefixes_of(body: str) -> dict[str, str]:
    """The prefixes that a request's body declares, by namespace. ValueError: it is not XML."""
    declared = read_xml(body.encode()).prefixes
    return {uri: prefix for prefix, uri in reversed(declared.items()) if prefix and uri != DAV}


def address_of(href: str) -> str:
    """An href as a path in one spelling: see ``href`` above.

    Of an absolute URI only the path counts: RFC 4918 8.3 lets it name no other server than the one
    that was asked, and behind a proxy it names one that nobody else can reach. ``?`` and ``#`` are
    parts of the name: a server that means them so has forgotten to encode them.
    """
    path = _ORIGIN.sub("", href.strip(), count=1)
    if _CANONICAL.match(path):
        return path
    segments = [quote(unquote_to_bytes(segment), safe="") for segment in path.split("/")]
    return "/" + "/".join(segments).lstrip("/")


class _Folder:
    """The content of one folder, as it is read."""

    def __init__(self, url: str, prefixes: Mapping[str, str]) -> None:
        self.own = address_of(urlsplit(url).path).rstrip("/")
        self.prefixes = prefixes
        self.records: list[dict[str, Any]] = []
        self.is_there = self.is_file = False
        self.refused: list[str] = []
        self.strangers: list[str] = []

    def take(self, response: Element) -> None:
        """One response."""
        if (response.namespace, response.name) == (DAV, "response"):
            for href in response.all(DAV, "href"):
                self._take(address_of(href.text), response)

    def decoded(self) -> Decoded:
        """What they come to. ValueError: not to the content of this folder."""
        if self.is_file:
            raise ValueError("about a file; a folder was asked for")
        if not self.is_there and not self.records:
            raise ValueError(self._nothing())
        return Decoded({"responses": self.records}, self._doubt())

    def _take(self, href: str, response: Element) -> None:
        plain = href.rstrip("/")
        parent, _, name = plain.rpartition("/")
        status = _status(response)
        if plain == self.own:
            self._take_own(response, status)
        elif parent != self.own or name in ("", ".", ".."):
            self.strangers.append(href)
        elif status == _OK:
            self.records.append(self._record(href, name, response))
        elif status not in _GONE:  # what has just gone is not there, and that is that
            self.refused.append(f"{href}: {_words(status)}")

    def _take_own(self, response: Element, status: int) -> None:
        if status != _OK:
            self.refused.append(f"the folder itself: {_words(status)}")
            return
        self.is_there = True
        self.is_file = not _is_folder(self._props(response), "/")

    def _record(self, href: str, name: str, response: Element) -> dict[str, Any]:
        props = self._props(response)
        return {
            "href": href,
            "name": unquote(name, errors="replace") if "%" in name else name,
            "kind": "folder" if _is_folder(props, href) else "file",
            "props": props,
        }

    def _props(self, response: Element) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for propstat in response.all(DAV, "propstat"):
            if _status(propstat) == _OK:
                for prop in propstat.all(DAV, "prop"):
                    for element in prop.children:
                        found[self._name(element)] = self._value(element)
        return found

    def _name(self, element: Element) -> str:
        if element.namespace == DAV:
            return element.name
        prefix = self.prefixes.get(element.namespace)
        return f"{prefix}:{element.name}" if prefix else f"{{{element.namespace}}}{element.name}"

    def _value(self, element: Element) -> Any:
        if not element.children:
            text = element.text
            return text if text.strip() else None
        found: dict[str, Any] = {}
        several: set[str] = set()
        for child in element.children:
            name, value = self._name(child), self._value(child)
            if name in several:
                found[name].append(value)
            elif name in found:
                found[name] = [found[name], value]
                several.add(name)
            else:
                found[name] = value
        return found

    def _nothing(self) -> str:
        if self.refused:
            return f"a refusal: {redact(self.refused[0])}"
        if self.strangers:
            told = f"tells of {redact(self.strangers[0])[:200]}"
            return (
                f"about another folder: {self.own or '/'} was asked for, and it "
                f"{told}; does base_url have the path by which the server knows itself?"
            )
        return "a multistatus without any response, not even the folder's own"

    def _doubt(self) -> str | None:
        doubts = []
        if self.refused:
            many = f"{len(self.refused):,} of its entries are refused; the first, "
            doubts.append((many if len(self.refused) > 1 else "") + self.refused[0])
        if self.strangers:
            doubts.append(
                f"{len(self.strangers):,} entries are not directly in it (does the server heed "
                f"Depth: 1?); the first, {self.strangers[0]}"
            )
        return redact("; ".join(doubts)) or None


def _status(element: Element) -> int:
    """The status that an element names; 200 where it names none."""
    status = element.first(DAV, "status")
    if status is None:
        return _OK
    match = _STATUS.match(status.text)
    return int(match[1]) if match else 0


def _words(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"status {status}" if status else "a status that cannot be read"


def _is_folder(props: Mapping[str, Any], href: str) -> bool:
    """By ``resourcetype``; where the server does not tell that, by what it tells instead."""
    if "resourcetype" in props:
        kind = props["resourcetype"]
        return isinstance(kind, dict) and "collection" in kind
    if "iscollection" in props:
        return str(props["iscollection"]).strip().lower() in _YES
    return href.endswith("/")
