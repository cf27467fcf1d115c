"""The preset ``google_drive``: the conformance suite, and what is Drive's own."""

from __future__ import annotations

import json
import urllib.error
from pathlib import Path
from typing import Any

import pytest

from filehaul.check import check
from filehaul.config import load_config
from filehaul.testing import Account, FakeVendor, Fault
from filehaul.testing.conformance import Case, Proof, left_out, proofs
from filehaul.testing.conformance.trial import trial
from filehaul.testing.plays.drive.told import trouble
from servers.running import ask


def quota(status: int, reason: str) -> Fault:
    """Too many requests, as Google says it: without Retry-After."""
    return Fault.status(status, trouble(status, reason, "Rate Limit Exceeded").body)


def client(vendor: FakeVendor) -> dict[str, Any]:
    """Drive, with a sign-in that renews its token."""
    auth = {"type": "oauth2_refresh_token", "refresh_token": vendor.grants.refresh_token()}
    auth |= {"client_id": vendor.client_id, "client_secret": vendor.client_secret}
    return {
        "base_url": f"{vendor.base_url}/drive/v3",
        "auth": {**auth, "token_url": vendor.token_url},
    }


COMMON: dict[str, Any] = {
    "play": "drive",
    "client": client,
    "listing": "/drive/v3/files",
    "content": "/drive/v3/files/1*",
    "feed": "/drive/v3/changes",
    "throttled": [
        quota(403, "userRateLimitExceeded"),
        quota(403, "rateLimitExceeded"),
        quota(429, "rateLimitExceeded"),
    ],
    "settings": {"repeats": True},
}
MINE = Case(vendor="google_drive", **COMMON)
TEAM = Case(
    drive=lambda account: account.put_drive("Team", "team"),
    vendor=lambda account: {"name": "google_drive", "drive_id": account.drives["team"]},
    **COMMON,
)


def test_check(own_folder: Path) -> None:
    """Nothing is odd about My Drive, whose files are in no shared drive and so have no drive_id."""
    account = Account()
    account.put_file("a/full.txt", b"full")
    with FakeVendor.playing("drive", account, second_origin=True) as vendor:
        config = {"name": "mine", "vendor": "google_drive", "client": client(vendor)}
        found = list(check(load_config({**config, "sink": "./files"})))
    assert [one.text for one in found if one.error or one.is_suspicious] == []


@pytest.mark.parametrize("proof", proofs(MINE), ids=str)
def test_my_drive(proof: Proof, tmp_path: Path) -> None:
    """The suite, for an account's own Drive."""
    proof.run(MINE, tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        *("whole_listing", "names_that_are_equal", "documents_are_exported", "a_renamed_folder"),
        *("a_folder_in_the_trash", "an_expired_change_token"),
    ],
)
def test_a_shared_drive(name: str, tmp_path: Path) -> None:
    """What another scope could change, for one shared drive."""
    chosen = {str(proof): proof for proof in proofs(TEAM)}
    chosen[name].run(TEAM, tmp_path)


def test_what_the_suite_leaves_out() -> None:
    """Nothing that Drive can do is left out: each reason is named."""
    assert left_out(MINE) == {
        "a_folder_out_of_reach": "folders are not listed one by one",
        "a_renamed_path": "ids stay at this vendor",
        "still_being_made": "files are there at once",
        "no_credentials_elsewhere": "the bytes are where the API is",
        "an_expired_address": "the bytes are where the API is",
    }


def test_a_search_that_was_not_complete(tmp_path: Path) -> None:
    """``incompleteSearch``: the listing is not complete, and what it lacks is not gone."""
    with trial(MINE, tmp_path) as one:
        one.put("a.txt")
        one.put("b.txt")
        one.good()
        one.account.remove(one.find("b.txt").node_id)
        one.vendor.play.incomplete_search = True
        report = one.sync(full_refresh=True)
        assert "incompleteSearch" in str(report.resources["files"].why_not)
        assert one.rows(gone=True) == []
        one.vendor.play.incomplete_search = False
        one.good(full_refresh=True)
        assert [row["file_name"] for row in one.rows(gone=True)] == ["b.txt"]


