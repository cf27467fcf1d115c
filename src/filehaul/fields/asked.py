"""From a record to the address of its bytes, and of native documents to what they become."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from urllib.parse import quote

from ..addresses import CONTENT, EXPORT, Address
from ..config import Resource
from ..config.asking import SKIP, TARGET, Asking, ExportAs
from ..http.origins import resolve
from ..json_text import dumps
from ..models import File
from ..names import url_segment
from ..paths import MISSING, record_path
from ..templates import pieces
from .braces import InBraces, in_braces
from .codecs import text

_MOST_TYPES = 1000  # remembered; a vendor may make up ever new ones


class _AbsentError(Exception):
    """The record has nothing that could be put into the braces."""


class _Target:
    """In the braces of an export: what it is made into."""


_Name = InBraces | _Target | None
_Pieces = tuple[tuple[str, _Name], ...]
_TARGET = _Target()


def _value(name: InBraces | _Target, record: Mapping[str, Any], target: str | None) -> Any:
    """What is put into the braces; raises _AbsentError."""
    if isinstance(name, _Target):
        return target
    value = name.get(record)
    if value is MISSING or value is None or value == "" or isinstance(value, (dict, list)):
        raise _AbsentError
    return value


class Way:
    """One way in which a config asks for bytes: its address and body, for any record."""

    def __init__(self, resource: Resource, name: str, asking: Asking, path: str | None) -> None:
        self.name = name
        read = partial(_braces, resource, TARGET if name == EXPORT else None)
        self._path: _Pieces = () if path is None else read(path)
        self._body = None if asking.json_body is None else _shape(read, asking.json_body)

    def of(
        self, record: Mapping[str, Any], url: str | None = None, target: str | None = None
    ) -> str | None:
        """The address of a record's bytes, as a text; None where the record lacks what it takes.
        ``url``: instead of the path. ``target``: what an export is made into.
        """
        try:
            if url is None:
                url = _url(self._path, record, target)
            if "\n" in url:  # as it would be sent; a line break is for `Address`
                url = url.replace("\n", "%0A")
            if self._body is None and self.name == CONTENT:
                return url
            body = None if self._body is None else dumps(_filled(self._body, record, target))
        except _AbsentError:
            return None
        return Address(url, self.name, body).text


def _braces(resource: Resource, target: str | None, template: str) -> _Pieces:
    def name_of(name: str) -> InBraces | _Target:
        return _TARGET if name == target else in_braces(resource, name)

    return tuple(
        (literal, None if name is None else name_of(name)) for literal, name in pieces(template)
    )


def _url(parts: _Pieces, record: Mapping[str, Any], target: str | None) -> str:
    made: list[str] = []
    in_query = False
    for literal, name in parts:
        made.append(literal)
        in_query = in_query or "?" in literal
        if name is not None:
            value = text(_value(name, record, target))
            made.append(quote(value, safe="") if in_query else url_segment(value))
    return "".join(made)


def _shape(read: Callable[[str], _Pieces], value: Any) -> Any:
    """A body with its texts taken apart, once for all records."""
    if isinstance(value, str):
        return read(value)
    if isinstance(value, dict):
        return {key: _shape(read, one) for key, one in value.items()}
    if isinstance(value, list):
        return [_shape(read, one) for one in value]
    return value


def _filled(shape: Any, record: Mapping[str, Any], target: str | None) -> Any:
    """A body for one record. A value that stands alone in a text keeps its type."""
    if isinstance(shape, dict):
        return {key: _filled(one, record, target) for key, one in shape.items()}
    if isinstance(shape, list):
        return [_filled(one, record, target) for one in shape]
    if not isinstance(shape, tuple):
        return shape
    if len(shape) == 1 and shape[0][0] == "" and shape[0][1] is not None:
        return _value(shape[0][1], record, target)
    texts = (
        (one, "" if name is None else text(_value(name, record, target))) for one, name in shape
    )
    return "".join(literal + value for literal, value in texts)


class Asked:
    """How the bytes of one resource's records are asked for. ``url_field``: where records hold
    the address themselves.
    """

    def __init__(self, resource: Resource) -> None:
        content = resource.content
        assert content is not None
        self.url_field = None if content.url_field is None else record_path(content.url_field)
        self._content = Way(resource, CONTENT, content, content.path)
        self.exports = export = content.export
        self._export = None if export is None else Way(resource, EXPORT, export, export.path)
        self._known: dict[str | None, ExportAs | str | None] = {}

    def _becomes(self, mime_type: str | None) -> ExportAs | str | None:
        """As `Export.of`; of a type seen before it is known."""
        if self.exports is None:
            return None
        if mime_type not in self._known:
            if len(self._known) >= _MOST_TYPES:
                self._known.clear()
            self._known[mime_type] = self.exports.of(mime_type)
        return self._known[mime_type]

    def has_no_file(self, mime_type: str | None) -> bool:
        """Whether records of this type have no bytes, and are not to be made to."""
        return self._becomes(mime_type) == SKIP

    def address(
        self, record: Mapping[str, Any], mime_type: str | None, page_url: str
    ) -> str | None:
        """Where a record's bytes are had (`Address`, as a text); None where it does not say.

        ``page_url``: where the record was read. Raises VendorError for an address that cannot be
        asked.
        """
        target = self._becomes(mime_type)
        if target == SKIP:
            return None
        if isinstance(target, ExportAs):
            assert self._export is not None
            return self._export.of(record, target=target.mime_type)
        if self.url_field is None:
            return self._content.of(record)
        url = self.url_field.get(record)
        if not isinstance(url, str) or not url:
            return None
        return self._content.of(record, resolve(page_url, url))

    def exported(self, file: File) -> File:
        """The file as it will come: a document that is exported has another name, its size and
        checksum are not the record's, and it changes with the format that it is made into. Its
        fingerprint begins as no other does: it tells that the document has changed, and not that
        two makings of it are of equal bytes (`File.is_versioned`).
        """
        target = self._becomes(file.mime_type)
        if not isinstance(target, ExportAs):
            return file
        return file._replace(
            name=file.name and _with_extension(file.name, target.extension),
            path=file.path and _with_extension(file.path, target.extension),
            size=None,
            checksum={},
            fingerprint=f"x:{target.mime_type or target.extension},{file.fingerprint}",
        )


def _with_extension(name: str, extension: str) -> str:
    return name if name.lower().endswith(extension.lower()) else name + extension
