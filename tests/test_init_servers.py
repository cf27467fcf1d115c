"""From a page of a real server, by `filehaul init`, to a whole sync."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any, TypeVar

import pytest
from typer.testing import CliRunner

import filehaul
from filehaul.cli.verbs import app
from hauling import rows_of, sink_files
from servers import OutOfReach, PocketBase, Wagtail, pocketbase, samples, wagtail

pytestmark = [
    pytest.mark.slow,
    pytest.mark.server,
    pytest.mark.xdist_group("real servers"),
]
FILES = samples(45)
AnyServer = TypeVar("AnyServer")


def started(stack: ExitStack, server: AbstractContextManager[AnyServer]) -> AnyServer:
    """The server, running; without its registry the test is skipped."""
    try:
        return stack.enter_context(server)
    except OutOfReach as why:
        pytest.skip(str(why))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Wagtail]:
    (tmp_path / "site").mkdir()
    with ExitStack() as stack:
        yield started(stack, wagtail(tmp_path / "site", FILES))


@pytest.fixture
def base(tmp_path: Path) -> Iterator[PocketBase]:
    (tmp_path / "base").mkdir()
    with ExitStack() as stack:
        yield started(stack, pocketbase(tmp_path / "base"))


def ask(*words: Any) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_wagtail_from_its_page_to_a_sync(
    site: Wagtail, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A CMS's documents: init, check and sync without an edit; then one changed, one deleted."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("USERNAME", site.user)
    monkeypatch.setenv("PASSWORD", site.password)
    address = "/api/v2/documents/?limit=20&offset=0"
    (tmp_path / "page.json").write_bytes(site.get(address))
    page = ["--from-response", "page.json", "--url", site.url + address]
    written = ask("init", "cms.yaml", *page, "--auth", "http_basic")
    assert written.exit_code == 0, written.stderr
    text = (tmp_path / "cms.yaml").read_text("utf-8")
    assert "total_path: meta.total_count" in text
    assert "sha1: file_hash" in text
    assert "by the length of its values it is sha1" in text
    assert "url_field: meta.download_url" in text

    checked = ask("check", "cms.yaml")
    assert checked.exit_code == 0, checked.stdout + checked.stderr
    assert "verified by sha1" in checked.stdout
    first = filehaul.sync("cms.yaml")
    assert (first.exit_code, first.transferred) == (0, len(FILES)), first.as_dict()
    assert sink_files() == {path.name: path.read_bytes() for path in FILES}
    query = "select distinct verified_by from cms_data.transfers"
    assert rows_of(query, "cms.duckdb") == [("sha1",)]

    changed, gone = FILES[3], FILES[7]
    (tmp_path / changed.name).write_bytes(b"# other bytes\n")
    site.replace(changed.name, tmp_path / changed.name)
    site.delete(gone.name)
    again = filehaul.sync("cms.yaml")
    assert (again.exit_code, again.transferred, again.deleted) == (0, 1, 1), again.as_dict()
    assert sink_files()[changed.name] == b"# other bytes\n"
    query = "select file_name, delete_reason from cms_data.files where deleted_at is not null"
    assert rows_of(query, "cms.duckdb") == [(gone.name, "not_listed")]


def test_pocketbase_from_its_page_to_a_check(
    base: PocketBase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PocketBase's page gives a config that check takes and ls follows to the last record."""
    base.collection("documents", FILES[:5])
    monkeypatch.setenv("TOKEN", base.token)
    address = f"{base.url}/api/collections/documents/records?perPage=2&sort=created"
    from servers.running import ask_json

    (tmp_path / "page.json").write_text(json.dumps(ask_json(address, token=base.token)), "utf-8")
    config = tmp_path / "papers.yaml"
    page = ["--from-response", tmp_path / "page.json", "--url", address]
    assert ask("init", config, *page).exit_code == 0
    checked = ask("check", config)
    assert checked.exit_code == 0, checked.stdout + checked.stderr
    assert "checksum md5: md5" in checked.stdout
    listed = [json.loads(line) for line in ask("ls", config, "--json").stdout.splitlines()]
    assert sorted(row["name"] for row in listed) == sorted(path.name for path in FILES[:5])
