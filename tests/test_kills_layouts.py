"""Killed before any step, while layouts change and bytes of deleted files go."""

from __future__ import annotations

import os
import random
import re
from pathlib import Path

import pytest

from filehaul.testing import FakeVendor
from hauling import Confirms, config_for, haul, ledger_rows, sink_files
from killing import AT_A_STEP, killed, put

LAYOUTS = ["by_path", "by_id", "by_hash", "by_hash", "{size}/{path}"]
NAMES = ["a", "b", "A", "a/x", "b/x", "c/d/e", "c"]
TRASH = re.compile(r"\.filehaul/trash/[^/]+/")
SCRIPT = AT_A_STEP.replace("NoDestination", "Confirms")
ROUNDS = 6


def mix_up(vendor: FakeVendor, rng: random.Random, number: int) -> None:
    """Renames, edits, equal bytes, two deletions, a new file."""
    for file_id, old in list(vendor.files.items()):
        roll = rng.random()
        path = rng.choice(NAMES) if roll < 0.5 else str(old.path)
        content = b"%03d" % rng.randrange(3) if roll > 0.4 else old.content
        assert isinstance(content, bytes)
        put(vendor, file_id, path, content)
    for _ in range(2):
        if len(vendor.files) > 3:
            vendor.remove(rng.choice(list(vendor.files)))
    for letter in "xy":
        put(vendor, f"{letter}{number}", rng.choice(NAMES), b"new %d" % rng.randrange(3))


def check(vendor: FakeVendor, on_delete: str) -> None:
    """Every file where its receipt says; every name of the sink is a receipt's; what is gone at the
    vendor's is gone here, unless it may stay.
    """
    found = {path: data for path, data in sink_files().items() if not TRASH.match(path)}
    where = dict(ledger_rows("SELECT key, target FROM transfers WHERE status = 'done'"))
    for file_id, file in vendor.files.items():
        assert found[where[file_id]] == file.content, (file_id, where)
    assert set(found) == set(where.values())
    held = ledger_rows("SELECT target, lower(hex(sha256)) FROM transfers WHERE sha256 IS NOT NULL")
    assert {target for target, _ in held} == set(found)
    if on_delete != "keep":
        assert set(where) == set(vendor.files)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(3))
@pytest.mark.parametrize("checksums", [True, False], ids=["checksums", "no checksums"])
def test_killed_before_any_step(
    checksums: bool, part: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six rounds, each with another layout and another on_delete, one or two kills in each at a
    random step, then a clean run: right; and a last run finds nothing to do.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("filehaul.spine.Destination", Confirms)
    seed = int(os.environ.get("FILEHAUL_SEED", random.randrange(10**6)))
    print(f"FILEHAUL_SEED={seed}")
    rng = random.Random(f"{seed} {part}")
    kills = 0
    with FakeVendor(checksum=checksums) as vendor:
        for number, path in enumerate(NAMES[:5]):
            put(vendor, f"f{number}", path, b"first %d" % (number % 2))
        for number in range(ROUNDS):
            if number:
                mix_up(vendor, rng, number)
            on_delete = rng.choice(["keep", "trash", "remove"])
            content = {"path": "/v1/files/{file_id}/content", "layout": rng.choice(LAYOUTS)}
            config = config_for(vendor, on_delete=on_delete, content=content)
            for _ in range(rng.choice([1, 1, 2])):
                kills += killed(config, rng.randrange(5, 250), SCRIPT)
                if rng.random() < 0.3:  # the vendor does not wait for us
                    file = vendor.files[rng.choice(list(vendor.files))]
                    assert isinstance(file.content, bytes)
                    put(vendor, file.file_id, rng.choice(NAMES), file.content)
            report = haul(config)
            assert (report.exit_code, report.parked) == (0, 0), report.as_dict()
            check(vendor, on_delete)
            assert haul(config).transferred == 0
            check(vendor, on_delete)
    assert kills >= 2
