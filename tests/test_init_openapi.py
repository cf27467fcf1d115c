"""`filehaul init --from-openapi`: an operation of a vendor's document becomes a config."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import filehaul
from filehaul.cli.verbs import app
from filehaul.config import load_config
from filehaul.errors import UsageError
from filehaul.init import Asked, Draft, from_openapi, read_spec, text_of
from filehaul.testing import FakeFile, FakeVendor
from hauling import sink_files
from servers import OutOfReach
from servers.openapi_directory import path_of

OURS = """
openapi: 3.0.3
info: {title: Acme Files, version: "1"}
servers: [{url: "BASE"}]
security: [{machine: []}]
paths:
  /v1/files:
    parameters: [{$ref: "#/components/parameters/Limit"}]
    get:
      parameters: [{name: offset, in: query, schema: {type: integer, default: 0}}]
      responses:
        200:
          content:
            application/json; charset=utf-8:
              schema: {$ref: "#/components/schemas/FileList"}
  /v1/files/{id}:
    get: {responses: {200: {content: {application/json: {schema: {$ref: "#/components/schemas/File"}}}}}}
  /v1/files/{id}/thumbnail:
    get: {responses: {200: {content: {image/png: {schema: {type: string, format: binary}}}}}}
  /v1/files/{id}/content:
    get: {responses: {200: {content: {application/octet-stream: {schema: {type: string, format: binary}}}}}}
components:
  parameters:
    Limit: {name: limit, in: query, schema: {type: integer, maximum: 50}}
  securitySchemes:
    machine: {type: oauth2, flows: {clientCredentials: {tokenUrl: /oauth/token, scopes: {}}}}
  schemas:
    Named: {type: object, properties: {id: {type: string}, name: {type: string}}}
    File:
      allOf:
        - $ref: "#/components/schemas/Named"
        - type: object
          properties:
            path: {type: string, example: reports/name.txt}
            size: {type: integer, format: int64}
            mime_type: {type: string}
            modified_at: {type: string, format: date-time}
            sha256: {type: string}
            folder: {$ref: "#/components/schemas/File"}
    FileList:
      type: object
      properties:
        files: {type: array, items: {$ref: "#/components/schemas/File"}}
        total: {type: integer, format: int64}
"""  # noqa: E501


def proposed(document: Any, path: str | None, method: str | None = None, **asked: Any) -> Draft:
    """The draft from a document, which must be a config."""
    content = document if isinstance(document, str) else json.dumps(document)
    draft = from_openapi(read_spec(content.encode(), "spec.json"), path, Asked(**asked), method)
    text_of(draft, "acme")
    return draft


def fields(draft: Draft) -> dict[str, str]:
    return {
        one.algorithm or one.column: one.path + (f"|{one.codec}" if one.codec else "")
        for one in draft.columns.guesses
    }


def minimal(record: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A document of one listing; ``more`` goes beside its paths."""
    schema = {"type": "object", "properties": {"items": {"type": "array", "items": record}}}
    answer = {"description": "", "content": {"application/json": {"schema": schema}}}
    return {
        "openapi": "3.1.0",
        "servers": [{"url": "https://api.example.com/v2"}],
        "paths": {"/docs": {"get": {"responses": {"200": answer}}}},
        **more,
    }


FILE = {
    "type": "object",
    "properties": {"id": {"type": ["string", "null"]}, "name": {"type": "string"}},
}


def test_a_document_to_a_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Address, sign-in, paginator, fields and bytes are the document's: not one line is edited."""
    monkeypatch.chdir(tmp_path)
    made = [
        FakeFile(f"id-{n}", f"{n}.txt", path=f"a/{n}.txt", content=b"bytes " * (n + 1))
        for n in range(120)
    ]
    with FakeVendor(made) as vendor:
        monkeypatch.setenv("CLIENT_ID", vendor.client_id)
        monkeypatch.setenv("CLIENT_SECRET", vendor.client_secret)
        (tmp_path / "spec.yaml").write_text(OURS.replace("BASE", vendor.base_url), "utf-8")
        words = ["init", "acme.yaml", "--from-openapi", "spec.yaml", "--path", "/v1/files"]
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, result.stderr
        assert "no answer of the vendor was seen" in result.stderr
        checked = CliRunner().invoke(app, ["check", "acme.yaml"])
        assert checked.exit_code == 0, checked.stdout + checked.stderr
        report = filehaul.sync("acme.yaml")
    assert (report.exit_code, report.transferred) == (0, len(made)), report.as_dict()
    assert sink_files() == {f"a/{n}.txt": one.content for n, one in enumerate(made)}
    block = load_config("acme.yaml", offline=True).resources[0]
    assert block.content is not None
    assert block.content.path == "/files/{file_id}/content"
    paginator = block.endpoint.paginator
    assert paginator is not None
    assert paginator.model_dump(include={"limit", "total_path"}) == {
        "limit": 50, "total_path": "total",
    }  # fmt: skip