def test_files_that_google_refuses(tmp_path: Path) -> None:
    """Malware and exports of more than 10 MB: refused at once, said in words, parked; the others
    come.
    """
    with trial(MINE, tmp_path) as one:
        bad = one.put("bad.exe")
        one.put("good.txt")
        kind, known = next(iter(one.traits.exports.items()))
        one.account.put_document("long", {str(known.mime_type): b"x" * 11}, mime_type=kind)
        one.vendor.play.abusive.add(bad.node_id)
        one.vendor.play.export_cap = 10
        report = one.sync()
        assert (report.exit_code, report.transferred, report.failed) == (3, 1, 2)
        told = dict(one.ledger("SELECT file_id, error FROM transfers WHERE error IS NOT NULL"))
        assert "malware or spam" in told[bad.node_id]
        assert any("too large to be exported" in error for error in told.values())
        assert one.vendor.count(f"/drive/v3/files/{bad.node_id}") == 1
        assert one.sync().exit_code == 0


@pytest.mark.parametrize("status", [400, 410])
def test_a_change_token_that_google_refuses(status: int, tmp_path: Path) -> None:
    """Either way to refuse it means a full listing; a 400 about something else is an error."""
    with trial(MINE, tmp_path) as one:
        one.put("a.txt")
        one.good()
        one.vendor.play.stale = status
        one.vendor.expire_changes()
        one.put("b.txt")
        assert one.good().transferred == 1
        assert one.good().listed == 0
        wrong = trouble(400, "invalidParameter", "Invalid field selection x", "fields")
        one.vendor.script("/drive/v3/changes", Fault.status(400, wrong.body))
        assert one.sync().exit_code == 8
        one.good()


def test_changes_of_drives_are_no_files(tmp_path: Path) -> None:
    """A change of a shared drive itself names no file: it is passed over, and nothing rejected."""
    with trial(TEAM, tmp_path) as one:
        one.put("a.txt")
        one.good()
        one.account.put_drive("Another")
        one.put("b.txt")
        report = one.good()
        assert (report.transferred, report.rejected) == (1, 0)


def test_the_fake_drive_is_strict() -> None:
    """It refuses what Drive refuses: parameters and fields that are none, a drive without its
    switches, a page token of another query.
    """
    account = MINE.account()
    drive = account.put_drive("Team")
    for number in range(3):
        account.put_file(f"{number}.txt")
    team = account.put_file("t.txt", b"t", drive_id=drive)
    with FakeVendor.playing("drive", account, auth=False, page_cap=2) as vendor:

        def said(path: str) -> tuple[int, str]:
            try:
                return 200, ask(f"{vendor.base_url}/drive/v3{path}").decode()
            except urllib.error.HTTPError as problem:
                return problem.code, problem.read().decode()

        for path, status, words in (
            ("/files?pagesize=2", 400, "Unknown parameter"),
            ("/files?fields=files(id,nmae)", 400, "files/nmae"),
            ("/files?fields=files(id", 400, "fields"),
            ("/files?q=name", 400, '"q"'),
            (f"/files?corpora=drive&driveId={account.drives[drive]}", 403, "supportsAllDrives"),
            (f"/files/{team.node_id}", 404, "notFound"),
            (f"/files/{team.node_id}?supportsAllDrives=true", 200, "t.txt"),
            ("/changes", 400, "required"),
            ("/changes?pageToken=x", 400, "pageToken"),
            ("/about", 400, "fields"),
            ("/nowhere", 404, "notFound"),
        ):
            got, text = said(path)
            assert (got, words in text) == (status, True), (path, text)
        first = json.loads(said("/files?fields=nextPageToken,files/id")[1])
        assert [set(one) for one in first["files"]] == [{"id"}, {"id"}]
        token = first["nextPageToken"]
        assert len(json.loads(said(f"/files?pageToken={token}")[1])["files"]) == 1
        assert said(f"/files?pageToken={token}&q=trashed%3Dfalse")[0] == 400
        plain = json.loads(said("/files")[1])
        assert set(plain["files"][0]) == {"kind", "id", "name", "mimeType"}
