"""What is odd about a page that was mapped: each rule sees one thing, and says what to write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..config import Resource
from ..config.field_source import KINDS, FieldSource
from ..fields import NEUTRAL_TYPES, Rows, roles_of
from ..fields.codecs import UnfitError, checksum_codec, checksum_hex
from ..fields.rows import snippet
from ..guess import Columns, Guess, Markers, algorithms_by_shape, columns, hashes, markers
from ..guess import time_codec as codec_of
from ..json_text import dumps
from ..paths import MISSING
from ..redact import is_secret

if TYPE_CHECKING:
    import pyarrow as pa

Odd = tuple[str, str, str]
"""(column, what is odd, what to write)."""

_FEWEST = 3  # of fewer records, equal values say nothing
_FIRST_YEAR = 1980
_TIMES = ("created_at", "modified_at")
_ALIKE = ("file_name", "path", "checksum", *_TIMES)
_VITAL = ("size", "modified_at", "checksum")


@dataclass(frozen=True)
class Looked:
    """A page that is looked at. ``records``: all that came; ``rows``: those with a usable key.
    ``has_preset``: a preset says where columns are, also those that not every file has.
    """

    resource: Resource
    rows: Rows
    table: pa.Table
    records: Sequence[Any]
    has_preset: bool = False

    @cached_property
    def guessed(self) -> Columns:
        """What `filehaul init` would make of the same records."""
        return columns(self.records)

    @cached_property
    def marked(self) -> Markers:
        """Likewise."""
        return markers(self.records)

    @cached_property
    def files(self) -> list[Any]:
        """The records that have bytes: folders have no size, type or checksum."""
        roles = roles_of(self.resource)
        return [record for record in self.rows.records if roles.is_file(record)]

    def values(self, column: str) -> list[Any]:
        """The column's values that are not null."""
        if column not in self.table.column_names:
            return []
        return [one for one in self.table.column(column).to_pylist() if one is not None]

    def records_at(self, source: FieldSource) -> list[Any]:
        """The vendor's own values of a column, where there are any."""
        found = (source.place.get(record) for record in self.rows.records)
        return [one for one in found if one is not MISSING and one not in (None, "")]


def sources_of(resource: Resource) -> dict[str, FieldSource]:
    """The columns that ``fields`` maps, `checksum` apart."""
    if resource.fields is None:
        return {}
    found = {name: getattr(resource.fields, name, None) for name in NEUTRAL_TYPES}
    return {name: one for name, one in found.items() if isinstance(one, FieldSource)}


def checksums_of(resource: Resource) -> list[tuple[str, FieldSource]]:
    """The checksums that ``fields`` maps."""
    return [] if resource.fields is None else list(resource.fields.checksum.items())


def looks(seen: Looked) -> Iterator[Odd]:
    """Everything that is odd, in the order of the columns."""
    for rule in _RULES:
        yield from rule(seen)


def written_as(seen: Looked, column: str) -> str:
    """What to write for a column whose values do not fit; empty: nobody knows."""
    source = sources_of(seen.resource).get(column)
    if source is None or source.path is None:
        return ""
    codec = codec_of(seen.records_at(source)) if column in _TIMES else None
    if codec is not None and codec != (source.codec or ""):
        return _line(Guess(column, source.path, codec))
    guess = seen.guessed.of(column)
    return _line(guess) if guess is not None and guess.path != source.path else ""


def _line(guess: Guess) -> str:
    source = f"{{path: {guess.path}, codec: {guess.codec}}}" if guess.codec else guess.path
    if guess.algorithm:
        source = f"{{{guess.algorithm}: {source}}}"
    return f"fields: {{{guess.column}: {source}}}"


def _nowhere(seen: Looked) -> Iterator[Odd]:
    """Paths that lead nowhere in every record."""
    if seen.has_preset:
        return
    pairs = [*sources_of(seen.resource).items()]
    checksums = [("checksum", source) for _, source in checksums_of(seen.resource)]
    if all(_is_nowhere(seen, source) for _, source in checksums):
        pairs += checksums  # of several, a record need have one
    for column, source in pairs:
        if _is_nowhere(seen, source):
            guess = seen.guessed.of(column)
            text = f"no record of the page has {source.place.text!r}; {column} stays null"
            yield column, text, _line(guess) if guess else ""


