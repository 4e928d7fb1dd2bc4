"""What was told of the small world: its events, as far as a view reads them."""

from __future__ import annotations

from pipeline.store import Store
from tests.store.rows import DAY, HOUR, MONDAY, WORKSPACE, batch, event

SHA = "5" * 40


def tell(store: Store) -> None:
    """Twelve merges told by git, one of them twice; three builds, a number and a smoke test by a CI
    that then falls silent."""
    told = [
        event("change_merged", id=f"m{i}", source="git/acme", time=at, received_at=at, imported=True)
        for i, at in enumerate(range(MONDAY, MONDAY + 12 * DAY, DAY))
    ]
    corrected = event("change_merged", id="m0", source="git/acme", time=MONDAY, title="Corrected")
    live = event("change_merged", id="m1", source="git/acme", time=MONDAY + DAY)
    store.insert_events("change_merged", WORKSPACE, batch("change_merged", [*told, corrected]))
    store.insert_events("change_merged", WORKSPACE, batch("change_merged", [live, live]))
    builds = [
        event("artifact_packaged", id=f"a{i}", source="ci/acme", time=MONDAY + i * HOUR) for i in range(3)
    ]
    store.insert_events("artifact_packaged", WORKSPACE, batch("artifact_packaged", builds))
    measured = event(
        "measurement_reported", id="p99", source="ci/acme", time=MONDAY + 3 * HOUR, name="p99", value=1.0,
        service="api",
    )  # fmt: skip
    store.insert_events("measurement_reported", WORKSPACE, batch("measurement_reported", [measured]))
    smoke = event(
        "check_finished", id="smoke", source="ci/acme", time=MONDAY + 3 * HOUR, commit=f"acme/api@{SHA}",
        repository="acme/api", sha=SHA, name="login", kind="smoke", outcome="success", attempt=1,
    )  # fmt: skip
    store.insert_events("check_finished", WORKSPACE, batch("check_finished", [smoke]))
