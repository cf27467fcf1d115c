"""Large files do not keep small ones waiting."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filehaul.models import File, Task
from filehaul.testing import FakeFile, FakeVendor, Fault
from filehaul.transfer import turns
from filehaul.transfer.turns import Turns
from hauling import NoDestination, config_for, haul, numbers, sink_files


def task(number: int, size: int | None) -> Task:
    """A file of this size."""
    return Task(File("files", f"{number:05}", str(number), size=size), "", "", "")


@given(
    st.integers(1, 9),
    st.lists(st.sampled_from([None, 0, 99, 100, 5000]), max_size=60),
    st.randoms(use_true_random=False),
)
def test_every_task_has_its_turn(connections, sizes, random):
    """Each comes once; while small ones are at hand, large ones never hold more than half."""
    made = [task(number, size) for number, size in enumerate(sizes)]
    order, given_out, in_flight = Turns(connections, large=100), [], []
    small_left = sum((one.file.size or 0) < 100 for one in made)
    tasks = order.of(iter(made))
    while True:
        while len(in_flight) >= connections or (in_flight and random.random() < 0.3):
            order.ended(in_flight.pop(random.randrange(len(in_flight))))
        one = next(tasks, None)
        if one is None:
            break
        given_out.append(one)
        in_flight.append(one)
        large = [each for each in in_flight if (each.file.size or 0) >= 100]
        small_left -= (one.file.size or 0) < 100
        if small_left:
            assert len(large) <= connections // 2
    assert sorted(given_out) == made


def test_what_is_put_back_is_bounded(monkeypatch):
    """Many large files before the first small one: so many are put back, the others go on."""
    monkeypatch.setattr(turns, "MOST", 10)
    taken = 0

    def plan():
        nonlocal taken
        for number in range(1000):
            taken += 1
            yield task(number, 500)

    order = Turns(8, large=100)
    for count, _ in enumerate(order.of(plan()), 1):
        assert taken <= count + 11
    assert (count, order.in_flight) == (1000, 1000)


def test_small_files_go_past_large_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight large files come first in the plan and take their time: all small ones are asked for
    before the fifth of them. By the vendor's journal.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("filehaul.spine.Destination", NoDestination)
    monkeypatch.setattr("filehaul.transfer.fetch.Turns", lambda count: Turns(count, large=300_000))
    large = [FakeFile(f"a{n}", f"a{n}", content=b"x" * 300_000) for n in range(8)]
    small = [FakeFile(f"b{n}", f"b{n}", content=b"small") for n in range(60)]
    with FakeVendor([*large, *small]) as vendor:
        vendor.script("/v1/files/a*/content", Fault.slow(600_000), times=8)
        report = haul(config_for(vendor))
        vendor.assert_all_fired()
        order = [one.path.split("/")[3] for one in vendor.requests if "/content" in one.path]
    assert numbers(report) == (68, 0, 0, 0)
    assert len(sink_files()) == 68
    fifth = [number for number, name in enumerate(order) if name.startswith("a")][4]
    assert all(name.startswith("a") for name in order[:4])
    assert fifth == 4 + 60
