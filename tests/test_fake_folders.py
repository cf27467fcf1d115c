"""The fake vendor's folders: what a folder holds, and what can be done to it."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from fake_client import ask
from filehaul.testing import FakeFile, FakeVendor, Fault


def items(vendor: FakeVendor, folder_id: str, query: str = "") -> Any:
    """One page of a folder."""
    reply = ask(vendor, f"/v1/folders/{folder_id}/items{query}")
    assert reply.status == 200
    return reply.json


def shown(vendor: FakeVendor, path: str = "") -> list[tuple[str, Any]]:
    """(type, name) of what is in a folder."""
    rows = items(vendor, vendor.folder_id(path))["files"]
    return [(row["type"], row.get("name", "no key")) for row in rows]


def test_folders_come_from_the_paths_of_the_files():
    """Folders first, then files, from the root down; a file's record has no path."""
    files = [FakeFile("1", "a", path="x/y/a", content=b"1"), FakeFile("2", "b")]
    with FakeVendor(files, auth=False) as vendor:
        assert shown(vendor) == [("folder", "x"), ("file", "b")]
        assert shown(vendor, "x") == [("folder", "y")]
        (row,) = items(vendor, vendor.folder_id("x/y"))["files"]
        flat = next(row for row in ask(vendor, "/v1/files").json["files"] if row["id"] == "1")
        flat.pop("path")
        assert row == {"type": "file", **flat}


def test_pages_of_a_folder():
    """offset, limit, cap and total, as in the flat listing; nonsense is refused."""
    files = [FakeFile(f"{n}", f"{n}", path=f"d/{n}") for n in range(7)]
    with FakeVendor(files, auth=False, page_cap=3) as vendor:
        folder = vendor.folder_id("d")
        pages = [items(vendor, folder, f"?offset={n}&limit=5") for n in (0, 3, 6, 9)]
        assert [len(page["files"]) for page in pages] == [3, 3, 1, 0]
        assert {page["total"] for page in pages} == {7}
        assert ask(vendor, f"/v1/folders/{folder}/items?offset=x").status == 400
        assert ask(vendor, "/v1/folders/other/items").status == 404
        assert ask(vendor, f"/v1/folders/{folder}").status == 404


def test_they_need_a_token_and_take_faults():
    """The same doors as the rest of the API."""
    with FakeVendor() as vendor:
        assert ask(vendor, "/v1/folders/0/items", token=None).status == 401
        vendor.script("/v1/folders/*/items", Fault.status(403))
        assert ask(vendor, "/v1/folders/0/items", token=vendor.token()).status == 403
        vendor.assert_all_fired()


def test_folders_can_be_put_renamed_and_linked():
    """An empty folder; a name that is another, null, or no key at all; a folder in two places."""
    with FakeVendor([FakeFile("1", "a", path="d/a")], auth=False) as vendor:
        vendor.put_folder("empty/inner")
        assert shown(vendor) == [("folder", "empty"), ("folder", "d")]
        assert shown(vendor, "empty/inner") == []
        vendor.rename_folder("d", "D/d")
        vendor.rename_folder("empty", None)
        assert shown(vendor) == [("folder", None), ("folder", "D/d")]
        vendor.rename_folder("empty", ...)
        assert shown(vendor)[0] == ("folder", "no key")
        vendor.link_folder("d", into="empty/inner", name="again")
        (row,) = items(vendor, vendor.folder_id("empty/inner"))["files"]
        assert (row["id"], row["name"]) == (vendor.folder_id("d"), "D/d")


def test_what_is_put_and_removed_is_seen_at_once():
    """The folders follow the files."""
    with FakeVendor([FakeFile("1", "a", path="d/a")], auth=False) as vendor:
        vendor.put(FakeFile("2", "b", path="e/b"))
        assert shown(vendor) == [("folder", "d"), ("folder", "e")]
        vendor.remove("1")
        assert shown(vendor) == [("folder", "e")]
        assert ask(vendor, f"/v1/folders/{vendor.folder_id('d')}/items").status == 404


def test_a_folder_of_real_files(tmp_path: Path):
    """The tree on disk, looked at again when the root is listed."""
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "a.txt").write_bytes(b"one")
    with FakeVendor.of_folder(tmp_path, auth=False) as vendor:
        assert shown(vendor, "x") == [("file", "a.txt")]
        (tmp_path / "b.txt").write_bytes(b"two")
        assert shown(vendor) == [("folder", "x"), ("file", "b.txt")]


def test_a_generated_tree():
    """Every folder and file of it once, each in its place; contents as of any generated file."""
    with FakeVendor.of_tree(23, 3, size=9, fan_out=4, auth=False) as vendor:
        folders, files, waiting = [], [], ["0"]
        while waiting:
            for row in items(vendor, waiting.pop(0))["files"]:
                assert "path" not in row
                (folders if row["type"] == "folder" else files).append(row["id"])
                if row["type"] == "folder":
                    waiting.append(row["id"])
        assert folders == [f"dir-{n}" for n in range(1, 24)]
        assert sorted(files) == sorted(vendor.files)
        assert len(files) == 69
        assert ask(vendor, f"/v1/files/{files[-1]}/content").body == vendor.files["rec-68"].content
        assert ask(vendor, "/v1/folders/dir-24/items").status == 404


@pytest.mark.parametrize("folders", [10_000, 1_000_000])
def test_a_large_tree_costs_no_memory(folders):
    """Ten thousand folders of ten files, or a million: what is held does not grow with them."""
    tracemalloc.start()
    vendor = FakeVendor.of_tree(folders, 10, auth=False)
    with vendor:
        assert items(vendor, f"dir-{folders}", "?limit=5")["total"] == 10
        held = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
    assert held < 4_000_000
