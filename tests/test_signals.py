"""Signals: what they mean to a run, and to whoever called it."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from filehaul.testing import FakeVendor
from filehaul.watch import Watch
from hauling import config_for, files, haul, sync


@pytest.fixture
def vendor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeVendor]:
    """Three files; the test has a folder of its own."""
    monkeypatch.chdir(tmp_path)
    with FakeVendor(files("a", "b", "c")) as running:
        yield running


def once_listed(number: int) -> Watch:
    """A watch that signals its own process when the first rows have come; a second would kill."""
    told: list[int] = []

    def rows(_rows: int) -> None:
        if not told:
            told.append(number)
            os.kill(os.getpid(), number)

    return Watch(rows=rows)


@pytest.mark.parametrize(
    ("number", "raised"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)]
)
def test_the_caller_is_told(
    vendor: FakeVendor, number: signal.Signals, raised: type[BaseException]
) -> None:
    """A loop over many syncs ends with the run that the signal stopped: that one's ledger is
    closed, its listing told of, and the next run does what is left."""
    config = config_for(vendor)
    before = signal.getsignal(number)
    with pytest.raises(raised) as caught:
        sync(config, watch=once_listed(number))
    assert raised is KeyboardInterrupt or caught.value.code == 130  # type: ignore[attr-defined]
    assert signal.getsignal(number) is before
    assert vendor.count("/v1/files/*/content") == 0
    assert sqlite3.connect(".filehaul/acme.sqlite").execute("PRAGMA quick_check").fetchone()
    assert sync(config).transferred == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_callers_own_handler(vendor: FakeVendor, number: signal.Signals) -> None:
    """It is called once the run has stopped, and the report is returned."""
    heard: list[int] = []
    before = signal.signal(number, lambda told, _frame: heard.append(told))
    try:
        report = sync(config_for(vendor), watch=once_listed(number))
    finally:
        signal.signal(number, before)
    assert (heard, report.exit_code, report.signal) == ([number], 130, number)


def test_a_signal_that_is_ignored_stops_the_run_only(vendor: FakeVendor) -> None:
    """Whoever ignores SIGINT has the report to look at."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        report = sync(config_for(vendor), watch=once_listed(signal.SIGINT))
    finally:
        signal.signal(signal.SIGINT, before)
    assert (report.exit_code, report.signal) == (130, signal.SIGINT)


def test_without_a_signal(vendor: FakeVendor) -> None:
    """No handler of ours stays, and none is called."""
    before: list[Any] = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    watched: Callable[[int], None] = lambda _rows: None  # noqa: E731
    report = haul(config_for(vendor), watch=Watch(rows=watched))
    assert (report.exit_code, report.signal) == (0, None)
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_store_that_does_not_answer_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGTERM while the sink's store has taken a request and says nothing: the run ends soon."""
    monkeypatch.setattr("filehaul.sink.bucket.hands._GRACE", 0.2)
    monkeypatch.chdir(tmp_path)
    with FakeVendor(files("a")) as vendor, socket.create_server(("127.0.0.1", 0)) as silent:
        options = {"access_key_id": "key", "secret_access_key": "not-a-secret", "region": "r"}
        options["endpoint"] = f"http://127.0.0.1:{silent.getsockname()[1]}"
        config = config_for(vendor, sink={"url": "s3://lake/acme", "options": options})
        asked: list[float] = []

        def stop_once_asked() -> None:
            taken, _ = silent.accept()
            with taken:
                taken.recv(1000)
                asked.append(time.monotonic())
                os.kill(os.getpid(), signal.SIGTERM)
                ended.wait(20)

        ended = threading.Event()
        threading.Thread(target=stop_once_asked, daemon=True).start()
        report = haul(config)
        ended.set()
        assert time.monotonic() - asked[0] < 5
        assert report.error is not None
        assert "the sink's store did not answer" in report.error.message
        assert (report.exit_code, vendor.request_count) == (130, 0)
