"""A bucket in trouble: refused, missing, unreachable, slow, and other people's files in it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from filehaul.check import check
from filehaul.errors import ConfigError, CredentialsError, SinkError
from filehaul.sink.bucket import store as making
from filehaul.testing import FakeFile, FakeVendor
from filehaul.transfer import uploads
from hauling import config_for, contents, files, haul, ledger_rows, numbers, receipt_of
from moody_store import MoodyStore, Seen
from servers import Store
from servers.running import free_ports

pytestmark = [
    pytest.mark.slow,
    pytest.mark.server,
    pytest.mark.xdist_group("stores"),  # one process starts them
]
each_store = pytest.mark.parametrize("store", ["seaweedfs", "azurite"], indirect=True)
one_store = pytest.mark.parametrize("store", ["seaweedfs"], indirect=True)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries that are over in no time."""
    quick = {"init_backoff": timedelta(milliseconds=1), "max_backoff": timedelta(milliseconds=5)}
    settings = {"max_retries": 3, "retry_timeout": timedelta(seconds=5)}
    monkeypatch.setattr(making, "RETRIES", {**settings, "backoff": {**quick, "base": 2}})


@pytest.fixture
def vendor() -> Iterator[FakeVendor]:
    with FakeVendor(files(*(f"f{n}" for n in range(12)))) as running:
        yield running


def error_of(config: dict[str, Any], vendor: FakeVendor) -> Any:
    """What ends a run before the vendor is asked for anything."""
    report = haul(config)
    assert vendor.request_count == 0
    return report.error


# -- before anything is done -------------------------------------------------------------------


@each_store
def test_wrong_credentials(store: Store, prefix: str, vendor: FakeVendor) -> None:
    """Exit 5 before the vendor is asked; the words name the store's answer and no secret."""
    config = config_for(vendor, sink={"url": store.address(prefix), "options": store.wrong})
    problem = error_of(config, vendor)
    assert isinstance(problem, CredentialsError)
    assert problem.exit_code == 5
    assert "the sink's store refused the credentials" in problem.message
    assert "HTTP 403" in problem.message
    secret = str(store.wrong.get("secret_access_key") or store.wrong["account_key"])
    assert secret not in str(problem) + problem.hint + problem.where


@each_store
def test_no_such_bucket(store: Store, prefix: str, vendor: FakeVendor) -> None:
    """Exit 4 with its name: filehaul makes no buckets."""
    sink = {**store.sink(prefix), "url": f"{store.scheme}://no-such-place/{prefix}"}
    problem = error_of(config_for(vendor, sink=sink), vendor)
    assert isinstance(problem, ConfigError)
    assert problem.exit_code == 4
    assert "'no-such-place'" in problem.message
    assert "there is no" in problem.message


@one_store
def test_nobody_answers(store: Store, prefix: str, vendor: FakeVendor) -> None:
    """Exit 6, and when the store is back the same config goes through."""
    [port] = free_ports(1)
    config = config_for(vendor, sink=store.sink(prefix, endpoint=f"http://127.0.0.1:{port}"))
    problem = error_of(config, vendor)
    assert isinstance(problem, SinkError)
    assert problem.exit_code == 6
    assert "the sink cannot be reached" in problem.message
    assert numbers(haul(config_for(vendor, sink=store.sink(prefix)))) == (12, 0, 0, 0)


@each_store
def test_a_prefix_of_another_connection(store: Store, prefix: str, vendor: FakeVendor) -> None:
    """Exit 4 before the first request: two connections would replace each other's files."""
    haul(config_for(vendor, sink=store.sink(prefix)))
    with FakeVendor(files("f0")) as second:
        problem = error_of(config_for(second, name="second", sink=store.sink(prefix)), second)
    assert isinstance(problem, ConfigError)
    assert problem.message == "the sink belongs to the connection 'acme'"
    assert f"remove {store.address(prefix)}/.filehaul/sink" in problem.hint


