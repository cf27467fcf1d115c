"""A config's ``client`` block to an open `Http` with credentials."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from . import __version__, auth
from .config import Config
from .config.model import ApiKeyAuth, BasicAuth, BearerAuth, Client, OAuth2Auth
from .http import Authorize, Clock, Http, HttpSettings, RetryPolicy, Wait
from .http.tls import ca_bundle
from .redact import conceal_if_secret


def settings_of(client: Client, folder: Path) -> HttpSettings:
    """The HTTP settings that a client block asks for; files in it are relative to ``folder``."""

    def file(name: str | None) -> str | None:
        return None if name is None else str(folder / Path(name).expanduser())

    retry, cert = client.retry, client.cert
    if cert is not None:
        cert = ",".join(str(folder / Path(part.strip()).expanduser()) for part in cert.split(","))
    return HttpSettings(
        base_url=client.base_url,
        headers=tuple((name, value.strip()) for name, value in client.headers.items()),
        trusted_hosts=client.trusted_hosts,
        named_urls=(client.auth.token_url,) if isinstance(client.auth, OAuth2Auth) else (),
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
        connect_timeout=client.timeouts.connect,
        stall_timeout=client.timeouts.stall,
        ca_file=ca_bundle(file(client.ca_bundle)),
        cert=cert,
        insecure=client.insecure,
        proxy=client.proxy,
        user_agent=f"filehaul/{__version__}",
    )


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
    settings = settings_of(client, config.folder)
    http = Http(settings, clock=clock, cancelled=cancelled, waiting=waiting)
    http.authorize = _credentials(client, http, clock)
    return http


def _credentials(client: Client, http: Http, clock: Clock) -> Authorize | None:
    block = client.auth
    if isinstance(block, OAuth2Auth):
        grant = auth.ClientCredentials(
            token_url=block.token_url,
            client_id=block.client_id,
            client_secret=block.client_secret,
            method=block.token_endpoint_auth_method,
            scope=block.scope or "",
            audience=block.audience or "",
            extra=block.extra,
            default_life=block.default_token_expiration,
        )
        return auth.OAuth2(grant, http.send, clock)
    if isinstance(block, BearerAuth):
        return auth.bearer(block.token)
    if isinstance(block, ApiKeyAuth):
        return auth.api_key(block.name, block.api_key, block.location)
    if isinstance(block, BasicAuth):
        return auth.http_basic(block.username, block.password)
    return None
