"""Work beside the run: an event loop in a thread, for requests to a bucket's store.

The store's calls let go of Python's lock while they wait, and can be cancelled, which calls in
threads cannot: whoever stops a run does not wait for an upload of hours.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from ...errors import Cancelled

Done = TypeVar("Done")
_LEAVE = 3.0  # seconds that cancelled work may take to end
_LOOK = 0.2  # seconds between two looks at whether somebody asks to stop
_GRACE = 2.0  # seconds that a store may still take to answer, when somebody does


class Hands:
    """Carries out coroutines. ``at_once``: how many requests; ``room``: bytes in memory by them.
    ``cancelled``: whether to stop waiting for a store that does not answer.
    """

    def __init__(
        self, at_once: int, room: int, cancelled: Callable[[], bool] = lambda: False
    ) -> None:
        self._cancelled = cancelled
        self._until = 0.0  # what was asked by then is still waited for
        self._turns = asyncio.Semaphore(at_once)
        self._room = room
        self._free = room
        self._freed = asyncio.Condition()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="filehaul bucket", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def begin(self, work: Coroutine[Any, Any, Done]) -> Future[Done]:
        """Do this beside the run."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def do(self, work: Coroutine[Any, Any, Done]) -> Done:
        """Do this now, and wait for it as `wait` does."""
        return self.wait(self.begin(work))

    def wait(self, future: Future[Done]) -> Done:
        """What came of work that was begun. Raises Cancelled where somebody asks to stop and the
        store does not answer soon.
        """
        while not future.done():
            concurrent.futures.wait([future], _LOOK)
            if not future.done() and self._cancelled():
                self._until = self._until or time.monotonic() + _GRACE
                if time.monotonic() >= self._until:
                    future.cancel()
                    raise Cancelled(
                        "cancelled while the sink's store did not answer",
                        hint="run again: it goes on where it stopped",
                    )
        return future.result()

    @contextlib.asynccontextmanager
    async def turn(self, room: int = 0) -> AsyncIterator[None]:
        """When there is a free hand, and room for so many bytes, or for as many as there can be."""
        room = min(room, self._room)
        if room:
            async with self._freed:
                await self._freed.wait_for(lambda: self._free >= room)
                self._free -= room
        try:
            async with self._turns:
                yield
        finally:
            if room:
                self._free += room
                async with self._freed:
                    self._freed.notify_all()

    def close(self) -> None:
        """Cancel what is under way, and end the thread."""
        if self._loop.is_closed():
            return
        with contextlib.suppress(concurrent.futures.TimeoutError):
            self.begin(self._cancel()).result(_LEAVE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_LEAVE)
        if not self._thread.is_alive():
            self._loop.close()

    async def _cancel(self) -> None:
        own = asyncio.current_task()
        tasks = [task for task in asyncio.all_tasks() if task is not own]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
