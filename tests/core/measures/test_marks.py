"""Marks of commits: found by any of several shas, and gone when the last repository's is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.measures.marks import Marks

keys = st.builds("{}@{}".format, st.sampled_from(["a/a", "b@b"]), st.sampled_from("xyz"))


@given(
    st.lists(st.tuples(keys, st.sampled_from(["mark", "unmark", "forget"]))), st.sets(st.sampled_from("xyz"))
)
def test_a_sha_is_marked_as_long_as_a_commit_of_any_repository_is(
    steps: list[tuple[str, str]], asked: set[str]
) -> None:
    marks = Marks()
    held: set[str] = set()
    for key, step in steps:
        if step == "forget":
            marks.forget([key])
        else:
            marks.put(key, marked=step == "mark")
        (held.add if step == "mark" else held.discard)(key)
    assert marks.may_have(asked) == any(key[-1] in asked for key in held)
