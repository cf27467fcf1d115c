"""Room on the disk for a file whose size is known.

`os.posix_fallocate` is not it: where a file system cannot reserve room, it writes into every block.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys

_CANNOT = frozenset({errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.ENODEV})


def make_room(descriptor: int, size: int) -> None:
    """Make the file so long. Raises OSError where there is not enough room for it, or where no
    file may be so long.
    """
    found = os.fstatvfs(descriptor)
    missing = size - os.fstat(descriptor).st_blocks * 512
    if found.f_blocks and missing > found.f_bavail * found.f_frsize:  # some do not say
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.ftruncate(descriptor, size)


def reserve(descriptor: int, first: int, size: int) -> None:
    """Blocks for these bytes, where the system can. Raises OSError where there is no room."""
    problem = _reserve(descriptor, first, size)
    if problem and problem not in _CANNOT:
        raise OSError(problem, os.strerror(problem))


def _reserve(descriptor: int, first: int, size: int) -> int:
    """0, or the error's number. Linux: fallocate(2), which is not in Python."""
    call = None
    if sys.platform == "linux" and size:
        library = ctypes.CDLL(None, use_errno=True)
        call = getattr(library, "fallocate64", None) or getattr(library, "fallocate", None)
    if call is None:
        return errno.ENOSYS
    call.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
    while call(descriptor, 0, first, size):
        if ctypes.get_errno() != errno.EINTR:
            return ctypes.get_errno()
    return 0
