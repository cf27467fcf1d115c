"""The verbs as a person and a script meet them: stdout is data, stderr is talk, codes are kept."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from typer.testing import CliRunner, Result

from filehaul.cli.talk import Progress
from filehaul.cli.verbs import app
from filehaul.http import Wait
from filehaul.testing import FakeFile, FakeVendor, Fault

SECRET = "a-secret-of-acme"
FILES = [
    FakeFile(f"id{n}", f"f{n}.txt", path=f"folder/f{n}.txt", content=f"content {n}".encode())
    for n in range(12)
]


def write_config(folder: Path, vendor: FakeVendor, **more: Any) -> Path:
    """A config for this vendor, as a person would have written it."""
    config = {
        "client": {
            "base_url": vendor.base_url,
            "auth": {
                "type": "oauth2",
                "client_id": vendor.client_id,
                "client_secret": "${ACME_SECRET}",
                "token_url": vendor.token_url,
            },
            "retry": {"backoff_factor": 0.01},
        },
        "resource_defaults": {"primary_key": "file_id", "write_disposition": "merge"},
        "resources": [
            {
                "name": "files",
                "endpoint": {
                    "path": "/v1/files",
                    "data_selector": "files",
                    "paginator": {"type": "offset", "limit": 100},
                },
                "content": {"path": "/v1/files/{file_id}/content"},
            }
        ],
        "sink": "files",
        **more,
    }
    path = folder / "acme.yaml"
    path.write_text(yaml.safe_dump(config), "utf-8")
    return path


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """The vendor's secret, in the environment."""
    monkeypatch.setenv("ACME_SECRET", SECRET)


def ask(*arguments: object) -> Result:
    """Run the command line in this process."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def lines(result: Result) -> list[dict[str, Any]]:
    """stdout as the objects that ``--json`` promises."""
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.mark.usefixtures("secret")
def test_sync_status_plan_and_ls(tmp_path: Path) -> None:
    """The round that a newcomer makes: look, plan, sync, plan again, status."""
    with FakeVendor(files=FILES, client_secret=SECRET) as vendor:
        config = write_config(tmp_path, vendor)
        listed = lines(ask("ls", config, "--json"))
        assert {row["path"] for row in listed} == {file.path for file in FILES}
        planned = lines(ask("plan", config, "--json"))
        assert [row["action"] for row in planned] == ["fetch"] * 12
        assert {row["target"] for row in planned} == {file.path for file in FILES}
        assert not (tmp_path / "files").exists()
        assert vendor.count("*/content") == 0

        done = lines(ask("sync", config, "--json"))[-1]
        assert (done["event"], done["listed"], done["transferred"]) == ("done", 12, 12)
        assert done["exit_code"] == 0
        assert ask("plan", config).stdout == ""

        status = lines(ask("status", config, "--json"))[0]
        assert status["files"]["done"]["files"] == 12
        assert status["places"]["sink"] == str(tmp_path / "files")
        assert status["listings"][0]["complete"] is True
        vendor.remove("id7")
        gone = ask("plan", config)
        assert re.findall(r"^(\w+) +- +(\w+) +\((\w+)\)$", gone.stdout, re.M) == [
            ("tombstone", "id7", "not_listed")
        ]
        assert "1 thing(s) to do" in gone.stderr
    assert (tmp_path / "files/folder/f3.txt").read_bytes() == b"content 3"


@pytest.mark.usefixtures("secret")
def test_a_failed_file_is_one_line_and_exit_3(tmp_path: Path) -> None:
    """One broken file: the others arrive, it is named, the last line says 3; then it is parked."""
    with FakeVendor(files=FILES, client_secret=SECRET) as vendor:
        vendor.script("/v1/files/id5/content", Fault.status(404, body=b'{"error": "no such file"}'))
        config = write_config(tmp_path, vendor)
        result = ask("sync", config, "--json")
        rows = lines(result)
        vendor.assert_all_fired()
        failed = [row for row in rows if row["event"] == "failed"]
        assert [(row["file_id"], row["file_name"]) for row in failed] == [("id5", "f5.txt")]
        assert "no such file" in failed[0]["error"]
        assert rows[-1]["failed"] == 1
        assert rows[-1]["transferred"] == 11
        assert result.exit_code == rows[-1]["exit_code"] == 3

        again = ask("sync", config, "--json")
        assert (lines(again)[-1]["failed"], lines(again)[-1]["parked"]) == (0, 1)
        assert again.exit_code == 0
        assert "id5" in ask("status", config).stdout


@pytest.mark.usefixtures("secret")
@pytest.mark.parametrize(
    ("script", "code", "text"),
    [
        (("/oauth/token", Fault.status(401, body=b'{"error": "invalid_client"}')), 5, "token"),
        (("/v1/files", Fault.html()), 8, "not JSON"),
        (("/v1/files", Fault.json({"error": "down for maintenance"})), 8, "'files' is missing"),
        (("/v1/files", Fault.status(503).delayed(0)), 6, "HTTP 503"),
        (("/v1/files", Fault.status(404)), 8, "HTTP 404"),
    ],
)
def test_what_went_wrong_in_three_lines(
    tmp_path: Path, script: tuple[str, Fault], code: int, text: str
) -> None:
    """Each trouble has its exit code, on stderr what, where and what next, and a last JSON line."""
    with FakeVendor(files=FILES, client_secret=SECRET) as vendor:
        vendor.script(*script, times=4 if code == 6 else 1)
        config = write_config(tmp_path, vendor)
        result = ask("sync", config, "--json")
        vendor.assert_all_fired()
    assert result.exit_code == code
    assert text in result.stderr
    assert "where:" in result.stderr
    assert "next:" in result.stderr
    last = lines(result)[-1]
    assert last["exit_code"] == code
    assert text in last["error"]["message"]


@pytest.mark.usefixtures("secret")
def test_check_names_each_step(tmp_path: Path) -> None:
    """check: places, credentials, one page, the fields it chose, one file; writes nothing."""
    with FakeVendor(files=FILES, client_secret=SECRET) as vendor:
        config = write_config(tmp_path, vendor)
        rows = lines(ask("check", config, "--json"))
        assert all(row["ok"] for row in rows)
        told = {row["what"]: row["text"] for row in rows}
        assert "client.auth.client_secret: ${ACME_SECRET}" in told["settings"]
        assert SECRET not in str(rows)
        assert "12 record(s)" in told["listing files"] or "10 record(s)" in told["listing files"]
        assert "checksum sha256: sha256" in told["fields files"]
        assert "verified by sha256" in told["content files"]
        assert "Range works" in told["content files"]
        assert vendor.count("/v1/files") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["acme.yaml"]


def test_status_needs_no_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where things stand can be asked from a shell that has none of the secrets."""
    monkeypatch.delenv("ACME_SECRET", raising=False)
    with FakeVendor(files=FILES, client_secret=SECRET) as vendor:
        config = write_config(tmp_path, vendor)
    assert lines(ask("status", config, "--json"))[0]["places"]["dataset"] == "acme_data"
    text = re.sub("base_url: .*", "base_url: ${HOST_OF_ACME}", config.read_text("utf-8"))
    config.write_text(text, "utf-8")
    assert ask("status", config).exit_code == 0


