"""Box: what a user writes, against a vendor that speaks as Box's OpenAPI document says."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import yaml

import filehaul
import hauling
from filehaul.config import load_config
from filehaul.presets import described
from filehaul.report import Report
from filehaul.testing import Account, FakeVendor, Fault
from filehaul.testing.plays import new_id_of
from hauling import sink_files

CONTENT = "/2.0/files/*/content"
ITEMS = "/2.0/folders/*/items"
FILES = "SELECT {} FROM box_data.files WHERE deleted_at IS NULL ORDER BY path, kind"


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Account:
    """Five files in three folders, and a web link."""
    monkeypatch.chdir(tmp_path)
    account = Account(new_id=new_id_of("box"))
    for path in ("a.txt", "Reports/b.pdf", "Reports/2024/c.pdf", "Reports/2024/d.pdf", "e.bin"):
        account.put_file(path, path.encode() * 9)
    account.put_link("Reports/Home", "https://example.com")
    account.put_folder("Empty")
    return account


@pytest.fixture
def box(account: Account) -> Iterator[FakeVendor]:
    """Box, with pages of two records, and the bytes at another origin."""
    with FakeVendor.playing("box", account, page_cap=2, second_origin=True) as vendor:
        yield vendor
        vendor.assert_all_fired()


def rows_of(query: str) -> list[tuple[Any, ...]]:
    """Rows of the tables."""
    return hauling.rows_of(query, "box.duckdb")


def config_for(box: FakeVendor, **more: Any) -> dict[str, Any]:
    """The config of the preset's own example, sent to the fake vendor."""
    example: dict[str, Any] = yaml.safe_load(described("box").head.example or "")
    sign_in = {"client_id": box.client_id, "client_secret": box.client_secret}
    auth = {**sign_in, "token_url": box.token_url, **more.pop("auth", {})}
    client = {"base_url": f"{box.base_url}/2.0", "auth": auth, "retry": {"backoff_factor": 0.001}}
    return {**example, "client": client, **more}


def sync(box: FakeVendor, **more: Any) -> Report:
    report = filehaul.sync(config_for(box, **more))
    assert report.error is None
    return report


def test_what_a_user_writes(account: Account, box: FakeVendor, tmp_path: Path) -> None:
    """Vendor, credentials, sink: every file is in the sink and the table, proven equal."""
    lines = (described("box").head.example or "").strip().splitlines()
    assert len(lines) <= 5
    assert [line.partition(":")[0] for line in lines] == ["name", "vendor", "client", "sink"]
    report = sync(box)
    assert (report.transferred, report.exit_code) == (5, 0)
    wanted = {account.path(one.node_id): one.content for one in account if one.kind == "file"}
    assert sink_files() == wanted
    rows = rows_of(FILES.format("kind, path, size, checksum_algorithm, owner"))
    assert rows == [
        ("folder", "Empty", 0, None, "ann@example.com"),
        ("folder", "Reports", 441, None, "ann@example.com"),
        ("folder", "Reports/2024", 324, None, "ann@example.com"),
        ("file", "Reports/2024/c.pdf", 162, "sha1", "ann@example.com"),
        ("file", "Reports/2024/d.pdf", 162, "sha1", "ann@example.com"),
        ("link", "Reports/Home", None, None, "ann@example.com"),
        ("file", "Reports/b.pdf", 117, "sha1", "ann@example.com"),
        ("file", "a.txt", 45, "sha1", "ann@example.com"),
        ("file", "e.bin", 45, "sha1", "ann@example.com"),
    ]
    assert rows_of("SELECT DISTINCT verified_by FROM box_data.transfers") == [("sha1",)]


@pytest.mark.usefixtures("quick")
def test_each_question_is_one_that_box_knows(account: Account, box: FakeVendor) -> None:
    """By marker, never by offset; the fields that are read are named; who is acted for is said."""
    sync(box)
    asked = [one for one in box.requests if one.path.endswith("/items")]
    assert {one.path.split("/")[3] for one in asked} == {
        "0",
        *(one.node_id for one in account if one.kind == "folder"),
    }
    for one in asked:
        assert one.query["usemarker"] == "true"
        assert "offset" not in one.query
        assert {"size", "sha1", "parent"} <= set(one.query["fields"].split(","))
    assert len([one for one in asked if "marker" in one.query]) == 2  # of 4 records, and of 3
    (token,) = [one for one in box.requests if one.path == "/oauth2/token"]
    form = {name: value[0] for name, value in parse_qs(token.body.decode()).items()}
    assert form["grant_type"] == "client_credentials"
    assert (form["box_subject_type"], form["box_subject_id"]) == ("enterprise", "1234567")
    fetched = [one for one in box.requests if one.path.startswith("/signed/")]
    assert len(fetched) == 5
    assert not any("authorization" in one.headers for one in fetched)


def test_the_second_run_fetches_what_changed(account: Account, box: FakeVendor) -> None:
    """Nothing, one changed file, a renamed folder (moved, not fetched), a file in the trash."""
    sync(box)
    box.clear_requests()
    assert (sync(box).transferred, box.count(CONTENT)) == (0, 0)
    account.change(account.find("a.txt").node_id, b"new")
    account.rename(account.find("Reports").node_id, "Papers")
    account.trash(account.find("e.bin").node_id)
    assert sync(box).transferred == 1
    assert box.count(CONTENT) == 1
    assert sink_files()["a.txt"] == b"new"
    assert sorted(sink_files()) == [
        *("Papers/2024/c.pdf", "Papers/2024/d.pdf", "Papers/b.pdf", "a.txt", "e.bin")
    ]
    assert sync(box).deleted == 1  # a walk is asked twice before a file counts as gone
    gone = rows_of("SELECT path, delete_reason FROM box_data.files WHERE deleted_at IS NOT NULL")
    assert gone == [("e.bin", "not_listed")]


