"""Which certificates are trusted, and how: one answer for every handle."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

from ..errors import ConfigError

_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
# The wheel's libcurl is built elsewhere: its compiled-in store need not exist here.
_SYSTEM_STORES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
    "/etc/ssl/ca-bundle.pem",
)


def ca_bundle(configured: str | None) -> str | None:
    """The file of trusted certificates: the config's, else the variables', the system's, certifi's.

    None only where no store is found at all: then libcurl's own default has the last word.
    """
    if configured:
        if not Path(configured).exists():
            raise ConfigError(
                f"no certificate bundle at {configured}",
                where="client.ca_bundle",
                hint="name a PEM file that exists, relative to the config's folder",
            )
        return configured
    for variable in _VARIABLES:
        value = os.environ.get(variable)
        if value:
            if not Path(value).exists():
                raise ConfigError(
                    f"{variable} names {value}, which does not exist",
                    where=f"the environment variable {variable}",
                    hint="unset it, or name a PEM file that exists",
                )
            return value
    default = ssl.get_default_verify_paths().cafile
    for store in (default, *_SYSTEM_STORES):
        if store and Path(store).exists():
            return store
    try:
        import certifi
    except ImportError:
        return None
    return certifi.where()
