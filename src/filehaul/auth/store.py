"""The token store: what a connection is signed in with, between runs, and its one writer.

A vendor that rotates refresh tokens honours each of them once, and may revoke the whole sign-in
when one comes twice. So whoever renews holds a lock that all processes of this machine share, reads
what is kept under it, and writes the answer down before anybody uses it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import orjson

from ..errors import ConfigError, TemporaryError
from ..redact import conceal
from .places import Place, in_file, in_keyring

_POLL = 0.1  # seconds between two looks at a lock that another process holds


@dataclass(frozen=True)
class Kept:
    """What the store has of one sign-in. Times are seconds since the epoch, 0 where not known.

    ``client``: a digest of whom and what it is for. ``seed``: a digest of the config's own refresh
    token at the time; another one there later wins.
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


class Store:
    """One connection's tokens, in ``.filehaul`` beside its config or in the system's keyring.

    ``folder`` also has the lock, wherever the tokens are; it is made when it is first needed.
    """

    def __init__(self, folder: Path, name: str, where: Literal["file", "keyring"]) -> None:
        self.name = name
        self._lock = folder / f"{name}.tokens.lock"
        path = folder / f"{name}.tokens.json"
        self.place: Place = in_file(path) if where == "file" else in_keyring(path)

    def look(self) -> Kept:
        """What is kept, without the lock. Raises ConfigError where it cannot be read."""
        return _read(self.place)

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
        with self.place.writing() as write:
            yield lambda kept: write(orjson.dumps(asdict(kept)))

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

    def forget(self, wait: Callable[[float], None], patience: float) -> bool:
        """Remove what is kept; False: there was nothing."""
        if not self.look().client:
            return False
        with self.only_writer(wait, patience):
            self.place.remove()
        return True


def _read(place: Place) -> Kept:
    text = place.read()
    if text is None:
        return Kept()
    try:
        values = orjson.loads(text)
        empty = asdict(Kept())
        kept = Kept(**{key: type(none)(values.get(key, none)) for key, none in empty.items()})
    except (AttributeError, TypeError, ValueError):  # orjson's own is a ValueError
        raise ConfigError(
            "the token store is damaged",
            where=place.told,
            hint="remove it and sign in again: filehaul login CONFIG",
        ) from None
    for token in (kept.access_token, kept.refresh_token):
        conceal(token, passing=True)
    return kept
