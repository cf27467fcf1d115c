"""The main job against servers that others wrote, with configs typed from their documentation."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pytest
import yaml

import filehaul
from filehaul.errors import CredentialsError
from filehaul.http import Clock
from servers import (
    ODD_ID,
    SHORT,
    Gateway,
    OutOfReach,
    PocketBase,
    Relay,
    SeaweedFS,
    gateway,
    pocketbase,
    samples,
    seaweedfs,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.server,
    pytest.mark.xdist_group("real servers"),  # one process starts them
]
FILES = samples(40)
CONFIGS = Path(__file__).parent / "servers"
SEED = (Path(__file__).parent / "seeds" / "000.md").read_text()
AnyServer = TypeVar("AnyServer")


def started(stack: ExitStack, server: AbstractContextManager[AnyServer]) -> AnyServer:
    """The server, running; without its registry the test is skipped."""
    try:
        return stack.enter_context(server)
    except OutOfReach as why:
        pytest.skip(str(why))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PocketBase]:
    with ExitStack() as stack:
        yield started(stack, pocketbase(tmp_path_factory.mktemp("pocketbase")))


@pytest.fixture(scope="module")
def door(base: PocketBase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """OAuth2 in front of PocketBase."""
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp("gateway")
        yield started(stack, gateway(folder, base.url, base.token))


@pytest.fixture(scope="module")
def weed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedFS]:
    with ExitStack() as stack:
        yield started(stack, seaweedfs(tmp_path_factory.mktemp("seaweedfs")))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def query(database: str, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(database, read_only=True) as db:
        return db.execute(sql).fetchall()


def on_disk(folder: Path) -> dict[str, bytes]:
    """The files of a sink, its own folder apart."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.relative_to(folder).parts[0] != ".filehaul"
    }


def counts(report: filehaul.Report) -> tuple[int, int, int, int]:
    return report.listed, report.transferred, report.unchanged, report.failed


# -- PocketBase ----------------------------------------------------------------------------


def test_pocketbase_catalogue_and_copy(base, here, monkeypatch):
    """40 files arrive as they are, then none is asked for again, then only the one that changed."""
    files = base.collection("documents", FILES)
    shutil.copy(CONFIGS / "pocketbase.yaml", "papers.yaml")
    monkeypatch.setenv("BASE_TOKEN", base.token)
    secrets = [base.token]
    with Relay(base.url) as relay:
        monkeypatch.setenv("BASE_URL", relay.url)

        def run() -> tuple[filehaul.Report, int, int]:
            relay.forget()
            secrets.append(base.file_token())
            monkeypatch.setenv("FILE_TOKEN", secrets[-1])
            report = filehaul.sync("papers.yaml")
            return report, relay.count("*/records[?]*"), relay.count("/api/files/*")

        report, pages, contents = run()
        assert (counts(report), report.exit_code) == ((40, 40, 0, 0), 0)
        assert (pages, contents) == (4, 40)
        assert on_disk(here / "files") == {path.name: path.read_bytes() for path in FILES}
        assert catalogue() == [as_listed(base, record) for record in sorted(files)]
        assert receipts() == sorted(
            (record, "done", "md5", hashlib.sha256(path.read_bytes()).hexdigest())
            for record, path in files.items()
        )
        report, pages, contents = run()
        assert (counts(report), report.rows) == ((40, 0, 40, 0), 0)
        assert (pages, contents) == (4, 0)

        record, path = list(files.items())[17]
        base.replace("documents", record, path.name, b"print('changed at the vendor')\n")
        report, pages, contents = run()
        assert (counts(report), report.rows) == ((40, 1, 39, 0), 1)
        assert (pages, contents) == (4, 1)
        assert relay.count(f"/api/files/documents/{record}/*") == 1
    after = {path.name: path.read_bytes() for path in FILES}
    after[path.name] = b"print('changed at the vendor')\n"
    assert on_disk(here / "files") == after
    assert catalogue() == [as_listed(base, record) for record in sorted(files)]
    for written in here.rglob("*"):
        if written.is_file():
            content = written.read_bytes()
            assert not [secret for secret in secrets if secret.encode() in content], written


