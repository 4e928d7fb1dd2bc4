"""What one input may take of time and memory, however hostile it is, and what watches over that.

The bounds are generous: they tell what grows faster than its input, leaks or hangs from what is slow.
"""

from __future__ import annotations

import faulthandler
import resource
import signal
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

#: one input may take so long on the slowest machine; what hangs takes for ever
INPUT_SECONDS_MAX = 20.0
#: what hangs inside a library hears no signal: after so long without a sign of life, the process ends
STUCK_SECONDS_MAX = 300.0
#: all that is allocated while an input is read, its events included: so many bytes, and so many for each
#: byte that was sent. Lists inside lists are the worst: two bytes of JSON are 88 of Python
MEMORY_BYTES_MAX = 256 * 1024
MEMORY_FOR_EACH_BYTE_MAX = 64
#: so much may a process grow, however many inputs it reads; of a million it must not keep 70 bytes each
GROWTH_BYTES_MAX = 64 * 1024 * 1024
#: what takes all memory ends its own process, not the machine
ADDRESSES_BYTES_MAX = 16 * 1024 * 1024 * 1024

_STDERR = 2
_STATUS = Path("/proc/self/status")


class Hung(Exception):  # noqa: N818 - it names what happened
    """The watchdog bit."""


@contextmanager
def watched(seconds: float = INPUT_SECONDS_MAX) -> Iterator[Callable[[], None]]:
    """A watchdog; calling what it gives says that another input begins. Only in the main thread."""

    def bite(number: int, frame: FrameType | None) -> None:
        raise Hung(f"one input took more than {seconds:g} s")

    def wind() -> None:
        signal.setitimer(signal.ITIMER_REAL, seconds)

    former = signal.signal(signal.SIGALRM, bite)
    try:
        yield wind
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)


@contextmanager
def ended_when_stuck(seconds: float = STUCK_SECONDS_MAX) -> Iterator[Callable[[], None]]:
    """Ends this process, saying where it is, unless what is given is called again in time."""

    def alive() -> None:
        faulthandler.dump_traceback_later(seconds, exit=True, file=_STDERR)

    alive()
    try:
        yield alive
    finally:
        faulthandler.cancel_dump_traceback_later()


class Peak:
    """The most that was allocated at one time inside a block, beyond what there was before it."""

    def __init__(self) -> None:
        self.bytes = 0

    def __enter__(self) -> Peak:
        tracemalloc.start()
        self._before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        return self

    def __exit__(self, *_: object) -> None:
        self.bytes = tracemalloc.get_traced_memory()[1] - self._before
        tracemalloc.stop()


def memory_bytes_max(sent_bytes: int) -> int:
    """What may be allocated for so many bytes that were sent."""
    return MEMORY_BYTES_MAX + MEMORY_FOR_EACH_BYTE_MAX * sent_bytes


def resident_bytes() -> int:
    """The most memory that this process ever had."""
    if _STATUS.exists():
        (line,) = (line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    # elsewhere it may begin with what the process had that started this one
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def limit_memory() -> None:
    """From now on, what asks for too much gets a ``MemoryError``."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES_BYTES_MAX, ADDRESSES_BYTES_MAX))
