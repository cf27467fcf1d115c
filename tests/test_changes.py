"""Change feeds as vendors have them: what is asked, what comes of it, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config_dicts import config
from filehaul.config import load_config
from filehaul.connect import connect
from filehaul.errors import AnswerError, VendorError
from filehaul.listing import Listing
from filehaul.listing.changes import Changes
from filehaul.models import Deletion
from page_vendor import PageVendor, Question, Raw, vendor_of

DRIVE = {
    "start": {"path": "/changes/startPageToken", "token_path": "startPageToken"},
    "path": "/changes",
    "token_param": "pageToken",
    "params": {"includeRemoved": True},
    "data_selector": "changes",
    "next_path": "nextPageToken",
    "final_path": "newStartPageToken",
    "file_path": "file",
    "id_path": "fileId",
    "deleted": [
        {"path": "removed", "equals": True},
        {"path": "file.trashed", "equals": True, "reason": "trashed"},
    ],
    "invalid": {"statuses": [400, 410], "body": "pageToken"},
}
GRAPH = {
    "start": {"from": "listing"},
    "token_is_url": True,
    "next_path": "['@odata.nextLink']",
    "final_path": "['@odata.deltaLink']",
    "deleted": {"path": "deleted", "exists": True},
}
DROPBOX = {
    "start": {"from": "listing"},
    "path": "/2/files/list_folder/continue",
    "method": "POST",
    "token_body_path": "cursor",
    "next_path": "cursor",
    "final_path": "cursor",
    "has_more_path": "has_more",
    "deleted": {"path": "['.tag']", "equals": "deleted"},
    "location_path": "path_lower",
    "invalid": {"statuses": [409], "body": "reset"},
}
BOX = {
    "start": {
        "path": "/2.0/events",
        "params": {"stream_type": "changes", "stream_position": "now"},
        "token_path": "next_stream_position",
    },
    "path": "/2.0/events",
    "params": {"stream_type": "changes"},
    "token_param": "stream_position",
    "data_selector": "entries",
    "next_path": "next_stream_position",
    "final_path": "next_stream_position",
    "stop_after_empty_page": True,
    "file_path": "source",
    "id_path": "source.id",
    "deleted": {"path": "event_type", "equals": ["ITEM_TRASH"], "reason": "trashed"},
}


@contextmanager
def changes_of(
    vendor: PageVendor, block: dict[str, Any], token: Any, **more: Any
) -> Iterator[Changes]:
    """The lister of a resource with this block; ``more`` goes to its endpoint."""
    made = config()
    made["client"] = {
        "base_url": vendor.url,
        "retry": {"max_retries": 1, "backoff_factor": 0},
    }
    resource = made["resources"][0]
    resource |= {"primary_key": more.pop("primary_key", "id"), "write_disposition": "merge"}
    resource["changes"] = block
    resource["endpoint"] = {
        "path": "/files",
        "data_selector": "files",
        "paginator": {"type": "cursor", "cursor_path": "next", "cursor_param": "page"},
        **more,
    }
    read = load_config(made, expand=False)
    with connect(read) as http:
        own = read.resources[0]
        yield Changes(own, read.client, http, Listing(own, read.client, http), token)


def took(lister: Changes) -> tuple[list[Any], list[Deletion]]:
    """All records and all deletions of a lister."""
    records: list[Any] = []
    deleted: list[Deletion] = []
    for page in lister:
        assert not (page.deleted and records), "deletions come first"
        records += page.records
        deleted += page.deleted
    return records, deleted


def scripted(answers: dict[str, Any]) -> Callable[[Question], Any]:
    """Answers by ``path`` or ``path?token``, whichever fits first; a token is any parameter."""

    def answering(question: Question) -> Any:
        named = [f"{question.path}?{value}" for value in question.params.values()]
        if question.body:
            named += [f"{question.path}?{question.body.get('cursor')}"]
        for name in (*named, question.path):
            if name in answers:
                return answers[name]
        return Raw({"error": "unexpected"}, 404)

    return answering


def test_the_first_token_is_asked_before_the_first_full_listing() -> None:
    """Without a token: start, then every page of the listing; the token is the one of before."""
    answers = {
        "/changes/startPageToken": {"startPageToken": "17"},
        "/files": {"files": [{"id": "a"}], "next": "2"},
        "/files?2": {"files": [{"id": "b"}]},
    }
    with vendor_of(scripted(answers)) as vendor, changes_of(vendor, DRIVE, None) as lister:
        records, deleted = took(lister)
        assert [record["id"] for record in records] == ["a", "b"]
        assert deleted == []
        assert (lister.final, lister.is_full, lister.expired) == ("17", True, False)
        assert (lister.pages, lister.rows) == (2, 2)
        assert [one.path for one in vendor.questions] == [
            "/changes/startPageToken",
            "/files",
            "/files",
        ]


def test_google_drive() -> None:
    """Two pages of changes: files, a removal without a file, one in the trash, the final token."""
    answers = {
        "/changes?17": {
            "changes": [
                {"fileId": "a", "removed": False, "file": {"id": "a", "name": "new"}},
                {"fileId": "b", "removed": True},
            ],
            "nextPageToken": "18",
        },
        "/changes?18": {
            "changes": [{"fileId": "c", "file": {"id": "c", "trashed": True}}],
            "newStartPageToken": "20",
        },
    }
    with vendor_of(scripted(answers)) as vendor, changes_of(vendor, DRIVE, "17") as lister:
        records, deleted = took(lister)
        assert records == [{"id": "a", "name": "new"}]
        assert deleted == [Deletion(("b",)), Deletion(("c",), reason="trashed")]
        assert (lister.final, lister.is_full, lister.pages, lister.rows) == ("20", False, 2, 3)
        assert vendor.asked("pageToken", "includeRemoved") == [("17", "true"), ("18", "true")]


def graph(url: str) -> dict[str, Any]:
    """Graph's delta, as links of this address."""
    return {
        "/delta?1": {"value": [{"id": "b"}], "@odata.deltaLink": f"{url}/delta?token=2"},
        "/delta?2": {
            "value": [{"id": "b", "deleted": {"state": "deleted"}}, {"id": "c", "deleted": None}],
            "@odata.deltaLink": "/delta?token=3",
        },
        "/delta": {
            "value": [{"id": "a"}, {"id": "z"}, {"id": "z", "deleted": {}}],
            "@odata.nextLink": f"{url}/delta?token=1",
        },
    }


