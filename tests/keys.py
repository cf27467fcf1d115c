"""Keys for tests: private ones as PEM, public ones as a JWK, certificates."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Pair:
    """A private key, and its public half."""

    private: Any

    def pem(self, passphrase: str | None = None) -> str:
        """PKCS #8."""
        how = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
        return self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how).decode()

    def jwk(self) -> dict[str, str]:
        """RFC 7518 6.2 and 6.3."""
        numbers = self.private.public_key().public_numbers()
        if isinstance(self.private, rsa.RSAPrivateKey):
            return {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}
        return {"kty": "EC", "crv": "P-256", "x": _number(numbers.x), "y": _number(numbers.y)}

    def certificate(self) -> x509.Certificate:
        """Self-signed."""
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "our-app")])
        now = datetime.now(timezone.utc)
        made = x509.CertificateBuilder().subject_name(name).issuer_name(name)
        made = made.public_key(self.private.public_key()).serial_number(7)
        made = made.not_valid_before(now).not_valid_after(now + timedelta(days=1))
        return made.sign(self.private, hashes.SHA256())


def _number(value: int) -> str:
    raw = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@cache
def rsa_pair() -> Pair:
    """One for the whole run: they take their time."""
    return Pair(rsa.generate_private_key(65537, 2048))


@cache
def ec_pair() -> Pair:
    """P-256."""
    return Pair(ec.generate_private_key(ec.SECP256R1()))
