"""Bytes: fetched once, verified as asked, parked where asking again is of no use."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest

from filehaul.errors import CredentialsError
from filehaul.models import Receipt
from filehaul.testing import FakeFile, FakeVendor, Fault
from filehaul.watch import Watch
from hauling import (
    config_for,
    contents,
    files,
    haul,
    in_the_ledger,
    ledger_rows,
    numbers,
    receipt_of,
    sink_files,
)

pytestmark = pytest.mark.usefixtures("own_folder", "no_destination")

CONTENT = "/v1/files/*/content"
BIG = bytes(range(256)) * 4096  # 1 MiB


@pytest.fixture
def vendor() -> Iterator[FakeVendor]:
    with FakeVendor(files("a.txt", "b.txt", "c.txt")) as running:
        yield running


def one_file(vendor: FakeVendor, content: bytes = BIG, **extra: Any) -> None:
    """Only one file, of this content."""
    for file_id in list(vendor.files):
        vendor.remove(file_id)
    vendor.put(FakeFile("big", "big.bin", content=content, extra=extra))


# -- what is fetched ---------------------------------------------------------------------------


def test_unchanged_files_are_not_fetched_again(vendor: FakeVendor) -> None:
    """The second run asks for no content, and counts all as unchanged."""
    first = haul(config_for(vendor))
    assert numbers(first) == (3, 0, 0, 0)
    assert first.bytes == sum(len(content) for content in sink_files().values())
    assert contents(vendor) == 3
    second = haul(config_for(vendor))
    assert numbers(second) == (0, 3, 0, 0)
    assert second.bytes == 0
    assert contents(vendor) == 3
    assert sink_files() == {f.file_name: f.content for f in vendor.files.values()}


def test_changed_files_are_fetched(vendor: FakeVendor) -> None:
    """One file with other bytes: that one is asked for, replaced, and its receipt is new."""
    haul(config_for(vendor))
    before = receipt_of("id-b.txt")
    vendor.put(FakeFile("id-b.txt", "b.txt", content=b"other"))
    assert numbers(haul(config_for(vendor))) == (1, 2, 0, 0)
    assert vendor.count("/v1/files/id-b.txt/content") == 2
    assert contents(vendor) == 4
    assert sink_files()["b.txt"] == b"other"
    after = receipt_of("id-b.txt")
    assert after["sha256"] == hashlib.sha256(b"other").hexdigest() != before["sha256"]


@pytest.mark.parametrize("extra", [{"sha256": ...}, {"sha256": ..., "etag": ...}])
def test_without_a_checksum_version_or_time_tell(vendor: FakeVendor, extra: Any) -> None:
    """No checksum in the record: the etag, else size and time, say what has changed."""
    one_file(vendor, b"one", **extra)
    assert numbers(haul(config_for(vendor))) == (1, 0, 0, 0)
    assert numbers(haul(config_for(vendor))) == (0, 1, 0, 0)
    one_file(vendor, b"longer", **extra)
    assert numbers(haul(config_for(vendor))) == (1, 0, 0, 0)
    assert sink_files() == {"big.bin": b"longer"}
    assert receipt_of("big")["verified_by"] == "size"


def test_another_sink_gets_everything(vendor: FakeVendor) -> None:
    """A new sink is filled; back at the first, checksums know its bytes and nothing is fetched."""
    haul(config_for(vendor))
    assert numbers(haul(config_for(vendor, sink="other"))) == (3, 0, 0, 0)
    assert sink_files("other") == sink_files("files")
    assert numbers(haul(config_for(vendor))) == (0, 3, 0, 0)
    assert contents(vendor) == 6


@pytest.mark.parametrize("size", [0, 1, 256 * 1024 - 1, 256 * 1024, 5 * 2**20 + 3])
def test_sizes_around_the_buffers(vendor: FakeVendor, size: int) -> None:
    """Empty, small, at the buffer's edge, 5 MiB: bytes equal, sha256 ours and the vendor's."""
    content = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    one_file(vendor, content)
    assert numbers(haul(config_for(vendor))) == (1, 0, 0, 0)
    assert sink_files() == {"big.bin": content}
    receipt = receipt_of("big")
    assert (receipt["size"], receipt["verified_by"]) == (size, "sha256")
    assert receipt["sha256"] == hashlib.sha256(content).hexdigest()
    assert numbers(haul(config_for(vendor))) == (0, 1, 0, 0)


def test_nothing_at_all_is_an_empty_file(vendor: FakeVendor) -> None:
    """204 where the record says 0 bytes is the file; where it says more it is not."""
    vendor.put(FakeFile("id-a.txt", "a.txt", content=b""))
    vendor.script("/v1/files/id-[ab].txt/content", Fault.status(204), times=2)
    assert numbers(haul(config_for(vendor))) == (2, 0, 1, 0)
    vendor.assert_all_fired()
    assert sink_files()["a.txt"] == b""
    assert "HTTP 204 is not the file" in receipt_of("id-b.txt")["error"]


def test_another_checksum_than_sha256(vendor: FakeVendor) -> None:
    """Larger than the buffers and listed with md5: verified by it, and our own sha256 kept."""
    one_file(vendor, BIG * 2, sha256=..., md5=hashlib.md5(BIG * 2).hexdigest())
    assert numbers(haul(config_for(vendor))) == (1, 0, 0, 0)
    receipt = receipt_of("big")
    assert receipt["verified_by"] == "md5"
    assert receipt["sha256"] == hashlib.sha256(BIG * 2).hexdigest()
    assert sink_files() == {"big.bin": BIG * 2}


# -- verify ------------------------------------------------------------------------------------

WRONG = {"sha256": "0" * 64}
NO_SUM = {"sha256": ...}
NOTHING = {"sha256": ..., "size": ..., "etag": ...}
POLICIES = [
    ("auto", {}, "sha256", None),
    ("auto", NO_SUM, "size", None),
    ("auto", NOTHING, "none", None),
    ("auto", WRONG, None, f"listed as {'0' * 64}, 3 times"),
    ("auto", {**NO_SUM, "size": 12}, None, "the body ended after 10 of 12 bytes, and the vendor"),
    ("auto", {**NO_SUM, "size": 8}, None, "10 bytes came, listed as 8, 3 times"),
    ("checksum", {}, "sha256", None),
    ("checksum", NO_SUM, None, "verify: checksum, but the vendor's record has no checksum"),
    ("size", WRONG, "size", None),
    ("size", {"size": ...}, None, "verify: size, but the vendor's record has no size"),
    ("size", {"size": 8}, None, "10 bytes came, listed as 8, 3 times"),
    ("none", {**WRONG, "size": 12}, "none", None),
]


@pytest.mark.parametrize(("policy", "extra", "by", "error"), POLICIES)
def test_verify(
    vendor: FakeVendor, policy: str, extra: Any, by: str | None, error: str | None
) -> None:
    """Each policy against records with, without and with wrong checksum and size."""
    one_file(vendor, b"0123456789", **extra)
    content = {"path": "/v1/files/{file_id}/content", "verify": policy}
    report = haul(config_for(vendor, content=content))
    receipt = receipt_of("big")
    if error is None:
        assert report.exit_code == 0
        assert receipt["verified_by"] == by
        assert sink_files() == {"big.bin": b"0123456789"}
        return
    assert (report.exit_code, report.failed) == (3, 1)
    assert error in receipt["error"]
    assert sink_files() == {}
    assert receipt["permanent"] == 1


def test_no_checksum_where_one_is_asked_costs_no_request(vendor: FakeVendor) -> None:
    """verify: checksum on a record without: failed before a byte was asked for."""
    one_file(vendor, b"0123456789", **NO_SUM)
    content = {"path": "/v1/files/{file_id}/content", "verify": "checksum"}
    assert haul(config_for(vendor, content=content)).failed == 1
    assert contents(vendor) == 0


def test_wrong_bytes_once_are_fetched_again(vendor: FakeVendor) -> None:
    """A checksum wrong twice and right the third time: done, by three attempts."""
    one_file(vendor)
    vendor.script(CONTENT, Fault.wrong_body(), times=2)
    assert numbers(haul(config_for(vendor))) == (1, 0, 0, 0)
    vendor.assert_all_fired()
    assert contents(vendor) == 3
    assert receipt_of("big")["attempts"] == 3
    assert sink_files() == {"big.bin": BIG}


def test_wrong_bytes_three_times_are_parked(vendor: FakeVendor) -> None:
    """Asked three times, then never again until the fingerprint changes; nothing is kept."""
    one_file(vendor)
    vendor.script(CONTENT, Fault.wrong_body(), times=3)
    assert numbers(haul(config_for(vendor))) == (0, 0, 1, 0)
    vendor.assert_all_fired()
    assert contents(vendor) == 3
    assert sink_files() == {}
    assert numbers(haul(config_for(vendor))) == (0, 0, 0, 1)
    assert contents(vendor) == 3


def test_html_in_the_files_place(vendor: FakeVendor) -> None:
    """A login page with 200 is not the file, verified or not; asked once, parked."""
    for policy in ("auto", "none"):
        one_file(vendor, policy.encode() * 40)
        vendor.clear_requests()
        vendor.script(CONTENT, Fault.html())
        content = {"path": "/v1/files/{file_id}/content", "verify": policy}
        assert numbers(haul(config_for(vendor, content=content))) == (0, 0, 1, 0)
        vendor.assert_all_fired()
        assert contents(vendor) == 1
        assert "HTML page came in the file's place" in receipt_of("big")["error"]
    assert sink_files() == {}


def test_a_file_that_is_html(vendor: FakeVendor) -> None:
    """A true .html file is fetched like any other, also where nothing can verify it."""
    page = b"<html><body>a report</body></html>"
    for file_id in list(vendor.files):
        vendor.remove(file_id)
    vendor.put(FakeFile("r", "report.html", content=page, extra=NOTHING))
    assert numbers(haul(config_for(vendor))) == (1, 0, 0, 0)
    assert sink_files() == {"report.html": page}


# -- failed and parked -------------------------------------------------------------------------


@pytest.mark.parametrize("status", [404, 403, 410, 400, 451])
def test_permanent_failures_are_parked(vendor: FakeVendor, status: int) -> None:
    """Asked once; the next run does not ask and counts it in parked alone; a change asks again."""
    vendor.script("/v1/files/id-b.txt/content", Fault.status(status, body="no such thing"))
    first = haul(config_for(vendor))
    assert numbers(first) == (2, 0, 1, 0)
    assert first.exit_code == 3
    assert f"HTTP {status}: no such thing" in receipt_of("id-b.txt")["error"]
    assert contents(vendor) == 3
    second = haul(config_for(vendor))
    assert numbers(second) == (0, 2, 0, 1)
    assert second.exit_code == 0
    assert contents(vendor) == 3
    assert receipt_of("id-b.txt")["status"] == "parked"
    vendor.put(FakeFile("id-b.txt", "b.txt", content=b"changed"))
    assert numbers(haul(config_for(vendor))) == (1, 2, 0, 0)
    assert receipt_of("id-b.txt")["status"] == "done"


def test_parked_files_are_asked_again_on_demand_and_after_days(vendor: FakeVendor) -> None:
    """Each failure after its day doubles the days, up to seven; retry_failed asks at once."""
    vendor.script("/v1/files/id-b.txt/content", Fault.status(404), times=5)
    days = []
    for _ in range(5):
        assert numbers(haul(config_for(vendor)))[2:] == (1, 0)
        [(retry_at, recorded_at)] = ledger_rows(
            "SELECT retry_at, recorded_at FROM transfers WHERE permanent"
        )
        days.append((retry_at - recorded_at) // 86_400_000_000)
        in_the_ledger("UPDATE transfers SET retry_at = 1 WHERE permanent")  # its day has come
    assert days == [1, 2, 4, 7, 7]
    in_the_ledger(f"UPDATE transfers SET retry_at = {retry_at} WHERE permanent")
    vendor.assert_all_fired()
    assert numbers(haul(config_for(vendor), retry_failed=True)) == (1, 2, 0, 0)


def test_credentials_that_are_refused_for_every_file(vendor: FakeVendor) -> None:
    """The listing is allowed and no content is: exit 5, however few files there are; none is
    parked, and with the right credentials they come.
    """
    vendor.script("/v1/files/*/content", Fault.status(401), times=6)
    first = haul(config_for(vendor))
    vendor.assert_all_fired()
    assert first.exit_code == 5
    assert isinstance(first.error, CredentialsError)
    assert numbers(first) == (0, 0, 3, 0)
    assert numbers(haul(config_for(vendor))) == (3, 0, 0, 0)


def test_credentials_that_are_refused_for_one_file(vendor: FakeVendor) -> None:
    """The others come: exit 3."""
    vendor.script("/v1/files/id-b.txt/content", Fault.status(401), times=2)
    report = haul(config_for(vendor))
    vendor.assert_all_fired()
    assert (report.exit_code, numbers(report)) == (3, (2, 0, 1, 0))


def test_temporary_failures_are_asked_again_next_run(vendor: FakeVendor) -> None:
    """503 four times: failed and not parked; the next run fetches it."""
    vendor.script("/v1/files/id-b.txt/content", Fault.status(503), times=4)
    first = haul(config_for(vendor))
    vendor.assert_all_fired()
    assert numbers(first) == (2, 0, 1, 0)
    assert first.exit_code == 3
    assert vendor.count("/v1/files/id-b.txt/content") == 4
    receipt = receipt_of("id-b.txt")
    assert (receipt["status"], receipt["permanent"], receipt["attempts"]) == ("failed", 0, 4)
    assert numbers(haul(config_for(vendor))) == (1, 2, 0, 0)


def test_a_failed_change_leaves_the_old_bytes(vendor: FakeVendor) -> None:
    """A new version that is 404: the old one stays in the sink and moves with its name."""
    haul(config_for(vendor))
    old = sink_files()["b.txt"]
    vendor.put(FakeFile("id-b.txt", "moved.txt", content=b"new version"))
    vendor.script("/v1/files/id-b.txt/content", Fault.status(404))
    assert numbers(haul(config_for(vendor))) == (0, 2, 1, 0)
    assert sink_files()["b.txt"] == old
    assert numbers(haul(config_for(vendor), retry_failed=True)) == (1, 2, 0, 0)
    assert set(sink_files()) == {"a.txt", "moved.txt", "c.txt"}
    assert sink_files()["moved.txt"] == b"new version"


def test_back_to_the_version_that_is_there(vendor: FakeVendor) -> None:
    """The vendor takes a failed change back: nothing is fetched, the file is done again."""
    haul(config_for(vendor))
    true = vendor.files["id-b.txt"]
    vendor.put(FakeFile("id-b.txt", "b.txt", content=b"new version"))
    vendor.script("/v1/files/id-b.txt/content", Fault.status(503), times=4)
    assert haul(config_for(vendor)).failed == 1
    vendor.put(true)
    asked = contents(vendor)
    assert numbers(haul(config_for(vendor))) == (0, 3, 0, 0)
    assert contents(vendor) == asked
    assert receipt_of("id-b.txt")["status"] == "done"


def test_one_failing_file_does_not_stop_the_rest() -> None:
    """Of 60 files, three fail in three ways: 57 arrive, in one run."""
    with FakeVendor.of_records(60, size=50) as vendor:
        vendor.script("/v1/files/rec-5/content", Fault.status(404))
        vendor.script("/v1/files/rec-25/content", Fault.reset(), times=Fault.always)
        vendor.script("/v1/files/rec-45/content", Fault.wrong_body(), times=3)
        report = haul(config_for(vendor))
        vendor.assert_all_fired()
    assert numbers(report) == (57, 0, 3, 0)
    assert len(sink_files()) == 57


def test_a_vendor_that_is_down_ends_the_run() -> None:
    """Nothing but 503: after twenty files in a row the run stops with exit 6, and says why."""
    with FakeVendor.of_records(200, size=50) as vendor:
        vendor.script(CONTENT, Fault.status(503), times=Fault.always)
        config = config_for(vendor, client={"retry": {"max_retries": 0}})
        report = haul(config)
        assert report.exit_code == 6
        assert report.error is not None
        assert "20 files in a row could not be had: HTTP 503" in report.error.message
        assert contents(vendor) <= 20 + 4 * 8
        assert report.failed == 20
        vendor.clear_scripts()
        assert numbers(haul(config)) == (200, 0, 0, 0)


def test_receipts_do_not_wait_for_a_large_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small files are in the ledger after the interval, while a large one is still on its way."""
    monkeypatch.setattr("filehaul.transfer.batch.INTERVAL", 0.05)
    big = FakeFile("a-big", "big.bin", content=b"x" * 400_000)
    told: list[str] = []
    meter = Watch().meter

    def receipt(one: Receipt) -> None:
        told.append(f"{one.file.file_id} {meter.bytes >= 400_000}")

    with FakeVendor([big, *files("b", "c", "d")]) as vendor:
        vendor.script("/v1/files/a-big/content", Fault.slow(300_000))
        report = haul(config_for(vendor), watch=Watch(receipt=receipt, meter=meter))
    assert numbers(report) == (4, 0, 0, 0)
    assert sorted(told[:3]) == ["id-b False", "id-c False", "id-d False"]
    assert told[3:] == ["a-big True"]
