"""The sink in trouble: planted links, a full disk, folders that vanish, bytes removed by hand."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from filehaul.errors import ConfigError, SinkError
from filehaul.sink import Folder, RefusedError
from filehaul.testing import FakeFile, FakeVendor
from filehaul.watch import Watch
from hauling import (
    NoDestination,
    config_for,
    contents,
    files,
    haul,
    names_in,
    numbers,
    receipt_of,
    sink_files,
)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each test in a folder of its own, without a destination."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("filehaul.spine.Destination", NoDestination)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "mine").write_text("precious")
    return tmp_path


@pytest.fixture
def vendor() -> Iterator[FakeVendor]:
    with FakeVendor(
        [FakeFile(f"f{n}", f"{n}.txt", f"d/{n}.txt", b"#%d" % n * 50) for n in range(9)]
    ) as running:
        yield running


def outside_is_untouched() -> bool:
    """Nothing was written where the planted links lead."""
    return {p.name: p.read_text() for p in Path("outside").iterdir()} == {"mine": "precious"}


# -- planted links -----------------------------------------------------------------------------


def test_a_link_in_a_files_place(vendor: FakeVendor) -> None:
    """The link itself is replaced by the file; what it pointed to stays."""
    Path("files/d").mkdir(parents=True)
    Path("files/d/3.txt").symlink_to(Path("outside/mine").absolute())
    assert numbers(haul(config_for(vendor))) == (9, 0, 0, 0)
    assert not Path("files/d/3.txt").is_symlink()
    assert outside_is_untouched()


def test_a_link_in_a_folders_place(vendor: FakeVendor) -> None:
    """Not followed: its files fail with the reason, the others arrive, and so do they later."""
    vendor.put(FakeFile("g", "g.txt", content=b"good"))
    Path("files").mkdir()
    Path("files/d").symlink_to(Path("outside").absolute())
    assert numbers(haul(config_for(vendor))) == (1, 0, 9, 0)
    assert outside_is_untouched()
    assert receipt_of("f3")["error"].startswith("the sink cannot have a file of this name")
    Path("files/d").unlink()
    assert numbers(haul(config_for(vendor), retry_failed=True)) == (9, 1, 0, 0)


@pytest.mark.parametrize("name", [".filehaul", ".filehaul/partial"])
def test_a_link_in_the_place_of_our_own_folder(vendor: FakeVendor, name: str) -> None:
    """The run ends with exit 4 before anything is asked, and says what to move away."""
    link = Path("files") / name
    link.parent.mkdir(parents=True)
    link.symlink_to(Path("outside").absolute())
    report = haul(config_for(vendor))
    assert report.exit_code == 4
    assert isinstance(report.error, ConfigError)
    assert "not a folder of its own" in report.error.message
    assert outside_is_untouched()
    assert vendor.request_count == 0


def test_a_link_in_a_partials_place(tmp_path: Path) -> None:
    """A partial's name is known beforehand: what stands there goes, and is not followed."""
    sink = Folder(tmp_path / "files", user="me")
    sink.open()
    folder = tmp_path / "files/.filehaul/partial/me/a"
    folder.mkdir()
    (folder / "abc").symlink_to(tmp_path / "outside/mine")
    descriptor = sink.create("abc")
    os.write(descriptor, b"bytes")
    os.close(descriptor)
    sink.commit("abc", "x/y")
    assert (tmp_path / "files/x/y").read_bytes() == b"bytes"
    assert outside_is_untouched()
    sink.close()


def test_a_folder_in_a_files_place(vendor: FakeVendor) -> None:
    """A folder that someone made: that file fails and is parked, nothing in it is touched."""
    Path("files/d/3.txt/keep").mkdir(parents=True)
    assert numbers(haul(config_for(vendor))) == (8, 0, 1, 0)
    assert "Is a directory" in receipt_of("f3")["error"]
    assert Path("files/d/3.txt/keep").is_dir()
    assert numbers(haul(config_for(vendor))) == (0, 8, 0, 1)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts descriptors in /proc")
def test_deep_paths_with_few_open_folders(tmp_path: Path) -> None:
    """400 folders deep, in and out: never the wrong folder, few descriptors open."""
    sink = Folder(tmp_path / "files")
    sink.open()
    before = len(names_in("/proc/self/fd"))
    for number in range(3):
        deep = "/".join([str(number), *["d"] * 400, "file"])
        os.close(sink.create(f"p{number}"))
        sink.commit(f"p{number}", deep)
        assert sink.size(deep) == 0
        sink.move(deep, deep.replace("d/file", "e/file"))
        assert sink.size(deep) is None
    assert len(names_in("/proc/self/fd")) - before < 20
    sink.close()
    found = list((tmp_path / "files").rglob("file"))
    assert len(found) == 3
    assert all(p.parent.name == "e" for p in found)


# -- no room, no right, no folder --------------------------------------------------------------


