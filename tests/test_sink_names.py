"""Names as vendors really give them, end to end: nothing is lost, nothing leaves the sink."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from filehaul.names import original_path
from filehaul.report import Report
from filehaul.testing import FakeFile, FakeVendor, Fault
from hauling import (
    config_for,
    contents,
    haul,
    ledger_rows,
    names_in,
    numbers,
    receipt_of,
    sink_files,
)

pytestmark = pytest.mark.usefixtures("inner_folder", "no_destination")


def named(*paths: str | None) -> list[FakeFile]:
    """Files ``f0``, ``f1`` … with these paths."""
    return [
        FakeFile(f"f{n}", (path or "").rpartition("/")[2] or "n", path=path, content=b"#%d" % n)
        for n, path in enumerate(paths)
    ]


def at(file_id: str) -> str:
    """Where the ledger says a file is."""
    return str(receipt_of(file_id)["target"])


def all_there(vendor: FakeVendor) -> None:
    """Each file's bytes are at its receipt's path, and nothing else is in the sink."""
    found = sink_files()
    assert {at(one): file.content for one, file in vendor.files.items()} == found


HOSTILE = [
    "../x",
    "../../outside/x",
    "/etc/passwd",
    "a/../../x",
    "./.",
    "..",
    "",
    "/",
    "C:\\Windows\\win.ini",
    "C:",
    "a\x00b",
    "aux.txt",
    "NUL",
    "deep/con/x.txt",
    "exe\u202efdp.txt",
    "n" * 300 + ".pdf",
    "long/" * 80 + "x.txt",
    "a",
    "A",
    "cafe\u0301.txt",
    "caf\u00e9.txt",
    "trailing. ",
    ".filehaul/sink",
    ".filehaul",
    "~empty",
    "new\nline",
    "-rf",
    "a\u200bb",
    "%2e%2e/x",
    "\U0001f600.txt",
]


def test_hostile_names_end_to_end(tmp_path: Path) -> None:
    """Thirty hostile paths: each file in the sink under a name of its own, none outside."""
    with FakeVendor(named(*HOSTILE)) as vendor:
        report = haul(config_for(vendor))
        assert numbers(report) == (len(HOSTILE), 0, 0, 0)
        all_there(vendor)
        assert numbers(haul(config_for(vendor))) == (0, len(HOSTILE), 0, 0)
        folded = {path.lower() for path in sink_files()}
        assert len(folded) == len(HOSTILE)
        for file_id, file in vendor.files.items():
            name = original_path(at(file_id)).rpartition("/")[2]
            if file.path and len(file.path) < 200 and not file.path.endswith(("/", ".")):
                assert name == file.path.rpartition("/")[2].replace("\0", "\ufffd")
    assert names_in(tmp_path / "outside") == ["home", "x"]
    assert (tmp_path / "outside" / "x").read_text() == "not ours"
    assert names_in() == [".filehaul", "files"]


def test_a_name_with_slashes_where_there_is_no_path() -> None:
    """Without a path the name is one segment, whatever is in it."""
    made = [FakeFile("f0", "2024/05/report.pdf", path=None, content=b"x")]
    with FakeVendor(made) as vendor:
        assert numbers(haul(config_for(vendor))) == (1, 0, 0, 0)
    assert list(sink_files()) == ["2024%2F05%2Freport.pdf"]


def test_layout_by_id() -> None:
    """by_id: the vendor's name decides the extension only, a rename moves nothing."""
    content = {"path": "/v1/files/{file_id}/content", "layout": "by_id"}
    with FakeVendor(named("../x.PDF", "b.txt")) as vendor:
        assert numbers(haul(config_for(vendor, content=content))) == (2, 0, 0, 0)
        all_there(vendor)
        assert all(path.count("/") == 2 for path in sink_files())
        vendor.put(FakeFile("f1", "c.txt", content=b"#1"))
        assert numbers(haul(config_for(vendor, content=content))) == (0, 2, 0, 0)
        all_there(vendor)


