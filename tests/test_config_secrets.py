"""Secrets in a config: put in after parsing, inside values only, and never shown."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from config_dicts import config, spoilt, with_endpoint
from filehaul.config import load_config
from filehaul.config.secrets import References
from filehaul.errors import ConfigError
from filehaul.redact import redact

NASTY = "a: {b}\"\n${X} $${Y} '%s' \\ *c !d # e"


def secret_of(made: Any, **options: Any) -> str:
    auth = load_config(made, **options).client.auth
    return auth.client_secret  # type: ignore[union-attr]


def test_a_secret_injects_nothing(tmp_path, monkeypatch):
    """Whatever YAML and reference characters a secret holds, it arrives as it is."""
    monkeypatch.setenv("S", NASTY)
    monkeypatch.setenv("X", "wrong")
    file = tmp_path / "acme.yaml"
    for quoted in ['"${S}"', "${S}", "'${S}'"]:
        text = yaml.safe_dump(config()).replace("client_secret: secret of seed", "@")
        file.write_text(text.replace("@", f"client_secret: {quoted}"))
        assert secret_of(file) == NASTY
    assert secret_of(spoilt("client.auth.client_secret", "${S}")) == NASTY
    assert load_config(spoilt("client.auth.client_secret", "${S}")).client.auth == (
        load_config(spoilt("client.auth.client_secret", NASTY), expand=False).client.auth
    )


@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_any_secret_arrives_as_it_is(value):
    """The same for every text that there is, and beside other text too."""
    found = References({"S": value}).put_in({"a": ["x${S}y", {"b": "${S}"}]})
    assert found == {"a": [f"x{value}y", {"b": value}]}


def test_where_references_are_replaced(monkeypatch):
    """In values, however deep; in keys not; several in one value; $${ is a literal ${."""
    monkeypatch.setenv("A", "1")
    monkeypatch.setenv("B", "2")
    params = {
        "${A}": "${A}-${B}",
        "literal": "$${A} $${",
        "list": ["${B}", 3],
        "dollar": "$A $ {A}",
    }
    read = load_config(with_endpoint(params=params)).resources[0].endpoint.params
    assert read == {
        "${A}": "1-2",
        "literal": "${A} ${",
        "list": ["2", 3],
        "dollar": "$A $ {A}",
    }


def test_numbers_may_come_from_the_environment(monkeypatch):
    """A text that is a number does where a number is wanted."""
    monkeypatch.setenv("N", "12")
    made = spoilt("client.limits.concurrency", "${N}")
    assert load_config(made).client.limits.concurrency == 12


def test_a_variable_that_is_not_set(tmp_path, monkeypatch):
    """Exit 4, and the key and the variable are named."""
    monkeypatch.delenv("NOPE", raising=False)
    file = tmp_path / "acme.yaml"
    file.write_text(yaml.safe_dump(spoilt("client.auth.client_secret", "${NOPE}")))
    with pytest.raises(ConfigError) as error:
        load_config(file)
    assert error.value.exit_code == 4
    assert error.value.message == "the environment variable NOPE is not set"
    assert error.value.where == f"client.auth.client_secret in {file}"
    assert "export NOPE=" in error.value.hint


@pytest.mark.parametrize("text", ["${hunter2", "${hunter 2}", "x${}", "${1}", "${a.b}", "${a{b}}"])
def test_what_is_no_reference(text):
    """Said with its place, and not printed: it may be half a password."""
    with pytest.raises(ConfigError) as error:
        load_config(spoilt("client.auth.client_secret", text))
    assert "does not name an environment variable" in error.value.message
    assert error.value.where == "client.auth.client_secret in the dict"
    assert "hunter" not in str(error.value)


def test_a_dict_of_a_script_can_be_taken_as_it_is():
    """With expand=False nothing is replaced: the script has its values already."""
    assert secret_of(spoilt("client.auth.client_secret", "a${b}"), expand=False) == "a${b}"


def test_without_the_vendor_no_secret_is_needed(monkeypatch):
    """offline=True: what only says where things are loads although nothing is set."""
    monkeypatch.delenv("NOPE", raising=False)
    made = spoilt("client.auth.client_secret", "${NOPE}")
    made["client"] |= {"base_url": "${NOPE}", "headers": {"X": {"secret": "acme.none"}}}
    made["client"]["auth"]["token_url"] = "${NOPE}"
    assert load_config(made, offline=True).dataset == "filehaul_data"
    with pytest.raises(ConfigError, match="NOPE is not set"):
        load_config(made)


def test_the_given_dict_stays_as_it_was(monkeypatch):
    """A secret is not left behind in the caller's own dict."""
    monkeypatch.setenv("S", "hunter2")
    made = spoilt("client.auth.client_secret", "${S}")
    before = json.dumps(made)
    load_config(made)
    assert json.dumps(made) == before


@pytest.mark.parametrize(
    "place",
    [
        *("name", "dataset", "sink", "destination", "memory_limit", "durable", "client"),
        *("client.base_url", "client.auth", "client.auth.type", "client.auth.token_url"),
        *("client.retry.max_retries", "client.retry.statuses", "client.trusted_hosts"),
        *("client.headers", "client.paginator", "resources", "resources.0.name"),
        *("resources.0.endpoint.path", "resources.0.endpoint.data_selector"),
        *("resources.0.endpoint.paginator.limit", "resources.0.endpoint.method"),
        *("resources.0.endpoint.paginator.type", "resources.0.fields", "resources.0.content"),
        *("resources.0.write_disposition", "resource_defaults", "resource_defaults.primary_key"),
    ],
)
def test_no_error_shows_a_secret(place, monkeypatch):
    """A secret that was put into the wrong place makes an error with its reference instead."""
    monkeypatch.setenv("S", "{hunter2\n[\x07")
    try:
        load_config(spoilt(place, "${S}"))
    except ConfigError as problem:
        text = f"{problem} {problem.as_dict()} {problem!r}"
    else:
        text = ""
    assert "hunter2" not in text


def test_a_secret_in_a_message_becomes_its_reference(monkeypatch):
    """The same, seen: the name is quoted in the message, and it came from the environment."""
    monkeypatch.setenv("S", "correct horse")
    with pytest.raises(ConfigError) as error:
        load_config(config(name="${S}"))
    assert "the name '${S}' must be" in error.value.message


def test_secrets_are_concealed_from_then_on(monkeypatch):
    """What was put under a secret's name stands in no later log; what was not, may."""
    monkeypatch.setenv("S", "hunter2-in-the-header")
    monkeypatch.setenv("HOST", "https://api.other.example")
    made = spoilt("client.headers", {"X-Api-Key": "${S}"})
    made["client"]["base_url"] = "${HOST}"
    load_config(made)
    assert redact("with hunter2-in-the-header at https://api.other.example") == (
        "with *** at https://api.other.example"
    )


LOOK_UP = """
import json, sys
from filehaul.config import load_config
from filehaul.errors import ConfigError
try:
    config = load_config(sys.argv[1])
    auth = config.client.auth
    print(json.dumps([auth.client_id, auth.client_secret, config.found]))
except ConfigError as problem:
    print(json.dumps([problem.exit_code, problem.message, problem.where]))
"""


@pytest.fixture
def looked_up(tmp_path):
    """Reads a config in a process of its own, beside a ``.dlt/secrets.toml`` of this text."""

    def look(toml: str, client_id: Any, client_secret: Any, **env: str) -> list[Any]:
        (tmp_path / ".dlt").mkdir(exist_ok=True)
        (tmp_path / ".dlt" / "secrets.toml").write_text(toml)
        made = spoilt("client.auth.client_id", client_id)
        made["client"]["auth"]["client_secret"] = client_secret
        file = tmp_path / "acme.yaml"
        file.write_text(yaml.safe_dump(made))
        done = subprocess.run(
            [sys.executable, "-c", LOOK_UP, str(file)],
            cwd=tmp_path,
            env={**_environment(tmp_path), **env},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return json.loads(done.stdout)

    return look


_KEPT = ("PATH", "LD_LIBRARY_PATH", "PYTHONPATH")


def _environment(folder: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {
        **kept,
        "HOME": str(folder),
        "DLT_DATA_DIR": str(folder / "dlt"),
        "RUNTIME__DLTHUB_TELEMETRY": "false",
    }


def test_secrets_of_dlt_s_providers(looked_up):
    """{secret: …} finds secrets.toml and dlt's variables; digits stay as they are."""
    toml = '[acme]\nclient_id = "0012"\nclient_secret = "a: {b}${X}"\n'
    found = looked_up(toml, {"secret": "acme.client_id"}, {"secret": "acme.client_secret"})
    assert found == [
        "0012",
        "a: {b}${X}",
        [
            ["client.auth.client_id", "{secret: acme.client_id}"],
            ["client.auth.client_secret", "{secret: acme.client_secret}"],
        ],
    ]
    found = looked_up("", "id", {"secret": "acme.client_secret"}, ACME__CLIENT_SECRET="1e5")
    assert found[1] == "1e5"


def test_secrets_that_dlt_does_not_have(looked_up):
    """Not there, a whole section, a broken file: exit 4, the key, and no value."""
    place = "client.auth.client_secret in "
    code, message, where = looked_up("", "id", {"secret": "acme.client_secret"})
    assert (code, message) == (4, "no secret 'acme.client_secret' in dlt's providers")
    assert where.startswith(place)
    toml = '[acme]\nclient_secret = "hunter2"\n'
    code, message, where = looked_up(toml, "id", {"secret": "acme"})
    assert (code, where.startswith(place)) == (4, True)
    assert message == "the secret 'acme' is a section of dlt's providers, not a value"
    code, message, where = looked_up('[acme\nclient_secret = "hunter2', "id", {"secret": "acme.x"})
    assert code == 4
    assert "dlt's providers cannot be read" in message
    assert "hunter2" not in message + where
