"""An account at a vendor, as a model that knows no vendor: what is there, and what happened to it.

A play (:mod:`filehaul.testing.plays`) tells of it in a vendor's own words. Tests change it, and
compare what was synced with what is here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from mimetypes import guess_type
from threading import RLock
from typing import Any, Literal

Kind = Literal["file", "document", "shortcut", "link", "folder"]
What = Literal["put", "change", "rename", "move", "trash", "restore", "remove"]
NewId = Callable[[str, int], str]
"""Of a kind and a number from 1 on, which no other node gets. Also of ``drive``, and of ``root``
with the number of its drive.
"""

BEGIN = datetime(2024, 1, 1, tzinfo=timezone.utc)
_DOCUMENT = "application/vnd.fake.document"


@dataclass(frozen=True, kw_only=True, eq=False)
class Node:
    """A file, a folder, or what else lies in one. Nodes do not change: the account has another.

    ``kind``: ``document`` is a native document, which has no bytes but ``exports`` (MIME type to
    bytes); a ``shortcut`` has the id of another node as ``target``, a ``link`` an address.
    ``parent_id``: None of a drive's root. ``number``: larger than that of what was there before it,
    and never another one. ``version`` counts changes of the bytes, ``revision``
    changes of any sort. ``modified_at`` is when the bytes were changed, by the vendor's clock;
    ``client_modified_at``, by that of who uploaded them. Times are aware. ``is_trashed``: put into
    the trash itself, not with a folder above. ``extra`` are keys that a play adds to the vendor's
    record, or replaces there, with any value; ``...`` leaves the key out.
    """

    node_id: str
    name: str
    kind: Kind
    parent_id: str | None
    drive_id: str
    number: int
    content: bytes = b""
    mime_type: str | None = None
    created_at: datetime = BEGIN
    modified_at: datetime = BEGIN
    client_modified_at: datetime = BEGIN
    owner: str | None = None
    version: int = 1
    revision: int = 1
    is_trashed: bool = False
    target: str | None = None
    exports: Mapping[str, bytes] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> int | None:
        """Bytes; None of what has none."""
        return len(self.content) if self.kind == "file" else None


@dataclass(frozen=True, kw_only=True)
class Change:
    """One thing that happened. ``node`` is as it was then; of what was removed, as it was before.

    ``number`` counts from 1. ``before``: as it had been; None of what was put. ``below``: ids of
    all that lay below a folder then, from the top down. ``at``: when, by the account's clock.
    """

    number: int
    what: What
    node: Node
    before: Node | None
    at: datetime
    below: tuple[str, ...] = ()


class Account:
    """Drives with folders with files, and a journal of what happened to them. Thread-safe.

    It begins with one drive, ``drive_id``, whose root is ``root_id``. Names are any text; where a
    method takes a ``path`` (``folder/name``), its folders are made as needed, and with ``parent``
    (a folder's id) it is a name as it stands, slashes and all. Two nodes may have one name. Each
    change moves the account's clock, ``now``, on by a second. ``new_id`` forms the ids: plays have
    one that makes their vendor's (``plays.new_id_of("drive")``). Unknown ids raise KeyError.
    """

    def __init__(
        self,
        *,
        new_id: NewId = lambda kind, number: f"{kind}-{number}",
        owner: str | None = "ann@example.com",
    ) -> None:
        self.lock = RLock()
        self.owner = owner
        self.now = BEGIN
        self.journal: list[Change] = []
        self._new_id = new_id
        self._count = 0
        self._nodes: dict[str, Node] = {}
        self._inside: dict[str, dict[str, None]] = {}
        self._drives: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._forbidden: set[str] = set()
        self.drive_id = self.put_drive("My Drive")

    # What is there -----------------------------------------------------------------------------

    @property
    def root_id(self) -> str:
        """The root of the first drive."""
        return self._drives[self.drive_id]

    @property
    def drives(self) -> Mapping[str, str]:
        """The id of each drive, and that of its root."""
        return dict(self._drives)

    def drive_name(self, drive_id: str) -> str:
        """What a drive is called."""
        return self._names[drive_id]

    def __getitem__(self, node_id: str) -> Node:
        return self._nodes[node_id]

    def get(self, node_id: str) -> Node | None:
        """The node of this id, the roots of drives among them."""
        return self._nodes.get(node_id)

    def __iter__(self) -> Iterator[Node]:
        """All nodes but the roots, in the order in which they came, trash and all."""
        return iter([node for node in list(self._nodes.values()) if node.parent_id is not None])

    def inside(self, folder_id: str) -> list[Node]:
        """What is directly in a folder, in the order in which it came, trash and all."""
        return [self._nodes[node_id] for node_id in list(self._inside[folder_id])]

    def below(self, folder_id: str) -> Iterator[Node]:
        """All that is below a folder, from the top down."""
        for node in self.inside(folder_id):
            yield node
            if node.kind == "folder":
                yield from self.below(node.node_id)

    def above(self, node_id: str) -> Iterator[Node]:
        """The folders that a node lies in, from its own up to the drive's root."""
        parent = self._nodes[node_id].parent_id
        while parent is not None:
            yield self._nodes[parent]
            parent = self._nodes[parent].parent_id

    def path(self, node_id: str) -> str:
        """The names from the drive's root down, joined with ``/``; the root's is empty."""
        names = [self._nodes[node_id].name, *(node.name for node in self.above(node_id))]
        return "/".join(reversed(names[:-1]))

    def find(self, path: str, drive_id: str | None = None) -> Node:
        """The first node of this path; KeyError."""
        node = self._nodes[self._drives[drive_id or self.drive_id]]
        for name in path.split("/") if path else ():
            found = next((one for one in self.inside(node.node_id) if one.name == name), None)
            if found is None:
                raise KeyError(path)
            node = found
        return node

    def is_trashed(self, node_id: str) -> bool:
        """Whether it is in the trash, by itself or with a folder above it."""
        return self._nodes[node_id].is_trashed or any(one.is_trashed for one in self.above(node_id))

    def is_forbidden(self, node_id: str) -> bool:
        """Whether the account's owner may not look into it, or into a folder above it."""
        if not self._forbidden:
            return False
        return node_id in self._forbidden or any(
            one.node_id in self._forbidden for one in self.above(node_id)
        )

    # What happens to it ------------------------------------------------------------------------

    def put_drive(self, name: str, drive_id: str | None = None) -> str:
        """One more drive; its id. The journal has its root."""
        with self.lock:
            self._count += 1
            drive_id = drive_id or self._new_id("drive", self._count)
            root = Node(
                node_id=self._new_id("root", self._count),
                name=name,
                kind="folder",
                parent_id=None,
                drive_id=drive_id,
                number=self._count,
            )
            self._nodes[root.node_id] = root
            self._inside[root.node_id] = {}
            self._drives[drive_id], self._names[drive_id] = root.node_id, name
            if len(self._drives) > 1:
                self._tick()
                self._tell("put", root, None)
            return drive_id

    def put_file(self, path: str, content: bytes = b"", **more: Any) -> Node:
        """A file; ``more``: ``parent``, ``drive_id``, and what a `Node` has."""
        name = path.rpartition("/")[2]
        guess = guess_type(name)[0] or "application/octet-stream"
        return self._put(path, "file", {"content": content, "mime_type": guess, **more})

    def put_folder(self, path: str, **more: Any) -> Node:
        """A folder: the one that is there, where there is one."""
        with self.lock:
            if "parent" not in more:
                try:
                    return self.find(path, more.get("drive_id"))
                except KeyError:
                    pass
            return self._put(path, "folder", more)

    def put_document(
        self, path: str, exports: Mapping[str, bytes], mime_type: str = _DOCUMENT, **more: Any
    ) -> Node:
        """A native document, which can be had in these formats."""
        return self._put(path, "document", {"exports": exports, "mime_type": mime_type, **more})

    def put_shortcut(self, path: str, target: str, **more: Any) -> Node:
        """A shortcut to another node."""
        return self._put(path, "shortcut", {"target": target, **more})

    def put_link(self, path: str, address: str, **more: Any) -> Node:
        """A bookmark of an address in the web."""
        return self._put(path, "link", {"target": address, **more})

    def change(self, node_id: str, content: bytes, **more: Any) -> Node:
        """Other bytes; of a document, ``exports`` in ``more``."""
        with self.lock:
            now = self._tick()
            times = {"modified_at": now, "client_modified_at": now}
            version = self._nodes[node_id].version + 1
            new = {"content": content, "version": version, **times, **more}
            return self._changed("change", node_id, new)

    def rename(self, node_id: str, name: str) -> Node:
        """Another name; its time stays, as it does at most vendors."""
        return self._changed("rename", node_id, {"name": name})

    def move(self, node_id: str, folder_id: str) -> Node:
        """Into another folder."""
        with self.lock:
            folder = self._nodes[folder_id]
            if node_id in (folder_id, *(one.node_id for one in self.above(folder_id))):
                msg = f"{node_id!r} cannot be moved into itself"
                raise ValueError(msg)
            old = self._nodes[node_id]
            del self._inside[str(old.parent_id)][node_id]
            self._inside[folder_id][node_id] = None
            for one in list(self.below_if_folder(node_id)):
                self._nodes[one.node_id] = replace(one, drive_id=folder.drive_id)
            new = {"parent_id": folder_id, "drive_id": folder.drive_id}
            return self._changed("move", node_id, new)

    def trash(self, node_id: str) -> Node:
        """Into the trash, with all that is below it."""
        return self._changed("trash", node_id, {"is_trashed": True})

    def restore(self, node_id: str) -> Node:
        """Out of the trash again, with its old times."""
        return self._changed("restore", node_id, {"is_trashed": False})

    def remove(self, node_id: str) -> None:
        """Away for good, with all that is below it."""
        with self.lock:
            node, below = self._nodes[node_id], list(self.below_if_folder(node_id))
            self._tick()
            for one in (*reversed(below), node):
                del self._nodes[one.node_id], self._inside[str(one.parent_id)][one.node_id]
                self._inside.pop(one.node_id, None)
            self._tell("remove", node, node, below)

    def below_if_folder(self, node_id: str) -> Iterator[Node]:
        """What is below a folder; nothing is below another node."""
        return self.below(node_id) if node_id in self._inside else iter(())

    def forbid(self, node_id: str, *, forbidden: bool = True) -> None:
        """From now on the vendor answers with 403 where it is asked for this, or what is below."""
        (self._forbidden.add if forbidden else self._forbidden.discard)(self[node_id].node_id)

    def tell(self, change: Change) -> None:
        """Put a change into the journal again, at its end, true or not: vendors repeat theirs."""
        with self.lock:
            self.journal.append(replace(change, number=len(self.journal) + 1))

    # Inside ------------------------------------------------------------------------------------

    def _put(self, path: str, kind: Kind, more: Mapping[str, Any]) -> Node:
        with self.lock:
            given = dict(more)
            parent, name = given.pop("parent", None), path
            drive_id = given.pop("drive_id", self.drive_id)
            if parent is None:
                folder, slash, name = path.rpartition("/")
                parent = self._drives[drive_id]
                if slash:
                    parent = self.put_folder(folder, drive_id=drive_id).node_id
            now = self._tick()
            modified = given.get("modified_at", now)
            born = {"created_at": now, "modified_at": modified, "client_modified_at": modified}
            values = {"owner": self.owner, **born, **given}
            self._count += 1
            node = Node(
                node_id=values.pop("node_id", None) or self._new_id(kind, self._count),
                number=self._count,
                name=name,
                kind=kind,
                parent_id=parent,
                drive_id=self._nodes[parent].drive_id,
                **values,
            )
            if node.node_id in self._nodes:
                msg = f"there is a node {node.node_id!r} already"
                raise ValueError(msg)
            self._nodes[node.node_id] = node
            self._inside[parent][node.node_id] = None
            if kind == "folder":
                self._inside[node.node_id] = {}
            self._tell("put", node, None)
            return node

    def _changed(self, what: What, node_id: str, new: Mapping[str, Any]) -> Node:
        with self.lock:
            before = self._nodes[node_id]
            self._tick()
            node = replace(before, revision=before.revision + 1, **new)
            self._nodes[node_id] = node
            self._tell(what, node, before, self.below_if_folder(node_id))
            return node

    def _tell(
        self, what: What, node: Node, before: Node | None, below: Iterable[Node] = ()
    ) -> None:
        ids = tuple(one.node_id for one in below)
        number = len(self.journal) + 1
        change = Change(number=number, what=what, node=node, before=before, at=self.now, below=ids)
        self.journal.append(change)

    def _tick(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now
