"""Killed at any moment while large files come: bytes equal, receipts true, little fetched twice."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from typing import Any

import pytest

from filehaul.testing import FakeFile, FakeVendor, Fault
from hauling import config_for, haul, ledger_rows, receipt_of, sink_files
from killing import environment, kills

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("own_folder", "no_destination")]
CONTENT = "/v1/files/*/content"
SIZE = 6_000_000
KILLS = kills(7)
# Parts, pieces and the time between two notes are small: a kill meets all of them.
RUN = """
import json, os, signal, sys
from filehaul import parts, pieces, spine
from filehaul.transfer import fetch, large
from hauling import NoDestination, haul
config, point = json.loads(sys.argv[1]), sys.argv[2]
spine.Destination = NoDestination
parts.PART = large.PART = 400_000
parts.PIECE = pieces.PIECE = 40_000
fetch.INTERVAL = 0.05
def kill(name):
    if name == point:
        os.kill(os.getpid(), signal.SIGKILL)
sys.exit(haul(config, watch=spine.Watch(point=kill)).exit_code)
"""


def start(config: dict[str, Any], point: str = "") -> subprocess.Popen[str]:
    """A sync in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", RUN, json.dumps(config), point],
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
    )


def config_of(vendor: FakeVendor, ranges: Any) -> dict[str, Any]:
    """A config with so many ranges a file."""
    return config_for(vendor, content={"path": "/v1/files/{file_id}/content", "ranges": ranges})


def check(vendor: FakeVendor) -> None:
    """Each file as it is at the vendor, nothing else in the sink, receipts true."""
    assert sink_files() == {str(one.path): one.content for one in vendor.files.values()}
    for file_id, file in vendor.files.items():
        receipt = receipt_of(file_id)
        assert isinstance(file.content, bytes)
        assert receipt["sha256"] == hashlib.sha256(file.content).hexdigest()
        assert (receipt["status"], receipt["size"]) == ("done", len(file.content))
    assert ledger_rows("SELECT * FROM partials") == []


def sent_by(vendor: FakeVendor) -> int:
    """Bytes of content that the vendor has given to its sockets."""
    return sum(one.bytes_sent for one in vendor.requests if one.path.endswith("/content"))


@pytest.mark.parametrize("ranges", [4, False], ids=["ranges", "one"])
@pytest.mark.parametrize("checksums", [True, False], ids=["checksums", "no checksums"])
def test_killed_while_large_files_come(ranges: Any, checksums: bool) -> None:
    """SIGKILL again and again: each run goes on, so the bytes asked for in all are few more than
    the files have; a file that changes meanwhile begins anew and is never half of each.
    """
    seed = int(os.environ.get("FILEHAUL_SEED", random.randrange(10**6)))
    print(f"FILEHAUL_SEED={seed}")
    rng = random.Random(seed)
    wanted = 0
    with FakeVendor(checksum=checksums) as vendor:

        def put(number: int) -> None:
            content = rng.randbytes(SIZE)
            vendor.put(FakeFile(f"big{number}", f"big{number}", content=content))

        for number in range(2):
            put(number)
            wanted += SIZE
        rate = 500_000 if ranges else 1_500_000
        vendor.script(CONTENT, Fault.slow(rate), times=Fault.always)
        config = config_of(vendor, ranges)
        killed = 0
        for number in range(KILLS):
            if number % 4 == 3:  # all that came of this one was in vain
                put(rng.randrange(2))
                wanted += SIZE
            asked = vendor.count(CONTENT)
            process = start(config)
            while vendor.count(CONTENT) == asked and process.poll() is None:
                time.sleep(0.01)
            try:
                process.wait(rng.uniform(0, 0.8))
            except subprocess.TimeoutExpired:
                process.kill()
            _, words = process.communicate()
            assert process.returncode in (0, -signal.SIGKILL), words
            killed += process.returncode != 0
        vendor.clear_scripts()
        process = start(config)
        assert process.wait(60) == 0, process.communicate()
        check(vendor)
        sent = sent_by(vendor)
    assert killed >= 3
    # In flight at a kill: what the sockets held, what was not on the disk, what was not noted.
    lost = killed * 2 * ((ranges or 1) * 150_000 + 400_000)
    print(f"{sent:,} bytes of {wanted:,}, {killed} killed")
    assert sent <= wanted + lost


@pytest.mark.parametrize("point", ["verified", "committed", "recorded"])
def test_killed_when_all_parts_had_come(point: str) -> None:
    """Between the last byte and the receipt: the next run has the file without fetching it."""
    content = random.Random(1).randbytes(SIZE)
    file = FakeFile("big", "big", content=content, extra={"sha256": ...})
    with FakeVendor([file]) as vendor:
        vendor.script(CONTENT, Fault.slow(3_000_000), times=Fault.always)
        config = config_of(vendor, 4)
        process = start(config, point)
        assert process.wait(60) == -signal.SIGKILL, process.communicate()
        assert sent_by(vendor) == SIZE
        assert haul(config).exit_code == 0
        check(vendor)
        assert sent_by(vendor) <= SIZE + SIZE // 4


@pytest.mark.parametrize("ranges", [4, False], ids=["ranges", "one"])
def test_a_signal_parks_what_has_come(ranges: Any) -> None:
    """SIGTERM: exit 130 within ten seconds; what had come of the file is not asked for again."""
    content = random.Random(2).randbytes(SIZE)
    with FakeVendor([FakeFile("big", "big", content=content)]) as vendor:
        vendor.script(CONTENT, Fault.slow(150_000 if ranges else 400_000), times=Fault.always)
        config = config_of(vendor, ranges)
        process = start(config)
        while sent_by(vendor) < 1_500_000:
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 130, process.communicate()
        sent = sent_by(vendor)
        [(noted,)] = ledger_rows("SELECT count(*) FROM partials")
        assert noted == 1
        vendor.clear_scripts()
        vendor.clear_requests()
        assert haul(config).exit_code == 0
        check(vendor)
        assert sent_by(vendor) < SIZE - sent + 600_000
