"""A sink on a local disk.

Bytes are written under a partial name inside ``<sink>/.filehaul/``, and get their own name by one
rename after they were verified. All opening, making and renaming goes through descriptors of
folders that were opened without following links: a link planted in the sink leads nowhere.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import threading
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

from .. import checksums
from ..errors import ConfigError, FilehaulError, SinkError
from ..models import Receipt
from .opened import OpenFolders
from .rename import rename_new
from .trouble import NAME, trouble
from .walked import walked

HOME = ".filehaul"
_PARTIALS = "partial"
MARK = "sink"
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Folder:
    """A sink on a local disk.

    ``durable``: whether bytes are forced to the disk before receipts. ``user``: what tells this
    run's partials from those of another place with the same connection. ``owner``: the connection,
    which is the only one that may use this folder.
    """

    def __init__(
        self,
        root: Path,
        durable: bool = False,
        user: str = "filehaul",
        owner: str = "filehaul",
    ) -> None:
        self.root = root
        self.user = user
        self.owner = owner
        self.durable = durable
        self.identity = str(root.absolute())
        self.disturbed = False  # whether somebody removed a folder that was in use
        self._partials = f"{HOME}/{_PARTIALS}/{user}"
        self._opened = OpenFolders()
        self._opening = threading.Lock()

    def open(self) -> str:
        """Make or open the folder. Returns its mark: another one means that it was replaced.

        Raises ConfigError where it is no folder or another connection's, SinkError where it cannot
        be used now.
        """
        try:
            home = self._open()
            try:
                flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
                descriptor = os.open(MARK, flags, dir_fd=home)
            except FileNotFoundError:
                return self._make_mark(home)
            with os.fdopen(descriptor, "rb") as file:
                mark, _, owner = file.read(4096).decode("utf-8", "replace").strip().partition("\n")
            if owner and owner != self.owner:
                raise self._owned_by(owner)
            return mark or self._make_mark(home)
        except OSError as problem:
            raise self._not_ours(problem) from problem

    def open_partials(self) -> None:
        """Make or open it for partials alone: it is no sink, and gets no mark. Raises as `open`."""
        try:
            self._open()
        except OSError as problem:
            raise self._not_ours(problem) from problem

    def _open(self) -> int:
        self.root.mkdir(parents=True, exist_ok=True)
        self._opened.begin(self.root)
        home = self._folder(HOME)
        self._folder(self._partials)
        return home

    def _not_ours(self, problem: OSError) -> FilehaulError:
        if problem.errno not in NAME:
            return trouble(problem, self.root)
        return ConfigError(
            f"the sink is not a folder of its own ({problem.strerror})",
            where=str(self.root),
            hint=f"a file or a link stands at it, or at {HOME} in it: move that away",
        )

    def _owned_by(self, other: str) -> ConfigError:
        """Two connections would replace each other's files wherever their paths are the same."""
        return ConfigError(
            f"the sink belongs to the connection {other!r}",
            where=str(self.root),
            hint=f"give {self.owner!r} a folder of its own (sink:); if it is {other!r} by a new "
            f"name, remove {self.root / HOME / MARK}",
        )

    def _make_mark(self, home: int) -> str:
        mark = uuid.uuid4().hex
        with contextlib.suppress(FileNotFoundError):
            os.unlink(MARK, dir_fd=home)
        with os.fdopen(os.open(MARK, _NEW, 0o644, dir_fd=home), "w", encoding="utf-8") as file:
            file.write(f"{mark}\n{self.owner}\n")
        return mark

    def seal(self) -> str:
        """Changes when a name directly in the folder comes or goes: was anyone else here?"""
        try:
            found = os.fstat(self._opened.root)
        except OSError as problem:
            raise trouble(problem, self.root) from problem
        return f"{found.st_ino}:{found.st_mtime_ns}"

    # -- folders ---------------------------------------------------------------------------

    def _folder(self, path: str, make: bool = True) -> int:
        """A descriptor of a folder below the root; made where it is missing.

        Good until the next but two of these calls: only so many stay open.
        """
        return self._opened.at(path, make)

    def partial_path(self, partial: str) -> Path:
        """Where a partial lies."""
        return self.root / self._partials / partial[:1] / partial

    def _place(self, partial: str) -> int:
        # Spread over folders: one crowded folder is slow to look names up in.
        return self._folder(f"{self._partials}/{partial[:1]}")

    # -- partials and files ----------------------------------------------------------------

    def create(self, partial: str) -> int:
        """A descriptor for a new, empty partial; whatever has its name goes."""
        try:
            folder = self._place(partial)
            try:
                return os.open(partial, _NEW, 0o666, dir_fd=folder)
            except FileExistsError:
                os.unlink(partial, dir_fd=folder)
                return os.open(partial, _NEW, 0o666, dir_fd=folder)
        except OSError as problem:
            raise trouble(problem, self.root, partial) from problem

    def reopen(self, partial: str) -> int | None:
        """A descriptor for a partial of an earlier run; None where there is none, or no file."""
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            descriptor = os.open(partial, flags, dir_fd=self._place(partial))
        except OSError:
            return None
        found = os.fstat(descriptor)
        if stat.S_ISREG(found.st_mode) and found.st_nlink == 1:
            return descriptor
        os.close(descriptor)
        return None

    def keep(self, partial: str, data: bytes) -> None:
        """A whole partial at once."""
        descriptor = self.create(partial)
        try:
            written = os.write(descriptor, data)
            while written < len(data):
                written += os.write(descriptor, memoryview(data)[written:])
        except OSError as problem:
            raise trouble(problem, self.root, partial) from problem
        finally:
            os.close(descriptor)

    def commit(self, partial: str, target: str, _receipt: Receipt | None = None) -> None:
        """One rename. Whatever had the name before is replaced at once and whole."""
        self._commit(partial, target, os.rename)

    def place(self, partial: str, target: str, _receipt: Receipt | None = None) -> bool:
        """The same, where the name is free. False: something stands there, and stays."""
        try:
            self._commit(partial, target, rename_new)
        except FileExistsError:
            return False
        return True

    def _commit(self, partial: str, target: str, rename: Callable[..., None]) -> None:
        partial_path = f"{self._partials}/{partial[:1]}/{partial}"
        try:
            try:
                self._rename(partial_path, target, rename)
            except FileNotFoundError:
                self.disturbed = True
                self._opened.forget_all()
                self._rename(partial_path, target, rename)
        except OSError as problem:
            if rename is rename_new and problem.errno == errno.EEXIST:
                raise
            raise trouble(problem, self.root, target) from problem

    def _rename(self, old: str, new: str, rename: Callable[..., None] = os.rename) -> None:
        old_parent, _, old_name = old.rpartition("/")
        new_parent, _, new_name = new.rpartition("/")
        above = self._folder(new_parent)
        place = self._folder(old_parent, make=False)
        rename(old_name, new_name, src_dir_fd=place, dst_dir_fd=above)

    def look_ahead(self, _targets: Iterable[str]) -> None:
        """A disk answers at once."""

    def size(self, target: str) -> int | None:
        """The file's size; None where there is no regular file of that name."""
        parent, _, name = target.rpartition("/")
        try:
            found = os.stat(name, dir_fd=self._folder(parent, make=False), follow_symlinks=False)
        except OSError:
            return None
        return found.st_size if (found.st_mode & 0o170000) == 0o100000 else None

    def sizes(self, targets: Iterable[str]) -> dict[str, int]:
        """The sizes of those of these files that are there."""
        found = ((target, self.size(target)) for target in targets)
        return {target: size for target, size in found if size is not None}

    def vacant(self, targets: Iterable[str]) -> set[str]:
        """Those of these names at which nothing at all stands."""
        free, absent = set(), set()
        for target in targets:
            parent, _, name = target.rpartition("/")
            if parent not in absent:
                try:
                    os.stat(name, dir_fd=self._folder(parent, make=False), follow_symlinks=False)
                    continue
                except FileNotFoundError:
                    if parent and not self._opened.has(parent):
                        absent.add(parent)
                except OSError:
                    continue
            free.add(target)
        return free

    def same(self, one: str, other: str) -> bool:
        """Whether two names are one file (a disk that ignores case)."""
        found = [self._stat(one), self._stat(other)]
        known = {(entry.st_dev, entry.st_ino) for entry in found if entry is not None}
        return None not in found and len(known) == 1

    def _stat(self, target: str) -> os.stat_result | None:
        parent, _, name = target.rpartition("/")
        try:
            folder = self._folder(parent, make=False)
            return os.stat(name, dir_fd=folder, follow_symlinks=False)
        except OSError:
            return None

    def digests(
        self,
        target: str,
        algorithms: Iterable[str],
        cancelled: Callable[[], bool] = lambda: False,
        read: bool = True,  # noqa: ARG002 - a folder keeps no checksums
    ) -> dict[str, str] | None:
        """The checksums of the file's bytes; None where there is no regular file of that name,
        or none that can be read, or where ``cancelled`` said yes meanwhile.
        """
        parent, _, name = target.rpartition("/")
        hashes = {algorithm: checksums.new(algorithm) for algorithm in algorithms}
        try:
            with self._opening:  # folders that are open are shared, and come and go
                if self.size(target) is None:
                    return None
                flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
                descriptor = os.open(name, flags, dir_fd=self._folder(parent, make=False))
            with os.fdopen(descriptor, "rb", buffering=0) as file:
                while chunk := file.read(1 << 20):
                    if cancelled():
                        return None
                    for digest in hashes.values():
                        digest.update(chunk)
        except OSError:
            return None
        return {algorithm: digest.hexdigest() for algorithm, digest in hashes.items()}

    def files(self) -> Iterator[tuple[str, int]]:
        """Path and size of all that is in the folder, but for what is ours alone; no order. The
        size of a link, or of what else is no regular file, is -1.
        """
        try:
            yield from walked(self._opened.root, HOME)
        except OSError as problem:
            raise trouble(problem, self.root) from problem

    def move(self, old: str, new: str) -> None:
        """Rename within the sink. Whatever had the new name is replaced."""
        try:
            self._rename(old, new)
        except OSError as problem:
            raise trouble(problem, self.root, new) from problem
        self._prune(old.rpartition("/")[0])

    def remove(self, target: str) -> None:
        """Unlink, and remove the folders that this leaves empty. No error where there is none, or
        where it is no file any more.
        """
        parent, _, name = target.rpartition("/")
        try:
            os.unlink(name, dir_fd=self._folder(parent, make=False))
        except FileNotFoundError:
            pass
        except OSError as problem:
            found = trouble(problem, self.root, target)
            if isinstance(found, SinkError):
                raise found from problem
        self._prune(parent)

    def clear(self, targets: Iterable[str]) -> None:
        """`remove` all these."""
        for target in targets:
            self.remove(target)

    def _prune(self, folder: str) -> None:
        while folder:
            self._opened.forget(folder)
            parent, _, name = folder.rpartition("/")
            try:
                os.rmdir(name, dir_fd=self._folder(parent, make=False))
            except OSError:  # not empty, or not ours to remove
                return
            folder = parent

    def discard(self, partial: str) -> None:
        """Unlink a partial."""
        with contextlib.suppress(OSError):
            os.unlink(partial, dir_fd=self._place(partial))

    def tidy(self, keep: Collection[str] = ()) -> int:
        """Remove all partials of this connection but these; how many were removed."""
        removed = 0
        with contextlib.suppress(OSError):
            for spread in os.listdir(self._folder(self._partials)):  # noqa: PTH208 - by descriptor
                with contextlib.suppress(OSError):
                    folder = self._folder(f"{self._partials}/{spread}", make=False)
                    for name in os.listdir(folder):  # noqa: PTH208
                        if name in keep:
                            continue
                        os.unlink(name, dir_fd=folder)
                        removed += 1
        return removed

    def flush(self) -> None:
        """Force what was committed to the disk, where that is asked for."""
        if self.durable:
            os.sync()

    def trouble(self, problem: OSError, partial: str) -> FilehaulError:
        """What the system says about writing a partial, in words."""
        return trouble(problem, self.root, partial)

    def url(self, target: str) -> str:
        """A ``file://`` address."""
        return (self.root.absolute() / target).as_uri()

    def close(self) -> None:
        """Close all descriptors."""
        self._opened.end()
