"""The account's journal in Dropbox' words: at each moment, what is at which path."""

from __future__ import annotations

from dataclasses import dataclass, field

from filehaul.testing.account import Account, Change, Node
from filehaul.testing.plays.dropbox.told import Record, deleted, metadata, rev


@dataclass
class Log:
    """Reads the journal as it grows. ``entries``: of each change, what it is told as.
    ``revisions``: every revision of every file that there was, by its name.
    """

    account: Account
    entries: list[list[Record]] = field(default_factory=list)
    revisions: dict[str, Node] = field(default_factory=dict)
    _nodes: dict[str, Node] = field(default_factory=dict)

    def read(self) -> None:
        """Take in what has happened since."""
        for change in self.account.journal[len(self.entries) :]:
            self.entries.append(self._told(change))

    def paths(self) -> dict[str, tuple[str, Node]]:
        """What is where now: the path in small letters, to the path and the node. Of two at one
        path the newer has taken the older one's place.
        """
        found: dict[str, tuple[str, Node]] = {}
        for node in self._nodes.values():
            path = self._path(node)
            if path is not None and not self._is_hidden(node):
                found[path.lower()] = (path, node)
        return found

    def _told(self, change: Change) -> list[Record]:
        before = change.before and self._path(self._nodes.get(change.node.node_id))
        if change.what == "remove":
            for node_id in (change.node.node_id, *change.below):
                self._nodes.pop(node_id, None)
        else:
            self._nodes[change.node.node_id] = change.node
        now = self._path(self._nodes.get(change.node.node_id))
        if change.what in ("trash", "remove"):
            return [deleted(before)] if before else []
        if now is None:
            return []
        if before and before != now and before.lower() == now.lower():
            return []  # files.stone, Metadata.path_display: changes of the casing are not told of
        told = [deleted(before)] if before and before != now else []
        return told + self._here(change.node, now, with_all=change.what != "put")

    def _here(self, node: Node, path: str, *, with_all: bool) -> list[Record]:
        """The node, and where it is a folder that came as a whole, all that is in it."""
        if self._is_hidden(node):
            return []
        self.revisions[rev(node)] = node
        told = [metadata(node, path)]
        if with_all and node.kind == "folder":
            for one in list(self._nodes.values()):
                if one.parent_id == node.node_id and not one.is_trashed:
                    told += self._here(one, f"{path}/{one.name}", with_all=True)
        return told

    def _path(self, node: Node | None) -> str | None:
        """The names from the root down; None of what is in the trash, or in another drive."""
        names: list[str] = []
        while node is not None and not node.is_trashed:
            names.append(node.name)
            if node.parent_id == self.account.root_id:
                return "/" + "/".join(reversed(names))
            node = self._nodes.get(str(node.parent_id))
        return None

    def _is_hidden(self, node: Node) -> bool:
        """Whether it is in a folder that may not be looked into (the folder itself is seen), or no
        thing of Dropbox'.
        """
        if node.kind == "link":
            return True
        above = self._nodes.get(str(node.parent_id))
        return above is not None and self.account.is_forbidden(above.node_id)
