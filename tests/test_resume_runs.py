"""What one run has begun, the next goes on with: never on bytes of another version."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from filehaul.ledger import PartialsBook
from filehaul.testing import FakeFile, FakeVendor, Fault, RecordedRequest
from filehaul.transfer import fetch
from hauling import (
    config_for,
    haul,
    ledger_rows,
    names_in,
    numbers,
    receipt_of,
    sink_files,
)

pytestmark = pytest.mark.usefixtures("own_folder", "no_destination")

CONTENT = "/v1/files/*/content"
BIG = hashlib.shake_256(b"big").digest(5 * 2**20)
AT = 3_000_000
NO_SUM = {"sha256": ...}
BROKEN = (Fault.cut(AT), *(Fault.status(503) for _ in range(3)))


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


def ranges(vendor: FakeVendor) -> list[tuple[str | None, str | None, int]]:
    """Range, If-Range and status of each request for content."""
    return [
        (one.headers.get("range"), one.headers.get("if-range"), one.status) for one in asked(vendor)
    ]


def partials() -> list[Path]:
    """Those in the sink."""
    return [path for path in Path("files/.filehaul/partial").rglob("*") if path.is_file()]


def half_done(vendor: FakeVendor, **more: Any) -> dict[str, Any]:
    """A run that breaks off after 3,000,000 bytes; its config."""
    config = config_for(vendor, **more)
    vendor.script(CONTENT, *BROKEN)
    assert numbers(haul(config)) == (0, 0, 1, 0)
    vendor.assert_all_fired()
    assert receipt_of("big")["permanent"] == 0
    vendor.clear_requests()
    return config


def etag(content: bytes = BIG) -> str:
    """The fake vendor's ETag of these bytes."""
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def test_the_next_run_asks_for_the_rest_only(vendor: FakeVendor) -> None:
    """Range from where it stopped, If-Range with the ETag of then; the sum of both is the file."""
    config = half_done(vendor)
    assert [path.stat().st_size for path in partials()] == [AT]
    assert numbers(haul(config)) == (1, 0, 0, 0)
    assert ranges(vendor) == [(f"bytes={AT}-{len(BIG) - 1}", etag(), 206)]
    assert asked(vendor)[0].bytes_sent == len(BIG) - AT
    assert sink_files() == {"big.bin": BIG}
    receipt = receipt_of("big")
    assert receipt["sha256"] == hashlib.sha256(BIG).hexdigest()
    assert (receipt["verified_by"], receipt["attempts"]) == ("sha256", 1)
    assert ledger_rows("SELECT * FROM partials") == []
    assert numbers(haul(config)) == (0, 1, 0, 0)


def test_it_breaks_off_again_and_again(vendor: FakeVendor) -> None:
    """Three runs that each come further: the fourth fetches what is left, and nothing twice."""
    config = half_done(vendor)
    sent = AT
    for _ in range(2):
        vendor.script(CONTENT, Fault.cut(500_000), *(Fault.status(503) for _ in range(3)))
        assert numbers(haul(config)) == (0, 0, 1, 0)
        vendor.assert_all_fired()
        sent += 500_000
        assert [path.stat().st_size for path in partials()] == [sent]
    vendor.clear_requests()
    assert numbers(haul(config)) == (1, 0, 0, 0)
    assert ranges(vendor) == [(f"bytes={sent}-{len(BIG) - 1}", etag(), 206)]
    assert sink_files() == {"big.bin": BIG}


@pytest.mark.parametrize("extra", [{}, NO_SUM])
def test_a_file_that_changed_between_runs(vendor: FakeVendor, extra: Any) -> None:
    """Another fingerprint: the old bytes go, and the new ones come whole, without a Range."""
    vendor.put(big(**extra))
    config = half_done(vendor)
    newer = BIG[::-1]
    vendor.put(FakeFile("big", "big.bin", content=newer, extra=extra))
    assert numbers(haul(config)) == (1, 0, 0, 0)
    assert ranges(vendor) == [(None, None, 200)]
    assert sink_files() == {"big.bin": newer}
    assert ledger_rows("SELECT * FROM partials") == []


