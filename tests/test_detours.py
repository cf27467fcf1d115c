"""Ways to a file's bytes that are longer than one GET: two steps, exports, files being made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from clock import FakeClock
from filehaul import parts
from filehaul.check import check
from filehaul.config import load_config
from filehaul.errors import ConfigError
from filehaul.http import Wait
from filehaul.look import plan
from filehaul.testing import FakeFile, FakeVendor, Fault, RecordedRequest
from filehaul.transfer import large
from filehaul.watch import Watch
from hauling import (
    config_for,
    contents,
    files,
    haul,
    ledger_rows,
    numbers,
    receipt_of,
    sink_files,
)

pytestmark = pytest.mark.usefixtures("own_folder", "no_destination")

TWO_STEPS = {"path": "/v1/files/{file_id}/link", "url_path": "location"}
BIG = FakeFile("big", "big.bin", content=b"0123456789" * 50_000)


@pytest.fixture
def linking() -> Iterator[FakeVendor]:
    """A vendor that says where files are; they are on another origin, signed."""
    with FakeVendor(files("a.txt", "b.txt", "c.txt"), second_origin=True) as vendor:
        yield vendor


def paths(vendor: FakeVendor, part: str) -> list[RecordedRequest]:
    """The requests with this in their path."""
    return [one for one in vendor.requests if part in one.path]


def all_there(vendor: FakeVendor) -> bool:
    """Whether the sink holds each file as the vendor has it."""
    return sink_files() == {f.file_name: f.content for f in vendor.files.values()}


# -- two steps -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        TWO_STEPS,
        {"path": "/v1/files/{file_id}/link", "url_header": "location"},
        {"path": "/v1/files/{file_id}/link", "method": "POST", "url_path": "$.location"},
        {
            "path": "/v1/files/link",
            "method": "POST",
            "json": {"file_id": "{file_id}", "why": ["copy {file_name}", 5]},
            "headers": {"X-Reason": "copy"},
            "url_path": "location",
        },
    ],
    ids=["json", "header", "post", "post with a body"],
)
def test_two_steps(linking: FakeVendor, content: dict[str, Any]) -> None:
    """The address is asked for with our token, the bytes without: one more request a file."""
    report = haul(config_for(linking, content=content))
    assert numbers(report) == (3, 0, 0, 0)
    assert all_there(linking)
    asked, fetched = paths(linking, "link"), paths(linking, "/signed/")
    assert len(asked) == len(fetched) == 3
    assert all("authorization" in one.headers for one in asked)
    for one in fetched:
        assert one.origin == linking.other_url
        assert not {"authorization", "x-reason", "content-type"} & set(one.headers)
    if "json" in content:
        assert all(one.headers["content-type"] == "application/json" for one in asked)
        assert all(one.headers["x-reason"] == "copy" for one in asked)
        assert sorted(json.loads(one.body)["why"] for one in asked) == [
            [f"copy {name}", 5] for name in ("a.txt", "b.txt", "c.txt")
        ]
    assert receipt_of("id-a.txt")["verified_by"] == "sha256"
    assert numbers(haul(config_for(linking, content=content))) == (0, 3, 0, 0)


def test_a_value_alone_in_the_body_keeps_its_type() -> None:
    """``"{id}"`` of a number is a number; among other text it is text; a quote is no way out."""
    made = [FakeFile("7", 'a"b.txt', content=b"seven", extra={"number": 7})]
    body = {"file_id": "{file_id}", "n": "{number}", "t": "no. {number}", "x": ["{file_name}", {}]}
    content = {"path": "/v1/files/link", "method": "POST", "json": body, "url_path": "location"}
    with FakeVendor(made, second_origin=True) as vendor:
        assert numbers(haul(config_for(vendor, content=content))) == (1, 0, 0, 0)
        (asked,) = [one for one in vendor.requests if one.path == "/v1/files/link"]
    expected = {"file_id": "7", "n": 7, "t": "no. 7", "x": ['a"b.txt', {}]}
    assert json.loads(asked.body) == expected


def test_a_link_in_the_record_may_have_two_steps() -> None:
    """url_field with url_path: the record's address answers with another."""

    def shape(record: dict[str, Any]) -> dict[str, Any]:
        return {**record, "self": f"../v1/files/{record['id']}/link"}

    with FakeVendor(files("a.txt"), second_origin=True, record_shape=shape) as vendor:
        content = {"url_field": "self", "url_path": "location"}
        assert numbers(haul(config_for(vendor, content=content))) == (1, 0, 0, 0)
        assert all_there(vendor)


