"""Signals: the first asks a run to stop, the second kills as usual."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

from .errors import Cancelled
from .load import interrupt


class Wish:
    """Somebody's wish that the run stops: true once there is one. ``number``: of the signal."""

    def __init__(self) -> None:
        self.number: int | None = None

    def __call__(self) -> bool:
        return self.number is not None


@contextlib.contextmanager
def interruptible() -> Iterator[Wish]:
    """SIGTERM and SIGINT ask the run to stop; a second one kills as usual."""
    wish = Wish()
    if threading.current_thread() is not threading.main_thread():
        yield wish
        return
    before: dict[int, Any] = {}

    def stop(number: int, _frame: FrameType | None) -> None:
        wish.number = number
        interrupt(number)
        signal.signal(number, before[number] or signal.SIG_DFL)

    for number in (signal.SIGTERM, signal.SIGINT):
        before[number] = signal.signal(number, stop)
    try:
        yield wish
    finally:
        for caught, handler in before.items():
            signal.signal(caught, handler or signal.SIG_DFL)
        interrupt(0)


def hand_on(number: int) -> None:
    """The signal that a run has stopped for, to whoever called it: they may have more to do than
    this run, and want to stop too. Their own handler is called; Python's raises KeyboardInterrupt.
    Where there is none, the process would have ended: SystemExit.
    """
    handler = signal.getsignal(number)
    if callable(handler):
        signal.raise_signal(number)
    elif handler == signal.SIG_DFL:
        sys.exit(Cancelled.exit_code)
