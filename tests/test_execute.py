"""Other processes that fetch a part of the files: the same files, receipts and rules."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from filehaul.errors import Cancelled
from filehaul.execute import Crew, Errand, Outcome
from filehaul.http import Http, HttpSettings
from filehaul.sink import Folder
from filehaul.testing import FakeVendor, Fault, content_of
from filehaul.transfer import relief
from filehaul.watch import Watch
from hauling import NoDestination, config_for, contents, haul, ledger_rows, numbers, sink_files

COUNT = 600
LIMITS = {"client": {"limits": {"concurrency": 8}, "retry": {"backoff_factor": 0.001}}}
CONTENT = "/v1/files/*/content"


class Seen:
    """What the crew was given and did."""

    def __init__(self) -> None:
        self.given: list[Errand] = []
        self.outcomes: list[Outcome] = []
        self.crews: list[Crew] = []

    @property
    def done(self) -> int:
        """How many files it fetched."""
        return sum(outcome.receipt is not None for outcome in self.outcomes)

    def processes(self) -> list[int]:
        """The ids of its processes."""
        return [one._process.pid for crew in self.crews for one in crew._members.values()]


@pytest.fixture(autouse=True)
def seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Seen:
    """A crew at the first opportunity, and a look at what it does."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("filehaul.spine.Destination", NoDestination)
    for name, value in {"_BUSY": -1.0, "_WORTH": 0.0, "_LOOK": 8, "_STEADY": 0.0}.items():
        monkeypatch.setattr(relief, name, value)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    found = Seen()
    begin, put, poll, close = Crew.__init__, Crew.put, Crew.poll, Crew.close

    def init(self: Crew, *values: Any) -> None:
        begin(self, *values)
        found.crews.append(self)
        poll(self, 10.0)  # until the first is there: the vendor of a test is done so soon

    def note(outcomes: list[Outcome]) -> list[Outcome]:
        found.outcomes += outcomes
        return outcomes

    monkeypatch.setattr(Crew, "__init__", init)
    monkeypatch.setattr(Crew, "put", lambda self, one: (found.given.append(one), put(self, one)))
    monkeypatch.setattr(Crew, "poll", lambda self, wait=0.0: note(poll(self, wait)))
    monkeypatch.setattr(Crew, "close", lambda self: note(close(self)))
    return found


@pytest.fixture
def vendor() -> Iterator[FakeVendor]:
    with FakeVendor.of_records(COUNT, 100) as running:
        yield running


def whole(vendor: FakeVendor) -> None:
    """Every file is in the sink with its bytes, and has one receipt that says so."""
    expected = {
        f"folder-{number // 1000}/rec-{number}.bin": content_of(number, 100)
        for number in range(COUNT)
    }
    assert sink_files() == expected
    receipts = ledger_rows(
        "SELECT status, size, verified_by, count(*) FROM transfers GROUP BY 1, 2, 3"
    )
    assert receipts == [("done", 100, "sha256", COUNT)]


def test_a_crew_takes_a_part_of_the_files(vendor: FakeVendor, seen: Seen) -> None:
    """Each file is asked for once, with one token, and at no time more at once than the limit."""
    report = haul(config_for(vendor, **LIMITS))
    assert numbers(report) == (COUNT, 0, 0, 0)
    assert report.bytes == COUNT * 100
    whole(vendor)
    assert seen.done == len(seen.given) > 50
    assert len(seen.crews[0]._members) == 0
    assert contents(vendor) == COUNT
    assert vendor.count("/oauth/token") == 1
    assert vendor.max_concurrent <= 8
    assert numbers(haul(config_for(vendor, **LIMITS))) == (0, COUNT, 0, 0)
    assert contents(vendor) == COUNT


