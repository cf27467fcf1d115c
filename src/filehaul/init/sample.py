"""An answer made up from its schema: each value looks as the schema says, or as its name does."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..guess import bare
from ..guess.words import NAMES
from .spec import Spec

_DEEPEST = 8
_MOST = 20_000  # values; documents may say the same thing in a thousand ways
_TIME = "2026-01-02T03:04:05Z"
_EPOCH = 1_767_323_045
_HASHES = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128}
_TIMES = re.compile(
    r"(created|modified|updated|deleted|trashed|expires?|uploaded)(at|on|time|date)?\Z"
)
_BYTES = re.compile(r"(file)?(size|bytes|length)(inbytes|bytes)?\Z")
_URL = re.compile(r"\b(url|uri|link)\b", re.IGNORECASE)
_UNIX = re.compile(r"unix|epoch|seconds since|timestamp", re.IGNORECASE)
_PATHS = set(NAMES["path"]) - {"key"}
_MILLI = re.compile(r"milli", re.IGNORECASE)


class Samples:
    """Makes values of the schemas of one document."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.left = _MOST
        self.number = 0

    def of(self, schema: Any, only_required: bool = False) -> Any:
        """A value of that schema."""
        return self._of(schema, "", 0, only_required)

    def _of(self, given: Any, name: str, depth: int, only_required: bool = False) -> Any:
        schema = self._whole(given)
        self.left -= 1
        if schema is None or depth > _DEEPEST or self.left < 0:
            return None
        kind = _kind(schema)
        if kind == "array":
            return self._array(schema, name, depth)
        if kind == "object":
            return self._object(schema, depth, only_required)
        if (said := _said(schema)) is not None:
            return self._told_apart(said, name, schema)
        return self._scalar(kind, name, schema)

    def _whole(self, given: Any, depth: int = 0) -> Mapping[str, Any] | None:
        """The schema with what it is made of: all of allOf, the first of anyOf and oneOf."""
        schema = self.spec.followed(given)
        if not isinstance(schema, Mapping) or depth > _DEEPEST:
            return None
        made = dict(schema)
        parts = list(_list(made.pop("allOf", None)))
        parts += [one for key in ("oneOf", "anyOf") for one in _likeliest(made.pop(key, None))]
        for part in parts:
            whole = self._whole(part, depth + 1)
            for key, value in (whole or {}).items():
                mine = made.get(key)
                if key == "properties" and isinstance(mine, Mapping) and isinstance(value, Mapping):
                    made[key] = {**value, **mine}
                else:
                    made.setdefault(key, value)
        return made

    def _array(self, schema: Mapping[str, Any], name: str, depth: int) -> list[Any]:
        """Two elements; of an array of several kinds one each."""
        kinds = list(self._kinds(schema.get("items"), 0))
        if len(kinds) == 1:
            kinds *= 2
        made = []
        for one in kinds:
            self.number += 1
            made.append(self._of(one, name.rstrip("s"), depth + 1))
        return [one for one in made if one is not None]

    def _kinds(self, given: Any, depth: int) -> Iterator[Any]:
        """The alternatives of an array's elements."""
        schema = self.spec.followed(given)
        if not isinstance(schema, Mapping) or depth > _DEEPEST:
            return
        choices = [*_list(schema.get("oneOf")), *_list(schema.get("anyOf"))]
        if not choices and len(_list(schema.get("allOf"))) == 1 and "properties" not in schema:
            choices = list(_list(schema["allOf"]))
        if not choices and schema.get("type") != "null":
            yield schema
        for one in choices:
            yield from self._kinds(one, depth + 1)

    def _object(self, schema: Mapping[str, Any], depth: int, only_required: bool) -> dict[str, Any]:
        properties = schema.get("properties")
        example = schema.get("example")
        given = example if isinstance(example, Mapping) else {}
        required = _list(schema.get("required"))
        made = {}
        for name, block in properties.items() if isinstance(properties, Mapping) else ():
            if only_required and name not in required:
                continue
            value = self._of(block, str(name), depth + 1, only_required)
            if not isinstance(value, (dict, list)) and given.get(name) is not None:
                value = self._told_apart(given[name], str(name), {})
            if value is not None:
                made[str(name)] = value
        if not properties:
            made.update({str(key): value for key, value in given.items()})
        return _with_path(made)

    def _told_apart(self, said: Any, name: str, schema: Mapping[str, Any]) -> Any:
        """The document's example; ids of two elements differ, kinds and names stay."""
        word = bare(name)
        if word not in ("id", "fileid", "uuid", "uid", "guid", "key") or "enum" in schema:
            return said
        return f"{said}{self.number}" if isinstance(said, str) else said

    def _scalar(self, kind: str, name: str, schema: Mapping[str, Any]) -> Any:
        word, said = bare(name), str(schema.get("description", ""))
        if kind == "boolean":
            return word in ("hasmore", "more", "hasnext", "hasnextpage", "hasmoreitems")
        if kind in ("integer", "number"):
            if _TIMES.match(word) or _UNIX.search(said):
                return _EPOCH * 1000 if _MILLI.search(said + name) else _EPOCH
            return 1000 + self.number
        return self._text(word, said, name, schema)

    def _text(self, word: str, said: str, name: str, schema: Mapping[str, Any]) -> str | None:
        """A text by its format, else by its name."""
        form = schema.get("format")
        for algorithm, digits in _HASHES.items():
            if algorithm in word:
                return f"{self.number:0{digits}x}"
        if form in ("date-time", "date") or (_TIMES.match(word) and form is None):
            return _TIME
        if form in ("uri", "url", "uri-reference") or word.endswith(("url", "uri", "href", "link")):
            return f"https://api.example.com/{self.number}"
        if form == "byte":
            return base64.b64encode(f"{self.number:016d}".encode()).decode()
        if form == "int64" or (_BYTES.match(word) and form is None):
            return str(1000 + self.number)
        if "mimetype" in word or word in ("contenttype", "mediatype"):
            return "text/plain"
        if word == "next" and _URL.search(said):
            return "https://api.example.com/next"
        if form == "binary":
            return None
        return f"{name} {self.number}" if word.endswith("name") else f"{name}-{self.number}"


