"""The fake vendor's contents: ranges, signed URLs, folders of real files."""

from __future__ import annotations

import hashlib
import os
import random
import urllib.request
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import pytest

from fake_client import (
    BODY,
    FILE,
    ask,
    list_all,
)
from filehaul.testing import FakeFile, FakeVendor


def test_content_comes_whole_with_etag_and_times():
    """200: all bytes, their type, ETag of the content, Accept-Ranges, Last-Modified."""
    with FakeVendor([FILE]) as vendor:
        reply = ask(vendor, "/v1/files/f1/content")
        assert (reply.status, reply.body) == (200, BODY)
        assert reply.headers["content-type"] == "text/plain"
        assert reply.headers["etag"] == f'"{hashlib.sha256(BODY).hexdigest()[:32]}"'
        assert reply.headers["accept-ranges"] == "bytes"
        assert reply.headers["last-modified"] == "Sun, 01 Jun 2025 12:30:00 GMT"


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-", 0, 1023),
        ("bytes=100-", 100, 1023),
        ("bytes=0-0", 0, 0),
        ("bytes=10-19", 10, 19),
        ("bytes=1000-9999", 1000, 1023),
        ("bytes=-24", 1000, 1023),
        ("bytes=-9999", 0, 1023),
    ],
)
def test_a_range_gives_the_part_and_says_which(asked, first, last):
    """206 with Content-Range and exactly these bytes."""
    with FakeVendor([FILE]) as vendor:
        reply = ask(vendor, "/v1/files/f1/content", {"Range": asked})
        assert reply.status == 206
        assert reply.headers["content-range"] == f"bytes {first}-{last}/1024"
        assert reply.body == BODY[first : last + 1]
        assert vendor.requests[-1].bytes_sent == last - first + 1


@pytest.mark.parametrize("asked", ["bytes=1024-", "bytes=5000-6000", "bytes=-0"])
def test_a_range_outside_the_file_is_416(asked):
    """No byte of it is in the file: 416 and the true size."""
    with FakeVendor([FILE]) as vendor:
        reply = ask(vendor, "/v1/files/f1/content", {"Range": asked})
        assert (reply.status, reply.headers["content-range"]) == (416, "bytes */1024")


@pytest.mark.parametrize("asked", ["bytes=9-5", "lines=1-2", "bytes=1-2,5-6", "bytes=-", "x"])
def test_a_range_that_makes_no_sense_is_not_honoured(asked):
    """Backwards, another unit, several at once: 200 and the whole file, as RFC 9110 allows."""
    with FakeVendor([FILE]) as vendor:
        reply = ask(vendor, "/v1/files/f1/content", {"Range": asked})
        assert (reply.status, reply.body) == (200, BODY)


def test_if_range_gives_the_part_only_of_the_same_file():
    """The right ETag or date: 206; any other, or a weak one: 200 whole."""
    tag = f'"{hashlib.sha256(BODY).hexdigest()[:32]}"'
    with FakeVendor([FILE]) as vendor:
        for condition, status in [
            (tag, 206),
            ('"other"', 200),
            (f"W/{tag}", 200),
            ("Sun, 01 Jun 2025 12:30:00 GMT", 206),
            ("Sun, 01 Jun 2025 12:30:01 GMT", 200),
        ]:
            headers = {"Range": "bytes=1000-", "If-Range": condition}
            reply = ask(vendor, "/v1/files/f1/content", headers)
            assert (condition, reply.status) == (condition, status)
            assert reply.body == (BODY[1000:] if status == 206 else BODY)
    with FakeVendor([FILE], etag="weak") as vendor:
        assert ask(vendor, "/v1/files/f1/content").headers["etag"] == f"W/{tag}"
        headers = {"Range": "bytes=1000-", "If-Range": f"W/{tag}"}
        assert ask(vendor, "/v1/files/f1/content", headers).status == 200


def test_vendors_without_ranges_etags_or_checksums():
    """ranges=False ignores Range; etag=False and checksum=False leave header and key out."""
    with FakeVendor([FILE], ranges=False, etag=False, checksum=False) as vendor:
        reply = ask(vendor, "/v1/files/f1/content", {"Range": "bytes=5-"})
        assert (reply.status, reply.body) == (200, BODY)
        assert not {"etag", "accept-ranges"} & set(reply.headers)
        assert not {"etag", "sha256"} & set(ask(vendor, "/v1/files/f1").json)


