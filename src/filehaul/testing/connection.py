"""One client's connection: requests in order, answers at their pace, and every way to end it.

Which answer a request gets is not decided here: a connection is given a function for that.
"""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct
import termios
import time
from collections.abc import Callable
from dataclasses import dataclass

from filehaul.testing.answers import CHUNK, Answer, RecordedRequest, problem, steps
from filehaul.testing.options import Options
from filehaul.testing.wire import HEAD_LIMIT, BadRequest, Head, read_head, write_head

READ_AHEAD = 1024 * 1024  # bytes of further requests taken from a client that does not wait
_AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 seconds: close() sends RST


@dataclass
class Traffic:
    """What goes on at the moment, and the most that ever did. A request is in flight from its
    last byte's arrival until the last byte of its answer was given to the socket.
    """

    connections: int = 0
    open: int = 0
    max_open: int = 0
    in_flight: int = 0
    max_in_flight: int = 0

    def opened(self) -> None:
        """A client has connected."""
        self.connections += 1
        self.open += 1
        self.max_open = max(self.max_open, self.open)

    def began(self) -> None:
        """A request is in flight."""
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)

    def forget(self) -> None:
        """Begin the counts anew, at what goes on now."""
        self.connections = self.max_open = self.open
        self.max_in_flight = self.in_flight


@dataclass
class Service:
    """What all connections of a vendor share."""

    options: Options
    answer: Callable[[RecordedRequest], Answer]
    loop: asyncio.AbstractEventLoop
    traffic: Traffic
    connections: set[Connection]


