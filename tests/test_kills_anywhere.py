"""Killed before any statement of the ledger and any change of the sink, while names mix."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import filehaul
from filehaul.testing import FakeFile, FakeVendor
from hauling import NoDestination, config_for, haul, ledger_rows, sink_files

# Kills itself before the n-th SQL statement, rename, removal or new folder.
AT_A_STEP = """
import json, os, signal, sys
from filehaul import spine
from filehaul.ledger import store
from hauling import NoDestination, haul
config, last = json.loads(sys.argv[1]), int(sys.argv[2])
spine.Destination = NoDestination
steps = [0]
def step(*_):
    steps[0] += 1
    if steps[0] == last:
        os.kill(os.getpid(), signal.SIGKILL)
prepare = store.Ledger._prepare
def traced(ledger, durable):
    prepare(ledger, durable)
    ledger.db.set_trace_callback(step)
store.Ledger._prepare = traced
changes = {"os.rename", "os.remove", "os.mkdir", "os.rmdir"}
sys.addaudithook(lambda event, _: step() if event in changes else None)
haul(config)
"""
NAMES = ["a", "b", "A", "a/x", "b/x", "b/y", "c/d/e", "c", "a/x/y"]
ROUNDS = 6
PLACES = (Path(__file__).parent, Path(filehaul.__file__).parents[1])


def killed(config: dict[str, Any], step: int) -> bool:
    """A sync that may not live to its end; whether it did not."""
    done = subprocess.run(
        [sys.executable, "-c", AT_A_STEP, json.dumps(config), str(step)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, PLACES))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0


def put(vendor: FakeVendor, file_id: str, path: str, content: Any) -> None:
    """A file at this path."""
    vendor.put(FakeFile(file_id, path.rpartition("/")[2], path, content))


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
