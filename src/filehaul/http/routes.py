"""What holds for every request to one origin, worked out once: proxy, guard, header lines."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote_plus, urlencode

from ..errors import ConfigError, VendorError
from ..redact import redact
from .messages import NOBODY, Authorization, Request
from .origins import Origins, is_private_name, origin
from .proxies import Proxies

Lines = list["str | bytes"]
_MOST = 1000  # a vendor may point to ever new hosts
_SAYS_NOTHING_OF_US = frozenset(
    {"accept", "accept-language", "range", "if-range", "if-match", "if-none-match"}
)


class Route:
    """One origin. ``trusted``: gets our credentials; ``ours``: the config names it;
    ``guarded``: connecting must check the address; ``proxy``: empty means none.
    """

    def __init__(
        self,
        trusted: bool,
        ours: bool,
        guarded: bool,
        proxy: str,
        headers: tuple[tuple[str, str], ...],
    ) -> None:
        self.trusted = trusted
        self.ours = ours
        self.guarded = guarded
        self.proxy = proxy
        self._headers = headers if trusted else ()
        self._authorization = NOBODY
        self._made: dict[tuple[object, bool, bool], Lines] = {}

    def lines(
        self,
        request: Request,
        authorization: Authorization,
        body: bytes | None,
        resume: Mapping[str, str] | None,
    ) -> Lines:
        """The header lines of one attempt; the same list for all requests that look alike.

        ``resume``: the headers that a writer asks for; None where there is no writer.
        """
        if resume:
            return self._make(request, authorization, body is not None, resume)
        if authorization is not self._authorization or len(self._made) > _MOST:
            self._made.clear()
            self._authorization = authorization
        key = (request.headers, body is not None, resume is not None)
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = self._make(request, authorization, body is not None, resume)
        return made

    def _make(
        self,
        request: Request,
        authorization: Authorization,
        has_body: bool,
        resume: Mapping[str, str] | None,
    ) -> Lines:
        named: dict[str, tuple[str, str | None]] = {}
        named.update((name.lower(), (name, value)) for name, value in self._headers)
        for name, value in request.headers:
            key = name.lower()
            if not (self.ours or key in _SAYS_NOTHING_OF_US):
                continue
            if has_body or key != "content-type":
                named[key] = (name, value)
        if has_body:
            named["expect"] = ("Expect", None)  # a small body is not worth asking first
        if resume is not None:
            named["accept-encoding"] = ("Accept-Encoding", "identity")
            named.update((name.lower(), (name, value)) for name, value in resume.items())
        named.update((name.lower(), (name, value)) for name, value in authorization.headers)
        return [_line(name, value) for name, value in named.values()]


def _line(name: str, value: str | None) -> str | bytes:
    """One header as libcurl takes it: ``Name:`` leaves a header out, ``Name;`` sends it empty."""
    if value is None:
        return f"{name}:"
    line = f"{name}: {value}" if value.strip() else f"{name};"
    if any(character in line for character in "\r\n\0"):
        raise ConfigError(
            f"the header {redact(name)!r} has a line break in it",
            where="client.headers, client.auth, or the resource's headers",
            hint="a secret read from a file often ends with one: take it off",
        )
    return line if line.isascii() else line.encode()


class Routes:
    """The routes of a connection, by the beginning of the URL."""

    def __init__(
        self, origins: Origins, proxies: Proxies, headers: tuple[tuple[str, str], ...]
    ) -> None:
        self.origins = origins
        self.proxies = proxies
        self._headers = headers
        self._known: dict[str, Route] = {}

    def of(self, url: str) -> Route:
        """The route of a URL; VendorError where nothing may be asked there."""
        end = url.find("/", 8)
        beginning = url if end < 0 else url[:end]
        route = self._known.get(beginning)
        if route is None:
            if len(self._known) >= _MOST:
                self._known.clear()
            route = self._known[beginning] = self._make(url)
        return route

    def _make(self, url: str) -> Route:
        try:
            there = origin(url)
        except ValueError as problem:
            raise VendorError(
                str(problem),
                where=redact(url)[:200],
                hint="nothing was asked there; check the vendor's answer, or the base_url",
            ) from None
        guarded = self.origins.guards(url)
        if guarded and is_private_name(there[1]):
            raise private_address(there[1], url)
        proxy = self.proxies.of(there)
        trusted, ours = there in self.origins.trusted, there in self.origins.ours
        return Route(trusted, ours, guarded and not proxy, proxy, self._headers)


def private_address(address: str, url: str) -> VendorError:
    """The error for an address that is refused because it is not a public one."""
    return VendorError(
        f"the vendor points to a private address ({address}); nothing was asked",
        where=redact(url),
        hint="if that server is yours, list its origin under client.trusted_hosts",
    )


def body_elsewhere(verb: str, url: str) -> VendorError:
    """The error for a body that would go to an origin that the config does not name."""
    return VendorError(
        f"the vendor {verb} a request with its body to another origin; nothing was sent there",
        where=redact(url),
        hint="if that server is the vendor's, list its origin under client.trusted_hosts",
    )


def with_query(url: str, query: tuple[tuple[str, str], ...]) -> str:
    """The URL with these parameters; what it says under their names (a vendor's echo) goes."""
    if not query:
        return url
    bare = without_query(url, tuple((name, None) for name, _ in query)).partition("#")[0]
    return bare + ("&" if "?" in bare else "?") + urlencode(query)


def without_query(url: str, query: tuple[tuple[str, str | None], ...]) -> str:
    """The URL without parameters of these names, or of this name and value."""
    start, mark, rest = url.partition("?")
    if not mark or not query:
        return url
    asked, hash_mark, fragment = rest.partition("#")
    kept = []
    for part in asked.split("&"):
        name, _, value = part.partition("=")
        pair = unquote_plus(name), unquote_plus(value)
        if pair not in query and (pair[0], None) not in query:
            kept.append(part)
    return start + ("?" + "&".join(kept) if kept else "") + hash_mark + fragment
