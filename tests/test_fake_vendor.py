"""The fake vendor's tokens and listings, when nothing goes wrong."""

from __future__ import annotations

import base64
import hashlib
import time
from datetime import datetime, timedelta
from urllib.parse import quote

import pytest

from fake_client import (
    BODY,
    FILE,
    JUNE,
    ask,
    ask_token,
    list_all,
)
from filehaul.testing import FakeFile, FakeVendor, content_of


def test_a_token_is_given_for_the_right_secret_and_opens_the_api():
    """client_credentials in the body: a token, its life, no caching; the API takes it."""
    with FakeVendor([FILE], token_ttl=60) as vendor:
        reply = ask_token(vendor)
        assert reply.status == 200
        assert reply.json["token_type"] == "Bearer"
        assert reply.json["expires_in"] == 60
        assert reply.headers["cache-control"] == "no-store"
        listed = ask(vendor, "/v1/files", token=reply.json["access_token"])
        assert listed.status == 200
        assert (vendor.token_requests, vendor.tokens_issued) == (1, 1)
        assert ask_token(vendor).json["access_token"] != reply.json["access_token"]


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "other"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    ],
)
def test_a_token_is_refused_in_the_words_of_rfc_6749(change, status, error):
    """Wrong secret, client or grant: the status and `error` that the RFC names; nothing issued."""
    with FakeVendor() as vendor:
        right = {
            "grant_type": "client_credentials",
            "client_id": vendor.client_id,
            "client_secret": vendor.client_secret,
        }
        reply = ask_token(vendor, {**right, **change})
        assert reply.status == status
        assert reply.json["error"] == error
        assert reply.json["error_description"]
        assert (vendor.token_requests, vendor.tokens_issued) == (1, 0)


