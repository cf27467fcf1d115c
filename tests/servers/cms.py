"""Wagtail: a CMS whose documents are listed by offset, with records that nest what matters."""

from __future__ import annotations

import base64
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from .installs import from_pypi
from .running import ask, running

VERSION = "8.0.1"
DJANGO = "django==5.2.19"
_SITE = Path(__file__).with_name("cms_site.py")


@dataclass(frozen=True)
class Wagtail:
    """A running site, who may read its API, and its folder."""

    url: str
    user: str
    password: str
    folder: Path
    environment: dict[str, str] = field(repr=False)

    def get(self, path: str) -> bytes:
        """An answer of the API."""
        pair = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return ask(self.url + path, headers={"Authorization": f"Basic {pair}"})

    def replace(self, title: str, file: Path) -> None:
        """Other bytes for a document."""
        _run(self.folder, self.environment, "replace", title, str(file))

    def delete(self, title: str) -> None:
        """Take a document away."""
        _run(self.folder, self.environment, "delete", title)


def _run(folder: Path, environment: dict[str, str], verb: str, *words: str) -> None:
    command = [sys.executable, str(_SITE), verb, str(folder), *words]
    subprocess.run(command, env=environment, check=True, timeout=120)


@contextmanager
def wagtail(folder: Path, files: list[Path]) -> Iterator[Wagtail]:
    """A site of its own, with these files as documents."""
    installed = from_pypi("wagtail", VERSION, "", DJANGO)
    environment = {**os.environ, "PYTHONPATH": str(installed), "PYTHONDONTWRITEBYTECODE": "1"}
    password = secrets.token_hex(16)
    _run(folder, environment, "prepare", password, *map(str, files))

    def command(ports: list[int]) -> list[str]:
        return [sys.executable, str(_SITE), "serve", str(folder), str(ports[0])]

    def home(ports: list[int]) -> str:
        return f"http://127.0.0.1:{ports[0]}/api/v2/documents/"

    with running("wagtail", folder, 1, command, home, environment) as ports:
        url = f"http://127.0.0.1:{ports[0]}"
        yield Wagtail(url, "reader", password, folder, environment)
