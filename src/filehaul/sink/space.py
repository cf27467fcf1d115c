"""Room on the disk for a file whose size is known, before its bytes come.

`os.posix_fallocate` is not it: where a file system cannot reserve room, it writes into every block.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys

_CANNOT = frozenset({errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.ENODEV})


def allocate(descriptor: int, size: int) -> None:
    """Make the file so long, with its blocks reserved where the system can. Raises OSError where
    there is not enough room.
    """
    problem = _reserve(descriptor, size)
    if problem in _CANNOT:
        os.ftruncate(descriptor, size)
    elif problem:
        raise OSError(problem, os.strerror(problem))


def _reserve(descriptor: int, size: int) -> int:
    """0, or the error's number. Linux: fallocate(2), which is not in Python."""
    call = None
    if sys.platform == "linux" and size:
        library = ctypes.CDLL(None, use_errno=True)
        call = getattr(library, "fallocate64", None) or getattr(library, "fallocate", None)
    if call is None:
        return errno.ENOSYS
    call.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
    while call(descriptor, 0, 0, size):
        if ctypes.get_errno() != errno.EINTR:
            return ctypes.get_errno()
    return 0
