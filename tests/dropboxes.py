"""What the tests of Dropbox share: an account, the vendor that plays it, a config."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from filehaul.testing import Account, FakeVendor
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
        "auth": {"type": "bearer", "token": vendor.grants.issue()},
        "retry": {"backoff_factor": 0.001},
    }


def meanwhile(vendor: FakeVendor, path: str, happens: Callable[[], object]) -> list[str]:
    """Before the first request to this path is answered, this happens; the list then has it."""
    play, fired = vendor.play, []
    answer = play.answer

    def answering(request: Any) -> Any:
        if request.path == path and not fired:
            fired.append(path)
            happens()
        return answer(request)

    play.answer = answering
    return fired


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
