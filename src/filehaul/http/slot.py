"""One libcurl easy handle and the request that it carries at the moment.

Handles are set up once and reused: per request only what differs is set, which is most of the
price of a small request in Python. Header lines are collected by ``list.append`` itself (no
Python frame a line) and parsed only when someone looks.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pycurl

from ..errors import FilehaulError, TemporaryError, VendorError
from ..redact import redact
from .messages import Authorization, Head, Request, Response
from .origins import is_private

if TYPE_CHECKING:
    from .client import HttpSettings

ERROR_BODY = 64 * 1024
MAX_REDIRECTS = 10


@dataclass
class Flight:
    """One request on its way, over all its attempts and redirects."""

    request: Request
    url: str
    method: str
    body: bytes | None
    attempts: int = 0
    retries: int = 0
    hops: int = 0
    renewed: bool = False
    waited: float = 0.0
    progress: int = 0
    authorization: Authorization = field(default_factory=Authorization)

    def start_over(self) -> None:
        """Back to the first hop: signed redirect targets do not outlive a failure."""
        self.url, self.method, self.body = self.request.url, self.request.method, self.request.body
        self.hops = 0

    def redirected(self, url: str, status: int) -> None:
        """Follow one redirect (RFC 9110 15.4: 303 always, 301 and 302 by habit, turn to GET)."""
        self.hops += 1
        self.url = url
        if status == 303 or (status in (301, 302) and self.method == "POST"):
            self.method, self.body = "GET", None


class Slot:
    """An easy handle. `load` a flight, let libcurl run it, then read `head`, `body`, `failure`."""

    def __init__(self, settings: HttpSettings) -> None:
        self.settings = settings
        self.curl = pycurl.Curl()
        self.flight: Flight | None = None
        self.failure: FilehaulError | None = None
        self.refused_address = ""
        self._lines: list[bytes] = []
        self._kept: list[bytes] = []
        self._size = 0
        self._deliver: Callable[[bytes], object] = self._first
        self._set_headers: list[str] | None = None
        self._set_method = "GET"
        self._guarded = False
        self._set_up()

    def _set_up(self) -> None:
        curl, settings = self.curl, self.settings
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.FOLLOWLOCATION, 0)
        # Else libcurl itself would turn a hostile id, encoded as %2E%2E, into a step upwards.
        curl.setopt(pycurl.PATH_AS_IS, 1)
        curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        # One connection a transfer: under HTTP/2 all files would share one TCP window, and one
        # stalled peer would stall them all.
        curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        curl.setopt(pycurl.USERAGENT, settings.user_agent)
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, int(settings.connect_timeout * 1000))
        curl.setopt(pycurl.LOW_SPEED_LIMIT, 1)
        curl.setopt(pycurl.LOW_SPEED_TIME, max(1, int(settings.stall_timeout)))
        curl.setopt(pycurl.TCP_KEEPALIVE, 1)
        curl.setopt(pycurl.BUFFERSIZE, 512 * 1024)
        if settings.ca_file:
            curl.setopt(pycurl.CAINFO, settings.ca_file)
        if settings.cert:
            certificate, _, key = settings.cert.partition(",")
            curl.setopt(pycurl.SSLCERT, certificate)
            if key:
                curl.setopt(pycurl.SSLKEY, key)
        if settings.insecure:
            curl.setopt(pycurl.SSL_VERIFYPEER, 0)
            curl.setopt(pycurl.SSL_VERIFYHOST, 0)
        if settings.proxy is not None:
            curl.setopt(pycurl.PROXY, settings.proxy)
        curl.setopt(pycurl.WRITEFUNCTION, self._body)

    def load(self, flight: Flight, headers: list[str], guarded: bool) -> None:
        """Make the handle carry this flight's next attempt."""
        curl = self.curl
        self.flight = flight
        self.failure = None
        self.refused_address = ""
        self._lines = []
        self._kept = []
        self._size = 0
        self._deliver = self._first
        curl.setopt(pycurl.HEADERFUNCTION, self._lines.append)
        url = flight.url
        if flight.authorization.query:
            url += ("&" if "?" in url else "?") + urlencode(flight.authorization.query)
        curl.setopt(pycurl.URL, url)
        if headers != self._set_headers:
            curl.setopt(pycurl.HTTPHEADER, headers)
            self._set_headers = headers
        if flight.method != self._set_method or flight.body is not None:
            self._load_method(flight)
        if guarded != self._guarded:
            self._guard(guarded)

    def _load_method(self, flight: Flight) -> None:
        curl = self.curl
        curl.setopt(pycurl.HTTPGET, 1)
        curl.unsetopt(pycurl.CUSTOMREQUEST)
        curl.setopt(pycurl.NOBODY, 0)
        if flight.method == "HEAD":
            curl.setopt(pycurl.NOBODY, 1)
        elif flight.body is not None:
            curl.setopt(pycurl.POSTFIELDS, flight.body)
            curl.setopt(pycurl.CUSTOMREQUEST, flight.method)
        elif flight.method != "GET":
            curl.setopt(pycurl.CUSTOMREQUEST, flight.method)
        self._set_method = flight.method if flight.body is None else ""

    def _guard(self, guarded: bool) -> None:
        """Check the address at the moment of connecting: a name can resolve to anything."""
        self._guarded = guarded
        if guarded:
            # Reuse is safe: whoever opened a pooled connection to this origin was guarded too.
            self.curl.setopt(pycurl.OPENSOCKETFUNCTION, self._open_public)
        else:
            self.curl.unsetopt(pycurl.OPENSOCKETFUNCTION)

    def _open_public(self, _purpose: int, address: Any) -> Any:
        family, kind, protocol, where = address
        if family in (socket.AF_INET, socket.AF_INET6) and is_private(str(where[0])):
            self.refused_address = str(where[0])
            return pycurl.SOCKET_BAD
        return socket.socket(family, kind, protocol)

    def _body(self, chunk: bytes) -> int | None:
        try:
            self._deliver(chunk)
        except FilehaulError as problem:
            self.failure = problem
            return -1
        except Exception as problem:  # a defect must not vanish inside a C callback
            self.failure = FilehaulError(f"{type(problem).__name__}: {problem}")
            self.failure.__cause__ = problem
            return -1
        return None

    def _first(self, chunk: bytes) -> None:
        """The first chunk: now the head is known, and with it where the body goes."""
        self._choose()
        self._deliver(chunk)

    def _choose(self) -> None:
        assert self.flight is not None
        writer = self.flight.request.writer
        if not 200 <= self.status < 300:
            self._deliver = self._keep_excerpt
        elif writer is None:
            self._deliver = self._keep
        else:
            writer.begin(self.head())
            self._deliver = writer.write

    def _keep(self, chunk: bytes) -> None:
        assert self.flight is not None
        self._size += len(chunk)
        if self._size > self.flight.request.max_body:
            raise VendorError(
                f"the answer is larger than {self.flight.request.max_body:,} bytes",
                where=redact(self.flight.url),
                hint="ask for smaller pages (the paginator's limit), or fewer fields",
            )
        self._kept.append(chunk)

    def _keep_excerpt(self, chunk: bytes) -> None:
        if self._size < ERROR_BODY:
            self._kept.append(chunk)
            self._size += len(chunk)

    def finish(self) -> None:
        """libcurl has the whole answer: let the writer confirm (and see an empty body at all)."""
        assert self.flight is not None
        try:
            if self._deliver == self._first:
                self._choose()
            writer = self.flight.request.writer
            if writer is not None and 200 <= self.status < 300:
                writer.end()
        except FilehaulError as problem:
            self.failure = problem

    @property
    def status(self) -> int:
        """The status of the answer; 0 where none came.

        Read off the header lines: libcurl's own answer is not to be had inside a callback. A 1xx
        answer stands before the one that counts.
        """
        for line in reversed(self._lines):
            if line[:5] == b"HTTP/":
                return int(line.split(None, 2)[1])
        return 0

    @property
    def body(self) -> bytes:
        """What was kept of the body in memory."""
        return self._kept[0] if len(self._kept) == 1 else b"".join(self._kept)

    def head(self) -> Head:
        """The head of the answer (of the last one, where 1xx came before it)."""
        headers: dict[str, str] = {}
        for line in self._lines:
            name, colon, value = line.partition(b":")
            if line[:5] == b"HTTP/":
                headers = {}
            elif colon:
                key = name.decode("latin-1").strip().lower()
                text = value.decode("latin-1").strip()
                headers[key] = f"{headers[key]}, {text}" if key in headers else text
        assert self.flight is not None
        return Head(self.status, headers, self.flight.url)

    def response(self) -> Response:
        """The answer as a value."""
        head = self.head()
        return Response(head.status, head.headers, self.body, head.url)

    def refused(self) -> FilehaulError | None:
        """The error for an address that the guard refused to connect to."""
        if not self.refused_address:
            return None
        assert self.flight is not None
        return VendorError(
            f"the vendor points to a private address ({self.refused_address}); nothing was asked",
            where=redact(self.flight.url),
            hint="if that server is yours, list its origin under client.trusted_hosts",
        )

    def close(self) -> None:
        """Free the handle."""
        with contextlib.suppress(pycurl.error):
            self.curl.close()


