"""Keys of what was dropped because of its age: eight bytes for each, and never more.

A late telling must not bring half an entity back. So the key stays known when everything else goes,
as the first 64 bits of its BLAKE2b digest: of a million new keys beside four million forgotten ones,
none is mistaken for a forgotten one but with a chance of one in five million.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np

_DIGEST_BYTES = 8
_FILTER_BITS = 1 << 23
_ORDER = np.dtype(">u8")


class Forgotten:
    """A set of keys that only grows."""

    __slots__ = ("_digests", "_filter", "_some")

    def __init__(self) -> None:
        self._digests = np.empty(0, np.uint64)
        # most keys are new: one bit says so without a search
        self._filter = bytearray(_FILTER_BITS // 8)
        self._some = False

    def add(self, names: Iterable[tuple[str, str]]) -> bytes:
        """Take in families and keys; returns their digests one behind the other."""
        digests = b"".join([_digest(family, key) for family, key in names])
        self.restore(digests)
        return digests

    def restore(self, digests: bytes) -> None:
        """Take in what ``add`` or ``dump`` returned."""
        found = np.frombuffer(digests, _ORDER).astype(np.uint64)
        if not len(found):
            return
        self._some = True
        self._digests = np.union1d(self._digests, found)
        for place in (found % np.uint64(_FILTER_BITS)).tolist():
            self._filter[place >> 3] |= 1 << (place & 7)

    def dump(self) -> bytes:
        """The digests of all keys, in order."""
        return self._digests.astype(_ORDER).tobytes()

    def holds(self, family: str, key: str) -> bool:
        """Whether this entity was forgotten."""
        if not self._some:
            return False
        number = int.from_bytes(_digest(family, key), "big")
        place = number % _FILTER_BITS
        if not self._filter[place >> 3] >> (place & 7) & 1:
            return False
        index = int(np.searchsorted(self._digests, np.uint64(number)))
        return index < len(self._digests) and int(self._digests[index]) == number

    def __len__(self) -> int:
        return len(self._digests)


def _digest(family: str, key: str) -> bytes:
    return blake2b(f"{family}/{key}".encode(), digest_size=_DIGEST_BYTES).digest()


def set_of(digests: bytes) -> set[bytes]:
    """Single digests, whatever their order."""
    return {digests[start : start + _DIGEST_BYTES] for start in range(0, len(digests), _DIGEST_BYTES)}
