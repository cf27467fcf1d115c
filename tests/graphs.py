"""What the tests of Microsoft Graph share: an account, the vendor that plays it, a config."""

from __future__ import annotations

from typing import Any

from filehaul.testing import Account, FakeVendor
from filehaul.testing.plays import new_id_of

TENANT = "contoso.onmicrosoft.com"


def new_account() -> Account:
    """An empty account with ids as SharePoint has them."""
    return Account(new_id=new_id_of("graph"))


def playing(account: Account, **settings: Any) -> FakeVendor:
    """Graph over this account, its bytes at a second origin that takes no Authorization."""
    return FakeVendor.playing("graph", account, settings, second_origin=True)


def at(vendor: FakeVendor) -> dict[str, Any]:
    """The client of a config: the vendor's own addresses and sign-in, quick retries."""
    return {
        "base_url": f"{vendor.base_url}/v1.0",
        "auth": {
            "client_id": vendor.client_id,
            "client_secret": vendor.client_secret,
            "token_url": vendor.token_url,
        },
        "retry": {"backoff_factor": 0.001},
    }


def config_of(vendor: FakeVendor, preset: str = "onedrive", **more: Any) -> dict[str, Any]:
    """A config over a preset; ``drive`` is its parameter, ``files`` go over its resource."""
    drive = more.pop("drive", "me/drive" if preset == "onedrive" else "groups/sales/drive")
    files = {"endpoint": {"params": {"$top": 5}}, **more.pop("files", {})}
    whole = {
        "name": "acme",
        "vendor": {"name": preset, "tenant": TENANT, "drive": drive},
        "client": at(vendor),
        "resources": [{"name": "files", **files}],
        "sink": "files",
        **more,
    }
    return {key: value for key, value in whole.items() if value is not None}
