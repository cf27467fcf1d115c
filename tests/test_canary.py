"""Secrets are planted wherever a vendor could hand them back, and found nowhere afterwards."""

from __future__ import annotations

import base64
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from dlt.pipeline.pipeline import Pipeline
from typer.testing import CliRunner

from filehaul.cli.verbs import app
from filehaul.load import Destination
from filehaul.testing import FakeFile, FakeVendor, Fault, RecordedRequest
from filehaul.watch import Watch
from hauling import config_for, rows_of, sync

KEY = "K3y-of-the-acme-account/+=&%"
HEADER = "header-credential-71c2"
PASSWORD = "pass word:of@acme"


class Canary:
    """Knows the secrets of a vendor, and looks for them."""

    def __init__(self, vendor: FakeVendor, place: Path, planted: set[str]) -> None:
        self.vendor = vendor
        self.planted = planted
        self.place = place
        self.looks = 0
        self.said: list[str] = []

    def secrets(self) -> set[str]:
        """All that must not be found: in each of its spellings."""
        vendor = self.vendor
        plain = set(self.planted)
        for request in vendor.requests:
            scheme, _, token = request.headers.get("authorization", "").partition(" ")
            if scheme:
                plain.add(token)
            if "sig" in request.query:
                plain |= {request.query["sig"], request.query["sig"][:20]}
        return {spelling for one in plain for spelling in (one, quote(one, safe=""))}

    def look(self) -> None:
        """Into every file below the test's folder, and every table."""
        self.looks += 1
        found = b"\n".join(self._texts())
        for secret in self.secrets():
            at = found.find(secret.encode())
            assert at < 0, f"{secret!r} in …{found[max(0, at - 200) : at + 100]!r}"

    def _texts(self) -> Iterator[bytes]:
        for text in self.said:
            yield text.encode()
        for path in self.place.rglob("*"):
            if not path.is_file() or path.name in ("acme.yaml", "acme.tokens.json"):
                continue  # where they belong
            yield str(path).encode()
            yield path.read_bytes()
            if path.suffix == ".parquet":
                yield str(pq.read_table(path).to_pylist()).encode()
            if path.suffix == ".arrows":
                with pa.OSFile(str(path)) as source, pa.ipc.open_stream(source) as reader:
                    yield str(reader.read_all().to_pylist()).encode()
            if path.suffix == ".duckdb":
                yield from self._tables(path)

    def _tables(self, path: Path) -> Iterator[bytes]:
        with duckdb.connect(str(path)) as connection:
            tables = connection.execute(
                "SELECT schema_name, table_name FROM duckdb_tables()"
            ).fetchall()
            for schema, table in tables:
                rows = connection.execute(f'SELECT * FROM "{schema}"."{table}"').fetchall()
                yield str(rows).encode()


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each test in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt-data"))
    return tmp_path


@pytest.fixture
def vendor() -> Iterator[FakeVendor]:
    """Signed links on another origin in a record's own field, in others, and deep inside."""

    def shape(record: dict[str, Any]) -> dict[str, Any]:
        url = running.signed_url(record["id"])
        return {
            **record,
            "link": url,
            "thumbnail": url + "&size=small",
            "note": f"see {url} and X-Amz-Signature: none",
            "previews": [{"url": url, "deep": {"er": [url]}}],
            **({"modified_at": url} if record["id"] == "odd" else {}),
        }

    made = [FakeFile(f"f{n}", f"f{n}.txt", content=b"content %d" % n) for n in range(4)]
    made.append(FakeFile("odd", "odd.txt", content=b"odd"))
    with FakeVendor(made, second_origin=True, record_shape=shape) as running:
        yield running


@pytest.fixture
def canary(vendor: FakeVendor, place: Path, monkeypatch: pytest.MonkeyPatch) -> Canary:
    """It also looks while rows wait in the spool, and while dlt has them."""
    bird = Canary(vendor, place, {vendor.client_secret, HEADER})

    def looking(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*arguments: Any, **named: Any) -> Any:
            bird.look()
            return original(*arguments, **named)

        return wrapper

    monkeypatch.setattr(Destination, "load", looking(Destination.load))
    monkeypatch.setattr(Pipeline, "normalize", looking(Pipeline.normalize))
    monkeypatch.setattr(Pipeline, "load", looking(Pipeline.load))
    return bird


def try_sync(canary: Canary, config: dict[str, Any]) -> int:
    """A sync; whatever it says, also as a traceback, is looked at. The exit code."""
    events: list[dict[str, Any]] = []
    try:
        report = sync(config, watch=Watch(event=events.append))
    except Exception as problem:
        canary.said += [str(problem), repr(problem), "".join(traceback.format_exception(problem))]
        canary.look()
        return getattr(problem, "exit_code", 1)
    canary.said += [str(report.as_dict()), "\n".join(report.lines()), str(events)]
    if report.error is not None:
        canary.said += [str(report.error), "".join(traceback.format_exception(report.error))]
    canary.look()
    return report.exit_code


