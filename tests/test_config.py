"""What a config says: both seeds, YAML and dict alike, every default, every short form."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from config_dicts import config, seed, spoilt, with_endpoint, with_resource
from filehaul.config import load_config
from filehaul.config.agree import duckdb_file
from filehaul.config.base import spelled
from filehaul.config.sign_in import OAuth2Auth
from filehaul.errors import ConfigError


@pytest.mark.parametrize("name", ["000", "001"])
def test_both_seeds_as_dict_and_as_yaml(name, tmp_path):
    """A seed's dict and the same as YAML give one and the same config, name and folder apart."""
    given = seed(name)
    file = tmp_path / "vendor-x.yaml"
    file.write_text(yaml.safe_dump(given, sort_keys=False))
    ours, read = load_config(given), load_config(file)
    assert ours.resources == read.resources
    assert ours.client == read.client
    assert (ours.name, read.name) == ("filehaul", "vendor-x")
    resource = ours.resources[0]
    assert resource.name == {"000": "file_resource", "001": "files"}[name]
    assert resource.keys == ({"000": "id", "001": "file_id"}[name],)
    assert resource.disposition == "merge"
    assert resource.endpoint.path == "/v1/files"
    assert resource.endpoint.selectors == ("files",)
    assert resource.endpoint.paginator is not None
    assert resource.endpoint.paginator.model_dump(exclude_unset=True) == {
        "type": "offset",
        "limit": 100,
    }
    assert isinstance(ours.client.auth, OAuth2Auth)
    assert ours.client.auth.client_secret == "secret of seed"
    assert ours.client.auth.token_url == "https://api.example.com/oauth/token"
    assert ours.dlt_resources == ()


@pytest.mark.parametrize("kind", ["oauth2", "oauth2_client_credentials"])
@pytest.mark.parametrize("url", ["token_url", "access_token_url"])
def test_both_spellings(kind, url):
    """dlt's names of the grant and of its URL mean what the seeds' names mean."""
    auth = {"type": kind, url: "https://x.example/token", "client_id": "a", "client_secret": "b"}
    read = load_config(spoilt("client.auth", auth)).client.auth
    assert isinstance(read, OAuth2Auth)
    assert read.token_url == "https://x.example/token"


def test_the_fields_of_a_token_request_come_in_both_spellings_too():
    """extra and dlt's access_token_request_data are joined; of one name in both, dlt's counts."""
    made = config()
    made["client"]["auth"] |= {
        "extra": {"a": "1", "b": "1"},
        "access_token_request_data": {"b": "2"},
    }
    auth = load_config(made).client.auth
    assert isinstance(auth, OAuth2Auth)
    assert auth.extra == {"a": "1", "b": "2"}


DESIGN = """
client:
  base_url: https://api.example.com
  auth: {type: oauth2, client_id: "${CLIENT_ID}", client_secret: "${CLIENT_SECRET}",
         token_url: "https://api.example.com/oauth/token"}
  retry: {statuses: [429, 500, 502, 503, 504], max_retries: 3, backoff_factor: 2}
  limits: {requests_per_second: 10, concurrency: 8, bandwidth: 50MB}
resource_defaults: {primary_key: file_id, write_disposition: merge}
resources:
  - name: files
    endpoint:
      path: /v1/files
      data_selector: files
      paginator: {type: offset, limit: 100}
    fields: {file_id: id, file_name: name, size: size, modified_at: modified_at,
             checksum: {sha256: sha256}}
    content: {path: "/v1/files/{file_id}/content", layout: by_path, verify: auto}
sink: ./files
destination: duckdb
dataset: acme_catalogue
"""


def test_the_design_s_example(tmp_path, monkeypatch):
    """The example of the design, less what this version has not: every value where it belongs."""
    monkeypatch.setenv("CLIENT_ID", "me")
    monkeypatch.setenv("CLIENT_SECRET", "s3cret")
    file = tmp_path / "acme.yaml"
    file.write_text(DESIGN)
    read = load_config(file)
    assert (read.name, read.dataset) == ("acme", "acme_catalogue")
    assert read.sink == tmp_path / "files"
    assert read.home == tmp_path / ".filehaul"
    assert read.client.limits.requests_per_second == 10
    assert read.client.limits.bandwidth == 50_000_000
    resource = read.resource("files")
    assert resource.fields is not None
    assert resource.fields.file_id is not None
    assert resource.fields.file_id.path == "id"
    assert resource.fields.checksum["sha256"].path == "sha256"
    assert resource.fields.owner is None
    assert resource.content is not None
    assert resource.content.path == "/v1/files/{file_id}/content"
    assert read.found == (
        ("client.auth.client_id", "${CLIENT_ID}"),
        ("client.auth.client_secret", "${CLIENT_SECRET}"),
    )
    with pytest.raises(KeyError):
        read.resource("folders")