@each_store
def test_check_asks_the_bucket(store: Store, prefix: str, vendor: FakeVendor) -> None:
    """It says whether the bucket can be had, and leaves nothing in it; refused credentials and
    another connection's prefix are told before a sync meets them.
    """

    def found(**more: Any) -> Any:
        findings = check(config_for(vendor, **more))
        return next(one for one in findings if one.what == "sink")

    told = found(sink=store.sink(prefix))
    assert told.error is None
    assert told.text == f"{store.address(prefix)} answers: 0 files there, and none of filehaul's"
    assert store.own(prefix) == []
    wrong = found(sink={"url": store.address(prefix), "options": store.wrong})
    assert isinstance(wrong.error, CredentialsError)
    haul(config_for(vendor, sink=store.sink(prefix)))
    assert "13 files there, the connection's own" in found(sink=store.sink(prefix)).text
    other = found(sink=store.sink(prefix), name="second")
    assert isinstance(other.error, ConfigError)


# -- in the middle of a run --------------------------------------------------------------------


@one_store
def test_503_for_a_minute(store: Store, prefix: str, vendor: FakeVendor) -> None:
    """The store stops taking files: exit 6, what it took has its receipt, and the next run
    fetches the rest only.
    """
    with MoodyStore(store.url) as moody:
        config = config_for(vendor, sink=store.sink(prefix, endpoint=moody.url))

        def down(seen: Seen) -> int | None:
            return 503 if seen.method == "PUT" and moody.puts() > 5 else None

        moody.mood = down
        report = haul(config)
        assert report.exit_code == 6
        assert isinstance(report.error, SinkError)
        assert "HTTP 503" in report.error.message
        assert moody.fired >= 4, "asked again before it was given up"
        arrived = len(store.files(prefix))
        assert arrived == 5
        assert ledger_rows("SELECT count(*) FROM transfers WHERE status = 'done'") == [(arrived,)]
        moody.mood = lambda _seen: None
        asked = contents(vendor)
        assert numbers(haul(config)) == (12 - arrived, arrived, 0, 0)
        assert contents(vendor) - asked == 12 - arrived
    assert len(store.files(prefix)) == 12


@one_store
@pytest.mark.parametrize("checksum", [True, False], ids=["checksum", "no checksum"])
def test_what_was_verified_and_not_sent_is_not_fetched_again(
    store: Store, prefix: str, checksum: bool
) -> None:
    """The store is down when a large file has come: it waits on this machine's disk, and the next
    run sends it without asking the vendor for one byte.
    """
    made = [FakeFile("big", "big.bin", content=os.urandom(12_000_000))]
    with FakeVendor(made, checksum=checksum) as vendor, MoodyStore(store.url) as moody:
        config = config_for(vendor, sink=store.sink(prefix, endpoint=moody.url))
        moody.mood = lambda seen: 503 if "big.bin" in seen.target else None
        assert haul(config).exit_code == 6
        assert contents(vendor) == 1
        assert moody.fired
        moody.mood = lambda _seen: None
        assert numbers(haul(config)) == (1, 0, 0, 0)
        assert contents(vendor) == 1
        assert store.files(prefix) == {"big.bin": made[0].content}
        assert ledger_rows("SELECT count(*) FROM partials") == [(0,)]
        assert not list(Path(".filehaul/partial").rglob("*/?/*"))


@one_store
def test_refused_in_the_middle(store: Store, prefix: str, vendor: FakeVendor) -> None:
    """Credentials that expire during the run: exit 5, and it goes on with others."""
    with MoodyStore(store.url) as moody:
        config = config_for(vendor, sink=store.sink(prefix, endpoint=moody.url))
        moody.mood = lambda seen: 403 if seen.method == "PUT" and moody.puts() > 5 else None
        report = haul(config)
        assert moody.fired
    assert report.exit_code == 5
    done = len(store.files(prefix))
    assert numbers(haul(config_for(vendor, sink=store.sink(prefix)))) == (12 - done, done, 0, 0)


