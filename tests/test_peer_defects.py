"""Fifteen defects found in other tools, by number: whole syncs in which each would lose something.

The tools and what is wrong in each stand in the docstrings, as they were in snapshots of 2026.
Where a vendor's own words are what matters, its preset runs over the fake that plays it; the rest
is the fake vendor's own API.
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
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import dropboxes
import graphs
from bare_server import client_for
from clock import FakeClock
from filehaul.config import load_config
from filehaul.errors import ConfigError, CredentialsError, TemporaryError
from filehaul.http import Request
from filehaul.testing import Account, FakeFile, FakeVendor, Fault
from filehaul.testing.plays import new_id_of
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
    with FakeVendor() as running:
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


def fetched(vendor: FakeVendor) -> int:
    """Requests for content since the last time this was asked."""
    count = contents(vendor)
    vendor.clear_requests()
    return count


# -- 1 ---------------------------------------------------------------------------------------------


def test_defect_01_a_deleted_facet_is_a_deletion() -> None:
    """1. Nango's SharePoint sync looks for ``@removed``, and Graph's delta of drives sends a facet
    ``deleted`` and no name: deleted files come back as upserts.
    """
    account = graphs.new_account()
    account.put_file("a.txt", b"a")
    gone = account.put_file("docs/b.txt", b"b")
    with graphs.playing(account, drive_type="documentLibrary") as vendor:
        config = graphs.config_of(vendor)
        assert haul(config).transferred == 2
        account.remove(gone.node_id)
        report = haul(config)
    assert (report.exit_code, report.deleted, report.transferred) == (0, 1, 0)
    rows = by_id(rows_of(STATE))
    assert rows[gone.node_id] == ("b.txt", True, "removed")
    assert rows[account.find("a.txt").node_id] == ("a.txt", False, None)


# -- 2 ---------------------------------------------------------------------------------------------


def drive_config(vendor: FakeVendor, **params: Any) -> dict[str, Any]:
    """The preset of Google Drive; ``params`` go over those of its listing."""
    url = f"{vendor.base_url}/drive/v3"
    auth = {"type": "bearer", "token": vendor.token()}
    own = {"client": {"base_url": url, "auth": auth, "retry": {"backoff_factor": 0.001}}}
    resources = [{"name": "files", "endpoint": {"params": params}}]
    return {
        "name": "acme",
        "vendor": "google_drive",
        "sink": "files",
        **own,
        "resources": resources,
    }


@pytest.fixture
def account() -> Account:
    """An empty account with ids as Google Drive has them."""
    return Account(new_id=new_id_of("drive"))


def test_defect_02_an_old_file_in_an_old_folder_is_found(account: Account) -> None:
    """2. Nango's Google Drive sync asks for folders by ``modifiedTime >`` and never goes into one
    that has not changed: a file with an old date that is new in it is never found. Whoever would
    configure a walk so is told.
    """
    account.put_file("docs/2020/a.txt", b"a")
    with FakeVendor.playing("drive", account) as vendor:
        config = drive_config(vendor)
        assert haul(config).transferred == 1
        account.put_file("docs/2020/old.txt", b"old", modified_at=LONG_AGO)
        assert haul(config).transferred == 1
    assert sink_files()["docs/2020/old.txt"] == b"old"
    with FakeVendor() as vendor:
        incremental = {"cursor_path": "modified_at", "start_param": "modified_since"}
        walked = config_for(vendor, endpoint={"incremental": incremental})
    folder = {"path": "type", "equals": "folder"}
    walk = {"root": "0", "path": "/v1/folders/{folder_id}/items", "folder": folder}
    walked["resources"][0]["walk"] = walk
    del walked["resources"][0]["endpoint"]["path"]
    with pytest.raises(ConfigError, match="a folder that has not changed would not be listed"):
        load_config(walked)


# -- 3 ---------------------------------------------------------------------------------------------


def box_config(vendor: FakeVendor, auth: dict[str, Any], **params: Any) -> dict[str, Any]:
    """The preset of Box; ``params`` go over those of its listing."""
    block = {"client_id": vendor.client_id, "client_secret": vendor.client_secret, **auth}
    client = {
        "base_url": f"{vendor.base_url}/2.0",
        "auth": {**block, "token_url": vendor.token_url},
    }
    return {
        "name": "acme",
        "vendor": {"name": "box", "subject_id": "1234567"} if not auth else "box",
        "client": client,
        "resources": [{"name": "files", "endpoint": {"params": params}}],
        "sink": "files",
    }


def test_defect_03_no_shared_link_and_no_date_lose_nothing() -> None:
    """3. Nango's Box sync skips each file without a shared link, and makes "" of a date that is
    null.
    """
    account = Account(new_id=new_id_of("box"))
    bare = account.put_file("a.txt", b"a", extra={"shared_link": None, "modified_at": None})
    account.put_file("b.txt", b"b", extra={"shared_link": {"url": "https://example.com/b"}})
    with FakeVendor.playing("box", account, second_origin=True) as vendor:
        assert haul(box_config(vendor, {})).transferred == 2
    rows = by_id(rows_of("SELECT file_id, modified_at FROM acme_data.files"))
    assert rows.pop(bare.node_id) == (None,)
    assert [row[0].tzinfo is not None for row in rows.values()] == [True]


# -- 4 ---------------------------------------------------------------------------------------------


def test_defect_04_the_cursor_is_kept_and_its_reset_understood() -> None:
    """4. Nango's Dropbox sync keeps no cursor, so each run lists everything, and does not know
    409 ``reset``. Here the second run is one request; a reset is a full listing in the same run.
    """
    account = dropboxes.new_account()
    gone = account.put_file("a.txt", b"a")
    account.put_file("b.txt", b"b")
    with dropboxes.playing(account) as vendor:
        config = dropboxes.config_of(vendor)

        def asked() -> tuple[int, int, int]:
            paths = ("list_folder", "list_folder/continue", "download")
            counts = [vendor.count(f"/2/files/{path}") for path in paths]
            vendor.clear_requests()
            return (counts[0], counts[1], counts[2])

        assert haul(config).transferred == 2
        assert asked()[2] == 2
        assert haul(config).exit_code == 0
        assert asked() == (0, 1, 0)
        account.remove(gone.node_id)
        account.put_file("c.txt", b"c")
        vendor.expire_changes()
        report = haul(config)
        listed, continued, fetched = asked()
    assert (report.exit_code, report.transferred, report.deleted) == (0, 1, 1)
    assert listed >= 1
    assert continued >= 1
    assert fetched == 1
    assert by_id(rows_of(STATE))[gone.node_id][:2] == ("a.txt", True)


# -- 5 ---------------------------------------------------------------------------------------------


def at_page(number: int, vendor: FakeVendor, path: str, happens: Callable[[], object]) -> None:
    """Before this page of a listing is answered, something happens."""
    play, pages = vendor.play, [0]
    answer = play.answer

    def answering(request: Any) -> Any:
        if request.path == path:
            pages[0] += 1
            if pages[0] == number:
                happens()
        return answer(request)

    play.answer = answering  # type: ignore[method-assign]


def test_defect_05_a_change_during_the_listing_and_a_token_that_expired(account: Account) -> None:
    """5. Airweave takes Drive's change token after the listing, so what changes meanwhile is lost;
    and at 410 it stores a new token without listing again.
    """
    first, second, *_ = [account.put_file(f"{name}.txt", name.encode()) for name in "abcd"]
    with FakeVendor.playing("drive", account, {"stale": 410}) as vendor:
        config = drive_config(vendor, pageSize=2)
        rename = partial(account.rename, first.node_id, "renamed.txt")
        at_page(2, vendor, "/drive/v3/files", rename)  # the file's page has been told already
        assert haul(config).exit_code == 0
        before = by_id(rows_of(STATE))[first.node_id][0]
        assert haul(config).exit_code == 0
        assert (before, by_id(rows_of(STATE))[first.node_id][0]) == ("a.txt", "renamed.txt")
        account.remove(second.node_id)
        new = account.put_file("e.txt", b"e")
        vendor.expire_changes()
        report = haul(config)
    assert (report.exit_code, report.complete, report.transferred) == (0, True, 1)
    rows = by_id(rows_of(STATE))
    assert rows[second.node_id][:2] == ("b.txt", True)
    assert rows[new.node_id][:2] == ("e.txt", False)


# -- 6 ---------------------------------------------------------------------------------------------


def test_defect_06_all_pages_no_trash_and_names_that_are_paths(account: Account) -> None:
    """6. dlt's verified Google Drive source reads one page, takes what is in the trash, and writes
    to ``folder/name``, whatever the name.
    """
    nodes = [account.put_file(f"{number}.txt", f"{number}".encode()) for number in range(101)]
    account.rename(nodes[7].node_id, "../x")
    account.rename(nodes[8].node_id, "9.txt")
    account.trash(account.put_file("gone.txt", b"gone").node_id)
    with FakeVendor.playing("drive", account) as vendor:
        report = haul(drive_config(vendor, pageSize=100))
        assert vendor.count("/drive/v3/files") == 2
    assert (report.exit_code, report.transferred) == (0, 101)
    found = sink_files()
    assert sorted(found.values()) == sorted(node.content for node in nodes)
    assert sorted(path.name for path in Path("..").iterdir()) == ["config"]


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
    account = Account(new_id=new_id_of("box"))
    for name in "abcde":
        account.put_file(f"{name}.txt", name.encode())
    with FakeVendor.playing("box", account, second_origin=True) as vendor:
        sign_in = {"type": "oauth2_refresh_token", "refresh_token": vendor.grants.refresh_token()}
        config = box_config(vendor, sign_in, limit=2)
        command = [sys.executable, "-c", HAUL, json.dumps(config)]
        for run in (1, 2, 3):
            vendor.expire_tokens()
            vendor.clear_requests()
            subprocess.run(command, env=environment(), check=True)
            assert vendor.grants.refreshed == run
            pages = [one for one in vendor.requests if one.path == "/2.0/folders/0/items"]
            assert len({one.query.get("marker") for one in pages}) == 3  # of 2, 2 and 1
        assert len(sink_files()) == 5
        vendor.grants.end_sign_ins()
        vendor.expire_tokens()
        problem = haul(config).error
    assert isinstance(problem, CredentialsError)
    assert "login" in problem.hint


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