def test_a_sync_that_succeeds(vendor: FakeVendor, canary: Canary) -> None:
    """Bytes by signed links, twice; rows, ledger, spool and packages have none of their secrets,
    and still say where a file is.
    """
    config = config_for(vendor, content={"url_field": "link"})
    assert try_sync(canary, config) == 0
    assert try_sync(canary, config) == 0
    assert canary.looks >= 8
    assert sum("sig" in one.query for one in vendor.requests) == 5
    [(link, thumbnail, note, previews)] = rows_of(
        "SELECT link, thumbnail, note, previews::text FROM acme_data.files WHERE file_id = 'f1'"
    )
    assert link == thumbnail == f"{vendor.other_url}/signed/f1"
    assert note.startswith(f"see {vendor.other_url}/signed/f1?sig=***")
    assert f"{vendor.other_url}/signed/f1" in previews
    [(value,)] = rows_of("SELECT value FROM acme_data.rejected")
    assert value == f"{vendor.other_url}/signed/odd"


def test_a_credential_under_any_name(place: Path) -> None:
    """What url_field points to is kept without its query, whatever the vendor calls its key."""

    def shape(record: dict[str, Any]) -> dict[str, Any]:
        url = f"{vendor.content_url(record['id'])}?g=opaque-grant-{record['id']}#opaque-part"
        return {**record, "link": {"here": url}, "again": url}

    with FakeVendor([FakeFile("a", "a.txt", content=b"a")], record_shape=shape) as vendor:
        canary = Canary(vendor, place, {"opaque-grant", "opaque-part"})
        assert try_sync(canary, config_for(vendor, content={"url_field": "link.here"})) == 0
        assert vendor.count("GET /v1/files/a/content?g=opaque-grant-a") == 1
        [(link, again)] = rows_of("SELECT link::text, again FROM acme_data.files")
        assert again == vendor.content_url("a")
        assert again in link


def echo(vendor: FakeVendor) -> dict[str, str]:
    """What a careless vendor prints into its errors."""
    url = vendor.signed_url("f1")
    return {
        "error": f"client {vendor.client_id} with secret {vendor.client_secret} was refused",
        "client_secret": vendor.client_secret,
        "url": url,
        "html": f"<a href='{url.replace('&', '&amp;')}'>",
        "key": KEY,
        "header": f"X-Custom-Auth: {HEADER}",
    }


@pytest.mark.parametrize(
    ("pattern", "status", "code"),
    [
        ("/signed/f1", 404, 3),
        ("/oauth/token", 401, 5),
        ("/v1/files", 503, 6),
        ("/v1/files", 200, 8),
        *(
            pytest.param(*one, marks=pytest.mark.slow)
            for one in [
                ("/signed/f1", 403, 3),
                ("/signed/f1", 500, 3),
                ("/oauth/token", 200, 5),
                ("/v1/files", 400, 8),
                ("/v1/files", 401, 5),
            ]
        ),
    ],
)
def test_a_vendor_that_prints_secrets(
    vendor: FakeVendor, canary: Canary, pattern: str, status: int, code: int
) -> None:
    """Each way to fail, with the client's secret and a signed link in the vendor's own words."""
    client = {"headers": {"X-Custom-Auth": HEADER}}
    config = config_for(vendor, content={"url_field": "link"}, client=client)
    vendor.script(pattern, Fault.status(status, body=echo(vendor)), times=Fault.always)
    assert try_sync(canary, config) == code
    assert vendor.unfired == []


AUTHS: dict[str, dict[str, Any]] = {
    "api_key in the query": {"type": "api_key", "name": "k", "api_key": KEY, "location": "query"},
    "api_key in a header": {"type": "api_key", "name": "X-Api-Key", "api_key": KEY},
    "api_key in a cookie": {"type": "api_key", "name": "k", "api_key": KEY, "location": "cookie"},
    "bearer": {"type": "bearer", "token": KEY},
    "http_basic": {"type": "http_basic", "username": "me", "password": PASSWORD},
}


