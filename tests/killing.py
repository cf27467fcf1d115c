"""Syncs in a process of their own, killed at a step of which nobody chose the meaning."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import filehaul
from filehaul.testing import FakeFile, FakeVendor

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


def kills(usual: int) -> int:
    """How often a test kills at random: ``FILEHAUL_KILLS``, or as the suite has time for."""
    return int(os.environ.get("FILEHAUL_KILLS", usual))


def environment() -> dict[str, str]:
    """Of a process that runs the code under test, and knows what tests share."""
    places = (Path(__file__).parent, Path(filehaul.__file__).parents[1])
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, places))}


def killed(config: dict[str, Any], step: int, script: str = AT_A_STEP) -> bool:
    """A sync that may not live to its end; whether it did not."""
    done = subprocess.run(
        [sys.executable, "-c", script, json.dumps(config), str(step)],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0


def put(vendor: FakeVendor, file_id: str, path: str, content: Any) -> None:
    """A file at this path."""
    vendor.put(FakeFile(file_id, path.rpartition("/")[2], path, content))
