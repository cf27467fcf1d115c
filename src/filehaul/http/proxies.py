"""Which proxy leads to an origin: ``client.proxy``, else the environment's variables.

Decided here and not by libcurl: it does not read HTTP_PROXY in capitals, and whoever checks
addresses at the moment of connecting must know whether it is the proxy that is connected to.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from urllib.request import getproxies_environment

from .origins import Origin


class Proxies:
    """The proxies of a connection. ``configured``: for every origin; None: as the variables say.

    An empty ``configured`` means: no proxy, whatever the variables say. NO_PROXY holds for both.
    """

    def __init__(self, configured: str | None) -> None:
        found = getproxies_environment()
        self._exceptions = list(_exceptions(found.pop("no", "")))
        if configured is not None:
            found = {"all": configured}
        self._by_scheme = found

    def of(self, origin: Origin) -> str:
        """The proxy's URL; empty: connect directly."""
        scheme, host, port = origin
        proxy = self._by_scheme.get(scheme) or self._by_scheme.get("all") or ""
        if proxy and any(_covers(exception, host, port) for exception in self._exceptions):
            return ""
        return proxy


def _exceptions(no_proxy: str) -> Iterator[tuple[str, int | None]]:
    """Host (or address, or network) and port of each entry."""
    for entry in re.split(r"[\s,]+", no_proxy.lower()):
        match = re.fullmatch(r"(?P<host>\[[^\]]*\]|[^:]*):(?P<port>\d+)", entry)
        if match is not None:
            yield match["host"].strip("[]"), int(match["port"])
        elif entry:
            yield entry.strip("[]"), None


def _covers(exception: tuple[str, int | None], host: str, port: int) -> bool:
    pattern, only_port = exception
    if only_port is not None and only_port != port:
        return False
    if pattern == "*":
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(pattern, strict=False)
    except ValueError:
        name = pattern.removeprefix("*").strip(".")
        return bool(name) and (host == name or host.endswith("." + name))
