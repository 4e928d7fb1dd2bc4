"""What of a batch lies behind the horizon at the moment at which it is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain

import numpy as np

from pipeline.core.events import Event

#: one record type of a batch: the positions of its events in the batch, and the events
Column = tuple[Sequence[int], Sequence[Event]]


def within_horizon(
    batch: Sequence[Column], now_of: Callable[[Event], int], now: int, horizon: int
) -> tuple[list[Column], int]:
    """The events that are not too old when it is their turn, and how many are left out.

    *Now* moves while a batch is read: for each event it is the newest of ``now`` and what ``now_of`` gives
    for it and those before it (microseconds, like ``horizon``).
    """
    positions = np.fromiter(chain.from_iterable(column[0] for column in batch), np.int64)
    receipts = np.fromiter((now_of(event) for _, events in batch for event in events), np.int64)
    order = np.argsort(positions, kind="stable")
    running = np.maximum.accumulate(np.maximum(receipts[order], now))
    now_at = np.empty_like(running)
    now_at[order] = running
    kept: list[Column] = []
    start = left_out = 0
    for places, events in batch:
        limits = (now_at[start : start + len(events)] - horizon).tolist()
        start += len(events)
        chosen = [index for index, event in enumerate(events) if event.time >= limits[index]]
        left_out += len(events) - len(chosen)
        kept.append(([places[index] for index in chosen], [events[index] for index in chosen]))
    return kept, left_out
