"""How bodies travel: compressed answers as a client accepts them, and compressed questions with a limit.

A client that accepts only what isn't known here gets its answer as it is.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable
from typing import Final

import lz4.frame  # type: ignore[import-untyped]

from pipeline.store.packing import NotPacked, packed, unpacked

#: a question, unpacked
REQUEST_BYTES_MAX = 1024 * 1024
_LEVEL: Final = 3
_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS
_WEIGHT = re.compile(r";\s*q=([\d.]+)")


class BodyTooLarge(ValueError):
    """The body is longer than a question may be."""


class WrongEncoding(ValueError):
    """The body's Content-Encoding is not known, or its bytes are not of that kind."""


_ENCODERS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "lz4": lambda body: bytes(lz4.frame.compress(body)),
    "zstd": packed,
    "gzip": lambda body: gzip.compress(body, _LEVEL, mtime=0),
    "deflate": lambda body: zlib.compress(body, _LEVEL),
}


def chosen(accepted: str) -> str:
    """The encoding for an Accept-Encoding header, the client's first that we know; empty: none."""
    for part in accepted.lower().split(","):
        name = part.split(";")[0].strip()
        weight = _WEIGHT.search(part)
        if name in _ENCODERS and (weight is None or float(weight[1]) > 0):
            return name
    return ""


def encoded(body: bytes, encoding: str) -> bytes:
    """The body in one of the encodings that ``chosen`` gives."""
    return _ENCODERS[encoding](body)


def decoded(body: bytes, encoding: str) -> bytes:
    """A question's body; raises ``BodyTooLarge`` before it is unpacked further than the limit."""
    if encoding in ("", "identity"):
        found = body
    elif encoding == "gzip":
        found = _inflated(body, _GZIP_WINDOW)
    elif encoding == "deflate":
        found = _inflated(body, zlib.MAX_WBITS)
    elif encoding == "lz4":
        try:
            with lz4.frame.LZ4FrameDecompressor() as decompressor:
                found = decompressor.decompress(body, REQUEST_BYTES_MAX + 1)
                if not decompressor.eof and len(found) <= REQUEST_BYTES_MAX:
                    raise WrongEncoding("the compressed body is cut off")
        except (RuntimeError, EOFError) as error:
            raise WrongEncoding(f"the body is not {encoding}: {error}") from None
    elif encoding == "zstd":
        try:
            found = unpacked(body, REQUEST_BYTES_MAX + 1)
        except NotPacked as error:
            raise WrongEncoding(str(error)) from None
    else:
        raise WrongEncoding(f"the Content-Encoding {encoding} is not known: use gzip, deflate, lz4 or zstd")
    if len(found) > REQUEST_BYTES_MAX:
        raise BodyTooLarge(f"a question has at most {REQUEST_BYTES_MAX} bytes")
    return found


def _inflated(body: bytes, window: int) -> bytes:
    inflating = zlib.decompressobj(window)
    try:
        found = inflating.decompress(body, REQUEST_BYTES_MAX + 1)
    except zlib.error as error:
        raise WrongEncoding(f"the body can't be unpacked: {error}") from None
    if not inflating.eof and len(found) <= REQUEST_BYTES_MAX:
        raise WrongEncoding("the compressed body is cut off")
    return found