@one_store
def test_one_name_that_the_store_does_not_take(
    store: Store, prefix: str, vendor: FakeVendor
) -> None:
    """400 for one file: that one fails with the store's words and is parked, the rest arrives."""
    with MoodyStore(store.url) as moody:
        config = config_for(vendor, sink=store.sink(prefix, endpoint=moody.url))
        moody.mood = lambda seen: 400 if seen.target.endswith("/f3") else None
        assert numbers(haul(config)) == (11, 0, 1, 0)
        assert moody.fired
        assert receipt_of("id-f3")["error"] == (
            "the sink's store will not have this file (HTTP 400 Moody)"
        )
        assert numbers(haul(config)) == (0, 11, 0, 1)


@one_store
def test_a_store_without_conditions(store: Store, prefix: str, vendor: FakeVendor) -> None:
    """501 to If-None-Match, as some of S3's lookalikes say: it is done without."""
    with MoodyStore(store.url) as moody:
        config = config_for(vendor, sink=store.sink(prefix, endpoint=moody.url))
        moody.mood = lambda seen: 501 if "if-none-match" in seen.headers else None
        assert numbers(haul(config)) == (12, 0, 0, 0)
        assert moody.fired
    assert len(store.files(prefix)) == 12


@each_store
def test_a_strangers_file_in_the_way(store: Store, prefix: str, vendor: FakeVendor) -> None:
    """A file that somebody else put at one of our names: replaced, as on a disk, and the rest of
    what is theirs stays.
    """
    store.client().put(f"{prefix}/f3", b"a stranger's")
    store.client().put(f"{prefix}/other/thing", b"a stranger's")
    assert numbers(haul(config_for(vendor, sink=store.sink(prefix)))) == (12, 0, 0, 0)
    found = store.files(prefix)
    assert found["f3"] == b"f3|" * 10
    assert found.pop("other/thing") == b"a stranger's"
    assert len(found) == 12


@each_store
def test_bytes_removed_by_hand(store: Store, prefix: str, vendor: FakeVendor) -> None:
    """Files removed from the bucket between two runs: noticed, said, fetched again."""
    config = config_for(vendor, sink=store.sink(prefix))
    haul(config)
    for name in ("f3", "f5"):
        store.client().delete(f"{prefix}/{name}")
    report = haul(config)
    assert numbers(report) == (2, 10, 0, 0)
    assert report.warnings == ["2 files are no longer in the sink: they are fetched again"]
    assert len(store.files(prefix)) == 12


@each_store
def test_a_lost_ledger(store: Store, prefix: str, vendor: FakeVendor) -> None:
    """The vendor's checksums, kept with the files, know them all: nothing is fetched or read."""
    config = config_for(vendor, sink=store.sink(prefix))
    haul(config)
    Path(".filehaul/acme.sqlite").unlink()
    asked = contents(vendor)
    with MoodyStore(store.url) as moody:
        again = config_for(vendor, sink=store.sink(prefix, endpoint=moody.url))
        assert numbers(haul(again)) == (0, 12, 0, 0)
        reads = [one for one in moody.seen if one.method == "GET" and one.target.endswith("/f3")]
    assert contents(vendor) == asked
    assert reads == []


# -- slow ---------------------------------------------------------------------------------------


def is_of_a_file(seen: Seen) -> bool:
    """Whether it puts one of the vendor's files, and no mark of ours."""
    return seen.method == "PUT" and re.search(r"/f\d+(\?|\Z)", seen.target) is not None


