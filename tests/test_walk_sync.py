"""Walks as people run them: the catalogue's paths and parents, and the bytes at those paths."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dlt
import pytest

import filehaul
from filehaul.check import check
from filehaul.config import load_config
from filehaul.fields import Rows, Shape, roles_of
from filehaul.look import files, plan
from filehaul.models import Folder
from filehaul.testing import FakeFile, FakeVendor, Fault
from hauling import by_id, config_for, haul, numbers, rows_of, sink_files, sync
from walking import OFFSET, items_path, tree_vendor, walk_block, walk_config

FIELDS = {"file_id": "id", "file_name": "name", "size": "size", "checksum": {"sha256": "sha256"}}


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each test in a folder of its own, dlt's own folder in it too."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    return tmp_path


@pytest.fixture
def vendor() -> Iterator[FakeVendor]:
    """Six files in five folders."""
    with tree_vendor() as running:
        yield running


def config_of(vendor: FakeVendor, walk: Any = None, **more: Any) -> dict[str, Any]:
    """A config that walks the fake vendor's folders."""
    made = config_for(vendor, **more)
    made["client"].pop("auth")
    made["resources"][0] |= {
        "endpoint": {"data_selector": "files", "paginator": OFFSET},
        "walk": walk_block(**(walk or {})),
    }
    return made


def places(columns: str = "path, path_complete, parent_id") -> dict[Any, tuple[Any, ...]]:
    """The catalogue's places by id."""
    return by_id(rows_of(f"SELECT file_id, {columns} FROM acme_data.files"))


def test_bytes_lie_where_their_folders_are(vendor):
    """The catalogue has a path and a parent for each row, folders too; the sink has the same
    paths, with each file's own bytes, and nothing for the folders."""
    report = sync(config_of(vendor, fields=FIELDS))
    assert report.complete
    assert report.exit_code == 0
    assert numbers(report) == (6, 0, 0, 0)
    assert sink_files() == {file.path: file.content for file in vendor.files.values()}
    found = places("path, path_complete, parent_id, kind, file_name")
    docs, year = vendor.folder_id("docs"), vendor.folder_id("docs/2024")
    assert found["top.txt"] == ("top.txt", True, "0", "file", "top.txt")
    assert found["docs/2024/b.txt"] == ("docs/2024/b.txt", True, year, "file", "b.txt")
    assert found[year] == ("docs/2024", True, docs, "folder", "2024")
    assert len(found) == 11
    again = sync(config_of(vendor, fields=FIELDS))
    assert numbers(again) == (0, 6, 0, 0)
    assert again.rows == 0


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("more", [{}, {"content": None}, {"content": None, "deletes": "none"}])
def test_counts_are_files(vendor, more):
    """Folders have rows of the table; listed and deleted count the files, whether there are bytes
    to fetch or not, and whether the ledger knows the rows or not."""
    made = config_of(vendor, fields=FIELDS, **{"deletes": {"confirm": 1}, **more})
    report = sync(made)
    assert (report.listed, report.rows) == (6, 11)
    vendor.remove("media/e.bin")  # and its folder
    report = sync(made)
    told = "deletes" not in more
    assert (report.listed, report.deleted) == (5, 1 if told else 0)
    assert report.rows == (2 if told else 9)  # two tombstones; else all that is left
    assert report.lines()[0].startswith("files: 5 listed, ")


@pytest.mark.usefixtures("quick")
def test_folders_of_a_plain_listing_are_not_counted(vendor):
    """A record whose `kind` is a folder has a row and no bytes; the report counts the others, each
    once, however often it comes."""
    made = config_of(vendor, fields={**FIELDS, "kind": "type"}, deletes={"confirm": 1})
    made["resources"][0].pop("walk")
    made["resources"][0]["endpoint"]["path"] = items_path(vendor, "docs")
    report = sync(made)
    assert (report.listed, report.rows, report.transferred) == (1, 3, 1)
    vendor.remove("docs/2025/d.txt")
    report = sync(made)
    assert (report.listed, report.deleted, report.rows) == (1, 0, 1)


