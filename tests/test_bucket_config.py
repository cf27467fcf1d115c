"""`sink` as an address: what is refused when the config is read, and what reaches the store."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from config_dicts import config
from filehaul.config import Address, load_config
from filehaul.errors import ConfigError, CredentialsError, SinkError
from filehaul.redact import redact
from filehaul.sink import Bucket, RefusedError, identity_of, sink_of
from filehaul.sink.bucket.names import Names
from filehaul.sink.bucket.sigv4 import Keys, signed
from filehaul.sink.bucket.store import settings_of
from filehaul.sink.bucket.trouble import told
from filehaul.status import status
from moody_store import MoodyStore

CLOUDS = ("AWS_", "AZURE_", "GOOGLE_")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own, and nothing of this machine's clouds in the environment."""
    for name in list(os.environ):
        if name.startswith(CLOUDS):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(sink: Any) -> ConfigError:
    """The error that a config with this sink is refused with."""
    with pytest.raises(ConfigError) as caught:
        load_config(config(sink=sink))
    assert caught.value.exit_code == 4
    return caught.value


# -- addresses ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sink", "message", "hint"),
    [
        ("s3:/x", "names no bucket", "s3://bucket/prefix"),
        ("s3:x", "names no bucket", "s3://bucket/prefix"),
        ("gs:", "names no bucket", "gs://bucket/prefix"),
        ("az://", "names no container", "az://container/prefix"),
        ("s3:///prefix", "names no bucket", "s3://bucket/prefix"),
        ("S3://lake/x", "does not write to S3:", "did you mean s3://?"),
        ("s3a://lake/x", "does not write to s3a:", "did you mean s3://?"),
        ("gcs://lake/x", "does not write to gcs:", "did you mean gs://?"),
        ("abfss://c@account.dfs.core.windows.net", "does not write to abfss:", "az://?"),
        ("https://host/x", "does not write to https:", "a folder, s3://"),
        ("s3://key:secret@lake/x", "the bucket's name alone", "environment, or into options"),
        ("s3://127.0.0.1:9000/lake", "the bucket's name alone", "endpoint"),
        ("s3://la ke/x", "not a name that a bucket can have", "letters, digits"),
        ("s3://lake/../x", "cannot be one", "plain names"),
        ("s3://lake/a//b", "cannot be one", "plain names"),
        ("s3://lake/x?versions=1", "cannot be one", "plain names"),
        ("s3://lake/" + "p" * 600, "longer than 512 bytes", "1,024"),
        ("s3://lake/.filehaul", "filehaul's own", "another prefix"),
        ({"url": "./files", "options": {"region": "x"}}, "a folder takes no options", "./files"),
        ({"url": "./files", "partials": "x"}, "a folder takes no partials", "./files"),
        ({"url": "s3://lake/x", "option": {}}, "unknown key 'option'", "did you mean 'options'?"),
    ],
)
def test_an_address_that_is_none(sink: Any, message: str, hint: str) -> None:
    """Refused when the config is read, with what is wrong and how it is written."""
    problem = refused(sink)
    assert message in problem.message
    assert hint in problem.hint
    assert "secret" not in str(problem)


@pytest.mark.parametrize(
    ("url", "option"),
    [("s3://lake/x", "regoin"), ("gs://lake/x", "endpoint"), ("az://lake/x", "access_key_id")],
)
def test_an_option_that_obstore_does_not_know(url: str, option: str) -> None:
    """Refused with its name, its place and where the known ones are told."""
    problem = refused({"url": url, "options": {option: "a-value"}})
    assert problem.message == f"unknown option {option!r} of a sink at {url[:2]}://"
    assert problem.where == f"sink.options.{option} in the dict"
    assert "obstore's docs list them" in problem.hint


def test_an_address_and_its_parts() -> None:
    """Bucket, prefix and options; the slash at the end makes no other place."""
    loaded = load_config(
        config(sink={"url": "s3://lake/a/b c/", "options": {"region": "eu-1", "allow_http": True}})
    )
    assert loaded.sink == Address("s3", "lake", "a/b c", {"region": "eu-1", "allow_http": True})
    assert str(loaded.sink) == "s3://lake/a/b c"
    assert str(load_config(config(sink="az://$web")).sink) == "az://$web"
    assert isinstance(load_config(config(sink="./s3")).sink, Path)


