"""The conformance suite for OneDrive (delta), for a library of SharePoint, and for by_folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from filehaul.presets import described
from filehaul.testing import Fault
from filehaul.testing.conformance import Case, Proof, left_out, proofs
from graphs import TENANT, at

THROTTLED = [Fault.status(429, retry_after=1), Fault.status(503, retry_after=1)]
COMMON: dict[str, Any] = {
    "play": "graph",
    "client": at,
    "content": "*/content",
    "throttled": THROTTLED,
    "options": {"page_cap": 3, "second_origin": True},
}


def by_folder(**parameters: str) -> dict[str, Any]:
    """What makes the preset's ``files`` its ``by_folder``, which is off."""
    [made] = [one for one in described("onedrive").preset.blocks["resources"] if "walk" in one]
    text = json.dumps({"walk": made["walk"], "endpoint": {"path": None, **made["endpoint"]}})
    for name, value in parameters.items():
        text = text.replace(f"<<{name}>>", value)
    return {"changes": None, "tree": None, **json.loads(text)}


ONEDRIVE = Case(
    vendor={"name": "onedrive", "tenant": TENANT, "drive": "me/drive"},
    listing="*/delta",
    feed="*/delta",
    settings={"repeats": True, "drive_type": "personal"},
    **COMMON,
)
SHAREPOINT = Case(
    vendor={"name": "sharepoint", "tenant": TENANT, "drive": "drives/library"},
    drive=lambda account: account.put_drive("Library", "library"),
    listing="*/delta",
    feed="*/delta",
    settings={"repeats": True, "drive_type": "documentLibrary"},
    **COMMON,
)
BY_FOLDER = Case(
    vendor={"name": "onedrive", "tenant": TENANT, "drive": "me/drive"},
    resource=by_folder(drive="me/drive", folder="root"),
    listing="*/children",
    settings={"repeats": True},
    **COMMON,
)


@pytest.mark.parametrize("proof", proofs(ONEDRIVE), ids=str)
def test_onedrive(proof: Proof, tmp_path: Path) -> None:
    """The suite over a personal drive, told by its change feed."""
    proof.run(ONEDRIVE, tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        *("whole_listing", "a_removed_folder", "a_renamed_folder", "changes_told_twice"),
        *("an_expired_change_token", "no_credentials_elsewhere"),
    ],
)
def test_a_library_of_sharepoint(name: str, tmp_path: Path) -> None:
    """What another preset, drive and type of drive could change."""
    proof_of(SHAREPOINT, name).run(SHAREPOINT, tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        *("whole_listing", "page_edges", "page_token_refused", "hostile_names"),
        *("a_folder_out_of_reach", "a_moved_folder", "a_removed_folder", "links_have_no_bytes"),
    ],
)
def test_by_folder(name: str, tmp_path: Path) -> None:
    """What another way to list could change."""
    proof_of(BY_FOLDER, name).run(BY_FOLDER, tmp_path)


def proof_of(case: Case, name: str) -> Proof:
    return next(one for one in proofs(case) if str(one) == name)


def test_what_the_suite_leaves_out() -> None:
    """Nothing that OneDrive can do is left out: each reason is named."""
    assert left_out(ONEDRIVE) == {
        "a_folder_out_of_reach": "folders are not listed one by one",
        "a_renamed_path": "ids stay at this vendor",
        "documents_are_exported": "nothing is exported",
        "documents_without_a_file": "no type of documents is skipped",
        "names_that_are_equal": "names in a folder differ at this vendor",
        "names_with_slashes": "names in a folder differ at this vendor",
        "still_being_made": "files are there at once",
    }
    assert "a_folder_out_of_reach" not in left_out(BY_FOLDER)