def catalogue() -> list[tuple[Any, ...]]:
    return query(
        "papers.duckdb",
        "select file_id, file_name, size, checksum_algorithm, checksum,"
        " strftime(created_at at time zone 'UTC', '%Y-%m-%d %H:%M:%S.%gZ'),"
        " strftime(modified_at at time zone 'UTC', '%Y-%m-%d %H:%M:%S.%gZ')"
        " from papers_data.documents order by file_id",
    )


def as_listed(base: PocketBase, record: str) -> tuple[Any, ...]:
    """A record as its server has it, in the order of `catalogue`'s columns."""
    found = base.record("documents", record)
    names = ("id", "title", "size", "md5", "created", "updated")
    values = [found[name] for name in names]
    return (*values[:3], "md5", *values[3:])


def receipts() -> list[tuple[Any, ...]]:
    return query(
        "papers.duckdb",
        "select file_id, status, verified_by, sha256 from papers_data.transfers order by file_id",
    )


# -- OAuth2 --------------------------------------------------------------------------------


class Skewed(Clock):
    """A clock that runs so many times as fast as the servers' own."""

    def __init__(self, speed: float) -> None:
        self.speed = speed

    def monotonic(self) -> float:
        return time.monotonic() * self.speed

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / self.speed)


def behind(door: Gateway, collection: str, token_url: str, client: str) -> dict[str, Any]:
    """A config for a collection behind the gateway: the catalogue alone."""
    auth = {
        "type": "oauth2",
        "client_id": client,
        "client_secret": door.tokens.secrets[client],
        "token_url": token_url,
        "token_endpoint_auth_method": method_of(client),
    }
    endpoint = {
        "path": f"/api/collections/{collection}/records",
        "params": {"perPage": 15},
        "data_selector": "items",
        "paginator": {"type": "page_number", "base_page": 1, "total_path": "totalPages"},
    }
    return {
        "name": "behind",
        "client": {"base_url": door.url, "auth": auth},
        "resource_defaults": {"primary_key": "id", "write_disposition": "merge"},
        "resources": [{"name": "documents", "endpoint": endpoint}],
    }


def method_of(client: str) -> str:
    return "client_secret_post" if client == "post" else "client_secret_basic"


@pytest.mark.parametrize(
    ("speed", "collection"), [(2.0, "ahead"), (0.5, "late")], ids=["ahead of expiry", "on 401"]
)
def test_a_token_of_five_seconds_is_renewed_during_the_run(speed, collection, base, door, here):
    """A run longer than its token asks for another: before it dies, or when told that it is dead.

    A clock that runs fast renews while the token still lives, one that runs slow meets 401.
    """
    base.collection(collection, FILES)
    before = len(door.answers())
    with Relay(door.tokens.token_url) as relay:
        config = behind(door, collection, relay.url, "short")
        # 44 requests at 7 a (true) second last longer than the token does: of pages one more than
        # the vendor says that there are, since that number may be wrong.
        config["client"]["limits"] = {"requests_per_second": 7 / speed}
        config["resources"][0] |= {
            "primary_key": "file_id",
            "fields": {"file_id": "id", "file_name": "title", "checksum": {"md5": "md5"}},
            "content": {
                "path": f"/api/files/{collection}/{{id}}/{{file}}?token={base.file_token()}"
            },
        }
        config["sink"] = "files"
        report = filehaul.sync(config, clock=Skewed(speed))
    assert counts(report) == (40, 40, 0, 0)
    assert on_disk(here / "files") == {path.name: path.read_bytes() for path in FILES}
    life = 0.9 * SHORT / speed if speed > 1 else SHORT - 1  # the server counts whole seconds
    assert 2 <= relay.count() <= 1 + report.seconds // life
    statuses = [status for status, _path in door.answers()[before:]]
    assert statuses.count(200) == 44
    assert (statuses.count(401) > 0) == (speed < 1)
    assert len(statuses) == 44 + statuses.count(401)


