"""Where bytes land. This one is a folder; the seam (`Sink`) is for buckets too.

Bytes are written under a partial name inside ``<sink>/.filehaul/``, and get their own name by one
rename after they were verified. All opening, making and renaming goes through descriptors of
folders that were opened without following links: a link planted in the sink leads nowhere.
"""

from __future__ import annotations

import contextlib
import errno
import os
import uuid
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from . import checksums
from .errors import FilehaulError, SinkError

HOME = ".filehaul"
_PARTIALS = "partial"
_MARK = "sink"
_OPEN_FOLDERS = 256
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
_PERMANENT = frozenset({errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EEXIST})


class Sink(Protocol):
    """Where verified bytes are kept. Paths are relative, safe (`filehaul.names`), with ``/``."""

    identity: str

    def create(self, partial: str) -> int:
        """A descriptor for a new, empty partial."""

    def commit(self, partial: str, target: str) -> None:
        """The partial becomes the file, at once and whole."""

    def size(self, target: str) -> int | None:
        """The file's size; None where there is no such file."""

    def digests(self, target: str, algorithms: Iterable[str]) -> dict[str, str] | None:
        """The checksums of the file's bytes; None where there is no such file."""

    def move(self, old: str, new: str) -> None:
        """Another name for the same bytes."""

    def remove(self, target: str) -> None:
        """Forget the file; no error where there is none."""

    def discard(self, partial: str) -> None:
        """Forget a partial; no error where there is none."""

    def tidy(self) -> int:
        """Remove all partials; how many there were."""

    def url(self, target: str) -> str:
        """The file's address for people and tables."""


class NameTakenError(FilehaulError):
    """The file system will not have this name: a folder or a link stands there."""

    kind = "sink"


