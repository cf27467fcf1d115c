"""When a proof concerns a preset; else why not, in words."""

from __future__ import annotations

from collections.abc import Callable

from filehaul.testing.conformance.case import Case

Needs = Callable[[Case], str | None]
"""None: the proof is to be; else the reason why it is left out."""


def always(_case: Case) -> None:
    """Whatever the preset is."""


def feed(case: Case) -> str | None:
    """A change feed."""
    return None if case.traits.has_feed and case.feed else "the preset has no change feed"


def walk(case: Case) -> str | None:
    """A listing folder by folder."""
    return None if case.traits.resource.walk is not None else "folders are not listed one by one"


def paths(case: Case) -> str | None:
    """Paths in the rows."""
    return None if case.traits.has_paths else "rows have no paths"


def paths_of_ids(case: Case) -> str | None:
    """Paths, and ids that stay."""
    return paths(case) or stable_ids(case)


def stable_ids(case: Case) -> str | None:
    """Ids that are no paths."""
    told = "a file's id is its path: renamed, it is another file"
    return None if case.traits.can.ids == "stable" else told


def trash(case: Case) -> str | None:
    """A trash."""
    return None if case.traits.can.trash != "none" else "the vendor has no trash"


def duplicate_names(case: Case) -> str | None:
    """Names that need not differ."""
    told = "names in a folder differ at this vendor"
    return None if case.traits.can.duplicate_names else told


def links(case: Case) -> str | None:
    """Records without bytes."""
    return None if case.traits.can.links else "the vendor lists nothing that points elsewhere"


def exports(case: Case) -> str | None:
    """Native documents."""
    return None if case.traits.exports else "nothing is exported"


def skips(case: Case) -> str | None:
    """Native documents that have no file."""
    return None if case.traits.skips else "no type of documents is skipped"


def redirects(case: Case) -> str | None:
    """Bytes on another host."""
    return None if case.traits.can.redirects else "the bytes are where the API is"


def not_ready(case: Case) -> str | None:
    """Files that are still being made."""
    return None if case.traits.can.not_ready else "files are there at once"


def ranges(case: Case) -> str | None:
    """Parts of files."""
    return None if case.traits.can.ranges else "the vendor gives no parts of files"


def checksums(case: Case) -> str | None:
    """Checksums in the records."""
    return None if case.traits.algorithms else "records have no checksum"


def renewal(case: Case) -> str | None:
    """A token endpoint."""
    return None if case.traits.renews else "the case gives a token that is not renewed"


def pages(case: Case) -> str | None:
    """Pages that are had by a token or a link."""
    block = case.traits.resource.endpoint.paginator or case.traits.config.client.paginator
    kind = "none" if block is None else block.type
    told = f"pages are had by {kind}, and nothing in it can expire"
    return None if kind in ("cursor", "json_link", "continuation", "header_link") else told


def repeated_changes(case: Case) -> str | None:
    """A feed that repeats itself."""
    told = "the vendor tells each change once"
    return feed(case) or (None if case.traits.can.feed_repeats else told)


def throttling(case: Case) -> str | None:
    """Answers that say that there were too many requests."""
    return None if case.throttled else "the case names no such answers"