@pytest.mark.parametrize("client", ["post", "basic", ODD_ID])
def test_a_client_names_itself_as_its_server_wants(client, base, door, here):
    """A strict OAuth2 server takes the secret in the body or by Basic, reserved characters too."""
    collection = f"as_{client.partition(':')[0]}"
    base.collection(collection, FILES)
    with Relay(door.tokens.token_url) as relay:
        config = behind(door, collection, relay.url, client)
        ours = filehaul.sync(config)
        script = seed_script(door.url, collection, relay.url, client)
        secrets = {"CLIENT_ID": client, "CLIENT_SECRET": door.tokens.secrets[client]}
        theirs = run_python(["-c", script], here, secrets)
    assert counts(ours)[0] == 40
    assert query("behind.duckdb", "select count(distinct id) from behind_data.documents") == [(40,)]
    assert theirs.returncode == 0, theirs.stderr
    rows = "select count(*), count(distinct id), max(title) from seed_data.file_resource"
    assert query("seed.duckdb", rows) == [(40, 40, max(path.name for path in FILES))]
    assert len(relay.asked) == 2
    for asked in relay.asked:
        by_basic = asked.headers.get("authorization", "").startswith("Basic ")
        assert by_basic == (client != "post")
        assert (b"client_secret" in asked.body) == (client == "post")


def test_a_refused_client_is_told_in_the_servers_own_words(base, door, here):
    """A wrong secret: exit code 5, what the server said, no secret, and nothing was listed."""
    config = behind(door, "any", door.tokens.token_url, "basic")
    config["client"]["auth"]["client_secret"] = "not-the-secret"
    before = len(door.answers())
    with pytest.raises(CredentialsError) as caught:
        filehaul.sync(config)
    assert caught.value.exit_code == 5
    assert "invalid_client" in str(caught.value)
    assert "not-the-secret" not in str(caught.value)
    assert len(door.answers()) == before


def seed_script(base_url: str, collection: str, token_url: str, client: str) -> str:
    """The seed's own script for PocketBase's listing: its host, path, selector and paginator."""
    block = re.search(r"```python\n(.*?)```", SEED, re.DOTALL)
    assert block is not None
    pages = '"type": "page_number", "base_page": 1, "total_path": "totalPages"'
    method = f'"token_endpoint_auth_method": "{method_of(client)}",'
    changes = {
        '"https://api.example.com/oauth/token"': f'"{token_url}"',
        "https://api.example.com": base_url,
        "/v1/files": f"/api/collections/{collection}/records",
        '"data_selector": "files"': '"data_selector": "items"',
        '"type": "offset",\n                    "limit": 100': pages,
        '"type": "oauth2",': '"type": "oauth2",' + ("" if client == "post" else method),
    }
    script = block[1]
    for old, new in changes.items():
        assert script.count(old) == 1
        script = script.replace(old, new)
    return script + (
        "\npipeline = dlt.pipeline('seed', destination=dlt.destinations.duckdb('seed.duckdb'),"
        " dataset_name='seed_data')\npipeline.run(source)\n"
    )


