"""Walks over a real socket: every folder once, many at once, in an order that stays; and what
cannot be read is told, never taken for empty."""

from __future__ import annotations

import random
import threading
import time
import tracemalloc
from collections.abc import Iterable
from contextlib import closing
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filehaul.errors import AnswerError, CredentialsError, TemporaryError, VendorError
from filehaul.listing.frontier import Frontier, Waiting
from filehaul.models import Folder
from filehaul.testing import FakeFile, FakeVendor, Fault
from page_vendor import Question, Raw, vendor_of
from walking import (
    folder_record,
    graph,
    items_path,
    tree_vendor,
    walk_of,
    walked,
)


def test_every_folder_and_file_is_found_where_it_is():
    """Files and folders of five folders, each with its folder's path; each folder is asked once,
    and once more for its end."""
    with tree_vendor() as vendor:
        found, walk = walked(vendor.base_url)
        ids = {path: vendor.folder_id(path) for path in ("docs", "docs/2024", "media")}
        assert found["top.txt"] == found[ids["docs"]] == found[ids["media"]] == ""
        assert found["docs/2024/q1/c.txt"] == "docs/2024/q1"
        assert found[ids["docs/2024"]] == "docs"
        assert len(found) == 11
        assert (walk.pages, walk.rows, walk.folders) == (12, 11, 6)
        assert (walk.doubt, walk.how) == (None, "each of 6 folders was read to its end")
        assert vendor.request_count == 12


def test_a_trusted_total_saves_the_last_question_of_each_folder():
    """With stop_after_empty_page: false the vendor's total ends each folder."""
    with tree_vendor() as vendor:
        paginator = {"type": "offset", "limit": 100, "stop_after_empty_page": False}
        found, walk = walked(vendor.base_url, paginator=paginator)
        assert (len(found), vendor.request_count, walk.doubt) == (11, 6, None)


def test_folders_are_begun_in_the_order_found():
    """Breadth first: the first questions for each folder go level by level."""
    with tree_vendor() as vendor:
        walked(vendor.base_url, concurrency=1)
        asked = [r.path for r in vendor.requests if r.query["offset"] == "0"]
        levels = ["", "docs", "media", "docs/2024", "docs/2025", "docs/2024/q1"]
        assert asked == [items_path(vendor, path) for path in levels]


class Slowly:
    """A vendor whose answers come in any order: each waits a random moment."""

    def __init__(self, answering: Any, seed: int) -> None:
        self.answering = answering
        self.chance = random.Random(seed)

    def __call__(self, question: Question) -> Any:
        time.sleep(self.chance.random() * 0.004)
        return self.answering(question)


NAMES = list("abcdefgh")
GRAPHS = st.fixed_dictionaries(
    {name: st.lists(st.sampled_from(NAMES), unique=True, max_size=5) for name in NAMES}
)
COUNTS = st.fixed_dictionaries({name: st.integers(1, 5) for name in NAMES})


def reachable(children: dict[str, list[str]], lost: Iterable[str] = ()) -> list[str]:
    """Folders that a walk from ``a`` gets to."""
    found, waiting = ["a"], ["a"]
    while waiting:
        for child in children.get(waiting.pop(0), []):
            if child not in found:
                found.append(child)
                if child not in lost:
                    waiting.append(child)
    return found


@settings(max_examples=25, deadline=None)
@given(children=GRAPHS, files=COUNTS, lost=st.sets(st.sampled_from(NAMES[1:]), max_size=2))
def test_any_graph_of_folders(children, files, lost):
    """Folders under many parents, in circles, in themselves, and some that are gone: every file
    that can be reached comes once, in the same order however fast the answers are; and the walk
    says that it is whole only where no folder was lost."""
    there = {name: below for name, below in children.items() if name not in lost}
    expected = {f"{name}.{n}" for name in reachable(children, lost) for n in range(files[name])}
    expected -= {one for one in expected if one[0] in lost}
    is_lost = bool(lost & set(reachable(children, lost)))
    orders = []
    for seed in (1, 2):
        with vendor_of(Slowly(graph(there, files), seed)) as vendor:
            paginator = {"type": "offset", "limit": 2}
            options: Any = {"walk": {"root": "a"}, "paginator": paginator, "concurrency": 5}
            with walk_of(vendor.url, **options) as walk:
                pages = [(page.folder.path, page.records) for page in walk]
            orders.append(pages)
            assert (walk.doubt is not None) == is_lost, walk.doubt
            rows = [one["id"] for _, page in pages for one in page if one["type"] == "file"]
            assert sorted(rows) == sorted(expected)
    assert orders[0] == orders[1]


