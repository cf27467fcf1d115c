"""The conformance suite for Slack, Egnyte, ShareFile and Zoho WorkDrive, over plays of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from filehaul.testing import FakeVendor, Fault
from filehaul.testing.conformance import Case, left_out, proofs
from small_plays import Egnyte, ShareFile, Slack, Zoho

LIMITS = {"requests_per_second": 10_000, "per_path": {"requests": 10_000, "seconds": 60}}
OVER = {"X-Mashery-Error-Code": "ERR_403_DEVELOPER_OVER_QPS"}


def slack_at(vendor: FakeVendor) -> dict[str, Any]:
    """The API, and the host of the bytes, which gets the token too."""
    auth = {"type": "bearer", "token": vendor.token()}
    return {
        "base_url": f"{vendor.base_url}/api",
        "trusted_hosts": [vendor.other_url],
        "auth": auth,
        "limits": LIMITS,
    }


def password_at(vendor: FakeVendor, path: str) -> dict[str, Any]:
    """Client credentials where the vendor has a password grant: the fake vendor has none."""
    auth = {"type": "oauth2", "client_id": vendor.client_id, "client_secret": vendor.client_secret}
    auth |= {"token_url": vendor.token_url, "extra": {"grant_type": "client_credentials"}}
    return {"base_url": f"{vendor.base_url}{path}", "auth": auth, "limits": LIMITS}


def zoho_at(vendor: FakeVendor) -> dict[str, Any]:
    """Signed in with a refresh token."""
    auth = {"type": "oauth2_refresh_token", "refresh_token": vendor.grants.refresh_token()}
    auth |= {"client_id": vendor.client_id, "client_secret": vendor.client_secret}
    return {
        "base_url": f"{vendor.base_url}/api/v1",
        "auth": {**auth, "token_url": vendor.token_url},
        "limits": LIMITS,
    }


CASES = {
    "slack": Case(
        play=Slack,
        vendor="slack",
        client=slack_at,
        listing="/api/files.list",
        content="/files-pri/*",
        throttled=[
            Fault.status(429, retry_after=1),
            Fault.json({"ok": False, "error": "ratelimited"}),
        ],
        options={"page_cap": 3, "second_origin": True},
        folders=False,
    ),
    "egnyte": Case(
        play=Egnyte,
        vendor={"name": "egnyte", "domain": "acme"},
        client=lambda vendor: password_at(vendor, "/pubapi/v1"),
        listing="/pubapi/v1/fs/*",
        content="/pubapi/v1/fs-content/*",
        throttled=[Fault.status(403, "Developer Over Qps", OVER, retry_after=1)],
    ),
    "sharefile": Case(
        play=ShareFile,
        vendor={"name": "sharefile", "subdomain": "acme"},
        client=lambda vendor: password_at(vendor, "/sf/v3"),
        listing="*/Children",
        content="*/Download",
        options={"page_cap": 3, "second_origin": True},
    ),
    "zoho_workdrive": Case(
        play=Zoho,
        vendor={"name": "zoho_workdrive", "folder_id": "top"},
        client=zoho_at,
        listing="/api/v1/files/*",
        content="/api/v1/download/*",
        throttled=[Fault.status(429, {"errors": [{"id": "F7008"}]})],
        resource={"content": {"path": "/download/{file_id}"}},
    ),
}
ALL = {f"{name}-{one}": (case, one) for name, case in CASES.items() for one in proofs(case)}


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_a_preset(name: str, tmp_path: Path) -> None:
    """Each proof that concerns one of the four."""
    case, proof = ALL[name]
    proof.run(case, tmp_path)


NO_FEED = dict.fromkeys(
    (
        "an_expired_change_token",
        "changes_told_twice",
        "many_changes",
        "only_changes_are_asked_for",
    ),
    "the preset has no change feed",
)
OF_ALL = {
    **NO_FEED,
    "a_renamed_path": "ids stay at this vendor",
    "documents_are_exported": "nothing is exported",
    "documents_without_a_file": "no type of documents is skipped",
    "still_being_made": "files are there at once",
}
NO_NEW_ADDRESS = dict.fromkeys(
    ("an_expired_address", "no_credentials_elsewhere"), "the bytes are where the API is"
)
NO_TOKEN = {"page_token_refused": "pages are had by offset, and nothing in it can expire"}
NO_PARTS = {"a_cut_body_goes_on": "the vendor gives no parts of files"}
NO_LINKS = {"links_have_no_bytes": "the vendor lists nothing that points elsewhere"}
NO_CHECKSUM = {"wrong_bytes": "records have no checksum"}
NAMES_DIFFER = dict.fromkeys(
    ("names_that_are_equal", "names_with_slashes"), "names in a folder differ at this vendor"
)
LEFT_OUT = {
    "slack": {
        **NO_NEW_ADDRESS,
        **NO_PARTS,
        **NO_CHECKSUM,
        "a_folder_in_the_trash": "the vendor has no trash",
        "trash_and_back": "the vendor has no trash",
        "a_folder_out_of_reach": "folders are not listed one by one",
        "a_moved_folder": "rows have no paths",
        "a_renamed_folder": "rows have no paths",
        "a_token_that_expires": "the case gives a token that is not renewed",
        "page_token_refused": "pages are had by page_number, and nothing in it can expire",
    },
    "egnyte": {**NO_NEW_ADDRESS, **NO_TOKEN, **NO_LINKS, **NAMES_DIFFER},
    "sharefile": {**NO_TOKEN, **NO_PARTS, **NAMES_DIFFER},
    "zoho_workdrive": {**NO_NEW_ADDRESS, **NO_TOKEN, **NO_LINKS, **NO_PARTS, **NO_CHECKSUM},
}


@pytest.mark.parametrize("name", CASES)
def test_what_the_suite_leaves_out(name: str) -> None:
    """Of each preset what it does not claim, and nothing else."""
    assert left_out(CASES[name]) == {**OF_ALL, **LEFT_OUT[name]}
