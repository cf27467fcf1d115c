"""Paths into a record, and templates with such paths in braces."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filehaul.paths import MISSING, key_path, record_path
from filehaul.templates import braces, pieces

RECORD: dict[str, Any] = {
    "id": 7,
    "null": None,
    "file name": "a.txt",
    "parent": {"id": "p", "path": {"name": "x"}},
    "@odata.nextLink": "https://x",
    "a.b": "dotted key",
    "entries": [{"id": 1, "type": "file"}, {"id": 2, "type": "folder"}],
    "drives": [{"files": [{"id": 1}]}, {"files": [{"id": 2}, {"id": 3}]}],
    "": "empty",
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("id", 7),
        (" id ", 7),
        ("$.id", 7),
        ("$", RECORD),
        ("null", None),
        ("file name", "a.txt"),
        ("parent.id", "p"),
        ("parent.path.name", "x"),
        ("$['parent']['id']", "p"),
        ('["@odata.nextLink"]', "https://x"),
        ("['a.b']", "dotted key"),
        ("['']", "empty"),
        ("entries[0].id", 1),
        ("entries.0.id", 1),
        ("entries.9.id", MISSING),
        ("entries[-1].id", 2),
        ("$.entries[1]['id']", 2),
        ("entries[9].id", MISSING),
        ("entries.id", MISSING),
        ("id.deeper", MISSING),
        ("nowhere", MISSING),
        ("parent[0]", MISSING),
        ("entries[*].id", [1, 2]),
        ("entries[?(@.type=='file')].id", [1]),
        ("drives[*].files[*].id", [1, 2, 3]),
        ("entries[0:1].id", [1]),
        ("entries[?(@.type=='none')]", MISSING),
        ("entries[?(@.id > 'x')]", MISSING),
        ("parent..name", ["x"]),
    ],
)
def test_where_a_path_leads(path, found):
    """Dotted, quoted, indexed, and JSONPath proper; a null is not a missing key."""
    assert record_path(path).get(RECORD) == found or record_path(path).get(RECORD) is found


def test_of_several_matches_the_first():
    """`one` takes what dlt takes of several matches; a plain path keeps an array whole."""
    assert record_path("entries[*].id").one(RECORD) == 1
    assert record_path("entries[?(@.id==9)]").one(RECORD) is MISSING
    assert record_path("entries").one(RECORD) == RECORD["entries"]


@pytest.mark.parametrize(
    ("path", "begins", "elements"),
    [
        ("files[*]", ("files",), True),
        ("data.files[?(@.type=='file')]", ("data", "files"), True),
        ("files[1:]", ("files",), True),
        ("files.*", ("files",), True),
        ("$[*]", (), True),
        ("drives[*].files", ("drives",), False),
        ("drives[*].files[*]", ("drives",), False),
        ("$..files", (), False),
        ("a,b", (), False),
    ],
)
def test_how_a_path_begins(path, begins, elements):
    """The plain part in front of a wildcard or filter, and whether the rest only chooses in it."""
    read = record_path(path)
    assert not read.is_plain
    assert read.begins is not None
    assert (read.begins.steps, read.selects_elements) == (begins, elements)


@pytest.mark.parametrize("path", ["", " ", "a.", "a[", "[", "a..", "files[?]", "'", "a b ["])
def test_what_is_no_path(path):
    """Said as ValueError, whatever the parser below raises."""
    with pytest.raises(ValueError, match="path"):
        record_path(path)


def test_long_nonsense_is_refused_fast():
    """No text makes the reader of paths slow."""
    began = time.monotonic()
    for text in ["a " * 20_000 + "'", "[" * 20_000, "a." * 20_000, " " * 20_000 + "'"]:
        with pytest.raises(ValueError, match="path"):
            record_path(text)
    assert time.monotonic() - began < 10


@given(st.text(), st.dictionaries(st.text(), st.integers()))
def test_any_key_can_be_named(key, record):
    """key_path finds the key of just that name, dots, quotes and all."""
    record[key] = 7
    assert key_path(key).get(record) == 7
    assert key_path(key).is_plain


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
)


@given(ANYTHING, st.sampled_from(["a", "a.b", "a[0]", "a[*].b", "a[?(@.b>1)]", "$..a", "$"]))
def test_a_path_never_raises(record, path):
    """Whatever the record is: a value or MISSING."""
    record_path(path).get(record)
    record_path(path).one(record)


@pytest.mark.parametrize(
    ("template", "names"),
    [
        ("/files/{file_id}/content", ("file_id",)),
        ("{url}", ("url",)),
        ("/d/{parent.drive}/{id}?v={version}", ("parent.drive", "id", "version")),
        ("/x/{['a:b']}", ("['a:b']",)),
        ("/literal/{{x}}/{id}", ("id",)),
        ("/same", ()),
    ],
)
def test_templates(template, names):
    """The names in braces in their order; doubled braces are literal."""
    assert braces(template) == names


def test_pieces_of_a_template():
    """Literal text and the name after it; at the end no name."""
    assert pieces("/a/{{b}}/{id}/c") == (("/a/{", None), ("b}", None), ("/", "id"), ("/c", None))


@pytest.mark.parametrize(
    ("template", "what"),
    [("/{id", "do not close"), ("/id}", "do not close"), ("/{}", "empty braces")],
)
def test_templates_that_are_none(template, what):
    """Said as ValueError with what is wrong."""
    with pytest.raises(ValueError, match=what):
        braces(template)


@pytest.mark.parametrize("template", ["/{size:04}", "/{name!r}", "/{a[}"])
def test_formats_are_not_taken(template):
    """A format or a broken path in the braces is refused when the config is read."""
    with pytest.raises(ValueError, match=r"format|path|close|expected"):
        braces(template)
