"""Folders of a sink that are open: reached step by step, so that no link is followed."""

from __future__ import annotations

import contextlib
import os
from collections import OrderedDict
from pathlib import Path

_MOST = 256
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class OpenFolders:
    """Descriptors of folders below a root, by their paths; ``root`` is its own, -1 before `begin`.

    Methods raise OSError.
    """

    def __init__(self) -> None:
        self.root = -1
        self._folders: OrderedDict[str, int] = OrderedDict()

    def begin(self, root: Path) -> None:
        """Open the root. It may be a link: it is the only folder that its owner chose."""
        self.root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def at(self, path: str, make: bool = True) -> int:
        """A folder's descriptor; the folder is made where it is missing.

        Good until the next but two of these calls: only so many stay open.
        """
        if not path:
            return self.root
        known = self._folders.get(path)
        if known is not None:
            self._folders.move_to_end(path)
            return known
        at, above = path.rfind("/"), self.root
        while at > 0:
            found = self._folders.get(path[:at])
            if found is not None:
                above = found
                break
            at = path.rfind("/", 0, at)
        descriptor = _walk(above, path[at + 1 :].split("/"), make)
        self._folders[path] = descriptor
        if len(self._folders) > _MOST:
            os.close(self._folders.popitem(last=False)[1])
        return descriptor

    def has(self, path: str) -> bool:
        """Whether this folder is open."""
        return path in self._folders

    def forget(self, path: str) -> None:
        """Close it, if it is open."""
        descriptor = self._folders.pop(path, None)
        if descriptor is not None:
            os.close(descriptor)

    def forget_all(self) -> None:
        """Someone may have removed a folder that is open here: its descriptor leads nowhere."""
        for descriptor in self._folders.values():
            os.close(descriptor)
        self._folders.clear()

    def end(self) -> None:
        """Close all, and the root."""
        self.forget_all()
        if self.root >= 0:
            os.close(self.root)
            self.root = -1


def _walk(above: int, names: list[str], make: bool) -> int:
    """Step by step, since only the last step of a path is kept from following a link."""
    descriptor = above
    for name in names:
        try:
            below = _step(descriptor, name, make)
        finally:
            if descriptor != above:
                os.close(descriptor)
        descriptor = below
    return descriptor


def _step(above: int, name: str, make: bool) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=above)
    except FileNotFoundError:
        if not make:
            raise
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, dir_fd=above)
    return os.open(name, _FOLDER, dir_fd=above)