@one_store
def test_downloads_go_on_while_uploads_wait(store: Store, prefix: str) -> None:
    """No file is taken before the vendor was asked for all of them: uploads hold nothing up. And
    with more files than that, only so many are fetched ahead of a sink that takes none.
    """
    many = uploads.MOST + 2 * 8  # in flight, and landed but not looked at
    with FakeVendor(files(*(f"f{n}" for n in range(60)))) as vendor, MoodyStore(store.url) as moody:
        overdue: list[str] = []

        def after_all(seen: Seen) -> int | None:
            until = time.monotonic() + 20
            while is_of_a_file(seen) and contents(vendor) < 60:
                if time.monotonic() > until:
                    overdue.append(seen.target)
                    break
                time.sleep(0.01)
            return None

        moody.mood = after_all
        config = config_for(vendor, sink=store.sink(prefix, endpoint=moody.url))
        assert numbers(haul(config)) == (60, 0, 0, 0)
        assert overdue == []
        for number in range(60, 260):
            vendor.put(*files(f"f{number}"))
        release = threading.Event()

        def held(seen: Seen) -> int | None:
            if is_of_a_file(seen):
                release.wait(20)
            return None

        moody.mood = held
        before = contents(vendor)
        most: list[int] = []

        def look() -> None:
            until = time.monotonic() + 15
            while contents(vendor) - before < uploads.MOST and time.monotonic() < until:
                time.sleep(0.01)
            time.sleep(0.2)
            most.append(contents(vendor))
            release.set()

        threading.Thread(target=look).start()
        assert numbers(haul(config)) == (200, 60, 0, 0)
        assert uploads.MOST <= most[0] - before <= many
    assert len(store.files(prefix)) == 260


@one_store
def test_many_moves_at_once(store: Store, prefix: str) -> None:
    """Forty files move: looked up and copied many at a time, none of them fetched."""
    names = [f"f{n}" for n in range(40)]
    with FakeVendor(files(*names)) as vendor, MoodyStore(store.url) as moody:
        config = config_for(vendor, sink=store.sink(prefix, endpoint=moody.url))
        haul(config)
        asked = contents(vendor)
        for name in names:
            old = vendor.files[f"id-{name}"]
            vendor.put(FakeFile(old.file_id, name, f"new/{name}", old.content))
        now, most = {"HEAD": 0, "PUT": 0}, {"HEAD": 0, "PUT": 0}
        counting = threading.Lock()

        def slow(seen: Seen) -> int | None:
            if seen.method in now:
                with counting:
                    now[seen.method] += 1
                    most[seen.method] = max(most[seen.method], now[seen.method])
                time.sleep(0.05)
                with counting:
                    now[seen.method] -= 1
            return None

        moody.mood = slow
        assert numbers(haul(config)) == (0, 40, 0, 0)
        assert contents(vendor) == asked
        assert min(most.values()) > 8, most
    assert set(store.files(prefix)) == {f"new/{name}" for name in names}


@one_store
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_uploads_hang(store: Store, prefix: str, number: signal.Signals) -> None:
    """Exit 130 within ten seconds although the store does not answer; the next run ends it."""
    release = threading.Event()
    big = FakeFile("big", "big.bin", content=b"b" * 20_000_000)
    with FakeVendor([*files("a", "b"), big]) as vendor, MoodyStore(store.url) as moody:

        def hang(seen: Seen) -> int | None:
            if seen.method == "PUT" and (
                seen.target.endswith("/a") or "partNumber=2" in seen.target
            ):
                release.wait(30)
            return None

        moody.mood = hang
        config = config_for(vendor, sink=store.sink(prefix, endpoint=moody.url), destination=None)
        Path("acme.yaml").write_text(yaml.safe_dump(config))
        command = [sys.executable, "-m", "filehaul", "sync", "acme.yaml"]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
        while not any("partNumber=2" in seen.target for seen in moody.seen):
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        began = time.monotonic()
        process.send_signal(number)
        assert process.wait(20) == 130, process.communicate()
        assert time.monotonic() - began < 10
        process.communicate()
        release.set()
        moody.mood = lambda _seen: None
        report = haul(config)
        assert (report.exit_code, report.failed) == (0, 0)
    assert set(store.files(prefix)) == {"a", "b", "big.bin"}
    assert store.own(prefix) == [".filehaul/sink"]
