"""Ledger and selection to what to do, and why.

A plan looks and claims paths; it moves no bytes. A claim is what makes a path in the sink belong
to one file: of two files that want one path (or two that no file system tells apart), the first
keeps it and the other's name gets a mark of its own (`filehaul.names.with_id`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .config import Config, Resource
from .ledger import Ledger, Todo
from .models import File, Task
from .names import ancestors, by_id, folded, safe_path, safe_segment, with_id

FETCH, MOVE, UNCHANGED, NO_ADDRESS = "fetch", "move", "unchanged", "no address"


@dataclass(frozen=True)
class Decision:
    """One file and what to do: fetch, move (same bytes, another path), unchanged, or no address."""

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
        return safe_path(file.path)
    return safe_segment(file.name or file.file_id)  # a name may have slashes of its own


class Planner:
    """Decisions for the files of one listing of one resource."""

    def __init__(
        self,
        config: Config,
        resource: Resource,
        ledger: Ledger,
        sink: str,
        listing: int,
        complete: bool = True,
    ) -> None:
        assert resource.content is not None
        self.content = resource.content
        self.resource = resource
        self.base_url = config.client.base_url.rstrip("/") + "/"
        self.ledger = ledger
        self.sink = sink
        self.listing = listing
        self.complete = complete

    def decisions(self) -> Iterator[Decision]:
        """What is to do; files with a true receipt do not appear."""
        book = self.ledger.transfers
        with self.ledger.transaction():
            book.release_moved(self.sink, self.resource.name, self.listing)
        for todo in book.todo(self.resource.name, self.listing, self.sink):
            yield self._decide(todo)

    def _decide(self, todo: Todo) -> Decision:
        target = self._claim(todo)
        action, reason = self._reason(todo, target)
        if action == FETCH and not todo.address:
            action, reason = NO_ADDRESS, "the record has no address for its bytes"
        url = _address(self.base_url, todo.address)
        moved_from = todo.target if todo.same_sink and todo.target != target else None
        task = Task(
            file=todo.file,
            url=url,
            target=target,
            reason=reason,
            verify=self.content.verify,
            moved_from=moved_from if todo.status == "done" else None,
        )
        return Decision(action, reason, task)

    def _reason(self, todo: Todo, target: str) -> tuple[str, str]:
        if todo.status is None or not todo.same_sink:
            return FETCH, "new"
        if todo.status == "failed":
            return FETCH, "failed before"
        if todo.status == "parked":
            return FETCH, "parked, and its time has come"
        if todo.status == "gone":
            return FETCH, "its path belonged to another file"
        same = todo.fingerprint == todo.file.fingerprint or (
            todo.sha256 is not None and todo.file.checksum.get("sha256") == todo.sha256
        )
        if not same:
            return FETCH, "changed"
        if todo.target != target:
            return MOVE, "its path has changed"
        return UNCHANGED, "the bytes are the same"

    def _claim(self, todo: Todo) -> str:
        """The path that is this file's now."""
        book, file = self.ledger.transfers, todo.file
        if todo.path is not None:
            return todo.path
        path = self._out_of_folders(todo.desired)
        for candidate in (path, with_id(path, f"{file.resource}/{file.key}")):
            key = folded(candidate)
            owner = book.owner(self.sink, key)
            if owner is not None and not self._may_take(owner):
                continue
            if book.inside(self.sink, key):
                continue  # other files live below it: it is a folder
            if owner is not None:
                book.gone(owner[0], owner[1])
            book.claim(self.sink, key, candidate, todo.desired, file)
            return candidate
        raise AssertionError("a name made unique by its key is not unique")

    def _may_take(self, owner: tuple[str, str, str, int | None]) -> bool:
        """Whether a path's owner is no longer listed: then its name is free for a new file.

        Only a complete listing can say so: in another, the owner may stand on a page not seen.
        """
        resource, _, _, listing = owner
        if listing is None:
            return True
        return self.complete and resource == self.resource.name and listing < self.listing

    def _out_of_folders(self, path: str) -> str:
        """The path with no ancestor that is itself a file."""
        for folder in ancestors(path):
            owner = self.ledger.transfers.owner(self.sink, folded(folder))
            if owner is not None and not self._may_take(owner):
                return with_id(folder, "folder") + path[len(folder) :]
        return path


def _address(base_url: str, address: str | None) -> str:
    """The absolute address: `content.path` is below base_url, and kept without it."""
    if not address:
        return ""
    return address if "://" in address else base_url + address.lstrip("/")
