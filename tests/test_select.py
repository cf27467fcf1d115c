"""content.select: which files are transferred; the others are in the catalogue alone."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config_dicts import spoilt, with_resource
from filehaul.config import load_config
from filehaul.config.select import glob_pattern
from filehaul.config.units import _moment, _size
from filehaul.errors import ConfigError
from filehaul.ledger import ALWAYS
from filehaul.look import plan
from filehaul.models import File
from filehaul.selection import Selection
from filehaul.testing import FakeFile, FakeVendor, Fault
from hauling import (
    NoDestination,
    config_for,
    contents,
    haul,
    ledger_rows,
    numbers,
    rows_of,
    sink_files,
)
from test_sink_names import moved, named

pytestmark = pytest.mark.usefixtures("own_folder")

NOW = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)


@pytest.fixture
def loads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """No destination."""
    monkeypatch.setattr("filehaul.spine.Destination", NoDestination)


def config(vendor: FakeVendor, select: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
    """A config with this selection."""
    content: dict[str, Any] = {"path": "/v1/files/{file_id}/content"}
    if select is not None:
        content["select"] = select
    return config_for(vendor, content=content, **more)


def selection(**select: Any) -> Selection:
    """A selection, read as a config has it."""
    made = with_resource(
        primary_key="file_id",
        content={"path": "/{file_id}", "select": select},
        fields={"file_id": "id", "mime_type": "t", "size": "s", "modified_at": "m"},
    )
    return Selection(load_config(made).resources[0], NOW)


# -- globs -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("glob", "fits", "misses"),
    [
        ("*.pdf", ["a.pdf", "x/y/A.PDF", ".pdf"], ["a.pdf.txt", "a.pdfx", "pdf", "x.pdf/y"]),
        ("/*.pdf", ["a.pdf"], ["x/a.pdf"]),
        ("/Reports/**", ["Reports/a", "reports/x/y.z"], ["Reports", "x/Reports/a", "Reports2/a"]),
        ("Reports/**", ["Reports/a"], ["x/Reports/a"]),
        ("Reports/*", ["Reports/a"], ["Reports/x/a"]),
        ("Archive/", ["Archive/a", "x/Archive/y/z"], ["Archive", "MyArchive/a"]),
        ("/Archive/", ["Archive/a"], ["x/Archive/a"]),
        ("**/draft/**", ["draft/a", "x/y/draft/z/a"], ["draft", "x/mydraft/a"]),
        ("/a/**/z", ["a/z", "a/b/z", "a/b/c/z"], ["z", "a/bz", "x/a/z"]),
        ("/a/**b", ["a/b", "a/x/yb"], ["a/b/c"]),
        ("**", ["a", "a/b"], []),
        ("****", ["a", "a/b"], []),
        ("?.txt", ["a.txt", "x/b.txt"], ["ab.txt", ".txt"]),
        ("file[0-9].txt", ["file1.txt"], ["filea.txt", "file10.txt"]),
        ("file[!0-9].txt", ["filea.txt"], ["file1.txt"]),
        ("[[]x]", ["[x]"], ["x"]),
        ("a[^]b", ["a^b"], ["axb"]),
        ("a[!/]b", ["axb"], ["a/b"]),
        ("a+b(c).$d", ["a+b(c).$d"], ["aab(c).$d"]),
        ("~$*", ["~$draft.docx", "x/~$a"], ["a~$b"]),
        ("*\n*", ["a\nb"], ["ab"]),
        ("straße*", ["STRAßE 1"], ["str"]),
    ],
)
def test_globs(glob: str, fits: list[str], misses: list[str]) -> None:
    """What a glob fits, and what it does not; case does not count."""
    include, exclude = selection(include=glob), selection(exclude=[glob])
    for path in fits:
        assert include.why_not(File("files", "k", "k", path=path)) is None, path
        assert exclude.why_not(File("files", "k", "k", path=path)) == "exclude", path
    for path in misses:
        assert include.why_not(File("files", "k", "k", path=path)) == "include", path
        assert exclude.why_not(File("files", "k", "k", path=path)) is None, path


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=12))
def test_any_glob_is_a_pattern_or_an_error(glob: str) -> None:
    """Whatever a person writes: a pattern that compiles, or an error that says why."""
    try:
        found = glob_pattern(glob)
    except ValueError:
        assert "[" in glob or not glob.strip("/")
        return
    assert re.compile(found)


@given(st.text(st.characters(codec="utf-8", exclude_characters="[]*?/"), min_size=1))
def test_a_glob_without_signs_is_the_name_itself(name: str) -> None:
    """Nothing else in a glob has a meaning."""
    assert selection(include=[name]).why_not(File("files", "k", "k", path=f"in/{name}")) is None


# -- the other keys ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("select", "file", "expected"),
    [
        ({"mime_type": "image/*"}, {"mime_type": "image/png"}, None),
        ({"mime_type": ["text/*", "IMAGE/PNG"]}, {"mime_type": "image/png"}, None),
        ({"mime_type": "image/*"}, {"mime_type": "text/plain"}, "mime_type"),
        ({"mime_type": "image/*"}, {}, "mime_type"),
        ({"mime_type": "*"}, {}, None),
        ({"min_size": 1}, {"size": 0}, "min_size"),
        ({"min_size": 1}, {"size": 1}, None),
        ({"min_size": 1}, {}, None),
        ({"max_size": "1kB"}, {"size": 1000}, None),
        ({"max_size": "1kB"}, {"size": 1001}, "max_size"),
        ({"max_size": "1KiB"}, {"size": 1024}, None),
        ({"max_size": "5GB"}, {}, None),
        ({"include": "*.x", "max_size": 5}, {"path": "a.y", "size": 9}, "include"),
        ({"include": "*.x", "exclude": "a*"}, {"path": "a.x"}, "exclude"),
        ({"include": "*.x"}, {"path": None, "name": "in/a.x"}, None),
        ({"include": "/a.x"}, {"path": "/a.x"}, None),
        ({}, {}, None),
    ],
)
def test_what_keeps_a_file_out(
    select: dict[str, Any], file: dict[str, Any], expected: str | None
) -> None:
    """The first key that does not hold; what the record does not tell fits no pattern, and keeps
    no file out by its size.
    """
    values = {"path": "p", **file}
    assert selection(**select).why_not(File("files", "k", "k", **values)) == expected


@pytest.mark.parametrize(
    ("text", "size"),
    [("5GB", 5 * 10**9), ("2GiB", 2**31), ("500 mb", 5 * 10**8), ("1.5k", 1500), ("7", 7), (7, 7)],
)
def test_sizes(text: Any, size: int) -> None:
    """Thousands, or 1024 with an i."""
    assert _size(text) == size


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-01", datetime(2026, 1, 1, tzinfo=timezone.utc)),
        ("2026-01-01T10:00:00Z", datetime(2026, 1, 1, 10, tzinfo=timezone.utc)),
        ("2026-01-01T10:00:00+02:00", datetime(2026, 1, 1, 8, tzinfo=timezone.utc)),
        (datetime(2026, 1, 1).date(), datetime(2026, 1, 1, tzinfo=timezone.utc)),
        ("30d", timedelta(days=30)),
        ("1.5h", timedelta(minutes=90)),
        ("2w", timedelta(days=14)),
    ],
)
def test_moments(text: Any, moment: Any) -> None:
    """A date in UTC, or how long ago."""
    assert _moment(text) == moment


@pytest.mark.parametrize(
    ("select", "message"),
    [
        ({"includes": "*.pdf"}, "unknown key 'includes'"),
        ({"include": ["a[b"]}, "a bracket does not close"),
        ({"include": [""]}, "is empty"),
        ({"include": "/"}, "names nothing"),
        ({"mime_type": "png"}, "is no MIME type"),
        ({"max_size": "big"}, "a size such as 500MB"),
        ({"max_size": -1}, "a size such as 500MB"),
        ({"max_size": True}, "a size such as 500MB"),
        ({"modified_after": "yesterday"}, "how long ago (30d, 12h)"),
        ({"modified_after": 5}, "how long ago (30d, 12h)"),
        ({"min_size": 9, "max_size": 8}, "no file fits"),
        ({"modified_after": "1d", "modified_before": "2d"}, "no file fits"),
        ({"modified_after": "2026-02-01", "modified_before": "2026-01-01"}, "no file fits"),
    ],
)
def test_a_selection_that_is_wrong(select: dict[str, Any], message: str) -> None:
    """Said when the config is read, at its place."""
    with pytest.raises(ConfigError) as error:
        load_config(spoilt("resources.0.content", {"path": "/{file_id}", "select": select}))
    assert message in error.value.message
    assert "content.select" in error.value.where


@pytest.mark.parametrize(
    ("key", "column"),
    [("mime_type", "mime_type"), ("max_size", "size"), ("modified_before", "modified_at")],
)
def test_a_column_that_nobody_fills(key: str, column: str) -> None:
    """With fields, what is asked for must be mapped: else all files, or none, would be let in."""
    values = {"mime_type": "image/*", "max_size": 5, "modified_before": "5m"}
    made = with_resource(
        primary_key="file_id",
        fields={"file_id": "id"},
        content={"path": "/{file_id}", "select": {key: values[key]}},
    )
    with pytest.raises(ConfigError) as error:
        load_config(made)
    assert f"fields.{column}" in error.value.hint


def test_nothing_to_select_costs_nothing() -> None:
    """Without select no glob is tried, no time is read, and no time counts."""
    made = with_resource(primary_key="file_id", content={"path": "/{file_id}"})
    plain = Selection(load_config(made).resources[0], NOW)
    assert plain.is_all
    assert plain.window == ALWAYS
    assert plain.modified({"modified_at": "2026-01-01T00:00:00Z"}) is None


# -- end to end --------------------------------------------------------------------------------


@pytest.fixture
def vendor() -> Iterator[FakeVendor]:
    """Five files of several kinds."""
    made = [
        FakeFile("f0", "a.pdf", "Reports/a.pdf", b"x" * 10),
        FakeFile("f1", "b.txt", "Reports/b.txt", b"x" * 1000),
        FakeFile("f2", "c.png", "c.png", b"x" * 20),
        FakeFile("f3", "D.PDF", "old/D.PDF", b"x" * 30),
        FakeFile("f4", "e.pdf", "e.pdf", b"x" * 5000),
    ]
    with FakeVendor(made) as running:
        yield running


def asked(vendor: FakeVendor) -> set[str]:
    """The ids whose content was asked for."""
    found = (re.search(r"/files/([^/?]+)/content", one.path) for one in vendor.requests)
    return {match[1] for match in found if match}


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        ({"include": "*.pdf"}, {"f0", "f3", "f4"}),
        ({"include": ["*.pdf"], "exclude": ["/old/**"]}, {"f0", "f4"}),
        ({"include": "/Reports/**"}, {"f0", "f1"}),
        ({"mime_type": ["image/*", "text/plain"]}, {"f1", "f2"}),
        ({"max_size": "1kB", "min_size": 20}, {"f1", "f2", "f3"}),
        ({"include": "*.nothing"}, set()),
    ],
)
def test_what_is_selected_is_transferred(
    vendor: FakeVendor, select: dict[str, Any], expected: set[str]
) -> None:
    """The others have their row, no transfer, and count nowhere; the next run does nothing."""
    report = haul(config(vendor, select))
    assert (report.exit_code, report.listed, numbers(report)) == (0, 5, (len(expected), 0, 0, 0))
    assert asked(vendor) == expected
    assert rows_of("SELECT count(*) FROM acme_data.files") == [(5,)]
    if expected:
        found = rows_of("SELECT file_id, status FROM acme_data.transfers")
        assert set(found) == {(one, "done") for one in expected}
    again = haul(config(vendor, select))
    assert (again.exit_code, numbers(again)) == (0, (0, len(expected), 0, 0))


def test_another_selection(vendor: FakeVendor, loads_nothing: None) -> None:
    """What is newly selected is fetched, though no row changed; what no longer is keeps its bytes,
    and comes back without a request.
    """
    haul(config(vendor, {"include": "*.pdf"}))
    vendor.clear_requests()
    assert numbers(haul(config(vendor, {"include": "/Reports/**"}))) == (1, 1, 0, 0)
    assert asked(vendor) == {"f1"}
    assert set(sink_files()) == {"Reports/a.pdf", "Reports/b.txt", "old/D.PDF", "e.pdf"}
    vendor.clear_requests()
    assert numbers(haul(config(vendor, None))) == (1, 4, 0, 0)
    assert asked(vendor) == {"f2"}


def test_a_file_that_changes_its_kind(vendor: FakeVendor, loads_nothing: None) -> None:
    """It grows beyond the limit: the bytes of before stay. It shrinks: it is fetched again."""
    select = {"max_size": 100}
    assert numbers(haul(config(vendor, select))) == (3, 0, 0, 0)
    vendor.put(FakeFile("f2", "c.png", "c.png", b"y" * 200))
    assert numbers(haul(config(vendor, select))) == (0, 2, 0, 0)
    assert sink_files()["c.png"] == b"x" * 20
    vendor.put(FakeFile("f2", "c.png", "c.png", b"z" * 50))
    assert numbers(haul(config(vendor, select))) == (1, 2, 0, 0)
    assert sink_files()["c.png"] == b"z" * 50


def test_what_is_not_selected_stays_where_it_is(vendor: FakeVendor, loads_nothing: None) -> None:
    """It moves at the vendor's, and another takes its name there: its bytes are not touched."""
    haul(config(vendor, None))
    moved(vendor, f2="elsewhere/c.png", f0="c.png")
    assert numbers(haul(config(vendor, {"exclude": "/Elsewhere/"}))) == (0, 4, 0, 0)
    found = sink_files()
    assert found["c.png"] == b"x" * 20
    assert b"x" * 10 in found.values()
    assert len(found) == 5
    assert numbers(haul(config(vendor, None))) == (0, 5, 0, 0)
    assert sink_files()["elsewhere/c.png"] == b"x" * 20


