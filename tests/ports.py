"""Ports for the servers of tests."""

from __future__ import annotations

import os
import socket
from itertools import cycle, islice

#: below those that the kernel gives to connections: what is free here is taken by nobody else in between
_FIRST, _LAST = 20_000, 32_000
_COUNT = _LAST - _FIRST
#: processes that test side by side begin at different places
_BEGIN = os.getpid() * 211 % _COUNT
_NEXT = cycle([_FIRST + (_BEGIN + step) % _COUNT for step in range(_COUNT)])


def free_ports(count: int) -> list[int]:
    """Ports of loopback on which nobody listens now; none is given twice until all others were."""
    found: list[int] = []
    for port in islice(_NEXT, _COUNT):
        if _is_free(port):
            found.append(port)
            if len(found) == count:
                return found
    raise OSError(f"{len(found)} ports of {_FIRST} to {_LAST} are free, and {count} are needed")


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
