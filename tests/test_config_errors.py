"""What is wrong with a config: found before the first request, named with its place."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from config_dicts import config, seed, spoilt, with_endpoint, with_resource
from filehaul.config import load_config
from filehaul.config.model import OUR_TABLES
from filehaul.errors import ConfigError

FIELDS = {"file_id": "id", "file_name": "name"}


def refused(made: Any) -> ConfigError:
    with pytest.raises(ConfigError) as error:
        load_config(made)
    assert error.value.exit_code == 4
    assert error.value.where
    assert error.value.hint
    return error.value


@pytest.mark.parametrize(
    ("place", "near"),
    [
        ("clinet", "client"),
        ("destinaton", "destination"),
        ("client.base_uri", "base_url"),
        ("client.auth.token_uri", "token_url"),
        ("client.auth.secret", "client_secret"),
        ("client.retry.max_retires", "max_retries"),
        ("client.limits.concurency", "concurrency"),
        ("client.timeouts.conect", "connect"),
        ("resource_defaults.primry_key", "primary_key"),
        ("resource_defaults.endpoint.pth", "path"),
        ("resources.0.nme", "name"),
        ("resources.0.endpoint.pagnator", "paginator"),
        ("resources.0.endpoint.dataSelector", "data_selector"),
        ("resources.0.endpoint.paginator.limt", "limit"),
        ("resources.0.fields.filename", "file_name"),
        ("resources.0.fields.file_id.pth", "path"),
        ("resources.0.fields.checksum.sha256.cdec", "codec"),
        ("resources.0.content.layot", "layout"),
        ("resources.0.write_disposition.dispositon", "disposition"),
        ("resources.0.walk.rot", "root"),
        ("sink.urll", "url"),
        # Later versions will know these. Until then they are keys like any other unknown one.
        ("supplier", None),
        ("deletes", None),
        ("resources.0.ledgers", None),
        ("resources.0.synctype", "sync_type"),
        ("resources.0.deletes.confrm", "confirm"),
        ("resources.0.deletes.max.shares", "share"),
        ("resources.0.endpoint.incremental.cursr_path", "cursor_path"),
        ("resources.0.incremental.startparam", "start_param"),
    ],
)
def test_unknown_keys(place, near):
    """An unknown key at any level: itself, its place, and the nearest right one or all of them."""
    problem = refused(spoilt(place, "x"))
    key = place.rpartition(".")[2]
    spelled = place.replace(".0", "[0]")
    assert problem.message == f"unknown key {key!r}"
    assert problem.where == f"{spelled} in the dict"
    if near is None:
        assert problem.hint.startswith("it takes: ")
    else:
        assert problem.hint == f"did you mean {near!r}?"


def test_the_place_is_where_the_key_stands(tmp_path):
    """What came from resource_defaults is found there; a file is named."""
    file = tmp_path / "acme.yaml"
    file.write_text(yaml.safe_dump(spoilt("resource_defaults.endpoint.method", "PUT")))
    problem = refused(file)
    assert problem.where == f"resource_defaults.endpoint.method in {file}"
    both = spoilt("resource_defaults.endpoint.method", "GET")
    both["resources"][0]["endpoint"]["method"] = "PUT"
    assert refused(both).where == "resources[0].endpoint.method in the dict"


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("client", ..., "the key 'client' is missing"),
        ("client", None, "the key 'client' is missing"),
        ("client", 5, "must be a mapping of keys"),
        ("client.base_url", ..., "the key 'base_url' is missing"),
        ("client.base_url", "ftp://x", "must begin with https:// or http://"),
        ("client.base_url", "https://u:p@x", "a user name"),
        ("client.base_url", "https://x?key=1", "parameters"),
        ("client.auth.token_url", ..., "the key 'token_url' is missing"),
        ("client.auth.type", ..., "the key 'type' is missing"),
        ("client.auth.client_id", 123, "must be text"),
        ("client.auth.client_secret", "", "is empty"),
        ("client.headers", {"X-Key": "a\nX-Evil: 1"}, "line break"),
        ("client.auth", {"type": "bearer", "token": "t\n"}, "line break"),
        ("client.auth", 5, "must be a mapping of keys"),
        ("client.retry.max_retries", "many", "must be a whole number"),
        ("client.retry.statuses", [42], "greater than or equal to 400"),
        ("client.limits.bandwidth", "fast", "a size such as 500MB"),
        ("client.limits.bandwidth", "50", "at least 1KB"),
        ("client.limits.concurrency", 0, "greater than or equal to 1"),
        ("client.timeouts.stall", float("inf"), "finite number"),
        ("client.trusted_hosts", ["https://x/y"], "without paths"),
        ("name", "a b", "must be letters, digits"),
        ("durable", "powr", "must be 'process' or 'power'"),
        ("memory_limit", "lots", "such as 500MB"),
        ("resources", [], "is empty"),
        ("resources", "files", "must be a list"),
        ("resources.0", 5, "a resource is a mapping"),
        ("resources.0.name", ..., "a resource has no name"),
        ("resources.0.name", "a/b", "must be letters, digits"),
        ("resources.0.endpoint.paginator", 5, "must be a mapping of keys"),
        ("resources.0.endpoint.paginator.limit", ..., "the key 'limit' is missing"),
        ("resources.0.endpoint.paginator.limit", 0, "greater than or equal to 1"),
        ("resources.0.endpoint.paginator.total_path", "a[", "not a path: 'a['"),
        ("resources.0.endpoint.data_selector", "files[", "not a path: 'files['"),
        ("resources.0.endpoint.params", [], "must be a mapping of keys"),
        ("resources.0.endpoint.path", "/a/{x}", "{x} is not among endpoint.params"),
        ("resources.0.fields.file_id", 5, "must be a path into the record, or a mapping"),
        ("resources.0.fields.checksum", "x", "checksum names its algorithm"),
        ("resources.0.fields.checksum", {"sha257": "x"}, "unknown checksum algorithm 'sha257'"),
        ("resources.0.content.url_field", "a[", "not a path: 'a['"),
        ("resources.0.content.ranges", 100, "how many requests for one file: 1 to 64"),
        ("resources.0.content.ranges", 0, "how many requests for one file: 1 to 64"),
        ("resources.0.content.ranges", "many", "must be true, false, or how many"),
        ("resources.0.write_disposition", "mrege", "must be 'append', 'merge' or 'replace'"),
        ("resource_defaults.primary_key", "", "is empty"),
    ],
)
def test_wrong_values(place, value, message):
    """A value that cannot be: what is wrong with it, and where it stands."""
    problem = refused(spoilt(place, value))
    assert message in problem.message
    assert problem.where.startswith(place.replace(".0", "[0]"))


@pytest.mark.parametrize(
    ("place", "value", "near"),
    [
        ("client.auth.type", "oauth", "oauth2"),
        ("client.paginator", "ofset", "offset"),
        ("resources.0.endpoint.paginator.type", "page", "page_number"),
        ("resources.0.content", {"path": "/{id}", "layout": "bypath"}, "by_path"),
        ("resources.0.fields.size", {"path": "s", "codec": "epok"}, "epoch"),
        ("resources.0.write_disposition", "mrege", "merge"),
    ],
)
def test_misspelt_values(place, value, near):
    """Where only some values are taken, the nearest of them is named."""
    assert refused(spoilt(place, value)).hint.startswith(f"did you mean {near!r}?")


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (spoilt("client.auth.access_token_url", "https://x"), "are one key"),
        (spoilt("resource_defaults.primary_key", ...), "merge needs a primary_key"),
        (spoilt("resource_defaults.primary_key", ["a", "a"]), "names a column twice"),
        (with_resource(fields={"size": "size"}), "'file_id' is not among the fields"),
        (
            with_resource(fields=FIELDS | {"size": "s"}, primary_key="size"),
            "does not identify a file",
        ),
        (with_resource(raw=True), "raw needs fields"),
        (
            config() | {"resources": with_resource(content={"path": "/{id}"})["resources"]},
            "content without a sink",
        ),
        (
            with_resource(content={"path": "/{id}"}, primary_key=None, write_disposition="append"),
            "content needs a primary_key",
        ),
        (with_resource(content={}), "content takes either path or url_field"),
        (with_resource(content={"path": "/{id}", "url_field": "u"}), "either path or url_field"),
        (with_resource(content={"path": "/same"}), "the same for every file"),
        (with_resource(content={"path": "/{id"}), "braces do not close"),
        (with_resource(content={"path": "/{}"}), "empty braces"),
        (config(sink="s3:/lake/acme"), "names no bucket"),
        (config(sink="ftp://host/x"), "does not write to ftp:"),
        (config(sink=" "), "the sink is empty"),
        (config(destination={"credentials": "x.duckdb"}), "needs its type"),
        (config(dataset="filehaul"), "have one name"),
        (config(dataset="Filehaul"), "have one name"),
        (
            config(destination={"type": "duckdb", "credentials": "x/filehaul_data.db"}),
            "have one name",
        ),
        (
            with_endpoint(
                paginator={
                    "type": "offset",
                    "limit": 1,
                    "total_path": None,
                    "stop_after_empty_page": False,
                }
            ),
            "nothing would end the listing",
        ),
        (
            with_endpoint(
                paginator={
                    "type": "offset",
                    "limit": 1,
                    "limit_param": "n",
                    "limit_body_path": "page.n",
                }
            ),
            "limit_param or limit_body_path, not both",
        ),
    ],
)
def test_keys_that_do_not_go_together(made, message):
    """Each key is right by itself, and together they cannot be."""
    assert message in refused(made).message


@pytest.mark.parametrize(
    "name", [*sorted(OUR_TABLES), "Transfers", "transfer-errors", "_dlt_loads"]
)
def test_reserved_names(name):
    """Our own tables, however spelled, and dlt's are not to be had for a resource."""
    assert "filehaul's own" in refused(spoilt("resources.0.name", name)).message