def test_an_empty_file_and_head():
    """No bytes are a file too; HEAD tells the length and sends nothing."""
    with FakeVendor([FILE, FakeFile("e", "empty")]) as vendor:
        empty = ask(vendor, "/v1/files/e/content")
        assert (empty.status, empty.body, empty.headers["content-length"]) == (200, b"", "0")
        assert ask(vendor, "/v1/files/e/content", {"Range": "bytes=0-"}).status == 416
        head = ask(vendor, "/v1/files/f1/content", method="HEAD")
        assert (head.status, head.body, head.headers["content-length"]) == (200, b"", "1024")
        assert vendor.requests[-1].bytes_sent == 0


@pytest.mark.parametrize("file_id", ["a/b", "../x", "a b%2F?#", "ä", ".", "a&b=c"])
def test_an_id_is_one_encoded_segment(file_id):
    """Ids with slashes, dots, spaces and signs are reached when they are encoded as one segment."""
    with FakeVendor([FakeFile(file_id, "x", content=b"odd")]) as vendor:
        url = ask(vendor, "/v1/files").json["files"][0]["download_url"]
        path = url.removeprefix(vendor.base_url)
        assert ask(vendor, path).body == b"odd"
        assert vendor.requests[-1].path == path
        signed = ask(vendor, path.replace("/content", "/link")).json["location"]
        assert ask(vendor, signed.removeprefix(vendor.base_url), token=None).body == b"odd"


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/filesX", "/v1/files/", "/v1/files/no", "/v1/files/f1/x", "/v2/files"]
)
def test_unknown_places_are_404_in_json(path):
    """No file, no such route: 404, and a message."""
    with FakeVendor([FILE]) as vendor:
        reply = ask(vendor, path)
        assert (reply.status, reply.json["error"]["code"]) == (404, "not_found")


def test_other_methods_are_405_and_another_prefix_moves_the_api():
    """The API is for reading; api_prefix='' puts it at /files."""
    with FakeVendor([FILE], api_prefix="") as vendor:
        assert ask(vendor, "/files").json["total"] == 1
        reply = ask(vendor, "/files", method="POST", body=b"x")
        assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD")


def test_a_signed_url_needs_no_token_and_refuses_one():
    """link gives a URL at the other origin: 200 without Authorization, 400 with, as S3 does."""
    with FakeVendor([FILE], second_origin=True) as vendor:
        assert vendor.other_url != vendor.base_url
        location = ask(vendor, "/v1/files/f1/link").json["location"]
        assert location.startswith(f"{vendor.other_url}/signed/f1?sig=")
        path = location.removeprefix(vendor.other_url)
        part = ask(vendor, path, {"Range": "bytes=1000-"}, token=None, url=vendor.other_url)
        assert (part.status, part.body) == (206, BODY[1000:])
        assert vendor.requests[-1].origin == vendor.other_url
        assert "authorization" not in vendor.requests[-1].headers
        refused = ask(vendor, path, url=vendor.other_url)
        assert refused.status == 400
        assert b"Only one auth mechanism allowed" in refused.body


def test_a_signed_url_is_for_one_file_and_one_time():
    """Another file, another expiry, no signature, or too late: 403."""
    with FakeVendor([FILE, FakeFile("f2", "b")], signed_ttl=-5) as vendor:
        late = vendor.signed_url("f1").removeprefix(vendor.base_url)
        assert b"expired" in ask(vendor, late, token=None).body
        for wrong in (late.replace("f1", "f2"), late + "0", "/signed/f1", "/signed/f1?sig=ä"):
            reply = ask(vendor, quote(wrong, safe="/?&=%"), token=None)
            assert (reply.status, b"SignatureDoesNotMatch" in reply.body) == (403, True)


def test_redirect_goes_to_the_other_origin():
    """302 to the signed URL: urllib follows it, and gets the bytes."""
    with FakeVendor([FILE], second_origin=True) as vendor:
        reply = ask(vendor, "/v1/files/f1/redirect")
        assert (reply.status, reply.body) == (302, b"")
        with urllib.request.urlopen(reply.headers["location"], timeout=5) as response:
            assert response.read() == BODY


