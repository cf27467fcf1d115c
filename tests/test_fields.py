"""Records to rows: names and types for good, variants, rejects, hashes; any records at all."""

from __future__ import annotations

import json
import math
from datetime import datetime, timezone
from typing import Any

import pyarrow as pa
import pytest

from config_dicts import with_resource
from filehaul.config import load_config
from filehaul.fields import NEUTRAL_TYPES, TEXT, TIMESTAMP, Rows, Shape
from filehaul.fields.columns import arrow_type

FIELDS = {
    "file_id": "id",
    "file_name": "name",
    "parent_id": "parent.id",
    "size": "size",
    "created_at": {"path": "created", "codec": "epoch"},
    "modified_at": "modified",
    "is_trashed": "trashed",
    "checksum": {"sha256": "hashes.sha256", "md5": {"path": "md5", "codec": "base64"}},
}
SHA = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def naming(name: str) -> str:
    """dlt's own, as DuckDB has it."""
    from dlt.common.normalizers.naming.snake_case import NamingConvention

    return NamingConvention(255).normalize_identifier(name)


def shape_of(known: Any = None, **keys: Any) -> Shape:
    keys = {"primary_key": "id", **keys}
    return Shape(load_config(with_resource(**keys)).resources[0], naming, known)


def table_of(shape: Shape, *records: Any, **options: Any) -> tuple[list[dict[str, Any]], Rows]:
    """The rows that records become, and what was rejected of them."""
    rows = Rows()
    shape.keyed(rows, list(records), 1)
    table = shape.table(rows, **options)
    assert table.num_rows == len(rows.records) or not table.column_names
    assert table.schema == pa.schema(
        [(name, table.schema.field(name).type) for name in table.column_names]
    )
    return table.to_pylist(), rows


def one(shape: Shape, record: Any) -> dict[str, Any]:
    (row,), _ = table_of(shape, record)
    return row


# -- the vendor's own columns ----------------------------------------------------------------


def test_types_at_first_sight_are_kept():
    """A column has the type of its first value that is not null, in later tables too."""
    shape = shape_of()
    record = {
        "id": "a",
        "text": "x",
        "count": 7,
        "share": 0.5,
        "flag": True,
        "at": "2024-05-01T10:00:00Z",
        "tags": ["a"],
        "parent": {"id": 1},
        "nothing": None,
    }
    row = one(shape, record)
    assert row == {
        "id": "a",
        "text": "x",
        "count": 7,
        "share": 0.5,
        "flag": True,
        "at": datetime(2024, 5, 1, 10, tzinfo=timezone.utc),
        "tags": '["a"]',
        "parent": '{"id":1}',
    }
    types = {
        "id": "text",
        "text": "text",
        "count": "bigint",
        "share": "double",
        "flag": "bool",
        "at": "timestamp",
        "tags": "json",
        "parent": "json",
    }
    assert shape.types == shape.added == types
    shape.added.clear()
    row = one(shape, {"id": "b", "text": 5, "tags": "plain", "nothing": 1})
    assert row == dict.fromkeys(types) | {
        "id": "b",
        "text": "5",
        "tags": '"plain"',
        "nothing": 1,
    }
    assert shape.added == {"nothing": "bigint"}


def test_types_of_earlier_runs_are_kept():
    """What the ledger knows of a column counts before the first value of this run."""
    shape = shape_of(known={"id": "text", "count": "text", "gone": "double"})
    assert one(shape, {"id": "a", "count": 7}) == {"id": "a", "count": "7", "gone": None}
    assert shape.added == {}


def test_variants():
    """A value that does not fit stands as text in a column of its own, and one of them is told."""
    shape = shape_of()
    table, rows = table_of(
        shape,
        {"id": "a", "count": 7},
        {"id": "b", "count": "many"},
        {"id": "c", "count": {"n": 1}},
        {"id": "d", "count": 2**63},
        {"id": "e", "count": 8.0},
    )
    assert [row["count"] for row in table] == [7, None, None, None, 8]
    assert [row["count__v_text"] for row in table] == [
        None,
        "many",
        '{"n":1}',
        "9223372036854775808",
        None,
    ]
    assert shape.types["count__v_text"] == "text"
    (told,) = rows.rejects
    assert (told.page, told.key, told.field, told.value, told.record) == (
        1,
        "b",
        "count",
        "many",
        False,
    )
    assert "kept as text in count__v_text" in told.reason
    _, rows = table_of(shape, {"id": "f", "count": "again"})
    assert rows.rejects == []


