"""Killed while rows are on their way to the destination: whole after the next run, none twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from filehaul.testing import FakeFile, FakeVendor, Fault
from hauling import config_for, contents, files, numbers, rows_of, sync
from loaded import whole

pytestmark = pytest.mark.usefixtures("own_folder")

# Where to die: a function, before or after it, and at which of its calls.
DYING = """
import importlib, json, os, sys
config, (module, name, after, call) = json.loads(sys.argv[1]), json.loads(sys.argv[2])
owner = importlib.import_module(module)
*path, last = name.split(".")
for step in path:
    owner = getattr(owner, step)
original, calls = getattr(owner, last), [0]

def dying(*arguments, **named):
    calls[0] += 1
    if calls[0] == call and not after:
        os._exit(9)
    result = original(*arguments, **named)
    if calls[0] == call:
        os._exit(9)
    return result

setattr(owner, last, dying)
import filehaul
filehaul.sync(config)
"""
PIPELINE, PACKAGES = "dlt.pipeline.pipeline", "dlt.common.storages.load_package"
MOMENTS = {
    "extracted": (PIPELINE, "Pipeline.extract", True, 1),
    "normalized": (PIPELINE, "Pipeline.normalize", True, 1),
    "a job is in the database, and dlt does not know": (
        PACKAGES,
        "PackageStorage.complete_job",
        False,
        2,
    ),
    "half of the jobs are done": (PACKAGES, "PackageStorage.complete_job", True, 3),
    "loaded, and not told": ("dlt.load.load", "LoadStorage.complete_load_package", False, 1),
    "loaded, and not confirmed": ("filehaul.ledger", "PackagesBook.confirm", False, 1),
    "receipts extracted": (PIPELINE, "Pipeline.extract", True, 2),
    "receipts in the database": (PACKAGES, "PackageStorage.complete_job", False, 11),
    "receipts loaded, and not confirmed": ("filehaul.ledger", "PackagesBook.confirm", False, 2),
}

QUICK = ("extracted", "half of the jobs are done", "receipts loaded, and not confirmed")


@pytest.fixture
def vendor() -> Iterator[FakeVendor]:
    """Six files; one cannot be had, one has an odd time, and one record has no key."""
    odd = FakeFile("odd", "odd.txt", content=b"odd", extra={"modified_at": "yesterday"})
    keyless = FakeFile("keyless", "k.txt", content=b"k", extra={"file_id": None})
    with FakeVendor([*files("a", "b", "c"), FakeFile("no", "no.txt"), odd, keyless]) as running:
        running.script("/v1/files/no/content", Fault.status(404), times=Fault.always)
        yield running


def killed(config: dict[str, Any], moment: tuple[str, str, bool, int]) -> None:
    """A sync in a process of its own, dead at this moment."""
    done = subprocess.run(
        [sys.executable, "-c", DYING, json.dumps(config), json.dumps(moment)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "RUNTIME__DLTHUB_TELEMETRY": "false"},
    )
    assert done.returncode == 9, done.stderr


@pytest.mark.parametrize(
    "moment",
    [one if one in QUICK else pytest.param(one, marks=pytest.mark.slow) for one in MOMENTS],
)
def test_killed_in_the_first_load(vendor: FakeVendor, moment: str) -> None:
    """Every table is whole after the next run, no row twice, no byte fetched twice."""
    config = config_for(vendor)
    killed(config, MOMENTS[moment])
    asked = contents(vendor)
    sync(config)
    whole()
    if "receipts" in moment:
        assert contents(vendor) == asked  # the kill came after the bytes


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_in_a_later_load(vendor: FakeVendor, moment: str) -> None:
    """The same on tables that were full already, with two changed rows under way."""
    config = config_for(vendor)
    sync(config)
    vendor.put(FakeFile("id-a", "a", content=b"changed"))
    vendor.put(FakeFile("id-b", "b2", content=b"changed too"))
    module, name, after, call = MOMENTS[moment]
    killed(config, (module, name, after, min(call, 5)))
    sync(config)
    whole()
    assert rows_of("SELECT file_name, size FROM acme_data.files WHERE file_id = 'id-b'") == [
        ("b2", 11)
    ]
    assert numbers(sync(config)) == (0, 4, 0, 1)
    whole()


@pytest.mark.slow
@pytest.mark.parametrize("write_disposition", ["append", "replace"])
@pytest.mark.parametrize("moment", list(MOMENTS)[:6])
def test_killed_with_another_disposition(write_disposition: str, moment: str) -> None:
    """append: no package brings a row twice, and none that did not arrive leaves one; replace:
    the last listing, once.
    """
    with FakeVendor.of_records(250, size=1) as vendor:
        config = config_for(vendor, write_disposition=write_disposition, content=None)
        sync(config)
        killed(config, MOMENTS[moment] if "confirmed" in moment else at_most_two(moment))
        sync(config)
    confirmed = 3 if moment.startswith("loaded, and not") else 2
    runs = confirmed if write_disposition == "append" else 1
    assert rows_of(
        "SELECT count(*), count(DISTINCT (file_id, _dlt_load_id)) FROM acme_data.files"
    ) == [(250 * runs, 250 * runs)]
    stray = rows_of(
        "SELECT count(*) FROM acme_data.files WHERE _dlt_load_id NOT IN"
        " (SELECT load_id FROM acme_data._dlt_loads WHERE status = 0)"
    )
    assert stray == [(0,)]


def at_most_two(moment: str) -> tuple[str, str, bool, int]:
    """This load has two jobs only."""
    module, name, after, call = MOMENTS[moment]
    return (module, name, after, min(call, 2))
