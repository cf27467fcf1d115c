"""Bytes that a kill left without a receipt, and whose path their file then leaves."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from filehaul.testing import FakeFile, FakeVendor, Fault
from hauling import config_for, haul

KILLED = """
import json, os, signal, sys
sys.path.insert(0, sys.argv[2])
from filehaul import spine
from hauling import haul
def kill(name):
    if name == "committed":
        os.kill(os.getpid(), signal.SIGKILL)
haul(json.loads(sys.argv[1]), watch=spine.Watch(point=kill))
"""


@pytest.mark.parametrize("checksum", [True, False])
def test_bytes_without_a_receipt_go_when_their_file_moves(
    checksum: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between rename and receipt, then moved at the vendor: one copy, at the new path."""
    monkeypatch.chdir(tmp_path)
    files = [FakeFile("a", "a.txt", path="old/a.txt", content=b"one")]
    with FakeVendor(files=files, checksum=checksum) as vendor:
        config = config_for(vendor)
        command = [sys.executable, "-c", KILLED, json.dumps(config), str(Path(__file__).parent)]
        killed = subprocess.run(command, capture_output=True, check=False, timeout=60)
        assert killed.returncode == -9, killed.stderr
        assert (tmp_path / "files/old/a.txt").read_bytes() == b"one"

        vendor.put(FakeFile("a", "a.txt", path="new/a.txt", content=b"one"))
        assert haul(config).exit_code == 0
    found = [path for path in (tmp_path / "files").rglob("*.txt") if path.is_file()]
    assert found == [tmp_path / "files/new/a.txt"]


def test_what_somebody_else_put_there_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that stood at the path before we claimed it is not ours to remove."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "files/old").mkdir(parents=True)
    (tmp_path / "files/old/a.txt").write_bytes(b"a person's")
    files = [FakeFile("a", "a.txt", path="old/a.txt", content=b"one")]
    with FakeVendor(files=files) as vendor:
        config = config_for(vendor)
        vendor.script("/v1/files/a/content", Fault.status(404))
        assert haul(config).failed == 1
        vendor.assert_all_fired()
        vendor.put(FakeFile("a", "a.txt", path="new/a.txt", content=b"two"))
        assert haul(config, retry_failed=True).transferred == 1
    assert (tmp_path / "files/old/a.txt").read_bytes() == b"a person's"
    assert (tmp_path / "files/new/a.txt").read_bytes() == b"two"
