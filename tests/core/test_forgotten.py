"""Keys that were dropped stay known, by their digests."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.forgotten import Forgotten

NAMES = st.sets(st.tuples(st.sampled_from(["change", "commit"]), st.text(max_size=8)), max_size=30)


@given(NAMES, NAMES, NAMES)
def test_what_was_added_is_held_and_nothing_else(
    first: set[tuple[str, str]], second: set[tuple[str, str]], others: set[tuple[str, str]]
) -> None:
    forgotten = Forgotten()
    digests = forgotten.add(first) + forgotten.add(second)

    assert all(forgotten.holds(*name) for name in first | second)
    assert not any(forgotten.holds(*name) for name in others - first - second)
    assert len(forgotten) == len(first | second)

    again = Forgotten()
    again.restore(digests)
    assert again.dump() == forgotten.dump()
    assert all(again.holds(*name) for name in first | second)
