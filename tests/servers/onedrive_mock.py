"""microsoft-onedrive-mock (npm, MIT): others' fake of OneDrive's part of Graph, in memory.

It knows ``/me/drive`` alone, one token, and no pages of ``delta``; its own tests run against the
real OneDrive too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .installs import from_npm, node
from .running import ask, ask_json, running

VERSION = "1.0.5"
# Its peer, and what it needs and does not name.
BESIDE = ("express@5.2.1", "cors@2.8.6")
TOKEN = "valid-token"


@dataclass(frozen=True)
class OneDriveMock:
    """A running mock. ``url``: with ``/v1.0``."""

    url: str

    def put_folder(self, parent: str, name: str) -> str:
        """A folder; its id."""
        made = self._ask(f"/me/drive/items/{parent}/children", {"name": name, "folder": {}})
        return str(made["id"])

    def put_file(self, parent: str, name: str, content: bytes) -> str:
        """A file, new or with other bytes; its id."""
        where = f"{self.url}/me/drive/items/{parent}:/{quote(name)}:/content"
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "text/plain"}
        return str(json.loads(ask(where, "PUT", content, headers))["id"])

    def rename(self, item: str, name: str) -> None:
        """Another name."""
        self._ask(f"/me/drive/items/{item}", {"name": name}, "PATCH")

    def remove(self, item: str) -> None:
        """Away with it."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        ask(f"{self.url}/me/drive/items/{item}", "DELETE", None, headers)

    def _ask(self, path: str, given: Any, method: str | None = None) -> Any:
        return ask_json(self.url + path, given, method, f"Bearer {TOKEN}")


@contextmanager
def onedrive_mock(folder: Path) -> Iterator[OneDriveMock]:
    """The mock with an empty drive. Raises OutOfReach where npm's registry is."""
    packages = from_npm("microsoft-onedrive-mock", VERSION, *BESIDE)
    program = str(node())

    def command(ports: list[int]) -> list[str]:
        start = (
            f"require({json.dumps(str(packages / 'node_modules' / 'microsoft-onedrive-mock'))})"
            f".startServer({ports[0]}, '127.0.0.1')"
        )
        return [program, "-e", start]

    def url(ports: list[int]) -> str:
        return f"http://127.0.0.1:{ports[0]}"

    with running("onedrive-mock", folder, 1, command, url) as ports:
        yield OneDriveMock(f"{url(ports)}/v1.0")
