"""Sync types: which one it is, and each held against a model over random lives of a vendor."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from config_dicts import with_resource
from filehaul.config import load_config
from filehaul.config.sync_types import SYNC_TYPES
from filehaul.errors import ConfigError
from filehaul.testing import FakeFile, FakeVendor, Fault
from hauling import config_for, haul
from memory_destination import BrokenError, Row, Tables, in_place_of_the_destination
from test_config_errors import refused
from test_incremental import OURS, SINCE, START

# -- which one it is -----------------------------------------------------------------------------

INCREMENTAL = {"incremental": OURS}


@pytest.mark.parametrize(
    ("keys", "sync", "disposition", "gone"),
    [
        ({}, "snapshot", "merge", "soft"),
        ({"write_disposition": "append"}, "full_refresh_append", "append", "none"),
        ({"write_disposition": "replace"}, "full_refresh", "replace", "none"),
        (INCREMENTAL, "incremental", "merge", "soft"),
        ({**INCREMENTAL, "write_disposition": "append"}, "incremental_append", "append", "none"),
        ({"sync_type": "history"}, "history", "merge", "soft"),
        ({"sync_type": "history", **INCREMENTAL}, "history", "merge", "soft"),
        ({"sync_type": "full_refresh"}, "full_refresh", "replace", "none"),
        ({"sync_type": "full_refresh_append"}, "full_refresh_append", "append", "none"),
        (
            {"sync_type": "incremental_append", **INCREMENTAL},
            "incremental_append",
            "append",
            "none",
        ),
        ({"deletes": "none"}, "snapshot", "merge", "none"),
        ({"deletes": {"how": "hard"}}, "snapshot", "merge", "hard"),
    ],
)
def test_which_one_it_is(keys: dict[str, Any], sync: str, disposition: str, gone: str) -> None:
    """By what is there, or as it says; the defaults' merge gives way to a sync type of its own."""
    [resource] = load_config(with_resource(**keys)).resources
    assert (resource.sync, resource.disposition, resource.gone) == (sync, disposition, gone)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"sync_type": "snapshot", "write_disposition": "append"}, "snapshot is merge"),
        ({"sync_type": "full_refresh", "write_disposition": "merge"}, "full_refresh is replace"),
        ({"sync_type": "incremental"}, "needs to know what has changed"),
        ({"sync_type": "incremental_append"}, "needs to know what has changed"),
        ({"sync_type": "changes"}, "needs the vendor's change feed"),
        ({"sync_type": "snapshot", **INCREMENTAL}, "lists everything, and incremental only"),
        ({"sync_type": "history", "primary_key": None}, "merge needs a primary_key"),
        ({"sync_type": "history", "deletes": "hard"}, "a history keeps every version"),
        ({"sync_type": "full_refresh", "deletes": "hard"}, "has no rows of files that are gone"),
        ({"sync_type": "mirror"}, "must be 'full_refresh'"),
        ({"deletes": "sofd"}, "must be 'soft', 'hard' or 'none'"),
        ({"deletes": {"max": {"share": "110%"}}}, "less than or equal to 1"),
        ({"incremental": {**OURS, "lag": -1}}, "greater than or equal to 0"),
        ({"incremental": {**OURS, "start_param": "since"}}, "a parameter of the endpoint's"),
    ],
)
def test_what_contradicts_itself(keys: dict[str, Any], message: str) -> None:
    """An error before the first request, with its place."""
    error: ConfigError = refused(with_resource(**keys))
    assert message in error.message
    assert "files" in error.where or "resources[0]" in error.where


def test_every_sync_type_is_in_the_docs() -> None:
    """docs/config.md has a row for each."""
    page = (Path(__file__).parent.parent / "docs" / "config.md").read_text("utf-8")
    for one in SYNC_TYPES:
        assert f"| `{one}` |" in page, one


# -- against a model -----------------------------------------------------------------------------

IDS = [f"f{number}" for number in range(7)]
STEPS = st.lists(
    st.tuples(
        st.lists(st.tuples(st.sampled_from(["put", "remove"]), st.sampled_from(IDS)), max_size=5),
        st.sampled_from(["well", "well", "well", "refused", "refused late", "broken load"]),
        st.booleans(),
    ),
    min_size=1,
    max_size=6,
)
TYPES = ["full_refresh", "full_refresh_append", "snapshot", "history", "incremental"]
TYPES += ["incremental_append", "incremental history", "hard", "no ledger"]
Version = tuple[str, str]
"""A file and the time of its change: no two versions of a file have the same."""


