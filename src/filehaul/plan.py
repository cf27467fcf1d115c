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
from .fields import Roles, Rows
from .fit import above
from .ledger import FileNote, Ledger, Todo
from .models import File, Task
from .names import by_id, safe_child_path, safe_path, safe_segment

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


def desired_path(resource: Resource, file: File) -> str:
    """The path that a file wants in the sink, by the resource's layout."""
    assert resource.content is not None
    if resource.content.layout == "by_id":
        return by_id(
            f"{file.drive_id}/{file.file_id}" if file.drive_id else file.file_id, file.name
        )
    if file.path:
        return safe_child_path(file.path) if file.path_is_joined else safe_path(file.path)
    return safe_segment(file.name or file.file_id)  # a name may have slashes of its own


def file_note(
    resource: Resource, roles: Roles, rows: Rows, number: int, row_hash: bytes
) -> FileNote:
    """What the ledger notes of the record of this number, a file whose bytes are wanted."""
    record = rows.records[number]
    file = roles.file(rows.keys[number], record, rows.folder(number))
    return FileNote(
        file,
        row_hash,
        is_file=roles.is_file(record),
        desired=desired_path(resource, file),
    )


class Planner:
    """Decisions for the files of one listing of one resource.

    ``complete``: it saw every file that the vendor has. ``since``: what earlier listings from this
    number on saw counts as well; 0: all that is known to be there. ``only_chosen``: the files that
    this run is about (`filehaul.ledger.ChosenBook`).
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
        only_chosen: bool = False,
    ) -> None:
        assert resource.content is not None
        self.content = resource.content
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
            ledger.places.release_moved(self.sink, name, self.since)
        todo = ledger.transfers.todo(name, self.since, self.sink, only_moved, self.only_chosen)
        for batch in todo:
            places = self.claims.take(batch)
            held = ledger.places.held(self.sink, [place.path for place in places.values()])
            for one in batch:
                place = places[one.file.key]
                yield self._decide(one, place, place.path in held)

    def _decide(self, todo: Todo, place: Place, held: bool) -> Decision:
        target, vacant = place
        action, reason = self._reason(todo, target)
        if action == FETCH:
            action, reason = self._hindrance(todo) or (action, reason)
        asked = Address.of(todo.address or "")
        task = Task(
            file=todo.file,
            url=absolute(self.base_url, asked.url),
            target=target,
            reason=reason,
            verify=policy_for(self.content.verify, todo.file.mime_type),
            replaces=held,
            vacant=vacant,
            moved_from=todo.held if todo.held != target else None,
            way=asked.way,
            body=asked.body,
        )
        return Decision(action, reason, task)

    def _hindrance(self, todo: Todo) -> tuple[str, str] | None:
        """Why the file cannot be had; None: nothing is known that speaks against it."""
        if not todo.address:
            return NO_ADDRESS, UNADDRESSED
        if self._lacks_checksum(todo.file):
            return (
                NO_CHECKSUM,
                "verify: checksum, but the vendor's record has no checksum of this file",
            )
        most = self.content.max_size
        if most is not None and todo.file.size is not None and todo.file.size > most:
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
