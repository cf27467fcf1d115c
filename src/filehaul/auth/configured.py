"""The credentials that a config's ``auth`` block asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ..config import Config
from ..config.secrets import UNSET
from ..config.sign_in import (
    ApiKeyAuth,
    BasicAuth,
    BearerAuth,
    JwtBearerAuth,
    KeptAuth,
    Key,
    RefreshTokenAuth,
    TokenRequest,
)
from ..errors import ConfigError
from ..http import Authorize, Clock
from .assertion import JWT_BEARER, SigningKey, signed, signing_key
from .endpoint import Endpoint, Send
from .fixed import api_key, bearer, http_basic
from .kept import SignedIn
from .store import Kept, Store, digest
from .tokens import Asked, OAuth2, client_credentials


@dataclass(frozen=True)
class Means:
    """What a sign-in works with: how to send, the time, and how to let it pass."""

    send: Send
    clock: Clock
    wait: Callable[[float], None]


def named_urls(config: Config) -> tuple[str, ...]:
    """The addresses that the block names: they get what a request carries, and no token."""
    block = config.client.auth
    if not isinstance(block, TokenRequest):
        return ()
    found = [_Request(block, config.folder, Clock()).token_url]
    if isinstance(block, KeptAuth) and block.device_authorization_url:
        found.append(block.device_authorization_url)
    return tuple(found)


def credentials(config: Config, means: Means) -> Authorize | None:
    """The credentials of a connection; None: the vendor is asked without. Raises ConfigError."""
    block = config.client.auth
    if isinstance(block, KeptAuth):
        return OAuth2(signed_in(config, means), means.clock)
    if isinstance(block, JwtBearerAuth):
        request = _Request(block, config.folder, means.clock)
        return OAuth2(
            Asked(request.endpoint, request.jwt_bearer, means.send, means.clock), means.clock
        )
    if isinstance(block, TokenRequest):
        endpoint = _Request(block, config.folder, means.clock).endpoint
        return OAuth2(client_credentials(endpoint, means.send, means.clock), means.clock)
    if isinstance(block, BearerAuth):
        return bearer(block.token)
    if isinstance(block, ApiKeyAuth):
        return api_key(block.name, block.api_key, block.location)
    if isinstance(block, BasicAuth):
        return http_basic(block.username, block.password)
    return None


def signed_in(config: Config, means: Means) -> SignedIn:
    """The sign-in that the connection's token store has. The block must be one of those."""
    block = config.client.auth
    assert isinstance(block, KeptAuth)
    by_person = not isinstance(block, RefreshTokenAuth)
    request = _Request(block, config.folder, means.clock, sends_scope=not by_person)
    return SignedIn(
        request.endpoint,
        token_store(config),
        means.send,
        means.clock,
        means.wait,
        seed=block.refresh_token or "",
        scope=_asked_for(block),
        login="filehaul.login(config)" if config.is_dict else f"filehaul login {config.source}",
    )


def _asked_for(block: KeptAuth) -> str:
    """The rights that somebody signed in for; a refresh token has its own."""
    return "" if isinstance(block, RefreshTokenAuth) else block.scope or ""


def kept(config: Config) -> Kept:
    """What the token store has for this config, of which variables may be missing: then the newest.

    ConfigError where the store cannot be read.
    """
    block, store = config.client.auth, token_store(config)
    assert isinstance(block, KeptAuth)
    if UNSET in (block.token_url, block.client_id):
        return store.newest()
    return store.look(digest(block.token_url, block.client_id, _asked_for(block)))


def token_store(config: Config) -> Store:
    """Where the connection's tokens are kept: beside its ledger, wherever that is."""
    block = config.client.auth
    assert isinstance(block, KeptAuth)
    return Store(config.state.absolute().parent, config.name, block.store)


@dataclass(frozen=True)
class _Request:
    """A block's token request; its key is read when it is first needed."""

    block: TokenRequest
    folder: Path
    clock: Clock
    sends_scope: bool = True

    @cached_property
    def key(self) -> SigningKey | None:
        return None if self.block.key is None else _read(self.block.key, self.folder)

    @property
    def token_url(self) -> str:
        url = self.block.token_url or (self.key and self.key.token_url)
        if not url:
            raise ConfigError(
                "the key's file does not say where tokens are had",
                where="client.auth.token_url",
                hint="add token_url, as the vendor's documentation has it",
            )
        return url

    @property
    def client_id(self) -> str:
        return self.block.client_id or (self.key.client_id if self.key else "")

    @cached_property
    def endpoint(self) -> Endpoint:
        block = self.block
        secret = block.client_secret or (self.key.client_secret if self.key else "")
        method: str = block.method
        if isinstance(block, JwtBearerAuth) and secret and not block.token_endpoint_auth_method:
            method = "client_secret_post"
        return Endpoint(
            url=self.token_url,
            client_id=self.client_id,
            client_secret=secret,
            method=method,
            scope=(block.scope or "") if self.sends_scope and not self._scope_is_claim else "",
            audience=block.audience or "",
            extra=block.extra,
            default_life=block.default_token_expiration,
            assertion=self._proof if method == "private_key_jwt" else None,
        )

    @property
    def _scope_is_claim(self) -> bool:
        key = self.key if isinstance(self.block, JwtBearerAuth) else None
        return key is not None and key.scope_is_claim

    def _proof(self) -> str:
        """RFC 7523 3: the client itself is issuer and subject."""
        return self._signed({"iss": self.client_id, "sub": self.client_id})

    def jwt_bearer(self) -> dict[str, str]:
        """RFC 7523 2.1."""
        block, key = self.block, self.key
        assert isinstance(block, JwtBearerAuth)
        assert key is not None
        claims: dict[str, Any] = {"iss": block.issuer or key.issuer or self.client_id, **key.claims}
        if self._scope_is_claim and block.scope:
            claims["scope"] = block.scope
        if block.subject:
            claims |= {**key.subject_claims, "sub": block.subject}
        return {"grant_type": JWT_BEARER, "assertion": self._signed({**claims, **block.claims})}

    def _signed(self, claims: dict[str, Any]) -> str:
        assert self.key is not None
        assert self.block.key is not None
        audience = self.block.key.audience or self.token_url
        return signed(self.key, {"aud": audience, **claims}, self.clock.time())


def _read(key: Key, folder: Path) -> SigningKey:
    text = key.text if key.file is None else _file(folder, key.file, "file")
    assert text is not None
    certificate = key.certificate and _file(folder, key.certificate, "certificate")
    return signing_key(
        text,
        passphrase=key.passphrase,
        certificate=certificate,
        key_id=key.key_id,
        algorithm=key.algorithm,
    )


def _file(folder: Path, name: str, what: str) -> str:
    path = folder / Path(name).expanduser()
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        why = getattr(problem, "strerror", None) or "it is not text"
        raise ConfigError(
            f"the {'key' if what == 'file' else what} cannot be read: {why}",
            where=f"client.auth.key.{what}: {path}",
            hint="its path is relative to the config's folder",
        ) from None
