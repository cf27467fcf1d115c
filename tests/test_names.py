"""Names are hostile: nothing leaves the sink, nothing is overwritten, nothing is lost."""

from __future__ import annotations

import re
import time
import unicodedata
from pathlib import Path, PurePosixPath, PureWindowsPath
from urllib.parse import unquote

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from filehaul.names import (
    MAX_PATH,
    MAX_SEGMENT,
    ancestors,
    folded,
    original_path,
    safe_path,
    safe_segment,
    was_cut,
    with_id,
)

ORDINARY = [
    "report.pdf",
    "Contracts 2024/Report (final) v2.pdf",
    "a/b/c/d/e",
    " leading space/x",
    "contracts/company/nullable/auxiliary/printer/comb/lpt/console.log",
    'it\'s "quoted" – „so“ and «so».txt',
    "100%/50% off.txt/%/5%a/%zz",
    ".gitignore/.hidden/..two/...three/.f/.filehaul2/.files",
    "v1.2.3/archive.tar.gz/.a.b",
    "Zürich Büro/Übersicht.pdf",
    "文件/ファイル/파일/מסמך/مستند.docx",
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645.txt",  # Persian needs the non-joiner
    "👨\u200d👩\u200d👧/❤\ufe0f/🏴\U000e0067\U000e0062\U000e007f.png",
    "Cafe\u0301/Caf\u00e9",  # both forms of é stay as the vendor has them
    "~$report.docx/file~/~/a~1/~user/backup~20240101.doc/x~empty/~emptyish",
    "what?/a*b/<tag>/x|y/[1]{2}/#1 & $x = @y; `z` ^ !",
    "con1/com/com10/lpt/nul-1/aux_/prnt/xcon/CONIN/conin$x",
    "é" * 127,
    "x" * 255,
    "/".join(["x" * 199] * 5),
]

HOSTILE = {
    "": "~empty",
    ".": "%2E",
    "..": "%2E%2E",
    "...": "%2E%2E%2E",
    "../x": "%2E%2E/x",
    "../../etc/passwd": "%2E%2E/%2E%2E/etc/passwd",
    "a/../../b": "a/%2E%2E/%2E%2E/b",
    "a/./b": "a/%2E/b",
    "/etc/passwd": "etc/passwd",
    "//host//share/": "host/share",
    "C:\\Windows\\x": "C%3A%5CWindows%5Cx",
    "..\\..\\x": "..%5C..%5Cx",
    "C:x": "C%3Ax",
    "file.txt:stream": "file.txt%3Astream",
    "a\0b": "a%00b",
    "a\r\n\tb\x1b[31m\x7f\x85": "a%0D%0A%09b%1B[31m%7F%C2%85",
    "trailing./dots..": "trailing%2E/dots%2E%2E",
    "space / . ": "space%20/%20%2E%20",
    "NUL": "%4EUL",
    "nul.txt": "%6Eul.txt",
    "a/aux.tar.gz/b": "a/%61ux.tar.gz/b",
    "Con .txt": "%43on .txt",
    "COM1": "%43OM1",
    "com¹.x": "%63om¹.x",
    "lpt9 ": "%6Cpt9%20",
    "LPT²": "%4CPT²",
    "CONIN$": "%43ONIN$",
    "conout$.log": "%63onout$.log",
    "prn": "%70rn",
    "photo\u202egpj.exe": "photo%E2%80%AEgpj.exe",
    "\u200fx\u2066y\u061c": "%E2%80%8Fx%E2%81%A6y%D8%9C",
    "zero\u200bwidth\ufeff": "zero%E2%80%8Bwidth%EF%BB%BF",
    "line\u2028end": "line%E2%80%A8end",
    "\ud800": "%ED%A0%80",
    "x\udfff.txt": "x%ED%BF%BF.txt",
    "\ud83d\ude00": "%ED%A0%BD%ED%B8%80",  # two halves are not the emoji: not merged
    "\uffff": "%EF%BF%BF",
    "%41": "%2541",
    "%2f..%2F": "%252f..%252F",
    "%%41": "%%2541",
    "%4.": "%4%2E",
    "100%ab": "100%25ab",
    "report~1f2e3d4c5b.pdf": "report%7E1f2e3d4c5b.pdf",
    "x~cut-0123456789abcdef.pdf": "x%7Ecut-0123456789abcdef.pdf",
    "~empty": "%7Eempty",
    "a/~EMPTY": "a/%7EEMPTY",
    ".filehaul": "%2Efilehaul",
    ".FileHaul/partial": "%2EFileHaul/partial",
    "a/.filehaul/b": "a/%2Efilehaul/b",
    ".ﬁlehaul": "%2Eﬁlehaul",
    ".file\u200chaul": "%2Efile\u200chaul",
    "\u200d.filehaul": "%E2%80%8D.filehaul",
}

