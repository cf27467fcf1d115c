"""Assertions that we sign (RFC 7523, 7515): with a PEM key, or the key files of Google and Box."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from ..errors import ConfigError
from ..redact import conceal

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.hashes import HashAlgorithm

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_WHERE = "client.auth.key"
# Seconds. Box takes at most 60, Google an hour; both clocks may be a little off.
_LIFE = 45
_EARLIER = 10
_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True)
class SigningKey:
    """A private key as PEM, and what its file says beside it.

    ``issuer``, ``client_id``, ``client_secret``, ``token_url``, ``claims``: what the vendor wrote
    into the file; empty in plain PEM. ``subject_claims``: more claims where a user is acted for.
    """

    pem: str = field(repr=False)
    passphrase: str | None = field(default=None, repr=False)
    certificate: str = ""
    key_id: str = ""
    algorithm: str | None = None
    issuer: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    token_url: str = ""
    scope_is_claim: bool = False
    claims: Mapping[str, Any] = field(default_factory=dict)
    subject_claims: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for secret in (self.pem, self.passphrase, self.client_secret):
            conceal(secret or "")


def signing_key(text: str, **known: Any) -> SigningKey:
    """A key from what its file has in it; ``known``: what the config says of it. ConfigError."""
    known = {name: value for name, value in known.items() if value is not None}
    if not text.lstrip().startswith("{"):
        found = _CERTIFICATE.search(text)
        if "PRIVATE KEY-----" not in text:
            raise _unusable("there is no private key in it")
        return SigningKey(**{"pem": text, "certificate": found[0] if found else "", **known})
    try:
        answer = orjson.loads(text)
        made = _google(answer) if "client_email" in answer else _box(answer)
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise _unusable("it is neither PEM, nor a key file of Google or Box") from None
    return SigningKey(**{**made, **known})


def _google(file: Mapping[str, Any]) -> dict[str, Any]:
    """A service account's key, as Google's console writes it.

    Google, "Using OAuth 2.0 for Server to Server Applications": scope is a claim of the assertion.
    """
    return {
        "pem": file["private_key"],
        "key_id": file.get("private_key_id", ""),
        "issuer": file["client_email"],
        "token_url": file.get("token_uri", ""),
        "scope_is_claim": True,
    }


def _box(file: Mapping[str, Any]) -> dict[str, Any]:
    """An app's config.json, as Box' developer console writes it (Box, "JWT without SDKs")."""
    settings = file["boxAppSettings"]
    return {
        "pem": settings["appAuth"]["privateKey"],
        "passphrase": settings["appAuth"].get("passphrase") or None,
        "key_id": settings["appAuth"]["publicKeyID"],
        "issuer": settings["clientID"],
        "client_id": settings["clientID"],
        "client_secret": settings["clientSecret"],
        "claims": {"sub": str(file.get("enterpriseID") or ""), "box_sub_type": "enterprise"},
        "subject_claims": {"box_sub_type": "user"},
    }


def signed(key: SigningKey, claims: Mapping[str, Any], now: float) -> str:
    """A JWT with these claims, good for less than a minute. ``now``: seconds since the epoch."""
    private = _private(key)
    algorithm = key.algorithm or _natural(private)
    header: dict[str, Any] = {"alg": algorithm, "typ": "JWT"}
    if key.key_id:
        header["kid"] = key.key_id
    if key.certificate:
        header |= _thumbprints(key.certificate)
    begun = int(now) - _EARLIER
    times = {"iat": begun, "nbf": begun, "exp": int(now) + _LIFE, "jti": secrets.token_urlsafe(24)}
    text = f"{_coded(orjson.dumps(header))}.{_coded(orjson.dumps({**times, **claims}))}"
    try:
        signature = _signature(private, algorithm, text.encode())
    except (AttributeError, TypeError):
        raise _unusable(f"it is not of the kind that {algorithm} signs with") from None
    token = f"{text}.{_coded(signature)}"
    conceal(token, passing=True)
    return token


def _private(key: SigningKey) -> Any:
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ImportError:
        raise ConfigError(
            "signing needs the package cryptography, which is not installed",
            where=_WHERE,
            hint="pip install 'filehaul[jwt]'",
        ) from None
    passphrase = None if key.passphrase is None else key.passphrase.encode()
    try:
        return load_pem_private_key(key.pem.encode(), passphrase)
    except TypeError:  # cryptography's word for both
        what = "it is encrypted" if passphrase is None else "it is not encrypted"
        hint = "add passphrase" if passphrase is None else "drop passphrase"
        raise ConfigError(f"the key cannot be used: {what}", where=_WHERE, hint=hint) from None
    except (ValueError, UnsupportedAlgorithm):
        raise _unusable("it is damaged, or its passphrase is another") from None


def _natural(private: Any) -> str:
    """What a key of this kind is expected to sign with (RFC 7518 3.1)."""
    curve = getattr(private, "curve", None)
    algorithm = "RS256" if hasattr(private, "decrypt") else _CURVES.get(getattr(curve, "name", ""))
    if algorithm is None:
        raise _unusable("only RSA keys and the curves P-256, P-384 and P-521 sign assertions")
    return algorithm


def _signature(private: Any, algorithm: str, text: bytes) -> bytes:
    """RFC 7518 3.3 to 3.5. AttributeError or TypeError where the key is of another kind."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    known: dict[str, HashAlgorithm] = {
        "256": hashes.SHA256(),
        "384": hashes.SHA384(),
        "512": hashes.SHA512(),
    }
    digest = known[algorithm[2:]]
    if algorithm.startswith("ES"):
        if _natural(private) != algorithm:
            raise TypeError(algorithm)
        length = (private.key_size + 7) // 8
        numbers = decode_dss_signature(private.sign(text, ec.ECDSA(digest)))
        return b"".join(number.to_bytes(length, "big") for number in numbers)
    if algorithm.startswith("PS"):
        padded = padding.PSS(padding.MGF1(digest), digest.digest_size)
        return bytes(private.sign(text, padded, digest))
    return bytes(private.sign(text, padding.PKCS1v15(), digest))


def _thumbprints(certificate: str) -> dict[str, str]:
    """RFC 7515 4.1.7 and 4.1.8: by one of the two the vendor finds the certificate it was given."""
    body = "".join(certificate.split("-----")[2].split())
    try:
        der = base64.b64decode(body, validate=True)
    except ValueError:
        raise _unusable("its certificate is damaged") from None
    return {
        "x5t": _coded(hashlib.sha1(der, usedforsecurity=False).digest()),
        "x5t#S256": _coded(hashlib.sha256(der).digest()),
    }


def _coded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _unusable(why: str) -> ConfigError:
    return ConfigError(
        f"the key cannot be used: {why}",
        where=_WHERE,
        hint="it is a PEM file with -----BEGIN PRIVATE KEY-----, or the JSON that the vendor gave",
    )