class Life:
    """A vendor that changes, and what each sync type must have made of it."""

    def __init__(self, vendor: FakeVendor, kind: str) -> None:
        self.vendor = vendor
        self.kind = kind
        self.tables = Tables()
        self.now = 0
        self.listed: list[set[Version]] = []  # what each run that ended well saw
        self.missed: set[str] = set()  # gone in a listing that was whole, and then not loaded
        for file_id in ("always", *IDS):
            self.put(file_id)
        more: dict[str, Any] = {"deletes": {"max": {"share": 1}}}
        if "append" in kind or kind == "full_refresh":
            more = {}
        if kind == "no ledger":
            more = {"deletes": "none"}
        if kind == "hard":
            more = {"deletes": {"how": "hard", "max": {"share": 1}}}
        endpoint: dict[str, Any] = {"paginator": {"type": "offset", "limit": 3}}
        if "incremental" in kind:
            endpoint["incremental"] = {**SINCE, "lag": 0} if "append" in kind else OURS
        sync_type = {"hard": "snapshot", "no ledger": "snapshot"}.get(kind, kind)
        sync_type = sync_type.rpartition(" ")[2]
        self.config = config_for(
            vendor, content=None, sync_type=sync_type, endpoint=endpoint, **more
        )

    def put(self, file_id: str) -> None:
        """A new version."""
        self.now += 1
        moment = START + timedelta(minutes=self.now // 2)  # two of them have one time
        extra = {"n": self.now}
        self.vendor.put(FakeFile(file_id, file_id, modified_at=moment, extra=extra))

    def change(self, edits: list[tuple[str, str]]) -> None:
        """What happens at the vendor's between two runs."""
        for what, file_id in edits:
            if what == "put":
                self.put(file_id)
            elif file_id in self.vendor.files:
                self.vendor.remove(file_id)

    def there(self) -> set[Version]:
        """What the vendor has now."""
        return {(one, str(file.extra["n"])) for one, file in self.vendor.files.items()}

    def run(self, how: str, anew: bool) -> None:
        """One run, and what must hold after it."""
        if how.startswith("refused"):
            late = [Fault.latency(0)] if how == "refused late" else []
            # All that follow: of one refusal it asks again, as pages may not be able to overlap.
            self.vendor.script("/v1/files", *late, *[Fault.status(400)] * 30)
        self.tables.broken = how == "broken load"
        before = [dict(row) for row in self.rows()]
        ended = False
        with suppress(BrokenError):
            ended = haul(self.config, full_refresh=anew).exit_code == 0
        self.vendor.clear_scripts()
        self.tables.broken = False
        if ended:
            self.listed.append(self.there())
            self.check(anew)
        else:
            if how == "broken load":
                self.missed |= {*IDS} - {one for one, _ in self.there()}
            self.check_half(before)

    def rows(self) -> list[Row]:
        """The catalogue."""
        return self.tables.rows.get("files", [])

    def versions(self, rows: list[Row]) -> list[Version]:
        """Which versions of which files rows are."""
        return [(row["file_id"], str(row["n"])) for row in rows]

    def check_half(self, before: list[Row]) -> None:
        """Nothing is gone that was there, nothing is a tombstone that was none."""
        rows = self.rows()
        here = {row["file_id"] for row in rows}
        assert {row["file_id"] for row in before} <= here
        was = {row["file_id"] for row in before if row["deleted_at"]} | self.missed
        assert {row["file_id"] for row in rows if row["deleted_at"]} <= was
        if "append" in self.kind or self.kind == "full_refresh":
            assert rows == before

    def check(self, anew: bool) -> None:
        """The table is what this sync type says."""
        rows, there, kind = self.rows(), self.there(), self.kind
        ever = {one for listing in self.listed for one in listing}
        full = anew or "incremental" not in kind or len(self.listed) == 1
        if kind == "full_refresh":
            assert sorted(self.versions(rows)) == sorted(there)
        elif kind == "full_refresh_append":
            counts = Counter(one for listing in self.listed for one in listing)
            assert Counter(self.versions(rows)) == counts
        elif kind == "incremental_append":
            if anew:
                self.listed = [there]
                ever = there
            assert Counter(self.versions(rows)) == Counter(ever)
        elif kind == "hard":
            assert sorted(self.versions(rows)) == sorted(there)
        else:
            if "history" in kind:
                self.check_versions(rows)
                rows = [row for row in rows if row["_dlt_valid_to"] is None]
            assert len(rows) == len({row["file_id"] for row in rows})
            live = set(self.versions([row for row in rows if not row["deleted_at"]]))
            assert there <= live
            if full and kind != "no ledger":
                assert live == there
            assert {one for one, _ in ever} <= {row["file_id"] for row in rows}
            # Only of a file whose row never arrived the tombstone has its key alone.
            bare = {row["file_id"] for row in rows if row["n"] is None}
            assert not bare & {one for one, _ in ever}

    def check_versions(self, rows: list[Row]) -> None:
        """Of each file: no version twice in a row, one current one."""
        by_file: dict[str, list[Row]] = {}
        for row in rows:
            by_file.setdefault(row["file_id"], []).append(row)
        for found in by_file.values():
            told = [(str(row["n"]), row["deleted_at"]) for row in found]
            assert all(one != other for one, other in itertools.pairwise(told))
            assert [row["_dlt_valid_to"] is None for row in found] == [
                *[False] * (len(found) - 1),
                True,
            ]


@pytest.mark.parametrize("kind", TYPES)
@settings(
    max_examples=int(os.environ.get("FILEHAUL_EXAMPLES", "12")),
    deadline=None,
    phases=[Phase.generate],  # shrinking a life takes minutes, and each is short
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(steps=STEPS)
def test_any_life_of_a_vendor(kind: str, steps: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Files come, change, go and return, listings and loads fail: the table is what the model
    says after each run.
    """
    with tempfile.TemporaryDirectory() as folder, FakeVendor() as vendor:
        monkeypatch.chdir(folder)
        life = Life(vendor, kind)
        with in_place_of_the_destination(life.tables):
            for edits, how, anew in [*steps, ([], "well", False)]:
                life.change(edits)
                life.run(how, anew)
