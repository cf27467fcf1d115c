"""Bodies that break off: what is kept, what is asked for next, and that versions never mix."""

from __future__ import annotations

import gzip
import hashlib
import re
import resource
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from filehaul.testing import FakeFile, FakeVendor, Fault, RecordedRequest
from filehaul.transfer.batch import Batch
from hauling import config_for, contents, haul, numbers, receipt_of, sink_files

pytestmark = pytest.mark.usefixtures("own_folder", "no_destination")

CONTENT = "/v1/files/*/content"
BIG = hashlib.shake_256(b"big").digest(2**20)


def big(**extra: Any) -> FakeFile:
    """The one file."""
    return FakeFile("big", "big.bin", content=BIG, extra=extra)


@pytest.fixture
def vendor() -> Iterator[FakeVendor]:
    with FakeVendor([big()]) as running:
        yield running


def asked(vendor: FakeVendor) -> list[RecordedRequest]:
    """The requests for content."""
    return [one for one in vendor.requests if one.path.endswith("/content")]


def ranges(vendor: FakeVendor) -> list[tuple[str | None, str | None]]:
    """Range and If-Range of each request for content."""
    return [(one.headers.get("range"), one.headers.get("if-range")) for one in asked(vendor)]


def etag(version: bytes = BIG) -> str:
    """The fake vendor's ETag of these bytes."""
    return f'"{hashlib.sha256(version).hexdigest()[:32]}"'


BREAKS: dict[str, Callable[[int], Fault]] = {
    "cut": Fault.cut,
    "cut_chunked": Fault.cut_chunked,
    "cut_unlabelled": Fault.cut_unlabelled,
    "reset_after": Fault.reset_after,
}


@pytest.mark.parametrize("at", [100_000, 700_001])
@pytest.mark.parametrize("kind", BREAKS)
def test_a_broken_body_goes_on_where_it_stopped(vendor: FakeVendor, kind: str, at: int) -> None:
    """The second request has Range and If-Range, and what came before is not sent again."""
    vendor.script(CONTENT, BREAKS[kind](at))
    assert numbers(haul(config_for(vendor))) == (1, 0, 0, 0)
    vendor.assert_all_fired()
    assert sink_files() == {"big.bin": BIG}
    first, second = asked(vendor)
    assert "range" not in first.headers
    offset = int(re.fullmatch(r"bytes=(\d+)-", second.headers["range"])[1])  # type: ignore[index]
    # What a reset leaves in the socket is lost to the client too; an end without one loses nothing.
    assert offset == at if kind != "reset_after" else offset <= at
    assert second.headers["if-range"] == etag()
    assert second.status == 206
    assert second.bytes_sent == len(BIG) - offset
    assert second.headers["accept-encoding"] == "identity"
    assert receipt_of("big")["sha256"] == hashlib.sha256(BIG).hexdigest()


def test_progress_resets_the_count_of_tries(vendor: FakeVendor) -> None:
    """Six breaks, each further on than the one before, with three retries: still done."""
    vendor.script(CONTENT, *(Fault.cut(100_000) for _ in range(6)))
    assert numbers(haul(config_for(vendor))) == (1, 0, 0, 0)
    vendor.assert_all_fired()
    assert [r and int(r[6:-1]) for r, _ in ranges(vendor)] == [
        None,
        *range(100_000, 700_000, 100_000),
    ]
    assert sink_files() == {"big.bin": BIG}


def test_no_progress_does_not(vendor: FakeVendor) -> None:
    """Broken off before a byte came, four times: failed, to be asked again in the next run."""
    vendor.script(CONTENT, Fault.reset_after(0), times=Fault.always)
    assert numbers(haul(config_for(vendor))) == (0, 0, 1, 0)
    assert sink_files() == {}
    assert receipt_of("big")["permanent"] == 0
    vendor.clear_scripts()
    assert numbers(haul(config_for(vendor))) == (1, 0, 0, 0)


def test_a_range_that_is_ignored(vendor: FakeVendor) -> None:
    """200 with the whole body after a Range: started again, bytes equal."""
    vendor.script(CONTENT, Fault.cut(400_000), Fault.ignore_range())
    assert numbers(haul(config_for(vendor))) == (1, 0, 0, 0)
    vendor.assert_all_fired()
    assert asked(vendor)[1].status == 200
    assert sink_files() == {"big.bin": BIG}


