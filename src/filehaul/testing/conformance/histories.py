"""Proofs by chance: long histories of an account, the same ones each time they are run."""

from __future__ import annotations

import random
from collections.abc import Callable

from filehaul.testing.account import Node
from filehaul.testing.conformance import needs
from filehaul.testing.conformance.trial import Trial

_ROUNDS, _CHANGES = 6, 7


class _History:
    """Changes at the vendor, one after the other, chosen by chance."""

    def __init__(self, trial: Trial, seed: int) -> None:
        self.trial = trial
        self.account = trial.account
        self.random = random.Random(seed)
        self.count = 0
        self.root = self.account[self.account.drives[trial.drive_id]]
        ways = [self.put, self.put, self.change, self.rename, self.move, self.remove]
        ways += [self.rename_folder, self.move_folder, self.remove_folder]
        if trial.traits.can.trash != "none":
            ways += [self.trash, self.trash_folder, self.restore, self.restore]
        self.ways: list[Callable[[], None]] = ways

    def go_on(self) -> None:
        """One more thing happens."""
        self.random.choice(self.ways)()

    def _name(self, kind: str) -> str:
        self.count += 1
        return f"{kind} {self.count}"

    def _one(self, kind: str, *, trashed: bool = False) -> Node | None:
        """A file or a folder, or nothing where there is none to be had."""
        found = [
            node
            for node in self.account
            if node.kind == kind
            and node.drive_id == self.trial.drive_id
            and node.name != "stays"
            and (node.is_trashed if trashed else not self.account.is_trashed(node.node_id))
        ]
        return self.random.choice(found) if found else None

    def _folder(self) -> Node:
        return (self._one("folder") if self.random.random() < 0.7 else None) or self.root

    def put(self) -> None:
        """A file, or a folder with one."""
        folder = self._folder()
        if self.random.random() < 0.4:
            name = self._name("folder")
            folder = self.account.put_folder(name, parent=folder.node_id)
        name = f"{self._name('file')}.txt"
        self.account.put_file(name, name.encode(), parent=folder.node_id)

    def change(self) -> None:
        """Other bytes."""
        if node := self._one("file"):
            self.account.change(node.node_id, self._name("content").encode())

    def rename(self) -> None:
        """Another name."""
        if node := self._one("file"):
            self.account.rename(node.node_id, f"{self._name('renamed')}.txt")

    def move(self) -> None:
        """Another folder."""
        if node := self._one("file"):
            self.account.move(node.node_id, self._folder().node_id)

    def remove(self) -> None:
        """Gone."""
        if node := self._one("file"):
            self.account.remove(node.node_id)

    def trash(self) -> None:
        """Into the trash."""
        if node := self._one("file"):
            self.account.trash(node.node_id)

    def rename_folder(self) -> None:
        """Another name for all below."""
        if node := self._one("folder"):
            self.account.rename(node.node_id, self._name("named"))

    def move_folder(self) -> None:
        """Elsewhere, unless it would be in itself."""
        node, folder = self._one("folder"), self._folder()
        if node is None or folder.node_id == node.node_id:
            return
        if node.node_id not in {one.node_id for one in self.account.above(folder.node_id)}:
            self.account.move(node.node_id, folder.node_id)

    def remove_folder(self) -> None:
        """With all that is in it, now and then."""
        if self.random.random() < 0.5 and (node := self._one("folder")):
            self.account.remove(node.node_id)

    def trash_folder(self) -> None:
        """Likewise."""
        if node := self._one("folder"):
            self.account.trash(node.node_id)

    def restore(self) -> None:
        """Out of the trash, where the folder that it was in is there."""
        kind = self.random.choice(["file", "folder"])
        node = self._one(kind, trashed=True)
        if node and not self.account.is_trashed(str(node.parent_id)):
            self.account.restore(node.node_id)


def _live_through(trial: Trial, seed: int) -> None:
    trial.put("stays")
    history = _History(trial, seed)
    for _ in range(_ROUNDS):
        for _ in range(_CHANGES):
            history.go_on()
        trial.settled()
        trial.assert_right(kept=True)


def a_long_history(trial: Trial) -> None:
    """Whatever happens to an account, in whatever order: after each run all is as it is there."""
    _live_through(trial, 1)


def another_long_history(trial: Trial) -> None:
    """The same with other turns."""
    _live_through(trial, 2)


PROOFS: dict[Callable[[Trial], None], needs.Needs] = {
    a_long_history: needs.always,
    another_long_history: needs.always,
}