def test_every_default(tmp_path, monkeypatch):
    """What the design pins for keys that are left out, for a dict in the working folder."""
    monkeypatch.chdir(tmp_path)
    read = load_config(seed("001"))
    assert (read.name, read.dataset, read.folder) == ("filehaul", "filehaul_data", tmp_path)
    assert read.home == tmp_path / ".filehaul"
    assert read.sink is None
    assert read.settings.destination == "duckdb"
    assert duckdb_file(read) == tmp_path / "filehaul.duckdb"
    assert (read.settings.durable, read.settings.memory_limit) == ("process", "1GB")
    client = read.client
    assert client.retry.statuses == {429, 500, 502, 503, 504}
    assert (client.retry.max_retries, client.retry.backoff_factor) == (3, 2)
    assert (client.limits.requests_per_second, client.limits.concurrency) == (None, 8)
    assert (client.timeouts.connect, client.timeouts.stall) == (10, 30)
    assert (client.insecure, client.proxy, client.trusted_hosts) == (False, None, ())
    auth = client.auth
    assert isinstance(auth, OAuth2Auth)
    assert auth.method == "client_secret_post"
    resource = read.resources[0]
    assert (resource.selected, resource.raw) == (True, False)
    assert (resource.fields, resource.content) == (None, None)
    assert (resource.endpoint.method, resource.endpoint.params) == ("GET", {})
    assert load_config(spoilt("resource_defaults", {})).resources[0].disposition == "append"


def test_content_defaults():
    """By path, verified by the strongest that there is."""
    content = load_config(with_resource(content={"path": "/x/{file_id}"})).resources[0].content
    assert content is not None
    assert (content.layout, content.url_field) == ("by_path", None)
    assert content.verify == {"default": "auto"}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (
            {"type": "offset", "limit": 7},
            {
                "limit": 7,
                "offset": 0,
                "offset_param": "offset",
                "limit_param": "limit",
                "total_path": "total",
                "maximum_offset": None,
                "has_more_path": None,
            },
        ),
        (
            "page_number",
            {
                "base_page": 0,
                "page": None,
                "page_param": "page",
                "total_path": "total",
                "maximum_page": None,
                "has_more_path": None,
            },
        ),
        (
            "cursor",
            {
                "cursor_path": "cursors.next",
                "cursor_param": "cursor",
                "cursor_body_path": None,
                "stop_after_empty_page": False,
                "has_more_path": None,
            },
        ),
        ("json_link", {"next_url_path": "next"}),
        ("header_link", {"links_next_key": "next", "header": None}),
        ("header_cursor", {"cursor_key": "next", "cursor_param": "cursor"}),
        ("single_page", {}),
    ],
)
def test_paginators_have_dlt_s_defaults(kind, expected):
    """Each paginator, by its name alone where it needs nothing else, and dlt's defaults."""
    read = load_config(with_endpoint(paginator=kind)).resources[0].endpoint.paginator
    assert read is not None
    found = read.model_dump()
    assert {key: found[key] for key in expected} == expected


def test_short_forms():
    """A resource by its name, an endpoint by its path, a token without a type, one host."""
    made = config(resource_defaults={"endpoint": {"paginator": "single_page"}})
    made["client"] |= {"auth": {"token": "t0ken"}, "trusted_hosts": "files.example.com"}
    made["resources"] = ["reports", {"name": "memos", "endpoint": "/v2/memos"}]
    read = load_config(made)
    assert [one.endpoint.path for one in read.resources] == ["reports", "/v2/memos"]
    assert read.client.auth is not None
    assert read.client.auth.type == "bearer"
    assert read.client.trusted_hosts == ("files.example.com",)


def test_defaults_are_merged_by_key():
    """A resource's own keys win, within endpoint and its params too."""
    made = config(
        resource_defaults={
            "primary_key": "id",
            "endpoint": {"params": {"a": 1, "b": 1}, "paginator": "single_page"},
        }
    )
    made["resources"] = [{"name": "files", "endpoint": {"path": "x", "params": {"b": 2}}}]
    (resource,) = load_config(made).resources
    assert resource.endpoint.params == {"a": 1, "b": 2}
    assert resource.keys == ("id",)


def test_a_parameter_goes_into_the_path_as_in_dlt():
    """{name} in a path takes the parameter of that name, which is then not sent."""
    endpoint = {"path": "/drives/{drive}/files", "params": {"drive": "d 1", "all": True}}
    (resource,) = load_config(with_endpoint(**endpoint)).resources
    assert resource.endpoint.path == "/drives/d 1/files"
    assert resource.endpoint.params == {"all": True}


