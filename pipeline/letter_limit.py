"""When so much of a topic can't be read that stopping is better than dead letters for all of it.

A few bad records are set aside, and those behind them are taken in. When a good part of what comes can't
be read, something else is wrong: a schema, a parser, a key, the topic itself. Then the step stops before
it commits the batch, says why, and does the same at the next start until somebody has repaired it or has
raised the limit. Nothing is lost: what was not committed is still in the topic.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence

#: how many of the last records are judged together
WINDOW_RECORDS = 1_000
#: fewer bad ones among them than this never stop a step, whatever their share
LETTERS_JUDGED_MIN = 100
#: so many in a row stop it, unless the limit is switched off
CONSECUTIVE_RECORDS_MAX = 1_000
REASONS_SHOWN_MAX = 3
REASON_CHARACTERS_MAX = 200
#: a share that nothing can be above
OFF = 1.0


class TooManyLetters(RuntimeError):
    """So much of a topic can't be read that the step stops; the message says what, why, and what to do."""


class LetterLimit:
    """Judges the records of one partition in their order.

    ``ratio_max`` is the share of the last ``window_records`` that may be bad, from 0 to 1; 1 switches all
    of it off. A batch that is repeated, since it could not be committed, begins a new window.
    """

    def __init__(
        self,
        topic: str,
        ratio_max: float,
        *,
        window_records: int = WINDOW_RECORDS,
        letters_min: int = LETTERS_JUDGED_MIN,
        consecutive_max: int = CONSECUTIVE_RECORDS_MAX,
    ) -> None:
        if not 0 <= ratio_max <= 1:
            raise ValueError(f"a share is a number from 0 to 1, not {ratio_max}")
        if min(window_records, letters_min, consecutive_max) < 1 or letters_min > window_records:
            raise ValueError("the window holds at least one record, and the fewest letters that are judged")
        self._topic = topic
        self._ratio_max = ratio_max
        self._window = window_records
        self._letters_min = letters_min
        self._consecutive_max = consecutive_max
        #: the offset after the last one that was judged, and how many records that were
        self._behind = 0
        self._read = 0
        #: the bad ones of the window: how many records came before, and the reason
        self._bad: deque[tuple[int, str]] = deque()
        self._in_a_row = 0

    def judge(self, offsets: Sequence[int], reasons: Mapping[int, str]) -> None:
        """Take a batch into account, before it is committed.

        ``offsets`` are those of its records, rising; ``reasons`` says by offset why one could not be read,
        and holds nothing of those that could. Raises ``TooManyLetters``.
        """
        if not offsets:
            return
        if offsets[0] < self._behind:
            self._bad.clear()
            self._read = self._in_a_row = 0
        self._behind = offsets[-1] + 1
        if reasons and self._ratio_max < OFF:
            for place, offset in enumerate(offsets):
                if (reason := reasons.get(offset)) is not None:
                    self._count(self._read + place, offset, reason)
        self._read += len(offsets)

    def _count(self, place: int, offset: int, reason: str) -> None:
        follows = bool(self._bad) and self._bad[-1][0] == place - 1
        self._in_a_row = self._in_a_row + 1 if follows else 1
        self._bad.append((place, reason))
        while self._bad[0][0] <= place - self._window:
            self._bad.popleft()
        seen = min(place + 1, self._window)
        bad = len(self._bad)
        if self._in_a_row > self._consecutive_max:
            raise self._refusal(f"{self._in_a_row:,} records in a row, up to offset {offset},")
        if bad >= self._letters_min and bad / seen > self._ratio_max:
            share = f"{bad / seen:.1%}; at most {self._ratio_max:.1%} are let pass"
            raise self._refusal(f"{bad:,} of {seen:,} records up to offset {offset} ({share})")

    def _refusal(self, what: str) -> TooManyLetters:
        found = Counter(reason for _, reason in self._bad).most_common()
        told = [f"{count:,} times: {reason[:REASON_CHARACTERS_MAX]}" for reason, count in found]
        more = f"; and {len(told) - REASONS_SHOWN_MAX:,} further reasons" * (len(told) > REASONS_SHOWN_MAX)
        return TooManyLetters(
            f"topic {self._topic}: {what} can't be read. {'; '.join(told[:REASONS_SHOWN_MAX])}{more}."
            " Nothing of this batch was committed: repair what is behind it, or raise"
            " AFTERMERGE_DEAD_LETTER_RATIO_MAX (1 lets everything pass), and start again"
        )
