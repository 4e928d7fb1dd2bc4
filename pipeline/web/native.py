"""Blocks of ClickHouse's Native format, in the wording of the protocol version that a client speaks.

The embedded engine writes the oldest one. Newer clients expect a few bytes before each block and one
byte before the values of each column; the values are the same. Their lengths follow from the types.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

#: protocol versions since which a block begins with its info, and a column with its kind of serialization
BLOCK_INFO_SINCE: Final = 1
SERIALIZATION_SINCE: Final = 54454

#: field 1 = no overflow rows, field 2 = bucket -1, end
_BLOCK_INFO: Final = bytes((1, 0, 2, 255, 255, 255, 255, 0))
_ORDINARY: Final = b"\0"

_WIDTHS: Final = {
    "Bool": 1,
    "Date": 2,
    "Date32": 4,
    "DateTime": 4,
    "DateTime32": 4,
    "DateTime64": 8,
    "Decimal128": 16,
    "Decimal256": 32,
    "Decimal32": 4,
    "Decimal64": 8,
    "Enum16": 2,
    "Enum8": 1,
    "BFloat16": 2,
    "Float32": 4,
    "Float64": 8,
    "IPv4": 4,
    "IPv6": 16,
    "Nothing": 1,
    "Time": 4,
    "Time64": 8,
    "UUID": 16,
    **{f"{sign}Int{bits}": bits // 8 for sign in ("", "U") for bits in (8, 16, 32, 64, 128, 256)},
}
_SHAPES: Final = {
    "Point": "Tuple(Float64, Float64)",
    "Ring": "Array(Point)",
    "LineString": "Array(Point)",
    "MultiLineString": "Array(LineString)",
    "Polygon": "Array(Ring)",
    "MultiPolygon": "Array(Polygon)",
}
_TYPE = re.compile(r"\s*(\w+)\s*(?:\((.*)\))?\s*\Z", re.DOTALL)
#: a named element of a Tuple: the name may be quoted
_NAMED = re.compile(r"\s*(?:`(?:[^`\\]|\\.)*`|\w+)\s+(?=\w)", re.DOTALL)
_INDEX_WIDTHS: Final = (1, 2, 4, 8)


class UnknownType(ValueError):
    """A column whose bytes can't be walked: another format shows it."""


def for_protocol(body: bytes, version: int) -> bytes:
    """The blocks of ``body`` as a client of this protocol version reads them (0: as they are).

    Raises ``UnknownType`` for a column of a type that isn't known here.
    """
    if version < BLOCK_INFO_SINCE or not body:
        return body
    pieces: list[bytes | memoryview] = []
    view = memoryview(body)
    at = 0
    while at < len(body):
        pieces.append(_BLOCK_INFO)
        start = at
        columns, at = _number(body, at)
        rows, at = _number(body, at)
        for _ in range(columns):
            at = _after_text(body, at)
            length, begin = _number(body, at)
            at = begin + length
            if version >= SERIALIZATION_SINCE:
                pieces += (view[start:at], _ORDINARY)
                start = at
            if rows:
                kind = body[begin:at].decode()
                at = _after_values(body, _after_prefix(body, at, kind), kind, rows)
        pieces.append(view[start:at])
    if at != len(body):
        raise UnknownType(
            "the engine's block ends in the middle of a column: use another format, such as RowBinary"
        )
    return b"".join(pieces)


def header(columns: list[tuple[str, str]]) -> bytes:
    """A block without rows, from the names and types of its columns."""
    pieces = [_varint(len(columns)), _varint(0)]
    for text in (text for column in columns for text in column):
        encoded = text.encode()
        pieces += (_varint(len(encoded)), encoded)
    return b"".join(pieces)


