"""Ledger and selection to what to do, and why.

A plan looks and claims paths (`filehaul.claims`); it moves no bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from . import checksums
from .addresses import Address, absolute
from .claims import Claims, Place
from .config import Config, Resource
from .config.verify import policy_for
from .fit import above
from .ledger import ALWAYS, Ledger, Todo, Window
from .models import File, Task
from .names import by_hash

FETCH, MOVE, UNCHANGED = "fetch", "move", "unchanged"
NO_ADDRESS, NO_CHECKSUM, TOO_LARGE = "no address", "no checksum", "too large"
IMPOSSIBLE = frozenset({NO_ADDRESS, NO_CHECKSUM, TOO_LARGE})
UNADDRESSED = "the record has no address for its bytes"


class Decision(NamedTuple):
    """One file and what to do: fetch, move (same bytes, another path), unchanged; or why it cannot
    be had: no address, no checksum, too large.
    """

    action: str
    reason: str
    task: Task


class Planner:
    """Decisions for the files of one listing of one resource.

    ``complete``: it saw every file that the vendor has. ``since``: what earlier listings from this
    number on saw counts as well; 0: all that is known to be there. ``window``: of which times.
    ``only_chosen``: the files that this run is about (`filehaul.ledger.ChosenBook`).
    """

    def __init__(
        self,
        config: Config,
        resource: Resource,
        ledger: Ledger,
        sink: str,
        listing: int,
        complete: bool = True,
        vacant: Callable[[Iterable[str]], set[str]] = lambda _paths: set(),
        since: int | None = None,
        window: Window = ALWAYS,
        only_chosen: bool = False,
    ) -> None:
        assert resource.content is not None
        self.content = resource.content
        self.window = window
        self.resource = resource
        self.base_url = config.client.base_url
        self.ledger = ledger
        self.sink = sink
        self.since = listing if since is None else since
        self.only_chosen = only_chosen
        names = [one.name for one in config.resources]
        self.claims = Claims(ledger.places, sink, resource.name, listing, complete, names, vacant)

    def moves(self) -> Iterator[Decision]:
        """Files whose bytes are in the sink already, at another path. To be carried out before
        anything is fetched to where they lie.
        """
        yield from self._decisions(only_moved=True)

    def decisions(self) -> Iterator[Decision]:
        """What is to do; files with a true receipt do not appear."""
        yield from self._decisions(only_moved=False)

    def _decisions(self, only_moved: bool) -> Iterator[Decision]:
        ledger, name = self.ledger, self.resource.name
        with ledger.transaction():
            ledger.places.release_moved(self.sink, name, self.since, self.window)
        found = ledger.transfers.todo(
            name, self.since, self.sink, only_moved, self.window, self.only_chosen
        )
        for batch in found:
            places = self.claims.take([todo for todo in batch if todo.desired is not None])
            held = ledger.places.held(self.sink, [place.path for place in places.values()])
            for todo in batch:
                place = places.get(todo.file.key) or Place(_by_hash(todo), fresh=False)
                yield self._decide(todo, place, place.path in held)

    def _decide(self, todo: Todo, place: Place, held: bool) -> Decision:
        target, fresh, vacant = place
        action, reason = self._reason(todo, target)
        asked = Address.of(todo.address or "")
        if action == FETCH:
            action, reason = self._hindrance(todo.file, asked) or (action, reason)
        task = Task(
            file=todo.file,
            url=absolute(self.base_url, asked.url),
            target=target,
            reason=reason,
            verify=policy_for(self.content.verify, todo.file.mime_type),
            replaces=held or not fresh,
            vacant=vacant,
            moved_from=todo.held if todo.held != target else None,
            way=asked.way,
            body=asked.body,
            by_hash=todo.desired is None,
        )
        return Decision(action, reason, task)

    def _hindrance(self, file: File, asked: Address) -> tuple[str, str] | None:
        """Why the file cannot be had; None: nothing is known that speaks against it."""
        if not asked.url:
            return NO_ADDRESS, UNADDRESSED
        if self._lacks_checksum(file):
            return (
                NO_CHECKSUM,
                "verify: checksum, but the vendor's record has no checksum of this file",
            )
        most = self.content.max_size
        if most is not None and file.size is not None and file.size > most:
            return TOO_LARGE, above(most)
        return None

    def _lacks_checksum(self, file: File) -> bool:
        policy = policy_for(self.content.verify, file.mime_type)
        return policy == "checksum" and checksums.strongest(file.checksum) is None

    def _reason(self, todo: Todo, target: str) -> tuple[str, str]:
        if todo.is_here:
            if todo.held != target:
                return MOVE, "its path has changed"
            return UNCHANGED, "the bytes are the same"
        if todo.status is None or not todo.same_sink:
            return FETCH, "new"
        if todo.status == "failed":
            return FETCH, "failed before"
        if todo.status == "parked":
            return FETCH, "parked, and its time has come"
        if todo.status == "gone":
            return FETCH, "its bytes are no longer in the sink"
        return FETCH, "changed"


def _by_hash(todo: Todo) -> str:
    """The path of the bytes, as far as their sha256 is known before they come; else empty."""
    sha256 = todo.sha256 if todo.is_here else todo.file.checksum.get("sha256")
    return by_hash(sha256) if sha256 else ""