def test_a_token_request_must_be_a_posted_form():
    """GET is 405, JSON is 400: a client that sends the wrong thing is told."""
    with FakeVendor() as vendor:
        assert ask(vendor, "/oauth/token", token=None).status == 405
        reply = ask_token(vendor, headers={"Content-Type": "application/json"})
        assert (reply.status, reply.json["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("style", "by_post", "by_basic", "by_both"),
    [("post", 200, 401, 401), ("basic", 401, 200, 401), ("both", 200, 200, 401)],
)
def test_token_style_says_where_the_secret_is_accepted(style, by_post, by_basic, by_both):
    """Each style takes its own way only; Basic is form-encoded; two secrets at once never pass."""
    options = {"client_id": "odd:id", "client_secret": "p+ä s%:/", "token_style": style}
    with FakeVendor(**options) as vendor:
        pair = f"{quote(vendor.client_id, safe='')}:{quote(vendor.client_secret, safe='')}"
        basic = {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
        assert ask_token(vendor).status == by_post
        assert ask_token(vendor, {"grant_type": "client_credentials"}, basic).status == by_basic
        assert ask_token(vendor, headers=basic).status == by_both


def test_scope_and_audience_reach_the_vendor():
    """What else is in the form is in the log, and the scope comes back."""
    with FakeVendor() as vendor:
        form = {
            "grant_type": "client_credentials",
            "client_id": vendor.client_id,
            "client_secret": vendor.client_secret,
            "scope": "read all",
            "audience": "urn:x",
        }
        assert ask_token(vendor, form).json["scope"] == "read all"
        assert vendor.requests[0].form == form


def test_tokens_expire_by_themselves_and_on_demand():
    """Past its life, or after expire_tokens(), a token is 401 with the challenge of RFC 6750."""
    with FakeVendor([FILE], token_ttl=0.05) as vendor:
        token = vendor.token()
        assert ask(vendor, "/v1/files", token=token).status == 200
        time.sleep(0.06)
        late = ask(vendor, "/v1/files", token=token)
        assert late.status == 401
        assert 'error="invalid_token"' in late.headers["www-authenticate"]
    with FakeVendor([FILE]) as vendor:
        token = vendor.token()
        vendor.expire_tokens()
        assert ask(vendor, "/v1/files", token=token).status == 401
        assert ask(vendor, "/v1/files").status == 200


def test_without_a_token_there_is_no_way_in_unless_auth_is_off_or_a_function():
    """No token 401; auth=False none needed; a function of the request decides by itself."""
    with FakeVendor([FILE]) as vendor:
        for path in ("/v1/files", "/v1/files/f1", "/v1/files/f1/content", "/v1/files/f1/link"):
            refused = ask(vendor, path, token=None)
            assert (refused.status, refused.json["error"]["code"]) == (401, "unauthorized")
            assert refused.headers["www-authenticate"].startswith("Bearer")
    with FakeVendor([FILE], auth=False) as vendor:
        assert ask(vendor, "/v1/files", token=None).status == 200
    with FakeVendor([FILE], auth=lambda request: request.query.get("key") == "k") as vendor:
        assert ask(vendor, "/v1/files", token=None).status == 401
        assert ask(vendor, "/v1/files?key=k", token=None).status == 200


def test_a_record_has_all_its_keys_and_true_values():
    """The record of a file: each key, each value, in the listing as alone."""
    with FakeVendor([FILE]) as vendor:
        sha = hashlib.sha256(BODY).hexdigest()
        expected = {
            "file_id": "f1",
            "id": "f1",
            "file_name": "a.txt",
            "name": "a.txt",
            "path": "docs/a.txt",
            "size": 1024,
            "mime_type": "text/plain",
            "created_at": "2024-01-01T00:00:00Z",
            "modified_at": "2025-06-01T12:30:00Z",
            "owner": "ann",
            "sha256": sha,
            "etag": sha[:32],
            "download_url": f"{vendor.base_url}/v1/files/f1/content",
        }
        assert ask(vendor, "/v1/files").json == {"files": [expected], "total": 1}
        assert ask(vendor, "/v1/files/f1").json == expected


def test_records_can_be_bent_by_extra_and_by_a_hook():
    """extra overrides, adds, nulls and drops keys; record_shape has the last word."""
    bent = FakeFile(
        "f1", "ä.txt", mime_type=None, modified_at=None, extra={"size": "12", "name": ..., "x": [1]}
    )
    with FakeVendor([bent], record_shape=lambda record: {**record, "y": record["size"]}) as vendor:
        row = ask(vendor, "/v1/files").json["files"][0]
    assert (row["size"], row["y"], row["x"]) == ("12", "12", [1])
    assert row["modified_at"] is None
    assert row["mime_type"] is None
    assert row["file_name"] == row["path"] == "ä.txt"
    assert "name" not in row


def test_naive_datetimes_are_refused():
    """A time without a zone is a defect of the test that gives it."""
    with pytest.raises(ValueError, match="modified_at of 'x' has no time zone"):
        FakeFile("x", "x", modified_at=datetime(2025, 1, 1))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"files": ["f0", "f1"], "total": 3}),
        ({"total": False}, {"files": ["f0", "f1"]}),
        ({"total": "meta.count"}, {"files": ["f0", "f1"], "meta": {"count": 3}}),
        (
            {"selector": "data.items", "total": "data.n"},
            {"data": {"items": ["f0", "f1"], "n": 3}},
        ),
        ({"selector": "$", "total": False}, ["f0", "f1"]),
    ],
)
def test_rows_and_total_are_where_the_options_say(options, expected):
    """selector and total are dotted paths; '$' is a bare array; False is no total at all."""
    three = [FakeFile(f"f{n}", "x") for n in range(3)]
    with FakeVendor(three, record_shape=lambda record: record["id"], **options) as vendor:
        assert ask(vendor, "/v1/files?limit=2").json == expected


def test_pages_step_through_all_files_and_end_empty():
    """offset and limit cut the listing; past the end is an empty page with the same total."""
    with FakeVendor.of_records(250, auth=False) as vendor:
        sizes = [
            len(ask(vendor, f"/v1/files?offset={offset}&limit=100").json["files"])
            for offset in (0, 100, 200, 300)
        ]
        assert sizes == [100, 100, 50, 0]
        assert ask(vendor, "/v1/files?offset=300").json == {"files": [], "total": 250}
        ids = [row["id"] for row in list_all(vendor)]
        assert ids == [f"rec-{n}" for n in range(250)]