def test_a_content_range_that_is_wrong(vendor: FakeVendor) -> None:
    """206 that begins elsewhere: nothing of it is joined; the third request has no Range."""
    vendor.script(CONTENT, Fault.cut(400_000), Fault.wrong_content_range())
    assert numbers(haul(config_for(vendor))) == (1, 0, 0, 0)
    vendor.assert_all_fired()
    assert [r for r, _ in ranges(vendor)] == [None, "bytes=400000-", None]
    assert sink_files() == {"big.bin": BIG}


@pytest.mark.parametrize("extra", [{}, {"sha256": ...}])
def test_an_etag_that_has_changed(vendor: FakeVendor, extra: Any) -> None:
    """If-Range no longer matches: the whole body comes again, and is the file."""
    vendor.put(big(**extra))
    vendor.script(CONTENT, Fault.cut(400_000), Fault.change_etag())
    assert numbers(haul(config_for(vendor))) == (1, 0, 0, 0)
    vendor.assert_all_fired()
    assert ranges(vendor)[1] == ("bytes=400000-", etag())
    assert asked(vendor)[1].status == 200
    assert sink_files() == {"big.bin": BIG}


def test_a_new_version_between_two_halves() -> None:
    """The file is replaced while it is read: never half of each."""
    newer = BIG[::-1]

    def replaced(request: RecordedRequest) -> bool:
        if "range" in request.headers:
            vendor.put(FakeFile("big", "big.bin", content=newer, extra={"sha256": ...}))
        return True

    with FakeVendor([big(sha256=...)], auth=replaced) as vendor:
        vendor.script(CONTENT, Fault.cut(400_000))
        assert numbers(haul(config_for(vendor))) == (1, 0, 0, 0)
        vendor.assert_all_fired()
        assert [one.status for one in asked(vendor)] == [200, 200]
    assert sink_files() == {"big.bin": newer}


def test_without_etag_and_checksum_the_date_is_the_condition() -> None:
    """No strong ETag: If-Range is the Last-Modified date."""
    with FakeVendor([big(sha256=...)], etag="weak") as vendor:
        vendor.script(CONTENT, Fault.cut(400_000))
        assert numbers(haul(config_for(vendor))) == (1, 0, 0, 0)
        assert ranges(vendor)[1] == ("bytes=400000-", "Mon, 01 Jan 2024 00:00:00 GMT")
    assert sink_files() == {"big.bin": BIG}


def test_without_any_condition_nothing_is_joined() -> None:
    """No ETag, no date, no checksum: two versions could not be told apart, so it starts again."""
    file = FakeFile("big", "big.bin", content=BIG, modified_at=None, extra={"sha256": ...})
    with FakeVendor([file], etag=False) as vendor:
        vendor.script(CONTENT, Fault.cut(400_000))
        assert numbers(haul(config_for(vendor))) == (1, 0, 0, 0)
        assert ranges(vendor) == [(None, None), (None, None)]
    assert sink_files() == {"big.bin": BIG}


def test_with_a_checksum_alone_it_goes_on() -> None:
    """No ETag, no date, but a checksum that will tell: Range without If-Range."""
    file = FakeFile("big", "big.bin", content=BIG, modified_at=None)
    with FakeVendor([file], etag=False) as vendor:
        vendor.script(CONTENT, Fault.cut(400_000))
        assert numbers(haul(config_for(vendor))) == (1, 0, 0, 0)
        assert ranges(vendor) == [(None, None), ("bytes=400000-", None)]
    assert sink_files() == {"big.bin": BIG}


def test_416_starts_again_once(vendor: FakeVendor) -> None:
    """Nothing after what we have: asked once more from the first byte, and that is the file."""
    vendor.script(CONTENT, Fault.cut(400_000), Fault.status(416))
    assert numbers(haul(config_for(vendor))) == (1, 0, 0, 0)
    vendor.assert_all_fired()
    assert [r for r, _ in ranges(vendor)] == [None, "bytes=400000-", None]
    assert sink_files() == {"big.bin": BIG}