def test_a_folder_under_two_parents_is_read_once():
    """Its files are under the parent that came first, and that is no reason for doubt."""
    with tree_vendor() as vendor:
        vendor.link_folder("docs/2024", into="media", name="old")
        with walk_of(vendor.base_url) as walk:
            places = [
                (page.folder.path, one["id"])
                for page in walk
                for one in page.records
                if one["id"] in ("docs/2024/b.txt", vendor.folder_id("docs/2024"))
            ]
        linked = vendor.folder_id("docs/2024")
        assert places == [("docs", linked), ("media", linked), ("docs/2024", "docs/2024/b.txt")]
        assert walk.doubt is None
        assert vendor.count(items_path(vendor, "docs/2024")) == 2


def test_a_circle_of_folders_ends():
    """A folder that holds the folder above it: nothing is asked twice, the walk is whole."""
    with tree_vendor() as vendor:
        vendor.link_folder("docs", into="docs/2024/q1")
        with walk_of(vendor.base_url) as walk:
            rows = sum(len(page.records) for page in walk)
        assert (rows, walk.folders, walk.doubt) == (12, 6, None)


def test_a_large_folder_does_not_keep_the_others_waiting():
    """While 400 files of one folder come by fives, the other folders come in between."""
    files = [FakeFile(f"big/{n}", f"{n}", path=f"big/{n}") for n in range(400)]
    files += [FakeFile(f"x{n}/f", "f", path=f"x{n}/f") for n in range(20)]
    with FakeVendor(files, auth=False, page_cap=5) as vendor:
        with walk_of(vendor.base_url, concurrency=4) as walk:
            order = [page.folder.path for page in walk]
        assert order.count("big") == 81  # 80 pages, and the empty one
        last = max(number for number, path in enumerate(order) if path != "big")
        assert last < order.index("big") + 2 * 50


def test_what_is_in_flight_is_bounded_and_reached():
    """With 30 folders waiting, `concurrency` questions are in flight, and no more."""
    lock = threading.Condition()
    state = {"now": 0, "most": 0}

    def answering(question: Question) -> Any:
        if question.path == "/v1/folders/0/items":
            return {"files": [folder_record(n) for n in range(1, 31)], "total": 30}
        with lock:
            state["now"] += 1
            state["most"] = max(state["most"], state["now"])
            lock.notify_all()
            lock.wait_for(lambda: state["most"] >= 6, timeout=5)
            state["now"] -= 1
        return {"files": [], "total": 0}

    with vendor_of(answering) as vendor:
        walked(vendor.url, concurrency=6)
    assert state["most"] == 6


def test_the_last_large_folder_is_read_ahead():
    """Where no other folder waits, the pages of one with a known total are asked for at once."""
    lock = threading.Condition()
    state = {"now": 0, "most": 0}
    rows = [{"type": "file", "id": n} for n in range(300)]

    def answering(question: Question) -> Any:
        start = question.number("offset")
        if start:
            with lock:
                state["now"] += 1
                state["most"] = max(state["most"], state["now"])
                lock.notify_all()
                lock.wait_for(lambda: state["most"] >= 4, timeout=5)
                state["now"] -= 1
        return {"files": rows[start : start + 10], "total": 300}

    with vendor_of(answering) as vendor:
        paginator = {"type": "offset", "limit": 10}
        with walk_of(vendor.url, concurrency=4, paginator=paginator) as walk:
            found = [one["id"] for page in walk for one in page.records]
        assert found == list(range(300))
        assert len(vendor.questions) == 31
    assert state["most"] == 4


