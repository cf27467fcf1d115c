"""Where bytes land: written under a partial name, verified, and only then under their own.

`Folder` is a folder on a local disk; `Sink` is the seam, for buckets too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from .folder import Folder
from .trouble import RefusedError, trouble

__all__ = ["Folder", "RefusedError", "Sink", "trouble"]


class Sink(Protocol):
    """Where verified bytes are kept. Paths are relative, safe (`filehaul.names`), with ``/``."""

    identity: str

    def create(self, partial: str) -> int:
        """A descriptor for a new, empty partial."""

    def commit(self, partial: str, target: str) -> None:
        """The partial becomes the file, at once and whole."""

    def place(self, partial: str, target: str) -> bool:
        """The same, where the name is free. False: something stands there, and stays."""

    def vacant(self, targets: Iterable[str]) -> set[str]:
        """Those of these names at which nothing at all stands."""

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
