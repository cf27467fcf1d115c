"""Columns whose value the config gives: by the vendor's value, and by what a record has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config_dicts import with_resource
from filehaul import spine
from filehaul.config import load_config
from filehaul.errors import ConfigError
from filehaul.fields import Rows, Shape, roles_of
from filehaul.paths import MISSING, WhichExists, WhichValue, record_path
from hauling import NoDestination, haul
from page_vendor import Question, Raw, vendor_of
from test_fields_any import VALUES

FACETS = {
    "exists": {"folder": "folder", "package": "other", "remoteItem": "shortcut", "file": "file"},
    "otherwise": "other",
}
TYPES = {"path": "mimeType", "values": {"vnd.folder": "folder", "vnd.shortcut": "shortcut"}}


def shape_of(**fields: Any) -> Shape:
    keys = {"primary_key": "file_id", "fields": {"file_id": "id", **fields}}
    return Shape(load_config(with_resource(**keys)).resources[0], str)


def column(name: str, source: Any, *records: dict[str, Any]) -> list[Any]:
    """What the column has of these records."""
    shape, rows = shape_of(**{name: source}), Rows()
    shape.keyed(rows, [{"id": str(n), **one} for n, one in enumerate(records)], 1)
    table = shape.table(rows)
    assert rows.rejects == []
    return list(table.column(name).to_pylist())


def test_a_kind_by_facets() -> None:
    """The first path in the config's order at which something stands; an empty object does."""
    records: list[dict[str, Any]] = [
        {"file": {}, "folder": {"childCount": 0}},
        {"package": {"type": "oneNote"}, "file": None},
        {"remoteItem": {}, "file": {}},
        {"folder": None, "file": {"mimeType": "text/plain"}},
        {"deleted": {}},
    ]
    expected = ["folder", "other", "shortcut", "file", "other"]
    assert column("kind", FACETS, *records) == expected
    assert column("kind", {"exists": FACETS["exists"]}, {"x": 1}, {"file": {}}) == [None, "file"]


def test_a_kind_by_values() -> None:
    """What is listed is called so; the rest stays as it is, or is what otherwise says."""
    records = [{"mimeType": "vnd.folder"}, {"mimeType": "text/plain"}, {"mimeType": None}, {}]
    assert column("kind", TYPES, *records) == ["folder", "text/plain", None, None]
    of_all = {**TYPES, "otherwise": "file"}
    assert column("kind", of_all, *records) == ["folder", "file", "file", "file"]


def test_values_of_other_types() -> None:
    """Numbers and true are compared as text; the column's value may be true, false or a number."""
    block = {"path": "s.at", "values": {True: True, "1": True, "0": False}, "otherwise": False}
    records = [{"s": {"at": one}} for one in (True, 1, 0, "1", 2, "true", [1])]
    expected = [True, True, False, True, False, True, False]
    assert column("is_trashed", block, *records) == expected


@given(VALUES)
def test_any_value(value: Any) -> None:
    """Whatever stands in a record, reading it gives a choice, the value itself, or nothing."""
    path = record_path("a.b")
    listed = WhichValue(path, {"x": "y"}, None)
    for record in ({"a": {"b": value}}, {"a": value}, value):
        found = path.get(record)
        assert listed.get(record) in ("y", found) if found is not MISSING else True
        assert WhichValue(path, {}, "z").get(record) == "z"
        first = WhichExists("a.b", ((path, "there"),), "not").get(record)
        assert first == ("not" if found is MISSING or found is None else "there")


@pytest.mark.parametrize("name", ["kind", "mime_type"])
@given(kinds=st.lists(st.sampled_from(["folder", "package", "file"])))
def test_rows_change_when_a_choice_does(name: str, kinds: list[str]) -> None:
    """Row hashes go by the choice: another facet is another row, its content is not."""
    shape = shape_of(**{name: FACETS})
    first = shape.hashes([{"id": "1", kind: {"a": 1}} for kind in kinds])
    assert shape.hashes([{"id": "1", kind: {"b": 2}} for kind in kinds]) == first
    assert all(
        one != two for one, two in zip(shape.hashes([{"id": "1"} for _ in kinds]), first)
    ) is ("package" not in kinds)


