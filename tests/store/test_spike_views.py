"""The view of alarms, on the small world with the answers known."""

from __future__ import annotations

from pipeline.store import Store
from tests.store.world import ask


def test_spikes(world: Store) -> None:
    columns = (
        "toString(week), dimension, value, alarm, k, n, expected, low, high, multiple, smallest_multiple, p,"
        " judged_series, toString(open_since)"
    )
    usual = (7, 0.318, 0, 2)
    assert ask(world, columns, "spikes") == [
        ("2024-01-29", "all", "", "spike", 5, *usual, 15.7, None, 0.001, 2, "2024-01-29"),
        ("2024-01-29", "service", "api", "shift", 2, *usual, 6.3, None, 0.004, 2, "2024-01-29"),
        ("2024-01-15", "service", "api", "spike and shift", 4, *usual, 12.6, 9.0, 0.004, 1, "2024-01-08"),
        ("2024-01-08", "service", "api", "spike", 3, *usual, 9.4, None, 0.004, 1, "2024-01-08"),
    ]
    history = "history_k, history_n, history_weeks, q, cusum, series, workspace"
    assert ask(world, history, "spikes", "WHERE alarm = 'spike and shift'") == [
        (3, 70, 10, 0.008, 4.6, "drift", "acme")
    ]
