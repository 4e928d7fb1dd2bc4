"""The order of the main line is the truth; times that contradict it are moved."""

from __future__ import annotations

from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.core.events import ChangeMerged
from pipeline.sources.git.clocks import FUTURE_SECONDS_MAX, TIME_SECONDS_MIN, straighten
from tests.sources.git.clones import Clone, at, of_type

NOW_SECONDS = 1_700_000_000
credible = st.integers(TIME_SECONDS_MIN, NOW_SECONDS + FUTURE_SECONDS_MAX)
absurd = st.sampled_from([-5, 0, 1, NOW_SECONDS * 3])


@given(st.lists(credible | absurd, max_size=60))
@example([0, 0])
@example([NOW_SECONDS * 3, NOW_SECONDS])
def test_times_never_decrease_and_stay_credible(times: list[int]) -> None:
    straight = straighten(times, NOW_SECONDS)
    assert len(straight.times) == len(times)
    assert straight.times == sorted(straight.times)
    assert all(TIME_SECONDS_MIN <= time <= NOW_SECONDS + FUTURE_SECONDS_MAX for time in straight.times)
    assert straight.moved == sum(one != other for one, other in zip(times, straight.times, strict=True))


@given(st.lists(credible, max_size=60).map(sorted), st.data())
def test_one_liar_moves_nobody_else(times: list[int], data: st.DataObject) -> None:
    liar = data.draw(st.integers(0, len(times)))
    told = [*times[:liar], 0, *times[liar:]]
    straight = straighten(told, NOW_SECONDS)
    assert [*straight.times[:liar], *straight.times[liar + 1 :]] == times
    assert (straight.moved, straight.worst) == (1, liar)


def test_a_clock_years_off_is_moved_and_reported(tmp_path: Path) -> None:
    clone = Clone(tmp_path / "api")
    hours = [0, 1, -30_000, 2, 3, 700, 4]
    shas = [clone.commit(f"Commit {number}", hour, {"a": str(number)}) for number, hour in enumerate(hours)]
    history = clone.read()
    found = of_type(history, ChangeMerged)
    assert [change.sha for change in found] == shas
    assert [change.time for change in found] == [at(0), at(1), at(1), at(2), at(3), at(4), at(4)]
    assert history.report.counts["clocks_off"] == 2
    assert any(f"the worst {shas[2][:10]} by 3.4 years" in note for note in history.report.notes)


def test_a_commit_from_the_future_happened_by_now(tmp_path: Path) -> None:
    clone = Clone(tmp_path / "api")
    clone.commit("One", 0, {"a": "1"})
    clone.commit("Two", 24, {"a": "2"})
    times = [change.time for change in of_type(clone.read(now=at(1)), ChangeMerged)]
    assert times == [at(0), at(0)]
