"""A hundred thousand files in ten thousand folders, by children, while much is wrong with them."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from filehaul.testing import Account
from graphs import config_of, new_account, playing
from hauling import haul, rows_of

pytestmark = pytest.mark.slow
FOLDERS, EACH = 10_000, 10
LIVE = "FROM acme_data.by_folder WHERE deleted_at IS NULL"


def grow(account: Account, folders: list[str], count: int) -> None:
    """So many folders more, ten in each, with ten files in each."""
    while len(folders) <= count:
        number = len(folders)
        parent = folders[(number - 1) // 10]
        folders.append(account.put_folder(f"folder {number}", parent=parent).node_id)
        for n in range(EACH):
            name = f"file {number}-{n}.txt"
            account.put_file(name, b"the same bytes", parent=folders[-1])


def test_a_walk_of_a_large_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are told twice, folders and files have other names and places, one folder may not be
    read, files are gone: every file that can be seen is there once, under the path that it has by
    now; the listing says that it is not whole, and nothing is taken for gone.
    """
    monkeypatch.chdir(tmp_path)
    luck = random.Random(7)
    account, folders = new_account(), [""]
    folders[0] = account.root_id
    grow(account, folders, 100)
    with playing(account, repeats=True) as vendor:
        config = config_of(vendor, files={"selected": False}, sink=None)
        config["client"]["limits"] = {"concurrency": 16}
        walked = {"name": "by_folder", "selected": True, "endpoint": {"params": {"$top": 15}}}
        config["resources"].append(walked)
        first = haul(config)
        assert (first.exit_code, first.listed) == (0, 1_000)
        known = {row for (row,) in rows_of(f"SELECT file_id {LIVE}")}

        grow(account, folders, FOLDERS)
        closed = account[folders[77]]
        hidden = {one.node_id for one in account.below(closed.node_id)}
        account.forbid(closed.node_id)
        elsewhere = [one for one in folders[20:90] if one not in hidden]
        for number, folder in enumerate(elsewhere):
            account.rename(folder, f"renamed {number}")
        account.move(folders[11], folders[9])
        gone = luck.sample([one for one in sorted(known) if one not in hidden], 30)
        gone = [one for one in gone if account[one].kind == "file"]
        for one in gone:
            account.remove(one)
        twin = account.inside(folders[8])[-1]
        account.put_file(twin.name, b"the same bytes", parent=folders[8])
        vendor.clear_requests()
        second = haul(config)
        assert vendor.count("*/children") > FOLDERS
    seen = {one.node_id: one for one in account if one.node_id not in hidden}
    assert (second.exit_code, second.deleted, second.rejected) == (3, 0, 0)
    assert second.listed == sum(one.kind == "file" for one in seen.values())
    assert second.listed > 98_000
    report = second.resources["by_folder"]
    assert report.complete is False
    assert closed.node_id in str(report.why_not)
    assert "403" in str(report.why_not)

    assert rows_of("SELECT count(*) FROM acme_data.by_folder WHERE deleted_at IS NOT NULL") == [
        (0,)
    ]
    found = dict(rows_of(f"SELECT file_id, path {LIVE}"))
    assert set(found) == known | set(seen)
    wrong = [one for one in seen if found[one] != account.path(one)]
    assert wrong == []
    assert len({found[one] for one in seen}) == len(seen) - 1
    [(rows,)] = rows_of("SELECT count(*) FROM acme_data.by_folder")
    assert rows == len(found)
    told = rows_of("SELECT rows - unique_keys FROM acme_data.listings ORDER BY started_at")
    assert told[-1][0] > 900  # so many came twice
