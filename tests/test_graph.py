"""OneDrive and SharePoint: the presets over a fake Graph, where Graph is as no other vendor."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from filehaul.check import check
from filehaul.cli.verbs import app
from filehaul.testing import Account, FakeVendor, Fault
from graphs import config_of, new_account, playing
from hauling import haul, ledger_rows, numbers, receipt_of, sink_files

Rows = Callable[[], dict[str, dict[str, Any]]]
IN_MEMORY = pytest.mark.usefixtures("rows")
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
pytestmark = pytest.mark.usefixtures("own_folder")


@pytest.fixture
def account() -> Account:
    """Three folders, one in another, with a file each; a notebook, and what somebody shared."""
    made = new_account()
    made.put_file("Reports/2026/May.pdf", b"may" * 50)
    made.put_file("Reports/all.txt", b"all" * 50)
    made.put_file("Our plans/next.txt", b"next" * 50)
    made.put_file("top.txt", b"top" * 50)
    made.put_document("Notes", {})
    made.put_shortcut("Shared", "01ELSEWHERE")
    return made


def asked(vendor: FakeVendor, part: str) -> list[Any]:
    return [one for one in vendor.requests if part in one.path]


def test_the_first_sync(account: Account, rows: Rows) -> None:
    """All kinds are rows, with paths from parents; the bytes of files come from a host that gets
    no Authorization, each verified by its QuickXorHash.
    """
    with playing(account) as vendor:
        report = haul(config_of(vendor))
    assert (report.exit_code, *numbers(report)) == (0, 4, 0, 0, 0)
    kinds = {path: row["kind"] for path, row in rows().items()}
    assert kinds == {
        **{"Reports": "folder", "Reports/2026": "folder", "Our plans": "folder", "Notes": "other"},
        **{"Reports/2026/May.pdf": "file", "Reports/all.txt": "file", "Our plans/next.txt": "file"},
        **{"top.txt": "file", "Shared": "shortcut"},
    }
    may = rows()["Reports/2026/May.pdf"]
    assert (may["size"], may["mime_type"], may["checksum_algorithm"], len(may["checksum"])) == (
        *(150, "application/pdf", "quickxor", 40),
    )
    assert (may["drive_id"], may["parent_id"]) == (
        account.drive_id,
        account.find("Reports/2026").node_id,
    )
    assert sink_files()["Reports/2026/May.pdf"] == b"may" * 50
    assert receipt_of(may["file_id"])["verified_by"] == "quickxor"
    assert all("authorization" not in one.headers for one in asked(vendor, "/signed/"))
    assert len(asked(vendor, "/content")) == len(asked(vendor, "/signed/")) == 4


def test_no_signed_address_stays(account: Account, tmp_path: Path) -> None:
    """Neither ledger, tables, receipts nor sink have a `tempauth`; records, errors and links do."""
    more = {"endpoint": {"params": {"$select": None}}, "raw": True}
    with playing(account) as vendor:
        vendor.script("/signed/*", Fault.status(503), Fault.status(403))
        report = haul(config_of(vendor, files=more, destination="duckdb"))
        vendor.assert_all_fired()
    assert (report.exit_code, report.transferred, report.failed) == (3, 3, 1)
    found = [
        Path(folder) / name
        for folder, _, names in os.walk(tmp_path)
        for name in names
        if b"tempauth" in (Path(folder) / name).read_bytes()
    ]
    assert found == []


def test_the_next_syncs_ask_the_feed(account: Account, rows: Rows) -> None:
    """One request where nothing happened; then what is told, of what is gone without its name."""
    with playing(account) as vendor:
        config = config_of(vendor)
        haul(config)
        vendor.clear_requests()
        assert numbers(haul(config)) == (0, 4, 0, 0)
        assert len(asked(vendor, "/delta")) == len(asked(vendor, "/drive")) == 1
        account.remove(account.find("top.txt").node_id)
        account.change(account.find("Reports/all.txt").node_id, b"other")
        account.put_file("Our plans/new.txt", b"new")
        vendor.clear_requests()
        report = haul(config)
    assert (report.transferred, report.deleted) == (2, 1)
    assert all("token" in one.query for one in asked(vendor, "/delta"))
    assert rows()["+top.txt"]["delete_reason"] == "removed"
    assert sink_files()["Reports/all.txt"] == b"other"


@pytest.mark.parametrize("repeats", [False, True])
def test_a_renamed_folder_takes_its_files_along(
    repeats: bool, account: Account, rows: Rows
) -> None:
    """The feed tells of the folder alone: its files' rows and bytes follow, none is fetched again,
    and the token goes on.
    """
    with playing(account, repeats=repeats) as vendor:
        config = config_of(vendor)
        haul(config)
        account.rename(account.find("Reports").node_id, "Berichte")
        account.move(account.find("Our plans").node_id, account.find("Berichte/2026").node_id)
        vendor.clear_requests()
        report = haul(config)
        assert (report.exit_code, report.transferred, report.deleted) == (0, 0, 0)
        assert asked(vendor, "/content") == []
        vendor.clear_requests()
        haul(config)
        assert len(asked(vendor, "/delta")) == 1
    paths = {path for path, row in rows().items() if row["kind"] == "file"}
    expected = {"Berichte/2026/May.pdf", "Berichte/all.txt", "Berichte/2026/Our plans/next.txt"}
    assert paths == {*expected, "top.txt"}
    assert set(sink_files()) == paths


@IN_MEMORY
def test_a_change_below_a_folder_is_no_move(account: Account) -> None:
    """Graph tells of the folders above each change too: that lists nothing once more."""
    with playing(account) as vendor:
        config = config_of(vendor)
        haul(config)
        account.change(account.find("Reports/2026/May.pdf").node_id, b"june")
        vendor.clear_requests()
        assert haul(config).transferred == 1
    [feed] = asked(vendor, "/delta")
    assert "token" in feed.query


def test_gone(account: Account, rows: Rows) -> None:
    """410: everything is listed anew; what is missing then is a tombstone, and by nothing that the
    expired feed could have told.
    """
    with playing(account) as vendor:
        config = config_of(vendor)
        haul(config)
        account.remove(account.find("top.txt").node_id)
        account.put_file("later.txt", b"later")
        vendor.expire_changes()
        vendor.clear_requests()
        report = haul(config)
        assert [one.status for one in asked(vendor, "/delta")] == [410, 200, 200]
        vendor.clear_requests()
        haul(config)
        assert [one.status for one in asked(vendor, "/delta")] == [200]
    assert (report.exit_code, report.transferred, report.deleted) == (0, 1, 1)
    assert rows()["+top.txt"]["delete_reason"] == "not_listed"
    [(how,)] = ledger_rows("SELECT how FROM listings ORDER BY number DESC LIMIT 1 OFFSET 1")
    assert "token had expired" in how


def lying(account: Account) -> None:
    """An Office file whose record has neither the size nor the checksum of what comes."""
    hashes = {"quickXorHash": "AAAAAAAAAAAAAAAAAAAAAAAAAAA="}
    facet = {"size": 7, "file": {"mimeType": DOCX, "hashes": hashes}}
    account.put_file("Report.docx", b"PK rewritten", mime_type=DOCX, extra=facet)


def test_a_notebook(account: Account, rows: Rows) -> None:
    """A package has no bytes and is no folder; what is in it is there, below its name."""
    package = {"folder": ..., "package": {"type": "oneNote"}}
    book = account.put_folder("Reports/Work", extra=package)
    account.put_file("Monday.one", b"monday", parent=book.node_id)
    with playing(account) as vendor:
        config = config_of(vendor)
        assert haul(config).transferred == 5
        account.rename(book.node_id, "Home")
        haul(config)
    assert rows()["Reports/Home"]["kind"] == "other"
    assert rows()["Reports/Home/Monday.one"]["kind"] == "file"
    assert sink_files()["Reports/Home/Monday.one"] == b"monday"


@IN_MEMORY
def test_office_files_in_sharepoint(account: Account) -> None:
    """What SharePoint rewrote is taken as it comes, and said so; all else stays verified."""
    lying(account)
    with playing(account, drive_type="documentLibrary") as vendor:
        report = haul(config_of(vendor, "sharepoint"))
    assert (report.exit_code, report.transferred) == (0, 5)
    assert receipt_of(account.find("Report.docx").node_id)["verified_by"] == "none"
    assert receipt_of(account.find("top.txt").node_id)["verified_by"] == "quickxor"


@IN_MEMORY
def test_the_same_in_onedrive(account: Account) -> None:
    """Elsewhere a file that is not what its record says has failed."""
    lying(account)
    with playing(account) as vendor:
        report = haul(config_of(vendor))
    assert (report.exit_code, report.transferred, report.failed) == (3, 4, 1)
    assert "quickxor" in receipt_of(account.find("Report.docx").node_id)["error"]


@IN_MEMORY
def test_malware(account: Account) -> None:
    """Bytes that are refused, and a page in a file's place, are failed files; the others come."""
    refused = account.find("top.txt").node_id
    html = account.find("Our plans/next.txt").node_id
    with playing(account) as vendor:
        vendor.script(f"*/{refused}/content", Fault.status(403), times=Fault.always)
        vendor.script(f"/signed/{html}", Fault.html(), times=Fault.always)
        report = haul(config_of(vendor))
        vendor.assert_all_fired()
    assert (report.exit_code, report.transferred, report.failed) == (3, 2, 2)
    assert "403" in receipt_of(refused)["error"]
    assert "HTML" in receipt_of(html)["error"]


