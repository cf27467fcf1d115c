"""An OpenAPI document (3.0, 3.1) or Swagger 2 one: its operations, with references followed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import unquote

import yaml

from ..errors import UsageError
from ..json_text import loads

_METHODS = ("get", "post")
_DEEPEST = 32  # references to references
_NAME = re.compile(r"\{[^{}]*\}")
_JSON = re.compile(r"application/(?:[\w.-]+\+)?json\b|text/json\b|\*/\*", re.IGNORECASE)
_NEAREST = 4


@dataclass(frozen=True)
class Spec:
    """A document. ``name``: how people call its file."""

    document: Mapping[str, Any]
    name: str

    @property
    def is_swagger(self) -> bool:
        """Whether it is one of version 2."""
        return "swagger" in self.document

    def followed(self, value: Any) -> Any:
        """The value, or what it refers to; None where a reference leads nowhere in the document."""
        for _ in range(_DEEPEST):
            if not isinstance(value, Mapping) or not isinstance(value.get("$ref"), str):
                return value
            beside = {key: one for key, one in value.items() if key != "$ref"}
            value = self._at(value["$ref"])
            if beside and isinstance(value, Mapping):  # 3.1: what stands beside counts as well
                value = {**value, **beside}
        return None

    def _at(self, reference: str) -> Any:
        if not reference.startswith("#/"):
            return None  # another file
        found: Any = self.document
        for part in reference[2:].split("/"):
            key = unquote(part).replace("~1", "/").replace("~0", "~")
            if isinstance(found, list) and key.isdecimal() and int(key) < len(found):
                found = found[int(key)]
            elif isinstance(found, Mapping) and key in found:
                found = found[key]
            else:
                return None
        return found

    @cached_property
    def paths(self) -> dict[str, Mapping[str, Any]]:
        """Every path of the document."""
        found = self.document.get("paths")
        blocks = found.items() if isinstance(found, Mapping) else ()
        return {
            str(path): block
            for path, given in blocks
            if isinstance(block := self.followed(given), Mapping)
        }

    def operation(self, path: str, method: str | None) -> Operation:
        """The operation that lists files. Raises UsageError, with the nearest paths."""
        plain = {_plain(one): one for one in reversed(self.paths)}
        own = plain.get(_plain(path))
        if own is None:
            raise self._unknown(path)
        block = self.paths[own]
        wanted = [method.lower()] if method else [*_METHODS]
        if not set(wanted) <= set(_METHODS):
            raise UsageError(
                f"no listing is asked for by {wanted[0].upper()}",
                where="--method",
                hint="GET or POST",
            )
        for name in wanted:
            if isinstance(block.get(name), Mapping):
                return Operation(self, own, name, block, block[name])
        has = ", ".join(key.upper() for key in block if key in ("get", "post", "put", "delete"))
        raise UsageError(
            f"{own} has no {'/'.join(wanted).upper()} in {self.name}",
            where="--method" if method else "--path",
            hint=f"it has {has or 'no operation'}",
        )

    def operations(self) -> Iterator[Operation]:
        """Every GET of the document."""
        for path, block in self.paths.items():
            if isinstance(block.get("get"), Mapping):
                yield Operation(self, path, "get", block, block["get"])

    def _unknown(self, path: str) -> UsageError:
        wanted = path.strip("/").lower()
        near = difflib.get_close_matches(path, self.paths, _NEAREST, 0.3)
        holding = sorted((one for one in self.paths if wanted and wanted in one.lower()), key=len)
        nearest = list(dict.fromkeys([*holding[:_NEAREST], *near]))[:_NEAREST]
        return UsageError(
            f"{self.name} has no path {path}",
            where="--path",
            hint=f"the nearest are {', '.join(nearest)}" if nearest else "it names no paths at all",
        )


@dataclass(frozen=True)
class Operation:
    """One method of one path."""

    spec: Spec
    path: str
    method: str
    beside: Mapping[str, Any]
    block: Mapping[str, Any]

    @cached_property
    def parameters(self) -> list[Mapping[str, Any]]:
        """Its own parameters and those of its path, each once."""
        found: dict[tuple[str, str], Mapping[str, Any]] = {}
        for block in (self.beside, self.block):
            given = block.get("parameters")
            for one in given if isinstance(given, list) else ():
                parameter = self.spec.followed(one)
                if isinstance(parameter, Mapping):
                    found[str(parameter.get("in")), str(parameter.get("name"))] = parameter
        return list(found.values())

    def schema_of(self, parameter: Mapping[str, Any]) -> Mapping[str, Any]:
        """A parameter's schema; in Swagger 2 the parameter itself."""
        schema = self.spec.followed(parameter.get("schema"))
        return schema if isinstance(schema, Mapping) else parameter

    @cached_property
    def response(self) -> Mapping[str, Any]:
        """The answer that lists; empty where the document has none."""
        given = self.block.get("responses")
        by_status = {str(k): v for k, v in given.items()} if isinstance(given, Mapping) else {}
        for status in ("200", "2XX", "2xx", "201", "206", "default"):
            found = self.spec.followed(by_status.get(status))
            if isinstance(found, Mapping):
                return found
        return {}

    @cached_property
    def json(self) -> tuple[Any, list[Any]]:
        """The schema of the answer's JSON, and the examples that the document has of it."""
        if self.spec.is_swagger:
            examples = self.response.get("examples")
            found = list(examples.values()) if isinstance(examples, Mapping) else []
            return self.response.get("schema"), found
        for block in self._contents(self.response, is_json=True):
            return block.get("schema"), self._examples(block)
        return None, []

    @cached_property
    def is_binary(self) -> bool:
        """Whether the answer is bytes: of no JSON type, or of a binary schema."""
        if self.spec.is_swagger:
            schema = self.spec.followed(self.response.get("schema"))
            is_file = isinstance(schema, Mapping) and (
                schema.get("type") == "file" or schema.get("format") == "binary"
            )
            return is_file or _is_bytes(self.block.get("produces"))
        for block in self._contents(self.response, is_json=False):
            schema = self.spec.followed(block.get("schema"))
            if not isinstance(schema, Mapping) or not schema or schema.get("format") == "binary":
                return True
        return False

    @cached_property
    def posted(self) -> Any:
        """The schema of the JSON that a POST takes; None: it takes none."""
        for one in self.parameters:
            if one.get("in") == "body":
                return one.get("schema")
        request = self.spec.followed(self.block.get("requestBody"))
        if isinstance(request, Mapping):
            for block in self._contents(request, is_json=True):
                return block.get("schema")
        return None

    def _contents(self, of: Mapping[str, Any], is_json: bool) -> Iterator[Mapping[str, Any]]:
        given = of.get("content")
        for kind, block in given.items() if isinstance(given, Mapping) else ():
            fits = bool(_JSON.match(str(kind))) == is_json or (not is_json and kind == "*/*")
            if fits and isinstance(block, Mapping):
                yield block

    def _examples(self, block: Mapping[str, Any]) -> list[Any]:
        found = [block["example"]] if "example" in block else []
        given = block.get("examples")
        for one in given.values() if isinstance(given, Mapping) else ():
            example = self.spec.followed(one)
            if isinstance(example, Mapping) and "value" in example:
                found.append(example["value"])
        return found


def _is_bytes(produces: Any) -> bool:
    kinds = produces if isinstance(produces, list) else []
    return any(str(kind) in ("application/octet-stream", "application/binary") for kind in kinds)


def _plain(path: str) -> str:
    """A path whatever its parameters are called."""
    return _NAME.sub("{}", "/" + path.partition("?")[0].strip("/")).lower()


def read_spec(content: bytes, name: str) -> Spec:
    """The document in a file, JSON or YAML. Raises UsageError."""
    try:
        document = loads(content)
    except ValueError:
        try:
            document = yaml.load(content, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
        except (yaml.YAMLError, ValueError, RecursionError) as problem:
            raise _unfit(f"{name} is neither JSON nor YAML: {str(problem)[:200]}", name) from None
    if not isinstance(document, dict) or not {"openapi", "swagger"} & set(document):
        raise _unfit(f"{name} is no OpenAPI document: it has neither openapi nor swagger", name)
    return Spec(document, name)


def _unfit(message: str, name: str) -> UsageError:
    return UsageError(
        message, where=name, hint="the vendor's OpenAPI 3 or Swagger 2 document, as JSON or YAML"
    )
