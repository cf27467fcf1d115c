"""A rename that replaces nothing, in one step where the system has one.

Linux: renameat2 with RENAME_NOREPLACE (since 3.15); macOS: renameatx_np with RENAME_EXCL. Neither
is in Python. Where the system or the file system does not know it, a look before the rename.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from collections.abc import Callable

_UNKNOWN = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})
_NAMES = {"linux": ("renameat2", 1), "darwin": ("renameatx_np", 4)}


def _exclusive() -> Callable[[int, bytes, int, bytes], int] | None:
    """The system's call; None: it has none."""
    name, flag = _NAMES.get(sys.platform, ("", 0))
    call = getattr(ctypes.CDLL(None, use_errno=True), name, None) if name else None
    if call is None:
        return None
    call.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint]
    call.restype = ctypes.c_int

    def rename(source: int, old: bytes, target: int, new: bytes) -> int:
        """0, or the error's number."""
        return ctypes.get_errno() if call(source, old, target, new, flag) else 0

    return rename


_rename = _exclusive()


def rename_new(old: str, new: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
    """Rename in folders that are open. Raises FileExistsError where ``new`` is taken, by anything
    at all, and OSError as `os.rename` does.
    """
    if _rename is not None:
        problem = _rename(src_dir_fd, os.fsencode(old), dst_dir_fd, os.fsencode(new))
        if not problem:
            return
        if problem not in _UNKNOWN:
            raise OSError(problem, os.strerror(problem), old, None, new)
    try:
        os.stat(new, dir_fd=dst_dir_fd, follow_symlinks=False)
    except FileNotFoundError:
        os.rename(old, new, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
        return
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), new)