def test_guesses_that_are_wrong_cost_a_question_never_a_row():
    """Pages of all sizes, with a total: read ahead or not, each row comes once and in order."""
    rows = [{"type": "file", "id": n} for n in range(120)]

    def answering(question: Question) -> Any:
        start = question.number("offset")
        return {"files": rows[start : start + 1 + start % 7], "total": 120}

    with vendor_of(answering) as vendor:
        paginator = {"type": "offset", "limit": 10}
        with walk_of(vendor.url, concurrency=4, paginator=paginator) as walk:
            assert [one["id"] for page in walk for one in page.records] == list(range(120))


@pytest.mark.parametrize("prove", [True, False])
def test_a_row_that_goes_while_its_folder_is_read(prove):
    """A row before those already read goes between two pages: the one that shifts into its gap is
    found again where the walk must prove that it is whole, and only there."""
    rows = [{"type": "file", "id": n} for n in range(50)]

    def answering(question: Question) -> Any:
        if question.path == "/v1/folders/0/items":
            first = [folder_record("d")] if question.params["offset"] == "0" else []
            return {"files": first}
        start = question.number("offset")
        if start > 25 and rows[5]["id"] == 5:
            del rows[5]
        return {"files": rows[start : start + 10]}

    with vendor_of(answering) as vendor:
        options: Any = {"paginator": {"type": "offset", "limit": 10}, "prove": prove}
        with walk_of(vendor.url, concurrency=2, **options) as walk:
            found = [one["id"] for page in walk for one in page.records]
    assert walk.doubt is None
    assert len(found) == len(set(found))
    missing = set(range(50)) - set(found) - {"d"}
    assert (missing <= {5}) == prove, missing


# -- what cannot be read ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault.status(403, {"error": "no access to token=Zm9vYmFyYmF6"}), "HTTP 403"),
        (Fault.status(404), "(deleted meanwhile?)"),
        (Fault.status(500), "HTTP 500"),
        (Fault.status(200, {"error": "busy"}), "'files' is missing from the answer"),
        (Fault.status(200, "<html>please sign in</html>"), "not JSON"),
        (Fault.reset(), "the connection broke"),
    ],
    ids=str,
)
def test_one_folder_that_fails_does_not_stop_the_others(fault, words):
    """The rest comes, and the walk is not whole: it says how many, which, and why; no secret."""
    with tree_vendor() as vendor:
        vendor.script(items_path(vendor, "docs/2024"), fault, times=Fault.always)
        found, walk = walked(vendor.base_url)
        assert len(found) == 11 - 3
        assert "docs/2025/d.txt" in found
        assert "docs/2024/b.txt" not in found
        assert walk.doubt is not None
        assert walk.doubt.startswith(f"the folder 'docs/2024' (id {vendor.folder_id('docs/2024')})")
        assert words in walk.doubt
        assert "Zm9vYmFyYmF6" not in walk.doubt
        assert walk.how == "not listed to its end"
        vendor.assert_all_fired()


def test_several_refusals_are_counted():
    """Two subtrees refused: two folders, the first by name."""
    with tree_vendor() as vendor:
        for path in ("docs", "media"):
            vendor.script(items_path(vendor, path), Fault.status(403))
        found, walk = walked(vendor.base_url)
        vendor.assert_all_fired()
        assert set(found) == {"top.txt", vendor.folder_id("docs"), vendor.folder_id("media")}
        assert (walk.doubt or "").startswith("2 folders could not be read; the first, 'docs' (id")


def test_a_page_in_the_middle_of_a_folder():
    """The pages before it are kept, and the walk is not whole."""
    files = [FakeFile(f"a/{n}", f"{n}", path=f"a/{n}") for n in range(25)]
    with FakeVendor(files, auth=False, page_cap=10) as vendor:
        vendor.script(f"GET {items_path(vendor, 'a')}?offset=10*", Fault.status(403))
        found, walk = walked(vendor.base_url, paginator={"type": "offset", "limit": 10})
        vendor.assert_all_fired()
        assert len(found) == 11
        assert "HTTP 403" in (walk.doubt or "")


