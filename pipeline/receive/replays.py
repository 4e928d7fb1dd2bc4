"""Which deliveries were already received, as far back as memory is given to the question.

A repetition that is not recognised is stored again and changes nothing: facts count what an event tells
once. So this saves room in the log, and nothing rests on it.
"""

from __future__ import annotations

from collections import OrderedDict
from hashlib import blake2b

REMEMBERED_MAX = 100_000
_DIGEST_BYTES = 16


class Replays:
    """The offsets of the latest deliveries by what identifies them; the oldest are forgotten first."""

    def __init__(self, remembered_max: int = REMEMBERED_MAX) -> None:
        self._max = remembered_max
        self._offsets: OrderedDict[bytes, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._offsets)

    def seen(self, workspace: str, source: str, identity: str) -> int | None:
        """Where the same delivery was stored; ``None`` when it is new, forgotten or has no identity."""
        return self._offsets.get(_key(workspace, source, identity)) if identity else None

    def remember(self, workspace: str, source: str, identity: str, offset: int) -> None:
        """Note a delivery that is safe in the log: never before, or its retry would be dropped."""
        if not identity:
            return
        self._offsets[_key(workspace, source, identity)] = offset
        while len(self._offsets) > self._max:
            self._offsets.popitem(last=False)


def _key(workspace: str, source: str, identity: str) -> bytes:
    told = "\0".join((workspace, source, identity)).encode("utf-8", "surrogateescape")
    return blake2b(told, digest_size=_DIGEST_BYTES).digest()
