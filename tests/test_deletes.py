"""deletes: soft, hard or none; confirmed or at once; and the guard before too many of them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from filehaul.config import load_config
from filehaul.errors import ConfigError, GuardError, UsageError
from filehaul.look import plan
from filehaul.status import status
from filehaul.testing import FakeFile, FakeVendor, Fault
from hauling import config_for, haul, ledger_rows, rows_of, sync
from page_vendor import Question, numbers, vendor_of

pytestmark = pytest.mark.usefixtures("own_folder")

LIVE = "SELECT count(*) FROM acme_data.files WHERE deleted_at IS NULL"
GONE = "SELECT file_id FROM acme_data.files WHERE deleted_at IS NOT NULL ORDER BY 1"


def made(count: int) -> list[FakeFile]:
    """Files f0, f1 …"""
    return [FakeFile(f"f{n}", f"f{n}", content=b"x") for n in range(count)]


@pytest.fixture
def vendor() -> Iterator[FakeVendor]:
    """Sixty files."""
    with FakeVendor(made(60)) as running:
        yield running


def config(vendor: FakeVendor, **more: Any) -> dict[str, Any]:
    """A catalogue without content."""
    return config_for(vendor, content=None, **more)


def take_away(vendor: FakeVendor, *numbers: int) -> None:
    """The vendor loses these files."""
    for number in numbers:
        vendor.remove(f"f{number}")


def gone() -> list[str]:
    """The tombstones."""
    return [one for (one,) in rows_of(GONE)]


def live() -> int:
    """Rows that are no tombstones."""
    return int(rows_of(LIVE)[0][0])


# -- how ---------------------------------------------------------------------------------------


def test_hard_removes_the_row(vendor: FakeVendor) -> None:
    """The row goes, the others stay; it comes back with its file, and nothing is loaded twice."""
    hard = config(vendor, deletes="hard")
    sync(hard)
    kept = vendor.files["f7"]
    take_away(vendor, 7, 8)
    report = sync(hard)
    assert (report.deleted, report.exit_code) == (2, 0)
    assert rows_of("SELECT count(*) FROM acme_data.files") == [(58,)]
    assert sync(hard).rows == 0
    vendor.put(kept)
    assert sync(hard).rows == 1
    assert rows_of("SELECT count(*), count(deleted_at) FROM acme_data.files") == [(59, 0)]


def test_none_leaves_the_row_as_it_was(vendor: FakeVendor) -> None:
    """deletes: none: nothing is marked, and nothing is counted."""
    without = config(vendor, deletes="none")
    sync(without)
    take_away(vendor, 7)
    assert sync(without).deleted == 0
    assert (live(), gone()) == (60, [])
    assert ledger_rows("SELECT count(*) FROM files") == [(0,)]


def test_from_one_to_the_other_and_back(vendor: FakeVendor) -> None:
    """soft → hard removes the tombstones, hard → soft brings them back, none keeps what changed."""
    sync(config(vendor))
    take_away(vendor, 1)
    sync(config(vendor))
    assert gone() == ["f1"]
    sync(config(vendor, deletes="hard"))
    assert rows_of("SELECT count(*) FROM acme_data.files") == [(59,)]
    sync(config(vendor))
    assert (live(), gone()) == (59, ["f1"])
    vendor.put(FakeFile("f2", "f2", content=b"changed"))
    sync(config(vendor, deletes="none"))
    vendor.put(FakeFile("f2", "f2", content=b"x"))
    sync(config(vendor))
    assert rows_of("SELECT size FROM acme_data.files WHERE file_id = 'f2'") == [(1,)]


@pytest.mark.parametrize("disposition", ["append", "replace"])
def test_deletes_without_tombstones(vendor: FakeVendor, disposition: str) -> None:
    """append and replace have none: asking for them is an error, saying none is not."""
    with pytest.raises(ConfigError, match="has no rows of files that are gone"):
        load_config(config(vendor, write_disposition=disposition, deletes="soft"))
    load_config(config(vendor, write_disposition=disposition, deletes="none"))
    with pytest.raises(ConfigError, match="a history keeps every version"):
        load_config(config(vendor, sync_type="history", deletes="hard"))


# -- confirm -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("quick")
def test_a_file_that_is_missing_once_is_only_suspected(vendor: FakeVendor) -> None:
    """confirm: 2: one complete listing without it is not enough, nor is one that failed."""
    twice = config(vendor, deletes={"confirm": 2})
    sync(twice)
    take_away(vendor, 3)
    assert sync(twice).deleted == 0
    vendor.script("/v1/files", Fault.status(400))
    haul(twice)
    vendor.assert_all_fired()
    assert gone() == []
    kept = vendor.files["f4"]
    take_away(vendor, 4)
    assert sync(twice).deleted == 1
    assert gone() == ["f3"]
    vendor.put(kept)
    assert sync(twice).deleted == 0
    take_away(vendor, 4)
    assert sync(twice).deleted == 0, "it was seen in between"
    assert sync(twice).deleted == 1


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("paginator", "runs"),
    [
        ({"type": "page_number", "base_page": 1, "total_path": None}, 2),
        ({"type": "offset", "limit": 2, "total_path": None}, 1),
    ],
    ids=["page_number", "offset"],
)
def test_numbered_pages_are_confirmed(paginator: dict[str, Any], runs: int) -> None:
    """By default: 2 where pages are numbered and can shift unseen, 1 where they overlap."""
    rows = numbers(5)

    def answering(question: Question) -> Any:
        page = question.number("page", 1)
        start = question.number("offset", 2 * (page - 1))
        return {"files": rows[start : start + question.number("limit", 2)]}

    with vendor_of(answering) as vendor:
        endpoint = {"path": "/files", "data_selector": "files", "paginator": paginator}
        numbered = {
            "name": "acme",
            "client": {"base_url": vendor.url},
            "resources": [
                {
                    "name": "files",
                    "primary_key": "file_id",
                    "write_disposition": "merge",
                    "endpoint": endpoint,
                }
            ],
        }
        sync(numbered)
        del rows[2]
        found = [sync(numbered).deleted for _ in range(3)]
    assert found == [0] * (runs - 1) + [1] + [0] * (3 - runs)


# -- the guard ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("quick")
def test_so_many_may_always_go(vendor: FakeVendor) -> None:
    """Twenty of sixty: more than the share, but always allowed; then the share counts."""
    sync(config(vendor))
    take_away(vendor, *range(20))
    assert sync(config(vendor)).deleted == 20
    take_away(vendor, *range(20, 41))
    report = haul(config(vendor))
    assert (report.exit_code, report.deleted, live()) == (7, 0, 40)


@pytest.mark.usefixtures("quick")
def test_the_guard_withholds_tombstones_only(vendor: FakeVendor) -> None:
    """Rows and bytes are loaded, exit 7; each run says so, and nothing is marked."""
    content = {"path": "/v1/files/{file_id}/content"}
    guarded = config_for(vendor, content=content)
    sync(guarded)
    take_away(vendor, *range(30))
    vendor.put(FakeFile("new", "new", content=b"new"))
    for fetched in (1, 0):
        report = haul(guarded)
        assert (report.exit_code, report.deleted, report.transferred) == (7, 0, fetched)
        assert isinstance(report.error, GuardError)
        assert "30 of 61 files are no longer listed" in report.error.message
        assert "share 0.1" in report.error.message
    assert (live(), gone()) == (61, [])
    assert Path("files/new").read_bytes() == b"new"
    assert rows_of("SELECT count(*) FROM acme_data.files WHERE file_id = 'new'") == [(1,)]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"always_allow": 0, "share": "1%"}, "share 0.01"),
        ({"never_more_than": 4, "share": 1}, "never_more_than, 4"),
        ({"always_allow": 5, "never_more_than": 4}, "never_more_than, 4"),
    ],
)
def test_limits(vendor: FakeVendor, limits: dict[str, Any], message: str) -> None:
    """Each limit, and what it says; one file fewer passes."""
    limited = config(vendor, deletes={"max": limits})
    sync(limited)
    take_away(vendor, *range(5))
    report = haul(limited)
    assert report.exit_code == 7
    assert report.error is not None
    assert message in report.error.message
    assert sync(config(vendor, deletes={"max": {"always_allow": 5}})).deleted == 5


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("deletes", [{"max": {"share": 1}}, {"confirm": 2, "max": {"share": 1}}])
def test_a_listing_of_no_files_always_trips_it(vendor: FakeVendor, deletes: Any) -> None:
    """Whatever the limits; and the first listing of an empty vendor does not."""
    made_ = config(vendor, deletes=deletes)
    sync(made_)
    vendor.script("/v1/files", Fault.json({"files": [], "total": 0}))
    report = haul(made_)
    vendor.assert_all_fired()
    assert report.exit_code == 7
    assert report.error is not None
    assert "the listing had no file at all" in report.error.message
    assert sync(made_).exit_code == 0
    assert (live(), gone()) == (60, [])
    with FakeVendor() as empty:
        assert sync(config(empty, name="empty")).exit_code == 0


# -- accepting ---------------------------------------------------------------------------------


def guarded_id(report: Any) -> str:
    """The listing whose tombstones are withheld, from the command that the error names."""
    assert report.exit_code == 7
    text: str = report.error.hint
    return text.rpartition("accept_deletes=")[2].strip('")')


def test_what_is_accepted_goes(vendor: FakeVendor) -> None:
    """Exactly that listing's set, at that listing's time; more that is missing goes as ever."""
    sync(config(vendor))
    take_away(vendor, *range(30))
    listing = guarded_id(haul(config(vendor)))
    take_away(vendor, 59)
    report = sync(config(vendor), accept_deletes=listing)
    assert (report.exit_code, report.deleted) == (0, 31)
    assert set(gone()) == {f"f{n}" for n in (*range(30), 59)}
    [(at,)] = rows_of(f"SELECT started_at FROM acme_data.listings WHERE listing_id = '{listing}'")
    assert rows_of(
        "SELECT DISTINCT deleted_at FROM acme_data.files WHERE file_id IN ('f0', 'f29')"
    ) == [(at,)]
    assert sync(config(vendor)).deleted == 0


@pytest.mark.usefixtures("quick")
def test_an_older_listing_with_the_same_set_is_accepted(vendor: FakeVendor) -> None:
    """The guard tripped three times over the same files: any of the three ids will do."""
    sync(config(vendor))
    take_away(vendor, *range(30))
    listings = [guarded_id(haul(config(vendor))) for _ in range(3)]
    assert sync(config(vendor), accept_deletes=listings[0]).deleted == 30


@pytest.mark.usefixtures("quick")
def test_what_does_not_fit_any_longer_is_refused(vendor: FakeVendor) -> None:
    """One of the files is listed again: nothing of the set goes, exit 7, and it is said."""
    sync(config(vendor))
    back = vendor.files["f5"]
    take_away(vendor, *range(30))
    listing = guarded_id(haul(config(vendor)))
    vendor.put(back)
    report = haul(config(vendor), accept_deletes=listing)
    assert (report.exit_code, report.deleted, gone()) == (7, 0, [])
    assert "were 30; of these 29 are still missing" in str(report.error)
    newer = ledger_rows(
        "SELECT listing_id FROM withheld w JOIN listings l ON l.number = w.listing"
        " ORDER BY number DESC LIMIT 1"
    )[0][0]
    assert sync(config(vendor), accept_deletes=newer).deleted == 29


@pytest.mark.usefixtures("quick")
def test_an_id_that_says_nothing(vendor: FakeVendor) -> None:
    """No such listing, or none that was withheld: exit 2 before the vendor is asked."""
    sync(config(vendor))
    vendor.clear_requests()
    with pytest.raises(UsageError, match="no deletes are withheld after a listing 'none'"):
        sync(config(vendor), accept_deletes="none")
    assert vendor.requests == []


@pytest.mark.usefixtures("quick")
def test_acceptance_of_one_resource_is_not_another_s(vendor: FakeVendor) -> None:
    """Two resources trip it: the accepted one goes, the other stays withheld."""
    two = config(vendor)
    two["resources"].append({**two["resources"][0], "name": "others"})
    sync(two)
    take_away(vendor, *range(30))
    listing = guarded_id(haul(two))
    report = haul(two, accept_deletes=listing)
    assert report.exit_code == 7
    counts = {name: one.deleted for name, one in report.resources.items()}
    assert sorted(counts.values()) == [0, 30]
    [name] = [name for name, count in counts.items() if count]
    assert rows_of(f"SELECT count(deleted_at) FROM acme_data.{name}") == [(30,)]


def test_the_command_that_the_error_names_works(vendor: FakeVendor) -> None:
    """Exit 7 names a command; run as it stands, it accepts, with exit 0."""
    Path("my config.yaml").write_text(yaml.safe_dump(config(vendor)))
    run = [sys.executable, "-m", "filehaul"]
    assert subprocess.run([*run, "sync", "my config.yaml"], check=False).returncode == 0
    take_away(vendor, *range(30))
    failed = subprocess.run(
        [*run, "sync", "--json", "my config.yaml"], capture_output=True, text=True, check=False
    )
    assert failed.returncode == 7
    told = json.loads(failed.stdout.splitlines()[-1])["error"]
    assert (told["kind"], told["temporary"]) == ("guard", False)
    command = told["hint"].rpartition(": ")[2]
    assert command.startswith("filehaul sync 'my config.yaml' --accept-deletes ")
    done = subprocess.run(
        f"{sys.executable} -m {command}", shell=True, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "30 deleted" in done.stdout


@pytest.mark.usefixtures("quick")
def test_plan_and_status_tell_of_deletes(vendor: FakeVendor) -> None:
    """plan: what would become a tombstone, and what would be withheld; status: what is."""
    sync(config(vendor))
    take_away(vendor, 3)
    assert [(one.action, one.reason, one.file_id) for one in plan(config(vendor))] == [
        ("tombstone", "not_listed", "f3")
    ]
    assert sync(config(vendor)).deleted == 1, "a plan changes nothing"
    take_away(vendor, *range(10, 40))
    [withheld] = plan(config(vendor))
    assert withheld.action == "withhold"
    assert "30 of 59 files" in withheld.reason
    assert status(config(vendor))["withheld"] == []
    listing = guarded_id(haul(config(vendor)))
    found = status(config(vendor))
    assert found["withheld"] == [{"listing_id": listing, "resource": "files", "files": 30}]
    assert found["resources"] == {"files": {"sync_type": "snapshot", "deletes": "soft"}}
