"""Bytes that a kill left without a receipt, and whose path their file then leaves."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from filehaul.testing import FakeFile, FakeVendor, Fault
from hauling import config_for, haul

KILLED = """
import json, os, signal, sys
sys.path.insert(0, sys.argv[2])
from filehaul import spine
from hauling import haul
left = [int(sys.argv[3])]
def kill(name):
    left[0] -= name == "committed"
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
haul(json.loads(sys.argv[1]), watch=spine.Watch(point=kill))
"""


def killed(config: dict[str, Any], committed: int) -> None:
    """A sync that ends when so many files have their names, before their receipts are written."""
    here = str(Path(__file__).parent)
    command = [sys.executable, "-c", KILLED, json.dumps(config), here, str(committed)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    assert done.returncode == -9, done.stderr


@pytest.mark.parametrize("checksum", [True, False])
def test_bytes_without_a_receipt_go_when_their_file_moves(
    checksum: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between rename and receipt, then moved at the vendor: one copy, at the new path."""
    monkeypatch.chdir(tmp_path)
    files = [FakeFile("a", "a.txt", path="old/a.txt", content=b"one")]
    with FakeVendor(files=files, checksum=checksum) as vendor:
        config = config_for(vendor)
        killed(config, 1)
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


@pytest.mark.parametrize("checksum", [True, False])
def test_bytes_at_a_name_that_was_another_file_s(
    checksum: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two files swap their names: one is renamed, the other fetched to where that one lay. Killed
    before its receipt, then moved at the vendor: its bytes do not stay at the name it had.
    """
    monkeypatch.chdir(tmp_path)
    contents = {"a": b"one", "b": b"two"}

    def file(file_id: str, path: str) -> FakeFile:
        return FakeFile(file_id, Path(path).name, path, contents[file_id])

    with FakeVendor([file("a", "a.txt"), file("b", "b.txt")], checksum=checksum) as vendor:
        config = config_for(vendor)
        assert haul(config).transferred == 2
        vendor.put(file("a", "b.txt"))
        vendor.put(file("b", "a.txt"))
        killed(config, 2)
        for file_id in contents:
            vendor.put(file(file_id, f"new/{file_id}.txt"))
        assert haul(config).exit_code == 0
    found = {path.name: path.read_bytes() for path in (tmp_path / "files").rglob("*.txt")}
    assert found == {"a.txt": b"one", "b.txt": b"two"}
    assert not list((tmp_path / "files").glob("*.txt"))
