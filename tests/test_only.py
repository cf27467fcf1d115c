"""Some files alone: by id, by path; parked files and their days; what counts as a failure."""

from __future__ import annotations

from pathlib import Path

import pytest

from filehaul.testing import FakeFile, FakeVendor, Fault
from hauling import config_for, haul, ledger_rows, numbers, sink_files
from test_cli import ask, lines, write_config

pytestmark = pytest.mark.usefixtures("own_folder", "no_destination")

DAY = 86_400_000_000


def vendor_of(*paths: str) -> FakeVendor:
    """A file of each path; ids are ``f0``, ``f1`` …"""
    return FakeVendor(
        [
            FakeFile(f"f{number}", path.rpartition("/")[2], path, path.encode())
            for number, path in enumerate(paths)
        ]
    )


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        (["f1"], {"a/2.txt"}),
        (["f1", "f4"], {"a/2.txt", "c/[x].txt"}),
        (["a/*"], {"a/1.txt", "a/2.txt", "a/deep/3.csv"}),
        (["*.csv"], {"a/deep/3.csv"}),
        (["a/?.txt", "f3"], {"a/1.txt", "a/2.txt", "b/4.txt"}),
        (["c/[x].txt"], {"c/[x].txt"}),  # a name with the signs of a glob is itself
        (["4.txt"], {"b/4.txt"}),
    ],
)
def test_only_these(only: list[str], expected: set[str]) -> None:
    """All are listed, only the named ones fetched; the next run fetches the rest."""
    with vendor_of("a/1.txt", "a/2.txt", "a/deep/3.csv", "b/4.txt", "c/[x].txt") as vendor:
        config = config_for(vendor)
        report = haul(config, only=only)
        assert (report.exit_code, report.listed) == (0, 5)
        assert numbers(report) == (len(expected), 0, 0, 0)
        assert set(sink_files()) == expected
        assert vendor.count("*/content") == len(expected)
        assert numbers(haul(config)) == (5 - len(expected), len(expected), 0, 0)
        assert vendor.count("*/content") == 5


def test_only_what_is_not_there_is_exit_2() -> None:
    """A misspelt name is said, not taken for nothing to do; nothing is fetched."""
    with vendor_of("a/1.txt") as vendor:
        report = haul(config_for(vendor), only=["a/1.txt", "a/l.txt", "g*"])
        assert report.exit_code == 2
        assert report.error is not None
        assert "'a/l.txt', 'g*'" in report.error.message
        assert vendor.count("*/content") == 0


def test_only_asks_for_a_parked_file() -> None:
    """Who names a parked file wants it now; the other parked one keeps its day."""
    with vendor_of("1", "2", "3") as vendor:
        for number in (0, 1):
            vendor.script(f"/v1/files/f{number}/content", Fault.status(404))
        assert numbers(haul(config_for(vendor))) == (1, 0, 2, 0)
        assert numbers(haul(config_for(vendor))) == (0, 1, 0, 2)
        vendor.assert_all_fired()
        assert numbers(haul(config_for(vendor), only=["f1"])) == (1, 0, 0, 0)
        assert vendor.count("/v1/files/f0/content") == 1
        assert numbers(haul(config_for(vendor))) == (0, 2, 0, 1)


def test_exit_3_for_new_failures_only() -> None:
    """One that fails for ever makes one run red; another that joins it makes one more."""
    with vendor_of("1", "2", "3") as vendor:
        vendor.script("/v1/files/f0/content", Fault.status(404), times=Fault.always)
        assert [haul(config_for(vendor)).exit_code for _ in range(3)] == [3, 0, 0]
        vendor.script("/v1/files/f1/content", Fault.status(410), times=Fault.always)
        vendor.put(FakeFile("f1", "2", "2", b"another version"))
        reports = [haul(config_for(vendor)) for _ in range(2)]
        assert [(one.exit_code, one.failed, one.parked) for one in reports] == [
            (3, 1, 1),
            (0, 0, 2),
        ]
        vendor.assert_all_fired()


def test_retry_failed_begins_the_days_anew() -> None:
    """1, 2, 4 days of patience; after --retry-failed it is one day again."""
    query = "SELECT failures, retry_at - recorded_at FROM transfers WHERE file_id = 'f0'"
    with vendor_of("1") as vendor:
        vendor.script("/v1/files/f0/content", Fault.status(404), times=Fault.always)
        config = config_for(vendor)
        assert haul(config).exit_code == 3
        assert ledger_rows(query) == [(1, DAY)]
        assert haul(config, retry_failed=True).exit_code == 3
        assert haul(config, retry_failed=True).exit_code == 3
        assert ledger_rows(query) == [(1, DAY)]
        assert haul(config).parked == 1
        vendor.assert_all_fired()


def test_only_by_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--only may be given more than once; status tells of a parked file, why, and when again."""
    monkeypatch.setenv("ACME_SECRET", "a-secret-of-acme")
    files = [FakeFile(f"f{n}", f"{n}.txt", f"d/{n}.txt", b"%d" % n) for n in range(4)]
    with FakeVendor(files, client_secret="a-secret-of-acme") as vendor:
        vendor.script("/v1/files/f2/content", Fault.status(404))
        config = write_config(tmp_path, vendor)
        result = ask("sync", config, "--only", "f1", "--only", "d/2*", "--json")
        vendor.assert_all_fired()
    last = lines(result)[-1]
    assert (result.exit_code, last["transferred"], last["failed"]) == (3, 1, 1)
    [one] = lines(ask("status", config, "--json"))[0]["failed"]
    assert (one["resource"], one["file_id"], one["target"]) == ("files", "f2", "d/2.txt")
    assert "404" in one["error"]
    assert one["retry_at"].startswith("20")
    text = ask("status", config).stdout
    assert one["failed_at"] < one["retry_at"]
    told = f"f2 d/2.txt, {one['failed_at']}: {one['error']}; again after {one['retry_at']}"
    assert told in text
