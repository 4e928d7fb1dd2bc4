"""What is kept of a delivery: headers without secrets, and records that only the key's holder reads."""

from __future__ import annotations

import base64
from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.receive.keeping import KEPT_HEADERS_MAX, KeyRing, Unreadable, kept_headers
from pipeline.sources.deliveries import Delivery

OLD, NEW = b"o" * 32, b"n" * 32
DELIVERY = Delivery("acme", "github", 1_700_000_000_000_000, {"x-github-event": "push"}, b'{"a": 1}')

texts = st.text(max_size=20)
deliveries = st.builds(
    Delivery,
    texts,
    texts,
    st.integers(0, 2**62),
    st.dictionaries(texts, texts, max_size=3),
    st.binary(max_size=99),
)


@given(deliveries, st.sampled_from([(), (OLD,), (NEW, OLD)]))
def test_a_record_opens_to_what_was_sealed(delivery: Delivery, keys: tuple[bytes, ...]) -> None:
    ring = KeyRing(keys)
    assert ring.open_(ring.seal(delivery)) == delivery


def test_a_plain_record_is_messagepack() -> None:
    assert msgspec.msgpack.decode(KeyRing().seal(DELIVERY), type=Delivery) == DELIVERY


def test_a_sealed_record_shows_nothing_and_never_repeats() -> None:
    ring = KeyRing([OLD])
    records = {ring.seal(DELIVERY) for _ in range(50)}
    assert len(records) == 50
    assert not any(b"push" in record or b"acme" in record for record in records)


def test_an_old_key_still_reads_and_a_missing_one_is_named() -> None:
    sealed = KeyRing([OLD]).seal(DELIVERY)
    assert KeyRing([NEW, OLD]).open_(sealed) == DELIVERY
    with pytest.raises(Unreadable, match="not among the keys"):
        KeyRing([NEW]).open_(sealed)
    with pytest.raises(Unreadable, match="not among the keys"):
        KeyRing().open_(sealed)
    assert KeyRing([NEW]).open_(KeyRing().seal(DELIVERY)) == DELIVERY


@given(st.data())
def test_an_altered_record_is_noticed(data: st.DataObject) -> None:
    ring = KeyRing([OLD])
    record = bytearray(ring.seal(DELIVERY))
    record[data.draw(st.integers(0, len(record) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(Unreadable):
        ring.open_(bytes(record))


@given(st.binary(max_size=80))
def test_any_bytes_are_unreadable_or_a_delivery(record: bytes) -> None:
    for start in (b"", b"\xc1\x01", b"\x95"):
        with suppress(Unreadable):
            KeyRing([OLD]).open_(start + record)


def test_keys_are_written_as_base64_and_never_shown() -> None:
    text = base64.b64encode(OLD).decode()
    ring = KeyRing.of([text, base64.urlsafe_b64encode(b"\xff" * 32).decode()])
    assert ring.open_(KeyRing([OLD]).seal(DELIVERY)) == DELIVERY
    assert text not in repr(ring)
    for wrong in ("no base64!", base64.b64encode(b"short-key").decode()):
        with pytest.raises(ValueError, match="key 1") as raised:
            KeyRing.of([wrong])
        assert wrong not in str(raised.value)


def test_headers_are_kept_by_an_allow_list() -> None:
    sent = {
        "x-github-event": "push",
        "ce-type": "dev.cdevents.change.merged",
        "ce-authorization": "no",
        "ce-mytoken": "no",
        "authorization": "no",
        "cookie": "no",
        "x-hub-signature-256": "no",
        "x-hub-signature": "no",
        "x-gitlab-token": "no",
        "x-pagerduty-signature": "no",
        "webhook-signature": "no",
        "x-unheard-of": "no",
        "proxy-authorization": "no",
        "x-forwarded-for": "no",
    }
    assert set(kept_headers(sent)) == {"x-github-event", "ce-type"}
    many = kept_headers({f"ce-x{number}": "v" * 9_999 for number in range(500)})
    assert len(many) == KEPT_HEADERS_MAX
    assert max(map(len, many.values())) == 2_000
