"""Dropbox: the preset over a fake Dropbox, where Dropbox is as no other vendor."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from dropboxes import CASE, config_of, new_account, playing
from filehaul import checksums
from filehaul.check import check
from filehaul.config import load_config
from filehaul.testing import Account, FakeVendor, Fault
from filehaul.testing.conformance import Proof, proofs
from filehaul.testing.conformance.trial import trial
from filehaul.testing.plays.dropbox.told import content_hash
from hauling import haul, numbers, receipt_of, sink_files

Row = dict[str, Any]
Rows = Callable[[], dict[str, Row]]
LIST, MORE = "/2/files/list_folder", "/2/files/list_folder/continue"
pytestmark = pytest.mark.usefixtures("own_folder", "rows")


@pytest.fixture
def account() -> Account:
    """Three folders, one in another, with a file each; a document, and a link to elsewhere."""
    made = new_account()
    made.put_file("Reports/2026/Mäi.pdf", b"may" * 50)
    made.put_file("Reports/all.txt", b"all" * 50)
    made.put_file("Plans/next.txt", b"next" * 50)
    made.put_file("top.txt", b"top" * 50)
    made.put_document("Notes.paper", {"text/markdown": b"# Notes", "text/html": b"<h1>Notes</h1>"})
    made.put_shortcut("here", "/elsewhere/there")
    return made


def asked(vendor: FakeVendor, path: str) -> list[Any]:
    return [one for one in vendor.requests if one.path == path]


@pytest.mark.parametrize("proof", proofs(CASE), ids=str)
def test_conformance(proof: Proof, tmp_path: Path) -> None:
    """The suite that every preset passes."""
    proof.run(CASE, tmp_path)


def test_a_check_finds_nothing(tmp_path: Path) -> None:
    """`filehaul check` of a few files: nothing is wrong, and nothing suspicious."""
    with trial(CASE, tmp_path) as one:
        for number in range(4):
            one.put(f"{number}.txt", b"x" * number)
        one.account.put_document("!.paper", {"text/markdown": b"# a"})
        found = list(check(load_config(one.config_path)))
    assert [one for one in found if one.error or one.is_suspicious] == []
    assert {"listing files", "content files"} <= {one.what for one in found}


FILES = {"/Reports/2026/Mäi.pdf", "/Reports/all.txt", "/Plans/next.txt", "/top.txt"}


@pytest.mark.parametrize("page", [1, 4, 2000])
def test_the_first_sync(page: int, account: Account, rows: Rows) -> None:
    """Whatever the pages: all kinds are rows; bytes come from the content host, by revision, with
    our credentials, each verified by its content hash; documents are exported.
    """
    with playing(account, page_cap=page) as vendor:
        report = haul(config_of(vendor))
        downloads = asked(vendor, "/2/files/download")
        exports = asked(vendor, "/2/files/export")
        assert [one.status for one in asked(vendor, LIST)] == [200]
        assert {one.status for one in asked(vendor, MORE)} <= {200}
    assert (report.exit_code, *numbers(report)) == (0, 5, 0, 0, 0)
    kinds = {path: row["kind"] for path, row in rows().items()}
    assert kinds == {
        **dict.fromkeys(["/Reports", "/Reports/2026", "/Plans"], "folder"),
        **dict.fromkeys([*FILES, "/Notes.paper"], "file"),
        "/here": "shortcut",
    }
    may, node = rows()["/Reports/2026/Mäi.pdf"], account.find("Reports/2026/Mäi.pdf")
    assert (may["file_id"], may["size"], may["mime_type"]) == (node.node_id, 150, None)
    assert (may["checksum_algorithm"], may["checksum"]) == ("dropbox", content_hash(node.content))
    assert sink_files()["Reports/2026/Mäi.pdf"] == node.content
    assert sink_files()["Notes.paper.md"] == b"# Notes"
    assert receipt_of(may["file_id"])["verified_by"] == "dropbox"
    assert len(downloads) == 4
    assert len(exports) == 1
    for one in (*downloads, *exports):
        assert one.origin == vendor.other_url
        assert one.headers["authorization"].startswith("Bearer ")
        assert (one.method, one.status) == ("GET", 200)
    assert {json.loads(one.query["arg"])["path"][:4] for one in downloads} == {"rev:"}


def test_the_next_syncs_ask_the_cursor(account: Account, rows: Rows) -> None:
    """One request where nothing happened; deletions are found by their path."""
    with playing(account) as vendor:
        config = config_of(vendor)
        haul(config)
        vendor.clear_requests()
        assert numbers(haul(config)) == (0, 5, 0, 0)
        assert [one.path for one in vendor.requests] == [MORE]
        account.trash(account.find("top.txt").node_id)
        account.change(account.find("Reports/all.txt").node_id, b"other")
        account.put_file("Plans/new.txt", b"new")
        vendor.clear_requests()
        report = haul(config)
        assert [one.path for one in vendor.requests].count(MORE) == 1
        assert asked(vendor, LIST) == []
    assert (report.exit_code, report.transferred, report.deleted) == (0, 2, 1)
    assert rows()["+/top.txt"]["delete_reason"] == "removed"
    assert sink_files()["Reports/all.txt"] == b"other"


def test_a_folder_that_is_renamed_moves_its_files(account: Account, rows: Rows) -> None:
    """Told as one deletion and all that is below it anew: rows follow, no byte is fetched again."""
    with playing(account, page_cap=1) as vendor:
        config = config_of(vendor)
        haul(config)
        account.rename(account.find("Reports").node_id, "Berichte")
        account.move(account.find("Plans").node_id, account.find("Berichte/2026").node_id)
        vendor.clear_requests()
        report = haul(config)
        assert (report.exit_code, report.transferred, report.deleted) == (0, 0, 0)
        assert asked(vendor, "/2/files/download") == []
    expected = {"Berichte/2026/Mäi.pdf", "Berichte/all.txt", "Berichte/2026/Plans/next.txt"}
    assert {path for path in sink_files() if "/" in path} == expected
    assert {path for path in rows() if path.endswith(".txt")} == {
        "/Berichte/all.txt",
        "/Berichte/2026/Plans/next.txt",
        "/top.txt",
    }


def test_a_folder_that_is_deleted_takes_its_files_along(account: Account, rows: Rows) -> None:
    """One deletion, by the folder's path in small letters: all that was below it is gone."""
    with playing(account) as vendor:
        config = config_of(vendor)
        haul(config)
        account.trash(account.find("Reports").node_id)
        report = haul(config)
        assert (report.exit_code, report.deleted) == (0, 2)
        assert {path for path in rows() if path.startswith("+")} == {
            "+/Reports",
            "+/Reports/2026",
            "+/Reports/2026/Mäi.pdf",
            "+/Reports/all.txt",
        }
        account.restore(account.find("Reports").node_id)
        report = haul(config)
    assert report.exit_code == 0
    assert not any(path.startswith("+") for path in rows())