_PIECES = [
    *("/", "//", ".", "..", "\\", ":", "%", "%4", "%41", "%2e", "~", "~cut-", "~empty", " ", "\0"),
    *("1f2e3d4c5b", "1F2E3D4C5B", "0123456789abcdef", "con", "NUL", "aux.", "COM1", ".filehaul"),
    *("\ufb00", "\ufb01", "\u200d", "\u202e", "\ud800", "\udc00", "e\u0301", "é", "K", "ß", "ẞ"),
    *("A", "a", "İ", "ı", "ſ", "😀", ".tar", ".tar.gz", ".pdf", "x" * 60, "é" * 130, "\n", "\x85"),
]
anything = st.lists(
    st.sampled_from(_PIECES) | st.text(st.characters(), max_size=3), max_size=12
).map("".join)
"""Vendors' paths: any code point, surrogates too, and what our own rules are made of."""

_RESERVED = {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"} | {
    device + digit for device in ("COM", "LPT") for digit in "0123456789¹²³"
}
_DECEIVING = set("\u061c\u200b\u200e\u200f\u2028\u2029\ufeff") | {
    chr(c) for c in (*range(0x202A, 0x202F), *range(0x2060, 0x2070))
}


def assert_safe(path: str) -> None:
    """The promises, written without the regular expressions of the module."""
    assert path
    assert not PurePosixPath(path).is_absolute()
    assert len(path.encode()) <= MAX_PATH == 1000
    assert PureWindowsPath(path).parts == tuple(path.split("/")), "Windows sees the same segments"
    assert not PureWindowsPath(path).anchor
    for segment in path.split("/"):
        assert 1 <= len(segment.encode()) <= MAX_SEGMENT == 255
        assert segment not in {".", ".."}
        assert segment[-1] not in ". "
        assert not set(segment) & _DECEIVING
        assert not set(segment) & set("\\:")
        assert not {unicodedata.category(c) for c in segment} & {"Cc", "Cs", "Zl", "Zp"}
        assert segment.split(".")[0].rstrip(" ").upper() not in _RESERVED
        assert folded(segment) != ".filehaul"


def plain(path: str) -> str:
    """A vendor's path less the slashes that mean nothing."""
    return "/".join(segment for segment in path.split("/") if segment)


@pytest.mark.parametrize("path", ORDINARY)
def test_ordinary_names_stay_exactly(path: str) -> None:
    """People find the vendor's tree: no character of an ordinary name changes."""
    assert safe_path(path) == path
    assert original_path(path) == path
    assert [safe_segment(segment) for segment in path.split("/")] == path.split("/")


@pytest.mark.parametrize(("path", "safe"), HOSTILE.items(), ids=[ascii(p) for p in HOSTILE])
def test_hostile_names_are_encoded_and_come_back(path: str, safe: str) -> None:
    """Each hostile name has one documented spelling, is safe, and can be undone."""
    assert safe_path(path) == safe
    assert_safe(safe)
    assert original_path(safe) == plain(path)


@given(anything)
@example("con/../" + "\0" * 90)
@example("%\u00e9%4\0")
@settings(max_examples=600)
def test_every_path_is_safe_and_reversible(path: str) -> None:
    """Whatever the text: a safe path comes out, and the vendor's path comes back from it."""
    safe = safe_path(path)
    assert_safe(safe)
    if not was_cut(safe):
        assert original_path(safe) == plain(path)
        if plain(path):
            assert unquote(safe, errors="surrogatepass") == plain(path), "any URL decoder will do"
    else:
        uncut = "/".join(
            "".join(f"%{byte:02X}" for byte in part.encode("utf-8", "surrogatepass"))
            for part in path.split("/")
        )
        assert len(uncut) > MAX_SEGMENT, "nothing is cut without need"


@given(anything, anything)
def test_two_paths_never_share_a_safe_path(one: str, other: str) -> None:
    """No file is overwritten by another because their names were encoded alike."""
    assume(plain(one) != plain(other))
    assert safe_path(one) != safe_path(other)


@given(anything)
def test_a_segment_takes_slashes_too(name: str) -> None:
    """A vendor's name with a slash in it (Drive allows that) stays one name, and comes back."""
    safe = safe_segment(name)
    assert "/" not in safe
    assert_safe(safe)
    assert was_cut(safe) or original_path(safe) == name