@pytest.mark.parametrize("name", AUTHS)
def test_every_way_to_sign_in(name: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key in query, header or cookie, a bearer token, a password: refused, then accepted."""
    allowed = [False]

    def auth(request: RecordedRequest) -> bool:
        return allowed[0]

    with FakeVendor([FakeFile("a", "a.txt", content=b"a")], auth=auth) as vendor:
        canary = Canary(vendor, place, {PASSWORD if name == "http_basic" else KEY})
        config = config_for(vendor)
        config["client"]["auth"] = AUTHS[name]
        said = {**echo(vendor), "password": PASSWORD, "note": f"not {PASSWORD}, not {KEY}"}
        vendor.script("/v1/files", Fault.status(403, body=said))
        assert try_sync(canary, config) == 8
        assert try_sync(canary, config) == 5
        allowed[0] = True
        assert try_sync(canary, config) == 0
        told = [one.target + str(dict(one.headers)) for one in vendor.requests]
        spellings = {KEY, quote(KEY, safe=""), base64.b64encode(f"me:{PASSWORD}".encode()).decode()}
        assert all(any(s in one for s in spellings) for one in told), "they were really sent"


def test_a_rotating_refresh_token(place: Path) -> None:
    """Seed, rotated refresh tokens and access tokens, printed back by the vendor at each place:
    they are in the token store, and nowhere else.
    """
    made = [FakeFile(f"f{n}", f"f{n}.txt", content=b"%d" % n) for n in range(3)]
    with FakeVendor(made, client_secret="") as vendor:
        seed = vendor.grants.refresh_token()
        canary = Canary(vendor, place, {seed})
        config = config_for(vendor)
        config["client"]["auth"] = {
            "type": "oauth2_refresh_token",
            "token_url": vendor.token_url,
            "client_id": vendor.client_id,
            "refresh_token": seed,
        }
        assert try_sync(canary, config) == 0
        [kept] = orjson.loads(Path(".filehaul/acme.tokens.json").read_bytes())
        secrets = [seed, kept["refresh_token"], kept["access_token"]]
        canary.planted |= set(secrets)
        said = {"error": {"message": f"not {' '.join(secrets)}"}, "x": secrets}
        vendor.script("/v1/files", Fault.status(400, body=said))
        assert try_sync(canary, config) == 8
        vendor.expire_tokens()
        vendor.script("/oauth/token", Fault.status(400, body={**said, "error": "invalid_grant"}))
        assert try_sync(canary, config) == 5
        assert "login" in "".join(canary.said)
        vendor.assert_all_fired()


@pytest.mark.parametrize("as_json", [True, False])
def test_the_command_line(
    vendor: FakeVendor, canary: Canary, monkeypatch: pytest.MonkeyPatch, as_json: bool
) -> None:
    """stdout and stderr of sync, status, plan, ls and check, with a vendor that prints secrets."""
    monkeypatch.setenv("SECRET", vendor.client_secret)
    config = config_for(vendor, content={"url_field": "link"})
    config["client"]["auth"]["client_secret"] = "${SECRET}"
    Path("acme.yaml").write_text(yaml.safe_dump(config))
    vendor.script("/signed/f1", Fault.status(404, body=echo(vendor)), times=Fault.always)
    codes = {}
    for verb in ("check", "plan", "ls", "sync", "status"):
        result = CliRunner().invoke(app, [verb, "acme.yaml", *(["--json"] if as_json else [])])
        canary.said += [result.stdout, result.stderr]
        codes[verb] = result.exit_code
        canary.look()
    assert codes["sync"] == 3
    assert "HTTP 404" in "".join(canary.said)


def test_a_destination_that_prints_its_password(place: Path) -> None:
    """The password of a warehouse that cannot be reached is in no word of ours."""
    with FakeVendor([FakeFile("a", "a.txt")]) as vendor:
        canary = Canary(vendor, place, {PASSWORD})
        login = f"postgresql://loader:{quote(PASSWORD, safe='')}@127.0.0.1:1/warehouse"
        destination = {"type": "postgres", "credentials": login}
        assert try_sync(canary, config_for(vendor, destination=destination)) in (4, 6)


def test_the_canary_sings(vendor: FakeVendor, place: Path) -> None:
    """The test of the test: a secret in any of these places is found."""
    canary = Canary(vendor, place, {vendor.client_secret, KEY, HEADER})
    canary.look()
    for name in ("x.log", "deep/x.sqlite-wal"):
        path = place / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"before {vendor.client_secret} after")
        with pytest.raises(AssertionError, match="before"):
            canary.look()
        path.unlink()
    pq.write_table(pa.table({"a": [KEY] * 100}), place / "x.parquet", compression="zstd")
    with pytest.raises(AssertionError, match="K3y"):
        canary.look()
    (place / "x.parquet").unlink()
    with duckdb.connect("x.duckdb") as connection:
        connection.execute(f"CREATE TABLE t AS SELECT '{HEADER}' AS a FROM range(10000)")
    with pytest.raises(AssertionError, match="header-credential"):
        canary.look()
