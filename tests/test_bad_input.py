"""The bad input of a listing's life, each by a whole sync into DuckDB: a clear error or the right
rows, never a short table that is called complete.

What a listing does with every shape and place of it is in test_bad_pages, test_listing_answers,
test_fields… ; here stands what a person sees: rows, exit codes, and what the report says.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from filehaul.report import Report
from hauling import haul, rows_of
from page_vendor import PageVendor, Question, Raw, vendor_of

OFFSET = {"type": "offset", "limit": 3}
LINKS = {"type": "json_link", "next_url_path": "next"}
CURSOR = {"type": "cursor", "cursor_path": "next", "cursor_param": "after"}
ROWS = [{"file_id": f"f{n}", "file_name": f"{n}.txt", "size": n} for n in range(8)]
IDS = [row["file_id"] for row in ROWS]
Answering = Callable[[Question], Any]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def config(vendor: PageVendor, paginator: Any = OFFSET, **more: Any) -> dict[str, Any]:
    """A catalogue of this vendor, merged; ``client`` and ``resource`` are more keys of theirs."""
    return {
        "name": "acme",
        "client": {
            "base_url": vendor.url,
            "retry": {"max_retries": 1, "backoff_factor": 0},
            **more.get("client", {}),
        },
        "resources": [
            {
                "name": "files",
                "primary_key": "file_id",
                "write_disposition": "merge",
                "deletes": {"confirm": 1, "max": {"share": 1}},
                "endpoint": {
                    "path": "/v1/files",
                    "data_selector": "files",
                    "paginator": paginator,
                },
                **more.get("resource", {}),
            }
        ],
    }


def run(answering: Answering, paginator: Any = OFFSET, **more: Any) -> Report:
    """One sync of this vendor."""
    with vendor_of(answering) as vendor:
        return haul(config(vendor, paginator, **more))


def pages(question: Question, rows: list[Any] = ROWS, **more: Any) -> dict[str, Any]:
    """An honest page, and what else stands in the answer."""
    start = question.number("offset")
    return {"files": rows[start : start + 3], **more}


def ids(where: str = "true") -> list[str]:
    """The file ids of the table, as often as they stand there."""
    query = f"SELECT file_id FROM acme_data.files WHERE {where} ORDER BY file_id"
    return [one for (one,) in rows_of(query)]


def whole(report: Report) -> None:
    """All rows, and a listing that says that it is whole."""
    assert (report.exit_code, report.complete, report.error) == (0, True, None)
    assert ids() == IDS


# -- answers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"items": []}, "'files' is missing"),
        ({"files": None}, "'files'"),
        ({"error": "overloaded"}, "overloaded"),
        (b"<html>Sign in</html>", "not JSON"),
        (b'{"files": [{"file_id": "f3"', "not JSON"),
        (b"", "not JSON"),
    ],
)
def test_a_bad_answer_in_the_middle(bad: Any, message: str) -> None:
    """No selector, no JSON, half of it, nothing: exit 8 and the vendor's own words; the rows that
    came before are there, and no row that was there before is gone."""
    with vendor_of(pages) as vendor:
        assert haul(config(vendor)).exit_code == 0
        vendor.answering = lambda q: bad if q.number("offset") else pages(q, ROWS[:3])
        report = haul(config(vendor))
    assert (report.exit_code, report.complete, report.deleted) == (8, False, 0)
    assert report.error is not None
    assert message in report.error.message
    assert report.error.hint
    assert ids("deleted_at IS NULL") == IDS


MEASURED = """
import re, filehaul
report = filehaul.sync("acme.yaml")
# Not getrusage: its figure is never below that of the process that started this one.
peak = re.search("VmHWM:.*?([0-9]+) kB", open("/proc/self/status").read())[1]
print(report.exit_code, report.rows, int(peak) // 1024, "|", report.error or "")
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's own figures")
def test_an_answer_of_200_mb() -> None:
    """It is refused at 64 MiB, in the memory of a small run, by an error that names max_json; with
    max_json raised all of its rows are loaded."""
    row = b'{"file_id": "%08d", "pad": "' + b"x" * 960 + b'"}'
    body = b'{"files": [' + b", ".join(row % number for number in range(203_000)) + b"]}"
    assert len(body) > 200_000_000
    found = []
    with vendor_of(lambda _: Raw(body)) as vendor:
        for most in (None, 300_000_000):
            client = {} if most is None else {"max_json": most}
            made = config(vendor, "single_page", client=client, resource={"deletes": "none"})
            Path("acme.yaml").write_text(json.dumps(made))
            child = [sys.executable, "-c", MEASURED]
            done = subprocess.run(child, capture_output=True, check=True, text=True, timeout=300)
            found.append(done.stdout.partition(" | "))
    (refused, _, error), (loaded, _, nothing) = found
    assert "max_json" in error
    code, rows, peak = map(int, refused.split())
    assert (code, rows) == (8, 0)
    assert peak < 400, f"{peak} MiB for an answer of which 64 MiB are read"
    code, rows, peak = map(int, loaded.split())
    assert (code, rows, nothing.strip()) == (0, 203_000, "")
    print(f"an answer of 200 MB: {peak} MiB")


# -- keys ----------------------------------------------------------------------------------------


def test_keys_that_are_none() -> None:
    """Missing, null, empty, of another type, 10 kB long, no record at all: each is told in
    `rejected`, the others are there, and nothing is taken for gone."""
    odd: list[Any] = [
        {"file_name": "no key"},
        {"file_id": None},
        {"file_id": ""},
        {"file_id": {"a": 1}},
        {"file_id": ["f"]},
        {"file_id": True},
        {"file_id": 1.5},
        {"file_id": "k" * 10_000},
        "a text",
        None,
    ]
    with vendor_of(lambda q: pages(q, [*ROWS, {"file_id": "gone"}])) as vendor:
        haul(config(vendor))
        vendor.answering = lambda q: pages(q, [*ROWS[:4], *odd, *ROWS[4:]])
        report = haul(config(vendor))
    assert (report.exit_code, report.complete, report.rejected) == (3, False, len(odd))
    assert report.resources["files"].why_not == f"{len(odd)} records had no usable key"
    assert ids("deleted_at IS NULL") == [*IDS, "gone"]
    [(told, longest)] = rows_of("SELECT count(*), max(length(value)) FROM acme_data.rejected")
    assert told == len(odd)
    assert longest < 300


def test_keys_of_another_type_and_keys_that_come_twice() -> None:
    """A number among texts is the text of it; of a key that comes twice the first row counts."""
    rows = [*ROWS, {"file_id": 17, "file_name": "number"}, {"file_id": "f3", "file_name": "again"}]
    report = run(lambda question: pages(question, rows))
    assert (report.exit_code, report.listed) == (0, 9)
    assert ids() == ["17", *IDS]
    assert rows_of("SELECT file_name FROM acme_data.files WHERE file_id = 'f3'") == [("3.txt",)]
    assert rows_of("SELECT rows, unique_keys FROM acme_data.listings") == [(10, 9)]


# -- values --------------------------------------------------------------------------------------

TIMES = {
    "2024-01-31T10:00:00Z": datetime(2024, 1, 31, 10, tzinfo=timezone.utc),
    "2024-01-31T10:00:00+02:00": datetime(2024, 1, 31, 8, tzinfo=timezone.utc),
    "2024-01-31 10:00:00.123456": datetime(2024, 1, 31, 10, 0, 0, 123456, timezone.utc),
    "2024-01-31": datetime(2024, 1, 31, tzinfo=timezone.utc),
    "2024-01-31T10:00:00": datetime(2024, 1, 31, 10, tzinfo=timezone.utc),
    "0001-01-01T00:00:00Z": datetime(1, 1, 1, tzinfo=timezone.utc),
    "9999-12-31T23:59:59Z": datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone.utc),
}
UNFIT = ["Wed, 31 Jan 2024 10:00:00 GMT", "31.01.2024", "yesterday", "9999-12-31T23:59:59-14:00"]


