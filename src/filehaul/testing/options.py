"""How a fake vendor behaves: every knob, its default and its unit."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, TypedDict, get_args

from filehaul.testing.answers import RecordedRequest

TokenStyle = Literal["post", "basic", "both"]
HeaderCase = Literal["title", "lower", "odd"]
Auth: TypeAlias = "bool | Callable[[RecordedRequest], bool]"
RecordHook = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Options:
    """The knobs of a :class:`FakeVendor`, given to it as keyword arguments.

    Listing: ``total`` is where the number of files stands in a page: True for ``total``, a dotted
    path such as ``"meta.count"``, False for nowhere. ``selector`` is the dotted path of the rows;
    ``"$"`` makes the page a bare array (then without total). ``page_cap`` is the most rows of a
    page: a larger ``limit`` silently gets so many. ``chunked`` sends pages without a length.
    ``record_shape`` gets each record as a dict and returns the one to send.

    Tokens: ``auth`` False asks for none; a function of the request decides itself. ``token_ttl``
    is in seconds. ``token_style`` is where the client's secret is accepted: in the body
    (``post``), by HTTP Basic (``basic``), or either (``both``). ``client_secret`` is random if
    left out.

    Content: ``checksum`` puts ``sha256`` into the record. ``etag`` False sends none, ``"weak"``
    sends ``W/"…"``, which If-Range never matches. ``ranges`` False ignores Range. ``signed_ttl``
    is the life of a signed URL in seconds. ``second_origin`` opens another port, to which the
    signed URLs then point.

    Wire: ``latency`` is in seconds, before each answer. ``requests_per_connection`` closes a
    connection after so many answers, with ``Connection: close`` in the last one, or without a word
    if ``announce_close`` is False. ``rate_limit`` is in requests per second (the API's and the
    signed ones, not the tokens'); more get 429 and Retry-After. ``header_case`` is how the names of
    headers are spelt. ``api_prefix`` stands before ``/files``. ``port`` 0 takes any free one.

    ``log`` is how many of the last requests are kept; True for 100,000, False for none.
    """

    total: bool | str = True
    selector: str = "files"
    page_cap: int = 100
    chunked: bool = False
    record_shape: RecordHook | None = None
    auth: Auth = True
    token_ttl: float = 3600
    token_style: TokenStyle = "post"
    client_id: str = "fake-client"
    client_secret: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    checksum: bool = True
    etag: bool | Literal["weak"] = True
    ranges: bool = True
    signed_ttl: float = 3600
    second_origin: bool = False
    latency: float = 0.0
    requests_per_connection: int | None = None
    announce_close: bool = True
    rate_limit: float | None = None
    header_case: HeaderCase = "title"
    api_prefix: str = "/v1"
    port: int = 0
    log: bool | int = True

    def __post_init__(self) -> None:
        """Refuse what no vendor could do."""
        if self.page_cap < 1:
            msg = f"page_cap is at least 1, not {self.page_cap}"
            raise ValueError(msg)
        if self.selector == "$" and self.total:
            msg = "a page that is a bare array (selector='$') has no place for a total: total=False"
            raise ValueError(msg)
        if self.api_prefix and (self.api_prefix[0] != "/" or self.api_prefix[-1] == "/"):
            msg = f"api_prefix is '' or begins with / and does not end with it: {self.api_prefix!r}"
            raise ValueError(msg)
        for name, known in (("token_style", TokenStyle), ("header_case", HeaderCase)):
            if getattr(self, name) not in get_args(known):
                msg = f"{name} is one of {get_args(known)}, not {getattr(self, name)!r}"
                raise ValueError(msg)


class OptionArguments(TypedDict, total=False):
    """The same knobs as keyword arguments, for type checkers and editors."""

    total: bool | str
    selector: str
    page_cap: int
    chunked: bool
    record_shape: RecordHook | None
    auth: Auth
    token_ttl: float
    token_style: TokenStyle
    client_id: str
    client_secret: str
    checksum: bool
    etag: bool | Literal["weak"]
    ranges: bool
    signed_ttl: float
    second_origin: bool
    latency: float
    requests_per_connection: int | None
    announce_close: bool
    rate_limit: float | None
    header_case: HeaderCase
    api_prefix: str
    port: int
    log: bool | int