def test_swagger_2() -> None:
    """host, basePath, body parameters, examples, files as answers, an api key."""
    document = {
        "swagger": "2.0",
        "host": "api.example.com",
        "basePath": "/rest/v1",
        "schemes": ["https"],
        "securityDefinitions": {"key": {"type": "apiKey", "in": "query", "name": "access_key"}},
        "paths": {
            "/documents/search": {
                "post": {
                    "parameters": [{"in": "body", "schema": {"$ref": "#/definitions/Q"}}],
                    "responses": {
                        "200": {
                            "schema": {"type": "object"},
                            "examples": {
                                "application/json": {
                                    "documents": [
                                        {"documentId": 7, "fileName": "a.pdf", "length": 12,
                                         "created": "2026-01-02T03:04:05Z"},
                                    ],
                                    "cursor": "abc",
                                    "hasMore": True,
                                }
                            },
                        }
                    },
                }
            },
            "/documents/{documentId}/download": {
                "get": {"responses": {"200": {"schema": {"type": "file"}}}}
            },
        },
        "definitions": {
            "Q": {"type": "object", "required": ["text"], "properties": {
                "text": {"type": "string", "default": "*"}, "limit": {"type": "integer"}}}
        },
    }  # fmt: skip
    draft = proposed(document, "/documents/search")
    assert (draft.place.base_url, draft.place.path) == (
        "https://api.example.com/rest/v1", "/documents/search",
    )  # fmt: skip
    assert draft.asked.data == {"text": "*"}
    assert draft.paged.block == {
        "type": "cursor", "cursor_path": "cursor", "has_more_path": "hasMore",
        "cursor_body_path": "cursor",
    }  # fmt: skip
    assert fields(draft) == {
        "file_id": "documentId", "file_name": "fileName", "size": "length", "created_at": "created",
    }  # fmt: skip
    assert draft.content.block == {"path": "/documents/{file_id}/download"}
    assert draft.auth == {
        "type": "api_key", "name": "access_key", "api_key": "${API_KEY}", "location": "query",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("scheme", "auth"),
    [
        ({"type": "http", "scheme": "Bearer"}, {"type": "bearer", "token": "${TOKEN}"}),
        (
            {"type": "http", "scheme": "basic"},
            {"type": "http_basic", "username": "${USERNAME}", "password": "${PASSWORD}"},
        ),
        (
            {"type": "oauth2", "flows": {"authorizationCode": {
                "authorizationUrl": "https://id.example.com/auth", "tokenUrl": "/token"}}},
            {"type": "oauth2_authorization_code",
             "authorization_url": "https://id.example.com/auth",
             "token_url": "https://api.example.com/token", "client_id": "${CLIENT_ID}",
             "client_secret": "${CLIENT_SECRET}", "scope": "files.read all"},
        ),
        ({"type": "openIdConnect", "openIdConnectUrl": "https://id.example.com"}, None),
        ({"$ref": "elsewhere.json#/scheme"}, None),
    ],
)  # fmt: skip
def test_sign_in(scheme: dict[str, Any], auth: dict[str, Any] | None) -> None:
    """Each scheme that a config can say; of another it is told that auth is a guess."""
    components = {"securitySchemes": {"it": scheme}}
    document = minimal(FILE, components=components, security=[{"it": ["files.read", "all"]}])
    draft = proposed(document, "/docs")
    assert draft.auth == auth
    assert any("auth is a guess" in doubt for doubt in draft.doubts()) == (auth is None)


@pytest.mark.parametrize(
    ("path", "nearest"),
    [("/doc", "/docs"), ("/v2/docs", "/docs"), ("docs/all", "/docs"), ("DOCS/", None)],
)
def test_an_unknown_path_names_the_nearest(path: str, nearest: str | None) -> None:
    """Case, slashes at the ends and names of parameters do not count."""
    if nearest is None:
        assert proposed(minimal(FILE), path).place.path == "/docs"
        return
    with pytest.raises(UsageError) as told:
        proposed(minimal(FILE), path)
    assert nearest in told.value.hint


