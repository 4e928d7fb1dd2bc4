"""What ``doctor`` tells, line by line."""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """One line of the report; ``state`` is ok, note (nothing to do) or problem."""

    section: str
    what: str
    value: str
    state: str = "ok"
    advice: str = ""