def test_without_fields(vendor):
    """The vendor's own columns, and path, parent_id and path_complete beside them."""
    report = sync(config_of(vendor))
    assert numbers(report) == (6, 0, 0, 0)
    assert sink_files() == {file.path: file.content for file in vendor.files.values()}
    found = places("path, path_complete, parent_id, type, name")
    year = vendor.folder_id("docs/2024")
    assert found["docs/2024/b.txt"] == ("docs/2024/b.txt", True, year, "file", "b.txt")
    assert found[year][0::3] == ("docs/2024", "folder")


def test_a_renamed_folder_moves_all_that_is_in_it(vendor):
    """No record below it has changed: their rows are loaded again, their bytes are moved, and not
    one is fetched."""
    sync(config_of(vendor, fields=FIELDS))
    vendor.rename_folder("docs", "papers")
    vendor.clear_requests()
    report = sync(config_of(vendor, fields=FIELDS))
    assert vendor.count("/v1/files/*/content") == 0
    assert report.rows == 8  # docs, and the three folders and four files in it
    assert sink_files() == {
        file.path.replace("docs", "papers", 1): file.content for file in vendor.files.values()
    }
    assert places()["docs/2024/q1/c.txt"][0] == "papers/2024/q1/c.txt"
    assert places()["media/e.bin"][0] == "media/e.bin"


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("name", ["Q1/Q2", "50%2F", "..", "a\\b", " ", "con", "~empty", "a\x00b"])
def test_odd_names_are_one_segment_each(name):
    """Whatever a folder and a file are called, the path says which are the folders: decoded as a
    URL it gives the names again; the sink's path has as many segments."""
    file = FakeFile("f", name, path="d/f", content=b"bytes")
    with FakeVendor([file], auth=False) as vendor:
        vendor.rename_folder("d", name)
        report = sync(config_of(vendor, fields=FIELDS))
        assert numbers(report) == (1, 0, 0, 0)
        path, complete, _ = places()["f"]
        shown = name.replace("\x00", "\ufffd")
        assert [decoded(part) for part in path.split("/")] == [shown, shown]
        assert complete
        (target,) = sink_files()
        assert target.count("/") == 1


def decoded(segment: str) -> str:
    """A segment of the catalogue's path as a name."""
    from urllib.parse import unquote

    return unquote(segment)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("name", [None, "", ...])
def test_a_name_that_is_not_known(vendor, name):
    """The folder's id stands for it, and path_complete is false from there down."""
    vendor.rename_folder("docs/2024", name)
    sync(config_of(vendor, fields=FIELDS))
    found, year = places(), vendor.folder_id("docs/2024")
    assert found["docs/2024/b.txt"][:2] == (f"docs/{year}/b.txt", False)
    assert found["docs/2024/q1/c.txt"][:2] == (f"docs/{year}/q1/c.txt", False)
    assert found[year][:2] == (f"docs/{year}", False)
    assert found["docs/2025/d.txt"][:2] == ("docs/2025/d.txt", True)
    assert f"docs/{year}/q1/c.txt" in sink_files()


@pytest.mark.usefixtures("quick")
def test_a_files_own_name_missing():
    """Its id stands for it."""
    file = FakeFile("f1", "x", path="d/x", content=b"1", extra={"name": None, "file_name": ...})
    with FakeVendor([file], auth=False) as vendor:
        sync(config_of(vendor, fields=FIELDS))
        assert places()["f1"][:2] == ("d/f1", False)
        assert list(sink_files()) == ["d/f1"]


@pytest.mark.usefixtures("quick")
def test_the_vendors_own_path_and_parent_count():
    """Where a record has them, they stand, and the sink follows them."""
    own = {"where": {"path": "/Own/a.txt", "parent": "P"}}
    held = [
        FakeFile("1", "a.txt", path="d/a.txt", content=b"1", extra=own),
        FakeFile("2", "b.txt", path="d/b.txt", content=b"2", extra={"where": {"path": ""}}),
    ]
    fields = {**FIELDS, "path": "where.path", "parent_id": "where.parent"}
    with FakeVendor(held, auth=False) as vendor:
        vendor.rename_folder("d", None)
        sync(config_of(vendor, fields=fields))
        folder = vendor.folder_id("d")
        assert places()["1"] == ("/Own/a.txt", True, "P")
        assert places()["2"] == (f"{folder}/b.txt", False, folder)
        assert sink_files() == {"Own/a.txt": b"1", f"{folder}/b.txt": b"2"}


