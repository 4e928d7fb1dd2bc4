"""What was known then: nothing that was received later may show, and everything else must."""

from __future__ import annotations

import msgspec

from pipeline.core import events as e
from pipeline.explain import as_document
from pipeline.explain.then import received_by
from tests.explain import scenes
from tests.explain.conftest import Told
from tests.worlds import at, declared, deployed, incident, judged, merged, sha, team


def test_a_rollback_that_was_still_to_come_is_not_known(told: Told) -> None:
    told.tell(*scenes.rollback())
    before, after = told.text("i1", 70.6), told.text("i1", 72)
    assert "as it was known at 2024-01-03 22:36 UTC" in before
    assert "not resolved" in before
    assert "rollback" not in before
    assert "roll back  to v2" in before
    assert "the symptoms ended with its rollback" in after
    assert "roll back  done 23:00, to api v2" in after


def test_a_verdict_is_known_from_the_moment_it_was_given(told: Told) -> None:
    told.tell(*scenes.verdict())
    assert "CONFIRMED" not in told.text("i1", 90 - 1e-6)
    assert "CONFIRMED: api v2" in told.text("i1", 90)


def test_what_was_received_late_was_not_known_before(told: Told) -> None:
    told.tell(
        deployed("api", 1, tag="v1"),
        deployed("api", 20, tag="v2", received=30),
        incident("i1", 20.5),
    )
    assert "api v2" not in told.text("i1", 29.9)
    assert "LIKELY: api v2" in told.text("i1", 30)
    assert told.find("api v2", 29.9) is None
    assert told.find("api v2", 30) is not None


def test_what_was_not_there_yet_is_found_by_no_name(told: Told) -> None:
    told.tell(*scenes.release())
    assert told.find("i1", 70.4) is None
    assert told.find("acme/api#3", 59) is None
    assert told.find("acme/api#3", 60) is not None


def test_an_incident_of_long_ago_is_judged_as_it_is_now(told: Told) -> None:
    """The fold reads what is near the incident, not what is near the moment of asking."""
    month = 24 * 30
    told.tell(*scenes.rollback())
    told.tell(incident("later", 11 * month, service="web"), merged("web#1", 11 * month))
    told.tell(
        *(deployed("web", 11 * month + hour, tag=f"w{hour}", received=11 * month + hour) for hour in range(3))
    )
    assert _plain(told, "i1", 12 * month) == _plain(told, "i1", None)


def test_now_as_a_moment_is_what_the_tables_hold(told: Told) -> None:
    told.tell(*scenes.verdict(), *_others())
    for name in ("i1", "i9", "acme/api#3", "api v3", "api v2 again", "#1"):
        assert _plain(told, name, 200) == _plain(told, name, None)


def _others() -> list[e.Event]:
    return [
        merged("web#1", 100),
        deployed("web", 101, tag="w1", sha=sha("web#1"), repository="acme/web"),
        incident("i9", 200, service="web"),
    ]


def _plain(told: Told, name: str, hours: float | None) -> dict[str, object]:
    document = as_document(told.explain(name, hours))
    del document["as_of"]
    return document


def test_what_was_declared_or_judged_long_ago_still_holds() -> None:
    old = [declared("api"), team("money"), judged("i1", 0, cause="none")]
    told = [*old, merged("api#1", 0), team("later", 1_000)]
    assert list(received_by(told, at(999), since=at(900))) == old


def test_two_histories_imported_one_after_the_other_are_one(told: Told) -> None:
    """The second import lies behind the horizon of the first; what was known then is not lost."""
    month = 24 * 30
    told.tell(incident("last", 9 * month, service="web"))
    told.tell(*scenes.release())
    assert "LIKELY: api v3" in told.text("i1", 71)


def test_the_newest_telling_of_a_verdict_holds(told: Told) -> None:
    told.tell(*scenes.rollback())
    first = judged("i1", 80, cause="acme/api#2", because="at first sight", id="v")
    other = msgspec.structs.replace(
        first, cause="none", because="the network", source_version=1, received_at=at(85), imported=False
    )
    told.tell(first, other)
    assert "at first sight" in told.text("i1", 84)
    assert "the network" in told.text("i1", 85)
    page = told.text("i1")
    assert "CONFIRMED: a person said that no deployment caused it\n" in page
    assert '  somebody said so: "the network"' in page
    assert "at first sight" not in page
