"""One run a connection: a lock on a file beside the ledger, let go by the system at any death."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import orjson

from .errors import LockedError, TemporaryError


@contextlib.contextmanager
def only_run(path: Path, connection: str) -> Iterator[int]:
    """Hold the lock, or raise LockedError that says who does. ``path``: the lock's own file.

    Gives the lock's descriptor: processes that inherit it hold the lock too, until they end.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as problem:
        raise TemporaryError(
            f"the lock cannot be opened: {problem.strerror}",
            where=str(path),
            hint="state: (or FILEHAUL_STATE) must name a writable place on a local disk",
        ) from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LockedError(
                f"another run of {connection!r} is at work: {_holder(descriptor)}",
                where=str(path),
                hint="wait until it has ended, or end it; the lock goes with the process",
            ) from None
        except OSError as problem:
            raise TemporaryError(
                f"the lock cannot be taken: {problem.strerror}",
                where=str(path),
                hint="state: (or FILEHAUL_STATE) must name a place on a local disk",
            ) from None
        started = datetime.now(timezone.utc).isoformat(timespec="seconds")
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": started}
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, orjson.dumps(holder), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def _holder(descriptor: int) -> str:
    try:
        holder = orjson.loads(os.pread(descriptor, 4096, 0))
        return f"process {holder['pid']} on {holder['host']} since {holder['since']}"
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return "it does not say who it is"