@pytest.mark.usefixtures("quick")
def test_two_files_of_one_path_have_a_file_each():
    """Names that clash in one folder, and a file named as a folder: nothing is overwritten."""
    held = [
        FakeFile("1", "a.txt", path="d/a.txt", content=b"one"),
        FakeFile("2", "A.TXT", path="d/A.TXT", content=b"two"),
        FakeFile("3", "a.txt", path="d/3", content=b"three"),
        FakeFile("4", "d", path="4", content=b"four"),
    ]
    with FakeVendor(held, auth=False) as vendor:
        assert numbers(sync(config_of(vendor, fields=FIELDS))) == (4, 0, 0, 0)
        assert sorted(sink_files().values()) == [b"four", b"one", b"three", b"two"]
        assert sink_files()["d/a.txt"] == b"one"


def test_a_refused_subtree(vendor):
    """Its files are not there, what was loaded before stays without a tombstone, the listing says
    why it is not complete, and the rest is hauled."""
    sync(config_of(vendor, fields=FIELDS))
    vendor.put(FakeFile("new", "new.txt", path="media/new.txt", content=b"new"))
    vendor.script(items_path(vendor, "docs/2024"), Fault.status(403), times=Fault.always)
    report = haul(config_of(vendor, fields=FIELDS))
    vendor.assert_all_fired()
    assert report.error is None
    assert not report.complete
    assert numbers(report)[0] == 1
    assert sink_files()["media/new.txt"] == b"new"
    assert sink_files()["docs/2024/b.txt"] == vendor.files["docs/2024/b.txt"].content
    assert rows_of("SELECT count(*), count(deleted_at) FROM acme_data.files") == [(12, 0)]
    (listing,) = rows_of("SELECT why_not FROM acme_data.listings WHERE NOT complete")
    assert listing[0].startswith("the folder 'docs/2024' (id ")
    assert "HTTP 403" in listing[0]
    assert rows_of("SELECT how FROM acme_data.listings WHERE complete") == [
        ("each of 6 folders was read to its end; 11 unique keys",)
    ]


@pytest.mark.usefixtures("quick")
def test_a_file_missing_once_is_only_suspected(vendor):
    """It may have moved behind the walk's back: a tombstone takes two complete walks; and a walk
    that is not complete in between proves nothing."""
    made = config_of(vendor, fields=FIELDS)
    sync(made)
    vendor.remove("docs/2025/d.txt")
    gone = "SELECT file_id, path FROM acme_data.files WHERE deleted_at IS NOT NULL ORDER BY path"
    assert sync(made).complete
    assert rows_of(gone) == []
    vendor.script(items_path(vendor, "media"), Fault.status(403))
    assert not haul(made).complete
    vendor.assert_all_fired()
    assert rows_of(gone) == []
    sync(made)
    assert [path for _, path in rows_of(gone)] == ["docs/2025", "docs/2025/d.txt"]


@pytest.mark.usefixtures("quick")
def test_records_that_are_deletions(vendor):
    """`deleted` on a walk: trashed files become tombstones, the others keep their places."""
    made = config_of(vendor, fields=FIELDS)
    made["resources"][0]["deleted"] = {"path": "trashed", "equals": True, "reason": "trashed"}
    sync(made)
    assert places()["docs/2024/b.txt"][0] == "docs/2024/b.txt"
    old = vendor.files["docs/2024/b.txt"]
    vendor.put(replace(old, extra={"trashed": True}))
    sync(made)
    query = "SELECT file_id, delete_reason FROM acme_data.files WHERE deleted_at IS NOT NULL"
    assert rows_of(query) == [("docs/2024/b.txt", "trashed")]
    assert places()["docs/2024/q1/c.txt"][0] == "docs/2024/q1/c.txt"


