"""What in a record tells a folder from a file, what is gone, and where the bytes are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from ..config.match import Match
from ..paths import MISSING
from .columns import Guess
from .seen import Seen, bare, places
from .shapes import is_text, is_url
from .words import (
    DOWNLOADS,
    FILE_WORDS,
    FOLDER_MIMES,
    FOLDER_WORDS,
    GONE_SINCE,
    KINDS,
    LINK_WORDS,
    LIVE_WORDS,
    NAMES,
    OWN,
    REMOVED,
    REMOVED_WORDS,
    STATUSES,
    TRASHED,
    TRASHED_WORDS,
)

_FACETS = {"folder": "folder", "package": "other", "remoteitem": "shortcut", "file": "file"}
_ADDRESSES = ("url", "href", "src", "link")
_NEUTRAL = frozenset({"file", "folder", "shortcut", "link", "other"})


@dataclass(frozen=True)
class Kind:
    """Where a record says what it is. ``source``: as ``fields.kind`` has it; ``folder``: by what a
    walk finds folders; None where the page has none.
    """

    source: Mapping[str, Any]
    folder: Mapping[str, Any] | None
    doubt: str = ""


@dataclass(frozen=True)
class Markers:
    """All of them. ``gone``: the rules for ``deleted``."""

    kind: Kind | None = None
    gone: tuple[Mapping[str, Any], ...] = ()
    trashed: Guess | None = None
    download: Guess | None = None
    notes: tuple[str, ...] = field(default=())


def markers(records: Sequence[Any]) -> Markers:
    """The markers in these records."""
    every = places(records)
    seen = [one for one in every if _own(one.above)]
    flags = [one for one in seen if one.word in TRASHED and one.all(_is_bool)]
    trashed = Guess("is_trashed", flags[0].path) if flags else None
    kind = _kind(seen)
    download = _download(every, _files(records, kind))
    return Markers(kind, tuple(_gone(seen)), trashed, download)


def _files(records: Sequence[Any], kind: Kind | None) -> list[bool]:
    """Which of the records are no folders."""
    rule = Match(**kind.folder) if kind is not None and kind.folder is not None else None
    return [rule is None or not rule.holds(one) for one in records if isinstance(one, dict)]


def _own(above: Sequence[str]) -> bool:
    return all(name in OWN or name in ("links", "link") for name in above)


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _kind(seen: Sequence[Seen]) -> Kind | None:
    """By a facet, a flag, a word, or a folder's own MIME type."""
    return _by_facet(seen) or _by_flag(seen) or _by_word(seen) or _by_mime(seen)


def _by_facet(seen: Sequence[Seen]) -> Kind | None:
    """Records that have an object ``folder`` or ``file``: one of them, not both."""
    facets = {
        one.word: one
        for one in seen
        if len(one.steps) == 1 and one.word in _FACETS and one.all(lambda v: isinstance(v, dict))
    }
    kinds = facets.keys() & {"folder", "file"}
    if not kinds or all(facets[word].is_whole for word in kinds):
        return None
    exists = {facets[word].path: kind for word, kind in _FACETS.items() if word in facets}
    if "folder" not in facets:  # the page has files alone, or the rest is something else
        return Kind({"exists": exists, "otherwise": "other"}, None)
    exists.setdefault("file", "file")
    folder = {"path": facets["folder"].path, "exists": True}
    return Kind({"exists": exists, "otherwise": "other"}, folder)


def _by_flag(seen: Sequence[Seen]) -> Kind | None:
    """``is_folder: true``."""
    for one in seen:
        word = one.word.removeprefix("is")
        if word in FOLDER_WORDS and one.word in KINDS and one.all(_is_bool):
            source = {"path": one.path, "values": {"true": "folder"}, "otherwise": "file"}
            return Kind(source, {"path": one.path, "equals": True})
    return None


def _by_word(seen: Sequence[Seen]) -> Kind | None:
    """``type: folder``, in the vendor's words."""
    for one in sorted((s for s in seen if s.word in KINDS), key=lambda s: KINDS.index(s.word)):
        if not one.all(is_text):
            continue
        values = dict.fromkeys(one.filled)
        named = {value: kind for value in values if (kind := _kind_of(value)) is not None}
        if not named or (set(named.values()) == {"file"} and set(values) != {"file"}):
            continue
        folders = [value for value, kind in named.items() if kind == "folder"]
        source: dict[str, Any] = {"path": one.path}
        if not set(values) <= _NEUTRAL or not one.is_whole:
            source |= {"values": named, "otherwise": "other" if one.is_whole else "file"}
        equals = folders[0] if len(folders) == 1 else folders
        unknown = sorted(set(values) - set(named))
        doubt = f"what is {', '.join(map(repr, unknown[:3]))}?" if unknown else ""
        return Kind(source, {"path": one.path, "equals": equals} if folders else None, doubt)
    return None


