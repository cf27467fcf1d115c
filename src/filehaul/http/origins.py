"""Whose server is this? An origin is scheme, host and port; credentials go to trusted ones only.

Trusted are the origin of ``base_url`` and those that ``client.trusted_hosts`` lists. To all
others goes no credential of any kind. Addresses that are not on the public internet (loopback,
link-local, private) are refused to other origins unless ``base_url`` itself is on such an
address: a vendor's answer must not be able to point us at the machine's own metadata service.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote, urldefrag, urljoin

from ..errors import ConfigError, VendorError
from ..redact import redact

_PORTS = {"http": 80, "https": 443}
# Stricter than RFC 3986: whatever two parsers could read in two ways is no address. What libcurl
# connects to must be what was judged here.
_ADDRESS = re.compile(
    r"(?P<scheme>https?)://(?:[^/?#@\\\s]*@)?"
    r"(?P<host>\[[0-9a-f:.]+\]|[^/?#@:%\\\s\[\]<>\"^`{|}\x00-\x1f\x7f]+)"
    r"(?::(?P<port>[0-9]{0,5}))?(?=[/?#]|\Z)",
    re.IGNORECASE,
)
Origin = tuple[str, str, int]


def origin(url: str) -> Origin:
    """Scheme, host (lower case) and port of an http(s) URL; ValueError for anything else."""
    match = _ADDRESS.match(url)
    port = int(match["port"] or 0) if match else 0
    if match is None or port > 65535:
        raise ValueError(f"not an http(s) address: {redact(url)[:200]}")
    scheme = match["scheme"].lower()
    return scheme, match["host"].strip("[]").lower().rstrip("."), port or _PORTS[scheme]


@dataclass(frozen=True)
class Origins:
    """The origins of one connection.

    ``named``: addresses beside ``base_url`` that the config itself names, such as the token
    endpoint: they may be private, and get what a request itself carries, but no credentials.
    """

    base_url: str
    trusted_hosts: tuple[str, ...] = ()
    named: tuple[str, ...] = ()

    @cached_property
    def trusted(self) -> frozenset[Origin]:
        """The origins that get our credentials."""
        scheme = self._configured(self.base_url, "client.base_url")[0]
        listed = (
            self._configured(
                host if "://" in host else f"{scheme}://{host}", "client.trusted_hosts"
            )
            for host in (self.base_url, *self.trusted_hosts)
        )
        return frozenset(listed)

    @cached_property
    def ours(self) -> frozenset[Origin]:
        """The origins that the config names."""
        named = (self._configured(url, "client.auth.token_url") for url in self.named)
        return self.trusted | frozenset(named)

    @staticmethod
    def _configured(url: str, key: str) -> Origin:
        try:
            return origin(url)
        except ValueError as problem:
            raise ConfigError(
                str(problem), where=key, hint="write it so: https://files.example.com"
            ) from None

    def trusts(self, url: str) -> bool:
        """Whether this URL gets our credentials."""
        return origin(url) in self.trusted

    @cached_property
    def base_is_private(self) -> bool:
        """Whether ``base_url`` is itself on a private address (an in-house API, a test)."""
        _, host, port = origin(self.base_url)
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return False
        return any(is_private(str(entry[4][0])) for entry in found)

    def guards(self, url: str) -> bool:
        """Whether the address behind this URL must be public."""
        return origin(url) not in self.ours and not self.base_is_private


def is_private(address: str) -> bool:
    """Whether an IP address is not on the public internet; ValueError where it is no address."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        inside = parsed.ipv4_mapped or parsed.sixtofour
        if inside is None and parsed in _NAT64:
            inside = ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)
        return not (inside or parsed).is_global
    return not parsed.is_global


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def is_private_name(host: str) -> bool:
    """Whether a host as written in a URL is private by itself, before any name is resolved."""
    try:
        return is_private(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def resolve(base: str, target: str) -> str:
    """The absolute http(s) URL of a link in an answer that came from ``base``."""
    url = urldefrag(urljoin(base, target.strip())).url
    try:
        origin(url)
    except ValueError as problem:
        raise VendorError(
            f"the vendor points to an address that is not http(s): {redact(target)[:200]}",
            where=redact(base),
            hint="nothing was asked there; check the vendor's answer, or the base_url",
        ) from problem
    return url


def in_ascii(url: str) -> str:
    """Vendors' addresses have spaces and letters of all scripts: encode those, nothing else."""
    if url.isascii() and url.isprintable() and " " not in url:
        return url
    match = _ADDRESS.match(url)
    if match is not None and not match["host"].isascii():
        try:
            host = match["host"].encode("idna").decode()
        except UnicodeError:
            host = match["host"]  # no such name: libcurl says so
        url = url[: match.start("host")] + host + url[match.end("host") :]
    return quote(url, safe="!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", errors="surrogatepass")
