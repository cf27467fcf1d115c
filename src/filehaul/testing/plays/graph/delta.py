"""``delta``: all that is in a drive, page by page, and from then on what has changed.

A token says what is told (``all``, or what has happened ``since``), of which drive, between which
two moments of the account's journal, and how far the pages have come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from functools import partial
from itertools import islice
from typing import Any

from filehaul.testing.account import Account, Change, Node
from filehaul.testing.answers import Answer, RecordedRequest
from filehaul.testing.plays.graph.records import Records
from filehaul.testing.plays.graph.words import link, page_size, refused, told, wanted
from filehaul.testing.stage import ExpiredTokenError, Stage, UnknownTokenError

_Make = Callable[[Set[str] | None], dict[str, Any]]


class Delta:
    """The feeds of an account's drives. ``repeats``: most things are told twice, first as they were
    when they happened and then as they are, and what is in a folder comes before the folder.
    """

    def __init__(
        self, account: Account, stage: Stage, records: Records, page_size: int, repeats: bool
    ) -> None:
        self._account = account
        self._stage = stage
        self._records = records
        self._page_size = page_size
        self._repeats = repeats
        self._known: list[str] = []  # ids in the order in which they came, and never shorter
        self._read = 0  # of the account's journal

    def answer(self, drive_id: str, token: str | None, request: RecordedRequest) -> Answer:
        """One page."""
        here = len(self._account.journal)
        if token == "latest":
            return self._final([], drive_id, here, request)
        what, begin, end, place = "all", 0, here, 0
        if token:
            kind = "page" if token.startswith("p.") else "changes"
            try:
                found = self._stage.unseal(kind, token.partition(".")[2])
            except UnknownTokenError:
                return refused(400, "invalidRequest", "The provided token is not valid.")
            except ExpiredTokenError:
                return self._resync(request)
            of, what, begin, end, place = found
            if of != drive_id:
                return refused(400, "invalidRequest", "The provided token is of another drive.")
            end = here if kind == "changes" else end
        told_of = self._all(drive_id) if what == "all" else self._since(drive_id, begin, end)
        size = page_size(request, self._page_size, self._stage.options.page_cap)
        page = list(islice(told_of(place), size + 1))
        asked = wanted(request)
        records = [make(asked) for _, make in page[:size]]
        if len(page) <= size:
            return self._final(records, drive_id, end, request)
        following = self._stage.seal("page", [drive_id, what, begin, end, page[size][0]])
        address = link(request, self._stage.base_url, {"token": f"p.{following}"})
        return told({"@odata.nextLink": address, "value": records})

    def _final(
        self, records: list[dict[str, Any]], drive_id: str, end: int, request: RecordedRequest
    ) -> Answer:
        """The last page: what happened after ``end`` is what the next feed begins with."""
        token = self._stage.seal("changes", [drive_id, "since", end, end, 0])
        address = link(request, self._stage.base_url, {"token": f"c.{token}"})
        return told({"@odata.deltaLink": address, "value": records})

    def _resync(self, request: RecordedRequest) -> Answer:
        return refused(
            410,
            "resyncRequired",
            "Resync is required: begin a new enumeration.",
            {"Location": link(request, self._stage.base_url, {})},
            "resyncChangesApplyDifferences",
        )

    # What is told ------------------------------------------------------------------------------

    def _all(self, drive_id: str) -> Callable[[int], Iterator[tuple[int, _Make]]]:
        """The root, and all that is there. Places do not shift: what is removed meanwhile leaves a
        gap, what is put comes at the end.
        """
        account, known = self._account, self._known
        known += [one.node.node_id for one in account.journal[self._read :] if one.what == "put"]
        self._read = len(account.journal)

        def told_of(place: int) -> Iterator[tuple[int, _Make]]:
            if place == 0:
                yield 0, partial(self._records.in_delta, account[account.drives[drive_id]])
            for number in range(max(1, place), len(known) + 1):
                node = self._there(known[number - 1], drive_id)
                if node is not None:
                    yield number, partial(self._records.in_delta, node)

        return told_of

    def _since(
        self, drive_id: str, begin: int, end: int
    ) -> Callable[[int], Iterator[tuple[int, _Make]]]:
        """What has changed, each thing once and as it is now, with the folders above it; what went
        away first, from the bottom up.
        """
        changes = [one for one in self._account.journal[begin:end] if _is_in(one, drive_id)]
        touched: dict[str, Node] = {}
        for change in changes:
            for node_id in (*reversed(_along(change)), change.node.node_id):
                touched.pop(node_id, None)
                touched[node_id] = self._account.get(node_id) or self._as_it_was(node_id)
        there = [one for one in touched.values() if self._there(one.node_id, drive_id) is not None]
        gone = [one for one in touched.values() if self._there(one.node_id, drive_id) is None]
        above = {
            folder.node_id: folder
            for node in touched.values()
            for folder in self._above(node)
            if folder.node_id not in touched
        }
        now = [*above.values(), *there]
        before: list[Node] = []
        if self._repeats:
            now.reverse()
            before = [one.node for one in changes if one.what not in ("trash", "remove")]
        made: list[_Make] = [partial(self._records.in_delta, node) for node in before]
        made += [partial(self._records.gone, node) for node in gone]
        made += [partial(self._records.in_delta, node) for node in now]
        return lambda place: islice(enumerate(made), place, None)

    def _above(self, node: Node) -> Iterator[Node]:
        """The folders that it lies in, or lay in, as far as they are there."""
        folder = self._account.get(node.parent_id or "")
        while folder is not None:
            if self._there(folder.node_id, node.drive_id) is not None:
                yield folder
            folder = self._account.get(folder.parent_id or "")

    def _as_it_was(self, node_id: str) -> Node:
        """A node that is no more."""
        journal = reversed(self._account.journal)
        return next(one.node for one in journal if one.node.node_id == node_id)

    def _there(self, node_id: str, drive_id: str) -> Node | None:
        node = self._account.get(node_id)
        if node is None or node.drive_id != drive_id or node.kind == "link":
            return None
        return None if self._account.is_trashed(node_id) else node


def _is_in(change: Change, drive_id: str) -> bool:
    before = change.before or change.node
    return drive_id in (change.node.drive_id, before.drive_id)


def _along(change: Change) -> tuple[str, ...]:
    """What lies below a folder and is told of with it: not where the folder was only renamed, or
    moved within its drive.
    """
    left = change.before is not None and change.before.drive_id != change.node.drive_id
    return change.below if left or change.what in ("trash", "restore", "remove") else ()
