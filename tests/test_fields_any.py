"""Any records at all: hashes change with the row, tables never fail, types never change."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from filehaul.fields import TIMESTAMP, Rows
from filehaul.fields.columns import arrow_type
from test_fields import FIELDS, shape_of, table_of

# JSON has no others: `json_text.loads` makes null of them.
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
VALUES: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(10, 400).map(lambda digits: 10**digits)
    | FLOATS
    | st.text(max_size=6)
    | st.sampled_from(["\x00", "\ud800", "2024-05-01T10:00:00Z", "0001-01-01T00:00:00Z", "1e400"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(
    [
        "id",
        "name",
        "size",
        "modified",
        "created",
        "parent",
        "hashes",
        "md5",
        "fileName",
        "file_name",
    ]
) | st.text(max_size=5)
RECORDS = st.dictionaries(NAMES, VALUES, max_size=6)


def read(row: dict[str, Any]) -> dict[str, Any]:
    """The row with JSON read: the order of keys in an object is no change."""
    shown = dict(row)
    for name, value in row.items():
        if isinstance(value, str) and value[:1] in ("{", "["):
            with contextlib.suppress(ValueError):
                shown[name] = json.loads(value)
    return shown


@settings(max_examples=200, deadline=None)
@given(RECORDS, RECORDS)
def test_hashes_change_with_the_record(first, second):
    """Equal records, in whatever order of keys, have equal hashes; others have others."""
    shape = shape_of()
    turned = dict(reversed(first.items()))
    one_, two, other = shape.hashes([first, turned, second])
    assert len(one_) == 16
    assert one_ == two
    if one_ == other:
        (left,), _ = table_of(shape_of(), first | {"id": "k"})
        (right,), _ = table_of(shape_of(), second | {"id": "k"})
        assert read(left) == read(right)


@settings(max_examples=200, deadline=None)
@given(RECORDS, RECORDS)
def test_hashes_change_with_the_row(first, second):
    """With fields: if the rows differ the hashes do; what no column shows does not count."""
    first, second = first | {"id": "k"}, second | {"id": "k"}
    shape = shape_of(fields=FIELDS, primary_key="file_id")
    one_, two = shape.hashes([first, second])
    if one_ == two:
        (left, right), _ = table_of(shape, first, second)
        assert read(left) == read(right)
    assert shape.hashes([first | {"unmapped": 1}]) == [one_]


def test_hashes_change_with_the_config():
    """Another path or codec makes another row of the same record: it must be loaded again."""
    record = [{"id": "a", "m": 5, "n": 5}]
    hashes = {
        shape_of(fields={"file_id": "id", **fields}, primary_key="file_id", raw=raw).hashes(record)[
            0
        ]
        for fields, raw in [
            ({"modified_at": {"path": "m", "codec": "epoch"}}, False),
            ({"modified_at": {"path": "m", "codec": "epoch_ms"}}, False),
            ({"modified_at": {"path": "n", "codec": "epoch"}}, False),
            ({"created_at": {"path": "m", "codec": "epoch"}}, False),
            ({"created_at": {"path": "m", "codec": "epoch"}}, True),
        ]
    }
    assert len(hashes) == 5


# -- whatever comes --------------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.lists(RECORDS | VALUES | st.dictionaries(NAMES, st.floats()), max_size=4),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from([None, FIELDS, FIELDS | {"drive_id": "parent"}]),
    st.booleans(),
)
def test_whatever_the_records_are(pages, fields, raw):
    """No record makes a table fail, or a column change its type; each is a row or a reject."""
    keys = "id" if fields is None else "file_id"
    if fields is not None and "drive_id" in fields:
        keys = ["drive_id", "file_id"]
    shape = shape_of(fields=fields, primary_key=keys, raw=raw and fields is not None)
    types: dict[str, str] = {}
    for number, page in enumerate(pages):
        rows = Rows()
        shape.keyed(rows, page, number)
        lost = sum(reject.record for reject in rows.rejects)
        assert len(rows.records) + lost == len(page)
        assert len(shape.hashes(rows.records)) == len(rows.keys) == len(rows.pages)
        table = shape.table(rows, {"deleted_at": (TIMESTAMP, [None] * len(rows.records))})
        assert table.num_rows == len(rows.records)
        assert types.items() <= shape.types.items()
        types = dict(shape.types)
        for name, type_ in types.items():
            assert table.schema.field(name).type == arrow_type(type_)
        for name in shape.keys:
            if rows.records:
                assert table[name].null_count == 0
        table.validate(full=True)
        for reject in rows.rejects:
            reject.value.encode()