def test_416_for_ever_is_a_failure(vendor: FakeVendor) -> None:
    """A vendor that cuts the body and refuses the rest: failed in four requests, no loop."""
    vendor.script(CONTENT, Fault.cut(400_000), Fault.status(416), times=2)
    assert numbers(haul(config_for(vendor))) == (0, 0, 1, 0)
    vendor.assert_all_fired()
    assert contents(vendor) == 4
    assert "the vendor has no more" in receipt_of("big")["error"]


def test_a_stall_is_noticed(vendor: FakeVendor) -> None:
    """No byte for a second: given up, and gone on from where it stopped."""
    vendor.script(CONTENT, Fault.stall(60, after=300_000))
    config = config_for(vendor, client={"timeouts": {"connect": 2, "stall": 1}})
    assert numbers(haul(config)) == (1, 0, 0, 0)
    vendor.assert_all_fired()
    assert ranges(vendor) == [(None, None), ("bytes=300000-", etag())]
    assert sink_files() == {"big.bin": BIG}


# -- Content-Encoding --------------------------------------------------------------------------


def test_gzip_that_the_checksum_sees_through(vendor: FakeVendor) -> None:
    """Labelled gzip, and the record's checksum is that of the inside: the inside is kept."""
    vendor.script(CONTENT, Fault.gzip())
    assert numbers(haul(config_for(vendor))) == (1, 0, 0, 0)
    vendor.assert_all_fired()
    assert contents(vendor) == 1
    assert sink_files() == {"big.bin": BIG}
    receipt = receipt_of("big")
    assert (receipt["verified_by"], receipt["size"]) == ("sha256", len(BIG))
    assert receipt["sha256"] == hashlib.sha256(BIG).hexdigest()


def test_gzip_that_the_size_sees_through() -> None:
    """No checksum: the size of the inside is the listed one, so the inside is the file."""
    text = b"line of a log\n" * 5000
    with FakeVendor([FakeFile("l", "x.log", content=text, extra={"sha256": ...})]) as vendor:
        vendor.script(CONTENT, Fault.gzip())
        assert numbers(haul(config_for(vendor))) == (1, 0, 0, 0)
    assert sink_files() == {"x.log": text}
    assert receipt_of("l")["verified_by"] == "size"


def test_a_stored_gz_stays_as_it_came() -> None:
    """A .gz file that the server labels as encoded, and lists with its own checksum: untouched."""
    stored = gzip.compress(b"a table\n" * 500)
    with FakeVendor([FakeFile("g", "table.csv.gz", content=stored)]) as vendor:
        vendor.script(CONTENT, Fault.status(200, body=stored, headers={"Content-Encoding": "gzip"}))
        assert numbers(haul(config_for(vendor))) == (1, 0, 0, 0)
        vendor.assert_all_fired()
    assert sink_files() == {"table.csv.gz": stored}


def test_gzip_that_nothing_sees_through() -> None:
    """Neither outside nor inside is what was listed: wrong three times, parked, nothing kept."""
    wrong = {"sha256": "1" * 64}
    with FakeVendor([FakeFile("l", "x.log", content=b"line\n" * 99, extra=wrong)]) as vendor:
        vendor.script(CONTENT, Fault.gzip(), times=3)
        assert numbers(haul(config_for(vendor))) == (0, 0, 1, 0)
        vendor.assert_all_fired()
        assert contents(vendor) == 3
    assert sink_files() == {}


def test_a_bomb_is_not_unpacked_to_the_disk() -> None:
    """64 MiB of nothing in a few bytes: refused by the listed size before any of it is written."""
    bomb = gzip.compress(b"\0" * 2**26)
    file = FakeFile("l", "x.log", content=b"small", extra={"sha256": ..., "size": 5})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with FakeVendor([file]) as vendor:
        fault = Fault.status(200, body=bomb, headers={"Content-Encoding": "gzip"})
        vendor.script(CONTENT, fault, times=3)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, before[1]))
        try:
            report = haul(config_for(vendor))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert numbers(report) == (0, 0, 1, 0)
    assert f"{len(bomb):,} bytes came, listed as 5, 3 times" in receipt_of("l")["error"]
    assert sink_files() == {}


# -- bodies that end without a word, and files that change with every read -------------------------