def test_two_files_of_one_path() -> None:
    """Both are kept; the first has the name, the other one with a mark; and it stays so."""
    with FakeVendor(named("dup.txt", "dup.txt", "DUP.txt")) as vendor:
        assert numbers(haul(config_for(vendor))) == (3, 0, 0, 0)
        all_there(vendor)
        where = [at(f"f{n}") for n in range(3)]
        assert where[0] == "dup.txt"
        assert len({path.lower() for path in where}) == 3
        vendor.put(FakeFile("f0", "dup.txt", content=b"changed"))
        assert numbers(haul(config_for(vendor))) == (1, 2, 0, 0)
        assert [at(f"f{n}") for n in range(3)] == where
        all_there(vendor)


NESTED = [
    ("a", "a/b"),
    ("a/b", "a"),
    ("a", "a/b", "a/b/c", "a/b/c/d"),
    ("a/b/c/d", "a/b/c", "a/b", "a"),
    ("A", "a/b", "a/B/c"),
]


@pytest.mark.parametrize("paths", NESTED, ids="|".join)
def test_a_file_and_a_folder_of_one_name(paths: tuple[str, ...]) -> None:
    """In one listing, in either order, four deep: all arrive, and the next run moves nothing."""
    with FakeVendor(named(*paths)) as vendor:
        assert numbers(haul(config_for(vendor))) == (len(paths), 0, 0, 0)
        all_there(vendor)
        assert numbers(haul(config_for(vendor))) == (0, len(paths), 0, 0)


@pytest.mark.parametrize("paths", NESTED[:4], ids="|".join)
def test_a_file_and_a_folder_of_one_name_one_after_the_other(paths: tuple[str, ...]) -> None:
    """One new file a run: the same, and who had the name keeps it."""
    with FakeVendor() as vendor:
        for number, file in enumerate(named(*paths)):
            vendor.put(file)
            assert numbers(haul(config_for(vendor))) == (1, number, 0, 0)
            all_there(vendor)
        assert at("f0") == paths[0]


def test_a_file_becomes_a_folder() -> None:
    """The file is deleted and a folder of its name appears: the new file arrives at once."""
    with FakeVendor(named("a")) as vendor:
        haul(config_for(vendor))
        vendor.remove("f0")
        vendor.put(FakeFile("g", "b", path="a/b", content=b"inside"))
        assert numbers(haul(config_for(vendor))) == (1, 0, 0, 0)
        assert sink_files()[at("g")] == b"inside"
        assert sink_files()["a"] == b"#0"


# -- paths that change -------------------------------------------------------------------------


def moved(vendor: FakeVendor, **paths: str) -> None:
    """The same files at other paths."""
    for file_id, path in paths.items():
        vendor.put(FakeFile(file_id, path.rpartition("/")[2], path, vendor.files[file_id].content))


def rename(before: tuple[str, ...], after: dict[str, str]) -> tuple[Report, int, dict[str, bytes]]:
    """Sync, rename at the vendor's, sync: the second report, its content requests, the sink."""
    with FakeVendor(named(*before)) as vendor:
        haul(config_for(vendor))
        asked = contents(vendor)
        moved(vendor, **after)
        report = haul(config_for(vendor))
        all_there(vendor)
        found = sink_files()
        again = haul(config_for(vendor))
        assert numbers(again) == (0, len(before), 0, 0)
        return report, contents(vendor) - asked, found


def test_a_rename_is_not_a_fetch() -> None:
    """Another path, the same bytes: renamed in the sink, empty folders go, nothing is asked."""
    report, asked, found = rename(
        ("old/deep/a.txt", "b.txt"), {"f0": "new/a.txt", "f1": "sub/c.txt"}
    )
    assert numbers(report) == (0, 2, 0, 0)
    assert asked == 0
    assert found == {"new/a.txt": b"#0", "sub/c.txt": b"#1"}
    assert names_in("files") == [".filehaul", "new", "sub"]


def test_a_folder_is_renamed_with_all_its_files() -> None:
    """1,200 files get another folder (more than two batches): no request, all there."""
    before = tuple(f"one/{n}.txt" for n in range(1200))
    report, asked, found = rename(before, {f"f{n}": f"two/{n}.txt" for n in range(1200)})
    assert (numbers(report), asked) == ((0, 1200, 0, 0), 0)
    assert set(found) == {f"two/{n}.txt" for n in range(1200)}