@pytest.mark.parametrize(
    "fault",
    [Fault.change_etag(), Fault.ignore_range()],
    ids=["another version", "Range ignored"],
)
def test_200_in_the_place_of_the_rest(vendor: FakeVendor, fault: Fault) -> None:
    """The record is the old one, the answer is not the rest: fetched as a whole."""
    vendor.put(big(**NO_SUM))
    config = half_done(vendor)
    vendor.script(CONTENT, fault)
    assert numbers(haul(config)) == (1, 0, 0, 0)
    vendor.assert_all_fired()
    assert [status for _, _, status in ranges(vendor)] == [200, 200]
    assert ranges(vendor)[1][0] is None
    assert sink_files() == {"big.bin": BIG}
    assert receipt_of("big")["verified_by"] == "size"


def test_bytes_that_are_not_gone_on_with_are_forgotten(vendor: FakeVendor) -> None:
    """The rest is refused, and then the vendor is in trouble: what was noted of the bytes that are
    gone must not be taken for the next ones.
    """
    config = half_done(vendor)
    vendor.script(CONTENT, Fault.ignore_range(), *[Fault.status(503)] * 4)
    assert numbers(haul(config)) == (0, 0, 1, 0)
    vendor.assert_all_fired()
    assert ledger_rows("SELECT * FROM partials") == []
    assert partials() == []
    assert numbers(haul(config)) == (1, 0, 0, 0)
    assert sink_files() == {"big.bin": BIG}


def test_a_vendor_that_ignores_if_range() -> None:
    """206 although the file is another by now, of one size: its ETag says so, nothing is joined."""
    newer = BIG[::-1]
    record = {"sha256": ..., "etag": "same"}

    def careless(request: RecordedRequest) -> bool:
        request.headers.pop("if-range", None)  # type: ignore[attr-defined]
        return True

    with FakeVendor([big(**record)], auth=careless) as vendor:
        config = half_done(vendor)
        vendor.put(FakeFile("big", "big.bin", content=newer, extra=record))
        assert numbers(haul(config)) == (1, 0, 0, 0)
        assert [status for _, _, status in ranges(vendor)] == [206, 200]
    assert sink_files() == {"big.bin": newer}


@pytest.mark.parametrize("times", [1, 2])
def test_a_wrong_content_range(vendor: FakeVendor, times: int) -> None:
    """Once: asked again. For ever: fetched as a whole. Nothing of it is joined."""
    config = half_done(vendor)
    vendor.script(CONTENT, *(Fault.wrong_content_range() for _ in range(times)))
    assert numbers(haul(config)) == (1, 0, 0, 0)
    vendor.assert_all_fired()
    rest = (f"bytes={AT}-{len(BIG) - 1}", etag(), 206)
    assert ranges(vendor) == [rest, rest, *([(None, None, 200)] if times == 2 else [])]
    assert sink_files() == {"big.bin": BIG}


def test_416_in_the_place_of_the_rest(vendor: FakeVendor) -> None:
    """The vendor has no such bytes: fetched as a whole, once."""
    config = half_done(vendor)
    vendor.script(CONTENT, Fault.status(416))
    assert numbers(haul(config)) == (1, 0, 0, 0)
    vendor.assert_all_fired()
    assert [status for _, _, status in ranges(vendor)] == [416, 200]
    assert sink_files() == {"big.bin": BIG}


def test_the_version_in_the_record_is_a_condition_too() -> None:
    """No ETag, no date, no checksum, but a version in the record: Range without If-Range."""
    file = FakeFile("big", "big.bin", content=BIG, modified_at=None, extra={**NO_SUM, "version": 7})
    with FakeVendor([file], etag=False) as vendor:
        config = half_done(vendor)
        assert numbers(haul(config)) == (1, 0, 0, 0)
        assert ranges(vendor) == [(f"bytes={AT}-{len(BIG) - 1}", None, 206)]
        half = config_for(vendor)
        vendor.put(FakeFile("big", "big.bin", content=BIG, modified_at=None, extra=NO_SUM))
        vendor.script(CONTENT, *BROKEN)
        haul(half)
        vendor.clear_requests()
        vendor.clear_scripts()
        assert numbers(haul(half)) == (1, 0, 0, 0)
        assert ranges(vendor) == [(None, None, 200)], "a size alone is no condition"
    assert sink_files() == {"big.bin": BIG}


def test_a_file_that_the_record_says_nothing_of() -> None:
    """Without any fingerprint nobody knows whether it has changed: it begins anew."""
    nothing = {"sha256": ..., "etag": ..., "size": ..., "modified_at": ...}
    with FakeVendor([big(**nothing)]) as vendor:
        config = half_done(vendor)
        assert partials() == []
        assert numbers(haul(config)) == (1, 0, 0, 0)
        assert ranges(vendor) == [(None, None, 200)]
    assert sink_files() == {"big.bin": BIG}