def test_what_goes_wrong_is_done_again_by_the_rules(vendor: FakeVendor, seen: Seen) -> None:
    """Refusals, cut bodies, wrong bytes: who fails for ever fails, all others come."""
    gone = [f"/v1/files/rec-{number}/content" for number in range(300, 310)]
    for number in range(200, 600, 20):
        vendor.script(f"/v1/files/rec-{number + 1}/content", Fault.status(503))
        vendor.script(f"/v1/files/rec-{number + 2}/content", Fault.cut(50))
        vendor.script(f"/v1/files/rec-{number + 3}/content", Fault.wrong_body())
        vendor.script(f"/v1/files/rec-{number + 4}/content", Fault.reset())
    for path in gone:
        vendor.script(path, Fault.status(404), times=Fault.always)
    report = haul(config_for(vendor, **LIMITS))
    assert numbers(report) == (COUNT - 10, 0, 10, 0)
    assert report.exit_code == 3
    assert 50 < seen.done < len(seen.given)
    vendor.assert_all_fired()
    assert ledger_rows("SELECT status, count(*) FROM transfers GROUP BY 1") == [
        ("done", COUNT - 10),
        ("failed", 10),
    ]


def test_when_a_crew_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where this process is at work without a pause for a while, and much is left: not in a burst
    of answers, not where it waits, not for little.
    """
    monkeypatch.undo()  # as it is outside of these tests
    now = [0.0, 0.0]
    clocks = SimpleNamespace(monotonic=lambda: now[0], thread_time=lambda: now[1])
    monkeypatch.setattr(relief, "time", clocks)

    def called(landings: int, passed: float, worked: float, left: int) -> bool:
        """``passed``, ``worked``: seconds a file."""
        with Http(HttpSettings("http://127.0.0.1:1")) as http:
            one = relief.Relief(http, Folder(tmp_path), left, most=2)
            calls: list[int] = []
            monkeypatch.setattr(one, "_call", lambda: calls.append(1))
            for _ in range(landings):
                now[0] += passed
                now[1] += worked
                one.look()
        return bool(calls)

    assert called(1000, 0.0001, 0.0001, 20_000)
    assert called(100, 0.001, 0.0008, 1000)
    assert not called(200, 0.0001, 0.0001, 20_000)  # a burst: it may be over
    assert not called(63, 0.001, 0.001, 20_000)
    assert not called(1000, 0.001, 0.0006, 20_000)  # four tenths of the time it waits
    assert not called(1000, 0.0001, 0.0001, 3000)  # done before another process is there


def test_a_token_that_expires(vendor: FakeVendor, seen: Seen) -> None:
    """The crew does not renew tokens: who has the token does, once, and all files come."""
    told: list[int] = []

    def point(_name: str) -> None:
        told.append(1)
        if len(told) == 300:
            vendor.expire_tokens()

    report = haul(config_for(vendor, **LIMITS), watch=Watch(point=point))
    assert numbers(report) == (COUNT, 0, 0, 0)
    whole(vendor)
    assert vendor.count("/oauth/token") == 2
    assert seen.done > 50


def test_a_name_that_is_taken(vendor: FakeVendor, seen: Seen) -> None:
    """Where something stands, the crew leaves it to the ledger's intents: it is replaced whole."""
    folder = Path("files/folder-0")
    folder.mkdir(parents=True)
    for number in range(COUNT):
        (folder / f"rec-{number}.bin").write_bytes(b"somebody else's")
    assert numbers(haul(config_for(vendor, **LIMITS))) == (COUNT, 0, 0, 0)
    whole(vendor)
    assert seen.done > 50
    assert not any(outcome.placed for outcome in seen.outcomes)


def test_changed_files(vendor: FakeVendor, seen: Seen) -> None:
    """Files that replace earlier versions go through the crew too."""
    assert numbers(haul(config_for(vendor, **LIMITS))) == (COUNT, 0, 0, 0)
    for number in range(COUNT):
        Path(f"files/folder-0/rec-{number}.bin").write_bytes(b"x" * 99)
    Path("files/.filehaul/sink").unlink()  # so that receipts are held to the files
    before = len(seen.given)
    assert numbers(haul(config_for(vendor, **LIMITS))) == (COUNT, 0, 0, 0)
    whole(vendor)
    assert len(seen.given) > before + 50