@pytest.mark.usefixtures("secret")
def test_check_names_fields_that_lead_nowhere(tmp_path: Path) -> None:
    """A misspelt path in `fields` is said, instead of a column that is silently null."""
    with FakeVendor(files=FILES, client_secret=SECRET) as vendor:
        config = write_config(tmp_path, vendor)
        text = yaml.safe_load(config.read_text("utf-8"))
        text["resources"][0]["fields"] = {"file_id": "id", "size": "sise", "checksum": {"md5": "m"}}
        config.write_text(yaml.safe_dump(text), "utf-8")
        told = [row["text"] for row in lines(ask("check", config, "--json"))]
    assert "suspicious: no record of the page has 'sise'; size stays null" in told
    assert "suspicious: no record of the page has 'm'; checksum stays null" in told


@pytest.mark.parametrize(
    ("layout", "said"),
    [
        ("{file_idd}-{ownr}/{path}", ["{file_idd} 'file_id'", "{ownr} 'owner'"]),
        ("{parent.nam}/{zzz}-{id}", ["{parent.nam} 'parent.name'", "{zzz}"]),
        ("{modifed_at:%Y/%m}/{file_id}", ["{modifed_at} 'modified_at'"]),
        ("{name:%Y}/{mime_type}-{file_id}", ["{name}", "{mime_type}"]),
        ("{modified_at:%Y}/{parent.name}/{parentKind}-{file_id}", []),
    ],
)
@pytest.mark.usefixtures("secret")
def test_check_names_columns_that_the_layout_does_not_find(
    tmp_path: Path, layout: str, said: list[str]
) -> None:
    """A misspelt column in a template is told, with the right one; so is one that is no time."""
    extra = {"parent": {"name": "inbox"}, "parentKind": "folder", "mime_type": None}
    with FakeVendor([replace(FILES[0], extra=extra)], client_secret=SECRET) as vendor:
        config = write_config(tmp_path, vendor)
        text = yaml.safe_load(config.read_text("utf-8"))
        text["resources"][0]["content"]["layout"] = layout
        config.write_text(yaml.safe_dump(text), "utf-8")
        told = [
            row["text"]
            for row in lines(ask("check", config, "--json"))
            if row.get("what") == "layout files"
        ]
    wanted = []
    for one in said:
        column, _, near = one.partition(" ")
        text = f"suspicious: {column} is empty for every file of the page"
        wanted.append(text + f": did you mean {near}?" if near else text)
    assert told == wanted