def test_a_limit_above_the_cap_silently_gives_the_cap():
    """The well-known trap: 100 asked, 40 given, status 200."""
    with FakeVendor.of_records(250, page_cap=40) as vendor:
        page = ask(vendor, "/v1/files?offset=0&limit=100")
        assert page.status == 200
        assert len(page.json["files"]) == 40
        assert len(list_all(vendor)) == 250


@pytest.mark.parametrize(
    "query", ["offset=-1", "offset=x", "limit=0", "limit=-5", "limit=1.5", "modified_since=soon"]
)
def test_bad_paging_is_400_and_says_which(query):
    """Negative, not a number, not a time: 400 with a JSON error that names the parameter."""
    with FakeVendor.of_records(3) as vendor:
        reply = ask(vendor, f"/v1/files?{query}")
        assert reply.status == 400
        assert reply.json["error"]["message"].startswith(query.partition("=")[0])


def test_modified_since_keeps_what_is_as_new_and_no_nulls():
    """The filter is inclusive, counts in the total, and drops files without a time."""
    files = [FakeFile(f"f{n}", "x", modified_at=JUNE + timedelta(days=n)) for n in range(4)]
    files.append(FakeFile("none", "x", modified_at=None))
    with FakeVendor(files) as vendor:
        since = quote((JUNE + timedelta(days=2)).isoformat())
        page = ask(vendor, f"/v1/files?modified_since={since}").json
        assert [row["id"] for row in page["files"]] == ["f2", "f3"]
        assert page["total"] == 2
        vendor.put(FakeFile("f0", "x", modified_at=JUNE + timedelta(days=9)))
        again = ask(vendor, f"/v1/files?modified_since={since}").json
        assert [row["id"] for row in again["files"]] == ["f0", "f2", "f3"]


def test_generated_records_are_what_their_files_are():
    """Rows made from the template equal rows made from the files, with content, nulls, filter."""
    with FakeVendor.of_records(2003, 100, null_every=10) as vendor:
        rows = list_all(vendor)
        assert len(rows) == len(vendor.files) == 2003
        for number in (0, 1, 9, 59, 60, 1000, 2002):
            row = ask(vendor, f"/v1/files/rec-{number}").json
            assert rows[number] == row
            body = ask(vendor, f"/v1/files/rec-{number}/content").body
            assert body == content_of(number, 100)
            assert hashlib.sha256(body).hexdigest() == row["sha256"]
        assert [row["modified_at"] is None for row in rows].count(True) == 200
        assert rows[61]["modified_at"] == "2024-01-01T00:01:01Z"
        assert rows[1500]["path"] == "folder-1/rec-1500.bin"
        page = ask(vendor, "/v1/files?modified_since=2024-01-01T00:33:20Z").json
        assert [row["id"] for row in page["files"]] == ["rec-2000", "rec-2001", "rec-2002"]


def test_generated_records_can_be_put_and_removed():
    """A change to one of many: replaced in its place, removed, added, and pages follow."""
    with FakeVendor.of_records(300, auth=False) as vendor:
        assert len(list_all(vendor)) == 300
        vendor.put(FakeFile("rec-5", "new.txt", content=b"new"))
        vendor.remove("rec-7")
        vendor.put(FakeFile("more", "more.txt"))
        rows = list_all(vendor)
        assert rows[5]["file_name"] == "new.txt"
        assert "rec-7" not in {row["id"] for row in rows}
        assert (rows[-1]["id"], len(rows)) == ("more", 300)
        assert ask(vendor, "/v1/files/rec-7").status == 404
        assert ask(vendor, "/v1/files/rec-5/content").body == b"new"
        assert list(vendor.files)[-1] == "more"


def test_a_million_records_start_at_once():
    """of_records makes nothing before it is asked: a page at the end comes within a second."""
    begin = time.monotonic()
    with FakeVendor.of_records(1_000_000) as vendor:
        rows = ask(vendor, "/v1/files?offset=999990&limit=100").json["files"]
        assert [row["id"] for row in rows] == [f"rec-{n}" for n in range(999_990, 1_000_000)]
    assert time.monotonic() - begin < 1