@pytest.mark.parametrize("reverse", [False, True])
def test_a_chain_of_renames(reverse: bool) -> None:
    """log.1 becomes log.2, log.2 log.3 …, 700 of them: nothing is fetched, none is overwritten."""
    ids = [f"f{n}" for n in range(700)]
    before = tuple(f"log.{n}" for n in (reversed(range(700)) if reverse else range(700)))
    after = {one: f"log.{int(path[4:]) + 1}" for one, path in zip(ids, before)}
    report, asked, found = rename(before, after)
    assert (numbers(report), asked) == ((0, 700, 0, 0), 0)
    assert set(found) == {f"log.{n}" for n in range(1, 701)}


def test_a_new_file_takes_the_first_name_of_a_chain() -> None:
    """The log rotates and a new one begins: one request, and it is the new file's."""
    with FakeVendor(named("log.0", "log.1", "log.2")) as vendor:
        haul(config_for(vendor))
        moved(vendor, f0="log.1", f1="log.2", f2="log.3")
        vendor.put(FakeFile("a-new", "log.0", content=b"fresh"))  # its key comes first
        vendor.clear_requests()
        assert numbers(haul(config_for(vendor))) == (1, 3, 0, 0)
        assert contents(vendor) == vendor.count("/v1/files/a-new/content") == 1
        all_there(vendor)
        assert set(sink_files()) == {"log.0", "log.1", "log.2", "log.3"}


def test_two_files_swap_their_paths() -> None:
    """Each gets the other's name: both right, at most one fetched."""
    report, asked, found = rename(("a", "b"), {"f0": "b", "f1": "a"})
    assert found == {"a": b"#1", "b": b"#0"}
    assert asked == report.transferred == 1


def test_rings_and_chains_into_rings() -> None:
    """Five in a ring, and two that wait for one of them: all right, one fetched."""
    before = ("r0", "r1", "r2", "r3", "r4", "x", "y")
    ring = {f"f{n}": f"r{(n + 1) % 5}" for n in range(5)}
    report, asked, found = rename(before, {**ring, "f5": "z", "f6": "x"})
    assert found == {
        **{f"r{(n + 1) % 5}": b"#%d" % n for n in range(5)},
        "z": b"#5",
        "x": b"#6",
    }
    assert asked == report.transferred == 1


def test_a_path_and_the_content_change() -> None:
    """New bytes at a new path: fetched, and the old path goes once they are there."""
    with FakeVendor(named("old/a.txt", "b.txt")) as vendor:
        haul(config_for(vendor))
        vendor.put(FakeFile("f0", "a.txt", "new/a.txt", b"changed"))
        assert numbers(haul(config_for(vendor))) == (1, 1, 0, 0)
        assert sink_files() == {"new/a.txt": b"changed", "b.txt": b"#1"}
        assert not Path("files/old").exists()


def test_a_file_moves_into_a_folder_of_its_own_name() -> None:
    """`a` becomes `a/a`: renamed or beside it, but there and once."""
    report, _, found = rename(("a",), {"f0": "a/a"})
    assert report.failed == 0
    assert list(found.values()) == [b"#0"]


def test_a_deleted_files_path_is_taken_over() -> None:
    """Deleted, and a new file has its path: the new bytes, and the old receipt says gone."""
    with FakeVendor(named("report.pdf", "b")) as vendor:
        haul(config_for(vendor))
        vendor.remove("f0")
        vendor.put(FakeFile("new", "report.pdf", content=b"new report"))
        assert numbers(haul(config_for(vendor))) == (1, 1, 0, 0)
        assert sink_files() == {"report.pdf": b"new report", "b": b"#1"}
        assert receipt_of("f0")["status"] == "gone"
        assert receipt_of("new")["target"] == "report.pdf"
        # It comes back: it is fetched again, to a name of its own.
        vendor.put(named("report.pdf")[0])
        assert numbers(haul(config_for(vendor))) == (1, 2, 0, 0)
        all_there(vendor)


