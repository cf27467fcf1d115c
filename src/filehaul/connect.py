"""A config's ``client`` block to an open `Http` with credentials."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from . import __version__
from .auth.configured import Means, credentials, named_urls
from .config import Config
from .config.limits import RateHeaders
from .config.model import Client
from .http import Clock, Http, HttpSettings, RetryPolicy, Wait
from .http.forecast import RateHeaders as Names
from .http.tls import ca_bundle
from .redact import conceal_if_secret


def settings_of(client: Client, folder: Path, named: tuple[str, ...] = ()) -> HttpSettings:
    """The HTTP settings that a client block asks for; files in it are relative to ``folder``.

    ``named``: addresses beside ``base_url`` that the config names.
    """

    def file(name: str | None) -> str | None:
        return None if name is None else str(folder / Path(name).expanduser())

    retry, cert, per_path = client.retry, client.cert, client.limits.per_path
    if cert is not None:
        cert = ",".join(str(folder / Path(part.strip()).expanduser()) for part in cert.split(","))
    return HttpSettings(
        base_url=client.base_url,
        headers=tuple((name, value.strip()) for name, value in client.headers.items()),
        trusted_hosts=client.trusted_hosts,
        named_urls=named,
        retry=RetryPolicy(
            retry.statuses,
            retry.max_retries,
            retry.backoff_factor,
            retry.rules,
            retry.max_wait.request,
            retry.max_wait.run,
        ),
        concurrency=client.limits.concurrency,
        requests_per_second=client.limits.requests_per_second,
        bandwidth=client.limits.bandwidth,
        rate_headers=_names(client.limits.headers),
        per_path=None if per_path is None else (per_path.requests, per_path.seconds),
        connect_timeout=client.timeouts.connect,
        stall_timeout=client.timeouts.stall,
        ca_file=ca_bundle(file(client.ca_bundle)),
        cert=cert,
        insecure=client.insecure,
        proxy=client.proxy,
        user_agent=f"filehaul/{__version__}",
    )


def _names(block: bool | RateHeaders) -> Names | bool:
    if isinstance(block, bool):
        return block
    limit = None if block.limit is None else block.limit.lower()
    return Names(block.remaining.lower(), block.reset.lower(), limit)


def connect(
    config: Config,
    clock: Clock | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    waiting: Callable[[Wait], None] = lambda _wait: None,
) -> Http:
    """An open client for the config's vendor; ``cancelled``, ``waiting``: see `Http`."""
    clock = clock or Clock()
    client = config.client
    for name, value in client.headers.items():
        conceal_if_secret(name, value)
    settings = settings_of(client, config.folder, named_urls(config))
    http = Http(settings, clock=clock, cancelled=cancelled, waiting=waiting)
    http.authorize = credentials(config, Means(http.send, clock, http.wait))
    return http
