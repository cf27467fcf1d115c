"""Whose path is whose: a path in the sink belongs to one file.

Of two files that want one path, or two that no file system tells apart, the first keeps it and
the other's name gets a mark of its own (`filehaul.names.with_id`). A file whose path would lead
through another file's goes beside it. Claims are made by the batch, in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple

from .ledger import Claim, Owner, PlacesBook, Todo
from .names import ancestors, folded, with_id


class Place(NamedTuple):
    """A file's path. ``fresh``: nothing stood there when it became this file's; ``vacant``: and
    that was just now.
    """

    path: str
    fresh: bool
    vacant: bool = False


class Claims:
    """The claims of one listing of one resource.

    ``resources``: the names of all that the config has. ``complete``: whether the listing saw
    every file.
    """

    def __init__(
        self,
        book: PlacesBook,
        sink: str,
        resource: str,
        listing: int,
        complete: bool,
        resources: Collection[str] = (),
        vacant: Callable[[Iterable[str]], set[str]] = lambda _paths: set(),
    ) -> None:
        self.book = book
        self.sink = sink
        self.resource = resource
        self.listing = listing
        self.complete = complete
        self.resources = frozenset({*resources, resource})
        self.vacant = vacant

    def take(self, batch: Sequence[Todo]) -> dict[str, Place]:
        """Each file's path by its key: the one it has, or one that is claimed now."""
        taken = {
            todo.file.key: Place(todo.path, todo.fresh) for todo in batch if todo.path is not None
        }
        homeless = [todo for todo in batch if todo.path is None]
        if homeless:
            claims = _Round(self, homeless).all()
            vacant = self.vacant(claim.path for claim in claims)
            with self.book.ledger.transaction():
                self.book.claim(self.sink, claims, vacant)
            for one in claims:
                is_vacant = one.path in vacant
                taken[one.key] = Place(one.path, is_vacant, is_vacant)
        return taken

    def may_take(self, owner: Owner) -> bool:
        """Whether a path's owner is no longer listed: then its name is free for a new file.

        Only a complete listing can say so: in another, the owner may stand on a page not seen.
        """
        if owner.listing is None or owner.resource not in self.resources:
            return True
        return self.complete and owner.resource == self.resource and owner.listing < self.listing


class _Known:
    """What a book answers about paths: asked for many at once, and for the odd one later."""

    def __init__(self, ask: Callable[[Iterable[str]], set[str]], paths: set[str]) -> None:
        self._ask = ask
        self._asked = paths
        self.known = ask(paths)  # of which it is so

    def __contains__(self, path: str) -> bool:
        if path not in self._asked:
            self._asked.add(path)
            self.known |= self._ask([path])
        return path in self.known


class _Round:
    """One batch of claims: what was looked up for all of them, and what they took so far."""

    def __init__(self, claims: Claims, homeless: Sequence[Todo]) -> None:
        self.rules = claims
        self.claims: list[Claim] = []
        self._homeless = homeless
        self._fresh: set[str] = set()  # folded paths claimed in this batch
        self._fresh_folders: set[str] = set()  # folded folders that those paths are in
        self._above: dict[str, tuple[str, ...]] = {}
        book, sink = claims.book, claims.sink
        wanted = {todo.desired or "" for todo in homeless}
        above = set().union(*map(_folders, {_parent(path) for path in wanted}))
        self._keys = {path: folded(path) for path in wanted}
        keys = set(self._keys.values())
        folders = {folded(path) for path in above}
        self._asked = keys | folders
        self._is_plain = len(keys) == len(homeless) and keys.isdisjoint(folders)
        self._owners = book.owners(sink, self._asked)
        self._claimed_below = _Known(lambda paths: book.inside(sink, paths), keys)
        # What lies there by an earlier claim: it may not have gone when this file comes.
        self._files = _Known(lambda paths: book.held(sink, paths), above)
        self._full = _Known(lambda paths: book.holds_below(sink, paths), wanted)

    def all(self) -> list[Claim]:
        """A path for each of the files."""
        taken = (self._owners, self._claimed_below.known, self._files.known, self._full.known)
        if self._is_plain and not any(taken):  # nobody is in anybody's way: each gets its wish
            return [
                Claim(self._keys[path], path, path, todo.file.resource, todo.file.key)
                for todo in self._homeless
                if (path := todo.desired) is not None
            ]
        for todo in self._homeless:
            self.claim(todo)
        return self.claims

    def claim(self, todo: Todo) -> None:
        """A path for this file, by its wish if that can be."""
        file = todo.file
        assert todo.desired is not None, "where its bytes lie is for them to decide"
        wish = self._beside_files(todo.desired)
        for attempt in (0, 1):
            candidate = with_id(wish, f"{file.resource}/{file.key}") if attempt else wish
            key = folded(candidate)
            if key in self._fresh or key in self._fresh_folders:
                continue
            if key in self._claimed_below or candidate in self._full:
                continue  # other files live below it: it is a folder
            owner = self._owner(key)
            if owner is not None and not self.rules.may_take(owner):
                continue
            self._fresh.add(key)
            self._fresh_folders.update(self._folded_folders(_parent(candidate)))
            self.claims.append(Claim(key, candidate, todo.desired, file.resource, file.key))
            return
        raise AssertionError("a name made unique by its key is not unique")

    def _beside_files(self, path: str) -> str:
        """The path with no ancestor that is itself a file."""
        parent, slash, name = path.rpartition("/")
        if not any(self._is_file(folder) for folder in _folders(parent)):
            return path
        built = ""
        for segment in parent.split("/"):
            folder = f"{built}{segment}"
            built = (with_id(folder, "folder") if self._is_file(folder) else folder) + slash
        return built + name

    def _is_file(self, folder: str) -> bool:
        key = folded(folder)
        return key in self._fresh or self._owner(key) is not None or folder in self._files

    def _folded_folders(self, parent: str) -> tuple[str, ...]:
        found = self._above.get(parent)
        if found is None:
            found = self._above[parent] = tuple(folded(one) for one in _folders(parent))
        return found

    def _owner(self, key: str) -> Owner | None:
        if key not in self._asked:  # a name that was marked: rare, asked for by itself
            self._asked.add(key)
            self._owners.update(self.rules.book.owners(self.rules.sink, {key}))
        return self._owners.get(key)


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _folders(parent: str) -> tuple[str, ...]:
    """A folder and those that it is in, outermost first."""
    return (*ancestors(parent), parent) if parent else ()
