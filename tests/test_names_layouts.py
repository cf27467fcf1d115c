"""Layout by_id, the keys of clashes, values in URLs, and what docs/names.md says."""

from __future__ import annotations

import itertools
import json
import re
import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from config_dicts import with_resource
from filehaul.config import load_config
from filehaul.fields import roles_of
from filehaul.layouts import layout_of
from filehaul.names import (
    ancestors,
    by_id,
    folded,
    original_path,
    safe_path,
    safe_segment,
    url_segment,
    was_cut,
)


def assert_safe(path: str) -> None:
    """Two folders of hex, and one segment of plain ASCII that no file system misreads."""
    found = re.fullmatch(r"[0-9a-f]{2}/[0-9a-f]{2}/([ -~]{1,255})", path)
    assert found
    segment = found[1]
    assert segment not in {".", "..", ".filehaul"}
    assert not set(segment) & set("/\\:")
    assert segment[-1] not in ". "
    assert not re.match(r"(?i)(con|prn|aux|nul|com\d|lpt\d|conin\$|conout\$) *(\.|$)", segment)


ids = st.text(st.characters()) | st.text("aAbB1-_.%~é:", max_size=20)
file_names = (
    st.none() | st.text(st.characters()) | st.sampled_from(["x.PDF", "a.tar.gz", ".bashrc", "x."])
)


@pytest.mark.parametrize(
    ("file_id", "name", "expected"),
    [
        ("12345", None, "12345"),
        ("12345", "a/Report.PDF", "12345.pdf"),
        ("12345", "backup.tar.GZ", "12345.tar.gz"),
        ("12345", "x.a b", "12345"),
        ("12345", "../.bashrc", "12345"),
        ("12345", "x.\u0440df", "12345"),
        ("aBc", "x.txt", "aBc~2.txt"),
        ("ABC", None, "ABC~7"),
        ("v1.2", None, "v1.2~0"),
        ("report.pdf", "report.pdf", "report.pdf~0.pdf"),
        ("id:a_b", None, "id%3Aa_b"),
        ("../x", None, "..%2Fx~0"),
        ("con", "x.txt", "%63on.txt"),
        ("~empty", None, "%7Eempty"),
        ("", "x.txt", "~empty.txt"),
        ("é", None, "%C3%A9"),
    ],
)
def test_by_id_is_found_by_its_id(file_id: str, name: str | None, expected: str) -> None:
    """The id stands in the path as the vendor writes it, below two folders of two hex digits."""
    path = by_id(file_id, name)
    assert re.fullmatch(r"[0-9a-f]{2}/[0-9a-f]{2}/" + re.escape(expected), path)


def _id_of(key: str) -> str:
    """The file id, read back from the folded path alone: the proof that nothing was lost."""
    segment = key[6:]
    stem, sign, rest = segment.partition("~")
    if not sign:
        stem = stem.partition(".")[0]
    elif not stem:
        return ""
    capitals = int(rest.partition(".")[0], 16) if sign else 0
    raw = re.sub(
        r"(?:%[0-9a-f]{2})+",
        lambda found: bytes.fromhex(found[0].replace("%", "")).decode("utf-8", "surrogatepass"),
        stem,
    )
    return "".join(c.upper() if capitals >> i & 1 else c for i, c in enumerate(raw))


@given(ids, file_names)
@settings(max_examples=600)
def test_by_id_loses_nothing_even_folded(file_id: str, name: str | None) -> None:
    """The id can be computed back from the folded path: so no two ids can ever share one."""
    path = by_id(file_id, name)
    assert_safe(path)
    if not was_cut(path):
        assert _id_of(folded(path)) == file_id
    assert path[:6] == by_id(file_id, None)[:6], "a renamed file stays in its folder"


def test_by_id_tells_case_twins_apart() -> None:
    """Salesforce-like ids that differ only in case: all 4,096 spellings get their own path."""
    twins = ["".join(s) for s in itertools.product(*((c, c.upper()) for c in "abcdefghijkl"))]
    assert len({folded(by_id(twin, "x.pdf"))[6:] for twin in twins}) == 4096
    long = [folded(by_id(twin + "z" * 300, "x.pdf")) for twin in twins]
    assert len(set(long)) == 4096
    assert all(was_cut(path) for path in long)


def test_by_id_spreads_evenly() -> None:
    """20,000 numbered ids fill the two levels of folders without a crowd."""
    folders = [by_id(str(n), "x.pdf")[:2] for n in range(20_000)]
    assert len(set(folders)) == 256
    assert max(folders.count(f) for f in set(folders)) < 160


@pytest.mark.parametrize(
    ("path", "expected"),
    [("a", ()), ("a/b", ("a",)), ("a/b/c.txt", ("a", "a/b")), ("é/ü/x", ("é", "é/ü"))],
)
def test_ancestors(path: str, expected: tuple[str, ...]) -> None:
    """The folders that must exist (and must not be files) for a path, outermost first."""
    assert ancestors(path) == expected


