"""SIGKILL while files go into a bucket, and again: every byte equal, nothing of ours left over."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from filehaul.sink.bucket.sigv4 import Keys, signed
from filehaul.testing import FakeFile, FakeVendor
from hauling import config_for, contents, haul, ledger_rows, numbers
from killing import environment, kills
from moody_store import MoodyStore
from servers import Store
from servers.running import ask

pytestmark = [
    pytest.mark.slow,
    pytest.mark.server,
    pytest.mark.xdist_group("stores"),  # one process starts them
]
SYNC = """
import json, sys
from filehaul import spine
from hauling import NoDestination, haul
spine.Destination = NoDestination
haul(json.loads(sys.argv[1]))
"""
AT_A_POINT = """
import json, os, signal, sys
from filehaul import spine
from filehaul.watch import Watch
from hauling import NoDestination, haul
spine.Destination = NoDestination
calls, point, last = [0], sys.argv[2], int(sys.argv[3])
def kill(name):
    calls[0] += name == point
    if calls[0] == last:
        os.kill(os.getpid(), signal.SIGKILL)
haul(json.loads(sys.argv[1]), watch=Watch(point=kill))
"""
KILLS = kills(12)


def start(script: str, config: dict[str, Any], *more: str) -> subprocess.Popen[bytes]:
    """A run in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", script, json.dumps(config), *more],
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def uploads(store: Store, prefix: str = "") -> list[str]:
    """The keys, below a prefix, of all multipart uploads that are not completed."""
    url = f"{store.url}/{store.bucket}/?uploads="
    keys = Keys(store.options["access_key_id"], store.options["secret_access_key"])
    answer = ask(url, headers=dict(signed("GET", url, "us-east-1", keys))).decode()
    found = re.findall(r"<Upload>.*?<Key>(.*?)</Key>", answer, re.DOTALL)
    return [key for key in found if key.startswith(prefix)]


def check(store: Store, prefix: str, vendor: FakeVendor) -> None:
    """Every file where its receipt says, nothing else, and nothing of ours but the mark."""
    where = dict(ledger_rows("SELECT key, target FROM transfers WHERE status = 'done'"))
    assert {where[one]: file.content for one, file in vendor.files.items()} == store.files(prefix)
    assert store.own(prefix) == [".filehaul/sink"]
    assert ledger_rows("SELECT count(*) FROM intents") == [(0,)]
    assert not list(Path(".filehaul/partial").rglob("*/?/*"))


@pytest.mark.parametrize("store", ["seaweedfs", "moto"], indirect=True)
def test_a_multipart_upload_that_was_killed_is_aborted(store: Store, prefix: str) -> None:
    """Killed while S3 has parts of a file: they are there after the kill, and gone after one
    clean run, with the file whole; another's upload in the same bucket stays.
    """
    big = os.urandom(2**20) * 100
    with FakeVendor([FakeFile("big", "big & großes.bin", content=big)]) as vendor:
        config = config_for(vendor, sink=store.sink(prefix))
        process = start(SYNC, config)
        while process.poll() is None and not uploads(store, prefix):
            time.sleep(0.005)
        process.kill()
        assert process.wait() == -signal.SIGKILL, process.communicate()
        assert len(uploads(store, prefix)) == 1
        assert store.files(prefix) == {}
        foreign = f"{store.url}/{store.bucket}/theirs?uploads="
        keys = Keys(store.options["access_key_id"], store.options["secret_access_key"])
        ask(foreign, "POST", headers=dict(signed("POST", foreign, "us-east-1", keys)))
        assert "theirs" in uploads(store)
        assert numbers(haul(config)) == (1, 0, 0, 0)
        assert uploads(store, prefix) == []
        assert "theirs" in uploads(store)
        check(store, prefix, vendor)


@pytest.mark.parametrize("store", ["seaweedfs"], indirect=True)
def test_uploads_that_may_not_be_aborted(store: Store, prefix: str) -> None:
    """A key that may not list uploads: the run goes on and says so, and one that may ends them.
    What another place of the connection has under way is left to it for a day.
    """
    client = store.client()
    big = FakeFile("big", "big.bin", content=os.urandom(2**20) * 100)
    with FakeVendor([big]) as vendor, MoodyStore(store.url) as moody:
        config = config_for(vendor, sink=store.sink(prefix, endpoint=moody.url))
        process = start(SYNC, config)
        while process.poll() is None and not any(
            "partNumber" in seen.target for seen in moody.seen
        ):
            time.sleep(0.005)
        process.kill()
        process.communicate()
        [note] = [one for one in store.own(prefix) if "uploading" in one]
        client.put(f"{prefix}/.filehaul/uploading/elsewhere-1/abc", b"big.bin")
        before = len(uploads(store, prefix))
        moody.mood = lambda seen: 403 if seen.method == "GET" and "uploads" in seen.target else None
        report = haul(config)
        assert numbers(report) == (1, 0, 0, 0)
        [warning] = report.warnings
        assert warning.startswith("an interrupted upload could not be aborted: ")
        assert note in store.own(prefix)
        assert len(uploads(store, prefix)) == before == 1
        moody.mood = lambda _seen: None
        report = haul(config)
        assert (numbers(report), report.warnings) == ((0, 1, 0, 0), [])
        assert uploads(store, prefix) == []
        elsewhere = ".filehaul/uploading/elsewhere-1/abc"
        assert store.own(prefix) == [".filehaul/sink", elsewhere]