def test_an_archived_site(account: Account, rows: Rows) -> None:
    """423 stands at once, with Graph's words; nothing that was there is taken for gone."""
    with playing(account) as vendor:
        config = config_of(vendor, "sharepoint")
        haul(config)
        vendor.script("*/delta", Fault.status(423), times=Fault.always)
        vendor.clear_requests()
        report = haul(config)
        assert len(asked(vendor, "/delta")) == 1
    assert (report.exit_code, report.deleted) == (8, 0)
    assert "423" in str(report.error)
    assert not any(path.startswith("+") for path in rows())


@IN_MEMORY
def test_a_range_goes_to_the_address_of_the_bytes(account: Account) -> None:
    """After a cut body the address is asked for anew, and the Range is answered there."""
    big = account.put_file("big.bin", os.urandom(3 << 20))
    with playing(account) as vendor:
        vendor.script(f"/signed/{big.node_id}", Fault.cut(2 << 20))
        report = haul(config_of(vendor))
        vendor.assert_all_fired()
        ways = asked(vendor, f"{big.node_id}/content")
        signed = asked(vendor, f"/signed/{big.node_id}")
    assert (report.exit_code, report.failed) == (0, 0)
    assert [one.status for one in signed] == [200, 206]
    assert len(ways) == 2
    assert signed[0].target != signed[1].target
    assert sink_files()["big.bin"] == big.content


