"""The fake vendor's change feed, asked with nothing but urllib."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from filehaul.testing import FakeFile, FakeVendor, Fault


@pytest.fixture
def vendor() -> Iterator[FakeVendor]:
    with FakeVendor([FakeFile("a", "a.txt", content=b"1")], auth=False, page_cap=2) as made:
        yield made


def asked(url: str) -> Any:
    with urllib.request.urlopen(url) as answer:
        return json.load(answer)


def refused(url: str) -> int:
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(url)
    raised.value.close()
    return raised.value.code


def start(vendor: FakeVendor) -> str:
    token: str = asked(f"{vendor.base_url}/v1/changes/start")["token"]
    return token


def changes(vendor: FakeVendor, token: str) -> Any:
    return asked(f"{vendor.base_url}/v1/changes?token={token}")


def test_it_tells_what_happened_since_the_token(vendor: FakeVendor) -> None:
    """Put, trash and remove, in order, in pages; then the token for the next time."""
    token = start(vendor)
    assert changes(vendor, token) == {
        "changes": [],
        "final": token,
        "final_url": f"{vendor.base_url}/v1/changes?token={token}",
    }
    vendor.put(FakeFile("b", "b.txt", content=b"22"))
    vendor.trash("b")
    vendor.remove("a")
    first = changes(vendor, token)
    assert "final" not in first
    assert [one["file_id"] for one in first["changes"]] == ["b", "b"]
    assert [one["file"].get("trashed") for one in first["changes"]] == [None, True]
    assert first["changes"][0]["file"]["size"] == 2
    last = asked(first["next_url"])
    assert last["changes"] == [{"file_id": "a", "removed": True}]
    assert changes(vendor, last["final"])["changes"] == []
    assert dict(vendor.files) == {}


def test_it_tells_a_record_as_it_was_then(vendor: FakeVendor) -> None:
    """A file put twice is told twice, and what a test puts in is told as it is."""
    token = start(vendor)
    vendor.put(FakeFile("a", "old.txt"))
    vendor.put(FakeFile("a", "new.txt"))
    vendor.tell_change({"file_id": "ghost", "removed": True})
    page = changes(vendor, token)
    assert [one["file"]["name"] for one in page["changes"]] == ["old.txt", "new.txt"]
    assert changes(vendor, page["next"])["changes"] == [{"file_id": "ghost", "removed": True}]


def test_tokens_expire(vendor: FakeVendor) -> None:
    """410 for a token of before, 400 for what never was one; a new one is good."""
    token = start(vendor)
    vendor.expire_changes()
    assert refused(f"{vendor.base_url}/v1/changes?token={token}") == 410
    assert refused(f"{vendor.base_url}/v1/changes?token=x") == 400
    assert refused(f"{vendor.base_url}/v1/changes") == 400
    assert changes(vendor, start(vendor))["changes"] == []


def test_scripted_faults_meet_the_feed(vendor: FakeVendor) -> None:
    """As any other route."""
    vendor.script("/v1/changes", Fault.status(410))
    token = start(vendor)
    assert refused(f"{vendor.base_url}/v1/changes?token={token}") == 410
    assert changes(vendor, token)["changes"] == []
    vendor.assert_all_fired()


def test_it_asks_for_credentials() -> None:
    """The feed is behind the same tokens as the listing."""
    with FakeVendor() as vendor:
        assert refused(f"{vendor.base_url}/v1/changes/start") == 401