def test_options_are_secrets_in_every_text() -> None:
    """A secret among the options is nowhere: not in the config's repr, not in a text later."""
    options = {"secret_access_key": "wJalrXUtnFEMIK7MDENG", "access_key_id": "AKIDEXAMPLE"}
    loaded = load_config(config(sink={"url": "s3://lake/x", "options": options}))
    assert "wJalrXUtnFEMIK7MDENG" not in repr(loaded) + repr(loaded.sink)
    assert redact("denied for wJalrXUtnFEMIK7MDENG") == "denied for ***"


def test_status_prints_the_place() -> None:
    """The address stands among the places; nothing is asked and no credentials are needed."""
    options = {"account_key": "c2VjcmV0LWFjY291bnQta2V5"}
    sink = {"url": "az://lake/acme", "options": options}
    made = {**config(sink=sink), "name": "acme"}
    made["resources"][0]["content"] = {"path": "/f/{file_id}"}
    places = status(made)["places"]
    assert places["sink"] == "az://lake/acme"
    assert "c2VjcmV0" not in json.dumps(status(made))
    assert identity_of(load_config(made)) == "az://lake/acme"


# -- what reaches the store ---------------------------------------------------------------------


def settings(url: str, environment: dict[str, str], **options: Any) -> dict[str, str]:
    """What obstore is told beside what it reads itself."""
    scheme, _, rest = url.partition("://")
    address = Address(scheme, rest, "", options)  # type: ignore[arg-type]
    found = settings_of(address, environment)
    for name in ("timeout", "connect_timeout"):
        found.pop(name)
    return found


def test_azures_connection_string() -> None:
    """Its parts become obstore's options; options of the config win over all of it."""
    text = "DefaultEndpointsProtocol=https;AccountName=acme;AccountKey=a2V5LWtleQ==;"
    variables = {"AZURE_STORAGE_CONNECTION_STRING": text + "EndpointSuffix=core.chinacloudapi.cn"}
    assert settings("az://lake", variables) == {
        "account_name": "acme",
        "account_key": "a2V5LWtleQ==",
        "endpoint": "https://acme.blob.core.chinacloudapi.cn",
    }
    assert redact("a2V5LWtleQ==") == "***"
    assert settings("az://lake", variables, account_key="other", account_name="b") == {
        "account_name": "b",
        "account_key": "other",
    }
    sas = "BlobEndpoint=http://localhost:10000/acme;SharedAccessSignature=?sv=1&sig=abcdef"
    assert settings("az://lake", {"AZURE_STORAGE_CONNECTION_STRING": sas}) == {
        "endpoint": "http://localhost:10000/acme",
        "sas_key": "sv=1&sig=abcdef",
        "allow_http": "true",
    }


def test_every_spelling_of_an_option() -> None:
    """With its cloud's name before it or without, in capitals or not; of an endpoint without TLS
    it follows that it is spoken to so.
    """
    assert settings("s3://lake", {}, AWS_REGION="eu-1", aws_skip_signature=True) == {
        "region": "eu-1",
        "skip_signature": "true",
    }
    assert settings("s3://lake", {}, aws_endpoint_url_s3="http://one", access_key_id="x") == {
        "aws_endpoint_url_s3": "http://one",
        "access_key_id": "x",
        "allow_http": "true",
    }
    assert settings("az://lake", {}, azure_storage_account_name="a", AZURE_CLIENT_ID="b") == {
        "account_name": "a",
        "client_id": "b",
    }
    assert settings("gs://lake", {"GOOGLE_BASE_URL": "http://one"}, google_bearer_token="x") == {
        "bearer_token": "x",
        "allow_http": "true",
    }
    assert "allow_http" not in settings("s3://lake", {}, endpoint="https://one")