@pytest.mark.parametrize(
    ("kind", "has_bytes"),
    [
        *(("file", True), ("folder", False), ("shortcut", False), ("link", False)),
        *(("other", False), ("Directory", False), (None, True), ("invoice", True)),
    ],
)
def test_which_kinds_have_bytes(kind: str | None, has_bytes: bool) -> None:
    """Files have, and what is of no kind of ours."""
    fields = {"file_id": "id", "kind": "type"}
    config = with_resource(primary_key="file_id", fields=fields, content={"path": "/{file_id}"})
    made = roles_of(load_config(config).resources[0])
    assert made.is_file({"id": "a", "type": kind}) is has_bytes


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"values": {"a": "file"}}, "takes one of path (with codec, or with values) and exists"),
        ({"path": "a", "exists": {"b": "file"}}, "takes one of path"),
        ({"exists": {"b": "file"}, "values": {"b": "file"}}, "values goes with path"),
        ({"path": "a", "codec": "int", "values": {"b": "file"}}, "codec does not go with values"),
        ({"path": "a", "otherwise": "file"}, "otherwise goes with values or with exists"),
        ({"path": "a", "values": {}}, "is empty"),
        ({"exists": {"b[": "file"}}, "not a path"),
        ({"exists": {"b": "directory"}}, "'directory' is no kind; known are file, folder,"),
        ({"path": "a", "values": {"b": "file"}, "otherwise": "dir"}, "'dir' is no kind"),
        ({"path": "a", "value": {"b": "file"}}, "unknown key 'value'"),
    ],
)
def test_what_is_refused(source: Any, message: str) -> None:
    """Blocks that say two things, or none, or a kind that nobody knows: what, and where."""
    fields = {"file_id": "id", "kind": source}
    with pytest.raises(ConfigError) as caught:
        load_config(with_resource(primary_key="file_id", fields=fields))
    assert message in caught.value.message
    assert "fields.kind" in caught.value.where


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"file_id": {"path": "id", "values": {"a": "b"}}}, "fields.file_id of"),
        ({"file_id": "id", "checksum": {"md5": {"exists": {"a": "b"}}}}, "fields.checksum"),
    ],
)
def test_what_must_be_the_vendor_s_own(fields: Any, where: str) -> None:
    """A key, and a checksum, cannot be made by the config."""
    with pytest.raises(ConfigError) as caught:
        load_config(with_resource(primary_key="file_id", fields=fields))
    assert where in caught.value.where


def test_rows_without_transfers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All kinds are rows; only the file's bytes are asked for, and only files are counted."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(spine, "Destination", NoDestination)
    facets = ("folder", "package", "remoteItem", "file", "unheard-of")
    records = [{"id": one, "name": one, one: {}} for one in facets]

    def answer(question: Question) -> Any:
        return {"files": records} if question.path == "/files" else Raw(b"bytes")

    with vendor_of(answer) as vendor:
        config = {
            "client": {"base_url": vendor.url},
            "resources": [
                {
                    "name": "files",
                    "primary_key": "file_id",
                    "write_disposition": "merge",
                    "endpoint": {"data_selector": "files", "paginator": "single_page"},
                    "fields": {"file_id": "id", "file_name": "name", "kind": FACETS},
                    "content": {"path": "/content/{file_id}"},
                }
            ],
            "sink": "files",
        }
        report = haul(config)
        asked = [one.path for one in vendor.questions]
    assert (report.exit_code, report.listed, report.transferred) == (0, 1, 1)
    assert asked == ["/files", "/content/file"]
    assert [one.name for one in Path("files").iterdir() if one.is_file()] == ["file"]
