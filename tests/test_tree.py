"""Block ``tree``: paths of flat listings and of change feeds, of the names of the folders above."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
import pytest

import filehaul
from filehaul.config import load_config
from filehaul.errors import ConfigError
from filehaul.testing import Account, FakeVendor
from filehaul.testing.plays import new_id_of
from hauling import haul, in_the_ledger, ledger_rows, rows_of, sink_files
from memory_destination import BrokenError, Tables, in_place_of_the_destination

FILE = "id,name,mimeType,parents,driveId,size,md5Checksum,modifiedTime,trashed"
RENAMED = ["Papers", "Papers/2024", "Papers/2024/a.txt", "b.txt"]
PAIRS = "SELECT path, path_complete FROM acme_data.files WHERE deleted_at IS NULL ORDER BY path"


@pytest.fixture(autouse=True)
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tables]:
    """What is loaded; SQL finds it in ``acme.duckdb``."""
    monkeypatch.chdir(tmp_path)
    found = Tables(shown=True)
    with in_place_of_the_destination(found):
        yield found


def account() -> Account:
    """Two files and a folder that is listed after what is in it."""
    made = Account(new_id=new_id_of("drive"))
    late = made.put_file("a.txt", b"a")
    made.put_file("b.txt", b"b")
    folder = made.put_folder("Reports/2024")
    made.move(late.node_id, folder.node_id)
    return made


def config(vendor: FakeVendor, **of_resource: Any) -> dict[str, Any]:
    """Drive, as a person would write it."""
    resource = {
        "name": "files",
        "primary_key": "file_id",
        "write_disposition": "merge",
        "tree": {
            "parent_path": "parents[0]",
            "folder": {"path": "mimeType", "equals": "application/vnd.google-apps.folder"},
            "root_from": {"path": "/files/root", "params": {"fields": "id"}, "id_path": "id"},
        },
        "endpoint": {
            "path": "/files",
            "params": {
                "q": "trashed=false",
                "pageSize": 2,
                "fields": f"nextPageToken,incompleteSearch,files({FILE})",
            },
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
            "checksum": {"md5": "md5Checksum"},
        },
        "content": {"path": "/files/{file_id}?alt=media"},
        "changes": {
            "start": {"path": "/changes/startPageToken", "token_path": "startPageToken"},
            "path": "/changes",
            "params": {
                "fields": f"nextPageToken,newStartPageToken,changes(removed,fileId,file({FILE}))"
            },
            "token_param": "pageToken",
            "data_selector": "changes",
            "next_path": "nextPageToken",
            "final_path": "newStartPageToken",
            "file_path": "file",
            "id_path": "fileId",
            "deleted": [
                {"path": "removed", "equals": True},
                {"path": "file.trashed", "equals": True, "reason": "trashed"},
            ],
            "invalid": {"statuses": [400], "body": "pageToken"},
        },
        **of_resource,
    }
    return {
        "name": "acme",
        "client": {
            "base_url": f"{vendor.base_url}/drive/v3",
            "auth": {"type": "bearer", "token": vendor.token()},
        },
        "resources": [{key: value for key, value in resource.items() if value is not None}],
        "sink": "files",
    }


def paths() -> list[Any]:
    """Paths in the table, and whether they are complete."""
    return rows_of(PAIRS)


def test_paths_follow_renamed_folders() -> None:
    """A folder is renamed, and the feed tells of nothing else: paths and bytes of what is below it
    move, without a byte being fetched; the next run asks the feed alone.
    """
    mine = account()
    with FakeVendor.playing("drive", mine) as vendor:
        made = config(vendor)
        assert haul(made).transferred == 2
        assert paths() == [
            ("Reports", True),
            ("Reports/2024", True),
            ("Reports/2024/a.txt", True),
            ("b.txt", True),
        ]
        mine.rename(mine.find("Reports").node_id, "Papers")
        vendor.clear_requests()
        report = haul(made)
        assert (report.transferred, report.exit_code) == (0, 0)
        assert vendor.count("/drive/v3/files/*") == 1  # the root, again
        assert [one[0] for one in paths()] == [
            "Papers",
            "Papers/2024",
            "Papers/2024/a.txt",
            "b.txt",
        ]
        assert sorted(sink_files()) == ["Papers/2024/a.txt", "b.txt"]
        how = ledger_rows("SELECT how FROM listings ORDER BY number DESC LIMIT 1")[0][0]
        assert "is elsewhere or gone" in how
        mine.put_file("Papers/2024/c.txt", b"c")
        vendor.clear_requests()
        assert haul(made).transferred == 1
        assert vendor.count("/drive/v3/files") == 0
        assert sink_files()["Papers/2024/c.txt"] == b"c"


@pytest.mark.parametrize("what", ["trash", "remove"])
def test_what_lies_in_a_folder_goes_and_comes_with_it(what: str) -> None:
    """A folder goes, and comes back: the feed names it alone; rows of what is in it follow."""
    mine = account()
    with FakeVendor.playing("drive", mine) as vendor:
        made = {**config(vendor), "resource_defaults": {}}
        haul(made)
        folder = mine.find("Reports").node_id
        getattr(mine, what)(folder)
        haul(made)
        assert [one[0] for one in paths()] == ["b.txt"]
        gone = dict(rows_of("SELECT file_id, delete_reason FROM acme_data.files"))
        assert gone[folder] == ("trashed" if what == "trash" else "removed")
        if what == "trash":
            mine.restore(folder)
            haul(made)
            assert len(paths()) == 4


def test_a_kill_between_renaming_and_loading_loses_no_path(tables: Tables) -> None:
    """Rows that were listed anew and never loaded are listed once more: the feed, asked from the
    old token, would not tell of them.
    """
    mine = account()
    with FakeVendor.playing("drive", mine) as vendor:
        made = config(vendor, content=None)
        del made["sink"]
        haul(made)
        mine.rename(mine.find("Reports").node_id, "Papers")
        tables.broken = True
        with pytest.raises(BrokenError):
            haul(made)
        haul(made)
        assert [one[0] for one in paths()] == [
            "Papers",
            "Papers/2024",
            "Papers/2024/a.txt",
            "b.txt",
        ]


def test_a_ledger_without_folders_lists_everything() -> None:
    """A ledger that was made again may have the change token and no folders: no path is lost."""
    mine = account()
    with FakeVendor.playing("drive", mine) as vendor:
        made = config(vendor, content=None)
        del made["sink"]
        haul(made)
        in_the_ledger("DELETE FROM folders")
        mine.put_file("Reports/2024/c.txt", b"c")
        haul(made)
        assert ("Reports/2024/c.txt", True) in paths()
        vendor.clear_requests()
        haul(made)
        assert vendor.count("/drive/v3/files") == 0


def test_a_folder_that_is_told_of_late() -> None:
    """A file comes into a folder that nobody told of; when the feed tells of that, the file's path
    follows, though the feed says nothing of the file.
    """
    mine = account()
    hidden = mine.put_folder("hidden")
    mine.forbid(hidden.node_id)
    late = mine.put_file("late.txt", b"late", extra={"parents": [hidden.node_id]})
    with FakeVendor.playing("drive", mine) as vendor:
        made = config(vendor, content=None)
        del made["sink"]
        haul(made)
        assert ("late.txt", False) in paths()
        mine.forbid(hidden.node_id, forbidden=False)
        mine.rename(hidden.node_id, "shown")
        haul(made)
        assert ("shown/late.txt", True) in paths()
        assert mine[late.node_id].revision == 1


def test_as_a_dlt_source_everything_is_listed() -> None:
    """dlt keeps no folders: each run lists all, with paths."""
    mine = account()
    with FakeVendor.playing("drive", mine) as vendor:
        made = config(vendor, content=None)
        pipeline = dlt.pipeline(
            "tree", pipelines_dir=".dlt", destination=dlt.destinations.duckdb("dlt.duckdb")
        )
        for _ in range(2):
            vendor.clear_requests()
            pipeline.run(filehaul.file_source(made), dataset_name="rows")
            assert vendor.count("/drive/v3/files") >= 1
            found = rows_of("SELECT path FROM rows.files ORDER BY path", "dlt.duckdb")
            assert [one[0] for one in found] == [
                *("Reports", "Reports/2024", "Reports/2024/a.txt", "b.txt")
            ]


def test_a_parent_that_nobody_listed_ends_the_path() -> None:
    """A file in a folder that one may not see has a path that says it is not complete; when the
    folder is told of, everything is listed, and it is.
    """
    mine = account()
    hidden = mine.put_folder("Reports/secret")
    mine.put_file("Reports/secret/s.txt", b"s")
    with FakeVendor.playing("drive", mine) as vendor:
        made = config(vendor, content=None)
        del made["sink"]
        made["resources"][0]["endpoint"]["params"]["q"] += (
            " and mimeType != 'application/vnd.google-apps.folder'"
        )
        haul(made)
        assert ("s.txt", False) in paths()
        assert ("a.txt", False) in paths()
        made["resources"][0]["endpoint"]["params"]["q"] = "trashed=false"
        haul(made)
        assert ("Reports/secret/s.txt", True) in paths()
        assert hidden.node_id


def test_feeds_and_listings_without_the_root() -> None:
    """Where nobody says which folder is the root, paths are of the names that are known."""
    mine = account()
    with FakeVendor.playing("drive", mine) as vendor:
        made = config(vendor, content=None, changes=None)
        del made["sink"], made["resources"][0]["tree"]["root_from"]
        haul(made)
        assert paths() == [
            ("Reports", False),
            ("Reports/2024", False),
            ("Reports/2024/a.txt", False),
            ("b.txt", False),
        ]


def test_circles_of_folders_end() -> None:
    """Two folders that are in each other have a path that ends, and is not complete."""
    mine = account()
    inner, outer = mine.find("Reports/2024"), mine.find("Reports")
    loop = Account(new_id=new_id_of("drive"))
    loop.put_folder("x", node_id=outer.node_id, extra={"parents": [inner.node_id]})
    loop.put_folder("y", node_id=inner.node_id, extra={"parents": [outer.node_id]})
    with FakeVendor.playing("drive", loop) as vendor:
        made = config(vendor, content=None)
        del made["sink"]
        assert haul(made).exit_code == 0
        assert [whole for _, whole in paths()] == [False, False]


WALK = {"root": "0", "path": "/f/{folder_id}", "folder": {"path": "a", "exists": True}}


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"walk": WALK, "changes": None}, "walk and tree"),
        ({"incremental": {"cursor_path": "modifiedTime"}, "changes": None}, "tree with increm"),
    ],
)
def test_what_does_not_go_with_tree(more: dict[str, Any], told: str) -> None:
    """Two ways to know the folders, and listings that leave folders out, are refused."""
    with FakeVendor.playing("drive", account()) as vendor:
        made = config(vendor, **more)
        if "walk" in more:
            made["resources"][0]["endpoint"].pop("path")
        with pytest.raises(ConfigError, match=told):
            load_config(made)
