"""What the tests of Dropbox share: an account, the vendor that plays it, a config."""

from __future__ import annotations

from typing import Any

from filehaul.testing import Account, FakeVendor, Fault
from filehaul.testing.conformance import Case
from filehaul.testing.plays import new_id_of


def new_account() -> Account:
    """An empty account with ids as Dropbox has them."""
    return Account(new_id=new_id_of("dropbox"))


def playing(account: Account, **settings: Any) -> FakeVendor:
    """Dropbox over this account, its bytes at a second origin: the content host."""
    options = {key: settings.pop(key) for key in ("page_cap", "rate_limit") if key in settings}
    return FakeVendor.playing("dropbox", account, settings, second_origin=True, **options)


def at(vendor: FakeVendor) -> dict[str, Any]:
    """The client of a config: the vendor's own addresses and sign-in, quick retries."""
    return {
        "base_url": f"{vendor.base_url}/2",
        "auth": {
            "type": "oauth2_refresh_token",
            "client_id": vendor.client_id,
            "client_secret": vendor.client_secret,
            "token_url": vendor.token_url,
            "refresh_token": vendor.grants.refresh_token(),
        },
        "retry": {"backoff_factor": 0.001},
    }


def config_of(vendor: FakeVendor, **more: Any) -> dict[str, Any]:
    """A config over the preset; ``files`` go over its resource, ``vendor`` are its parameters."""
    whole = {
        "name": "acme",
        "vendor": {
            "name": "dropbox",
            "content_host": vendor.other_url,
            **more.pop("parameters", {}),
        },
        "client": at(vendor),
        "resources": [{"name": "files", **more.pop("files", {})}],
        "sink": "files",
        **more,
    }
    return {key: value for key, value in whole.items() if value is not None}


CASE = Case(
    play="dropbox",
    vendor="dropbox",
    parameters=lambda vendor: {"content_host": vendor.other_url},
    client=at,
    listing="POST /2/files/list_folder*",
    content="GET /2/files/[de]*",
    feed="POST /2/files/list_folder*",
    path=lambda account, node: "/" + account.path(node.node_id),
    options={"page_cap": 3, "second_origin": True},
    throttled=[
        Fault.status(429, {"error": {"retry_after": 7}}, retry_after=7),
        Fault.status(429, "too many requests", {"Content-Type": "text/plain"}),
    ],
)
