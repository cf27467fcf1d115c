"""``sink``: a folder on this machine, or a bucket's address with options for its store."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from ..errors import ConfigError
from ..redact import conceal_if_secret
from .base import Model
from .secrets import UNSET

Scheme = Literal["s3", "gs", "az"]
STORES = {"s3": "S3Store", "gs": "GCSStore", "az": "AzureStore"}
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_NEAR = {"s3a": "s3", "s3n": "s3", "gcs": "gs", "azure": "az", "abfs": "az", "abfss": "az"}
_BUCKET = re.compile(r"[A-Za-z0-9$][A-Za-z0-9._-]{1,221}\Z")
_EXAMPLES = "a folder, s3://bucket/prefix, gs://bucket/prefix or az://container/prefix"
_WHERE_OPTIONS = (
    "obstore's docs list them (S3Config, GCSConfig, AzureConfig, ClientConfig); often wanted: "
    "endpoint, region, access_key_id, secret_access_key, account_name, account_key"
)


class SinkBlock(Model):
    """A sink with options of its own."""

    url: str = Field(description=_EXAMPLES)
    options: dict[str, str | int | float | bool] = Field(
        default_factory=dict,
        repr=False,
        description="of a bucket: obstore's options for its store, as in {endpoint, region}",
    )
    partials: str | None = Field(
        None,
        min_length=1,
        description="of a bucket: the local folder for bytes that are not verified yet; default: "
        ".filehaul beside the config",
    )


@dataclass(frozen=True)
class Address:
    """A place in a bucket. ``prefix`` has no slash at its ends. ``options`` may hold secrets."""

    scheme: Scheme
    bucket: str
    prefix: str
    options: Mapping[str, str | int | float | bool] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        path = f"/{self.prefix}" if self.prefix else ""
        return f"{self.scheme}://{self.bucket}{path}"


def sink_place(sink: str | SinkBlock | None, folder: Path, where: str) -> Path | Address | None:
    """The folder or the address that ``sink`` names; None: catalogue only. Raises ConfigError.

    ``folder``: what a relative path is relative to. ``where``: for errors.
    """
    if sink is None:
        return None
    url = (sink if isinstance(sink, str) else sink.url).replace(UNSET, "not-set")
    options = {} if isinstance(sink, str) else sink.options
    scheme = _SCHEME.match(url)
    known = scheme is not None and scheme[1].lower() in {*STORES, *_NEAR}
    if scheme is not None and scheme[1] != "file" and (known or url[scheme.end() :][:2] == "//"):
        for name, value in options.items():
            if isinstance(value, str):
                conceal_if_secret(name, value)
        return _address(scheme[1], url, options, where)
    if not url.removeprefix("file://").strip():
        raise ConfigError(
            "the sink is empty",
            where=where,
            hint=f"name {_EXAMPLES}, or leave the key out for the catalogue alone",
        )
    if not isinstance(sink, str) and (sink.options or sink.partials):
        raise ConfigError(
            f"a folder takes no {'options' if sink.options else 'partials'}",
            where=where,
            hint="they belong to a bucket; a folder is written plainly: sink: ./files",
        )
    return folder / Path(url.removeprefix("file://")).expanduser()


def _address(scheme: str, url: str, options: Mapping[str, Any], where: str) -> Address:
    """The parts of an address. What stands in it is not shown where it may be a credential."""
    if scheme not in STORES:
        near = _NEAR.get(scheme.lower(), scheme.lower() if scheme.lower() in STORES else None)
        raise ConfigError(
            f"filehaul does not write to {scheme}:",
            where=where,
            hint=f"did you mean {near}://?" if near else f"name {_EXAMPLES}",
        )
    rest = url[len(scheme) + 1 :]
    bucket, _, prefix = rest.lstrip("/").partition("/")
    prefix = prefix.removesuffix("/")
    _check_bucket(scheme, rest, bucket, where)
    _check_prefix(prefix, f"{scheme}://{bucket}", where)
    address = Address(scheme, bucket, prefix, dict(options))  # type: ignore[arg-type]
    _check_options(address, where)
    return address


def _check_bucket(scheme: str, rest: str, bucket: str, where: str) -> None:
    """Raises ConfigError where the name is missing, or none. ``rest``: all after the scheme."""
    what = "container" if scheme == "az" else "bucket"
    if not rest.startswith("//") or rest.startswith("///") or not bucket:
        raise ConfigError(
            f"the sink's address names no {what}",
            where=where,
            hint=f"write it as {scheme}://{what}/prefix",
        )
    if "@" in bucket or ":" in bucket:
        raise ConfigError(
            f"before the first slash stands the {what}'s name alone",
            where=where,
            hint="credentials, account and endpoint belong into the environment, or into options",
        )
    if not _BUCKET.match(bucket):
        raise ConfigError(
            f"{bucket!r} is not a name that a {what} can have",
            where=where,
            hint=f"letters, digits, dots and hyphens: {scheme}://{what}/prefix",
        )


def _check_prefix(prefix: str, bucket: str, where: str) -> None:
    """Raises ConfigError where files' paths cannot follow it. ``bucket``: its address."""
    segments = prefix.split("/") if prefix else []
    if any(one in ("", ".", "..") or re.search(r"[\x00-\x1f\x7f\\?#]", one) for one in segments):
        raise ConfigError(
            "the sink's prefix cannot be one: a segment is empty, . or .., or holds \\, ?, # or a "
            "control character",
            where=where,
            hint=f"plain names between single slashes: {bucket}/lake/acme",
        )
    if len(prefix.encode()) > 512:
        raise ConfigError(
            "the sink's prefix is longer than 512 bytes: no room is left for the files' paths",
            where=where,
            hint="stores take keys of 1,024 bytes",
        )
    if any(one == ".filehaul" for one in segments):
        raise ConfigError(
            "the sink lies in a .filehaul folder, which is filehaul's own",
            where=where,
            hint="name another prefix",
        )


def _check_options(address: Address, where: str) -> None:
    """Raises ConfigError for an option that obstore does not know."""
    if not address.options:
        return
    from obstore import store
    from obstore.exceptions import BaseError, UnknownConfigurationKeyError

    make = getattr(store, STORES[address.scheme])
    for name in address.options:
        try:
            # A value that fits nothing: whether the name is known is looked at first.
            make(config={name: "\0"})
        except UnknownConfigurationKeyError:
            raise ConfigError(
                f"unknown option {name!r} of a sink at {address.scheme}://",
                where=where.replace("sink", f"sink.options.{name}", 1),
                hint=_WHERE_OPTIONS,
            ) from None
        except (BaseError, ValueError, OSError):
            continue
