"""The main job as people run it: the seeds' configs by each way in, dispositions, exit codes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
import pytest
import yaml

import filehaul
from filehaul.errors import (
    AnswerError,
    ConfigError,
    CredentialsError,
    PartialError,
    VendorError,
)
from filehaul.testing import FakeFile, FakeVendor, Fault
from hauling import config_for, files, haul, names_in, rows_of, sync

SEEDS = {path.stem: path.read_text() for path in (Path(__file__).parent / "seeds").glob("*.md")}
TABLES = {"000": ("file_resource", "id"), "001": ("files", "file_id")}
TYPES = {
    "file_id": "VARCHAR",
    "file_name": "VARCHAR",
    "created_at": "TIMESTAMP WITH TIME ZONE",
    "modified_at": "TIMESTAMP WITH TIME ZONE",
    "size": "BIGINT",
    "sha256": "VARCHAR",
    "_dlt_load_id": "VARCHAR",
}


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each test in a folder of its own, dlt's own folder in it too."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    return tmp_path


# Both seeds, on an API that tells how many records it has, and on one that does not.
EACH = pytest.mark.parametrize(
    ("name", "vendor"),
    [
        pytest.param("000", True, id="000, total"),
        pytest.param("001", False, id="001, no total"),
        pytest.param("000", False, id="000, no total", marks=pytest.mark.slow),
        pytest.param("001", True, id="001, total", marks=pytest.mark.slow),
    ],
    indirect=["vendor"],
)


@pytest.fixture
def vendor(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeVendor]:
    """250 records, every fifth without modified_at."""
    with FakeVendor.of_records(250, size=1, null_every=5, total=request.param) as running:
        monkeypatch.setenv("CLIENT_ID", running.client_id)
        monkeypatch.setenv("CLIENT_SECRET", running.client_secret)
        yield running


def seed_source(name: str, vendor: FakeVendor, module: str = "filehaul") -> Any:
    """What the seed's own python block makes of ``rest_api_source``, only its host replaced."""
    block = re.search(r"```python\n(.*?)```", SEEDS[name], re.DOTALL)
    assert block is not None
    text = block[1].replace("https://api.example.com", vendor.base_url)
    assert text.count("from dlt.sources.rest_api import rest_api_source") == 1
    text = text.replace("from dlt.sources.rest_api import", f"from {module} import")
    names: dict[str, Any] = {}
    exec(text, names)
    return names["source"]