def test_bytes_that_were_damaged_meanwhile(vendor: FakeVendor) -> None:
    """One byte of the partial is another: the checksum of all of it says so, and it comes whole."""
    config = half_done(vendor)
    (partial,) = partials()
    with partial.open("r+b") as file:
        file.seek(1000)
        file.write(bytes([BIG[1000] ^ 1]))
    assert numbers(haul(config)) == (1, 0, 0, 0)
    assert [status for _, _, status in ranges(vendor)] == [206, 200]
    assert sink_files() == {"big.bin": BIG}


@pytest.mark.parametrize("left", [2_000_000, 1000, 0, None])
def test_a_partial_that_became_shorter(vendor: FakeVendor, left: int | None) -> None:
    """What is there counts, and not what was noted; too little of it, or none, begins anew."""
    config = half_done(vendor)
    (partial,) = partials()
    if left is None:
        partial.unlink()
    else:
        os.truncate(partial, left)
    assert numbers(haul(config)) == (1, 0, 0, 0)
    expected = (f"bytes={left}-{len(BIG) - 1}", etag(), 206) if left == 2_000_000 else None
    assert ranges(vendor) == [expected or (None, None, 200)]
    assert sink_files() == {"big.bin": BIG}


@pytest.mark.parametrize("kind", ["link", "second name", "folder"])
def test_what_was_planted_is_not_gone_on_with(vendor: FakeVendor, kind: str) -> None:
    """A link, or a second name of a file elsewhere: not written to, the file comes whole."""
    config = half_done(vendor)
    (partial,) = partials()
    partial.unlink()
    outside = Path("outside")
    outside.write_bytes(b"x" * AT)
    if kind == "link":
        partial.symlink_to(outside.absolute())
    elif kind == "second name":
        partial.hardlink_to(outside)
    else:
        partial.mkdir()
    haul(config)
    assert outside.read_bytes() == b"x" * AT
    if kind != "folder":  # that is in the way, and stays
        assert sink_files() == {"big.bin": BIG}
        assert ranges(vendor) == [(None, None, 200)]


def test_the_last_byte_had_come(vendor: FakeVendor) -> None:
    """Nothing is missing: verified and committed without a request for it."""
    config = half_done(vendor)
    (partial,) = partials()
    partial.write_bytes(BIG)
    assert numbers(haul(config)) == (1, 0, 0, 0)
    assert asked(vendor) == []
    assert sink_files() == {"big.bin": BIG}


def test_more_than_the_whole_had_come(vendor: FakeVendor) -> None:
    """A partial that is longer than the file is nobody's: fetched as a whole."""
    config = half_done(vendor)
    (partial,) = partials()
    partial.write_bytes(BIG + b"+")
    assert numbers(haul(config)) == (1, 0, 0, 0)
    assert ranges(vendor) == [(None, None, 200)]
    assert sink_files() == {"big.bin": BIG}


def test_another_address_begins_anew(vendor: FakeVendor) -> None:
    """content.path names something else, the records are the same: nothing is joined."""
    vendor.put(big(**NO_SUM))
    config = half_done(vendor)
    content = config["resources"][0]["content"]
    content["path"] += "?again=yes"
    assert numbers(haul(config)) == (1, 0, 0, 0)
    assert ranges(vendor) == [(None, None, 200)]
    assert sink_files() == {"big.bin": BIG}
    assert partials() == []


# -- how long partials stay ----------------------------------------------------------------------


def test_partials_of_files_that_are_gone(vendor: FakeVendor) -> None:
    """The vendor no longer has the file: the partial goes with the run that saw that."""
    vendor.put(FakeFile("other", "other.txt", content=b"other"))
    config = config_for(vendor)
    vendor.script("/v1/files/big/content", *BROKEN)
    assert numbers(haul(config)) == (1, 0, 1, 0)
    assert len(partials()) == 1
    vendor.remove("big")
    haul(config)
    assert sink_files() == {"other.txt": b"other"}
    assert partials() == []