def test_aws_shared_files(here: Path) -> None:
    """Keys and region of the profile that AWS_PROFILE names, or of the default one; keys in the
    environment, or in options, make them unneeded.
    """
    (here / ".aws").mkdir()
    (here / ".aws/credentials").write_text(
        "[default]\naws_access_key_id = one\naws_secret_access_key = first-secret\n"
        "[work]\naws_access_key_id = two\naws_secret_access_key = other-secret\n"
        "aws_session_token = passing-token\n"
    )
    (here / ".aws/config").write_text("[profile work]\nregion = eu-west-3\n")
    first = {"access_key_id": "one", "secret_access_key": "first-secret"}
    assert settings("s3://lake", {}) == first
    assert settings("s3://lake", {"AWS_PROFILE": "work"}) == {
        "access_key_id": "two",
        "secret_access_key": "other-secret",
        "session_token": "passing-token",
        "region": "eu-west-3",
    }
    both = {"AWS_PROFILE": "work", "AWS_REGION": "us-east-2"}
    assert "region" not in settings("s3://lake", both), "the variable is obstore's to read"
    assert settings("s3://lake", {"AWS_ACCESS_KEY_ID": "x"}) == {}
    assert settings("s3://lake", {}, aws_access_key_id="x") == {"access_key_id": "x"}
    (here / ".aws/credentials").write_text("no section")
    assert settings("s3://lake", {}) == {}


@pytest.fixture
def asked() -> Iterator[MoodyStore]:
    """A store that refuses everything, and remembers what it was asked."""
    with MoodyStore("http://127.0.0.1:9") as moody:
        moody.mood = lambda _seen: 403
        yield moody


def ask(sink: Any) -> str:
    """Open the sink of a config; what it was refused with."""
    made = config(sink=sink)
    made["resources"][0]["content"] = {"path": "/f/{file_id}"}
    opened = sink_of(load_config(made))
    assert isinstance(opened, Bucket)
    try:
        with pytest.raises(CredentialsError) as caught:
            opened.open()
    finally:
        opened.close()
    return str(caught.value)


def test_aws_variables_reach_the_store(asked: MoodyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Endpoint, key, region and session token are seen in the request, the secret in none."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", asked.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDFROMTHEENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-the-env")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "session-of-the-env")
    monkeypatch.setenv("AWS_REGION", "eu-central-9")
    ask("s3://lake/acme")
    [seen] = asked.seen
    assert seen.target == "/lake?list-type=2&prefix=acme%2F"
    authorization = seen.headers["authorization"]
    assert "Credential=AKIDFROMTHEENV/" in authorization
    assert "/eu-central-9/s3/aws4_request" in authorization
    assert seen.headers["x-amz-security-token"] == "session-of-the-env"
    assert "secret-of-the-env" not in str(seen)
    assert redact("secret-of-the-env and session-of-the-env") == "*** and ***"


@pytest.mark.parametrize("by", ["name and key", "connection string"])
def test_azure_variables_reach_the_store(
    asked: MoodyStore, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    """The account signs the request, whichever way it is named."""
    sink: Any = "az://lake/acme"
    if by == "connection string":
        text = f"AccountName=acmeaccount;AccountKey=a2V5a2V5;BlobEndpoint={asked.url}/acmeaccount"
        monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", text)
    else:
        monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "acmeaccount")
        monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "a2V5a2V5")
        sink = {"url": sink, "options": {"endpoint": f"{asked.url}/acmeaccount"}}
    ask(sink)
    [seen] = asked.seen
    assert seen.target.startswith("/acmeaccount/lake?restype=container&comp=list&prefix=acme%2F")
    assert seen.headers["authorization"].startswith("SharedKey acmeaccount:")


def test_google_variables_reach_the_store(
    asked: MoodyStore, monkeypatch: pytest.MonkeyPatch, here: Path
) -> None:
    """GOOGLE_APPLICATION_CREDENTIALS names a key file: the request carries what it signed."""
    command = ["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]
    made = subprocess.run(command, capture_output=True, text=True, check=True)
    key = {
        "type": "service_account",
        "client_email": "robot@acme.example",
        "private_key": made.stdout,
        "private_key_id": "1",
    }
    (here / "key.json").write_text(json.dumps(key))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(here / "key.json"))
    monkeypatch.setenv("GOOGLE_BASE_URL", asked.url)
    ask("gs://lake/acme")
    [seen] = asked.seen
    assert seen.target == "/lake?list-type=2&prefix=acme%2F"
    claims = seen.headers["authorization"].removeprefix("Bearer ").split(".")[1]
    assert json.loads(base64.urlsafe_b64decode(claims + "=="))["iss"] == "robot@acme.example"


