"""What went wrong, in plain words: libcurl's codes, a vendor's refusals, a writer's defects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pycurl

from ..errors import (
    AnswerError,
    ConfigError,
    CredentialsError,
    FilehaulError,
    TemporaryError,
    VendorError,
)
from ..redact import excerpt, redact
from .messages import ERROR_BODY

if TYPE_CHECKING:
    from .rules import Ruling

# Nothing that the vendor could do better: the config, or the machine, is to be mended.
_SETTINGS = {
    pycurl.E_SSL_CACERT_BADFILE: (
        "the certificate bundle cannot be read",
        "client.ca_bundle (or SSL_CERT_FILE and its like) must name a PEM file",
    ),
    pycurl.E_SSL_CERTPROBLEM: (
        "the client certificate cannot be used",
        "client.cert must name a PEM file (or certificate,key)",
    ),
}
_PERMANENT = {
    pycurl.E_PEER_FAILED_VERIFICATION: (
        "the server's certificate is not trusted",
        "name your certificate authority's file under client.ca_bundle",
    ),
    pycurl.E_URL_MALFORMAT: ("the address is malformed", "check base_url and path"),
    pycurl.E_UNSUPPORTED_PROTOCOL: ("only http and https are asked", "check base_url and path"),
}
# Anything that is in none of these is temporary as well: the network's doing.
_WORDS = {
    pycurl.E_COULDNT_RESOLVE_HOST: "the host's name cannot be resolved",
    pycurl.E_COULDNT_RESOLVE_PROXY: "the proxy's name cannot be resolved",
    pycurl.E_COULDNT_CONNECT: "no connection to the server",
    pycurl.E_OPERATION_TIMEDOUT: "the server stopped answering",
    pycurl.E_PARTIAL_FILE: "the connection ended before the whole answer had come",
    pycurl.E_GOT_NOTHING: "the server closed the connection without an answer",
    pycurl.E_RECV_ERROR: "the connection broke while the answer came",
    pycurl.E_SEND_ERROR: "the connection broke while the question went out",
    pycurl.E_BAD_CONTENT_ENCODING: "the answer is not compressed as it says",
}
_TEMPORARY_STATUSES = frozenset({408, 425, 429})


def curl_failure(
    code: int, words: str, url: str, ours: bool, proxy_status: int = 0
) -> FilehaulError:
    """libcurl's error code as an error in plain words.

    ConfigError where the whole connection is meant (its settings, or the certificate of an origin
    that the config names: ``ours``), VendorError where it is this address alone. ``proxy_status``:
    what the proxy answered to CONNECT.
    """
    where = redact(url)
    words = redact(words)
    if code in _SETTINGS:
        message, hint = _SETTINGS[code]
        return ConfigError(f"{message} ({words})", where=where, hint=hint)
    if 400 <= proxy_status < 500:
        kind = ConfigError if ours or proxy_status == 407 else VendorError
        return kind(
            f"the proxy refused (HTTP {proxy_status})",
            where=where,
            hint="check client.proxy or HTTPS_PROXY (http://user:password@host:port) and NO_PROXY",
        )
    if "certificate required" in words:
        return ConfigError(
            f"the server wants a client certificate ({words})",
            where=where,
            hint="name yours under client.cert: a PEM file, or certificate,key",
        )
    if code in _PERMANENT:
        message, hint = _PERMANENT[code]
        kind = ConfigError if ours and code == pycurl.E_PEER_FAILED_VERIFICATION else VendorError
        return kind(f"{message} ({words})", where=where, hint=hint)
    message = _WORDS.get(code, "the request failed")
    return TemporaryError(
        f"{message} ({words or f'libcurl error {code}'})",
        where=where,
        hint="run again later; if it stays so, check the network, base_url and proxy",
    )


def refusal(
    method: str, url: str, status: int, body: bytes, retried: frozenset[int], ours: bool
) -> FilehaulError:
    """The vendor's refusal in its own words, cut and redacted."""
    message, where = _own_words(status, body), f"{method} {redact(url)}"
    if status == 401 and ours:
        return _refused_credentials(message, where)
    temporary = status in retried or status in _TEMPORARY_STATUSES
    if temporary:
        hint = "the vendor is in trouble or throttles: run again later"
    elif status in (401, 403) and not ours:
        hint = (
            "our credentials do not go there: if that server is the vendor's and wants them, list "
            "its origin under client.trusted_hosts"
        )
    else:
        hint = "check path and parameters of this request, and what the account may see"
    return AnswerError(
        message,
        status=status,
        temporary=temporary,
        where=where,
        hint=hint,
        answer=body[:ERROR_BODY],
    )


def ruled(
    method: str, url: str, status: int, body: bytes, ruling: Ruling, ours: bool
) -> FilehaulError:
    """An answer that a rule of the config is about, with the rule's name beside the vendor's words.

    ``ours``: whether our credentials went there.
    """
    message = f"{_own_words(status, body)} ({redact(ruling.name)})"
    where = f"{method} {redact(url)}"
    if ruling.do == "renew" and ours:
        return _refused_credentials(message, where)
    temporary = ruling.do in ("retry", "wait")
    return AnswerError(
        message,
        status=status,
        temporary=temporary,
        settled=not temporary,
        where=where,
        hint="the config's rule says that it passes: run again later"
        if temporary
        else "the config's rule says that asking again does not help; check path, parameters and "
        "what the account may see",
        answer=body[:ERROR_BODY],
    )


def _own_words(status: int, body: bytes) -> str:
    words = excerpt(body)
    return f"HTTP {status}" + (f": {words}" if words else "")


def _refused_credentials(message: str, where: str) -> CredentialsError:
    return CredentialsError(
        f"the vendor refused the credentials ({message})",
        where=where,
        hint="check the client's auth block, and what the account may see",
    )


def defect(problem: Exception) -> FilehaulError:
    """A failure of ours inside one file's writer: that file fails, the others go on."""
    if isinstance(problem, FilehaulError):
        return problem
    error = FilehaulError(f"{type(problem).__name__}: {redact(str(problem))}")
    error.__cause__ = problem
    return error
