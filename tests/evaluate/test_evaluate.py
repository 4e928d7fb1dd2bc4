"""Small worlds with a known truth: what each model scores there can be counted by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.appending import append_events
from pipeline.codec import Codec
from pipeline.core import events as e
from pipeline.core.parameters import DAY, HOUR, MINUTE, MODELS, Parameters
from pipeline.evaluate import ALL, LIVE, Judged, compare, evaluate, judge
from pipeline.log.protocol import NewRecord
from pipeline.log.sqlite import SqliteLog
from pipeline.sources.truths import Truth, encode_truth
from tests.strategies.names import BEGINNING, envelope

WORKSPACE = "acme"
CODEC = Codec()


class World:
    """Two services of one organisation; times are days and minutes after the beginning."""

    def __init__(self, log: SqliteLog) -> None:
        self.log = log
        self.events: list[e.Event] = []
        self.truths: list[Truth] = []
        for service in ("web", "api"):
            self.ship(service, 1, 0, 0)  # the first deployment of all: a baseline

    def ship(self, service: str, number: int, day: int, minutes: int) -> None:
        """A change is merged a quarter of an hour before it is deployed."""
        at = BEGINNING + day * DAY + minutes * MINUTE
        change, sha = f"acme/{service}#{number}", sha_of(service, number)
        self.events += [
            e.ChangeMerged(
                **envelope(f"git {change} merged", "git", at - 15 * MINUTE),
                change=change,
                repository=f"acme/{service}",
                number=number,
                sha=sha,
            ),
            e.DeploymentFinished(
                **envelope(f"git {service} v{number} finished", "git", at),
                deployment=f"{service} v{number}",
                service=service,
                environment="production",
                tag=f"{service}-v{number}",
                repository=f"acme/{service}",
                sha=sha,
            ),
        ]

    def break_(
        self, name: str, service: str, day: int, minutes: int, culprits: list[str] | None, **told: object
    ) -> None:
        at = BEGINNING + day * DAY + minutes * MINUTE
        self.events.append(
            e.IncidentDetected(
                **envelope(f"git {name} detected", "git", at),
                incident=name,
                service=service,
                environment="production",
            )
        )
        if culprits is not None:
            self.truths.append(Truth(name, culprits, **{"kind": "revert", **told}))  # type: ignore[arg-type]

    def write(self) -> None:
        append_events(self.log, CODEC, WORKSPACE, self.events, machine_now=BEGINNING + 1_000 * DAY)
        self.log.append(
            "truths", 0, [NewRecord(truth.incident.encode(), encode_truth(truth)) for truth in self.truths]
        )

    def judged(self, name: str) -> Judged:
        self.write()
        found = judge(self.log, CODEC, WORKSPACE, Parameters())
        return next(one for one in found.judged if one.incident == name)


def sha_of(service: str, number: int) -> str:
    return f"{number:02x}" * 19 + ("ee" if service == "web" else "dd")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with closing(SqliteLog(tmp_path / "log.sqlite")) as log:
        log.create_topic("events")
        log.create_topic("dead_letters")
        log.create_topic("truths", compacted=True)
        yield World(log)


def tell_everything(world: World) -> None:
    world.ship("web", 2, 20, 0)
    world.break_("hit", "web", 20, 30, ["acme/web#2"])
    world.ship("web", 3, 40, 0)
    world.ship("web", 4, 40, 60)
    world.break_("miss", "web", 40, 90, [sha_of("web", 3)])
    world.ship("web", 5, 60, 0)
    world.ship("api", 2, 60, 0)
    world.break_("tie", "web", 60, 30, ["acme/web#5"])
    world.break_("nothing", "web", 80, 0, ["acme/web#99"])
    world.break_("meant", "web", 80, 10, ["acme/web#5"], planned=True)
    world.break_("untold", "web", 80, 20, None)


def test_a_hit(world: World) -> None:
    tell_everything(world)
    one = world.judged("hit")
    assert one.live
    assert one.opened_at == BEGINNING + 20 * DAY + 30 * MINUTE
    for model in MODELS:
        assert one.scores[model].deployments == one.scores[model].changes == (1.0, 1.0, 1.0)
        assert not one.scores[model].answer_none
        assert one.scores[model].right == 1.0


def test_a_miss_by_one_place(world: World) -> None:
    """The culprit, named by its commit, went out before the latest deployment."""
    tell_everything(world)
    one = world.judged("miss")
    assert one.live
    for model in MODELS:
        assert one.scores[model].deployments == (0.0, 1.0, 0.5)
        assert one.scores[model].right == 0.0


def test_a_tie_is_half_a_hit(world: World) -> None:
    """Two services deployed at one instant: a rule that looks at nothing but time can't choose."""
    tell_everything(world)
    scores = world.judged("tie").scores
    assert scores["last-deployment"].deployments == (0.5, 1.0, 0.75)
    assert scores["last-deployment"].right == 0.5
    for model in set(MODELS) - {"last-deployment"}:
        assert scores[model].deployments == (1.0, 1.0, 1.0)