@given(st.text(st.characters(), min_size=1) | st.text("./\\%?#;:@ é\ud800", min_size=1))
@example("../../admin")
@example("a/b?c=d#e;f")
@example("..;/")
def test_a_value_in_a_url_is_one_segment(value: str) -> None:
    """A value cannot add a segment, a query or a fragment, nor climb; the server reads it back."""
    encoded = url_segment(value)
    assert re.fullmatch(r"(?:[A-Za-z0-9._~-]|%[0-9A-F]{2})+", encoded)
    assert encoded not in {".", ".."}
    parts = urlsplit(f"https://api.example.com/v1/files/{encoded}/content")
    assert parts.path.split("/") == ["", "v1", "files", encoded, "content"]
    assert not parts.query
    assert not parts.fragment
    assert unquote(encoded, errors="surrogatepass") == value


def test_dots_and_nothing_in_a_url() -> None:
    """Dot segments are encoded, and an empty value (which would address the collection) refused."""
    assert [url_segment(v) for v in (".", "..", "...", "a.b")] == ["%2E", "%2E%2E", "...", "a.b"]
    with pytest.raises(ValueError, match="empty value"):
        url_segment("")


@pytest.mark.parametrize("evil", ["A" * 200_000, "~1" * 100_000, "." * 200_000, "é." * 100_000])
def test_a_huge_id_costs_no_more_than_its_length(evil: str) -> None:
    """200,000 characters of id and name take seconds at most (quadratic would be minutes)."""
    start = time.perf_counter()
    assert_safe(by_id(evil, evil + "x"))
    assert time.perf_counter() - start < 10


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a/B.TXT", "A/b.txt"),
        ("Caf\u00e9", "Cafe\u0301"),
        ("CAFE\u0301", "caf\u00e9"),
        ("stra\u00dfe", "STRASSE"),
        ("\u1e9e", "\u00df"),
        ("\u212b", "a\u030a"),
        ("\u03c3", "\u03c2"),
        ("\ufb01le", "FILE"),
        ("a\u200db", "ab"),
        ("❤\ufe0f", "❤"),
        ("\u1fc3", "\u0397\u0345"),
        ("\u0345\u0301", "\u0301\u0399"),
    ],
)
def test_names_that_some_disk_takes_for_one_have_one_key(one: str, other: str) -> None:
    """Case, NFC and NFD, and ignorable characters do not tell two files apart."""
    assert folded(one) == folded(other)


def test_keys_tell_ordinary_names_apart() -> None:
    """The key is not so coarse that different names would clash."""
    names = ["a", "b", "a.txt", "a txt", "á", "ä", "a/b", "ab", "1", "①", "\uff41", "a~", "a%"]
    assert len({folded(name) for name in names}) == len(names)


def test_one_character_alone_folds_to_hex_digits() -> None:
    """Only ligature ff folds to hex digits: the rule that guards our marks knows all there are."""
    hex_digits = set("0123456789abcdef")
    found = {
        chr(c)
        for c in itertools.chain(range(0x80, 0xD800), range(0xE000, 0x110000))
        if (key := folded(chr(c))) and set(key) <= hex_digits
    }
    assert found == {"\ufb00"}


DOCS = (Path(__file__).parent.parent / "docs" / "names.md").read_text(encoding="utf-8")


def _rows(heading: str) -> list[list[str]]:
    """The table under a heading, its cells without backticks; `<U+…>` is that character."""
    section = DOCS.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")][2:]
    return [
        [
            re.sub(r"<U\+([0-9A-F]{4})>", lambda u: chr(int(u[1], 16)), cell.strip().strip("`"))
            for cell in row
        ]
        for row in rows
    ]


def test_the_docs_tell_the_truth() -> None:
    """Every example of docs/names.md is what the functions give."""
    encoded = _rows("What is encoded")
    assert len(encoded) == 13
    for what, vendor, sink in encoded:
        spell = safe_segment if "slash inside" in what else safe_path
        assert spell(vendor) == sink, what
        assert original_path(sink) == vendor, what
    by_ids = _rows("`layout: by_id`")
    assert len(by_ids) == 4
    assert [by_id(file_id, name) for file_id, name, _ in by_ids] == [path for *_, path in by_ids]
    stays = DOCS.partition("emoji, quotes, brackets and\n`")[2].partition("`")[0]
    assert len(stays) > 20
    assert safe_segment(stays) == stays
    assert original_path("%2E%2E/aux~1f2e3d4c5b.txt") == "../aux.txt"
    assert was_cut("A very long na~cut-5f0c1d2e3b4a5968.pdf")


def test_the_docs_tell_the_truth_about_templates() -> None:
    """Each row of the table of templates is what the layout gives."""
    rows = _rows("A template")
    assert len(rows) == 4
    for template, record_text, expected in rows:
        record = json.loads(record_text)
        made = with_resource(
            primary_key="file_id", content={"path": "/{file_id}", "layout": template}
        )
        made["resources"][0].pop("fields", None)
        resource = load_config(made).resources[0]
        file = roles_of(resource, record).file("7", record)
        assert layout_of(resource)(file, record) == expected
