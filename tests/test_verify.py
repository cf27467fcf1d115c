"""The sink read again: what is equal, missing, different, extra; and what --repair fetches."""

from __future__ import annotations

import hashlib
import os
import signal
import threading
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import filehaul
from filehaul import verification
from filehaul.config import load_config
from filehaul.errors import Cancelled, ConfigError, LedgerError, UsageError
from filehaul.ledger import Ledger
from filehaul.lock import only_run
from filehaul.models import File, Receipt
from filehaul.testing import FakeFile, FakeVendor, Fault
from filehaul.verification import Verification
from filehaul.watch import Watch
from hauling import (
    config_for,
    haul,
    in_the_ledger,
    ledger_rows,
    numbers,
    receipt_of,
    sink_files,
)
from test_cli import ask, lines, write_config

pytestmark = pytest.mark.usefixtures("own_folder", "no_destination")

PATHS = ("a/1.txt", "a/2.txt", "b/3.txt", "b/4.txt", "5.txt")


@pytest.fixture
def vendor() -> Iterator[FakeVendor]:
    """Five files, ``f0`` to ``f4``."""
    files = [
        FakeFile(f"f{n}", path.rpartition("/")[2], path, f"the bytes of {path}".encode() * 20)
        for n, path in enumerate(PATHS)
    ]
    with FakeVendor(files) as running:
        yield running


def counts(found: Verification) -> tuple[int, int, int, int, int]:
    """equal, missing, different, extra, repaired."""
    return (found.equal, found.missing, found.different, found.extra, found.repaired)


def told(found: Verification) -> list[tuple[str, str]]:
    """What was found, in the order of paths."""
    return sorted((one.path, one.what) for one in found.findings)


def rot(path: str) -> None:
    """Another byte, the same size, the same time."""
    file = Path("files") / path
    before = file.stat()
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def spoil() -> None:
    """One of each kind of harm; 5.txt stays as it is."""
    rot("a/1.txt")
    os.truncate("files/a/2.txt", 7)
    Path("files/b/3.txt").unlink()
    Path("files/b/4.txt").unlink()
    Path("files/b/4.txt").symlink_to("../5.txt")
    Path("files/mine.txt").write_text("put here by hand")


HARM = [
    ("a/1.txt", "different"),
    ("a/2.txt", "different"),
    ("b/3.txt", "missing"),
    ("b/4.txt", "different"),
    ("mine.txt", "extra"),
]


def test_a_sink_as_it_should_be(vendor: FakeVendor) -> None:
    """All equal, every byte read, nothing asked of the vendor, nothing changed."""
    config = config_for(vendor)
    haul(config)
    asked, before = vendor.request_count, ledger_rows("SELECT * FROM transfers")
    found = filehaul.verify(config)
    assert counts(found) == (5, 0, 0, 0, 0)
    assert found.bytes == sum(len(data) for data in sink_files().values())
    assert (found.exit_code, found.waiting, found.findings) == (0, 0, [])
    assert (vendor.request_count, ledger_rows("SELECT * FROM transfers")) == (asked, before)
    found.raise_for_findings()


def test_each_kind_of_harm_is_found(vendor: FakeVendor) -> None:
    """Rot, a cut file, a removed one, a link in a file's place, a stranger: told, left alone."""
    config = config_for(vendor)
    haul(config)
    spoil()
    left = sink_files()
    found = filehaul.verify(config)
    assert counts(found) == (1, 1, 3, 1, 0)
    assert told(found) == HARM
    assert found.exit_code == 3
    reasons = {one.path: one.reason for one in found.findings}
    assert "other bytes: sha256 is" in reasons["a/1.txt"]
    assert reasons["a/2.txt"].startswith("7 bytes, not ")
    assert reasons["b/4.txt"] == "what is at its path is no file"
    assert sink_files() == left
    assert [one.file_id for one in found.findings if one.path == "a/1.txt"] == ["f0"]
    with pytest.raises(filehaul.errors.PartialError, match="1 files are missing in the sink, 3"):
        found.raise_for_findings()


