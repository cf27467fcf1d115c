"""One libcurl easy handle and the request that it carries at the moment.

Handles are set up once and reused: per request only what differs is set, which is most of the
price of a small request in Python. Header lines are collected by ``list.append`` itself (no
Python frame a line) and parsed only when someone looks.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pycurl

from ..errors import VendorError
from ..redact import redact
from .failures import defect
from .flow import Bandwidth
from .messages import (
    ERROR_BODY,
    NOBODY,
    Authorization,
    Head,
    Headers,
    Request,
    Response,
    Writer,
)
from .origins import in_ascii, is_private
from .routes import Lines, Route, private_address
from .rules import Rules

if TYPE_CHECKING:
    from .client import HttpSettings

NOT_READY = 202
"""RFC 9110 15.3.3: accepted, and not done. Of a file's bytes it says: come again."""

# The older name gives a float, and a warning where there is the newer one.
_SIZE_DOWNLOAD = getattr(pycurl, "SIZE_DOWNLOAD_T", None) or pycurl.SIZE_DOWNLOAD


@dataclass(slots=True)
class Flight:
    """One request on its way, over all its attempts, redirects and its detour.

    ``asks``: the next answer says where the thing is. ``writer``: takes the next answer's body.
    ``polls``: how often it was said that the thing is not ready. ``asked_again``: the address was
    refused, and this is the second one. ``throttled``: the vendor wants less of us.
    """

    request: Request
    url: str
    method: str
    body: bytes | None
    writer: Writer | None
    asks: bool
    authorization: Authorization = NOBODY
    route: Route | None = None
    attempts: int = 0
    retries: int = 0
    hops: int = 0
    renewed: bool = False
    waited: float = 0.0
    progress: int = 0
    polls: int = 0
    asked_again: bool = False
    throttled: bool = False
    number: int = 0

    @classmethod
    def of(cls, request: Request) -> Flight:
        """Before its first attempt."""
        url, asks = in_ascii(request.url), request.detour is not None
        writer = None if asks else request.writer
        return cls(request, url, request.method, request.body, writer, asks)

    def start_over(self) -> None:
        """Back to the first hop: signed addresses do not outlive a failure."""
        request = self.request
        self.url, self.method, self.body = in_ascii(request.url), request.method, request.body
        self.asks = request.detour is not None
        self.writer = None if self.asks else request.writer
        self.hops = 0

    def arrived(self, url: str) -> None:
        """The address of the thing itself is known."""
        self.hops += 1
        self.url, self.method, self.body = in_ascii(url), "GET", None
        self.asks, self.writer = False, self.request.writer

    def redirected(self, url: str, status: int) -> None:
        """Follow one redirect (RFC 9110 15.4: 303 always, 301 and 302 by habit, turn to GET)."""
        self.hops += 1
        self.url = in_ascii(url)
        if (status == 303 and self.method != "HEAD") or (
            status in (301, 302) and self.method == "POST"
        ):
            self.method, self.body = "GET", None


