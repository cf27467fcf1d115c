"""Fifteen defects found in other tools, by number: whole syncs in which each would lose something.

The tools and where each defect is stand in the docstrings, as they were in snapshots of 2026. Where
a vendor's own words are what matters, a page server says them; the rest is the fake vendor.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from bare_server import client_for
from clock import FakeClock
from filehaul.config import load_config
from filehaul.errors import ConfigError, CredentialsError, TemporaryError
from filehaul.http import Request
from filehaul.testing import FakeFile, FakeVendor, Fault
from hauling import (
    by_id,
    config_for,
    contents,
    files,
    haul,
    ledger_rows,
    receipt_of,
    rows_of,
    sink_files,
)
from killing import environment
from page_vendor import PageVendor, Question, Raw, vendor_of

pytestmark = pytest.mark.usefixtures("here", "quick")
STATE = "SELECT file_id, file_name, deleted_at IS NOT NULL, delete_reason FROM acme_data.files"
ONCE = {"retry": {"max_retries": 0}}
LONG_AGO = datetime(1999, 1, 1, tzinfo=timezone.utc)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "config"
    folder.mkdir()
    monkeypatch.chdir(folder)


@pytest.fixture
def vendor() -> Iterator[FakeVendor]:
    with FakeVendor(page_cap=20) as running:
        yield running


def config_of(url: str, resource: dict[str, Any], **client: Any) -> dict[str, Any]:
    """A config for a vendor of pages."""
    return {
        "name": "acme",
        "client": {"base_url": url, "retry": {"backoff_factor": 0.001}, **client},
        "resource_defaults": {"primary_key": "file_id", "write_disposition": "merge"},
        "resources": [{"name": "files", **resource}],
        "sink": "files",
    }


def walk_config(vendor: FakeVendor, **more: Any) -> dict[str, Any]:
    """A config that walks the fake vendor's folders."""
    made = config_for(vendor, **more)
    items = "/v1/folders/{folder_id}/items"
    folder = {"path": "type", "equals": "folder"}
    made["resources"][0]["walk"] = {"root": "0", "path": items, "folder": folder}
    del made["resources"][0]["endpoint"]["path"]
    return made


def fetched(vendor: FakeVendor) -> int:
    """Requests for content since the last time this was asked."""
    count = contents(vendor)
    vendor.clear_requests()
    return count


# -- 1 ---------------------------------------------------------------------------------------------


class Graph:
    """Microsoft Graph's delta, as `driveItem: delta` of its documentation tells it."""

    def __init__(self) -> None:
        self.url = ""
        self.first = [{"id": "r", "name": "root", "root": {}, "folder": {}}]
        self.first += [{"id": one, "name": f"{one}.txt", "size": 1, "file": {}} for one in "ab"]
        self.later: list[dict[str, Any]] = []

    def __call__(self, question: Question) -> Any:
        if question.path.endswith("/content"):
            return Raw(question.path.split("/")[-2].encode(), headers={"Content-Type": "x/y"})
        told = self.later if "token" in question.params else self.first
        link = f"{self.url}/drive/root/delta?token={len(told)}"
        return {"value": told, "@odata.deltaLink": link}