def test_times_of_every_kind() -> None:
    """With and without a zone, in the years 1 and 9999; what is no such time is NULL, and is told:
    its row is there all the same."""
    values = [*TIMES, *UNFIT]
    rows = [{"file_id": f"t{n:02}", "modified_at": value} for n, value in enumerate(values)]
    report = run(lambda question: pages(question, rows))
    assert (report.exit_code, report.complete, report.rejected) == (0, True, 0)
    found = rows_of("SELECT epoch_us(modified_at) FROM acme_data.files ORDER BY file_id")
    epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)
    micros = [(time - epoch).total_seconds() * 1e6 for time in TIMES.values()]
    assert [one for (one,) in found] == [*map(round, micros), *[None] * len(UNFIT)]
    told = rows_of("SELECT value FROM acme_data.rejected WHERE field = 'modified_at' ORDER BY key")
    assert [one for (one,) in told] == UNFIT


def test_numbers_of_every_kind() -> None:
    """As text, above 64 bits, beyond all fractions, with a fraction where none was: no row and no
    value is lost."""
    big, huge = 2**63, 10**400
    values: list[Any] = [1, big - 1, "2", big, -(2**70), huge, 1.5, 1e300, True, "many", None]
    rows = [{"file_id": f"n{n:02}", "count": value} for n, value in enumerate(values)]
    report = run(lambda question: pages(question, rows))
    assert (report.exit_code, report.complete) == (0, True)
    found = rows_of("SELECT count, count__v_text FROM acme_data.files ORDER BY file_id")
    assert found[:3] == [(1, None), (big - 1, None), (None, "2")]
    kept = {text for _, text in found if text is not None}
    assert {str(big), str(-(2**70)), str(huge), "many"} <= kept
    assert all(one is not None or text is not None for one, text in found[:-1])
    assert found[-1] == (None, None)


