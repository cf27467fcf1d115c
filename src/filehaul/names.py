"""A vendor's names as paths that no file system can misread.

A safe path is relative, has `/` between its segments, no `.` or `..`, at most 255 bytes (UTF-8) a
segment and 1000 in all. Ordinary names stay exactly as they are. What could escape the sink, be
dropped silently by some file system, or deceive a reader is percent-encoded, and `original_path`
undoes it. docs/names.md has the table for users.

`~` is our own sign: `~empty` is a name of nothing, `~sha256` the folder of layout by_hash, `~cut-`
and 16 hex digits mark a name cut by length, `~` and 10 hex digits a name made unique (`with_id`). A
vendor's `~` that reads like one of these is encoded, so no vendor can make up a name that looks
like ours.

All functions are pure and deterministic.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import Final
from urllib.parse import quote

MAX_SEGMENT: Final = 255
"""Bytes of one segment: the limit of ext4, APFS, NTFS and XFS."""

MAX_PATH: Final = 1000
"""Bytes of a whole safe path: S3 keys and macOS paths end at 1024, and the sink has a prefix."""

_EMPTY: Final = "~empty"
_HOME: Final = ".filehaul"
HASHES: Final = "~sha256"
"""The folder of layout by_hash."""

_OURS: Final = frozenset({_EMPTY, _HOME, HASHES})

# Unicode's default-ignorable characters that may stay in a name (emoji and Persian need the
# joiners). Some file systems drop them when they compare: HFS+, and ext4 with `casefold`.
_IGNORABLE_CHARS = (
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200c\u200d\u3164\ufe00-\ufe0f"
    "\uffa0\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_HOSTILE_CHARS = (
    r"\x00-\x1f\x7f-\x9f"  # controls: NUL ends a C string, the rest deceives a terminal
    r"\\:"  # Windows: folders, drives (`C:x` leaves the sink), a stream inside another file
    r"\u061c\u200e\u200f\u2028-\u202e"  # text direction (`exe.fdp`), line and paragraph ends
    r"\u200b\u2060-\u206f\ufeff\ufff9-\ufffb"  # shows nothing, means nothing
    r"\ufffe\uffff\ud800-\udfff"  # not characters: UTF-8 or XML cannot carry them
)
# Windows opens a device for these, whatever follows the first dot. \xb9\xb2\xb3 are ¹²³.
_RESERVED_NAME = (
    r"(?:[cC][oO][nN](?:[iI][nN]\$|[oO][uU][tT]\$)?|[pP][rR][nN]|[aA][uU][xX]|[nN][uU][lL]"
    r"|[cC][oO][mM][0-9\xb9\xb2\xb3]|[lL][pP][tT][0-9\xb9\xb2\xb3]) *(?:[./]|\Z)"
)
# What `folded` turns into our marks: ignorable characters inside, and the ligature that folds to
# ff (the only character besides the ASCII letters that folds to hex digits; a test checks).
_I = f"[{_IGNORABLE_CHARS}]*"
_MARK_LIKE = (
    f"{_I}(?:[cC]{_I}[uU]{_I}[tT]{_I}-{_I})?"
    f"(?:(?:[0-9A-Fa-f]{_I}){{10}}|(?:[0-9A-Fa-f]{_I}){{0,9}}\ufb00)"
)
_EXTENSION_LIKE = r"(?i:\.tar)?\.[^./~% ]{1,16}"

_ORDINARY_SEGMENT = rf"(?!{_RESERVED_NAME}|{_I}\.{_I}[fF\ufb01])[^{_HOSTILE_CHARS}%~/]+(?<![. ])"
_ORDINARY = re.compile(rf"{_ORDINARY_SEGMENT}(?:/{_ORDINARY_SEGMENT})*\Z")
# One branch a rule; the last is bound to the start of a run of dots, else it would be quadratic.
_TO_ENCODE = re.compile(
    rf"[{_HOSTILE_CHARS}/]+|%(?=[0-9A-Fa-f]{{2}})|~(?={_MARK_LIKE})|(?<![. ])[. ]+\Z",
)
# In a path made of names: what would read as another name, and what stands for it.
_NOT_IN_A_NAME = re.compile(r"/|%(?=[0-9A-Fa-f]{2})")
_NAME_ESCAPE = re.compile(r"%2F|%25")
_RESERVED = re.compile(_RESERVED_NAME)
_IGNORABLE = re.compile(f"[{_IGNORABLE_CHARS}]+")
_ESCAPES = re.compile(r"(?:%[0-9A-F]{2})+")
_HALF_ESCAPE = re.compile(r"%[0-9A-F]?\Z")
_EXTENSION = re.compile(rf"(?<=[^/]){_EXTENSION_LIKE}\Z")
_ID_MARKS = re.compile(rf"(?:~[0-9a-f]{{10}})+({_EXTENSION_LIKE})?\Z")
_CUT_MARK = re.compile(r"~cut-[0-9a-f]{16}")
_PLAIN_ID = re.compile(rf"(?!{_RESERVED_NAME})[0-9a-z_-]{{1,200}}\Z")
_BEYOND_PLAIN = re.compile(r"[^\x00-\x7d]+")  # `~` and all that is not ASCII
_PLAIN_EXTENSION = re.compile(r"(?<=[^/])(?:\.tar)?\.[a-z0-9]{1,16}\Z")


def safe_path(path: str) -> str:
    """A vendor's path as a safe path.

    Only `/` separates. Leading, trailing and repeated slashes vanish; a path of nothing becomes
    `~empty`. Different paths (slashes apart) give different safe paths, also where they are cut:
    a cut name ends in `~cut-` and a hash of the whole, before its extension; a path that is too
    long keeps its first folders and its name, and `~cut-…` stands for the folders between.
    """
    if _ORDINARY.match(path) and (len(path) <= 63 or len(path.encode()) <= MAX_SEGMENT):
        return path
    vendor = [segment for segment in path.split("/") if segment] or [""]
    safe = [safe_segment(segment) for segment in vendor]
    return _within_limit(safe, "/".join(vendor[:-1]))


def child_path(folder: str, name: str) -> str:
    """The path of a name in a folder, as a path of names: the catalogue's, not the sink's.

    ``/`` inside a name becomes ``%2F``, and a ``%`` that reads like the begin of such an escape
    ``%25``; all else stays. Split at ``/`` and decode as in URLs to have the names again. The
    root's path is empty, a name never is.
    """
    if "/" in name or "%" in name:
        name = _NOT_IN_A_NAME.sub(_escaped, name)
    return f"{folder}/{name}" if folder else name


def safe_child_path(path: str) -> str:
    """A path that `child_path` made, as a safe path: each name as in `safe_segment`."""
    if "%" not in path:
        return safe_path(path)
    names = [_NAME_ESCAPE.sub(_decoded, segment) for segment in path.split("/")]
    return _within_limit([safe_segment(name) for name in names], path.rpartition("/")[0])


def safe_segment(segment: str) -> str:
    """One name as one safe segment: as in `safe_path`, and `/` is encoded too."""
    safe = _encoded(segment)
    if len(safe) <= 63 or len(safe.encode()) <= MAX_SEGMENT:
        return safe
    stem, extension = _split(safe)
    return _fitted(stem, f"~cut-{_hash(segment, 16)}", extension)


def original_path(safe: str) -> str:
    """The vendor's path of a safe path, less its leading, trailing and repeated slashes.

    Takes what `safe_path` gave, and `with_id` of it. Exact unless `was_cut(safe)`: then the marks
    `~cut-…` and what was lost stay as they are.
    """
    folder, slash, name = safe.rpartition("/")
    whole = folder + slash + _ID_MARKS.sub(lambda mark: mark[1] or "", name)
    return "/".join(
        "" if segment == _EMPTY else _ESCAPES.sub(_decoded, segment) for segment in whole.split("/")
    )


def was_cut(safe: str) -> bool:
    """True if length made `safe_path` or `with_id` drop a part of the name."""
    return _CUT_MARK.search(safe) is not None


def folded(path: str) -> str:
    """A key that is equal for paths which some file system takes for one.

    Unicode's canonical caseless match in NFC, without default-ignorable characters. Only a key:
    never write to it.
    """
    if path.isascii():
        return path.lower()
    plain = unicodedata.normalize("NFD", _IGNORABLE.sub("", path))
    return unicodedata.normalize("NFC", plain.casefold())


def with_id(path: str, key: str) -> str:
    """A safe path made unique for the file with that key: `report~1f2e3d4c5b.pdf`.

    The mark is 10 hex digits of the key's sha256, before the extension (`.tar.gz` counts as one).
    Whatever the vendor's names, the result differs from every `safe_path`, also when folded; from
    another `with_id` it differs by 40 bits of hash. Keeps the limits of a safe path.
    """
    folder, _, name = path.rpartition("/")
    stem, extension = _split(name)
    mark = f"~{_hash(key, 10)}"
    if len(f"{name}{mark}".encode()) <= MAX_SEGMENT:
        unique = f"{stem}{mark}{extension}"
    else:
        cut = f"~cut-{_hash(name, 16)}"
        earlier = _CUT_MARK.search(stem)
        if earlier is not None:
            stem, cut = stem[: earlier.start()], earlier[0]
        unique = _fitted(stem, f"{cut}{mark}", extension)
    return _within_limit([*folder.split("/"), unique] if folder else [unique], folder)


def by_id(file_id: str, name: str | None) -> str:
    """The path of a file in layout by_id: `ab/cd/<id><extension>`, two folders by the id's hash.

    The extension is the name's, in lower case, if it is plain (`.pdf`, `.tar.gz`). The id is
    encoded as a segment, all but ASCII too. An id with capital letters or a dot gets `~` and a
    hex number whose bit i says that character i is a capital: so two ids never share a path, not
    even where the disk ignores case. Ids too long for that are told apart by 64 bits of hash.
    """
    digest = _hash(file_id, 16)
    found = _PLAIN_EXTENSION.search(name.lower()) if name else None
    extension = found[0] if found else ""
    if _PLAIN_ID.match(file_id):
        segment = file_id + extension
    else:
        segment = _id_segment(file_id, digest, extension)
    return f"{digest[:2]}/{digest[2:4]}/{segment}"


def by_hash(sha256: str) -> str:
    """The path of bytes in layout by_hash: `~sha256/ab/cd/<sha256>`, of lower-case hex.

    No other layout gives such a path: a vendor's `~sha256` is encoded.
    """
    return f"{HASHES}/{sha256[:2]}/{sha256[2:4]}/{sha256}"


def is_by_hash(path: str) -> bool:
    """Whether a safe path is one of `by_hash`: then it belongs to all files of those bytes."""
    return path.startswith(f"{HASHES}/")


def in_trash(path: str, when: str) -> str:
    """Where the bytes at a safe path go when they are put aside: `.filehaul/trash/<when>/<path>`.

    Keeps the limits of a safe path, and no vendor's name leads there.
    """
    return _within_limit([_HOME, "trash", when, *path.split("/")], path.rpartition("/")[0])


def joined(segments: list[str]) -> str:
    """Safe segments as one safe path, within its limits."""
    return _within_limit(segments, "/".join(segments[:-1]))


def ancestors(path: str) -> tuple[str, ...]:
    """The folders of a path, outermost first: `a/b/c.txt` has `a` and `a/b`."""
    found = []
    at = path.find("/")
    while at != -1:
        found.append(path[:at])
        at = path.find("/", at + 1)
    return tuple(found)


def url_segment(value: str) -> str:
    """A value as one segment of a URL path: all but letters, digits and `-_.~` is encoded.

    `.` and `..` become `%2E` and `%2E%2E`. RFC 3986 lets a client or server take those for dot
    segments all the same: send them as they are (libcurl: PATH_AS_IS). Raises ValueError for an
    empty value: it would address another thing, often a whole collection.
    """
    if not value:
        raise ValueError("an empty value cannot be a part of a URL path")
    if value in {".", ".."}:
        return "%2E" * len(value)
    return quote(value, safe="", errors="surrogatepass")


def _encoded(segment: str) -> str:
    """A segment without what is hostile, of any length."""
    if not segment:
        return _EMPTY
    safe = _TO_ENCODE.sub(_escaped, segment)
    if _RESERVED.match(segment) or (("." in safe or "~" in safe) and folded(safe) in _OURS):
        return _percent(safe[0]) + safe[1:]
    return safe


def _id_segment(file_id: str, digest: str, extension: str) -> str:
    stem = _BEYOND_PLAIN.sub(_escaped, _encoded(file_id)) if file_id else _EMPTY
    if len(stem) + len(extension) <= MAX_SEGMENT:
        case = sum(1 << i for i, letter in enumerate(file_id) if "A" <= letter <= "Z")
        # a dot needs the sign too: `a.pdf` is id `a.pdf`, or id `a` of a file whose name has .pdf
        sign = f"~{case:x}" if case or "." in file_id else ""
        if len(stem) + len(sign) + len(extension) <= MAX_SEGMENT:
            return f"{stem}{sign}{extension}"
    return _fitted(stem, f"~cut-{digest}", extension)


def _percent(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "surrogatepass"))


def _escaped(found: re.Match[str]) -> str:
    return _percent(found[0])


def _decoded(found: re.Match[str]) -> str:
    try:
        return bytes.fromhex(found[0].replace("%", "")).decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:  # not ours, or cut in the middle
        return found[0]


def _hash(text: str, digits: int) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:digits]


def _split(name: str) -> tuple[str, str]:
    """A safe name's stem and its extension with the dot; never an empty stem."""
    found = _EXTENSION.search(name)
    return (name[: found.start()], found[0]) if found else (name, "")


def _fitted(stem: str, tail: str, extension: str) -> str:
    """Stem, tail and extension in one segment; the stem gives way, whole characters at a time."""
    room = MAX_SEGMENT - len(f"{tail}{extension}".encode())
    encoded = stem.encode()
    if len(encoded) > room:
        stem = _HALF_ESCAPE.sub("", encoded[:room].decode("utf-8", "ignore"))
    return f"{stem}{tail}{extension}"


def _within_limit(safe: list[str], folders: str) -> str:
    """The segments as one path; if too long, a hash of `folders` stands for the inner ones.

    The files of one folder stay together, as the hash does not depend on the name.
    """
    whole = "/".join(safe)
    if len(whole) <= MAX_PATH // 4 or len(whole.encode()) <= MAX_PATH:
        return whole
    mark = f"~cut-{_hash(folders, 16)}"
    room = MAX_PATH - len(f"{mark}/{safe[-1]}".encode())
    kept = []
    for segment in safe[:-1]:
        room -= len(segment.encode()) + 1
        if room < 0:
            break
        kept.append(segment)
    return "/".join([*kept, mark, safe[-1]])
