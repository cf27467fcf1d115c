"""`auto` is for a look, never for a sync: check proposes a paginator, sync asks for one."""

from __future__ import annotations

from typing import Any

import pytest

from config_dicts import config
from filehaul.check import check
from filehaul.guess import proposal, selector
from hauling import haul
from page_vendor import Raw, vendor_of


def guessed(url: str, paginator: Any) -> dict[str, Any]:
    """A config whose paginator is left to a guess."""
    made = config()
    made["client"] = {"base_url": url}
    made["resources"][0]["endpoint"] = {"path": "/v1/files"}
    for key in ("content", "fields"):
        made["resources"][0].pop(key, None)
    made.pop("sink", None)
    if paginator is not None:
        made["resources"][0]["endpoint"]["paginator"] = paginator
    return made


def test_a_sync_does_not_guess(tmp_path, monkeypatch):
    """exit 4 before the first request, and what to do."""
    monkeypatch.chdir(tmp_path)
    with vendor_of(lambda _: []) as vendor:
        report = haul(guessed(vendor.url, "auto"))
        assert report.exit_code == 4
        assert report.error is not None
        assert "a guess cannot prove" in report.error.message
        assert "filehaul check" in (report.error.hint or "")
        assert vendor.questions == []


@pytest.mark.parametrize("paginator", ["auto", None])
def test_check_proposes(paginator, tmp_path, monkeypatch):
    """One request; the selector and the paginator that the answer looks like."""
    monkeypatch.chdir(tmp_path)
    page = {"data": {"items": [{"id": 1}]}, "paging": {"next_cursor": "x", "has_more": True}}
    with vendor_of(lambda _: page) as vendor:
        findings = list(check(guessed(vendor.url, paginator)))
        assert len(vendor.questions) == 1
    assert (
        "data_selector: data.items; paginator: {type: cursor, cursor_path: paging.next_cursor, "
        "cursor_param: cursor, has_more_path: paging.has_more}" in findings[-1].text
    )


def test_check_says_what_it_met(tmp_path, monkeypatch):
    """A refusal and a login page are told, not guessed at."""
    monkeypatch.chdir(tmp_path)
    with vendor_of(lambda _: Raw({"error": "no"}, 403)) as vendor:
        assert list(check(guessed(vendor.url, "auto")))[-1].error is not None
    with vendor_of(lambda _: Raw(b"<html>")) as vendor:
        assert "not JSON" in list(check(guessed(vendor.url, "auto")))[-1].text


@pytest.mark.parametrize(
    ("body", "headers", "block", "array"),
    [
        ({"next": "https://x/2", "files": [{}]}, {}, {"type": "json_link"}, "files"),
        ({"@odata.nextLink": "https://x", "value": [{}]}, {}, {"type": "json_link"}, "value"),
        ([{}], {"link": '<https://x/2>; rel="next"'}, {"type": "header_link"}, "$"),
        ({"nextPageToken": "t", "files": [{}]}, {}, {"type": "cursor"}, "files"),
        ({"total_pages": 5, "items": [{}]}, {}, {"type": "page_number"}, "items"),
        ({"total": 5, "entries": [{}], "offset": 0}, {}, {"type": "offset"}, "entries"),
        ({"entries": [{}]}, {}, {"type": "single_page"}, "entries"),
        ({"a": {"b": [{}, {}]}, "c": [{}]}, {}, {"type": "single_page"}, "a.b"),
        ("text", {}, {"type": "single_page"}, None),
    ],
)
def test_what_an_answer_looks_like(body, headers, block, array):
    """The usual dialects by their names; what names no next page is one page."""
    assert proposal(body, headers)["type"] == block["type"]
    assert selector(body) == array