def test_the_root_itself():
    """A root that cannot be read is not an empty vendor: its own error, and no page."""
    with tree_vendor() as vendor:
        vendor.script(items_path(vendor, ""), Fault.status(404))
        with pytest.raises(AnswerError) as caught:
            walked(vendor.base_url)
        assert caught.value.status == 404


def test_of_several_roots_one_may_fail():
    """The others are walked; where all fail, the first one's error is raised."""
    with tree_vendor() as vendor:
        media = vendor.folder_id("media")
        found, walk = walked(vendor.base_url, {"root": ["nowhere", {"id": media, "name": "M"}]})
        assert found == {"media/e.bin": "M"}
        assert (walk.doubt or "").startswith("the folder 'nowhere' (id nowhere): HTTP 404")
        with pytest.raises(AnswerError, match="404"):
            walked(vendor.base_url, {"root": ["nowhere", "neither"]})


def test_credentials_stop_the_walk():
    """A 401 is not one folder's trouble."""
    with tree_vendor() as vendor:
        vendor.script(items_path(vendor, "docs/2024"), Fault.status(401), times=3)
        with pytest.raises(CredentialsError):
            walked(vendor.base_url)


def test_a_vendor_that_is_down_is_not_asked_for_every_folder():
    """Ten folders in a row that fail for a while only: that is the vendor, and the run ends."""
    with FakeVendor.of_tree(60, 0, fan_out=60, auth=False) as vendor:
        vendor.script("/v1/folders/dir-*/items", Fault.status(503), times=Fault.always)
        with pytest.raises(AnswerError) as caught:
            walked(vendor.base_url, concurrency=2)
        assert caught.value.temporary
        assert vendor.request_count < 2 * (1 + 10 + 4) + 2


def test_permanent_refusals_in_a_row_are_a_drive_that_is_mostly_closed():
    """Forty folders that answer 403 are forty refusals: the walk goes on to its end."""
    with FakeVendor.of_tree(40, 1, fan_out=40, auth=False) as vendor:
        vendor.script("/v1/folders/dir-*/items", Fault.status(403), times=39)
        found, walk = walked(vendor.base_url)
        vendor.assert_all_fired()
        assert len(found) == 41
        assert (walk.doubt or "").startswith("39 folders could not be read")


def test_a_vendor_that_ignores_the_folder():
    """The same page whatever is asked: an error after a few, and not a catalogue of the root."""
    rows = [folder_record(n) for n in range(1, 6)] + [{"type": "file", "id": "f"}]
    with vendor_of(lambda _: {"files": rows, "total": len(rows)}) as vendor:
        paginator = {"type": "offset", "limit": 10, "stop_after_empty_page": False}
        with pytest.raises(VendorError, match="the same page for a folder as for the one above"):
            walked(vendor.url, paginator=paginator, concurrency=1)
        assert len(vendor.questions) <= 1 + 3 + 2


def test_a_folder_in_itself_is_a_doubt():
    """One folder whose page is the one above it does not cost the others."""
    with vendor_of(graph({"a": ["b"], "b": ["b"]}, {"a": 0, "b": 0})) as vendor:
        with walk_of(vendor.url, {"root": "a"}) as walk:
            rows = [one["id"] for page in walk for one in page.records]
        assert rows == ["b"]
        assert "the same page" in (walk.doubt or "")


def test_a_page_that_repeats_in_one_folder():
    """A vendor that ignores the offset: that folder goes in circles, the others are read."""

    def answering(question: Question) -> Any:
        if question.path == "/v1/folders/0/items":
            rows = [folder_record(1), folder_record(2)]
            return {"files": rows if question.params["offset"] == "0" else []}
        if question.path == "/v1/folders/1/items":
            return {"files": [{"type": "file", "id": "x"}]}
        return {"files": [{"type": "file", "id": "y"}] if question.params["offset"] == "0" else []}

    with vendor_of(answering) as vendor:
        found, walk = walked(vendor.url)
        assert list(found.values()) == ["", "", "n1", "n2"]
        assert "'n1' (id 1): page 2 repeats" in (walk.doubt or "")