def test_shapes_that_nest_and_change() -> None:
    """An object, then an array, then a text in one field; new fields late; names that are odd."""
    rows: list[dict[str, Any]] = [
        {"file_id": "s0", "owner": {"id": 1, "tags": ["a", {"b": None}]}},
        {"file_id": "s1", "owner": [1, [2, {"c": "d"}]]},
        {"file_id": "s2", "owner": "Ann"},
        {"file_id": "s3", "owner": 7, "late": True},
        {"file_id": "s4", "Größe": "10", "": "nothing", "a b": 1, "a_b": 2},
        {"file_id": "s5", "late": {"deep": [[[]]]}},
    ]
    report = run(lambda question: pages(question, rows))
    assert (report.exit_code, report.complete) == (0, True)
    assert ids() == [row["file_id"] for row in rows]
    owners = rows_of("SELECT owner::VARCHAR FROM acme_data.files ORDER BY file_id LIMIT 4")
    assert [json.loads(one) for (one,) in owners[:2]] == [rows[0]["owner"], rows[1]["owner"]]
    assert rows_of("SELECT late FROM acme_data.files WHERE file_id = 's3'") == [(True,)]


# -- paging --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("total", "why"),
    [
        (8, None),
        ("8", None),
        ("many", None),
        (-8, None),
        (None, None),
        ([8], None),
        (7, "the vendor's own total is 7, and 8 unique keys came"),
        (0, "the vendor's own total is 0, and 8 unique keys came"),
        (9, "the vendor's own total is 9"),
        (10**30, "the vendor's own total is "),
    ],
)
def test_a_total_that_lies(total: Any, why: str | None) -> None:
    """Smaller, larger, a text, negative: all rows are there. What speaks against them is told, with
    exit 3, and then nothing is taken for gone."""
    with vendor_of(lambda q: pages(q, [*ROWS, {"file_id": "gone"}])) as vendor:
        haul(config(vendor))
        vendor.answering = lambda q: pages(q, total=total)
        report = haul(config(vendor))
        found = report.resources["files"].why_not
        assert (found or "").startswith(why or "")
        assert (report.exit_code, report.complete) == ((3, False) if why else (0, True))
        assert report.deleted == (0 if why else 1)
        assert ids("deleted_at IS NULL") == ([*IDS, "gone"] if why else IDS)
        if total == 7:  # the way out that it names
            report = haul(config(vendor, {**OFFSET, "total_path": None}))
            assert (report.exit_code, report.complete, report.deleted) == (0, True, 1)


