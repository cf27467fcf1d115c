"""What a system says about a sink, in words."""

from __future__ import annotations

import errno
from pathlib import Path

from ..errors import FilehaulError, SinkError

# Of these, one file suffers and not the sink.
NAME = frozenset(
    {
        *(errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EEXIST),
        *(errno.ENOTEMPTY, errno.EINVAL, errno.EILSEQ),
    }
)


class RefusedError(FilehaulError):
    """The sink will not have this one file: its name is taken by a folder or a link, or it is too
    large for the file system. Trying again does not help.
    """

    kind = "sink"


def trouble(problem: OSError, root: Path, where: str = "") -> FilehaulError:
    """What the system says, in words. RefusedError: about one file (``where``). SinkError: the
    sink itself is in trouble, the run stops, and goes on when it is mended.
    """
    if problem.errno in NAME and where:
        return RefusedError(
            f"the sink cannot have a file of this name ({problem.strerror})",
            where=where,
            hint="a folder or a link stands in its way: move it, or use layout: by_id",
        )
    if problem.errno == errno.EFBIG:
        return RefusedError(
            f"the sink cannot hold a file of this size ({problem.strerror})",
            where=where or str(root),
            hint="use another file system, or raise the limit on the size of files",
        )
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