def test_long_names_are_cut_by_hash_and_keep_the_extension() -> None:
    """Two 300-byte names with the same first 299 stay two, in 255 bytes, and say they were cut."""
    one, other = (safe_path(f"a/{'n' * 299}{c}.tar.gz") for c in "xy")
    assert one != other
    for safe in (one, other):
        assert re.fullmatch(r"a/n+~cut-[0-9a-f]{16}\.tar\.gz", safe)
        assert len(safe.encode()) == 2 + 255
        assert was_cut(safe)
    assert safe_path("n" * 256) != "n" * 256


@pytest.mark.parametrize("letter", ["é", "文", "😀", "\0", "\u202e", "%41"])
def test_a_cut_name_has_no_broken_character(letter: str) -> None:
    """The cut falls between characters and between escapes of one byte, at every offset."""
    for offset in range(12):
        safe = safe_path("x" * offset + letter * 200)
        assert was_cut(safe)
        assert_safe(safe)
        assert len(safe.encode()) > 240
        stem = safe.partition("~cut-")[0]
        assert re.sub(r"%[0-9A-F]{2}", "", stem).count("%") == 0


def test_deep_paths_keep_first_folders_and_name() -> None:
    """A path of 2,000 bytes fits in 1,000: siblings stay together, cousins do not meet."""
    deep = "/".join(f"folder {i:03}" for i in range(200))
    one, sibling = safe_path(f"{deep}/one.pdf"), safe_path(f"{deep}/two.pdf")
    cousin = safe_path(f"{deep}x/one.pdf")
    for safe in (one, sibling, cousin):
        assert_safe(safe)
        assert was_cut(safe)
        assert len(safe.encode()) > 980
        assert safe.startswith("folder 000/folder 001/")
    assert was_cut(safe_path("/".join(["é" * 100] * 6))), "bytes count, not characters"
    assert one.endswith("/one.pdf")
    assert ancestors(one) == ancestors(sibling)
    assert re.search(r"/~cut-[0-9a-f]{16}/one\.pdf\Z", cousin)
    assert ancestors(one) != ancestors(cousin)


def test_names_land_in_the_sink_of_a_real_disk(tmp_path: Path) -> None:
    """Every hostile and ordinary name is a file inside the sink, and none replaces another."""
    sink = tmp_path / "sink"
    paths = [
        *HOSTILE,
        *ORDINARY,
        "n" * 300,
        "n" * 299 + "m",
        "a/" * 480 + "f",
        "A",
        "a/B",
        "zürich",
    ]
    folders = {folded(folder) for path in paths for folder in ancestors(safe_path(path))}
    taken: set[str] = set()
    written: dict[str, str] = {}
    for path in paths:
        target = safe_path(path)
        if folded(target) in folders | taken:  # a folder or an earlier file has that name
            target = with_id(target, path)
        taken.add(folded(target))
        place = sink / target
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(ascii(path))
        written[target] = ascii(path)
    assert len(taken) == len(paths)
    found = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert {p.relative_to(sink).as_posix() for p in found} == set(written)
    assert all((sink / target).read_text() == text for target, text in written.items())


@given(anything)
def test_the_key_ignores_form_and_case(path: str) -> None:
    """The key of a path is the key of its NFC, NFD and case-folded forms, segment by segment."""
    key = folded(path)
    assert folded(unicodedata.normalize("NFC", path)) == key
    assert folded(unicodedata.normalize("NFD", path)) == key
    assert folded(key) == key
    assert unicodedata.is_normalized("NFC", key)
    assert key == "/".join(folded(segment) for segment in path.split("/"))


def test_every_spelling_of_our_own_names_is_encoded() -> None:
    """No code point that folds to a piece of `.filehaul` or `~empty` slips past the rule."""
    seen = set()
    for name in (".filehaul", "~empty"):
        for c in range(1, 0x110000):
            key = folded(chr(c))
            if not key and c != 0xAD:
                continue  # all ignorable characters are alike to the rule: one stands for them
            at = name.find(key)
            if at != -1:
                spelling = name[:at] + chr(c) + name[at + len(key) :]
                seen.add(chr(c))
                assert folded(safe_path(spelling)) != name
                assert_safe(safe_path(f"x/{spelling}"))
                assert original_path(safe_path(spelling)) == spelling
    assert seen >= {"F", "f", "L", "\ufb01", "\xad", "E", "~"}


