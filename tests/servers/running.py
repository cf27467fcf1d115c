"""A server's life: free ports, a process, wait until it answers, end it by its id."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_TRIES = 3  # a port that was free may be taken before the server has it


class Died(Exception):  # noqa: N818 - says what happened to a server
    """A server ended before it answered; the message is the end of its log."""


def free_ports(count: int) -> list[int]:
    """Ports of the loopback that nobody has now, all different."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def ask(
    url: str,
    method: str = "GET",
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """The body of a 2xx answer; urllib's HTTPError for others."""
    request = urllib.request.Request(url, body, dict(headers or {}), method=method)
    with _DIRECT.open(request, timeout=30) as answer:
        return answer.read()


def ask_json(url: str, given: Any = None, method: str | None = None, token: str = "") -> Any:
    """The same with JSON both ways; ``token`` is the whole Authorization header."""
    headers = {"Accept": "application/json"}
    if token:
        headers["Authorization"] = token
    body = None
    if given is not None:
        headers["Content-Type"] = "application/json"
        body = json.dumps(given).encode()
    return json.loads(ask(url, method or ("GET" if body is None else "POST"), body, headers))


@contextmanager
def running(
    name: str,
    folder: Path,
    ports: int,
    command: Callable[[list[int]], list[str]],
    url: Callable[[list[int]], str],
    environment: Mapping[str, str] | None = None,
    user: int | None = None,
) -> Iterator[list[int]]:
    """Start ``command(ports)``, wait until ``url(ports)`` answers, end it at the end.

    Any HTTP status is an answer; a database's address answers when one can log in. The log is
    ``folder/<name>.log``. ``user``: who runs it, if not we.
    """
    log = folder / f"{name}.log"
    for attempt in range(_TRIES):
        chosen = free_ports(ports)
        process = _start(command(chosen), log, environment, user)
        try:
            _wait(process, url(chosen), log)
        except Died:
            if attempt == _TRIES - 1:
                raise
            continue
        except BaseException:
            _end(process)
            raise
        try:
            yield chosen
        finally:
            _end(process)
        return


def _start(
    command: list[str], log: Path, environment: Mapping[str, str] | None, user: int | None
) -> subprocess.Popen[bytes]:
    if shutil.which("setpriv"):
        # If the tests are killed, their servers go too. setpriv becomes the server: one process.
        command = ["setpriv", "--pdeathsig", "TERM", "--", *command]
    with log.open("ab") as out:
        return subprocess.Popen(
            command,
            cwd=log.parent,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            user=user,
        )


def _wait(process: subprocess.Popen[bytes], url: str, log: Path, seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not _answers(url):
        if process.poll() is not None:
            raise Died(_tail(log))
        if time.monotonic() > until:
            raise TimeoutError(f"no answer within {seconds} s; {_tail(log)}")
        time.sleep(0.05)
    if process.poll() is not None:  # somebody else took the port, and answered
        raise Died(_tail(log))


def _answers(url: str) -> bool:
    if url.startswith("postgresql://"):
        import psycopg2

        try:
            psycopg2.connect(url).close()
        except psycopg2.OperationalError:
            return False
        return True
    try:
        ask(url)
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(2)  # its data goes anyway: nobody waits for a server that takes leave slowly
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _tail(log: Path) -> str:
    return f"the end of {log.name}:\n{log.read_text('utf-8', 'replace')[-2000:]}"
