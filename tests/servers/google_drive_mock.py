"""google-drive-mock (npm, MIT): others' fake of Google Drive v3, in memory.

It knows one token, gives no parts of files and takes text alone; its own tests run against the real
Drive too.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .installs import from_npm, node
from .running import ask, ask_json, running

VERSION = "1.2.0"
# Its peer, and what it needs and does not name.
BESIDE = ("express@5.2.1", "cors@2.8.6")
TOKEN = "valid-token"
FOLDER = "application/vnd.google-apps.folder"


@dataclass(frozen=True)
class GoogleDriveMock:
    """A running mock. ``url``: without ``/drive/v3``."""

    url: str

    def put_folder(self, parent: str, name: str) -> str:
        """A folder; its id."""
        given = {"name": name, "mimeType": FOLDER, "parents": [parent]}
        return str(self._ask("/drive/v3/files", given)["id"])

    def put_file(self, parent: str, name: str, content: str) -> str:
        """A file of text; its id."""
        edge = secrets.token_hex(16)
        told = json.dumps({"name": name, "parents": [parent], "mimeType": "text/plain"})
        parts = [("application/json", told), ("text/plain", content)]
        body = "".join(
            f"--{edge}\r\nContent-Type: {kind}\r\n\r\n{text}\r\n" for kind, text in parts
        )
        headers = {
            "Authorization": f"Bearer {TOKEN}",
            "Content-Type": f"multipart/related; boundary={edge}",
        }
        where = f"{self.url}/upload/drive/v3/files?uploadType=multipart"
        answer = ask(where, "POST", f"{body}--{edge}--\r\n".encode(), headers)
        return str(json.loads(answer)["id"])

    def change(self, file_id: str, given: Any) -> None:
        """Other metadata: a name, the trash."""
        self._ask(f"/drive/v3/files/{file_id}", given, "PATCH")

    def remove(self, file_id: str) -> None:
        """Away with it."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        ask(f"{self.url}/drive/v3/files/{file_id}", "DELETE", None, headers)

    def get(self, path: str) -> Any:
        """What it says."""
        return ask_json(self.url + path, token=f"Bearer {TOKEN}")

    def _ask(self, path: str, given: Any, method: str | None = None) -> Any:
        return ask_json(self.url + path, given, method, f"Bearer {TOKEN}")


@contextmanager
def google_drive_mock(folder: Path) -> Iterator[GoogleDriveMock]:
    """The mock with an empty Drive. Raises OutOfReach where npm's registry is."""
    packages = from_npm("google-drive-mock", VERSION, *BESIDE)
    program = str(node())

    def command(ports: list[int]) -> list[str]:
        start = (
            f"require({json.dumps(str(packages / 'node_modules' / 'google-drive-mock'))})"
            f".startServer({ports[0]}, '127.0.0.1')"
        )
        return [program, "-e", start]

    def url(ports: list[int]) -> str:
        return f"http://127.0.0.1:{ports[0]}"

    with running("google-drive-mock", folder, 1, command, url) as ports:
        yield GoogleDriveMock(url(ports))