def test_without_a_path_the_likely_ones_are_named() -> None:
    """The paths whose answers have records like files; none is chosen."""
    document = yaml.safe_load(OURS)
    with pytest.raises(UsageError) as told:
        proposed(document, None)
    assert "likely ones: /v1/files" in told.value.hint


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ("a: [", "neither JSON nor YAML"),
        ("- 1", "no OpenAPI document"),
        ('{"info": {}}', "no OpenAPI document"),
        ({"openapi": "3.0.0", "paths": {}}, "no path /docs"),
        ({"openapi": "3.0.0", "paths": None}, "no path /docs"),
        ({"openapi": "3.0.0", "paths": {"/docs": {"put": {}}}}, "has no GET/POST"),
        ({"openapi": "3.0.0", "paths": {"/docs": {"get": {}}}}, "no JSON answer"),
        (minimal({"type": "object", "properties": {}}), "has no records"),
        (minimal({"$ref": "other.yaml#/File"}), "has no records"),
        (minimal({"$ref": "#/nowhere"}), "has no records"),
    ],
)
def test_what_is_no_listing_is_told(document: Any, told: str) -> None:
    """An error says what is wrong with the document, and never is one of ours."""
    with pytest.raises(UsageError) as problem:
        proposed(document, "/docs")
    assert told in problem.value.message


def test_schemas_that_contain_themselves_end() -> None:
    """A folder has files that have folders; a reference to itself is no schema."""
    loop = {"type": "object", "properties": {**FILE["properties"],
            "parent": {"$ref": "#/components/schemas/F"},
            "children": {"type": "array", "items": {"$ref": "#/components/schemas/F"}},
            "self": {"$ref": "#/components/schemas/S"}}}  # fmt: skip
    schemas = {"F": loop, "S": {"$ref": "#/components/schemas/S"}}
    schemas["A"] = {"allOf": [{"$ref": "#/components/schemas/A"}, loop]}
    for name in ("F", "A"):
        document = minimal(
            {"$ref": f"#/components/schemas/{name}"}, components={"schemas": schemas}
        )
        assert fields(proposed(document, "/docs"))["file_id"] == "id"


def test_alternatives_are_a_record_each() -> None:
    """oneOf a file and a folder: both are seen, so that folders are known for what they are."""
    kinds = [
        {"type": "object", "properties": {
            "id": {"type": "string"}, "name": {"type": "string"},
            "type": {"type": "string", "enum": [kind]}}}
        for kind in ("File", "Directory")
    ]  # fmt: skip
    draft = proposed(minimal({"anyOf": [*kinds, {"type": "null"}]}), "/docs")
    assert draft.markers.kind is not None
    assert draft.markers.kind.folder == {"path": "type", "equals": "Directory"}
    assert draft.markers.kind.source["values"] == {"File": "file", "Directory": "folder"}


def test_servers_with_variables_and_paths_with_parameters() -> None:
    """A server's variable has its default, or is the environment's; so are a path's parameters."""
    document = minimal(FILE)
    document["servers"] = [{"url": "https://{tenant}.example.com/{version}",
                            "variables": {"version": {"default": "v9"}}}]  # fmt: skip
    document["paths"]["/drives/{drive-id}/docs"] = document["paths"].pop("/docs")
    draft = proposed(document, "/drives/{x}/docs")
    text = text_of(draft, "acme")
    assert 'base_url: "https://${TENANT}.example.com/v9"' in text
    assert 'path: "/drives/${DRIVE_ID}/docs"' in text
    relative = {**document, "servers": [{"url": "/api"}]}
    given = proposed(relative, "/drives/{x}/docs", url="https://files.example.com")
    assert given.place.base_url == "https://files.example.com/api"
    assert any("names no server" in one for one in proposed(relative, "/drives/{x}/docs").doubts())


