"""Keys: what tells one record from another, which records have none, and how they are spelled."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filehaul.fields import Rows
from test_fields import shape_of, table_of


def keys_of(*values: Any, **resource: Any) -> tuple[list[str], list[str]]:
    """The keys of records with these ids, and why the others have none."""
    rows = Rows()
    shape_of(**resource).keyed(rows, [{"id": value} for value in values], 7)
    return rows.keys, [reject.reason for reject in rows.rejects]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "the key is empty"),
        ("", "the key is empty"),
        ({}, "the key is an object"),
        (["a"], "the key is an array"),
        (1.5, "the key is a number"),
        (True, "the key is true or false"),
        ("x" * 10_000, "the key is longer than 4096 characters"),
    ],
)
def test_keys_that_cannot_be_used(value, reason):
    """The record is rejected, with its page and why; the records beside it are not."""
    rows = Rows()
    shape_of().keyed(rows, [{"id": "a"}, {"id": value}, {"id": "b"}], 7)
    assert rows.keys == ["a", "b"]
    (reject,) = rows.rejects
    assert (reject.page, reject.key, reject.field) == (7, None, "id")
    assert (reject.reason, reject.record) == (reason, True)
    assert len(reject.value) <= 201


def test_records_that_are_none():
    """A record without the key, and what is no record at all."""
    rows = Rows()
    shape_of().keyed(rows, [{"name": "x"}, None, 5, "text", ["a"], {"id": "a"}], 1)
    assert rows.keys == ["a"]
    assert [reject.reason for reject in rows.rejects] == [
        "the key is missing",
        "the record is null, not an object",
        "the record is a number, not an object",
        "the record is text, not an object",
        "the record is an array, not an object",
    ]
    assert rows.rejects[0].value == '{"name":"x"}'


def test_numbers_are_keys_as_text():
    """5, 5.0 and "5" are one file; numbers beyond 64 bits are text."""
    assert keys_of(5, 2**53 + 1, -1, 0, 5.0)[0] == ["5", "9007199254740993", "-1", "0", "5"]
    assert keys_of("5", 5)[0] == ["5", "5"]
    assert keys_of(2**70, 2**70 + 1)[0] == [str(2**70), str(2**70 + 1)]


def test_a_key_that_does_not_fit_its_column():
    """A column that began with numbers takes numbers: a key of NULL would be no key."""
    keys, reasons = keys_of(5, "x", 6)
    assert keys == ["5", "6"]
    assert reasons == [
        "the key does not fit its column, bigint: str where a whole number should be"
    ]
    rows = Rows()
    shape = shape_of(known={"id": "bigint"})
    shape.keyed(rows, [{"id": "x"}], 1)
    assert rows.keys == []
    assert keys_of("x", 5, 2**70)[0] == ["x", "5", str(2**70)]


def test_keys_that_look_like_moments_are_text():
    """The key's column is text or bigint, never a moment."""
    shape = shape_of()
    table, rows = table_of(shape, {"id": "2024-05-01T10:00:00Z"}, {"id": "x"})
    assert [row["id"] for row in table] == rows.keys == ["2024-05-01T10:00:00Z", "x"]


def test_compound_keys():
    """All columns together, told apart from each other."""
    shape = shape_of(primary_key=["drive", "id"])
    table, rows = table_of(
        shape,
        {"drive": "a", "id": "b,c"},
        {"drive": "a,b", "id": "c"},
        {"drive": "a", "id": 5},
        {"id": "x"},
    )
    assert len(set(rows.keys)) == 3
    assert [(row["drive"], row["id"]) for row in table] == [("a", "b,c"), ("a,b", "c"), ("a", "5")]
    assert [(reject.field, reject.reason) for reject in rows.rejects] == [
        ("drive", "the key is missing")
    ]
    assert shape.keys == ("drive", "id")