@pytest.mark.parametrize(("first", "second"), [("files", "files"), ("myFiles", "my-files")])
def test_two_resources_of_one_table(first, second):
    """Two resources whose names the destination spells alike would mix their rows."""
    made = config()
    made["resources"] = [{**made["resources"][0], "name": name} for name in (first, second)]
    problem = refused(made)
    assert "two resources are" in problem.message
    assert problem.where == "resources[1].name in the dict"


@pytest.mark.parametrize("sink", [".", "..", "./", "file://."])
def test_the_sink_does_not_hold_our_own_files(sink, tmp_path, monkeypatch):
    """A vendor's file named acme.duckdb must not land on the database."""
    monkeypatch.chdir(tmp_path)
    assert "inside the sink" in refused(config(sink=sink)).message


def test_the_sink_does_not_hold_the_ledger_or_the_database():
    """The same where the config puts them there itself."""
    database = {"type": "duckdb", "credentials": "files/x.duckdb"}
    assert "DuckDB file" in refused(config(sink="files", destination=database)).message
    assert "ledger" in refused(config(sink="files", state="files/state.sqlite")).message


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("client: {auth: {client_id: ${CLIENT_ID}}}", "unquoted ${…} inside braces", 1),
        ("a: {\n  b: c,\n  d: ${D},\n}", "unquoted ${…} inside braces", 3),
        ("a: [${A}, ${B}]", "unquoted ${…} inside braces", 1),
        ("a: b\n\tc: d", "not YAML", 2),
        ("a: 'b", "not YAML", 1),
        ("client: 1\nname: x\nclient: 2", "the key 'client' stands there twice", 3),
        ("password: *hunter2", "must be quoted", 1),
        ("password: !hunter2 x", "must be quoted", 1),
        ("- a\n- b", "not a mapping of keys", None),
        ("", "not a mapping of keys", None),
        ("a: !!int hunter2", "not YAML", None),
        ("a: " + "9" * 5000, "", None),
    ],
)
def test_yaml_that_is_none(text, message, line, tmp_path):
    """YAML's mistakes: their line, what to do, and never the value."""
    file = tmp_path / "acme.yaml"
    file.write_text(text)
    problem = refused(file)
    assert message in problem.message
    assert "hunter2" not in str(problem)
    assert str(file) in problem.where
    if line is not None:
        assert problem.where == f"{file}, line {line}"