@pytest.mark.usefixtures("quick")
def test_a_folder_linked_twice_is_one_row(vendor):
    """Its row is the first that came, and so are its files' paths: run after run."""
    vendor.link_folder("docs/2024", into="media", name="old")
    sync(config_of(vendor, fields=FIELDS))
    first = places()
    assert first[vendor.folder_id("docs/2024")][0] == "docs/2024"
    assert len(first) == 11
    again = sync(config_of(vendor, fields=FIELDS))
    assert again.rows == 0
    assert places() == first


@pytest.mark.usefixtures("quick")
def test_several_roots_do_not_share_their_paths(vendor):
    """Each path begins with its root's name, or its id."""
    docs, media = vendor.folder_id("docs"), vendor.folder_id("media")
    sync(config_of(vendor, {"root": [docs, {"id": media, "name": "Media/all"}]}, fields=FIELDS))
    assert places()["docs/a.txt"] == (f"{docs}/a.txt", True, docs)
    assert places()["media/e.bin"] == ("Media%2Fall/e.bin", True, media)
    assert "Media%2Fall/e.bin" in sink_files()


def test_ids_that_are_numbers():
    """parent_id has the type of the vendor's own; without one it is text."""
    folder, file = {"id": 1, "type": "folder", "name": "d", "parent_id": 0}, {"id": 2, "name": "f"}
    config = load_config(walk_config("https://x", resource={"primary_key": "id"}), expand=False)
    shape, rows = Shape(config.resources[0], str), Rows()
    shape.keyed(rows, [folder], 1, Folder("0"))
    shape.keyed(rows, [file, {**file, "id": 3, "parent_id": 77}], 2, Folder("1", "d"))
    assert shape.table(rows).to_pydict() == {
        "id": [1, 2, 3],
        "type": ["folder", None, None],
        "name": ["d", "f", "f"],
        "parent_id": [0, 1, 77],
        "path": ["d", "d/f", "d/f"],
        "path_complete": [True, True, True],
    }
    later, rows = Shape(config.resources[0], str, shape.types), Rows()
    later.keyed(rows, [file], 1, Folder("not a number", "d"))
    assert later.table(rows).column("parent_id").to_pylist() == [None]


def test_a_field_of_the_vendors_with_our_name():
    """The vendor's path_complete is kept beside ours; a path that is an object stays its own."""
    record = {"id": 1, "name": "f", "path_complete": "yes", "path": {"a": 1}}
    config = load_config(walk_config("https://x", resource={"primary_key": "id"}), expand=False)
    shape, rows = Shape(config.resources[0], str), Rows()
    shape.keyed(rows, [record], 1, Folder("0"))
    row = shape.table(rows).to_pylist()[0]
    assert (row["path_complete"], row["vendor_path_complete"]) == (True, "yes")
    assert row["path"] == '{"a":1}'


def test_a_parent_that_is_null_at_first(place):
    """A column that we fill has its type at once: a number later is not another column's type."""
    config = load_config(walk_config("https://x", resource={"primary_key": "id"}), expand=False)
    shape = Shape(config.resources[0], str)
    for number, parent in enumerate([None, 5]):
        rows = Rows()
        shape.keyed(rows, [{"id": number, "name": "f", "parent_id": parent}], 1, Folder("9"))
        table = shape.table(rows)
        assert table.schema.field("parent_id").type == "string"
        assert table.column("parent_id").to_pylist() == [["9"], ["5"]][number]


def test_hashes_follow_the_folder():
    """A row's hash changes with its folder's path, and only with that."""
    config = load_config(walk_config("https://x", resource={"primary_key": "id"}), expand=False)
    shape, record = Shape(config.resources[0], str), {"id": 1, "name": "f"}
    (one,) = shape.hashes([record], [Folder("0", "a")])
    assert shape.hashes([record], [Folder("0", "a")]) == [one]
    assert shape.hashes([record], [Folder("0", "b")]) != [one]
    assert shape.hashes([record], [Folder("0", "a", False)]) != [one]