@pytest.mark.usefixtures("secret")
def test_check_stops_at_the_first_trouble(tmp_path: Path) -> None:
    """A refused token is one failure with its cause, not a list of its echoes."""
    with FakeVendor(files=FILES, client_secret=SECRET) as vendor:
        vendor.script("/oauth/token", Fault.status(401, body=b'{"error": "invalid_client"}'))
        result = ask("check", write_config(tmp_path, vendor))
        vendor.assert_all_fired()
        assert vendor.count("/v1/files*") == 0
    assert result.exit_code == 5
    assert result.stdout.count("FAIL") == 1
    assert "client_secret" in result.stderr


def test_an_unset_variable_is_exit_4(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key and the variable are named; nothing was asked."""
    monkeypatch.delenv("ACME_SECRET", raising=False)
    with FakeVendor(files=FILES, client_secret=SECRET) as vendor:
        result = ask("sync", write_config(tmp_path, vendor))
        assert vendor.request_count == 0
    assert result.exit_code == 4
    assert "ACME_SECRET" in result.stderr
    assert "client.auth.client_secret" in result.stderr


def test_init_writes_a_config_that_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each sign-in's config loads as it was written; a file that is there is left alone."""
    from filehaul.config import load_config
    from filehaul.init import AUTHS

    for name in ("CLIENT_ID", "CLIENT_SECRET", "TOKEN", "API_KEY", "USERNAME", "PASSWORD"):
        monkeypatch.setenv(name, "x")
    for auth in AUTHS:
        target = tmp_path / f"{auth}.yaml"
        result = ask(
            "init",
            target,
            "--base-url",
            "https://a.example.com",
            "--path",
            "/v2/docs",
            "--auth",
            auth,
            "--sink",
            "./f",
        )
        assert result.exit_code == 0, result.stderr
        config = load_config(target)
        assert config.resources[0].content is not None
        assert config.resources[0].content.path == "/v2/docs/{file_id}/content"
        again = ask(
            "init",
            target,
            "--base-url",
            "https://b.example.com",
            "--path",
            "/",
            "--auth",
            auth,
            "--sink",
            "./f",
        )
        assert again.exit_code == 2
        assert "https://a.example.com" in target.read_text("utf-8")


def test_init_asks_four_questions_at_most(tmp_path: Path) -> None:
    """On a terminal, four answers are enough."""
    answers = "https://a.example.com\n/v1/files\nnone\n\n"
    result = CliRunner().invoke(app, ["init", str(tmp_path / "x.yaml")], input=answers)
    assert result.exit_code == 0
    assert (tmp_path / "x.yaml").exists()


def test_schema_is_json_schema() -> None:
    """What an editor completes from: an object with the config's keys."""
    schema = json.loads(ask("schema").stdout)
    assert {"client", "resources", "sink", "destination"} <= set(schema["properties"])


def test_usage_errors_are_exit_2() -> None:
    """No such verb, no such option."""
    assert ask("snyc").exit_code == 2
    assert ask("sync", "--hard").exit_code == 2


def test_demo_does_what_it_says(tmp_path: Path) -> None:
    """`filehaul demo` over a folder: all copied, then only the changed ones; exit 0."""
    served = tmp_path / "served"
    (served / "deep").mkdir(parents=True)
    for n in range(30):
        (served / "deep" / f"{n}.txt").write_text(f"file {n}\n" * 50, "utf-8")
    command = [sys.executable, "-m", "filehaul", "demo", "--serve", str(served), "--json"]
    result = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert result.returncode == 0, result.stderr
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    first, second = [row for row in rows if row["event"] == "done"]
    assert (first["listed"], first["transferred"]) == (30, 30)
    assert (second["listed"], second["transferred"], second["unchanged"]) == (31, 3, 28)
    with duckdb.connect(str(tmp_path / "filehaul-demo/demo.duckdb"), read_only=True) as database:
        assert database.sql("select count(*) from demo_data.files").fetchall() == [(31,)]
    again = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert again.returncode == 0, again.stderr


def test_demo_leaves_other_peoples_folders_alone(tmp_path: Path) -> None:
    """A folder that is not empty and not of a demo is refused."""
    (tmp_path / "mine.txt").write_text("precious", "utf-8")
    result = ask("demo", "--folder", tmp_path)
    assert result.exit_code == 2
    assert (tmp_path / "mine.txt").read_text("utf-8") == "precious"


@pytest.mark.parametrize("as_json", [True, False])
def test_a_long_pause_is_told(as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """Why nothing happens: a line of talk, also where stderr is no terminal; else an event."""
    with Progress(as_json) as progress:
        progress.watch.waiting(Wait(8.4, "no connection to the server", "https://x.example/v1"))
    said = capsys.readouterr()
    if as_json:
        assert json.loads(said.out) == {
            "event": "waiting",
            "seconds": 8.4,
            "reason": "no connection to the server",
            "where": "https://x.example/v1",
        }
        assert said.err == ""
    else:
        assert said.out == ""
        assert said.err == "waiting 8 s: no connection to the server (https://x.example/v1)\n"
