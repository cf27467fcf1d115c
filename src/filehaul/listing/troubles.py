"""What a walk could not read, and when that is more than a folder's own trouble."""

from __future__ import annotations

from ..config.walk import Walk
from ..errors import (
    AnswerError,
    Cancelled,
    ConfigError,
    CredentialsError,
    FilehaulError,
    VendorError,
)
from ..redact import redact
from .frontier import Waiting

_MOST_IN_A_ROW = 10  # folders that fail for a while only: then it is the vendor that does
_MOST_ECHOES = 3  # folders that answer with the page above them, before any other does
_GONE = frozenset({404, 410})


class Troubles:
    """The troubles of one walk. ``in_a_row``: temporary ones since the last page that came."""

    def __init__(self, walk: Walk, id_path: str) -> None:
        self.walk = walk
        self.id_path = id_path
        self.refused = 0
        self.too_deep = 0
        self.without_id = 0
        self.without_address = 0
        self.in_a_row = 0
        self._echoes = 0
        self._others = 0
        self._first: FilehaulError | None = None
        self._told = ""

    def listen(self, waiting: Waiting, mark: bytes) -> None:
        """Does the vendor know the folder's id at all, or say the same whatever it is asked?

        ``mark``: digest of the folder's first page. Raises VendorError for an echo.
        """
        if waiting.above is None:
            return
        if mark != waiting.above:
            self._others += 1
            return
        self._echoes += 1
        raise VendorError(
            "the vendor gives the same page for a folder as for the one above it",
            where=redact(self.walk.path or waiting.address or ""),
            hint="does it take the folder's id under this name and in this place? Check walk",
        )

    def refuse(self, waiting: Waiting, problem: FilehaulError, at_once: bool) -> None:
        """A folder, or the rest of it, that cannot be had. Raises where it is not that one's.

        ``at_once``: not one page of it came.
        """
        if isinstance(problem, (CredentialsError, ConfigError, Cancelled)):
            raise problem
        if at_once and waiting.depth == 0 and len(self.walk.root) == 1:
            raise problem
        if self._echoes >= _MOST_ECHOES and not self._others:
            raise problem
        self.in_a_row = self.in_a_row + 1 if problem.temporary else 0
        if self.in_a_row >= _MOST_IN_A_ROW:
            raise problem
        self._first = self._first or problem
        gone = isinstance(problem, AnswerError) and problem.status in _GONE
        self.note(waiting, problem.message + (" (deleted meanwhile?)" if gone else ""))

    def note(self, waiting: Waiting, why: str) -> None:
        """This folder is not known whole."""
        self.refused += 1
        if not self._told:
            folder = waiting.folder
            name = f"{folder.path!r} (id {folder.folder_id})" if folder.path else folder.folder_id
            self._told = redact(f"{name}: {why}")

    def ended(self, pages: int) -> str | None:
        """Why the walk may not be whole; None: it is. Raises where no root could be read."""
        if not pages and self._first is not None:
            raise self._first
        doubts = []
        if self.refused == 1:
            doubts.append(f"the folder {self._told}")
        elif self.refused:
            doubts.append(f"{self.refused:,} folders could not be read; the first, {self._told}")
        if self.without_id:
            doubts.append(f"{self.without_id:,} folders without an id ({self.id_path})")
        if self.without_address:
            doubts.append(
                f"{self.without_address:,} folders without an address ({self.walk.url_field})"
            )
        if self.too_deep:
            deep = f"{self.too_deep:,} folders deeper than max_depth ({self.walk.max_depth})"
            doubts.append(f"{deep} were not read")
        return "; ".join(doubts) or None