def run_python(
    arguments: list[str], folder: Path, environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """A process of its own, with filehaul merely installed; dlt keeps its things in the folder."""
    dlts = {"DLT_DATA_DIR": str(folder / "dlt"), "RUNTIME__DLTHUB_TELEMETRY": "false"}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, **dlts, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


# -- SeaweedFS -----------------------------------------------------------------------------

ODD = {
    "résumé 2024 (final).csv": b"id,name\n1,a\n",
    "報告書.txt": "日本語\n".encode(),
    "a+b & c=d;e,f.txt": b"plus and more\n",
    "empty.dat": b"",
}


def test_seaweedfs_by_the_command_line(weed, here, monkeypatch):
    """check, plan, sync twice, sync after a change: names of all scripts, base64 checksums."""
    files = {path.name: path.read_bytes() for path in FILES} | ODD
    for name, content in files.items():
        weed.put(f"/docs/{name}", content)
    shutil.copy(CONFIGS / "seaweedfs.yaml", "weed.yaml")
    with Relay(weed.url) as relay:
        monkeypatch.setenv("FILER_URL", relay.url)

        def cli(verb: str) -> list[dict[str, Any]]:
            relay.forget()
            done = run_python(["-m", "filehaul", verb, "weed.yaml", "--json"], here, {})
            assert done.returncode == 0, done.stdout + done.stderr
            return [json.loads(line) for line in done.stdout.splitlines()]

        def asked() -> tuple[int, int]:
            """Pages, and all else: contents."""
            pages = relay.count("/docs/[?]*")
            return pages, len(relay.asked) - pages

        assert all(line["ok"] for line in cli("check"))
        assert asked() == (1, 1)
        assert {line["action"] for line in cli("plan")} == {"fetch"}

        done = cli("sync")[-1]
        assert (done["listed"], done["transferred"], done["exit_code"]) == (44, 44, 0)
        assert asked() == (4, 44)
        assert on_disk(here / "files") == {f"docs/{name}": data for name, data in files.items()}
        assert rows_of_weed() == as_put(files)

        assert cli("plan") == []
        done = cli("sync")[-1]
        assert (done["listed"], done["transferred"], done["unchanged"]) == (44, 0, 44)
        assert asked() == (4, 0)

        files["報告書.txt"] = "改訂\n".encode()
        weed.put("/docs/報告書.txt", files["報告書.txt"])
        done = cli("sync")[-1]
        assert (done["listed"], done["transferred"], done["unchanged"]) == (44, 1, 43)
        assert asked() == (4, 1)
        assert on_disk(here / "files") == {f"docs/{name}": data for name, data in files.items()}
        assert rows_of_weed() == as_put(files)


def test_seaweedfs_large_files(weed, here):
    """40 MiB by ranges; then cut off in one run and gone on with by the next: its own ETag is the
    condition, and only what is missing is asked for.
    """
    content = random.Random(1).randbytes(40 * 2**20)
    weed.put("/large/big.bin", content)
    with Relay(weed.url) as relay:
        config = yaml.safe_load((CONFIGS / "seaweedfs.yaml").read_text())
        config["client"] = {"base_url": relay.url, "retry": {"max_retries": 0}}
        config["resources"][0]["endpoint"]["path"] = "/large/"

        def run(sink: str, **content: Any) -> tuple[filehaul.Report, list[dict[str, str]]]:
            relay.forget()
            config["resources"][0]["content"] = {"url_field": "FullPath", **content}
            report = filehaul.sync({**config, "sink": sink})
            return report, [one.headers for one in relay.asked if "?" not in one.target]

        report, asked = run("ranges", ranges=4)
        assert (report.transferred, report.exit_code) == (1, 0)
        spans = sorted(headers["range"] for headers in asked)
        assert spans == ["bytes=0-16777215", "bytes=16777216-33554431", "bytes=33554432-41943039"]
        assert on_disk(here / "ranges") == {"large/big.bin": content}

        relay.most = 15 * 2**20
        report, asked = run("one")
        assert (report.failed, len(asked)) == (1, 1)
        relay.most = None
        report, asked = run("one")
        assert (report.transferred, report.exit_code) == (1, 0)
        [headers] = asked
        offset = int(headers["range"].removeprefix("bytes=").partition("-")[0])
        assert 2**20 < offset <= 15 * 2**20
        assert headers["if-range"].startswith('"')
        assert on_disk(here / "one") == {"large/big.bin": content}


def rows_of_weed() -> list[tuple[Any, ...]]:
    return query(
        "weed.duckdb",
        "select f.path, f.size, f.checksum_algorithm, f.checksum, t.verified_by, t.sha256"
        " from weed_data.docs f join weed_data.transfers t using (file_id) order by f.path",
    )


def as_put(files: dict[str, bytes]) -> list[tuple[Any, ...]]:
    """What `rows_of_weed` must be for these files."""
    rows = []
    for name, data in files.items():
        md5, sha256 = hashlib.md5(data).hexdigest(), hashlib.sha256(data).hexdigest()
        rows.append((f"/docs/{name}", len(data), "md5", md5, "md5", sha256))
    return sorted(rows)
