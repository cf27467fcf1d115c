"""The machine's clock jumps, within a run and between two: nothing is lost, nothing is doubled."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from filehaul.testing import FakeVendor, Fault
from filehaul.watch import Watch
from hauling import NoDestination, config_for, contents, files, haul, numbers, sink_files

YEAR = 365 * 86_400


@pytest.fixture
def jump(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the wall clock, as `time` tells it, by so many seconds; no destination."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("filehaul.spine.Destination", NoDestination)
    seconds, nanoseconds, by = time.time, time.time_ns, [0.0]
    monkeypatch.setattr(time, "time", lambda: seconds() + by[0])
    monkeypatch.setattr(time, "time_ns", lambda: nanoseconds() + int(by[0] * 1e9))

    def jumped(more: float) -> None:
        by[0] += more

    return jumped


@pytest.mark.parametrize("by", [YEAR, -YEAR], ids=["forward", "back"])
def test_the_clock_jumps_in_the_middle_of_a_run(jump: Callable[[float], None], by: int) -> None:
    """A year ahead or back while files come: all of them arrive once, and later runs fetch none."""
    calls: list[str] = []

    def point(name: str) -> None:
        calls.append(name)
        if calls.count("committed") == 5 and name == "committed":
            jump(by)

    with FakeVendor(files(*(f"f{n}" for n in range(12)))) as vendor:
        config = config_for(vendor)
        assert numbers(haul(config, watch=Watch(point=point))) == (12, 0, 0, 0)
        assert numbers(haul(config)) == (0, 12, 0, 0)
        jump(-by)
        assert numbers(haul(config)) == (0, 12, 0, 0)
        vendor.put(*files("f3", size=11))
        assert numbers(haul(config)) == (1, 11, 0, 0)
        assert contents(vendor) == 13
    assert sink_files()["f3"] == b"f3|" * 11


def test_a_file_that_was_parked_by_a_clock_of_next_year(jump: Callable[[float], None]) -> None:
    """A file fails for good while the clock is a year ahead; when the clock is right again, the
    file is not parked for a year but asked for.
    """
    with FakeVendor(files("a", "b")) as vendor:
        vendor.script("/v1/files/id-a/content", Fault.status(404), times=1)
        config = config_for(vendor)
        jump(YEAR)
        assert numbers(haul(config)) == (1, 0, 1, 0)
        assert numbers(haul(config)) == (0, 1, 0, 1), "its day has not come"
        jump(-YEAR)
        assert numbers(haul(config)) == (1, 1, 0, 0)
        vendor.assert_all_fired()
