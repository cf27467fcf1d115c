"""`vendor: NAME` in a config: a preset's keys under the config's own, and errors that say whose."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import dlt
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import filehaul
from filehaul.check import check
from filehaul.config import Config, load_config, schema
from filehaul.config.preset import Capabilities, Head, Parameter, read_preset
from filehaul.errors import ConfigError
from filehaul.testing import FakeFile, FakeVendor
from filehaul.vendors import names
from hauling import config_for, rows_of, sink_files

ACME = """\
preset:
  title: Acme
  about: files of a tenant
  parameters:
    tenant: {about: the tenant's name, example: blue, pattern: "[a-z]+"}
    page: {about: rows a page, default: 50}
    label: {about: only files with it, default: null}
    plan: {about: which API, default: pro, one_of: [pro, basic]}
client:
  base_url: https://<<tenant>>.example.com/<<plan>>
  auth:
    - {type: oauth2, token_url: "https://<<tenant>>.example.com/token", scope: files}
    - {type: api_key, name: X-Key, location: header}
  retry: {statuses: [429, 509], max_retries: 5}
resource_defaults: {primary_key: file_id, write_disposition: merge}
resources:
  - name: files
    endpoint:
      path: /v1/files
      params: {label: "<<label>>", tag: "t-<<tenant>>", note: "has <<label>>"}
      data_selector: files
      paginator: {type: offset, limit: "<<page>>"}
    fields: {file_id: id, file_name: name, size: size, checksum: {sha1: hashes.sha1}}
    content: {path: "/v1/files/{file_id}/content", layout: by_id}
  - name: memos
    endpoint: {path: /v1/memos, data_selector: memos, paginator: {type: single_page}}
"""
SIGN_IN = {"client_id": "a", "client_secret": "b"}


@pytest.fixture(autouse=True)
def _beside_a_preset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("acme-preset.yaml").write_text(ACME)


def read(**own: Any) -> Config:
    """A config over the preset of this page."""
    vendor = own.pop("vendor", {"name": "./acme-preset.yaml", "tenant": "blue"})
    return load_config({"vendor": vendor, "client": {"auth": SIGN_IN}, "sink": "out", **own})


def refused(**own: Any) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        read(**own)
    return caught.value


def test_the_preset_is_the_config() -> None:
    """All that the config leaves out is the preset's, with parameters put in, types kept."""
    config = read()
    assert config.client.base_url == "https://blue.example.com/pro"
    assert config.client.auth.model_dump(exclude_defaults=True) == {
        **{"type": "oauth2", "token_url": "https://blue.example.com/token", "scope": "files"},
        **SIGN_IN,
    }
    files, memos = config.resources
    assert files.endpoint.params == {"tag": "t-blue"}  # label has no value: keys with it go
    assert files.endpoint.paginator.limit == 50
    assert (memos.name, memos.keys) == ("memos", ("file_id",))
    assert config.preset.head.title == "Acme"


def test_the_configs_keys_win() -> None:
    """Deeply in mappings; lists and plain values as a whole; null takes the preset's key away."""
    config = read(
        client={"auth": SIGN_IN, "retry": {"statuses": [500]}, "limits": {"concurrency": 2}},
        resources=[
            {
                "name": "files",
                "fields": {"checksum": {"md5": "hashes.md5", "sha1": None}, "owner": "by"},
                "endpoint": {"params": {"more": 1}, "paginator": "single_page"},
                "content": None,
            },
            {"name": "memos", "selected": False},
        ],
    )
    assert (config.client.retry.statuses, config.client.retry.max_retries) == ({500}, 5)
    assert (config.client.limits.concurrency, config.client.base_url[8:12]) == (2, "blue")
    files, memos = config.resources
    assert list(files.fields.checksum) == ["md5"]
    assert (files.fields.owner.path, files.fields.size.path) == ("by", "size")
    assert files.endpoint.params == {"tag": "t-blue", "more": 1}
    assert (files.endpoint.paginator.type, files.content) == ("single_page", None)
    assert not memos.selected


def test_resources_go_by_name() -> None:
    """The preset's come first, in its order; those that only the config has follow."""
    own = {"name": "more", "endpoint": {"path": "/more", "paginator": "single_page"}}
    config = read(resources=[own, "memos", {"name": "files", "endpoint": "/v2/files"}])
    assert [one.name for one in config.resources] == ["files", "memos", "more"]
    assert config.resources[0].endpoint.path == "/v2/files"
    assert config.resources[0].endpoint.data_selector == "files"


@pytest.mark.parametrize(
    ("auth", "left"),
    [
        ({"type": "api_key", "api_key": "k"}, {"name": "X-Key", "location": "header"}),
        ({"type": "oauth2_client_credentials", **SIGN_IN}, {"scope": "files"}),
        ({"type": "bearer", "token": "t"}, {}),
        ({"token": "t"}, {}),
        ({**SIGN_IN, "access_token_url": "https://x.example.com/t"}, {"scope": "files"}),
    ],
)
def test_a_config_chooses_its_sign_in(auth: dict[str, Any], left: dict[str, Any]) -> None:
    """By ``type``: one of the preset's, whose keys fit then, or another one altogether."""
    found = read(client={"auth": auth}).client.auth.model_dump(exclude_unset=True)
    given = {key: value for key, value in auth.items() if key not in ("type", "access_token_url")}
    assert left.items() <= found.items()
    assert given.items() <= found.items()
    if "access_token_url" in auth:
        assert found["token_url"] == "https://x.example.com/t"
    assert set(found) <= {*given, *left, "type", "token_url"}


def test_without_a_sink_there_is_the_catalogue_alone() -> None:
    """The preset's content goes; the config's own still asks for a sink."""
    assert read(sink=None).resources[0].content is None
    problem = refused(sink=None, resources=[{"name": "files", "content": {"layout": "by_path"}}])
    assert problem.message.startswith("content without a sink")


def test_what_is_not_there_needs_no_parameter() -> None:
    """A parameter must be given only where what it is in is still there."""
    client = {"base_url": "https://x.example.com", "auth": {"token": "t"}}
    resource = {"name": "files", "endpoint": {"params": None}}
    config = read(vendor="./acme-preset.yaml", client=client, resources=[resource])
    assert config.client.base_url == "https://x.example.com"


def test_parameters_are_named() -> None:
    """What is missing, unknown, misspelt or of another shape is exit 4 and told by its name."""
    missing = refused(vendor="./acme-preset.yaml")
    assert missing.message == "the preset './acme-preset.yaml' needs tenant"
    assert 'tenant: "blue"' in missing.hint
    assert missing.exit_code == 4
    typo = refused(vendor={"name": "./acme-preset.yaml", "tennant": "blue"})
    assert (typo.hint, typo.where) == ("did you mean 'tenant'?", "vendor in the dict")
    other = refused(vendor={"name": "./acme-preset.yaml", "tenant": "blue", "plan": "gold"})
    assert other.message == "plan must be one of pro, basic"
    shape = refused(vendor={"name": "./acme-preset.yaml", "tenant": "Blue/x"})
    assert shape.message == "tenant does not look like 'blue': the tenant's name"
    many = refused(vendor={"name": "./acme-preset.yaml", "tenant": ["blue"]})
    assert many.message == "tenant must be one value"


def test_parameters_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """``${NAME}`` is put in once: what it holds is neither a reference nor a parameter again."""
    monkeypatch.setenv("TENANT", "blue")
    monkeypatch.setenv("SECRET", "${TENANT} <<tenant>> {x}")
    text = """
vendor: {name: ./acme-preset.yaml, tenant: "${TENANT}"}
client: {auth: {client_id: a, client_secret: "${SECRET}"}}
"""
    (tmp_path / "acme.yaml").write_text(text)
    config = load_config(tmp_path / "acme.yaml")
    assert config.client.base_url == "https://blue.example.com/pro"
    assert config.client.auth.client_secret == "${TENANT} <<tenant>> {x}"
    monkeypatch.delenv("TENANT")
    assert load_config(tmp_path / "acme.yaml", offline=True).name == "acme"  # nobody is asked
    with pytest.raises(ConfigError, match="TENANT is not set"):
        load_config(tmp_path / "acme.yaml")


def test_a_preset_may_name_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A team's own preset holds references; only those that are still there must be set."""
    Path("team.yaml").write_text(
        ACME.replace("scope: files", 'scope: "${SCOPE}", client_id: "${ACME_ID}"')
    )
    vendor = {"name": "./team.yaml", "tenant": "blue"}
    monkeypatch.setenv("SCOPE", "files.read <<tenant>>")
    config = read(vendor=vendor)
    assert config.client.auth.scope == "files.read <<tenant>>"
    assert config.found == (("client.auth.scope", "${SCOPE}"),)
    auth = {"client_secret": "b"}
    problem = refused(vendor=vendor, client={"auth": auth})
    assert problem.message == "the environment variable ACME_ID is not set"
    assert problem.where == "client.auth.client_id of the preset './team.yaml'"


def test_a_preset_may_name_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """``{secret: …}`` in a preset is looked up as in a config."""
    monkeypatch.setenv("ACME__KEY", "from the vault")
    Path("team.yaml").write_text(
        ACME.replace("scope: files", "scope: files, client_secret: {secret: acme.key}")
    )
    vendor = {"name": "./team.yaml", "tenant": "blue"}
    config = read(vendor=vendor, client={"auth": {"client_id": "a"}})
    assert config.client.auth.client_secret == "from the vault"
    assert ("client.auth.client_secret", "{secret: acme.key}") in config.found
    monkeypatch.delenv("ACME__KEY")
    problem = refused(vendor=vendor, client={"auth": {"client_id": "a"}})
    assert problem.where == "client.auth.client_secret of the preset './team.yaml'"


@pytest.mark.parametrize(
    ("own", "where", "message"),
    [
        (
            {"resources": [{"name": "files", "content": {"layot": "by_id"}}]},
            "resources[0].content.layot in the dict",
            "unknown key 'layot'",
        ),
        (
            {"resources": [{"name": "memos", "fields": {"sizes": "x"}}]},
            "resources[0].fields.sizes in the dict",
            "unknown key 'sizes'",
        ),
        (
            {"client": {"auth": {"client_id": "a"}}},
            "client.auth.client_secret in the dict, over the preset './acme-preset.yaml'",
            "the key 'client_secret' is missing",
        ),
        (
            {"resources": [{"name": "files", "content": {"url_field": "x"}}]},
            "resources[0].content in the dict, over the preset './acme-preset.yaml'",
            "content takes either path or url_field",
        ),
        (
            {"resources": [{"name": "files", "sync_type": "changes"}]},
            "sync_type of the resource 'files' in the dict, over the preset './acme-preset.yaml'",
            "the sync type changes needs the vendor's change feed",
        ),
        (
            {"vendor": {"name": "./acme-preset.yaml", "tenant": "blue", "page": "many"}},
            "resources[0].endpoint.paginator.limit of the preset './acme-preset.yaml'",
            "must be a whole number",
        ),
        (
            {"resources": [{"name": "extra", "endpoint": "/x", "content": {"path": "/y"}}]},
            "resources[0].content in the dict",
            "'content' needs filehaul's engine",
        ),
        ({"sink": "."}, "sink in the dict", "the config's own folder is inside the sink"),
    ],
)
def test_errors_say_whose_key_is_meant(own: dict[str, Any], where: str, message: str) -> None:
    """The place is the config's own, as it counts its resources, or it is the preset's."""
    problem = refused(**own)
    assert problem.where == where
    assert problem.message.startswith(message)


def test_errors_over_a_preset_tell_the_way_out() -> None:
    """A key of the preset's that is in the way goes by null; a parameter has its place."""
    both = refused(resources=[{"name": "files", "content": {"url_field": "x"}}])
    assert both.hint.endswith("; a key of the preset's goes by null")
    assert read(resources=[{"name": "files", "content": {"url_field": "x", "path": None}}])
    stray = refused(tenant="blue")
    assert stray.message == "unknown key 'tenant'"
    assert stray.hint == "it is a parameter: vendor: {name: ./acme-preset.yaml, tenant: …}"


def test_presets_are_checked_too() -> None:
    """A name that is none, a path to nothing, a misspelt head and a stray key say what to do."""
    assert "did you mean 'box'?" in refused(vendor="bxo").hint
    assert "filehaul vendors" in refused(vendor="./nowhere.yaml").hint
    assert "filehaul vendors" in refused(vendor={"tenant": "x"}).hint
    Path("other.yaml").write_text("preset: {titel: Acme}\nclient: {}\n")
    problem = refused(vendor="./other.yaml")
    assert problem.where == "preset.titel in the preset './other.yaml'"
    assert problem.hint == "did you mean 'title'?"
    Path("other.yaml").write_text("client: {}\nsinc: ./files\n")
    assert refused(vendor="./other.yaml").message == "a preset has no key 'sinc'"
    Path("other.yaml").write_text("client: {base_url: https://<<x>>.example.com}\n")
    assert refused(vendor="./other.yaml").message == "<<x>> names no parameter"
    for parameters, told in (
        ("name: {about: x}", "'name'"),
        ('a: {about: x, pattern: "["}', "no regular expression"),
        ("a: {about: x, implies: {b: 1}}", "'b', which is no parameter"),
    ):
        Path("other.yaml").write_text(f"preset: {{parameters: {{{parameters}}}}}\n")
        assert told in refused(vendor="./other.yaml").message
    Path("other.yaml").write_text("resources: {name: files}\n")
    assert refused(vendor="./other.yaml").message == "must be a list"


def test_the_preset_of_the_docs_is_one() -> None:
    """docs/vendors.md: its preset works, and it has each key of a head and each capability."""
    page = (Path(__file__).parent.parent / "docs" / "vendors.md").read_text("utf-8")
    (text,) = re.findall(r"^```yaml preset\n(.*?)^```", page, re.M | re.S)
    Path("docs.yaml").write_text(text)
    config = read(vendor={"name": "./docs.yaml", "tenant": "blue"})
    assert config.client.base_url == "https://blue.acme.example.com/v1"
    assert config.resources[0].endpoint.params == {}
    for name in (*Head.model_fields, *Capabilities.model_fields, *Parameter.model_fields):
        assert f"`{name}`" in page, name


_KEYS = st.sampled_from("abc")
_VALUES = st.recursive(
    st.integers(0, 3) | st.text("xy", max_size=2),
    lambda inner: st.dictionaries(_KEYS, inner, max_size=3) | st.lists(inner, max_size=2),
    max_leaves=8,
)
_BLOCKS = st.dictionaries(_KEYS, _VALUES, max_size=3)


@given(theirs=_BLOCKS, ours=_BLOCKS)
def test_a_merge_keeps_all_of_ours_and_the_rest_of_theirs(
    theirs: dict[str, Any], ours: dict[str, Any]
) -> None:
    """Every value of the config is there; of the preset each one that the config does not have."""
    from filehaul.config.over import _merged

    merged = _merged(theirs, ours, lambda value, _place: value, "client")
    _within(ours, merged)
    for key in theirs.keys() - ours.keys():
        assert merged[key] == theirs[key]
    assert set(merged) == {*theirs, *ours}
    assert _merged(theirs, merged, lambda value, _place: value, "client") == merged


def _within(part: Any, whole: Any) -> None:
    if not isinstance(part, dict):
        assert part == whole
        return
    for key, value in part.items():
        _within(value, whole[key])


def test_a_sync_over_a_preset(monkeypatch: pytest.MonkeyPatch) -> None:
    """The preset's listing and bytes come through `sync`, `check`, and as a dlt source."""
    with FakeVendor(
        [FakeFile("1", "a.txt", content=b"A" * 9), FakeFile("2", "b.txt", content=b"B")]
    ) as vendor:
        full = config_for(vendor)
        client = full["client"]
        secrets = {key: client["auth"].pop(key) for key in ("client_id", "client_secret")}
        blocks = {key: full[key] for key in ("client", "resource_defaults", "resources")}
        head = {"preset": {"title": "The fake"}}
        Path("fake.yaml").write_text(yaml.safe_dump({**head, **blocks}))
        own = {
            **{"name": "acme", "vendor": "fake.yaml", "sink": "files"},
            **{"client": {"auth": secrets}, "resources": [{"name": "files", "raw": False}]},
        }
        told = {one.what: one.text for one in check(own)}
        assert told["vendor"] == "the preset 'fake.yaml': The fake"
        assert told["content files"].startswith("reachable")
        report = filehaul.sync(own)
        assert (report.transferred, report.exit_code) == (2, 0)
        assert sink_files() == {"a.txt": b"A" * 9, "b.txt": b"B"}
        assert rows_of("SELECT count(*) FROM acme_data.files") == [(2,)]
        pipeline = dlt.pipeline(
            "over_a_preset", pipelines_dir=".dlt", destination=dlt.destinations.duckdb("dlt.duckdb")
        )
        pipeline.run(filehaul.rest_api_source(own), dataset_name="rows")
        assert rows_of("SELECT count(*) FROM rows.files", "dlt.duckdb") == [(2,)]


def test_the_schema_knows_presets() -> None:
    """Editors complete a config over a preset; without one, what was required still is."""
    validator = Draft202012Validator(schema())
    own = {"vendor": {"name": "box", "subject_id": "1"}, "client": {"auth": SIGN_IN}}
    assert validator.is_valid({"vendor": "box"})
    assert validator.is_valid(own)
    assert validator.is_valid({**own, "resources": [{"name": "files", "content": None}]})
    assert not validator.is_valid({**own, "resources": [{"name": "files", "contents": {}}]})
    assert not validator.is_valid({**own, "client": {"auht": SIGN_IN}})
    assert not validator.is_valid({**own, "vendor": "bxo"})
    assert not validator.is_valid({**own, "vendor": {"name": "box", "subjectid": "1"}})
    assert validator.is_valid({**own, "vendor": {"name": "./acme.yaml", "any": "1"}})
    assert not validator.is_valid({**own, "vendor": None})
    assert not validator.is_valid({"sink": "files"})


@pytest.mark.parametrize("name", names())
def test_every_bundled_preset_is_whole(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its head says what people ask; its example is a config; it names nothing of the machine."""
    preset = read_preset(name, Path(), "test")
    head = preset.head
    assert head.title
    assert head.about
    assert head.docs
    assert head.credentials
    assert head.example
    for reference in set(re.findall(r"\$\{(\w+)\}", head.example)):
        monkeypatch.setenv(reference, "x")
    config = load_config({"name": name, **yaml.safe_load(head.example)})
    assert config.preset.name == name
    assert all(one.content is not None and one.fields for one in config.resources if one.selected)
    text = preset.path.read_text()
    assert "${" not in text.replace(head.example, "").partition("\nclient:")[2]
    assert len(text.splitlines()) <= 130
