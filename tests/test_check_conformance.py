"""``filehaul check --conformance``: what no page shows by itself, against a running vendor."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from filehaul.check import conformance
from filehaul.cli.verbs import app
from filehaul.testing import Account, FakeFile, FakeVendor, Fault
from filehaul.testing.plays import new_id_of
from hauling import config_for

Said = dict[str, tuple[str, str]]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def files(count: int = 60) -> list[FakeFile]:
    """Files of more than two pages."""
    return [FakeFile(f"f{n}", f"{n}.txt", content=f"file {n}".encode()) for n in range(count)]


FIELDS = {
    "file_id": "file_id",
    "file_name": "file_name",
    "size": "size",
    "modified_at": "modified_at",
    "checksum": {"sha256": "sha256"},
}


def said(vendor: FakeVendor, **more: Any) -> Said:
    """Each thing that was looked at, and what came of it."""
    made = config_for(vendor, **{"fields": FIELDS, **more})
    return {one.what: (one.outcome, one.text) for one in conformance(made)}


def test_a_vendor_that_does_what_the_config_says() -> None:
    """All is looked at with few requests, nothing is written; what there is not has a reason."""
    with FakeVendor(files()) as vendor:
        found = said(vendor)
        assert {what: outcome for what, (outcome, _) in found.items()} == {
            "files: pages": "passed",
            "files: keys": "passed",
            "files: page after page": "passed",
            "files: the same twice": "passed",
            "files: total": "passed",
            "files: values": "passed",
            "files: change feed": "not applicable",
            "files: bytes of a file": "passed",
            "files: a part of it": "passed",
            "credentials: a wrong token": "passed",
        }
        assert found["files: bytes of a file"][1] == "0.txt: 6 bytes, as the record says by sha256"
        assert vendor.count("/v1/files/*/content") == 2
        assert vendor.request_count < 20
    assert sorted(Path().iterdir()) == []


def test_pages_that_repeat() -> None:
    """A vendor whose pages are all the first one: that is the one line there is, and it says so."""
    with FakeVendor(files(), record_shape=lambda record: {**record, "file_id": "one"}) as vendor:
        found = said(vendor)
        assert found["files: pages"][0] == "failed"
        assert "repeats" in found["files: pages"][1]
        assert set(found) == {"files: pages", "credentials: a wrong token"}


BROKEN: dict[str, tuple[str, dict[str, Any], dict[str, Any], str]] = {
    "a wrong checksum": (
        "files: bytes of a file",
        {"record_shape": lambda record: {**record, "sha256": "0" * 64}},
        {},
        "the record says 000000",
    ),
    "a wrong size": (
        "files: bytes of a file",
        {"record_shape": lambda record: {**record, "size": record["size"] + 1}},
        {},
        "the record says 7",
    ),
    "any token will do": (
        "credentials: a wrong token",
        {"auth": False},
        {},
        "as good",
    ),
    "a size that is text": (
        "files: values",
        {"record_shape": lambda record: {**record, "size": "many"}},
        {},
        "size is many",
    ),
    "a record without a key": (
        "files: keys",
        {"record_shape": lambda one: {**one, "file_id": None} if one["size"] == 7 else one},
        {},
        "no usable key",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_not_so_is_said(what: str) -> None:
    """Each thing that a vendor does otherwise is one line that failed; the others still pass."""
    name, options, more, words = BROKEN[what]
    with FakeVendor(files(), **options) as vendor:
        found = said(vendor, **more)
        outcome, text = found[name]
        assert outcome == "failed"
        assert words in text
        assert found["files: pages"][0] == "passed"


def test_an_order_that_changes() -> None:
    """A first page that is another one at each asking is said; one that changed once is not."""
    with FakeVendor(files(30), total=False) as vendor:
        vendor.script("GET /v1/files?*offset=0*", Fault.latency(0), *_others(vendor, 1))
        assert said(vendor)["files: the same twice"][0] == "passed"
        vendor.script("GET /v1/files?*offset=0*", Fault.latency(0), *_others(vendor, 2))
        assert said(vendor)["files: the same twice"][0] == "failed"


def _others(vendor: FakeVendor, times: int) -> list[Fault]:
    """So often, the first file goes before the page is told."""
    return [Fault.meanwhile(lambda: vendor.remove(next(iter(vendor.files))))] * times


def test_a_vendor_without_parts_and_with_small_pages() -> None:
    """What a vendor does not have is not applicable, and no failure."""
    with FakeVendor(files(3), ranges=False, total=False) as vendor:
        found = said(vendor, content={"path": "/v1/files/{file_id}/content"})
        assert found["files: a part of it"] == (
            "not applicable",
            "the vendor gives whole files only",
        )
        assert found["files: total"] == ("not applicable", "the vendor gives none")
        assert found["files: page after page"] == ("not applicable", "there is one page")
    with FakeVendor([]) as vendor:
        found = said(vendor, content=None)
        assert found["files: pages"][0] == "passed"
        assert set(found) == {"files: pages", "credentials: a wrong token"}


def test_a_feed_a_tree_and_a_preset() -> None:
    """Google Drive by its preset: the feed's token is had and taken, and documents are no files."""
    account = Account(new_id=new_id_of("drive"))
    account.put_document("doc", {"text/plain": b"x"})
    for number in range(30):
        account.put_file(f"A/{number}.txt", b"x" * (number + 1))
    with FakeVendor.playing("drive", account, page_cap=10) as vendor:
        made = {
            "name": "acme",
            "vendor": "google_drive",
            "client": {
                "base_url": f"{vendor.base_url}/drive/v3",
                "auth": {"type": "bearer", "token": vendor.token()},
            },
            "sink": "files",
        }
        found = {one.what: one.outcome for one in conformance(made)}
        assert found.pop("files: total") == "not applicable"
        assert set(found.values()) == {"passed"}
        assert len(found) == 9
        vendor.script("/drive/v3/changes", Fault.status(400, "no"))
        assert {one.what for one in conformance(made) if one.outcome == "failed"} == {
            "files: change feed"
        }


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["check", "--conformance", *arguments])