def test_microsoft_graph() -> None:
    """The listing is the first delta: its last page has the link; links may be relative."""
    answers: dict[str, Any] = {}
    endpoint = {
        "path": "/delta",
        "data_selector": "value",
        "paginator": {"type": "json_link", "next_url_path": "['@odata.nextLink']"},
    }
    with vendor_of(scripted(answers)) as vendor:
        answers.update(graph(vendor.url))
        with changes_of(vendor, GRAPH, None, **endpoint) as lister:
            records, deleted = took(lister)
            assert [record["id"] for record in records] == ["a", "b"]
            assert deleted == [Deletion(("z",))]
            assert lister.final == f"{vendor.url}/delta?token=2"
            assert lister.is_full
        with changes_of(vendor, GRAPH, lister.final, **endpoint) as lister:
            records, deleted = took(lister)
            assert [record["id"] for record in records] == ["c"]
            assert deleted == [Deletion(("b",))]
            assert lister.final == f"{vendor.url}/delta?token=3"


def test_dropbox() -> None:
    """POST with the cursor in the body; deletions name a place, which takes what is below along;
    what comes to that place afterwards stays."""
    page = "/2/files/list_folder/continue"
    answers = {
        f"{page}?c1": {
            "entries": [
                {".tag": "file", "id": "1", "path_lower": "/old/a"},
                {".tag": "file", "id": "2", "path_lower": "/older"},
                {".tag": "deleted", "path_lower": "/old"},
                {".tag": "file", "id": "3", "path_lower": "/old/a"},
            ],
            "cursor": "c2",
            "has_more": True,
        },
        f"{page}?c2": {"entries": [], "cursor": "c3", "has_more": False},
    }
    with vendor_of(scripted(answers)) as vendor:
        with changes_of(vendor, DROPBOX, "c1", data_selector="entries") as lister:
            records, deleted = took(lister)
            assert [record["id"] for record in records] == ["2", "3"]
            assert deleted == [Deletion(location="/old"), Deletion(("1",))]
            assert lister.final == "c3"
        assert [(one.path, one.body) for one in vendor.questions] == [
            (page, {"cursor": "c1"}),
            (page, {"cursor": "c2"}),
        ]