def test_a_file_and_a_folder_of_one_number(account: Account, box: FakeVendor) -> None:
    """Box numbers them apart: both have their row, and the file its bytes."""
    folder = account.put_folder("Seven", node_id="d_7")
    account.put_file("x.txt", b"in it", parent=folder.node_id)
    account.put_file("seven.txt", b"seven", node_id="f_7")
    account.put_link("Link 7", "https://example.com", node_id="w_7")
    report = sync(box)
    assert (report.transferred, report.exit_code) == (7, 0)
    assert sink_files()["seven.txt"] == b"seven"
    assert sink_files()["Seven/x.txt"] == b"in it"
    rows = rows_of("SELECT kind FROM box_data.files WHERE file_id = '7' ORDER BY 1")
    assert rows == [("file",), ("folder",), ("link",)]
    assert sync(box).transferred == 0


def test_one_number_without_its_ledger(account: Account, box: FakeVendor) -> None:
    """A ledger made again gives the receipt to the file alone: its bytes go with it."""
    account.put_folder("Seven", node_id="d_7")
    account.put_link("Link 7", "https://example.com", node_id="w_7")
    account.put_file("seven.txt", b"seven", node_id="f_7")
    own = {"resources": [{"name": "files", "on_delete": "remove", "deletes": {"confirm": 1}}]}
    sync(box, **own)
    shutil.rmtree(".filehaul")
    report = sync(box, **own)
    assert report.transferred == 0
    assert "12 files and 6 receipts" in " ".join(report.warnings)
    account.trash("f_7")
    report = sync(box, **own)
    assert (report.deleted, report.warnings) == (1, [])
    assert "seven.txt" not in sink_files()
    assert rows_of("SELECT status FROM box_data.transfers WHERE file_id = '7'") == [("gone",)]


@pytest.mark.usefixtures("quick")
def test_what_goes_wrong_at_box(account: Account, box: FakeVendor) -> None:
    """429 with Retry-After, a token that ended, 202 until a file is ready, a body that breaks."""
    box.script(ITEMS, Fault.status(429, retry_after="1"))
    box.script(CONTENT, Fault.not_ready(retry_after="1"), Fault.status(401), Fault.status(503))
    box.script("/signed/*", Fault.cut(7))
    report = sync(box)
    assert (report.transferred, report.exit_code) == (5, 0)
    assert box.token_requests == 2


@pytest.mark.usefixtures("quick")
def test_a_folder_that_box_refuses(account: Account, box: FakeVendor) -> None:
    """403 for one folder: the others are copied, the listing is incomplete, nothing is deleted."""
    sync(box)
    account.forbid(account.find("Reports").node_id)
    for _ in range(2):
        report = filehaul.sync(config_for(box))
        assert (report.exit_code, report.complete, report.deleted) == (3, False, 0)
    assert len(sink_files()) == 5


@pytest.mark.usefixtures("quick")
def test_a_marker_that_is_no_longer_good(account: Account, box: FakeVendor) -> None:
    """Box's 400 on a page is no end of the folder: the listing is incomplete, and said to be."""
    page = "GET /2.0/folders/0/items*marker=*"
    box.script(page, Fault.status(400, {"type": "error", "code": "bad_request"}))
    report = filehaul.sync(config_for(box))
    assert not report.complete
    assert report.exit_code in (3, 8)


@pytest.mark.parametrize("last", ["", ...])
@pytest.mark.usefixtures("quick")
def test_the_last_page_of_a_folder(account: Account, last: Any) -> None:
    """Whether the last marker is null, empty or left out, the folder ends there."""
    settings = {"last_marker": last}
    with FakeVendor.playing("box", account, settings, page_cap=2, second_origin=True) as box:
        assert sync(box).transferred == 5


@pytest.mark.usefixtures("quick")
def test_a_refresh_token_is_spent_once(account: Account, box: FakeVendor) -> None:
    """The preset's other sign-in: Box rotates the token, and the next run has the newer one."""
    auth = {"type": "oauth2_refresh_token", "refresh_token": box.grants.refresh_token()}
    own = {"vendor": "box", "auth": auth}
    assert sync(box, **own).transferred == 5
    box.expire_tokens()
    assert sync(box, **own).transferred == 0
    assert box.grants.refreshed == 2


def test_the_other_sign_ins_need_no_subject_id(tmp_path: Path) -> None:
    """Each type that the preset offers is a config with what its page says that it takes."""
    kept = {"client_id": "a", "client_secret": "b"}
    for auth in (
        {"type": "oauth2_jwt_bearer", "key": "box.json", "subject": "42"},
        {"type": "oauth2_authorization_code", **kept},
        {"type": "oauth2_refresh_token", **kept, "refresh_token": "r"},
    ):
        config = load_config({"name": "box", "vendor": "box", "client": {"auth": auth}})
        assert config.client.auth.token_url == "https://api.box.com/oauth2/token"
        assert config.client.auth.type == auth["type"]
