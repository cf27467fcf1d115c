"""Certificates for tests: an authority of our own, a server's, and a client's."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Certificates:
    """PEM files: ``authority`` signed ``server`` (for 127.0.0.1, localhost) and ``client``."""

    authority: Path
    server: Path
    client: Path
    client_key: Path

    def context(self, *, ask_client: bool = False, stranger: bool = False) -> ssl.SSLContext:
        """For a server. ``ask_client``: one that wants a client certificate of the authority;
        ``stranger``: one that shows the certificate of another name.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.client if stranger else self.server)
        if ask_client:
            context.load_verify_locations(self.authority)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def make(folder: Path) -> Certificates:
    """New ones, below a folder, by the openssl command."""
    authority, authority_key = folder / "authority.pem", folder / "authority.key"
    _request("authority", authority_key, "-x509", "-days", "2", "-out", authority)
    files = {}
    for name, alternative in (("server", "IP:127.0.0.1,DNS:localhost"), ("client", "DNS:client")):
        key, asked, signed = (folder / f"{name}.{end}" for end in ("key", "csr", "crt"))
        _request(name, key, "-out", asked)
        extensions = folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={alternative}\n")
        _openssl(
            *("x509", "-req", "-days", "2", "-in", asked, "-out", signed, "-CAcreateserial"),
            *("-CA", authority, "-CAkey", authority_key, "-extfile", extensions),
        )
        files[name] = folder / f"{name}.pem"
        files[name].write_bytes(signed.read_bytes() + key.read_bytes())
    return Certificates(authority, files["server"], files["client"], folder / "client.key")


def _request(name: str, key: Path, *more: object) -> None:
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    _openssl("req", *curve, "-subj", f"/CN=filehaul test {name}", "-keyout", key, *more)


def _openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