def test_box() -> None:
    """A position that is a number, in every answer; an empty page is the end."""
    answers = {
        "/2.0/events?now": {"entries": [], "next_stream_position": 1152922976252290886},
        "/2.0/events?5": {
            "entries": [
                {"event_type": "ITEM_UPLOAD", "source": {"id": "1", "name": "a"}},
                {"event_type": "ITEM_TRASH", "source": {"id": "2"}},
            ],
            "next_stream_position": 7,
        },
        "/2.0/events?7": {"entries": [], "next_stream_position": 7},
        "/files": {"files": []},
    }
    with vendor_of(scripted(answers)) as vendor:
        with changes_of(vendor, BOX, None) as lister:
            took(lister)
            assert lister.final == 1152922976252290886
        with changes_of(vendor, BOX, 5) as lister:
            records, deleted = took(lister)
            assert records == [{"id": "1", "name": "a"}]
            assert deleted == [Deletion(("2",), reason="trashed")]
            assert lister.final == 7


@pytest.mark.parametrize(
    ("block", "token", "path", "status", "body"),
    [
        (DRIVE, "17", "/changes", 410, {"error": "pageToken is gone"}),
        (DRIVE, "17", "/changes", 400, {"error": "Invalid value for PAGETOKEN"}),
        (DROPBOX, "c1", "/2/files/list_folder/continue", 409, {"error_summary": "reset/.."}),
    ],
)
def test_an_expired_token_means_a_full_listing(
    block: dict[str, Any], token: str, path: str, status: int, body: Any
) -> None:
    """Also in the middle of a feed: nothing of it is given on, and everything is listed anew."""
    answers: dict[str, Any] = {
        "/changes/startPageToken": {"startPageToken": "30"},
        "/files": {"files": [{"id": "all"}], "cursor": "30"},
        path: Raw(body, status),
        f"{path}?{token}": {
            "changes": [{"fileId": "a", "file": {"id": "a"}}],
            "files": [{"id": "a"}],
            "nextPageToken": "18",
            "cursor": "18",
            "has_more": True,
        },
    }
    with vendor_of(scripted(answers)) as vendor, changes_of(vendor, block, token) as lister:
        assert took(lister) == ([{"id": "all"}], [])
        assert (lister.is_full, lister.expired, lister.final) == (True, True, "30")
        assert (lister.pages, lister.rows) == (1, 1)
        assert "expired" in lister.how


@pytest.mark.parametrize(
    ("status", "body"), [(410, {"error": "another thing"}), (403, {"error": "pageToken"})]
)
def test_another_refusal_is_no_expired_token(status: int, body: Any) -> None:
    """Status and text must both be those of the config: else the error stands."""
    with (
        vendor_of(lambda _question: Raw(body, status)) as vendor,
        changes_of(vendor, DRIVE, "17") as lister,
    ):
        with pytest.raises(AnswerError) as raised:
            took(lister)
        assert raised.value.status == status
        assert lister.final is None
        assert len(vendor.questions) == 1