def test_repair_fetches_what_is_wrong_and_nothing_else(vendor: FakeVendor) -> None:
    """Four of five are fetched, to the byte; a stranger stays; a new file waits for a sync."""
    config = config_for(vendor)
    haul(config)
    good = sink_files()
    spoil()
    vendor.put(FakeFile("new", "new.txt", "new.txt", b"new"))
    vendor.clear_requests()
    found = filehaul.verify(config, repair=True)
    assert counts(found) == (1, 1, 3, 1, 4)
    assert (found.exit_code, found.waiting) == (0, 0)
    assert {path: vendor.count(f"/v1/files/{path}/content") for path in ("f4", "new")} == {
        "f4": 0,
        "new": 0,
    }
    assert vendor.count("*/content") == 4
    assert sink_files() == {**good, "mine.txt": b"put here by hand"}
    assert not Path("files/b/4.txt").is_symlink()
    again = filehaul.verify(config)
    assert (counts(again), again.waiting) == ((5, 0, 0, 1, 0), 1)
    assert numbers(haul(config)) == (1, 5, 0, 0)


def test_a_folder_in_a_files_place(vendor: FakeVendor) -> None:
    """It cannot be mended while the folder is there: exit 3, and its file fails with the reason."""
    config = config_for(vendor)
    haul(config)
    Path("files/5.txt").unlink()
    Path("files/5.txt/x").mkdir(parents=True)
    found = filehaul.verify(config, repair=True)
    assert (counts(found), found.exit_code) == ((4, 1, 0, 0, 0), 3)
    assert receipt_of("f4")["error"].startswith("the sink cannot have a file of this name")
    Path("files/5.txt/x").rmdir()
    Path("files/5.txt").rmdir()
    assert numbers(haul(config, retry_failed=True)) == (1, 4, 0, 0)
    assert counts(filehaul.verify(config)) == (5, 0, 0, 0, 0)


def test_quick_reads_no_bytes(vendor: FakeVendor) -> None:
    """Names and sizes only: rot stays unseen, and it says that it read nothing."""
    config = config_for(vendor)
    haul(config)
    spoil()
    found = filehaul.verify(config, quick=True)
    assert told(found) == HARM[1:]
    assert (found.equal, found.bytes) == (2, 0)


def test_what_cannot_be_had_again(vendor: FakeVendor) -> None:
    """A spoilt file that the vendor has deleted, and one that it refuses: exit 3 says so."""
    config = config_for(vendor)
    haul(config)
    vendor.remove("f0")
    assert haul(config).deleted == 1
    rot("a/1.txt")
    rot("a/2.txt")
    vendor.script("/v1/files/f1/content", Fault.status(410))
    found = filehaul.verify(config, repair=True)
    vendor.assert_all_fired()
    assert (counts(found), found.exit_code) == ((3, 0, 2, 0, 0), 3)
    [gone] = [one for one in found.findings if one.path == "a/1.txt"]
    assert gone.reason.endswith("; the vendor no longer has it")
    # The only copy of a deleted file is told of again; the other one is parked.
    again = filehaul.verify(config)
    assert told(again) == [("a/1.txt", "different"), ("a/2.txt", "extra")]
    assert again.waiting == 1


def test_spoilt_bytes_are_never_taken_for_good_ones(vendor: FakeVendor) -> None:
    """Killed while it mends, of files without a checksum: the next run fetches them all the same,
    although the size fits.
    """
    for one in list(vendor.files.values()):
        vendor.put(replace(one, extra={"sha256": ...}))
    config = config_for(vendor)
    haul(config)
    good = sink_files()
    rot("a/1.txt")
    rot("b/3.txt")

    class Killed(BaseException):
        pass

    def die(name: str) -> None:
        if name == "verified":
            raise Killed

    with pytest.raises(Killed):
        verification.run(load_config(config), repair=True, watch=Watch(point=die))
    vendor.clear_requests()
    assert numbers(haul(config)) == (2, 3, 0, 0)
    assert vendor.count("*/content") == 2
    assert sink_files() == good