def test_the_seeds_columns_have_the_seeds_types():
    """file_id and file_name are text, created_at and modified_at moments; else NULL, and told."""
    shape = shape_of(primary_key="file_id")
    table, rows = table_of(
        shape,
        {"file_id": 5, "file_name": 7, "created_at": None, "modified_at": "2024-05-01T10:00:00Z"},
        {"file_id": "6", "file_name": None, "created_at": "soon", "modified_at": 5},
    )
    assert table[0] == {
        "file_id": "5",
        "file_name": "7",
        "created_at": None,
        "modified_at": datetime(2024, 5, 1, 10, tzinfo=timezone.utc),
    }
    assert table[1] == {"file_id": "6", "file_name": None, "created_at": None, "modified_at": None}
    assert [(reject.field, reject.value) for reject in rows.rejects] == [
        ("created_at", "soon"),
        ("modified_at", "5"),
    ]


def test_names_that_look_like_moments_stay_names():
    """A file may be called 2024-05-01 10:00:00: names and paths are text whatever comes first."""
    shape = shape_of()
    table, rows = table_of(
        shape,
        {"id": "a", "name": "2024-05-01 10:00:00", "path": "2024-05-01 10:00:00"},
        {"id": "b", "name": "report.pdf", "path": "x/report.pdf"},
    )
    assert [row["name"] for row in table] == ["2024-05-01 10:00:00", "report.pdf"]
    assert [row["path"] for row in table] == ["2024-05-01 10:00:00", "x/report.pdf"]
    assert rows.rejects == []


def test_columns_are_spelled_as_the_destination_does():
    """fileName is file_name, and what is no letter goes; an empty name is one too."""
    shape = shape_of()
    row = one(shape, {"id": "a", "fileName": "x", "@odata.id": "y", "": "z", "日本": "w"})
    assert row == {"id": "a", "file_name": "x", "aodata_id": "y", "x": "z", "x_2": "w"}


def test_fields_that_are_spelled_alike_stay_apart():
    """Two fields of one spelling are two columns; the one that is spelled so keeps the name."""
    for names in [("fileName", "file_name"), ("file_name", "fileName")]:
        shape = shape_of()
        row = one(shape, {"id": "a", **{name: name for name in names}})
        assert row == {"id": "a", "file_name": "file_name", "file_name_2": "fileName"}
    shape = shape_of()
    row = one(shape, {"id": "a", "aB": 1, "a_b": 2, "a_b_2": 3, "a-b": 4})
    assert sorted(row) == ["a_b", "a_b_2", "a_b_3", "a_b_4", "id"]
    assert (row["a_b"], row["a_b_2"]) == (2, 3)


def test_our_own_columns_are_not_the_vendor_s():
    """A field named like a column of ours, or of dlt's, is kept under another name."""
    shape = shape_of()
    extra = {"deleted_at": (TIMESTAMP, [None]), "delete_reason": (TEXT, [None])}
    (row,), _ = table_of(
        shape, {"id": "a", "deleted_at": "x", "_dlt_id": "y", "_dlt_load_id": "z"}, extra=extra
    )
    assert row == {
        "id": "a",
        "vendor_deleted_at": "x",
        "vendor_dlt_id": "y",
        "vendor_dlt_load_id": "z",
        "deleted_at": None,
        "delete_reason": None,
    }
    assert "deleted_at" not in shape.types


def test_nothing_is_lost_for_a_character():
    """NUL and half a pair become U+FFFD, in text, JSON and keys; the row stays."""
    shape = shape_of()
    table, rows = table_of(
        shape,
        {"id": "a\x00b", "t": "x\x00", "j": {"k\x00": "v\ud800", "s": "\\u0000"}},
        {"id": "\ud83d\ude00", "t": "\ud800", "j": None},
    )
    assert rows.keys == ["a\ufffdb", "\U0001f600"]
    assert [row["id"] for row in table] == rows.keys
    assert [row["t"] for row in table] == ["x\ufffd", "\ufffd"]
    assert json.loads(table[0]["j"]) == {"k\ufffd": "v\ufffd", "s": "\\u0000"}


# -- the neutral columns ---------------------------------------------------------------------