def test_expired_addresses_are_asked_for_again(linking: FakeVendor) -> None:
    """All addresses expire while a file is under way: it goes on where it stopped, at a new one."""
    linking.put(BIG)
    linking.script("/signed/big", Fault.cut(300_000), Fault.status(403, "Request has expired"))
    assert numbers(haul(config_for(linking, content=TWO_STEPS))) == (4, 0, 0, 0)
    linking.assert_all_fired()
    assert all_there(linking)
    ranges = [one.headers.get("range") for one in paths(linking, "/signed/big")]
    assert ranges == [None, "bytes=300000-", "bytes=300000-"]
    assert len(paths(linking, "/big/link")) == 3
    targets = [one.target for one in paths(linking, "/signed/big")]
    assert len(targets) == 3


def test_each_part_of_a_large_file_asks_for_its_address(
    linking: FakeVendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With ranges, each request has both steps; an address that expires costs one part its own."""
    monkeypatch.setattr(parts, "PART", 100_000)
    monkeypatch.setattr(large, "PART", 100_000)
    linking.put(BIG)
    linking.script("/signed/big", Fault.cut(50_000), Fault.status(403))
    config = config_for(linking, content={**TWO_STEPS, "ranges": 3})
    assert numbers(haul(config)) == (4, 0, 0, 0)
    linking.assert_all_fired()
    assert all_there(linking)
    served = [one for one in paths(linking, "/signed/big") if one.status == 206]
    assert len(served) == 5 + 1
    assert len(paths(linking, "/big/link")) == 5 + 2
    assert all("authorization" not in one.headers for one in served)


def test_an_address_that_stays_refused(linking: FakeVendor) -> None:
    """Refused also when it is new: that file fails with the vendor's words, the others arrive."""
    linking.script("/signed/id-b.txt", Fault.status(403, "No such luck"), times=Fault.always)
    config = config_for(linking, content=TWO_STEPS)
    assert numbers(haul(config)) == (2, 0, 1, 0)
    receipt = receipt_of("id-b.txt")
    assert receipt["error"] == "HTTP 403: No such luck"
    assert receipt["permanent"] == 1
    assert receipt["attempts"] == 4
    assert numbers(haul(config)) == (0, 2, 0, 1)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (Fault.json({"error": "no"}), 'no text at location; {"error":"no"}'),
        (Fault.json({"location": 5}), "no text at location"),
        (Fault.html(), "it is not JSON but text/html"),
        (Fault.json({"location": "file:///etc/passwd"}), "an address that is not http(s)"),
    ],
)
def test_answers_without_an_address(linking: FakeVendor, said: Fault, words: str) -> None:
    """What the vendor answered instead of an address is in the receipt; nothing else is asked."""
    linking.script("*/id-b.txt/link", said)
    assert numbers(haul(config_for(linking, content=TWO_STEPS))) == (2, 0, 1, 0)
    linking.assert_all_fired()
    assert words in receipt_of("id-b.txt")["error"]
    assert paths(linking, "/signed/id-b.txt") == []


def test_a_body_goes_to_no_other_origin() -> None:
    """url_field points to another origin, and the request has a body: nothing is sent there."""

    def shape(record: dict[str, Any]) -> dict[str, Any]:
        return {**record, "link": vendor.signed_url(record["id"])}

    content = {"url_field": "link", "method": "POST", "json": {"id": "{file_id}"}}
    with FakeVendor(files("a.txt"), second_origin=True, record_shape=shape) as vendor:
        assert numbers(haul(config_for(vendor, content=content))) == (0, 0, 1, 0)
        assert paths(vendor, "/signed/") == []
    assert "with its body to another origin" in receipt_of("id-a.txt")["error"]


