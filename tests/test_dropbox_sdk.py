"""Dropbox' own SDK against the preset and the fake: what both say is what the vendor's has."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import unquote

import pytest

from dropboxes import new_account, playing
from filehaul.config import load_config
from filehaul.config.resource import Resource
from filehaul.vendors import path_of
from servers import OutOfReach
from servers.dropbox_sdk import as_client, facts

pytestmark = [
    pytest.mark.slow,
    pytest.mark.server,
    pytest.mark.xdist_group("real servers"),  # one process installs it
]


@pytest.fixture(scope="module")
def known() -> dict[str, Any]:
    try:
        return facts()
    except OutOfReach as why:
        pytest.skip(str(why))


@pytest.fixture
def files() -> Resource:
    """The preset's resource, with all its parameters given."""
    config = load_config(
        {
            "name": "acme",
            "vendor": {"name": "dropbox", "folder": "/x", "namespace_id": "1"},
            "client": {"auth": {"type": "bearer", "token": "t"}},
            "sink": "files",
        }
    )
    return config.resources[0]


def test_routes_arguments_and_hosts(known: dict[str, Any], files: Resource) -> None:
    """Each route that is asked exists, on that host, and takes each argument that is sent."""
    routes, fields = known["files"]["routes"], known["files"]["fields"]
    assert files.changes is not None
    assert files.content is not None
    assert files.content.export is not None
    asked = [files.endpoint.path, files.changes.path, files.endpoint.paginator.path]
    for path in asked:
        assert routes[path.removeprefix("/files/")]["host"] == "api"
        assert routes[path.removeprefix("/files/")]["style"] == "rpc"
    assert set(files.endpoint.json_body) <= set(fields["ListFolderArg"])
    assert {files.changes.token_body_path} == set(fields["ListFolderContinueArg"])
    for asking, arguments in ((files.content, "DownloadArg"), (files.content.export, "ExportArg")):
        found = re.fullmatch(
            r"https://content\.dropboxapi\.com/2/files/(\w+)\?arg=(.+)", asking.path
        )
        assert found is not None
        assert routes[found[1]]["host"] == "content"
        assert routes[found[1]]["style"] == "download"
        assert set(json.loads(unquote(found[2]))) <= set(fields[arguments])
    header = json.loads(files.content.headers["Dropbox-API-Path-Root"])
    assert header[".tag"] in known["common"]["tags"]["PathRoot"]
    assert "get_current_account" in known["users"]["routes"]


def test_fields_and_tags(known: dict[str, Any], files: Resource) -> None:
    """Each path into an answer or an error names a field or a tag that the vendor has."""
    fields, tags = known["files"]["fields"], known["files"]["tags"]
    assert files.fields is not None
    assert files.changes is not None
    changes, paginator = files.changes, files.endpoint.paginator
    result = {*changes.id_paths, changes.next_path, changes.final_path, changes.has_more_path}
    result |= {paginator.cursor_path, paginator.has_more_path, *files.endpoint.selectors}
    assert result <= set(fields["ListFolderResult"])
    assert changes.location_path in fields["DeletedMetadata"]
    named = {source.path for _, source in files.fields if getattr(source, "path", None)}
    named |= {source.path for source in files.fields.checksum.values()}
    named |= set(files.fields.kind.exists)
    for path in named:
        first, _, below = path.partition(".")
        assert first in fields["FileMetadata"], path
        assert not below or below in fields["ExportInfo"], path
    assert "rev" not in fields["FolderMetadata"]
    assert changes.invalid[0].body in tags["ListFolderContinueError"]
    assert "retry_error" in tags["ExportError"]
    assert "retry_after" in known["auth"]["fields"]["RateLimitError"]
    assert "retry_error" in path_of("dropbox").read_text()


CODE = """
result = client.files_list_folder("", recursive=True, limit=2)
seen = [shown(one) for one in result.entries]
while result.has_more:
    result = client.files_list_folder_continue(result.cursor)
    seen += [shown(one) for one in result.entries]
latest = client.files_list_folder_get_latest_cursor("", recursive=True).cursor
meta, answer = client.files_download(sys.argv[4])
doc = next(one for one in client.files_list_folder("").entries if one.name == "Notes.paper")
export, exported = client.files_export(doc.path_lower)
errors = []
for call in (
    lambda: client.files_list_folder("/nowhere"),
    lambda: client.files_download("/reports"),
    lambda: client.files_download(doc.id),
    lambda: client.files_export("/top.txt"),
):
    try:
        call()
    except ApiError as problem:
        errors.append(str(problem.error))
print(json.dumps({
    "seen": seen,
    "quiet": [shown(one) for one in client.files_list_folder_continue(latest).entries],
    "content_hash": meta.content_hash, "bytes": answer.content.decode(), "rev": meta.rev,
    "doc": [doc.is_downloadable, doc.export_info.export_as, doc.export_info.export_options],
    "exported": exported.content.decode(), "size": export.export_metadata.size,
    "errors": errors, "email": client.users_get_current_account().email,
}))
"""


def test_the_fake_speaks_as_the_sdk_understands() -> None:
    """The SDK holds each answer to the vendor's own types: entries, cursors, bytes, errors."""
    account = new_account()
    account.put_file("Reports/a é.txt", b"bytes of a")
    account.put_file("top.txt", b"top")
    account.put_document("Notes.paper", {"text/markdown": b"# Notes", "text/html": b"<h1/>"})
    account.put_shortcut("link", "/x")
    with playing(account) as vendor:
        try:
            said = as_client(
                vendor.base_url, vendor.other_url, vendor.token(), CODE, "/reports/a é.txt"
            )
        except OutOfReach as why:
            pytest.skip(str(why))
    assert sorted(said["seen"]) == sorted(
        [
            ["FolderMetadata", "/Reports", account.find("Reports").node_id],
            ["FileMetadata", "/Reports/a é.txt", account.find("Reports/a é.txt").node_id],
            ["FileMetadata", "/top.txt", account.find("top.txt").node_id],
            ["FileMetadata", "/Notes.paper", account.find("Notes.paper").node_id],
            ["FileMetadata", "/link", account.find("link").node_id],
        ]
    )
    assert (said["quiet"], said["bytes"], said["exported"]) == ([], "bytes of a", "# Notes")
    assert said["doc"] == [False, "markdown", ["html"]]
    assert (said["size"], said["email"]) == (7, account.owner)
    assert ["not_found" in said["errors"][0], "not_file" in said["errors"][1]] == [True, True]
    assert ["unsupported_file" in said["errors"][2], "non_exportable" in said["errors"][3]] == [
        True
    ] * 2