@pytest.mark.parametrize(
    ("path", "unique"),
    [
        ("report.pdf", "report~2c70e12b7a.pdf"),
        ("a/b.c/report.tar.gz", "a/b.c/report~2c70e12b7a.tar.gz"),
        ("A.TAR.GZ", "A~2c70e12b7a.TAR.GZ"),
        ("no extension", "no extension~2c70e12b7a"),
        ("dr. smith and all", "dr. smith and all~2c70e12b7a"),
        (".bashrc", ".bashrc~2c70e12b7a"),
        ("%2E%2E", "%2E%2E~2c70e12b7a"),
        ("x.averyveryverylongsuffix", "x.averyveryverylongsuffix~2c70e12b7a"),
        ("~empty", "~empty~2c70e12b7a"),
    ],
)
def test_with_id_marks_the_name_before_its_extension(path: str, unique: str) -> None:
    """The form that people and scripts see: ten hex digits of sha256("key"), known beforehand."""
    assert with_id(path, "key") == unique
    assert original_path(unique) == original_path(path)


@given(anything, st.text(st.characters()), st.text(st.characters()))
def test_with_id_is_safe_unique_and_reversible(path: str, key: str, other: str) -> None:
    """Two files of one name get two safe paths, and both still tell the vendor's name."""
    safe = safe_path(path)
    unique = with_id(safe, key)
    assert_safe(unique)
    assert unique == with_id(safe, key)
    assert (folded(unique) == folded(with_id(safe, other))) == (key == other)
    if not was_cut(unique):
        assert original_path(unique) == plain(path)
    again = with_id(unique, other)
    assert_safe(again)
    assert was_cut(again) or original_path(again) == plain(path)


@given(anything, anything, st.sampled_from(["\u200d", "", "\ufb00"]))
def test_no_vendor_can_make_up_a_name_that_we_gave(path: str, other: str, noise: str) -> None:
    """A vendor's file named like our marked one does not meet it, on any disk."""
    ours = with_id(safe_path(path), other)
    assert folded(safe_path(other)) != folded(ours)
    assert folded(safe_path(ours)) != folded(ours)
    noisy = ours[:-3] + noise + ours[-3:].upper()
    assert folded(safe_path(noisy)) != folded(ours)


def test_the_ligature_cannot_forge_a_mark() -> None:
    """`~12ﬀ…` folds to `~12ff…`: it is encoded although it is not ten hex digits yet."""
    mark = re.compile(r"~(?:cut-)?[0-9a-f]{10}")
    for hexes in ("12\ufb00567890", "\ufb00" * 5, "1\u200d234567890", "\u200d1234567890"):
        for forged in (f"r~{hexes}.pdf", f"r~cut-{hexes}123456.pdf", f"r~C\u200dut-{hexes}123456"):
            assert mark.search(folded(forged))
            assert not mark.search(folded(safe_path(forged)))


@pytest.mark.parametrize("size", [243, 244, 245, 250, 251, 252, 255, 300])
def test_with_id_keeps_the_limit_of_a_segment(size: int) -> None:
    """A name at the limit gives up its own letters, not the mark nor the extension."""
    safe = safe_path("n" * (size - 4) + ".pdf")
    unique = with_id(safe, "key")
    assert_safe(unique)
    assert was_cut(unique) == (size > 244)
    assert unique.endswith("~2c70e12b7a.pdf")
    cuts = re.findall("~cut-[0-9a-f]{16}", unique)
    assert len(cuts) == (size > 244), "cut twice, marked once"
    if was_cut(safe):
        assert cuts[0] in safe, "the hash is still that of the vendor's name"
    twin = with_id(safe_path("n" * (size - 5) + "m.pdf"), "key")
    assert unique != twin
    for _ in range(40):
        unique = with_id(unique, "again")
        assert_safe(unique)


def test_with_id_keeps_the_limit_of_a_path() -> None:
    """A path of exactly 1,000 bytes still takes the mark."""
    safe = safe_path("/".join([*["d" * 99] * 9, "n" * 96 + ".pdf"]))
    assert len(safe.encode()) == 1000
    assert not was_cut(safe)
    unique = with_id(safe, "key")
    assert_safe(unique)
    assert was_cut(unique)
    assert unique.endswith(f"/{'n' * 96}~2c70e12b7a.pdf")


@pytest.mark.parametrize(
    "evil",
    [
        *("." * 200_000 + "x", "~" * 200_000, "~\u200d" * 100_000, "%4" * 100_000),
        *(" ." * 100_000, "a/" * 100_000, "~cut-" * 40_000, "\u200d" * 200_000 + ".x"),
        *("a. " * 70_000 + "\0", "~123456789" * 20_000, ".tar" * 50_000, "A" * 200_000),
    ],
    ids=lambda evil: ascii(evil[:6]),
)
def test_a_huge_name_costs_no_more_than_its_length(evil: str) -> None:
    """200,000 characters made to backtrack take seconds at most (quadratic would be minutes)."""
    start = time.perf_counter()
    safe = safe_path(evil)
    for result in (safe, safe_segment(evil), with_id(safe, evil)):
        assert_safe(result)
    assert original_path(safe)
    assert time.perf_counter() - start < 10
