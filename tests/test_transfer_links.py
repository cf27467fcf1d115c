"""Addresses: from the record, signed, redirected, relative, made of hostile ids."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from filehaul.testing import FakeFile, FakeVendor, Fault, RecordedRequest
from hauling import (
    config_for,
    files,
    haul,
    ledger_rows,
    numbers,
    receipt_of,
    sink_files,
)

pytestmark = pytest.mark.usefixtures("own_folder", "no_destination")

LINK = {"url_field": "link"}


@pytest.fixture
def signing() -> Iterator[FakeVendor]:
    """A vendor whose records have a signed URL on another origin, deep inside."""

    def shape(record: dict[str, Any]) -> dict[str, Any]:
        url = vendor.signed_url(record["id"])
        return {**record, "link": url, "attachment": {"places": [{"location": url}]}}

    with FakeVendor(
        files("a.txt", "b.txt", "c.txt"), second_origin=True, record_shape=shape
    ) as vendor:
        yield vendor


def signed(vendor: FakeVendor) -> list[RecordedRequest]:
    """The requests to signed URLs."""
    return [one for one in vendor.requests if one.path.startswith("/signed/")]


@pytest.mark.parametrize("field", ["link", "attachment.places[0].location"])
def test_signed_urls_get_no_credentials(signing: FakeVendor, field: str) -> None:
    """url_field, plain or deep, to another origin: fetched there, and our token does not go."""
    report = haul(config_for(signing, content={"url_field": field}))
    assert numbers(report) == (3, 0, 0, 0)
    assert len(signed(signing)) == 3
    for request in signed(signing):
        assert request.origin == signing.other_url != signing.base_url
        assert "authorization" not in request.headers
        assert request.status == 200
    assert sink_files() == {f.file_name: f.content for f in signing.files.values()}


def test_new_signatures_are_no_change(signing: FakeVendor) -> None:
    """Another link in each listing: nothing is fetched again, and no row counts as changed."""
    config = config_for(signing, content=LINK)
    haul(config)
    known = ledger_rows("SELECT key, row_hash FROM files ORDER BY key")
    links = [signing.signed_url(one) for one in signing.files]
    object.__setattr__(signing.options, "signed_ttl", 7200.0)
    for file in list(signing.files.values()):
        signing.put(file)  # the vendor makes new rows, with new links
    assert links != [signing.signed_url(one) for one in signing.files]
    assert numbers(haul(config)) == (0, 3, 0, 0)
    assert len(signed(signing)) == 3
    assert ledger_rows("SELECT key, row_hash FROM files ORDER BY key") == known


def test_signed_urls_are_resumed_with_the_same_link(signing: FakeVendor) -> None:
    """A break on the other origin: gone on there, still without credentials."""
    signing.put(FakeFile("big", "big.bin", content=b"0123456789" * 50_000))
    signing.script("/signed/big", Fault.cut(300_000))
    assert numbers(haul(config_for(signing, content=LINK))) == (4, 0, 0, 0)
    signing.assert_all_fired()
    first, second = [one for one in signed(signing) if one.path == "/signed/big"]
    assert second.headers["range"] == "bytes=300000-"
    assert "authorization" not in second.headers
    assert second.target == first.target


def test_a_link_that_has_expired_is_not_parked(signing: FakeVendor) -> None:
    """403 from a signed URL: failed, and asked again next run with the new link."""
    signing.script("/signed/id-b.txt", Fault.status(403, body="Request has expired"))
    config = config_for(signing, content=LINK)
    assert numbers(haul(config)) == (2, 0, 1, 0)
    assert receipt_of("id-b.txt")["permanent"] == 0
    assert numbers(haul(config)) == (1, 2, 0, 0)


def test_a_link_whose_file_is_gone_is_parked(signing: FakeVendor) -> None:
    """404 from a signed URL is as permanent as anywhere."""
    signing.script("/signed/id-b.txt", Fault.status(404))
    config = config_for(signing, content=LINK)
    assert numbers(haul(config)) == (2, 0, 1, 0)
    assert numbers(haul(config)) == (0, 2, 0, 1)


def test_links_that_all_have_expired_end_the_run(signing: FakeVendor) -> None:
    """Nothing but 403 from links: the run stops after twenty with exit 6, none is parked."""
    for number in range(60):
        signing.put(FakeFile(f"n{number}", f"n{number}.txt", content=b"%d" % number))
    signing.script("/signed/*", Fault.status(403), times=Fault.always)
    report = haul(config_for(signing, content=LINK))
    assert report.exit_code == 6
    assert report.failed == 20
    signing.clear_scripts()
    assert numbers(haul(config_for(signing, content=LINK))) == (63, 0, 0, 0)


def test_the_redirect_route(signing: FakeVendor) -> None:
    """content.path answers 302 to a signed URL: followed, our token only on the first hop."""
    content = {"path": "/v1/files/{file_id}/redirect"}
    assert numbers(haul(config_for(signing, content=content))) == (3, 0, 0, 0)
    hops = [one for one in signing.requests if one.path.endswith("/redirect")]
    assert len(hops) == len(signed(signing)) == 3
    assert all("authorization" in one.headers for one in hops)
    assert all("authorization" not in one.headers for one in signed(signing))
    assert sink_files() == {f.file_name: f.content for f in signing.files.values()}


def test_a_redirect_is_taken_anew_after_a_break(signing: FakeVendor) -> None:
    """The resume begins at content.path again: the first signature may have expired."""
    signing.put(FakeFile("big", "big.bin", content=b"0123456789" * 50_000))
    signing.script("/signed/big", Fault.cut(300_000))
    content = {"path": "/v1/files/{file_id}/redirect"}
    assert numbers(haul(config_for(signing, content=content))) == (4, 0, 0, 0)
    signing.assert_all_fired()
    assert signing.count("/v1/files/big/redirect") == 2
    assert [r.headers.get("range") for r in signed(signing) if r.path == "/signed/big"] == [
        None,
        "bytes=300000-",
    ]
    assert sink_files()["big.bin"] == b"0123456789" * 50_000


@pytest.mark.parametrize("relative", ["../v1/files/{}/content", "/v1/files/{}/content"])
def test_a_relative_link_is_below_the_page(relative: str) -> None:
    """A link that is no whole address is resolved against the page that it stood on."""

    def shape(record: dict[str, Any]) -> dict[str, Any]:
        return {**record, "link": relative.format(record["id"])}

    with FakeVendor(files("a.txt"), record_shape=shape) as vendor:
        report = haul(config_for(vendor, content=LINK))
        assert numbers(report) == (1, 0, 0, 0)
        assert vendor.count("/v1/files/id-a.txt/content") == 1
    assert sink_files() == {"a.txt": b"a.txt|" * 10}


@pytest.mark.parametrize("link", [None, "", ..., 17, "file:///etc/passwd", "ftp://x/y", "gopher:"])
def test_a_record_without_a_usable_link(link: Any) -> None:
    """No address, or one that is not http: that file fails and nothing is asked; others arrive."""
    odd = FakeFile("odd", "odd.txt", content=b"odd", extra={"link": link})

    def shape(record: dict[str, Any]) -> dict[str, Any]:
        if record["id"] == "odd":
            return record
        return {**record, "link": vendor.content_url(record["id"])}

    with FakeVendor([*files("a.txt"), odd], record_shape=shape) as vendor:
        report = haul(config_for(vendor, content=LINK))
        assert vendor.count("*odd*") == 0
    assert numbers(report) == (1, 0, 1, 0)
    assert receipt_of("odd")["error"] == "the record has no address for its bytes"
    assert set(sink_files()) == {"a.txt"}


HOSTILE_IDS = [
    "a b",
    "a/b",
    "../../secret",
    "..",
    "a?b=c",
    "a#b",
    "a%2Fb",
    "ünï",
    "a;b=c",
    "a&b",
    "\\\\x",
    "{file_id}",
    "https://evil.example/x",
    "a\nb",
]


def test_hostile_ids_stay_one_segment() -> None:
    """Ids with /, .., ?, #, %, braces, URLs: each is asked for as one encoded segment."""
    made = [
        FakeFile(one, f"n{number}.txt", content=f"content {number}".encode())
        for number, one in enumerate(HOSTILE_IDS)
    ]
    with FakeVendor(made) as vendor:
        report = haul(config_for(vendor))
        asked = [one.path for one in vendor.requests if one.path.endswith("/content")]
        assert all(path.count("/") == 4 for path in asked), asked
        assert {one.path for one in vendor.requests} - set(asked) == {"/oauth/token", "/v1/files"}
    assert numbers(report) == (len(made), 0, 0, 0)
    assert sink_files() == {f.file_name: f.content for f in made}
