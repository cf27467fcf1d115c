"""Killed before any statement of the ledger and any change of the sink, while names mix."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from filehaul.testing import FakeVendor
from hauling import NoDestination, config_for, haul, ledger_rows, sink_files
from killing import killed, put

NAMES = ["a", "b", "A", "a/x", "b/x", "b/y", "c/d/e", "c", "a/x/y"]
ROUNDS = 6


def mix_up(vendor: FakeVendor, rng: random.Random, number: int) -> None:
    """Renames, swaps, edits, a deletion, a new file, over a few names that clash."""
    for file_id in list(vendor.files):
        roll, old = rng.random(), vendor.files[file_id]
        path = rng.choice(NAMES) if roll < 0.6 else str(old.path)
        put(vendor, file_id, path, b"%07d" % rng.randrange(10**7) if roll > 0.4 else old.content)
    if rng.random() < 0.4 and len(vendor.files) > 2:
        vendor.remove(rng.choice(list(vendor.files)))
    if rng.random() < 0.5:
        put(vendor, f"new-{number}", rng.choice(NAMES), b"new %d" % rng.randrange(10**6))


def check(vendor: FakeVendor) -> None:
    """Every file where its receipt says, no name for two, and nothing without a receipt."""
    found = sink_files()
    where = dict(ledger_rows("SELECT key, target FROM transfers WHERE status = 'done'"))
    for file_id, file in vendor.files.items():
        assert found[where[file_id]] == file.content, (file_id, where)
    assert sorted(found) == sorted(where.values())


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
@pytest.mark.parametrize("checksums", [True, False], ids=["checksums", "no checksums"])
def test_killed_before_any_step(
    checksums: bool, part: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six rounds of changes, one or two kills in each at a random step, then a clean run: right."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("filehaul.spine.Destination", NoDestination)
    seed = int(os.environ.get("FILEHAUL_SEED", random.randrange(10**6)))
    print(f"FILEHAUL_SEED={seed}")
    rng = random.Random(f"{seed} {part}")
    kills = 0
    with FakeVendor(checksum=checksums) as vendor:
        for number, path in enumerate(NAMES[:5]):
            put(vendor, f"f{number}", path, b"first %d" % number)
        config = config_for(vendor)
        for number in range(ROUNDS):
            if number:
                mix_up(vendor, rng, number)
            for _ in range(rng.choice([1, 1, 2])):
                kills += killed(config, rng.randrange(5, 200))
                if rng.random() < 0.3:  # the vendor does not wait for us
                    file = vendor.files[rng.choice(list(vendor.files))]
                    put(vendor, file.file_id, rng.choice(NAMES), file.content)
            report = haul(config)
            assert (report.exit_code, report.parked) == (0, 0), report.as_dict()
            check(vendor)
    assert kills >= 2