def test_defect_01_a_deleted_facet_is_a_deletion() -> None:
    """1. Nango's SharePoint sync looks for ``@removed``, and Graph's delta of drives sends a facet
    ``deleted`` and no name: deleted files come back as upserts.
    """
    graph = Graph()
    resource = {
        "endpoint": {
            "path": "/drive/root/delta",
            "data_selector": "value",
            "paginator": {"type": "json_link", "next_url_path": "['@odata.nextLink']"},
        },
        "fields": {
            "file_id": "id",
            "file_name": "name",
            "size": "size",
            "kind": {"exists": {"folder": "folder", "file": "file"}},
        },
        "changes": {
            "start": {"from": "listing"},
            "token_is_url": True,
            "next_path": "['@odata.nextLink']",
            "final_path": "['@odata.deltaLink']",
            "deleted": {"path": "deleted", "exists": True},
        },
        "content": {"path": "/drive/items/{file_id}/content"},
    }
    with vendor_of(graph) as vendor:
        graph.url = vendor.url
        assert haul(config_of(vendor.url, resource)).transferred == 2
        graph.later = [{"id": "b", "deleted": {"state": "deleted"}, "parentReference": {"id": "r"}}]
        report = haul(config_of(vendor.url, resource))
    assert (report.exit_code, report.deleted) == (0, 1)
    rows = by_id(rows_of(STATE))
    assert rows["b"] == ("b.txt", True, "removed")
    assert rows["a"] == ("a.txt", False, None)


# -- 2 ---------------------------------------------------------------------------------------------


def test_defect_02_an_old_file_in_an_old_folder_is_found(vendor: FakeVendor) -> None:
    """2. Nango's Google Drive sync asks for folders by ``modifiedTime >`` and never goes into one
    that has not changed: a file with an old date that is new in it is never found.
    """
    vendor.put(FakeFile("a", "a.txt", "docs/2020/a.txt", content=b"a"))
    assert haul(walk_config(vendor)).transferred == 1
    old = FakeFile("old", "old.txt", "docs/2020/old.txt", content=b"old", modified_at=LONG_AGO)
    vendor.put(old)
    assert haul(walk_config(vendor)).transferred == 1
    assert sink_files()["docs/2020/old.txt"] == b"old"
    config = walk_config(vendor, endpoint={"incremental": {"start_param": "modified_since"}})
    config["resources"][0]["endpoint"]["incremental"]["cursor_path"] = "modified_at"
    with pytest.raises(ConfigError, match="a folder that has not changed would not be listed"):
        load_config(config)


# -- 3 ---------------------------------------------------------------------------------------------


def test_defect_03_no_shared_link_and_no_date_lose_nothing(vendor: FakeVendor) -> None:
    """3. Nango's Box sync skips each file without a shared link, and makes "" of a date that is
    null.
    """
    link = {"shared_link": None}
    vendor.put(FakeFile("a", "a.txt", content=b"a", modified_at=None, extra=link))
    vendor.put(FakeFile("b", "b.txt", content=b"b", extra={"shared_link": {"url": "https://x/b"}}))
    config = config_for(vendor, fields={"file_id": "file_id", "modified_at": "modified_at"})
    assert haul(config).transferred == 2
    rows = by_id(rows_of("SELECT file_id, modified_at FROM acme_data.files"))
    assert rows["a"] == (None,)
    assert rows["b"][0].tzinfo is not None


# -- 4 ---------------------------------------------------------------------------------------------

DROPBOX = {
    "start": {"from": "listing"},
    "path": "/2/files/list_folder/continue",
    "method": "POST",
    "token_body_path": "cursor",
    "data_selector": "entries",
    "final_path": "cursor",
    "has_more_path": "has_more",
    "next_path": "cursor",
    "deleted": {"path": "['.tag']", "equals": "deleted"},
    "invalid": {"statuses": [409], "body": "reset"},
}


class Dropbox:
    """``list_folder`` and ``list_folder/continue``, as files.stone has them. ``reset``: cursors
    given out so far are no longer good.
    """

    def __init__(self, *names: str) -> None:
        self.names = list(names)
        self.reset = False

    def __call__(self, question: Question) -> Any:
        if question.path.endswith("/download"):
            return Raw(question.path.encode(), headers={"Content-Type": "x/y"})
        if question.path.endswith("/continue"):
            if self.reset:
                said = {"error_summary": "reset/..", "error": {".tag": "reset"}}
                return Raw(said, status=409)
            return {"entries": [], "cursor": question.body["cursor"], "has_more": False}
        self.reset = False
        entries = [{".tag": "file", "id": f"id:{one}", "name": one} for one in self.names]
        return {"entries": entries, "cursor": f"c{len(entries)}", "has_more": False}


