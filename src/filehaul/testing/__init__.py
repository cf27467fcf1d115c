"""A file-storage vendor for tests: real HTTP on a loopback socket, real files, scripted faults.

In pytest (the fixture is registered when filehaul is installed)::

    def test_my_client(fake_vendor):
        vendor = fake_vendor([FakeFile("1", "a.txt", content=b"hello")], page_cap=50)
        vendor.script("/v1/files/*/content", Fault.cut(3))
        my_client(vendor.base_url, vendor.token_url, vendor.client_id, vendor.client_secret)
        assert vendor.count("/v1/files/*/content") == 2

Elsewhere ``with FakeVendor(...) as vendor:``; as a process of its own
``python -m filehaul.testing --serve FOLDER``. Needs the standard library only.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from filehaul.testing.account import Account
    from filehaul.testing.answers import RecordedRequest
    from filehaul.testing.faults import Fault
    from filehaul.testing.files import FakeFile
    from filehaul.testing.generated import content_of
    from filehaul.testing.options import Options
    from filehaul.testing.pytest_plugin import fake_vendor
    from filehaul.testing.vendor import FakeVendor

__all__ = [
    "Account",
    "FakeFile",
    "FakeVendor",
    "Fault",
    "Options",
    "RecordedRequest",
    "content_of",
    "fake_vendor",
]

# Imported when first used: every pytest of everybody who has filehaul installed loads this package
# for its fixture, and most of them never make a vendor; the others may not have pytest.
_HOMES = {
    "Account": "account",
    "FakeFile": "files",
    "FakeVendor": "vendor",
    "Fault": "faults",
    "Options": "options",
    "RecordedRequest": "answers",
    "content_of": "generated",
    "fake_vendor": "pytest_plugin",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