def test_the_file_itself_is_no_address(linking: FakeVendor) -> None:
    """A first step that answers with the file: it fails before it fills memory, and says why."""
    linking.put(FakeFile("large", "large", content=b"x" * 2_000_000))
    content = {**TWO_STEPS, "path": "/v1/files/{file_id}/content"}
    assert numbers(haul(config_for(linking, content=content))) == (0, 0, 4, 0)
    assert "it is not JSON but text/plain" in receipt_of("id-a.txt")["error"]
    assert receipt_of("large")["error"] == "the answer is larger than 1,048,576 bytes"


def test_no_signed_address_is_kept(linking: FakeVendor, own_folder: Path) -> None:
    """The addresses that were asked for are in no file of ours, nor in an error."""
    linking.script("/signed/id-b.txt", Fault.status(500), times=Fault.always)
    assert haul(config_for(linking, content=TWO_STEPS)).failed == 1
    signatures = {one.query["sig"] for one in paths(linking, "/signed/")}
    assert len(signatures) == 3
    for path in own_folder.rglob("*"):
        if path.is_file():
            assert not any(one.encode() in path.read_bytes() for one in signatures), path


def test_the_url_of_a_record_that_expired_is_not_parked(linking: FakeVendor) -> None:
    """content.expired says what counts: the file is asked for again in the next run."""

    def config(**content: Any) -> dict[str, Any]:
        return config_for(vendor, content={"url_field": "link", **content})

    def shape(record: dict[str, Any]) -> dict[str, Any]:
        return {**record, "link": vendor.signed_url(record["id"])}

    with FakeVendor(files("a.txt"), second_origin=True, record_shape=shape) as vendor:
        vendor.script("/signed/*", Fault.status(410))
        assert numbers(haul(config())) == (0, 0, 1, 0)
        assert receipt_of("id-a.txt")["permanent"] == 0
        gone = {"statuses": [404], "body": "expired"}
        vendor.script("/signed/*", Fault.status(404, "it has expired"), Fault.status(404, "gone"))
        assert numbers(haul(config(expired=gone))) == (0, 0, 1, 0)
        assert receipt_of("id-a.txt")["permanent"] == 0
        assert numbers(haul(config(expired=gone))) == (0, 0, 1, 0)
        assert receipt_of("id-a.txt")["permanent"] == 1
        vendor.assert_all_fired()


# -- not ready -----------------------------------------------------------------------------------


def test_a_file_that_is_being_made(linking: FakeVendor) -> None:
    """202 and Retry-After: it is waited for, the others are not held up, and it is told."""
    linking.script("*/id-a.txt/content", Fault.not_ready(8), times=3)
    told: list[Wait] = []
    report = haul(config_for(linking), clock=FakeClock(), watch=Watch(waiting=told.append))
    linking.assert_all_fired()
    assert numbers(report) == (3, 0, 0, 0)
    assert all_there(linking)
    assert receipt_of("id-a.txt")["attempts"] == 4
    assert [wait.seconds for wait in told] == [8, 8, 8]
    order = [one.path for one in paths(linking, "/content")]
    assert order[-3:] == ["/v1/files/id-a.txt/content"] * 3


def test_a_file_that_is_never_ready(linking: FakeVendor) -> None:
    """After 15 minutes it has failed for this run, is not parked, and the others are there."""
    linking.script("*/id-a.txt/content", Fault.not_ready(60), times=Fault.always)
    report = haul(config_for(linking), clock=FakeClock())
    assert numbers(report) == (2, 0, 1, 0)
    assert report.exit_code == 3
    receipt = receipt_of("id-a.txt")
    assert "not ready yet (HTTP 202)" in receipt["error"]
    assert receipt["permanent"] == 0
    linking.clear_scripts()
    assert numbers(haul(config_for(linking))) == (1, 2, 0, 0)


# -- exports -------------------------------------------------------------------------------------

DOCUMENT, SHEET, FORM = (f"application/vnd.acme.{kind}" for kind in ("document", "sheet", "form"))
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
EXPORT = {
    "path": "/v1/files/{file_id}/export?mimeType={target}",
    "by_mime": {
        DOCUMENT: {"mime_type": DOCX, "extension": ".docx"},
        SHEET: {"mime_type": "text/csv", "extension": "csv"},
        "application/vnd.acme.*": "skip",
    },
}
MAY, JUNE = (datetime(2026, month, 1, tzinfo=timezone.utc) for month in (5, 6))


