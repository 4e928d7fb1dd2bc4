"""Hostile deliveries for every parser, and what has to hold whatever is sent.

Inputs are golden deliveries (and GitHub's own examples, where they were fetched) after some damage, or
bytes out of nowhere. ``Fuzzer(source, seed)`` makes the same inputs from the same seed.
"""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from functools import cache
from typing import Any, NamedTuple

from pipeline.appending import refusal
from pipeline.codec import Codec
from pipeline.core.events import Event, InvalidEvent
from pipeline.sources.deliveries import Delivery, Reader, Reading
from pipeline.sources.live import SOURCES, live_source
from pipeline.sources.mapping import load_mapping
from pipeline.sources.texts import Patterns
from tests.sources import posted
from tests.sources.bounds import INPUT_SECONDS_MAX, Peak, memory_bytes_max, watched
from tests.sources.deliveries import RECEIVED_AT, body, names
from tests.sources.github_examples import examples, index
from tests.sources.hostile import (
    BYTES,
    EVERY_FORM,
    EVERY_FORM_BODY,
    HEADER_NAMES,
    HEADER_VALUES,
    REPEATED,
    STRANGE,
)

EVENTS_MAX = 10_000
#: all events of one delivery, encoded: so many bytes, and so many for each byte that was sent
EVENTS_BYTES_MAX = 64 * 1024
EVENTS_BYTES_FOR_EACH_BYTE_MAX = 64
UNUSED_CHARACTERS_MAX = 1_000_000
#: events that are encoded at a time
BATCH_EVENTS_MAX = 400
#: after so many inputs a sign of life is given
ALIVE_INPUTS = 100
EDITS_MAX = 4
LONG_CHARACTERS = (1_000, 30_000, 200_000)
#: events whose times are about now are what a source sends; the machine's clock stands here
NOW = RECEIVED_AT + 60_000_000


def token(login: str) -> str:
    """A stand-in for a person's token of the same length as a real one."""
    return f"p:{login.encode('utf-8', 'surrogateescape').hex()[:16]:0>16}" if login else ""


@cache
def reader() -> Reader:
    mappings = {**posted.mappings(), "every-form": load_mapping(EVERY_FORM, "every-form.yaml")}
    return Reader(token, Patterns(), mappings=mappings)


def sources() -> list[str]:
    """Every parser there is: the live sources, and mappings."""
    return [*SOURCES, *sorted(reader().mappings)]


class Seed(NamedTuple):
    """A delivery as a source sends it."""

    headers: dict[str, str]
    body: bytes


@cache
def corpus(source: str) -> tuple[Seed, ...]:
    """What the damage begins with."""
    if source == "github":
        found = [
            Seed({"x-github-event": name.partition(".")[0]}, body("github", name)) for name in names("github")
        ]
        if index().is_file():
            found += [Seed({"x-github-event": example.kind}, example.body) for example in examples()]
        return tuple(found)
    if source in ("gitlab", "pagerduty"):
        return tuple(Seed({"content-type": "application/json"}, body(source, name)) for name in names(source))
    if source == "every-form":
        return (Seed({"user-agent": "desk/1"}, json.dumps(EVERY_FORM_BODY).encode()),)
    folder = {"cloudevents": "cloudevents_http"}.get(source, source)
    paths = posted.goldens(folder) or [
        path for path in posted.goldens("mappings") if path.stem.startswith(f"{source}_")
    ]
    told = [posted.golden(path) for path in paths]
    return tuple(Seed(dict(one.headers), one.body) for one in told)