def test_partials_that_nobody_went_on_with(vendor: FakeVendor) -> None:
    """After seven days without a byte more it goes, though each run asks; until then it stays."""
    config = half_done(vendor)
    vendor.script(CONTENT, Fault.status(503), times=Fault.always)
    for days, left in ((0, 1), (6, 1), (2, 0)):
        with sqlite3.connect(".filehaul/acme.sqlite") as ledger:
            ledger.execute(f"UPDATE partials SET noted_at = noted_at - {days} * 86400000000")
        assert numbers(haul(config)) == (0, 0, 1, 0)
        assert len(partials()) == left
    assert ledger_rows("SELECT * FROM partials") == []
    vendor.clear_scripts()
    assert numbers(haul(config)) == (1, 0, 0, 0)
    assert sink_files() == {"big.bin": BIG}


def test_partials_of_resources_that_are_gone(vendor: FakeVendor) -> None:
    """A resource that the config no longer has: nobody would ever go on with its partials."""
    config = half_done(vendor)
    config["resources"][0]["name"] = "others"
    assert numbers(haul(config)) == (1, 0, 0, 0)
    assert partials() == []


def test_a_file_that_failed_for_good_keeps_none(vendor: FakeVendor) -> None:
    """404 on the rest: parked, and its bytes go."""
    config = half_done(vendor)
    vendor.script(CONTENT, Fault.status(404))
    assert numbers(haul(config)) == (0, 0, 1, 0)
    assert partials() == []
    assert ledger_rows("SELECT * FROM partials") == []


# -- durable: power ------------------------------------------------------------------------------


@pytest.mark.parametrize("extra", [{}, NO_SUM], ids=["checksum", "no checksum"])
@pytest.mark.parametrize("in_order", [True, False], ids=["parked", "power failed"])
def test_after_a_power_failure(
    vendor: FakeVendor, extra: Any, in_order: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`durable: power`: what was parked was forced to the disk first. What was not may have holes:
    then only a checksum over all of it lets it be gone on with.
    """
    forced: list[int] = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda one: (forced.append(one), real(one)))
    vendor.put(big(**extra))
    config = half_done(vendor, durable="power")
    assert len(forced) == 1
    if not in_order:
        with sqlite3.connect(".filehaul/acme.sqlite") as ledger:
            ledger.execute("UPDATE partials SET safe = 0")
    assert numbers(haul(config)) == (1, 0, 0, 0)
    rest = (f"bytes={AT}-{len(BIG) - 1}", etag(), 206)
    trusted = in_order or not extra
    assert [one[0] for one in ranges(vendor)] == [rest[0] if trusted else None]
    assert sink_files() == {"big.bin": BIG}


def test_what_is_noted_while_bytes_come(vendor: FakeVendor) -> None:
    """Long before anything ends, the ledger knows what another run needs: after a SIGKILL too."""
    vendor.script(CONTENT, Fault.stall(1.3, after=AT))
    seen: list[Any] = []
    worker = Thread(target=haul, args=(config_for(vendor),))
    worker.start()
    while not seen and worker.is_alive():
        with contextlib.suppress(sqlite3.OperationalError):
            seen = ledger_rows("SELECT validator, total, spans, safe FROM partials")
        worker.join(0.05)
    worker.join()
    assert seen == [(etag(), len(BIG), None, 0)]
    assert sink_files() == {"big.bin": BIG}
    assert names_in("files") == [".filehaul", "big.bin"]


def test_what_is_done_is_not_remembered(
    vendor: FakeVendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Millions of large files in one run: of those that are done nothing stays in memory."""
    monkeypatch.setattr(fetch, "INTERVAL", 0.0)
    left: list[int] = []
    noted: list[str] = []
    note, park = PartialsBook.note, fetch.Transfers._park

    def noting(book: PartialsBook, sink: str, partials: Any) -> None:
        found = list(partials)
        noted.extend(one.name for one in found)
        note(book, sink, found)

    def parking(transfers: fetch.Transfers) -> None:
        left.append(len(transfers._noted))
        park(transfers)

    monkeypatch.setattr(PartialsBook, "note", noting)
    monkeypatch.setattr(fetch.Transfers, "_park", parking)
    for number in range(3):
        vendor.put(FakeFile(f"n{number}", f"{number}.bin", content=BIG + b"%d" % number))
    vendor.script(CONTENT, Fault.slow(100 * 2**20), times=Fault.always)
    client = {"limits": {"concurrency": 2}}
    assert numbers(haul(config_for(vendor, client=client))) == (4, 0, 0, 0)
    assert noted
    assert left == [0]
