"""How much a sender may ask of us: rates, bytes in memory, and what a compressed body may become."""

from __future__ import annotations

import zlib
from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

#: how many keys' rates are remembered; the longest unused is forgotten first
RATES_MAX = 10_000
#: inflated at a time: what a hostile body may cost beyond its limit
INFLATE_STEP_BYTES = 64 * 1024
#: compressed bodies that are one behind the other in one body
MEMBERS_MAX = 1_000
#: no byte of a deflated body becomes more than this
DEFLATE_RATIO_MAX = 1_032

GZIP_WINDOW = zlib.MAX_WBITS | 16
ENCODINGS = ("identity", "gzip", "deflate")


@dataclass(frozen=True, slots=True)
class Limits:
    """Every bound of the receiver, with its unit last."""

    #: a body as it is sent, and the same when it is decompressed
    body_bytes_max: int = 25 * 1024 * 1024
    inflated_bytes_max: int = 25 * 1024 * 1024
    #: from the first to the last byte of a body
    body_seconds_max: float = 20.0
    #: bodies in memory at a time: how many, from one peer, and their bytes together
    bodies_max: int = 1_024
    peer_bodies_max: int = 512
    bodies_bytes_max: int = 256 * 1024 * 1024
    #: verified deliveries of one source of one workspace
    deliveries_per_second: float = 2_000.0
    deliveries_burst: float = 4_000.0
    #: deliveries that wait for the disk: how many, and how long
    waiting_max: int = 4_096
    append_seconds_max: float = 10.0
    #: what we ask senders to wait when something is full or away
    retry_after_seconds: int = 5
    #: deliveries by which a repetition is recognised
    replays_max: int = 100_000


class TooLarge(ValueError):
    """A body has more bytes than its limit."""


class Undecodable(ValueError):
    """A body is not what its Content-Encoding says."""


class Crowded(RuntimeError):
    """There is no room for another body now."""


class Rates:
    """A token bucket per key, of equal rate and burst; at most ``keys_max`` of them are remembered."""

    def __init__(self, per_second: float, burst: float, keys_max: int = RATES_MAX) -> None:
        if per_second <= 0 or burst < 1:
            raise ValueError(f"a rate of {per_second} a second with a burst of {burst} lets nothing through")
        self._rate = per_second
        self._burst = burst
        self._max = keys_max
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def wait(self, key: str, now: float) -> float:
        """Seconds until the key may go on; 0 when it may now. Takes nothing."""
        missing = 1.0 - self._tokens(key, now)
        return missing / self._rate if missing > 0 else 0.0

    def take(self, key: str, now: float) -> float:
        """Take one token and return 0; when there is none, take nothing and return the seconds to wait."""
        tokens = self._tokens(key, now)
        if tokens < 1.0:
            return (1.0 - tokens) / self._rate
        self._buckets[key] = (tokens - 1.0, now)
        self._buckets.move_to_end(key)
        while len(self._buckets) > self._max:
            self._buckets.popitem(last=False)
        return 0.0

    def _tokens(self, key: str, now: float) -> float:
        tokens, seen = self._buckets.get(key, (self._burst, now))
        return min(self._burst, tokens + max(now - seen, 0.0) * self._rate)


class Room:
    """The memory that bodies may take: a count, a count per peer, and bytes."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._peers: Counter[str] = Counter()
        self.bodies = 0
        self.bytes_held = 0

    @contextmanager
    def place(self, peer: str) -> Iterator[Place]:
        """A place for one body, given back at the end. Raises ``Crowded``."""
        limits = self._limits
        if self.bodies >= limits.bodies_max or (peer and self._peers[peer] >= limits.peer_bodies_max):
            raise Crowded
        self.bodies += 1
        self._peers[peer] += 1
        held = Place(self)
        try:
            yield held
        finally:
            self.bodies -= 1
            self._peers[peer] -= 1
            if not self._peers[peer]:
                del self._peers[peer]
            self.bytes_held -= held.bytes_held

    def reserve(self, count: int) -> None:
        """Take bytes, for ``Place`` to give back. Raises ``Crowded``."""
        if self.bytes_held + count > self._limits.bodies_bytes_max:
            raise Crowded
        self.bytes_held += count


class Place:
    """What one body holds of the room."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self.bytes_held = 0

    def grow(self, count: int) -> None:
        """Take more bytes. Raises ``Crowded``."""
        self._room.reserve(count)
        self.bytes_held += count

    def shrink(self, count: int) -> None:
        """Give bytes back."""
        self._room.bytes_held -= count
        self.bytes_held -= count


def inflate(encoding: str, body: bytes, bytes_max: int) -> bytes:
    """A body without its Content-Encoding (one of ``ENCODINGS``).

    Never holds more than ``bytes_max`` and one step. Raises ``TooLarge`` or ``Undecodable``.
    """
    if encoding in ("", "identity"):
        return body
    if encoding == "gzip":
        return _inflated(body, GZIP_WINDOW, bytes_max)
    try:
        return _inflated(body, zlib.MAX_WBITS, bytes_max)
    except Undecodable:
        # many senders mean by "deflate" the bare stream, without the header that the standard asks for
        return _inflated(body, -zlib.MAX_WBITS, bytes_max)


def _inflated(body: bytes, window: int, bytes_max: int) -> bytes:
    whole = bytearray()
    stream = zlib.decompressobj(window)
    members = 1
    view = memoryview(body)
    try:
        # fed in pieces: what a stream has not used yet is copied at every step
        for start in range(0, len(body), INFLATE_STEP_BYTES):
            piece = bytes(view[start : start + INFLATE_STEP_BYTES])
            while piece:
                if stream.eof:
                    piece = piece.lstrip(b"\0")  # members may be padded
                    if not piece:
                        break
                    members += 1
                    if members > MEMBERS_MAX:
                        raise Undecodable(f"the compressed body has more than {MEMBERS_MAX} members")
                    stream = zlib.decompressobj(window)
                whole += stream.decompress(piece, INFLATE_STEP_BYTES)
                if len(whole) > bytes_max:
                    raise TooLarge
                piece = stream.unused_data if stream.eof else stream.unconsumed_tail
        while not stream.eof and (step := stream.decompress(b"", INFLATE_STEP_BYTES)):
            whole += step
            if len(whole) > bytes_max:
                raise TooLarge
    except zlib.error as error:
        raise Undecodable("the body is not compressed as its Content-Encoding says") from error
    if not stream.eof:
        raise Undecodable("the compressed body ends too early")
    return bytes(whole)
