"""Golden deliveries: bodies as a source sends them, and what has to be made of each.

``<name>.json`` is a body; ``<name>.expected.json`` holds ``unused`` and the events.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from pipeline.codec import Codec
from pipeline.core import events as e
from pipeline.sources.deliveries import Delivery, Reader, Reading
from pipeline.sources.texts import Patterns
from pipeline.sources.times import MICROSECONDS

GOLDEN = Path(__file__).parents[1] / "golden"
#: 2024-05-05, after all that the golden deliveries tell
RECEIVED_AT = 1_714_900_000 * MICROSECONDS


def token(login: str) -> str:
    """A stand-in for a person's token, in which a test can see whose it is."""
    return f"p:{login}" if login else ""


READER = Reader(token, Patterns())


def names(source: str) -> list[str]:
    """The golden deliveries of a source."""
    return sorted(
        path.stem for path in (GOLDEN / source).glob("*.json") if not path.stem.endswith(".expected")
    )


def body(source: str, name: str) -> bytes:
    return (GOLDEN / source / f"{name}.json").read_bytes()


def payload(source: str, name: str) -> Any:
    """A body to edit."""
    return json.loads(body(source, name))


def expected(source: str, name: str) -> Any:
    return json.loads((GOLDEN / source / f"{name}.expected.json").read_bytes())


def delivery(source: str, content: bytes | Any, received_at: int = RECEIVED_AT, **headers: str) -> Delivery:
    """A delivery of these bytes, or of this payload; header names with ``_`` for ``-``."""
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return Delivery("acme", source, received_at, told, raw)


def as_json(reading: Reading) -> Any:
    """A reading as the expected files hold it: what says nothing is left out."""
    return {
        "unused": reading.unused,
        "events": [
            {"record": e.RECORD_OF[type(event)]}
            | {
                name: value
                for name, value in msgspec.structs.asdict(event).items()
                if value not in ("", None, [])
            }
            for event in reading.events
        ],
    }


def writable(event: e.Event) -> bool:
    """Whether an event comes through the log as it was."""
    codec = Codec()
    decoded = codec.decode(codec.encode([event]))
    return [one for columns in decoded.columns for one in columns.events()] == [event]