def test_spoilt_bytes_that_files_share(vendor: FakeVendor) -> None:
    """Layout by_hash, and one of two that have the same bytes is gone at the vendor's: the receipt
    of that one does not keep rotten bytes in the place of those that --repair has fetched.
    """
    for name in ("s1", "s2"):
        vendor.put(FakeFile(name, f"{name}.txt", content=b"shared bytes"))
    content = {"path": "/v1/files/{file_id}/content", "layout": "by_hash"}
    config = config_for(vendor, content=content, deletes={"how": "soft", "confirm": 1})
    assert numbers(haul(config)) == (7, 0, 0, 0)
    vendor.remove("s2")
    assert haul(config).deleted == 1
    shared = Path("files") / str(receipt_of("s1")["target"])
    shared.write_bytes(b"rotten bytes")
    found = verification.run(load_config(config), repair=True)
    assert (found.different, found.repaired, found.exit_code) == (2, 2, 0)
    assert shared.read_bytes() == b"shared bytes"
    assert verification.run(load_config(config)).equal == 7


def test_the_vendors_checksum_counts_too(vendor: FakeVendor) -> None:
    """Where the receipt's own hash was tampered with, the catalogue's checksum is another witness;
    one that the receipt was not verified by is none.
    """
    content = b"with an md5"
    sums = {"sha256": ..., "md5": hashlib.md5(content).hexdigest()}
    vendor.put(FakeFile("m", "m.txt", "m.txt", content, extra=sums))
    config = config_for(vendor)
    haul(config)
    assert receipt_of("m")["verified_by"] == "md5"
    in_the_ledger("UPDATE files SET checksum = '{\"md5\":\"00\"}' WHERE file_id = 'm'")
    found = filehaul.verify(config)
    assert told(found) == [("m.txt", "different")]
    assert "md5 is" in found.findings[0].reason
    in_the_ledger("UPDATE transfers SET verified_by = 'size' WHERE file_id = 'm'")
    assert counts(filehaul.verify(config)) == (6, 0, 0, 0, 0)


def test_no_name_of_ours(vendor: FakeVendor) -> None:
    """A name that is no text, a file deep in folders, a partial: strangers told, partials not."""
    config = config_for(vendor)
    haul(config)
    Path(os.fsdecode(b"files/b\xff.txt")).write_text("odd")
    deep = Path("files") / "/".join("d" * 100)
    deep.mkdir(parents=True)
    (deep / "x").write_text("deep")
    [partials] = Path("files/.filehaul/partial").glob("*")
    (partials / "0").mkdir(exist_ok=True)
    (partials / "0" / "0abc").write_text("half")
    found = filehaul.verify(config)
    assert counts(found) == (5, 0, 0, 2, 0)
    assert {one.path[-6:] for one in found.findings} == {"ff.txt", "/d/d/x"}
    assert found.exit_code == 0


def test_a_sink_that_was_emptied(vendor: FakeVendor) -> None:
    """Another folder in its place: everything is missing, and everything comes back."""
    config = config_for(vendor)
    haul(config)
    good = sink_files()
    Path("files").rename("elsewhere")
    assert counts(filehaul.verify(config)) == (0, 5, 0, 0, 0)
    assert counts(filehaul.verify(config, repair=True)) == (0, 5, 0, 0, 5)
    assert sink_files() == good


def test_what_a_kill_left_is_settled_first(vendor: FakeVendor) -> None:
    """Dead between rename and receipt: the bytes are good, and not strangers."""

    def die(name: str) -> None:
        if name == "committed":
            raise KeyboardInterrupt

    config = config_for(vendor)
    with pytest.raises(KeyboardInterrupt):
        haul(config, watch=Watch(point=die))
    assert len(sink_files()) >= 1
    found = filehaul.verify(config)
    assert (found.missing, found.different, found.extra) == (0, 0, 0)
    assert found.equal >= 1
    assert found.equal + found.waiting == 5


def test_what_stops_it(vendor: FakeVendor, tmp_path: Path) -> None:
    """No ledger, no bytes in the config, another run at work, another connection's ledger."""
    config = config_for(vendor)
    with pytest.raises(LedgerError, match="there is no ledger"):
        filehaul.verify(config)
    assert not Path(".filehaul").exists()
    with pytest.raises(UsageError, match="nothing to verify"):
        filehaul.verify(config_for(vendor, content=None))
    haul(config)
    with only_run(tmp_path / ".filehaul/acme.sqlite.lock", "acme"):
        found = filehaul.verify(config)
    assert found.exit_code == 6
    assert "another run of 'acme'" in str(found.error)
    with pytest.raises(ConfigError, match="that of the connection 'acme'"):
        filehaul.verify({**config, "name": "other", "state": ".filehaul/acme.sqlite"})


