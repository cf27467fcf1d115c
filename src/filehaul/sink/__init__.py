"""Where bytes land: written under a partial name, verified, and only then under their own.

`Sink` is the seam; `Folder` is one on a local disk, `Bucket` one in a cloud. `sink_of` makes the
one that a config names.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import FilehaulError
from ..models import Receipt
from .folder import Folder
from .space import make_room, reserve
from .trouble import RefusedError

if TYPE_CHECKING:  # they take long, and processes that only write have no use for them
    from ..config import Config
    from .bucket import Bucket

__all__ = [
    "Bucket",
    "Folder",
    "RefusedError",
    "Sink",
    "identity_of",
    "make_room",
    "reserve",
    "sink_of",
]


def __getattr__(name: str) -> Any:
    if name != "Bucket":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .bucket import Bucket

    return Bucket


class Sink(Protocol):
    """Where verified bytes are kept. Paths are relative, safe (`filehaul.names`), with ``/``.

    Partials are on a local disk, whatever the sink is. ``identity``: what the ledger calls it.
    ``disturbed``: somebody changed it while it was in use. ``durable``: what is kept has to outlive
    a power failure.

    Raises RefusedError where it will not have one file, SinkError where it is itself in trouble.
    """

    identity: str
    disturbed: bool
    durable: bool

    def open(self) -> str:
        """Make it ready. Returns its mark: another one means that it was replaced."""

    def seal(self) -> str:
        """Changes when somebody was in it, as far as that can be seen cheaply."""

    def create(self, partial: str) -> int:
        """A descriptor for a new, empty partial."""

    def reopen(self, partial: str) -> int | None:
        """A descriptor for reading and writing a partial of an earlier run; None: there is none."""

    def keep(self, partial: str, data: bytes) -> None:
        """A whole partial at once: of a small file, after it was verified."""

    def commit(self, partial: str, target: str, receipt: Receipt | None = None) -> None:
        """The partial becomes the file, at once and whole. ``receipt``: what is known of it, for
        sinks that keep such things with the bytes.
        """

    def place(self, partial: str, target: str, receipt: Receipt | None = None) -> bool:
        """The same, where the name is free. False: something stands there, and stays."""

    def vacant(self, targets: Iterable[str]) -> set[str]:
        """Those of these names at which nothing at all stands."""

    def same(self, one: str, other: str) -> bool:
        """Whether two names are one file."""

    def look_ahead(self, targets: Iterable[str]) -> None:
        """These will be asked for next, one after the other, by `size` and `digests`."""

    def size(self, target: str) -> int | None:
        """The file's size; None where there is no such file."""

    def sizes(self, targets: Iterable[str]) -> dict[str, int]:
        """The sizes of those of these files that are there, for many at once."""

    def digests(
        self,
        target: str,
        algorithms: Iterable[str],
        cancelled: Callable[[], bool] = lambda: False,
        read: bool = False,
    ) -> dict[str, str] | None:
        """The checksums of the file's bytes; None where there is no such file, or none that can be
        read, or where ``cancelled`` said yes meanwhile. ``read``: by reading it now, not as they
        were kept with it. Several threads may ask at once.
        """

    def files(self) -> Iterator[tuple[str, int]]:
        """Path and size of all that is in it, in any order, but for what is below ``.filehaul/``.
        What is no regular file (a link) has the size -1.
        """

    def move(self, old: str, new: str) -> None:
        """Another name for the same bytes."""

    def remove(self, target: str) -> None:
        """Forget the file; no error where there is none."""

    def clear(self, targets: Iterable[str]) -> None:
        """Forget all these files; no error where there are none."""

    def discard(self, partial: str) -> None:
        """Forget a partial; no error where there is none."""

    def tidy(self, keep: Collection[str] = ()) -> int:
        """Remove all partials but those of these names; how many were removed."""

    def flush(self) -> None:
        """What was committed outlives a power failure, where that is asked for."""

    def trouble(self, problem: OSError, partial: str) -> FilehaulError:
        """What the system says about writing a partial, in words."""

    def url(self, target: str) -> str:
        """The file's address for people and tables."""

    def close(self) -> None:
        """Let go of what is open."""


def sink_of(
    config: Config, user: str = "filehaul", cancelled: Callable[[], bool] = lambda: False
) -> Sink | None:
    """The sink that a config names, not opened yet; None: it keeps a catalogue only.

    ``user``: what tells this run's partials from those of another place with the same connection.
    ``cancelled``: whether to stop waiting for a bucket's store that does not answer.
    """
    place = config.sink
    if place is None or not any(resource.content for resource in config.resources):
        return None
    durable = config.settings.durable == "power"
    if isinstance(place, Path):
        return Folder(place, durable, user, config.name)
    from .bucket import Bucket

    return Bucket(place, config.partials, user, config.name, durable, cancelled)


def identity_of(config: Config) -> str | None:
    """What the ledger calls the config's sink; None: it keeps a catalogue only."""
    sink = sink_of(config)
    return None if sink is None else sink.identity
