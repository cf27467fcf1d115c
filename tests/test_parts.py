"""Large files by several ranges at once: where a connection is slow; never of two versions."""

from __future__ import annotations

import hashlib
import os
import random
import threading
import tracemalloc
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filehaul import parts as room
from filehaul import pieces
from filehaul.ranges import gaps, joined
from filehaul.testing import FakeFile, FakeVendor, Fault, RecordedRequest
from filehaul.transfer import large
from hauling import (
    NoDestination,
    config_for,
    haul,
    ledger_rows,
    numbers,
    receipt_of,
    sink_files,
)

CONTENT = "/v1/files/*/content"
PART = 256 * 1024
BIG = hashlib.shake_256(b"parts").digest(10 * PART + 77)
COUNT = 11  # parts
NO_SUM = {"sha256": ...}
PATH = "/v1/files/{file_id}/content"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each test in a folder of its own, without a destination; parts are small."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("filehaul.spine.Destination", NoDestination)
    monkeypatch.setattr(room, "PART", PART)
    monkeypatch.setattr(large, "PART", PART)
    return tmp_path


def big(content: bytes = BIG, **extra: Any) -> FakeFile:
    """The one file."""
    return FakeFile("big", "big.bin", content=content, extra=extra)


@pytest.fixture
def vendor() -> Iterator[FakeVendor]:
    with FakeVendor([big()]) as running:
        yield running


def in_parts(vendor: FakeVendor, ranges: Any = 4, **more: Any) -> dict[str, Any]:
    """A config that asks for ranges."""
    return config_for(vendor, content={"path": PATH, "ranges": ranges}, **more)


def asked(vendor: FakeVendor) -> list[RecordedRequest]:
    """The requests for content."""
    return [one for one in vendor.requests if one.path.endswith("/content")]


def spans(vendor: FakeVendor) -> list[tuple[int, int]]:
    """What was asked for, as [first, end), in order; (0, 0): the whole."""
    found = []
    for one in asked(vendor):
        first, _, last = (
            one.headers.get("range", "bytes=0--1").removeprefix("bytes=").partition("-")
        )
        found.append((int(first), int(last) + 1))
    return sorted(found)


def etag(content: bytes = BIG) -> str:
    """The fake vendor's ETag of these bytes."""
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


ALL = [(first, min(first + PART, len(BIG))) for first in range(0, len(BIG), PART)]


# -- the usual way -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "extra", [{}, NO_SUM, {"sha256": ..., "md5": hashlib.md5(BIG).hexdigest()}]
)
def test_each_byte_is_asked_for_once(vendor: FakeVendor, extra: Any) -> None:
    """Parts of one size, each once; all after the first with If-Range; one receipt, true hashes."""
    vendor.put(big(**extra))
    assert numbers(haul(in_parts(vendor))) == (1, 0, 0, 0)
    assert spans(vendor) == ALL
    conditions = [one.headers.get("if-range") for one in asked(vendor)]
    assert conditions == [None, *[etag()] * (COUNT - 1)]
    assert {one.status for one in asked(vendor)} == {206}
    assert sum(one.bytes_sent for one in asked(vendor)) == len(BIG)
    assert sink_files() == {"big.bin": BIG}
    receipt = receipt_of("big")
    assert receipt["sha256"] == hashlib.sha256(BIG).hexdigest()
    by = "md5" if "md5" in extra else "size" if extra else "sha256"
    assert (receipt["verified_by"], receipt["size"], receipt["attempts"]) == (by, len(BIG), 1)
    assert ledger_rows("SELECT * FROM partials") == []
    assert numbers(haul(in_parts(vendor))) == (0, 1, 0, 0)


@pytest.mark.parametrize(("ranges", "most"), [(True, 8), (3, 3)])
def test_so_many_at_once(ranges: Any, most: int) -> None:
    """From a vendor that is slow a connection, as many are in flight as the config says."""
    with FakeVendor([big()]) as vendor:
        vendor.script(CONTENT, Fault.slow(PART * 10), times=Fault.always)
        assert numbers(haul(in_parts(vendor, ranges))) == (1, 0, 0, 0)
        assert vendor.max_concurrent == most
    assert sink_files() == {"big.bin": BIG}


