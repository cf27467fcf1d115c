"""Stores that others wrote, as sinks: SeaweedFS and moto speak S3, Azurite is Azure's emulator.

What Google's client writes reaches moto through a translation of headers (`google_store`).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from typing import Any

from moody_store import MoodyStore, Seen

from .installs import from_npm, from_pypi, node
from .running import ask, running
from .seaweedfs import seaweedfs

MOTO = "5.2.5"
AZURITE = "3.35.0"
ACCOUNT = "devstoreaccount1"
# Published by Azurite for everybody; it opens nothing but an emulator.
ACCOUNT_KEY = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)


@dataclass(frozen=True)
class Store:
    """A store with a bucket ``bucket``. ``options``: obstore's, with the credentials among them.

    ``variables``: the same in the environment's words. ``wrong``: options that are refused.
    """

    scheme: str
    url: str
    options: dict[str, Any]
    variables: dict[str, str]
    wrong: dict[str, Any] = field(default_factory=dict)
    bucket: str = "landing"

    def address(self, prefix: str) -> str:
        """A sink's address."""
        return f"{self.scheme}://{self.bucket}/{prefix}"

    def sink(self, prefix: str, **more: Any) -> dict[str, Any]:
        """A config's ``sink``."""
        return {"url": self.address(prefix), "options": {**self.options, **more}}

    def client(self) -> Any:
        """obstore itself, to see what is there without our code."""
        from obstore import store

        kinds = {"s3": store.S3Store, "az": store.AzureStore, "gs": store.GCSStore}
        kind = kinds[self.scheme]
        return kind(self.bucket, config={**self.options, "allow_http": "true"})

    def files(self, prefix: str) -> dict[str, bytes]:
        """Every file below a prefix but our own marks: path and bytes."""
        client = self.client()
        found = {}
        for page in client.list(prefix, chunk_size=1000):
            for one in page:
                path = one["path"].removeprefix(f"{prefix}/")
                if not path.startswith(".filehaul/"):
                    found[path] = bytes(client.get(one["path"]).bytes())
        return found

    def own(self, prefix: str) -> list[str]:
        """Our own marks below a prefix."""
        pages = self.client().list(f"{prefix}/.filehaul", chunk_size=1000)
        return sorted(one["path"].removeprefix(f"{prefix}/") for page in pages for one in page)


def _s3(url: str, key: str, secret: str) -> Store:
    options = {"endpoint": url, "access_key_id": key, "secret_access_key": secret}
    variables = {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_REGION": "us-east-1",
    }
    wrong = {**options, "secret_access_key": "not-the-secret"}
    return Store("s3", url, {**options, "region": "us-east-1"}, variables, wrong)


@contextmanager
def weed_store(folder: Path) -> Iterator[Store]:
    """SeaweedFS' S3, which checks signatures."""
    from obstore.store import S3Store

    with seaweedfs(folder, s3=("weedkey", "weedsecret")) as server:
        store = _s3(server.s3_url, "weedkey", "weedsecret")
        # A folder below /buckets is a bucket; the first file makes it.
        server.put(f"/buckets/{store.bucket}/ready", b"yes")
        S3Store(store.bucket, config={**store.options, "allow_http": "true"}).put("ready", b"yes")
        yield store


@contextmanager
def moto_store(folder: Path) -> Iterator[Store]:
    """moto's S3, which takes any credentials."""
    program = from_pypi("moto", MOTO, extras="server,s3")

    def command(ports: list[int]) -> list[str]:
        return [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(ports[0])]

    def url(ports: list[int]) -> str:
        return f"http://127.0.0.1:{ports[0]}"

    with running("moto", folder, 1, command, url, {"PYTHONPATH": str(program)}) as ports:
        store = _s3(url(ports), "any", "any-secret")
        ask(f"{store.url}/{store.bucket}", "PUT")
        yield store


@contextmanager
def google_store(folder: Path) -> Iterator[Store]:
    """moto behind a few changed headers.

    No server in the registries speaks Google's XML API, which obstore writes with. It is S3's
    with other header names and without S3's signature, so that is what is put between.
    """
    with moto_store(folder) as moto, MoodyStore(moto.url, _to_s3, _to_google) as google:
        options = {"base_url": google.url, "bearer_token": "any-token"}
        variables = {"GOOGLE_BASE_URL": google.url, "GOOGLE_BEARER_TOKEN": "any-token"}
        yield Store("gs", google.url, options, variables)


def _to_s3(seen: Seen) -> dict[str, str]:
    headers = {
        name.replace("x-goog-meta-", "x-amz-meta-").replace("x-goog-copy-", "x-amz-copy-"): value
        for name, value in seen.headers.items()
    }
    assert headers.pop("authorization") == "Bearer any-token"
    scope = "any/20260101/us-east-1/s3/aws4_request"
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
    )
    if headers.pop("x-goog-if-generation-match", "") == "0":
        headers["if-none-match"] = "*"
    return headers


def _to_google(lines: list[tuple[str, str]]) -> list[tuple[str, str]]:
    names = [(name.lower().replace("x-amz-meta-", "x-goog-meta-"), value) for name, value in lines]
    return [*names, ("x-goog-generation", "1")]


@contextmanager
def azurite(folder: Path) -> Iterator[Store]:
    """Azure's own emulator of Blob, which checks signatures."""
    root = from_npm("azurite", AZURITE)
    program = root / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"

    def command(ports: list[int]) -> list[str]:
        here = ["--blobHost", "127.0.0.1", "--blobPort", str(ports[0]), "--location", str(folder)]
        only = ["--silent", "--skipApiVersionCheck", "--disableTelemetry"]
        return [str(node()), str(program), *here, *only]

    def url(ports: list[int]) -> str:
        return f"http://127.0.0.1:{ports[0]}/{ACCOUNT}"

    with running("azurite", folder, 1, command, url) as ports:
        options = {
            "account_name": ACCOUNT,
            "account_key": ACCOUNT_KEY,
            "endpoint": url(ports),
        }
        connection = (
            f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};"
            f"BlobEndpoint={url(ports)};"
        )
        wrong = {**options, "account_key": base64.b64encode(b"wrong" * 12).decode()}
        variables = {"AZURE_STORAGE_CONNECTION_STRING": connection}
        store = Store("az", url(ports), options, variables, wrong)
        _container(store)
        yield store


def _container(store: Store) -> None:
    """A container, made with a signed request: obstore makes none."""
    date = formatdate(usegmt=True)
    headers = {"x-ms-date": date, "x-ms-version": "2021-08-06"}
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    resource = f"/{ACCOUNT}/{ACCOUNT}/{store.bucket}\nrestype:container"
    text = "PUT" + "\n" * 12 + lines + resource
    signature = hmac.digest(base64.b64decode(ACCOUNT_KEY), text.encode(), hashlib.sha256)
    headers["Authorization"] = f"SharedKey {ACCOUNT}:{base64.b64encode(signature).decode()}"
    headers["Content-Length"] = "0"
    ask(f"{store.url}/{store.bucket}?restype=container", "PUT", None, headers)
