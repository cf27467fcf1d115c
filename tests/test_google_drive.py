"""The preset ``google_drive``: the conformance suite, and what is Drive's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from filehaul.testing import FakeVendor, Fault
from filehaul.testing.conformance import Case, Proof, left_out, proofs
from filehaul.testing.plays.drive.told import trouble


def quota(status: int, reason: str) -> Fault:
    """Too many requests, as Google says it: without Retry-After."""
    return Fault.status(status, trouble(status, reason, "Rate Limit Exceeded").body)


def client(vendor: FakeVendor) -> dict[str, Any]:
    """Drive, with a sign-in that renews its token."""
    auth = {"type": "oauth2_refresh_token", "refresh_token": vendor.grants.refresh_token()}
    auth |= {"client_id": vendor.client_id, "client_secret": vendor.client_secret}
    return {
        "base_url": f"{vendor.base_url}/drive/v3",
        "auth": {**auth, "token_url": vendor.token_url},
    }


COMMON: dict[str, Any] = {
    "play": "drive",
    "client": client,
    "listing": "/drive/v3/files",
    "content": "/drive/v3/files/1*",
    "feed": "/drive/v3/changes",
    "throttled": [
        quota(403, "userRateLimitExceeded"),
        quota(403, "rateLimitExceeded"),
        quota(429, "rateLimitExceeded"),
    ],
    "settings": {"repeats": True},
}
MINE = Case(vendor="google_drive", **COMMON)
TEAM = Case(
    drive=lambda account: account.put_drive("Team", "team"),
    vendor=lambda account: {"name": "google_drive", "drive_id": account.drives["team"]},
    **COMMON,
)


@pytest.mark.parametrize("proof", proofs(MINE), ids=str)
def test_my_drive(proof: Proof, tmp_path: Path) -> None:
    """The suite, for an account's own Drive."""
    proof.run(MINE, tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        *("whole_listing", "names_that_are_equal", "documents_are_exported", "a_renamed_folder"),
        *("a_folder_in_the_trash", "an_expired_change_token"),
    ],
)
def test_a_shared_drive(name: str, tmp_path: Path) -> None:
    """What another scope could change, for one shared drive."""
    chosen = {str(proof): proof for proof in proofs(TEAM)}
    chosen[name].run(TEAM, tmp_path)


def test_what_the_suite_leaves_out() -> None:
    """Nothing that Drive can do is left out: each reason is named."""
    assert left_out(MINE) == {
        "a_folder_out_of_reach": "folders are not listed one by one",
        "a_renamed_path": "ids stay at this vendor",
        "still_being_made": "files are there at once",
        "no_credentials_elsewhere": "the bytes are where the API is",
        "an_expired_address": "the bytes are where the API is",
    }
