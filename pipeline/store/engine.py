"""The embedded engine's library: half a gigabyte, loaded only where it is used, and never by halves."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, cast


def load_engine() -> ModuleType:
    """The engine's module; raises ``ImportError`` where it is not installed or can't be loaded.

    An interrupt waits until it is loaded. In the middle of it, the library takes an interrupt for a missing
    engine, and leaves the process in another directory.
    """
    with _interrupts_held_back():
        import chdb  # noqa: PLC0415 - nobody with a server needs it

        return cast("ModuleType", chdb)


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """An interrupt that comes meanwhile is handled afterwards. Only the main thread is ever interrupted."""
    former: Any = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(former):
        yield
        return
    held: list[tuple[int, Any]] = []
    signal.signal(signal.SIGINT, lambda number, frame: held.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, former)
        if held:
            former(*held[0])