def test_defect_04_the_cursor_is_kept_and_its_reset_understood() -> None:
    """4. Nango's Dropbox sync keeps no cursor, so each run lists everything, and does not know
    409 ``reset``. Here the second run is one request; a reset is a full listing in the same run.
    """
    dropbox = Dropbox("a", "b")
    resource = {
        "endpoint": {
            "path": "/2/files/list_folder",
            "method": "POST",
            "json": {"path": "", "recursive": True},
            "data_selector": "entries",
            "paginator": "single_page",
        },
        "fields": {"file_id": "id", "file_name": "name"},
        "changes": DROPBOX,
        "content": {"path": "/{file_name}/download"},
    }
    with vendor_of(dropbox) as vendor:

        def asked() -> list[str]:
            paths = [one.path.removeprefix("/2/files/") for one in vendor.questions]
            vendor.questions.clear()
            return paths

        assert haul(config_of(vendor.url, resource)).transferred == 2
        assert sorted(asked()) == ["/a/download", "/b/download", "list_folder"]
        assert haul(config_of(vendor.url, resource)).exit_code == 0
        assert asked() == ["list_folder/continue"]
        dropbox.names, dropbox.reset = ["b", "c"], True
        report = haul(config_of(vendor.url, resource))
        assert asked() == ["list_folder/continue", "list_folder", "/c/download"]
    assert (report.exit_code, report.transferred, report.deleted) == (0, 1, 1)
    assert by_id(rows_of(STATE))["id:a"] == ("a", True, "not_listed")


# -- 5, 6 ------------------------------------------------------------------------------------------


class Drive:
    """files.list and changes.list, as Google's discovery document has them.

    ``meanwhile`` is called once, when the first page of a listing has been made.
    """

    def __init__(self, names: list[str], page_size: int = 100) -> None:
        self.files: dict[str, dict[str, Any]] = {}
        self.changes: list[dict[str, Any]] = []
        self.page_size = page_size
        self.forgotten = 0  # tokens below are answered with 410
        self.meanwhile: Callable[[], None] | None = None
        for name in names:
            self.put(name)

    def put(self, name: str, **more: Any) -> None:
        """A file, or another one in its place; as id it has its number."""
        file_id = str(more.pop("id", len(self.files)))
        size = str(len(self.bytes_of(file_id)))
        file = {"id": file_id, "name": name, "size": size, "trashed": False, **more}
        self.files[file_id] = file
        self.changes.append({"fileId": file_id, "removed": False, "file": file})

    def remove(self, file_id: str) -> None:
        """It is gone for good."""
        del self.files[file_id]
        self.changes.append({"fileId": file_id, "removed": True})

    @staticmethod
    def bytes_of(file_id: str) -> bytes:
        return b"bytes of " + file_id.encode()

    def __call__(self, question: Question) -> Any:
        if question.path == "/changes/startPageToken":
            return {"startPageToken": str(len(self.changes))}
        if question.path == "/changes":
            token = question.number("pageToken")
            if token < self.forgotten:
                return Raw({"error": {"code": 410, "message": "Sync token expired"}}, status=410)
            return {"changes": self.changes[token:], "newStartPageToken": str(len(self.changes))}
        if question.path != "/files":
            file_id = question.path.rpartition("/")[2]
            return Raw(self.bytes_of(file_id), headers={"Content-Type": "x/y"})
        begin = question.number("pageToken")
        page = list(self.files.values())[begin : begin + self.page_size]
        answer: dict[str, Any] = {"files": page}
        if begin + self.page_size < len(self.files):
            answer["nextPageToken"] = str(begin + self.page_size)
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        return answer


