"""The garbage collector, where it would cost more than it finds."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class _Holders:
    """Those that hold it off at the moment, in any thread."""

    lock = threading.Lock()
    count = 0
    was_enabled = True


@contextmanager
def collector_held_off() -> Iterator[None]:
    """Hold the collector off: what is made meanwhile is in no circles, and each pass would visit it all."""
    with _Holders.lock:
        if _Holders.count == 0:
            _Holders.was_enabled = gc.isenabled()
            gc.disable()
        _Holders.count += 1
    try:
        yield
    finally:
        with _Holders.lock:
            _Holders.count -= 1
            if _Holders.count == 0 and _Holders.was_enabled:
                gc.enable()
