"""A config that is not written yet: what pages of a listing say of their vendor."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ..errors import UsageError
from ..guess import (
    Arrays,
    Columns,
    Markers,
    Paged,
    arrays,
    columns,
    is_token_param,
    markers,
    paged,
)
from ..paths import record_path
from ..redact import is_secret
from .address import Place, place_of
from .pages import Page
from .values import Variable, variable

_LISTING = re.compile(
    r"/(?:folders|directories|dirs|containers)/(?:items|children|contents|files|nodes|list)\Z",
    re.IGNORECASE,
)
_NO_WALK = (
    "records can be folders: if this listing is of one folder, it needs a walk (docs/config.md)"
)
_CHILDREN = re.compile(r"(/(?:nodes|items))/(?:children|contents|nodes|list)\Z", re.IGNORECASE)


@dataclass(frozen=True)
class Asked:
    """How the page was asked for, as far as that is known. ``data``: the JSON that was posted.
    ``auth``: a sign-in, where one was chosen.
    """

    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, Any] | None = None
    auth: str = ""
    sink: str = "./files"


@dataclass(frozen=True)
class Content:
    """How bytes could be had. ``is_sure``: the records say it; else it is a comment."""

    block: Mapping[str, Any]
    doubt: str = ""
    is_sure: bool = False


@dataclass(frozen=True)
class Known:
    """What a vendor's document says beside the answer. ``query``: the parameters that the listing
    takes, with a value each; ``params``: those that every request needs. ``is_seen``: the records
    are a vendor's own, not made up from a schema.
    """

    place: Place
    query: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    content: Content | None = None
    auth: Mapping[str, Any] | None = None
    told: str = ""
    notes: tuple[str, ...] = ()
    is_seen: bool = True


@dataclass(frozen=True)
class Draft:
    """All that a config needs. ``walk``: where one folder was listed."""

    told: str
    place: Place
    asked: Asked
    arrays: Arrays
    paged: Paged
    columns: Columns
    markers: Markers
    content: Content
    walk: Mapping[str, Any] | None = None
    notes: tuple[str, ...] = ()
    auth: Mapping[str, Any] | None = None

    @property
    def has_id(self) -> bool:
        """Whether something tells one file from another."""
        return self.columns.of("file_id") is not None

    @property
    def copies(self) -> bool:
        """Whether the config can have bytes copied as it is."""
        return self.content.is_sure and self.has_id and bool(self.asked.sink)

    def as_dict(self) -> dict[str, Any]:
        """What was found, for ``--json``."""
        return {
            "records": len(self.arrays.records),
            "data_selector": list(self.arrays.selectors),
            "paginator": self.paged.block,
            "fields": {
                f"checksum.{one.algorithm}" if one.algorithm else one.column: one.path
                for one in self.columns.guesses
            },
            "unsure": list(self.doubts()),
        }

    def doubts(self) -> list[str]:
        """Everything to look at before the config is believed."""
        found = [self.paged.doubt and f"paginator: {self.paged.doubt}"]
        found += [one.doubt and f"{one.column}: {one.doubt}" for one in self.columns.guesses]
        if self.markers.kind is not None:
            found.append(self.markers.kind.doubt and f"kind: {self.markers.kind.doubt}")
        found.append(self.content.doubt and f"content: {self.content.doubt}")
        return [one for one in (*found, *self.notes, *self.columns.notes) if one]


def drafted(pages: Sequence[Page], asked: Asked, known: Known | None = None) -> Draft:
    """The config that one page, or some that follow each other, propose. Raises UsageError where
    there are no records to look at.
    """
    found = arrays(pages[0].body)
    if found is None or not any(found.records):
        raise _no_records(pages[0], found)
    known = known or _from_url(asked.url)
    place = known.place
    every, odd = _records(pages, found)
    marked = markers(every)
    notes = [*known.notes, *odd]
    if found.others:
        notes.append("arrays that were left out: " + ", ".join(found.others))
    walk = _walk(place, marked)
    if walk is None and marked.kind is not None and marked.kind.folder is not None:
        notes.append(_NO_WALK)
    paging = _paging(pages, asked, known, len(found.records))
    content = known.content or _content(known, marked, every, notes)
    return Draft(
        known.told or f"{len(every)} record(s) of {', '.join(page.name for page in pages)}",
        Place(place.base_url, place.path, _params(known, paging), place.folder),
        asked,
        found,
        paging,
        columns(every),
        marked,
        content,
        walk,
        tuple(notes),
        known.auth,
    )


def _paging(pages: Sequence[Page], asked: Asked, known: Known, records: int) -> Paged:
    """The paginator, by all that is known. ``records``: how many the first page has."""
    given = {name.lower(): value for name, value in asked.headers.items()}
    posted_to = known.place.path if asked.data is not None else None
    bodies = [page.body for page in pages]
    return paged(bodies, {**pages[0].headers, **given}, known.query, records, posted_to)


def _params(known: Known, paging: Paged) -> dict[str, Any]:
    """The parameters of every request: those that the paginator sends itself are its own."""
    kept = {
        name: value
        for name, value in known.params.items()
        if name not in paging.uses and not is_token_param(name)
    }
    return {**kept, **paging.params}


def _from_url(url: str) -> Known:
    """What the address says that the first page was asked at."""
    if not url:
        missing = "--url was not given: base_url and path are to be filled in"
        return Known(Place(variable("base_url"), "/files"), notes=(missing,))
    place = place_of(url)
    query = {name: str(given) for name, given in place.params.items()}
    return Known(place, query, place.params)


def _no_records(page: Page, found: Arrays | None) -> UsageError:
    if found is None:
        keys = ", ".join(map(repr, list(page.body)[:8])) if isinstance(page.body, dict) else ""
        message = f"{page.name} has no array of records" + (f"; it has {keys}" if keys else "")
    else:
        message = f"{page.name} has no records: {found.selectors[0]} is empty"
    hint = "save a page of the listing with a few files on it; a file and a folder tell the most"
    return UsageError(message, where=page.name, hint=hint)


def _records(pages: Sequence[Page], found: Arrays) -> tuple[list[Any], list[str]]:
    """The records of all pages, and what is odd about them."""
    every: list[Any] = []
    notes = []
    for page in pages:
        here: list[Any] = []
        for selector in found.selectors:
            part = record_path(selector).get(page.body)
            here += part if isinstance(part, list) else []
        if every and here and here[0] in every:
            notes.append(f"{page.name} begins with a record of the page before: is it the same?")
        every += [one for one in here if one not in every] if len(pages) > 1 else here
    return every, notes


def _walk(place: Place, marked: Markers) -> dict[str, Any] | None:
    """A walk, where the address is one folder's and the records say which are folders."""
    if place.folder is None or marked.kind is None or marked.kind.folder is None:
        return None
    root, path = place.folder
    return {"root": root, "path": path, "folder": marked.kind.folder}