def _with_path(record: dict[str, Any]) -> dict[str, Any]:
    """The record with a path that ends in its name, as paths do that are the file's."""
    by_word = {bare(key): key for key in record}
    name = next((by_word[word] for word in NAMES["file_name"] if word in by_word), None)
    for word in _PATHS & set(by_word):
        if name is not None and isinstance(record[by_word[word]], str):
            record[by_word[word]] = f"/folder/{record[name]}"
    return record


def _kind(schema: Mapping[str, Any]) -> str:
    """The type of a schema; of several (3.1) the first that is not null."""
    given = schema.get("type")
    kinds = [one for one in (given if isinstance(given, list) else [given]) if one != "null"]
    if kinds and isinstance(kinds[0], str):
        return kinds[0]
    if "items" in schema:
        return "array"
    if "properties" in schema or isinstance(schema.get("example"), Mapping):
        return "object"
    return "string"


def _said(schema: Mapping[str, Any]) -> Any:
    """The value that the document itself gives."""
    for key in ("example", "x-example", "const", "default"):
        value = schema.get(key)
        if value is not None and not isinstance(value, (dict, list)):
            return value
    for key in ("examples", "enum"):
        values = [one for one in _list(schema.get(key)) if not isinstance(one, (dict, list))]
        if values and values[0] is not None:
            return values[0]
    return None


def _likeliest(given: Any) -> list[Any]:
    """Of alternatives the first that is not just null."""
    is_null = [isinstance(one, Mapping) and one.get("type") == "null" for one in _list(given)]
    return [one for one, null in zip(_list(given), is_null) if not null][:1]


def _list(given: Any) -> list[Any]:
    return given if isinstance(given, list) else []