class Fuzzer:
    """An endless row of hostile deliveries to one source."""

    def __init__(self, source: str, seed: int) -> None:
        self.source = source
        self._random = random.Random(f"{source} {seed}")
        self._corpus = corpus(source)
        assert self._corpus, f"no golden delivery of {source}: nothing to begin with"

    def __iter__(self) -> Iterator[Delivery]:
        while True:
            yield self.next()

    def next(self) -> Delivery:
        """One more delivery."""
        draw = self._random
        seed = draw.choice(self._corpus)
        headers, posted_body = dict(seed.headers), seed.body
        kind = draw.random()
        if kind < 0.70:
            posted_body = self._with_other_values(posted_body)
        elif kind < 0.97:
            posted_body = self.with_other_bytes(posted_body)
        else:
            posted_body = self._out_of_nowhere()
        if draw.random() < 0.15:
            self._damage_headers(headers)
        return Delivery("acme", self.source, RECEIVED_AT, headers, posted_body)

    def _with_other_values(self, posted_body: bytes) -> bytes:
        draw = self._random
        told = json.loads(posted_body)
        for _ in range(draw.randint(1, EDITS_MAX)):
            container, key = self._place(told)
            if container is None:
                break
            kind = draw.random()
            if kind < 0.15:
                del container[key]
            elif kind < 0.25 and isinstance(container[key], list) and container[key]:
                container[key] = container[key] * draw.choice((2, 30, 300))
            elif kind < 0.35:
                other, place = self._place(told)
                container[key] = json.loads(json.dumps(other[place])) if other is not None else None
            else:
                container[key] = self._value()
        return json.dumps(told, ensure_ascii=draw.random() < 0.5).encode("utf-8", "replace")

    def _value(self) -> Any:
        draw = self._random
        kind = draw.random()
        if kind < 0.6:
            return draw.choice(STRANGE)
        if kind < 0.72:
            text = "".join(draw.choice(REPEATED) for _ in range(draw.randint(1, 3)))
            length = draw.choices(LONG_CHARACTERS, (80, 19, 1))[0]
            return (text * (length // len(text)))[:length] + draw.choice(("", "!", "x", "/"))
        if kind < 0.86:
            return "".join(chr(draw.choice((draw.randrange(128), draw.randrange(0x2FFF)))) for _ in range(8))
        return draw.choice((draw.randint(-(2**70), 2**70), draw.uniform(-1e12, 1e12), draw.randint(0, 99)))

    def _place(self, told: Any) -> tuple[Any, Any]:
        """A container of a payload, and a key of it; found by going down: what is deep is found, too."""
        draw = self._random
        container, key = None, None
        while isinstance(told, dict | list) and told:
            if container is not None and draw.random() < 0.25:
                break
            container, key = told, draw.choice(list(told) if isinstance(told, dict) else range(len(told)))
            told = container[key]
        return container, key

    def with_other_bytes(self, posted_body: bytes) -> bytes:
        """The same with a few bytes cut off, taken out, put in or changed."""
        draw = self._random
        content = bytearray(posted_body)
        for _ in range(draw.randint(1, EDITS_MAX)):
            place = draw.randrange(len(content) + 1)
            kind = draw.random()
            if kind < 0.2:
                del content[place:]
            elif kind < 0.4:
                del content[place : place + draw.randint(1, 30)]
            elif kind < 0.7:
                content[place:place] = draw.choice(BYTES)
            else:
                content[place : place + 1] = bytes([draw.randrange(256)])
        if draw.random() < 0.05:
            return b"payload=" + bytes(content)
        return bytes(content)

    def _out_of_nowhere(self) -> bytes:
        draw = self._random
        kind = draw.random()
        if kind < 0.4:
            return draw.randbytes(draw.randint(0, 200))
        if kind < 0.7:
            opening = draw.choice((b"[", b'{"a":', b'{"data":[', b'{"alerts":['))
            return opening * draw.choice((10, 1_000, 100_000))
        return b"".join(draw.choice(BYTES) for _ in range(draw.randint(0, 20)))

    def _damage_headers(self, headers: dict[str, str]) -> None:
        draw = self._random
        for _ in range(draw.randint(1, 3)):
            name = draw.choice((*headers, *HEADER_NAMES))
            if draw.random() < 0.3:
                headers.pop(name, None)
            else:
                headers[name] = draw.choice(HEADER_VALUES)


class Broken(AssertionError):
    """A parser did what none may do; the text holds the delivery."""


class Checked:
    """Reads deliveries as the process does, and refuses whatever is not clean.

    Of every so many inputs, one is measured: what is allocated while it is read.
    """

    def __init__(self, measured_every: int = 1) -> None:
        self.inputs = self.events = self.invalid = self.refused = 0
        self._measured_every = measured_every
        self._codec = Codec()
        self._waiting: list[tuple[Delivery, Event]] = []

    def read(self, delivery: Delivery) -> None:
        """Raises ``Broken``."""
        self.inputs += 1
        source = live_source(delivery.source, reader())
        assert source is not None
        peak = Peak()
        try:
            with nullcontext() if self.inputs % self._measured_every else peak:
                reading = source.parse(delivery, reader())
        except InvalidEvent as error:
            self.invalid += 1
            str(error).encode()
            reading = None
        except BaseException as error:
            raise broken(delivery, f"{type(error).__name__}: {error}") from error
        sent = len(delivery.body) + sum(len(name) + len(text) for name, text in delivery.headers.items())
        try:
            taken, bound = peak.bytes, memory_bytes_max(sent)
            assert taken <= bound, f"{taken} bytes of memory for {sent} bytes that were sent"
            if reading is not None:
                self._look_at(delivery, reading, sent)
        except Exception as error:
            raise broken(delivery, f"{type(error).__name__}: {error}") from error

    def _look_at(self, delivery: Delivery, reading: Reading, sent: int) -> None:
        events, unused, refused = reading
        assert len(events) <= EVENTS_MAX, f"{len(events)} events"
        assert len(unused) <= UNUSED_CHARACTERS_MAX, f"unused has {len(unused)} characters"
        for reason in (unused, *refused):
            reason.encode()
        for event in events:
            reason = refusal(event, NOW)
            reason.encode()
            self.refused += bool(reason)
            if not reason:
                self._waiting.append((delivery, event))
        bound = EVENTS_BYTES_MAX + EVENTS_BYTES_FOR_EACH_BYTE_MAX * sent
        if len(events) > 50 or sent > 20_000:
            made = sum(map(len, self._codec.encode(events)))
            assert made <= bound, f"{made} bytes of events of {sent} bytes that were sent"
        if len(self._waiting) >= BATCH_EVENTS_MAX:
            self.flush()

    def flush(self) -> None:
        """Write what waits, and read it again: it must be the same."""
        waiting, self._waiting = self._waiting, []
        self.events += len(waiting)
        if waiting and not _comes_through(self._codec, [event for _, event in waiting]):
            for delivery, event in waiting:
                if not _comes_through(self._codec, [event]):
                    raise broken(delivery, f"the codec doesn't take {event!r}")
            raise AssertionError("the codec takes each of these events, and not all of them together")


def fuzz(
    deliveries: Iterable[Delivery],
    *,
    measured_every: int = 1,
    seconds: float = INPUT_SECONDS_MAX,
    alive: Callable[[], None] = lambda: None,
) -> Checked:
    """Read deliveries one after the other; raises ``Broken`` at the first one that breaks something."""
    checked = Checked(measured_every)
    with watched(seconds) as begin:
        for number, delivery in enumerate(deliveries):
            begin()
            if number % ALIVE_INPUTS == 0:
                alive()
            checked.read(delivery)
        begin()
        checked.flush()
    return checked


def _comes_through(codec: Codec, events: list[Event]) -> bool:
    try:
        decoded = codec.decode(codec.encode(events))
    except InvalidEvent:
        return False
    again = {event.id: event for columns in decoded.columns for event in columns.events()}
    return (
        not decoded.failures
        and all(event.id in again for event in events)
        and (len(events) > 1 or again[events[0].id] == events[0])
    )


def broken(delivery: Delivery, what: str) -> Broken:
    told = base64.b64encode(delivery.body).decode()
    return Broken(
        f"{delivery.source}: {what[:600]}\nheaders={delivery.headers!r}\nbody (base64)={told[:20_000]}"
    )