def seed_config(name: str, vendor: FakeVendor, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The dict that the seed hands to ``rest_api_source``."""
    with monkeypatch.context() as patch:
        patch.setattr(filehaul, "rest_api_source", lambda config: config, raising=False)
        config = seed_source(name, vendor)
    assert isinstance(config, dict)
    return config


def check_table(name: str, database: str, dataset: str) -> None:
    """250 rows, the types that the seeds tell, 50 times that are null."""
    table, key = TABLES[name]
    assert rows_of(
        f"SELECT count(*), count(DISTINCT {key}), count(modified_at), count(_dlt_load_id)"
        f" FROM {dataset}.{table}",
        database,
    ) == [(250, 250, 200, 250)]
    types = dict(
        rows_of(
            "SELECT column_name, data_type FROM information_schema.columns"
            f" WHERE table_schema = '{dataset}' AND table_name = '{table}'",
            database,
        )
    )
    assert TYPES.items() <= types.items()
    nullable = dict(
        rows_of(
            "SELECT column_name, is_nullable FROM information_schema.columns"
            f" WHERE table_schema = '{dataset}' AND table_name = '{table}'",
            database,
        )
    )
    assert {column for column, can in nullable.items() if can == "NO"} == {key}
    assert nullable["modified_at"] == "YES"


def offsets(vendor: FakeVendor) -> list[str]:
    """The offsets that the listings so far asked for, in their order within a listing."""
    return sorted(one.query.get("offset", "") for one in vendor.requests if one.path == "/v1/files")


def check_requests(vendor: FakeVendor, runs: int, step: int = 100) -> None:
    """Every page once a run (and, where no total tells the end, at most three beyond), one token.
    A sync's pages overlap by one row."""
    asked = offsets(vendor)
    pages = [str(start) for start in (0, step, 2 * step)]
    for page in pages:
        assert asked.count(page) == runs
    beyond = [one for one in asked if one not in pages]
    assert len(beyond) <= (1 if vendor.options.total else 3) * runs
    assert "250" in beyond or vendor.options.total
    assert vendor.token_requests == runs


@EACH
def test_the_seeds_through_rest_api_source(name: str, vendor: FakeVendor) -> None:
    """The seed's script with our import, into a dlt pipeline of one's own, twice."""
    for _ in range(2):
        pipeline = dlt.pipeline(
            "seed", destination=dlt.destinations.duckdb("seed.duckdb"), dataset_name="seed_data"
        )
        pipeline.run(seed_source(name, vendor))
        pipeline.deactivate()
        check_table(name, "seed.duckdb", "seed_data")
    check_requests(vendor, 2)


@EACH
def test_the_seeds_through_sync(
    name: str, vendor: FakeVendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The seed's dict through filehaul.sync, twice: 250 rows, then none to load."""
    config = seed_config(name, vendor, monkeypatch)
    for rows in (250, 0):
        report = sync(config)
        assert (report.listed, report.rows, report.complete, report.exit_code) == (
            250,
            rows,
            True,
            0,
        )
        check_table(name, "filehaul.duckdb", "filehaul_data")
    check_requests(vendor, 2, 99)


@EACH
def test_the_seeds_through_yaml_and_the_command(
    name: str, vendor: FakeVendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same keys in a YAML file and `filehaul sync` as a process, twice: the last JSON line."""
    config = seed_config(name, vendor, monkeypatch)
    config["client"]["auth"].update(client_id="${CLIENT_ID}", client_secret="${CLIENT_SECRET}")
    Path("acme.yaml").write_text(yaml.safe_dump(config), "utf-8")
    for rows in (250, 0):
        done = subprocess.run(
            [sys.executable, "-m", "filehaul", "sync", "acme.yaml", "--json"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        last = json.loads(done.stdout.splitlines()[-1])
        assert (last["event"], last["listed"], last["exit_code"]) == ("done", 250, 0)
        assert last["resources"][TABLES[name][0]]["rows"] == rows
        assert vendor.client_secret not in done.stdout + done.stderr
        check_table(name, "acme.duckdb", "acme_data")
    check_requests(vendor, 2, 99)


def test_file_source_from_our_own_config() -> None:
    """A filehaul config as a dlt source: neutral columns, no bytes, no ledger; duplicates merge."""
    fields = {
        "file_id": "id",
        "file_name": "name",
        "size": "size",
        "checksum": {"sha256": "sha256"},
    }
    with FakeVendor.of_records(120, size=3) as vendor:
        config = config_for(vendor, fields=fields)
        config["resources"].append({**config["resources"][0], "name": "again", "selected": False})
        pipeline = dlt.pipeline(
            "one", destination=dlt.destinations.duckdb("one.duckdb"), dataset_name="one_data"
        )
        for _ in range(2):
            pipeline.run(filehaul.file_source(config))
        assert vendor.count("*/content") == 0
    query = "SELECT count(*), count(DISTINCT file_id), min(checksum_algorithm), max(path)"
    assert rows_of(f"{query} FROM one_data.files", "one.duckdb") == [(120, 120, "sha256", None)]
    assert not Path(".filehaul").exists()
    assert not Path("files").exists()


def test_a_key_that_comes_twice_is_one_row() -> None:
    """The vendor lists a file on two pages: merged into one row, as a source and as a sync."""

    def twin(record: dict[str, Any]) -> dict[str, Any]:
        return {**record, "file_id": "rec-7"} if record["id"] == "rec-150" else record

    with FakeVendor.of_records(200, size=1, record_shape=twin) as vendor:
        config = config_for(vendor, content=None)
        report = sync(config)
        assert report.listed == 199
        assert rows_of("SELECT count(*), count(DISTINCT file_id) FROM acme_data.files") == [
            (199, 199)
        ]
        pipeline = dlt.pipeline(
            "one", destination=dlt.destinations.duckdb("one.duckdb"), dataset_name="one_data"
        )
        pipeline.run(filehaul.file_source(config))
    assert rows_of("SELECT count(*) FROM one_data.files", "one.duckdb") == [(199,)]


# -- the report --------------------------------------------------------------------------------

NAMES = ["event", "listed", "transferred", "unchanged", "deleted", "rejected", "failed", "parked"]
NAMES += ["bytes", "complete", "seconds", "exit_code", "resources", "warnings", "error"]


def test_the_reports_names() -> None:
    """The object of `sync --json`'s last line, by the same names as attributes."""
    with FakeVendor(files("a", "b")) as vendor:
        vendor.script("/v1/files/id-b/content", Fault.status(404))
        report = sync(config_for(vendor))
    data = report.as_dict()
    assert list(data) == NAMES
    for name in NAMES[1:11]:
        assert getattr(report, name) == data[name] or name == "seconds"
    assert (report.listed, report.transferred, report.failed, report.bytes) == (2, 1, 1, 20)
    assert report.resources["files"].transferred == data["resources"]["files"]["transferred"] == 1
    assert json.loads(json.dumps(data)) == data
    with pytest.raises(PartialError, match="1 files failed"):
        report.raise_for_failures()


def config_of_trouble(vendor: FakeVendor, code: int) -> dict[str, Any]:
    """A config and a vendor that together end with this exit code."""
    config = config_for(vendor)
    if code == 3:
        vendor.script("/v1/files/id-a/content", Fault.status(410))
    elif code == 4:
        config["resourcess"] = []
    elif code == 5:
        config["client"]["auth"]["client_secret"] = "not-the-secret"
    elif code == 6:
        vendor.script("/v1/files", Fault.status(502), times=4)
    elif code == 8:
        vendor.script("/v1/files", Fault.json({"error": "no more"}))
    return config


ERRORS = {4: ConfigError, 5: CredentialsError, 6: AnswerError, 8: VendorError}


@pytest.mark.parametrize("code", [0, 3, 4, 5, 6, 8])
def test_exit_codes(code: int) -> None:
    """sync raises for 4 and 5 and returns a report for the others; both say the same code."""
    with FakeVendor(files("a", "b")) as vendor:
        config = config_of_trouble(vendor, code)
        if code in (4, 5):
            with pytest.raises(ERRORS[code]) as caught:
                sync(config)
            assert caught.value.exit_code == code
            return
        report = sync(config)
        assert report.exit_code == code
        vendor.assert_all_fired()
    if code in ERRORS:
        assert isinstance(report.error, ERRORS[code])
        with pytest.raises(ERRORS[code]):
            report.raise_for_failures()
        assert report.as_dict()["error"]["kind"] == report.error.kind
        assert report.error.temporary is (code == 6)
    elif code == 0:
        report.raise_for_failures()


def test_a_listing_that_stops_keeps_what_it_saw() -> None:
    """The third page is a login page: exit 8, two pages of rows and their bytes, not complete."""
    with FakeVendor.of_records(250, size=1) as vendor:
        vendor.script("GET /v1/files?*offset=198*", Fault.html())
        report = sync(config_for(vendor))
        vendor.assert_all_fired()
        assert (report.exit_code, report.complete) == (8, False)
        assert (report.listed, report.rows, report.transferred) == (199, 199, 199)
        assert report.resources["files"].why_not == report.error.message  # type: ignore[union-attr]
        report = sync(config_for(vendor))
        assert (report.exit_code, report.rows, report.transferred) == (0, 51, 51)


def test_a_vendor_in_trouble_is_not_asked_for_bytes() -> None:
    """503 on the second page: exit 6, the first page's rows are loaded, no content is asked."""
    with FakeVendor.of_records(150, size=1) as vendor:
        vendor.script("GET /v1/files?*offset=99*", Fault.status(503), times=4)
        report = sync(config_for(vendor))
        assert (report.exit_code, report.rows) == (6, 100)
        assert vendor.count("*/content") == 0


def test_a_record_without_a_key_is_exit_3() -> None:
    """It is rejected and told; the others are loaded and copied; the listing is not complete."""
    odd = FakeFile("x", "x", extra={"file_id": ""})
    with FakeVendor([*files("a"), odd]) as vendor:
        events: list[dict[str, Any]] = []
        report = sync(config_for(vendor), watch=filehaul.spine.Watch(event=events.append))
    assert (report.exit_code, report.rejected, report.transferred) == (3, 1, 1)
    assert (report.complete, report.resources["files"].why_not) == (
        False,
        "1 records had no usable key",
    )
    assert [event["event"] for event in events] == ["rejected"]


def test_resources_of_both_engines_in_one_run() -> None:
    """One resource is ours, one uses what only dlt has: both tables, twice, each as its engine."""
    with FakeVendor.of_records(30, size=1) as vendor:
        config = config_for(vendor)
        config["resources"].append(
            {
                "name": "details",
                "write_disposition": "merge",
                "primary_key": "file_id",
                "endpoint": {
                    "path": "/v1/files",
                    "data_selector": "files",
                    "paginator": {"type": "offset", "limit": 100},
                },
                "processing_steps": [],
            }
        )
        for transferred in (30, 0):
            report = sync(config)
            assert report.exit_code == 0
            assert report.resources["details"].engine == "dlt"
            assert report.transferred == transferred
            for table in ("files", "details"):
                assert rows_of(f"SELECT count(*) FROM acme_data.{table}") == [(30,)]


def test_insecure_is_in_every_report() -> None:
    """client.insecure: true is allowed, and said each time."""
    with FakeVendor(files("a")) as vendor:
        report = haul(config_for(vendor, client={"insecure": True}))
    assert any("TLS verification is off" in warning for warning in report.warnings)


def test_nothing_is_written_elsewhere(place: Path) -> None:
    """All that a sync leaves is beside the config: ledger, database, sink, dlt's folder."""
    with FakeVendor(files("a")) as vendor:
        (place / "deep").mkdir()
        config = place / "deep" / "acme.yaml"
        config.write_text(yaml.safe_dump(config_for(vendor)), "utf-8")
        sync(config)
    assert names_in(place) == ["deep"]
    assert names_in(place / "deep") == [".filehaul", "acme.duckdb", "acme.yaml", "files"]


def test_rows_of_a_run_that_was_killed_are_cleared_away() -> None:
    """Its spool goes at the next start; that of another connection, maybe at work, stays."""
    for name in ("acme", "other"):
        spool = Path(f".filehaul/spool/{name}/listing")
        spool.mkdir(parents=True)
        (spool / "000001.arrows").write_bytes(b"half")
    with FakeVendor(files("a")) as vendor:
        sync(config_for(vendor))
    assert [str(path.parent.parent) for path in Path(".filehaul").rglob("*.arrows")] == [
        ".filehaul/spool/other"
    ]