def test_the_vendors_own_total_of_a_folder():
    """A folder that has fewer rows than it says is doubted, by name."""

    def answering(question: Question) -> Any:
        if question.path == "/v1/folders/0/items":
            rows = [folder_record(7)] if question.params["offset"] == "0" else []
            return {"files": rows, "total": 1}
        return {"files": [], "total": 3}

    with vendor_of(answering) as vendor:
        paginator = {"type": "offset", "limit": 10, "stop_after_empty_page": True}
        _, walk = walked(vendor.url, paginator=paginator)
        assert walk.doubt == "the folder 'n7' (id 7): the vendor's own total is 3"


def test_folders_deeper_than_max_depth():
    """They are in the catalogue, are not read, and are counted."""
    with tree_vendor() as vendor:
        found, walk = walked(vendor.base_url, {"max_depth": 1})
        assert vendor.folder_id("docs/2024") in found
        assert "docs/2024/b.txt" not in found
        assert walk.doubt == "2 folders deeper than max_depth (1) were not read"


@pytest.mark.parametrize("id_", [None, "", True, 1.5, {"a": 1}, ...])
def test_a_folder_without_a_usable_id(id_):
    """It cannot be asked for: the walk is not whole, and says why."""
    row = {"type": "folder", "id": id_, "name": "odd"}
    if id_ is ...:
        del row["id"]
    with vendor_of(lambda q: {"files": [row] if q.params["offset"] == "0" else []}) as vendor:
        with walk_of(vendor.url) as walk:
            assert sum(len(page.records) for page in walk) == 1
        assert walk.doubt == "1 folders without an id (id)"


def test_folders_to_come_are_not_held_in_memory():
    """Thirty thousand folders go in and come out in their order, each id once."""
    tracemalloc.start()
    frontier = Frontier()
    with closing(frontier):
        for start in range(0, 30_000, 1000):
            some = [
                Waiting(n % 27_000, Folder(str(n), f"folder-{n}" * 4))
                for n in range(start, start + 1000)
            ]
            assert frontier.add(some) == (1000 if start < 27_000 else 0)
        del some
        taken = 0
        while (waiting := frontier.take()) is not None:
            assert waiting.id == taken
            taken += 1
        assert taken == 27_000
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()


def test_a_full_disk_is_said():
    """The temporary file cannot grow: temporary, and what to do."""
    frontier = Frontier()
    with closing(frontier):
        frontier._db.execute("PRAGMA max_page_count = 10")
        with pytest.raises(TemporaryError, match="cannot be kept: database or disk is full"):
            frontier.add(Waiting(n, Folder(str(n), "x" * 1000)) for n in range(1000))


# -- what is asked ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("id_", "segment"),
    [
        ("a/b", "a%2Fb"),
        ("..", "%2E%2E"),
        ("x?y=1&z#f", "x%3Fy%3D1%26z%23f"),
        ("100%", "100%25"),
        ("ä", "%C3%A4"),
        (12345678901234567890123, "12345678901234567890123"),
        (7.0, "7"),
    ],
)
def test_an_id_is_one_segment(id_, segment):
    """Whatever an id holds, it stays one segment of the address, and no other folder's."""
    rows = {"/v1/folders/0/items": [folder_record(id_)]}

    def answering(question: Question) -> Any:
        return {"files": rows.get(question.path, []) if question.params["offset"] == "0" else []}

    with vendor_of(answering) as vendor:
        walked(vendor.url)
        assert f"/v1/folders/{segment}/items" in [question.path for question in vendor.questions]
        assert len(vendor.questions) == 3