def test_null_is_as_good_as_left_out(tmp_path):
    """A block whose lines are all commented out is null in YAML: its defaults hold."""
    file = tmp_path / "acme.yaml"
    text = yaml.safe_dump(seed("001"), sort_keys=False)
    file.write_text(text + "name:\nsink:\nstate:\ndataset:\ndestination:\n")
    read = load_config(file)
    assert (read.name, read.dataset, read.settings.destination) == ("acme", "acme_data", "duckdb")
    for key in ("retry", "limits", "timeouts", "headers", "paginator", "trusted_hosts"):
        assert load_config(spoilt(f"client.{key}", None)).client == load_config(config()).client
    assert load_config(spoilt("resource_defaults", None)).resources[0].keys == ()
    total = with_endpoint(paginator={"type": "offset", "limit": 1, "total_path": None})
    paginator: Any = load_config(total).resources[0].endpoint.paginator
    assert paginator.total_path is None  # here null says something


def test_relative_paths_are_relative_to_the_config(tmp_path, monkeypatch):
    """Sink, state and DuckDB file lie beside the config, wherever the process stands."""
    (tmp_path / "conf").mkdir()
    file = tmp_path / "conf" / "acme.yaml"
    made = config(sink="../out", destination={"type": "duckdb", "credentials": "x.duckdb"})
    file.write_text(yaml.safe_dump(made))
    monkeypatch.chdir(tmp_path)
    read = load_config("conf/acme.yaml")
    assert read.folder == tmp_path / "conf"
    assert read.sink is not None
    assert read.sink.resolve() == tmp_path / "out"
    assert duckdb_file(read) == tmp_path / "conf" / "x.duckdb"
    assert load_config(read) is read


def test_yaml_means_what_it_looks_like(tmp_path):
    """no, on and a date are the texts that were typed; true is true."""
    file = tmp_path / "acme.yaml"
    made = with_endpoint(params={"since": "@", "archived": "@", "flag": "@", "deep": "@"})
    text = yaml.safe_dump(made)
    for name, typed in [("since", "2024-05-01"), ("archived", "no"), ("flag", "on")]:
        text = text.replace(f"{name}: '@'", f"{name}: {typed}")
    file.write_text(text.replace("deep: '@'", "deep: true"))
    params = load_config(file).resources[0].endpoint.params
    assert params == {"since": "2024-05-01", "archived": "no", "flag": "on", "deep": True}


def test_a_mark_in_front_of_the_text_is_no_part_of_it(tmp_path):
    """Editors on Windows write a byte order mark."""
    file = tmp_path / "acme.yaml"
    file.write_text("\ufeff" + yaml.safe_dump(seed("001")), "utf-8")
    assert load_config(file).name == "acme"


def test_nothing_secret_in_a_repr():
    """A config in a traceback or a log shows no credential, wherever it stands."""
    made = config(
        sink={"url": "s3://lake/acme", "options": {"aws_secret_access_key": "canary-1"}},
        destination={"type": "postgres", "credentials": "postgresql://u:canary-2@h/d"},
    )
    made["client"]["auth"] |= {"client_secret": "canary-3", "extra": {"assertion": "canary-4"}}
    made["client"] |= {"headers": {"X-Key": "canary-5"}, "proxy": "http://u:canary-6@p"}
    made["resources"][0]["endpoint"] |= {
        "params": {"key": "canary-7"},
        "headers": {"X": "canary-8"},
        "json": {"key": "canary-9"},
    }
    made["resources"].append({"name": "x", "endpoint": {"data": "canary-0"}})
    read = load_config(made)
    assert len(read.dlt_resources) == 1
    assert "canary" not in repr(read) + str(read) + repr(read.settings) + repr(read.client)


def test_spelled_as_dlt_spells():
    """Our spelling of names is that of dlt's default naming, tried on names of all kinds."""
    from dlt.common.normalizers.naming.snake_case import NamingConvention

    naming = NamingConvention(255)
    for name in [
        *("files", "fileId", "file-id", "@odata.id", "日本語", "a__b", "_x", "__y", "HTTPServer2x"),
        *("9lives", "a b", "+x*y|z@", "X", "file_ID", "é", "x_", "x__", "ABCd", "aBC", "a.b.c"),
        *("  padded ", "a-", "-a", "1", "_1", "Size (bytes)", "٣a"),
    ]:
        assert spelled(name) == naming.normalize_identifier(name), name


@pytest.mark.parametrize("given", [5, None, ["a"], b"x.yaml"])
def test_what_is_no_config_at_all(given):
    """Neither a path nor a dict: said so, not a TypeError."""
    with pytest.raises(ConfigError, match="path of a YAML file, or a dict"):
        load_config(given)


def test_yaml_text_is_not_a_path():
    """YAML in place of a path is not taken for a long file name, nor printed."""
    with pytest.raises(ConfigError) as error:
        load_config("name: acme\nclient: {auth: {client_secret: hunter2}}")
    assert "not text" in str(error.value)
    assert "hunter2" not in str(error.value)