def drive_resource(**more: Any) -> dict[str, Any]:
    return {
        "endpoint": {
            "path": "/files",
            "data_selector": "files",
            "paginator": {
                "type": "cursor",
                "cursor_path": "nextPageToken",
                "cursor_param": "pageToken",
            },
        },
        "fields": {
            "file_id": "id",
            "file_name": "name",
            "size": {"path": "size", "codec": "int"},
            "is_trashed": "trashed",
        },
        "content": {"path": "/files/{file_id}"},
        **more,
    }


DRIVE_CHANGES = {
    "start": {"path": "/changes/startPageToken", "token_path": "startPageToken"},
    "path": "/changes",
    "token_param": "pageToken",
    "data_selector": "changes",
    "next_path": "nextPageToken",
    "final_path": "newStartPageToken",
    "file_path": "file",
    "id_path": "fileId",
    "deleted": {"path": "removed", "equals": True},
}


def test_defect_05_a_change_during_the_listing_and_a_token_that_expired() -> None:
    """5. Airweave takes Drive's change token after the listing, so what changes meanwhile is lost;
    and at 410 it stores a new token without listing again.
    """
    drive = Drive(["a", "b", "c", "d"], page_size=2)
    resource = drive_resource(changes=DRIVE_CHANGES)
    drive.meanwhile = lambda: drive.put("a, renamed", id="0")  # its page has been told already
    with vendor_of(drive) as vendor:
        config = config_of(vendor.url, resource)
        assert haul(config).exit_code == 0
        assert by_id(rows_of(STATE))["0"][0] == "a"
        assert haul(config).exit_code == 0
        assert by_id(rows_of(STATE))["0"][0] == "a, renamed"
        drive.remove("1")
        drive.put("e")
        drive.forgotten = len(drive.changes)
        report = haul(config)
    assert (report.exit_code, report.complete) == (0, True)
    rows = by_id(rows_of(STATE))
    assert rows["1"] == ("b", True, "not_listed")
    assert {key for key, row in rows.items() if not row[1]} == set(drive.files)


def test_defect_06_all_pages_no_trash_and_names_that_are_paths() -> None:
    """6. dlt's verified Google Drive source reads one page, takes what is in the trash, and writes
    to ``folder/name``, whatever the name.
    """
    drive = Drive([f"{number}.txt" for number in range(98)])
    drive.put("../x")
    drive.put("same.txt")
    drive.put("same.txt")
    drive.put("gone.txt", trashed=True)
    trashed = {"path": "trashed", "equals": True, "reason": "trashed"}
    with vendor_of(drive) as vendor:
        report = haul(config_of(vendor.url, drive_resource(deleted=trashed)))
        assert vendor.asked("pageToken").count("100") == 1
    assert (report.exit_code, report.transferred) == (0, 101)
    found = sink_files()
    assert sorted(found.values()) == sorted(drive.bytes_of(str(one)) for one in range(101))
    assert sorted(path.name for path in Path("..").iterdir()) == ["config"]
    assert not any("gone" in path for path in found)


# -- 7 ---------------------------------------------------------------------------------------------


def test_defect_07_memory_names_and_short_bodies(tmp_path: Path) -> None:
    """7. Airbyte's file_uploader keeps the whole body in memory, takes ``../`` in names, and holds
    the bytes against neither size nor checksum.
    """
    sparse = tmp_path / "sparse"
    with sparse.open("wb") as file:
        file.truncate(256 * 2**20)
    big = FakeFile("big", "big", content=sparse, extra={"sha256": None})
    hostile = FakeFile("x", "x", "../../x", content=b"hostile")
    short = FakeFile("short", "short", content=b"s" * 1000)
    wrong = FakeFile("wrong", "wrong", content=b"w" * 1000)
    with FakeVendor([big, hostile, short, wrong]) as vendor:
        vendor.script("/v1/files/short/content", Fault.cut_unlabelled(500), times=Fault.always)
        vendor.script("/v1/files/wrong/content", Fault.wrong_body(), times=Fault.always)
        tracemalloc.start()
        report = haul(config_for(vendor, client=ONCE))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        vendor.assert_all_fired()
    assert peak < 64 * 2**20
    assert (report.transferred, report.failed, report.exit_code) == (2, 2, 3)
    assert receipt_of("big")["size"] == 256 * 2**20
    assert {path for path in sink_files() if "/" not in path} <= {"big", "x"}
    assert b"hostile" in sink_files().values()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config", "sparse"]


