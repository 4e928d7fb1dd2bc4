"""Golden deliveries, damaged: cut off, with bytes changed, or with values that nobody expects."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from tests.sources.deliveries import body, names, payload

#: what a field may turn into
STRANGE: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(
        [None, True, "", [], {}, -1, 0, 2**63, 10**30, 1.5, "2024-13-01 00:00:00 UTC", "\0", "💥" * 50]
    ),
    st.sampled_from(
        ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "2024-05-01 11:00:00", "Z", " UTC"]
    ),
    st.text(max_size=20),
    st.lists(st.none() | st.text(max_size=3), max_size=3),
    st.dictionaries(st.text(max_size=3), st.none() | st.integers(), max_size=2),
)
EDITS_MAX = 3


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container of a payload, with every key of it."""
    if isinstance(value, dict | list):
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        for key in keys:
            yield value, key
            yield from _places(value[key])


@st.composite
def mutated(draw: st.DrawFn, source: str) -> bytes:
    """The bytes of a golden delivery of ``source`` after some damage."""
    name = draw(st.sampled_from(names(source)))
    kind = draw(st.sampled_from(["values", "values", "gone", "cut", "bytes"]))
    if kind in ("values", "gone"):
        told = copy.deepcopy(payload(source, name))
        for _ in range(draw(st.integers(1, EDITS_MAX))):
            places = list(_places(told))
            container, key = places[draw(st.integers(0, len(places) - 1))]
            if kind == "gone":
                del container[key]
            else:
                container[key] = draw(STRANGE)
            if not told:
                break
        return json.dumps(told).encode()
    content = bytearray(body(source, name))
    if kind == "cut":
        return bytes(content[: draw(st.integers(0, len(content)))])
    for _ in range(draw(st.integers(1, EDITS_MAX))):
        content[draw(st.integers(0, len(content) - 1))] = draw(st.integers(0, 255))
    return bytes(content)