def test_a_member_that_dies(vendor: FakeVendor, seen: Seen) -> None:
    """Its files are fetched by whoever is left."""
    killed = []

    def point(_name: str) -> None:
        if seen.outcomes and not killed:
            killed.extend(seen.processes())
            for process in killed:
                os.kill(process, signal.SIGKILL)

    report = haul(config_for(vendor, **LIMITS), watch=Watch(point=point))
    assert len(killed) == 2
    assert numbers(report) == (COUNT, 0, 0, 0)
    whole(vendor)


def test_a_run_that_is_cancelled(vendor: FakeVendor, seen: Seen) -> None:
    """What the crew has done has its receipt; the next run fetches the rest."""

    sent: list[int] = []

    def point(_name: str) -> None:
        if seen.outcomes and not sent:
            sent.append(signal.SIGTERM)
            signal.raise_signal(signal.SIGTERM)

    report = haul(config_for(vendor, **LIMITS), watch=Watch(point=point))
    assert isinstance(report.error, Cancelled)
    assert seen.done > 0
    done = ledger_rows("SELECT count(*) FROM transfers WHERE status = 'done'")[0][0]
    assert done == len(sink_files()) < COUNT
    assert numbers(haul(config_for(vendor, **LIMITS))) == (COUNT - done, done, 0, 0)
    whole(vendor)
    assert contents(vendor) <= COUNT + 16


def test_a_crew_that_is_cancelled_begins_nothing_new(vendor: FakeVendor, seen: Seen) -> None:
    """What its members were given and have not begun is left, however slow the vendor becomes."""
    asked: list[int] = []

    def point(_name: str) -> None:
        if seen.outcomes and not asked:
            vendor.script(CONTENT, Fault.latency(0.1), times=Fault.always)
            asked.append(contents(vendor))
            signal.raise_signal(signal.SIGTERM)

    report = haul(config_for(vendor, **LIMITS), watch=Watch(point=point))
    assert isinstance(report.error, Cancelled)
    vendor.assert_all_fired()
    assert len(seen.given) - len(seen.outcomes) > 100
    assert contents(vendor) - asked[0] < 100
    vendor.clear_scripts()
    done = ledger_rows("SELECT count(*) FROM transfers WHERE status = 'done'")[0][0]
    assert numbers(haul(config_for(vendor, **LIMITS))) == (COUNT - done, done, 0, 0)
    whole(vendor)


@pytest.mark.parametrize(
    "limits", [{"concurrency": 3}, {"concurrency": 8, "requests_per_second": 1e6}]
)
def test_where_there_is_no_crew(vendor: FakeVendor, seen: Seen, limits: dict[str, Any]) -> None:
    """Few requests at once, or a rate that somebody must keep to: one process does all."""
    client = {"limits": limits, "retry": {"backoff_factor": 0.001}}
    assert numbers(haul(config_for(vendor, client=client))) == (COUNT, 0, 0, 0)
    assert not seen.crews


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere they end when they next read")
def test_members_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    """SIGKILL of the parent: no process is left that could write to the sink."""
    script = tmp_path / "parent.py"
    script.write_text(
        "import sys, time\n"
        "from pathlib import Path\n"
        "from filehaul.execute import Crew, Setup\n"
        "from filehaul.http import HttpSettings\n"
        "setup = Setup(HttpSettings('http://127.0.0.1:9'), Path('files'), 'u', 'o', 2)\n"
        "crew = Crew(setup, 2, None)\n"
        "while not all(one.ready for one in crew._members.values()): crew.poll(1.0)\n"
        "print(*[one._process.pid for one in crew._members.values()], flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    members = [int(word) for word in parent.stdout.readline().split()]
    assert len(members) == 2
    parent.kill()
    parent.wait()
    parent.stdout.close()
    late = time.monotonic() + 5
    while any(Path(f"/proc/{one}/exe").exists() for one in members):
        assert time.monotonic() < late
        time.sleep(0.01)
