"""MIME types as a config names them: in lower case, with ``*`` for any text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

_TYPE = re.compile(r"[^\s/;,]+/[^\s/;,]+\Z")


def is_type(text: str) -> bool:
    """Whether a text is a MIME type, or a pattern of one."""
    return _TYPE.match(text) is not None


def fitting(names: Iterable[str], mime_type: str) -> str | None:
    """Of types and patterns the one that this type is held to: its own name, else the pattern with
    the most characters beside ``*`` (of equals the first). None: no pattern fits.
    """
    patterns = []
    for name in names:
        if name == mime_type:
            return name
        if "*" in name and _pattern(name).match(mime_type):
            patterns.append(name)
    return max(patterns, key=lambda name: len(name) - name.count("*"), default=None)


@lru_cache(256)
def _pattern(text: str) -> re.Pattern[str]:
    # Not fnmatch: ? and brackets are characters like others here.
    return re.compile(".*".join(map(re.escape, text.split("*"))) + r"\Z")
