"""Bytes in zstd, as answers and questions travel; the columns' library has it already."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

_KIND: Final = "zstd"


class NotPacked(ValueError):
    """The bytes are not of that kind, or cut off."""


def packed(body: bytes) -> bytes:
    """The body as one frame."""
    return bytes(pa.Codec(_KIND).compress(body, asbytes=True))


def unpacked(body: bytes, bytes_max: int) -> bytes:
    """What is in it, and at most so many bytes of that. Raises ``NotPacked``."""
    if not body:
        raise NotPacked("the body is empty, which is no zstd")
    try:
        with pa.CompressedInputStream(pa.BufferReader(body), _KIND) as stream:
            return bytes(stream.read(bytes_max))
    except OSError as error:
        raise NotPacked(f"the body is not zstd: {error}") from None