SITES = [
    "groups/sales/drive",
    "sites/contoso.sharepoint.com:/sites/team:/drive",
    "sites/contoso.sharepoint.com,2C712604,2D2244C3/drive",
]


@pytest.mark.parametrize("drive", SITES)
@IN_MEMORY
def test_addresses_of_libraries(drive: str, account: Account) -> None:
    """A library by its group or its site, by path or by id: listing and content are below it."""
    with playing(account) as vendor:
        report = haul(config_of(vendor, "sharepoint", drive=drive))
        assert {one.status for one in vendor.requests} == {200, 302}
    assert (report.exit_code, report.transferred) == (0, 4)


@IN_MEMORY
def test_another_library(account: Account) -> None:
    """drives/ID: that drive and no other."""
    library = account.put_drive("Archive")
    account.put_file("old/a.txt", b"old", drive_id=library)
    with playing(account) as vendor:
        haul(config_of(vendor, "sharepoint", drive=f"drives/{library}"))
    assert sink_files() == {"old/a.txt": b"old"}


BELOW = {
    "root:/Reports:": {"2026/May.pdf", "all.txt"},
    "root:/Reports/2026:": {"May.pdf"},
    "root:/Our plans:": {"next.txt"},
}


@IN_MEMORY
@pytest.mark.parametrize("folder", [*BELOW, "items", "root"])
def test_a_folder_alone(folder: str, account: Account) -> None:
    """by_folder: one folder and all below it, by children, by its path or id; paths begin there."""
    expected = BELOW.get(folder, BELOW["root:/Reports:"])
    if folder == "items":
        folder = f"items/{account.find('Reports').node_id}"
    elif folder == "root":
        expected = {"Reports/2026/May.pdf", "Reports/all.txt", "Our plans/next.txt", "top.txt"}
    with playing(account) as vendor:
        config = config_of(vendor, files={"selected": False})
        config["vendor"]["folder"] = folder
        config["resources"].append({"name": "by_folder", "selected": True})
        report = haul(config)
        assert asked(vendor, "/delta") == []
    assert (report.exit_code, report.transferred) == (0, len(expected))
    assert set(sink_files()) == expected


@pytest.mark.parametrize("names", [["empty.txt"], ["empty.txt", "full.txt"]])
def test_check(names: list[str]) -> None:
    """A sound drive has nothing odd in it but sizes that are all 0, and bytes that can be had: also
    where its first file, or each, is empty.
    """
    account = new_account()
    for name in names:
        account.put_file(f"a/{name}", b"" if name.startswith("empty") else b"full")
    with playing(account) as vendor:
        found = list(check(config_of(vendor)))
    odd = [one.text for one in found if one.error or one.is_suspicious]
    assert odd == (["suspicious: all 3 sizes are 0"] if len(names) == 1 else [])
    [content] = [one.text for one in found if one.what == "content files"]
    assert content.startswith(f"reachable ({names[-1]}); verified by quickxor")


def test_the_libraries_of_a_site(account: Account) -> None:
    """Resource drives, which is off: their ids and names, with nothing but filehaul."""
    account.put_drive("Archive", "b!archive")
    with playing(account) as vendor:
        config = config_of(vendor, "sharepoint", drive=SITES[1], files={"selected": False})
        config["resources"].append({"name": "drives", "selected": True})
        Path("acme.yaml").write_text(yaml.safe_dump(config))
        told = CliRunner().invoke(app, ["ls", "--json", "acme.yaml"])
    rows = [json.loads(line) for line in told.stdout.splitlines()]
    assert {(row["file_id"], row["name"]) for row in rows} >= {("b!archive", "Archive")}