@pytest.mark.parametrize("size", [0, 1, PART, 2 * PART - 1, 2 * PART, 2 * PART + 1])
def test_what_is_large(size: int) -> None:
    """From two parts on it comes in parts; below that by one request, without a Range."""
    with FakeVendor([big(BIG[:size])]) as vendor:
        assert numbers(haul(in_parts(vendor))) == (1, 0, 0, 0)
        count = -(-size // PART) if size >= 2 * PART else 1
        assert len(asked(vendor)) == count
        assert all(("range" in one.headers) == (size >= 2 * PART) for one in asked(vendor))
    assert sink_files() == {"big.bin": BIG[:size]}


def test_without_ranges_it_comes_by_one(vendor: FakeVendor) -> None:
    """The default."""
    assert numbers(haul(config_for(vendor))) == (1, 0, 0, 0)
    assert spans(vendor) == [(0, 0)]


def test_small_files_are_not_kept_waiting() -> None:
    """Large files that are slow have half of the connections; the small ones end before them."""
    made = [FakeFile(f"a{n}", f"a{n}.bin", content=BIG) for n in range(3)]
    made += [FakeFile(f"s{n}", f"s{n}.txt", content=b"%d" % n) for n in range(60)]
    with FakeVendor(made) as vendor:
        vendor.script("/v1/files/a?/content", Fault.slow(PART * 8), times=Fault.always)
        config = in_parts(vendor, 8, client={"limits": {"concurrency": 4}})
        assert numbers(haul(config)) == (63, 0, 0, 0)
        order = [one.path.split("/")[3] for one in asked(vendor)]
        assert vendor.max_concurrent == 4
        last_small = max(at for at, one in enumerate(order) if one.startswith("s"))
        before = [one for one in order[:last_small] if one.startswith("a")]
        assert len(before) <= 8, "of 33 parts few were asked for before the last small file"
    assert len(sink_files()) == 63


def test_large_files_alone_have_all_connections() -> None:
    """Nothing small waits: all connections are used long before the last files."""
    made = [FakeFile(f"a{n:02}", f"a{n:02}", content=BIG) for n in range(12)]
    with FakeVendor(made) as vendor:
        vendor.script(CONTENT, Fault.slow(PART * 20), times=Fault.always)
        config = in_parts(vendor, 4, client={"limits": {"concurrency": 4}})
        busy: list[int] = []
        real = large.LargeFiles.next

        def next_part(self: Any, most: int) -> Any:
            found = real(self, most)
            busy.append(self.in_flight)
            return found

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(large.LargeFiles, "next", next_part)
            assert numbers(haul(config)) == (12, 0, 0, 0)
    assert max(busy[:20]) == 4, "of 132 parts"


def test_many_large_files(vendor: FakeVendor) -> None:
    """More of them than connections: each is right, and only so many are begun at once."""
    contents = {f"f{n}": random.Random(n).randbytes(2 * PART + n) for n in range(25)}
    for name, content in contents.items():
        vendor.put(FakeFile(name, name, content=content))
    vendor.remove("big")
    seen: list[int] = []
    real = large.LargeFiles.take

    def take(self: Any, task: Any, name: str) -> bool:
        seen.append(len(self))
        return real(self, task, name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(large.LargeFiles, "take", take)
        config = in_parts(vendor, client={"limits": {"concurrency": 4}})
        assert numbers(haul(config)) == (25, 0, 0, 0)
    assert sink_files() == contents
    assert max(seen) <= 4


# -- what goes wrong -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        Fault.cut(100_000),
        Fault.cut_chunked(100_000),
        Fault.cut_unlabelled(100_000),
        Fault.reset_after(100_000),
        Fault.reset_after(0),
        Fault.status(503),
        Fault.status(429, retry_after=0),
        Fault.stall(60, after=50_000),
        Fault.wrong_content_range(),
    ],
    ids=str,
)
def test_a_part_that_fails_is_asked_again_alone(vendor: FakeVendor, fault: Fault) -> None:
    """Of that part the rest comes again, of the others nothing; bytes equal."""
    vendor.script(CONTENT, Fault.latency(0), Fault.latency(0), fault)
    config = in_parts(vendor, client={"timeouts": {"connect": 2, "stall": 1}})
    assert numbers(haul(config)) == (1, 0, 0, 0)
    vendor.assert_all_fired()
    assert sink_files() == {"big.bin": BIG}
    # libcurl itself asks again where a kept connection is reset before a byte of answer came
    assert len(asked(vendor)) == COUNT + 1
    assert {one.status for one in asked(vendor)} <= {206, 503, 429}
    ends = [end for _, end in spans(vendor)]
    assert sorted(set(ends)) == [end for _, end in ALL]
    assert receipt_of("big")["attempts"] == 2