def test_a_file_outside_any_drive():
    """drive_id as a part of the key may be empty, and is then empty text in the table: NULL is
    equal to nothing, and would be a new row with every load."""
    for keys in (
        {
            "fields": {"file_id": "id", "drive_id": "drive.id"},
            "primary_key": ["drive_id", "file_id"],
        },
        {"primary_key": ["drive_id", "id"]},
    ):
        shape = shape_of(**keys)
        record = {"id": "a", "drive": {"id": "d"}, "drive_id": "d"}
        table, rows = table_of(shape, record, {"id": "a"}, {"id": "b", "drive_id": None})
        assert len(set(rows.keys)) == 3
        assert [row["drive_id"] for row in table] == ["d", "", ""]
        assert rows.rejects == []
    table, _ = table_of(shape_of(primary_key=["drive_id", "id"]), {"id": "a"})
    assert table == [{"id": "a", "drive_id": ""}]
    table, rows = table_of(
        shape_of(primary_key=["drive_id", "id"]), {"driveId": "d", "id": "a"}, {"id": "b"}
    )
    assert [row["drive_id"] for row in table] == ["d", ""]


@pytest.mark.parametrize("field", ["fileId", "file_id", "FileID", "file-id", "File ID"])
def test_the_key_s_name_as_the_vendor_spells_it(field):
    """primary_key is the table's column: the vendor may spell it in its own way, as with dlt."""
    shape = shape_of(primary_key="file_id")
    rows = Rows()
    shape.keyed(rows, [{field: "a"}, {field: "b"}, {"other": 1}], 1)
    assert rows.keys == ["a", "b"]
    table = shape.table(rows)
    assert table["file_id"].to_pylist() == ["a", "b"]
    assert shape.keys == ("file_id",)
    other = shape_of(primary_key=field)
    other.keyed(Rows(), [{field: "a"}], 1)
    assert other.keys == ("file_id",)


@pytest.mark.parametrize("name", ["@odata.id", 'a"b', "a.b", "x]['y", "id "])
def test_keys_of_odd_names(name):
    """A key is the name of a field, not a path."""
    shape = shape_of(primary_key=name)
    table, rows = table_of(shape, {name: "k"})
    assert rows.keys == ["k"]
    assert table == [{shape.keys[0]: "k"}]


def test_neutral_keys():
    """With fields the key stands where they say, after their codec."""
    fields = {"file_id": {"path": "meta.id", "codec": "base64"}}
    shape = shape_of(fields=fields, primary_key="file_id")
    table, rows = table_of(shape, {"meta": {"id": "3q2+7w=="}}, {"meta": {"id": "?"}}, {"meta": 5})
    assert rows.keys == ["deadbeef"]
    assert table[0]["file_id"] == "deadbeef"
    assert [reject.reason for reject in rows.rejects] == ["not base64", "the key is missing"]


def test_without_a_key():
    """No primary_key: every record is a row."""
    shape = shape_of(primary_key=None, write_disposition="append")
    table, rows = table_of(shape, {"a": 1}, {"a": 1}, 5, {})
    assert rows.keys == ["", "", ""]
    assert [row["a"] for row in table] == [1, 1, None]
    assert [reject.reason for reject in rows.rejects] == ["the record is a number, not an object"]
    assert shape.keys == ()


@given(
    st.lists(
        st.lists(
            st.dictionaries(
                st.just("id"),
                st.text(max_size=3)
                | st.integers(-(2**65), 2**65)
                | st.none()
                | st.floats()
                | st.booleans(),
            )
        ),
        max_size=4,
    )
)
def test_many_at_once_are_one_by_one(pages):
    """A page whose keys are read at once has the keys and rejects of its records read singly."""
    together, singly = Rows(), Rows()
    first, second = shape_of(), shape_of()
    for number, page in enumerate(pages):
        first.keyed(together, page, number)
        for record in page:
            second.keyed(singly, [record], number)
    assert together == singly
    assert first.table(together).equals(second.table(singly))
