"""nginx with a configuration of its own, on loopback, and what its log tells."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .measure import BenchError, environment, found

PACKAGES = "nginx rclone curl"
_LATE = 0.25  # seconds; each worker writes its part of the log every 0.1
_CONF = """
daemon off;
worker_processes 2;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 2048; }}
http {{
    types {{ }}
    default_type application/octet-stream;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 10000000;
    log_format bench '$msec $request_time $request_method $status $body_bytes_sent $uri';
    access_log {folder}/access.log bench buffer=512k flush=100ms;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} reuseport;
        listen 127.0.0.1:{tls_port} ssl reuseport;
        ssl_certificate {folder}/cert.pem;
        ssl_certificate_key {folder}/key.pem;
        root {tree};
        autoindex on;
        # What one connection gets, as vendors have it: bytes a second.
        location /capped/ {{ limit_rate 52428800; }}
        location ~ ^/v1/([a-z]+)$ {{
            default_type application/json;
            try_files /pages/$1/$arg_offset.json =404;
        }}
    }}
}}
"""


@dataclass
class Web:
    """A running nginx."""

    port: int
    tls_port: int
    folder: Path
    offset: int = 0

    @property
    def log(self) -> Path:
        """Its access log."""
        return self.folder / "access.log"

    @property
    def certificate(self) -> Path:
        """The certificate that clients are to trust."""
        return self.folder / "cert.pem"

    def url(self, tls: bool = False) -> str:
        """Where it answers."""
        return f"https://127.0.0.1:{self.tls_port}" if tls else f"http://127.0.0.1:{self.port}"

    def mark(self) -> None:
        """What is in the log by now does not count."""
        time.sleep(_LATE)
        self.offset = self.log.stat().st_size

    def content(self, folder: str, expected: int) -> tuple[float, int]:
        """Since the mark: seconds from the first to the last GET of content, and how many.

        Waits for the log to show ``expected`` of them, since nginx writes it late.
        """
        time.sleep(_LATE)
        for _ in range(50):
            first, last, count = self._read(f"/{folder}/")
            if count >= expected:
                return last - first, count
            time.sleep(0.1)
        raise BenchError(f"nginx's log has {count} content requests, not {expected}")

    def requests(self) -> int:
        """Since the mark: how many requests there were."""
        time.sleep(_LATE)
        with self.log.open() as log:
            log.seek(self.offset)
            return sum(1 for _ in log)

    def _read(self, prefix: str) -> tuple[float, float, int]:
        first, last, count = float("inf"), 0.0, 0
        with self.log.open() as log:
            log.seek(self.offset)
            for line in log:
                end, took, method, status, _, uri = line.rstrip("\n").split(" ", 5)
                if method == "GET" and status in ("200", "206") and uri.startswith(prefix):
                    if uri.endswith("/"):
                        continue  # the index page
                    first = min(first, float(end) - float(took))
                    last = max(last, float(end))
                    count += 1
        return first, last, count


@contextmanager
def nginx(folder: Path, tree: Path) -> Iterator[Web]:
    """nginx over a tree, until the block ends."""
    program = found("nginx", PACKAGES)
    port, tls_port = _free_port(), _free_port()
    _make_certificate(folder)
    conf = folder / "nginx.conf"
    conf.write_text(_CONF.format(folder=folder, tree=tree, port=port, tls_port=tls_port))
    command = [program, "-p", str(folder), "-c", str(conf), "-e", str(folder / "error.log")]
    process = subprocess.Popen(command, env=environment(), stdin=subprocess.DEVNULL)
    try:
        _wait_for(port, process, folder)
        yield Web(port, tls_port, folder)
    finally:
        process.terminate()
        process.wait(10)


def _make_certificate(folder: Path) -> None:
    command = [found("openssl", "openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes"]
    command += ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    command += ["-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(command, check=True, capture_output=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    for _ in range(100):
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), 0.1).close()
            return
        except OSError:
            time.sleep(0.05)
    log = folder / "error.log"
    words = log.read_text() if log.exists() else "it has left no log"
    raise BenchError(f"nginx does not start: {words}")
