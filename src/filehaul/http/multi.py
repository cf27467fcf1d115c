"""libcurl's multi handle, driven by sockets that are ready rather than by asking them all.

``socket_action`` with epoll (poll where there is no epoll): the price of a wake-up does not grow
with the number of transfers in flight, there is no limit of 1,024 descriptors, and a handle that
was just added starts at once (its timer fires with zero delay), which is worth a third of the
rate against the usual loop of ``perform`` and ``select``.
"""

from __future__ import annotations

import contextlib
import resource
import select
import time
from collections.abc import Callable
from typing import Any

import pycurl

from .slot import Slot

_EPOLL = hasattr(select, "epoll")
_IN = select.EPOLLIN if _EPOLL else select.POLLIN
_OUT = select.EPOLLOUT if _EPOLL else select.POLLOUT
_MASKS = {
    pycurl.POLL_IN: _IN,
    pycurl.POLL_OUT: _OUT,
    pycurl.POLL_INOUT: _IN | _OUT,
}
_ACTIONS = {
    _IN: pycurl.CSELECT_IN,
    _OUT: pycurl.CSELECT_OUT,
    _IN | _OUT: pycurl.CSELECT_IN | pycurl.CSELECT_OUT,
}


class Multi:
    """Slots in flight. `add` them, `drive` the sockets, take what has `finished`."""

    def __init__(self, stall_timeout: float) -> None:
        self.stall_timeout = stall_timeout
        self.multi = pycurl.CurlMulti()
        self.poller: Any = select.epoll() if _EPOLL else select.poll()
        self.deadline: float | None = None
        self.in_flight = 0
        self._slots: dict[pycurl.Curl, Slot] = {}
        self._registered: dict[int, int] = {}  # what the poller is told of each descriptor
        self._wanted: dict[int, int] = {}  # what libcurl wants of it; missing: nothing now
        self._watched_at = 0.0
        self.multi.setopt(pycurl.M_SOCKETFUNCTION, self._on_socket)
        self.multi.setopt(pycurl.M_TIMERFUNCTION, self._on_timer)
        self.multi.setopt(pycurl.M_MAXCONNECTS, 1024)

    def _on_socket(self, event: int, descriptor: int, _multi: Any, _data: Any) -> None:
        """libcurl loses interest in a connection after each answer and finds it again with the
        next question. The poller is not told of that: it would cost two system calls a file.
        """
        mask = _MASKS.get(event)
        if mask is None:  # POLL_REMOVE, POLL_NONE
            self._wanted.pop(descriptor, None)
            return
        self._wanted[descriptor] = mask
        if self._registered.get(descriptor) != mask:
            self._register(descriptor, mask)

    def _register(self, descriptor: int, mask: int) -> None:
        known = descriptor in self._registered
        self._registered[descriptor] = mask
        try:
            if known:
                self.poller.modify(descriptor, mask)
            else:
                self.poller.register(descriptor, mask)
        except FileExistsError:
            self.poller.modify(descriptor, mask)
        except FileNotFoundError:  # closed, and opened again under the same number
            self.poller.register(descriptor, mask)

    def opened(self, descriptor: int, _purpose: int) -> int:
        """libcurl has a new connection. What the poller knew under that number was closed."""
        self._forget(descriptor)
        return 0

    def _forget(self, descriptor: int) -> None:
        if self._registered.pop(descriptor, None) is not None:
            with contextlib.suppress(OSError, KeyError):
                self.poller.unregister(descriptor)

    def _on_timer(self, milliseconds: int) -> None:
        self.deadline = None if milliseconds < 0 else time.monotonic() + milliseconds / 1000.0

    def add(self, slot: Slot) -> None:
        """Start the slot's flight."""
        self.multi.add_handle(slot.curl)
        self._slots[slot.curl] = slot
        self.in_flight += 1

    def drive(self, wait: float, most: int = -1) -> None:
        """Wait at most so many seconds for sockets, and let libcurl work on what is ready: on
        ``most`` of them (-1: on all), and with the next call on others.
        """
        wait = min(wait, self.stall_timeout / 8)
        if self.deadline is not None:
            wait = min(wait, max(0.0, self.deadline - time.monotonic()))
        act = self.multi.socket_action
        ready = self.poller.poll(wait, most) if _EPOLL else self.poller.poll(wait * 1000.0)
        for descriptor, event in ready:
            if descriptor not in self._wanted:
                self._forget(descriptor)  # the server has closed a connection that was kept
                continue
            action = _ACTIONS.get(event)
            if action is None:
                action = _ACTIONS.get(event & (_IN | _OUT), 0) | pycurl.CSELECT_ERR
            act(descriptor, action)
        self.kick()

    def rest(self, sleep: Callable[[float], None], seconds: float) -> None:
        """Read nothing for so long. It is not the others' silence: nobody stalls meanwhile."""
        begun = time.monotonic()
        sleep(seconds)
        self._watched_at += time.monotonic() - begun

    def kick(self) -> None:
        """Send what was just added, and whatever else libcurl's timer is due for."""
        if self.deadline is not None and time.monotonic() >= self.deadline:
            self.deadline = None
            self.multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)

    def finished(self) -> list[tuple[Slot, int, str]]:
        """Slots whose attempt is over: with libcurl's error code (0: none) and words."""
        over: list[tuple[Slot, int, str]] = []
        queued = 1
        while queued:
            queued, good, bad = self.multi.info_read()
            over += [(self._take(curl), 0, "") for curl in good]
            over += [(self._take(curl), code, words) for curl, code, words in bad]
        if time.monotonic() - self._watched_at >= self.stall_timeout / 8:
            over += self._stalled()
        return over

    def _stalled(self) -> list[tuple[Slot, int, str]]:
        """Slots that got no byte for too long. libcurl's own watch needs 6 seconds more to see it,
        and counts the time in which nobody drove: here only what was watched counts.
        """
        now = time.monotonic()
        watched, self._watched_at = min(now - self._watched_at, self.stall_timeout / 4), now
        quiet = [
            slot for slot in self._slots.values() if slot.quiet_for(watched) >= self.stall_timeout
        ]
        words = f"not a byte for {self.stall_timeout:g} seconds"
        return [(self._take(slot.curl), pycurl.E_OPERATION_TIMEDOUT, words) for slot in quiet]

    def _take(self, curl: pycurl.Curl) -> Slot:
        self.multi.remove_handle(curl)
        self.in_flight -= 1
        return self._slots.pop(curl)

    def abandon(self) -> list[Slot]:
        """Take everything out, finished or not."""
        return [self._take(curl) for curl in list(self._slots)]

    def close(self) -> None:
        """Close the handle and the poller."""
        self.multi.close()
        if _EPOLL:
            self.poller.close()


def make_room(connections: int) -> None:
    """Raise the process's own limit of open files where so many connections would not fit.

    The soft limit is often 1,024, or 256, and is there for programs that still use ``select``.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 256 + 3 * connections  # each a socket and a partial, and room for the caller's own
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