def test_a_folder_is_served_and_edits_are_seen(tmp_path):
    """Files on disk: sorted, stable ids, true checksums; a new listing sees every change."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "b.txt").write_bytes(b"one")
    (tmp_path / "sub" / "a.bin").write_bytes(BODY)
    with FakeVendor.of_folder(tmp_path) as vendor:
        before = {row["path"]: row for row in list_all(vendor)}
        assert list(before) == ["b.txt", "sub/a.bin"]
        assert before["sub/a.bin"]["sha256"] == hashlib.sha256(BODY).hexdigest()
        assert before["b.txt"]["file_name"] == "b.txt"
        modified = datetime.fromisoformat(before["b.txt"]["modified_at"].replace("Z", "+00:00"))
        on_disk = (tmp_path / "b.txt").stat().st_mtime
        assert abs(modified.timestamp() - on_disk) < 0.001

        (tmp_path / "b.txt").write_bytes(b"second")
        (tmp_path / "new").write_bytes(b"")
        (tmp_path / "sub" / "a.bin").unlink()
        after = {row["path"]: row for row in list_all(vendor)}
        assert list(after) == ["b.txt", "new"]
        assert after["b.txt"]["id"] == before["b.txt"]["id"]
        assert after["b.txt"]["size"] == 6
        assert after["b.txt"]["etag"] != before["b.txt"]["etag"]
    with FakeVendor.of_folder(tmp_path) as other:
        assert list_all(other)[0]["id"] == before["b.txt"]["id"]


def test_a_file_that_changes_after_the_listing_is_another(tmp_path):
    """Content, size and ETag are those of the moment, also between two listings; gone is 404."""
    (tmp_path / "a").write_bytes(b"before")
    with FakeVendor.of_folder(tmp_path) as vendor:
        row = list_all(vendor)[0]
        (tmp_path / "a").write_bytes(b"after it")
        reply = ask(vendor, f"/v1/files/{row['id']}/content")
        assert reply.body == b"after it"
        assert reply.headers["etag"] != f'"{row["etag"]}"'
        assert ask(vendor, f"/v1/files/{row['id']}").json["size"] == 8
        (tmp_path / "a").unlink()
        assert ask(vendor, f"/v1/files/{row['id']}/content").status == 404


def test_a_large_file_comes_from_disk_whole_and_in_parts(tmp_path):
    """More than one chunk: equal bytes, equal part."""
    content = random.Random(1).randbytes(3_000_001)
    (tmp_path / "large").write_bytes(content)
    with FakeVendor.of_folder(tmp_path) as vendor:
        path = f"/v1/files/{next(iter(vendor.files))}/content"
        assert ask(vendor, path).body == content
        part = ask(vendor, path, {"Range": "bytes=1000000-2999999"})
        assert part.body == content[1_000_000:3_000_000]
        assert [each.bytes_sent for each in vendor.requests] == [3_000_001, 2_000_000]


def test_odd_names_on_disk_do_not_break_the_listing(tmp_path):
    """Names that are not UTF-8, links, broken links and linked folders: a page is valid JSON."""
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")).write_bytes(b"latin")
    (tmp_path / "real").write_bytes(b"real")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "broken").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop").symlink_to(tmp_path)
    with FakeVendor.of_folder(tmp_path) as vendor:
        rows = list_all(vendor)
        assert [row["path"] for row in rows] == ["caf?", "link", "real"]
        assert ask(vendor, f"/v1/files/{rows[0]['id']}/content").body == b"latin"


def test_what_is_put_and_removed_stays_so_over_a_new_look_at_the_folder(tmp_path):
    """put and remove work on a folder too, and survive its re-scan."""
    (tmp_path / "a").write_bytes(b"a")
    (tmp_path / "b").write_bytes(b"b")
    with FakeVendor.of_folder(tmp_path) as vendor:
        first, _ = vendor.files
        vendor.remove(first)
        vendor.put(FakeFile("x", "x.txt", content=b"put"))
        assert [row["path"] for row in list_all(vendor)] == ["b", "x.txt"]
        with pytest.raises(KeyError):
            vendor.remove("nobody")


def test_a_folder_that_is_not_there_is_an_error_at_once(tmp_path):
    """A wrong path is the caller's mistake, not an empty vendor."""
    with pytest.raises(NotADirectoryError):
        FakeVendor.of_folder(tmp_path / "nowhere")
