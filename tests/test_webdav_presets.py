"""Nextcloud, ownCloud and plain WebDAV: the presets over a fake server."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from davs import NEXTCLOUD, OWNCLOUD, PLAIN, ROOT
from filehaul.check import check
from filehaul.config import load_config
from filehaul.testing import Fault
from filehaul.testing.conformance import left_out, proofs
from filehaul.testing.conformance.trial import trial

PRESETS = {"nextcloud": NEXTCLOUD, "owncloud": OWNCLOUD, "webdav": PLAIN}
CASES = {
    f"{name}-{proof}": (case, proof) for name, case in PRESETS.items() for proof in proofs(case)
}


@pytest.mark.parametrize("name", CASES)
def test_conformance(name: str, tmp_path: Path) -> None:
    """The suite that every preset passes."""
    case, proof = CASES[name]
    proof.run(case, tmp_path)


def test_what_is_left_out() -> None:
    """No proof is left out for want of a word in a preset: WebDAV has none of these things."""
    assert set(left_out(NEXTCLOUD)) == {
        *("names_with_slashes", "names_that_are_equal", "links_have_no_bytes"),
        *("documents_are_exported", "documents_without_a_file", "page_token_refused"),
        *("a_renamed_path", "only_changes_are_asked_for", "many_changes", "changes_told_twice"),
        *("an_expired_change_token", "still_being_made", "no_credentials_elsewhere"),
        *("an_expired_address", "a_token_that_expires"),
    }


@pytest.mark.parametrize("name", PRESETS)
def test_a_check_finds_nothing(name: str, tmp_path: Path) -> None:
    """`filehaul check` of a few files: nothing is wrong, and nothing suspicious."""
    with trial(PRESETS[name], tmp_path) as one:
        for number in range(4):
            one.put(f"A/{number}.txt", b"x" * number)
            one.put(f"{number}.txt", b"x" * number)
        found = list(check(load_config(one.config_path)))
    assert [one for one in found if one.error or one.is_suspicious] == []
    assert {"listing files", "content files"} <= {one.what for one in found}


def test_a_folder_that_is_refused_inside_the_answer(tmp_path: Path) -> None:
    """403 in the 207 about the folder above is what 403 for the folder itself is."""
    proof = {str(one): one for one in proofs(NEXTCLOUD)}["a_folder_out_of_reach"]
    proof.run(replace(NEXTCLOUD, settings={"inside": True}), tmp_path)


def test_a_file_that_is_locked_for_a_while(tmp_path: Path) -> None:
    """423 passes: the file is asked for again. One that stays is a failure that is not parked."""
    with trial(NEXTCLOUD, tmp_path) as one:
        one.put("a.txt")
        one.vendor.script(f"GET {ROOT}*", Fault.status(423), Fault.status(423))
        assert one.good().transferred == 1
        one.put("b.txt")
        one.vendor.script(f"GET {ROOT}*", Fault.status(423), times=Fault.always)
        report = one.sync()
        assert (report.exit_code, report.failed, report.parked) == (3, 1, 0)
        one.vendor.clear_scripts()
        assert one.good().transferred == 1


def test_a_file_without_checksums_is_held_to_its_size(tmp_path: Path) -> None:
    """Most files at a Nextcloud have none: their ETag says whether they changed."""
    with trial(replace(NEXTCLOUD, settings={"checksums": False}), tmp_path) as one:
        node = one.put("a.txt")
        assert one.good().transferred == 1
        assert one.row(node)["checksum"] is None
        assert one.ledger("SELECT verified_by FROM transfers") == [("size",)]
        one.account.change(node.node_id, b"A.txt")
        assert one.good().transferred == 1
        assert one.good().transferred == 0
        assert one.content(one.account[node.node_id]) == b"A.txt"
