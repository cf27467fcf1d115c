"""The fake Graph by itself: what a client that is not filehaul sees of it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from filehaul.testing import Account, FakeVendor
from graphs import new_account, playing


@pytest.fixture
def account() -> Account:
    made = new_account()
    made.put_file("a/b/c.txt", b"c")
    made.put_file("top.txt", b"top")
    return made


@pytest.fixture
def vendor(account: Account) -> Iterator[FakeVendor]:
    with playing(account, page_size=2) as running:
        yield running


def ask(vendor: FakeVendor, path: str) -> Any:
    """The JSON at an address below /v1.0, or at a whole one; HTTPError where it is refused."""
    url = path if path.startswith("http") else f"{vendor.base_url}/v1.0{path}"
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {vendor.token()}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def refused(vendor: FakeVendor, path: str) -> tuple[int, Any, Any]:
    """Status, headers and the error's JSON."""
    with pytest.raises(urllib.error.HTTPError) as caught:
        ask(vendor, path)
    with caught.value as answer:
        return answer.code, answer.headers, json.load(answer)["error"]


def feed(vendor: FakeVendor, address: str) -> tuple[list[Any], str]:
    """All records of a feed, and its deltaLink."""
    found = []
    while True:
        page = ask(vendor, address)
        assert ("@odata.nextLink" in page) != ("@odata.deltaLink" in page)
        found += page["value"]
        if "@odata.deltaLink" in page:
            return found, page["@odata.deltaLink"]
        address = page["@odata.nextLink"]


def test_a_feed_from_its_beginning(vendor: FakeVendor, account: Account) -> None:
    """The root and all below it, in pages; only what $select names, on every page."""
    whole, _ = feed(vendor, "/me/drive/root/delta")
    assert [one["name"] for one in whole] == ["root", "a", "b", "c.txt", "top.txt"]
    assert [one for one in whole if "root" in one] == whole[:1]
    assert all("path" not in one["parentReference"] and "cTag" not in one for one in whole)
    some, _ = feed(vendor, "/me/drive/root/delta?$select=id,file&$top=1")
    assert [set(one) for one in some] == [{"id"}] * 3 + [{"id", "file"}] * 2
    file = account.find("top.txt")
    assert ask(vendor, f"/me/drive/items/{file.node_id}")["parentReference"]["path"].endswith(":")


def test_what_has_changed_since(vendor: FakeVendor, account: Account) -> None:
    """Each thing once, with the folders above; what is gone by its id alone, from the bottom up."""
    _, link = feed(vendor, "/me/drive/root/delta")
    assert feed(vendor, link)[0] == []
    account.rename(account.find("a/b/c.txt").node_id, "d.txt")
    account.change(account.find("a/b/d.txt").node_id, b"other")
    found, following = feed(vendor, link)
    assert sorted(one["name"] for one in found) == ["a", "b", "d.txt", "root"]
    gone = [account.find(path).node_id for path in ("a/b/d.txt", "a/b")]
    account.remove(gone[1])
    found, _ = feed(vendor, following)
    assert [one["id"] for one in found if "deleted" in one] == gone
    assert not any("name" in one for one in found if "deleted" in one)
    again, _ = feed(vendor, link)
    assert {one["id"] for one in again if "deleted" in one} == set(gone)


def test_tokens(vendor: FakeVendor, account: Account) -> None:
    """latest begins now; one may stand in delta(token='…'); an odd one is 400, an old one 410 with
    the address of a new beginning.
    """
    nothing, link = feed(vendor, "/me/drive/root/delta?token=latest")
    assert nothing == []
    account.put_file("new.txt", b"new")
    token = link.partition("token=")[2]
    found, _ = feed(vendor, f"/me/drive/root/delta(token='{token}')")
    assert [one["name"] for one in found] == ["root", "new.txt"]
    assert refused(vendor, "/me/drive/root/delta?token=c.odd")[0] == 400
    other = account.put_drive("Other")
    assert refused(vendor, f"/drives/{other}/root/delta?token={token}")[0] == 400
    vendor.expire_changes()
    status, headers, error = refused(vendor, link)
    assert (status, error["innerError"]["code"]) == (410, "resyncChangesApplyDifferences")
    assert len(feed(vendor, headers["Location"])[0]) == 6


def test_what_cannot_be_had(vendor: FakeVendor, account: Account) -> None:
    """Unknown drives, items, pages and addresses, folders' bytes, and what is forbidden."""
    folder = account.find("a")
    account.forbid(folder.node_id)
    told = {
        "/drives/b!none/root/delta": 404,
        "/me/drive/items/none": 404,
        "/me/drive/root:/none:/children": 404,
        "/me/drive/root/content": 404,
        "/me/drive/root/children?$skiptoken=odd": 400,
        f"/me/drive/items/{folder.node_id}/children": 403,
        "/me/mail": 404,
    }
    assert {path: refused(vendor, path)[0] for path in told} == told
    assert refused(vendor, "/me/mail")[2]["code"] == "itemNotFound"
