"""Blocks for newer protocol versions, and compressed ones, byte by byte."""

from __future__ import annotations

from collections.abc import Callable

import lz4.block  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.web import blocks, native

INFO = b"\x01\x00\x02\xff\xff\xff\xff\x00"

#: size of a text -> its CityHash128 1.0.2, from another implementation of it
HASHES = [
    (16, 0xA390A6999576BE80, 0x914A78CE6BD78AD3),
    (20, 0x38FA9D7401B6EB78, 0x7B126D54181E0AAE),
    (25, 0xE8EC5589A255DD3C, 0x143EA383C55468A9),
    (32, 0xC77AA32C0E4B1D42, 0x1B45B75E6B924B32),
    (33, 0x2F3F44990063ABD5, 0x4733E1BB12E6D838),
    (100, 0xBF2F453D47E4DF9E, 0x302BCF2B05C8ABE2),
    (143, 0x4A5DF83A916AC0EA, 0xFD6E40A5E50397A7),
    (144, 0x32DBEE1E14E40939, 0x5D1FA8C60AA486B8),
    (145, 0xC0B7719B889E27CB, 0x038A830F008E9E72),
    (272, 0x7AD53CBDDDA67868, 0x31BE241DD8020208),
    (300, 0xA9648906688A2E21, 0x4D289986F1980C0C),
    (700, 0x9DB5AB41E8833275, 0x8E5811AED8885E7E),
]


def text(size: int) -> bytes:
    """The text that the hashes are of: the upper bytes of a row of congruent numbers."""
    number, found = 1, bytearray()
    for _ in range(size):
        number = (number * 1_664_525 + 1_013_904_223) & 0xFFFFFFFF
        found.append(number >> 24)
    return bytes(found)


@pytest.mark.parametrize(("size", "low", "high"), HASHES)
def test_the_hash(size: int, low: int, high: int) -> None:
    assert blocks.city_hash_128(text(size)) == (low, high)


@pytest.mark.parametrize("pack", [blocks.compressed, blocks.readable])
@pytest.mark.parametrize("size", [0, 1, 14, 15, 16, 269, 270, 271, 5_000, blocks.BLOCK_BYTES_MAX + 1])
def test_blocks_hold_the_body(pack: Callable[[bytes], bytes], size: int) -> None:
    body = bytes(size)
    packed = pack(body)
    assert (body in packed) is (pack is blocks.readable and size <= blocks.BLOCK_BYTES_MAX) or size <= 1
    found, at = b"", 0
    while at < len(packed):
        whole = int.from_bytes(packed[at + 17 : at + 21], "little")
        plain = int.from_bytes(packed[at + 21 : at + 25], "little")
        block = packed[at + 16 : at + 16 + whole]
        halves = (
            int.from_bytes(packed[at : at + 8], "little"),
            int.from_bytes(packed[at + 8 : at + 16], "little"),
        )
        assert blocks.city_hash_128(block) == halves
        found += lz4.block.decompress(block[9:], uncompressed_size=plain)
        at += 16 + whole
    assert found == body


def column(name: str, kind: str, values: bytes) -> tuple[bytes, bytes]:
    return bytes([len(name)]) + name.encode() + bytes([len(kind)]) + kind.encode(), values


COLUMNS = [
    column("n", "UInt8", b"\x01\x02"),
    column("s", "Array(String)", (2).to_bytes(8, "little") + (3).to_bytes(8, "little") + b"\x01a\x00\x02bc"),
    column("t", "Nullable(FixedString(2))", b"\x00\x01abcd"),
]


def block(marks: bytes) -> bytes:
    return bytes([len(COLUMNS), 2]) + b"".join(head + marks + values for head, values in COLUMNS)


def test_each_protocol_version_has_its_bytes() -> None:
    body = block(b"") + block(b"")
    assert native.for_protocol(body, 0) == body
    assert native.for_protocol(body, 54405) == (INFO + block(b"")) * 2
    assert native.for_protocol(body, 54460) == (INFO + block(b"\0")) * 2
    assert native.for_protocol(b"", 54460) == b""


def test_a_header_is_a_block_without_rows() -> None:
    header = native.header([("n", "UInt8"), ("x" * 200, "Array(String)")])
    long = b"\xc8\x01" + b"x" * 200
    assert header == b"\x02\x00\x01n\x05UInt8" + long + b"\x0dArray(String)"
    assert native.for_protocol(header, 54460) == (
        INFO + b"\x02\x00\x01n\x05UInt8\0" + long + b"\x0dArray(String)\0"
    )


@pytest.mark.parametrize(
    "kind", ["JSON", "Dynamic", "Variant(Int8, String)", "AggregateFunction(sum, Int8)", "?"]
)
def test_an_unknown_type_is_named(kind: str) -> None:
    head, _ = column("x", kind, b"")
    with pytest.raises(native.UnknownType, match="another"):
        native.for_protocol(b"\x01\x01" + head + bytes(64), 54460)


def test_a_column_cut_off_is_noticed() -> None:
    head, _ = column("x", "UInt64", b"")
    with pytest.raises(native.UnknownType, match="in the middle"):
        native.for_protocol(b"\x01\x02" + head + bytes(9), 54405)


@given(st.lists(st.sampled_from(["Int8", "Enum8('a,(' = 1, 'b\\'' = 2)", "Tuple(`x, y` Int8, z String)"])))
def test_arguments_are_split_where_they_end(kinds: list[str]) -> None:
    assert [part.strip() for part in native.arguments(", ".join(kinds))] == kinds
