"""Memory: what is there is not looked through again and again; what is not needed goes."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from filehaul import spine
from filehaul.garbage import sparing
from filehaul.testing import FakeVendor
from hauling import NoDestination, config_for, haul, numbers


class Ring:
    """Garbage that only the collector finds."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def _nothing_frozen() -> Iterator[None]:
    """Before and after."""
    assert gc.get_freeze_count() == 0
    yield
    gc.unfreeze()


def test_what_was_there_waits_and_what_comes_does_not() -> None:
    """Rings made before are left alone until the end, rings made after are found at once."""
    old = Ring()
    seen = weakref.ref(old)
    with sparing() as spare:
        spare()
        assert gc.get_freeze_count() > 0
        new = weakref.ref(Ring())
        del old
        gc.collect()
        assert seen() is not None
        assert new() is None
    assert gc.get_freeze_count() == 0
    gc.collect()
    assert seen() is None


def test_what_the_caller_has_frozen_stays_so() -> None:
    """A server that froze what its workers share keeps that."""
    gc.freeze()
    before = gc.get_freeze_count()
    with sparing() as spare:
        spare()
        assert 0 < before - gc.get_freeze_count() + 1 < before // 10  # some of it may end meanwhile
    assert 0 < before - gc.get_freeze_count() + 1 < before // 10


def test_a_run_leaves_it_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frozen while files come; afterwards, and after an error, not."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("filehaul.spine.Destination", NoDestination)
    counts: list[int] = []
    run = spine.Transfers.run

    def watched(self: spine.Transfers, planner: spine.Planner) -> None:
        counts.append(gc.get_freeze_count())
        run(self, planner)
        raise RuntimeError("a defect")

    monkeypatch.setattr(spine.Transfers, "run", watched)
    with FakeVendor.of_records(3, 10) as vendor:
        with pytest.raises(RuntimeError, match="a defect"):
            haul(config_for(vendor))
        assert gc.get_freeze_count() == 0
        monkeypatch.setattr(spine.Transfers, "run", run)
        assert numbers(haul(config_for(vendor))) == (0, 3, 0, 0)
    assert counts[0] > 0
    assert gc.get_freeze_count() == 0


@pytest.mark.parametrize("asked", [None, "jemalloc"])
def test_the_command_takes_the_allocator_that_gives_back(asked: str | None) -> None:
    """Arrow's memory goes back to the system, unless somebody has chosen another way."""
    code = "import sys, os; sys.argv = ['filehaul', '--help']\n"
    code += "from filehaul.cli import main\ntry: main()\nexcept SystemExit: pass\n"
    code += "print('pool', os.environ['ARROW_DEFAULT_MEMORY_POOL'])"
    env = {k: v for k, v in os.environ.items() if k != "ARROW_DEFAULT_MEMORY_POOL"}
    if asked is not None:
        env["ARROW_DEFAULT_MEMORY_POOL"] = asked
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert done.stdout.endswith(f"pool {asked or 'system'}\n")