def _is_nowhere(seen: Looked, source: FieldSource) -> bool:
    return all(source.place.get(record) is MISSING for record in seen.files)


def _keys(seen: Looked) -> Iterator[Odd]:
    """Records without a key, and records that share one."""
    names = ", ".join(seen.resource.keys)
    if not names:
        return
    count = len(seen.records)
    without = count - len(seen.rows.keys)
    advice = _other_key(seen)
    if without > 0:
        reject = next((one for one in seen.rows.rejects if one.record), None)
        why = f": {reject.reason}" if reject is not None else ""
        yield "file_id", f"{without} of {count} records have no usable {names}{why}", advice
    # One record that comes twice is one file, as change feeds have it; two of one key are not.
    different = dict.fromkeys(
        (key, dumps(one, sort=True)) for key, one in zip(seen.rows.keys, seen.rows.records)
    )
    key, times = next(iter(Counter(key for key, _ in different).most_common(1)), ("", 0))
    if times > 1:
        text = f"{times} records share the {names} {snippet(key)!r}"
        yield "file_id", text, advice


def _other_key(seen: Looked) -> str:
    """Another field that every record has, and no two the same."""
    guess = seen.guessed.of("file_id")
    source = sources_of(seen.resource).get("file_id")
    taken = [one and one.path for one in map(seen.guessed.of, ("path", "file_name", "web_url"))]
    if guess is None or source is None or guess.path in (source.path, *taken):
        return ""
    return _line(guess)


def _sizes(seen: Looked) -> Iterator[Odd]:
    """Sizes as text, and sizes that are all 0."""
    source = sources_of(seen.resource).get("size")
    if source is not None and source.codec is None and source.path is not None:
        given = seen.records_at(source)
        if seen.values("size") and any(isinstance(one, str) for one in given):
            guess = Guess("size", source.path, "int")
            yield "size", f"the vendor writes {source.path} as text", _line(guess)
    sizes = seen.values("size")
    if len(sizes) >= _FEWEST and not any(sizes) and all(type(one) is int for one in sizes):
        yield "size", f"all {len(sizes)} sizes are 0", ""


def _checksums(seen: Looked) -> Iterator[Odd]:
    """Values that are no checksum of their algorithm: they would be null without a word."""
    for algorithm, source in checksums_of(seen.resource):
        given = seen.records_at(source)
        wrong = [one for one in given if not _is_checksum(one, algorithm, source)]
        if not wrong:
            continue
        sort = f"{len(str(wrong[0]))} characters" if isinstance(wrong[0], str) else "no text"
        path = source.place.text
        text = f"{len(wrong)} of {len(given)} values at {path} are no {algorithm} ({sort})"
        yield "checksum", text, _other_checksum(given, algorithm, source)


def _is_checksum(value: Any, algorithm: str, source: FieldSource) -> bool:
    convert = checksum_codec(algorithm, source.codec)
    try:
        text = convert(value) if convert else value
    except UnfitError:
        # Of several checksums in one text not all algorithms have to be there.
        return source.codec == "labelled" and ":" in str(value)
    return isinstance(text, str) and checksum_hex(algorithm, text) is not None


def _other_checksum(given: Sequence[Any], algorithm: str, source: FieldSource) -> str:
    """The same values with the right codec, or as the right algorithm."""
    assert source.path is not None
    codec = hashes(given, algorithm)
    if codec is not None:
        return _line(Guess("checksum", source.path, codec, algorithm=algorithm))
    for name, codec in algorithms_by_shape(given)[:1]:
        return _line(Guess("checksum", source.path, codec, algorithm=name))
    return ""


def _times(seen: Looked) -> Iterator[Odd]:
    """Times that no file can have: read by the wrong codec, or not times at all."""
    for column in _TIMES:
        times = [one for one in seen.values(column) if isinstance(one, datetime)]
        advice = written_as(seen, column)
        if any(one.year < _FIRST_YEAR for one in times):
            yield column, f"{column} lies in {min(times).year}", advice
        elif times and max(times) > datetime.now(timezone.utc) + timedelta(days=2):
            yield column, f"{column} lies in the future: {max(times):%Y-%m-%d}", advice