def _host(url: str) -> str:
    """Host and port of an address, without a user's name and password; empty where it has none."""
    try:
        parts = urlsplit(url)
        return f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname or ""
    except ValueError:
        return ""


def _content(known: Known, marked: Markers, records: Sequence[Any], notes: list[str]) -> Content:
    """The field with the address; else a path that many vendors have."""
    download, place = marked.download, known.place
    if download is None:
        path = place.folder[1] if place.folder else place.path
        path = _LISTING.sub("/files", path.replace("/{folder_id}", "")).rstrip("/")
        path = _CHILDREN.sub(r"\1", path) + "/{file_id}/content"
        doubt = "a guess: no field of the records has the address of the bytes"
        return Content({"path": Variable(path) if "${" in path else path}, doubt)
    values = [record_path(download.path).get(one) for one in records]
    urls = [one for one in values if isinstance(one, str)]
    hosts = set(map(_host, urls)) - {"", _host(place.base_url)}
    signed = any(map(is_secret, urls))
    if hosts and known.is_seen and place.base_url.startswith("http") and not signed:
        notes.append(
            f"{download.path} leads to {', '.join(sorted(hosts))}, which gets no credentials:"
            " if it needs them, name it in client.trusted_hosts"
        )
    if signed:
        notes.append(f"{download.path} is signed and expires; each listing brings it anew")
    return Content({"url_field": download.path}, download.doubt, is_sure=True)
