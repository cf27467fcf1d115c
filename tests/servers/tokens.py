"""oidc-provider: an OAuth2 server that gives tokens to machines, over http and over TLS."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .installs import from_npm, node
from .running import running

VERSION = "9.13.3"
HOUR, SHORT = 3600, 5  # seconds that a token lives
ODD_ID, ODD_SECRET = "odd:id", "p@ss:w%rd+ &=/"
"""A client whose name and password mean something else unless they are form-encoded."""


@dataclass(frozen=True)
class TokenServer:
    """A running server: where tokens are had, and where others ask about them (TLS only there).

    ``secrets`` by client: ``post`` names itself in the body, all others by HTTP Basic; tokens of
    ``short`` live five seconds; ``watchman`` gets none and may only ask about others'.
    """

    token_url: str
    introspection_url: str
    secrets: Mapping[str, str]


@contextmanager
def oidc_provider(
    program: str,
    folder: Path,
    ports: int,
    settings: Callable[[list[int]], Mapping[str, Any]],
) -> Iterator[list[int]]:
    """oidc-provider as ``program`` sets it up, told ``settings(ports)``; gives its ports."""
    packages = from_npm("oidc-provider", VERSION)

    def command(chosen: list[int]) -> list[str]:
        told = {
            "packages": str(packages),
            "issuer": f"http://127.0.0.1:{chosen[0]}",
            "port": chosen[0],
            **settings(chosen),
        }
        return [str(node()), str(Path(__file__).with_name(program)), json.dumps(told)]

    def metadata(chosen: list[int]) -> str:
        return f"http://127.0.0.1:{chosen[0]}/.well-known/openid-configuration"

    with running(program.removesuffix(".mjs"), folder, ports, command, metadata) as chosen:
        yield chosen


@contextmanager
def token_server(
    folder: Path, openssl: Path, environment: Mapping[str, str]
) -> Iterator[TokenServer]:
    """A server of its own. ``openssl``: the program, which makes its certificate."""
    key, cert = folder / "key.pem", folder / "cert.pem"
    make = [str(openssl), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(
        [*make, *names, "-keyout", str(key), "-out", str(cert)],
        env={**environment},
        check=True,
        capture_output=True,
        timeout=60,
    )
    known = {name: secrets.token_hex(8) for name in ("post", "basic", "short", "watchman")}
    known[ODD_ID] = ODD_SECRET
    lives = {"short": SHORT, "watchman": 0}
    clients = [
        {
            "id": name,
            "secret": secret,
            "method": "client_secret_post" if name == "post" else "client_secret_basic",
            "seconds": lives.get(name, HOUR),
        }
        for name, secret in known.items()
    ]

    def settings(ports: list[int]) -> dict[str, Any]:
        tls = {"port": ports[1], "key": str(key), "cert": str(cert)}
        return {"clients": clients, "tls": tls}

    with oidc_provider("oidc.mjs", folder, 2, settings) as (plain, tls):
        yield TokenServer(
            f"http://127.0.0.1:{plain}/token",
            f"https://127.0.0.1:{tls}/token/introspection",
            known,
        )