class Connection(asyncio.Protocol):
    """One client's connection: requests are answered one by one, in order, pipelined or not."""

    def __init__(self, service: Service, origin: str) -> None:
        self._service = service
        self._origin = origin
        self._buffer = b""
        self._head: Head | None = None
        self._request: RecordedRequest | None = None  # the one in flight
        self._served = 0
        self._closes = False
        self._half_closed = False
        self._pause: asyncio.TimerHandle | None = None
        self._delivery: asyncio.Task[None] | None = None
        self._room: asyncio.Future[None] | None = None  # while the socket takes no more

    # What asyncio calls ------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=CHUNK)
        self._service.connections.add(self)
        self._service.traffic.opened()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """The connection is over, whoever ended it; an answer under way is given up."""
        self._closes = True
        self._service.connections.discard(self)
        self._service.traffic.open -= 1
        if self._pause:
            self._pause.cancel()
        if self._delivery:
            self._delivery.cancel()
        if self._request:
            self._request = None
            self._service.traffic.in_flight -= 1

    def data_received(self, data: bytes) -> None:
        """Bytes have come: part of a request, one, or several."""
        self._buffer = self._buffer + data if self._buffer else data
        if self._request is None:
            self._serve()
        elif len(self._buffer) > READ_AHEAD:
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """The client sends no more; it still gets the answers to what it asked."""
        self._half_closed = True
        return self._request is not None

    def pause_writing(self) -> None:
        """The client reads more slowly than we write."""
        self._room = self._service.loop.create_future()

    def resume_writing(self) -> None:
        """There is room again."""
        if self._room and not self._room.done():
            self._room.set_result(None)
        self._room = None

    # From bytes to requests --------------------------------------------------------------------

    def _serve(self) -> None:
        while self._request is None and not self._closes:
            try:
                request = self._take()
            except BadRequest as error:
                self._refuse(error)
                return
            if request is None:
                if self._half_closed:
                    self._transport.close()
                return
            self._begin(request)

    def _take(self) -> RecordedRequest | None:
        """The next whole request of the buffer, or None."""
        if self._head is None:
            if self._buffer[:2] == b"\r\n":  # RFC 9112, 2.2: ignore it between requests
                self._buffer = self._buffer[2:]
            end = self._buffer.find(b"\r\n\r\n")
            if max(end, len(self._buffer) if end < 0 else 0) > HEAD_LIMIT:
                raise BadRequest(431, f"A head may have {HEAD_LIMIT} bytes.")
            if end < 0:
                return None
            self._head = read_head(self._buffer[:end])
            self._buffer = self._buffer[end + 4 :]
            if len(self._buffer) < self._head.length and "expect" in self._head.headers:
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        head = self._head
        if len(self._buffer) < head.length:
            return None
        body, self._buffer = self._buffer[: head.length], self._buffer[head.length :]
        self._head = None
        self._closes = head.closes
        path, query = head.path_and_query
        return RecordedRequest(
            head.method,
            head.target,
            path,
            query,
            head.headers,
            body,
            self._origin,
            time.monotonic(),
        )

    def _refuse(self, error: BadRequest) -> None:
        answer = problem(error.status, "bad_request", str(error))
        assert isinstance(answer.body, bytes)
        head = write_head(answer, self._service.options.header_case, "close")
        self._transport.write(head + answer.body)
        self._closes = True
        self._transport.close()

    # From answers to bytes ---------------------------------------------------------------------

    def _begin(self, request: RecordedRequest) -> None:
        service, self._request = self._service, request
        service.traffic.began()
        answer = service.answer(request)
        answer.head_only = request.method == "HEAD"
        delay = service.options.latency + answer.delay
        if delay > 0:
            self._pause = service.loop.call_later(delay, self._send_later, answer)
        else:
            self._send(answer)

    def _send_later(self, answer: Answer) -> None:
        self._pause = None
        self._send(answer)
        self._next()

    def _send(self, answer: Answer) -> None:
        request, case = self._request, self._service.options.header_case
        assert request is not None
        self._served += 1
        says = self._connection_header(answer)
        if answer.is_plain and self._room is None:
            assert isinstance(answer.body, bytes)
            head = write_head(answer, case, says)
            request.bytes_sent = answer.sends
            self._transport.write(head if answer.head_only else head + answer.body)
            self._finish()
            return
        head = b"" if answer.silent else write_head(answer, case, says)
        self._delivery = self._service.loop.create_task(self._deliver(request, answer, head))

    def _connection_header(self, answer: Answer) -> str | None:
        """Decides whether the connection ends with this answer, and whether the client is told."""
        announced = self._closes or answer.framing == "close"
        most = self._service.options.requests_per_connection
        is_last = most is not None and self._served >= most
        announced = announced or (is_last and self._service.options.announce_close)
        self._closes = announced or is_last or answer.end != "keep"
        return "close" if announced else None

    async def _deliver(self, request: RecordedRequest, answer: Answer, head: bytes) -> None:
        try:
            self._transport.write(head)
            await self._send_body(request, answer)
        except OSError:  # the file on disk cannot be read any more: all that is left is to hang up
            self._transport.abort()
        if answer.end == "reset":
            await self._reset()
        # A file that got shorter while it was sent: the length announced can only be broken.
        self._closes = self._closes or request.bytes_sent != answer.sends
        self._delivery = None
        self._finish()
        self._next()

    async def _send_body(self, request: RecordedRequest, answer: Answer) -> None:
        chunked = answer.framing == "chunked"
        for step in steps(answer):
            if isinstance(step, float):
                await asyncio.sleep(step)
                continue
            request.bytes_sent += len(step)
            self._transport.write(b"%x\r\n%b\r\n" % (len(step), step) if chunked else step)
            # Also where the socket takes all at once, the other connections get their turn.
            await (self._room or asyncio.sleep(0))
            if self._transport.is_closing():  # the client has gone
                return
        if chunked and answer.limit is None and not answer.head_only:
            self._transport.write(b"0\r\n\r\n")

    async def _reset(self) -> None:
        """RST, once the client's kernel has what was written before."""
        self._transport.set_write_buffer_limits(high=0)
        if self._transport.get_write_buffer_size() and self._room:
            await self._room
        wire: socket.socket = self._transport.get_extra_info("socket")
        for _ in range(200):
            if not _unsent(wire):
                break
            await asyncio.sleep(0.002)
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self._transport.abort()

    def _finish(self) -> None:
        if self._request:
            self._request = None
            self._service.traffic.in_flight -= 1
        if self._closes:
            self._transport.close()

    def _next(self) -> None:
        if self._request is None and not self._closes:
            self._transport.resume_reading()
            self._serve()

    def abort(self) -> None:
        """End the connection at once; the vendor stops."""
        self._transport.abort()


def _unsent(wire: socket.socket) -> int:
    """Bytes that the client's kernel has not taken yet, where the system can tell (Linux)."""
    try:
        (size,) = struct.unpack("i", fcntl.ioctl(wire.fileno(), termios.TIOCOUTQ, bytes(4)))
    except OSError:
        return 0
    return int(size)