def test_the_table_and_the_exit_code() -> None:
    """A line each, a sum, exit 8 where one failed and 6 where the vendor is down; as JSON too."""
    with FakeVendor(files()) as vendor:
        Path("acme.yaml").write_text(json.dumps(config_for(vendor, fields=FIELDS)), "utf-8")
        result = run("acme.yaml")
        assert result.exit_code == 0, result.output
        assert "passed          files: bytes of a file: 0.txt: 6 bytes" in result.stdout
        assert result.stdout.splitlines()[-1] == "10 checked: 9 passed, 1 not applicable"
        vendor.script("/v1/files/*/content", Fault.wrong_body())
        result = run("acme.yaml", "--json")
        assert result.exit_code == 8
        rows = [json.loads(line) for line in result.stdout.splitlines()]
        assert rows[-1] == {
            **{"event": "done", "checked": 10, "passed": 8, "failed": 1},
            **{"not_applicable": 1, "exit_code": 8},
        }
        (failed,) = [row for row in rows if row.get("outcome") == "failed"]
        assert failed["error"]["hint"].startswith("fields.checksum")
        vendor.script("/v1/files", Fault.status(503), times=Fault.always)
        assert run("acme.yaml").exit_code == 6


def test_a_listing_that_is_a_feed() -> None:
    """Microsoft's delta repeats what changed: that is no failure of its pages."""
    account = Account(new_id=new_id_of("graph"))
    for number in range(5):
        account.put_file(f"A/{number}.txt", b"x" * (number + 1))
    settings = {"repeats": True}
    options: Any = {"page_cap": 2, "second_origin": True}
    with FakeVendor.playing("graph", account, settings, **options) as vendor:
        made = {
            "name": "acme",
            "vendor": {"name": "onedrive", "tenant": "consumers", "drive": "me/drive"},
            "client": {
                "base_url": f"{vendor.base_url}/v1.0",
                "auth": {"type": "bearer", "token": vendor.token()},
            },
            "sink": "files",
        }
        found = {one.what: (one.outcome, one.text) for one in conformance(made)}
    assert found["files: page after page"][1] == "the listing is a feed, which may repeat itself"
    assert found["files: change feed"][0] == "not applicable"
    assert {what.partition(":")[0] for what in found} == {"files", "credentials"}
    assert {outcome for outcome, _ in found.values()} == {"passed", "not applicable"}, found
