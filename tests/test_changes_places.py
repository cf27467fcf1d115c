"""Feeds whose deletions name a place, not an id, and which begin with the listing itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from filehaul.report import Report
from hauling import by_id, ledger_rows, rows_of, sync
from page_vendor import PageVendor, Question, Raw, vendor_of

STATE = "SELECT id, deleted_at IS NOT NULL, delete_reason FROM acme_data.files"
THERE, GONE = (False, None), (True, "removed")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def entry(key: str, place: str) -> dict[str, Any]:
    """A file in its place."""
    return {".tag": "file", "id": key, "path_lower": place}


def deleted(place: str) -> dict[str, Any]:
    """What the vendor says of a file or folder that is gone: it has no id."""
    return {".tag": "deleted", "path_lower": place}


class Tree:
    """A vendor whose listing ends with a cursor, and whose changes go on from there."""

    def __init__(self, *entries: dict[str, Any]) -> None:
        self.listing = list(entries)
        self.changes: list[dict[str, Any]] = []
        self.first = 0  # cursors below are no longer good

    def answer(self, question: Question) -> Any:
        """Two changes a page."""
        given = "list 0" if question.path == "/list" else question.body["cursor"]
        if given.startswith("list "):
            start = int(given.removeprefix("list "))
            more = start + 2 < len(self.listing)
            following = f"list {start + 2}" if more else str(len(self.changes))
            return self._page(self.listing[start : start + 2], following, more)
        cursor = int(given)
        if cursor < self.first:
            return Raw({"error_summary": "reset/."}, 409)
        some = self.changes[cursor : cursor + 2]
        end = cursor + len(some)
        return self._page(some, str(end), end < len(self.changes))

    def _page(self, entries: list[Any], cursor: str, more: bool) -> Any:
        return {"entries": entries, "cursor": cursor, "has_more": more}


@pytest.fixture
def tree() -> Tree:
    return Tree(entry("1", "/a"), entry("2", "/dir/b"), entry("3", "/dir/sub/c"), entry("4", "/d"))


@pytest.fixture
def vendor(tree: Tree) -> Iterator[PageVendor]:
    with vendor_of(tree.answer) as running:
        yield running


def run(vendor: PageVendor, **more: Any) -> Report:
    """One sync of the vendor's tree; asserts nothing."""
    resource = {
        "name": "files",
        "primary_key": "id",
        "write_disposition": "merge",
        "endpoint": {
            "path": "/list",
            "method": "POST",
            "json": {"path": "", "recursive": True},
            "data_selector": "entries",
            "paginator": {
                "type": "continuation",
                "path": "/continue",
                "method": "POST",
                "cursor_path": "cursor",
                "cursor_body_path": "cursor",
                "has_more_path": "has_more",
            },
        },
        "changes": {
            "start": {"from": "listing"},
            "path": "/continue",
            "method": "POST",
            "token_body_path": "cursor",
            "next_path": "cursor",
            "final_path": "cursor",
            "has_more_path": "has_more",
            "deleted": {"path": "['.tag']", "equals": "deleted"},
            "location_path": "path_lower",
            "invalid": {"statuses": [409], "body": "reset"},
        },
        **more,
    }
    client = {"base_url": vendor.url, "retry": {"backoff_factor": 0.001}}
    return sync({"name": "acme", "client": client, "resources": [resource]})


def state() -> dict[Any, tuple[Any, ...]]:
    return by_id(rows_of(STATE))


def test_a_deletion_takes_what_lies_below_along(tree: Tree, vendor: PageVendor) -> None:
    """A folder is gone: its files are; one with a name that only begins alike is not."""
    tree.listing.append(entry("5", "/dir2"))
    run(vendor)
    tree.changes += [deleted("/dir"), deleted("/never/was")]
    assert run(vendor).deleted == 2
    assert state() == {"1": THERE, "2": GONE, "3": GONE, "4": THERE, "5": THERE}


@pytest.mark.parametrize("order", ["gone first", "new first"])
def test_a_move_is_no_deletion(tree: Tree, vendor: PageVendor, order: str) -> None:
    """A place is left and the same id is at another: in either order, and across pages."""
    run(vendor)
    moves = [
        deleted("/dir"),
        entry("2", "/new/b"),
        entry("3", "/new/sub/c"),
    ]
    tree.changes += moves if order == "gone first" else moves[::-1]
    run(vendor)
    assert set(state().values()) == {THERE}
    tree.changes.append(deleted("/dir"))
    run(vendor)
    assert set(state().values()) == {THERE}, "nothing is there any longer"
    tree.changes.append(deleted("/new/sub"))
    run(vendor)
    assert state()["3"] == GONE


def test_one_place_holds_one_file(tree: Tree, vendor: PageVendor) -> None:
    """Another id at a known place: who was there is gone, unless it is told of elsewhere."""
    run(vendor)
    tree.changes += [entry("9", "/a"), entry("2", "/d"), entry("4", "/dir/b")]
    assert run(vendor).deleted == 1
    assert state() == {"1": GONE, "2": THERE, "3": THERE, "4": THERE, "9": THERE}


def test_a_reset_means_a_full_listing(tree: Tree, vendor: PageVendor) -> None:
    """409 reset: what is missing from the listing is gone, and places are those of the listing."""
    run(vendor)
    tree.listing = [entry("1", "/moved"), entry("2", "/dir/b")]
    tree.changes += [deleted("/unused")]
    tree.first = 1
    report = run(vendor)
    assert report.deleted == 2
    assert state() == {
        "1": THERE,
        "2": THERE,
        "3": (True, "not_listed"),
        "4": (True, "not_listed"),
    }
    how = "SELECT how FROM acme_data.listings ORDER BY started_at DESC LIMIT 1"
    assert rows_of(how)[0][0].startswith("the change token had expired")
    tree.changes.append(deleted("/moved"))
    run(vendor)
    assert state()["1"] == GONE


def test_the_first_listing_itself_may_tell_of_deletions(tree: Tree, vendor: PageVendor) -> None:
    """It is the feed's own beginning: told twice, or told and gone, counts as told last."""
    tree.listing += [deleted("/d"), entry("1", "/elsewhere")]
    assert run(vendor).rows == 3
    assert state() == {"1": THERE, "2": THERE, "3": THERE}
    where = "SELECT path_lower FROM acme_data.files WHERE id = '1'"
    assert rows_of(where) == [("/elsewhere",)]
    assert ledger_rows("SELECT token, held FROM change_tokens") == [('"0"', 1)]