def _names(seen: Looked) -> Iterator[Odd]:
    """Names that are paths, paths that are folders'."""
    names = [one for one in seen.values("file_name") if isinstance(one, str)]
    source = sources_of(seen.resource).get("file_name")
    slashed = [one for one in names if "/" in one or "\\" in one]
    if slashed and "path" not in sources_of(seen.resource):
        path = source.place.text if source is not None else "file_name"
        text = f"names have slashes in them: {snippet(slashed[0])!r}"
        yield "file_name", text, f"fields: {{path: {path}}}"
    if "path" not in sources_of(seen.resource) or not names:
        return
    pairs = zip(*(seen.table.column(name).to_pylist() for name in ("path", "file_name")))
    both = [(path, name) for path, name in pairs if path and name]
    if both and not any(path.endswith(name) for path, name in both):
        yield (
            "path",
            f"no path ends in its file's name: {snippet(both[0][0])!r}",
            "leave fields.path out",
        )


def _alike(seen: Looked) -> Iterator[Odd]:
    """Values that are all the same where files differ."""
    for column in _ALIKE:
        values = seen.values(column)
        if len(values) >= _FEWEST and len(set(map(str, values))) == 1:
            yield column, f"{column} is the same in all {len(values)} records", ""


def _kinds(seen: Looked) -> Iterator[Odd]:
    """Words that are no kind of ours: a folder by another name would be asked for its bytes."""
    source = sources_of(seen.resource).get("kind")
    odd = sorted({one for one in map(str, seen.values("kind")) if one not in KINDS})
    if source is None or not odd:
        return
    kind = seen.marked.kind
    values = dict(kind.source.get("values", {})) if kind is not None else {}
    shown = ", ".join(f"{one}: {values.get(one, 'other')}" for one in odd)
    advice = f"fields: {{kind: {{path: {source.place.text}, values: {{{shown}}}}}}}"
    yield "kind", f"{', '.join(map(repr, odd[:3]))} is no kind ({', '.join(KINDS)})", advice


def _addresses(seen: Looked) -> Iterator[Odd]:
    """Addresses that are secrets: they would stand in the table."""
    if any(isinstance(one, str) and is_secret(one) for one in seen.values("web_url")):
        yield "web_url", "web_url has signatures or tokens in it", "leave fields.web_url out"


def _trashed(seen: Looked) -> Iterator[Odd]:
    """Files in the trash that are listed like all others."""
    trashed = sum(one is True for one in seen.values("is_trashed"))
    source = sources_of(seen.resource).get("is_trashed")
    if trashed and source is not None and not seen.resource.deleted:
        advice = f"deleted: {{path: {source.place.text}, equals: true, reason: trashed}}"
        yield "is_trashed", f"{trashed} of the files are in the vendor's trash", advice


def _missing(seen: Looked) -> Iterator[Odd]:
    """What every copy lives by and is not mapped, whether the records have it or not."""
    has = mapped_columns(seen)
    more = [one for one in map(seen.guessed.of, _VITAL) if one and one.column not in has]
    for guess in more:
        yield (
            guess.column,
            f"{guess.path} looks like {guess.column}, and is not mapped",
            _line(guess),
        )
    if "modified_at" not in has | {guess.column for guess in more}:
        text = "no time of the last change is mapped"
        if not has & {"checksum", "version"}:
            text += ", no checksum and no version: nothing tells that a file has changed"
        yield "modified_at", text, ""


def mapped_columns(seen: Looked) -> set[str]:
    """The neutral columns that the page fills, or what stands for them without ``fields``."""
    if seen.resource.fields is not None:
        hashed = ["checksum"] if checksums_of(seen.resource) else []
        return {*sources_of(seen.resource), *hashed}
    names = {"name": "file_name", "modified": "modified_at"}
    chosen = roles_of(seen.resource, seen.rows.records[0]).chosen
    return {"checksum" if one.startswith("checksum") else names.get(one, one) for one in chosen}


def more_columns(seen: Looked) -> list[str]:
    """What else of the records could be a column, as ``fields`` would have it."""
    if seen.resource.fields is None:
        return []
    has = mapped_columns(seen)
    guesses = [one for one in seen.guessed.guesses if one.column not in has and not one.doubt]
    return [_line(one) for one in guesses if one.column not in _VITAL]


_RULES: tuple[Callable[[Looked], Iterator[Odd]], ...] = (
    _nowhere,
    _keys,
    _sizes,
    _checksums,
    _times,
    _names,
    _alike,
    _kinds,
    _addresses,
    _trashed,
    _missing,
)
