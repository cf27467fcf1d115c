"""Where a token store's bytes are: a file that only its owner may read, or the system's keyring."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import orjson

from ..errors import ConfigError

_ROOM = 64 * 1024  # bytes; tokens of several kilobytes are seen
_SERVICE = "filehaul"
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC  # nobody else's, for certain


class Place(Protocol):
    """Keeps a few kilobytes that nobody else may see. ``told``: where that is, for people."""

    told: str

    def read(self) -> bytes | None:
        """What is kept; None: nothing."""

    def prepare(self) -> None:
        """Make sure that it can be written and that no one else may. Raises ConfigError."""

    def writing(self) -> contextlib.AbstractContextManager[Callable[[bytes], None]]:
        """Room is there now; what is given to the function inside is kept for good."""

    def settle(self) -> None:
        """Finish what a process that was killed had begun to write."""

    def remove(self) -> None:
        """Keep nothing."""


def in_file(path: Path) -> Place:
    """Mode 0600, replaced as a whole."""
    return _File(path)


def in_keyring(path: Path) -> Place:
    """The keyring of whoever is logged in: the account's name is the file's path."""
    return _Keyring(path)


class _File:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.new = path.with_suffix(".new")
        self.told = str(path)

    def read(self) -> bytes | None:
        return self._read(self.path)

    def _read(self, path: Path) -> bytes | None:
        """What we have written there, and nobody else can have."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return None
        except OSError as problem:
            raise self._unusable(f"cannot be read: {problem.strerror}") from None
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if not _is_ours(found):
                raise self._unusable("belongs to another user")
            if found.st_mode & 0o077:
                raise ConfigError(
                    "others may read the token store, or write it",
                    where=str(path),
                    hint=f"chmod 600 {path}; if others had access, sign in again",
                )
            return file.read()

    def _unusable(self, what: str) -> ConfigError:
        return ConfigError(
            f"the token store {what}",
            where=self.told,
            hint="whoever runs filehaul must be able to read and write it, and its folder",
        )

    def prepare(self) -> None:
        folder = self.path.parent
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = folder.stat()
        except OSError as problem:
            raise self._unusable(f"has no folder: {problem.strerror}") from None
        if _others_write(found):
            raise ConfigError(
                "others may write into the token store's folder",
                where=str(folder),
                hint=f"chmod go-w {folder}",
            )
        if not os.access(folder, os.W_OK | os.X_OK):
            raise self._unusable("is in a folder that cannot be written")

    def settle(self) -> None:
        """What is there as a whole came from the vendor: only its rename is missing."""
        text = self._read(self.new)
        if text is None:
            return
        try:
            orjson.loads(text)
            self.new.replace(self.path)
            _sync(self.path.parent)
        except orjson.JSONDecodeError:
            self.new.unlink(missing_ok=True)
        except OSError as problem:
            raise self._unusable(f"cannot be written: {problem.strerror}") from None

    @contextlib.contextmanager
    def writing(self) -> Iterator[Callable[[bytes], None]]:
        """The new file is there, with room for what comes; when it is whole it only needs its name,
        and if it does not get that, `settle` gives it later.
        """
        whole = False

        def write(text: bytes) -> None:
            nonlocal whole
            try:
                _fill(descriptor, text)
                whole = True
                self.new.replace(self.path)
                _sync(self.path.parent)
            except OSError as problem:
                raise ConfigError(
                    f"the new tokens could not be written down: {problem.strerror}; "
                    "where the vendor rotates them the old ones are spent",
                    where=self.told,
                    hint="mend that and run again; if the vendor then refuses: filehaul login",
                ) from None

        try:
            self.new.unlink(missing_ok=True)
            descriptor = os.open(self.new, _NEW, 0o600)
            try:
                # Its room is taken before the vendor is asked: a full disk is met here.
                os.fchmod(descriptor, 0o600)
                _fill(descriptor, b" " * _ROOM)
            except BaseException:
                os.close(descriptor)
                self.new.unlink(missing_ok=True)
                raise
        except OSError as problem:
            raise self._unusable(f"cannot be written: {problem.strerror}") from None
        try:
            yield write
        finally:
            os.close(descriptor)
            if not whole:
                self.new.unlink(missing_ok=True)

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
        _sync(self.path.parent)


def _others_write(folder: os.stat_result) -> bool:
    """Whether somebody else could put other tokens in the place of ours.

    A group of the same number as its user is that user's own, where umask 002 is the custom.
    """
    if not _is_ours(folder):
        return True
    if folder.st_mode & stat.S_IWOTH:
        return not folder.st_mode & stat.S_ISVTX
    return bool(folder.st_mode & stat.S_IWGRP) and folder.st_gid not in (folder.st_uid, 0)


def _is_ours(found: os.stat_result) -> bool:
    """Ours or root's. To root, as in a container whose volume is somebody's folder, all are."""
    return found.st_uid in (os.geteuid(), 0) or os.geteuid() == 0


def _fill(descriptor: int, text: bytes) -> None:
    """Make this all that the file has, on the disk; OSError where it does not fit."""
    done = 0
    while done < len(text):  # a disk that is nearly full takes a part, and refuses the rest
        done += os.pwrite(descriptor, text[done:], done)
    os.ftruncate(descriptor, len(text))
    os.fsync(descriptor)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class _Keyring:
    def __init__(self, path: Path) -> None:
        self.folder = path.parent
        self.account = str(path.with_suffix("").with_suffix("").absolute())
        self.told = f"the system's keyring, {_SERVICE} {self.account}"

    def read(self) -> bytes | None:
        text = self._do("get_password")
        return None if text is None else str(text).encode()

    def prepare(self) -> None:
        self.read()  # a locked keyring says so now
        _File(self.folder / "tokens").prepare()  # the lock is there

    def settle(self) -> None:
        pass

    @contextlib.contextmanager
    def writing(self) -> Iterator[Callable[[bytes], None]]:
        yield lambda text: self._do("set_password", text.decode())

    def remove(self) -> None:
        if self.read() is not None:
            self._do("delete_password")

    def _do(self, what: str, *more: str) -> Any:
        try:
            import keyring
        except ImportError:
            raise ConfigError(
                "the keyring needs the package keyring, which is not installed",
                where="client.auth.store",
                hint="pip install 'filehaul[keyring]', or store: file",
            ) from None
        try:
            return getattr(keyring, what)(_SERVICE, self.account, *more)
        except Exception as problem:  # each system's keyring has its own errors
            raise ConfigError(
                f"the keyring cannot be used ({type(problem).__name__})",
                where=self.told,
                hint="unlock it, or store: file where nobody is logged in (cron, containers)",
            ) from None