def test_a_none_that_is_right(world: World) -> None:
    """The change undone never reached production, and nothing else did for two weeks."""
    tell_everything(world)
    one = world.judged("nothing")
    assert not one.live
    for model in MODELS:
        assert one.scores[model].answer_none
        assert one.scores[model].right == 1.0
        assert one.scores[model].deployments == (0.0, 0.0, 0.0)


def test_the_table(world: World) -> None:
    tell_everything(world)
    world.write()
    found = evaluate(world.log, CODEC, WORKSPACE, Parameters())
    assert found.left_out == {"probably planned": 1, "nobody told what caused it": 1}
    assert len(found.rows) == 2 * len(MODELS)
    last = found.row("last-deployment")
    assert last is not None
    assert (last.n, last.top1, last.top3, last.mrr) == (4, 0.375, 0.75, 0.5625)
    assert (last.right, last.brier, last.ece) == (0.625, 0.375, 0.375)
    assert (last.none_said, last.none_true, last.none_recall, last.none_precision) == (1, 1, 1.0, 1.0)
    assert last.ahead == 0.125
    assert last.ahead_low is not None
    assert last.ahead_high is not None
    assert last.ahead_low <= 0.125 <= last.ahead_high
    ours = found.row("intensity", LIVE)
    assert ours is not None
    assert (ours.n, ours.top1, ours.top3, ours.ahead) == (3, 0.6667, 1.0, None)
    assert (ours.none_true, ours.none_recall) == (0, None)


def test_twice_gives_the_same_and_models_and_hindsight_of_the_parameters_do_not_matter(world: World) -> None:
    tell_everything(world)
    world.write()
    first = evaluate(world.log, CODEC, WORKSPACE, Parameters())
    assert evaluate(world.log, CODEC, WORKSPACE, Parameters()) == first
    assert evaluate(world.log, CODEC, WORKSPACE, Parameters(model="same-service", hindsight=False)) == first


def test_what_came_after_the_opening_is_not_seen(world: World) -> None:
    """A rollback and a postmortem that name the culprit come an hour later: no score changes."""
    tell_everything(world)
    before = world.judged("miss")
    world.events.append(
        e.IncidentUpdated(
            **envelope("git miss updated", "git", BEGINNING + 40 * DAY + 3 * HOUR),
            incident="miss",
            causes=["acme/web#3"],
        )
    )
    world.ship("web", 1, 40, 150)
    assert world.judged("miss") == before


def test_rollbacks_that_say_nothing_about_a_change_are_left_out(world: World) -> None:
    world.break_("wave", "web", 20, 30, ["acme/web#2"], kind="rollback", cause="wave")
    world.break_("again", "web", 21, 30, ["acme/web#2"], kind="rollback", cause="returned")
    world.write()
    found = evaluate(world.log, CODEC, WORKSPACE, Parameters())
    assert found.rows == []
    assert sum(found.left_out.values()) == 2


def test_an_empty_workspace_has_no_table(world: World) -> None:
    assert evaluate(world.log, CODEC, "nobody", Parameters()).rows == []


def test_another_window_has_other_candidates(world: World) -> None:
    world.ship("web", 2, 20, 0)
    world.break_("late", "web", 27, 0, ["acme/web#2"])
    world.write()
    live = [
        judge(world.log, CODEC, WORKSPACE, Parameters(window=days * DAY)).judged[0].live for days in (14, 3)
    ]
    assert live == [True, False]


def test_files_that_are_pooled_keep_their_days_apart(world: World) -> None:
    tell_everything(world)
    judged = [world.judged(name) for name in ("hit", "miss")]
    pooled = compare([*judged, *judged], [("a", 1), ("a", 1), ("b", 1), ("b", 1)], strata=[ALL])
    assert [row.n for row in pooled] == [4] * len(MODELS)
    assert (pooled[0].top1, pooled[0].top1_low, pooled[0].top1_high) == (0.5, 0.5, 0.5)