class Folder:
    """A sink on a local disk. ``durable``: whether bytes are forced to the disk before receipts."""

    def __init__(self, root: Path, durable: bool = False) -> None:
        self.root = root
        self.durable = durable
        self.identity = str(root.absolute())
        self._folders: OrderedDict[str, int] = OrderedDict()
        self._root = -1

    def open(self) -> str:
        """Make or open the folder. Returns its mark: another one means that it was emptied."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self._root = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            home = self._folder(HOME)
            self._folder(f"{HOME}/{_PARTIALS}")
            try:
                descriptor = os.open(_MARK, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=home)
            except FileNotFoundError:
                return self._make_mark(home)
            with os.fdopen(descriptor) as file:
                return file.read(64).strip() or self._make_mark(home)
        except OSError as problem:
            raise self._trouble(problem, str(self.root)) from problem

    def _make_mark(self, home: int) -> str:
        mark = uuid.uuid4().hex
        with os.fdopen(os.open(_MARK, _NEW, 0o644, dir_fd=home), "w") as file:
            file.write(mark + "\n")
        return mark

    # -- folders ---------------------------------------------------------------------------

    def _folder(self, path: str, make: bool = True) -> int:
        """A descriptor of a folder below the root; made where it is missing."""
        if not path:
            return self._root
        descriptor = self._folders.get(path)
        if descriptor is not None:
            self._folders.move_to_end(path)
            return descriptor
        parent, _, name = path.rpartition("/")
        above = self._folder(parent, make)
        try:
            descriptor = os.open(name, _FOLDER, dir_fd=above)
        except FileNotFoundError:
            if not make:
                raise
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, dir_fd=above)
            descriptor = os.open(name, _FOLDER, dir_fd=above)
        self._folders[path] = descriptor
        if len(self._folders) > _OPEN_FOLDERS:
            _, oldest = self._folders.popitem(last=False)
            os.close(oldest)
        return descriptor

    def _place(self, partial: str) -> tuple[int, str]:
        # Spread over folders: renames out of one crowded folder wait for each other.
        return self._folder(f"{HOME}/{_PARTIALS}/{partial[:2]}"), partial

    # -- partials and files ----------------------------------------------------------------

    def create(self, partial: str) -> int:
        """A descriptor for a new, empty partial."""
        try:
            folder, name = self._place(partial)
            return os.open(name, _NEW, 0o666, dir_fd=folder)
        except OSError as problem:
            raise self._trouble(problem, partial) from problem

    def commit(self, partial: str, target: str) -> None:
        """One rename. Whatever had the name before is replaced at once and whole."""
        parent, _, name = target.rpartition("/")
        try:
            folder, source = self._place(partial)
            os.rename(source, name, src_dir_fd=folder, dst_dir_fd=self._folder(parent))
        except OSError as problem:
            raise self._trouble(problem, target) from problem

    def size(self, target: str) -> int | None:
        """The file's size; None where there is no regular file of that name."""
        parent, _, name = target.rpartition("/")
        try:
            found = os.stat(name, dir_fd=self._folder(parent, make=False), follow_symlinks=False)
        except OSError:
            return None
        return found.st_size if (found.st_mode & 0o170000) == 0o100000 else None

    def digests(self, target: str, algorithms: Iterable[str]) -> dict[str, str] | None:
        """The checksums of the file's bytes; None where there is no regular file of that name."""
        if self.size(target) is None:
            return None
        parent, _, name = target.rpartition("/")
        try:
            descriptor = os.open(
                name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=self._folder(parent, make=False)
            )
        except OSError:
            return None
        hashes = {algorithm: checksums.new(algorithm) for algorithm in algorithms}
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            while chunk := file.read(1 << 20):
                for digest in hashes.values():
                    digest.update(chunk)
        return {algorithm: digest.hexdigest() for algorithm, digest in hashes.items()}

    def move(self, old: str, new: str) -> None:
        """Rename within the sink."""
        old_parent, _, old_name = old.rpartition("/")
        new_parent, _, new_name = new.rpartition("/")
        try:
            source = self._folder(old_parent, make=False)
            os.rename(old_name, new_name, src_dir_fd=source, dst_dir_fd=self._folder(new_parent))
        except OSError as problem:
            raise self._trouble(problem, new) from problem
        self._prune(old_parent)

    def remove(self, target: str) -> None:
        """Unlink, and remove the folders that this leaves empty."""
        parent, _, name = target.rpartition("/")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._folder(parent, make=False))
        self._prune(parent)

    def _prune(self, folder: str) -> None:
        while folder:
            descriptor = self._folders.pop(folder, None)
            if descriptor is not None:
                os.close(descriptor)
            parent, _, name = folder.rpartition("/")
            try:
                os.rmdir(name, dir_fd=self._folder(parent, make=False))
            except OSError:  # not empty, or not ours to remove
                return
            folder = parent

    def discard(self, partial: str) -> None:
        """Unlink a partial."""
        with contextlib.suppress(OSError):
            folder, name = self._place(partial)
            os.unlink(name, dir_fd=folder)

    def tidy(self) -> int:
        """Remove all partials; how many there were."""
        removed = 0
        top = f"{HOME}/{_PARTIALS}"
        for spread in os.listdir(self._folder(top)):  # noqa: PTH208 - by descriptor
            with contextlib.suppress(OSError):
                folder = self._folder(f"{top}/{spread}", make=False)
                for name in os.listdir(folder):  # noqa: PTH208
                    os.unlink(name, dir_fd=folder)
                    removed += 1
        return removed

    def flush(self) -> None:
        """Force what was committed to the disk, where that is asked for."""
        if self.durable:
            os.sync()

    def url(self, target: str) -> str:
        """A ``file://`` address."""
        return (self.root.absolute() / target).as_uri()

    def close(self) -> None:
        """Close all descriptors."""
        for descriptor in self._folders.values():
            os.close(descriptor)
        self._folders.clear()
        if self._root >= 0:
            os.close(self._root)
            self._root = -1

    def _trouble(self, problem: OSError, where: str) -> FilehaulError:
        """What the system says, in words: permanent for one name, temporary for the sink."""
        if problem.errno in _PERMANENT:
            return NameTakenError(
                f"the sink cannot have a file of this name ({problem.strerror})",
                where=where,
                hint="a folder or a link stands in its way: move it, or use layout: by_id",
            )
        return trouble(problem, self.root)


def trouble(problem: OSError, root: Path) -> SinkError:
    """The sink itself is in trouble: the run stops, and goes on when it is mended."""
    words = {
        errno.ENOSPC: "the sink is full",
        errno.EDQUOT: "the sink's quota is used up",
        errno.EROFS: "the sink is read-only",
        errno.EACCES: "the sink may not be written",
        errno.EPERM: "the sink may not be written",
        errno.ENOENT: "the sink has been removed while it was in use",
    }.get(problem.errno or 0, "the sink cannot be used")
    return SinkError(
        f"{words} ({problem.strerror or problem})",
        where=str(root),
        hint="mend it and run again: it goes on where it stopped",
    )
