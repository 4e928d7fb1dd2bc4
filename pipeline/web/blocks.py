"""ClickHouse's own compressed blocks, which clients ask for with ``compress=1`` (JDBC does by default).

A block is a checksum, a kind, two lengths and LZ4 data. The checksum is CityHash128 in its version
1.0.2, by Google's description of it (MIT licence); no maintained package offers that version.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

import lz4.block  # type: ignore[import-untyped]

#: bytes of an answer in one block
BLOCK_BYTES_MAX = 1024 * 1024
_LZ4: Final = 0x82
#: the kind and the two lengths
_HEAD: Final = struct.Struct("<BII")

_MASK: Final = 2**64 - 1
_K0: Final = 0xC3A5C85C97CB3127
_K1: Final = 0xB492B66FBE98F273
_K2: Final = 0x9AE16A3B2F90404F
_K3: Final = 0xC949D7C7509E6557
_MULTIPLIER: Final = 0x9DDFEA08EB382D69
_WORDS: Final = struct.Struct("<16Q")
_WORD: Final = struct.Struct("<Q")
_TAIL: Final = struct.Struct("<4Q")


def compressed(body: bytes) -> bytes:
    """The body as a sequence of compressed blocks."""
    return b"".join(
        _block(body[start : start + BLOCK_BYTES_MAX]) for start in range(0, len(body), BLOCK_BYTES_MAX)
    )


def readable(body: bytes) -> bytes:
    """The same with every byte as it is: JDBC looks for an error's words without unpacking some statuses."""
    return b"".join(
        _block(body[start : start + BLOCK_BYTES_MAX], _literals)
        for start in range(0, len(body), BLOCK_BYTES_MAX)
    )


def _squeezed(body: bytes) -> bytes:
    return bytes(lz4.block.compress(body, store_size=False))


def _literals(body: bytes) -> bytes:
    """LZ4 data of one sequence that copies nothing."""
    size = len(body)
    if size < 15:
        return bytes([size << 4]) + body
    more, last = divmod(size - 15, 255)
    return b"\xf0" + b"\xff" * more + bytes([last]) + body


def _block(body: bytes, squeeze: Callable[[bytes], bytes] = _squeezed) -> bytes:
    data = squeeze(body)
    block = _HEAD.pack(_LZ4, _HEAD.size + len(data), len(body)) + data
    return struct.pack("<QQ", *city_hash_128(block)) + block


def city_hash_128(text: bytes) -> tuple[int, int]:
    """The lower and the upper half of the hash of at least 8 bytes (a block is never shorter)."""
    size = len(text)
    if size < 16:
        return _short(b"", _at(text, 0) ^ size * _K0 & _MASK, _at(text, size - 8) ^ _K1)
    first, second = struct.unpack_from("<QQ", text)
    rest = text[16:]
    if len(rest) < 128:
        return _short(rest, first ^ _K3, second)
    return _long(rest, first ^ _K3, second)


def _rotated(value: int, bits: int) -> int:
    value &= _MASK
    return value >> bits | value << (64 - bits) & _MASK


def _mixed(value: int) -> int:
    value &= _MASK
    return value ^ value >> 47


def _of_two(one: int, other: int) -> int:
    first = _mixed((one ^ other) * _MULTIPLIER & _MASK)
    return _mixed((other ^ first) * _MULTIPLIER & _MASK) * _MULTIPLIER & _MASK


def _at(text: bytes, place: int) -> int:
    return int(_WORD.unpack_from(text, place)[0])


def _up_to_16(text: bytes) -> int:
    size = len(text)
    if size > 8:
        last = _at(text, size - 8)
        return _of_two(_at(text, 0), _rotated(last + size, size)) ^ last
    if size >= 4:
        start, end = (int.from_bytes(part, "little") for part in (text[:4], text[-4:]))
        return _of_two(size + (start << 3), end)
    if size:
        low = text[0] + (text[size >> 1] << 8)
        high = size + (text[-1] << 2)
        return _mixed(low * _K2 ^ high * _K3) * _K2 & _MASK
    return _K2


def _short(text: bytes, a: int, b: int) -> tuple[int, int]:
    size = len(text)
    if size <= 16:
        a = _mixed(a * _K1) * _K1 & _MASK
        c = b * _K1 + _up_to_16(text) & _MASK
        d = _mixed(a + (_at(text, 0) if size >= 8 else c))
    else:
        c = _of_two(_at(text, size - 8) + _K1 & _MASK, a)
        d = _of_two(b + size & _MASK, c + _at(text, size - 16) & _MASK)
        a = a + d & _MASK
        for place in range(0, size - 16, 16):
            a = (a ^ _mixed(_at(text, place) * _K1) * _K1) * _K1 & _MASK
            b ^= a
            c = (c ^ _mixed(_at(text, place + 8) * _K1) * _K1) * _K1 & _MASK
            d ^= c
    a = _of_two(a, c)
    b = _of_two(d, b)
    return a ^ b, _of_two(b, a)


def _four(words: tuple[int, ...], a: int, b: int) -> tuple[int, int]:
    a += words[0]
    b = _rotated(b + a + words[3], 21)
    c = a
    a += words[1] + words[2]
    return a + words[3] & _MASK, b + _rotated(a, 44) + c & _MASK


def _long(text: bytes, x: int, y: int) -> tuple[int, int]:
    size = len(text)
    z = size * _K1 & _MASK
    v0 = _rotated(y ^ _K1, 49) * _K1 + _at(text, 0) & _MASK
    v1 = _rotated(v0, 42) * _K1 + _at(text, 8) & _MASK
    w0 = _rotated(y + z, 35) * _K1 + x & _MASK
    w1 = _rotated(x + _at(text, 88), 53) * _K1 & _MASK
    whole = size // 128 * 128
    for place in range(0, whole, 128):
        words = _WORDS.unpack_from(text, place)
        for half in (words[:8], words[8:]):
            x = _rotated(x + y + v0 + half[2], 37) * _K1 & _MASK ^ w1
            y = _rotated(y + v1 + half[6], 42) * _K1 & _MASK ^ v0
            z = _rotated(z ^ w0, 33)
            v0, v1 = _four(half[:4], v1 * _K1, x + w0)
            w0, w1 = _four(half[4:], z + w1, y)
            z, x = x, z
    y = y + _rotated(w0, 37) * _K0 + z & _MASK
    x = x + _rotated(v0 + z, 49) * _K0 & _MASK
    for place in range(size - 32, whole - 32, -32):
        tail = _TAIL.unpack_from(text, place)
        y = _rotated(y - x, 42) * _K0 + v1 & _MASK
        w0 = w0 + tail[2] & _MASK
        x = _rotated(x, 49) * _K0 + w0 & _MASK
        w0 = w0 + v0 & _MASK
        v0, v1 = _four(tail, v0, v1)
    x = _of_two(x, v0)
    y = _of_two(y, w0)
    return _of_two(x + v1 & _MASK, w1) + y & _MASK, _of_two(x + w1 & _MASK, y + v1 & _MASK)