BAD = {
    "neither token": ({"changes": []}, "no token at 'nextPageToken' nor 'newStartPageToken'"),
    "tokens are null": (
        {"changes": [], "nextPageToken": None, "newStartPageToken": ""},
        "does not say how it goes on",
    ),
    "a token that is an object": ({"changes": [], "nextPageToken": {}}, "dict, not a change token"),
    "no changes": ({"newStartPageToken": "18"}, "'changes' is missing"),
    "a circle": ({"changes": [], "nextPageToken": "17"}, "points back to an earlier one"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_answer_is_not_the_end_of_the_feed(name: str) -> None:
    """Each is an error, and there is no token for the next run."""
    answer, words = BAD[name]
    with vendor_of(lambda _question: answer) as vendor, changes_of(vendor, DRIVE, "17") as lister:
        with pytest.raises(VendorError, match=words):
            took(lister)
        assert lister.final is None


def test_more_is_promised_and_no_token_comes() -> None:
    """``has_more: true`` without a token, or no ``has_more`` at all, is an error."""
    for answer, words in (
        ({"files": [], "has_more": True}, "no token for them"),
        ({"files": [], "cursor": "c"}, "does not say at 'has_more'"),
    ):
        with (
            vendor_of(lambda _question, answer=answer: answer) as vendor,
            changes_of(vendor, DROPBOX, "c1") as lister,
            pytest.raises(VendorError, match=words),
        ):
            took(lister)


def test_the_start_has_no_token() -> None:
    """Then nothing is listed: a token taken later would leave a gap."""
    with (
        vendor_of(lambda _question: {"files": [], "token": 1}) as vendor,
        changes_of(vendor, DRIVE, None) as lister,
    ):
        with pytest.raises(VendorError, match="no change token at 'startPageToken'"):
            took(lister)
        assert len(vendor.questions) == 1


def test_a_listing_without_its_final_token_is_not_whole() -> None:
    """``from: listing`` whose last page has no token: its rows are given on, then the error."""
    answers = {"/files": {"files": [{"id": "a"}]}}
    with vendor_of(scripted(answers)) as vendor, changes_of(vendor, DROPBOX, None) as lister:
        pages = iter(lister)
        assert next(pages).records == [{"id": "a"}]
        with pytest.raises(VendorError, match="last page has no change token at 'cursor'"):
            next(pages)
        assert lister.final is None


def test_a_link_to_another_host_gets_no_credentials() -> None:
    """A delta link that points elsewhere is asked there, and without the Authorization header."""
    with (
        vendor_of(lambda _q: {"value": [], "@odata.deltaLink": "/d?token=9"}) as other,
        vendor_of(lambda _q: {"value": [], "@odata.nextLink": f"{other.url}/d?token=2"}) as vendor,
    ):
        made = config()
        auth = {"type": "bearer", "token": "secret-of-this-vendor"}
        made["client"] = {"base_url": vendor.url, "auth": auth}
        made["resources"][0] |= {
            "primary_key": "id",
            "write_disposition": "merge",
            "changes": GRAPH,
            "endpoint": {"path": "/d", "data_selector": "value", "paginator": "single_page"},
        }
        read = load_config(made, expand=False)
        with connect(read) as http:
            own = read.resources[0]
            full = Listing(own, read.client, http)
            lister = Changes(own, read.client, http, full, f"{vendor.url}/d?token=1")
            took(lister)
            assert lister.final == f"{other.url}/d?token=9"
        assert vendor.questions[0].headers["authorization"] == "Bearer secret-of-this-vendor"
        assert "authorization" not in other.questions[0].headers


def test_a_token_is_not_shown() -> None:
    """A long change token is blanked in the error of the request that it is sent with."""
    token = "tok-0123456789-abcdefghij"
    with vendor_of(lambda _question: Raw({}, 404)) as vendor:
        for block, sent in ((BOX, token), (GRAPH, f"{vendor.url}/delta(token='{token}')")):
            with changes_of(vendor, block, sent) as lister, pytest.raises(AnswerError) as raised:
                took(lister)
            assert token not in str(raised.value)
            assert "***" in str(raised.value)


def test_a_change_that_names_no_file_is_given_on_as_it_is() -> None:
    """So the catalogue rejects it, and says so, whether it is a deletion or not."""
    answer = {
        "changes": [{"removed": True}, {"file": {"name": "x"}}, {"fileId": "a"}, 7],
        "newStartPageToken": "18",
    }
    with vendor_of(lambda _question: answer) as vendor, changes_of(vendor, DRIVE, "17") as lister:
        records, deleted = took(lister)
        assert records == [None, {"name": "x"}, None, None]
        assert deleted == []


WORDS = st.lists(
    st.tuples(st.sampled_from("abcd"), st.sampled_from(["put", "removed", "trashed"])), max_size=12
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(words=WORDS, sizes=st.lists(st.integers(0, 4), min_size=1, max_size=8))
def test_of_each_file_the_last_word_counts(words: list[tuple[str, str]], sizes: list[int]) -> None:
    """However a feed repeats files, and wherever its pages end: one word a file, the last."""
    changes = []
    for number, (key, what) in enumerate(words):
        file = {"id": key, "number": number, "trashed": what == "trashed"}
        gone = {"fileId": key, "removed": True}
        changes.append(gone if what == "removed" else {"fileId": key, "file": file})
    pages: list[list[Any]] = []
    for size in [*sizes, len(changes)]:
        pages.append(changes[:size])
        changes = changes[size:]

    def answering(question: Question) -> Any:
        number = question.number("pageToken")
        ends = number == len(pages) - 1
        token = {"newStartPageToken" if ends else "nextPageToken": str(number + 1)}
        return {"changes": pages[number], **token}

    expected = {key: (what, number) for number, (key, what) in enumerate(words)}
    with vendor_of(answering) as vendor, changes_of(vendor, DRIVE, "0") as lister:
        records, deleted = took(lister)
    found = {record["id"]: ("put", record["number"]) for record in records}
    assert len(found) == len(records)
    assert found == {key: value for key, value in expected.items() if value[0] == "put"}
    assert {one.ids[0]: one.reason for one in deleted} == {
        key: what for key, (what, _) in expected.items() if what != "put"
    }
    assert len(deleted) == len({one.ids for one in deleted})
