"""Freed memory goes back to the system while much is written.

Three allocators share the process, each of which keeps what was freed for later, by the largest
insert or merge it has seen; together they would hold more than is in use.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache

import pyarrow as pa
from clickhouse_connect.driver.client import Client

#: freed memory is returned after so many bytes of rows were inserted: never in live traffic's way
RETURNED_AFTER_BYTES = 16 * 2**20


class FreedMemory:
    """Gives back what Arrow, the C library and the embedded engine freed and keep."""

    def __init__(self, engine: Client | None) -> None:
        """``engine`` is the embedded one; None: it is a server, which looks after its own memory."""
        self._engine = engine
        self._inserted_bytes = 0

    def inserted(self, bytes_: int) -> None:
        """Count one insert, and give back when there were enough. Raises the driver's errors."""
        self._inserted_bytes += bytes_
        if self._inserted_bytes < RETURNED_AFTER_BYTES:
            return
        self._inserted_bytes = 0
        pa.default_memory_pool().release_unused()
        trim = _trim()
        if trim is not None:
            trim(0)
        if self._engine is not None:
            self._engine.command("SYSTEM JEMALLOC PURGE")


@cache
def _trim() -> Callable[[int], int] | None:
    """The C library's call for it, where it has one (glibc)."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return None
    trim.argtypes, trim.restype = [ctypes.c_size_t], ctypes.c_int
    return trim