# -- 8 ---------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_defect_08_no_history_is_too_long() -> None:
    """8. Airbyte's file-based cursor remembers 10,000 files and looks at three days before them:
    beyond that it copies again, or never. Here the 10,001st is remembered like the first.
    """
    with FakeVendor.of_records(10_001, 9, page_cap=1000) as vendor:
        config = config_for(vendor, endpoint={"paginator": {"type": "offset", "limit": 1000}})
        assert haul(config).transferred == 10_001
        fetched(vendor)
        vendor.put(FakeFile("old", "old", content=b"old", modified_at=LONG_AGO))
        report = haul(config)
        assert (report.transferred, report.unchanged) == (1, 10_001)
        assert fetched(vendor) == 1


# -- 9 ---------------------------------------------------------------------------------------------

HAUL = """
import json, sys
from filehaul import spine
from hauling import NoDestination, haul
spine.Destination = NoDestination
haul(json.loads(sys.argv[1]))
"""


def test_defect_09_a_partial_is_never_taken_for_the_file(vendor: FakeVendor) -> None:
    """9. unstructured-ingest takes what a killed download left for the whole file, and where sizes
    differ it overwrites the size that was expected.
    """
    whole = os.urandom(6_000_000)
    vendor.put(FakeFile("a", "a.bin", content=whole))
    vendor.script("/v1/files/a/content", Fault.slow(3_000_000))
    config = config_for(vendor)
    command = [sys.executable, "-c", HAUL, json.dumps(config)]
    with subprocess.Popen(command, env=environment()) as running:
        while not _bytes_on_their_way():
            assert running.poll() is None
            time.sleep(0.02)
        os.kill(running.pid, signal.SIGKILL)
    assert "a.bin" not in sink_files()
    assert haul(config).transferred == 1
    assert sink_files() == {"a.bin": whole}
    vendor.assert_all_fired()

    lie = {"size": 1000, "sha256": None}
    vendor.put(FakeFile("b", "b.bin", content=b"b" * 600, extra=lie))
    assert haul(config).failed == 1
    assert by_id(rows_of("SELECT file_id, size FROM acme_data.files"))["b"] == (1000,)
    assert "b.bin" not in sink_files()


def _bytes_on_their_way() -> int:
    """Of partials below the sink."""
    partials = [path for path in Path("files/.filehaul").rglob("*") if path.is_file()]
    return sum(path.stat().st_size for path in partials if path.name != "sink")


# -- 10 --------------------------------------------------------------------------------------------


def test_defect_10_a_rotated_token_outlives_the_process() -> None:
    """10. elastic's Box client keeps the rotated refresh token in a variable of the module, so the
    next start has a dead one; it pages by offset, and asks for one empty page more.
    """
    with FakeVendor(files("a", "b", "c"), client_secret="", page_cap=2) as vendor:
        auth = {
            "type": "oauth2_refresh_token",
            "token_url": vendor.token_url,
            "client_id": vendor.client_id,
            "refresh_token": vendor.grants.refresh_token(),
        }
        config = config_for(vendor, client={"auth": auth})
        command = [sys.executable, "-c", HAUL, json.dumps(config)]
        for run in (1, 2, 3):
            vendor.expire_tokens()
            subprocess.run(command, env=environment(), check=True)
            assert vendor.grants.refreshed == run
        assert len(sink_files()) == 3
        vendor.grants.end_sign_ins()
        vendor.expire_tokens()
        problem = haul(config).error
    assert isinstance(problem, CredentialsError)
    assert "login" in problem.hint

    pages = {None: {"entries": [{"id": 1}], "next_marker": "m"}, "m": {"entries": [{"id": 2}]}}
    paginator = {"type": "cursor", "cursor_path": "next_marker", "cursor_param": "marker"}
    endpoint = {"path": "/items", "data_selector": "entries", "paginator": paginator}
    with vendor_of(lambda question: pages[question.params.get("marker")]) as box:
        made = config_of(box.url, {"endpoint": endpoint, "primary_key": "id"})
        assert haul({**made, "name": "box"}).listed == 2
        assert box.asked("marker") == [None, "m"]