def native(name: str, kind: str, moment: datetime = MAY, **made: bytes) -> FakeFile:
    """A native document; ``made``: what its exports are."""
    types = {"docx": DOCX, "csv": "text/csv", "pdf": "application/pdf"}
    exports = {types[key]: value for key, value in made.items()} or {"x/x": b""}
    return FakeFile(name, name, mime_type=kind, modified_at=moment, exports=exports)


@pytest.fixture
def office() -> Iterator[FakeVendor]:
    """Two documents, a sheet, a form that cannot be exported, and a file as others are."""
    made = [
        native("Report", DOCUMENT, docx=b"PK report", pdf=b"%PDF report"),
        native("Old.DOCX", DOCUMENT, docx=b"PK old"),
        native("Sums", SHEET, csv=b"1,2\n"),
        native("Poll", FORM),
        *files("plain.txt"),
    ]
    with FakeVendor(made) as vendor:
        yield vendor


def exporting(vendor: FakeVendor, **more: Any) -> dict[str, Any]:
    """A config that exports."""
    content = {"path": "/v1/files/{file_id}/content", "export": {**EXPORT, **more}}
    return config_for(vendor, content=content)


def test_native_documents_are_exported(office: FakeVendor) -> None:
    """Each in its format, with its extension, verified by nothing; what cannot be is no failure."""
    report = haul(exporting(office))
    assert numbers(report) == (4, 0, 0, 0)
    assert (report.exit_code, report.listed) == (0, 5)
    assert sink_files() == {
        "Report.docx": b"PK report",
        "Old.DOCX": b"PK old",
        "Sums.csv": b"1,2\n",
        "plain.txt": b"plain.txt|" * 10,
    }
    assert receipt_of("Report")["verified_by"] == "none"
    assert receipt_of("id-plain.txt")["verified_by"] == "sha256"
    assert {one.query["mimeType"] for one in paths(office, "/export")} == {DOCX, "text/csv"}
    assert len(paths(office, "/content")) == 1
    told = [one for one in plan(exporting(office)) if one.file_id == "Poll"]
    assert [(one.action, one.reason) for one in told] == [("skip", "not selected (export)")]
    assert numbers(haul(exporting(office))) == (0, 4, 0, 0)
    assert len(paths(office, "/export")) == 3


def test_a_changed_document_is_exported_again(office: FakeVendor) -> None:
    """Its time of change is the fingerprint."""
    haul(exporting(office))
    office.put(native("Report", DOCUMENT, JUNE, docx=b"PK newer"))
    assert numbers(haul(exporting(office))) == (1, 3, 0, 0)
    assert sink_files()["Report.docx"] == b"PK newer"


def test_two_makings_of_a_document_are_not_joined() -> None:
    """The record's version is the document's: each asking may make other bytes of it. Where the
    answer does not tell them apart, an export that broke off comes again from its first byte.
    """
    made = b"made once" * 100_000
    document = FakeFile(
        "doc", "doc", content=made, mime_type=DOCUMENT, extra={"version": "7"}, modified_at=None
    )
    with FakeVendor([document], etag=False) as vendor:
        vendor.script("/v1/files/doc/content", Fault.cut(300_000))
        path = "/v1/files/{file_id}/content?as={target}"
        assert numbers(haul(exporting(vendor, path=path))) == (1, 0, 0, 0)
        vendor.assert_all_fired()
        assert ["range" in one.headers for one in paths(vendor, "/content")] == [False, False]
    assert sink_files() == {"doc.docx": made}


def test_another_format_is_another_file(office: FakeVendor) -> None:
    """The same document as PDF: fetched anew, in the old one's place."""
    haul(exporting(office))
    pdf = {DOCUMENT: {"mime_type": "application/pdf", "extension": ".pdf"}, "*/*": "skip"}
    report = haul(exporting(office, by_mime={**pdf, "text/plain": "skip"}))
    assert report.failed == 1  # Old.DOCX cannot be had as PDF
    assert sink_files()["Report.pdf"] == b"%PDF report"
    assert "Report.docx" not in sink_files()