def test_a_folder_has_no_bytes_whatever_its_kind_says():
    """To a walk the folder rule says what is a folder; fields.kind is the vendor's word."""
    made = walk_config("https://x", resource={"fields": {"file_id": "id", "kind": "kind"}})
    resource = load_config(made, expand=False).resources[0]
    folder = {"id": "1", "type": "folder", "kind": "drive#folder"}
    file = {"id": "2", "type": "file", "kind": "drive#file"}
    roles = roles_of(resource)
    assert [roles.is_file(folder), roles.is_file(file)] == [False, True]
    shape, rows = Shape(resource, str), Rows()
    shape.keyed(rows, [folder, file], 1, Folder("0"))
    assert shape.table(rows).column("kind").to_pylist() == ["folder", "drive#file"]


def test_raw_is_the_vendors_record(vendor):
    """Nothing of ours is in it."""
    made = config_of(vendor, fields=FIELDS, content=None)
    made["resources"][0]["raw"] = True
    sync(made)
    (raw,) = rows_of("SELECT raw FROM acme_data.files WHERE file_name = 'b.txt'")
    assert "path" not in raw[0]
    assert '"type":"file"' in str(raw[0]).replace(" ", "")


def test_plan_and_files_have_the_same_paths(vendor):
    """`plan` says where each file would go, `files` gives each its path."""
    made = config_of(vendor, fields=FIELDS)
    targets = {action.file_id: action.target for action in plan(made)}
    assert targets == {file.file_id: file.path for file in vendor.files.values()}
    paths = {file.file_id: file.path for file in files(made)}
    assert paths["docs/2024/q1/c.txt"] == "docs/2024/q1/c.txt"
    assert paths[vendor.folder_id("docs/2024")] == "docs/2024"


def test_a_dlt_source_walks_too(vendor):
    """file_source: the same rows and paths in a script's own pipeline."""
    pipeline = dlt.pipeline("walked", destination="duckdb", dataset_name="d")
    pipeline.run(filehaul.file_source(config_of(vendor, fields=FIELDS)))
    with pipeline.sql_client() as client:
        rows = client.execute_sql("SELECT path, parent_id FROM files WHERE kind = 'file'")
    year = vendor.folder_id("docs/2024")
    assert ("docs/2024/b.txt", year) in rows
    assert len(rows) == 6


def test_check_goes_down_to_the_first_file():
    """A root that has folders alone: fields and content are looked at where there is a file, and
    folders are not held against the fields.
    """
    with FakeVendor([FakeFile("f", "x.txt", path="a/b/x.txt", content=b"x")], auth=False) as deep:
        config = config_of(
            deep,
            fields={**FIELDS, "modified_at": "modified_at"},
            content={"path": "/v1/files/{file_id}/content"},
        )
        findings = list(check({**config, "sink": "copy"}))
    assert all(finding.error is None for finding in findings)
    said = [finding.text for finding in findings]
    assert "walk: 1 of 1 records are folders" in said
    assert not [text for text in said if "suspicious" in text]
    assert said[-1].startswith("reachable (x.txt); verified by sha256")


def test_check_without_any_file():
    """Empty folders: said, and no failure."""
    with FakeVendor([], auth=False) as bare:
        bare.put_folder("a/b")
        findings = list(check(config_of(bare, fields=FIELDS)))
    assert all(finding.error is None for finding in findings)
    assert findings[-1].text == "no file in the first folders: nothing more can be checked"


def test_check_says_whether_there_are_folders(vendor):
    """The first page of the root: how many folders the rule finds in it, none is suspicious."""
    said = [finding.text for finding in check(config_of(vendor, fields=FIELDS))]
    assert "walk: 2 of 3 records are folders" in said
    wrong = config_of(vendor, {"folder": {"path": "kind", "equals": "dir"}}, fields=FIELDS)
    said = [finding.text for finding in check(wrong)]
    assert any(
        text.startswith("suspicious: none of 3 records is a folder by walk.folder") for text in said
    )
