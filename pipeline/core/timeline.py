"""A list that stays sorted: append when newest, which is nearly always, else bisect."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

Item = TypeVar("Item", bound=tuple[Any, ...])


class Timeline(Generic[Item]):
    """Tuples in order; the first field is a time in microseconds."""

    __slots__ = ("items",)

    def __init__(self) -> None:
        self.items: list[Item] = []

    def __len__(self) -> int:
        return len(self.items)

    def add(self, item: Item) -> None:
        """Put an item where it belongs."""
        items = self.items
        if not items or item >= items[-1]:
            items.append(item)
        else:
            insort(items, item)

    def remove(self, item: Item) -> None:
        """Take an item out; nothing happens when it is not there."""
        items = self.items
        index = bisect_left(items, item)
        if index < len(items) and items[index] == item:
            del items[index]

    def position(self, bound: tuple[Any, ...]) -> int:
        """Index of the first item that is not smaller than ``bound``."""
        return bisect_left(self.items, bound)

    def between(self, after: tuple[Any, ...], until: tuple[Any, ...]) -> list[Item]:
        """Items in ``(after, until]``."""
        return self.items[bisect_right(self.items, after) : bisect_right(self.items, until)]


def any_within(times: Sequence[int], low: int, high: int) -> bool:
    """Whether any of these times, which are in order, lies in ``[low, high]``."""
    index = bisect_left(times, low)
    return index < len(times) and times[index] <= high