def test_an_export_can_be_asked_for_by_post_in_two_steps(linking: FakeVendor) -> None:
    """An export has the same keys as content: method, json, url_path; and its address by itself."""
    linking.put(FakeFile("doc", "doc", content=b"exported", mime_type=DOCUMENT))
    export = {
        "path": "/v1/files/link?id={file_id}&as={target}",
        "method": "POST",
        "json": {"file_id": "{file_id}", "format": "{target}"},
        "url_path": "location",
        "by_mime": {DOCUMENT: {"mime_type": DOCX, "extension": ".docx"}},
    }
    content = {"path": "/v1/files/{file_id}/content", "export": export}
    assert numbers(haul(config_for(linking, content=content))) == (4, 0, 0, 0)
    assert sink_files()["doc.docx"] == b"exported"
    (asked,) = paths(linking, "/files/link")
    assert json.loads(asked.body) == {"file_id": "doc", "format": DOCX}


def test_an_export_that_is_being_made(office: FakeVendor) -> None:
    """202 to an export is waited for as well."""
    office.script("*/Sums/export", Fault.not_ready(3), Fault.not_ready())
    assert numbers(haul(exporting(office), clock=FakeClock())) == (4, 0, 0, 0)
    office.assert_all_fired()
    assert sink_files()["Sums.csv"] == b"1,2\n"


def test_the_ledger_takes_no_size_from_a_native_document(office: FakeVendor) -> None:
    """A size or a checksum in such a record is that of something else."""
    odd = FakeFile(
        "Odd",
        "Odd",
        mime_type=DOCUMENT,
        exports={DOCX: b"PK odd"},
        extra={"size": 1, "sha256": "0" * 64},
    )
    office.put(odd)
    assert numbers(haul(exporting(office))) == (5, 0, 0, 0)
    assert ledger_rows("SELECT size, checksum FROM files WHERE key = 'Odd'") == [(None, None)]


# -- bodies that do not end ------------------------------------------------------------------------


def endless(size: int | None, **record: Any) -> FakeFile:
    """A file of 3 MB whose record has another size."""
    return FakeFile("big", "big", content=b"0123456789" * 300_000, extra={"size": size, **record})


@pytest.mark.parametrize("listed", [0, 1, 2_999_999])
def test_no_more_is_read_than_is_listed(listed: int) -> None:
    """Where the size decides, the body is cut off not far behind it, each of three times."""
    with FakeVendor([endless(listed), *files("a")], checksum=False) as vendor:
        report = haul(config_for(vendor))
        assert numbers(report) == (1, 0, 1, 0)
        assert contents(vendor) == 3 + 1
    receipt = receipt_of("big")
    cut = f"more bytes came than the {listed:,} that are listed, 3 times"
    whole = f"3,000,000 bytes came, listed as {listed:,}, 3 times"
    assert receipt["error"] == (cut if listed < 2_000_000 else whole)
    assert receipt["permanent"] == 1
    assert report.bytes == 20
    assert sink_files() == {"a": b"a|" * 10}


def test_a_checksum_counts_more_than_a_listed_size() -> None:
    """Where the record has a checksum the size may be another's (a vendor that lies): up to twice
    the listed size and a little is read, and what fits the checksum is the file.
    """
    with FakeVendor([endless(1_500_000)]) as vendor:
        assert numbers(haul(config_for(vendor))) == (1, 0, 0, 0)
    with FakeVendor([endless(0, id="other")]) as vendor:
        config = config_for(vendor, name="other", sink="other")
        assert numbers(haul(config)) == (0, 0, 1, 0)
        assert contents(vendor) == 3


@pytest.mark.parametrize("chunked", [True, False])
def test_max_size_of_what_has_no_size(chunked: bool) -> None:
    """No size is listed: content.max_size cuts the body off, at once where a length is told."""
    with FakeVendor([endless(None), *files("a")], checksum=False) as vendor:
        if chunked:
            vendor.script("*/big/content", Fault.cut_unlabelled(2_900_000))
        content = {"path": "/v1/files/{file_id}/content", "max_size": "1MB"}
        assert numbers(haul(config_for(vendor, content=content))) == (1, 0, 1, 0)
        if chunked:
            vendor.assert_all_fired()
        assert contents(vendor) == 2
    assert receipt_of("big")["error"] == "larger than content.max_size (1,000,000 bytes)"
    assert receipt_of("big")["permanent"] == 1


