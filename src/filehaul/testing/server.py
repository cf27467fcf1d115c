"""A server in a thread of its own: listening sockets, an event loop, and its end.

Nothing in here knows what a file is; see :mod:`filehaul.testing.connection` for HTTP.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable

from filehaul.testing.answers import Answer, RecordedRequest
from filehaul.testing.connection import Connection, Service, Traffic
from filehaul.testing.options import Options

HOST = "127.0.0.1"
BACKLOG = 1024


def origin_of(port: int) -> str:
    """The URL of a port of this machine, without a slash at the end."""
    return f"http://{HOST}:{port}"


class Server:
    """Answers what comes to its ports by a function, until it is stopped. Start it once."""

    def __init__(
        self,
        options: Options,
        answer: Callable[[RecordedRequest], Answer],
        sockets: list[socket.socket],
        traffic: Traffic,
    ) -> None:
        self._sockets = sockets
        self._loop = asyncio.new_event_loop()
        self._service = Service(options, answer, self._loop, traffic, set())
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="fake-vendor", daemon=True)

    def start(self) -> None:
        """Begin to answer. Clients that connected since the sockets listened are served too."""
        self._thread.start()

    def stop(self) -> None:
        """Close the ports and all connections, also those with an answer under way."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        servers = []
        for wire in self._sockets:
            origin = origin_of(wire.getsockname()[1])
            servers.append(
                await self._loop.create_server(
                    lambda origin=origin: Connection(self._service, origin),  # type: ignore[misc]
                    sock=wire,
                    backlog=BACKLOG,
                )
            )
        await self._stop.wait()
        for server in servers:
            server.close()
        for connection in list(self._service.connections):
            connection.abort()
        while self._service.connections:
            await asyncio.sleep(0)
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        await asyncio.gather(*left, return_exceptions=True)


def listen(port: int) -> socket.socket:
    """A listening socket on loopback; port 0 takes any free one."""
    return socket.create_server((HOST, port), backlog=BACKLOG)
