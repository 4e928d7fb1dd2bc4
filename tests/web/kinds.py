"""A value of every kind of column that a client may meet, and values as every language can write them."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from typing import Any
from uuid import UUID

#: a value of every kind of column, with the cases in which its bytes are laid out differently
KINDS = """
    SELECT -1::Int8 AS i8, -1::Int16 AS i16, -1::Int32 AS i32, -9223372036854775808::Int64 AS i64,
    -1::Int128 AS i128, 200::UInt8 AS u8, 60000::UInt16 AS u16, 4294967295::UInt32 AS u32,
    18446744073709551615::UInt64 AS u64, 1::UInt256 AS u256,
    1.5::Float32 AS f32, 0.1::Float64 AS f64, 1.23::Decimal(9, 2) AS d9, 1.23::Decimal(18, 3) AS d18,
    1.23::Decimal(38, 4) AS d38, 1.23::Decimal(76, 5) AS d76, true AS b, 'text' AS s,
    concat('quotes "\\'\\\\', char(10), 'é 日本 🙂') AS letters, repeat('long', 100) AS long,
    'ab'::FixedString(2) AS fixed, repeat('cd', 32)::FixedString(64) AS hash,
    toDate('2024-01-02') AS d, toDate32('1960-01-02') AS d32,
    toDateTime('2024-01-02 03:04:05', 'UTC') AS t,
    toDateTime64('2024-01-02 03:04:05.678901', 6, 'UTC') AS t64,
    toDateTime64('2024-01-02 03:04:05.678901', 9, 'UTC') AS t9,
    toDateTime64('2024-06-30 23:59:59.000001', 6, 'UTC')::Nullable(DateTime64(6, 'UTC')) AS some_time,
    NULL::Nullable(DateTime64(6, 'UTC')) AS no_time,
    toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0') AS uuid, toIPv4('1.2.3.4') AS ip4, toIPv6('::1') AS ip6,
    'a'::Enum8('a' = 1, 'b,)(' = 2) AS e8, 'x'::Enum16('x' = 300) AS e16, NULL AS nothing,
    -7::Nullable(Int64) AS some, NULL::Nullable(Int64) AS no_number,
    7::Nullable(UInt64) AS some_count, NULL::Nullable(UInt64) AS no_count, 0.25::Nullable(Float64) AS share,
    NULL::Nullable(Float64) AS no_share, NULL::Nullable(String) AS none,
    'x'::LowCardinality(String) AS low, NULL::LowCardinality(Nullable(String)) AS low_none,
    [1, 2] AS a, ['p', 'q']::Array(String) AS texts, []::Array(String) AS empty,
    [[1, 2], [], [3]] AS nested, [-1, 1704067200000000]::Array(Int64) AS instants,
    []::Array(Int64) AS no_instants,
    ['x', 'y']::Array(LowCardinality(String)) AS lows,
    []::Array(LowCardinality(String)) AS no_lows,
    ['a', NULL]::Array(LowCardinality(Nullable(String))) AS some_lows,
    (1, 'a') AS tuple, (1, 'b')::Tuple(x Int8, `y, z` LowCardinality(String)) AS named,
    map('a', 1) AS m, map('a'::LowCardinality(String), ['x']) AS m_low,
    map('a', 1, 'b', 2)::Map(LowCardinality(String), Int64) AS counts,
    map('a', 0.5, 'b', -2)::Map(LowCardinality(String), Float64) AS factors,
    map()::Map(LowCardinality(String), Float64) AS no_factors,
    map('service.version', 'v1')::Map(LowCardinality(String), String) AS attributes,
    [(1, 'a')]::Nested(p Int8, q String) AS n,
    [(1, NULL)]::Array(Tuple(Int8, Nullable(DateTime64(6, 'UTC')))) AS deep, (1.5, 2.5)::Point AS point
"""


def plain(value: Any) -> Any:
    """A value as JSON has it: times are UTC with microseconds, decimals and addresses are texts.

    A date is its midnight.
    """
    match value:
        case float() if not math.isfinite(value):
            return str(value)
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        case date():
            return plain(datetime.combine(value, time(), UTC))
        case Decimal():
            return f"{value.normalize():f}"
        case IPv4Address() | IPv6Address():
            return value.packed.hex()
        case UUID():
            return str(value)
        case bytes():
            return value.decode()
        case list() | tuple():
            return [plain(item) for item in value]
        case dict():
            return {key: plain(item) for key, item in value.items()}
        case _:
            return value