def test_max_size_of_what_has_one() -> None:
    """A listed size above content.max_size: not asked for, and it says so."""
    with FakeVendor([endless(3_000_000), *files("a")]) as vendor:
        content = {"path": "/v1/files/{file_id}/content", "max_size": 2_000_000}
        assert numbers(haul(config_for(vendor, content=content))) == (1, 0, 1, 0)
        assert contents(vendor) == 1
    assert receipt_of("big")["error"] == "larger than content.max_size (2,000,000 bytes)"


# -- check -----------------------------------------------------------------------------------------


def test_check_goes_the_same_way(linking: FakeVendor, office: FakeVendor) -> None:
    """`filehaul check` asks for a file's bytes as a sync would: in two steps, or as an export."""
    told = {one.what: one for one in check(config_for(linking, content=TWO_STEPS))}
    assert told["content files"].error is None
    assert "Range works" in told["content files"].text
    assert len(paths(linking, "/signed/")) == 1
    told = {one.what: one for one in check(exporting(office))}
    assert told["content files"].error is None
    assert "verified by nothing" in told["content files"].text
    assert [one.query["mimeType"] for one in paths(office, "/export")] == [DOCX]
    wrong = config_for(linking, content={**TWO_STEPS, "url_path": "url"})
    told = {one.what: one for one in check(wrong)}
    error = told["content files"].error
    assert error is not None
    assert "no text at url" in error.message
    assert "content.url_path" in error.hint


# -- the config ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"path": "/f/{file_id}", "json": {"a": 1}}, "json needs method: POST"),
        ({"path": "/f", "method": "POST", "json": {"a": 1}}, "is the same for every file"),
        ({"path": "/f/{file_id}", "url_path": "a", "url_header": "b"}, "give one of them"),
        ({"path": "/f/{file_id}", "url_path": "a["}, "not a path"),
        ({"path": "/f/{file_id}", "url_header": "a b"}, "is no name of a header"),
        ({"path": "/f", "method": "POST", "json": {"a": ["{b"]}}, "the braces do not close"),
        ({"path": "/f/{file_id}", "expired": {"status": [403]}}, "did you mean 'statuses'?"),
        (
            {
                "path": "/f/{file_id}",
                "export": {
                    "path": "/x/{file_id}",
                    "by_mime": {"a/b": {"mime_type": "a/c", "extension": "x"}},
                },
            },
            "the same for every file, or for every format",
        ),
        (
            {
                "path": "/f/{file_id}",
                "export": {"path": "/x/{file_id}/{target}", "by_mime": {"a/b": {"extension": "x"}}},
            },
            "where the vendor chooses the format, neither {target} nor mime_type",
        ),
        (
            {
                "path": "/f/{file_id}",
                "export": {"path": "/x/{target}", "by_mime": {"a/b": "skip"}},
            },
            "the same for every file, or for every format",
        ),
        (
            {"path": "/f/{file_id}", "export": {"path": "/x/{id}/{target}", "by_mime": {"a": {}}}},
            "'a' is no MIME type",
        ),
        (
            {
                "path": "/f/{file_id}",
                "export": {"path": "/x/{file_id}/{target}", "by_mime": {"a/b": "skp"}},
            },
            "a/b becomes {mime_type, extension}, or skip; not 'skp'",
        ),
        (
            {
                "path": "/f/{file_id}",
                "export": {
                    "path": "/x/{file_id}/{target}",
                    "by_mime": {"a/b": {"mime_type": "a/c", "extension": "../x"}},
                },
            },
            "is an extension: .docx",
        ),
    ],
)
def test_what_does_not_fit_is_said(content: dict[str, Any], words: str) -> None:
    """Each wrong key or value of the ways to ask is an error before the first request."""
    with FakeVendor([]) as vendor:
        config = config_for(vendor, content=content)
        with pytest.raises(ConfigError) as caught:
            load_config(config)
        assert vendor.request_count == 0
    assert words in str(caught.value)


def test_an_export_needs_mime_types() -> None:
    """With fields, mime_type must be among them."""
    with FakeVendor([]) as vendor:
        config = exporting(vendor)
        config["resources"][0]["fields"] = {"file_id": "id"}
        with pytest.raises(ConfigError, match="add mime_type"):
            load_config(config)
