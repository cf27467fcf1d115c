"""Every file below a folder, without following a link, however many there are."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

# Of folders below so many others the names are read at once: half as many descriptors are open.
_DEEP = 64
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_Names = Iterator[tuple[str, int | None]]


def walked(root: int, besides: str) -> Iterator[tuple[str, int]]:
    """Path and size of all below a folder; -1 for what is no regular file. ``root``: its
    descriptor. ``besides``: a name directly in it that is left out.

    What vanishes meanwhile is left out; other trouble is raised as OSError.
    """
    open_folders: list[tuple[str, int, _Names]] = []
    try:
        _enter(open_folders, root, ".", "")
        while open_folders:
            path, descriptor, names = open_folders[-1]
            found = next(names, None)
            if found is None:
                open_folders.pop()
                os.close(descriptor)
                continue
            name, size = found
            if not path and name == besides:
                continue
            if size is None:
                _enter(open_folders, descriptor, name, f"{path}{name}/")
            else:
                yield path + name, size
    finally:
        for _, descriptor, _ in open_folders:
            os.close(descriptor)


def _enter(open_folders: list[tuple[str, int, _Names]], above: int, name: str, path: str) -> None:
    try:
        descriptor = os.open(name, _FOLDER, dir_fd=above)
    except (FileNotFoundError, NotADirectoryError):
        return  # gone, or no folder any longer
    names = _names(descriptor)
    if len(open_folders) >= _DEEP:
        names = iter(list(names))
    open_folders.append((path, descriptor, names))


def _names(descriptor: int) -> _Names:
    """Names in a folder, each with its size: None for a folder, -1 for what is no file."""
    with os.scandir(descriptor) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield entry.name, None
                continue
            try:
                found = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            yield entry.name, found.st_size if stat.S_ISREG(found.st_mode) else -1