def test_another_file_at_the_same_path(account: Account, rows: Rows) -> None:
    """A file that takes another one's place is told of without a deletion: the older one is gone,
    and the path has the newer one's bytes.
    """
    with playing(account) as vendor:
        config = config_of(vendor)
        haul(config)
        old = account.find("top.txt").node_id
        new = account.put_file("TOP.txt", b"newer").node_id
        report = haul(config)
    assert (report.exit_code, report.transferred, report.deleted) == (0, 1, 1)
    by_id = {row["file_id"]: row["deleted_at"] for row in rows().values()}
    assert (by_id[old] is not None, by_id[new]) == (True, None)
    assert sink_files()["TOP.txt"] == b"newer"


def test_reset(account: Account, rows: Rows) -> None:
    """409 reset: everything is listed anew; what is missing then is a tombstone."""
    with playing(account) as vendor:
        config = config_of(vendor)
        haul(config)
        account.remove(account.find("top.txt").node_id)
        account.put_file("later.txt", b"later")
        vendor.expire_changes()
        vendor.clear_requests()
        report = haul(config)
        listed = [(one.path, one.status) for one in vendor.requests if "list" in one.path]
        assert listed == [(MORE, 409), (LIST, 200)]
        vendor.clear_requests()
        haul(config)
        assert [one.path for one in vendor.requests] == [MORE]
    assert (report.exit_code, report.transferred, report.deleted) == (0, 1, 1)
    assert rows()["+/top.txt"]["delete_reason"] == "not_listed"