def test_a_deleted_files_bytes_stay() -> None:
    """No on_delete: what the vendor no longer has stays in the sink as it was."""
    with FakeVendor(named("a", "b")) as vendor:
        haul(config_for(vendor))
        vendor.remove("f0")
        assert numbers(haul(config_for(vendor))) == (0, 1, 0, 0)
        assert sink_files() == {"a": b"#0", "b": b"#1"}
        assert receipt_of("f0")["status"] == "done"


def test_an_incomplete_listing_frees_no_name() -> None:
    """A file that stands on the page that failed keeps its path; a new one gets a mark."""
    with FakeVendor(named("a", "b", "c"), page_cap=2) as vendor:
        haul(config_for(vendor))
        vendor.put(FakeFile("f0", "c", content=b"wants c"))
        vendor.script("GET /v1/files?*offset=2*", Fault.html())
        report = haul(config_for(vendor))
        vendor.assert_all_fired()
        assert (report.exit_code, report.complete) == (8, False)
        assert sink_files()["c"] == b"#2"
        assert receipt_of("f2")["status"] == "done"


def two_resources(vendor: FakeVendor) -> dict[str, Any]:
    """A config whose resources ``files`` and ``others`` have one sink."""
    config = config_for(vendor)
    one = config["resources"][0]
    config["resources"] = [one, {**one, "name": "others"}]
    return config


def test_two_resources_share_a_sink() -> None:
    """The same files listed by two resources: each has all of them, nothing is overwritten."""
    with FakeVendor(named("a", "b")) as vendor:
        config = two_resources(vendor)
        assert numbers(haul(config)) == (4, 0, 0, 0)
        assert sorted(sink_files().values()) == [b"#0", b"#0", b"#1", b"#1"]
        moved(vendor, f0="b", f1="a")
        assert haul(config).failed == 0
        for resource, key, target in ledger_rows("SELECT resource, key, target FROM transfers"):
            assert sink_files()[target] == vendor.files[key].content, (resource, key)
        assert len(sink_files()) == 4


def test_a_resource_that_is_renamed_keeps_its_files() -> None:
    """Another name for the resource: the paths are taken over, checksums know the bytes."""
    with FakeVendor(named("a", "b")) as vendor:
        config = config_for(vendor)
        haul(config)
        config["resources"][0]["name"] = "documents"
        vendor.clear_requests()
        assert numbers(haul(config)) == (0, 2, 0, 0)
        assert contents(vendor) == 0
        assert sink_files() == {"a": b"#0", "b": b"#1"}


@pytest.mark.parametrize("seed", range(6))
def test_any_renames_end_well(seed: int) -> None:
    """Random renames, swaps, edits, deletions over a few names, ten runs: always all there."""
    rng = random.Random(seed)
    names = ["a", "b", "A", "a/x", "b/x", "b/y", "c/d/e", "c", "a/x/y"]
    with FakeVendor(named(*names[:5])) as vendor:
        for number in range(10):
            for file_id in list(vendor.files):
                roll = rng.random()
                old = vendor.files[file_id]
                path = rng.choice(names) if roll < 0.6 else str(old.path)
                content = b"%d" % rng.randrange(10**6) if roll > 0.4 else old.content
                vendor.put(FakeFile(file_id, path.rpartition("/")[2], path, content))
            if rng.random() < 0.4 and len(vendor.files) > 2:
                vendor.remove(rng.choice(list(vendor.files)))
            if rng.random() < 0.5:
                path = rng.choice(names)
                vendor.put(FakeFile(f"n{number}", path.rpartition("/")[2], path, b"n%d" % number))
            report = haul(config_for(vendor))
            assert report.failed == report.parked == 0, report.as_dict()
            found = sink_files()
            for file_id, file in vendor.files.items():
                assert found[at(file_id)] == file.content, (number, file_id)
            held = ledger_rows("SELECT target FROM transfers WHERE status = 'done'")
            assert len(set(held)) == len(held)
            assert {target for (target,) in held} == set(found)
            assert numbers(haul(config_for(vendor)))[0] == 0
