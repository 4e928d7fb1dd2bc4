"""An event that can be read and not be folded: found, set aside as a dead letter, and passed over.

Without this, one such event would stop the process at every start, and everything behind it would wait.
Its offset stays in the letter, so whoever reads the log again, a rebuild too, passes over it as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipeline.dead_letters import DeadLetter, unsettled
from pipeline.log.protocol import Log, Record

EVENTS = "events"
PARTITION = 0
#: how the reason of such a letter begins
UNFOLDABLE = "it can't be folded: "


def unfoldable(log: Log) -> frozenset[int]:
    """The offsets of the events that were set aside."""
    return frozenset(
        letter.number
        for _, letter in unsettled(log).values()
        if letter.topic == EVENTS and letter.reason.startswith(UNFOLDABLE)
    )


def letter_of(record: Record, reason: str) -> DeadLetter:
    """The letter of an event that can't be read or folded."""
    workspace = record.key.decode(errors="replace")
    place = f"{EVENTS}/{PARTITION}@{record.offset}"
    return DeadLetter(workspace, EVENTS, PARTITION, record.offset, place, reason, record.value, 0)


def first_failing(
    records: Sequence[Record], attempt: Callable[[Sequence[Record]], None]
) -> tuple[Record, str] | None:
    """The record with which a batch begins to fail, and the reason; ``None`` when it does not fail.

    ``attempt`` folds the first so many records, from where the batch begins; it is called about as often
    as the number of records has binary digits.
    """
    failure = _failure(records, attempt)
    if failure is None:
        return None
    passes, fails = 0, len(records)
    while fails - passes > 1:
        middle = (passes + fails) // 2
        found = _failure(records[:middle], attempt)
        if found is None:
            passes = middle
        else:
            fails, failure = middle, found
    return records[fails - 1], f"{UNFOLDABLE}{type(failure).__name__}: {failure}"


def _failure(records: Sequence[Record], attempt: Callable[[Sequence[Record]], None]) -> Exception | None:
    try:
        attempt(records)
    except Exception as error:  # noqa: BLE001 - what kinds there are is what is not known
        return error
    return None