# -- 11 --------------------------------------------------------------------------------------------


def test_defect_11_retry_after_is_obeyed_to_the_second() -> None:
    """11. dlt cuts Retry-After at 300 seconds, and asks again without a pause where it is 0
    (dlt#4036). Here 0 counts as 1, 315 is 315, a date is held to the clock, and what is longer than
    anybody waits is exit 6 with the time to come back.
    """
    clock = FakeClock()
    at = datetime.fromtimestamp(clock.time() + 1 + 315 + 60, timezone.utc)
    said = ["0", "315", format_datetime(at, usegmt=True)]
    with FakeVendor(auth=False) as vendor:
        vendor.script("/v1/files", *[Fault.status(429, retry_after=one) for one in said])
        with client_for(vendor, clock) as http:
            assert http.send(Request(f"{vendor.base_url}/v1/files")).status == 200
        assert clock.slept == 1 + 315 + 60
        vendor.assert_all_fired()
        vendor.script("/v1/files", Fault.status(429, retry_after="86400"))
        report = haul(config_for(vendor))
        assert report.exit_code == 6
        assert isinstance(report.error, TemporaryError)
        assert report.error.retry_at is not None
        assert vendor.count("/v1/files") == 5


# -- 12 --------------------------------------------------------------------------------------------


def test_defect_12_signed_addresses_are_nowhere(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """12. dlt's log at INFO keeps ``tempauth``, ``sig`` and ``X-Amz-Signature`` of addresses. Here
    they are in no log, no output, no error, no ledger and no table, though each file fails.
    """
    names = ("tempauth", "sig", "X-Amz-Signature", "X-Goog-Signature", "access_token")
    secrets = {name: f"S3cret-of-{name}-0123456789" for name in names}

    def answering(question: Question) -> Any:
        if question.path == "/files":
            rows = [
                {"id": name, "name": name, "url": f"{server.url}/bytes?{name}={secret}&x=1"}
                for name, secret in secrets.items()
            ]
            return {"files": rows}
        words = f"cannot open {server.url}{question.path}?{question.params}"
        return Raw({"error": words, **question.params}, status=500)

    server: PageVendor
    resource = {
        "endpoint": {"path": "/files", "data_selector": "files", "paginator": "single_page"},
        "fields": {"file_id": "id", "file_name": "name"},
        "content": {"url_field": "url"},
    }
    caplog.set_level(logging.DEBUG)
    with vendor_of(answering) as server:
        report = haul(config_of(server.url, resource))
        assert len({one.params.get("sig") for one in server.questions}) == 2  # they were asked
    assert (report.failed, report.exit_code) == (len(names), 3)
    told = [caplog.text, *capfd.readouterr(), str(report), json.dumps(report.as_dict())]
    told += [str(row) for row in ledger_rows("SELECT * FROM transfers")]
    told += [str(row) for row in rows_of("SELECT * FROM acme_data.files")]
    kept = [path.read_bytes() for path in Path().rglob("*") if path.is_file()]
    for secret in secrets.values():
        assert not any(secret in text for text in told), secret
        assert not any(secret.encode() in data for data in kept), secret
    assert "HTTP 500" in receipt_of("sig")["error"]


# -- 13 --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "auth",
    [
        {"type": "bearer", "token": "S3cret-token-0123"},
        {"type": "api_key", "name": "X-Key", "api_key": "S3cret-token-0123"},
        {"type": "api_key", "name": "key", "api_key": "S3cret-token-0123", "location": "query"},
        {"type": "http_basic", "username": "me", "password": "S3cret-token-0123"},
    ],
    ids=["bearer", "header", "query", "basic"],
)
def test_defect_13_another_host_gets_no_credentials(auth: dict[str, Any]) -> None:
    """13. dlt's REST client follows a next link to any host and sends the credentials along."""
    with (
        vendor_of(lambda _question: {"files": [{"id": 2}]}) as other,
        vendor_of(lambda _question: {"files": [{"id": 1}], "next": f"{other.url}/page2"}) as one,
    ):
        paginator = {"type": "json_link", "next_url_path": "next"}
        endpoint = {"path": "/files", "data_selector": "files", "paginator": paginator}
        resource = {"endpoint": endpoint, "primary_key": "id"}
        client = {"auth": auth, "headers": {"X-Tenant": "S3cret-token-0123"}}
        report = haul(config_of(one.url, resource, **client))
        assert (report.exit_code, report.listed) == (0, 2)
        assert "X-Tenant".lower() in one.server.asked[0].headers
        assert len(other.server.asked) == 1
        assert "S3cret" not in other.server.asked[0].text
        assert not {"authorization", "x-key", "x-tenant"} & set(other.server.asked[0].headers)