class Slot:
    """An easy handle. `load` a flight, let libcurl run it, then read `head`, `body`, `failure`.

    ``opened`` is told the descriptor of each new connection, ``bandwidth`` what came.

    ``failure``: what a callback raised; ``whole``: False where the rest of a refusal was not
    wanted; ``written``: the writer has this answer's body.
    """

    def __init__(
        self,
        settings: HttpSettings,
        opened: Callable[[int, int], int],
        bandwidth: Bandwidth,
        rules: Rules,
    ) -> None:
        self.curl = pycurl.Curl()
        self.rules = rules
        self.flight: Flight | None = None
        self.failure: BaseException | None = None
        self.whole = True
        self.written = False
        self._refused_address = ""
        self._received = -1.0
        self._quiet = 0.0
        self._lines: list[bytes] = []
        self._head: Head | None = None
        self._kept: list[bytes] = []
        self._size = 0
        self._deliver: Callable[[bytes], object] = self._first
        self._set_lines: Lines | None = None
        self._set_route: Route | None = None
        self._set_method = "GET"
        self._set_decoding = False
        self._spent = bandwidth.spent
        set_up(self.curl, settings)
        self.curl.setopt(pycurl.BUFFERSIZE, bandwidth.buffer)
        self.curl.setopt(pycurl.HEADERFUNCTION, self._lines.append)
        self.curl.setopt(pycurl.WRITEFUNCTION, self._metered if bandwidth.rate else self._body)
        self.curl.setopt(pycurl.SOCKOPTFUNCTION, opened)

    # -- before ----------------------------------------------------------------------------

    def load(self, flight: Flight, url: str, lines: Lines) -> None:
        """Make the handle carry this flight's next attempt."""
        curl = self.curl
        self.flight = flight
        self.failure = None
        self.whole = True
        self.written = False
        self._refused_address = ""
        self._received = -1.0
        self._lines.clear()
        self._head = None
        if self._kept:
            self._kept = []
        self._size = 0
        self._deliver = self._first
        curl.setopt(pycurl.URL, url)
        if lines is not self._set_lines:
            # Of an empty list pycurl takes no notice: the last request's headers would stay.
            curl.setopt(pycurl.HTTPHEADER, lines) if lines else curl.unsetopt(pycurl.HTTPHEADER)
            self._set_lines = lines
        if flight.method != self._set_method or flight.body is not None:
            self._load_method(flight)
        if flight.route is not self._set_route:
            self._load_route(flight.route)
        decoding = flight.writer is None
        if decoding is not self._set_decoding:
            # Pages are text and shrink well; a file's bytes are wanted as they are stored.
            curl.setopt(pycurl.ENCODING, "gzip") if decoding else curl.unsetopt(pycurl.ENCODING)
            self._set_decoding = decoding

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

    def _load_route(self, route: Route | None) -> None:
        """Proxy, and the guard: a name can resolve to anything, so look when connecting."""
        assert route is not None
        before, self._set_route = self._set_route, route
        self.curl.setopt(pycurl.PROXY, route.proxy)
        if route.guarded:
            # Reuse is safe: whoever opened a pooled connection to this origin was guarded too.
            self.curl.setopt(pycurl.OPENSOCKETFUNCTION, self._open_public)
        elif before is not None and before.guarded:
            self.curl.unsetopt(pycurl.OPENSOCKETFUNCTION)

    def _open_public(self, _purpose: int, address: Any) -> Any:
        family, kind, protocol, where = address
        try:
            if family in (socket.AF_INET, socket.AF_INET6) and is_private(str(where[0])):
                self._refused_address = str(where[0])
                return pycurl.SOCKET_BAD
            return socket.socket(family, kind, protocol)
        except (OSError, ValueError):  # libcurl says: no connection
            return pycurl.SOCKET_BAD

    def quiet_for(self, watched: float) -> float:
        """Seconds without a byte, after so many more that it was watched."""
        received = self.curl.getinfo(_SIZE_DOWNLOAD) + self.curl.getinfo(pycurl.HEADER_SIZE)
        self._quiet = self._quiet + watched if received == self._received else 0.0
        self._received = received
        return self._quiet

    # -- while it runs: called from inside libcurl, which loses what is raised -----------------

    def _body(self, chunk: bytes) -> int | None:
        try:
            self._deliver(chunk)
        except BaseException as problem:  # an interrupt as well
            self.failure = problem
            return -1
        return None if self.whole else -1

    def _metered(self, chunk: bytes) -> int | None:
        self._spent(len(chunk))
        return self._body(chunk)

    def _first(self, chunk: bytes) -> None:
        """The first chunk: now the head is known, and with it where the body goes."""
        self._choose()
        self._deliver(chunk)

    def _choose(self) -> None:
        assert self.flight is not None
        request = self.flight.request
        head = self.head
        writer = self.flight.writer
        if not 200 <= head.status < 300:
            self._deliver = self._keep_excerpt
        elif writer is not None:
            if head.status == NOT_READY or self.rules.holds_back(head):
                self._deliver = self._keep_excerpt
                return
            self.written = True
            writer.begin(head)
            self._deliver = writer.write
        else:
            announced = head.headers.get("content-length", "")
            if announced.isdecimal() and int(announced) > request.max_body:
                raise self._too_large(request)
            self._deliver = self._keep

    def _keep(self, chunk: bytes) -> None:
        assert self.flight is not None
        self._size += len(chunk)
        if self._size > self.flight.request.max_body:
            raise self._too_large(self.flight.request)
        self._kept.append(chunk)

    def _too_large(self, request: Request) -> VendorError:
        assert self.flight is not None
        self._kept = []
        return VendorError(
            f"the answer is larger than {request.max_body:,} bytes",
            where=redact(self.flight.url),
            hint="it should only say where the file is: is it the file itself?"
            if self.flight.asks
            else "ask for smaller pages (the paginator's limit), or raise client.max_json",
        )

    def _keep_excerpt(self, chunk: bytes) -> None:
        self._kept.append(chunk[: ERROR_BODY - self._size])
        self._size += len(chunk)
        self.whole = self._size <= ERROR_BODY

    # -- after -----------------------------------------------------------------------------

    def finish(self) -> None:
        """libcurl has the whole answer: let the writer confirm (and see an empty body at all)."""
        assert self.flight is not None
        try:
            if self._head is None:
                self._choose()
            if self.written:
                assert self.flight.writer is not None
                self.flight.writer.end()
        except Exception as problem:
            self.failure = defect(problem)

    @property
    def head(self) -> Head:
        """The head of the answer (of the last, where 1xx or a proxy's came before it).

        Read off the header lines: libcurl's own answer is not to be had inside a callback. Made
        once, before the body, so that trailers after it change nothing. Status 0: none came.
        """
        if self._head is None:
            assert self.flight is not None
            lines, route = self._lines, self.flight.route
            start, status = 0, _status(lines[0]) if lines else 0
            if status < 200 or (route is not None and route.proxy):
                start = _last_head(lines)
                status = _status(lines[start]) if lines else 0
            self._head = Head(status, Headers(lines[start + 1 :]), self.flight.url)
        return self._head

    @property
    def body(self) -> bytes:
        """What was kept of the body in memory."""
        return self._kept[0] if len(self._kept) == 1 else b"".join(self._kept)

    def response(self) -> Response:
        """The answer as a value."""
        status, headers, url = self.head
        return Response(status, headers, self.body, url)

    @property
    def refused(self) -> VendorError | None:
        """The error for an address that the guard refused to connect to."""
        if not self._refused_address:
            return None
        assert self.flight is not None
        return private_address(self._refused_address, self.flight.url)

    @property
    def body_took(self) -> float:
        """Seconds from the answer's first byte to its last."""
        getinfo = self.curl.getinfo
        return float(getinfo(pycurl.TOTAL_TIME) - getinfo(pycurl.STARTTRANSFER_TIME))

    @property
    def proxy_status(self) -> int:
        """What a proxy answered to CONNECT; 0 where none was asked."""
        return int(self.curl.getinfo(pycurl.HTTP_CONNECTCODE))

    def close(self) -> None:
        """Free the handle."""
        with contextlib.suppress(pycurl.error):
            self.curl.close()


