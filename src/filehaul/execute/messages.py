"""What a crew and its members say to each other."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ..http import HttpSettings
from ..models import Receipt, Task

MOST_BYTES = 1024 * 1024
"""A larger file is not for the crew: what it costs is not the time of Python."""
BATCH = 32
"""Errands, and outcomes, that are sent at once."""
_SMALLEST = 48 * 1024  # bytes that take as long as all else that a file needs
LENGTH = struct.Struct("<I")
"""Before each message: of how many bytes it is. Then the message, pickled."""


class Errand(NamedTuple):
    """One task of the crew's. ``partial``: the name to write it under. ``commits``: the name in
    the sink was free, and is to be taken if it still is.
    """

    task: Task
    partial: str
    commits: bool

    @property
    def weight(self) -> int:
        """How long it takes, by what the smallest of files takes."""
        return 1 + (self.task.file.size or 0) // _SMALLEST


class Outcome(NamedTuple):
    """What became of an errand. ``receipt``: the bytes are right; None: it is not done, as if it
    had never been tried. ``placed``: they are under their own name, else under the partial's.
    """

    errand: Errand
    receipt: Receipt | None = None
    placed: bool = False


@dataclass(frozen=True)
class Setup:
    """What a member needs to know. ``root``, ``user``, ``owner``: of its `Folder`. ``in_flight``:
    requests at once, of each member. ``max_size``: see `Download`. ``lock``: a descriptor that it
    keeps open: the connection is locked until the last of them has ended.
    """

    settings: HttpSettings
    root: Path
    user: str
    owner: str
    in_flight: int
    max_size: int | None = None
    lock: int | None = None
