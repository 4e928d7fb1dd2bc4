"""Deliveries that are made to cost as much as they can: very deep, very wide, very long, told over and over.

``shaped(source, seed)`` gives every shape alone and in the place of fields of golden deliveries. The same
seed gives the same ones.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

from pipeline.sources.deliveries import Delivery
from tests.sources.deliveries import RECEIVED_AT
from tests.sources.fuzzing import corpus

#: about so many bytes has a shape; a bound that depends on the size shows at this one
SHAPE_BYTES = 100_000
#: so many golden deliveries, and so many fields of them, are given to each shape
PLACES = 8
#: what stands for a shape while the delivery around it is written
_HOLE = "here it comes"


def _repeated(opening: bytes, part: bytes, closing: bytes) -> bytes:
    """A list, an object or a text of as many parts as it takes."""
    return opening + part * (SHAPE_BYTES // len(part)) + closing


def _numbered(part: bytes) -> bytes:
    """An object of many keys, each of them another one."""
    count = SHAPE_BYTES // (len(part) + 5)
    return b"{" + b",".join(part % number for number in range(count)) + b"}"


#: JSON values
SHAPES: dict[str, bytes] = {
    "nested lists": _repeated(b"", b"[", b"") + b"]" * SHAPE_BYTES,
    "nested objects": _repeated(b"", b'{"a":', b"") + b"0" + b"}" * (SHAPE_BYTES // 5),
    "lists as deep as most readers go": b"[" * 400 + b"]" * 400,
    "many lists that are nested": b"[" + b",".join([b"[" * 99 + b"]" * 99] * (SHAPE_BYTES // 200)) + b"]",
    "an integer": _repeated(b"", b"7", b""),
    "a negative integer": _repeated(b"-", b"9", b""),
    "a fraction": _repeated(b"0.", b"3", b""),
    "a number beyond all": _repeated(b"1e", b"9", b""),
    "a number beside nothing": _repeated(b"1e-", b"9", b""),
    "an integer of as many digits as are read": b"7" * 4_300,
    "integers": _repeated(b"[", b"18446744073709551615,", b"0]"),
    "short numbers": _repeated(b"[", b"1,", b"0]"),
    "fractions": _repeated(b"[", b"1.5,", b"0]"),
    "a key repeated": _repeated(b"{", b'"a":[],', b'"a":0}'),
    "a key repeated with more inside each time": _repeated(b"{", b'"a":{"a":[0,{}]},', b'"a":0}'),
    "keys": _numbered(b'"%d":0'),
    "keys of objects": _numbered(b'"%d":{"a":{}}'),
    "a long key": _repeated(b'{"', b"a", b'":0}'),
    "empty lists": _repeated(b"[", b"[],", b"[]]"),
    "empty objects": _repeated(b"[", b"{},", b"{}]"),
    "objects of one key": _repeated(b"[", b'{"a":0},', b"{}]"),
    "empty texts": _repeated(b"[", b'"",', b'""]'),
    "short texts": _repeated(b"[", b'"ab",', b'""]'),
    "a long text": _repeated(b'"', b"a", b'"'),
    "a long text of wide characters": _repeated(b'"', "💥".encode(), b'"'),
    "a long text made wide by its end": _repeated(b'"', b"a", '💥"'.encode()),
    "a long text of escapes": _repeated(b'"', b"\\u0000", b'"'),
    "a long text of surrogates": _repeated(b'"', b"\\ud83d\\ude00", b'"'),
    "words": _repeated(b'"', b"fixes #1 ", b'"'),
    "lines": _repeated(b'"', b"a: b\\n", b'"'),
    "addresses": _repeated(b'"', b"https://a.b/c/pull/1 ", b'"'),
    "blank": _repeated(b'"', b" ", b'"'),
}


def shaped(source: str, seed: int) -> Iterator[Delivery]:
    """Every shape as a body, and where golden deliveries have something else; and these repeated."""
    draw = random.Random(f"{source} {seed}")
    seeds = corpus(source)
    for shape in SHAPES.values():
        yield Delivery("acme", source, RECEIVED_AT, dict(draw.choice(seeds).headers), shape)
        for _ in range(PLACES):
            golden = draw.choice(seeds)
            yield Delivery("acme", source, RECEIVED_AT, dict(golden.headers), _with(golden.body, shape, draw))
    for golden in draw.sample(seeds, min(PLACES, len(seeds))):
        for body in (_with_lists_repeated(golden.body), _with_keys_repeated(golden.body)):
            yield Delivery("acme", source, RECEIVED_AT, dict(golden.headers), body)


def _with(body: bytes, shape: bytes, draw: random.Random) -> bytes:
    """The same with a shape in some place."""
    told = json.loads(body)
    container, key = draw.choice(list(_places(told)))
    container[key] = _HOLE
    return json.dumps(told, ensure_ascii=False).encode().replace(json.dumps(_HOLE).encode(), shape)


def _with_lists_repeated(body: bytes) -> bytes:
    """The same with everything as often as it takes that there can be several of."""
    told = json.loads(body)
    for container, key in list(_places(told)):
        found = container[key]
        if isinstance(found, list) and found and container is told:
            container[key] = found * max(1, SHAPE_BYTES // len(json.dumps(found)))
    return json.dumps(told, ensure_ascii=False).encode()


def _with_keys_repeated(body: bytes) -> bytes:
    """The same with all that it says said again; of a list, all that its items say."""
    whole = body.strip()
    opening, inside, closing = whole[:1], whole[1:-1], whole[-1:]
    return opening + b",".join([inside] * max(2, SHAPE_BYTES // len(whole))) + closing


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container of a payload, with every key of it."""
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _places(value[key])