def test_a_body_that_ends_early_again_and_again() -> None:
    """No length, no checksum, five short bodies, each further on: the listed size says when it is
    whole.
    """
    with FakeVendor([big(sha256=...)]) as vendor:
        vendor.script(CONTENT, *(Fault.cut_unlabelled(150_000) for _ in range(5)))
        assert numbers(haul(config_for(vendor))) == (1, 0, 0, 0)
        vendor.assert_all_fired()
        assert contents(vendor) == 6
    assert sink_files() == {"big.bin": BIG}


@pytest.mark.parametrize("ranges", [False, 4], ids=["whole", "ranges"])
def test_a_file_that_changes_with_every_read(ranges: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fetched again, three times as a whole, then reported and parked; nothing of it is kept."""
    monkeypatch.setattr("filehaul.parts.PART", 2**17)
    monkeypatch.setattr("filehaul.transfer.large.PART", 2**17)
    reads = [0]

    def changes(request: RecordedRequest) -> bool:
        if request.path.endswith("/content"):
            reads[0] += 1
            vendor.put(FakeFile("big", "big.bin", content=BIG[reads[0] :] + BIG[: reads[0]]))
        return True

    content = {"path": "/v1/files/{file_id}/content", "ranges": ranges}
    with FakeVendor([big()], auth=changes) as vendor:
        assert numbers(haul(config_for(vendor, content=content))) == (0, 0, 1, 0)
        whole = [one for one in asked(vendor) if "range" not in one.headers]
        assert len(whole) == 3
        assert all(one.bytes_sent == len(BIG) for one in whole)
    receipt = receipt_of("big")
    assert receipt["permanent"] == 1
    assert "3 times" in receipt["error"]
    assert sink_files() == {}


@pytest.mark.parametrize("total", ["size", "nothing"])
def test_a_range_that_was_answered_in_part_is_not_the_end(vendor: FakeVendor, total: str) -> None:
    """Of a rest that comes piece by piece all is asked for, also where the record has no size."""
    vendor.put(big(sha256=..., **({} if total == "size" else {"size": ...})))
    vendor.script(CONTENT, Fault.cut(300_000), Fault.short_range(200_000), Fault.short_range(1000))
    assert numbers(haul(config_for(vendor))) == (1, 0, 0, 0)
    vendor.assert_all_fired()
    assert [len(body) for body in sink_files().values()] == [len(BIG)]
    assert sink_files() == {"big.bin": BIG}
    assert [sent and int(sent[6:-1]) for sent, _ in ranges(vendor)] == [
        *(None, 300_000, 500_000, 501_000)
    ]


def test_a_file_that_begins_again_does_not_wait_for_the_sink(
    vendor: FakeVendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the sink takes nothing new, a file that has to come from its first byte again (416) is
    asked for: it has begun, and nothing else may be in flight.
    """
    vendor.put(FakeFile("next", "next.txt", content=b"next"))
    vendor.script("/v1/files/big/content", Fault.cut(300_000), Fault.status(416))
    first, looks = iter([False]), iter(range(3))

    def is_full(_batch: Batch) -> bool:
        beyond = any(one.status == 416 for one in asked(vendor))
        return next(first, True) and (not beyond or next(looks, None) is not None)

    monkeypatch.setattr(Batch, "is_full", property(is_full))
    assert numbers(haul(config_for(vendor, client={"limits": {"concurrency": 2}}))) == (2, 0, 0, 0)
    vendor.assert_all_fired()
    assert sink_files() == {"big.bin": BIG, "next.txt": b"next"}


def test_compressed_bytes_are_not_continued_with_plain_ones(vendor: FakeVendor) -> None:
    """A server that compresses what it was asked for as it is, and sends a rest uncompressed: the
    offsets are not of the same bytes, though ETag and size say so.
    """
    vendor.put(big(sha256=...))
    vendor.script(CONTENT, Fault.gzip(cut=300_000))
    assert numbers(haul(config_for(vendor))) == (1, 0, 0, 0)
    vendor.assert_all_fired()
    assert sink_files() == {"big.bin": BIG}
    assert receipt_of("big")["verified_by"] == "size"
    assert [one.status for one in asked(vendor)] == [200, 206, 200]