def test_what_changes_during_the_listing(account: Account, rows: Rows) -> None:
    """Told by the listing's own cursor in the next run: nothing falls between the two."""
    with playing(account, page_cap=3) as vendor:
        config = config_of(vendor)

        def happens() -> None:
            account.put_file("AAA.txt", b"before the page that is listed now")
            account.remove(account.find("Plans/next.txt").node_id)

        vendor.script(MORE, Fault.meanwhile(happens))
        haul(config)
        vendor.assert_all_fired()
        report = haul(config)
    assert report.exit_code == 0
    assert rows()["/AAA.txt"]["kind"] == "file"
    assert "/Plans/next.txt" not in rows()
    assert "AAA.txt" in sink_files()


def test_a_file_that_changes_before_its_bytes_are_asked_for(account: Account) -> None:
    """The revision that was listed is what comes, and the newer one in the next run."""
    node = account.find("top.txt")
    with playing(account) as vendor:
        config = config_of(vendor)
        change = partial(account.change, node.node_id, b"newer")
        vendor.script("/2/files/download", Fault.meanwhile(change))
        report = haul(config)
        vendor.assert_all_fired()
        assert (report.exit_code, report.failed) == (0, 0)
        assert sink_files()["top.txt"] == node.content
        assert haul(config).transferred == 1
    assert sink_files()["top.txt"] == b"newer"


def test_an_export_that_is_not_ready(account: Account) -> None:
    """409 retry_error is asked again until it is; the other files do not wait for it."""
    body = {"error_summary": "retry_error/..", "error": {".tag": "retry_error"}}
    with playing(account) as vendor:
        vendor.script("/2/files/export", Fault.status(409, body), times=2)
        report = haul(config_of(vendor))
        vendor.assert_all_fired()
        assert len(asked(vendor, "/2/files/export")) == 3
    assert (report.exit_code, report.failed) == (0, 0)
    assert sink_files()["Notes.paper.md"] == b"# Notes"


@pytest.mark.parametrize("plain", [True, False])
def test_too_many_requests(plain: bool, account: Account) -> None:
    """429, as JSON or as plain text, is a pause and no failure."""
    with playing(account, plain_429=plain, rate_limit=4) as vendor:
        report = haul(config_of(vendor))
        assert 429 in {one.status for one in vendor.requests}
    assert (report.exit_code, report.transferred, report.failed) == (0, 5, 0)


def test_a_folder_alone_in_a_namespace(account: Account) -> None:
    """`folder` and `namespace_id`: what is in there and no more, asked for with the header that
    names the namespace, listing, feed and bytes alike.
    """
    root = {".tag": "namespace_id", "namespace_id": "3235641"}
    with playing(account, path_root=root) as vendor:
        assert haul(config_of(vendor)).exit_code == 8
        parameters = {"folder": "/reports", "namespace_id": "3235641"}
        config = config_of(vendor, parameters=parameters, state="other.sqlite", sink="other")
        report = haul(config)
        assert haul(config).exit_code == 0
    assert (report.exit_code, report.transferred) == (0, 2)
    assert set(sink_files("other")) == {"Reports/2026/Mäi.pdf", "Reports/all.txt"}


def test_a_refused_token_is_exit_5(account: Account) -> None:
    """401 in Dropbox' words."""
    with playing(account) as vendor:
        config = config_of(vendor)
        config["client"]["auth"] = {"type": "bearer", "token": "made up"}
        report = haul(config)
    assert report.exit_code == 5
    assert "expired_access_token" in str(report.error)


def test_a_folder_that_is_not_there_is_exit_8(account: Account) -> None:
    """409 path/not_found on the listing: the vendor's own words, and nothing is taken for gone."""
    with playing(account) as vendor:
        report = haul(config_of(vendor, parameters={"folder": "/nowhere"}))
    assert (report.exit_code, report.complete) == (8, False)
    assert "path/not_found" in str(report.error)


def test_the_content_hash_is_dropboxs() -> None:
    """The fake and the checksum agree on files of several blocks, block ends and nothing at all."""
    block = 4 * 1024 * 1024
    for size in (0, 1, block - 1, block, block + 1, 2 * block + 7):
        content = os.urandom(size)
        digest = checksums.new("dropbox")
        digest.update(content)
        assert digest.hexdigest() == content_hash(content)