def test_neutral_columns():
    """With fields: the neutral columns, all of them, of fixed types, null where unmapped."""
    shape = shape_of(fields=FIELDS, primary_key="file_id")
    record = {
        "id": 5,
        "name": "a.txt",
        "parent": {"id": "p"},
        "size": "12",
        "created": 1714557600,
        "modified": "2024-05-01T12:00:00+02:00",
        "trashed": False,
        "hashes": {"sha256": SHA.upper()},
        "md5": "1B2M2Y8AsgTpgAmY7PhCfg==",
        "not mapped": 1,
    }
    row = one(shape, record)
    moment = datetime(2024, 5, 1, 10, tzinfo=timezone.utc)
    assert row == dict.fromkeys(NEUTRAL_TYPES) | {
        "file_id": "5",
        "file_name": "a.txt",
        "parent_id": "p",
        "size": 12,
        "created_at": moment,
        "modified_at": moment,
        "is_trashed": False,
        "checksum": SHA,
        "checksum_algorithm": "sha256",
    }
    rows = Rows()
    shape.keyed(rows, [record], 1)
    table = shape.table(rows)
    for name, type_ in NEUTRAL_TYPES.items():
        assert table.schema.field(name).type == arrow_type(type_)


def test_values_that_do_not_fit_neutral_columns():
    """NULL, the file stays, and each is told with page, key, field, value and reason."""
    shape = shape_of(fields=FIELDS, primary_key="file_id")
    (row,), rows = table_of(
        shape,
        {"id": "a", "size": -1, "created": "soon", "modified": 5, "trashed": "yes", "md5": "?"},
    )
    assert row == dict.fromkeys(NEUTRAL_TYPES) | {"file_id": "a"}
    told = {reject.field: (reject.key, reject.value, reject.reason) for reject in rows.rejects}
    assert told == {
        "size": ("a", "-1", "a negative size"),
        "created_at": ("a", "soon", "not a number of seconds since 1970"),
        "modified_at": ("a", "5", "int where a date and time should be (codec epoch?)"),
        "is_trashed": ("a", "yes", "str where true or false should be"),
    }
    assert not any(reject.record for reject in rows.rejects)


def test_the_strongest_checksum_is_shown():
    """Of several the strongest that is one; none where none is."""
    shape = shape_of(fields=FIELDS, primary_key="file_id")
    md5 = {"md5": "1B2M2Y8AsgTpgAmY7PhCfg=="}
    table, _ = table_of(
        shape,
        {"id": "a", "hashes": {"sha256": SHA}, **md5},
        {"id": "b", "hashes": {"sha256": "short"}, **md5},
        {"id": "c", "hashes": {"sha256": 5}},
        {"id": "d"},
    )
    assert [(row["checksum_algorithm"], row["checksum"]) for row in table] == [
        ("sha256", SHA),
        ("md5", "d41d8cd98f00b204e9800998ecf8427e"),
        (None, None),
        (None, None),
    ]


def test_raw_keeps_the_vendor_s_record():
    """raw: true adds the whole record as JSON."""
    shape = shape_of(fields={"file_id": "id"}, primary_key="file_id", raw=True)
    row = one(shape, {"id": "a", "deep": {"x": [1]}})
    assert json.loads(row["raw"]) == {"id": "a", "deep": {"x": [1]}}
    assert shape.types["raw"] == "json"


def test_values_in_rejects_are_cut_and_redacted():
    """A value for people: not a page long, and no token in it."""
    shape = shape_of(fields=FIELDS, primary_key="file_id")
    value = "https://x/?token=hunter2hunter2&" + "y" * 10**6
    _, rows = table_of(shape, {"id": "a", "modified": value})
    (reject,) = rows.rejects
    assert len(reject.value) <= 201
    assert "hunter2" not in reject.value


# -- whatever comes --------------------------------------------------------------------------


def test_a_record_of_thousands_of_fields_is_no_trouble():
    """Vendors that use ids as keys make many columns: no step is quadratic."""
    shape = shape_of()
    row = one(shape, {"id": "a"} | {f"f{number}": number for number in range(5000)})
    assert len(row) == 5001


def test_infinities_of_a_script():
    """A dict from Python may hold what JSON cannot: NaN is as good as text."""
    table, _ = table_of(shape_of(), {"id": "a", "x": 1.5}, {"id": "b", "x": math.nan})
    assert [(row["x"], row["x__v_text"]) for row in table] == [(1.5, None), (None, "nan")]


@pytest.mark.parametrize("name", ["x", "X y", "日本語", "a" * 10_000, "é", "__", "\n"])
def test_any_field_makes_a_column(name):
    """Whatever a vendor calls a field: a column with its value."""
    row = one(shape_of(), {"id": "a", name: "value"})
    assert "value" in row.values()
    assert len(row) == 2
