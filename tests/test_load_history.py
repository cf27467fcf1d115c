"""History and hard deletes, by hand-made rows: what dlt makes of them in DuckDB."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from by_hand import GONE, ByHand, bare_config
from filehaul.load.merging import Merging


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ByHand:
    """An empty dataset in a DuckDB file."""
    monkeypatch.chdir(tmp_path)
    return ByHand(bare_config(), tmp_path)


def test_rows_that_do_not_come_are_not_retired(table: ByHand) -> None:
    """A package with one of three rows retires only that row's old version."""
    table.load([("a", 1, None), ("b", 1, None), ("c", 1, None)], "history")
    table.load([("b", 2, None)], "history")
    assert table.current() == [("a", 1, False), ("b", 2, False), ("c", 1, False)]
    assert table.rows("SELECT file_id, size FROM {table} WHERE _dlt_valid_to IS NOT NULL") == [
        ("b", 1)
    ]


def test_a_version_that_comes_again_is_no_new_one(table: ByHand) -> None:
    """The same rows in three packages (a load that was repeated): one version each."""
    for _ in range(3):
        table.load([("a", 1, None), ("b", 1, None)], "history")
    assert table.rows("SELECT count(*), count(_dlt_valid_to) FROM {table}") == [(2, 0)]


def test_a_deleted_row_is_a_version_and_may_return(table: ByHand) -> None:
    """Made, deleted, returned as it was: three versions, their times without gap or overlap."""
    table.load([("a", 1, None), ("b", 1, None)], "history")
    table.load([("a", 1, GONE)], "history")
    assert table.current() == [("a", 1, True), ("b", 1, False)]
    table.load([("a", 1, None)], "history")
    assert table.current() == [("a", 1, False), ("b", 1, False)]
    versions = table.rows(
        "SELECT deleted_at IS NOT NULL, _dlt_valid_from, _dlt_valid_to FROM {table}"
        " WHERE file_id = 'a' ORDER BY _dlt_valid_from"
    )
    assert [deleted for deleted, _, _ in versions] == [False, True, False]
    assert versions[0][2] == versions[1][1]
    assert versions[1][2] == versions[2][1]
    assert versions[2][2] is None


def test_keys_of_two_columns_are_not_glued_together(table: ByHand) -> None:
    """x + yz and xy + z are two files: a version of one does not retire the other."""
    keys = ("drive_id", "file_id")
    table.load([("x/yz", 1, None), ("xy/z", 1, None), ("x/other", 1, None)], "history", keys=keys)
    table.load([("xy/z", 2, None)], "history", keys=keys)
    assert table.current() == [("other", 1, False), ("yz", 1, False), ("z", 2, False)]


def test_hard_removes_the_row_and_only_that(table: ByHand) -> None:
    """A deleted row goes from the table; one that was never there does not come; one returns."""
    table.load([("a", 1, None), ("b", 1, None)], hard=True)
    table.load([("a", 1, GONE), ("never", 1, GONE)], hard=True)
    assert table.rows("SELECT file_id FROM {table}") == [("b",)]
    table.load([("a", 3, None)], hard=True)
    assert table.rows("SELECT file_id, size FROM {table} ORDER BY 1") == [("a", 3), ("b", 1)]


def test_soft_keeps_the_row(table: ByHand) -> None:
    """Without hard a deleted row stays, with its time; append and replace are dlt's own."""
    table.load([("a", 1, None), ("b", 1, None)])
    table.load([("a", 1, GONE)])
    assert table.rows("SELECT file_id, deleted_at IS NULL FROM {table} ORDER BY 1") == [
        ("a", False),
        ("b", True),
    ]
    table.load([("a", 1, None)], "append")
    assert table.rows("SELECT count(*) FROM {table}") == [(3,)]
    table.load([("c", 1, None)], "replace")
    assert table.rows("SELECT file_id FROM {table}") == [("c",)]


@pytest.mark.parametrize(
    ("able", "how", "hard", "given", "words"),
    [
        ((), "merge", False, "merge", "merge rows"),
        ((), "append", False, "append", None),
        ((), "replace", False, "replace", None),
        (("upsert",), "merge", False, "merge", None),
        (("upsert",), "merge", True, "merge", "remove rows"),
        (("upsert", "delete-insert"), "history", False, "merge", "keep a history"),
        (("delete-insert", "scd2"), "history", False, "merge", None),
        (("delete-insert",), "merge", True, "merge", None),
        (("delete-insert",), "merge", False, {"strategy": "upsert"}, "merge by upsert"),
        (("insert-only",), "merge", False, "merge", "merge rows"),
    ],
)
def test_what_a_destination_cannot_do_is_known_from_its_strategies(
    able: tuple[str, ...], how: Any, hard: bool, given: Any, words: str | None
) -> None:
    """By what dlt says that it can, whatever its name: merge, hard deletes and history."""
    cannot = Merging(able, str).cannot(how, hard, given)
    assert (cannot is None) if words is None else (words in (cannot or ""))
