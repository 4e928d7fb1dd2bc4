"""An event that can be read and not be folded: found, set aside as a dead letter, and passed over.

Without this, one such event would stop the process at every start, and everything behind it would wait.
Its offset stays in the letter, so whoever reads the log again, a rebuild too, passes over it as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from pipeline.dead_letters import DeadLetter, read_all
from pipeline.log.protocol import Log, Record
from pipeline.log.topics import EVENTS, PARTITION

#: how the reason of such a letter begins
UNFOLDABLE = "it can't be folded: "
#: so many events in one run that can't be folded are no accident
UNFOLDABLE_MAX = 1_000

Told = TypeVar("Told")


class TooManyUnfoldable(RuntimeError):
    """More events can't be folded than are set aside by themselves: a person has to look at it."""

    def __init__(self, workspace: str, reason: str) -> None:
        super().__init__(
            f"more than {UNFOLDABLE_MAX:,} events of workspace {workspace!r} can't be folded, the last one"
            f" since {reason.removeprefix(UNFOLDABLE)}: no rows were computed with the others of them;"
            " use the version that folded them, and report this"
        )


def unfoldable(log: Log, partition: int = PARTITION) -> frozenset[int]:
    """The offsets of the events of a partition that were set aside.

    Also those whose letters were settled, dropped or expired since: such an event can still not be folded,
    and one that is brought back is told again under a new offset.
    """
    return frozenset(
        letter.number
        for _, letter in read_all(log)
        if is_unfoldable(letter) and letter.partition == partition
    )


def is_unfoldable(letter: DeadLetter) -> bool:
    """Whether a letter, settled or not, says that an event is passed over."""
    return letter.topic == EVENTS and letter.reason.startswith(UNFOLDABLE)


def letter_of(record: Record, reason: str, partition: int = PARTITION) -> DeadLetter:
    """The letter of an event that can't be read or folded."""
    workspace = record.key.decode(errors="replace")
    place = f"{EVENTS}/{partition}@{record.offset}"
    return DeadLetter(workspace, EVENTS, partition, record.offset, place, reason, record.value, 0)


def first_failing(told: Sequence[Told], attempt: Callable[[Sequence[Told]], None]) -> tuple[Told, str] | None:
    """The record (or event) with which a batch begins to fail, and the reason; ``None`` when it does not.

    ``attempt`` folds the first so many of them, from where the batch begins; it is called about as often
    as their number has binary digits. It raises nothing that would pass by itself: memory that runs out
    is nobody's fault, and is passed on.
    """
    failure = _failure(told, attempt)
    if failure is None:
        return None
    passes, fails = 0, len(told)
    while fails - passes > 1:
        middle = (passes + fails) // 2
        found = _failure(told[:middle], attempt)
        if found is None:
            passes = middle
        else:
            fails, failure = middle, found
    return told[fails - 1], f"{UNFOLDABLE}{type(failure).__name__}: {failure}"


def _failure(told: Sequence[Told], attempt: Callable[[Sequence[Told]], None]) -> Exception | None:
    try:
        attempt(told)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - what kinds there are is what is not known
        return error
    return None