def test_refused_credentials_end_a_repair(vendor: FakeVendor) -> None:
    """Exit 5, what was found is told all the same, and with the right ones it is mended."""
    config = config_for(vendor)
    haul(config)
    rot("5.txt")
    vendor.script("/oauth/token", Fault.status(401))
    found = verification.run(load_config(config), repair=True)
    vendor.assert_all_fired()
    assert (counts(found), found.exit_code) == ((4, 0, 1, 0, 0), 5)
    assert numbers(haul(config)) == (1, 4, 0, 0)


def test_it_can_be_cancelled(vendor: FakeVendor) -> None:
    """SIGTERM while it reads a large file: exit 130, no finding, its threads end; who called
    `verify` gets the signal.
    """
    vendor.put(FakeFile("large", "large.bin", "0.bin", bytes(8 * 2**20)))
    config = config_for(vendor)
    haul(config)

    def stop(*_: object) -> None:
        signal.raise_signal(signal.SIGTERM)

    found = verification.run(load_config(config), watch=Watch(stage=stop))
    assert isinstance(found.error, Cancelled)
    assert (found.exit_code, found.findings) == (130, [])
    assert not [one for one in threading.enumerate() if "filehaul-verify" in one.name]
    with pytest.raises(SystemExit):
        filehaul.verify(config, watch=Watch(stage=stop))


def test_memory_does_not_grow_with_the_files(tmp_path: Path) -> None:
    """Eight times as many files, all of them missing: the same memory, within a megabyte."""
    vendor = FakeVendor([])
    with vendor:
        config = config_for(vendor)
        haul(config)
        peaks = [_peak(config, count) for count in (2_000, 16_000)]
    assert abs(peaks[1][0] - peaks[0][0]) < 2**20
    assert peaks[1][1].missing == 16_000
    assert len(peaks[1][1].findings) == verification.MOST_KEPT
    assert tmp_path.exists()


def _peak(config: dict[str, Any], count: int) -> tuple[int, Verification]:
    """The most memory of Python's during a verification, with so many receipts."""
    identity = str(Path("files").absolute())
    with Ledger.open(Path(".filehaul/acme.sqlite")) as ledger, ledger.transaction():
        receipts = (
            Receipt(File("files", f"{n:07}", f"{n:07}"), f"{n % 100}/{n}", "done", 1, "00" * 32)
            for n in range(count)
        )
        ledger.transfers.record(receipts, identity, None)
    tracemalloc.start()
    try:
        found = filehaul.verify(config)
        return tracemalloc.get_traced_memory()[1], found
    finally:
        tracemalloc.stop()


def test_by_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line a finding, a sum, exit 3; with --json an event each and the five counts at the end."""
    monkeypatch.setenv("ACME_SECRET", "a-secret-of-acme")
    files = [FakeFile(f"f{n}", f"{n}.txt", f"d/{n}.txt", b"#%d" % n) for n in range(4)]
    with FakeVendor(files, client_secret="a-secret-of-acme") as vendor:
        config = write_config(tmp_path, vendor)
        assert ask("sync", config).exit_code == 0
        assert ask("verify", config).stdout.startswith("4 equal, 0 missing, 0 different, 0 extra;")
        (tmp_path / "files/d/1.txt").write_text("#X")
        (tmp_path / "files/d/2.txt").unlink()
        (tmp_path / "files/x").write_text("stranger")
        result = ask("verify", config)
        assert result.exit_code == 3
        assert [line.split(":")[0] for line in result.stdout.splitlines()[:-1]] == [
            "different  d/1.txt",
            "missing    d/2.txt",
            "extra      x",
        ]
        assert "filehaul verify --repair" in result.stderr
        rows = lines(ask("verify", config, "--json", "--quick"))
        assert [(row["event"], row.get("file_id"), row.get("path")) for row in rows] == [
            ("missing", "f2", "d/2.txt"),
            ("extra", None, "x"),
            ("done", None, None),
        ]
        result = ask("verify", config, "--repair", "--json")
        last = lines(result)[-1]
        five = ("equal", "missing", "different", "extra", "repaired")
        assert [last[name] for name in five] == [2, 1, 1, 1, 2]
        assert result.exit_code == last["exit_code"] == 0
        assert ", 0 missing" in ask("verify", config).stdout