def _kind_of(value: str) -> str | None:
    """A vendor's word for a kind: ``#microsoft.graph.folder`` is a folder."""
    last = value.lower()
    for mark in "#./:":
        last = last.rstrip(mark).rpartition(mark)[2]
    last = bare(last) or last
    if last in FOLDER_WORDS:
        return "folder"
    if last in FILE_WORDS:
        return "file"
    return "link" if last in LINK_WORDS else None


def _by_mime(seen: Sequence[Seen]) -> Kind | None:
    """A folder's MIME type, as at Google's."""
    for one in seen:
        folders = list(dict.fromkeys(value for value in one.filled if _is_folder(value)))
        if folders:
            source = {
                "path": one.path,
                "values": dict.fromkeys(folders, "folder"),
                "otherwise": "file",
            }
            equals = folders[0] if len(folders) == 1 else folders
            return Kind(source, {"path": one.path, "equals": equals})
    return None


def _is_folder(value: Any) -> bool:
    return isinstance(value, str) and (value in FOLDER_MIMES or value.endswith(".folder"))


def _gone(seen: Sequence[Seen]) -> list[Mapping[str, Any]]:
    """Which records are files that the vendor no longer has, or has in its trash."""
    found: list[Mapping[str, Any]] = []
    for one in seen:
        if one.word in TRASHED + REMOVED and one.all(_is_bool):
            reason = "trashed" if one.word in TRASHED else "removed"
            found.append({"path": one.path, "equals": True, "reason": reason})
        elif one.word in REMOVED and one.all(lambda value: isinstance(value, dict)):
            found.append({"path": one.path, "exists": True})
        elif one.word in GONE_SINCE and not one.is_whole:
            reason = "trashed" if "trash" in one.word else "removed"
            found.append({"path": one.path, "exists": True, "reason": reason})
        elif one.word in STATUSES and one.all(is_text):
            found += _by_status(one)
    by_flag = [rule for rule in found if "equals" in rule]
    return by_flag or found


def _by_status(one: Seen) -> list[Mapping[str, Any]]:
    values = {value: bare(value) for value in one.filled}
    known = LIVE_WORDS | TRASHED_WORDS | REMOVED_WORDS
    if not set(values.values()) <= known:
        return []
    rules: list[Mapping[str, Any]] = []
    for words, reason in ((TRASHED_WORDS, "trashed"), (REMOVED_WORDS, "removed")):
        gone = [value for value, word in values.items() if word in words]
        if gone:
            equals = gone[0] if len(gone) == 1 else gone
            rules.append({"path": one.path, "equals": equals, "reason": reason})
    return rules


def _download(seen: Sequence[Seen], files: Sequence[bool]) -> Guess | None:
    """The field with the address of the bytes, by its name."""
    ranked = []
    for one in seen:
        # HAL: the link's own name is its object's.
        is_link = one.word in ("href", "url") and one.above[-1:] and one.above[-1] in DOWNLOADS
        if not _own(one.above[:-1] if is_link else one.above):
            continue
        words = (one.word, one.above[-1] if is_link else "")
        rank = next((DOWNLOADS.index(word) for word in words if word in DOWNLOADS), None)
        if rank is not None and one.all(_is_address):
            ranked.append((rank, len(one.steps), one.path, one))
    if not ranked:
        return _by_ending(seen)
    one = min(ranked, key=lambda row: row[:3])[3]
    asked = [value for value, is_file in zip(one.values, files) if is_file]
    missing = sum(value is None or value is MISSING for value in asked)
    doubt = f"{missing} of {len(asked)} files have none" if missing else ""
    return Guess("url_field", one.path, doubt=doubt)


def _by_ending(seen: Sequence[Seen]) -> Guess | None:
    """An address that ends as the file's name does: ``.png`` for a ``.png``."""
    own = [one for one in seen if _own(one.above)]
    names = next((one for one in own if one.word in NAMES["file_name"] and one.all(is_text)), None)
    if names is None:
        return None
    for one in own:
        if one.word not in _ADDRESSES or not one.all(_is_address):
            continue
        pairs = [pair for pair in zip(one.values, names.values) if is_text(pair[0])]
        if all(_ending(url) and _ending(url) == _ending(name) for url, name in pairs):
            doubt = "a guess: these addresses end as the files' names do"
            return Guess("url_field", one.path, doubt=doubt)
    return None


def _ending(value: Any) -> str:
    text = value if isinstance(value, str) else ""
    return PurePosixPath(text.partition("?")[0].partition("#")[0]).suffix.lower()


def _is_address(value: Any) -> bool:
    return is_url(value) or (is_text(value) and value.startswith("/") and len(value) > 1)