def test_no_credentials_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """None in the environment, and no cloud's machine that would have some: exit 5, soon."""
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", "http://127.0.0.1:9")
    from filehaul.sink.bucket import store

    monkeypatch.setattr(store, "RETRIES", {"max_retries": 0})
    assert "no credentials for the sink's store" in ask("s3://lake/acme")
    with pytest.raises((ConfigError, CredentialsError), match=r"Account|credentials"):
        store.store_of(Address("az", "lake", ""))


# -- parts --------------------------------------------------------------------------------------


def test_a_signature_that_amazon_published() -> None:
    """The example "GET Bucket (List Objects)" of S3's documentation of Signature Version 4."""
    headers = dict(
        signed(
            "GET",
            "https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J",
            "us-east-1",
            Keys("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
            datetime(2013, 5, 24, tzinfo=timezone.utc),
        )
    )
    signature = "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
    assert headers["authorization"].endswith(f"Signature={signature}")
    assert "SECRET" not in repr(Keys("A", "SECRET"))


def test_names_one_by_one_and_then_by_one_listing() -> None:
    """A few names are asked for; of many one listing is made, and once; what is known is not
    asked for at all.
    """
    there = {f"n{number}": number for number in range(5000)}
    asks, listings = [], []

    def ask_each(targets: list[str]) -> dict[str, int]:
        asks.append(len(targets))
        return {one: there[one] for one in targets if one in there}

    def listed() -> Iterator[dict[str, int]]:
        listings.append(1)
        yield from ({f"n{number}": number} for number in range(5000))

    names = Names(ask_each, listed, None)
    assert names.sizes(["n1", "x", "ü"]) == {"n1": 1}
    assert names.sizes(there) == there
    assert names.sizes(["n7", "x"]) == {"n7": 7}
    assert (asks, listings) == ([3], [1])
    names.close()
    known = Names(ask_each, listed, {"a": 1})
    known.note("b", 2)
    known.forget("a")
    assert known.sizes(["a", "b", "c"]) == {"b": 2}
    assert (asks, listings) == ([3], [1])


@pytest.mark.parametrize(
    ("text", "target", "kind", "exit_code"),
    [
        ("status code: 404 Not Found: <Code>NoSuchBucket</Code>", None, ConfigError, 4),
        ("status code: 301 Moved Permanently", None, ConfigError, 4),
        ("status code: 403 Forbidden: <Code>ExpiredToken</Code>", "f", CredentialsError, 5),
        ("status code: 400 Bad Request: <Code>KeyTooLongError</Code>", "f", RefusedError, 1),
        ("status code: 404 Not Found", "f", SinkError, 6),
        ("status code: 429 Too Many Requests", "f", SinkError, 6),
        ("status code: 503 Slow Down", "f", SinkError, 6),
        ("status code: 507 Insufficient Storage", "f", SinkError, 6),
        ("error sending request - connection reset", "f", SinkError, 6),
    ],
)
def test_what_a_store_says(text: str, target: str | None, kind: type, exit_code: int) -> None:
    """Each status ends the run, or one file, in the right way; the store's code is told."""
    problem = told(RuntimeError(f"Error performing PUT x - Server: {text}"), MINE, target)
    assert type(problem) is kind
    assert problem.exit_code == exit_code
    code = text.partition("<Code>")[2].partition("<")[0]
    assert code in problem.message
    assert problem.hint


MINE = Address("s3", "lake", "acme")


def test_a_key_that_is_too_long(here: Path) -> None:
    """1,024 bytes are the limit of all three clouds: that file is refused by itself, unasked."""
    bucket = Bucket(Address("s3", "lake", "p" * 500), here, "u", "acme")
    from filehaul.sink.bucket.hands import Hands
    from filehaul.sink.bucket.requests import Requests

    hands = Hands(1, 1)
    requests = Requests(bucket.address, hands)
    assert requests.key("ü" * 261) == "p" * 500 + "/" + "ü" * 261
    with pytest.raises(RefusedError, match="longer than 1,024 bytes"):
        requests.key("ü" * 262)
    assert hands.do(requests.find("ü" * 262)) is None
    hands.close()
    assert bucket.url("a b/c%2F") == f"s3://lake/{'p' * 500}/a b/c%2F"