# -- 14 --------------------------------------------------------------------------------------------


def test_defect_14_one_file_fails_and_everybody_knows(vendor: FakeVendor) -> None:
    """14. Airbyte's file-based stream writes a line to the log where a download fails, and is
    green; while a file above the limit stops everything. Here either is one failed file of ten.
    """
    for one in files(*"abcdefghi"):
        vendor.put(one)
    vendor.put(FakeFile("large", "large", content=b"x" * 5000))
    vendor.script("/v1/files/id-c/content", Fault.status(500), times=Fault.always)
    content = {"path": "/v1/files/{file_id}/content", "max_size": 1000}
    report = haul(config_for(vendor, content=content, client=ONCE))
    assert (report.transferred, report.failed, report.exit_code) == (8, 2, 3)
    assert len(sink_files()) == 8
    states = by_id(ledger_rows("SELECT file_id, status FROM transfers"))
    assert [key for key, row in states.items() if row != ("done",)] == ["id-c", "large"]
    assert "HTTP 500" in receipt_of("id-c")["error"]
    assert "max_size" in receipt_of("large")["error"]


# -- 15 --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("known", [True, False], ids=["size known", "nothing known"])
def test_defect_15_a_source_that_ends_early_is_not_stored(known: bool) -> None:
    """15. rclone (a series of fixes in August 2026): where the source ended early, the short file
    was stored as the whole one. With Content-Length, in chunks, and without any length but the
    record's.
    """
    faults = {"length": Fault.cut(700), "chunks": Fault.cut_chunked(700)}
    extra: dict[str, Any] = {} if known else {"size": None, "sha256": None}
    if known:
        faults["none"] = Fault.cut_unlabelled(700)
    with FakeVendor() as vendor:
        for name, fault in faults.items():
            vendor.put(FakeFile(name, name, content=name.encode() * 1000, extra=extra))
            vendor.script(f"/v1/files/{name}/content", fault)
        report = haul(config_for(vendor, client=ONCE))
        vendor.assert_all_fired()
        assert (report.transferred, report.failed, report.exit_code) == (0, len(faults), 3)
        assert not {path for path in sink_files() if not path.startswith(".filehaul")}
        report = haul(config_for(vendor, client=ONCE))
        assert (report.transferred, report.exit_code) == (len(faults), 0)
        assert sink_files() == {name: name.encode() * 1000 for name in faults}
