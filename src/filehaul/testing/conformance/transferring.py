"""Proofs about bytes, tokens and trouble on the way."""

from __future__ import annotations

from collections.abc import Callable

from filehaul.testing.conformance import needs
from filehaul.testing.conformance.trial import Trial
from filehaul.testing.faults import Fault

_LONG = bytes(range(256)) * 64


def _where_bytes_are(trial: Trial) -> str:
    return "GET /signed/*" if trial.traits.can.redirects else trial.case.content


def a_cut_body(trial: Trial) -> None:
    """A body that breaks off is no file: it is fetched to its end, and right."""
    trial.put("long.bin", _LONG)
    trial.vendor.script(_where_bytes_are(trial), Fault.cut(1000))
    assert trial.good().transferred == 1
    trial.assert_right()


def a_cut_body_goes_on(trial: Trial) -> None:
    """Where the vendor gives parts, what has come is not fetched again."""
    trial.put("long.bin", _LONG)
    trial.vendor.script(_where_bytes_are(trial), Fault.cut(1000))
    assert trial.good().transferred == 1
    trial.assert_right()
    parts = [one.headers["range"] for one in trial.vendor.requests if one.status == 206]
    assert parts == ["bytes=1000-"]


def wrong_bytes(trial: Trial) -> None:
    """Bytes that are not those of the record are seen by the checksum, and fetched again."""
    trial.put("a.bin", b"right bytes")
    trial.vendor.script(_where_bytes_are(trial), Fault.wrong_body())
    assert trial.good().transferred == 1
    trial.assert_right()


def a_page_in_the_place_of_a_file(trial: Trial) -> None:
    """HTML where a file was to be is a failure of that file, and of no other."""
    for number in range(3):
        trial.put(f"{number}.bin", bytes([number]) * 50)
    trial.vendor.script(trial.case.content, Fault.html(), times=1)
    report = trial.sync()
    assert (report.exit_code, report.transferred, report.failed) == (3, 2, 1)
    assert all(b"<html" not in one for one in trial.held())
    assert trial.good(retry_failed=True).transferred == 1
    trial.assert_right()


def one_file_that_fails(trial: Trial) -> None:
    """One file that is refused does not keep ten others back, and the run says so."""
    for number in range(11):
        trial.put(f"{number}.txt")
    trial.vendor.script(trial.case.content, Fault.status(404))
    report = trial.sync()
    assert (report.exit_code, report.transferred, report.failed) == (3, 10, 1)
    again = trial.sync()
    assert (again.exit_code, again.failed, again.parked) == (0, 0, 1)
    assert trial.good(retry_failed=True).transferred == 1
    trial.assert_right()


def throttled(trial: Trial) -> None:
    """Each of the vendor's ways to say "too many requests" is obeyed, at pages and at bytes."""
    for number in range(4):
        trial.put(f"{number}.txt")
    trial.vendor.script(trial.case.listing, *trial.case.throttled)
    trial.vendor.script(trial.case.content, *trial.case.throttled)
    assert trial.good().transferred == 4
    trial.assert_right()


def throttled_without_end(trial: Trial) -> None:
    """Where it does not stop, the run ends for now, and nothing counts as gone."""
    trial.put("a.txt")
    trial.good()
    asked = trial.case.feed if trial.traits.has_feed and trial.case.feed else trial.case.listing
    trial.vendor.script(asked, trial.case.throttled[0], times=Fault.always)
    report = trial.sync()
    assert report.exit_code in (6, 8), report.error
    assert trial.rows(gone=True) == []
    trial.vendor.clear_scripts()
    trial.good()
    trial.assert_right()


def still_being_made(trial: Trial) -> None:
    """202 means: later. The file comes, and the others do not wait for it."""
    trial.put("a.txt")
    trial.put("b.txt")
    trial.vendor.script(trial.case.content, Fault.not_ready(retry_after=1), Fault.not_ready())
    assert trial.good().transferred == 2
    trial.assert_right()


def no_credentials_elsewhere(trial: Trial) -> None:
    """The host that the bytes are on gets no Authorization, no cookie, nothing of ours."""
    for number in range(4):
        trial.put(f"{number}.txt")
    assert trial.vendor.base_url != trial.vendor.other_url, "the case needs second_origin"
    assert trial.good().transferred == 4
    there = [one for one in trial.vendor.requests if one.origin == trial.vendor.other_url]
    assert len(there) == 4
    assert not any({"authorization", "cookie"} & set(one.headers) for one in there)
    trial.assert_right()


def an_expired_address(trial: Trial) -> None:
    """An address of bytes that is no longer good is asked for again."""
    trial.put("a.txt")
    trial.vendor.script("GET /signed/*", Fault.meanwhile(trial.vendor.expire_links))
    trial.sync()
    trial.good(retry_failed=True)
    trial.assert_right()


def a_token_that_expires(trial: Trial) -> None:
    """A token that expires in the middle of a listing and of a transfer is renewed."""
    for number in range(7):
        trial.put(f"{number}.txt")
    expire = Fault.meanwhile(trial.vendor.expire_tokens)
    trial.vendor.script(trial.case.listing, Fault.latency(0), expire)
    trial.vendor.script(trial.case.content, Fault.latency(0), expire)
    assert trial.good().transferred == 7
    assert trial.vendor.token_requests >= 2
    trial.assert_right()


def refused_credentials(trial: Trial) -> None:
    """Credentials that are refused end the run with exit 5, and nothing counts as gone."""
    trial.put("a.txt")
    trial.good()
    trial.vendor.script("*", Fault.status(401), times=Fault.always)
    assert trial.sync().exit_code == 5
    assert trial.rows(gone=True) == []
    trial.vendor.clear_scripts()
    trial.good()
    trial.assert_right()


PROOFS: dict[Callable[[Trial], None], needs.Needs] = {
    a_cut_body: needs.always,
    a_cut_body_goes_on: needs.ranges,
    wrong_bytes: needs.checksums,
    a_page_in_the_place_of_a_file: needs.always,
    one_file_that_fails: needs.always,
    throttled: needs.throttling,
    throttled_without_end: needs.throttling,
    still_being_made: needs.not_ready,
    no_credentials_elsewhere: needs.redirects,
    an_expired_address: needs.redirects,
    a_token_that_expires: needs.renewal,
    refused_credentials: needs.always,
}
