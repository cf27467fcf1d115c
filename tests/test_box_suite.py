"""The conformance suite for Box."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from filehaul.testing import FakeVendor, Fault
from filehaul.testing.conformance import Case, Proof, left_out, proofs


def at(vendor: FakeVendor) -> dict[str, Any]:
    """Where the fake Box is, and who may ask it."""
    sign_in = {"client_id": vendor.client_id, "client_secret": vendor.client_secret}
    auth = {**sign_in, "token_url": vendor.token_url}
    return {"base_url": f"{vendor.base_url}/2.0", "auth": auth}


BOX = Case(
    play="box",
    vendor={"name": "box", "subject_id": "1234567"},
    client=at,
    listing="*/items",
    content="*/content",
    throttled=[Fault.status(429, retry_after=1), Fault.status(503)],
    options={"page_cap": 3, "second_origin": True},
)


@pytest.mark.parametrize("proof", proofs(BOX), ids=str)
def test_box(proof: Proof, tmp_path: Path) -> None:
    """Each proof that concerns a vendor like Box."""
    proof.run(BOX, tmp_path)


def test_what_the_suite_leaves_out() -> None:
    """Nothing that Box can do is left out: each reason is named."""
    assert left_out(BOX) == {
        "a_renamed_path": "ids stay at this vendor",
        "an_expired_change_token": "the preset has no change feed",
        "changes_told_twice": "the preset has no change feed",
        "documents_are_exported": "nothing is exported",
        "documents_without_a_file": "no type of documents is skipped",
        "many_changes": "the preset has no change feed",
        "names_that_are_equal": "names in a folder differ at this vendor",
        "names_with_slashes": "names in a folder differ at this vendor",
        "only_changes_are_asked_for": "the preset has no change feed",
    }