# Else they fill the disk together, and none fits.
ONE_AT_A_TIME = {"limits": {"concurrency": 1}}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MiB; skipped where it cannot be mounted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a small disk cannot be mounted here")
    yield disk
    subprocess.run(["umount", str(disk)], check=False)


def test_a_full_disk(small_disk: Path) -> None:
    """Exit 6, what fitted is recorded; with room again the rest comes, and nothing twice."""
    made = [FakeFile(f"f{n}", f"{n}.bin", content=bytes([n]) * 300_000) for n in range(6)]
    with FakeVendor(made) as vendor:
        config = config_for(vendor, sink=str(small_disk / "files"), client=ONE_AT_A_TIME)
        report = haul(config)
        assert report.exit_code == 6
        assert isinstance(report.error, SinkError)
        assert report.error.message.startswith("the sink is full")
        kept = sink_files(small_disk / "files")
        assert all(kept[name] == bytes([int(name[0])]) * 300_000 for name in kept)
        assert 1 <= report.transferred == len(kept) <= 3
        subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
        vendor.clear_requests()
        assert numbers(haul(config)) == (6 - len(kept), len(kept), 0, 0)
        assert contents(vendor) == 6 - len(kept)
    assert len(sink_files(small_disk / "files")) == 6


def test_a_read_only_disk(small_disk: Path) -> None:
    """Exit 6 before the vendor is asked, and the words say read-only."""
    (small_disk / "files").mkdir()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with FakeVendor(files("a")) as vendor:
        report = haul(config_for(vendor, sink=str(small_disk / "files")))
        assert vendor.request_count == 0
    assert report.exit_code == 6
    assert report.error is not None
    assert "read-only" in report.error.message


def test_a_file_too_large_for_the_disk_is_one_failure() -> None:
    """The file system takes no file of that size: that file fails, the small ones arrive."""
    made = [*files("a", "b"), FakeFile("big", "big.bin", content=b"x" * 3_000_000)]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with FakeVendor(made) as vendor:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, before[1]))
        try:
            report = haul(config_for(vendor))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert numbers(report) == (2, 0, 1, 0)
        assert "cannot hold a file of this size" in receipt_of("big")["error"]
        assert set(sink_files()) == {"a", "b"}
        assert numbers(haul(config_for(vendor), retry_failed=True)) == (1, 2, 0, 0)


def test_a_file_in_the_sinks_place(vendor: FakeVendor) -> None:
    """The sink's path is a file: exit 4, it is left alone."""
    Path("files").write_text("mine")
    report = haul(config_for(vendor))
    assert report.exit_code == 4
    assert Path("files").read_text() == "mine"


def test_the_sink_vanishes_during_the_run(vendor: FakeVendor) -> None:
    """Removed while files come: exit 6 with the reason; the next run makes it whole."""
    gone = iter([True])

    def remove(point: str) -> None:
        if point == "verified" and next(gone, False):
            shutil.rmtree("files")

    report = haul(config_for(vendor), watch=Watch(point=remove))
    assert report.exit_code == 6
    assert report.error is not None
    assert "has been removed while it was in use" in report.error.message
    haul(config_for(vendor))
    assert len(sink_files()) == 9
    assert numbers(haul(config_for(vendor))) == (0, 9, 0, 0)


def test_a_folder_vanishes_during_the_run(vendor: FakeVendor) -> None:
    """A folder in the sink removed while its files come: made again; the next run fills it."""
    seen: list[str] = []

    def remove(point: str) -> None:
        seen.append(point)
        if seen.count("committed") == 4 and point == "committed":
            shutil.rmtree("files/d")

    assert numbers(haul(config_for(vendor), watch=Watch(point=remove))) == (9, 0, 0, 0)
    assert len(sink_files()) == 5
    assert numbers(haul(config_for(vendor))) == (4, 5, 0, 0)
    assert len(sink_files()) == 9


# -- bytes removed by hand ---------------------------------------------------------------------


def test_a_sink_that_was_removed_is_filled_again(vendor: FakeVendor) -> None:
    """The whole folder gone between two runs: noticed, said, fetched again."""
    haul(config_for(vendor))
    shutil.rmtree("files")
    report = haul(config_for(vendor))
    assert numbers(report) == (9, 0, 0, 0)
    assert report.warnings == ["9 files are no longer in the sink: they are fetched again"]
    assert len(sink_files()) == 9


def test_a_sink_that_was_emptied_is_filled_again(vendor: FakeVendor) -> None:
    """`rm -r files/*` leaves our own hidden folder: noticed all the same."""
    vendor.put(FakeFile("top", "top.txt", content=b"top"))
    haul(config_for(vendor))
    shutil.rmtree("files/d")
    report = haul(config_for(vendor))
    assert numbers(report) == (9, 1, 0, 0)
    assert report.warnings == ["9 files are no longer in the sink: they are fetched again"]
    Path("files/top.txt").unlink()
    assert numbers(haul(config_for(vendor))) == (1, 9, 0, 0)
    assert numbers(haul(config_for(vendor))) == (0, 10, 0, 0)