def test_a_vendor_that_knows_no_ranges() -> None:
    """200 to the first question: it comes as a whole, and no other is asked for in parts."""
    made = [FakeFile(f"f{n}", f"f{n}", content=BIG[n:]) for n in range(4)]
    with FakeVendor(made, ranges=False) as vendor:
        config = in_parts(vendor, client={"limits": {"concurrency": 1}})
        assert numbers(haul(config)) == (4, 0, 0, 0)
        assert {one.status for one in asked(vendor)} == {200}
        with_range = [one for one in asked(vendor) if "range" in one.headers]
        assert len(with_range) <= 2
        assert len(asked(vendor)) == 4 + len(with_range)
    assert sink_files() == {f"f{n}": BIG[n:] for n in range(4)}


@pytest.mark.parametrize(
    "fault",
    [Fault.ignore_range(), Fault.change_etag(), Fault.gzip(), Fault.html(), Fault.status(416)],
    ids=str,
)
def test_an_answer_that_is_not_the_part(vendor: FakeVendor, fault: Fault) -> None:
    """In the middle of it: nothing of that answer is joined, and the file comes as a whole."""
    vendor.script(CONTENT, Fault.latency(0), Fault.latency(0), fault)
    assert numbers(haul(in_parts(vendor))) == (1, 0, 0, 0)
    vendor.assert_all_fired()
    assert spans(vendor)[0] == (0, 0), "the last request was for the whole"
    assert sink_files() == {"big.bin": BIG}
    assert receipt_of("big")["sha256"] == hashlib.sha256(BIG).hexdigest()


def test_content_ranges_that_are_wrong_for_ever(vendor: FakeVendor) -> None:
    """After the second one the file comes as a whole."""
    vendor.script(
        CONTENT, Fault.latency(0), Fault.wrong_content_range(), Fault.wrong_content_range()
    )
    assert numbers(haul(in_parts(vendor))) == (1, 0, 0, 0)
    vendor.assert_all_fired()
    assert (0, 0) in spans(vendor)
    assert sink_files() == {"big.bin": BIG}


@pytest.mark.parametrize("extra", [{}, NO_SUM], ids=["checksum", "no checksum"])
def test_a_new_version_between_two_parts(extra: Any) -> None:
    """The file is replaced while parts of it come: never some of each."""
    newer = BIG[::-1]
    lock = threading.Lock()
    ranges = [0]

    def replaced(request: RecordedRequest) -> bool:
        with lock:
            ranges[0] += "range" in request.headers
            if ranges[0] == 5:
                vendor.put(big(newer, sha256=...))
        return True

    with FakeVendor([big(**extra)], auth=replaced) as vendor:
        report = haul(in_parts(vendor))
        if extra:
            assert numbers(report) == (1, 0, 0, 0)
            assert sink_files() == {"big.bin": newer}
        else:
            assert numbers(report) == (0, 0, 1, 0), "the record still has the old checksum"
            assert sink_files() == {}


def test_another_size_than_listed(vendor: FakeVendor) -> None:
    """The first answer says another total: not in parts; the check by size says what is wrong."""
    vendor.put(big(sha256=..., size=len(BIG) + 5 * PART))
    assert numbers(haul(in_parts(vendor))) == (0, 0, 1, 0)
    assert "the body ended after" in receipt_of("big")["error"]
    assert sink_files() == {}


