"""The store of an address: obstore's, with its options, and what the environment says of it."""

from __future__ import annotations

import configparser
import os
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import ConfigError
from ...redact import conceal

if TYPE_CHECKING:
    from obstore.store import ObjectStore

    from ...config import Address

CONNECT, ANSWER = "10s", "300s"  # an answer: also to the largest part of an upload
RETRIES = {
    "max_retries": 10,
    "retry_timeout": timedelta(seconds=30),
    "backoff": {
        "init_backoff": timedelta(seconds=0.5),
        "max_backoff": timedelta(seconds=8),
        "base": 2,
    },
}
_CONNECTION = {
    "accountname": "account_name",
    "accountkey": "account_key",
    "sharedaccesssignature": "sas_key",
    "blobendpoint": "endpoint",
}
_SECRET = re.compile(
    r"(?:AWS|AZURE|GOOGLE)_\w*(?:SECRET\w*|SESSION_TOKEN|SAS_\w+|(?:ACCOUNT|ACCESS|MASTER)_KEY|_TOKEN)\Z"
)
_ONLY_LONG = frozenset({"aws_endpoint_url_s3"})  # obstore knows it by no shorter name
_PREFIXES = {"s3": "aws_", "gs": "google_", "az": "azure_storage_"}


def store_of(address: Address) -> ObjectStore:
    """The store, ready to be asked. Raises ConfigError where an option has a value it cannot use.

    What it answers with is not waited for here: the first request tells whether it is there.
    """
    from obstore import store
    from obstore.exceptions import BaseError

    make: Any = {"s3": store.S3Store, "gs": store.GCSStore, "az": store.AzureStore}[address.scheme]
    try:
        made: ObjectStore = make(
            address.bucket, config=settings_of(address, os.environ), retry_config=RETRIES
        )
    except (BaseError, ValueError, OSError) as problem:
        raise ConfigError(
            "the sink's options do not make a store: " + str(problem).partition("\n")[0],
            where=str(address),
            hint="check sink.options and the variables of that cloud in the environment",
        ) from None
    return made


def settings_of(address: Address, environment: Mapping[str, str]) -> dict[str, str]:
    """The options for obstore, by their short lower-case names: those of the config, before what
    of the environment obstore does not read itself.
    """
    for name, value in environment.items():
        if _SECRET.match(name):
            conceal(value)  # obstore reads it, and an error of its could tell it
    given = {_short(address, name): _text(value) for name, value in address.options.items()}
    settings = {"connect_timeout": CONNECT, "timeout": ANSWER}
    if address.scheme == "az" and not {"account_key", "sas_key", "token"} & given.keys():
        settings |= _connection_string(environment.get("AZURE_STORAGE_CONNECTION_STRING", ""))
    if address.scheme == "s3" and not _has_keys(given, environment):
        settings |= _shared_credentials(environment)
    settings |= given
    if endpoint_of(address, settings, environment).startswith("http://"):
        settings.setdefault("allow_http", "true")  # whoever wrote http:// means it
    return settings


def endpoint_of(
    address: Address, settings: Mapping[str, str], environment: Mapping[str, str]
) -> str:
    """The address of the store's API, where one is named; else empty: the cloud's own."""
    names = {
        "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
        "gs": ("GOOGLE_BASE_URL",),
        "az": ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
    }[address.scheme]
    found = [settings.get(name) for name in ("aws_endpoint_url_s3", "endpoint", "endpoint_url")]
    found += [settings.get("base_url"), *(environment.get(name) for name in names)]
    return next((one for one in found if one), "")


def _short(address: Address, name: str) -> str:
    """An option's name without its cloud's: ``aws_region`` as ``region``."""
    name = name.lower()
    if name in _ONLY_LONG:
        return name
    prefix = _PREFIXES[address.scheme]
    short = name.removeprefix(prefix)
    return short if short != name else name.removeprefix("azure_")


def _text(value: str | int | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _connection_string(text: str) -> dict[str, str]:
    """Azure's ``Name=value;Name=value``, which obstore does not read."""
    parts = {}
    for part in text.split(";"):
        name, _, value = part.strip().partition("=")
        parts[name.lower()] = value
    found = {ours: parts[theirs] for theirs, ours in _CONNECTION.items() if parts.get(theirs)}
    for name in ("account_key", "sas_key"):
        if name in found:
            conceal(found[name])
    if found and "endpoint" not in found and parts.get("endpointsuffix"):
        protocol = parts.get("defaultendpointsprotocol", "https")
        host = f"{found.get('account_name', '')}.blob.{parts['endpointsuffix']}"
        found["endpoint"] = f"{protocol}://{host}"
    if "sas_key" in found:
        found["sas_key"] = found["sas_key"].removeprefix("?")
    return found


def _has_keys(given: Mapping[str, str], environment: Mapping[str, str]) -> bool:
    named = {"access_key_id", "skip_signature", "web_identity_token_file"} & given.keys()
    variables = ("AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_SKIP_SIGNATURE")
    return bool(named) or any(environment.get(name) for name in variables)


def _shared_credentials(environment: Mapping[str, str]) -> dict[str, str]:
    """Keys and region of AWS' shared files, of ``AWS_PROFILE``, which obstore does not read."""
    profile = environment.get("AWS_PROFILE") or "default"
    found: dict[str, str] = {}
    for variable, name, section in (
        ("AWS_CONFIG_FILE", "config", profile if profile == "default" else f"profile {profile}"),
        ("AWS_SHARED_CREDENTIALS_FILE", "credentials", profile),
    ):
        path = Path(environment.get(variable) or Path("~/.aws") / name).expanduser()
        parser = configparser.RawConfigParser()
        try:
            parser.read(path, "utf-8")
        except (OSError, configparser.Error, UnicodeDecodeError):
            continue
        if parser.has_section(section):
            found |= dict(parser[section])
    names = {
        "aws_access_key_id": "access_key_id",
        "aws_secret_access_key": "secret_access_key",
        "aws_session_token": "session_token",
        "region": "region",
        "endpoint_url": "endpoint",
    }
    settings = {ours: found[theirs] for theirs, ours in names.items() if found.get(theirs)}
    for variable, name in (("AWS_REGION", "region"), ("AWS_DEFAULT_REGION", "region")):
        if environment.get(variable):
            settings.pop(name, None)
    if any(environment.get(name) for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")):
        settings.pop("endpoint", None)
    for name in ("secret_access_key", "session_token"):
        if name in settings:
            conceal(settings[name])
    return settings