def test_files_that_cannot_be_read(tmp_path):
    """No file, a folder, bytes that are no text, a name that no file has."""
    (tmp_path / "latin.yaml").write_bytes("name: é".encode("latin-1"))
    for path in ["none.yaml", ".", "latin.yaml", "nul\x00.yaml"]:
        refused(tmp_path / path)
    assert "filehaul init" in refused(tmp_path / "none.yaml").hint


def test_a_file_s_name_that_makes_no_connection(tmp_path):
    """The stem is the name by default; where it cannot be, the line to add is said."""
    file = tmp_path / "my vendor.yaml"
    file.write_text(yaml.safe_dump(seed("001")))
    problem = refused(file)
    assert "'my vendor'" in problem.message
    assert problem.hint == "add a line: name: acme"


def test_yaml_that_contains_itself(tmp_path):
    """An anchor inside itself is an error, not the end of the stack."""
    file = tmp_path / "acme.yaml"
    file.write_text("client: &a\n  base_url: https://x\n  headers: *a\nresources: [files]\n")
    assert "contains itself" in refused(file).message


NASTY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(
        ["offset", "auto", "oauth2", "merge", "scd2", "${X}", "${", "{a", "a[", "https://x", b"x"]
    )
    | st.builds(object),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner)
        | st.dictionaries(st.text(max_size=4) | st.integers() | st.none(), inner, max_size=4)
        | st.builds(lambda v: {"type": v}, inner)
        | st.builds(lambda v: {"secret": v}, inner.filter(lambda v: not isinstance(v, str)))
    ),
    max_leaves=12,
)
PLACES = [
    *("name", "client", "resources", "resource_defaults", "sink", "destination", "dataset"),
    *("state", "durable", "memory_limit", "unknown", "client.base_url", "client.headers"),
    *("client.auth", "client.auth.type", "client.auth.extra", "client.paginator", "client.session"),
    *("client.retry", "client.retry.statuses", "client.limits", "client.trusted_hosts"),
    *("resource_defaults.endpoint", "resource_defaults.endpoint.params", "resources.0"),
    *("resources.0.name", "resources.0.endpoint", "resources.0.endpoint.path"),
    *("resources.0.endpoint.params", "resources.0.endpoint.json", "resources.0.endpoint.headers"),
    *("resources.0.endpoint.data_selector", "resources.0.endpoint.paginator"),
    *("resources.0.endpoint.paginator.limit", "resources.0.endpoint.paginator.total_path"),
    *("resources.0.primary_key", "resources.0.write_disposition", "resources.0.fields"),
    *("resources.0.fields.file_id", "resources.0.fields.checksum", "resources.0.content"),
    *("resources.0.content.path", "resources.0.content.url_field", "resources.0.columns"),
]


@settings(max_examples=400, deadline=None)
@given(place=st.sampled_from(PLACES), value=NASTY)
def test_anything_anywhere_is_a_config_or_a_config_error(place, value):
    """Whatever stands in whichever place: a config, or a ConfigError that says where."""
    anything(spoilt(place, value))


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.text(max_size=5) | st.sampled_from(PLACES[:10]), NASTY, max_size=5))
def test_any_dict_is_a_config_or_a_config_error(made):
    """The same for dicts that have nothing to do with a config."""
    anything(made)


def anything(made: Any) -> None:
    try:
        read = load_config(made)
    except ConfigError as problem:
        lines = str(problem).splitlines()
        told = lines[1].strip(), problem.message
    else:
        told = "where: nowhere", read.name
    assert told[0].startswith("where: ")
    assert told[1]