def test_a_lie_about_one_size_says_nothing_of_the_vendor(vendor: FakeVendor) -> None:
    """A file that has not the listed size comes as a whole; the next large one still by parts."""
    vendor.put(big(sha256=..., size=len(BIG) + 5 * PART))
    vendor.put(FakeFile("next", "next.bin", content=BIG))
    assert numbers(haul(in_parts(vendor, client={"limits": {"concurrency": 1}}))) == (1, 0, 1, 0)
    parts = [one for one in asked(vendor) if "/next/" in one.path]
    assert len(parts) == COUNT
    assert sink_files() == {"next.bin": BIG}


def test_a_checksum_that_is_wrong_for_ever(vendor: FakeVendor) -> None:
    """Once in parts, twice as a whole, then it is parked; nothing is kept."""
    vendor.put(big(sha256="0" * 64))
    assert numbers(haul(in_parts(vendor))) == (0, 0, 1, 0)
    assert spans(vendor) == [(0, 0), (0, 0), *ALL]
    receipt = receipt_of("big")
    assert f"listed as {'0' * 64}, 3 times" in receipt["error"]
    assert receipt["permanent"] == 1
    assert sink_files() == {}


def test_wrong_bytes_in_one_part(vendor: FakeVendor) -> None:
    """The checksum over all of it finds them; the whole that comes next is right."""
    vendor.script(CONTENT, Fault.latency(0), Fault.wrong_body())
    assert numbers(haul(in_parts(vendor))) == (1, 0, 0, 0)
    vendor.assert_all_fired()
    assert spans(vendor) == [(0, 0), *ALL]
    assert sink_files() == {"big.bin": BIG}


def test_versions_that_cannot_be_told_apart() -> None:
    """No ETag, no date, no checksum, no version: parts are not joined."""
    file = FakeFile("big", "big.bin", content=BIG, modified_at=None, extra=NO_SUM)
    with FakeVendor([file], etag=False) as vendor:
        assert numbers(haul(in_parts(vendor))) == (1, 0, 0, 0)
        assert spans(vendor) == [(0, 0), (0, PART)]
    assert sink_files() == {"big.bin": BIG}


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_refusal_of_one_part_is_that_of_the_file(vendor: FakeVendor, status: int) -> None:
    """Its own words, parked, nothing kept; what is in flight is dropped, not finished."""
    vendor.script(CONTENT, Fault.latency(0), Fault.latency(0), Fault.status(status))
    assert numbers(haul(in_parts(vendor))) == (0, 0, 1, 0)
    vendor.assert_all_fired()
    assert receipt_of("big")["error"].startswith(f"HTTP {status}")
    assert receipt_of("big")["permanent"] == 1
    assert sink_files() == {}
    assert len(asked(vendor)) < COUNT


