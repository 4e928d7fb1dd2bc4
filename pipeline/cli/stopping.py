"""A process that runs until it is told to stop, and then ends what is under way."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def stopped_by_signals(stop: threading.Event, wake: Callable[[], None] = lambda: None) -> Iterator[None]:
    """SIGINT and SIGTERM set ``stop`` and call ``wake``; the second one interrupts what is under way."""

    def ask(number: int, frame: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt  # asked twice: not even what is under way is waited for
        stop.set()
        wake()

    former = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
