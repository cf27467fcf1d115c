"""The token store: what a connection is signed in with, between runs, and its one writer.

A vendor that rotates refresh tokens honours each of them once, and may revoke the whole sign-in
when one comes twice. So whoever renews holds a lock that all processes of this machine share, reads
what is kept under it, and writes the answer down before anybody uses it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import orjson

from ..errors import ConfigError, TemporaryError
from ..redact import conceal
from .places import Place, in_file, in_keyring

_MOST = 20  # sign-ins; the oldest go
_POLL = 0.1  # seconds between two looks at a lock that another process holds


@dataclass(frozen=True)
class Kept:
    """One sign-in as it is kept. Times are seconds since the epoch, 0 where not known.

    ``client``: a digest of whom and what it is for; empty: nobody is signed in. ``seed``: a digest
    of the config's own refresh token at the time; another one there later wins.
    """

    client: str = ""
    seed: str = ""
    access_token: str = field(default="", repr=False)
    renew_at: float = 0.0
    ends_at: float = 0.0
    refresh_token: str = field(default="", repr=False)
    refresh_ends_at: float = 0.0
    account: str = ""
    signed_in_at: float = 0.0
    renewed_at: float = 0.0


def digest(*parts: str) -> str:
    """A name for what must not be written down; empty for nothing."""
    text = "\n".join(parts)
    return hashlib.sha256(text.encode()).hexdigest()[:32] if text else ""


class Store:
    """A connection's tokens, in ``.filehaul`` beside its config or in the system's keyring.

    It has a sign-in for each client that has asked under this connection's name: two scripts whose
    configs are dicts, and so share a name, must not cost each other a single-use token.
    ``folder`` also has the lock, wherever the tokens are; it is made when it is first needed.
    """

    def __init__(self, folder: Path, name: str, where: Literal["file", "keyring"]) -> None:
        self.name = name
        self._lock = folder / f"{name}.tokens.lock"
        path = folder / f"{name}.tokens.json"
        self.place: Place = in_file(path) if where == "file" else in_keyring(path)

    def look(self, client: str) -> Kept:
        """What is kept for this client, without the lock. ConfigError where it cannot be read."""
        return self._all().get(client, Kept())

    def newest(self) -> Kept:
        """Whichever sign-in was renewed last."""
        return max(self._all().values(), key=lambda one: one.renewed_at, default=Kept())

    @contextlib.contextmanager
    def only_writer(self, wait: Callable[[float], None], patience: float) -> Iterator[None]:
        """Hold the lock. TemporaryError where another process has it for ``patience`` seconds."""
        self.place.prepare()
        try:
            descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as problem:
            raise self._unlockable(problem) from None
        try:
            self._take(descriptor, wait, patience)
            self.place.settle()
            yield
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def writing(self) -> Iterator[Callable[[Kept], None]]:
        """Under the lock: gives what writes. Room for it is made sure of before the vendor is
        asked, since a single-use token is spent by then.
        """
        known = self._all()

        def keep(kept: Kept) -> None:
            entries = sorted({**known, kept.client: kept}.values(), key=lambda one: one.renewed_at)
            write(orjson.dumps([asdict(one) for one in entries[-_MOST:]]))

        with self.place.writing() as write:
            yield keep

    def _take(self, descriptor: int, wait: Callable[[float], None], patience: float) -> None:
        waited = 0.0
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if waited >= patience:
                    raise TemporaryError(
                        "another process has been asking for a token all the while",
                        where=str(self._lock),
                        hint="run again later; the lock goes with the process that holds it",
                    ) from None
            except OSError as problem:
                raise self._unlockable(problem) from None
            wait(_POLL)
            waited += _POLL

    def _unlockable(self, problem: OSError) -> ConfigError:
        return ConfigError(
            f"the token store cannot be locked: {problem.strerror}",
            where=str(self._lock),
            hint="keep the config in a folder of yours, on a local disk",
        )

    def forget(self, client: str, wait: Callable[[float], None], patience: float) -> bool:
        """Remove what is kept for this client; False: there was nothing."""
        with self.only_writer(wait, patience):
            left = self._all()
            if left.pop(client, None) is None:
                return False
            if not left:
                self.place.remove()
                return True
            with self.place.writing() as write:
                write(orjson.dumps([asdict(one) for one in left.values()]))
        return True

    def _all(self) -> dict[str, Kept]:
        text = self.place.read()
        if text is None:
            return {}
        empty = asdict(Kept())
        try:
            found = [
                Kept(**{key: type(none)(values.get(key, none)) for key, none in empty.items()})
                for values in orjson.loads(text)
            ]
        except (AttributeError, TypeError, ValueError):  # orjson's own is a ValueError
            raise ConfigError(
                "the token store is damaged",
                where=self.place.told,
                hint="remove it and sign in again: filehaul login CONFIG",
            ) from None
        for kept in found:
            conceal(kept.access_token, passing=True)
            conceal(kept.refresh_token, passing=True)
        return {kept.client: kept for kept in found}
