"""Prism (npm ``@stoplight/prism-cli``): an API played after its OpenAPI document. It refuses what
the document does not have, and answers with the document's own examples.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .installs import from_npm, node
from .running import running

_PACKAGE = "@stoplight/prism-cli"
_VERSION = "5.14.2"  # the last one that runs on the Node that the other servers have


@contextmanager
def prism(document: Path, folder: Path) -> Iterator[str]:
    """The address of the API; its log is in ``folder``. Any token is good."""
    program = from_npm(_PACKAGE, _VERSION) / "node_modules" / _PACKAGE / "dist" / "index.js"

    def command(ports: list[int]) -> list[str]:
        served = ["mock", "--errors", "-h", "127.0.0.1", "-p", str(ports[0]), str(document)]
        return [str(node()), str(program), *served]

    def at(ports: list[int]) -> str:
        return f"http://127.0.0.1:{ports[0]}"

    with running("prism", folder, 1, command, lambda ports: f"{at(ports)}/") as ports:
        yield at(ports)
