"""What of a delivery is kept, and how: an allow-list of headers, and records sealed with a key.

A record begins with a byte that says what it is: ``95`` is a plain MessagePack array of five, ``C1`` (a
byte that MessagePack never uses) is a sealed one: version, key's name, salt, nonce, then AES-256-GCM of
the plain record. Each record has a key of its own, derived from the ring's key and the salt, so that no
number of records wears a key out. The header is authenticated with the record.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pipeline.sources.deliveries import Delivery

#: headers that parsers read or that help to find a delivery at its sender; anything else is dropped
KEPT_HEADERS = frozenset(
    {
        "content-type",
        "user-agent",
        "x-github-event",
        "x-github-delivery",
        "x-github-hook-id",
        "x-github-hook-installation-target-id",
        "x-github-hook-installation-target-type",
        "x-gitlab-event",
        "x-gitlab-event-uuid",
        "x-gitlab-webhook-uuid",
        "x-gitlab-instance",
        "idempotency-key",
        "webhook-id",
        "webhook-timestamp",
        "x-webhook-id",
        "gotk-component",
    }
)
#: attributes of a CloudEvent in binary mode
_CLOUDEVENT = re.compile(r"ce-[a-z0-9]{1,50}")
_CONFIDENTIAL = re.compile("auth|token|secret|signature|password|passwd|cookie|credential|apikey|session")

KEPT_HEADERS_MAX = 64
HEADER_CHARACTERS_MAX = 2_000

KEY_BYTES = 32
KEYS_MAX = 10

_PLAIN = 0x95
_SEALED = b"\xc1\x01"
_NAME_BYTES = 8
_SALT_BYTES = 16
_NONCE_BYTES = 12
_HEADER_BYTES = len(_SEALED) + _NAME_BYTES + _SALT_BYTES + _NONCE_BYTES

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Delivery)


class Unreadable(ValueError):
    """A record is damaged, or sealed with a key that is not on the ring; the text says which."""


def kept_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that stay with a delivery, by lower-case name; none carries a secret or a signature."""
    kept: dict[str, str] = {}
    for name, value in headers.items():
        allowed = name in KEPT_HEADERS or (_CLOUDEVENT.fullmatch(name) and not _CONFIDENTIAL.search(name))
        if allowed and len(kept) < KEPT_HEADERS_MAX:
            kept[name] = value[:HEADER_CHARACTERS_MAX]
    return kept


class KeyRing:
    """The keys that seal records: the first one seals, all of them open. Without keys, nothing is sealed."""

    def __init__(self, keys: Sequence[bytes] = ()) -> None:
        """``keys`` of 32 bytes each, the newest first. Raises ``ValueError``, which shows no key."""
        if len(keys) > KEYS_MAX:
            raise ValueError(f"{len(keys)} keys to encrypt kept deliveries with: at most {KEYS_MAX}")
        for number, key in enumerate(keys, 1):
            if len(key) != KEY_BYTES:
                raise ValueError(f"key {number} for kept deliveries has {len(key)} bytes: make {KEY_BYTES}")
        self._keys = {_name(key): key for key in keys}
        self._sealing = keys[0] if keys else b""

    @classmethod
    def of(cls, texts: Iterable[str]) -> KeyRing:
        """A ring of keys written as base64. Raises ``ValueError``, which shows no key."""
        keys = []
        for number, text in enumerate(texts, 1):
            try:
                keys.append(base64.b64decode(text.strip().translate(_URL_SAFE), validate=True))
            except (binascii.Error, ValueError):
                raise ValueError(
                    f"key {number} for kept deliveries is no base64: make one with `openssl rand -base64 32`"
                ) from None
        return cls(keys)

    def __bool__(self) -> bool:
        return bool(self._keys)

    def __repr__(self) -> str:
        return f"KeyRing({len(self._keys)} keys)"

    def seal(self, delivery: Delivery) -> bytes:
        """The record of a delivery, sealed when there is a key."""
        plain = _encoder.encode(delivery)
        if not self._sealing:
            return plain
        drawn = os.urandom(_SALT_BYTES + _NONCE_BYTES)
        header = _SEALED + _name(self._sealing) + drawn
        cipher = AESGCM(_record_key(self._sealing, drawn[:_SALT_BYTES]))
        return header + cipher.encrypt(drawn[_SALT_BYTES:], plain, header)

    def open_(self, record: bytes) -> Delivery:
        """The delivery of a record, sealed or not. Raises ``Unreadable``."""
        if record[:1] == _SEALED[:1]:
            record = self._unsealed(record)
        elif record[:1] != bytes([_PLAIN]):
            raise Unreadable("this is no record of a delivery: it begins with an unknown byte")
        try:
            return _decoder.decode(record)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Unreadable(f"this record of a delivery is damaged: {error}") from None

    def _unsealed(self, record: bytes) -> bytes:
        header, sealed = record[:_HEADER_BYTES], record[_HEADER_BYTES:]
        if not header.startswith(_SEALED) or len(header) < _HEADER_BYTES:
            raise Unreadable("this sealed record is cut short, or a later version wrote it")
        start = len(_SEALED)
        name = header[start : start + _NAME_BYTES]
        salt, nonce = header[start + _NAME_BYTES : -_NONCE_BYTES], header[-_NONCE_BYTES:]
        key = self._keys.get(name)
        if key is None:
            raise Unreadable(
                f"this record is sealed with the key {name.hex()}, which is not among the keys that are set:"
                " put it behind the key in use until such records have expired"
            )
        try:
            return AESGCM(_record_key(key, salt)).decrypt(nonce, sealed, header)
        except InvalidTag:
            raise Unreadable(f"this sealed record was altered after the key {name.hex()} sealed it") from None


_URL_SAFE = str.maketrans("-_", "+/")


def _name(key: bytes) -> bytes:
    """Says which key sealed a record, and nothing about the key."""
    return blake2b(b"name", key=key, digest_size=_NAME_BYTES).digest()


def _record_key(key: bytes, salt: bytes) -> bytes:
    return blake2b(b"record" + salt, key=key, digest_size=KEY_BYTES).digest()