def test_a_parked_file_that_is_not_selected_is_not_told_of(
    vendor: FakeVendor, loads_nothing: None
) -> None:
    """It failed before; excluded, it counts no more."""
    vendor.script("GET /v1/files/f2/content", Fault.status(404))
    assert numbers(haul(config(vendor, None))) == (4, 0, 1, 0)
    vendor.assert_all_fired()
    assert numbers(haul(config(vendor, {"exclude": "*.png"}))) == (0, 4, 0, 0)


def test_by_age(loads_nothing: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen from each run's own time: a file that was too young becomes old enough, without a word
    of the vendor's; one without a time is let in.
    """
    now = datetime.now(timezone.utc)
    made = [
        FakeFile("old", "old", content=b"1", modified_at=now - timedelta(days=40)),
        FakeFile("mid", "mid", content=b"2", modified_at=now - timedelta(days=20)),
        FakeFile("new", "new", content=b"3", modified_at=now - timedelta(minutes=1)),
        FakeFile("none", "none", content=b"4", modified_at=None),
    ]
    select = {"modified_after": "30d", "modified_before": "10m"}
    with FakeVendor(made) as vendor:
        assert numbers(haul(config(vendor, select))) == (2, 0, 0, 0)
        assert asked(vendor) == {"mid", "none"}
        assert [(one.file_id, one.reason) for one in plan(config(vendor, select))] == [
            ("new", "not selected (modified_before)"),
            ("old", "not selected (modified_after)"),
        ]
        with sqlite3.connect(".filehaul/acme.sqlite") as ledger:  # nine minutes go by
            ledger.execute("UPDATE files SET modified = modified - 600000000 WHERE key = 'new'")
        assert numbers(haul(config(vendor, select))) == (1, 2, 0, 0)
        fixed = {"modified_after": (now - timedelta(days=60)).isoformat()}
        assert numbers(haul(config(vendor, fixed))) == (1, 3, 0, 0)
        assert len(sink_files()) == 4


def test_plan_says_what_keeps_a_file_out(vendor: FakeVendor, loads_nothing: None) -> None:
    """A line for each file that is not selected, and none for those that are done."""
    select = {"include": "*.pdf", "max_size": 100}
    found = {one.file_id: (one.action, one.reason) for one in plan(config(vendor, select))}
    assert found == {
        "f0": ("fetch", "new"),
        "f1": ("skip", "not selected (include)"),
        "f2": ("skip", "not selected (include)"),
        "f3": ("fetch", "new"),
        "f4": ("skip", "not selected (max_size)"),
    }
    haul(config(vendor, select))
    assert {one.action for one in plan(config(vendor, select))} == {"skip"}


def test_a_change_feed_lists_everything_for_another_selection(
    vendor: FakeVendor, loads_nothing: None
) -> None:
    """Where runs ask for changes only, another selection asks for all, once."""
    more = {"endpoint": {"incremental": {"cursor_path": "modified_at"}}}
    haul(config(vendor, {"include": "*.pdf"}, **more))
    assert numbers(haul(config(vendor, {"include": "*.txt"}, **more)))[0] == 1
    assert "Reports/b.txt" in sink_files()
    vendor.clear_requests()
    haul(config(vendor, {"include": "*.txt"}, **more))
    assert contents(vendor) == 0


def test_the_ledger_s_questions_stay_quick(loads_nothing: None) -> None:
    """2,000 files of which two are selected: they are found without a question a file."""
    with FakeVendor(named(*(f"{n}.txt" for n in range(2000)))) as vendor:
        select = {"include": ["7.txt", "77.txt"]}
        haul(config(vendor, select))
        statements: list[str] = []
        prepare = spine_ledger()._prepare

        def traced(ledger: Any, durable: str) -> None:
            prepare(ledger, durable)
            ledger.db.set_trace_callback(statements.append)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(spine_ledger(), "_prepare", traced)
            assert numbers(haul(config(vendor, select))) == (0, 2, 0, 0)
        about_bytes = [one for one in statements if "transfers" in one or "paths" in one]
        assert 5 < len(about_bytes) < 40
        assert ledger_rows("SELECT count(*) FROM files WHERE unselected IS NULL") == [(2,)]


def spine_ledger() -> Any:
    """The ledger's class."""
    from filehaul.ledger import Ledger

    return Ledger
