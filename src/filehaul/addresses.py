"""Where and how a file's bytes are asked for, as a text that the ledger can keep.

Nearly always that is a URL, and then the text is the URL. An export, and a request that has a
body of its own, take more lines: the URL, which way of the config's it is, and the body.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
CONTENT, EXPORT = "content", "export"


class Address(NamedTuple):
    """An address. ``url``: absolute, or below base_url. ``way``: by `content` or by its `export`.
    ``body``: JSON.
    """

    url: str
    way: str = CONTENT
    body: bytes | None = None

    @classmethod
    def of(cls, text: str) -> Address:
        """What `text` wrote."""
        if "\n" not in text:
            return cls(text)
        url, way, body = text.split("\n", 2)
        return cls(url, way, body.encode() or None)

    @property
    def text(self) -> str:
        """In one text."""
        if self.way == CONTENT and self.body is None:
            return self.url
        return f"{self.url}\n{self.way}\n{(self.body or b'').decode()}"


def absolute(base_url: str, url: str) -> str:
    """The whole URL: of paths below ``base_url`` the ledger keeps no more than the path. Empty
    where there is none.
    """
    if not url or _ABSOLUTE.match(url):
        return url
    return f"{base_url.rstrip('/')}/{url.lstrip('/')}"
