"""Signals: the first asks a run to stop, the second kills as usual."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from .load import interrupt


@contextlib.contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """SIGTERM and SIGINT ask the run to stop; a second one kills as usual."""
    flag = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield flag.is_set
        return
    before: dict[int, Any] = {}

    def stop(number: int, _frame: FrameType | None) -> None:
        flag.set()
        interrupt(number)
        signal.signal(number, before[number] or signal.SIG_DFL)

    for number in (signal.SIGTERM, signal.SIGINT):
        before[number] = signal.signal(number, stop)
    try:
        yield flag.is_set
    finally:
        for caught, handler in before.items():
            signal.signal(caught, handler or signal.SIG_DFL)
        interrupt(0)
