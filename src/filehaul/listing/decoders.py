"""How the answers of an endpoint are read and what its requests say of it, by `endpoint.decoder`.

A decoder is a function; the config names it. Without a name an answer is JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache, partial

from ..config import Endpoint
from ..json_text import loads
from . import webdav
from .decoded import Decoded

Decode = Callable[[bytes, str, str], Decoded]
"""Body, content type and address of an answer to its values; ValueError: what it is instead."""

_JSON = {"Accept": "application/json"}
_XML = {"Content-Type": "application/xml; charset=utf-8"}


def decoder(endpoint: Endpoint) -> Decode:
    """The decoder of this endpoint's answers."""
    return _json if endpoint.decoder is None else _webdav(endpoint.body or "")


def headers(endpoint: Endpoint) -> Mapping[str, str]:
    """What its requests say, the config's own headers over the decoder's."""
    usual = {
        **(_JSON if endpoint.decoder is None else webdav.HEADERS),
        **(_XML if endpoint.body else {}),
    }
    named = {name.lower() for name in endpoint.headers}
    usual = {name: value for name, value in usual.items() if name.lower() not in named}
    return {**usual, **endpoint.headers}


def _json(body: bytes, content_type: str, _url: str) -> Decoded:
    try:
        return Decoded(loads(body, content_type))
    except ValueError:
        kind = content_type.partition(";")[0]
        raise ValueError(f"not JSON but {kind or 'has no content type'}") from None


@lru_cache(maxsize=64)  # a walk has an endpoint for each folder, and all have one body
def _webdav(asked: str) -> Decode:
    return partial(_multistatus, webdav.prefixes_of(asked) if asked else {})


def _multistatus(prefixes: Mapping[str, str], body: bytes, _content_type: str, url: str) -> Decoded:
    return webdav.decode(body, url, prefixes)
