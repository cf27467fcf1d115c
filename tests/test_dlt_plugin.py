"""The seeds' own scripts on plain dlt, and everything of dlt that must stay as it is."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from dlt_vendor import CLIENT_ID, CLIENT_SECRET, Vendor, serving

SEEDS = {path.stem: path.read_text() for path in (Path(__file__).parent / "seeds").glob("*.md")}
TABLES = {"000": ("file_resource", "id"), "001": ("files", "file_id")}


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    with serving() as server:
        yield server


@pytest.fixture
def python(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a script in its own process, folder and home, with the secrets in its environment."""

    def run(script: str, **env: str | None) -> subprocess.CompletedProcess[str]:
        everything = {
            "PATH": os.environ["PATH"],
            "LD_LIBRARY_PATH": os.environ.get("LD_LIBRARY_PATH"),
            "HOME": str(tmp_path),
            "DLT_DATA_DIR": str(tmp_path / "dlt"),  # as root, dlt ignores HOME
            "RUNTIME__DLTHUB_TELEMETRY": "false",
            "CLIENT_ID": CLIENT_ID,
            "CLIENT_SECRET": CLIENT_SECRET,
            **env,
        }
        return subprocess.run(
            [sys.executable, "-c", script],
            cwd=tmp_path,
            env={key: value for key, value in everything.items() if value is not None},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


def seed_script(name: str, vendor: Vendor) -> str:
    """The seed's python block with only its host replaced."""
    block = re.search(r"```python\n(.*?)```", SEEDS[name], re.DOTALL)
    assert block is not None
    assert block[1].count("https://api.example.com") == 2
    return block[1].replace("https://api.example.com", vendor.url)


def loaded_by(script: str) -> str:
    return script + (
        "\npipeline = dlt.pipeline('seed', destination=dlt.destinations.duckdb('seed.duckdb'),"
        " dataset_name='seed_data')\npipeline.run(source)\n"
    )


@pytest.mark.parametrize("total", [True, False], ids=["total", "no total"])
@pytest.mark.parametrize("name", ["000", "001"])
def test_a_seed_runs_as_written(name, total, vendor, python, tmp_path):
    """Both scripts load 250 rows, twice, with filehaul merely installed; types and nulls right."""
    vendor.total = total
    table, key = TABLES[name]
    hidden = {}
    if name == "001":  # this one's secrets come from dlt's secrets.toml
        (tmp_path / ".dlt").mkdir()
        secrets = f'client_id = "{CLIENT_ID}"\nclient_secret = "{CLIENT_SECRET}"\n'
        (tmp_path / ".dlt" / "secrets.toml").write_text(secrets)
        hidden = {"CLIENT_ID": None, "CLIENT_SECRET": None}
    for _ in range(2):
        done = python(loaded_by(seed_script(name, vendor)), **hidden)
        assert done.returncode == 0, done.stderr
        assert "filehaul" not in done.stderr
        with duckdb.connect(tmp_path / "seed.duckdb", read_only=True) as db:
            counts = f"select count(*), count(distinct {key}), count(modified_at) from"
            assert db.execute(f"{counts} seed_data.{table}").fetchone() == (250, 250, 50)
            types = dict(
                db.execute(
                    "select column_name, data_type from information_schema.columns"
                    f" where table_schema = 'seed_data' and table_name = '{table}'"
                ).fetchall()
            )
        assert types["file_id"] == "VARCHAR"
        assert types["modified_at"] == "TIMESTAMP WITH TIME ZONE"
    once = [0, 100, 200] if total else [0, 100, 200, 250]
    assert vendor.offsets() == once * 2
    form = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    assert vendor.token_requests() == [(None, {**form, "grant_type": "client_credentials"})] * 2


def test_plain_string_secrets_need_the_import(vendor, python):
    """A script that never touches dlt.secrets is refused, and runs after one import."""
    script = seed_script("000", vendor)
    for name, value in (("client_id", CLIENT_ID), ("client_secret", CLIENT_SECRET)):
        script = script.replace(f'dlt.secrets["{name}"]', repr(value))
    assert "dlt.secrets" not in script
    script += "\nprint(len(list(source)))"
    refused = python(script)
    assert "DictValidationException" in refused.stderr
    assert vendor.log == []
    late = script.replace("\nsource", "\nimport filehaul.dlt_plugin\nsource", 1)
    for taught in ("import filehaul.dlt_plugin\n" + script, late):
        done = python(taught)
        assert done.stdout.split() == ["250"], done.stderr


def test_the_switch_turns_it_off(vendor, python):
    """FILEHAUL_DLT_DIALECT=0: dlt refuses the seed as it does alone, even after the import."""
    done = python(
        "import filehaul.dlt_plugin\n" + seed_script("000", vendor), FILEHAUL_DLT_DIALECT="0"
    )
    assert "DictValidationException" in done.stderr
    assert "OAuth2Config" not in done.stderr
    assert vendor.log == []


SOURCES_OF_OTHERS = """
import dlt, json, sys
from dlt.sources.rest_api import rest_api_source
from dlt.sources.rest_api.config_setup import AUTH_MAP
auth = {"type": "oauth2_client_credentials", "access_token_url": URL + "/oauth/token",
        "client_id": dlt.secrets["client_id"], "client_secret": dlt.secrets["client_secret"],
        "access_token_request_data": {"scope": "read"}}
counts = []
for selector in ("files", "files[*].versions[*]", "files[?(@.kind == 'file')]"):
    for paging in ({}, {"total_path": "total"}, {"total_path": None, "maximum_offset": 200}):
        paginator = {"type": "offset", "limit": 100, **paging}
        source = rest_api_source({
            "client": {"base_url": URL, "auth": auth},
            "resources": [{"name": "files", "max_table_nesting": 0, "endpoint": {
                "path": "/v1/files", "data_selector": selector, "paginator": paginator}}]})
        counts.append(len(list(source)))
print(json.dumps({"counts": counts, "taught": "oauth2" in AUTH_MAP}))
"""


def test_sources_of_others_ask_the_same(vendor, python):
    """Plain, nested and filtering sources send identical requests with and without filehaul."""
    vendor.total = True
    script = f"URL = {vendor.url!r}\n{SOURCES_OF_OTHERS}"
    seen = {}
    for switch in ("0", "1"):
        vendor.log.clear()
        done = python(script, FILEHAUL_DLT_DIALECT=switch)
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        assert answer["taught"] is (switch == "1")
        seen[switch] = (answer["counts"], list(vendor.log))
    assert seen["0"] == seen["1"]
    counts, log = seen["1"]
    assert counts == [250, 250, 200, 750, 750, 600, 125, 125, 100]
    assert len(log) == 9 + 3 * (3 + 3 + 2)


def test_a_dlt_process_without_rest_source_pays_no_import(python):
    """Starting dlt's context loads the plugin and neither rest_api, pycurl nor the classes."""
    done = python(
        "import sys, json, dlt\n"
        "dlt.secrets['client_id']\n"
        "hooks = lambda: [type(f).__name__ for f in sys.meta_path].count('_AfterImport')\n"
        "before, early = set(sys.modules), hooks()\n"
        "import dlt.sources.rest_api.config_setup as setup, inspect\n"
        "print(json.dumps([sorted(before), early, hooks(), 'oauth2' in setup.AUTH_MAP,\n"
        "    type(setup.__spec__.loader).__name__, setup.__loader__ is setup.__spec__.loader,\n"
        "    'def register_auth' in inspect.getsource(setup)]))"
    )
    before, early, late, *rest = json.loads(done.stdout)
    assert "filehaul.dlt_plugin" in before
    heavy = ("dlt.sources.rest_api", "dlt.sources.helpers.rest_client", "pycurl", "pydantic_core")
    assert [name for name in before if name.startswith(heavy)] == []
    assert [name for name in before if name.startswith("filehaul.")] == ["filehaul.dlt_plugin"]
    assert (early, late) == (1, 0)
    assert rest == [True, "SourceFileLoader", True, True]


def test_loading_it_again_changes_nothing(python):
    """A reload, before and after rest_api is there: one hook, one class, one union member."""
    done = python(
        "import importlib, sys, json, filehaul.dlt_plugin as plugin\n"
        "importlib.reload(plugin)\n"
        "hooks = [type(f).__name__ for f in sys.meta_path].count('_AfterImport')\n"
        "from dlt.sources.rest_api import config_setup, typing as shapes\n"
        "taught = config_setup.AUTH_MAP['oauth2']\n"
        "importlib.reload(plugin)\n"
        "importlib.reload(sys.modules['filehaul.dlt_plugin.teaching']).teach()\n"
        "auth = str(shapes.ClientConfig.__annotations__['auth'])\n"
        "print(json.dumps([hooks, config_setup.AUTH_MAP['oauth2'] is taught is plugin.OAuth2,\n"
        "    auth.count('OAuth2Config'), shapes.AuthType.__args__.count('oauth2')]))"
    )
    assert json.loads(done.stdout) == [1, True, 1, 1], done.stderr
    assert done.stderr == ""


SABOTAGE = {
    "a door is gone": "del setup.register_paginator",
    "a union is gone": "del shapes.Endpoint.__annotations__['auth']",
    "a signature changed": "pages.OffsetPaginator.update_state = lambda self, page: None",
    "a method is gone": "del auth.OAuth2ClientCredentials.build_access_token_request",
    "a method does something else": "pages.RangePaginator.update_state = lambda *a, **k: None",
    "a dict is taken otherwise": "auth.OAuth2ClientCredentials.from_init_value = classmethod("
    "lambda cls, value: cls(**value))",
    "oauth2 is there already": "setup.register_auth('oauth2', auth.OAuth2ClientCredentials)",
    "offset is another's": "setup.PAGINATOR_MAP['offset'] = pages.PageNumberPaginator",
}


@pytest.mark.parametrize("damage", SABOTAGE.values(), ids=SABOTAGE)
def test_another_dlt_is_left_alone(damage, python):
    """Internals that differ: one warning with dlt's version and what to do; nothing is changed."""
    done = python(
        "import dlt\n"
        "from dlt.sources.rest_api import config_setup as setup, typing as shapes\n"
        "from dlt.sources.helpers.rest_client import auth, paginators as pages\n"
        f"{damage}\n"
        "state = lambda: repr([setup.AUTH_MAP, setup.PAGINATOR_MAP, shapes.AuthType.__args__,\n"
        "    shapes.PaginatorType.__args__, shapes.ClientConfig.__annotations__,\n"
        "    shapes.Endpoint.__annotations__])\n"
        "before = state()\n"
        "import filehaul.dlt_plugin\n"
        "dlt.config.get('nothing')\n"
        "print(before == state(), dlt.__version__)"
    )
    assert done.returncode == 0, done.stderr
    same, version = done.stdout.split()
    assert same == "True"
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert f"filehaul: dlt {version} is not built as filehaul expects" in done.stderr
    assert "FILEHAUL_DLT_DIALECT=0" in done.stderr
