"""Rates, memory, compressed bodies and remembered deliveries."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.receive.limits import Crowded, Limits, Rates, Room, TooLarge, Undecodable, inflate
from pipeline.receive.replays import Replays

MEBIBYTE = 1024 * 1024


def _raw(body: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(body) + stream.flush()


@given(st.binary(max_size=5_000), st.sampled_from(["gzip", "zlib", "raw", "members", "plain"]))
def test_inflating_undoes_what_senders_do(body: bytes, kind: str) -> None:
    sent = {
        "gzip": ("gzip", gzip.compress(body)),
        "zlib": ("deflate", zlib.compress(body)),
        "raw": ("deflate", _raw(body)),
        "members": ("gzip", gzip.compress(body[:7]) + gzip.compress(body[7:]) + b"\0\0"),
        "plain": ("identity", body),
    }[kind]
    assert inflate(*sent, bytes_max=5_000) == body


@given(st.binary(max_size=300), st.sampled_from(["gzip", "deflate"]))
def test_any_bytes_are_refused_or_inflated(body: bytes, encoding: str) -> None:
    with suppress(TooLarge, Undecodable):
        assert len(inflate(encoding, body, 1_000)) <= 1_000


@given(st.binary(min_size=1, max_size=300), st.data())
def test_a_body_that_was_cut_is_refused(body: bytes, data: st.DataObject) -> None:
    whole = gzip.compress(body)
    with pytest.raises(Undecodable):
        inflate("gzip", whole[: data.draw(st.integers(0, len(whole) - 1))], 1_000)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_bomb_never_gets_large(encoding: str) -> None:
    bomb = (gzip.compress if encoding == "gzip" else zlib.compress)(bytes(200 * MEBIBYTE))
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            inflate(encoding, bomb, 2 * MEBIBYTE)
        assert tracemalloc.get_traced_memory()[1] < 8 * MEBIBYTE
    finally:
        tracemalloc.stop()


def test_a_body_of_countless_empty_members_is_refused() -> None:
    with pytest.raises(Undecodable, match="members"):
        inflate("gzip", gzip.compress(b"") * 5_000, MEBIBYTE)


def test_a_rate_lets_a_burst_through_and_then_what_it_allows() -> None:
    rates = Rates(per_second=2.0, burst=3)
    assert [rates.take("a", 10.0) for _ in range(3)] == [0, 0, 0]
    assert rates.wait("a", 10.0) == rates.take("a", 10.0) == 0.5
    assert rates.take("b", 10.0) == 0
    assert rates.take("a", 10.5) == 0
    assert rates.take("a", 10.5) == 0.5
    assert [rates.take("a", 99.0) for _ in range(4)] == [0, 0, 0, 0.5]


def test_rates_forget_the_longest_unused() -> None:
    rates = Rates(per_second=1.0, burst=1, keys_max=10)
    for number in range(100):
        rates.take(str(number), 0.0)
    assert len(rates) == 10
    assert rates.wait("99", 0.0) > 0
    assert rates.wait("0", 0.0) == 0


def test_room_is_given_back() -> None:
    room = Room(Limits(bodies_max=3, peer_bodies_max=2, bodies_bytes_max=100))
    with room.place("a") as first, room.place("a"):
        with pytest.raises(Crowded), room.place("a"):
            pass
        first.grow(60)
        with room.place("b") as other:
            with pytest.raises(Crowded):
                other.grow(41)
            other.grow(40)
            other.shrink(10)
            other.grow(10)
            with pytest.raises(Crowded), room.place("c"):
                pass
    assert (room.bodies, room.bytes_held) == (0, 0)


def test_replays_are_of_one_source_and_bounded() -> None:
    replays = Replays(remembered_max=100)
    for offset in range(1_000):
        replays.remember("acme", "github", f"id-{offset}", offset)
    assert len(replays) == 100
    assert replays.seen("acme", "github", "id-999") == 999
    assert replays.seen("acme", "gitlab", "id-999") is None
    assert replays.seen("other", "github", "id-999") is None
    assert replays.seen("acme", "github", "id-0") is None
    replays.remember("acme", "github", "", 5)
    assert replays.seen("acme", "github", "") is None
