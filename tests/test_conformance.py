"""The conformance suite itself: it finds what is wrong with a preset, and says what it leaves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from filehaul.testing import FakeVendor
from filehaul.testing.conformance import Case, Proof, left_out, proofs
from test_google_drive import MINE, client


def proof_of(name: str, case: Case = MINE) -> Proof:
    """A proof by its name."""
    return {str(one): one for one in proofs(case)}[name]


BROKEN: dict[str, tuple[str, dict[str, Any]]] = {
    "trash in the listing": ("trash_and_back", {"endpoint": {"params": {"q": None}}}),
    "no word for the trash": (
        "trash_and_back",
        {"changes": {"deleted": [{"path": "removed", "equals": True}]}},
    ),
    "no checksum where one is promised": (
        "whole_listing",
        {"fields": {"checksum": {"sha256": "sha256", "sha1": None, "md5": None}}},
    ),
    "parents elsewhere": ("whole_listing", {"tree": {"parent_path": "parent"}}),
    "roots unknown, folders misread": (
        "a_renamed_folder",
        {"tree": {"folder": {"path": "mimeType", "equals": "folder"}}},
    ),
    "an expired token is an error": (
        "an_expired_change_token",
        {"changes": {"invalid": {"statuses": [410]}}},
    ),
    "the page's end is the listing's": (
        "page_edges",
        {"endpoint": {"paginator": {"type": "single_page"}}},
    ),
    "the feed's page is its end": ("many_changes", {"changes": {"next_path": "nextToken"}}),
    "a document is skipped that should not be": (
        "documents_without_a_file",
        {"content": {"export": {"by_mime": {"application/vnd.google-apps.*": None}}}},
    ),
    "a shortcut is a file": ("links_have_no_bytes", {"fields": {"kind": None}}),
    "times of another field": ("whole_listing", {"fields": {"modified_at": "viewedByMeTime"}}),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_wrong_is_found(what: str, tmp_path: Path) -> None:
    """A preset with one thing wrong does not pass the proof of that thing."""
    name, resource = BROKEN[what]
    proof = proof_of(name)
    proof.run(MINE, _made(tmp_path / "right"))
    broken = replace(MINE, resource=resource)
    with pytest.raises((AssertionError, KeyError)):
        proof.run(broken, _made(tmp_path / "wrong"))


def test_rules_that_are_missing_are_found(tmp_path: Path) -> None:
    """Without the rules about Google's quota, its 403 ends the run: the suite says so."""

    def without_rules(vendor: FakeVendor) -> dict[str, Any]:
        return {**client(vendor), "retry": {"rules": []}}

    with pytest.raises(AssertionError):
        proof_of("throttled").run(replace(MINE, client=without_rules), tmp_path)


def test_faults_that_no_request_met_are_found(tmp_path: Path) -> None:
    """A case whose patterns fit nothing proves nothing: it fails."""
    with pytest.raises(AssertionError, match="have not fired"):
        proof_of("a_cut_body").run(replace(MINE, content="/elsewhere/*"), tmp_path)


def test_what_is_left_out_has_a_reason() -> None:
    """Each proof is to be, or has a reason; one that is left out by hand must exist."""
    for one in proofs(MINE):
        assert one.about.endswith(".")
    fewer = replace(MINE, without={"page_edges": "the vendor has no pages"})
    assert left_out(fewer)["page_edges"] == "the vendor has no pages"
    assert "page_edges" not in map(str, proofs(fewer))
    with pytest.raises(ValueError, match="there is no proof page_edge"):
        left_out(replace(MINE, without={"page_edge": "misspelt"}))


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