def test_bytes_of_a_file_that_is_deleted_at_the_vendors_too(vendor: FakeVendor) -> None:
    """Gone on both sides: the receipt says gone, not done."""
    haul(config_for(vendor))
    vendor.remove("f3")
    shutil.rmtree("files")
    assert numbers(haul(config_for(vendor))) == (8, 0, 0, 0)
    assert receipt_of("f3")["status"] == "gone"


def test_a_lost_ledger(vendor: FakeVendor) -> None:
    """The ledger is gone and the sink is not: checksums know every file, none is fetched."""
    haul(config_for(vendor))
    shutil.rmtree(".filehaul")
    vendor.clear_requests()
    assert numbers(haul(config_for(vendor))) == (0, 9, 0, 0)
    assert contents(vendor) == 0
    assert receipt_of("f3")["attempts"] == 0


def test_partials_of_an_earlier_run_go_and_others_partials_stay(vendor: FakeVendor) -> None:
    """What a kill left is removed at the next start; another connection's is not ours to remove."""
    haul(config_for(vendor))
    partials = Path("files/.filehaul/partial")
    [mine] = partials.iterdir()
    (mine / "a").mkdir(exist_ok=True)
    (mine / "a" / "abandoned").write_bytes(b"half")
    other = partials / "theirs" / "a"
    other.mkdir(parents=True)
    (other / "in-flight").write_bytes(b"half")
    haul(config_for(vendor))
    assert [p.name for p in partials.rglob("*") if p.is_file()] == ["in-flight"]


def test_a_sink_of_another_connection_is_refused(vendor: FakeVendor) -> None:
    """Two connections would replace each other's files of one path: exit 4 before the first
    request, and the first one's bytes stay.
    """
    haul(config_for(vendor))
    before = sink_files()
    with FakeVendor([FakeFile("o", "f0.txt", content=b"other")]) as second:
        report = haul(config_for(second, name="second"))
        assert second.request_count == 0
    assert report.exit_code == 4
    assert isinstance(report.error, ConfigError)
    assert report.error.message == "the sink belongs to the connection 'acme'"
    assert "sink:" in str(report.error.hint)
    assert sink_files() == before
    # A new name, told to the sink: everything is found where it is.
    Path("files/.filehaul/sink").unlink()
    vendor.clear_requests()
    assert haul(config_for(vendor, name="second")).exit_code == 0
    assert contents(vendor) == 0
    assert sink_files() == before


def test_a_ledger_of_another_connection_is_refused(
    vendor: FakeVendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FILEHAUL_STATE names one file, and two connections ran with it: exit 4, nothing asked."""
    monkeypatch.setenv("FILEHAUL_STATE", "ledger.sqlite")
    haul(config_for(vendor))
    vendor.clear_requests()
    report = haul(config_for(vendor, name="second", sink="elsewhere"))
    assert (report.exit_code, vendor.request_count) == (4, 0)
    assert report.error is not None
    assert report.error.message == "the ledger is that of the connection 'acme'"
    assert haul(config_for(vendor)).exit_code == 0


def test_refused_is_about_one_name_only(tmp_path: Path) -> None:
    """move and commit onto a folder, or below a file: RefusedError, never the whole sink's."""
    sink = Folder(tmp_path / "files")
    sink.open()
    (tmp_path / "files/folder").mkdir()
    (tmp_path / "files/file").write_bytes(b"x")
    os.close(sink.create("p"))
    for target in ("folder", "file/below", "n" * 300):
        with pytest.raises(RefusedError):
            sink.commit("p", target)
        with pytest.raises(RefusedError):
            sink.move("file", target)
    sink.remove("file/below")
    sink.remove("folder")
    assert (tmp_path / "files/folder").is_dir()
    sink.close()


# -- what is in it -----------------------------------------------------------------------------


def test_all_that_is_in_a_folder() -> None:
    """However deep, links not followed and told as no files, our own folder left out."""
    root = Path("files")
    sink = Folder(root)
    sink.open()
    deep = "/".join("n" * 150)
    for name in ("a/b.txt", "a/.filehaul/theirs", f"{deep}/last"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    (root / "planted").symlink_to(Path("outside").absolute())
    os.mkfifo(root / "a" / "pipe")
    assert dict(sink.files()) == {
        "a/b.txt": 7,
        "a/.filehaul/theirs": 18,
        f"{deep}/last": len(deep) + 5,
        "planted": -1,
        "a/pipe": -1,
    }
    some = sink.files()
    next(some)
    some.close()  # nothing is left open: warnings are errors here
    sink.close()


def test_a_sink_that_cannot_be_read_is_said() -> None:
    """Its folder went while it was open: the sink is in trouble, not empty."""
    sink = Folder(Path("files"))
    sink.open()
    sink.close()
    with pytest.raises(SinkError):
        list(sink.files())