def test_the_id_in_parameters():
    """Google's way: one address, the folder in a parameter among other words."""

    def answering(question: Question) -> Any:
        root = question.params["q"] == "'root' in parents and trashed=false"
        token = question.params.get("pageToken")
        if root and token is None:
            return {"files": [folder_record("k1")], "nextPageToken": "t2"}
        return {"files": [{"type": "file", "id": f"{question.params['q'][:5]}{token}"}]}

    with vendor_of(answering) as vendor:
        found, walk = walked(
            vendor.url,
            {"root": "root", "path": "/drive/v3/files"},
            params={"q": "'{folder_id}' in parents and trashed=false"},
            paginator={
                "type": "cursor",
                "cursor_path": "nextPageToken",
                "cursor_param": "pageToken",
            },
        )
        assert found == {"k1": "", "'roott2": "", "'k1' None": "nk1"}
        assert walk.doubt is None
        assert "'k1' in parents and trashed=false" in vendor.asked("q")


def test_the_id_in_a_json_body():
    """Dropbox's way: POST, the folder in the body, an empty root; an id alone keeps its type."""

    def answering(question: Question) -> Any:
        assert question.body["recursive"] is False
        if question.body["path"] == "":
            return {"files": [folder_record(5)]}
        return {"files": [{"type": "file", "id": repr(question.body["path"])}]}

    with vendor_of(answering) as vendor:
        found, _ = walked(
            vendor.url,
            {"root": "", "path": "/2/files/list_folder"},
            method="POST",
            json={"path": "{folder_id}", "note": "of {folder_id}", "recursive": False},
            paginator="single_page",
        )
        assert found == {5: "", "5": "n5"}
        assert [question.body["note"] for question in vendor.questions] == ["of ", "of 5"]


def test_links_within_a_folder_and_a_root_of_its_own_address():
    """Graph's way: the root has another address, and the next page is a link."""

    def answering(question: Question) -> Any:
        if question.path == "/me/drive/root/children":
            if "skip" not in question.params:
                link = "/me/drive/root/children?skip=1"
                return {"files": [{"id": "A", "name": "Docs", "folder": {}}], "next": link}
            return {"files": [{"id": "B", "name": "b", "file": {}}]}
        assert question.path == "/me/drive/items/A/children"
        return {"files": [{"id": "C", "name": "c", "file": {}}]}

    with vendor_of(answering) as vendor:
        found, _ = walked(
            vendor.url,
            {
                "root": {"id": "root", "path": "/me/drive/root/children"},
                "path": "/me/drive/items/{folder_id}/children",
                "folder": {"path": "folder", "exists": True},
            },
            paginator={"type": "json_link", "next_url_path": "next"},
        )
        assert found == {"A": "", "B": "", "C": "Docs"}


@pytest.mark.parametrize("link", ["file:///etc/passwd", "http://10.0.0.1/x"])
def test_a_link_that_may_not_be_followed_fails_that_folder(link):
    """The rules for addresses hold inside a walk too: nothing is asked, the folder is doubted."""

    def answering(question: Question) -> Any:
        if question.path == "/v1/folders/0/items":
            return {"files": [folder_record(1), folder_record(2)]}
        if question.path == "/v1/folders/1/items":
            return {"files": [], "next": link}
        return {"files": [{"type": "file", "id": "x"}]}

    with vendor_of(answering) as vendor:
        paginator = {"type": "json_link", "next_url_path": "next"}
        found, walk = walked(vendor.url, paginator=paginator)
        assert found == {1: "", 2: "", "x": "n2"}
        assert (walk.doubt or "").startswith("the folder 'n1' (id 1): ")
        assert len(vendor.questions) == 3


def test_a_connection_that_cannot_be_made():
    """Nothing listens: temporary, and no page."""
    with tree_vendor() as vendor:
        url = vendor.base_url
    with pytest.raises(TemporaryError):
        walked(url)


def test_answers_in_several_arrays_and_raw():
    """files and folders side by side in one answer, as some vendors have it."""

    def answering(question: Question) -> Any:
        if question.path == "/v1/folders/0/items":
            return Raw({"files": [{"id": "f"}], "folders": [{"id": "d", "is_dir": True}]})
        return {"files": [{"id": "g"}], "folders": []}

    with vendor_of(answering) as vendor:
        found, _ = walked(
            vendor.url,
            {"folder": {"path": "is_dir", "equals": True}},
            data_selector=["files", "folders"],
            paginator="single_page",
        )
        assert found == {"f": "", "d": "", "g": "d"}
