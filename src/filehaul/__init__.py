"""filehaul: every file behind any file-storage API, as a table and as verified bytes.

    import filehaul
    report = filehaul.sync("acme.yaml")          # the catalogue and the copy
    source = filehaul.rest_api_source({...})      # the same listing as a dlt source

Everything is imported when it is first used: ``import filehaul`` alone costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .config import Config, load_config
    from .report import Report
    from .signing_in import login
    from .source import file_source, rest_api_source
    from .spine import sync
    from .verification import Verification, verify

__version__ = "0.1.0"
__all__ = [
    "Config",
    "Report",
    "Verification",
    "file_source",
    "load_config",
    "login",
    "rest_api_source",
    "sync",
    "verify",
]

_HOMES = {
    "Config": "config",
    "Report": "report",
    "Verification": "verification",
    "file_source": "source",
    "load_config": "config",
    "login": "signing_in",
    "rest_api_source": "source",
    "sync": "spine",
    "verify": "verification",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'filehaul' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f".{home}", __name__), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