@pytest.mark.parametrize("store", ["seaweedfs", "moto", "azurite", "google"], indirect=True)
def test_killed_at_random_moments(store: Store, prefix: str) -> None:
    """SIGKILL again and again while small and large files come, change and move; then one clean
    sync: all equal, every receipt true, no upload and no partial left.
    """
    seed = int(os.environ.get("FILEHAUL_SEED", random.randrange(10**6)))
    print(f"FILEHAUL_SEED={seed}")
    rng = random.Random(seed)
    killed = 0
    with FakeVendor(checksum=seed % 2 == 0, latency=0.03) as vendor:
        for number in range(150):
            path = f"d{number % 5}/s{number}"
            vendor.put(FakeFile(f"s{number}", path[3:], path, rng.randbytes(rng.randrange(4000))))
        for number in range(3):
            vendor.put(FakeFile(f"b{number}", f"b{number}", content=rng.randbytes(11_000_000)))
        config = config_for(vendor, sink=store.sink(prefix))
        for number in range(KILLS):
            if number > 2:
                for file_id in rng.sample(sorted(vendor.files), 8):
                    old = vendor.files[file_id]
                    path = f"m{rng.randrange(3)}/{file_id}"
                    content = rng.randbytes(2000) if rng.random() < 0.5 else old.content
                    vendor.put(FakeFile(file_id, file_id, path, content))
            asked = vendor.request_count
            process = start(SYNC, config)
            while vendor.request_count == asked and process.poll() is None:
                time.sleep(0.01)
            try:
                process.wait(rng.uniform(0, 0.6))
            except subprocess.TimeoutExpired:
                process.kill()
                killed += 1
            process.communicate()
            assert process.returncode in (0, -signal.SIGKILL)
        report = haul(config)
        assert (report.exit_code, report.failed) == (0, 0), report.as_dict()
        check(store, prefix, vendor)
        if store.scheme == "s3":
            assert uploads(store, prefix) == []
    assert killed >= 3


@pytest.mark.parametrize("store", ["seaweedfs"], indirect=True)
@pytest.mark.parametrize("point", ["verified", "intended", "committed", "recorded"])
@pytest.mark.parametrize("way", ["new", "changed", "moved", "swapped"])
def test_killed_at_a_point(store: Store, prefix: str, way: str, point: str) -> None:
    """New, changed, renamed and swapped files, without checksums: right after the next run, and
    what had arrived is known by the sha256 that was kept with it, not fetched again.
    """
    made = [FakeFile(f"f{n}", f"f{n}", content=b"%d" % n * 1000) for n in range(10)]
    with FakeVendor(made, checksum=False) as vendor:
        config = config_for(vendor, sink=store.sink(prefix))
        if way != "new":
            haul(config)
        for number, old in enumerate(list(vendor.files.values())):
            if way == "changed":
                vendor.put(FakeFile(old.file_id, old.file_name, content=old.content + b"+"))
            elif way == "moved":
                vendor.put(FakeFile(old.file_id, old.file_name, f"new/f{number}", old.content))
            elif way == "swapped":
                vendor.put(FakeFile(old.file_id, f"f{number ^ 1}", content=old.content))
        process = start(AT_A_POINT, config, point, "1")
        _, words = process.communicate()
        reached = process.returncode == -signal.SIGKILL
        never = {("new", "intended"), ("moved", "verified")}
        assert reached or (way, point) in never, words
        asked, arrived = contents(vendor), len(store.files(prefix))
        report = haul(config)
        assert report.exit_code == 0, report.as_dict()
        check(store, prefix, vendor)
        if way == "moved":
            assert contents(vendor) == asked, "a rename that was interrupted costs no request"
        if way == "new":
            assert contents(vendor) - asked <= 10 - arrived, "what had arrived is not fetched again"
        assert numbers(haul(config)) == (0, 10, 0, 0)
