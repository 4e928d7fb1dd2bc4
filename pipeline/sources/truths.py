"""What really caused an incident, as a history tells it with hindsight.

Truths go to the ``truths`` topic (key = incident id, value = JSON) and are read by ``evaluate``
alone. The engine never sees them: a revert names its culprit, and an engine that could read that
would only repeat it.
"""

from __future__ import annotations

import msgspec

from pipeline.core.events import InvalidEvent


class Truth(msgspec.Struct, frozen=True):
    """The culprits of one incident.

    ``culprits`` holds references (change keys and commit shas; several may name one change).
    ``kind`` is ``revert`` or ``rollback``; ``how`` says by what the culprit was found (sha, number,
    title, ...); ``cause`` is a guess at why it was undone (fault, planned, unknown). ``reference_at``
    is when the undoing was complete, in microseconds UTC. ``planned`` means that the undoing was
    intended from the start, so that the "incident" was probably none.
    """

    incident: str
    culprits: list[str]
    kind: str
    how: str = ""
    cause: str = ""
    reference_at: int | None = None
    planned: bool = False


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Truth)


def encode_truth(truth: Truth) -> bytes:
    """A truth as one line of JSON, without the line's end."""
    return _encoder.encode(truth)


def decode_truth(value: bytes) -> Truth:
    """Read what ``encode_truth`` wrote; raises ``InvalidEvent`` with the reason."""
    try:
        return _decoder.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidEvent(f"truth: {error}") from None