def _varint(value: int) -> bytes:
    found = bytearray()
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def _number(body: bytes, at: int) -> tuple[int, int]:
    """A number of variable length, and the place after it."""
    value = shift = 0
    while True:
        byte = body[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _after_text(body: bytes, at: int) -> int:
    length, at = _number(body, at)
    return at + length


def _word(body: bytes, at: int) -> int:
    return int.from_bytes(body[at : at + 8], "little")


def _parts(kind: str) -> tuple[str, str]:
    match = _TYPE.match(kind)
    if match is None:
        raise UnknownType(f"the type {kind} can't be sent in this format: use another, such as JSON")
    return match[1], match[2] or ""


def arguments(text: str) -> Iterator[str]:
    """The parts of a type's arguments, split at the commas outside brackets and quotes."""
    start = depth = at = 0
    while at < len(text):
        char = text[at]
        if char in "'`":
            at += 1
            while text[at] != char:
                at += 2 if text[at] == "\\" else 1
        elif char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
        elif char == "," and not depth:
            yield text[start:at]
            start = at + 1
        at += 1
    if text.strip():
        yield text[start:]


def _children(name: str, inner: str) -> list[str]:
    """The types whose values follow one another: of a Tuple, of a Nested, of a Map."""
    return [
        part if name == "Map" or _NAMED.match(part) is None else part[_NAMED.match(part).end() :]  # type: ignore[union-attr]
        for part in arguments(inner)
    ]


def _after_prefix(body: bytes, at: int, kind: str) -> int:
    """What stands once before a column: LowCardinality says how its dictionary is kept."""
    name, inner = _parts(kind)
    if name == "LowCardinality":
        return at + 8
    if name in ("Array", "Nullable"):
        return _after_prefix(body, at, inner)
    if name == "SimpleAggregateFunction":
        return _after_prefix(body, at, list(arguments(inner))[1])
    if name in ("Tuple", "Map", "Nested"):
        for child in _children(name, inner):
            at = _after_prefix(body, at, child)
    return at


def _after_values(body: bytes, at: int, kind: str, rows: int) -> int:
    """The place after ``rows`` values."""
    name, inner = _parts(kind)
    if name == "String":
        for _ in range(rows):
            length = body[at]
            if length < 0x80:
                at += 1 + length
            else:
                at = _after_text(body, at)
        return at
    if name in _WIDTHS:
        return at + rows * _WIDTHS[name]
    if name.startswith("Interval"):
        return at + 8 * rows
    if name == "FixedString":
        return at + int(inner) * rows
    if name == "Decimal":
        digits = int(inner.split(",")[0])
        return at + rows * next(
            width for limit, width in ((9, 4), (18, 8), (38, 16), (76, 32)) if digits <= limit
        )
    if name in _SHAPES:
        return _after_values(body, at, _SHAPES[name], rows)
    if name == "SimpleAggregateFunction":
        return _after_values(body, at, list(arguments(inner))[1], rows)
    return _after_nested(body, at, kind, rows)


def _after_nested(body: bytes, at: int, kind: str, rows: int) -> int:
    name, inner = _parts(kind)
    if not rows:
        return at
    if name == "Nullable":
        return _after_values(body, at + rows, inner, rows)
    if name == "Array":
        return _after_values(body, at + 8 * rows, inner, _word(body, at + 8 * (rows - 1)))
    if name == "Tuple":
        for child in _children(name, inner):
            at = _after_values(body, at, child, rows)
        return at + (rows if not inner.strip() else 0)
    if name in ("Map", "Nested"):
        elements = _word(body, at + 8 * (rows - 1))
        at += 8 * rows
        for child in _children(name, inner):
            at = _after_values(body, at, child, elements)
        return at
    if name == "LowCardinality":
        width = _INDEX_WIDTHS[_word(body, at) & 0xFF]
        keys = _word(body, at + 8)
        key, key_inner = _parts(inner)
        at = _after_values(body, at + 16, key_inner if key == "Nullable" else inner, keys)
        return at + 8 + width * _word(body, at)
    raise UnknownType(f"the type {kind} can't be sent in this format: use another, such as JSON")
