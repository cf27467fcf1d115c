"""Whose server is this? An origin is scheme, host and port; credentials go to trusted ones only.

Trusted are the origin of ``base_url`` and those that ``client.trusted_hosts`` lists. To all
others goes no credential of any kind. Addresses that are not on the public internet (loopback,
link-local, private) are refused to other origins unless ``base_url`` itself is on such an
address: a vendor's answer must not be able to point us at the machine's own metadata service.
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urljoin, urlsplit

from ..errors import ConfigError, VendorError
from ..redact import redact

_PORTS = {"http": 80, "https": 443}
Origin = tuple[str, str, int]


def origin(url: str) -> Origin:
    """Scheme, host (lower case) and port of an http(s) URL; ValueError for anything else."""
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    if scheme not in _PORTS or not parts.hostname:
        raise ValueError(f"not an http(s) address: {redact(url)[:200]}")
    return scheme, parts.hostname.lower().rstrip("."), parts.port or _PORTS[scheme]


@dataclass(frozen=True)
class Origins:
    """The origins of one connection."""

    base_url: str
    trusted_hosts: tuple[str, ...] = ()

    @cached_property
    def trusted(self) -> frozenset[Origin]:
        """The origins that get our credentials."""
        base = origin(self.base_url)
        listed = set()
        for host in self.trusted_hosts:
            try:
                listed.add(origin(host if "://" in host else f"{base[0]}://{host}"))
            except ValueError as problem:
                raise ConfigError(
                    str(problem),
                    where="client.trusted_hosts",
                    hint="write the host, or the whole origin: https://files.example.com",
                ) from None
        return frozenset({base, *listed})

    def trusts(self, url: str) -> bool:
        """Whether this URL gets our credentials."""
        return origin(url) in self.trusted

    @cached_property
    def base_is_private(self) -> bool:
        """Whether ``base_url`` is itself on a private address (an in-house API, a test)."""
        _, host, port = origin(self.base_url)
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError:
            return False
        return any(is_private(str(entry[4][0])) for entry in found)

    def guards(self, url: str) -> bool:
        """Whether the address behind this URL must be public."""
        return not self.trusts(url) and not self.base_is_private


def is_private(address: str) -> bool:
    """Whether an IP address is not on the public internet."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(parsed, "ipv4_mapped", None)
    return not (mapped or parsed).is_global


def resolve(base: str, target: str) -> str:
    """The absolute http(s) URL of a link in an answer that came from ``base``."""
    url = urljoin(base, target.strip())
    try:
        origin(url)
    except ValueError as problem:
        raise VendorError(
            f"the vendor points to an address that is not http(s): {redact(target)[:200]}",
            where=redact(base),
            hint="nothing was asked there; check the vendor's answer, or the base_url",
        ) from problem
    return url