def test_a_full_disk(vendor: FakeVendor, monkeypatch: pytest.MonkeyPatch) -> None:
    """No room for the whole: said before its bytes come, exit 6; the next run fetches it."""

    def no_room(_descriptor: int, _size: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(room, "make_room", no_room)
        report = haul(in_parts(vendor))
    assert report.exit_code == 6
    assert "the sink is full" in str(report.error)
    assert len(asked(vendor)) == 1
    assert numbers(haul(in_parts(vendor))) == (1, 0, 0, 0)
    assert sink_files() == {"big.bin": BIG}


def test_others_take_the_room(vendor: FakeVendor, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks are no longer to be had when they are reserved: exit 6; the next run fetches."""

    def no_room(_descriptor: int, first: int, _size: int) -> None:
        if first:
            raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(room, "_RESERVED", PART)
        patch.setattr(room, "reserve", no_room)
        report = haul(in_parts(vendor))
    assert report.exit_code == 6
    assert "the sink is full" in str(report.error)
    assert numbers(haul(in_parts(vendor))) == (1, 0, 0, 0)
    assert sink_files() == {"big.bin": BIG}


@pytest.mark.parametrize("vectors", [0, 3])
def test_a_disk_takes_what_it_likes(
    vendor: FakeVendor, vectors: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that takes only a part of the bytes, or one chunk at a time, loses none."""
    monkeypatch.setattr(pieces, "_AT_ONCE", vectors)
    real = room.write_at

    def write_at(descriptor: int, chunks: list[room.Chunk], position: int) -> int:
        first = chunks[0]
        return real(descriptor, [first[: len(first) // 2 or 1], *chunks[1:]][:1], position)

    monkeypatch.setattr(room, "write_at", write_at)
    assert numbers(haul(in_parts(vendor))) == (1, 0, 0, 0)
    assert sink_files() == {"big.bin": BIG}


def test_a_disk_that_fills_up(vendor: FakeVendor, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that cannot write ends the run with exit 6; the next one goes on."""
    written = [0]
    real = room.write_at

    def write_at(descriptor: int, chunks: list[room.Chunk], position: int) -> int:
        written[0] += sum(map(len, chunks))
        if written[0] > 6 * PART:
            raise OSError(28, "No space left on device")
        return real(descriptor, chunks, position)

    monkeypatch.setattr(room, "WORTH_KEEPING", PART)
    monkeypatch.setattr(large, "WORTH_KEEPING", PART)
    with monkeypatch.context() as patch:
        patch.setattr(room, "write_at", write_at)
        report = haul(in_parts(vendor))
    assert report.exit_code == 6
    assert "the sink is full" in str(report.error)
    vendor.clear_requests()
    assert numbers(haul(in_parts(vendor))) == (1, 0, 0, 0)
    assert sum(one.bytes_sent for one in asked(vendor)) < len(BIG)
    assert sink_files() == {"big.bin": BIG}


def test_a_defect_in_a_thread_is_told(vendor: FakeVendor, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a thread did not expect fails the file, and does not hang the run."""

    class Broken:
        def update(self, _data: bytes) -> None:
            raise ValueError("a defect")

    monkeypatch.setattr(room.checksums, "new", lambda _name: Broken())
    assert numbers(haul(in_parts(vendor))) == (0, 0, 1, 0)
    assert receipt_of("big")["error"] == "ValueError: a defect"
    assert sink_files() == {}


# -- across runs ---------------------------------------------------------------------------------


@pytest.mark.parametrize("later", [4, False], ids=["in parts", "by one"])
@pytest.mark.parametrize("extra", [{}, NO_SUM], ids=["checksum", "no checksum"])
def test_the_next_run_asks_for_what_is_missing(
    vendor: FakeVendor, extra: Any, later: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts that came are not asked for again, also where ranges are off now: holes are filled."""
    monkeypatch.setattr(room, "WORTH_KEEPING", 1)
    monkeypatch.setattr(large, "WORTH_KEEPING", 1)
    vendor.put(big(**extra))
    vendor.script(CONTENT, Fault.latency(0), Fault.cut(1000), *[Fault.latency(0)] * 3)
    vendor.script(CONTENT, Fault.status(503), times=Fault.always)
    assert numbers(haul(in_parts(vendor))) == (0, 0, 1, 0)
    [(text, total)] = ledger_rows("SELECT spans, total FROM partials")
    assert total == len(BIG)
    assert text != "[]"
    came = sum(one.bytes_sent for one in asked(vendor) if one.status == 206)
    assert 0 < came < len(BIG)
    vendor.clear_scripts()
    vendor.clear_requests()
    assert numbers(haul(in_parts(vendor, later))) == (1, 0, 0, 0)
    assert sum(one.bytes_sent for one in asked(vendor)) == len(BIG) - came
    assert {one.headers.get("if-range") for one in asked(vendor)} == {etag()}
    assert {one.status for one in asked(vendor)} == {206}
    assert sink_files() == {"big.bin": BIG}
    assert receipt_of("big")["sha256"] == hashlib.sha256(BIG).hexdigest()


def test_what_came_by_one_is_gone_on_with_in_parts(vendor: FakeVendor) -> None:
    """Ranges that were switched on between two runs: the first bytes stay, the rest is in parts."""
    at = 5 * PART
    vendor.script(CONTENT, Fault.cut(at), *[Fault.status(503)] * 3)
    assert numbers(haul(config_for(vendor))) == (0, 0, 1, 0)
    vendor.assert_all_fired()
    vendor.clear_requests()
    assert numbers(haul(in_parts(vendor))) == (1, 0, 0, 0)
    assert spans(vendor) == ALL[5:]
    assert sink_files() == {"big.bin": BIG}


FAULTS = [
    Fault.cut(70_000),
    Fault.cut_chunked(200_000),
    Fault.cut_unlabelled(1000),
    Fault.reset_after(150_000),
    Fault.status(503),
    Fault.status(500),
    Fault.ignore_range(),
    Fault.wrong_content_range(),
    Fault.change_etag(),
    Fault.status(416),
    Fault.gzip(),
    Fault.wrong_body(),
]


@pytest.mark.parametrize("life", range(10))
def test_any_faults_over_any_runs(life: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs with faults of all kinds in any order, ranges on and off, a file that changes between:
    after a run without faults the sink has the vendor's bytes, and nothing else.
    """
    seed = int(os.environ.get("FILEHAUL_SEED", random.randrange(10**6)))
    print(f"FILEHAUL_SEED={seed}")
    rng = random.Random(f"{seed} {life}")
    monkeypatch.setattr(room, "WORTH_KEEPING", 1)
    monkeypatch.setattr(large, "WORTH_KEEPING", 1)
    monkeypatch.setattr("filehaul.download.WORTH_KEEPING", 1)
    checksums = rng.random() < 0.6  # without, wrong bytes of the right size are believed
    usual = FAULTS if checksums else [one for one in FAULTS if one.kind != "wrong_body"]
    with FakeVendor(checksum=checksums) as vendor:
        for _run in range(6):
            if rng.random() < 0.3 or not vendor.files:
                size = rng.choice([PART, 3 * PART, 7 * PART + 1])
                vendor.put(big(rng.randbytes(size)))
            vendor.clear_scripts()
            vendor.script(CONTENT, *rng.choices([*usual, Fault.latency(0)], k=rng.randrange(1, 25)))
            report = haul(in_parts(vendor, rng.choice([False, 2, 4])))
            assert report.exit_code in (0, 3), report.as_dict()
            if report.exit_code == 0 and not report.parked:
                assert sink_files() == {"big.bin": vendor.files["big"].content}
        vendor.clear_scripts()
        assert haul(in_parts(vendor), retry_failed=True).exit_code == 0
        assert sink_files() == {"big.bin": vendor.files["big"].content}
        assert ledger_rows("SELECT * FROM partials") == []


# -- small things --------------------------------------------------------------------------------

SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)).map(sorted), max_size=8)


@given(SPANS, st.integers(0, 60))
def test_spans_and_gaps_are_all_there_is(spans_: list[list[int]], total: int) -> None:
    """Joined spans cover the same bytes, apart and in order; gaps are the others."""
    there = {byte for first, end in spans_ for byte in range(first, end)}
    found = joined((first, end) for first, end in spans_)
    assert [byte for first, end in found for byte in range(first, end)] == sorted(there)
    assert all(one[1] < other[0] for one, other in pairwise(found))
    missing = [byte for first, end in gaps(found, total) for byte in range(first, end)]
    assert missing == [byte for byte in range(total) if byte not in there]


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """A sparse file of 400 parts (100 MiB) takes no more memory than one of 40, give or take what
    lies in queues.
    """
    peaks = []
    for parts in (40, 400):
        sparse = tmp_path / f"sparse{parts}"
        with sparse.open("wb") as file:
            file.truncate(parts * PART)
        entry = FakeFile(f"f{parts}", f"f{parts}", content=sparse, extra=NO_SUM)
        with FakeVendor([entry], checksum=False) as vendor:
            tracemalloc.start()
            assert haul(in_parts(vendor)).exit_code == 0
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        assert receipt_of(f"f{parts}")["size"] == parts * PART
    assert peaks[1] < peaks[0] + 40 * PART