def _last_head(lines: list[bytes]) -> int:
    """Where the last head begins: heads end with an empty line, and the next has a status line."""
    start = 0
    for number in range(1, len(lines)):
        if lines[number - 1] in (b"\r\n", b"\n") and lines[number].startswith(b"HTTP/"):
            start = number
    return start


def _status(line: bytes) -> int:
    try:
        return int(line.split(None, 2)[1])
    except (IndexError, ValueError):
        return 0


def set_up(curl: pycurl.Curl, settings: HttpSettings) -> None:
    """What holds for every request that a handle will carry."""
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
    curl.setopt(pycurl.TCP_KEEPALIVE, 1)
    curl.setopt(pycurl.NOPROXY, "")  # the route says which proxy, and libcurl asks no variables
    _set_up_tls(curl, settings)


def _set_up_tls(curl: pycurl.Curl, settings: HttpSettings) -> None:
    if settings.ca_file and Path(settings.ca_file).is_dir():
        curl.setopt(pycurl.CAPATH, settings.ca_file)
        curl.setopt(pycurl.PROXY_CAPATH, settings.ca_file)
    elif settings.ca_file:
        curl.setopt(pycurl.CAINFO, settings.ca_file)
        curl.setopt(pycurl.PROXY_CAINFO, settings.ca_file)
    if settings.cert:
        certificate, _, key = settings.cert.partition(",")
        curl.setopt(pycurl.SSLCERT, certificate)
        if key:
            curl.setopt(pycurl.SSLKEY, key)
    if settings.insecure:
        curl.setopt(pycurl.SSL_VERIFYPEER, 0)
        curl.setopt(pycurl.SSL_VERIFYHOST, 0)
