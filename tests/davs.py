"""What the tests of the fake WebDAV server share: users, configs, and the cases of the suite."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from filehaul.testing import Account, FakeVendor
from filehaul.testing.account import Node
from filehaul.testing.conformance import Case
from filehaul.testing.plays.webdav import basic

USER, PASSWORD = "ada", "pass:wörd"
ROOT = "/remote.php/dav/files/ada/"
AUTH = basic(USER, PASSWORD)


def at(vendor: FakeVendor) -> dict[str, Any]:
    """The client of a config: the vendor's address, who we are, quick retries."""
    return {
        "base_url": vendor.base_url,
        "auth": {"type": "http_basic", "username": USER, "password": PASSWORD},
        "retry": {"backoff_factor": 0.001},
    }


def at_root(vendor: FakeVendor) -> dict[str, Any]:
    """The same for the preset that knows no more than the address of a folder."""
    return {**at(vendor), "base_url": vendor.base_url + ROOT.rstrip("/")}


def href(account: Account, node: Node) -> str:
    """The key of a plain WebDAV server's file: its address, in the spelling of the records."""
    names = account.path(node.node_id).split("/")
    path = "/".join(quote(name, safe="") for name in names)
    return ROOT + path + ("/" if node.kind == "folder" else "")


NEXTCLOUD = Case(
    play="webdav",
    vendor={"name": "nextcloud", "user": USER},
    client=at,
    listing=f"PROPFIND {ROOT}*",
    content=f"GET {ROOT}*",
    options={"auth": AUTH},
)
OWNCLOUD = Case(
    play="webdav",
    vendor={"name": "owncloud", "tree": "dav/spaces/1284d238-aa92$4c51!0"},
    client=at,
    listing="PROPFIND /dav/spaces/*",
    content="GET /dav/spaces/*",
    settings={"root": "/dav/spaces/1284d238-aa92$4c51!0/"},
    options={"auth": AUTH},
)
PLAIN = Case(
    play="webdav",
    vendor="webdav",
    client=at_root,
    listing=f"PROPFIND {ROOT}*",
    content=f"GET {ROOT}*",
    settings={"has_ids": False, "redirects": True, "absolute": True},
    options={"auth": AUTH},
    file_id=href,
)
