"""`filehaul login`: a person signs in once, and runs go on from the token store.

Each way ends in the same: an access token, a refresh token where the vendor gives one, and the
account's name, kept where the config says.
"""

from __future__ import annotations

import os
import sys
import webbrowser
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..auth import Answer
from ..auth.configured import Means, signed_in
from ..auth.kept import SignedIn
from ..config import Config, load_config
from ..config.sign_in import DeviceCodeAuth, KeptAuth
from ..connect import connect
from ..errors import UsageError
from ..http import Clock, Http
from .account import account_of
from .flows import Person, with_browser, with_device, with_token
from .standing import Login, told

__all__ = ["Login", "Person", "login", "open_browser", "sign_out"]

_PATIENCE = 30.0  # seconds; a run may be renewing
Settings = Config | Mapping[str, Any] | str | Path


def login(
    config: Settings,
    *,
    device: bool = False,
    person: Person | None = None,
    secret: Callable[[], str] | None = None,
    clock: Clock | None = None,
) -> Login:
    """Sign in, and keep the tokens. Blocks until somebody has, or ``person.seconds`` are over.

    ``device``: with a code for another device, where the config names both ways. ``secret`` gives
    the refresh token for ``oauth2_refresh_token``, whose config names no way to sign in. Raises
    CredentialsError where the vendor refuses, TemporaryError where nobody signs in.
    """
    loaded = load_config(config)
    block = _block(loaded)
    person = person or Person(_tell, open_browser)
    with connect(loaded, clock) as http:
        sign_in = signed_in(loaded, Means(http.send, http.clock, http.wait))
        sign_in.store.place.prepare()  # nobody signs in only to hear that it cannot be kept
        answer = _answer(block, sign_in, http, person, device, secret)
        account = account_of(answer, block.account, loaded.client.base_url, http)
        return told(loaded, sign_in.keep(answer, account))


def _answer(
    block: KeptAuth,
    sign_in: SignedIn,
    http: Http,
    person: Person,
    device: bool,
    secret: Callable[[], str] | None,
) -> Answer:
    endpoint, send = sign_in.endpoint, sign_in.send
    if device and block.device_authorization_url is None:
        raise UsageError(
            "the config names no way to sign in with another device",
            where="client.auth.device_authorization_url",
            hint="add it if the vendor has one, or sign in with a browser",
        )
    if device or isinstance(block, DeviceCodeAuth):
        return with_device(block, endpoint, send, person, http.wait)
    if block.authorization_url is not None:
        return with_browser(block, endpoint, send, person)
    if block.device_authorization_url is not None:
        return with_device(block, endpoint, send, person, http.wait)
    if secret is None:
        raise UsageError(
            "a refresh token is needed, and nobody is asked for one",
            where="client.auth",
            hint="login(config, secret=getpass.getpass), or filehaul login on a terminal",
        )
    return with_token(endpoint, send, secret)


def sign_out(config: Settings) -> bool:
    """Forget the tokens that are kept; False: there were none. The vendor is not told."""
    loaded = load_config(config)
    _block(loaded)
    with connect(loaded) as http:
        sign_in = signed_in(loaded, Means(http.send, http.clock, http.wait))
        return sign_in.store.forget(sign_in.client, http.wait, _PATIENCE)


def _block(config: Config) -> KeptAuth:
    block = config.client.auth
    if isinstance(block, KeptAuth):
        return block
    kind = "none" if block is None else block.type
    raise UsageError(
        f"nobody needs to sign in for this config: its auth is {kind}",
        where=f"client.auth in {config.source}",
        hint="people sign in for oauth2_authorization_code and oauth2_device_code",
    )


def open_browser(address: str) -> bool:
    """Open it in this machine's browser; False: there is none that shows windows."""
    displays = sys.platform == "darwin" or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    )
    try:
        return displays and webbrowser.open(address)
    except (webbrowser.Error, OSError):
        return False


def _tell(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
