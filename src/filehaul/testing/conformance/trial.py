"""One trial: a vendor that plays, a config over the preset, runs, and what came of them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from filehaul.checksums import new
from filehaul.config import load_config
from filehaul.http import Clock
from filehaul.names import child_path
from filehaul.report import Report
from filehaul.spine import run
from filehaul.testing.account import Account, Node
from filehaul.testing.conformance.case import ANY, PAGE, Case, Traits
from filehaul.testing.conformance.memory import Row, Tables
from filehaul.testing.vendor import FakeVendor


class HastyClock(Clock):
    """Goes on by itself where a run would sleep, so that pauses of minutes are over at once."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def monotonic(self) -> float:
        """The machine's, and all that was slept."""
        return super().monotonic() + self.ahead

    def time(self) -> float:
        """Likewise."""
        return super().time() + self.ahead

    def sleep(self, seconds: float) -> None:
        """No time at all."""
        self.ahead += seconds


class Trial:
    """A running vendor with an account, and syncs of it. ``drive_id``: the drive that is synced."""

    def __init__(self, case: Case, folder: Path, account: Account, vendor: FakeVendor) -> None:
        self.case = case
        self.traits: Traits = case.traits
        self.account = account
        self.vendor = vendor
        self.clock = HastyClock()
        self.tables = Tables()
        self.folder = folder
        self.sink = folder / "files"
        self.drive_id = account.drive_id if case.drive is None else case.drive(account)
        self.config_path = folder / "trial.yaml"
        made = case.config(vendor, account, self.sink)
        self.config_path.write_text(json.dumps(made), "utf-8")

    # The account, in the drive that is synced ----------------------------------------------------

    def put(self, path: str, content: bytes | None = None, **more: Any) -> Node:
        """A file in the drive; its bytes are its path unless given."""
        own = path.encode() if content is None else content
        return self.account.put_file(path, own, drive_id=self.drive_id, **more)

    def find(self, path: str) -> Node:
        """What lies at a path of the drive."""
        return self.account.find(path, self.drive_id)

    def files(self) -> dict[str, Node]:
        """The files, by the id that their rows have, that a sync is to find."""
        return {
            self.case.file_id(self.account, node): node
            for node in self.account
            if node.kind in ("file", "document") and self.is_listed(node)
        }

    def is_listed(self, node: Node) -> bool:
        """Whether a listing is to have it."""
        there = node.drive_id == self.drive_id and not self.account.is_trashed(node.node_id)
        return there and not self.account.is_forbidden(node.node_id)

    def file_id(self, node: Node) -> str:
        """The id that its row has."""
        return self.case.file_id(self.account, node)

    # Runs ----------------------------------------------------------------------------------------

    def sync(self, **wishes: Any) -> Report:
        """One run; errors are in the report. All scripted faults must have fired."""
        self.vendor.clear_requests()
        config = load_config(self.config_path)
        report = run(config, clock=self.clock, destination=self.tables.destination, **wishes)
        self.vendor.assert_all_fired()
        return report

    def good(self, **wishes: Any) -> Report:
        """The same, and nothing went wrong."""
        report = self.sync(**wishes)
        assert report.error is None, report.error
        assert report.exit_code == 0, report
        assert all(one.complete for one in report.resources.values()), report
        return report

    def settled(self) -> Report:
        """Enough runs for what is gone to be known as gone; the last one's report."""
        report = self.good()
        if not self.traits.has_feed and self._has_doubts():
            report = self.good()
        return report

    def _has_doubts(self) -> bool:
        live = {row["file_id"] for row in self.rows()}
        return not live <= {self.file_id(node) for node in self.account if self.is_listed(node)}

    # What came of it -----------------------------------------------------------------------------

    def rows(self, *, gone: bool = False) -> list[Row]:
        """Rows of the catalogue: those that are live, or the tombstones."""
        found = self.tables.rows.get(self.traits.resource.name, {}).values()
        return [row for row in found if (row["deleted_at"] is not None) == gone]

    def row(self, node: Node) -> Row:
        """The one row of a node, live or not."""
        wanted = self.file_id(node)
        found = [row for row in (*self.rows(), *self.rows(gone=True)) if row["file_id"] == wanted]
        assert len(found) == 1, (wanted, found)
        return found[0]

    def content(self, node: Node) -> bytes | None:
        """The bytes that the sink has of a file; None: none."""
        target = self.target(node)
        return None if target is None else (self.sink / target).read_bytes()

    def target(self, node: Node) -> str | None:
        """Where the sink has a file, by the ledger."""
        query = "SELECT target FROM transfers WHERE file_id = ? AND sha256 IS NOT NULL"
        with self._ledger() as ledger:
            found = ledger.execute(query, (self.file_id(node),)).fetchone()
        return None if found is None else str(found[0])

    @contextmanager
    def _ledger(self) -> Iterator[sqlite3.Connection]:
        path = self.folder / ".filehaul" / "trial.sqlite"
        with closing(sqlite3.connect(path)) as ledger:
            yield ledger

    def ledger(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of the ledger."""
        with self._ledger() as ledger:
            return ledger.execute(query).fetchall()

    def held(self) -> list[bytes]:
        """The bytes of every file in the sink, sorted; our own mark is none."""
        found = [path for path in self.sink.rglob("*") if path.is_file()]
        ours = self.sink / ".filehaul"
        return sorted(path.read_bytes() for path in found if ours not in path.parents)

    # Whether it is right -------------------------------------------------------------------------

    def assert_right(self, *, kept: bool = False) -> None:
        """The catalogue's rows and the sink's bytes are those of the account, all and no others.

        ``kept``: the sink may hold more, of files that are gone (``on_delete: keep``).
        """
        wanted = self.files()
        rows = {row["file_id"]: row for row in self.rows() if row["kind"] in ("file", None)}
        assert sorted(rows) == sorted(wanted)
        assert len([row for row in self.rows() if row["kind"] in ("file", None)]) == len(rows)
        for file_id, node in wanted.items():
            self._assert_row(rows[file_id], node)
        expected = {file_id: self._bytes(node) for file_id, node in wanted.items()}
        for file_id, content in expected.items():
            assert self.content(wanted[file_id]) == content, wanted[file_id].name
        if not kept:
            assert self.held() == sorted(one for one in expected.values() if one is not None)
        if self.case.folders:
            self._assert_folders()

    def _assert_row(self, row: Row, node: Node) -> None:
        assert row["file_name"] == node.name
        if self.traits.has_paths:
            assert row["path"] == self.path(node)
        if node.kind != "file":
            return
        fields = self.traits.resource.fields
        assert fields is not None
        assert row["size"] == (None if fields.size is None else len(node.content))
        if fields.modified_at is not None and node.revision == 1:
            client = self.traits.can.times == "client"
            assert row["modified_at"] == (node.client_modified_at if client else node.modified_at)
        algorithm = row["checksum_algorithm"]
        assert (algorithm is None) == (not self.traits.algorithms)
        if algorithm is not None:
            digest = new(algorithm)
            digest.update(node.content)
            assert row["checksum"] == digest.hexdigest()

    def path(self, node: Node) -> str:
        """The path that a row is to have: names joined as the catalogue joins them."""
        if self.case.path is not None:
            return self.case.path(self.account, node)
        above = [one for one in self.account.above(node.node_id) if one.parent_id is not None]
        path = ""
        for one in (*reversed(above), node):
            path = child_path(path, one.name)
        return path

    def _assert_folders(self) -> None:
        found = {row["file_id"]: row["path"] for row in self.rows() if row["kind"] == "folder"}
        wanted = [one for one in self.account if one.kind == "folder" and self.is_listed(one)]
        paths = {self.file_id(node): self.path(node) for node in wanted}
        assert found == (paths if self.traits.has_paths else dict.fromkeys(paths))

    def _bytes(self, node: Node) -> bytes | None:
        """What the sink is to have of it; None: nothing."""
        if node.kind == "file":
            return node.content
        known = self.traits.exports.get(node.mime_type or "")
        return None if known is None else node.exports[known.mime_type or ANY]


@contextmanager
def trial(case: Case, folder: Path) -> Iterator[Trial]:
    """A trial of an empty account, while it lasts."""
    account = case.account()
    options: Any = {"page_cap": PAGE, **case.options}
    vendor = FakeVendor.playing(case.play, account, case.settings, **options)
    with vendor:
        yield Trial(case, folder, account, vendor)
