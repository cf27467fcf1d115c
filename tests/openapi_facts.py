"""A preset held to its vendor's OpenAPI document: every path, parameter and field that it names.

facts = Facts(document)                  # OpenAPI 3, or Swagger 2
facts.check(described("box"))            # AssertionError with all that the document lacks
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from filehaul.paths import record_path
from filehaul.presets import Described

_BRACES = re.compile(r"\{[^}]*\}")


@dataclass(frozen=True)
class Operation:
    """One operation. ``parameters``: name → (where it goes, the values that are taken or ())."""

    path: str
    method: str
    parameters: Mapping[str, tuple[str, tuple[Any, ...]]]
    body: Mapping[str, Any] | None
    answers: Mapping[str, Any]


class Facts:
    """A document. Paths are compared with any name in their braces."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self._paths = {_plain(path): path for path in document["paths"]}

    # What it says ------------------------------------------------------------------------------

    def operation(self, method: str, path: str) -> Operation | None:
        """The operation of a path, which may have a query; None: there is none."""
        found = self._paths.get(_plain(path.partition("?")[0]))
        block = self.document["paths"].get(found) or {}
        one = block.get(method.lower())
        if found is None or one is None:
            return None
        many = [self._seen(p) for p in (*block.get("parameters", ()), *one.get("parameters", ()))]
        named = {
            p["name"]: (p["in"], tuple(self._values(p.get("schema", p))))
            for p in many
            if "name" in p
        }
        body = self._seen(one.get("requestBody") or {}).get("content")
        schema = next((kind.get("schema") for kind in body.values()), None) if body else None
        return Operation(found, method, named, schema, one.get("responses", {}))

    def answer(self, operation: Operation) -> Mapping[str, Any] | None:
        """The schema of its good answer that is JSON."""
        for status in ("200", "2XX", "default"):
            response = self._seen(operation.answers.get(status) or {})
            content = response.get("content") or {}
            for kind, one in content.items():
                if "json" in kind and "schema" in one:
                    return self._seen(one["schema"])
            if "schema" in response:  # Swagger 2
                return self._seen(response["schema"])
        return None

    def has(self, schema: Any, steps: Iterable[Any]) -> bool:
        """Whether a value of the schema can have something at this path; of a union, any may."""
        first, *rest = [*steps, None]
        schema = self._seen(schema)
        if first is None:
            return True
        left = [step for step in rest if step is not None]
        if isinstance(first, int):
            return self.has(schema.get("items") or {}, left)
        for one in self._members(schema):
            if first in one.get("properties", {}) and self.has(one["properties"][first], left):
                return True
        return False

    # A preset held to it -----------------------------------------------------------------------

    def check(self, preset: Described) -> None:
        """AssertionError: everything that the preset names and the document does not."""
        problems = [*self._client(preset)]
        for resource in preset.resources:
            problems += self._resource(resource)
        assert not problems, "\n".join(problems)

    def _client(self, preset: Described) -> Iterator[str]:
        base = preset.preset.blocks["client"]["base_url"]
        servers = [one["url"].rstrip("/") for one in self.document.get("servers", ())]
        if servers and not any(_is_at(base, server) for server in servers):
            yield f"client.base_url: {base} is none of {servers}"

    def _resource(self, resource: Mapping[str, Any]) -> Iterator[str]:
        endpoint, walk = resource.get("endpoint") or {}, resource.get("walk") or {}
        path = walk.get("path") or endpoint["path"]
        method = endpoint.get("method", "GET")
        operation = self.operation(method, path)
        if operation is None:
            yield f"there is no {method} {path}"
            return
        yield from self._asked(operation, endpoint.get("params") or {}, "endpoint.params")
        paging = endpoint.get("paginator") or {}
        for key in ("cursor_param", "offset_param", "limit_param", "page_param"):
            if paging.get(key):
                yield from self._asked(operation, {paging[key]: None}, f"paginator.{key}")
        answer = self.answer(operation)
        for key in ("cursor_path", "next_url_path", "total_path", "has_more_path"):
            if paging.get(key) and not self.has(answer, _steps(paging[key])):
                yield f"paginator.{key}: no {paging[key]} in the answer of {path}"
        yield from self._records(resource, answer, path)
        yield from self._content(resource)

    def _records(self, resource: Mapping[str, Any], answer: Any, path: str) -> Iterator[str]:
        selector = resource["endpoint"]["data_selector"]
        record = [*_steps(selector), 0]
        if not self.has(answer, record):
            yield f"data_selector: no array {selector} in the answer of {path}"
            return
        for name, place in _places(resource.get("fields") or {}):
            if not self.has(answer, [*record, *_steps(place)]):
                yield f"fields.{name}: no {place} in a record of {path}"
        for key in ("folder", "id_path", "name_path"):
            given = (resource.get("walk") or {}).get(key)
            place = given.get("path") if isinstance(given, dict) else given
            if place and not self.has(answer, [*record, *_steps(place)]):
                yield f"walk.{key}: no {place} in a record of {path}"

    def _content(self, resource: Mapping[str, Any]) -> Iterator[str]:
        content = resource.get("content") or {}
        for key, block in (("content", content), ("export", content.get("export") or {})):
            path = block.get("path")
            if path and self.operation(block.get("method", "GET"), path) is None:
                yield f"{key}.path: there is no {block.get('method', 'GET')} {path}"

    def _asked(self, operation: Operation, params: Mapping[str, Any], where: str) -> Iterator[str]:
        for name, value in params.items():
            place, values = operation.parameters.get(name, (None, ()))
            if place != "query":
                yield f"{where}: {operation.method} {operation.path} has no parameter {name}"
            elif values and value is not None and value not in values:
                yield f"{where}: {name} takes one of {values}, not {value!r}"

    # Schemas -----------------------------------------------------------------------------------

    def _seen(self, block: Any) -> Any:
        """The block, or what it refers to."""
        while isinstance(block, Mapping) and "$ref" in block:
            place = block["$ref"].removeprefix("#/").split("/")
            block = self.document
            for step in place:
                block = block[step.replace("~1", "/").replace("~0", "~")]
        return block

    def _members(self, schema: Any, depth: int = 0) -> Iterator[Mapping[str, Any]]:
        """A schema and all that it is made of."""
        schema = self._seen(schema)
        if not isinstance(schema, Mapping) or depth > 20:
            return
        yield schema
        for key in ("allOf", "anyOf", "oneOf"):
            for one in schema.get(key, ()):
                yield from self._members(one, depth + 1)

    def _values(self, schema: Any) -> Iterator[Any]:
        for one in self._members(schema):
            yield from one.get("enum", ())


def _plain(path: str) -> str:
    return _BRACES.sub("{}", "/" + path.strip("/"))


def _is_at(url: str, server: str) -> bool:
    pattern = ".*".join(re.escape(part) for part in _BRACES.split(server))
    return re.match(pattern, url) is not None


def _steps(path: str) -> tuple[Any, ...]:
    steps = record_path(path).steps
    assert steps is not None, f"{path} is no plain path"
    return steps


def _places(fields: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Column and path of everything in a block of fields."""
    for name, given in fields.items():
        if name == "checksum" and isinstance(given, Mapping):
            yield from _places(given, "checksum.")
        elif isinstance(given, str):
            yield f"{prefix}{name}", given
        elif "path" in given:
            yield f"{prefix}{name}", given["path"]
        else:
            for path in given.get("exists") or ():
                yield f"{prefix}{name}", path