@pytest.mark.slow
@pytest.mark.server
@pytest.mark.parametrize(
    ("name", "path", "wanted", "paginator", "content"),
    [
        ("box.com", "/folders/{id}/items",
         {"file_id": "id", "file_name": "name", "version": "etag", "sha1": "sha1"},
         {"type": "offset", "limit": 1000, "total_path": "total_count"},
         {"path": "/files/{file_id}/content"}),
        ("googleapis.com/drive", "/files",
         {"file_id": "id", "size": "size|int", "md5": "md5Checksum", "modified_at": "modifiedTime"},
         {"type": "cursor", "cursor_path": "nextPageToken", "cursor_param": "pageToken"}, None),
        ("slack.com", "/files.list",
         {"file_id": "id", "file_name": "name", "size": "size", "created_at": "created|epoch"},
         {"type": "page_number", "base_page": 1, "page_param": "page",
          "total_path": "paging.pages"},
         {"url_field": "url_private_download"}),
    ],
)  # fmt: skip
def test_documents_of_vendors(
    name: str, path: str, wanted: dict[str, str], paginator: dict[str, Any], content: Any
) -> None:
    """Box's, Google's and Slack's own documents: what a person would have typed from them."""
    try:
        spec = read_spec(path_of(name).read_bytes(), name)
    except OutOfReach as why:
        pytest.skip(str(why))
    draft = from_openapi(spec, path, Asked())
    text_of(draft, "acme")
    found = fields(draft)
    assert {column: found.get(column) for column in wanted} == wanted
    assert draft.paged.block == paginator
    if content is not None:
        assert draft.content.block == content


_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-5, 10**12)
    | st.text(max_size=10)
    | st.sampled_from(["string", "array", "object", "date-time", "#/components/schemas/F", "uri"])
)
_KEYS = (
    *("type", "properties", "items", "$ref", "allOf", "oneOf", "enum", "example", "examples"),
    *("id", "name", "format", "files", "description", "flows", "tokenUrl", "url", "schema", "in"),
)
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_KEYS), inner, max_size=4)
    ),
    max_leaves=15,
)


_URLS = (
    st.sampled_from(["/", "", "https://{a}.example.com/v1 x", "http://[", "ftp://x"]) | st.text()
)
_FLOW = st.fixed_dictionaries({"tokenUrl": _URLS, "authorizationUrl": _URLS})
_SCHEMES = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["oauth2", "http", "apiKey", "basic"]),
        "scheme": st.sampled_from(["bearer", "basic", "digest"]),
        "in": st.sampled_from(["header", "query", "cookie", "elsewhere"]),
        "name": st.text(max_size=6),
        "flows": st.dictionaries(
            st.sampled_from(["clientCredentials", "authorizationCode", "implicit"]), _FLOW
        ),
    }
)
_SERVERS = st.lists(st.fixed_dictionaries({"url": _URLS, "variables": _VALUES}), max_size=2)
_PARAMETERS = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.text(max_size=6) | st.sampled_from(["limit", "offset", "page", "cursor"]),
            "in": st.sampled_from(["query", "header", "path"]),
            "required": st.booleans(),
            "schema": st.fixed_dictionaries({"maximum": _LEAVES, "default": _VALUES}),
        }
    ),
    max_size=3,
)


@settings(max_examples=120, deadline=None)
@given(
    record=_VALUES,
    scheme=_VALUES | _SCHEMES,
    servers=_VALUES | _SERVERS,
    parameters=_VALUES | _PARAMETERS,
)
def test_any_document_gives_a_config_or_a_reason(
    record: Any, scheme: Any, servers: Any, parameters: Any
) -> None:
    """Whatever stands where a schema, a sign-in, a server or parameters should: never a defect."""
    components = {"schemas": {"F": FILE, "R": record}, "securitySchemes": {"it": scheme}}
    document = minimal({"allOf": [FILE, record]}, components=components)
    document |= {"servers": servers, "security": [{"it": []}]}
    document["paths"]["/docs"]["get"]["parameters"] = parameters
    for one in (document, minimal(record, components=components)):
        with contextlib.suppress(UsageError):
            proposed(one, "/docs")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--path", "/docs", "--data", "{}"], "GET /docs takes no body"),
        (["--path", "/docs", "--method", "PUT"], "no listing is asked for by PUT"),
        (["--path", "/docs", "--method", "post"], "/docs has no POST"),
        (["--path", "/docs", "--headers", "x"], "--headers does not go with"),
    ],
)
def test_options_that_the_document_does_not_bear_out(
    words: list[str], told: str, tmp_path: Path
) -> None:
    """Exit 2, what is wrong, and what there is instead."""
    spec = tmp_path / "spec.json"
    spec.write_text(json.dumps(minimal(FILE)), "utf-8")
    result = CliRunner().invoke(app, ["init", "-", "--from-openapi", str(spec), *words])
    assert result.exit_code == 2
    assert told in result.stderr