@pytest.mark.parametrize("disposition", ["merge", "append"])
def test_a_total_that_lies_to_a_first_incremental_run(disposition: str) -> None:
    """The rows are there, once, and the run says why it may not be whole. Where rows are merged no
    watermark begins: everything is listed again until the vendor agrees with itself."""
    rows = [{**row, "modified_at": f"2024-05-0{n + 1}T00:00:00Z"} for n, row in enumerate(ROWS)]
    asked: list[str | None] = []
    said = [7]

    def answering(question: Question) -> Any:
        if not question.number("offset"):
            asked.append(question.params.get("since"))
        there = [row for row in rows if row["modified_at"] >= question.params.get("since", "")]
        return pages(question, there, total=said[0])

    since = {"cursor_path": "modified_at", "start_param": "since", "lag": 0}
    with vendor_of(answering) as vendor:
        made = config(vendor, resource={"write_disposition": disposition})
        made["resources"][0]["endpoint"]["incremental"] = since
        if disposition == "append":
            del made["resources"][0]["deletes"]
        first = haul(made)
        assert (first.exit_code, first.complete, ids()) == (3, False, IDS)
        said[0] = 8 if disposition == "merge" else 1
        assert (haul(made).exit_code, ids()) == (0, IDS)
        haul(made)
    last = rows[-1]["modified_at"]
    assert asked == ([None, None, last] if disposition == "merge" else [None, last, last])


@pytest.mark.parametrize("status", [400, 404])
@pytest.mark.parametrize("total", [8, None])
def test_an_offset_past_the_end_is_refused(status: int, total: int | None) -> None:
    """The refusal is the end, where it is known to lie behind the last row."""

    def answering(question: Question) -> Any:
        if question.number("offset") >= 8:
            return Raw({"error": "offset out of range"}, status)
        return pages(question, total=total)

    whole(run(answering))


def test_an_offset_is_refused_in_the_middle() -> None:
    """Exit 8 and the vendor's words: it is not taken for the end."""

    def answering(question: Question) -> Any:
        if question.number("offset") >= 4:
            return Raw({"error": "no such page"}, 404)
        return pages(question)

    report = run(answering)
    assert (report.exit_code, report.complete) == (8, False)
    assert report.error is not None
    assert "no such page" in report.error.message
    assert 0 < len(ids()) < 8


@pytest.mark.parametrize("paginator", [OFFSET, CURSOR, LINKS], ids=["offset", "cursor", "links"])
def test_empty_pages_in_the_middle(paginator: dict[str, Any]) -> None:
    """Where the vendor says that more follows, an empty page is not the end."""

    def answering(question: Question) -> Any:
        if paginator is OFFSET:
            start = question.number("offset")
            rows = [row for row in ROWS[start : start + 3] if not 3 <= row["size"] < 7]
            return {"files": rows, "total": 8}
        number = question.number("after")
        following = None if number == 4 else number + 1
        if paginator is LINKS and following is not None:
            following = f"/v1/files?after={following}"
        found = {0: ROWS[:4], 4: ROWS[4:]}.get(number, [])
        return {"files": found, "next": following}

    report = run(answering, paginator)
    if paginator is OFFSET:  # the vendor's own total counts rows that it does not give
        assert (report.exit_code, report.complete) == (3, False)
        assert ids() == ["f0", "f1", "f2", "f7"]
    else:
        whole(report)


@pytest.mark.parametrize(("paginator", "following"), [(CURSOR, "b"), (LINKS, "/v1/files?after=b")])
def test_a_page_token_that_repeats_and_a_link_that_loops(
    paginator: dict[str, Any], following: str
) -> None:
    """An error after a few questions, not a listing without end; the rows that came are there."""

    def answering(question: Question) -> Any:
        first = "after" not in question.params
        return {"files": ROWS[:3] if first else ROWS[3:6], "next": following}

    with vendor_of(answering) as vendor:
        report = haul(config(vendor, paginator))
        assert len(vendor.questions) < 5
    assert (report.exit_code, report.complete) == (8, False)
    assert report.error is not None
    assert "circles" in report.error.message
    assert set(ids()) <= set(IDS[:6])


def test_a_next_link_to_another_host() -> None:
    """It is not followed with our credentials, and where it is private, not at all."""
    with vendor_of(lambda _: {"files": ROWS[3:], "next": None}) as other:
        seen: list[Any] = []

        def answering(question: Question) -> Any:
            seen.append(question.headers)
            return {"files": ROWS[:3], "next": f"{other.url}/v1/files"}

        auth = {"client": {"auth": {"type": "bearer", "token": "sesame-open-please"}}}
        report = run(answering, LINKS, **auth)
        if report.error is None:
            whole(report)
        else:
            assert report.exit_code in (4, 8)
            assert not report.complete
        assert any("sesame" in str(headers) for headers in seen)
        assert not any("sesame" in str(one.headers) for one in other.questions)