# What libcurl says → what it means. Anything not here is temporary: the network's doing.
_CURL_PERMANENT = {
    pycurl.E_PEER_FAILED_VERIFICATION: (
        "the server's certificate is not trusted",
        "name your certificate authority's file under client.ca_bundle",
    ),
    pycurl.E_SSL_CACERT_BADFILE: (
        "the certificate bundle cannot be read",
        "client.ca_bundle must name a PEM file",
    ),
    pycurl.E_SSL_CERTPROBLEM: (
        "the client certificate cannot be used",
        "client.cert must name a PEM file (or certificate,key)",
    ),
    pycurl.E_URL_MALFORMAT: ("the address is malformed", "check base_url and path"),
    pycurl.E_UNSUPPORTED_PROTOCOL: ("only http and https are asked", "check base_url and path"),
}
_CURL_WORDS = {
    pycurl.E_COULDNT_RESOLVE_HOST: "the host's name cannot be resolved",
    pycurl.E_COULDNT_RESOLVE_PROXY: "the proxy's name cannot be resolved",
    pycurl.E_COULDNT_CONNECT: "no connection to the server",
    pycurl.E_OPERATION_TIMEDOUT: "the server stopped answering",
    pycurl.E_PARTIAL_FILE: "the connection ended before the whole answer had come",
    pycurl.E_GOT_NOTHING: "the server closed the connection without an answer",
    pycurl.E_RECV_ERROR: "the connection broke while the answer came",
    pycurl.E_SEND_ERROR: "the connection broke while the question went out",
}


def curl_failure(code: int, words: str, url: str) -> FilehaulError:
    """libcurl's error code as an error in plain words."""
    where = redact(url)
    if code in _CURL_PERMANENT:
        message, hint = _CURL_PERMANENT[code]
        return VendorError(f"{message} ({redact(words)})", where=where, hint=hint)
    message = _CURL_WORDS.get(code, "the request failed")
    return TemporaryError(
        f"{message} ({redact(words) or f'libcurl error {code}'})",
        where=where,
        hint="run again later; if it stays so, check the network, base_url and proxy",
    )
