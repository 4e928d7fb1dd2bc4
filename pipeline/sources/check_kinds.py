"""What a check is for, by the words of its name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

#: the kind of a check that sums others up, which are told one by one besides: a workflow, a suite
WORKFLOW = "workflow"
_NAMES_REMEMBERED_MAX = 4_096


def kind_reader(words: Mapping[str, str]) -> Callable[..., str]:
    """A function that says the kind of a check: that of the first of its texts in which a word stands.

    ``words`` are a regular expression for each kind; where a text has words of several, the first kind
    counts. The function gives "" when no text says anything.
    """
    pattern = re.compile(
        r"(?<![A-Za-z])(?:"
        + "|".join(rf"(?P<{kind}>{expression})" for kind, expression in words.items())
        + r")(?![A-Za-z])",
        re.IGNORECASE,
    )

    @lru_cache(maxsize=_NAMES_REMEMBERED_MAX)
    def kind_of(*texts: str) -> str:
        for text in texts:
            found = {match.lastgroup for match in pattern.finditer(text)}
            if kind := next((kind for kind in words if kind in found), ""):
                return kind
        return ""

    return kind_of
